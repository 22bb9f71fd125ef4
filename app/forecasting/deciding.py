"""Which model is in force: judged when it is fitted, activated only when it beats the naive rows, or set aside."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.forecasting import queries
from app.forecasting.errors import ForecastModelNotBetter, ForecastModelState
from app.forecasting.models import ForecastModel
from app.forecasting.results import Fitted
from app.forecasting.rules import CONTENTS_KEPT, REFIT_DAYS, judge
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version

_RETIRE = """
UPDATE forecast_models SET state = 'retired', version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND state = 'active' AND id <> $2 RETURNING id
"""
# The model that a forecast of a day may use: it knows nothing of later days. The one in force first, then the newest.
_USABLE = """
SELECT id, state, cutoff FROM forecast_models
WHERE organization_id = $1 AND content IS NOT NULL AND cutoff <= $2 AND known_at <= $3
ORDER BY state = 'active' DESC, cutoff DESC, id DESC LIMIT 1
"""
_NEWEST_CUTOFF = """
SELECT max(cutoff) FROM forecast_models WHERE organization_id = $1 AND content IS NOT NULL AND cutoff <= $2
"""
_FORGET = """
UPDATE forecast_models SET content = NULL WHERE organization_id = $1 AND content IS NOT NULL AND state <> 'active'
AND id NOT IN (SELECT id FROM forecast_models WHERE organization_id = $1 ORDER BY id DESC LIMIT $2)
AND id NOT IN (SELECT model_id FROM forecast_runs WHERE organization_id = $1 AND model_id IS NOT NULL
               AND (current OR state IN ('queued', 'running')))
"""
_NO_CURRENT = """
UPDATE forecast_runs SET current = false, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND current
"""


async def find_usable(session: ReadSession, as_of: date, known_at: datetime) -> Any | None:
    """Id, state and cut-off of the model for a forecast of that day, or None."""
    return await session.driver.fetchrow(_USABLE, session.organization_id, as_of, known_at)


async def is_stale(session: ReadSession, as_of: date) -> bool:
    """Whether the newest model that a forecast of that day may use is older than REFIT_DAYS, or there is none."""
    newest = await session.driver.fetchval(_NEWEST_CUTOFF, session.organization_id, as_of)
    return newest is None or newest < as_of - timedelta(days=REFIT_DAYS - 1)


async def keep_fitted(
    session: WriteSession, fitted: Fitted, *, cutoff: date, known_at: datetime, seed: int, items: int
) -> ForecastModel:
    """Keep a fitted model with its verdict; one that beats the naive rows takes the place of an older one."""
    verdict = judge(fitted.metrics)
    model = ForecastModel(
        organization_id=session.organization_id,
        id=new_id(),
        model_version=fitted.version,
        cutoff=cutoff,
        known_at=known_at,
        seed=seed,
        item_count=items,
        parameters=json.loads(json.dumps(fitted.parameters, default=str)),
        metrics=fitted.metrics,
        state="candidate" if not verdict.judged else "rejected",
        reasons=list(verdict.reasons),
        beats_naive=verdict.beats_naive,
        content=fitted.content,
        version=1,
    )
    session.add(model)
    await session.flush()
    after = {"model_version": fitted.version, "cutoff": cutoff, "beats_naive": verdict.beats_naive}
    record_change(session, ChangeRow("forecast_model", model.id, "forecast_model.fitted", None, after, cutoff))
    active = await session.driver.fetchval(
        "SELECT cutoff FROM forecast_models WHERE organization_id = $1 AND state = 'active'", session.organization_id
    )
    if verdict.beats_naive and (active is None or active <= cutoff):
        await _activate(session, model, None)
    elif verdict.beats_naive:
        model.state = "candidate"  # fitted for a day in the past: the one in force knows more
    await session.driver.execute(_FORGET, session.organization_id, CONTENTS_KEPT)
    await session.flush()
    return model


async def activate_model(
    session: WriteSession, model_id: UUID, *, reason: str | None, expected_version: int | None = None
) -> ForecastModel:
    """Put a model in force from the next forecast on.

    Raises ForecastModelNotFound, ForecastModelNotBetter, ForecastModelState, StaleVersion.
    """
    model = await queries.get_model(session, model_id, lock=True)
    check_version(expected_version, model.version)
    if model.state == "active":
        raise ForecastModelState("the model is in force already")
    if not model.beats_naive:
        raise ForecastModelNotBetter("; ".join(str(reason) for reason in model.reasons) or "it was not judged")
    if await queries.model_content(session, model_id) is None:
        raise ForecastModelState("the content of the model is not kept any more")
    await _activate(session, model, reason)
    await session.refresh(model)
    return model


async def _activate(session: WriteSession, model: ForecastModel, reason: str | None) -> None:
    for row in await session.driver.fetch(_RETIRE, session.organization_id, model.id):
        change = ChangeRow("forecast_model", row["id"], "forecast_model.retired", {"state": "active"})
        record_change(session, change)
    before = {"state": model.state}
    await _decide(session, model, "active")
    after = {"state": "active"}
    change = ChangeRow("forecast_model", model.id, "forecast_model.activated", before, after, None, reason)
    record_change(session, change)


async def reject_model(
    session: WriteSession, model_id: UUID, *, reason: str, expected_version: int | None = None
) -> ForecastModel:
    """Set a model aside; when it was in force, the desk goes back to its own measure until another one is.

    Raises ForecastModelNotFound, ForecastModelState, StaleVersion.
    """
    model = await queries.get_model(session, model_id, lock=True)
    check_version(expected_version, model.version)
    if model.state == "rejected":
        raise ForecastModelState("the model is rejected already")
    before = {"state": model.state}
    if model.state == "active":
        await session.driver.execute(_NO_CURRENT, session.organization_id)
    model.reasons = [*model.reasons, f"rejected by {session.actor.name}: {reason}"]
    await _decide(session, model, "rejected")
    after = {"state": "rejected"}
    change = ChangeRow("forecast_model", model_id, "forecast_model.rejected", before, after, None, reason)
    record_change(session, change)
    await session.refresh(model)
    return model


async def _decide(session: WriteSession, model: ForecastModel, state: str) -> None:
    model.state, model.decided_by = state, session.actor.name
    model.decided_at = model.updated_at = RECORDED_NOW
    model.version += 1
    await session.flush()
