"""The desk: timelines and worklist follow events; every night the whole worklist is ranked for the new day."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.clock import utc_now
from app.desk.timeline import SUBSCRIBER as TIMELINE
from app.desk.timeline import accounts_of
from app.desk.timeline_events import WORKLIST_EVENTS
from app.desk.worklist import refresh_accounts, refresh_worklist
from app.infra.database import WriteSession
from app.infra.jobs import JobContext, owe
from app.infra.nightly import business_date_of
from app.infra.reactions import Event, Subscriber
from app.organizations.queries import local_today


async def handle(job: JobContext) -> None:
    """Rank every account for the business date of the night."""
    await refresh_worklist(job.database, job.organization_id, business_date_of(job))


async def _follow(session: WriteSession, events: Sequence[Event]) -> None:
    concerned = await accounts_of(session, events)
    accounts = {account for found in concerned.values() for account in found}
    if accounts:
        await refresh_accounts(session, accounts, await local_today(session, utc_now()))


async def _rank_all(session: WriteSession, events: Sequence[Event]) -> None:
    """Whoever covers an absence has other accounts from now on: everything is ranked anew."""
    if events:
        owe(session, "worklist", (await local_today(session, utc_now())).isoformat())


SUBSCRIBERS = (
    TIMELINE,
    Subscriber("worklist", WORKLIST_EVENTS, _follow),
    Subscriber("worklist_covers", frozenset(("collector_cover.added", "collector_cover.cancelled")), _rank_all),
)
