"""The report on disputes: counts, values and cycle times by cause."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import httpx

from app.disputes import resolving
from app.disputes.resolving import CreditOrder
from app.reports.disputes import upheld_share
from tests.conftest import RolledBackDatabase
from tests.disputing import dispute, person
from tests.factories import Tenant
from tests.receivables import issue


def march(day: int) -> date:
    return date(2026, 3, day)


async def test_root_causes_by_reason_month_and_account(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, owed = await issue(session, tenant, 1_000_000, march(1))
        session.actor = person("Max", "invoices:write", limit=None)
        for days, minor in ((2, 10_000), (4, 20_000), (12, 30_000)):
            made = await dispute(session, (owed, minor), on=march(2))
            on = march(2 + days)
            await resolving.credit_dispute(session, made, CreditOrder(on), today=on, expected_version=None)
        made = await dispute(session, (owed, 40_000), on=march(2))
        await resolving.reject_dispute(session, made, today=march(3), note="no", expected_version=None)
        await dispute(session, (owed, 5_000), on=date(2026, 4, 1), reason="price")
    found = (await client.get("/v1/reports/disputes")).json()
    damaged, price = found["rows"]
    assert (damaged["code"], damaged["name"], damaged["disputes"], damaged["credited"], damaged["rejected"]) == (
        "damaged_goods", "Damaged goods", 4, 3, 1,
    )  # fmt: skip
    assert (damaged["amount"], damaged["credited_amount"], damaged["released_amount"]) == (
        "1000.00", "600.00", "400.00",
    )  # fmt: skip
    assert (damaged["mean_days"], damaged["median_days"], damaged["upheld_share"]) == ("4.8", "3.0", "0.6000")
    assert (price["active"], price["disputed_amount"], price["mean_days"], price["upheld_share"]) == (
        1, "50.00", None, None,
    )  # fmt: skip
    (total,) = found["totals"]
    assert (total["key"], total["disputes"], total["amount"]) == (None, 5, "1050.00")
    months = (await client.get("/v1/reports/disputes", params={"group_by": "month"})).json()["rows"]
    assert [(row["key"], row["disputes"]) for row in months] == [("2026-03", 4), ("2026-04", 1)]
    april = {"opened_from": "2026-04-01", "group_by": "account"}
    (account,) = (await client.get("/v1/reports/disputes", params=april)).json()["rows"]
    assert (account["code"], account["disputes"]) == ("C-1", 1)
    first = (await client.get("/v1/reports/disputes", params={"limit": "1"})).json()
    second = (await client.get("/v1/reports/disputes", params={"limit": "1", "cursor": first["next_cursor"]})).json()
    assert [first["rows"][0]["code"], second["rows"][0]["code"], second["has_more"]] == [
        "damaged_goods",
        "price",
        False,
    ]
    text = (await client.get("/v1/reports/disputes", params={"format": "csv", "group_by": "team"})).text
    assert text.splitlines()[1].split(",")[1:5] == ["logistics", "Logistics", "EUR", "4"]
    for group in ("organization", "assignee", "legal_entity"):
        assert (await client.get("/v1/reports/disputes", params={"group_by": group})).status_code == 200


def test_the_upheld_share_has_its_denominator() -> None:
    assert upheld_share(0, 0, 0) is None
    assert upheld_share(1, 1, 1) == Decimal("0.3333")
