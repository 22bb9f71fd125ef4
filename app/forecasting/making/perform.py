"""Making forecasts: read the ledger as of the cut-off, fit when needed, forecast, keep. Safe to repeat at any point.

No transaction is open while the processor works. A fitted model is kept before it is used, so that an attempt after a
crash goes on from there; what a run says is written with its end, in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.core.calendar import BusinessCalendar
from app.core.money import exponent
from app.forecasting import queries
from app.forecasting.deciding import find_usable, is_stale, keep_fitted
from app.forecasting.making.child import CalculationFailed, Calculator
from app.forecasting.making.history import HISTORY_DAYS, Book, load_book
from app.forecasting.making.orders import FitOrder, ForecastOrder
from app.forecasting.models import ForecastModel, ForecastRun
from app.forecasting.results import Instalments, Made
from app.forecasting.rules import DETAILS_DAYS, HORIZON_WEEKS, Fallback, ScenarioRules, fallback_of
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW
from app.organizations.queries import organization_facts, rates_among

RUNS_LIMIT = 100
FAILURE_LENGTH_MAX = 500
LOADING, FITTING, FORECASTING, WRITING = 20, 150, 600, 900
"""Progress, of 1,000, at which each stage begins."""
NOTHING = Made(Instalments(*([] for _ in Instalments.__dataclass_fields__)), [])
_UNFINISHED = """
SELECT id FROM forecast_runs WHERE organization_id = $1 AND state IN ('queued', 'running')
ORDER BY kind = 'nightly', id LIMIT 1
"""
_PROGRESS = """
UPDATE forecast_runs SET progress_permille = $3, stage = $4, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2 AND state = 'running' RETURNING id
"""
_OTHERS_NOT_CURRENT = "UPDATE forecast_runs SET current = false WHERE organization_id = $1 AND current AND id <> $2"
_NEWER_CURRENT = "SELECT EXISTS (SELECT FROM forecast_runs WHERE organization_id = $1 AND current AND as_of > $2)"


class Cancelled(Exception):
    """The run was cancelled meanwhile."""


@dataclass(frozen=True, slots=True)
class _Inputs:
    book: Book
    factors: tuple[float, ...]
    at_par: tuple[str, ...]
    holidays: frozenset[date]


async def run_owed(database: Database, organization_id: UUID, calculator: Calculator) -> bool:
    """Make the forecasts that are asked for, those of people first; whether the current one is another now."""
    changed = False
    for _ in range(RUNS_LIMIT):
        async with database.read(organization_id) as session:
            run_id = await session.driver.fetchval(_UNFINISHED, organization_id)
        if run_id is None:
            break
        changed = await make_run(database, organization_id, run_id, calculator) or changed
    return changed


async def make_run(database: Database, organization_id: UUID, run_id: UUID, calculator: Calculator) -> bool:
    """Make one forecast; whether it is the current one now. A failure of the calculation is the run's own end."""
    try:
        run = await _begin(database, organization_id, run_id)
        if run is None:
            return False
        return await _make(database, run, calculator)
    except Cancelled:
        return False
    except (CalculationFailed, ValueError) as failure:
        await _fail(database, organization_id, run_id, failure)
        return False


async def _begin(database: Database, organization_id: UUID, run_id: UUID) -> ForecastRun | None:
    async with database.write(organization_id, SYSTEM) as session:
        run = await queries.get_run(session, run_id, lock=True)
        if run.state not in ("queued", "running"):
            return None
        run.known_at = run.known_at or RECORDED_NOW
        run.state, run.stage, run.progress_permille = "running", "loading", LOADING
        run.started_at = run.started_at or RECORDED_NOW
        run.version, run.updated_at = run.version + 1, RECORDED_NOW
        await session.flush()
        await session.refresh(run)
        session.expunge(run)
        return run


