"""A day of an organization in a scenario: what a worker would do with the events so far, as of a date of the story."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from app.infra.database import SYSTEM, Database
from app.infra.reactions import Event, event_of
from app.promises.evaluation import evaluate_past_deadline, evaluate_touched
from tests.factories import Tenant
from workers.promises import EVENTS as PROMISE_EVENTS
from workers.promises import touched_by


class Clock:
    """Reads the change log of one tenant on and lets promises react, as of `today`."""

    def __init__(self, database: Database, tenant: Tenant, today: date) -> None:
        self.database = database
        self.tenant = tenant
        self.today = today
        self._seen: set[UUID] = set()

    async def new_events(self) -> list[Event]:
        """What was written since the last call, in the order of writing."""
        async with self.database.read(self.tenant.organization_id) as session:
            rows = await session.driver.fetch(
                "SELECT * FROM change_log WHERE organization_id = $1 ORDER BY id", session.organization_id
            )
        fresh = [row for row in rows if row["id"] not in self._seen]
        self._seen |= {row["id"] for row in fresh}
        return [event_of(row, position) for position, row in enumerate(fresh, 1)]

    async def react(self) -> None:
        """The reaction of promises to the events of money so far."""
        events = [event for event in await self.new_events() if event.type in PROMISE_EVENTS]
        if events:
            async with self.database.write(self.tenant.organization_id, SYSTEM) as session:
                await evaluate_touched(session, touched_by(events), self.today)

    async def night_before(self, today: date) -> None:
        """Go on to the next day: its early morning decides what waited until the evening before."""
        await self.react()
        self.today = today
        async with self.database.write(self.tenant.organization_id, SYSTEM) as session:
            await evaluate_past_deadline(session, today)

    async def event_types(self, entity_type: str) -> list[str]:
        """All events of a kind of record, in order."""
        async with self.database.read(self.tenant.organization_id) as session:
            rows = await session.driver.fetch(
                "SELECT event FROM change_log WHERE organization_id = $1 AND entity_type = $2 ORDER BY id",
                session.organization_id, entity_type,
            )  # fmt: skip
        return [row["event"] for row in rows]
