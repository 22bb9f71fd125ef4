"""Forecasts from the ledger to the rows that are kept: judged, repeatable, cancelled, measured, forgotten."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.forecasting import queries
from app.forecasting.accuracy import AccuracyRequest, accuracy_sums, measure_due
from app.forecasting.deciding import activate_model, reject_model
from app.forecasting.errors import ForecastModelNotBetter, ForecastRunInvalid, ForecastRunOver
from app.forecasting.making.child import CalculationFailed, InThread
from app.forecasting.making.orders import ForecastOrder
from app.forecasting.making.perform import make_run, run_owed
from app.forecasting.nightly import owe_nightly
from app.forecasting.results import Made
from app.forecasting.retention import forget_details
from app.forecasting.rules import ScenarioRules
from app.forecasting.runs import StartForecast, cancel_run, start_run
from app.infra.database import WriteSession
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.forecasting_ledger import Quick, Sold, write_ledger

UNTIL = date(2026, 3, 29)  # a Sunday
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
async def sold(database: RolledBackDatabase, tenant: Tenant) -> list[Sold]:
    """A year and some of invoices."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return await write_ledger(session, tenant, until=UNTIL)


async def _start(database: RolledBackDatabase, tenant: Tenant, as_of: date = UNTIL, **more: Any) -> UUID:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return await start_run(session, StartForecast(as_of, **more), today=UNTIL, now=NOW)


async def _rows(database: RolledBackDatabase, tenant: Tenant, sql: str, *values: Any) -> list[Any]:
    async with database.read(tenant.organization_id) as session:
        return list(await session.driver.fetch(sql, session.organization_id, *values))


