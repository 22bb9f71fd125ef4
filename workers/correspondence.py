"""Correspondence: planned messages whose time has come, clocks of inquiries, receipt of invoices."""

from __future__ import annotations

from uuid import UUID

from app.core.clock import utc_now
from app.core.errors import DomainError, NotFound
from app.correspondence.follow_up.inquiries import mark_breached
from app.correspondence.follow_up.receipt import ask_for_receipt as ask_everybody
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


async def inquiry_clock(job: JobContext) -> None:
    """The time to answer the inquiry whose id is the key may have run out."""
    try:
        async with job.database.write(job.organization_id, SYSTEM) as session:
            await mark_breached(session, UUID(job.key), utc_now())
    except NotFound as refusal:
        raise GiveUp(refusal.detail) from refusal


async def ask_for_receipt(job: JobContext) -> None:
    """Ask customers whether invoices that are due soon have arrived. Who was asked is not asked again."""
    await ask_everybody(job.database, job.organization_id, utc_now())
