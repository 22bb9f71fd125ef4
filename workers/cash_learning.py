"""Cash application beside matching: what applications teach, how precise the rules are, the forms of numbers."""

from __future__ import annotations

from app.cash_application import reacting
from app.cash_application.number_formats import derive_formats, owe_when_due
from app.cash_application.precision import judge
from app.core.clock import utc_now
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext

SUBSCRIBER = reacting.SUBSCRIBER
NIGHT = "matching_precision"


async def derive(job: JobContext) -> None:
    """Derive the forms of document numbers anew."""
    async with job.database.write(job.organization_id, SYSTEM) as session:
        await derive_formats(session)


async def night(job: JobContext) -> None:
    """Judge the rules by what became of their applications; see whether the forms of numbers are still those."""
    async with job.database.write(job.organization_id, SYSTEM) as session:
        await judge(session, utc_now())
        await owe_when_due(session)
