"""Looks at an installation and says, check by check, what is well and what is not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from app.infra import heartbeats
from app.infra.connection import APP_ROLE, WORKER_ROLE, database_settings
from app.infra.data_scope import SCOPED_ROLE
from app.infra.database import Database
from app.infra.doorbell import connect_redis
from app.infra.http.health import newest_revision
from app.settings import Settings

OLDEST_POSTGRES = 150_000
HEARTBEAT_SECONDS = 60.0
SECRET_BYTES_MIN = 32
CHECK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what it found."""

    check: str
    ok: bool
    text: str


async def examine(settings: Settings) -> list[Finding]:
    """Every check, in order; what cannot be reached is a finding, never an exception."""
    secret = settings.token_secret.get_secret_value() if settings.token_secret else ""
    long_enough = len(secret.encode()) >= SECRET_BYTES_MIN
    findings = [
        Finding("token secret", long_enough, "set" if long_enough else f"set at least {SECRET_BYTES_MIN} bytes"),
        _data_folder(settings),
    ]
    database = Database.connect(database_settings(settings, role=None, pool_size=1))
    try:
        for check, look in _DATABASE_CHECKS.items():
            try:
                async with asyncio.timeout(CHECK_SECONDS), database.across() as driver:
                    findings.append(Finding(check, *await look(driver)))
            except Exception as error:
                findings.append(Finding(check, False, f"cannot be read: {type(error).__name__}"))
    finally:
        await database.close()
    findings.append(await _redis(settings))
    return findings


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    present = next(path for path in (folder, *folder.parents) if path.exists())
    writable = os.access(present, os.W_OK)
    return Finding("data folder", writable, f"{folder}" if writable else f"{present} cannot be written")


async def _version(driver: asyncpg.Connection) -> tuple[bool, str]:
    number = int(await driver.fetchval("SHOW server_version_num"))
    version = str(await driver.fetchval("SHOW server_version"))
    return number >= OLDEST_POSTGRES, f"PostgreSQL {version}"


async def _migrations(driver: asyncpg.Connection) -> tuple[bool, str]:
    present = str(await driver.fetchval("SELECT version_num FROM alembic_version"))
    newest = await asyncio.to_thread(newest_revision)
    return present == newest, present if present == newest else f"{present}; run: duecourse migrate"


async def _roles(driver: asyncpg.Connection) -> tuple[bool, str]:
    rows = await driver.fetch(
        "SELECT rolname, rolsuper OR rolbypassrls AS passes, pg_has_role(current_user, oid, 'MEMBER') AS usable"
        " FROM pg_roles WHERE rolname = ANY($1)",
        [APP_ROLE, WORKER_ROLE, SCOPED_ROLE],
    )
    missing = {APP_ROLE, WORKER_ROLE, SCOPED_ROLE} - {row["rolname"] for row in rows}
    if missing:
        return False, f"missing: {', '.join(sorted(missing))}"
    if await driver.fetchval("SELECT pg_has_role($1::text, $2::text, 'USAGE')", APP_ROLE, SCOPED_ROLE):
        return False, f"{APP_ROLE} inherits from {SCOPED_ROLE}, whose policies would bind everybody"
    wrong = sorted(row["rolname"] for row in rows if row["passes"] or not row["usable"])
    return not wrong, f"bypass row-level security or cannot be taken: {', '.join(wrong)}" if wrong else "as they should"


async def _security(driver: asyncpg.Connection) -> tuple[bool, str]:
    open_tables = await driver.fetch(
        "SELECT DISTINCT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND a.attname = 'organization_id' AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1"
    )
    names = ", ".join(row["relname"] for row in open_tables)
    return not open_tables, f"not forced on: {names}" if names else "forced on every table of an organization"


async def _signs(driver: asyncpg.Connection) -> tuple[bool, str]:
    signs = await heartbeats.latest(driver)
    ages = {kind: signs[kind].age_seconds for kind in (heartbeats.WORKER, heartbeats.SWEEPER) if kind in signs}
    fresh = len(ages) == 2 and all(age < HEARTBEAT_SECONDS for age in ages.values())
    text = ", ".join(f"{kind} {age:.0f} s ago" for kind, age in sorted(ages.items()))
    return fresh, text or "neither worker nor sweeper was seen"


_DATABASE_CHECKS: dict[str, Callable[[asyncpg.Connection], Awaitable[tuple[bool, str]]]] = {
    "database": _version,
    "migrations": _migrations,
    "roles": _roles,
    "row-level security": _security,
    "signs of life": _signs,
}


async def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("Redis", True, "none set: the sweeper finds all work within about a second")
    redis = connect_redis(settings.redis_url.get_secret_value(), timeout_seconds=2)
    try:
        await redis.ping()
    except Exception as error:
        return Finding("Redis", False, f"does not answer: {type(error).__name__}")
    finally:
        await redis.aclose(close_connection_pool=True)
    return Finding("Redis", True, "answers")
