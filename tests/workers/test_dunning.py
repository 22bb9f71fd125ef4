"""Dunning in the background: nights by the calendar, work carried out, notices that follow sealed events."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from app.core.clock import business_date, utc_now
from app.dunning.notices import mark_sent
from app.dunning.policy.shipped import StepDraft
from app.dunning.runs import StartRun, plan_next, start_run
from app.infra.database import Database
from app.infra.jobs import owe
from app.infra.reactions import announcer
from app.infra.seal import seal
from tests.dunning_story import LEVELS, owed, reachable, use_policy
from tests.factories import Tenant, make_tenant
from tests.receivables import pay, settle
from workers import dunning, reactions
from workers.drain import drain
from workers.nightly import NIGHTLY
from workers.reactions import SUBSCRIBERS
from workers.registry import HANDLERS
from workers.runner import Services

TODAY = business_date(utc_now(), "Europe/Berlin")


@pytest.fixture
async def own(committed: Database) -> Tenant:
    return await make_tenant(committed)


async def rows(database: Database, own: Tenant, sql: str) -> list[Any]:
    async with database.read(own.organization_id) as session:
        return list(await session.driver.fetch(sql, own.organization_id))


async def night(services: Services, own: Tenant, day: date) -> None:
    async with services.database.write(own.organization_id, own.actor) as session:
        owe(session, dunning.NIGHT, day.isoformat())
    await drain(services, {dunning.NIGHT: dunning.handle_night})


def test_the_workers_know_dunning() -> None:
    assert dunning.SUBSCRIBER in SUBSCRIBERS
    assert dunning.NIGHT in NIGHTLY
    assert {"dunning.run", "dunning.work", "dunning.compare", "dunning.message", dunning.NIGHT} <= set(HANDLERS)


async def test_nights_run_on_business_days_once_a_policy_is_assigned(
    services: Services, committed: Database, own: Tenant
) -> None:
    saturday, monday = date(2026, 3, 7), date(2026, 3, 9)
    async with committed.write(own.organization_id, own.actor) as session:
        await owed(session, own, 10_000, date(2026, 2, 20))
        await reachable(session, own)
    nights = "SELECT business_date, notices FROM dunning_runs WHERE organization_id = $1"
    await night(services, own, date(2026, 3, 6))
    assert await rows(committed, own, nights) == []
    async with committed.write(own.organization_id, own.actor) as session:
        await use_policy(session, LEVELS)
    await night(services, own, saturday)
    assert await rows(committed, own, nights) == []
    for _ in range(2):
        await night(services, own, monday)
    assert [tuple(row) for row in await rows(committed, own, nights)] == [(monday, 1)]


async def test_sealed_money_resolves_and_a_worker_carries_work_out(
    services: Services, committed: Database, own: Tenant
) -> None:
    async with committed.write(own.organization_id, own.actor) as session:
        await use_policy(session, [StepDraft("Call", "call_task", 5)], since=TODAY)
        item = await owed(session, own, 10_000, TODAY - timedelta(days=9))
        run_id, _ = await start_run(session, StartRun("on_demand", TODAY), today=TODAY)
        await plan_next(session, run_id, today=TODAY)
    await drain(services, {"dunning.work": dunning.handle_work})
    states = "SELECT state, result_kind FROM dunning_notices WHERE organization_id = $1"
    assert [tuple(row) for row in await rows(committed, own, states)] == [("done", "collection_action")]
    async with committed.write(own.organization_id, own.actor) as session:
        payment = await pay(session, own, 10_000, TODAY)
        await settle(session, payment, item, 10_000, TODAY)
    await react(services, own)
    assert [row["state"] for row in await rows(committed, own, states)] == ["resolved"]


async def test_what_changed_before_it_went_out_is_planned_anew(
    services: Services, committed: Database, own: Tenant
) -> None:
    async with committed.write(own.organization_id, own.actor) as session:
        await use_policy(session, LEVELS, since=TODAY)
        await reachable(session, own)
        item = await owed(session, own, 10_000, TODAY - timedelta(days=9))
        run_id, _ = await start_run(session, StartRun("on_demand", TODAY), today=TODAY)
        await plan_next(session, run_id, today=TODAY)
    async with committed.write(own.organization_id, own.actor) as session:
        payment = await pay(session, own, 4_000, TODAY)
        await settle(session, payment, item, 4_000, TODAY)
    for _ in range(2):
        await react(services, own)
        await drain(services, {"dunning.run": dunning.handle_run})
    found = await rows(
        committed,
        own,
        "SELECT id, state, reason, total_minor FROM dunning_notices WHERE organization_id = $1 ORDER BY id",
    )
    assert [(row["state"], row["reason"], row["total_minor"]) for row in found] == [
        ("cancelled", "changed", 10_000), ("approved", None, 6_000),
    ]  # fmt: skip
    async with committed.write(own.organization_id, own.actor) as session:
        assert await mark_sent(session, [found[1]["id"]], TODAY) == {found[1]["id"]}


async def react(services: Services, own: Tenant) -> None:
    """Seal what was written and let dunning read it."""
    await seal(services.database, own.organization_id, announce=announcer([dunning.SUBSCRIBER]))
    await drain(services, {"reaction": reactions.handle})
