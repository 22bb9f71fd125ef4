"""Runs due jobs: claims in batches, runs handlers side by side, finishes in batches. Both worker processes use it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind

from app.infra import job_leases, tracing
from app.infra.constraints import refusal_of
from app.infra.database import Database
from app.infra.job_leases import Lease
from app.infra.jobs import LEASE_SECONDS, Handler, JobContext, LeaseLost
from app.infra.telemetry import JOB_SECONDS, JOBS
from app.settings import Settings

QUEUED_SECONDS = 0.25
"""How much work a process may hold in its hands before it starts it."""
BATCH_LIMIT = 500
SECOND_LOOK_SECONDS = 0.04
"""arq refuses a ring while the same ring is just ending, so that whoever was rung looks once more a moment later."""
DATABASE_PAUSE_SECONDS = 0.5
RUN_LIMIT_SECONDS = 6 * 3600.0
log = structlog.get_logger(__name__)


class JobTooLong(Exception):
    """The handler ran for longer than RUN_LIMIT_SECONDS."""


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers get: pools in the service's and the worker's role, and the settings."""

    database: Database
    claims: Database
    settings: Settings


def context_of(services: Services, lease: Lease) -> JobContext:
    """What the handler of this lease gets."""
    return JobContext(
        database=services.database,
        claims=services.claims,
        settings=services.settings,
        organization_id=lease.organization_id,
        job_id=lease.id,
        kind=lease.kind,
        key=lease.key,
        payload=lease.payload,
        lease_token=lease.token,
        attempt=lease.attempts,
    )


def _described(lease: Lease) -> dict[str, str | int]:
    return {"duecourse.job.kind": lease.kind, "duecourse.job.id": str(lease.id), "duecourse.attempt": lease.attempts}


@dataclass(slots=True)
class _Held:
    """A lease in our hands: when it ends by the monotonic clock, and the bound on the handler once it runs."""

    lease: Lease
    ends_at: float
    bound: asyncio.Timeout | None = None
    stop_at: float = float("inf")


