"""An installation as an operator makes it: own roles, two URLs, a migration, and processes beside the servers."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from app.infra.embedded.postgres import PostgresServer, start_postgres
from app.infra.embedded.valkey import start_valkey

ROOT = Path(__file__).resolve().parent.parent
ROLES_SQL = ROOT / "docker" / "postgres" / "roles.sql"
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
OWNER_PASSWORD, SERVICE_PASSWORD = 'owner\'of "tables"', "service pass/word"
"""Passwords that break careless quoting."""


def free_port() -> int:
    """A TCP port of this machine that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Installation:
    """Servers, settings and processes of one installation; `python` and `tree` say whose code runs."""

    folder: Path
    postgres: PostgresServer
    redis_url: str
    python: str = sys.executable
    tree: Path = ROOT
    port: int = field(default_factory=free_port)
    token_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}"

    def url_of(self, role: str, password: str) -> str:
        """The database URL of a login role."""
        from urllib.parse import quote

        parts = urlsplit(self.postgres.url)
        return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@", path="/duecourse_prod"))

    @property
    def service_url(self) -> str:
        """What API, worker and sweeper log in with."""
        return self.url_of("duecourse_service", SERVICE_PASSWORD)

    @property
    def owner_url(self) -> str:
        """What migrates."""
        return self.url_of("duecourse_owner", OWNER_PASSWORD)

    def make_roles(self) -> None:
        """Run `roles.sql` by psql as the superuser, with another name for the database: the embedded one has it."""
        script = ROLES_SQL.read_text().replace("DATABASE duecourse ", "DATABASE duecourse_prod ")
        parts = urlsplit(self.postgres.url)
        program = str(self.postgres._bin / "psql")
        variables = ("-v", f"owner_password={OWNER_PASSWORD}", "-v", f"service_password={SERVICE_PASSWORD}")
        url = urlunsplit(parts._replace(path="/postgres"))
        argv = [program, "-Xq", "-v", "ON_ERROR_STOP=1", *variables, "-d", url]
        done = subprocess.run(argv, input=script, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process of the service: nothing of the caller's own settings."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DUECOURSE_", "DATABASE_", "REDIS_", "PYTEST_"))
        }
        return {
            **kept,
            "DATABASE_URL": self.service_url,
            "REDIS_URL": self.redis_url,
            "DUECOURSE_TOKEN_SECRET": self.token_secret,
            "DUECOURSE_DATA_DIR": str(self.folder / "data"),
            "DUECOURSE_LOG_LEVEL": "warning",
            "PYTHONPATH": str(self.tree),
            **more,
        }

    def cli(self, *arguments: str, **environment: str) -> str:
        """Run the `duecourse` command; its standard output."""
        return self.run([self.python, "-P", "-m", "app.cli", *arguments], **environment)

    def run(self, argv: Sequence[str], **environment: str) -> str:
        """Run a program to its end; its standard output. Fails with what it printed."""
        env = self.environment(**environment)
        done = subprocess.run(argv, env=env, cwd=self.folder, capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == 0, f"{argv}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, name: str, argv: Sequence[str], **environment: str) -> subprocess.Popen[bytes]:
        """Start a process that goes on; it is stopped with the installation."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                argv, env=self.environment(**environment), cwd=self.folder, stdout=log, stderr=log
            )
        return self._processes[name]

    def start_service(self) -> None:
        """API, worker and sweeper of this checkout."""
        api = ["uvicorn", "app.main:create_app", "--factory", "--port", str(self.port), "--no-access-log"]
        self.start("api", [self.python, "-m", *api])
        self.wait_until_ready()
        self.start("worker", [self.python, "-m", "workers.main"])
        self.start("sweeper", [self.python, "-m", "workers.sweeper"])

    def wait_until_ready(self, *kinds: str) -> None:
        """Wait until `/readyz` answers 200 and has seen these kinds of processes."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            for name, process in self._processes.items():
                assert process.poll() is None, f"{name} ended:\n{self.log_of(name)}"
            try:
                with urllib.request.urlopen(f"{self.address}/readyz", timeout=3) as response:
                    if set(kinds) <= set(json.load(response)["heartbeats"]):
                        return
            except OSError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"not ready in time:\n{self.log_of('api')}")

    def log_of(self, name: str) -> str:
        """The end of a process's output."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]

    def stop(self) -> dict[str, int]:
        """SIGTERM to all processes; their exit statuses by name."""
        for process in self._processes.values():
            process.terminate()
        statuses = {}
        for name, process in self._processes.items():
            try:
                statuses[name] = process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                statuses[name] = process.wait()
        self._processes.clear()
        return statuses


@contextmanager
def installation(python: str = sys.executable, tree: Path = ROOT) -> Iterator[Installation]:
    """Servers of its own, with roles and an empty database made by `roles.sql`; nothing is migrated yet."""
    folder = Path(tempfile.mkdtemp(prefix="duecourse-inst-"))
    postgres = start_postgres(folder, fast=True)
    try:
        valkey = start_valkey(folder)
        try:
            made = Installation(folder, postgres, valkey.url, python, tree)
            try:
                made.make_roles()
                yield made
            finally:
                made.stop()
        finally:
            valkey.stop()
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def make_organization(made: Installation, *roles: str) -> tuple[str, str]:
    """Migrate, create an organization and a client of these roles: (organization id, access token)."""
    made.cli("migrate", DATABASE_URL=made.owner_url)
    name = ("--name", "Acme Parts", "--time-zone", "Europe/Berlin", "--currency", "EUR", "--country", "DE")
    organization = json.loads(made.cli("organization", "create", *name, "--json"))["organization_id"]
    arguments = [part for role in roles for part in ("--role", role)]
    client = json.loads(
        made.cli("client", "create", "--organization", organization, "--name", "t", *arguments, "--json")
    )
    return organization, made.cli("token", "--client", client["client_id"]).strip()
