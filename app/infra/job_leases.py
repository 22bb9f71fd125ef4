"""Leases on jobs, taken by the worker role across organizations: claim, finish, fail, give back, return, clear.

All of them are set-wise. None needs to survive a crash of the server (`synchronous_commit` is off): a claim or a
finish that is lost means that the step is repeated, and steps are repeatable.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from app.core.errors import DomainError, Unavailable
from app.core.ids import OrganizationId
from app.infra.constraints import driver_error, is_transient, refusal_of
from app.infra.database import Database
from app.infra.jobs import ATTEMPTS_LIMIT, INTERRUPTIONS_LIMIT, LEASE_SECONDS, GiveUp

CLAIM_TRIES = 3
BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_LIMIT_SECONDS = 600.0
ERROR_LENGTH_LIMIT = 500
# `due` takes rows that nobody holds and whose kind and key nobody runs. `waiting` are failed tries of the same work
# that wait for their next turn: this run stands for them too, with their number of attempts.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT j.organization_id, j.id, j.kind, j.key, j.run_at, j.attempts FROM jobs j
    WHERE j.state = 'due' AND j.run_at <= statement_timestamp() - make_interval(secs => $4) AND j.kind = ANY($1)
      AND NOT EXISTS (SELECT 1 FROM jobs l WHERE l.state = 'leased' AND l.organization_id = j.organization_id
                                             AND l.kind = j.kind AND l.key = j.key)
    ORDER BY j.run_at, j.id LIMIT $2 FOR UPDATE OF j SKIP LOCKED
), waiting AS MATERIALIZED (
    SELECT w.organization_id, w.id, w.kind, w.key, w.run_at, w.attempts FROM jobs w
    WHERE w.state = 'due' AND w.attempts > 0 AND w.run_at > statement_timestamp() - make_interval(secs => $4)
      AND (w.organization_id, w.kind, w.key) IN (SELECT organization_id, kind, key FROM due)
    FOR UPDATE OF w SKIP LOCKED
), ranked AS MATERIALIZED (
    SELECT t.*, row_number() OVER same AS place, max(t.attempts) OVER (PARTITION BY organization_id, kind, key) AS tried
    FROM (SELECT * FROM due UNION ALL SELECT * FROM waiting) AS t
    WINDOW same AS (PARTITION BY organization_id, kind, key ORDER BY run_at, id)
), merged AS (
    DELETE FROM jobs m USING ranked r
    WHERE r.place > 1 AND m.organization_id = r.organization_id AND m.id = r.id
)
UPDATE jobs j SET state = 'leased', lease_token = gen_random_uuid(), attempts = r.tried + 1,
                  lease_until = clock_timestamp() + make_interval(secs => $3)
FROM ranked r WHERE r.place = 1 AND j.organization_id = r.organization_id AND j.id = r.id
RETURNING j.organization_id, j.id, j.kind, j.key, j.payload, j.attempts, j.interruptions, j.lease_token, j.trace,
          r.run_at
"""
_FINISH = """
UPDATE jobs j SET state = 'done', finished_at = clock_timestamp(), lease_token = NULL, lease_until = NULL,
                  last_error = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS d(organization_id, id, token)
WHERE j.organization_id = d.organization_id AND j.id = d.id AND j.lease_token = d.token AND j.state = 'leased'
RETURNING j.id
"""
_RENEW = """
UPDATE jobs j SET lease_until = greatest(j.lease_until, clock_timestamp() + make_interval(secs => $4))
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS d(organization_id, id, token)
WHERE j.organization_id = d.organization_id AND j.id = d.id AND j.lease_token = d.token AND j.state = 'leased'
RETURNING j.lease_token
"""
_FAIL = """
UPDATE jobs SET state = $4, last_error = $5, lease_token = NULL, lease_until = NULL,
                attempts = attempts - $7, interruptions = interruptions + $7,
                run_at = clock_timestamp() + make_interval(secs => $6),
                finished_at = CASE WHEN $4 = 'dead' THEN clock_timestamp() END
WHERE organization_id = $1 AND id = $2 AND lease_token = $3 AND state = 'leased' RETURNING id
"""
_GIVE_BACK = """
UPDATE jobs j SET state = 'due', attempts = j.attempts - 1, lease_token = NULL, lease_until = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS d(organization_id, id, token)
WHERE j.organization_id = d.organization_id AND j.id = d.id AND j.lease_token = d.token AND j.state = 'leased'
"""
_RETURN_EXPIRED = """
WITH expired AS (
    SELECT organization_id, id FROM jobs WHERE state = 'leased' AND lease_until < clock_timestamp()
    LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE jobs j SET state = CASE WHEN j.interruptions + 1 >= $2 THEN 'dead' ELSE 'due' END,
                  finished_at = CASE WHEN j.interruptions + 1 >= $2 THEN clock_timestamp() END,
                  attempts = j.attempts - 1, interruptions = j.interruptions + 1,
                  last_error = 'the lease ran out', lease_token = NULL, lease_until = NULL
FROM expired e WHERE j.organization_id = e.organization_id AND j.id = e.id RETURNING j.id
"""
# Of many due rows of one kind and key the oldest is kept: it stays due, hence a run follows for all of them.
_MERGE = """
WITH many AS (
    SELECT organization_id, kind, key FROM (SELECT organization_id, kind, key FROM jobs
      WHERE state = 'due' AND run_at <= statement_timestamp() AND attempts = 0 ORDER BY run_at LIMIT $1) AS head
    GROUP BY 1, 2, 3 HAVING count(*) > 2
), rows AS MATERIALIZED (
    SELECT j.organization_id, j.id, j.kind, j.key, j.run_at FROM jobs j JOIN many USING (organization_id, kind, key)
    WHERE j.state = 'due' AND j.run_at <= statement_timestamp() AND j.attempts = 0
    ORDER BY j.run_at LIMIT $1 FOR UPDATE OF j SKIP LOCKED
), ranked AS (
    SELECT organization_id, id,
           row_number() OVER (PARTITION BY organization_id, kind, key ORDER BY run_at, id) AS place FROM rows
)
DELETE FROM jobs j USING ranked r WHERE r.place > 1 AND j.organization_id = r.organization_id AND j.id = r.id
"""
_CLEAR = """
DELETE FROM jobs WHERE (organization_id, id) IN (
    SELECT organization_id, id FROM jobs WHERE state = 'done' AND finished_at < clock_timestamp() - make_interval(secs => $1)
    LIMIT $2)
"""  # noqa: E501
_STATE = """
SELECT coalesce(extract(epoch FROM clock_timestamp() -
           (SELECT min(run_at) FROM jobs WHERE state = 'due' AND run_at <= clock_timestamp())
       ), 0)::float8 AS oldest_due_seconds,
       (SELECT count(*) FROM jobs WHERE state = 'leased' AND lease_until < clock_timestamp()) AS expired_leases
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A job that is ours until the lease ends."""

    organization_id: OrganizationId
    id: UUID
    kind: str
    key: str
    payload: dict[str, Any]
    attempts: int
    interruptions: int
    token: UUID
    run_at_epoch_seconds: float
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class QueueState:
    """How late the oldest due job is, in seconds, and how many leases ran out."""

    oldest_due_seconds: float
    expired_leases: int


