"""Deliveries as rows: planned from sealed events, claimed under a lease, recorded after the network.

At least once: a worker that dies after the network leaves the delivery planned, and it is made again under the same
message id, which the receiver knows. An endpoint that fails rests, and is probed by one delivery before the others go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.jobs import owe
from app.infra.outbound import Response
from app.infra.sealed_secrets import SecretUnreadable, open_secret
from app.integrations.webhooks.queries import head_position, lock_endpoint
from app.integrations.webhooks.rules import TEST_EVENT, Message, message, next_try, pause_seconds, wants
from app.integrations.webhooks.service import DELIVER, cancel_planned
from app.settings import Settings

EVENTS_PER_STEP = 1_000
SCAN_POSITIONS = 20_000
BATCH = 200
LEASE_SECONDS = 120
FAILING_DAYS_MAX = 5
GONE = 410
RETENTION_BATCH = 5_000
ERROR_LENGTH_MAX = 300
_CURSOR = "webhooks"
_START = """
INSERT INTO event_cursors (organization_id, id, subscriber, position) VALUES ($1, $2, $3, 0)
ON CONFLICT (organization_id, subscriber) DO NOTHING
"""
_LOCK = "SELECT position FROM event_cursors WHERE organization_id = $1 AND subscriber = $2 FOR UPDATE"
_MOVE = """
UPDATE event_cursors SET position = $3, moved_at = clock_timestamp() WHERE organization_id = $1 AND subscriber = $2
"""
_ENDPOINTS = """
SELECT id, event_types, from_position, paused_until FROM webhook_endpoints
WHERE organization_id = $1 AND state = 'active' ORDER BY id
"""
_EVENTS = """
SELECT s.position, c.id, c.event, c.entity_id
FROM change_seals s JOIN change_log c ON c.organization_id = s.organization_id AND c.id = s.id
WHERE s.organization_id = $1 AND s.position > $2 AND s.position <= $3 ORDER BY s.position LIMIT $4
"""
_INSERT = """
INSERT INTO webhook_deliveries (organization_id, id, endpoint_id, event_id, position, event_type, next_attempt_at)
SELECT $1, r.* , $7 FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[]) AS r
ON CONFLICT (organization_id, endpoint_id, event_id) DO NOTHING
"""
_CLAIM = """
UPDATE webhook_deliveries d SET lease = $4, lease_until = $5
FROM (
    SELECT id FROM webhook_deliveries WHERE organization_id = $1 AND endpoint_id = $2 AND state = 'planned'
      AND next_attempt_at <= $3 AND (lease_until IS NULL OR lease_until < $3)
    ORDER BY next_attempt_at, id LIMIT $6 FOR UPDATE SKIP LOCKED
) due
WHERE d.organization_id = $1 AND d.id = due.id RETURNING d.id, d.event_id, d.position, d.attempts
"""
_MESSAGES = """
SELECT id, event, recorded_at, entity_type, entity_id, actor_kind, actor_id, actor_name, effective_date, reason, before,
       after, trace
FROM change_log WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_RECORD = """
UPDATE webhook_deliveries d SET state = r.state, attempts = d.attempts + 1, next_attempt_at = r.next_attempt_at,
    lease = NULL, lease_until = NULL, last_status = r.status, last_error = r.error,
    ended_at = CASE WHEN r.state = 'planned' THEN NULL ELSE $2::timestamptz END
FROM unnest($4::uuid[], $5::text[], $6::timestamptz[], $7::int[], $8::text[])
    AS r(id, state, next_attempt_at, status, error)
WHERE d.organization_id = $1 AND d.id = r.id AND d.lease = $3
RETURNING d.id, d.attempts
"""
_RELEASE = """
UPDATE webhook_deliveries SET lease = NULL, lease_until = NULL
WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND lease = $3
"""
_ATTEMPTS = """
INSERT INTO webhook_attempts (organization_id, id, delivery_id, number, at, milliseconds, status, error, excerpt)
SELECT $1, r.id, r.delivery_id, r.number, $2, r.milliseconds, r.status, r.error, r.excerpt
FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::int[], $7::int[], $8::text[], $9::text[])
    AS r(id, delivery_id, number, milliseconds, status, error, excerpt)
"""
_WELL = """
UPDATE webhook_endpoints SET failures = 0, failing_since = NULL, paused_until = NULL, last_success_at = $3
WHERE organization_id = $1 AND id = $2
"""
_ILL = """
UPDATE webhook_endpoints SET failures = failures + 1, failing_since = coalesce(failing_since, $3)
WHERE organization_id = $1 AND id = $2 RETURNING failures, failing_since
"""
_OLD = """
DELETE FROM webhook_attempts WHERE organization_id = $1 AND delivery_id = ANY($2::uuid[])
"""
_OLD_DELIVERIES = """
SELECT id FROM webhook_deliveries WHERE organization_id = $1 AND state <> 'planned' AND ended_at < $2
ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery that is ours: its row, the message and how often it was tried before."""

    id: UUID
    attempts: int
    message: Message
    trace: str | None
    """Of the request or the job that made the change."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries for one endpoint, with all that the network needs."""

    endpoint_id: UUID
    url: str
    keys: tuple[bytes, ...]
    lease: UUID
    items: tuple[Claimed, ...]
    probing: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """A delivery that was sent, and what came back."""

    claimed: Claimed
    response: Response