async def test_a_run_says_when_each_item_is_paid_and_what_comes_in(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    run_id = await _start(database, tenant)
    await run_owed(database, tenant.organization_id, Quick())
    async with database.read(tenant.organization_id) as session:
        run = await queries.get_run(session, run_id)
    assert (run.state, run.progress_permille, run.failure) == ("done", 1000, None)
    assert run.inputs["paid_items"] == sum(row.paid is not None for row in sold)
    open_items = {row.instalment_id: row.minor for row in sold if row.paid is None}
    found = await _rows(
        database, tenant, "SELECT * FROM forecast_invoices WHERE organization_id = $1 AND run_id = $2", run_id
    )
    assert {row["instalment_id"]: row["amount_minor"] for row in found} == open_items
    for row in found:
        assert 0 <= row["expected_30_minor"] <= row["expected_minor"] <= row["amount_minor"]
        dates = [row[name] for name in ("p10_date", "p50_date", "p90_date") if row[name] is not None]
        assert dates == sorted(dates)
        assert all(day > UNTIL for day in dates)
        assert sum(row["week_permyriad"]) <= 10_010
    weeks = await _rows(
        database, tenant, "SELECT * FROM forecast_weeks WHERE organization_id = $1 AND run_id = $2", run_id
    )
    by_group = {(row["group_by"], row["layer"]): row for row in weeks if row["group_by"] == "organization"}
    whole = by_group["organization", "total"]
    assert whole["total_minor"] == sum(whole["mean_minor"])
    parts = by_group["organization", "open"]["total_minor"] + by_group["organization", "new_business"]["total_minor"]
    assert abs(whole["total_minor"] - parts) <= 13, "the total is the open items and the coming invoices"
    segments = [row for row in weeks if row["group_by"] == "segment" and row["layer"] == "total"]
    assert {row["key"] for row in segments} == {"key", "small"}
    assert abs(sum(row["total_minor"] for row in segments) - whole["total_minor"]) <= 26
    assert all(low <= high for low, high in zip(whole["p10_minor"], whole["p90_minor"], strict=True))
    assert whole["naive_mean_13_minor"] is not None


async def test_the_same_day_gives_the_same_numbers(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    sql = (
        "SELECT mean_minor, p10_minor FROM forecast_weeks WHERE organization_id = $1 AND run_id = $2"
        " ORDER BY group_by, layer, key"
    )
    first = await _start(database, tenant, refit=True)
    await run_owed(database, tenant.organization_id, InThread())
    again = await _start(database, tenant, refit=True)
    await run_owed(database, tenant.organization_id, InThread())
    assert await _rows(database, tenant, sql, first) == await _rows(database, tenant, sql, again)


async def test_a_model_is_judged_and_the_better_one_is_in_force(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    run_id = await _start(database, tenant)
    changed = await run_owed(database, tenant.organization_id, Quick())
    (model,) = await _rows(database, tenant, "SELECT * FROM forecast_models WHERE organization_id = $1")
    assert model["metrics"]["scored_items"] >= 30
    assert set(model["metrics"]["mae_days"]) == {"model", "due_date", "customer_median"}
    assert set(model["metrics"]["error_4_weeks"]) == {"model", "due_date", "customer_median", "mean_13"}
    assert model["state"] == ("active" if model["beats_naive"] else "rejected")
    async with database.read(tenant.organization_id) as session:
        run = await queries.get_run(session, run_id)
    assert run.current == changed == (model["state"] == "active")
    assert bool(run.notes) != run.current, "a run by a model that is not in force says so"


async def test_a_model_that_is_not_better_is_not_activated(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    await _start(database, tenant)
    await run_owed(database, tenant.organization_id, Quick())
    async with database.write(tenant.organization_id, tenant.actor) as session:
        model_id = await session.driver.fetchval(
            "UPDATE forecast_models SET beats_naive = false, state = 'rejected' WHERE organization_id = $1"
            " RETURNING id",
            session.organization_id,
        )
        with pytest.raises(ForecastModelNotBetter):
            await activate_model(session, model_id, reason=None)
        figures = {
            "scored_items": 40,
            "mae_days": {"model": "9", "due_date": "8", "customer_median": "7"},
            "error_4_weeks": {"model": "0.9", "due_date": "0.8", "customer_median": "0.7", "mean_13": "0.6"},
        }
        await session.driver.execute(
            "UPDATE forecast_models SET metrics = $3 WHERE organization_id = $1 AND id = $2",
            session.organization_id, model_id, json.dumps(figures),
        )  # fmt: skip
    again = await _start(database, tenant)
    assert await run_owed(database, tenant.organization_id, Quick()) is False
    weeks = await _rows(
        database, tenant, f"SELECT * FROM forecast_weeks WHERE organization_id = $1 AND run_id = '{again}'"
    )
    assert {row["layer"] for row in weeks} == {"open", "new_business", "total"}
    for row in weeks:
        naive = {"open": "customer_median", "total": "mean_13"}.get(row["layer"])
        if naive is not None and row["group_by"] != "account":
            assert row["mean_minor"] == row[f"naive_{naive}_minor"], "it says what the best naive row says"
        bounds = zip(row["p10_minor"], row["mean_minor"], row["p90_minor"], strict=True)
        assert all(low <= mean <= high for low, mean, high in bounds)
    async with database.read(tenant.organization_id) as session:
        run = await queries.get_run(session, again)
    assert not run.current
    assert "totals follow the naive row mean 13" in run.notes


async def test_a_model_set_aside_leaves_no_current_run(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    run_id = await _start(database, tenant)
    await run_owed(database, tenant.organization_id, Quick())
    await _force(database, tenant, run_id)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        model_id = (await queries.get_run(session, run_id)).model_id
        assert model_id is not None
        await reject_model(session, model_id, reason="too slow for the season")
    async with database.read(tenant.organization_id) as session:
        assert (await queries.get_run(session, run_id)).current is False
        assert "too slow" in (await queries.get_model(session, model_id)).reasons[-1]


async def _force(database: RolledBackDatabase, tenant: Tenant, run_id: UUID) -> None:
    """Whatever the verdict was: the model is in force and the run the current one."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "UPDATE forecast_models SET state = 'active', beats_naive = true WHERE organization_id = $1",
            session.organization_id,
        )
        await session.driver.execute(
            "UPDATE forecast_runs SET current = true WHERE organization_id = $1 AND id = $2",
            session.organization_id, run_id,
        )  # fmt: skip


async def test_a_what_if_changes_nothing_else(database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]) -> None:
    base = await _start(database, tenant)
    await run_owed(database, tenant.organization_id, Quick())
    await _force(database, tenant, base)
    shock = await _start(database, tenant, scenario=ScenarioRules(late_days=28))
    assert await run_owed(database, tenant.organization_id, Quick()) is False
    sql = (
        "SELECT run_id, mean_minor FROM forecast_weeks WHERE organization_id = $1 AND group_by = 'organization'"
        " AND layer = 'total'"
    )
    means = {row["run_id"]: row["mean_minor"] for row in await _rows(database, tenant, sql)}
    assert sum(means[shock][:3]) < sum(means[base][:3]) // 2, "what is late does not come in the first weeks"
    async with database.read(tenant.organization_id) as session:
        assert (await queries.shown_run(session, None)).id == base


class _Fails(Quick):
    """Fits, but cannot forecast for the first so many times."""

    def __init__(self, failure: Exception) -> None:
        self.failure: Exception | None = failure

    async def forecast(self, order: ForecastOrder) -> Made:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return await super().forecast(order)


async def test_a_crash_is_taken_up_where_it_was(database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]) -> None:
    run_id = await _start(database, tenant)
    calculator = _Fails(ConnectionResetError("the worker died"))
    with pytest.raises(ConnectionResetError):
        await make_run(database, tenant.organization_id, run_id, calculator)
    await make_run(database, tenant.organization_id, run_id, calculator)
    models = await _rows(database, tenant, "SELECT id FROM forecast_models WHERE organization_id = $1")
    assert len(models) == 1, "the model that was fitted is used again"
    async with database.read(tenant.organization_id) as session:
        assert (await queries.get_run(session, run_id)).state == "done"


async def test_a_model_that_cannot_be_read_any_more_is_fitted_anew(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    await _start(database, tenant)
    await run_owed(database, tenant.organization_id, Quick())
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "UPDATE forecast_models SET content = 'of an older release' WHERE organization_id = $1",
            session.organization_id,
        )
    run_id = await _start(database, tenant)
    await run_owed(database, tenant.organization_id, Quick())
    async with database.read(tenant.organization_id) as session:
        run = await queries.get_run(session, run_id)
    assert (run.state, run.failure) == ("done", None)
    models = await _rows(database, tenant, "SELECT id FROM forecast_models WHERE organization_id = $1 ORDER BY id")
    assert [row["id"] for row in models].index(run.model_id) == 1


async def test_a_calculation_that_fails_ends_the_run_with_its_reason(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    run_id = await _start(database, tenant)
    await make_run(database, tenant.organization_id, run_id, _Fails(CalculationFailed("out of memory")))
    async with database.read(tenant.organization_id) as session:
        run = await queries.get_run(session, run_id)
    assert (run.state, run.failure, run.current) == ("failed", "out of memory", False)


async def test_a_cancelled_run_keeps_nothing(database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]) -> None:
    run_id = await _start(database, tenant)

    class Cancels(Quick):
        async def forecast(self, order: ForecastOrder) -> Made:
            async with database.write(tenant.organization_id, tenant.actor) as session:
                await cancel_run(session, run_id)
            return await super().forecast(order)

    assert await make_run(database, tenant.organization_id, run_id, Cancels()) is False
    assert await _rows(database, tenant, "SELECT id FROM forecast_weeks WHERE organization_id = $1") == []
    async with database.write(tenant.organization_id, tenant.actor) as session:
        assert (await queries.get_run(session, run_id)).state == "cancelled"
        with pytest.raises(ForecastRunOver):
            await cancel_run(session, run_id)


async def test_an_organization_without_documents_gets_an_empty_forecast(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    run_id = await _start(database, tenant)
    await run_owed(database, tenant.organization_id, Quick())
    async with database.read(tenant.organization_id) as session:
        run = await queries.get_run(session, run_id)
    assert (run.state, run.model_id, run.current) == ("done", None, False)


async def test_what_cannot_be_asked_for(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold], session: WriteSession
) -> None:
    tomorrow = UNTIL + timedelta(days=1)
    for wanted in (
        StartForecast(tomorrow),
        StartForecast(UNTIL, known_at=NOW + timedelta(days=1)),
        StartForecast(UNTIL, scenario=ScenarioRules(late_days=999)),
    ):
        with pytest.raises(ForecastRunInvalid):
            await start_run(session, wanted, today=UNTIL, now=NOW)


async def test_a_model_that_knows_more_is_refused(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    run_id = await _start(database, tenant)
    await run_owed(database, tenant.organization_id, Quick())
    async with database.read(tenant.organization_id) as session:
        model_id = (await queries.get_run(session, run_id)).model_id
    with pytest.raises(ForecastRunInvalid, match="knows more"):
        await _start(database, tenant, UNTIL - timedelta(days=30), model_id=model_id)


async def test_the_past_is_compared_with_what_came_in(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    """Eight weeks ago, leak-free: a forecast of that day learns nothing of what came later."""
    as_of = UNTIL - timedelta(days=56)
    run_id = await _start(database, tenant, as_of)
    await run_owed(database, tenant.organization_id, Quick())
    today = UNTIL + timedelta(days=1)
    assert await measure_due(database, tenant.organization_id, today) == 1
    assert await measure_due(database, tenant.organization_id, today) == 1, "safe to repeat"
    async with database.read(tenant.organization_id) as session:
        rows = await accuracy_sums(session, AccuracyRequest(), limit=None, start=0)
        run = await queries.get_run(session, run_id)
    assert run.measured_weeks == 4, "of the eight weeks that ended, four are final"
    totals = {row["week"]: row for row in rows if row["layer"] == "total"}
    assert sorted(totals) == list(range(1, 9))
    for week, row in totals.items():
        first, last = as_of + timedelta(days=7 * week - 6), as_of + timedelta(days=7 * week)
        came_in = sum(each.minor for each in sold if each.paid is not None and first <= each.paid <= last)
        assert row["actual"] == came_in
        assert row["cells"] == 1
    for layer, was_open in (("open", True), ("new_business", False)):
        actual = sum(row["actual"] for row in rows if row["layer"] == layer)
        assert actual == sum(
            each.minor for each in sold
            if each.paid is not None and each.paid > as_of and (each.issued <= as_of) is was_open
        )  # fmt: skip


async def test_details_are_forgotten_and_weeks_stay(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    run_id = await _start(database, tenant)
    await run_owed(database, tenant.organization_id, Quick())
    await _force(database, tenant, run_id)
    later = date(2030, 1, 1)
    assert await forget_details(database, tenant.organization_id, later) == 0, "the current run keeps them"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "UPDATE forecast_runs SET current = false WHERE organization_id = $1", session.organization_id
        )
    assert await forget_details(database, tenant.organization_id, later) == 1
    assert await _rows(database, tenant, "SELECT id FROM forecast_invoices WHERE organization_id = $1") == []
    left = await _rows(database, tenant, "SELECT DISTINCT group_by FROM forecast_weeks WHERE organization_id = $1")
    assert {row["group_by"] for row in left} == {"organization", "currency", "legal_entity", "collector", "segment"}


async def test_the_night_forecasts_the_day_before_once(
    database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    night = UNTIL + timedelta(days=1)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        run_id = await owe_nightly(session, night)
        assert run_id is not None
        assert await owe_nightly(session, night) is None
    await run_owed(database, tenant.organization_id, Quick())
    async with database.read(tenant.organization_id) as session:
        run = await queries.get_run(session, run_id)
        assert (run.kind, run.as_of, run.state) == ("nightly", UNTIL, "done")


async def test_a_night_without_history_forecasts_nothing(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        assert await owe_nightly(session, UNTIL) is None
