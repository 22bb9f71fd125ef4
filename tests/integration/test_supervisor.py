"""The supervisor with small stand-ins for the services, and the real PostgreSQL and Valkey."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from app.infra.embedded.processes import folder_digest, wait_until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
START_SECONDS = 30.0
STOP_SECONDS = 5.0

DRIVER = """
import sys
from pathlib import Path
from app.infra.embedded.children import Child
from app.settings import Settings
from app.supervisor import Plan, run

here = Path(sys.argv[1])
settings = Settings(data_dir=here / "data", port=int(sys.argv[2]), database_url=None, redis_url=None)

def script(name, text, **options):
    return Child(name, (sys.executable, "-c", text), {"HERE": str(here), "PORT": sys.argv[2]}, **options)

api = '''
import http.server, os, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
keys = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "DUECOURSE_TOKEN_SECRET", "DUECOURSE_DATA_DIR")
pathlib.Path(os.environ["HERE"], "env").write_text("\\\\n".join(f"{k}={os.environ[k]}" for k in keys))
class Server(http.server.HTTPServer):
    allow_reuse_address = True
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'''
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
parent = "import subprocess, time; subprocess.Popen(['/bin/sleep', '600']); time.sleep(600)"
bootstrap = '''
import json, os, pathlib
seen = pathlib.Path(os.environ["HERE"], "organization")
print("a line of noise")
print(json.dumps({"token": "dc_demo_token", "organization_id": "o", "first": not seen.exists()}))
seen.touch()
'''
load = '''
import os, pathlib, sys
count = pathlib.Path(os.environ["HERE"], "loads")
count.write_text(count.read_text() + "x" if count.exists() else "x")
print("loading 100 %", flush=True)
sys.exit(0 if len(count.read_text()) > 1 else 3)
'''
sys.exit(run(settings, Plan(
    migrate=script("migrate", sys.argv[3]),
    services=(script("api", api), script("worker", stubborn), script("sweeper", parent)),
    demo_bootstrap=script("demo-bootstrap", bootstrap),
    demo_load=script("demo-load", load, restart=False, show_output=True),
)))
"""
MIGRATE = "import os; assert os.environ['DATABASE_OWNER_URL'].startswith('postgresql://')"


class Run:
    """One supervisor under test, and what it printed."""

    def __init__(self, folder: Path, port: int, migrate: str = MIGRATE) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(folder), str(port), migrate],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.text += line

    def await_text(self, part: str) -> None:
        found = wait_until(lambda: part in self.text or self.process.poll() is not None, START_SECONDS)
        assert found, self.text
        assert part in self.text, self.text

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, matches: Callable[[psutil.Process], bool]) -> psutil.Process:
        return next(process for process in self.family() if matches(process))

    def finish(self) -> int:
        status = self.process.wait(STOP_SECONDS + 10)
        self._reader.join(5)
        return status

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.finish()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "with spaces"
    path.mkdir()
    yield path
    for left_by_a_killed_server in Path("/tmp").glob(f"duecourse-*-{folder_digest(path / 'data')}-*"):
        shutil.rmtree(left_by_a_killed_server)
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(folder: Path, port: int) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(*, migrate: str = MIGRATE) -> Run:
        runs.append(Run(folder, port, migrate))
        return runs[-1]

    yield begin
    for one in runs:
        one.end()


def gone(processes: list[psutil.Process]) -> bool:
    def is_gone(process: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        return True

    return all(is_gone(process) for process in processes)


def get(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=3) as answer:
        return int(answer.status)


def test_it_starts_greets_and_stops_within_five_seconds(start: Callable[..., Run], folder: Path, port: int) -> None:
    run = start()
    run.await_text("Ctrl-C stops everything")
    assert f"http://127.0.0.1:{port}/docs" in run.text
    assert f"curl -H 'Authorization: Bearer dc_demo_token' http://127.0.0.1:{port}/v1/me" in run.text
    assert get(port) == 200
    env = dict(line.split("=", 1) for line in (folder / "env").read_text().splitlines())
    assert env["DUECOURSE_TOKEN_SECRET"] == (folder / "data" / "token_secret").read_text()
    assert (folder / "data" / "token_secret").stat().st_mode & 0o777 == 0o600
    assert (folder / "data").stat().st_mode & 0o777 == 0o700
    assert env["REDIS_URL"].startswith("unix:///")
    everything = run.family()
    assert len(everything) >= 6  # three services, a grandchild, the postmaster and its own, Valkey
    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)  # Ctrl-C
    assert run.finish() == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert gone(everything)
    assert "stopped" in run.text


def test_the_load_goes_on_until_it_has_succeeded_and_is_not_repeated(start: Callable[..., Run], folder: Path) -> None:
    run = start()
    run.await_text("demo-load ended with status 3")
    assert wait_until((folder / "data" / "demo_loaded").exists, START_SECONDS)
    assert run.text.count("loading 100 %") == 2
    run.process.send_signal(signal.SIGHUP)  # the terminal was closed
    assert run.finish() == 0
    second = start()
    second.await_text("Ctrl-C stops everything")
    time.sleep(0.7)
    assert (folder / "loads").read_text() == "xx"


def test_whatever_dies_is_started_again(start: Callable[..., Run], port: int) -> None:
    run = start()
    run.await_text("Ctrl-C stops everything")
    victims: dict[str, Callable[[psutil.Process], bool]] = {
        "postgres": lambda p: p.name() == "postgres" and p.ppid() == run.process.pid,
        "valkey": lambda p: p.name() == "valkey-server",
        "api": lambda p: "serve_forever" in " ".join(p.cmdline()),
        "worker": lambda p: "SIG_IGN" in " ".join(p.cmdline()),
    }
    for name, matches in victims.items():
        first = run.child(matches)
        first.kill()
        run.await_text(f"{name} ended with signal 9")

        def is_back(first: psutil.Process = first, matches: Callable[[psutil.Process], bool] = matches) -> bool:
            with contextlib.suppress(StopIteration, psutil.NoSuchProcess):
                return run.child(matches) != first
            return False

        assert wait_until(is_back, 10), name

    def answers() -> bool:
        with contextlib.suppress(OSError):
            return get(port) == 200
        return False

    assert wait_until(answers, 10)


def test_a_second_supervisor_is_refused(start: Callable[..., Run]) -> None:
    first = start()
    first.await_text("Ctrl-C stops everything")
    second = start()
    assert second.finish() == 1
    assert f"is already in use by process {first.process.pid}" in second.text
    assert first.process.poll() is None


def test_a_taken_port_is_named_before_anything_is_started(start: Callable[..., Run], folder: Path, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen(1)
        run = start()
        assert run.finish() == 1
    assert f"port {port} on 127.0.0.1 is taken" in run.text
    assert not (folder / "data" / "postgres").exists()


def test_a_migration_that_fails_ends_the_start_with_its_reason(start: Callable[..., Run]) -> None:
    run = start(migrate="raise SystemExit('no such revision')")
    assert run.finish() == 1
    assert "migrate ended with status 1" in run.text
    assert "no such revision" in run.text


def test_a_signal_during_the_migration_stops_it_all(start: Callable[..., Run], folder: Path) -> None:
    run = start(migrate="import time; time.sleep(600)")
    assert wait_until((folder / "data" / "logs" / ".migrate.out").exists, START_SECONDS)
    everything = run.family()
    began = time.monotonic()
    run.process.terminate()
    assert run.finish() == 0
    assert time.monotonic() - began < STOP_SECONDS
    assert gone(everything)


def test_killed_at_any_moment_it_leaves_nothing_and_starts_again(start: Callable[..., Run], port: int) -> None:
    for seconds in (0.4, 0.9, 1.4, 2.5):
        run = start()
        time.sleep(seconds)
        everything = [] if run.process.poll() is not None else run.family()
        os.kill(run.process.pid, signal.SIGKILL)
        run.finish()
        grandchildren = [p for p in everything if p.is_running() and p.name() != "sleep"]
        assert wait_until(lambda processes=grandchildren: gone(processes), 10)  # type: ignore[misc]
        for process in everything:  # a program that a service started is beyond the kernel's promise
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    last = start()
    last.await_text("Ctrl-C stops everything")
    assert get(port) == 200
