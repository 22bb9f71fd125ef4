"""Cash application: one job at a time works through the payments of an organization that wait."""

from __future__ import annotations

from app.cash_application.run import run_owed
from app.core.clock import utc_now
from app.infra.connection import APP_ROLE, database_settings
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext
from app.organizations.queries import local_today
from app.remittances.join import join_open

SECOND_POOL_SIZE = 2


async def handle(job: JobContext) -> None:
    """Work through the runs that are owed; after a load without one, match whatever waits.

    Payments get the lines of their remittance advices first.
    """
    async with job.database.write(job.organization_id, SYSTEM) as session:
        today = await local_today(session, utc_now())
        await join_open(session)
    second = None
    if job.settings.database_url is not None:
        second = database_settings(job.settings, role=APP_ROLE, pool_size=SECOND_POOL_SIZE)
    await run_owed(job.database, job.organization_id, today, second)
