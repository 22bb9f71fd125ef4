"""Cash application: one job at a time works through the payments of an organization that wait."""

from __future__ import annotations

from app.cash_application.run import run_owed
from app.core.clock import utc_now
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext
from app.organizations.queries import local_today
from app.remittances.join import join_open


async def handle(job: JobContext) -> None:
    """Work through the runs that are owed; after a load without one, match whatever waits.

    Payments get the lines of their remittance advices first.
    """
    async with job.database.write(job.organization_id, SYSTEM) as session:
        today = await local_today(session, utc_now())
        await join_open(session)
    await run_owed(job.database, job.organization_id, today)
