"""Reads of one statement: the tenant holds for the statement alone, and no accident spoils the connections."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from app.core.ids import new_id
from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database, Lookup
from tests.factories import make_tenant

ACCOUNTS = "SELECT id, organization_id FROM accounts WHERE organization_id = $1"
TENANT = "SELECT nullif(current_setting('app.organization_id', true), '') AS tenant, $1::uuid AS asked"


async def test_only_rows_of_the_tenant_that_was_named(committed: Database) -> None:
    ours, others = await make_tenant(committed), await make_tenant(committed)
    for tenant in (ours, others, ours):
        rows = await Lookup(committed, tenant.organization_id).fetch(ACCOUNTS, tenant.organization_id)
        assert {row["organization_id"] for row in rows} == {tenant.organization_id}


async def test_row_security_holds_whatever_the_statement_asks(committed: Database) -> None:
    ours, others = await make_tenant(committed), await make_tenant(committed)
    query = f"SELECT id FROM accounts WHERE organization_id <> $1 OR id = '{others.account_id}'"
    assert await committed.look_up(query, ours.organization_id) == []


async def test_nothing_of_the_tenant_stays_behind(committed: Database) -> None:
    assert committed.lookups is not None
    tenant = await make_tenant(committed)
    await committed.look_up(ACCOUNTS, tenant.organization_id)
    connection = committed.lookups._slots.get_nowait()  # the one that was just used
    assert connection is not None
    assert await connection.fetchval("SELECT nullif(current_setting('app.organization_id', true), '')") is None
    assert len(await connection.fetch("SELECT id FROM accounts")) == 0
    committed.lookups._slots.put_nowait(connection)


async def test_json_comes_as_objects(committed: Database) -> None:
    rows = await committed.look_up("SELECT json_build_array($1::uuid, 2) AS a, '{\"b\": 1}'::jsonb AS b", new_id())
    assert rows[0]["a"][1] == 2
    assert rows[0]["b"] == {"b": 1}


async def test_nothing_can_be_written(committed: Database) -> None:
    tenant = await make_tenant(committed)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await committed.look_up(ACCOUNTS + " FOR UPDATE", tenant.organization_id)


async def test_a_refused_a_cancelled_and_a_broken_statement_leave_the_next_ones_well(
    owner_url: str,
) -> None:
    one = Database.connect(DatabaseSettings(driver_url(owner_url), APP_ROLE, pool_size=1))
    try:
        tenant = new_id()
        with pytest.raises(asyncpg.PostgresError):
            await one.look_up("SELECT 1 / 0 WHERE $1::uuid IS NOT NULL", tenant)
        assert len(await one.look_up(TENANT, tenant)) == 1
        sleeping = asyncio.create_task(one.look_up("SELECT pg_sleep(20), $1::uuid", tenant))
        await asyncio.sleep(0.2)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        assert str((await one.look_up(TENANT, tenant))[0]["tenant"]) == str(tenant)
        pid = (await one.look_up("SELECT pg_backend_pid() AS pid, $1::uuid", tenant))[0]["pid"]
        owner = await asyncpg.connect(owner_url)
        await owner.execute("SELECT pg_terminate_backend($1)", pid)
        await owner.close()
        await asyncio.sleep(0.1)
        assert len(await one.look_up(TENANT, tenant)) == 1
    finally:
        await one.close()


async def test_more_readers_than_connections_wait_their_turn(owner_url: str) -> None:
    two = Database.connect(DatabaseSettings(driver_url(owner_url), APP_ROLE, pool_size=2))
    try:
        tenants = [new_id() for _ in range(40)]
        found = await asyncio.gather(*(two.look_up(TENANT, tenant) for tenant in tenants))
        assert [str(rows[0]["tenant"]) for rows in found] == [str(tenant) for tenant in tenants]
    finally:
        await two.close()