@asynccontextmanager
async def _step(claims: Database) -> AsyncIterator[asyncpg.Connection]:
    async with claims.across() as driver:
        await driver.execute("SET LOCAL synchronous_commit = off")
        yield driver


async def claim(
    claims: Database,
    kinds: Sequence[str],
    limit: int,
    lease_seconds: float = LEASE_SECONDS,
    *,
    waiting_seconds: float = 0.0,
) -> list[Lease]:
    """Lease up to `limit` rows that are due for at least `waiting_seconds`, oldest first, merged by kind and key.

    Two claims at once are disjoint. A clash over one key (rows of it committed between the two) is tried again.
    """
    for attempt in range(1, CLAIM_TRIES + 1):
        try:
            async with _step(claims) as driver:
                rows = await driver.fetch(_CLAIM, list(kinds), limit, float(lease_seconds), float(waiting_seconds))
        except asyncpg.UniqueViolationError:
            if attempt == CLAIM_TRIES:
                return []  # the others are at it
            continue
        return [_lease(row) for row in sorted(rows, key=lambda row: (row["run_at"], row["id"]))]
    return []


def _lease(row: asyncpg.Record) -> Lease:
    return Lease(
        organization_id=OrganizationId(row["organization_id"]),
        id=row["id"],
        kind=row["kind"],
        key=row["key"],
        payload=row["payload"],
        attempts=row["attempts"],
        interruptions=row["interruptions"],
        token=row["lease_token"],
        run_at_epoch_seconds=row["run_at"].timestamp(),
        trace=row["trace"],
    )


