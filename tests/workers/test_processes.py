"""The two processes as they run in production: rung, unrung, flushed, without Redis, killed, told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.infra.database import SYSTEM, Database
from app.infra.doorbell import ArqDoorbell, connect_redis
from app.infra.embedded.valkey import ValkeyServer, start_valkey
from app.infra.jobs import owe
from tests.conftest import database_of_its_own
from tests.factories import make_tenant

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def owner_url(servers: dict[str, Any]) -> Iterator[str]:
    """A database of their own: the processes would take up what all other tests left due."""
    with database_of_its_own(servers) as url:
        yield url


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = start_valkey(tmp_path / "valkey")
    yield server
    server.stop()


@pytest.fixture
def start(owner_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start a worker process of this test, by name; killed at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def run(name: str, redis_url: str | None) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if key not in ("REDIS_URL", "DATABASE_URL")}
        environment |= {"DATABASE_URL": owner_url, "DUECOURSE_DATA_DIR": str(tmp_path), "DUECOURSE_LOG_LEVEL": "info"}
        if redis_url is not None:
            environment["REDIS_URL"] = redis_url
        argv = [sys.executable, "-m", "tests.workers.program", name]
        with (tmp_path / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
async def organization(committed: Database) -> AsyncIterator[UUID]:
    tenant = (await make_tenant(committed)).organization_id
    yield tenant
    async with committed.write(tenant, SYSTEM) as session:  # nothing due is left to the next test's workers
        await session.driver.execute("DELETE FROM jobs")


@pytest.fixture
async def rung(committed: Database, valkey: ValkeyServer) -> AsyncIterator[Database]:
    """The service's database with a doorbell."""
    committed.doorbell = bell = ArqDoorbell(valkey.url)
    yield committed
    committed.doorbell = None
    await bell.close()


async def add(database: Database, organization: UUID, *keys: str, kind: str = "test.quick", **payload: Any) -> None:
    async with database.write(organization, SYSTEM) as session:
        for key in keys:
            owe(session, kind, key, payload)


async def traces(database: Database, organization: UUID, event: str = "ran") -> list[str]:
    async with database.read(organization) as session:
        rows = await session.driver.fetch(
            "SELECT after->>'key' AS key FROM change_log WHERE event = $1 ORDER BY id", event
        )
    return [row["key"] for row in rows]


async def sealed(database: Database, organization: UUID) -> int:
    async with database.read(organization) as session:
        return int(await session.driver.fetchval("SELECT count(*) FROM change_seals"))


async def seen(database: Database, organization: UUID, kind: str, since: float) -> bool:
    async with database.read(organization) as session:
        sql = "SELECT EXISTS (SELECT 1 FROM heartbeats WHERE kind = $1 AND extract(epoch FROM seen_at) >= $2)"
        return bool(await session.driver.fetchval(sql, kind, since))


async def until(ready: Callable[[], Awaitable[bool]], seconds: float) -> float:
    """Wait for a fact; returns how long it took."""
    began = time.monotonic()
    while not await ready():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def up(database: Database, organization: UUID, start: Start, name: str, redis_url: str | None) -> Any:
    """Start a process and wait for its first sign of life."""
    since = time.time()
    process = start(name, redis_url)
    kind = {"main": "worker", "sweeper": "sweeper"}[name]
    await until(lambda: seen(database, organization, kind, since), 20)
    return process


async def test_a_ring_starts_work_and_sealing_promptly(
    rung: Database, organization: UUID, start: Start, valkey: ValkeyServer
) -> None:
    await up(rung, organization, start, "main", valkey.url)
    await asyncio.sleep(0.5)  # its look at the start is over
    delays = []
    for number in range(5):
        await add(rung, organization, f"{number}")

        async def ran(wanted: int = number + 1) -> bool:
            return len(await traces(rung, organization)) == wanted

        delays.append(await until(ran, 5))
    assert sorted(delays)[2] < 0.3

    async def all_sealed() -> bool:
        return await sealed(rung, organization) == 5

    await until(all_sealed, 2)


