"""Who reacts to which events. A room's thin module in `workers/` adds its subscriber to the table."""

from __future__ import annotations

from collections.abc import Iterable

from app.infra.database import SYSTEM, WriteSession
from app.infra.jobs import GiveUp, JobContext, owe
from app.infra.reactions import KIND, Subscriber, announcer, lagging, react
from workers import (
    cash_learning,
    collections,
    credit,
    desk,
    disputes,
    dunning,
    dunning_charges,
    promises,
    remittances,
    webhooks,
)
from workers.runner import Services

BATCHES_PER_JOB = 40
"""Then the job is owed again, so that one busy organization does not keep a worker from the others."""

SUBSCRIBERS: tuple[Subscriber, ...] = (
    cash_learning.SUBSCRIBER,
    collections.SUBSCRIBER,
    credit.SUBSCRIBER,
    disputes.SUBSCRIBER,
    dunning.SUBSCRIBER,
    dunning_charges.SUBSCRIBER,
    promises.SUBSCRIBER,
    remittances.SUBSCRIBER,
    *desk.SUBSCRIBERS,
)
"""`Subscriber(name, event types, handler)`; the handler is called with batches of sealed events, in their order."""


_announce_inside = announcer(SUBSCRIBERS)


async def announce(session: WriteSession, types: frozenset[str]) -> None:
    """What the sealer calls: rooms that react are owed a job, and so is whoever listens outside."""
    await _announce_inside(session, types)
    await webhooks.announce(session)


async def handle(job: JobContext) -> None:
    """Let the subscriber whose name is the job's key read on, each batch in a transaction of its own."""
    await read_on(job, {subscriber.name: subscriber for subscriber in SUBSCRIBERS}.get(job.key))


async def read_on(job: JobContext, subscriber: Subscriber | None) -> None:
    """Batches until the subscriber has read everything, at most BATCHES_PER_JOB. Raises GiveUp for an unknown one."""
    if subscriber is None:
        raise GiveUp(f"no subscriber is called {job.key[:60]!r}")
    for number in range(1, BATCHES_PER_JOB + 1):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            more = await react(session, subscriber)
            if more and number == BATCHES_PER_JOB:
                owe(session, KIND, subscriber.name)
        if not more:
            return


async def owe_lagging(services: Services, subscribers: Iterable[Subscriber]) -> int:
    """Owe a job wherever a cursor is behind and nothing is owed; returns how many. The sweep calls it now and then."""
    names = [subscriber.name for subscriber in subscribers]
    if not names:
        return 0
    async with services.claims.across() as driver:
        found = await lagging(driver, names)
    for organization_id, name in found:
        async with services.database.write(organization_id, SYSTEM) as session:
            owe(session, KIND, name)
    return len(found)
