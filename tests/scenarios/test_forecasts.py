"""The weekly meeting: what will come in, how sure, what if, and how right was it last time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from app.core.clock import business_date
from app.forecasting.accuracy import measure_due
from app.forecasting.making.perform import run_owed
from app.forecasting.nightly import owe_nightly
from app.infra.database import SYSTEM
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.forecasting_ledger import Quick, Sold, write_ledger

TODAY = business_date(datetime.now(UTC), "Europe/Berlin")


@pytest.fixture
async def sold(database: RolledBackDatabase, tenant: Tenant) -> list[Sold]:
    """A year and some of invoices, until today."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return await write_ledger(session, tenant, until=TODAY)


async def _night(database: RolledBackDatabase, tenant: Tenant, days_ago: int) -> None:
    async with database.write(tenant.organization_id, SYSTEM) as session:
        await owe_nightly(session, TODAY - timedelta(days=days_ago))
    await run_owed(database, tenant.organization_id, Quick())


async def _asked(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, **scenario: Any
) -> dict[str, Any]:
    body = {"scenario": scenario} if scenario else {}
    made = (await client.post("/v1/forecasts/runs", json=body)).json()
    await run_owed(database, tenant.organization_id, Quick())
    return made


async def _first_weeks(client: httpx.AsyncClient, run: dict[str, Any], weeks: int = 2, **params: Any) -> Decimal:
    wanted = {"run_id": run["id"], "layer": "open", **params}
    (series,) = (await client.get("/v1/forecasts/weeks", params=wanted)).json()["data"]
    return sum((Decimal(week["mean"]) for week in series["weeks"][:weeks]), Decimal(0))


async def test_weeks_ago_the_nights_forecast_and_the_report_compares_them(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    """Five Sundays in a row; the report of today shows which row was nearer to the truth."""
    since_sunday = (TODAY.weekday() + 1) % 7
    for sundays_ago in (9, 8, 7, 6, 5):
        await _night(database, tenant, since_sunday + 7 * sundays_ago - 1)
    await measure_due(database, tenant.organization_id, TODAY)
    runs = (await client.get("/v1/forecasts/runs", params={"kind": "nightly"})).json()["data"]
    assert [run["state"] for run in runs] == ["done"] * 5
    models = (await client.get("/v1/forecasts/models")).json()["data"]
    assert len(models) == 5, "a model of a week ago is fitted anew"
    report = (await client.get("/v1/forecasts/accuracy", params={"layer": "total"})).json()
    by_week = {row["week_ahead"]: row for row in report["data"]}
    assert [by_week[week]["cells"] for week in range(1, 5)] == [5, 5, 5, 5], "those weeks are over for all of them"
    later = [by_week[week]["cells"] for week in sorted(by_week) if week > 4]
    assert later == sorted(later, reverse=True)
    near = [by_week[week] for week in range(1, 5)]
    size = sum(Decimal(row["actual"]) for row in near)

    def missed(rates: list[str]) -> Decimal:
        return sum((Decimal(rate) * Decimal(row["actual"]) for rate, row in zip(rates, near, strict=True)), Decimal(0))

    own = missed([row["error"]["wape"] for row in near]) / size
    for name in ("due_date", "mean_13"):
        assert own < missed([row["naive"][name]["wape"] for row in near]) / size, name
    inside = sum(Decimal(row["coverage"]) * row["cells"] for row in near)
    assert inside >= 6, "of twenty weeks of so few payers (eight in the calendar) a fair part lies in its range"
    expected = sum(Decimal(row["forecast"]) for row in near)
    assert abs(expected - size) < size / 5, "over four weeks too much and too little even out"
    verdicts = {model["state"] for model in report["models"]}
    assert verdicts <= {"active", "rejected", "retired", "candidate"}
    assert all(model["reasons"] for model in report["models"])


async def test_a_promise_changes_the_forecast_and_a_what_if_leaves_it_out(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    """The largest debt of a slow payer is promised for next week."""
    base = await _asked(client, database, tenant)
    rows = (await client.get("/v1/forecasts/invoices", params={"limit": 200})).json()["data"]
    slow = max(rows, key=lambda row: (row["p50_date"] or "9999-12-31", Decimal(row["amount"])))
    promised = TODAY + timedelta(days=5)
    body = {
        "account_id": slow["account_id"], "currency": "EUR", "amount": slow["amount"],
        "promised_date": promised.isoformat(), "instalments": [{"instalment_id": slow["instalment_id"]}],
    }  # fmt: skip
    made = await client.post("/v1/promises", json=body)
    assert made.status_code == 201, made.text
    told = await _asked(client, database, tenant)
    without = await _asked(client, database, tenant, promises_excluded=True)
    of_account = {"group_by": "account", "key": slow["account_id"]}
    expected = [await _first_weeks(client, run, **of_account) for run in (base, told, without)]
    assert expected[1] > expected[0], "the promise brings the money forward"
    assert abs(expected[2] - expected[0]) < abs(expected[1] - expected[0]), "the what-if leaves it out"
    current = (await client.get("/v1/forecasts/runs", params={"current": "true"})).json()["data"]
    assert [run["id"] for run in current] in ([told["id"]], []), "a what-if is never the current one"


async def test_a_late_payment_shock(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    base = await _asked(client, database, tenant)
    shock = await _asked(client, database, tenant, late_days=21)
    assert await _first_weeks(client, shock) < await _first_weeks(client, base) / 2
    read = (await client.get(f"/v1/forecasts/runs/{shock['id']}")).json()
    assert (read["kind"], read["scenario"]["late_days"], read["current"]) == ("what_if", 21, False)
