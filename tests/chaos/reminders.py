"""A run of reminders while everything fails: the worker is killed and stopped, Valkey flushed and killed, PostgreSQL
killed, the mail server breaks connections after the message. None is lost, none sent twice, unknown ones are listed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
import redis

from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database
from tests.benchmarks.dunning_data import reminders
from tests.benchmarks.servers import free_port
from tests.chaos.stack import ROOT, Stack, running

DROPPED_SHARE = 0.01
STOP_SECONDS = (0.2, 2.0)
LEASE_PASSED_SECONDS = 33.0
SETTLE_SECONDS = 180.0
WAVE = 8
"""At the pace of these runs at most so many messages are on their way at once."""
FAULTS = ("kill worker", "stop worker", "flush valkey", "kill valkey", "kill postgres", "kill sweeper")
_STATES = "SELECT state, count(*) AS n FROM dunning_messages WHERE organization_id = $1 GROUP BY 1"
_UNKNOWN = "SELECT id::text AS id FROM dunning_messages WHERE organization_id = $1 AND state = 'unknown'"
_WAITING = """
SELECT (SELECT count(*) FROM dunning_notices WHERE organization_id = $1 AND state = 'approved')
     + (SELECT count(*) FROM dunning_messages WHERE organization_id = $1 AND state IN ('approved', 'sending'))
"""
# What the service would do a minute or a quarter of an hour later.
_SOONER = [
    "UPDATE dunning_messages SET not_before = NULL WHERE organization_id = $1 AND state = 'approved'",
    "UPDATE dunning_messages SET claimed_at = now() - interval '1 hour'"
    " WHERE organization_id = $1 AND state = 'sending' AND claimed_at < now() - interval '30 seconds'",
    "UPDATE jobs SET run_at = now() WHERE organization_id = $1 AND state = 'due' AND kind LIKE 'dunning.%'",
]


@dataclass
class ReminderOutcome:
    """What a run did and found."""

    notices: int
    seed: int
    seconds: float
    done: Counter[str]
    states: dict[str, int]
    taken: int
    lost: int = 0
    twice: int = 0
    idle_faults: int = 0
    """Faults made when nothing waited any more: they prove nothing."""
    faults: list[str] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The summary for a person."""
        lines = [
            f"{self.notices} reminders under {sum(self.done.values())} faults, seed {self.seed}, {self.seconds:.0f} s",
            "  faults        " + ", ".join(f"{name} {count}" for name, count in sorted(self.done.items())),
            "  messages      " + ", ".join(f"{name} {count}" for name, count in sorted(self.states.items())),
            f"  server took   {self.taken}",
            f"  lost {self.lost}, twice {self.twice}, unknown and listed {self.states.get('unknown', 0)}",
            f"  faults while nothing waited: {self.idle_faults}",
            f"  found         {len(self.faults)} faults",
        ]
        return "\n".join([*lines, *[f"    {fault}" for fault in self.faults]])


@contextmanager
def _sink(folder: Path) -> Iterator[tuple[int, Path]]:
    port, path = free_port(), folder / f"sink-{os.getpid()}-{time.monotonic_ns()}.txt"
    environment = {**os.environ, "DROP_AFTER_DATA": str(DROPPED_SHARE)}
    command = [sys.executable, "-m", "tests.benchmarks.smtp_sink", str(port), str(path)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        yield port, path
    finally:
        process.terminate()
        process.wait(10)
        path.unlink(missing_ok=True)


class _Trouble:
    """Makes one fault after the other."""

    def __init__(self, stack: Stack, seed: int, *, past_the_lease: bool) -> None:
        self.stack, self.random, self.done = stack, random.Random(seed), Counter[str]()
        self.past_the_lease = past_the_lease

    async def make(self) -> None:
        """A fault by chance."""
        name = self.random.choice(FAULTS)
        verb, _, target = name.partition(" ")
        if verb == "kill":
            made = await asyncio.to_thread(self.stack.kill, target)
        elif verb == "stop":
            made = await self._stop()
        else:
            made = await asyncio.to_thread(self._flush)
        self.done[name] += made

    async def _stop(self, seconds: float | None = None) -> bool:
        found = await asyncio.to_thread(self.stack.find, "worker")
        if found is None:
            return False
        try:
            found.send_signal(signal.SIGSTOP)
            await asyncio.sleep(seconds or self.random.uniform(*STOP_SECONDS))
            found.send_signal(signal.SIGCONT)
        except Exception:  # it is gone by now
            return False
        return True

    async def stop_past_the_lease(self) -> None:
        """The worker sleeps until another one has taken its work, and wakes in the middle of it."""
        if self.past_the_lease and await self._stop(LEASE_PASSED_SECONDS):
            self.done["stop worker past its lease"] += 1

    def _flush(self) -> bool:
        try:
            environment = self.stack.find("worker").environ()  # type: ignore[union-attr]
            client = redis.Redis.from_url(environment["REDIS_URL"], socket_timeout=2)
            client.flushall()
            client.close()
        except Exception:
            return False
        return True


async def _sent(connection: asyncpg.Connection, organization_id: UUID) -> int:
    return int(await connection.fetchval(_WAITING, organization_id))


async def _connect(stack: Stack) -> asyncpg.Connection:
    for _ in range(100):
        try:
            return await asyncpg.connect(await asyncio.to_thread(stack.database_url))
        except (OSError, asyncpg.PostgresError, RuntimeError, KeyError):
            await asyncio.sleep(0.2)
    raise RuntimeError("the database does not come back")


async def _waiting_or(stack: Stack, organization_id: UUID, before: int) -> int:
    """How many wait; as before where the database does not answer at once."""
    try:
        async with asyncio.timeout(1):
            connection = await asyncpg.connect(await asyncio.to_thread(stack.database_url))
            try:
                return await _sent(connection, organization_id)
            finally:
                connection.terminate()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, RuntimeError, KeyError):
        return before


