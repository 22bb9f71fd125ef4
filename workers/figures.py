"""What the sweeper counts now and then for the metrics: work that waits for a person, in all organizations together.

Beside its sweeps, which wait for nothing: one short read an organization may be many.
"""

from __future__ import annotations

import asyncio

import structlog

from app.dunning.messages.queries import count_messages
from app.infra import job_leases
from app.infra.mail.outbox import count_emails
from workers.runner import Services

EVERY_SECONDS = 60.0
log = structlog.get_logger(__name__)


class Figures:
    """Dead jobs, and messages of which nobody knows whether they left. No tenant, no id."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.found: dict[str, int] = {"dead_jobs": 0, "unknown_outcomes": 0}

    async def serve(self) -> None:
        """Count once a minute until cancelled; a database that does not answer is asked again."""
        while True:
            try:
                self.found = await self.count()
            except Exception as error:
                log.warning("figures.failed", error=type(error).__name__)
            await asyncio.sleep(EVERY_SECONDS)

    async def count(self) -> dict[str, int]:
        """The figures as they are now."""
        async with self._services.claims.across() as driver:
            dead = await job_leases.count_dead(driver)
            organizations = [row["id"] for row in await driver.fetch("SELECT id FROM organizations ORDER BY id")]
        unknown = 0
        for organization_id in organizations:
            async with self._services.database.read(organization_id) as session:
                unknown += (await count_emails(session)).get("unknown", 0)
                unknown += (await count_messages(session)).get("unknown", 0)
        return {"dead_jobs": dead, "unknown_outcomes": unknown}
