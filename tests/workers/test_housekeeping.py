"""What is done now and then, the sweeper's look, and running due work in place."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from app.infra import heartbeats
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database
from app.infra.jobs import JobContext, owe
from app.infra.telemetry import REGISTRY
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from workers.drain import drain
from workers.housekeeping import Housekeeping
from workers.runner import Runner, Services
from workers.sealing import Sealing
from workers.sweeper import Sweep


async def _count(database: Database, organization: UUID, sql: str) -> int:
    async with database.read(organization) as session:
        return int(await session.driver.fetchval(sql))


async def test_old_keys_jobs_and_signs_are_deleted_and_young_ones_kept(
    services: Services, organization: UUID, kind: str
) -> None:
    async with services.database.write(organization, SYSTEM) as session:
        await session.driver.execute(
            "INSERT INTO idempotency_keys (organization_id, id, client, route, key, request_sha256, recorded_at)"
            " SELECT $1, gen_random_uuid(), 'c', 'r', n::text, '', now() - n * interval '1 hour'"
            " FROM generate_series(1, 48) AS n",
            organization,
        )
        await session.driver.execute(
            "INSERT INTO jobs (organization_id, id, kind, key, state, finished_at)"
            " SELECT $1, gen_random_uuid(), $2, n::text, s, now() - n * interval '1 day'"
            " FROM generate_series(1, 6) AS n, unnest('{done,dead}'::text[]) AS s",
            organization,
            kind,
        )
        await session.driver.execute(
            "INSERT INTO heartbeats (process, kind, seen_at) VALUES ('old', 'worker', now() - interval '1 day')"
        )
    await Housekeeping(services).clear()
    assert await _count(services.database, organization, "SELECT count(*) FROM idempotency_keys") == 24
    assert await _count(services.database, organization, "SELECT count(*) FROM jobs WHERE state = 'done'") == 2
    assert await _count(services.database, organization, "SELECT count(*) FROM jobs WHERE state = 'dead'") == 6
    assert await _count(services.database, organization, "SELECT count(*) FROM heartbeats WHERE process = 'old'") == 0


async def test_partitions_of_the_coming_months_are_made_by_the_owner_only(
    services: Services, owner_url: str, tmp_path: Path
) -> None:
    owner = await asyncpg.connect(owner_url)
    try:
        sql = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'change_log'::regclass ORDER BY 1"
        before = [row[0] for row in await owner.fetch(sql)]
        gone = [name for name in before if name != "change_log_default"][-1]
        await owner.execute(f"DROP TABLE {gone}")
        await Housekeeping(services).make_partitions()  # no URL of the owner: nothing happens
        assert gone not in [row[0] for row in await owner.fetch(sql)]
        settings = Settings(data_dir=tmp_path, database_owner_url=owner_url)  # type: ignore[arg-type]
        await Housekeeping(Services(services.database, services.claims, settings)).make_partitions()
        assert [row[0] for row in await owner.fetch(sql)] == before
    finally:
        await owner.close()


async def test_a_sweep_returns_leases_names_unsealed_organizations_and_gives_a_sign(
    services: Services, organization: UUID, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with services.database.write(organization, SYSTEM) as session:
        record_change(session, ChangeRow("account", new_id(), "account.updated"))
        owe(session, kind, "a")
        await session.flush()
        await session.driver.execute(
            "INSERT INTO jobs (organization_id, id, kind, key, state, lease_until, lease_token)"
            " VALUES ($1, gen_random_uuid(), $2, 'lost', 'leased', now() - interval '1 second', gen_random_uuid())",
            organization,
            kind,
        )
    named: set[UUID] = set()
    sealing = Sealing(services.database)
    monkeypatch.setattr(sealing, "wake", named.update)
    await Sweep(services, Runner(services, {}, max_jobs=1), sealing).once()
    assert organization in named
    assert await _count(services.database, organization, "SELECT count(*) FROM jobs WHERE state = 'due'") == 2
    async with services.claims.across() as driver:
        signs = await heartbeats.latest(driver)
    assert signs["sweeper"].age_seconds < 5
    assert set(signs["sweeper"].facts) == {"oldest_due_seconds", "expired_leases"}
    age = REGISTRY.get_sample_value("duecourse_sweeper_heartbeat_age_seconds")
    assert age is not None
    assert age < 5


async def test_due_work_is_drained_in_place_with_what_it_owes(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    """Also within a test's transaction that is rolled back: for the tests of rooms."""
    ran: list[str] = []

    async def handle(job: JobContext) -> None:
        ran.append(job.key)
        if job.key == "a":
            async with job.database.write(job.organization_id, SYSTEM) as session:
                owe(session, "test.drained", "c")

    async with database.write(tenant.organization_id, tenant.actor) as session:
        owe(session, "test.drained", "a")
        owe(session, "test.drained", "b")
    services = Services(database, database, Settings(data_dir=tmp_path))
    assert await drain(services, {"test.drained": handle}) == 3
    assert sorted(ran) == ["a", "b", "c"]
    assert await drain(services, {"test.drained": handle}) == 0