async def _run(
    stack: Stack, sink: Path, notices: int, faults: int, seed: int, pace: int, *, long: bool
) -> ReminderOutcome:
    began = time.monotonic()
    database = Database.connect(
        DatabaseSettings(driver_url(await asyncio.to_thread(stack.database_url)), APP_ROLE, pool_size=2)
    )
    tenant = await reminders(database, notices, messages_per_minute=pace)
    await database.close()
    organization_id = tenant.organization_id
    trouble = _Trouble(stack, seed, past_the_lease=long)
    idle_faults, waiting = 0, notices
    while sum(trouble.done.values()) < faults:
        waiting = await _waiting_or(stack, organization_id, waiting)
        idle_faults += waiting == 0
        await trouble.make()
        await asyncio.sleep(trouble.random.uniform(0.05, 0.6))
        if sum(trouble.done.values()) % 100 == 50:
            await trouble.stop_past_the_lease()
        if not long and waiting == 0:
            break
    await asyncio.to_thread(stack.wait_until_ready)
    connection = await _connect(stack)
    try:
        await _settle(connection, organization_id, SETTLE_SECONDS + notices * 60 / pace)
        listed = {row["id"] for row in await connection.fetch(_UNKNOWN, organization_id)}
        states = {row["state"]: row["n"] for row in await connection.fetch(_STATES, organization_id)}
        kills = sum(count for name, count in trouble.done.items() if not name.startswith("flush"))
        found = await _verify(connection, organization_id, notices, sink, kills)
    finally:
        await connection.close()
    counted = Counter(_log(sink))
    return ReminderOutcome(
        notices=notices, seed=seed, seconds=time.monotonic() - began, done=trouble.done, states=states,
        taken=counted.total(), lost=notices - len(listed | set(counted)),
        twice=sum(count > 1 for count in counted.values()), idle_faults=idle_faults, faults=found,
        logs=stack.logs() if found else {},
    )  # fmt: skip


async def _settle(connection: asyncpg.Connection, organization_id: UUID, seconds: float) -> None:
    """Let the service end its work; what it would do later it does now."""
    deadline = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < deadline and await _sent(connection, organization_id):
        rounds += 1
        if rounds % 10 == 0:
            for statement in _SOONER:
                await connection.execute(statement, organization_id)
        await asyncio.sleep(0.5)


def _log(sink: Path) -> list[str]:
    """Message ids that the server has taken, in their order."""
    return [line.split()[1].strip("<>").partition("@")[0] for line in sink.read_text().splitlines()]


async def _verify(
    connection: asyncpg.Connection, organization_id: UUID, notices: int, sink: Path, kills: int
) -> list[str]:
    """Everything that is not as it must be."""
    taken = Counter(_log(sink))
    rows = await connection.fetch(
        "SELECT m.id::text AS id, m.state, m.attempts, n.state AS notice FROM dunning_messages m JOIN dunning_notices n"
        " ON n.organization_id = m.organization_id AND n.id = m.notice_id WHERE m.organization_id = $1", organization_id
    )  # fmt: skip
    found = [f"{id_} was sent {count} times" for id_, count in taken.items() if count > 1]
    if len(rows) != notices:
        found.append(f"{notices} notices have {len(rows)} messages")
    known = {row["id"]: row for row in rows}
    found += [f"{id_} was sent but is not known" for id_ in taken if id_ not in known]
    unknown = sum(row["state"] == "unknown" for row in rows)
    if unknown > notices * DROPPED_SHARE * 3 + WAVE * kills:
        found.append(f"{unknown} are unknown: more than {kills} kills and the mail server account for")
    for row in rows:
        if row["state"] not in ("sent", "unknown"):
            found.append(f"{row['id']} is {row['state']}")
        if row["state"] == "sent" and not taken[row["id"]]:
            found.append(f"{row['id']} is told as sent, but the server has not got it")
        if row["notice"] != row["state"]:
            found.append(f"{row['id']} is {row['state']}, its notice {row['notice']}")
    return found


def reminders_under_faults(
    notices: int, faults: int, seed: int, *, pace: int = 3_000, long: bool = False, keep: bool = False
) -> ReminderOutcome:
    """Start a stack and a mail server of its own; send so many reminders while so many faults happen."""
    with tempfile.TemporaryDirectory(prefix="duecourse-sink-") as folder, _sink(Path(folder)) as (port, path):
        path.touch()
        environment = {
            "DUECOURSE_SMTP_HOST": "127.0.0.1",
            "DUECOURSE_SMTP_PORT": str(port),
            "DUECOURSE_SMTP_SECURITY": "none",
            "DUECOURSE_SMTP_FROM": "receivables@acme.example",
        }
        with running(keep=keep, environment=environment) as stack:
            return asyncio.run(_run(stack, path, notices, faults, seed, pace, long=long))
