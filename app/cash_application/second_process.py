"""A second process for a long run: `python -m app.cash_application.second_process`, told what to do over its pipes.

Messages are frames: eight bytes of length, then a pickle. Both ends are this program, and nobody else can write into
the pipes. The process ends when its input ends, so that it never outlives the one that started it by more than the
batch it is in; that batch is one transaction like any other.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from app.cash_application.facts import Claim
from app.cash_application.hands import OwnHand, rare_collections
from app.cash_application.party_index import PartyIndex
from app.infra.connection import DatabaseSettings
from app.infra.database import Database

STOP_SECONDS = 2.0
_ROOT = Path(__file__).resolve().parents[2]
_LENGTH = struct.Struct(">Q")


class SecondProcessFailed(RuntimeError):
    """The second process ended, or its work failed; the text says how. The run is repeated by the next attempt."""


@dataclass(frozen=True, slots=True)
class _Order:
    """The first message: where the database is, and which run this is."""

    database: DatabaseSettings
    organization_id: UUID
    run_id: UUID
    index: PartyIndex


@dataclass(slots=True)
class SecondHand:
    """The work done by the other process."""

    process: asyncio.subprocess.Process

    async def serve(self, database: DatabaseSettings, organization_id: UUID, run_id: UUID, index: PartyIndex) -> None:
        """Say where the database is and which run this is; the first thing that the process is told."""
        try:
            await self._send(_Order(database, organization_id, run_id, index))
        except ConnectionError as ended:
            raise SecondProcessFailed("the second process ended") from ended

    async def claims(self, payment_ids: Sequence[UUID]) -> list[Claim]:
        """See `facts.find_claims`."""
        found: list[Claim] = await self._ask("claims", list(payment_ids))
        return found

    async def decide(self, claims: Sequence[Claim]) -> int:
        """See `batch.match_batch`."""
        return int(await self._ask("decide", list(claims)))

    async def _ask(self, what: str, argument: Any) -> Any:
        assert self.process.stdout is not None
        try:
            await self._send((what, argument))
            (length,) = _LENGTH.unpack(await self.process.stdout.readexactly(_LENGTH.size))
            answer, failure = pickle.loads(await self.process.stdout.readexactly(length))  # noqa: S301 (see above)
        except (asyncio.IncompleteReadError, ConnectionError) as ended:
            raise SecondProcessFailed("the second process ended") from ended
        if failure is not None:
            raise SecondProcessFailed(failure)
        return answer

    async def _send(self, message: Any) -> None:
        assert self.process.stdin is not None
        body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        self.process.stdin.write(_LENGTH.pack(len(body)) + body)
        await self.process.stdin.drain()


@asynccontextmanager
async def second_hand() -> AsyncIterator[SecondHand]:
    """Start the second process; it is ended when the block ends, in whatever way. Tell it first what to `serve`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cash_application.second_process",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=_ROOT,
    )  # fmt: skip
    try:
        yield SecondHand(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _serve(order: _Order, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    database = Database.connect(order.database)
    hand = OwnHand(database, order.organization_id, order.run_id, order.index)
    try:
        while (message := await asyncio.to_thread(_read, incoming)) is not None:
            what, argument = message
            answer: tuple[Any, str | None]
            try:
                answer = (await (hand.claims(argument) if what == "claims" else hand.decide(argument)), None)
            except Exception as error:  # told to the other side, which ends the run
                answer = (None, f"{type(error).__name__}: {error}")
            body = pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
            outgoing.write(_LENGTH.pack(len(body)) + body)
            outgoing.flush()
    finally:
        await database.close()


def _read(incoming: BinaryIO) -> Any:
    head = incoming.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = incoming.read(length)
    return pickle.loads(body) if len(body) == length else None  # noqa: S301 (see above)


def main() -> int:
    """Serve the process that started this one, until it closes the pipe."""
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever prints must not get between the frames
    order = _read(incoming)
    if order is None:
        return 0
    with suppress(BrokenPipeError), rare_collections():
        asyncio.run(_serve(order, incoming, outgoing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
