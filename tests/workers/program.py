"""A worker process for tests: `python -m tests.workers.program main|sweeper`, with handlers that leave a trace.

The trace of a run is a change: `started` and `ran`, each in a transaction of its own, so that a kill between them
shows. `slow.*` waits in between.
"""

from __future__ import annotations

import asyncio
import sys

from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext
from workers import main, sweeper
from workers.nightly import NIGHTLY
from workers.process import run_process
from workers.registry import HANDLERS


async def _trace(job: JobContext, event: str) -> None:
    async with job.database.write(job.organization_id, SYSTEM) as session:
        record_change(session, ChangeRow("job", job.job_id, event, after={"key": job.key}))


async def quick(job: JobContext) -> None:
    """Leave the trace."""
    await _trace(job, "ran")


async def slow(job: JobContext) -> None:
    """Leave a trace before and after a pause."""
    await _trace(job, "started")
    await asyncio.sleep(float(job.payload["seconds"]))
    await _trace(job, "ran")


if __name__ == "__main__":
    NIGHTLY.clear()  # the nights of all tenants of other tests are not meant
    HANDLERS.update({"test.quick": quick, "test.slow": slow})
    sys.exit(run_process({"main": main.serve, "sweeper": sweeper.serve}[sys.argv[1]], sys.argv[1]))
