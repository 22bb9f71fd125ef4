"""Work that is owed, as rows. A service says `owe(...)` in its transaction; a worker runs the handler of that kind.

Owing is a plain insert: writers never wait for each other, and none of them can meet a job that has begun already.
The same kind and key may be owed many times; a claim merges what is due into one run, and what is owed while that run
goes on stays due and is run after it. So whatever a transaction owed is followed by a run that began after its commit.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.clock import utc_now
from app.core.errors import Conflict, NotFound
from app.core.ids import OrganizationId, new_id
from app.infra.database import Database, WriteSession
from app.settings import Settings

LEASE_SECONDS = 30
ATTEMPTS_LIMIT = 8
INTERRUPTIONS_LIMIT = 50
"""A job that kills its worker each time must end too."""
_MEMORY = "jobs"
_INSERT = """
INSERT INTO jobs (organization_id, id, kind, key, payload, run_at)
SELECT $1, r.id, r.kind, r.key, r.payload, coalesce(r.run_at, clock_timestamp())
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::timestamptz[]) AS r(id, kind, key, payload, run_at)
"""
_EXTEND = """
UPDATE jobs SET lease_until = greatest(lease_until, clock_timestamp() + make_interval(secs => $4))
WHERE organization_id = $1 AND id = $2 AND lease_token = $3 AND state = 'leased' AND lease_until > clock_timestamp()
RETURNING id
"""


_Owed = tuple[tuple[str, str, datetime | None], dict[str, Any]]


class LeaseLost(Exception):
    """The lease ran out or went to another worker: stop, the step is repeated there."""


class GiveUp(Exception):
    """A handler raises it when another try cannot help: the job is dead at once, with this reason."""


class JobUnknown(NotFound):
    """No such job in this organization."""

    code = "job.not_found"


class JobNotDead(Conflict):
    """Only a dead job can be retried."""

    code = "job.not_dead"


def owe(
    session: WriteSession,
    kind: str,
    key: str,
    payload: dict[str, Any] | None = None,
    *,
    run_at: datetime | None = None,
) -> None:
    """Owe a run of `kind` for `key`, with this transaction, now or not before `run_at`; the workers are rung.

    The payload must follow from kind and key: of several merged ones the first due counts. No personal data in it.
    """
    rows: list[_Owed] | None = session.memory.get(_MEMORY)
    if rows is None:
        rows = session.memory[_MEMORY] = []
        session.before_commit.append(_write)
    rows.append(((kind, key, run_at), payload or {}))
    if run_at is None or run_at <= utc_now():
        session.rings.add(kind)


async def _write(session: WriteSession) -> None:
    rows: dict[tuple[str, str, datetime | None], dict[str, Any]] = {}
    for what, payload in session.memory.pop(_MEMORY):
        rows.setdefault(what, payload)
    if not rows:
        return
    await session.driver.execute(
        _INSERT,
        session.organization_id,
        [new_id() for _ in rows],
        [kind for kind, _, _ in rows],
        [key for _, key, _ in rows],
        [json.dumps(payload, separators=(",", ":")) for payload in rows.values()],
        [run_at for _, _, run_at in rows],
    )


async def retry_dead(session: WriteSession, job_id: UUID) -> None:
    """Make a dead job due again, with all its attempts. Raises JobUnknown, JobNotDead."""
    row = await session.driver.fetchrow(
        "UPDATE jobs SET state = 'due', attempts = 0, interruptions = 0, run_at = clock_timestamp(), finished_at = NULL"
        " WHERE organization_id = $1 AND id = $2 AND state = 'dead' RETURNING kind",
        session.organization_id,
        job_id,
    )
    if row is not None:
        session.rings.add(row["kind"])
        return
    state = await session.driver.fetchval(
        "SELECT state FROM jobs WHERE organization_id = $1 AND id = $2", session.organization_id, job_id
    )
    if state is None:
        raise JobUnknown("no such job")
    raise JobNotDead(f"the job is {state}; only a dead one can be retried", state=state)


@dataclass(slots=True)
class JobContext:
    """What a handler gets: the job, pools in the service's and the worker's role, and its lease.

    A handler opens its own transactions: `async with job.database.write(job.organization_id, SYSTEM) as session`.
    It must be repeatable: a worker that dies runs it again.
    """

    database: Database
    claims: Database
    settings: Settings
    organization_id: OrganizationId
    job_id: UUID
    kind: str
    key: str
    payload: dict[str, Any]
    lease_token: UUID
    attempt: int = 1

    async def extend(self, seconds: float = LEASE_SECONDS) -> None:
        """Make sure that the job is still ours, for so many seconds more: just before anything leaves the machine.

        Raises LeaseLost when it is not: the handler must stop. The worker renews the leases of running handlers by
        itself; a handler that blocks the event loop for longer than a lease loses it.
        """
        async with self.claims.across() as driver:
            kept = await driver.fetchval(_EXTEND, self.organization_id, self.job_id, self.lease_token, float(seconds))
        if kept is None:
            raise LeaseLost(f"{self.kind} {self.key}: the lease is lost")


Handler = Callable[[JobContext], Awaitable[None]]
