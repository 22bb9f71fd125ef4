"""The runner in this process: it runs what is due, side by side, keeps its leases, and gives them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from app.infra import job_leases
from app.infra.database import SYSTEM
from app.infra.jobs import GiveUp, Handler, JobContext, LeaseLost, owe
from workers.runner import Runner, Services


async def until(ready: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a fact."""
    async with asyncio.timeout(seconds):
        while not ready():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(services: Services, handlers: dict[str, Handler], **more: Any) -> AsyncIterator[Runner]:
    runner = Runner(services, handlers, **{"max_jobs": 4, **more})
    serving = asyncio.create_task(runner.serve())
    try:
        yield runner
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await runner.stop(0.5)


async def add(services: Services, organization: UUID, kind: str, *keys: str) -> None:
    async with services.database.write(organization, SYSTEM) as session:
        for key in keys:
            owe(session, kind, key)


async def states(services: Services, organization: UUID, kind: str) -> list[str]:
    async with services.database.read(organization) as session:
        rows = await session.driver.fetch("SELECT state FROM jobs WHERE kind = $1 ORDER BY id", kind)
        return [row["state"] for row in rows]


async def test_all_due_jobs_run_side_by_side_within_the_bound(
    services: Services, organization: UUID, kind: str
) -> None:
    now, most, ran = 0, 0, []

    async def handle(job: JobContext) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        ran.append(job.key)
        now -= 1

    keys = [f"{number:03}" for number in range(60)]
    await add(services, organization, kind, *keys)
    async with running(services, {kind: handle}) as runner:
        await until(lambda: runner.finished == 60)
    assert sorted(ran) == keys
    assert most == 4
    assert set(await states(services, organization, kind)) == {"done"}


async def test_what_is_owed_while_the_same_key_runs_is_run_next(
    services: Services, organization: UUID, kind: str
) -> None:
    runs = 0

    async def handle(job: JobContext) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            await add(services, organization, kind, job.key)
            runner.wake()

    await add(services, organization, kind, "a")
    async with running(services, {kind: handle}) as runner:
        await until(lambda: runner.finished == 2)
        await asyncio.sleep(0.1)
    assert runs == 2


async def test_a_failure_is_written_and_others_go_on(services: Services, organization: UUID, kind: str) -> None:
    async def handle(job: JobContext) -> None:
        if job.key == "bad":
            raise ValueError("secret")
        if job.key == "hopeless":
            raise GiveUp("no such file")

    await add(services, organization, kind, "bad", "good", "hopeless")
    async with running(services, {kind: handle}) as runner:
        await until(lambda: runner.finished == 1)
        for _ in range(100):  # the failures are written beside it
            if await states(services, organization, kind) == ["due", "done", "dead"]:
                break
            await asyncio.sleep(0.1)
    assert await states(services, organization, kind) == ["due", "done", "dead"]
    async with services.database.read(organization) as session:
        errors = await session.driver.fetch("SELECT last_error FROM jobs WHERE kind = $1 ORDER BY id", kind)
    assert [row["last_error"] for row in errors] == ["ValueError", None, "no such file"]


async def test_a_long_handler_keeps_its_lease(services: Services, organization: UUID, kind: str) -> None:
    runs = 0

    async def handle(job: JobContext) -> None:
        nonlocal runs
        runs += 1
        await asyncio.sleep(4)
        await job.extend()

    await add(services, organization, kind, "a")
    async with running(services, {kind: handle}, lease_seconds=1.5) as runner:
        for _ in range(12):
            await asyncio.sleep(0.3)
            await job_leases.return_expired(services.claims)  # a lease that ran out would be run again: see `runs`
        await until(lambda: runner.finished == 1)
    assert runs == 1


async def test_a_handler_whose_lease_is_lost_is_stopped(services: Services, organization: UUID, kind: str) -> None:
    started, ended = asyncio.Event(), []

    async def handle(job: JobContext) -> None:
        started.set()
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            with pytest.raises(LeaseLost):
                await job.extend()
            ended.append(job.key)
            raise

    await add(services, organization, kind, "a")
    async with running(services, {kind: handle}, lease_seconds=1):
        await started.wait()
        async with services.database.write(organization, SYSTEM) as session:  # another worker has it
            await session.driver.execute("UPDATE jobs SET lease_token = gen_random_uuid() WHERE kind = $1", kind)
        await until(lambda: bool(ended))
    assert await states(services, organization, kind) == ["leased"]


async def test_stopping_gives_leases_back_at_once(services: Services, organization: UUID, kind: str) -> None:
    started = asyncio.Event()

    async def handle(job: JobContext) -> None:
        started.set()
        await asyncio.sleep(30)

    await add(services, organization, kind, "a", "b", "c")
    began = asyncio.get_running_loop().time()
    async with running(services, {kind: handle}, max_jobs=2):
        await started.wait()
    assert asyncio.get_running_loop().time() - began < 3
    assert await states(services, organization, kind) == ["due", "due", "due"]
    async with services.database.read(organization) as session:
        assert await session.driver.fetchval("SELECT sum(attempts) FROM jobs WHERE kind = $1", kind) == 0


async def test_two_runners_share_the_work_and_repeat_none(services: Services, organization: UUID, kind: str) -> None:
    ran: list[tuple[str, str]] = []

    def handler(name: str) -> Handler:
        async def handle(job: JobContext) -> None:
            await asyncio.sleep(0.005)
            ran.append((name, job.key))

        return handle

    keys = [f"{number:03}" for number in range(200)]
    await add(services, organization, kind, *keys)
    async with running(services, {kind: handler("one")}) as one, running(services, {kind: handler("two")}) as two:
        await until(lambda: one.finished + two.finished == 200)
    assert sorted(key for _, key in ran) == keys
    assert {name for name, _ in ran} == {"one", "two"}