class Runner:
    """Claims and runs jobs of the known kinds while `serve` runs; `wake` says that there may be some."""

    def __init__(
        self,
        services: Services,
        handlers: Mapping[str, Handler],
        *,
        max_jobs: int,
        lease_seconds: float = LEASE_SECONDS,
        waiting_seconds: float = 0.0,
    ) -> None:
        """`waiting_seconds`: leave jobs that are due for less to the workers that were rung."""
        self._services = services
        self._handlers = dict(handlers)
        self._kinds = sorted(self._handlers)
        self._max_jobs = max_jobs
        self._lease_seconds = lease_seconds
        self._waiting_seconds = waiting_seconds
        self._held: dict[UUID, _Held] = {}  # by token: everything leased to this process
        self._queue: deque[_Held] = deque()
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._done: list[Lease] = []
        self._claiming: asyncio.Future[list[Lease]] | None = None
        self._finishing: asyncio.Future[int] | None = None
        self._wake = asyncio.Event()
        self._done_event = asyncio.Event()
        self._more_due = False
        self._mean_seconds = 1.0  # of one job, moving; careful at first
        self._stopping = False
        self.finished = 0

    def wake(self) -> None:
        """There may be due jobs: look now, and once more a moment later."""
        if self._kinds and not self._stopping:
            self._wake.set()
            asyncio.get_running_loop().call_later(SECOND_LOOK_SECONDS, self._wake.set)

    async def serve(self) -> None:
        """Claim and run until cancelled. A database that does not answer is asked again."""
        self.wake()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._claim_on_wake())
            tasks.create_task(self._finish_in_batches())
            tasks.create_task(self._renew_leases())

    async def stop(self, seconds: float) -> None:
        """Let running handlers end for so long, cancel the rest, write what is done and give the leases back."""
        self._stopping = True
        self._queue.clear()
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=seconds)
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(1):
                if self._claiming is not None:  # cut off between the claim and its use
                    self._held.update((lease.token, _Held(lease, 0)) for lease in await self._claiming)
                if self._finishing is not None:
                    await self._finishing
            if self._done:
                await job_leases.finish(self._services.claims, self._done)
                self._forget(self._done)
            if self._held:
                await job_leases.give_back(self._services.claims, [held.lease for held in self._held.values()])
        except Exception as error:  # the leases run out, and the sweeper returns them
            log.warning("jobs.leases_not_given_back", error=type(error).__name__)

    async def _claim_on_wake(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._claim()
            except Exception as error:  # the database is away: it is asked again
                fault = error if refusal_of(error) is None else None
                log.warning("jobs.claim_failed", error=type(error).__name__, exc_info=fault)
                await asyncio.sleep(DATABASE_PAUSE_SECONDS)
                self._wake.set()

    async def _claim(self) -> None:
        """Take what is due, as much as can be started soon."""
        while not self._stopping:
            room = min(BATCH_LIMIT, self._max_jobs - len(self._running) - len(self._queue) + self._ahead())
            if room <= 0:
                return  # the end of a job wakes us
            ends_at = asyncio.get_running_loop().time() + self._lease_seconds
            self._claiming = asyncio.ensure_future(
                job_leases.claim(
                    self._services.claims, self._kinds, room, self._lease_seconds, waiting_seconds=self._waiting_seconds
                )
            )
            leases = await asyncio.shield(self._claiming)
            self._claiming = None
            self._more_due = len(leases) > room // 2  # merged rows make a full claim look smaller
            if not leases:
                return
            for lease in leases:
                held = self._held[lease.token] = _Held(lease, ends_at)
                self._queue.append(held)
            self._start()

    def _ahead(self) -> int:
        """How many short jobs to hold besides the running ones."""
        return min(BATCH_LIMIT, int(self._max_jobs * QUEUED_SECONDS / max(self._mean_seconds, 0.0005)))

    def _start(self) -> None:
        while self._queue and len(self._running) < self._max_jobs and not self._stopping:
            held = self._queue.popleft()
            self._running[held.lease.token] = asyncio.create_task(self._run(held))

    async def _run(self, held: _Held) -> None:
        lease = held.lease
        started = time.monotonic()
        try:
            await self._handle(held)
        except asyncio.CancelledError:
            return  # stopping: the lease is still held, and is given back
        except LeaseLost:
            self._held.pop(lease.token, None)
            JOBS.labels(lease.kind, "lease_lost").inc()
            log.warning("job.lease_lost", kind=lease.kind, job_id=str(lease.id))
        except Exception as error:
            await self._failed(lease, error)
        else:
            self._done.append(lease)
            self._done_event.set()
            JOBS.labels(lease.kind, "done").inc()
        finally:
            self._running.pop(lease.token, None)
            seconds = time.monotonic() - started
            JOB_SECONDS.labels(lease.kind).observe(seconds)
            self._mean_seconds += 0.1 * (seconds - self._mean_seconds)
            self._start()
            if self._more_due and len(self._queue) * 2 <= self._ahead():
                self._wake.set()

    async def _handle(self, held: _Held) -> None:
        """Run the handler until its lease ends, which `_renew_leases` puts off."""
        lease, now = held.lease, asyncio.get_running_loop().time()
        held.stop_at = now + RUN_LIMIT_SECONDS
        held.bound = asyncio.timeout_at(held.ends_at)
        try:
            async with held.bound:
                with tracing.span(f"job {lease.kind}", SpanKind.CONSUMER, lease.trace, **_described(lease)):
                    await self._handlers[lease.kind](context_of(self._services, lease))
        except TimeoutError:
            if not held.bound.expired():
                raise
            if asyncio.get_running_loop().time() >= held.stop_at:
                raise JobTooLong(f"longer than {RUN_LIMIT_SECONDS} seconds") from None
            raise LeaseLost(f"{lease.kind} {lease.key}: the lease is lost") from None
        finally:
            held.bound = None

    async def _renew_leases(self) -> None:
        """Renew what is held or queued; what is not ours any more is cancelled, or never started."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._lease_seconds / 4)
            if not self._held:
                continue
            held, ends_at = list(self._held.values()), loop.time() + self._lease_seconds
            try:
                kept = await job_leases.renew(self._services.claims, [each.lease for each in held], self._lease_seconds)
            except Exception as error:  # tried again; without success the bounds below run out
                log.warning("jobs.renew_failed", error=type(error).__name__)
                continue
            for each in held:
                self._renewed(each, ends_at if each.lease.token in kept else loop.time())

    def _renewed(self, held: _Held, ends_at: float) -> None:
        held.ends_at = min(ends_at, held.stop_at)
        if held.bound is not None and not held.bound.expired():
            with suppress(RuntimeError):  # it has just ended
                held.bound.reschedule(held.ends_at)

    async def _failed(self, lease: Lease, error: Exception) -> None:
        JOBS.labels(lease.kind, "failed").inc()
        log.warning(
            "job.failed",
            kind=lease.kind,
            job_id=str(lease.id),
            attempt=lease.attempts,
            reason=job_leases.reason_of(error),
            exc_info=error if refusal_of(error) is None else None,
        )
        try:
            await job_leases.fail(self._services.claims, lease, error)
        except Exception as failed:  # the lease runs out, and the sweeper returns it
            log.warning("job.failure_not_written", error=type(failed).__name__)
        finally:
            self._held.pop(lease.token, None)

    async def _finish_in_batches(self) -> None:
        """Write ends in batches: what ends while one is written goes into the next."""
        while True:
            await self._done_event.wait()
            self._done_event.clear()
            batch, self._done = self._done, []
            self._finishing = asyncio.ensure_future(job_leases.finish(self._services.claims, batch))
            try:
                await asyncio.shield(self._finishing)
            except Exception as error:  # the leases run out, the steps are repeated
                log.warning("jobs.finish_failed", error=type(error).__name__, jobs=len(batch))
            self._forget(batch)
            self.finished += len(batch)
            self._wake.set()  # more of the same keys may have become due meanwhile

    def _forget(self, leases: list[Lease]) -> None:
        for lease in leases:
            self._held.pop(lease.token, None)