async def test_everything_works_without_redis(committed: Database, organization: UUID, start: Start) -> None:
    await up(committed, organization, start, "sweeper", None)
    await asyncio.sleep(1)
    await add(committed, organization, "a", "b")

    async def ran() -> bool:
        return (
            sorted(await traces(committed, organization)) == ["a", "b"] and await sealed(committed, organization) == 2
        )

    assert await until(ran, 8) < 4


async def test_the_worker_survives_a_flush_and_a_restart_of_redis(
    rung: Database, organization: UUID, start: Start, valkey: ValkeyServer
) -> None:
    worker = await up(rung, organization, start, "main", valkey.url)
    redis = connect_redis(valkey.url)
    for number in range(40):
        await add(rung, organization, f"{number:02}")
        if number % 10 == 5:
            await redis.flushall()
    await redis.aclose(close_connection_pool=True)
    valkey.stop()
    await add(rung, organization, "while away")
    valkey.start()
    await asyncio.sleep(2)  # the doorbell tries again, the worker connects again
    assert worker.poll() is None
    await add(rung, organization, "after")

    async def ran() -> bool:
        return "after" in await traces(rung, organization)

    await until(ran, 10)
    # What the flush and the absence swallowed is found at the next ring, or by the sweeper; none ran twice.
    done = await traces(rung, organization)
    assert sorted(done) == sorted(set(done))
    assert len(done) == 42


async def test_the_processes_outlive_a_restart_of_the_database(
    committed: Database, organization: UUID, start: Start, owner_url: str
) -> None:
    sweeper = await up(committed, organization, start, "sweeper", None)
    administrator = await asyncpg.connect(owner_url)
    await administrator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await administrator.close()
    await asyncio.sleep(0.2)
    await add(committed, organization, "a")

    async def ran() -> bool:
        return await traces(committed, organization) == ["a"] and await sealed(committed, organization) == 1

    await until(ran, 10)
    assert sweeper.poll() is None


async def test_killed_in_the_middle_the_step_is_repeated_by_another(
    committed: Database, organization: UUID, start: Start
) -> None:
    first = await up(committed, organization, start, "sweeper", None)
    await add(committed, organization, "a", kind="test.slow", seconds=1.5)

    async def started() -> bool:
        return await traces(committed, organization, "started") == ["a"]

    await until(started, 8)
    first.send_signal(signal.SIGKILL)
    first.wait()
    async with committed.write(organization, SYSTEM) as session:  # do not wait for half a minute
        leased = await session.driver.execute(
            "UPDATE jobs SET lease_until = clock_timestamp() + interval '1 second' WHERE state = 'leased'"
        )
    assert leased == "UPDATE 1"
    start("sweeper", None)

    async def ran() -> bool:
        return await traces(committed, organization) == ["a"]

    await until(ran, 15)
    assert await traces(committed, organization, "started") == ["a", "a"]


@pytest.mark.parametrize("name", ["main", "sweeper"])
async def test_told_to_stop_it_ends_in_time_and_gives_its_leases_back(
    rung: Database, organization: UUID, start: Start, valkey: ValkeyServer, name: str
) -> None:
    process = await up(rung, organization, start, name, valkey.url)
    await add(rung, organization, "a", kind="test.slow", seconds=60)

    async def started() -> bool:
        return await traces(rung, organization, "started") == ["a"]

    await until(started, 8)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 10) == 0
    assert time.monotonic() - began < 15  # its own bound is 4 s; a busy machine takes longer
    async with rung.read(organization) as session:
        row = await session.driver.fetchrow("SELECT state, attempts FROM jobs")
    assert tuple(row) == ("due", 0)


async def test_a_write_is_not_slowed_by_a_silent_redis(committed: Database, organization: UUID, tmp_path: Path) -> None:
    committed.doorbell = ArqDoorbell(f"unix://{tmp_path}/nobody.sock")
    began = time.monotonic()
    for number in range(50):
        await add(committed, organization, str(number))
    assert time.monotonic() - began < 2
    await committed.doorbell.close()
