"""Reports on late charges and on credit holds: figures, files, days."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import httpx
from openpyxl import load_workbook

from app.core.clock import business_date, utc_now
from app.credit.holds import PlaceHold, place_hold, release_hold
from app.dunning.charges.charging import ChargeRequest, FeeRule, charge_notice
from app.infra.database import SYSTEM
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import flush, issue, pay, settle

TODAY = business_date(utc_now(), "Europe/Berlin")


async def report(client: httpx.AsyncClient, name: str, **query: Any) -> Any:
    answer = await client.get(f"/v1/reports/{name}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_late_charges_are_charged_waived_paid_or_open(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, SYSTEM) as session:
        _, owed = await issue(session, tenant, 100_00, TODAY - timedelta(days=40))
        request = ChargeRequest(
            "n", tenant.account_id, tenant.legal_entity_id, "EUR", (owed,), TODAY, fee=FeeRule(10_00), step_ordinal=1,
            interest=True, compensation=True,
        )  # fmt: skip
        charged = await charge_notice(session, request)
        part = await session.driver.fetchval(
            "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = $2",
            tenant.organization_id, charged.invoice_id,
        )  # fmt: skip
        payment = await pay(session, tenant, 30_00, TODAY)
        await settle(session, payment, part, 30_00, TODAY)
        await flush(session)
    waived = await client.post(f"/v1/dunning/charges/{charged.charge_id}/waivers", json={"amount": "5.00"})
    assert waived.json()["state"] == "posted"
    (row,) = (await report(client, "late-charges", group_by="account"))["rows"]
    assert (row["code"], row["charges"], row["fee_amount"], row["compensation_amount"]) == ("C-1", 1, "10.00", "40.00")
    assert (row["interest_amount"], row["waived_amount"], row["paid_amount"]) == ("0.28", "5.00", "30.00")
    assert row["open_amount"] == "15.28"
    before = await report(client, "late-charges", as_of=(TODAY - timedelta(days=1)).isoformat())
    assert before["rows"] == []
    book = await client.get("/v1/reports/late-charges", params={"format": "xlsx"})
    assert "Late charges" in load_workbook(io.BytesIO(book.content)).sheetnames


async def test_holds_that_stood_on_a_day(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    placed = TODAY - timedelta(days=10)
    async with database.write(tenant.organization_id, SYSTEM) as session:
        await issue(session, tenant, 100_00, TODAY - timedelta(days=40))
        first = await place_hold(session, PlaceHold(tenant.account_id, "hold", "hold", "insolvency"), placed)
        await place_hold(session, PlaceHold(tenant.account_id, "hold", "watch", "other"), TODAY)
        await release_hold(session, first, "paid", TODAY - timedelta(days=3), None)

    async def levels(on: date, show: str = "standing") -> list[str]:
        found = await report(client, "credit-holds", as_of=on.isoformat(), show=show)
        return [row["level"] for row in found["rows"]]

    assert await levels(placed - timedelta(days=1)) == []
    assert await levels(TODAY - timedelta(days=4)) == ["hold"]
    assert await levels(TODAY - timedelta(days=3)) == []
    assert await levels(TODAY) == ["watch"]
    assert await levels(TODAY, "all") == ["hold", "watch"]
    (row,) = (await report(client, "credit-holds", as_of=TODAY.isoformat()))["rows"]
    assert (row["account_number"], row["overdue_amount"], row["days"]) == ("C-1", "100.00", 0)
    csv = (await client.get("/v1/reports/credit-holds", params={"format": "csv"})).text
    assert csv.lstrip("\ufeff").startswith("hold_id,")
