"""The sealer on a real PostgreSQL: gapless, lossless, in commit order, tamper-evident."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SEAL_LOCK_SPACE, SYSTEM, Database, organization_lock_key
from app.infra.seal import FIRST_SHA256, Pass, Snapshot, Unsealed, Verification, advanced, seal, verify_chain
from tests.factories import make_tenant


@pytest.fixture
async def organization(committed: Database) -> UUID:
    return (await make_tenant(committed)).organization_id


@pytest.fixture
async def owner(owner_url: str) -> asyncpg.Connection:
    """A superuser's connection: can do what the service's role cannot."""
    connection = await asyncpg.connect(owner_url)
    yield connection
    await connection.close()


async def write(database: Database, organization: UUID, *events: str) -> None:
    async with database.write(organization, SYSTEM) as session:
        for event in events:
            record_change(session, ChangeRow("account", new_id(), event, after={"name": event}))


async def sealed(database: Database, organization: UUID) -> list[str]:
    async with database.read(organization) as session:
        rows = await session.driver.fetch(
            "SELECT s.position, c.event FROM change_seals s JOIN change_log c USING (organization_id, id)"
            " ORDER BY s.position"
        )
    assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["event"] for row in rows]


async def verify(database: Database, organization: UUID) -> Verification:
    async with database.read(organization, snapshot=True) as session:
        return await verify_chain(session)


async def seal_all(database: Database, organization: UUID, limit: int = 5_000) -> int:
    count = 0
    while (done := await seal(database, organization, limit)).again:
        count += done.sealed
    return count + done.sealed


async def test_changes_get_positions_in_order_and_a_chain(committed: Database, organization: UUID) -> None:
    await write(committed, organization, "a", "b")
    assert await seal(committed, organization) == Pass(2, again=False)
    await write(committed, organization, "c")
    assert await seal(committed, organization) == Pass(1, again=False)
    assert await seal(committed, organization) == Pass(0, again=False)
    assert await sealed(committed, organization) == ["a", "b", "c"]
    found = await verify(committed, organization)
    assert (found.sealed, found.unsealed_tail, found.first_bad_position) == (3, 0, None)
    assert found.head_sha256 != FIRST_SHA256


async def test_an_organization_without_changes_is_sealed_and_verified(committed: Database, organization: UUID) -> None:
    assert await verify(committed, organization) == Verification(0, 0, None, FIRST_SHA256)
    assert await seal(committed, organization) == Pass(0, again=False)
    assert await verify(committed, organization) == Verification(0, 0, None, FIRST_SHA256)


async def test_a_slow_transaction_is_neither_waited_for_nor_lost(committed: Database, organization: UUID) -> None:
    async with committed.write(organization, SYSTEM) as slow:
        record_change(slow, ChangeRow("account", new_id(), "slow"))
        await slow.driver.fetchval("SELECT pg_current_xact_id()::text")  # an old id, open while others come and go
        for event in ("one", "two"):
            await write(committed, organization, event)
            assert await seal(committed, organization) == Pass(1, again=False)
        assert await seal(committed, organization) == Pass(0, again=False)
    await write(committed, organization, "three")
    assert await seal_all(committed, organization) == 2
    assert await sealed(committed, organization) == ["one", "two", "slow", "three"]


async def test_a_rolled_back_transaction_leaves_no_gap(committed: Database, organization: UUID) -> None:
    await write(committed, organization, "a")
    with pytest.raises(ZeroDivisionError):
        async with committed.write(organization, SYSTEM) as session:
            record_change(session, ChangeRow("account", new_id(), "never"))
            await session.driver.fetchval("SELECT pg_current_xact_id()::text")
            await seal(committed, organization)
            raise ZeroDivisionError
    await write(committed, organization, "b")
    await seal(committed, organization)
    assert await sealed(committed, organization) == ["a", "b"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_a_backlog_is_sealed_in_bounded_passes(committed: Database, organization: UUID, limit: int) -> None:
    await write(committed, organization, "0")
    await seal(committed, organization)
    expected = ["0"]
    async with committed.write(organization, SYSTEM) as slow:
        record_change(slow, ChangeRow("account", new_id(), "slow"))
        await slow.driver.fetchval("SELECT pg_current_xact_id()::text")
        for number in range(5):
            names = [f"{number}.{part}" for part in range(3)]
            await write(committed, organization, *names)
            expected += names
        assert (await seal(committed, organization, limit)).sealed == limit
        await write(committed, organization, "last")
        assert await seal_all(committed, organization, limit) == 16 - limit
        expected.append("last")
    assert await seal_all(committed, organization, limit) == 1
    assert await sealed(committed, organization) == [*expected, "slow"]
    assert (await verify(committed, organization)).first_bad_position is None


async def test_two_sealers_do_not_meet(committed: Database, organization: UUID) -> None:
    await write(committed, organization, "a")
    async with committed.write(organization, SYSTEM) as other:
        key = organization_lock_key(organization)
        assert await other.driver.fetchval("SELECT pg_try_advisory_xact_lock($1, $2)", SEAL_LOCK_SPACE, key)
        assert await seal(committed, organization) == Pass(0, again=True)
    assert await seal(committed, organization) == Pass(1, again=False)


@pytest.mark.parametrize("trace", ["system_identifier = 7", "seen = '1:99999999999:'"])
async def test_after_a_restore_every_row_is_compared_with_the_seals(
    committed: Database, organization: UUID, owner: asyncpg.Connection, trace: str
) -> None:
    """A dump is read into another server: the ids of transactions begin again, and old rows carry high ones."""
    await write(committed, organization, "a", "b")
    await seal(committed, organization)
    await write(committed, organization, "c")
    await owner.execute("UPDATE change_log SET xid = '88888888888' WHERE organization_id = $1", organization)
    await owner.execute(f"UPDATE change_heads SET {trace} WHERE organization_id = $1", organization)
    assert await seal(committed, organization) == Pass(1, again=False)
    await write(committed, organization, "d")
    assert await seal(committed, organization) == Pass(1, again=False)
    assert await sealed(committed, organization) == ["a", "b", "c", "d"]
    assert (await verify(committed, organization)).first_bad_position is None


async def _tamper(owner: asyncpg.Connection, organization: UUID, statement: str) -> None:
    await owner.execute(statement.replace(":organization", f"'{organization}'"))


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ("UPDATE change_log SET after = '{\"name\": \"B\"}' WHERE organization_id = :organization AND event = 'b'", 2),
        ("UPDATE change_log SET reason = '' WHERE organization_id = :organization AND event = 'c'", 3),
        ("UPDATE change_log SET recorded_at = recorded_at - interval '1 microsecond'"
         " WHERE organization_id = :organization AND event = 'a'", 1),
        ("DELETE FROM change_log WHERE organization_id = :organization AND event = 'b'", 2),
        ("DELETE FROM change_seals WHERE organization_id = :organization AND position = 2", 2),
        ("DELETE FROM change_seals WHERE organization_id = :organization AND position = 4", 4),
        ("UPDATE change_seals SET sha256 = sha256(sha256) WHERE organization_id = :organization AND position = 3", 3),
        ("UPDATE change_seals SET position = 8 - position WHERE organization_id = :organization AND position > 2", 3),
        ("UPDATE change_heads SET position = 3 WHERE organization_id = :organization", 4),
        ("UPDATE change_heads SET sha256 = sha256(sha256) WHERE organization_id = :organization", 5),
        ("DELETE FROM change_heads WHERE organization_id = :organization", 1),
    ],
)  # fmt: skip
async def test_tampering_is_found(
    committed: Database, organization: UUID, owner: asyncpg.Connection, statement: str, bad: int
) -> None:
    await write(committed, organization, "a", "b", "c", "d")
    await seal(committed, organization)
    assert (await verify(committed, organization)).first_bad_position is None
    await _tamper(owner, organization, statement)
    assert (await verify(committed, organization)).first_bad_position == bad


async def test_verification_tells_what_is_not_sealed_yet(
    committed: Database, organization: UUID, owner: asyncpg.Connection
) -> None:
    await write(committed, organization, "a")
    await seal(committed, organization)
    await write(committed, organization, "b", "c")
    found = await verify(committed, organization)
    assert (found.sealed, found.unsealed_tail, found.first_bad_position) == (1, 2, None)
    # A row that somebody slips in behind the sealer's back is never sealed, and stays in the tail.
    await seal(committed, organization)
    await owner.execute(
        "UPDATE change_log SET id = $2 WHERE organization_id = $1 AND event = 'c'", organization, new_id()
    )
    assert (await verify(committed, organization)).unsealed_tail == 1


async def test_organizations_with_unsealed_changes_are_found_by_the_worker_role(
    committed: Database, claims: Database, organization: UUID
) -> None:
    unsealed = Unsealed(claims)
    assert organization not in await unsealed.find()
    await write(committed, organization, "a")
    assert organization in await unsealed.find()
    assert organization not in await unsealed.find()  # told once
    assert organization in await Unsealed(claims).find()  # a new process looks at every organization
    await seal(committed, organization)
    assert organization not in await Unsealed(claims).find()
    other = (await make_tenant(committed)).organization_id
    async with committed.write(organization, SYSTEM) as slow:
        record_change(slow, ChangeRow("account", new_id(), "slow"))
        await slow.driver.fetchval("SELECT pg_current_xact_id()::text")
        await write(committed, organization, "b")
        await write(committed, other, "c")
        await seal(committed, organization)
        found = await unsealed.find()
        assert organization not in found
        assert other in found
    assert organization in await unsealed.find()
    assert organization in await Unsealed(claims).find()


async def test_the_service_cannot_change_what_is_sealed(committed: Database, organization: UUID) -> None:
    await write(committed, organization, "a")
    await seal(committed, organization)
    for statement in (
        "UPDATE change_seals SET position = 7",
        "DELETE FROM change_seals",
        "UPDATE change_seals SET sha256 = ''",
        "UPDATE change_log SET event = 'x'",
        "UPDATE change_log SET actor_name = 'x'",
        "DELETE FROM change_log",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with committed.write(organization, SYSTEM) as session:
                await session.driver.execute(statement)


def test_a_snapshot_is_read_and_written() -> None:
    assert str(Snapshot.parse("10:20:10,14")) == "10:20:10,14"
    assert str(Snapshot(20)) == "20:20:"


def test_a_pass_that_was_cut_off_counts_below_the_cut_only() -> None:
    seen, now = Snapshot(100, (40, 60, 90)), Snapshot(200, (60, 150))
    assert advanced(seen, now, 50) == Snapshot(100, (60, 90))
    assert advanced(seen, now, 90) == Snapshot(100, (60, 90))
    assert advanced(seen, now, 120) == Snapshot(120, (60,))
    assert advanced(seen, now, 180) == Snapshot(180, (60, 150))
