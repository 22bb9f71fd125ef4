"""Period close: one job adds up and keeps the balances of the closed periods."""

from __future__ import annotations

from uuid import UUID

from app.infra.jobs import JobContext
from app.ledger.kept_balances import SECONDS_MAX, keep_period_balances


async def handle(job: JobContext) -> None:
    """Keep the balances of the close whose id is the key."""
    await job.extend(SECONDS_MAX)
    await keep_period_balances(job.database, job.organization_id, UUID(job.key))
