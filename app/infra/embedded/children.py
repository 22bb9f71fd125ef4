"""Keep child processes and embedded servers running: start, restart with backoff, stop all within a bound."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Protocol

from app.infra.embedded.processes import kill, open_log, spawn

BACKOFF_FIRST_SECONDS = 0.25
BACKOFF_MAX_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""Who ran this long had a good start: its next failure counts as the first."""
MAX_JOB_ATTEMPTS = 5
SERVICE_STOP_SECONDS = 1.8
LOG_CHECK_SECONDS = 60.0
LOG_LIMIT_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Child:
    """A program to run. With `restart` it is a service, started again whenever it ends; without, it is a job that
    may end, tried again only after a failure and at most `MAX_JOB_ATTEMPTS` times. `show_output` passes its output
    through instead of writing it to its log."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    restart: bool = True
    show_output: bool = False


class Server(Protocol):
    """What the keeper needs of an embedded server."""

    @property
    def pid(self) -> int | None: ...  # noqa: D102
    def poll(self) -> int | None: ...  # noqa: D102
    def launch(self) -> None: ...  # noqa: D102


@dataclass(slots=True)
class _Kept:
    """One thing that is kept running, and its history of failures."""

    name: str
    start: Callable[[], None]
    poll: Callable[[], int | None]
    pid: Callable[[], int | None]
    restart: bool
    failures: int = 0
    started_at: float = 0.0
    due_at: float | None = None
    finished: bool = False


class Keeper:
    """Starts children, notices their end, starts them again. One thread; the caller drives it with `tick`."""

    def __init__(self, log_dir: Path, cwd: Path, say: Callable[[str], None]) -> None:
        """`log_dir` must exist before the first child; children run in `cwd`; `say` tells a person."""
        self._log_dir = log_dir
        self._cwd = cwd
        self._say = say
        self._kept: list[_Kept] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs_checked_at = time.monotonic()

    def log_of(self, name: str) -> Path:
        """The log file of a child."""
        return self._log_dir / f"{name}.log"

    def add(self, child: Child) -> None:
        """Start a child and keep it running."""

        def start() -> None:
            self._processes[child.name] = self._spawn(child)

        kept = _Kept(
            child.name,
            start,
            lambda: self._processes[child.name].poll(),
            lambda: self._processes[child.name].pid,
            child.restart,
            started_at=time.monotonic(),
        )
        start()
        self._kept.append(kept)

    def add_server(self, name: str, server: Server) -> None:
        """Keep a server running that has been started already. Its owner stops it."""
        self._kept.append(
            _Kept(name, server.launch, server.poll, lambda: server.pid, True, started_at=time.monotonic())
        )

    def run_step(self, child: Child, wait: Callable[[float], None], cancelled: Callable[[], bool]) -> tuple[int, str]:
        """Run a program to its end: exit status and what it printed on standard output. Cancelling kills it.

        Its errors go to its log. `wait(seconds)` is how the caller sleeps; other children are kept meanwhile.
        """
        output = self._log_dir / f".{child.name}.out"
        with output.open("wb") as file:
            process = self._spawn(child, stdout=file)
        try:
            while process.poll() is None and not cancelled():
                wait(0.1)
                self.tick()
            if process.poll() is None:
                kill(process)
            return process.wait(), output.read_text(errors="replace")
        finally:
            output.unlink(missing_ok=True)

    def tick(self) -> None:
        """Notice who ended, and start who is due. Cheap: call it a few times a second."""
        now = time.monotonic()
        for kept in self._kept:
            if kept.finished:
                continue
            if kept.due_at is not None:
                if now >= kept.due_at:
                    kept.due_at, kept.started_at = None, now
                    kept.start()
                continue
            status = kept.poll()
            if status is not None:
                self._ended(kept, status, now)
        if now - self._logs_checked_at > LOG_CHECK_SECONDS:
            self._logs_checked_at = now
            self._bound_logs()

    def failures(self) -> dict[str, int]:
        """Failures in a row of each child and server."""
        return {kept.name: kept.failures for kept in self._kept}

    def succeeded(self) -> set[str]:
        """Names of the jobs that have ended with status 0."""
        return {kept.name for kept in self._kept if kept.finished and kept.poll() == 0}

    def pids(self) -> dict[str, int]:
        """Process id of everything that should be running now."""
        found = {k.name: k.pid() for k in self._kept if not k.finished and k.due_at is None}
        return {name: pid for name, pid in found.items() if pid is not None}

    def stop_children(self, hurry: Callable[[], bool]) -> None:
        """Ask every child to end, wait up to `SERVICE_STOP_SECONDS` (less when `hurry`), kill the rest and theirs."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + SERVICE_STOP_SECONDS
        while time.monotonic() < deadline and not hurry():
            if all(process.poll() is not None for process in self._processes.values()):
                break
            time.sleep(0.02)
        for process in self._processes.values():
            kill(process)
        self._kept.clear()

    def _ended(self, kept: _Kept, status: int, now: float) -> None:
        reason = f"signal {-status}" if status < 0 else f"status {status}"
        if not kept.restart and (status == 0 or kept.failures + 1 >= MAX_JOB_ATTEMPTS):
            kept.finished = True
            if status != 0:
                self._say(f"{kept.name} failed {MAX_JOB_ATTEMPTS} times ({reason}); see {self.log_of(kept.name)}")
            return
        if now - kept.started_at > STEADY_SECONDS:
            kept.failures = 0
        pause = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2**kept.failures)
        kept.failures += 1
        kept.due_at = now + pause
        self._say(f"{kept.name} ended with {reason}; starting it again in {pause:.2g} s")

    def _spawn(self, child: Child, stdout: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **child.env}
        if child.show_output:
            return spawn(child.argv, env=env, cwd=self._cwd, stdout=stdout)
        with open_log(self.log_of(child.name)) as log:
            return spawn(child.argv, env=env, cwd=self._cwd, stdout=stdout or log, stderr=log)

    def _bound_logs(self) -> None:
        """Empty a log that grew past the limit; the children append, so they go on at its new end."""
        for path in self._log_dir.glob("*.log"):
            if path.stat().st_size > LOG_LIMIT_BYTES:
                os.truncate(path, 0)


class StopSignals:
    """Counts SIGINT, SIGTERM and SIGHUP, and wakes a sleeper at once when one comes or a child ends."""

    def __init__(self) -> None:
        """Install the handlers; main thread only."""
        self.count = 0
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that the wakeup happens

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.count += 1

    def stopping(self) -> bool:
        """Whether one has come."""
        return self.count > 0

    def hurrying(self) -> bool:
        """Whether a second one has come."""
        return self.count > 1

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes or the time is over."""
        select.select([self._receiver], [], [], seconds)
        try:
            while self._receiver.recv(4096):
                pass
        except BlockingIOError:
            return
