"""Servers of a benchmark: embedded PostgreSQL (fsync on) and Valkey, and processes of the service beside them."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database
from app.infra.embedded.postgres import start_postgres
from app.infra.embedded.valkey import start_valkey
from app.infra.migrate import migrate

TOKEN_SECRET = secrets.token_urlsafe(48)


@contextmanager
def service_servers() -> Iterator[tuple[str, str, Path]]:
    """A migrated PostgreSQL with its durable settings, and a Valkey: (database URL, Redis URL, folder)."""
    folder = Path(tempfile.mkdtemp(prefix="duecourse-bench-"))
    postgres, valkey = start_postgres(folder), start_valkey(folder)
    try:
        yield postgres.url, valkey.url, folder
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def migrated(url: str) -> Database:
    """Migrate and open a pool in the service's role."""
    await migrate(url)
    return Database.connect(DatabaseSettings(driver_url(url), APP_ROLE, pool_size=4))


def free_port() -> int:
    """A TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(factory: str, database_url: str, redis_url: str, folder: Path, **environment: str) -> Iterator[int]:
    """A uvicorn process of the application `factory`; yields its port once it accepts connections."""
    port = free_port()
    env = {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DUECOURSE_TOKEN_SECRET": TOKEN_SECRET,
        "DUECOURSE_DATA_DIR": str(folder),
        "DUECOURSE_LOG_LEVEL": "error",
        **environment,
    }
    command = [sys.executable, "-m", "uvicorn", factory, "--factory", "--port", str(port), "--no-access-log",
               "--log-level", "error", "--timeout-graceful-shutdown", "5"]  # fmt: skip
    process = subprocess.Popen(command, env=env)
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # a request that takes longer; the service itself is told how long to wait
            process.kill()
            process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("the server ended before it listened")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the server did not listen in time")
