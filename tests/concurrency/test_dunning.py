"""Runs, approvals and messages at once, with real commits."""

from __future__ import annotations

import asyncio
from datetime import date
from uuid import UUID

from app.core.errors import DomainError
from app.dunning.deciding import approve_notices
from app.dunning.notices import take_for_sending
from app.dunning.runs import StartRun, plan_next, start_run
from app.infra.database import Database
from tests.dunning_story import LEVELS, email, noon, owed, reachable, use_policy
from tests.factories import Tenant, make_tenant

DAY = date(2026, 3, 10)


async def prepared(database: Database, *, approval: bool = False) -> Tenant:
    tenant = await make_tenant(database)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await use_policy(session, [email(5, approval=True)] if approval else LEVELS)
        await reachable(session, tenant)
        for _ in range(3):
            await owed(session, tenant, 10_000)
    return tenant


async def plan(database: Database, tenant: Tenant, kind: str = "on_demand") -> UUID:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        run_id, _ = await start_run(session, StartRun(kind, DAY), today=DAY)
        while await plan_next(session, run_id, today=DAY):
            pass
        return run_id


async def counted(database: Database, tenant: Tenant, sql: str) -> int:
    async with database.read(tenant.organization_id) as session:
        return int(await session.driver.fetchval(sql, tenant.organization_id))


async def test_a_run_started_many_times_at_once_plans_once(committed: Database) -> None:
    tenant = await prepared(committed)
    runs = await asyncio.gather(*[plan(committed, tenant) for _ in range(6)])
    assert len(set(runs)) >= 1
    assert await counted(committed, tenant, "SELECT count(*) FROM dunning_notices WHERE organization_id = $1") == 1
    assert await counted(committed, tenant, "SELECT count(*) FROM dunning_notice_items WHERE organization_id = $1") == 3


async def test_the_night_is_one_run_however_many_start_it(committed: Database) -> None:
    tenant = await prepared(committed)
    assert len(set(await asyncio.gather(*[plan(committed, tenant, "nightly") for _ in range(4)]))) == 1
    assert await counted(committed, tenant, "SELECT count(*) FROM dunning_runs WHERE organization_id = $1") == 1


async def test_the_night_and_a_run_on_demand_plan_once(committed: Database) -> None:
    tenant = await prepared(committed)
    found = await asyncio.gather(
        *[plan(committed, tenant, kind) for kind in ("nightly", "on_demand") * 3], return_exceptions=True
    )
    assert all(isinstance(one, UUID | DomainError) for one in found), found
    assert await counted(committed, tenant, "SELECT count(*) FROM dunning_notices WHERE organization_id = $1") == 1


async def test_a_notice_is_approved_and_taken_once(committed: Database) -> None:
    tenant = await prepared(committed, approval=True)
    run_id = await plan(committed, tenant)
    async with committed.read(tenant.organization_id) as session:
        notice_id = await session.driver.fetchval("SELECT id FROM dunning_notices WHERE run_id = $1", run_id)

    async def approve() -> str:
        async with committed.write(tenant.organization_id, tenant.actor) as session:
            (found,) = await approve_notices(session, [notice_id], now=noon(DAY))
            return found.outcome

    async def take() -> int:
        async with committed.write(tenant.organization_id, tenant.actor) as session:
            return len(await take_for_sending(session, [notice_id]))

    assert sorted(await asyncio.gather(*[approve() for _ in range(4)])) == ["approved"] + ["not_pending"] * 3
    assert sum(await asyncio.gather(*[take() for _ in range(4)])) == 1