async def count_dead(driver: asyncpg.Connection) -> int:
    """Jobs of all organizations that gave up."""
    return int(await driver.fetchval("SELECT count(*) FROM jobs WHERE state = 'dead'"))


async def finish(claims: Database, leases: Sequence[Lease]) -> int:
    """Mark these jobs as done; returns how many were still ours."""
    async with _step(claims) as driver:
        return len(await driver.fetch(_FINISH, *_keys(leases)))


async def renew(claims: Database, leases: Sequence[Lease], lease_seconds: float = LEASE_SECONDS) -> set[UUID]:
    """Put off the end of these leases; returns the tokens that are still ours (also late, if nobody took it)."""
    async with _step(claims) as driver:
        rows = await driver.fetch(_RENEW, *_keys(leases), float(lease_seconds))
    return {row["lease_token"] for row in rows}


async def fail(claims: Database, lease: Lease, error: BaseException) -> bool:
    """Make the job due again after a backoff, or dead after ATTEMPTS_LIMIT attempts; False when it was not ours.

    A deadlock, or a database that was away, interrupts the work: that is no attempt.
    """
    interrupted = is_transient(error) or isinstance(refusal_of(error), Unavailable)
    if interrupted:
        dead = lease.interruptions + 1 >= INTERRUPTIONS_LIMIT
    else:
        dead = isinstance(error, GiveUp) or lease.attempts >= ATTEMPTS_LIMIT
    async with _step(claims) as driver:
        kept = await driver.fetchval(
            _FAIL,
            lease.organization_id,
            lease.id,
            lease.token,
            "dead" if dead else "due",
            reason_of(error),
            0.0 if dead else backoff_seconds(lease.attempts, random.random()),  # noqa: S311 - spreads retries
            int(interrupted),
        )
    return kept is not None


async def give_back(claims: Database, leases: Sequence[Lease]) -> None:
    """Return leases unused (a worker stops): due at once, the attempt does not count."""
    async with _step(claims) as driver:
        await driver.execute(_GIVE_BACK, *_keys(leases))


async def return_expired(claims: Database, limit: int = 1000) -> int:
    """Make jobs due again whose worker vanished (dead after INTERRUPTIONS_LIMIT of them); returns how many."""
    async with _step(claims) as driver:
        return len(await driver.fetch(_RETURN_EXPIRED, limit, INTERRUPTIONS_LIMIT))


async def merge_due(claims: Database, limit: int = 10_000) -> None:
    """Thin out what is owed many times over while it runs, so that claims stay quick."""
    async with _step(claims) as driver:
        await driver.execute(_MERGE, limit)


async def clear_done(claims: Database, older_than_seconds: float, limit: int = 5_000) -> int:
    """Delete up to `limit` jobs done so long ago; returns how many."""
    async with _step(claims) as driver:
        return int((await driver.execute(_CLEAR, float(older_than_seconds), limit)).split()[-1])


async def queue_state(claims: Database) -> QueueState:
    """The queue's health for the metrics."""
    async with claims.across() as driver:
        row = await driver.fetchrow(_STATE)
    assert row is not None
    return QueueState(float(row["oldest_due_seconds"]), int(row["expired_leases"]))


def backoff_seconds(attempts: int, spread: float) -> float:
    """Wait after the n-th failed attempt: doubling from one second to ten minutes, the upper half at random."""
    full = min(BACKOFF_LIMIT_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** (attempts - 1))
    return full / 2 + full / 2 * spread


def reason_of(error: BaseException) -> str:
    """What `last_error` may say: refusals of ours as text, of other errors the kind only (no row values)."""
    found = driver_error(error)
    if isinstance(error, DomainError):
        text = f"{error.code}: {error.detail}"
    elif isinstance(error, GiveUp):
        text = str(error)
    elif found is not None:
        constraint = getattr(found, "constraint_name", None)
        text = f"{type(found).__name__} {found.sqlstate}" + (f" {constraint}" if constraint else "")
    else:
        text = type(error).__name__
    return text[:ERROR_LENGTH_LIMIT].replace("\x00", "")


def _keys(leases: Sequence[Lease]) -> tuple[list[UUID], list[UUID], list[UUID]]:
    return (
        [lease.organization_id for lease in leases],
        [lease.id for lease in leases],
        [lease.token for lease in leases],
    )
