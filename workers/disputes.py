"""Disputes follow the money, their clock, and the making of an organization."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.clock import utc_now
from app.disputes.catalogue import ensure_catalogue
from app.disputes.clock import mark_breaches
from app.disputes.settling import EVENTS, causes_of, follow_open_amounts
from app.infra.database import SYSTEM, WriteSession
from app.infra.jobs import JobContext
from app.infra.nightly import business_date_of
from app.infra.reactions import Event, Subscriber
from app.organizations.queries import local_today

BATCHES_MAX = 1_000


async def follow(session: WriteSession, events: Sequence[Event]) -> None:
    """Lower or end disputes whose instalments were paid, credited, written off or void; seed new organizations."""
    if any(event.type == "organization.created" for event in events):
        await ensure_catalogue(session)
    causes = await causes_of(session, events)
    if causes:
        await follow_open_amounts(session, causes, await local_today(session, utc_now()))


SUBSCRIBER = Subscriber("disputes", EVENTS, follow)


async def check_clocks(job: JobContext) -> None:
    """Mark the disputes whose time is over on the night's date, in batches."""
    today = business_date_of(job)
    for _ in range(BATCHES_MAX):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            if await mark_breaches(session, today) == 0:
                return
