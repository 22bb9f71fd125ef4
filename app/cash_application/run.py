"""A matching run: payments that wait get their claims, claims that may meet become one batch, batches are worked off.

Each batch is one transaction and leaves nothing half done: a worker that dies repeats only the batches it was in. A
long run is given a second process (`second_process.py`), so that one decides while the other's rows are written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from uuid import UUID

from app.cash_application import queries
from app.cash_application.facts import Claim
from app.cash_application.hands import Hand, OwnHand, rare_collections, spread
from app.cash_application.models import MatchingRun
from app.cash_application.number_formats import owe_when_due
from app.cash_application.party_index import party_index
from app.cash_application.planning import PAYMENTS_PER_BATCH, Lane, plan_lanes
from app.cash_application.reporting import brief
from app.cash_application.second_process import second_hand
from app.cash_application.sql import facts as sql
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.connection import DatabaseSettings
from app.infra.database import SYSTEM, Database, WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW

JOB = "matching"
ONE_AT_A_TIME = "run"  # the key of every matching job: the runs of an organization never overlap
PAYMENTS_PER_WINDOW = 20_000
"""So many payments are planned together; claims in two windows do not know of each other."""
WINDOWS_LIMIT = 1_000
PASSES_LIMIT = 3
"""Payments that changed while they were decided wait for the next pass, or in the end for the next run."""
SECOND_PROCESS_FROM = 1_500
"""A second process pays from so many payments on: it takes about a second to start."""
_FIRST = UUID(int=0)


async def start_run(session: WriteSession, *, trigger: str, today: date, retry: bool = False) -> UUID:
    """Record a run and owe its job. With `retry` payments without a match, or only proposed, wait again."""
    if retry:
        await queries.retry_unmatched(session)
    run_id = new_id()
    total = await queries.count_waiting(session)
    session.add(
        MatchingRun(
            organization_id=session.organization_id,
            id=run_id,
            state="queued",
            trigger=trigger,
            today=today,
            payments_total=total,
        )
    )
    await session.flush()
    record_change(session, ChangeRow("matching_run", run_id, "matching_run.started", after={"payments": total}))
    owe(session, JOB, ONE_AT_A_TIME)
    await owe_when_due(session)
    return run_id


async def run_owed(
    database: Database, organization_id: UUID, today: date, second: DatabaseSettings | None = None
) -> None:
    """Work through the runs that were asked for, one after the other; without one, match what waits after a load.

    With `second`, long runs get a second process that connects with these settings.
    """
    async with database.write(organization_id, SYSTEM) as session:
        owed = await queries.unfinished_runs(session)
        if not owed and await queries.count_waiting(session):
            owed = [await start_run(session, trigger="load", today=today)]
    for run_id in owed:
        await run_matching(database, organization_id, run_id, second)


async def run_matching(
    database: Database, organization_id: UUID, run_id: UUID, second: DatabaseSettings | None = None
) -> None:
    """Work through the waiting payments in batches. Safe to repeat: what was decided does not wait any more."""
    async with database.write(organization_id, SYSTEM) as session:
        run = await queries.get_run(session, run_id)
        if run.state in ("completed", "failed"):
            return
        run.state = "running"
        waiting = await queries.count_waiting(session)
    left = 0
    if waiting:
        helper = second if waiting >= SECOND_PROCESS_FROM else None
        async with _hands(database, organization_id, run_id, helper) as hands:
            for _ in range(PASSES_LIMIT):
                left = await _pass(database, organization_id, hands)
                if not left:
                    break
    async with database.write(organization_id, SYSTEM) as session:
        run = await queries.get_run(session, run_id)
        run.state, run.finished_at = "completed", RECORDED_NOW
        if left:
            owe(session, JOB, ONE_AT_A_TIME)
        record_change(session, ChangeRow("matching_run", run_id, "matching_run.completed", after=brief(run.report)))


@asynccontextmanager
async def _hands(
    database: Database, organization_id: UUID, run_id: UUID, second: DatabaseSettings | None
) -> AsyncIterator[list[Hand]]:
    with rare_collections():
        if second is None:
            index = await party_index(database, organization_id)
            yield [OwnHand(database, organization_id, run_id, index)]
            return
        async with second_hand() as other:  # starts while the index is built
            index = await party_index(database, organization_id)
            await other.serve(second, organization_id, run_id, index)
            yield [OwnHand(database, organization_id, run_id, index), other]


async def _pass(database: Database, organization_id: UUID, hands: Sequence[Hand]) -> int:
    """Decide everything that waits now, window by window; how many payments changed meanwhile and wait still."""
    after, left = _FIRST, 0
    for _ in range(WINDOWS_LIMIT):
        async with database.read(organization_id) as session:
            ids = await sql.waiting_ids(session, after, PAYMENTS_PER_WINDOW)
        if not ids:
            break
        after = ids[-1]
        parts = [ids[at : at + PAYMENTS_PER_BATCH] for at in range(0, len(ids), PAYMENTS_PER_BATCH)]
        claims = [claim for found in await spread(hands, [_claiming(part) for part in parts]) for claim in found]
        lanes = await asyncio.to_thread(plan_lanes, claims)
        decided = await spread(hands, [_deciding(lane) for lane in lanes])
        left += len(claims) - sum(decided)
    return left


def _claiming(ids: Sequence[UUID]) -> Callable[[Hand], Coroutine[Any, Any, list[Claim]]]:
    return lambda hand: hand.claims(ids)


def _deciding(lane: Lane) -> Callable[[Hand], Coroutine[Any, Any, int]]:
    async def decide(hand: Hand) -> int:
        return sum([await hand.decide(batch) for batch in lane])

    return decide