async def plan_deliveries(session: WriteSession, now: datetime) -> bool:
    """Plan the deliveries of the next sealed events, and move the cursor; True when more may follow."""
    driver, organization_id = session.driver, session.organization_id
    position = await driver.fetchval(_LOCK, organization_id, _CURSOR)
    if position is None:
        await driver.execute(_START, organization_id, new_id(), _CURSOR)
        position = await driver.fetchval(_LOCK, organization_id, _CURSOR)
    head = await head_position(session)
    endpoints = await driver.fetch(_ENDPOINTS, organization_id)
    start = max(position, min((row["from_position"] for row in endpoints), default=head))
    end = min(head, start + SCAN_POSITIONS)
    events = await driver.fetch(_EVENTS, organization_id, start, end, EVENTS_PER_STEP) if start < end else []
    await _insert(session, endpoints, events, now)
    reached = events[-1]["position"] if len(events) == EVENTS_PER_STEP else max(start, end)
    if reached != position:
        await driver.execute(_MOVE, organization_id, _CURSOR, reached)
    return bool(reached < head)


async def _insert(
    session: WriteSession, endpoints: Sequence[asyncpg.Record], events: Sequence[asyncpg.Record], now: datetime
) -> None:
    rows = [
        (new_id(), endpoint["id"], event["id"], event["position"], event["event"])
        for event in events
        for endpoint in endpoints
        if _is_for(endpoint, event)
    ]
    if not rows:
        return
    columns = [list(column) for column in zip(*rows, strict=True)]
    await session.driver.execute(_INSERT, session.organization_id, *columns, now)
    wanted = {row[1] for row in rows}
    for endpoint in endpoints:
        rests = endpoint["paused_until"] is not None and endpoint["paused_until"] > now  # it is woken at that time
        if endpoint["id"] in wanted and not rests:
            owe(session, DELIVER, str(endpoint["id"]))


def _is_for(endpoint: asyncpg.Record, event: asyncpg.Record) -> bool:
    if event["position"] <= endpoint["from_position"]:
        return False
    if event["event"] == TEST_EVENT:
        return bool(event["entity_id"] == endpoint["id"])
    return wants(endpoint["event_types"], event["event"])


async def claim_batch(session: WriteSession, settings: Settings, endpoint_id: UUID, now: datetime) -> Batch | None:
    """Take due deliveries of an endpoint under a lease; None when there are none, it rests, or it is off.

    A look after the lease is owed with the claim: what a worker that dies leaves behind is taken up again.
    """
    driver, organization_id = session.driver, session.organization_id
    endpoint = await driver.fetchrow(
        "SELECT url, state, secret, previous_secret, previous_secret_until, failures, paused_until"
        " FROM webhook_endpoints WHERE organization_id = $1 AND id = $2",
        organization_id, endpoint_id,
    )  # fmt: skip
    if endpoint is None or endpoint["state"] != "active":
        return None
    if endpoint["paused_until"] is not None and endpoint["paused_until"] > now:
        return None
    keys = await _keys(session, settings, endpoint_id, endpoint, now)
    if keys is None:
        return None
    probing, lease, until = endpoint["failures"] > 0, new_id(), now + timedelta(seconds=LEASE_SECONDS)
    rows = await driver.fetch(_CLAIM, organization_id, endpoint_id, now, lease, until, 1 if probing else BATCH)
    if not rows:
        return None
    owe(session, DELIVER, str(endpoint_id), run_at=until)
    found = await driver.fetch(_MESSAGES, organization_id, [row["event_id"] for row in rows])
    changes = {row["id"]: row for row in found}
    rows.sort(key=lambda row: row["position"])
    items = tuple(
        _claimed(row, changes[row["event_id"]])
        for row in rows
        if row["event_id"] in changes  # the log is kept longer than deliveries
    )
    return Batch(endpoint_id, endpoint["url"], keys, lease, items, probing)


def _claimed(row: asyncpg.Record, change: asyncpg.Record) -> Claimed:
    return Claimed(row["id"], row["attempts"], message({**change, "position": row["position"]}), change["trace"])


async def _keys(
    session: WriteSession, settings: Settings, endpoint_id: UUID, endpoint: asyncpg.Record, now: datetime
) -> tuple[bytes, ...] | None:
    """The keys that sign now. An endpoint whose secret cannot be read is disabled: unsigned it would be worthless."""
    sealed = [endpoint["secret"]]
    if endpoint["previous_secret"] is not None and endpoint["previous_secret_until"] > now:
        sealed.append(endpoint["previous_secret"])
    try:
        return tuple(open_secret(settings, text, str(endpoint_id)) for text in sealed)
    except SecretUnreadable:
        await disable(session, endpoint_id, "its secret was encrypted under another key: rotate it")
        return None


