"""The doorbell: after a commit, arq tells a worker to look. Nothing depends on it but promptness.

Rings are gathered while one is on its way, so that a busy service rings once for many commits. When Redis does not
answer, the circuit opens and rings are dropped for a moment: the sweeper finds what nobody announced.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.infra.database import Doorbell
from app.settings import Settings

QUEUE = "duecourse:rings"
FUNCTION = "ring"
TIMEOUT_SECONDS = 0.25
GATHER_SECONDS = 0.02
"""After a ring the next ones are gathered for so long: a busy service spends little on ringing."""
CLOSED_SECONDS = 0.5
CLOSED_LIMIT_SECONDS = 5.0
PENDING_LIMIT = 10_000
EXPIRES_MS = 60_000
log = structlog.get_logger(__name__)


def to_json(value: Any) -> bytes:
    """arq's default is pickle, which runs code when it is read."""
    return json.dumps(value, default=str).encode()


def from_json(value: bytes) -> Any:
    """The opposite of `to_json`."""
    return json.loads(value)


def ring_id(organization_id: UUID, kind: str) -> str:
    """The id of arq's job: one ring of a kind and organization waits at a time."""
    return f"{kind}:{organization_id}"


def connect_redis(redis_url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> ArqRedis:
    """arq's client of this Redis; no connection is made yet."""
    pool: Any = ConnectionPool.from_url(
        redis_url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        max_connections=8,
    )
    return ArqRedis(
        pool,
        job_serializer=to_json,
        job_deserializer=from_json,
        default_queue_name=QUEUE,
        expires_extra_ms=EXPIRES_MS,
    )


class ArqDoorbell:
    """Rings through Redis; never raises, never waits longer than TIMEOUT_SECONDS."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._redis: ArqRedis | None = None
        self._pending: set[tuple[UUID, str]] = set()
        self._ringing = False
        self._closed_until = 0.0
        self._closed_seconds = CLOSED_SECONDS

    async def ring(self, organization_id: UUID, kinds: frozenset[str]) -> None:
        """Announce work of these kinds. Whoever finds a ring on its way leaves theirs to it."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._closed_until or len(self._pending) > PENDING_LIMIT:
            return
        self._pending.update((organization_id, kind) for kind in kinds)
        if self._ringing:
            return
        self._ringing = True
        try:
            while self._pending:
                rings, self._pending = self._pending, set()
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await self._send(rings)
                self._closed_seconds = CLOSED_SECONDS
                await asyncio.sleep(GATHER_SECONDS)
        except (RedisError, OSError, TimeoutError) as error:
            self._pending.clear()
            self._closed_until = loop.time() + self._closed_seconds
            log.warning("doorbell.silent", error=type(error).__name__, seconds=self._closed_seconds)
            self._closed_seconds = min(CLOSED_LIMIT_SECONDS, self._closed_seconds * 2)
        finally:
            self._ringing = False

    async def _send(self, rings: set[tuple[UUID, str]]) -> None:
        if self._redis is None:
            self._redis = connect_redis(self._redis_url)
        for organization_id, kind in rings:
            await self._redis.enqueue_job(FUNCTION, str(organization_id), kind, _job_id=ring_id(organization_id, kind))

    async def close(self) -> None:
        """Close the connections."""
        if self._redis is not None:
            await self._redis.aclose(close_connection_pool=True)
            self._redis = None


def make_doorbell(settings: Settings) -> ArqDoorbell | None:
    """The doorbell of a process, or None without `REDIS_URL` (the sweeper finds the work then)."""
    return ArqDoorbell(settings.redis_url.get_secret_value()) if settings.redis_url else None


_: type[Doorbell] = ArqDoorbell
