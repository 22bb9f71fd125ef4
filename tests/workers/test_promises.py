"""Promises in the background: sealed money decides them through the cursor, and the night breaks what waited."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from app.collections.rule_versions import add_version
from app.collections.rules import EscalationRule
from app.core.clock import business_date, utc_now
from app.infra.database import Database
from app.infra.jobs import GiveUp, owe
from app.infra.reactions import announcer
from app.infra.seal import seal
from app.promises.make import MakePromise, make_promise
from app.promises.queries import get_promise
from tests.factories import Tenant, make_tenant
from tests.receivables import issue, pay, settle
from workers import collections, promises, reactions
from workers.drain import drain
from workers.nightly import NIGHTLY
from workers.reactions import SUBSCRIBERS
from workers.registry import HANDLERS
from workers.runner import Services

TODAY = business_date(utc_now(), "Europe/Berlin")


@pytest.fixture
async def own(committed: Database) -> Tenant:
    return await make_tenant(committed)


async def promised(database: Database, own: Tenant, made_days_ago: int, promised_days_ago: int) -> tuple[UUID, UUID]:
    """An instalment of 500.00 and a promise for it."""
    async with database.write(own.organization_id, own.actor) as session:
        _, owed = await issue(session, own, 50_000, TODAY - timedelta(days=90))
        made = TODAY - timedelta(days=made_days_ago)
        command = MakePromise(own.account_id, "EUR", TODAY - timedelta(days=promised_days_ago), 50_000,
                              [(owed, None)], made_on=made)  # fmt: skip
        return owed, await make_promise(session, command, today=made)


async def status(database: Database, own: Tenant, promise_id: UUID) -> str:
    async with database.read(own.organization_id) as session:
        return (await get_promise(session, promise_id)).status


def test_the_workers_know_promises_and_collections() -> None:
    assert {promises.SUBSCRIBER, collections.SUBSCRIBER} <= set(SUBSCRIBERS)
    assert len({subscriber.name for subscriber in SUBSCRIBERS}) == len(SUBSCRIBERS)
    assert {promises.NIGHT, collections.NIGHT} <= set(NIGHTLY)
    assert {"reaction", "collections.assign", *NIGHTLY} <= set(HANDLERS)


async def test_sealed_money_keeps_a_promise(services: Services, committed: Database, own: Tenant) -> None:
    owed, promise_id = await promised(committed, own, 0, -5)
    async with committed.write(own.organization_id, own.actor) as session:
        await settle(session, await pay(session, own, 50_000, TODAY), owed, 50_000, TODAY)
    assert await status(committed, own, promise_id) == "open"
    await seal(committed, own.organization_id, announce=announcer([promises.SUBSCRIBER]))
    handlers = {"reaction": reactions.handle}
    await drain(services, handlers)
    assert await status(committed, own, promise_id) == "kept"
    async with committed.write(own.organization_id, own.actor) as session:
        owe(session, "reaction", "promises")
    await drain(services, handlers)
    assert await status(committed, own, promise_id) == "kept"


async def test_the_night_breaks_what_waited(services: Services, committed: Database, own: Tenant) -> None:
    _, late = await promised(committed, own, 30, 20)
    _, young = await promised(committed, own, 1, 0)
    async with committed.write(own.organization_id, own.actor) as session:
        owe(session, promises.NIGHT, TODAY.isoformat())
    await drain(services, {promises.NIGHT: promises.handle_night})
    assert await status(committed, own, late) == "broken"
    assert await status(committed, own, young) == "open"
    async with committed.write(own.organization_id, own.actor) as session:
        owe(session, promises.NIGHT, "tonight")
    with pytest.raises(GiveUp):
        await drain(services, {promises.NIGHT: promises.handle_night})
    async with committed.write(own.organization_id, own.actor) as session:
        await session.driver.execute("DELETE FROM jobs WHERE organization_id = $1", own.organization_id)


async def test_the_night_escalates_once(services: Services, committed: Database, own: Tenant) -> None:
    await promised(committed, own, 30, 20)
    async with committed.write(own.organization_id, own.actor) as session:
        rule = EscalationRule("old", "Old", days_past_due=30)
        await add_version(session, "escalation", [rule], valid_from=TODAY, note=None)
    for _ in range(2):
        async with committed.write(own.organization_id, own.actor) as session:
            owe(session, collections.NIGHT, TODAY.isoformat())
        await drain(services, {collections.NIGHT: collections.handle_night})
    async with committed.read(own.organization_id) as session:
        assert await session.driver.fetchval("SELECT count(*) FROM escalations") == 1
