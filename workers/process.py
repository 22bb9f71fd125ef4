"""What the worker and the sweeper have in common: pools, doorbell, orderly stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import structlog

from app.infra.change_log import SEAL
from app.infra.connection import APP_ROLE, WORKER_ROLE, database_settings
from app.infra.database import Database, Doorbell
from app.infra.doorbell import ArqDoorbell, make_doorbell
from app.infra.telemetry import configure_logs, serve_metrics
from app.infra.tracing import configure_tracing
from app.settings import Settings
from workers import webhooks
from workers.runner import Runner, Services
from workers.sealing import Sealing

STOP_SECONDS = 2.0
"""How long running handlers may go on after SIGTERM; with what follows the process ends within four seconds."""
CLAIMS_POOL_SIZE = 3
CANCELLATIONS, CANCELLED_SECONDS = 5, 0.3
log = structlog.get_logger(__name__)


class NearDoorbell:
    """Work that a handler owes is taken up in this process at once, and announced to the others."""

    def __init__(self, outside: ArqDoorbell | None) -> None:
        self._outside = outside
        self.runner: Runner | None = None
        self.sealing: Sealing | None = None

    async def ring(self, organization_id: UUID, kinds: frozenset[str]) -> None:
        """Wake this process, then the others."""
        if SEAL in kinds and self.sealing is not None:
            self.sealing.wake([organization_id])
        work = kinds - {SEAL}
        if not work:
            return
        if self.runner is not None:
            self.runner.wake()
        if self._outside is not None:
            await self._outside.ring(organization_id, work)


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[tuple[Services, NearDoorbell]]:
    """The pools of a worker process, closed at the end."""
    outside = make_doorbell(settings)
    near = NearDoorbell(outside)
    bell: Doorbell = near
    database = Database.connect(database_settings(settings, role=APP_ROLE), bell)
    claims = Database.connect(database_settings(settings, role=WORKER_ROLE, pool_size=CLAIMS_POOL_SIZE))
    try:
        yield Services(database, claims, settings), near
    finally:
        async with asyncio.timeout(1):
            await database.close()
            await claims.close()
            if outside is not None:
                await outside.close()
            await webhooks.close()


async def run_until_signal(serving: list[Coroutine[Any, Any, None]], stop: Callable[[], Awaitable[None]]) -> int:
    """Serve until SIGTERM or SIGINT (returns 0) or until one part ends (returns 1); `stop` runs in between."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    tasks = [asyncio.create_task(part) for part in serving]
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    failed = [task for task in tasks if task.done()]
    for ended in failed:
        log.error("process.part_ended", exc_info=ended.exception() if not ended.cancelled() else None)
    waiting.cancel()
    await _end(tasks)
    await stop()
    return 1 if failed else 0


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel these and wait. A library may swallow a cancellation (the client of Redis does at times): ask again."""
    for _ in range(CANCELLATIONS):
        for task in tasks:
            task.cancel()
        _, left = await asyncio.wait(tasks, timeout=CANCELLED_SECONDS)
        if not left:
            return


def run_process(main: Callable[[Settings], Coroutine[Any, Any, int]], process: str) -> int:
    """Settings, logs, event loop: the entry point of a worker process."""
    settings = Settings()
    if settings.database_url is None:
        print("DATABASE_URL is not set; `make run` starts the embedded server and sets it", file=sys.stderr)
        return 1
    configure_logs(settings.log_level)
    configure_tracing(process, settings.otlp_endpoint)
    serve_metrics(settings.metrics_host, settings.metrics_port)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main(settings))
    return int(uvloop.run(main(settings)))
