"""Asking for forecasts: started by a person, owed by the night, cancelled. A job makes them, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.core.ids import new_id
from app.forecasting import queries
from app.forecasting.errors import ForecastRunInvalid, ForecastRunOver, TooManyForecastRuns
from app.forecasting.models import ForecastRun
from app.forecasting.rules import EXPECTED, LATE_DAYS_MAX, WAITING_RUNS_MAX, ScenarioRules, run_seed
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.queries import organization_facts

JOB = "forecasting"
ONE_AT_A_TIME = "run"
"""The key of every such job: the forecasts of an organization never overlap."""
_COUNT_WAITING = "SELECT count(*) FROM forecast_runs WHERE organization_id = $1 AND state IN ('queued', 'running')"
_FIND_NIGHTLY = "SELECT id FROM forecast_runs WHERE organization_id = $1 AND kind = 'nightly' AND as_of = $2"


@dataclass(frozen=True, slots=True)
class StartForecast:
    """What is asked for. Without `known_at` everything counts that is recorded when the run begins."""

    as_of: date
    known_at: datetime | None = None
    scenario: ScenarioRules = EXPECTED
    model_id: UUID | None = None
    refit: bool = False
    seed: int | None = None


async def start_run(session: WriteSession, wanted: StartForecast, *, today: date, now: datetime) -> UUID:
    """Record a forecast and owe its job.

    Raises ForecastRunInvalid, ForecastModelNotFound, TooManyForecastRuns.
    """
    await _check(session, wanted, today, now)
    kind = "on_demand" if wanted.scenario.expected else "what_if"
    return await _record(session, wanted, kind)


async def start_nightly(session: WriteSession, as_of: date) -> UUID | None:
    """Record the forecast of a night and owe its job; None when that day has one."""
    if await session.driver.fetchval(_FIND_NIGHTLY, session.organization_id, as_of) is not None:
        return None
    return await _record(session, StartForecast(as_of), "nightly")


async def _check(session: WriteSession, wanted: StartForecast, today: date, now: datetime) -> None:
    if wanted.as_of > today:
        raise ForecastRunInvalid("a forecast is made of what is known: of a day up to today", pointer="/as_of")
    if wanted.known_at is not None and wanted.known_at > now:
        raise ForecastRunInvalid("nothing is known of an instant to come", pointer="/known_at")
    if not 0 <= wanted.scenario.late_days <= LATE_DAYS_MAX:
        raise ForecastRunInvalid(f"0 to {LATE_DAYS_MAX} days", pointer="/scenario/late_days")
    if wanted.model_id is not None:
        if wanted.refit:
            raise ForecastRunInvalid("name a model or ask for a new one, not both", pointer="/refit")
        model = await queries.get_model(session, wanted.model_id)
        if model.cutoff > wanted.as_of:
            raise ForecastRunInvalid("that model knows more than was known on that day", pointer="/model_id")
        if await queries.model_content(session, wanted.model_id) is None:
            raise ForecastRunInvalid("the content of that model is not kept any more", pointer="/model_id")
    if await session.driver.fetchval(_COUNT_WAITING, session.organization_id) >= WAITING_RUNS_MAX:
        raise TooManyForecastRuns(f"{WAITING_RUNS_MAX} forecasts wait already; ask again when one is done")


async def _record(session: WriteSession, wanted: StartForecast, kind: str) -> UUID:
    run_id = new_id()
    actor = session.actor
    session.add(
        ForecastRun(
            organization_id=session.organization_id,
            id=run_id,
            kind=kind,
            as_of=wanted.as_of,
            known_at=wanted.known_at,
            base_currency=(await organization_facts(session)).base_currency,
            model_id=wanted.model_id,
            refit=wanted.refit,
            seed=run_seed(wanted.as_of) if wanted.seed is None else wanted.seed,
            scenario=wanted.scenario.as_row(),
            requested_by=actor.name,
            requested_by_id=actor.id if actor.kind == "user" else None,
        )
    )
    await session.flush()
    after = {"kind": kind, "as_of": wanted.as_of, "scenario": wanted.scenario.as_row()}
    record_change(session, ChangeRow("forecast_run", run_id, "forecast_run.started", None, after, wanted.as_of))
    owe(session, JOB, ONE_AT_A_TIME)
    return run_id


async def cancel_run(session: WriteSession, run_id: UUID, *, expected_version: int | None = None) -> ForecastRun:
    """Stop a forecast that is not done; what it has computed is thrown away.

    Raises ForecastRunNotFound, ForecastRunOver, StaleVersion.
    """
    run = await queries.get_run(session, run_id, lock=True)
    check_version(expected_version, run.version)
    if run.state not in ("queued", "running"):
        raise ForecastRunOver(f"the forecast is {run.state}")
    before = {"state": run.state}
    run.state, run.stage = "cancelled", None
    run.finished_at = run.updated_at = RECORDED_NOW
    run.version += 1
    await session.flush()
    await session.refresh(run)
    record_change(session, ChangeRow("forecast_run", run_id, "forecast_run.cancelled", before, {"state": "cancelled"}))
    return run
