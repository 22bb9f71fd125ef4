"""Credit: the nightly evaluation of every account, and what events change at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.core.clock import utc_now
from app.credit.concerned import EVENTS, accounts_concerned
from app.credit.refresh import refresh_accounts, refresh_all
from app.infra.database import WriteSession
from app.infra.jobs import JobContext, owe
from app.infra.nightly import business_date_of
from app.infra.reactions import Event, Subscriber
from app.organizations.queries import local_today

KIND = "credit_night"
BULK = "credit_bulk"
BULK_EVENTS = 400
"""So many events in one batch are a load of many documents: all accounts are evaluated once, a while later."""
BULK_WAIT_SECONDS = 120


async def night(job: JobContext) -> None:
    """Evaluate every account as of the business date."""
    await refresh_all(job.database, job.organization_id, business_date_of(job))


async def bulk(job: JobContext) -> None:
    """Evaluate every account as of today, after a load of many documents."""
    async with job.database.read(job.organization_id) as session:
        today = await local_today(session, utc_now())
    await refresh_all(job.database, job.organization_id, today)


async def react(session: WriteSession, events: Sequence[Event]) -> None:
    """Evaluate the accounts that these events concern; all of them once when there are very many events."""
    if len(events) >= BULK_EVENTS:
        owe(session, BULK, "all", run_at=utc_now() + timedelta(seconds=BULK_WAIT_SECONDS))
        return
    concerned = await accounts_concerned(session, events)
    if concerned:
        await refresh_accounts(session, concerned, await local_today(session, utc_now()))


SUBSCRIBER = Subscriber("credit", EVENTS, react)
