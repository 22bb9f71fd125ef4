"""Signs of life of the service's processes, as rows: `/readyz` and `/metrics` of another process read them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.infra.telemetry import (
    DEAD_JOBS,
    EXPIRED_LEASES,
    OLDEST_DUE_JOB_SECONDS,
    SWEEPER_SEEN_SECONDS,
    UNKNOWN_OUTCOMES,
    WORKER_SEEN_SECONDS,
)

WORKER = "worker"
SWEEPER = "sweeper"
KEPT_SECONDS = 3600
_BEAT = """
INSERT INTO heartbeats (process, kind, facts) VALUES ($1, $2, $3::jsonb)
ON CONFLICT (process) DO UPDATE SET seen_at = clock_timestamp(), facts = excluded.facts
"""
_LATEST = """
SELECT DISTINCT ON (kind) kind, facts, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS age_seconds
FROM heartbeats ORDER BY kind, seen_at DESC
"""


@dataclass(frozen=True, slots=True)
class Sign:
    """The latest sign of a kind of process: its age in seconds and what it said."""

    kind: str
    age_seconds: float
    facts: dict[str, Any]


async def beat(driver: asyncpg.Connection, kind: str, facts: Mapping[str, object]) -> None:
    """Say that this process lives, with facts for the metrics."""
    process = f"{kind}:{socket.gethostname()}:{os.getpid()}"
    await driver.execute(_BEAT, process, kind, json.dumps(facts))


async def forget_old(driver: asyncpg.Connection) -> None:
    """Delete the signs of processes that are gone for long."""
    await driver.execute(
        "DELETE FROM heartbeats WHERE seen_at < clock_timestamp() - make_interval(secs => $1)", float(KEPT_SECONDS)
    )


async def latest(driver: asyncpg.Connection) -> dict[str, Sign]:
    """The latest sign of each kind of process. Works in any role, and sets the gauges of this process."""
    rows = await driver.fetch(_LATEST)
    signs = {row["kind"]: Sign(row["kind"], row["age_seconds"], row["facts"]) for row in rows}
    sweeper = signs.get(SWEEPER)
    SWEEPER_SEEN_SECONDS.set(sweeper.age_seconds if sweeper else float("inf"))
    worker = signs.get(WORKER)
    WORKER_SEEN_SECONDS.set(worker.age_seconds if worker else float("inf"))
    if sweeper is not None:
        DEAD_JOBS.set(sweeper.facts.get("dead_jobs", 0))
        UNKNOWN_OUTCOMES.set(sweeper.facts.get("unknown_outcomes", 0))
        OLDEST_DUE_JOB_SECONDS.set(sweeper.facts.get("oldest_due_seconds", 0))
        EXPIRED_LEASES.set(sweeper.facts.get("expired_leases", 0))
    return signs
