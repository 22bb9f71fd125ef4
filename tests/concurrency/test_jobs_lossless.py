"""Many writers at once, some slow, some failing: no event is lost or doubled, nothing that is owed is forgotten."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.infra import job_leases
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database
from app.infra.events import list_events
from app.infra.jobs import owe
from app.infra.seal import seal, verify_chain
from tests.factories import make_tenant

WRITERS = 6
WRITES = 25


@pytest.fixture
async def organization(committed: Database) -> UUID:
    return (await make_tenant(committed)).organization_id


class Rejected(Exception):
    """A writer changes its mind."""


async def test_a_reader_by_cursor_sees_every_change_once_while_writers_race(
    committed: Database, organization: UUID
) -> None:
    written: list[str] = []
    writing = True

    async def writer(number: int) -> None:
        chance = random.Random(number)
        for turn in range(WRITES):
            names = [f"{number}.{turn}.{part}" for part in range(chance.randint(1, 4))]
            try:
                async with committed.write(organization, SYSTEM) as session:
                    for name in names:
                        record_change(session, ChangeRow("account", new_id(), name))
                    if chance.random() < 0.5:  # an id taken early, a commit that comes late
                        await session.driver.fetchval("SELECT pg_current_xact_id()::text")
                        await asyncio.sleep(chance.choice((0, 0.001, 0.02, 0.1)))
                    if chance.random() < 0.15:
                        raise Rejected
            except Rejected:
                continue
            written.extend(names)

    async def sealer() -> None:
        while writing:
            await seal(committed, organization, random.choice((1, 3, 5_000)))

    read: list[tuple[int, str]] = []

    async def reader() -> None:
        position = 0
        while True:
            done = not writing
            async with committed.read(organization) as session:
                page = await list_events(session, position, limit=7)
            read.extend((row["position"], row["event"]) for row in page.rows)
            position = page.position
            if done and not page.has_more:
                return
            await asyncio.sleep(0.002)

    others = [asyncio.create_task(part) for part in (sealer(), sealer(), reader())]
    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    writing = False
    await asyncio.gather(*others[:2])
    while (await seal(committed, organization)).again:
        pass
    await others[2]
    async with committed.read(organization, snapshot=True) as session:
        rest = await list_events(session, read[-1][0] if read else 0, limit=10_000)
        verified = await verify_chain(session)
    read += [(row["position"], row["event"]) for row in rest.rows]
    assert [position for position, _ in read] == list(range(1, len(written) + 1))
    assert Counter(event for _, event in read) == Counter(written)
    assert (verified.sealed, verified.unsealed_tail, verified.first_bad_position) == (len(written), 0, None)


async def test_changes_of_one_transaction_stay_together_in_their_order(committed: Database, organization: UUID) -> None:
    async def writer(number: int) -> None:
        async with committed.write(organization, SYSTEM) as session:
            for part in range(20):
                record_change(session, ChangeRow("account", new_id(), f"{number}.{part:02}"))

    await asyncio.gather(*(writer(number) for number in range(8)))
    while (await seal(committed, organization, 33)).again:
        pass
    async with committed.read(organization) as session:
        events = [row["event"] for row in (await list_events(session, 0, limit=1000)).rows]
    for start in range(0, len(events), 20):
        number = events[start].split(".")[0]
        assert events[start : start + 20] == [f"{number}.{part:02}" for part in range(20)]


async def test_every_fact_is_followed_by_a_run_that_began_after_its_commit(
    committed: Database, claims: Database, organization: UUID
) -> None:
    """The counter is the fact. A run copies what it sees; the last run must have seen the last fact of each key."""
    kind = f"test.{new_id()}"
    keys = ("a", "b", "c")
    facts: Counter[str] = Counter()
    seen: dict[str, int] = {}
    running: Counter[str] = Counter()
    writing = True

    async def writer(number: int) -> None:
        chance = random.Random(number)
        for _ in range(WRITES):
            key = chance.choice(keys)
            async with committed.write(organization, SYSTEM) as session:
                record_change(session, ChangeRow("fact", new_id(), key))
                owe(session, kind, key)
                await asyncio.sleep(chance.choice((0, 0.001, 0.01)))
            facts[key] += 1

    async def worker() -> None:
        while True:
            last_look = not writing
            leases = await job_leases.claim(claims, [kind], random.randint(1, 5))
            for lease in leases:
                running[lease.key] += 1
                assert running[lease.key] == 1, "two runs of one key at once"
                async with committed.read(organization) as session:
                    count = await session.driver.fetchval("SELECT count(*) FROM change_log WHERE event = $1", lease.key)
                await asyncio.sleep(random.choice((0, 0.005)))
                seen[lease.key] = max(seen.get(lease.key, 0), count)
                running[lease.key] -= 1
                await job_leases.finish(claims, [lease])
            if last_look and not leases:
                return

    async def sweeper() -> None:
        while writing:
            await job_leases.merge_due(claims)
            await asyncio.sleep(0.005)

    others = [asyncio.create_task(part) for part in (worker(), worker(), worker(), sweeper())]
    await asyncio.gather(*(writer(number) for number in range(WRITERS)))
    writing = False
    await asyncio.gather(*others)
    assert sum(facts.values()) == WRITERS * WRITES
    assert seen == dict(facts)


async def test_writers_of_one_key_do_not_wait_for_each_other(committed: Database, organization: UUID) -> None:
    kind = f"test.{new_id()}"
    async with committed.write(organization, SYSTEM) as first:
        owe(first, kind, "hot")
        for hook in first.before_commit:
            await hook(first)
        first.before_commit.clear()
        async with asyncio.timeout(1), committed.write(organization, SYSTEM) as second:
            owe(second, kind, "hot")


async def test_two_claims_at_once_are_disjoint(committed: Database, claims: Database, organization: UUID) -> None:
    kind = f"test.{new_id()}"
    async with committed.write(organization, SYSTEM) as session:
        for number in range(300):
            owe(session, kind, str(number))

    async def take() -> list[str]:
        mine: list[str] = []
        while leases := await job_leases.claim(claims, [kind], 20):
            mine += [lease.key for lease in leases]
        return mine

    shares = await asyncio.gather(take(), take(), take())
    assert sorted(key for share in shares for key in share) == sorted(str(number) for number in range(300))
