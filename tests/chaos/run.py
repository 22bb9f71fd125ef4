"""One run: write, kill by turns, let everything come back, compare."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

import asyncpg
import httpx

from tests.chaos.journal import Journal
from tests.chaos.stack import TARGETS, Stack, running
from tests.chaos.verify import verify, wait_for_jobs
from tests.chaos.writers import Writers

WRITERS = 6
PAUSE_SECONDS = (0.3, 3.0)


@dataclass
class Outcome:
    """What a run did and found."""

    seconds: float
    seed: int
    journal: Journal
    killed: dict[str, int]
    drain_seconds: float
    faults: list[str]
    logs: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The summary for a person."""
        journal = self.journal
        counts = {
            "killed": self.killed,
            "acknowledged": dict(journal.acknowledged),
            "refused": dict(journal.refused),
            "asked again": dict(journal.retried),
        }
        lines = [f"chaos for {self.seconds:.0f} s, seed {self.seed}"]
        lines += [f"  {name:<14}" + ", ".join(f"{k} {v}" for k, v in sorted(c.items())) for name, c in counts.items()]
        lines += [
            f"  {'lost answers':<14}{journal.doubtful}, of which {journal.replayed} had been done and were replayed",
            f"  {'longest wait':<14}{journal.longest_wait_seconds:.1f} s for an answer",
            f"  {'drained':<14}in {self.drain_seconds:.1f} s after the last kill",
            f"  {'found':<14}{len(self.faults)} faults",
        ]
        return "\n".join([*lines, *[f"    {fault}" for fault in self.faults]])


async def _kill_by_turns(stack: Stack, seconds: float, dice: random.Random) -> None:
    """Every target in a random order, again and again, at random moments; sometimes before the last one is back."""
    deadline = time.monotonic() + seconds
    order: list[str] = []
    while time.monotonic() < deadline:
        order = order or dice.sample(TARGETS, len(TARGETS))
        await asyncio.sleep(dice.uniform(*PAUSE_SECONDS))
        if await asyncio.to_thread(stack.kill, order[-1]):
            order.pop()
        if dice.random() < 0.5:
            await asyncio.to_thread(_let_it_come_back, stack)


def _let_it_come_back(stack: Stack) -> None:
    deadline = time.monotonic() + 15
    while not stack.ready() and time.monotonic() < deadline:
        time.sleep(0.1)


async def _run(stack: Stack, seconds: float, seed: int) -> Outcome:
    journal = Journal()
    writers = Writers(stack.url, stack.token, journal, seed)
    await writers.prepare()
    writing = asyncio.create_task(writers.run(WRITERS))
    await _kill_by_turns(stack, seconds, random.Random(seed))
    writers.stopping = True
    await asyncio.to_thread(stack.wait_until_ready)
    await writing
    connection = await asyncpg.connect(await asyncio.to_thread(stack.database_url))
    headers = {"Authorization": f"Bearer {stack.token}"}
    try:
        drained, left = await wait_for_jobs(connection)
        async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as client:
            faults = [*journal.faults, *left, *await verify(connection, client, journal, seed)]
    finally:
        await connection.close()
    missed = [f"{name} was never killed" for name in TARGETS if not stack.killed.get(name)]
    logs = stack.logs() if faults else {}
    return Outcome(seconds, seed, journal, stack.killed, drained, [*faults, *missed], logs)


def chaos(seconds: float, seed: int, *, keep: bool = False) -> Outcome:
    """Start a stack of its own and run for that long."""
    with running(keep=keep) as stack:
        return asyncio.run(_run(stack, seconds, seed))
