"""A process of its own for what takes the processor long: `python -m app.forecasting.making.child`, told by pipes.

Messages are frames: eight bytes of length, then a pickle. Both ends are this program, and nobody else can write into
the pipes. The process is bounded in memory, polite to the others on the machine, and ends with whoever started it.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import resource
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from app.forecasting.making.orders import FitOrder, ForecastOrder
from app.forecasting.results import Fitted, Made

MEMORY_BYTES = 4 * 1024**3
NICENESS = 5
LOOK_FOR_PARENT_SECONDS = 1.0
_ROOT = Path(__file__).resolve().parents[3]
_LENGTH = struct.Struct(">Q")


class CalculationFailed(RuntimeError):
    """The other process ended, or its work failed; the text says how."""


class Calculator(Protocol):
    """Who fits and forecasts."""

    async def fit(self, order: FitOrder) -> Fitted:
        """See `calculation.fit_model`."""

    async def forecast(self, order: ForecastOrder) -> Made:
        """See `calculation.make_forecast`."""


class InThread:
    """In a thread of this process: for commands and tests."""

    async def fit(self, order: FitOrder) -> Fitted:
        """See `calculation.fit_model`."""
        made: Fitted = await asyncio.to_thread(_calculate, "fit", order)
        return made

    async def forecast(self, order: ForecastOrder) -> Made:
        """See `calculation.make_forecast`."""
        made: Made = await asyncio.to_thread(_calculate, "forecast", order)
        return made


@dataclass(slots=True)
class InChild:
    """In a process of its own: the event loop goes on, and memory goes back when it ends."""

    process: asyncio.subprocess.Process

    async def fit(self, order: FitOrder) -> Fitted:
        """See `calculation.fit_model`. Raises CalculationFailed."""
        made: Fitted = await self._ask("fit", order)
        return made

    async def forecast(self, order: ForecastOrder) -> Made:
        """See `calculation.make_forecast`. Raises CalculationFailed."""
        made: Made = await self._ask("forecast", order)
        return made

    async def _ask(self, what: str, argument: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        body = await asyncio.to_thread(pickle.dumps, (what, argument), pickle.HIGHEST_PROTOCOL)
        try:
            self.process.stdin.write(_LENGTH.pack(len(body)))
            self.process.stdin.write(body)
            await self.process.stdin.drain()
            del body
            (length,) = _LENGTH.unpack(await self.process.stdout.readexactly(_LENGTH.size))
            answered = await self.process.stdout.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as ended:
            raise CalculationFailed("the process of the calculation ended; perhaps it ran out of memory") from ended
        answer, failure = await asyncio.to_thread(pickle.loads, answered)
        if failure is not None:
            raise CalculationFailed(failure)
        return answer


@asynccontextmanager
async def calculator() -> AsyncIterator[InChild]:
    """Start the process; it is ended when the block ends, in whatever way."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.forecasting.making.child",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=_ROOT,
    )  # fmt: skip
    try:
        yield InChild(process)
    finally:
        if process.returncode is None:
            process.kill()  # nothing of it is worth waiting for: it keeps nothing
        await process.wait()


def _calculate(what: str, order: Any) -> Any:
    # Imported on first use: the libraries of the model take seconds, and only whoever calculates needs them.
    from app.forecasting.making.calculation import fit_model, make_forecast

    return fit_model(order) if what == "fit" else make_forecast(order)


def _serve(incoming: BinaryIO, outgoing: BinaryIO) -> None:
    while len(head := incoming.read(_LENGTH.size)) == _LENGTH.size:
        what, argument = pickle.loads(incoming.read(*_LENGTH.unpack(head)))  # noqa: S301 (see above)
        answer: tuple[Any, str | None]
        try:
            answer = (_calculate(what, argument), None)
        except MemoryError:
            answer = (None, f"the calculation needs more than {MEMORY_BYTES // 1024**2} MiB of memory")
        except Exception as error:  # told to the other side, which ends the run
            answer = (None, f"{type(error).__name__}: {error}")
        del argument
        body = pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
        outgoing.write(_LENGTH.pack(len(body)))
        outgoing.write(body)
        outgoing.flush()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_FOR_PARENT_SECONDS)
    os._exit(1)


def main() -> None:
    """Answer until the pipe is closed."""
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the frames
    os.nice(NICENESS)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _serve(sys.stdin.buffer, outgoing)


if __name__ == "__main__":
    main()
