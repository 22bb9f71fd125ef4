"""The desk over HTTP: worklist with counts and snoozes, the account at a glance, search."""

from __future__ import annotations

from datetime import date, timedelta

import httpx

from app.core.clock import utc_now
from app.desk.worklist import refresh_accounts
from app.organizations.queries import local_today
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue


async def _late(database: RolledBackDatabase, tenant: Tenant) -> date:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        today = await local_today(session, utc_now())
        await issue(session, tenant, 125_000, today - timedelta(days=50), number="RE-4711")
        await refresh_accounts(session, [tenant.account_id], today)
    return today


async def test_a_late_account_stands_on_the_list_and_explains_itself(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _late(database, tenant)
    (entry,) = (await client.get("/v1/worklist")).json()["data"]
    assert entry["account_id"] == str(tenant.account_id)
    assert (entry["overdue_amount"], entry["days_late"], entry["currency"]) == ("1250.00", 20, "EUR")
    assert entry["factors"][0] == {"name": "days_late", "percent": 6, "fact": "20 days past due"}
    assert [signal["kind"] for signal in entry["signals"]] == ["contact_missing"]
    counts = (await client.get("/v1/worklist/counts")).json()
    assert (counts["total"], counts["snoozed"]) == (1, 0)
    assert counts["signals"] == [{"name": "contact_missing", "count": 1}]
    assert (await client.get("/v1/worklist?days_late_at_least=21")).json()["data"] == []
    assert (await client.get("/v1/worklist?mine=true")).json()["data"] == []


async def test_a_snooze_has_an_end_and_a_reason(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    today = await _late(database, tenant)
    address = f"/v1/worklist/{tenant.account_id}"
    past = {"until_date": today.isoformat(), "reason": "waits"}
    refused = await client.post(f"{address}/snooze", json=past)
    assert (refused.status_code, refused.json()["code"]) == (422, "worklist.snooze_invalid")
    wanted = {"until_date": (today + timedelta(days=3)).isoformat(), "reason": "waits for the bank"}
    snoozed = (await client.post(f"{address}/snooze", json=wanted)).json()
    assert snoozed["snooze"]["reason"] == "waits for the bank"
    assert (await client.get("/v1/worklist")).json()["data"] == []
    assert (await client.get("/v1/worklist/counts")).json()["snoozed"] == 1
    assert (await client.post(f"{address}/wake")).json()["snooze"] is None
    assert len((await client.get("/v1/worklist")).json()["data"]) == 1


async def test_an_account_at_a_glance(client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant) -> None:
    await _late(database, tenant)
    seen = (await client.get(f"/v1/accounts/{tenant.account_id}/overview")).json()
    (balance,) = seen["balances"]
    assert (balance["open_amount"], balance["overdue_amount"], balance["open_items"]) == ("1250.00", "1250.00", 1)
    assert seen["open_counts"] == {"disputes": 0, "payment_plans": 0, "planned_actions": 0, "promises": 0}
    assert seen["worklist"]["overdue_amount"] == "1250.00"
    assert seen["last_payment"] is None


async def test_search_finds_accounts_and_documents(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _late(database, tenant)
    found = (await client.get("/v1/search", params={"q": "re 4711"})).json()["data"]
    assert [(hit["kind"], hit["number"]) for hit in found] == [("invoice", "RE-4711")]
    account = (await client.get(f"/v1/accounts/{tenant.account_id}")).json()
    by_number = (await client.get("/v1/search", params={"q": account["number"].lower()})).json()["data"]
    assert by_number[0]["id"] == str(tenant.account_id)
    assert (await client.get("/v1/search", params={"q": "100%_"})).json()["data"] == []
    sent = {
        "amount": "10.00", "currency": "EUR", "value_date": "2026-03-02", "bank_reference": "BR-77", "match": False,
        "end_to_end_id": "E2E-9", "bank_account_id": str(tenant.bank_account_id),
    }  # fmt: skip
    paid = await client.post("/v1/payments", json=sent)
    assert paid.status_code == 201, paid.text
    for reference in ("BR-77", "E2E-9"):
        (hit,) = (await client.get("/v1/search", params={"q": reference})).json()["payments"]
        assert (hit["id"], hit["number"], hit["amount"]) == (paid.json()["id"], reference, "10.00")
        assert hit["account_id"] is None
