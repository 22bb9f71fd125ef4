"""Who does the work of a run: this process, and for long runs a second one; whoever is free takes the next task."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

from app.cash_application.batch import match_batch
from app.cash_application.facts import Claim, find_claims
from app.cash_application.party_index import PartyIndex
from app.infra.database import Database

Answer = TypeVar("Answer")
RARE_COLLECTIONS = (300_000, 20, 50)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python look for circles of dead objects less often while a run builds its indexes.

    A batch makes hundreds of thousands of small tuples and no circles; looking through them took a third of the time.
    """
    usual = gc.get_threshold()
    gc.set_threshold(*RARE_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class Hand(Protocol):
    """One worker on a run; it does one thing at a time."""

    async def claims(self, payment_ids: Sequence[UUID]) -> list[Claim]:
        """See `facts.find_claims`."""

    async def decide(self, claims: Sequence[Claim]) -> int:
        """See `batch.match_batch`."""


@dataclass(frozen=True, slots=True)
class OwnHand:
    """The work done in this process."""

    database: Database
    organization_id: UUID
    run_id: UUID
    index: PartyIndex

    async def claims(self, payment_ids: Sequence[UUID]) -> list[Claim]:
        """See `facts.find_claims`."""
        async with self.database.read(self.organization_id) as session:
            return await find_claims(session, payment_ids, self.index)

    async def decide(self, claims: Sequence[Claim]) -> int:
        """See `batch.match_batch`."""
        return await match_batch(self.database, self.organization_id, self.run_id, claims)


async def spread(hands: Sequence[Hand], tasks: Sequence[Callable[[Hand], Coroutine[Any, Any, Answer]]]) -> list[Answer]:
    """Do all tasks, each by the next free hand; the answers in the order of the tasks. The first error ends it all."""
    answers: dict[int, Answer] = {}
    waiting = iter(enumerate(tasks))

    async def work(hand: Hand) -> None:
        for at, task in waiting:
            answers[at] = await task(hand)

    try:
        async with asyncio.TaskGroup() as group:
            for hand in hands:
                group.create_task(work(hand))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    return [answers[at] for at in range(len(tasks))]
