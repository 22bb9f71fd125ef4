"""The mailbox of each organization: look again and again, take in what is new. A job that owes itself the next look."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from app.core.clock import utc_now
from app.correspondence.errors import InboundRefused
from app.correspondence.inbound.imap import Mailbox, MailboxUnavailable, Session, opened
from app.correspondence.inbound.mailboxes import ONE_AT_A_TIME, POLL, find_connection, find_mailbox, keep_look
from app.correspondence.inbound.receive import receive, take_in
from app.documents.storage import document_store
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext, owe

LEASE_SECONDS = 300.0
_OWED = "SELECT EXISTS (SELECT FROM jobs WHERE organization_id = $1 AND kind = $2 AND state = 'due')"
log = structlog.get_logger(__name__)


async def start(job: JobContext) -> None:
    """Every night: see to it that somebody looks, into the organization's own mailbox or the installation's."""
    async with job.database.read(job.organization_id) as session:
        row = await find_connection(session)
    own = job.settings.imap_organization_id == job.organization_id
    if row.active if row is not None else own:
        await _owe_next(job, 0.0)


async def poll(job: JobContext) -> None:
    """Take in what is new, then owe the next look. A server that does not answer is asked again at the next look."""
    pause, taken, failure, kept = job.settings.imap_poll_seconds, 0, None, False
    try:
        async with job.database.read(job.organization_id) as session:
            row = await find_connection(session)
            if row is not None:
                pause, kept = row.poll_seconds, True
            mailbox, _ = await find_mailbox(session, job.settings)
        if mailbox is None:
            return
        taken = await take_in_new(job, mailbox)
        if taken:
            log.info("mailbox.taken_in", messages=taken)
    except MailboxUnavailable as error:
        failure = str(error)
        log.warning("mailbox.unavailable", error=failure)
    except BaseException:
        await _owe_next(job, pause)
        raise
    if kept:
        async with job.database.write(job.organization_id, SYSTEM) as writing:
            await keep_look(writing, utc_now(), taken=taken, failure=failure)
    await _owe_next(job, pause)


async def take_in_new(job: JobContext, mailbox: Mailbox) -> int:
    """Fetch, take in, and only then mark each unseen message; answers how many. Raises MailboxUnavailable."""
    taken = 0
    opening = opened(mailbox)
    session = await asyncio.to_thread(opening.__enter__)
    try:
        for uid in await asyncio.to_thread(session.unseen):
            await job.extend(LEASE_SECONDS)
            try:
                taken += await _take_one(job, session, uid)
            except MailboxUnavailable:
                raise
            except Exception:  # one that always fails must not keep the later ones out; it stays unseen, and is told
                log.exception("mailbox.failed", uid=uid)
    finally:
        await asyncio.to_thread(opening.__exit__, None, None, None)
    return taken


async def _take_one(job: JobContext, session: Session, uid: str) -> bool:
    raw = await asyncio.to_thread(session.fetch, uid)
    refused = raw is None
    if raw is not None:
        now = utc_now()
        try:
            incoming = await take_in(document_store(job.settings), job.organization_id, raw, now)
        except InboundRefused as refusal:
            log.warning("mailbox.refused", detail=refusal.detail)
            refused = True
        else:
            async with job.database.write(job.organization_id, SYSTEM) as writing:
                await receive(writing, incoming, now)
    await asyncio.to_thread(lambda: session.mark(uid, refused=refused))
    return not refused


async def _owe_next(job: JobContext, seconds: float) -> None:
    async with job.database.write(job.organization_id, SYSTEM) as session:
        if not await session.driver.fetchval(_OWED, job.organization_id, POLL):
            owe(session, POLL, ONE_AT_A_TIME, run_at=utc_now() + timedelta(seconds=seconds))
