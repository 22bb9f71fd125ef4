"""Imports: one job loads one file."""

from __future__ import annotations

import gc
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.infra.connection import driver_url
from app.infra.jobs import ATTEMPTS_LIMIT, JobContext
from app.integrations.import_run import INTERNAL_ERROR, end_import, run_import
from app.integrations.queries import get_import
from app.settings import Settings

CHUNKS_AT_ONCE = 3  # while two wait for the database, the third is prepared
COLLECT_AFTER_OBJECTS = 100_000
"""A chunk holds some 50,000 objects, nearly none in cycles: Python's default of 700 costs a third of the time."""
ANALYZED_FROM_ROWS = 10_000
ANALYZED = {
    "accounts": ("accounts", "contacts", "payer_identities"),
    "invoices": ("invoices", "instalments", "credit_memos", "transfers"),
    "payments": ("payments", "applications", "instalments", "transfers"),
    "applications": ("payments", "credit_memos", "applications", "instalments", "transfers"),
    "original_amounts": ("source_documents",),
    "bank_statement": ("payments", "transfers"),
}
"""Tables that a large import of a kind changes beyond what the planner knows of them."""
log = structlog.get_logger(__name__)


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
    async with job.database.read(job.organization_id) as session:
        done = await get_import(session, import_id)
        kind, created = done.kind, done.rows_created
    if created >= ANALYZED_FROM_ROWS and not done.dry_run and kind in ANALYZED:
        await analyze(job.settings, ANALYZED[kind])


async def analyze(settings: Settings, tables: tuple[str, ...]) -> None:
    """Let the planner look at these tables now: autovacuum comes a minute later, and until then reports crawl.

    Where this process may not act as the owner, PostgreSQL skips them with a warning, and autovacuum does it.
    """
    url = settings.owner_url
    if url is None:
        return
    limits = {"server_settings": {"lock_timeout": "2s", "statement_timeout": "60s"}}
    engine = create_async_engine(driver_url(url), isolation_level="AUTOCOMMIT", connect_args=limits)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"ANALYZE {', '.join(tables)}"))
    except Exception as error:
        log.warning("import.statistics_not_refreshed", error=type(error).__name__)
    finally:
        await engine.dispose()
