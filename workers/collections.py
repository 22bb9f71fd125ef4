"""Collections in the background: escalation by rule in the night, assignment of all accounts by rule."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.collections.breaches import plan_for_breaches
from app.collections.escalation_terms import raise_overdue
from app.collections.escalations import escalate_next
from app.collections.portfolio.assignment import run_step
from app.core.clock import utc_now
from app.infra.database import SYSTEM, WriteSession
from app.infra.jobs import JobContext
from app.infra.nightly import business_date_of
from app.infra.reactions import Event, Subscriber
from app.organizations.queries import local_today

NIGHT = "collections.escalate"
STEPS_MAX = 10_000


async def react(session: WriteSession, events: Sequence[Event]) -> None:
    """Disputes that are past their time become actions."""
    today = await local_today(session, utc_now())
    await plan_for_breaches(session, {event.entity_id for event in events}, today)


SUBSCRIBER = Subscriber("collections", frozenset({"dispute.sla_breached"}), react)


async def handle_night(job: JobContext) -> None:
    """Raise what is past its term, then escalate by the rules in force; in bounded steps, the key is the date."""
    today = business_date_of(job)
    after: UUID | None = None
    for _ in range(STEPS_MAX):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            if not await raise_overdue(session, today):
                break
    for _ in range(STEPS_MAX):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            after = (await escalate_next(session, today, after)).after
        if after is None:
            return


async def handle_assignment(job: JobContext) -> None:
    """Go on with the assignment run whose id is the key, step by step."""
    for _ in range(STEPS_MAX):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            today = await local_today(session, utc_now())
            if not await run_step(session, UUID(job.key), today=today):
                return
