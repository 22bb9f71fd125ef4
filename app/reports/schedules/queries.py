"""All SQL of runs, schedules and deliveries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.core.ids import new_id
from app.infra.database import ReadSession, WriteSession
from app.reports.schedules.errors import RunNotFound, ScheduleNotFound
from app.reports.schedules.models import ReportDelivery, ReportRun, ReportSchedule

_DELIVERY = """
INSERT INTO report_deliveries (organization_id, id, schedule_id, run_id, period_on, trigger, recipients, requested_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (organization_id, schedule_id, period_on) WHERE trigger = 'schedule' DO NOTHING RETURNING id
"""
_RUN = """
INSERT INTO report_runs (organization_id, id, report, parameters, format, schedule_id, requested_by, requested_by_id)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8)
"""
_PROGRESS = """
UPDATE report_runs SET progress = greatest(progress, $3), version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2 AND state = 'running' RETURNING id
"""
# The same content may have been delivered: what was sent stays as a document. An import may have had it, too.
_EXPIRED = """
SELECT r.id, r.sha256, r.kept_in, NOT (
    EXISTS (SELECT FROM documents d WHERE d.organization_id = $1 AND d.sha256 = r.sha256)
    OR EXISTS (SELECT FROM stored_files f WHERE f.organization_id = $1 AND f.sha256 = r.sha256)
    OR EXISTS (SELECT FROM report_runs o WHERE o.organization_id = $1 AND o.sha256 = r.sha256 AND o.id <> r.id
               AND o.state = 'completed')
) AS alone
FROM report_runs r WHERE r.organization_id = $1 AND r.state = 'completed' AND r.kept_until <= $2
ORDER BY r.kept_until LIMIT $3 FOR UPDATE OF r SKIP LOCKED
"""
_DUE = """
SELECT id FROM report_schedules WHERE organization_id = $1 AND active AND next_at <= $2 ORDER BY next_at LIMIT 1000
"""


async def insert_run(
    session: WriteSession, report: str, parameters: dict[str, str], form: str, schedule_id: UUID | None
) -> UUID:
    """A queued run; answers its id."""
    run_id = new_id()
    await session.driver.execute(
        _RUN, session.organization_id, run_id, report, json.dumps(parameters), form, schedule_id, session.actor.name,
        session.actor.id,
    )  # fmt: skip
    return run_id


async def insert_delivery(session: WriteSession, schedule: ReportSchedule, run_id: UUID, period: Any,
                          trigger: str) -> UUID | None:  # fmt: skip
    """A delivery; None when the period has one already."""
    delivery_id = new_id()
    found = await session.driver.fetchval(
        _DELIVERY, session.organization_id, delivery_id, schedule.id, run_id, period, trigger, schedule.recipients,
        session.actor.name,
    )  # fmt: skip
    return None if found is None else delivery_id


async def get_run(session: ReadSession, run_id: UUID, *, lock: bool = False) -> ReportRun:
    """The run. Raises RunNotFound."""
    found = await session.get(
        ReportRun, (session.organization_id, run_id), with_for_update=True if lock else None, populate_existing=True
    )
    if found is None:
        raise RunNotFound("no such run of a report")
    return found


async def get_schedule(session: ReadSession, schedule_id: UUID, *, lock: bool = False) -> ReportSchedule:
    """The schedule. Raises ScheduleNotFound."""
    found = await session.get(
        ReportSchedule, (session.organization_id, schedule_id), with_for_update=True if lock else None,
        populate_existing=True,
    )  # fmt: skip
    if found is None:
        raise ScheduleNotFound("no such schedule")
    return found


async def deliveries_of_run(session: WriteSession, run_id: UUID) -> Sequence[ReportDelivery]:
    """The deliveries that wait for a run, locked."""
    statement = (
        select(ReportDelivery)
        .where(
            ReportDelivery.organization_id == session.organization_id,
            ReportDelivery.run_id == run_id,
            ReportDelivery.state == "preparing",
        )
        .order_by(ReportDelivery.id)
        .with_for_update()
    )
    return (await session.scalars(statement)).all()


async def raise_progress(session: WriteSession, run_id: UUID, percent: int) -> bool:
    """Write how far a run is; False when it is not running any more (somebody cancelled it)."""
    return await session.driver.fetchval(_PROGRESS, session.organization_id, run_id, percent) is not None


async def expired_runs(session: WriteSession, now: datetime, limit: int) -> list[Any]:
    """Completed runs whose days are over, locked; `alone`: nothing else needs the bytes."""
    return list(await session.driver.fetch(_EXPIRED, session.organization_id, now, limit))


async def due_schedules(session: ReadSession, now: datetime) -> list[UUID]:
    """Active schedules whose instant has passed."""
    return [row["id"] for row in await session.driver.fetch(_DUE, session.organization_id, now)]


def statement_of(table: type[Any], organization_id: UUID, **equal: object) -> Select[Any]:
    """The statement of a list, without order and bounds; filters that are None are left out."""
    statement = select(table).where(table.organization_id == organization_id)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(table, name) == value)
    return statement
