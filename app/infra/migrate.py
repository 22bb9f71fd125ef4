"""Migrations as a command: `python -m app.infra.migrate [--check | --new "message"]`.

Runs as the owner (`DATABASE_OWNER_URL`, else `DATABASE_URL`) under an advisory lock, so that two starts at once
migrate once. Safe to repeat.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from app.infra.connection import driver_url
from app.infra.partitions import ensure_partitions
from app.settings import Settings

MIGRATION_LOCK = 7300
LOCK_NOT_AVAILABLE = "55P03"
LOCK_ATTEMPTS = 60
LOCK_PAUSE_SECONDS = 2.0
SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s")
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.commit()
    try:
        _upgrade_patiently(connection)
        ensure_partitions(connection, datetime.now(UTC))
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()


def _upgrade_patiently(connection: Connection) -> None:
    """Run what is missing. A revision asks for its locks for seconds only, so that work behind it goes on; then again.

    A revision is one transaction, or steps that can be repeated (`migrations/online.py`).
    """
    for left in reversed(range(LOCK_ATTEMPTS)):
        try:
            return command.upgrade(_config(connection), "head")
        except DBAPIError as error:
            connection.rollback()
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE or not left:
                raise
            print("a table is in use; trying again", file=sys.stderr, flush=True)
            time.sleep(LOCK_PAUSE_SECONDS)
    return None


def _new(connection: Connection, message: str) -> None:
    slug = re.sub(r"[^a-z0-9]+", "_", message.lower())[:18].strip("_")  # the version's column takes 32 characters
    revision = f"{datetime.now(UTC):%Y%m%d_%H%M}_{slug}"
    command.revision(_config(connection), message=message, rev_id=revision, autogenerate=True)


def _check(connection: Connection) -> None:
    command.check(_config(connection))


async def migrate(owner_url: str) -> None:
    """Bring the database at this URL to the newest revision and make the partitions of the coming months."""
    await _run(owner_url, _upgrade)


async def _run(owner_url: str, step: object, *arguments: object) -> None:
    engine = create_async_engine(driver_url(owner_url))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(step, *arguments)  # type: ignore[arg-type]
    finally:
        await engine.dispose()


def main(arguments: list[str] | None = None) -> int:
    """Command entry: returns 0, or 1 with the reason on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    url = Settings().owner_url
    if url is None:
        print("DATABASE_URL is not set", file=sys.stderr)
        return 1
    try:
        if arguments[:1] == ["--check"]:
            asyncio.run(_run(url, _upgrade))
            asyncio.run(_run(url, _check))
        elif arguments[:1] == ["--new"]:
            asyncio.run(_run(url, _upgrade))
            asyncio.run(_run(url, _new, arguments[1]))
        else:
            asyncio.run(migrate(url))
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
