"""A migration beside a running service: what waits for a table lets others pass, and what was killed is run again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.infra.connection import driver_url
from app.infra.migrate import _config, migrate
from tests.conftest import _database_url, _execute

BEFORE = "20261122_0002_collections_desk"  # of an installation that is in use
TRANSACTIONAL = "20261122_0003_dunning_forecasts"
ONLINE = "20261122_0004_dunning_online"
BEFORE_POLICIES = "20261122_0005_data_scope"
WAITS = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"
UNFINISHED = """
SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid
UNION ALL SELECT conname FROM pg_constraint WHERE NOT convalidated
"""
POLICIES = "SELECT count(*) FROM pg_policies WHERE policyname = 'data_scope'"
IN_USE = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_transfers_organization_id_payment_id'::regclass"


async def _to(url: str, revision: str) -> None:
    def step(connection: Connection) -> None:
        command.upgrade(_config(connection), revision)

    engine = create_async_engine(driver_url(url))
    async with engine.connect() as connection:
        await connection.run_sync(step)
    await engine.dispose()


@pytest.fixture
async def installed(owner_url: str) -> AsyncIterator[str]:
    """The URL of a database of the revision before."""
    name = f"{urlsplit(owner_url).path.removeprefix('/')}_online"
    url = _database_url(owner_url, name)
    await _execute(owner_url, f"CREATE DATABASE {name}")
    await _to(url, BEFORE)
    yield url
    await _execute(owner_url, f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_table_in_use_stays_open_to_others_and_the_migration_comes_through(installed: str) -> None:
    reader, other = await asyncpg.connect(installed), await asyncpg.connect(installed)
    reading = reader.transaction()
    await reading.start()
    await reader.execute("SELECT 1 FROM legal_entities")  # a long report
    migrating = asyncio.create_task(asyncio.to_thread(asyncio.run, migrate(installed)))
    while not await other.fetchval(WAITS):
        assert not migrating.done(), "the revision has to change the table that is read"
        await asyncio.sleep(0.02)
    # Behind a lock that is waited for, this would wait until the report ends, which here it does not.
    await asyncio.wait_for(other.execute("UPDATE legal_entities SET name = name"), 60)
    assert not migrating.done()
    await reading.rollback()
    await migrating
    assert await other.fetch(UNFINISHED) == []
    policies = await other.fetchval(POLICIES)
    await other.execute("DROP POLICY data_scope ON invoices")  # as if it had been killed half-way
    await other.execute("UPDATE alembic_version SET version_num = $1", BEFORE_POLICIES)
    await migrate(installed)
    assert await other.fetchval(POLICIES) == policies > 100
    await reader.close()
    await other.close()


async def test_an_index_that_was_left_half_built_is_built_again(installed: str) -> None:
    await _to(installed, ONLINE)
    connection = await asyncpg.connect(installed)
    await connection.execute(IN_USE)
    await connection.execute("UPDATE alembic_version SET version_num = $1", TRANSACTIONAL)
    assert len(await connection.fetch(UNFINISHED)) == 1
    await _to(installed, ONLINE)
    assert await connection.fetch(UNFINISHED) == []
    await connection.close()
