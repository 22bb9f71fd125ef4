"""Words about people go out of the change log; its chain stays whole, and what is done behind its back is found."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.change_log_erasure import ChangeLogDamaged, Words, erase_words
from app.infra.database import SYSTEM, Database
from app.infra.seal import PLAIN_DIGEST, Verification, seal, verify_chain
from tests.factories import make_tenant

SUBJECT = UUID(int=7)


@pytest.fixture
async def organization(committed: Database) -> UUID:
    return (await make_tenant(committed)).organization_id


@pytest.fixture
async def owner(owner_url: str) -> asyncpg.Connection:
    """A superuser's connection: can do what the service's role cannot."""
    connection = await asyncpg.connect(owner_url)
    yield connection
    await connection.close()


def redact(words: Words) -> Words:
    """Take out the reason and every note."""
    facts = [None if side is None else {k: v for k, v in side.items() if k != "note"}
             for side in (words.before, words.after)]  # fmt: skip
    return replace(words, reason=None, before=facts[0], after=facts[1])


async def write(database: Database, organization: UUID, *names: str) -> None:
    async with database.write(organization, SYSTEM) as session:
        for name in names:
            facts = {"amount_minor": 5, "note": f"{name} is ill"}
            record_change(session, ChangeRow("dispute", SUBJECT, name, {"note": "before"}, facts, reason=f"for {name}"))
            record_change(session, ChangeRow("dispute", new_id(), f"other.{name}", after=facts, reason="of another"))


async def erase(database: Database, organization: UUID) -> int:
    async with database.write(organization, SYSTEM) as session:
        return await erase_words(session, {"dispute": [SUBJECT]}, redact)


async def verify(database: Database, organization: UUID) -> Verification:
    async with database.read(organization, snapshot=True) as session:
        return await verify_chain(session)


async def rows(owner: asyncpg.Connection, organization: UUID) -> list[asyncpg.Record]:
    return list(await owner.fetch(
        "SELECT c.event, c.reason, c.before::text, c.after::text, s.* FROM change_log c JOIN change_seals s"
        " USING (organization_id, id) WHERE organization_id = $1 ORDER BY s.position", organization,
    ))  # fmt: skip


async def test_the_chain_stays_whole_and_the_words_and_salts_are_gone(
    committed: Database, organization: UUID, owner: asyncpg.Connection
) -> None:
    await write(committed, organization, "Ada", "Grace")
    await seal(committed, organization)
    before = await verify(committed, organization)
    salts = [row["salt"] for row in await rows(owner, organization)]
    assert len(set(salts)) == 4
    assert None not in salts
    assert await erase(committed, organization) == 2
    found = await verify(committed, organization)
    assert (found.first_bad_position, found.erased, found.erasures) == (None, 2, 1)
    assert found.head_sha256 == before.head_sha256, "a head that was kept outside still fits"
    await seal(committed, organization)
    assert await erase(committed, organization) == 0, "nothing is left to be taken out"
    assert (await verify(committed, organization)).first_bad_position is None
    kept = await rows(owner, organization)
    own = [row for row in kept if row["event"] in ("Ada", "Grace")]
    assert [(row["reason"], row["before"], row["after"]) for row in own] == [(None, "{}", '{"amount_minor": 5}')] * 2
    assert {row["salt"] for row in own} == {None}
    assert all("is ill" in row["after"] for row in kept if row["event"].startswith("other"))
    assert kept[-1]["event"] == "change_log.erased"
    # Who guesses the words right cannot tell: the hash that was kept is not that of the row as it was.
    guess = await owner.fetchval(
        f"SELECT {PLAIN_DIGEST} FROM (SELECT c.organization_id, c.id, c.entity_type, c.entity_id, c.event,"
        " c.effective_date, c.actor_kind, c.actor_id, c.actor_name, c.request_id, 'for Ada' AS reason,"
        " jsonb_build_object('note', 'before') AS before,"
        " jsonb_build_object('amount_minor', 5, 'note', 'Ada is ill') AS after, c.recorded_at"
        " FROM change_log c WHERE organization_id = $1 AND event = 'Ada') c", organization,
    )  # fmt: skip
    assert guess != own[0]["row_sha256"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE change_log SET reason = 'for Ada' WHERE event = 'Ada' AND organization_id = :organization",
        "UPDATE change_log SET after = '{\"amount_minor\": 6}' WHERE event = 'Ada' AND organization_id = :organization",
        "UPDATE change_log SET actor_name = 'x' WHERE event = 'Grace' AND organization_id = :organization",
        "DELETE FROM change_log WHERE event = 'Ada' AND organization_id = :organization",
        "DELETE FROM change_log WHERE event = 'change_log.erased' AND organization_id = :organization",
        "UPDATE change_log SET reason = NULL WHERE event = 'other.Ada' AND organization_id = :organization",
        "UPDATE change_seals SET salt = gen_random_uuid() WHERE position = 2 AND organization_id = :organization",
        "UPDATE change_seals SET digest_version = 1 WHERE position = 2 AND organization_id = :organization",
        "UPDATE change_seals SET row_sha256 = sha256('') WHERE position = 1 AND organization_id = :organization",
        "UPDATE change_seals SET erasure_id = NULL, row_sha256 = NULL WHERE position = 1"
        " AND organization_id = :organization",
        # Somebody takes words out of another row and hides behind an erasure that there was, or one that there was not.
        "UPDATE change_seals s SET salt = NULL, erasure_id = e.erasure_id, row_sha256 = sha256(uuid_send(s.salt))"
        " FROM change_seals e WHERE e.organization_id = :organization AND e.position = 1"
        " AND s.organization_id = :organization AND s.position = 2",
        "UPDATE change_seals SET salt = NULL, erasure_id = gen_random_uuid(), row_sha256 = sha256('')"
        " WHERE position = 2 AND organization_id = :organization",
    ],
)  # fmt: skip
async def test_tampering_after_an_erasure_is_found(
    committed: Database, organization: UUID, owner: asyncpg.Connection, statement: str
) -> None:
    await write(committed, organization, "Ada", "Grace")
    await seal(committed, organization)
    await erase(committed, organization)
    await seal(committed, organization)
    assert (await verify(committed, organization)).first_bad_position is None
    done = await owner.execute(statement.replace(":organization", f"'{organization}'"))
    assert done.endswith("1"), done
    assert (await verify(committed, organization)).first_bad_position is not None


async def test_rows_of_the_older_form_and_rows_not_sealed_yet_are_forgotten_too(
    committed: Database, organization: UUID, owner: asyncpg.Connection
) -> None:
    await write(committed, organization, "Ada")
    await seal(committed, organization)
    # As the sealer of an earlier release wrote it: plain hashes, no salt.
    chain, previous = [], bytes(32)
    plain = await owner.fetch(
        f"SELECT c.id, {PLAIN_DIGEST} AS digest FROM change_log c JOIN change_seals s USING (organization_id, id)"
        " WHERE c.organization_id = $1 ORDER BY s.position", organization,
    )  # fmt: skip
    for row in plain:
        previous = await owner.fetchval("SELECT sha256($1::bytea || $2::bytea)", previous, row["digest"])
        chain.append((row["id"], previous))
    await owner.executemany("UPDATE change_seals SET digest_version = 1, salt = NULL, sha256 = $2 WHERE id = $1", chain)
    await owner.execute("UPDATE change_heads SET sha256 = $2 WHERE organization_id = $1", organization, previous)
    assert (await verify(committed, organization)).first_bad_position is None
    await write(committed, organization, "Grace")  # not sealed
    assert await erase(committed, organization) == 2
    found = await verify(committed, organization)
    assert (found.first_bad_position, found.erased) == (None, 1)
    await seal(committed, organization)
    found = await verify(committed, organization)
    assert (found.first_bad_position, found.erased, found.sealed) == (None, 1, 5)
    left = await rows(owner, organization)
    assert [row["reason"] for row in left if row["event"] in ("Ada", "Grace")] == [None, None]
    await owner.execute(
        "UPDATE change_log SET effective_date = '2026-01-01' WHERE event = 'Ada' AND organization_id = $1", organization
    )
    assert (await verify(committed, organization)).first_bad_position == 1


async def test_what_was_tampered_with_is_not_hidden_by_an_erasure(
    committed: Database, organization: UUID, owner: asyncpg.Connection
) -> None:
    await write(committed, organization, "Ada")
    await seal(committed, organization)
    await owner.execute("UPDATE change_log SET after = '{}' WHERE event = 'Ada' AND organization_id = $1", organization)
    with pytest.raises(ChangeLogDamaged):
        await erase(committed, organization)


async def test_without_subjects_nothing_is_written(committed: Database, organization: UUID) -> None:
    async with committed.write(organization, SYSTEM) as session:
        assert await erase_words(session, {}, redact) == 0
        assert await erase_words(session, {"dispute": [new_id()]}, redact) == 0
    assert (await verify(committed, organization)) == Verification(0, 0, None, bytes(32))
