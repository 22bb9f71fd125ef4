"""Two orders at once over one limit, with real commits."""

from __future__ import annotations

import asyncio
from datetime import date

from app.credit.checks import CheckOrder, check_order
from app.infra.database import Database
from tests.factories import make_tenant
from tests.receivables import add_account

TODAY = date(2026, 6, 15)


async def test_of_two_reserved_orders_at_once_the_second_sees_the_first(committed: Database) -> None:
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute("UPDATE accounts SET credit_limit_minor = 100")

    async def order(number: int) -> str:
        command = CheckOrder(tenant.account_id, 60, "EUR", "gp", f"SO-{number}", reserve=True)
        async with committed.write(tenant.organization_id, tenant.actor) as session:
            return (await check_order(session, command, TODAY)).outcome

    assert sorted(await asyncio.gather(*[order(number) for number in range(6)])) == ["approve"] + ["refer"] * 5


async def test_members_of_one_parent_share_its_room_when_they_order_at_once(committed: Database) -> None:
    """The limit stands in the middle of the group; the orders come from different members below it."""
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        parent = await add_account(session, "MID", parent_id=tenant.account_id)
        members = [await add_account(session, f"M-{number}", parent_id=parent) for number in range(6)]
        await session.driver.execute("UPDATE accounts SET credit_limit_minor = 100 WHERE id = $1", parent)

    async def order(number: int) -> str:
        command = CheckOrder(members[number], 60, "EUR", "gp", f"SO-{number}", reserve=True)
        async with committed.write(tenant.organization_id, tenant.actor) as session:
            return (await check_order(session, command, TODAY)).outcome

    assert sorted(await asyncio.gather(*[order(number) for number in range(6)])) == ["approve"] + ["refer"] * 5
