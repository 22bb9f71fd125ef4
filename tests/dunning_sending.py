"""A debtor with something overdue, and what becomes of the reminder: planned, sent, looked at."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from app.dunning.messages.compose import plan_messages
from app.dunning.messages.delivery import Delivery
from app.dunning.messages.email import EmailTransport
from app.infra.database import Database
from app.infra.mail.smtp import mailer_of, smtp_server
from app.settings import Settings
from tests.dunning_story import LEVELS, MARCH_1, noon, owed, reachable, run_on, use_policy
from tests.factories import Tenant

DAY = MARCH_1 + timedelta(days=8)  # a Monday
NOW = noon(DAY)


class Story:
    """A debtor with something overdue, and what becomes of its reminder."""

    def __init__(self, database: Database, tenant: Tenant, settings: Settings) -> None:
        self.database, self.tenant, self.settings = database, tenant, settings
        self.contact_id: UUID | None = None

    async def begin(
        self, minor: int = 10_000, *, day: date = DAY, due: date = MARCH_1, steps: Any = LEVELS, **contact: Any
    ) -> UUID:
        """A policy, a contact, an overdue invoice, a run of that day."""
        async with self.database.write(self.tenant.organization_id, self.tenant.actor) as session:
            if self.contact_id is None:
                await use_policy(session, steps)
                self.contact_id = await reachable(session, self.tenant, **contact)
            await owed(session, self.tenant, minor, due)
            return await run_on(session, day)

    async def plan(self, now: datetime = NOW) -> int:
        """Make the messages."""
        return await plan_messages(self.database, self.settings, self.tenant.organization_id, None, now)

    def delivery(self, now: datetime = NOW, transport: Any = None) -> Delivery:
        """A run of sending."""
        if transport is None:
            server = smtp_server(self.settings)
            assert server is not None
            mailer = mailer_of(server)
            transport = EmailTransport(self.database, self.settings, self.tenant.organization_id, mailer)
        return Delivery(self.database, self.tenant.organization_id, "email", transport, 5.0, now=lambda: now)

    async def rows(self, sql: str) -> list[Any]:
        """What stands there."""
        async with self.database.read(self.tenant.organization_id) as session:
            return list(await session.driver.fetch(sql, self.tenant.organization_id))

    async def message(self) -> Any:
        """The only message."""
        (row,) = await self.rows("SELECT * FROM dunning_messages WHERE organization_id = $1")
        return row

    async def notice_states(self) -> list[str]:
        """States of the notices."""
        rows = await self.rows("SELECT state FROM dunning_notices WHERE organization_id = $1 ORDER BY id")
        return [row["state"] for row in rows]