async def record_batch(
    session: WriteSession, batch: Batch, tried: Sequence[Tried], unsent: Sequence[Claimed], now: datetime
) -> bool:
    """Write what came of the tries and give back what was not sent; True when the endpoint can take more now."""
    results = [(item.claimed, item.response, *_outcome(item, now)) for item in tried]
    kept = await session.driver.fetch(
        _RECORD, session.organization_id, now, batch.lease,
        [claimed.id for claimed, _, _, _ in results],
        [state for _, _, state, _ in results],
        [following for _, _, _, following in results],
        [response.status for _, response, _, _ in results],
        [_shown(response) for _, response, _, _ in results],
    )  # fmt: skip
    numbers = {row["id"]: row["attempts"] for row in kept}
    await _write_attempts(session, [item for item in tried if item.claimed.id in numbers], numbers, now)
    if unsent:
        ids = [claimed.id for claimed in unsent]
        await session.driver.execute(_RELEASE, session.organization_id, ids, batch.lease)
    later = [following for _, _, _, following in results if following is not None]
    if any(item.response.status == GONE for item in tried):
        await disable(session, batch.endpoint_id, "the receiver answered 410 Gone")
        return False
    if later:
        owe(session, DELIVER, str(batch.endpoint_id), run_at=min(later))
    if any(item.response.succeeded for item in tried):
        await session.driver.execute(_WELL, session.organization_id, batch.endpoint_id, now)
        return True
    return await _rest(session, batch.endpoint_id, now) if tried else True


def _outcome(item: Tried, now: datetime) -> tuple[str, datetime | None]:
    if item.response.succeeded:
        return "delivered", None
    following = next_try(item.claimed.attempts + 1, now, item.claimed.id.int, item.response.retry_after)
    return ("failed", None) if following is None else ("planned", following)


def _shown(response: Response) -> str | None:
    if response.error is not None:
        return response.error[:ERROR_LENGTH_MAX]
    return None if response.succeeded else f"answered {response.status}"


async def _write_attempts(
    session: WriteSession, tried: Sequence[Tried], numbers: dict[UUID, int], now: datetime
) -> None:
    await session.driver.execute(
        _ATTEMPTS, session.organization_id, now,
        [new_id() for _ in tried],
        [item.claimed.id for item in tried],
        [numbers[item.claimed.id] for item in tried],
        [round(item.response.seconds * 1000) for item in tried],
        [item.response.status for item in tried],
        [_shown(item.response) for item in tried],
        [None if item.response.succeeded else item.response.excerpt.replace("\x00", " ") for item in tried],
    )  # fmt: skip


async def _rest(session: WriteSession, endpoint_id: UUID, now: datetime) -> bool:
    """A whole batch failed: let the endpoint rest, or disable it after FAILING_DAYS_MAX; never ready for more."""
    row = await session.driver.fetchrow(_ILL, session.organization_id, endpoint_id, now)
    if row is None:
        return False
    if now - row["failing_since"] > timedelta(days=FAILING_DAYS_MAX):
        await disable(session, endpoint_id, f"nothing was delivered for {FAILING_DAYS_MAX} days")
        return False
    until = now + timedelta(seconds=pause_seconds(row["failures"]))
    await session.driver.execute(
        "UPDATE webhook_endpoints SET paused_until = $3 WHERE organization_id = $1 AND id = $2",
        session.organization_id, endpoint_id, until,
    )  # fmt: skip
    owe(session, DELIVER, str(endpoint_id), run_at=until)
    return False


async def disable(session: WriteSession, endpoint_id: UUID, reason: str) -> None:
    """Switch an endpoint off by itself, with the reason; a person switches it on again."""
    row = await lock_endpoint(session, endpoint_id)
    if row.state != "active":
        return
    row.state, row.disabled_reason = "disabled", reason
    row.version += 1
    await session.flush()
    await cancel_planned(session, endpoint_id)
    before, after = {"state": "active"}, {"state": "disabled"}
    change = ChangeRow("webhook_endpoint", endpoint_id, "webhook_endpoint.disabled", before, after, reason=reason)
    record_change(session, change)


async def forget_deliveries(session: WriteSession, *, ended_before: datetime) -> int:
    """Delete deliveries that ended before that instant, with their tries; at most RETENTION_BATCH. How many."""
    arguments: tuple[Any, ...] = (session.organization_id, ended_before, RETENTION_BATCH)
    ids = [row["id"] for row in await session.driver.fetch(_OLD_DELIVERIES, *arguments)]
    if ids:
        await session.driver.execute(_OLD, session.organization_id, ids)
        await session.driver.execute(
            "DELETE FROM webhook_deliveries WHERE organization_id = $1 AND id = ANY($2::uuid[])",
            session.organization_id, ids,
        )  # fmt: skip
    return len(ids)
