"""Customer data: every night likely duplicates are proposed and gaps become work items."""

from __future__ import annotations

from app.customer_data.checks import care_for_accounts
from app.infra.jobs import JobContext
from app.infra.nightly import business_date_of


async def handle(job: JobContext) -> None:
    """Look at every account for the business date of the night."""
    await care_for_accounts(job.database, job.organization_id, business_date_of(job))
