"""What the sweeper counts now and then for the metrics: work that waits for a person, in all organizations together."""

from __future__ import annotations

import time

from app.dunning.messages.queries import count_messages
from app.infra import job_leases
from app.infra.mail.outbox import count_emails
from workers.runner import Services

EVERY_SECONDS = 60.0


class Figures:
    """Dead jobs, and messages of which nobody knows whether they left. No tenant, no id."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._found: dict[str, int] = {}
        self._counted_at = float("-inf")

    async def look(self) -> dict[str, int]:
        """The figures, counted anew when they are older than a minute: one short read an organization."""
        if time.monotonic() - self._counted_at >= EVERY_SECONDS:
            self._found = await self._count()
            self._counted_at = time.monotonic()
        return self._found

    async def _count(self) -> dict[str, int]:
        async with self._services.claims.across() as driver:
            dead = await job_leases.count_dead(driver)
            organizations = [row["id"] for row in await driver.fetch("SELECT id FROM organizations ORDER BY id")]
        unknown = 0
        for organization_id in organizations:
            async with self._services.database.read(organization_id) as session:
                unknown += (await count_emails(session)).get("unknown", 0)
                unknown += (await count_messages(session)).get("unknown", 0)
        return {"dead_jobs": dead, "unknown_outcomes": unknown}
