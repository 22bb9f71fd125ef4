"""The worker: derived jobs a second against plain arq, and the delay from commit to start, rung and unrung.

`python -m tests.benchmarks.worker` runs it alone. Servers are our own, with fsync on.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arq.worker import Worker, func

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.connection import APP_ROLE, WORKER_ROLE, DatabaseSettings, driver_url
from app.infra.database import SYSTEM, Database
from app.infra.doorbell import ArqDoorbell, connect_redis, from_json, to_json
from app.infra.embedded.postgres import start_postgres
from app.infra.embedded.valkey import start_valkey
from app.infra.jobs import JobContext, owe
from app.infra.migrate import migrate
from app.infra.seal import seal
from app.settings import Settings
from tests.factories import Tenant, make_tenant
from workers.runner import Runner, Services

ROOT = Path(__file__).resolve().parents[2]
JOBS = 5_000
ARQ_JOBS = 3_000
RUNG_JOBS = 300
UNRUNG_JOBS = 60
CHANGES = 20_000
KIND = "test.quick"
Result = dict[str, Any]


async def _plain_arq(redis_url: str) -> float:
    """No-op jobs a second of arq as such: one worker, 100 at a time, results not kept."""
    redis = connect_redis(redis_url, 5)

    async def nothing(ctx: dict[str, Any]) -> None:
        pass

    for number in range(ARQ_JOBS):
        await redis.enqueue_job("nothing", _job_id=f"n{number}", _queue_name="plain")
    worker = Worker(
        functions=[func(nothing, name="nothing")], queue_name="plain", redis_pool=redis, burst=True, max_jobs=100,
        poll_delay=0.05, keep_result=0, handle_signals=False, job_serializer=to_json, job_deserializer=from_json,
    )  # fmt: skip
    began = time.perf_counter()
    await worker.main()
    seconds = time.perf_counter() - began
    assert worker.jobs_complete == ARQ_JOBS
    await redis.aclose(close_connection_pool=True)
    return ARQ_JOBS / seconds


async def _derived(services: Services, tenant: Tenant) -> float:
    """No-op jobs a second that are rows: claimed, run, finished; from the wake to the last finish."""
    kind = "bench.nothing"

    async def nothing(job: JobContext) -> None:
        pass

    async with services.database.write(tenant.organization_id, SYSTEM) as session:
        for number in range(JOBS):
            owe(session, kind, str(number))
    runner = Runner(services, {kind: nothing}, max_jobs=services.settings.worker_max_jobs)
    began = time.perf_counter()
    serving = asyncio.create_task(runner.serve())
    while runner.finished < JOBS:
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - began
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await runner.stop(1)
    return JOBS / seconds


async def _sealed(database: Database, tenant: Tenant) -> float:
    """Changes a second that the sealer can take."""
    for _ in range(CHANGES // 1000):
        async with database.write(tenant.organization_id, SYSTEM) as session:
            for _ in range(1000):
                record_change(session, ChangeRow("account", new_id(), "account.updated", {"name": "a"}, {"name": "b"}))
    began = time.perf_counter()
    count = 0
    more = True
    while more:
        done = await seal(database, tenant.organization_id)
        count, more = count + done.sealed, done.again
    return count / (time.perf_counter() - began)


@contextmanager
def _process(name: str, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "tests.workers.program", name], cwd=ROOT, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


async def _delays(database: Database, tenant: Tenant, count: int, pause_seconds: float) -> list[float]:
    """Milliseconds from the insert of each job (just before its commit) to the first transaction of its handler."""
    async with database.write(tenant.organization_id, SYSTEM) as session:
        await session.driver.execute("DELETE FROM jobs")
    chance = random.Random(7)
    await asyncio.sleep(3)  # the process is up
    for number in range(count):
        async with database.write(tenant.organization_id, SYSTEM) as session:
            owe(session, KIND, f"{number}")
        await asyncio.sleep(chance.uniform(0, 2 * pause_seconds))
    sql = (
        "SELECT extract(epoch FROM c.recorded_at - j.run_at)::float8 * 1000 AS delay FROM jobs j"
        " JOIN change_log c ON c.organization_id = j.organization_id AND c.entity_id = j.id AND c.event = 'ran'"
        " WHERE j.kind = $1 ORDER BY 1"
    )
    async with asyncio.timeout(30):
        while True:
            async with database.read(tenant.organization_id) as session:
                delays = [row["delay"] for row in await session.driver.fetch(sql, KIND)]
            if len(delays) == count:
                return delays
            await asyncio.sleep(0.2)


def _p95(values: list[float]) -> float:
    return round(values[int(len(values) * 0.95) - 1], 1)


async def run() -> list[Result]:
    """All measures of the worker."""
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as name:
        folder = Path(name)
        postgres, valkey = start_postgres(folder), start_valkey(folder)
        try:
            await migrate(postgres.url)
            return await _measure(postgres.url, valkey.url, folder)
        finally:
            valkey.stop()
            postgres.stop()


async def _measure(database_url: str, redis_url: str, folder: Path) -> list[Result]:
    url = driver_url(database_url)
    database = Database.connect(DatabaseSettings(url, APP_ROLE, pool_size=8))
    claims = Database.connect(DatabaseSettings(url, WORKER_ROLE, pool_size=3))
    bell = ArqDoorbell(redis_url)
    environment = {**os.environ, "DATABASE_URL": database_url, "DUECOURSE_DATA_DIR": str(folder)}
    environment["DUECOURSE_LOG_LEVEL"] = "error"
    try:
        tenant = await make_tenant(database)
        services = Services(database, claims, Settings(data_dir=folder))
        plain = await _plain_arq(redis_url)
        derived = await _derived(services, tenant)
        sealed = await _sealed(database, tenant)
        environment["REDIS_URL"] = redis_url
        with _process("main", environment):
            database.doorbell = bell
            rung = await _delays(database, tenant, RUNG_JOBS, 0.02)
        database.doorbell = None
        del environment["REDIS_URL"]
        with _process("sweeper", environment):
            unrung = await _delays(database, tenant, UNRUNG_JOBS, 0.15)
    finally:
        await bell.close()
        await database.close()
        await claims.close()
    return [
        _result("worker: derived no-op jobs / plain arq", round(derived), round(plain), "jobs/s"),
        _result("worker: delay commit to start with Redis, p95 (reach < 250)", _p95(rung), None, "ms"),
        _result("worker: delay commit to start without Redis, p95 (reach < 2000)", _p95(unrung), None, "ms"),
        _result("worker: changes sealed", round(sealed), None, "changes/s"),
    ]


def _result(name: str, ours: float, baseline: float | None, unit: str) -> Result:
    ratio = round(ours / baseline, 2) if baseline else None
    return {"name": name, "ours": ours, "baseline": baseline, "ratio": ratio, "unit": unit}


if __name__ == "__main__":
    for line in asyncio.run(run()):
        print(json.dumps(line))
