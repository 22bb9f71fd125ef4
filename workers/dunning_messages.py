"""Dunning messages: made of approved notices, sent, lost tries called unknown, PDFs kept."""

from __future__ import annotations

from datetime import timedelta

import structlog

from app.core.clock import utc_now
from app.core.errors import DomainError, Unavailable
from app.dunning.messages import (
    inbound,  # noqa: F401 - importing it tells the correspondence whom to ask about answers and returns
    queries,
)
from app.dunning.messages.compose import BATCH_MAX, DELIVER, PAPERS, plan_messages
from app.dunning.messages.delivery import NO_CONNECTION_PAUSE_SECONDS, Delivery, Transport, end_lost
from app.dunning.messages.email import EmailTransport
from app.dunning.messages.papers import keep_papers
from app.dunning.messages.sms import SmsTransport, sms_transport
from app.infra.database import SYSTEM
from app.infra.jobs import GiveUp, JobContext, owe
from app.infra.mail.smtp import mailer_of, smtp_server
from workers.imports import analyze

RUN_SECONDS = 20.0
"""Then the job is owed again, so that one large run does not keep a worker from the others."""
WAIT_SECONDS = 600.0
ANALYZED_AFTER_BATCHES = 3
ANALYZED = ("dunning_notices", "dunning_notice_items", "dunning_messages", "dunning_message_contents")
"""What a large run has just filled: until the planner knows, each look at a few rows may read a whole table."""
PAPER_ROUNDS = 5
log = structlog.get_logger(__name__)


async def plan(job: JobContext) -> None:
    """Make the messages of all notices that wait for one, many at a time. The key is always the same: one at a time."""
    made = 0
    while True:
        await job.extend()
        try:
            ready = await plan_messages(job.database, job.settings, job.organization_id, None, utc_now())
        except Unavailable:
            raise
        except DomainError as refusal:
            raise GiveUp(f"{refusal.code}: {refusal.detail}") from refusal
        if ready < BATCH_MAX:
            return
        made += 1
        if made == ANALYZED_AFTER_BATCHES:
            await analyze(job.settings, ANALYZED)


async def deliver(job: JobContext) -> None:
    """Send what is due on the channel that is the key. One run at a time for each organization keeps its pace."""
    transport = await _transport(job)
    if transport is None:
        async with job.database.write(job.organization_id, SYSTEM) as session:
            if await queries.has_approved(session, job.key):
                owe(session, DELIVER, job.key, run_at=utc_now() + timedelta(seconds=WAIT_SECONDS))
        return
    try:
        delivery = Delivery(job.database, job.organization_id, job.key, transport, RUN_SECONDS, utc_now)
        more = await delivery.run()
    finally:
        if isinstance(transport, SmsTransport):
            await transport.http.close()
    if delivery.sent:
        log.info("dunning.sent", channel=job.key, messages=delivery.sent)
    async with job.database.write(job.organization_id, SYSTEM) as session:
        now = utc_now()
        if delivery.stopped:
            owe(session, DELIVER, job.key, run_at=now + timedelta(seconds=NO_CONNECTION_PAUSE_SECONDS))
        elif more:
            owe(session, DELIVER, job.key)
        else:
            later = await queries.next_due_at(session, job.key, now)
            if later is not None:
                owe(session, DELIVER, job.key, run_at=later)


async def lost(job: JobContext) -> None:
    """After the grace of a try: what nobody recorded is unknown, and is shown."""
    count = await end_lost(job.database, job.organization_id, utc_now())
    if count:
        log.warning("dunning.messages_unknown", messages=count)


async def papers(job: JobContext) -> None:
    """Set and keep the PDFs of messages."""
    for _ in range(PAPER_ROUNDS):
        if not await keep_papers(job.database, job.settings, job.organization_id):
            return
    async with job.database.write(job.organization_id, SYSTEM) as session:
        owe(session, PAPERS, job.key)


async def _transport(job: JobContext) -> Transport | None:
    if job.key == "email":
        server = smtp_server(job.settings)
        if server is None:
            return None
        return EmailTransport(job.database, job.settings, job.organization_id, mailer_of(server))
    if job.key == "sms":
        return sms_transport(job.settings)
    raise GiveUp(f"no messages leave on the channel {job.key[:20]!r}")
