"""The worker: `python -m workers.main`. Wakes at a ring, runs what is due, seals what was written."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import structlog

from app.infra import heartbeats
from app.infra.change_log import SEAL
from app.settings import Settings
from workers.process import STOP_SECONDS, open_services, run_process, run_until_signal
from workers.reactions import announce
from workers.registry import HANDLERS
from workers.rings import listen
from workers.runner import Runner, Services
from workers.sealing import Sealing

BEAT_SECONDS = 5.0
log = structlog.get_logger(__name__)


async def serve(settings: Settings) -> int:
    """Work until SIGTERM; returns the exit status."""
    async with open_services(settings) as (services, bell):
        runner = Runner(services, HANDLERS, max_jobs=settings.worker_max_jobs)
        sealing = Sealing(services.database, announce)
        bell.runner, bell.sealing = runner, sealing

        def on_ring(organization_id: UUID, kind: str) -> None:
            if kind == SEAL:
                sealing.wake([organization_id])
            else:
                runner.wake()

        parts: list[Coroutine[Any, Any, None]] = [runner.serve(), sealing.serve(), _beat(services)]
        if settings.redis_url is not None:
            url = settings.redis_url.get_secret_value()
            parts.append(listen(url, settings.worker_poll_seconds, on_ring, runner.wake))
        else:
            log.warning("doorbell.absent", detail="REDIS_URL is not set; the sweeper finds the work")
        return await run_until_signal(parts, lambda: runner.stop(STOP_SECONDS))


async def _beat(services: Services) -> None:
    while True:
        try:
            async with services.claims.across() as driver:
                await heartbeats.beat(driver, heartbeats.WORKER, {})
        except Exception as error:  # the database is away; the next beat may reach it
            log.warning("heartbeat.failed", error=type(error).__name__)
        await asyncio.sleep(BEAT_SECONDS)


if __name__ == "__main__":
    sys.exit(run_process(serve, "worker"))
