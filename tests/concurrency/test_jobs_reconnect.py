"""Pools outlive a restart of PostgreSQL: a dead connection is replaced, not handed out for ever."""

from __future__ import annotations

import asyncio

import asyncpg

from app.infra.database import SYSTEM, Database
from tests.factories import make_tenant


async def test_a_pool_recovers_when_the_server_has_closed_its_connections(committed: Database, owner_url: str) -> None:
    tenant = await make_tenant(committed)
    async with committed.read(tenant.organization_id) as session:
        pid = await session.driver.fetchval("SELECT pg_backend_pid()")
    administrator = await asyncpg.connect(owner_url)
    await administrator.execute("SELECT pg_terminate_backend($1)", pid)
    await administrator.close()
    await asyncio.sleep(0.1)  # the driver notices
    for _ in range(3):
        async with committed.write(tenant.organization_id, SYSTEM) as session:
            assert await session.driver.fetchval("SELECT 1") == 1
