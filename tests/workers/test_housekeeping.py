"""What is done now and then, the sweeper's look, and running due work in place."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from app.documents.models import Document
from app.infra import heartbeats
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database
from app.infra.files import FileStore
from app.infra.jobs import JobContext, owe
from app.infra.telemetry import REGISTRY
from app.integrations.imports import NewImport, start_import
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from workers.drain import drain
from workers.figures import Figures
from workers.housekeeping import Housekeeping
from workers.imports import ANALYZED, analyze
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


async def _upload(services: Services, organization: UUID, content: bytes, *, ended: str | None) -> Path:
    """A file and the import that brought it, ended that long ago; where the bytes are."""
    store = FileStore(services.settings.data_dir)
    async with store.receive(organization, limit_bytes=1_000) as receiving:
        await receiving.write(content)
        file = await receiving.keep()
    async with services.database.write(organization, SYSTEM) as session:
        new = NewImport("invoices", file, "a.csv", "text/csv", "csv")
        import_id = await start_import(session, new, today=date(2026, 1, 1))
        await session.driver.execute(
            "UPDATE imports SET state = CASE WHEN $3::text IS NULL THEN state ELSE 'completed' END,"
            " finished_at = now() - $3::text::interval WHERE organization_id = $1 AND id = $2",
            organization,
            import_id,
            ended,
        )
        await session.driver.execute(
            "UPDATE stored_files SET recorded_at = now() - interval '500 days' WHERE organization_id = $1", organization
        )
    path = store.path(organization, file.sha256)
    long_ago = (datetime.now(UTC) - timedelta(days=500)).timestamp()
    os.utime(path, (long_ago, long_ago))
    return path


async def test_files_of_imports_go_when_their_time_is_over(services: Services, organization: UUID) -> None:
    old = await _upload(services, organization, b"old", ended="366 days")
    young = await _upload(services, organization, b"young", ended="364 days")
    waiting = await _upload(services, organization, b"waiting", ended=None)
    await _upload(services, organization, b"twice", ended="400 days")
    twice = await _upload(services, organization, b"twice", ended="1 day")
    attached = await _upload(services, organization, b"attached", ended="400 days")
    fresh = await _upload(services, organization, b"fresh", ended="400 days")
    os.utime(fresh)  # the same content is just being uploaded again
    abandoned = old.parent.parent / ".0123456789abcdef.part"
    abandoned.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    receiving = old.parent.parent / ".fedcba9876543210.part"
    receiving.write_bytes(b"half")
    async with services.database.write(organization, SYSTEM) as session:
        document = Document(
            organization_id=organization, id=new_id(), sha256=attached.name, size_bytes=8, media_type="text/csv",
            name="a.csv", kept_in="disk", uploaded_by="somebody",
        )  # fmt: skip
        session.add(document)
    await Housekeeping(services).clear()
    kept = [path for path in (old, young, waiting, twice, attached, fresh, abandoned, receiving) if path.exists()]
    assert kept == [young, waiting, twice, attached, fresh, receiving]
    count = "SELECT count(*) FROM stored_files"
    assert await _count(services.database, organization, count) == 4, "two rows are gone with their files"
    assert await _count(services.database, organization, "SELECT count(*) FROM imports") == 7


async def test_files_are_kept_for_ever_on_request(services: Services, organization: UUID) -> None:
    old = await _upload(services, organization, b"old", ended="4000 days")
    services.settings.import_files_kept_days = 0
    await Housekeeping(services).clear()
    assert old.exists()


async def test_statistics_follow_a_large_import_where_the_worker_may_act_as_owner(
    services: Services, owner_url: str, tmp_path: Path
) -> None:
    owner = await asyncpg.connect(owner_url)
    analyzed = "SELECT relname FROM pg_stat_user_tables WHERE analyze_count > 0 AND relname = ANY($1::text[])"
    tables = ("payment_terms", "legal_entities")
    try:
        before = await owner.fetch(analyzed, list(tables))
        await analyze(services.settings, tables)  # no URL of the owner: nothing happens
        assert await owner.fetch(analyzed, list(tables)) == before
        settings = Settings(data_dir=tmp_path, database_owner_url=owner_url)  # type: ignore[arg-type]
        await analyze(settings, tables)
        for kind in ANALYZED.values():
            await analyze(settings, kind)
        await owner.execute("SELECT pg_stat_force_next_flush()")
        found = {row["relname"] for row in await owner.fetch(analyzed, [*tables, "invoices", "applications"])}
        assert found == {*tables, "invoices", "applications"}
    finally:
        await owner.close()


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
    due = f"SELECT count(*) FROM jobs WHERE state = 'due' AND kind = '{kind}'"
    assert await _count(services.database, organization, due) == 2
    async with services.claims.across() as driver:
        signs = await heartbeats.latest(driver)
    assert signs["sweeper"].age_seconds < 5
    assert set(signs["sweeper"].facts) == {
        "oldest_due_seconds", "expired_leases", "dead_jobs", "unknown_outcomes", "settled_before",
    }  # fmt: skip
    age = REGISTRY.get_sample_value("duecourse_sweeper_heartbeat_age_seconds")
    assert age is not None
    assert age < 5


async def test_dead_jobs_and_unknown_outcomes_are_counted_over_all_organizations(
    services: Services, organization: UUID, kind: str
) -> None:
    before = await Figures(services).count()
    async with services.database.write(organization, SYSTEM) as session:
        await session.driver.execute(
            "INSERT INTO jobs (organization_id, id, kind, key, state) VALUES ($1, gen_random_uuid(), $2, 'd', 'dead')",
            organization,
            kind,
        )
        await session.driver.execute(
            "INSERT INTO outgoing_emails (organization_id, id, recipient, subject, text, purpose, subject_kind,"
            " subject_id, message_id, state, queued_by) VALUES ($1, gen_random_uuid(), 'a@b.example', '', '',"
            " 'notice', 'dispute', gen_random_uuid(), 'm', 'unknown', '')",
            organization,
        )
    figures = Figures(services)
    after = await figures.count()
    assert {name: after[name] - before[name] for name in after} == {"dead_jobs": 1, "unknown_outcomes": 1}
    async with services.database.write(organization, SYSTEM) as session:
        await session.driver.execute("DELETE FROM outgoing_emails WHERE organization_id = $1", organization)
    assert (await figures.count())["unknown_outcomes"] == before["unknown_outcomes"]


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
