"""The sweeper: `python -m workers.sweeper`. Finds in PostgreSQL what no ring announced; does not need Redis.

Every `sweep_seconds` it returns leases that ran out, runs jobs that wait although they are due, seals changes that
nobody sealed, owes the nights of the organizations; now and then it deletes what is old and makes the partitions of
the coming months.
"""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

import structlog

from app.infra import heartbeats, job_leases
from app.infra.database import settled_here
from app.infra.seal import Unsealed
from app.settings import Settings
from workers.figures import Figures
from workers.housekeeping import Housekeeping
from workers.nightly import Nightly
from workers.process import STOP_SECONDS, open_services, run_process, run_until_signal
from workers.reactions import SUBSCRIBERS, announce, owe_lagging
from workers.registry import HANDLERS
from workers.runner import Runner, Services
from workers.sealing import Sealing

UNANNOUNCED_SECONDS = 0.3
"""A job that is due for so long was not taken up by a worker that was rung, or there is no room there."""
MAX_JOBS = 8
FULL_LOOK_SWEEPS = 300
LATE_SECONDS = 30.0
log = structlog.get_logger(__name__)


class Sweep:
    """One look at everything that may be owed."""

    def __init__(self, services: Services, runner: Runner, sealing: Sealing) -> None:
        self._services = services
        self._claims = services.claims
        self._runner = runner
        self._sealing = sealing
        self._unsealed = Unsealed(services.claims)
        self._nightly = Nightly(services)
        self.figures = Figures(services)
        self._count = 0
        self._late = False

    async def once(self) -> None:
        """Return expired leases, wake the runner and the sealer, tell how late the work is."""
        returned = await job_leases.return_expired(self._claims)
        if returned:
            log.warning("sweep.leases_returned", jobs=returned)
        await job_leases.merge_due(self._claims)
        await self._nightly.look()
        self._runner.wake()
        if self._count % FULL_LOOK_SWEEPS == 0:
            self._unsealed.forget()
            await owe_lagging(self._services, SUBSCRIBERS)
        self._count += 1
        found: set[UUID] = set(await self._unsealed.find())
        self._sealing.wake(found)
        state = await job_leases.queue_state(self._claims)
        facts: dict[str, object] = {
            "oldest_due_seconds": state.oldest_due_seconds,
            "expired_leases": state.expired_leases,
            **self.figures.found,
        }
        async with self._claims.across() as driver:
            facts["settled_before"] = (await settled_here(driver)).isoformat()  # for replicas, which cannot tell
            await heartbeats.beat(driver, heartbeats.SWEEPER, facts)
            await heartbeats.latest(driver)
        late = state.oldest_due_seconds > LATE_SECONDS
        if late and not self._late:
            log.warning("sweep.jobs_late", oldest_due_seconds=round(state.oldest_due_seconds, 1))
        self._late = late

    async def serve(self, seconds: float) -> None:
        """Sweep until cancelled; a database that does not answer is asked again."""
        while True:
            try:
                await self.once()
            except Exception as error:
                log.warning("sweep.failed", error=type(error).__name__)
            await asyncio.sleep(seconds)


async def serve(settings: Settings) -> int:
    """Sweep until SIGTERM; returns the exit status."""
    async with open_services(settings) as (services, bell):
        runner = Runner(services, HANDLERS, max_jobs=MAX_JOBS, waiting_seconds=UNANNOUNCED_SECONDS)
        sealing = Sealing(services.database, announce)
        bell.sealing = sealing
        sweep = Sweep(services, runner, sealing)
        housekeeping = Housekeeping(services)
        parts = [
            runner.serve(), sealing.serve(), sweep.serve(settings.sweep_seconds), sweep.figures.serve(),
            housekeeping.serve(),
        ]  # fmt: skip
        return await run_until_signal(parts, lambda: runner.stop(STOP_SECONDS))


if __name__ == "__main__":
    sys.exit(run_process(serve, "sweeper"))
