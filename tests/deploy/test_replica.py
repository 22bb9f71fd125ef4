"""A streaming replica for reports: what it answers is behind, never wrong, and it knows which instants are settled."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from app.infra.connection import APP_ROLE, WORKER_ROLE, database_settings, report_settings
from app.infra.database import Database, ReplicaTooYoung, settled_before
from app.infra.embedded import postgres
from app.infra.embedded.postgres import PostgresServer
from app.infra.migrate import migrate
from app.main import create_app
from app.settings import Settings
from tests.conftest import StaticAuthenticator
from tests.factories import make_tenant
from tests.receivables import issue
from workers.runner import Runner, Services
from workers.sealing import Sealing
from workers.sweeper import Sweep

pytestmark = pytest.mark.slow
DAY = date(2026, 3, 2)


def _copy(primary: PostgresServer, folder: Path) -> PostgresServer:
    """A server that follows the other one."""
    folder.mkdir(mode=0o700)
    shutil.copy2(primary._data_dir / "postgres_password", folder)
    cluster = folder / "postgres"
    program = [str(primary._bin / "pg_basebackup"), "-D", str(cluster), "-R", "-X", "stream", "-c", "fast"]
    done = subprocess.run([*program, "-d", primary.url], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    if primary._account is not None:
        for path in (cluster, *cluster.rglob("*")):
            os.chown(path, primary._account.uid, primary._account.gid, follow_symlinks=False)
    replica = PostgresServer(folder, database="duecourse", fast=True)
    replica.start()
    return replica


@pytest.fixture(scope="module")
async def servers() -> AsyncIterator[tuple[PostgresServer, PostgresServer]]:
    """A migrated database and its replica."""
    folder = Path(tempfile.mkdtemp(prefix="duecourse-replica-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            postgres,
            "TEST_OPTIONS",
            {**postgres.TEST_OPTIONS, "wal_level": "replica", "max_wal_senders": "4", "synchronous_commit": "on"},
        )
        primary = PostgresServer(folder / "one", database="duecourse", fast=True)
        primary.start()
        await migrate(primary.url)
        replica = _copy(primary, folder / "two")
        yield primary, replica
    replica.stop()
    primary.stop()
    shutil.rmtree(folder, ignore_errors=True)


async def _caught_up(primary: PostgresServer, replica: PostgresServer) -> None:
    here, there = await asyncpg.connect(primary.url), await asyncpg.connect(replica.url)
    written = await here.fetchval("SELECT pg_current_wal_lsn()")
    while not await there.fetchval("SELECT pg_last_wal_replay_lsn() >= $1", written):
        await asyncio.sleep(0.02)
    await here.close()
    await there.close()


async def test_reports_read_from_the_replica(servers: tuple[PostgresServer, PostgresServer], tmp_path: Path) -> None:
    primary, replica = servers
    settings = Settings(
        DATABASE_URL=SecretStr(primary.url), DATABASE_REPORT_URL=SecretStr(replica.url), data_dir=tmp_path,
        token_secret=SecretStr("t" * 43), log_level="error",
    )  # fmt: skip
    reached = report_settings(settings, role=APP_ROLE)
    assert reached is not None
    database, reports = Database.connect(database_settings(settings, role=APP_ROLE)), Database.connect(reached)
    claims = Database.connect(database_settings(settings, role=WORKER_ROLE))
    tenant = await make_tenant(database)
    organization = tenant.organization_id
    services = Services(database, claims, settings)
    sweep = Sweep(services, Runner(services, {}, max_jobs=1), Sealing(database))

    # Without a sign of the sweeper a replica cannot tell which instants are settled.
    await _caught_up(primary, replica)
    async with reports.read(organization) as session:
        with pytest.raises(ReplicaTooYoung):
            await settled_before(session)

    # A writer that has begun keeps the instants after its beginning open, there as here.
    async with database.write(organization, tenant.actor) as session:
        began = await session.driver.fetchval("SELECT current_setting('app.recorded_at')::timestamptz")
        await issue(session, tenant, 100_00, DAY)
        await sweep.once()
        await _caught_up(primary, replica)
        async with reports.read(organization) as reading:
            assert await settled_before(reading) <= began
    await asyncio.sleep(1.1)  # locks name the second
    await sweep.once()
    await _caught_up(primary, replica)
    async with reports.read(organization) as reading:
        assert await settled_before(reading) > began

    # The service sends reports there, and everything else to the database itself.
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        authenticator = app.state.authenticator = StaticAuthenticator()
        headers = {"Authorization": f"Bearer {authenticator.grant(tenant)}"}
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
            there = await asyncpg.connect(replica.url)
            await there.execute("SELECT pg_wal_replay_pause()")
            async with database.write(organization, tenant.actor) as session:
                await issue(session, tenant, 50_00, DAY)
            asked = {"as_of": (DAY + timedelta(days=1)).isoformat()}
            assert len((await client.get("/v1/invoices")).json()["data"]) == 2
            assert (await client.get("/v1/reports/aging", params=asked)).json()["totals"][0]["open_amount"] == "100.00"
            await there.execute("SELECT pg_wal_replay_resume()")
            await there.close()
            await _caught_up(primary, replica)
            assert (await client.get("/v1/reports/aging", params=asked)).json()["totals"][0]["open_amount"] == "150.00"
            known = {**asked, "known_at": began.isoformat()}
            assert (await client.get("/v1/reports/aging", params=known)).json()["totals"][0]["open_amount"] == "100.00"
    for pool in (database, reports, claims):
        await pool.close()
