"""Reports in the background: make a run, fire a schedule, give up old files."""

from __future__ import annotations

from uuid import UUID

from app.core.clock import utc_now
from app.desk import portfolio_page  # noqa: F401 - importing it puts the forecast on the page of the portfolio
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext, owe
from app.reports.schedules import queries
from app.reports.schedules.runs import EXPIRED_AT_ONCE, expire_runs, make_run
from app.reports.schedules.runs import KIND as RUN
from app.reports.schedules.service import KIND as SCHEDULE
from app.reports.schedules.service import fire

NIGHT = "reports.nightly"
TRIES = 3
"""A report that failed so often without a refusal fails for good."""
ROUNDS_MAX = 100

__all__ = ["NIGHT", "RUN", "SCHEDULE", "handle_night", "make", "schedule"]


async def make(job: JobContext) -> None:
    """Make the run whose id is the key."""
    await make_run(
        job.database, job.settings, job.organization_id, UUID(job.key), SYSTEM, utc_now(),
        last_try=job.attempt >= TRIES,
    )  # fmt: skip


async def schedule(job: JobContext) -> None:
    """Fire the schedule whose id is the key, if it is due."""
    async with job.database.write(job.organization_id, SYSTEM) as session:
        await fire(session, UUID(job.key), utc_now())


async def handle_night(job: JobContext) -> None:
    """Owe schedules that are due and have no job any more; give up files whose days are over."""
    async with job.database.write(job.organization_id, SYSTEM) as session:
        for schedule_id in await queries.due_schedules(session, utc_now()):
            owe(session, SCHEDULE, str(schedule_id))
    for _ in range(ROUNDS_MAX):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            if await expire_runs(session, job.settings, utc_now()) < EXPIRED_AT_ONCE:
                return
