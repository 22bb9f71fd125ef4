"""Reactions to events: each once in effect and in order, whatever dies; nothing owed where nobody listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from app.infra import reactions
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, WriteSession
from app.infra.jobs import GiveUp, owe
from app.infra.reactions import Event, Subscriber, announcer, lagging, position_of, react
from app.infra.seal import seal
from app.settings import Settings
from tests.factories import make_tenant
from workers import drain as draining
from workers import reactions as worker
from workers.reactions import owe_lagging, read_on
from workers.runner import Services


@pytest.fixture
async def organization(committed: Database, owner_url: str) -> AsyncIterator[UUID]:
    """An organization of real commits; afterwards nothing is owed to subscribers that only these tests know."""
    yield (await make_tenant(committed)).organization_id
    owner = await asyncpg.connect(owner_url)
    await owner.execute("DELETE FROM jobs WHERE kind LIKE 'diary-%' OR (kind = 'reaction' AND key LIKE 'diary-%')")
    await owner.close()


@pytest.fixture
def services(committed: Database, claims: Database, tmp_path: Path) -> Services:
    return Services(committed, claims, Settings(data_dir=tmp_path, log_level="error"))


class Diary:
    """A subscriber whose effect is rows: what it has read, written in the transaction of the cursor."""

    def __init__(self, *wanted: str) -> None:
        self.fail_after: int | None = None
        self.calls = 0
        self.subscriber = Subscriber(f"diary-{new_id()}", frozenset(wanted), self.handle)

    async def handle(self, session: WriteSession, events: Sequence[Event]) -> None:
        self.calls += 1
        for number, event in enumerate(events):
            if self.fail_after is not None and number >= self.fail_after:
                raise ConnectionError("killed in the middle")
            owe(
                session,
                self.subscriber.name,
                f"{event.position:06}:{event.type}",
                {"note": event.after.get("note", "")},
            )

    async def read(self, database: Database, organization: UUID) -> list[str]:
        async with database.read(organization) as session:
            rows = await session.driver.fetch(
                "SELECT key FROM jobs WHERE organization_id = $1 AND kind = $2 ORDER BY key",
                organization, self.subscriber.name,
            )  # fmt: skip
        return [row["key"].partition(":")[2] for row in rows]


async def write(database: Database, organization: UUID, *events: str) -> None:
    async with database.write(organization, SYSTEM) as session:
        for event in events:
            record_change(session, ChangeRow("account", new_id(), event, after={"note": event}))


async def owed(database: Database, organization: UUID) -> list[str]:
    async with database.read(organization) as session:
        rows = await session.driver.fetch(
            "SELECT key FROM jobs WHERE organization_id = $1 AND kind = 'reaction' AND state = 'due'", organization
        )
    return [row["key"] for row in rows]


async def react_once(database: Database, organization: UUID, diary: Diary, limit: int = 500) -> bool:
    async with database.write(organization, SYSTEM) as session:
        return await react(session, diary.subscriber, limit=limit)


async def test_sealing_owes_a_job_only_to_those_who_want_what_happened(committed: Database, organization: UUID) -> None:
    diary, deaf = Diary("payment.recorded", "payment.reversed"), Diary("nothing.of_this")
    announce = announcer([diary.subscriber, deaf.subscriber])
    await write(committed, organization, "invoice.issued", "invoice.voided")
    await seal(committed, organization, announce=announce)
    assert await owed(committed, organization) == []
    await write(committed, organization, "payment.recorded", "payment.recorded", "invoice.issued")
    await seal(committed, organization, announce=announce)
    assert await owed(committed, organization) == [diary.subscriber.name]
    async with committed.write(organization, SYSTEM) as session:  # nobody runs it here
        await session.driver.execute("DELETE FROM jobs WHERE organization_id = $1", organization)


async def test_events_come_in_their_order_once_and_only_those_wanted(committed: Database, organization: UUID) -> None:
    diary = Diary("a", "c")
    await write(committed, organization, "a", "b", "c")
    await write(committed, organization, "b", "a")
    await seal(committed, organization)
    assert await react_once(committed, organization, diary) is False
    assert await react_once(committed, organization, diary) is False
    assert await diary.read(committed, organization) == ["a", "c", "a"]
    assert diary.calls == 1
    await write(committed, organization, "c")
    await react_once(committed, organization, diary)
    assert await diary.read(committed, organization) == ["a", "c", "a"], "not sealed yet"
    await seal(committed, organization)
    await react_once(committed, organization, diary)
    assert await diary.read(committed, organization) == ["a", "c", "a", "c"]


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_a_backlog_is_read_in_bounded_batches(committed: Database, organization: UUID, limit: int) -> None:
    diary = Diary("a")
    await write(committed, organization, *("a", "b") * 4)
    await seal(committed, organization)
    batches = 1
    while await react_once(committed, organization, diary, limit):
        batches += 1
    assert await diary.read(committed, organization) == ["a"] * 4
    assert batches >= 4 // limit


async def test_a_worker_killed_in_the_middle_repeats_the_whole_batch_and_nothing_twice(
    services: Services, committed: Database, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary("a")
    monkeypatch.setattr(worker, "SUBSCRIBERS", (diary.subscriber,))
    await write(committed, organization, "a", "a", "a")
    await seal(committed, organization, announce=announcer([diary.subscriber]))
    handlers = {"reaction": worker.handle}
    diary.fail_after = 2
    with pytest.raises(ConnectionError):
        await draining.drain(services, handlers)
    assert await diary.read(committed, organization) == []
    async with committed.read(organization) as session:
        assert await position_of(session, diary.subscriber.name) == 0
    diary.fail_after = None
    assert await draining.drain(services, handlers) == 1
    assert await diary.read(committed, organization) == ["a", "a", "a"]
    assert await draining.drain(services, handlers) == 0
    async with committed.write(organization, SYSTEM) as session:
        owe(session, "reaction", diary.subscriber.name)  # delivered again
    await draining.drain(services, handlers)
    assert await diary.read(committed, organization) == ["a", "a", "a"]


async def test_two_workers_at_once_share_the_work_and_repeat_none(committed: Database, organization: UUID) -> None:
    diary = Diary("a")
    await write(committed, organization, *["a"] * 10)
    await seal(committed, organization)
    await asyncio.gather(*(react_once(committed, organization, diary, 3) for _ in range(6)))
    assert await diary.read(committed, organization) == ["a"] * 10


async def test_one_organization_does_not_see_or_delay_another(committed: Database, organization: UUID) -> None:
    other = (await make_tenant(committed)).organization_id
    diary = Diary("a")
    await write(committed, organization, "a")
    await write(committed, other, "a", "a")
    await seal(committed, organization)
    await seal(committed, other)
    async with committed.write(organization, SYSTEM) as session:
        await react(session, diary.subscriber)
        assert await react_once(committed, other, diary) is False  # does not wait for the first one's cursor
    assert await diary.read(committed, organization) == ["a"]
    assert await diary.read(committed, other) == ["a", "a"]


async def test_what_nobody_announced_is_found_by_the_sweep(
    services: Services, committed: Database, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary("a")
    await write(committed, organization, "a", "b")
    await seal(committed, organization)  # by a process that knew no subscriber
    assert await owed(committed, organization) == []
    await owe_lagging(services, [diary.subscriber])
    assert await owed(committed, organization) == [diary.subscriber.name]
    async with services.claims.across() as driver:
        found = await lagging(driver, [diary.subscriber.name])
    assert organization not in {organization_id for organization_id, _ in found}, "it is owed already"
    monkeypatch.setattr(worker, "SUBSCRIBERS", (diary.subscriber,))
    await draining.drain(services, {"reaction": worker.handle})
    assert await diary.read(committed, organization) == ["a"]
    async with services.claims.across() as driver:
        found = await lagging(driver, [diary.subscriber.name])
    assert organization not in {organization_id for organization_id, _ in found}
    assert await owe_lagging(services, []) == 0


async def test_uninteresting_changes_are_skipped_in_bounded_steps(
    committed: Database, organization: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactions, "SCAN_LIMIT", 4)
    diary = Diary("a")
    await write(committed, organization, *["b"] * 9, "a")
    await seal(committed, organization)
    assert [await react_once(committed, organization, diary) for _ in range(3)] == [True, True, False]
    assert await diary.read(committed, organization) == ["a"]
    assert diary.calls == 1


async def test_an_unknown_subscriber_is_given_up() -> None:
    class Job:
        key = "gone"

    with pytest.raises(GiveUp):
        await read_on(Job(), None)  # type: ignore[arg-type]
