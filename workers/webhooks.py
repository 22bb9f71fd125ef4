"""Webhooks: events become deliveries; deliveries of one endpoint are made by one job, so that none delays another."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID
from weakref import WeakKeyDictionary

from opentelemetry.trace import SpanKind

from app.core.clock import utc_now
from app.infra import tracing
from app.infra.database import SYSTEM, WriteSession
from app.infra.jobs import JobContext, owe
from app.infra.outbound import OutboundHttp, Response
from app.integrations.webhooks.delivery import (
    Batch,
    Claimed,
    Tried,
    claim_batch,
    forget_deliveries,
    plan_deliveries,
    record_batch,
)
from app.integrations.webhooks.queries import has_active_endpoints
from app.integrations.webhooks.rules import signed_headers
from app.integrations.webhooks.service import DELIVER, EVERYTHING, PLAN

NIGHT = "webhooks.retention"
STEPS_PER_JOB = 40
"""Then the job is owed again, so that one busy organization does not keep a worker from the others."""
SIDE_BY_SIDE = 24
GIVE_UP_AFTER = 3
"""So many failures without any success end a batch: the rest of it waits until the endpoint is well again."""
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, OutboundHttp] = WeakKeyDictionary()


async def announce(session: WriteSession) -> None:
    """The sealer has sealed something: owe its planning where anybody listens."""
    if await has_active_endpoints(session):
        owe(session, PLAN, EVERYTHING)


async def plan(job: JobContext) -> None:
    """Plan deliveries of everything that was sealed, each step in a transaction of its own."""
    for number in range(1, STEPS_PER_JOB + 1):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            more = await plan_deliveries(session, utc_now())
            if more and number == STEPS_PER_JOB:
                owe(session, PLAN, EVERYTHING)
        if not more:
            return


async def deliver(job: JobContext) -> None:
    """Deliver what is due to the endpoint whose id is the key: claim (transaction) → HTTP (none) → record."""
    endpoint_id, client = UUID(job.key), _client(job)
    for number in range(1, STEPS_PER_JOB + 1):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            batch = await claim_batch(session, job.settings, endpoint_id, utc_now())
        if batch is None:
            return
        await job.extend()
        tried, unsent = await _send(client, batch, job.settings.webhook_timeout_seconds)
        async with job.database.write(job.organization_id, SYSTEM) as session:
            ready = await record_batch(session, batch, tried, unsent, utc_now())
            if ready and number == STEPS_PER_JOB:
                owe(session, DELIVER, job.key)
        if not ready:
            return


async def _send(client: OutboundHttp, batch: Batch, seconds: float) -> tuple[list[Tried], list[Claimed]]:
    """Send side by side, in the order of the events; stops starting more when nothing arrives."""
    waiting = list(reversed(batch.items))
    tried: list[Tried] = []
    arrived = False

    async def one_after_the_other() -> None:
        nonlocal arrived
        while waiting and (arrived or len(tried) < GIVE_UP_AFTER):
            claimed = waiting.pop()
            headers = {
                "content-type": "application/json",
                "user-agent": "Duecourse-Webhooks/1",
                **signed_headers(batch.keys, claimed.message, utc_now()),
            }
            response = await _post(client, batch, claimed, headers, seconds)
            tried.append(Tried(claimed, response))
            arrived = arrived or response.succeeded

    first = 1 if batch.probing else SIDE_BY_SIDE
    await asyncio.gather(*(one_after_the_other() for _ in range(min(first, len(batch.items)))))
    return tried, waiting


async def _post(
    client: OutboundHttp, batch: Batch, claimed: Claimed, headers: dict[str, str], seconds: float
) -> Response:
    """Send one, as a span of the trace of its change; the receiver gets the `traceparent`."""
    facts: dict[str, str | int] = {
        "duecourse.webhook.endpoint": str(batch.endpoint_id),
        "duecourse.attempt": claimed.attempts + 1,
    }
    with tracing.span("webhook", SpanKind.CLIENT, claimed.trace, **facts) as span:
        traced = tracing.current() if claimed.trace is not None or span is not None else None
        if traced is not None:
            headers["traceparent"] = traced
        response = await client.post(batch.url, headers, claimed.message.body, seconds=seconds)
        if not response.succeeded:
            tracing.fail(span, response.error or str(response.status))
        return response


def _client(job: JobContext) -> OutboundHttp:
    loop = asyncio.get_running_loop()
    found = _clients.get(loop)
    if found is None:
        found = _clients[loop] = OutboundHttp(private_allowed=job.settings.outbound_private_allowed)
    return found


async def close() -> None:
    """Close the connections of this event loop, at the end of the process."""
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.close()


async def handle_night(job: JobContext) -> None:
    """Delete old deliveries, in bounded steps."""
    before = utc_now() - timedelta(days=job.settings.webhook_deliveries_kept_days)
    for _ in range(STEPS_PER_JOB):
        async with job.database.write(job.organization_id, SYSTEM) as session:
            if await forget_deliveries(session, ended_before=before) == 0:
                return
