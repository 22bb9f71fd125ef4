"""Correspondence: planned messages whose time has come."""

from __future__ import annotations

from uuid import UUID

from app.core.clock import utc_now
from app.core.errors import DomainError
from app.correspondence.sending import send_planned
from app.infra.database import SYSTEM
from app.infra.jobs import GiveUp, JobContext


async def send(job: JobContext) -> None:
    """Send the planned message whose id is the key, if the rules of contact still allow it."""
    try:
        async with job.database.write(job.organization_id, SYSTEM) as session:
            await send_planned(session, UUID(job.key), utc_now())
    except DomainError as refusal:
        raise GiveUp(f"{refusal.code}: {refusal.detail}") from refusal