async def _make(database: Database, run: ForecastRun, calculator: Calculator) -> bool:
    inputs = await _load(database, run)
    if len(inputs.book.ledger) == 0:
        return await _keep(database, run, None, inputs, NOTHING)
    model_id = await _model(database, run, inputs, calculator)
    try:
        made = await _forecast(database, run, model_id, inputs, calculator)
    except (CalculationFailed, ValueError):
        # A model of another release cannot be read any more: a new one takes its place, unless it was asked for.
        if run.model_id is not None or await _is_fitted_now(database, run):
            raise
        model_id = await _fit(database, run, inputs, calculator, None)
        made = await _forecast(database, run, model_id, inputs, calculator)
    await _progress(database, run, WRITING, "writing")
    return await _keep(database, run, model_id, inputs, made)


async def _forecast(
    database: Database, run: ForecastRun, model_id: UUID, inputs: _Inputs, calculator: Calculator
) -> Made:
    await _progress(database, run, FORECASTING, "forecasting")
    async with database.read(run.organization_id) as session:
        content = await queries.model_content(session, model_id)
        model = await queries.get_model(session, model_id)
    if content is None:
        raise CalculationFailed("the content of the model is not kept any more")
    order = ForecastOrder(
        book=inputs.book,
        factors=inputs.factors,
        content=content,
        parameters=model.parameters,
        scenario=ScenarioRules.of_row(run.scenario),
        seed=run.seed,
        base_currency=run.base_currency,
        fallback=_fallback(model),
    )
    return await calculator.forecast(order)


def _fallback(model: ForecastModel) -> Fallback:
    return fallback_of(model.state, model.beats_naive, model.metrics)


async def _is_fitted_now(database: Database, run: ForecastRun) -> bool:
    """Whether this attempt has fitted a model: the row names it, which it did not at the beginning."""
    async with database.read(run.organization_id) as session:
        return (await queries.get_run(session, run.id)).model_id is not None


async def _load(database: Database, run: ForecastRun) -> _Inputs:
    assert run.known_at is not None
    async with database.read(run.organization_id, snapshot=True) as session:
        book = await load_book(session, run.as_of, run.known_at)
        factors, at_par = await _factors(session, book.currencies, run.base_currency, run.as_of)
        calendar = (await organization_facts(session)).calendar
    return _Inputs(book, factors, at_par, _holidays(calendar, run.as_of))


