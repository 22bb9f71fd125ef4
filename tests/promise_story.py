"""One account of a tenant on the days of a story: what it owes, promises and pays."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from app.promises.holds import held_by_promise
from app.promises.make import MakePromise, make_promise
from app.promises.models import PaymentPlan, Promise
from app.promises.plans import ProposePlan, activate_plan, propose_plan
from app.promises.queries import get_plan, get_promise, plan_parts
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.moving_clock import Clock
from tests.receivables import issue, pay, settle

JANUARY_5 = date(2026, 1, 5)
MONDAY, THURSDAY, FRIDAY = date(2026, 3, 9), date(2026, 3, 12), date(2026, 3, 13)
NEXT_MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 16), date(2026, 3, 17), date(2026, 3, 18)


class Story:
    """One account of a tenant, on a day of the story."""

    def __init__(self, database: RolledBackDatabase, tenant: Tenant) -> None:
        self.database, self.tenant = database, tenant
        self.clock = Clock(database, tenant, MONDAY)

    def write(self) -> Any:
        return self.database.write(self.tenant.organization_id, self.tenant.actor)

    async def owes(self, minor: int, **more: Any) -> UUID:
        async with self.write() as session:
            return (await issue(session, self.tenant, minor, JANUARY_5, **more))[1]

    async def promises(self, amount: int | None, promised: date, *items: UUID, **more: Any) -> UUID:
        named = [(item, None) for item in items]
        facts: dict[str, Any] = {"amount_minor": amount, "items": named, **more}
        command = MakePromise(self.tenant.account_id, "EUR", promised, **facts)
        async with self.write() as session:
            return await make_promise(session, command, today=self.clock.today)

    async def pays(self, minor: int, on: date, item: UUID | None = None, **more: Any) -> UUID:
        async with self.write() as session:
            payment = await pay(session, self.tenant, minor, on, **more)
            if item is not None:
                await settle(session, payment, item, minor, on)
        await self.clock.react()
        return payment

    async def state(self, promise_id: UUID) -> tuple[str, int, date | None]:
        found = await self.promise(promise_id)
        return found.status, found.kept_minor, found.decided_on

    async def promise(self, promise_id: UUID) -> Promise:
        async with self.database.read(self.tenant.organization_id) as session:
            return await get_promise(session, promise_id)

    async def plan(self, plan_id: UUID) -> tuple[PaymentPlan, list[tuple[str, int]]]:
        async with self.database.read(self.tenant.organization_id) as session:
            parts = await plan_parts(session, plan_id)
            return await get_plan(session, plan_id), [(part.status, part.paid_minor) for part in parts]

    async def held(self, *items: UUID) -> dict[UUID, int]:
        async with self.database.read(self.tenant.organization_id) as session:
            holds = await held_by_promise(session, items, self.clock.today)
        return {item: hold.held_minor for item, hold in holds.items()}

    async def propose(self, *items: UUID, **more: Any) -> UUID:
        command = ProposePlan(self.tenant.account_id, "EUR", items, **more)
        async with self.write() as session:
            return await propose_plan(session, command, today=self.clock.today)

    async def activate(self, plan_id: UUID) -> None:
        async with self.write() as session:
            await activate_plan(session, plan_id, today=self.clock.today)
