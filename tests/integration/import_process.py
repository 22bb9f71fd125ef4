"""`python -m tests.integration.import_process URL DATA_DIR ORGANIZATION IMPORT`: a worker's work, to be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from uuid import UUID

from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database
from app.integrations.import_run import run_import


async def main(url: str, data_dir: str, organization_id: str, import_id: str) -> None:
    """Run the import as the worker does."""
    database = Database.connect(DatabaseSettings(driver_url(url), APP_ROLE, pool_size=3))
    await run_import(database, Path(data_dir), UUID(organization_id), UUID(import_id), chunks_at_once=2)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
