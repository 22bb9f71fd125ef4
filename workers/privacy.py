"""Retention in the night, and the bytes of files that were given up."""

from __future__ import annotations

from datetime import timedelta

from app.core.clock import utc_now
from app.infra.jobs import JobContext
from app.infra.nightly import business_date_of
from app.privacy.erasure import FILES_AT_ONCE, delete_bytes
from app.privacy.retention import apply_retention

NIGHT = "privacy.retention"
SETTLED_AFTER = timedelta(minutes=5)
"""Bytes written in the last minutes may belong to an upload whose transaction is still open."""
STEPS_MAX = 1_000


async def handle_night(job: JobContext) -> None:
    """Let go what is over on the night's date; then the files that are still there."""
    await apply_retention(job.database, job.settings, job.organization_id, business_date_of(job))
    await delete_files(job)


async def delete_files(job: JobContext) -> None:
    """Delete the bytes of documents given up, in steps."""
    before = utc_now() - SETTLED_AFTER
    for _ in range(STEPS_MAX):
        done = await delete_bytes(job.database, job.settings, job.organization_id, written_before=before)
        if done < FILES_AT_ONCE:
            return
