"""Cash application: one job works through the payments that wait."""

from __future__ import annotations

from uuid import UUID

from app.cash_application.run import run_matching, start_run
from app.core.clock import utc_now
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext
from app.organizations.queries import local_today

AFTER_IMPORT = "run"  # the key that says: whatever waits now


async def handle(job: JobContext) -> None:
    """Run the matching run whose id is the key; the key `run` makes one for whatever waits."""
    if job.key == AFTER_IMPORT:
        async with job.database.write(job.organization_id, SYSTEM) as session:
            await start_run(session, trigger="import", today=await local_today(session, utc_now()))
        return
    await run_matching(job.database, job.organization_id, UUID(job.key))
