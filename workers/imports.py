"""Imports: one job loads one file."""

from __future__ import annotations

import gc
from uuid import UUID

from app.infra.jobs import ATTEMPTS_LIMIT, JobContext
from app.integrations.import_run import INTERNAL_ERROR, end_import, run_import

CHUNKS_AT_ONCE = 3  # while two wait for the database, the third is prepared
COLLECT_AFTER_OBJECTS = 100_000
"""A chunk holds some 50,000 objects, nearly none in cycles: Python's default of 700 costs a third of the time."""


async def handle(job: JobContext) -> None:
    """Load the file of the import whose id is the job's key."""
    if gc.get_threshold()[0] < COLLECT_AFTER_OBJECTS:
        gc.set_threshold(COLLECT_AFTER_OBJECTS, 10, 10)
    import_id = UUID(job.key)
    try:
        await run_import(
            job.database, job.settings.data_dir, job.organization_id, import_id, chunks_at_once=CHUNKS_AT_ONCE
        )
    except Exception:
        if job.attempt >= ATTEMPTS_LIMIT:
            await end_import(job.database, job.organization_id, import_id, "failed", INTERNAL_ERROR)
        raise
