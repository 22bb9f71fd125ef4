"""Now and then: delete what is old in small steps, make the partitions of the coming months."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.clock import utc_now
from app.infra import heartbeats, idempotency, job_leases
from app.infra.connection import driver_url
from app.infra.database import SYSTEM
from app.infra.files import FileStore
from app.infra.partitions import ensure_partitions
from app.integrations.file_retention import FILES_AT_ONCE, forget_files
from workers.runner import Services

ROUND_SECONDS = 600.0
BETWEEN_SECONDS = 0.05
DONE_KEPT_SECONDS = 3 * 86_400.0
KEYS_KEPT_SECONDS = 25 * 3600.0
UPLOADS_ABANDONED_AFTER = timedelta(days=1)
PARTITIONS_EVERY_ROUNDS = 72
log = structlog.get_logger(__name__)


class Housekeeping:
    """What nobody waits for."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def serve(self) -> None:
        """A round every ten minutes, until cancelled."""
        count = 0
        while True:
            try:
                if count % PARTITIONS_EVERY_ROUNDS == 0:
                    await self.make_partitions()
                await self.clear()
            except Exception as error:
                log.warning("housekeeping.failed", error=type(error).__name__)
            count += 1
            await asyncio.sleep(ROUND_SECONDS)

    async def clear(self) -> None:
        """Delete old done jobs, idempotency keys and heartbeats, in bounded batches with pauses."""
        claims, database = self._services.claims, self._services.database
        more = True
        while more:
            more = await job_leases.clear_done(claims, DONE_KEPT_SECONDS) > 0
            await asyncio.sleep(BETWEEN_SECONDS)
        async with claims.across() as driver:
            await heartbeats.forget_old(driver)
            organizations = [row["id"] for row in await driver.fetch("SELECT id FROM organizations")]
        for organization_id in organizations:
            more = True
            while more:
                async with database.write(organization_id, SYSTEM) as session:
                    more = await idempotency.clear_old(session, KEYS_KEPT_SECONDS) > 0
                await asyncio.sleep(BETWEEN_SECONDS if more else 0)
            await self._clear_files(organization_id, utc_now())

    async def _clear_files(self, organization_id: UUID, now: datetime) -> None:
        """Delete files of imports that ended long ago, and what killed uploads left behind."""
        settings = self._services.settings
        store = FileStore(settings.data_dir)
        await asyncio.to_thread(store.remove_abandoned, organization_id, now - UPLOADS_ABANDONED_AFTER)
        days = settings.import_files_kept_days
        more = days > 0
        while more:
            async with self._services.database.write(organization_id, SYSTEM) as session:
                found = await forget_files(session, store, ended_before=now - timedelta(days=days))
            more = found >= FILES_AT_ONCE
            await asyncio.sleep(BETWEEN_SECONDS if more else 0)

    async def make_partitions(self) -> None:
        """Make the partitions of the coming months, where this process may act as the owner.

        Where it may not, `python -m app.infra.migrate` does it; until then rows go to the default partition.
        """
        url = self._services.settings.owner_url
        if url is None:
            return
        engine = create_async_engine(driver_url(url), connect_args={"server_settings": {"lock_timeout": "2s"}})
        try:
            async with engine.begin() as connection:
                await connection.run_sync(ensure_partitions, datetime.now(UTC))
        except Exception as error:
            log.warning("housekeeping.partitions_not_made", error=type(error).__name__)
        finally:
            await engine.dispose()
