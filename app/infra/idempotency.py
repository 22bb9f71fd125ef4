"""Idempotency keys: claimed and answered in the transaction of the effect itself.

A concurrent duplicate waits at the unique key until the first one ends, then sees its answer; past the lock timeout it
is told that the first is still in flight. A refused request rolls back and so releases the key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from asyncpg import exceptions as pg

from app.core.errors import Conflict, RuleViolation
from app.core.ids import new_id
from app.infra.database import WriteSession

_CLAIM = """
INSERT INTO idempotency_keys (organization_id, id, client, route, key, request_sha256)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (organization_id, client, route, key) DO NOTHING RETURNING id
"""
_STORED = """
SELECT request_sha256, status, headers, body FROM idempotency_keys
WHERE organization_id = $1 AND client = $2 AND route = $3 AND key = $4
"""
_STORE = """
UPDATE idempotency_keys SET status = $3, headers = $4::jsonb, body = $5 WHERE organization_id = $1 AND id = $2
"""


class KeyInFlight(Conflict):
    """The first request with this key has not ended yet."""

    code = "idempotency.in_flight"


class KeyOfOtherRequest(RuleViolation):
    """The key was used for another request."""

    code = "idempotency.other_request"


@dataclass(frozen=True, slots=True)
class Stored:
    """A kept answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that is ours in this transaction, or the answer that it has already."""

    id: UUID
    stored: Stored | None


async def claim(session: WriteSession, client: str, route: str, key: str, request_sha256: bytes) -> Claim:
    """Claim the key for this request. Raises KeyInFlight, KeyOfOtherRequest."""
    fresh = new_id()
    try:
        inserted = await session.driver.fetchval(
            _CLAIM, session.organization_id, fresh, client, route, key, request_sha256
        )
    except pg.LockNotAvailableError:
        raise KeyInFlight("a request with this Idempotency-Key is still being handled") from None
    if inserted is not None:
        return Claim(fresh, None)
    row = await session.driver.fetchrow(_STORED, session.organization_id, client, route, key)
    if row is None or row["status"] is None:
        raise KeyInFlight("a request with this Idempotency-Key is still being handled")
    if row["request_sha256"] != request_sha256:
        raise KeyOfOtherRequest("this Idempotency-Key was used for another request", pointer="/header/Idempotency-Key")
    return Claim(fresh, Stored(row["status"], row["headers"] or {}, bytes(row["body"] or b"")))


async def store(session: WriteSession, claim: Claim, status: int, headers: dict[str, str], body: bytes) -> None:
    """Keep the answer with the key, in the same transaction."""
    await session.driver.execute(_STORE, session.organization_id, claim.id, status, json.dumps(headers), body)


async def clear_old(session: WriteSession, older_than_seconds: float, limit: int = 1_000) -> int:
    """Delete up to `limit` keys of the organization that are older than that; returns how many."""
    status = await session.driver.execute(
        "DELETE FROM idempotency_keys WHERE organization_id = $1 AND id IN (SELECT id FROM idempotency_keys"
        " WHERE organization_id = $1 AND recorded_at < clock_timestamp() - make_interval(secs => $2) LIMIT $3)",
        session.organization_id,
        older_than_seconds,
        limit,
    )
    return int(status.split()[-1])
