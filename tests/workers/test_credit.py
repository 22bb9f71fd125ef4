"""Credit in the workers: the night of every account, and what an event changes at once."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from app.core.clock import utc_now
from app.core.ids import new_id
from app.infra.database import SYSTEM, Database
from app.infra.nightly import owe_night
from app.infra.reactions import Event, react
from app.infra.seal import seal
from tests.factories import Tenant, make_tenant
from tests.receivables import issue, pay, settle
from workers import credit
from workers.drain import drain
from workers.nightly import NIGHTLY
from workers.reactions import SUBSCRIBERS
from workers.registry import HANDLERS
from workers.runner import Services


@pytest.fixture
async def own(committed: Database) -> Tenant:
    return await make_tenant(committed)


async def _status(database: Database, tenant: Tenant) -> str:
    async with database.read(tenant.organization_id) as session:
        return str(await session.driver.fetchval("SELECT credit_status FROM accounts WHERE id = $1", tenant.account_id))


async def _late(database: Database, tenant: Tenant, today: date) -> UUID:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return (await issue(session, tenant, 100_00, today - timedelta(days=200)))[1]


def test_the_night_and_the_subscriber_are_known_to_the_workers() -> None:
    assert NIGHTLY[credit.KIND] is credit.night
    assert credit.SUBSCRIBER in SUBSCRIBERS


async def test_the_night_evaluates_as_of_its_business_date(services: Services, own: Tenant) -> None:
    night = date(2026, 6, 15)
    await _late(services.database, own, night)
    async with services.database.write(own.organization_id, SYSTEM) as session:
        await owe_night(session, [credit.KIND], night)
    await drain(services, {credit.KIND: credit.night})
    assert await _status(services.database, own) == "stop"
    async with services.database.read(own.organization_id) as session:
        evaluated = await session.driver.fetchval("SELECT evaluated_on FROM credit_profiles")
    assert evaluated == night


async def test_events_change_the_status_without_a_night(services: Services, own: Tenant) -> None:
    database, today = services.database, utc_now().date()
    item = await _late(database, own, today)

    async def worker() -> str:
        await seal(database, own.organization_id)
        async with database.write(own.organization_id, SYSTEM) as session:
            await react(session, credit.SUBSCRIBER)
        return await _status(database, own)

    assert await worker() == "stop"
    async with database.write(own.organization_id, own.actor) as session:
        await settle(session, await pay(session, own, 100_00, today), item, 100_00, today)
    assert await worker() == "ok"


async def test_a_load_of_many_documents_is_evaluated_once_a_while_later(services: Services, own: Tenant) -> None:
    database, today = services.database, utc_now().date()
    await _late(database, own, today)
    event = Event(
        1, new_id(), "invoice.issued", "account", own.account_id, today, utc_now(), "system", None, None, {}, {}
    )
    for _ in range(3):
        async with database.write(own.organization_id, SYSTEM) as session:
            await credit.react(session, [event] * credit.BULK_EVENTS)
    assert await _status(database, own) == "ok"
    assert HANDLERS[credit.BULK] is credit.bulk
    async with database.write(own.organization_id, SYSTEM) as session:
        jobs = await session.driver.fetch("SELECT key, run_at FROM jobs WHERE kind = $1", credit.BULK)
        assert {row["key"] for row in jobs} == {"all"}
        assert all(row["run_at"] > utc_now() for row in jobs)
        await session.driver.execute(
            "UPDATE jobs SET run_at = now() - interval '1 second' WHERE kind = $1", credit.BULK
        )
    await drain(services, {credit.BULK: credit.bulk})
    assert await _status(database, own) == "stop"
