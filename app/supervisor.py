"""`duecourse run`: one process that starts everything, keeps it running and stops it.

Order: lock, port, PostgreSQL and Valkey (where no URL names servers of yours), migration, services, demo
organization (embedded only), and after that it only watches. Whatever it starts dies with it, even at kill -9;
the next start stops what may still be finishing, and recovers.
"""

from __future__ import annotations

import errno
import http
import http.client
import json
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

from app.infra.embedded.children import Child, Keeper, StopSignals
from app.infra.embedded.exec_child import follow_parent
from app.infra.embedded.postgres import PostgresServer
from app.infra.embedded.processes import (
    LINUX,
    Cancelled,
    EmbeddedServerError,
    FolderLock,
    InUse,
    give_to_owner_of_folder,
    keep_secret,
    last_lines,
)
from app.infra.embedded.valkey import ValkeyServer
from app.settings import Settings

FOLLOW_PARENT = "DUECOURSE_FOLLOW_PARENT"
"""Set by the Makefile: if make is killed, its supervisor stops as if it had got SIGTERM."""
PORT_PATIENCE_SECONDS = 1.5
"""The API of a supervisor that was killed a moment ago may hold the port until the kernel has buried it."""
MAX_FAILURES_BEFORE_READY = 4
READY_HINT_SECONDS = 60.0
POSTGRES_STOP_SECONDS = 1.6
"""With `children.SERVICE_STOP_SECONDS` and the kills after them, all is over within five seconds."""


class StartFailed(RuntimeError):
    """The service cannot start; the text says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: the migration, the services, and the two parts of the demo. Tests put stand-ins here."""

    migrate: Child
    services: Sequence[Child]
    demo_bootstrap: Child | None
    demo_load: Child | None


