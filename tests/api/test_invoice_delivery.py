"""The way of an invoice to the customer."""

from __future__ import annotations

from datetime import date

import httpx

from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue


async def _invoice(database: RolledBackDatabase, tenant: Tenant) -> str:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        invoice_id, _ = await issue(session, tenant, 1000_00, date(2026, 3, 1))
    return f"/v1/invoices/{invoice_id}"


async def test_the_way_of_an_invoice_is_kept(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    path = await _invoice(database, tenant)
    for status, follows in (
        ("sent", ["sent", "delivered", "confirmed", "not_received"]),
        ("delivered", ["sent", "confirmed", "not_received"]),
        ("not_received", ["sent", "confirmed"]),
        ("sent", ["sent", "delivered", "confirmed", "not_received"]),
        ("confirmed", ["sent", "not_received"]),
    ):
        made = await client.post(f"{path}/delivery", json={"status": status, "channel": "email", "note": "as told"})
        assert made.status_code == 201, made.text
        assert made.json()["allowed_next"] == follows
    found = (await client.get(f"{path}/delivery-events")).json()["data"]
    assert [one["status"] for one in found] == ["sent", "delivered", "not_received", "sent", "confirmed"]
    invoice = await client.get(path)
    assert invoice.json()["delivery_status"] == "confirmed"
    assert invoice.headers["etag"] == made.headers["etag"]


async def test_older_news_change_nothing_and_versions_hold(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    path = await _invoice(database, tenant)
    await client.post(f"{path}/delivery", json={"status": "confirmed", "on_date": "2026-03-05"})
    late = await client.post(f"{path}/delivery", json={"status": "delivered"})
    assert (late.status_code, late.json()["code"]) == (409, "invoice.delivery_out_of_order")
    stale = await client.post(f"{path}/delivery", json={"status": "sent"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412


async def test_a_void_invoice_is_on_no_way(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    path = await _invoice(database, tenant)
    voided = await client.post(f"{path}/void", json={"effective_date": "2026-03-02", "reason": "error"})
    assert voided.status_code in (200, 201), voided.text
    refused = await client.post(f"{path}/delivery", json={"status": "sent"})
    assert (refused.status_code, refused.json()["code"]) == (409, "invoice.delivery_of_void")
