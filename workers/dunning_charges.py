"""Charging runs, account by account: started on demand, or in the night of the day that the organization chose.

And charges whose document is voided elsewhere: their days are free again.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.core.clock import utc_now
from app.dunning.charges.charging import follow_voids
from app.dunning.charges.runs import JOB, NIGHT, start_monthly, step_run
from app.infra.database import SYSTEM, WriteSession
from app.infra.jobs import JobContext, owe
from app.infra.nightly import business_date_of
from app.infra.reactions import Event, Subscriber
from app.organizations.queries import local_today

__all__ = ["JOB", "NIGHT", "SUBSCRIBER", "follow", "handle", "handle_night"]
STEPS_PER_JOB = 50
"""Then the job is owed again, so that a large run does not keep a worker from the others."""


async def handle(job: JobContext) -> None:
    """Take a run on; the key is its id. Each step is a transaction of its own and may be repeated."""
    run_id = UUID(job.key)
    for number in range(1, STEPS_PER_JOB + 1):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            more = await step_run(session, run_id)
            if more and number == STEPS_PER_JOB:
                owe(session, JOB, job.key)
        if not more:
            return


async def handle_night(job: JobContext) -> None:
    """Start the run of the month when its day has come; the key is the business date."""
    async with job.database.write(job.organization_id, SYSTEM) as session:
        await start_monthly(session, business_date_of(job))


async def follow(session: WriteSession, events: Sequence[Event]) -> None:
    """Reverse the charges of documents that were voided."""
    await follow_voids(session, [event.entity_id for event in events], await local_today(session, utc_now()))


SUBSCRIBER = Subscriber("charges", frozenset({"invoice.voided"}), follow)