async def _factors(
    session: ReadSession, currencies: tuple[str, ...], base: str, on: date
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Minor units of the base currency for one of each currency, by the rates of the day; without a rate at par."""
    rates = await rates_among(session, currencies, on)
    found, at_par = [], []
    for currency in currencies:
        rate = rates.rate(currency, base)
        if rate is None:
            at_par.append(currency)
        found.append(float((rate or Decimal(1)).scaleb(exponent(base) - exponent(currency))))
    return tuple(found), tuple(at_par)


def _holidays(calendar: BusinessCalendar, as_of: date) -> frozenset[date]:
    """Weekdays of the history and the horizon on which banks do not book."""
    first, days = as_of - timedelta(days=HISTORY_DAYS), HISTORY_DAYS + 14 * HORIZON_WEEKS
    span = (first + timedelta(days=number) for number in range(days))
    return frozenset(day for day in span if day.weekday() < 5 and not calendar.is_business_day(day))


async def _model(database: Database, run: ForecastRun, inputs: _Inputs, calculator: Calculator) -> UUID:
    """The model of the run: the one that is named, that an earlier attempt fitted, in force, or fitted now."""
    assert run.known_at is not None
    if run.model_id is not None:
        return run.model_id
    async with database.read(run.organization_id) as session:
        usable = await find_usable(session, run.as_of, run.known_at)
        stale = run.kind == "nightly" and await is_stale(session, run.as_of)
    if usable is not None and not run.refit and not stale:
        return UUID(str(usable["id"]))
    return await _fit(database, run, inputs, calculator, usable)


async def _fit(
    database: Database, run: ForecastRun, inputs: _Inputs, calculator: Calculator, usable: Any | None
) -> UUID:
    """Fit a model and keep it with its verdict; one that may not be used leaves the one in force at work."""
    assert run.known_at is not None
    await _progress(database, run, FITTING, "fitting")
    fitted = await calculator.fit(FitOrder(inputs.book, inputs.factors, inputs.holidays, run.seed))
    async with database.write(run.organization_id, SYSTEM) as session:
        locked = await _running(session, run.id)
        model = await keep_fitted(
            session, fitted, cutoff=run.as_of, known_at=run.known_at, seed=run.seed,
            items=inputs.book.counts["paid_items"],
        )  # fmt: skip
        if model.state != "active" and usable is not None and usable["state"] == "active":
            locked.model_id = usable["id"]
        else:
            locked.model_id = model.id
        await session.flush()
        return UUID(str(locked.model_id))


async def _running(session: WriteSession, run_id: UUID) -> ForecastRun:
    run = await queries.get_run(session, run_id, lock=True)
    if run.state != "running":
        raise Cancelled
    return run


async def _progress(database: Database, run: ForecastRun, permille: int, stage: str) -> None:
    async with database.write(run.organization_id, SYSTEM) as session:
        found = await session.driver.fetchval(_PROGRESS, run.organization_id, run.id, permille, stage)
        if found is None:
            raise Cancelled


async def _keep(database: Database, run: ForecastRun, model_id: UUID | None, inputs: _Inputs, made: Made) -> bool:
    async with database.write(run.organization_id, SYSTEM) as session:
        kept = await _running(session, run.id)
        model = None if model_id is None else await queries.get_model(session, model_id)
        await queries.replace_details(session, run.id, inputs.book.instalments, made.instalments, made.series)
        current = model is not None and await _becomes_current(session, kept, model.state)
        if current:
            await session.driver.execute(_OTHERS_NOT_CURRENT, run.organization_id, run.id)
        kept.state, kept.stage, kept.progress_permille = "done", None, 1000
        kept.model_id, kept.model_version = model_id, None if model is None else model.model_version
        kept.inputs = {**inputs.book.counts, "at_par": list(inputs.at_par)}
        kept.notes = _notes(model, inputs.at_par)
        kept.current, kept.details_kept = current, True
        kept.details_until = max(run.as_of, run.created_at.date()) + timedelta(days=DETAILS_DAYS)
        kept.version += 1
        kept.finished_at = kept.updated_at = RECORDED_NOW
        await session.flush()
        after = {"current": current, "model_id": model_id, "items": len(made.instalments.place)}
        change = ChangeRow("forecast_run", run.id, "forecast_run.completed", {"state": "running"}, after, run.as_of)
        record_change(session, change)
        return current


async def _becomes_current(session: WriteSession, run: ForecastRun, model_state: str) -> bool:
    """The desk reads the latest run without a scenario, by a model in force."""
    if run.kind == "what_if" or model_state != "active":
        return False
    return not await session.driver.fetchval(_NEWER_CURRENT, session.organization_id, run.as_of)


def _notes(model: ForecastModel | None, at_par: tuple[str, ...]) -> list[str]:
    notes = []
    if model is None:
        notes.append("nothing is owed and nothing was ever paid")
    elif model.state != "active":
        reasons = "; ".join(str(reason) for reason in model.reasons)
        notes.append(f"the model is not in force ({model.state}): {reasons}")
        notes += _fallback(model).notes()
    if at_par:
        notes.append(f"no rate to the base currency, counted at par: {', '.join(at_par)}")
    return notes


async def _fail(database: Database, organization_id: UUID, run_id: UUID, failure: Exception) -> None:
    async with database.write(organization_id, SYSTEM) as session:
        run = await queries.get_run(session, run_id, lock=True)
        if run.state != "running":
            return
        run.state, run.stage, run.failure = "failed", None, str(failure)[:FAILURE_LENGTH_MAX] or type(failure).__name__
        run.version += 1
        run.finished_at = run.updated_at = RECORDED_NOW
        await session.flush()
        after = {"state": "failed", "failure": run.failure}
        record_change(session, ChangeRow("forecast_run", run_id, "forecast_run.failed", {"state": "running"}, after))
