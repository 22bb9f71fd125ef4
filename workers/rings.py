"""Listens at the doorbell: an arq worker whose only job is to wake the runner or the sealer.

arq's worker ends when Redis does; this one begins again until Redis is back. What was announced in between is found
by the sweeper.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import structlog
from arq.worker import Worker, func
from redis.exceptions import RedisError

from app.infra.doorbell import FUNCTION, QUEUE, connect_redis, from_json, to_json

if TYPE_CHECKING:
    from arq.typing import StartupShutdown, WorkerCoroutine

RECONNECT_SECONDS = 0.5
RING_LIMIT_SECONDS = 1
REDIS_TIMEOUT_SECONDS = 2.0
OnRing = Callable[[UUID, str], None]
log = structlog.get_logger(__name__)


async def listen(redis_url: str, poll_seconds: float, on_ring: OnRing, on_start: Callable[[], None]) -> None:
    """Call `on_ring(organization, kind)` for every ring until cancelled; `on_start` at each (re)connection."""
    logging.getLogger("arq.worker").setLevel(logging.ERROR)  # a ring that expired is nothing to tell

    async def ring(ctx: dict[Any, Any], organization_id: str, kind: str) -> None:
        on_ring(UUID(organization_id), kind)

    async def started(ctx: dict[Any, Any]) -> None:
        log.info("doorbell.listening")
        on_start()

    while True:
        redis = connect_redis(redis_url, REDIS_TIMEOUT_SECONDS)
        worker = Worker(
            functions=[func(cast("WorkerCoroutine", ring), name=FUNCTION)],
            queue_name=QUEUE,
            redis_pool=redis,
            on_startup=cast("StartupShutdown", started),
            handle_signals=False,
            keep_result=0,
            job_timeout=RING_LIMIT_SECONDS,
            poll_delay=poll_seconds,
            max_jobs=100,
            job_serializer=to_json,
            job_deserializer=from_json,
            log_results=False,
        )
        try:
            await worker.main()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("doorbell.lost", error=type(error).__name__)
        finally:
            for task in worker.tasks.values():
                task.cancel()
            await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
            with suppress(RedisError, OSError):
                await redis.aclose(close_connection_pool=True)
        await asyncio.sleep(RECONNECT_SECONDS)