def default_plan(settings: Settings) -> Plan:
    """The real programs."""

    def module(name: str, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", name, *arguments)

    api = ["app.main:create_app", "--factory", "--host", settings.host, "--port", str(settings.port)]
    api += ["--loop", "uvloop", "--no-access-log", "--timeout-graceful-shutdown", "1"]
    demo = settings.embedded
    return Plan(
        migrate=Child("migrate", module("app.infra.migrate")),
        services=(
            Child("api", module("uvicorn", *api)),
            Child("worker", module("workers.main")),
            Child("sweeper", module("workers.sweeper")),
        ),
        demo_bootstrap=Child("demo-bootstrap", module("app.demo.bootstrap")) if demo else None,
        demo_load=Child("demo-load", module("app.demo.load"), restart=False, show_output=True) if demo else None,
    )


def run(settings: Settings, plan: Plan | None = None) -> int:
    """Run the service until SIGINT, SIGTERM or SIGHUP. Returns the exit status: 0, or 1 with the reason printed."""
    signals = StopSignals()
    supervisor = _Supervisor(settings, plan or default_plan(settings), signals)
    try:
        supervisor.start()
        while not signals.stopping():
            signals.wait(0.5)
            supervisor.watch()
    except Cancelled:
        pass
    except (StartFailed, EmbeddedServerError) as error:
        _say(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        supervisor.stop()
    return 0


class _Supervisor:
    """The state of one run."""

    def __init__(self, settings: Settings, plan: Plan, signals: StopSignals) -> None:
        self._settings = settings
        self._signals = signals
        self._data_dir = settings.data_dir.absolute()
        self._lock: FolderLock | None = None
        self._postgres: PostgresServer | None = None
        self._valkey: ValkeyServer | None = None
        self._env: dict[str, str] = {}
        self._plan = plan
        self._demo_loaded = self._data_dir / "demo_loaded"
        self._logs = self._data_dir / "logs"
        self.keeper = Keeper(self._logs, Path(__file__).resolve().parent.parent, _say)

    def start(self) -> None:
        """Bring everything up. Raises `StartFailed`, `EmbeddedServerError`, `Cancelled`."""
        began = time.monotonic()
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._logs.mkdir(mode=0o700, exist_ok=True)
            give_to_owner_of_folder(self._logs)
            self._lock = FolderLock(self._data_dir / "supervisor.lock", "the data folder")
        except OSError as error:
            raise StartFailed(f"the data folder {self._data_dir} cannot be used: {error.strerror}") from None
        except InUse as error:
            raise StartFailed(f"{error}; stop that one first, or set DUECOURSE_DATA_DIR (and DUECOURSE_PORT)") from None
        _require_free_port(self._settings.host, self._settings.port, self._signals)
        self._start_servers()
        self._step(self._plan.migrate)
        for child in self._plan.services:
            self.keeper.add(self._with_env(child))
        first = self._prepare_demo()
        self._wait_until_ready()
        self._greet(first, time.monotonic() - began)

    def watch(self) -> None:
        """Restart what has ended; remember when the demo data are complete."""
        self.keeper.tick()
        load = self._plan.demo_load
        if load is not None and load.name in self.keeper.succeeded() and not self._demo_loaded.exists():
            self._demo_loaded.touch(mode=0o600)
            give_to_owner_of_folder(self._demo_loaded)

    def stop(self) -> None:
        """Stop everything, last started first. Bounded; a second signal makes it immediate."""
        if self._signals.stopping():
            _say("stopping ...")
        self.keeper.stop_children(self._signals.hurrying)
        if self._valkey is not None:
            self._valkey.stop()
        if self._postgres is not None:
            self._postgres.stop(POSTGRES_STOP_SECONDS)
        if self._signals.stopping():
            _say("stopped")
        if self._lock is not None:
            self._lock.release()

    def _start_servers(self) -> None:
        settings = self._settings
        self._env["DUECOURSE_DATA_DIR"] = str(self._data_dir)
        if settings.database_url is None:
            _say(f"starting PostgreSQL on {self._data_dir / 'postgres'}")
            self._postgres = PostgresServer(self._data_dir, database="duecourse")
            self._postgres.start(self._signals.stopping)
            self.keeper.add_server("postgres", self._postgres)
            self._env["DATABASE_URL"] = self._env["DATABASE_OWNER_URL"] = self._postgres.url
            self._env["DUECOURSE_TOKEN_SECRET"] = self._token_secret()
        if settings.redis_url is None:
            self._valkey = ValkeyServer(self._data_dir)
            self._valkey.start(self._signals.stopping)
            self.keeper.add_server("valkey", self._valkey)
            self._env["REDIS_URL"] = self._valkey.url

    def _token_secret(self) -> str:
        """The configured secret, else one that is made once and kept, so that tokens outlive a restart."""
        if self._settings.token_secret is not None:
            return self._settings.token_secret.get_secret_value()
        return keep_secret(self._data_dir / "token_secret", lambda: secrets.token_urlsafe(48))

    def _with_env(self, child: Child) -> Child:
        return Child(child.name, child.argv, {**self._env, **child.env}, child.restart, child.show_output)

    def _step(self, child: Child) -> str:
        """Run one program to its end and return its output. Raises `StartFailed` with the end of its log."""
        status, output = self.keeper.run_step(self._with_env(child), self._signals.wait, self._signals.stopping)
        if self._signals.stopping():
            raise Cancelled("told to stop while starting")
        if status != 0:
            log = self.keeper.log_of(child.name)
            raise StartFailed(f"{child.name} ended with status {status}; {log} ends:\n{last_lines(log, 15)}")
        return output

    def _prepare_demo(self) -> Mapping[str, object]:
        """Create the demo organization if there is none, and get a token for it."""
        if self._plan.demo_bootstrap is None:
            return {}
        output = self._step(self._plan.demo_bootstrap)
        try:
            found = json.loads(output.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise StartFailed(f"{self._plan.demo_bootstrap.name} printed no line of JSON") from None
        return found if isinstance(found, dict) else {}

    def _wait_until_ready(self) -> None:
        """Wait for `/readyz`. Raises `StartFailed` when a service cannot stay up."""
        hint_at = time.monotonic() + READY_HINT_SECONDS
        while not _answers(self._settings.host, self._settings.port, "/readyz"):
            self._signals.wait(0.1)
            self.keeper.tick()
            if self._signals.stopping():
                raise Cancelled("told to stop while starting")
            for name, failures in self.keeper.failures().items():
                if failures >= MAX_FAILURES_BEFORE_READY:
                    log = self.keeper.log_of(name)
                    raise StartFailed(f"{name} does not stay up; {log} ends:\n{last_lines(log, 15)}")
            if time.monotonic() > hint_at:
                hint_at += READY_HINT_SECONDS
                _say(f"the API is not ready yet; see {self.keeper.log_of('api')}")

    def _greet(self, demo: Mapping[str, object], seconds: float) -> None:
        address = f"http://{_address(self._settings.host)}:{self._settings.port}"
        _say(f"\nDuecourse is ready ({seconds:.1f} s)\n\n  docs   {address}/docs\n  logs   {self._logs}")
        token = demo.get("token")
        if isinstance(token, str):
            _say(f"  token  {token}\n\n  curl -H 'Authorization: Bearer {token}' {address}/v1/me\n")
        elif self._plan.demo_bootstrap is None:
            _say("\n  make a client with: duecourse organization create, duecourse client create\n")
        _say("Ctrl-C stops everything; the data stay.\n")
        if self._plan.demo_load is not None and (demo.get("first") or not self._demo_loaded.exists()):
            self._demo_loaded.unlink(missing_ok=True)  # a load that was cut short is taken up by the next start
            self.keeper.add(self._with_env(self._plan.demo_load))


def _say(text: str, file: TextIO | None = None) -> None:
    """Print for a person. A terminal that has gone away must not keep us from stopping in order."""
    with suppress(OSError):
        print(text, file=file or sys.stdout, flush=True)


def _address(host: str) -> str:
    """How a client on this machine reaches a listening address (RFC 3986 brackets for IPv6)."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host


def _require_free_port(host: str, port: int, signals: StopSignals) -> None:
    """Raises `StartFailed` unless the port can be bound now."""
    deadline = time.monotonic() + PORT_PATIENCE_SECONDS
    while True:
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                probe.listen(1)
            return
        except OSError as error:
            reason = error
        if reason.errno != errno.EADDRINUSE:
            raise StartFailed(f"cannot listen on {host}:{port}: {reason.strerror}")
        if time.monotonic() > deadline:
            raise StartFailed(f"port {port} on {host} is taken by another program; set DUECOURSE_PORT to a free one")
        signals.wait(0.1)
        if signals.stopping():
            raise Cancelled("told to stop while starting")


def _answers(host: str, port: int, path: str) -> bool:
    """Whether a GET of the path gives 200."""
    connection = http.client.HTTPConnection(_address(host).strip("[]"), port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """Entry point of `python -m app.supervisor`."""
    if LINUX and os.environ.pop(FOLLOW_PARENT, None) == "1":
        follow_parent(os.getppid(), signal.SIGTERM)
    try:
        settings = Settings()
    except ValidationError as error:
        _say(f"error: the settings are not valid: {error}", file=sys.stderr)
        return 1
    return run(settings)


if __name__ == "__main__":
    sys.exit(main())
