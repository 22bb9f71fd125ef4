"""Forecasts: made by a job, one after the other; every night one for the day before, and the past is compared."""

from __future__ import annotations

from app.core.clock import utc_now
from app.forecasting.accuracy import measure_due
from app.forecasting.making.child import calculator
from app.forecasting.making.perform import run_owed
from app.forecasting.nightly import owe_nightly
from app.forecasting.retention import forget_details
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext, owe
from app.infra.nightly import business_date_of
from app.organizations.queries import local_today

NIGHT = "forecasting.nightly"
WORKLIST = "worklist"


async def night(job: JobContext) -> None:
    """Owe the forecast of the day before, compare ended weeks with what came in, forget what is over."""
    today = business_date_of(job)
    await measure_due(job.database, job.organization_id, today)
    await forget_details(job.database, job.organization_id, today)
    async with job.database.write(job.organization_id, SYSTEM) as session:
        await owe_nightly(session, today)


async def handle(job: JobContext) -> None:
    """Make the forecasts that are owed, in a process of their own; the worklist is ranked anew by a new one."""
    async with calculator() as other:
        changed = await run_owed(job.database, job.organization_id, other)
    async with job.database.write(job.organization_id, SYSTEM) as session:
        today = await local_today(session, utc_now())
        if changed:
            owe(session, WORKLIST, today.isoformat())
    await measure_due(job.database, job.organization_id, today)
