"""Outgoing e-mail: claim (transaction) → SMTP (none) → record (transaction). See app/infra/mail/outbox.py."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog

from app.core.clock import utc_now
from app.core.errors import DomainError, Unavailable
from app.documents.queries import get_document
from app.documents.storage import document_store
from app.infra.database import SYSTEM, WriteSession
from app.infra.jobs import JobContext, owe
from app.infra.mail import outbox
from app.infra.mail.message import Attachment, Draft, build_message, message_id_of
from app.infra.mail.outbox import ClaimedEmail
from app.infra.mail.smtp import Mailer, Sent, SmtpServer, mailer_of, smtp_server

LEASE_SECONDS = 180.0
log = structlog.get_logger(__name__)


async def send(job: JobContext) -> None:
    """Send the e-mail whose id is the key, unless it was claimed before: then nothing leaves the machine again."""
    server = smtp_server(job.settings)
    if server is None:
        await _wait_for_server(job)
        return
    email_id, now = UUID(job.key), utc_now()
    async with job.database.write(job.organization_id, SYSTEM) as session:
        claimed = await outbox.claim_email(session, email_id, now)
        if claimed is not None:
            await outbox.set_message_id(session, email_id, message_id_of(email_id, server.sender.address))
    if claimed is None:
        return
    sent = await _hand_over(job, server, mailer_of(server), claimed)
    if sent.outcome != "sent":
        log.warning("mail.not_sent", email_id=str(email_id), outcome=sent.outcome)
    recording = asyncio.ensure_future(_record(job, claimed, sent))
    await asyncio.shield(recording)  # a worker that stops just now still writes down what it knows


async def check(job: JobContext) -> None:
    """After the grace of a try: what nobody recorded is unknown, and is shown."""
    async with job.database.write(job.organization_id, SYSTEM) as session:
        if await outbox.end_lost_claim(session, UUID(job.key), utc_now()):
            log.warning("mail.unknown", email_id=job.key)


async def wait(job: JobContext) -> None:
    """Send what was planned while no server was configured; without one look again later."""
    async with job.database.write(job.organization_id, SYSTEM) as session:
        if smtp_server(job.settings) is not None:
            await outbox.wake_planned(session, utc_now())
        elif await outbox.has_planned(session):
            _owe_wait(session)


async def _wait_for_server(job: JobContext) -> None:
    async with job.database.write(job.organization_id, SYSTEM) as session:
        _owe_wait(session)


def _owe_wait(session: WriteSession) -> None:
    later = utc_now() + timedelta(seconds=outbox.WAIT_SECONDS)
    owe(session, outbox.WAIT, outbox.ONE_WAITS, run_at=later)


async def _hand_over(job: JobContext, server: SmtpServer, mailer: Mailer, claimed: ClaimedEmail) -> Sent:
    row = claimed.row
    draft = Draft(
        message_id=message_id_of(claimed.id, server.sender.address),
        recipient=row["recipient"],
        subject=row["subject"],
        text=row["text"],
        created_at=row["created_at"],
        html=row["html"],
        reply_to=row["reply_to"],
        in_reply_to=row["in_reply_to"],
    )
    try:
        attachments = await _attachments(job, row["attachments"])
        message = await asyncio.to_thread(build_message, draft, server.sender, attachments)
    except Unavailable as refusal:
        return Sent("retry", f"{refusal.code}: {refusal.detail}")
    except DomainError as refusal:
        return Sent("failed", f"{refusal.code}: {refusal.detail}")
    except Exception as error:  # a fault of ours: nothing has left, so that it may be tried again
        log.exception("mail.not_prepared", email_id=str(claimed.id))
        return Sent("retry", f"could not be prepared: {type(error).__name__}")
    await job.extend(LEASE_SECONDS)  # just before the network; raises LeaseLost
    return await mailer.send(row["recipient"], message)


async def _attachments(job: JobContext, document_ids: list[UUID]) -> list[Attachment]:
    """The documents in the order that was asked for. Raises DocumentNotFound, and the store's refusals."""
    if not document_ids:
        return []
    async with job.database.read(job.organization_id) as session:
        found = [await get_document(session, document_id) for document_id in document_ids]
    return [
        Attachment(
            document.name,
            document.media_type,
            await document_store(job.settings, document.kept_in).get(job.organization_id, document.sha256),
        )
        for document in found
    ]


async def _record(job: JobContext, claimed: ClaimedEmail, sent: Sent) -> None:
    async with job.database.write(job.organization_id, SYSTEM) as session:
        await outbox.record_outcome(session, claimed, sent.outcome, sent.detail, utc_now())
