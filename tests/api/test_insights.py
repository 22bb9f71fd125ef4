"""The monthly insights over HTTP."""

from __future__ import annotations

from datetime import date, timedelta

import httpx

from tests.conftest import RolledBackDatabase
from tests.disputing import dispute
from tests.factories import Tenant
from tests.receivables import issue, pay, settle

DAY = date(2026, 3, 2)


async def test_what_cost_most_cash_with_formula_inputs_and_one_recommendation(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, item = await issue(session, tenant, 100_00, DAY, due_date=DAY + timedelta(days=8))
        await settle(session, await pay(session, tenant, 100_00, date(2026, 3, 20)), item, 100_00, date(2026, 3, 20))
        _, open_item = await issue(session, tenant, 50_00, DAY, due_date=date(2026, 3, 21))
        await dispute(session, (open_item, 20_00), on=date(2026, 3, 25))
    found = (await client.get("/v1/reports/insights", params={"month": "2026-03"})).json()
    assert (found["first"], found["last"], found["currency"], found["at_par"]) == (
        "2026-03-01",
        "2026-03-31",
        "EUR",
        [],
    )
    by_topic = {row["topic"]: row for row in found["insights"]}
    assert set(by_topic) == {"terms", "dispute_reasons", "accounts"}
    account = by_topic["accounts"]
    assert account["label"] == "C-1 Brandt Maschinenbau GmbH"
    late, tied, overdue = account["figures"]
    assert (late["value"], late["inputs"]) == ("10.0", {"paid_x_days_late": "1000.00", "paid": "100.00"})
    assert tied["value"] == "48.39", "(100 x 10 days + 50 x 10 days) / 31 days"
    assert overdue["value"] == "50.00"
    assert account["effect"]["value"] == "24.19"
    upheld = by_topic["dispute_reasons"]["figures"][2]
    assert (upheld["name"], upheld["value"]) == ("upheld_share", None), "nothing is decided yet"
    text = (await client.get("/v1/reports/insights", params={"month": "2026-03", "format": "csv"})).text
    assert text.splitlines()[0].endswith("topic,key,label,figure,value,unit,formula,inputs,recommendation")
    assert "weighted_days_late,10.0,days" in text
    log = (await client.get("/v1/export-log")).json()["data"]
    assert [(row["name"], row["filters"]) for row in log] == [("insights", {"month": "2026-03"})]


async def test_an_empty_month_says_nothing_and_a_coming_one_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/reports/insights", params={"month": "2020-01"})).json()["insights"] == []
    refused = await client.get("/v1/reports/insights", params={"month": "2199-01"})
    assert (refused.status_code, refused.json()["code"]) == (422, "report.month_invalid")
