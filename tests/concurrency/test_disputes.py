"""Rivals over one dispute and one instalment: nothing is disputed twice, credited twice, or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from uuid import UUID

from app.core.errors import DomainError
from app.disputes import casework, queries, resolving
from app.disputes.resolving import CreditOrder
from app.infra.database import SYSTEM, Database, WriteSession
from tests.disputing import dispute, follow_events, person
from tests.factories import Tenant, make_tenant
from tests.receivables import issue, pay, settle, value

MARCH_2 = date(2026, 3, 2)
ALL = ("disputes:read", "all-disputes:read", "disputes:write", "invoices:write")


async def together(
    database: Database, tenant: Tenant, *works: Callable[[WriteSession], Awaitable[object]]
) -> list[str]:
    """Each in a transaction of its own, at the same time; "done", or the code of the refusal."""

    async def one(number: int, work: Callable[[WriteSession], Awaitable[object]]) -> str:
        try:
            async with database.write(tenant.organization_id, person(f"Rival {number}", *ALL, limit=None)) as session:
                await work(session)
        except DomainError as refusal:
            return refusal.code
        return "done"

    return sorted(await asyncio.gather(*(one(number, work) for number, work in enumerate(works))))


async def opened(database: Database, minor: int) -> tuple[Tenant, UUID, UUID]:
    tenant = await make_tenant(database)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, owed = await issue(session, tenant, 10_000, MARCH_2)
        made = await dispute(session, (owed, minor), on=MARCH_2)
    return tenant, owed, made


async def test_of_two_collectors_who_edit_the_same_dispute_one_is_stale(committed: Database) -> None:
    tenant, _, made = await opened(committed, 4_000)

    def edit(text: str) -> Callable[[WriteSession], Awaitable[object]]:
        return lambda session: casework.edit_dispute(
            session, made, {"description": text}, today=MARCH_2, expected_version=1
        )

    results = await together(committed, tenant, *(edit(f"text {n}") for n in range(6)))
    assert results == ["done", *["stale_version"] * 5]


async def test_an_instalment_is_never_disputed_for_more_than_is_open(committed: Database) -> None:
    tenant, owed, _ = await opened(committed, 4_000)
    works = [lambda session: dispute(session, (owed, 2_500), on=MARCH_2) for _ in range(6)]
    results = await together(committed, tenant, *works)
    assert results == ["dispute.too_much"] * 4 + ["done"] * 2
    async with committed.read(tenant.organization_id) as session:
        assert await queries.disputed_by_instalment(session, [owed]) == {owed: 9_000}


async def test_a_dispute_is_credited_once(committed: Database) -> None:
    tenant, owed, made = await opened(committed, 4_000)

    def credit(number: int) -> Callable[[WriteSession], Awaitable[object]]:
        order = CreditOrder(MARCH_2, credit_memo_number=f"GS-{number}")
        return lambda session: resolving.credit_dispute(session, made, order, today=MARCH_2, expected_version=None)

    results = await together(committed, tenant, *(credit(number) for number in range(5)))
    assert results.count("done") == 1, results
    async with committed.read(tenant.organization_id) as session:
        assert await value(session, "instalments", owed, "open_minor") == 6_000
        sql = "SELECT count(*) FROM credit_memos WHERE organization_id = $1"
        assert await session.driver.fetchval(sql, tenant.organization_id) == 1


async def test_money_and_a_credit_at_once_leave_the_books_whole(committed: Database) -> None:
    tenant, owed, made = await opened(committed, 10_000)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        payment = await pay(session, tenant, 10_000, MARCH_2)
    order = CreditOrder(MARCH_2)
    results = await together(
        committed,
        tenant,
        lambda session: settle(session, payment, owed, 10_000, MARCH_2),
        lambda session: resolving.credit_dispute(session, made, order, today=MARCH_2, expected_version=None),
    )
    assert results.count("done") == 1, results
    await follow_events(committed, tenant)
    async with committed.write(tenant.organization_id, SYSTEM) as session:
        found = await queries.get_dispute(session, made, SYSTEM)
        assert found.state in ("resolved_paid", "resolved_credited")
        assert found.paid_minor + found.credited_minor == 10_000
        assert await value(session, "instalments", owed, "open_minor") == 0
