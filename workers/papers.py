"""Large evidence files are bound in the background."""

from __future__ import annotations

from uuid import UUID

from app.core.clock import utc_now
from app.desk.papers.evidence_making import make_queued
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext


async def make_evidence(job: JobContext) -> None:
    """Make the file whose id is the key."""
    await make_queued(job.database, job.settings, job.organization_id, UUID(job.key), SYSTEM, utc_now())
