"""Child processes and folders for the embedded servers: spawn, signal, lock, find a place for a socket."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import platform
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LINUX = platform.system() == "Linux"
EXEC_CHILD = Path(__file__).with_name("exec_child.py")
SOCKET_FOLDER_MAX_BYTES = 80
"""`sun_path` holds 107 bytes and a zero; the file name in the folder takes up to 20 of them."""


class EmbeddedServerError(RuntimeError):
    """An embedded server could not be started; the text says why and what to do."""


class InUse(EmbeddedServerError):
    """Another live process holds the lock of this data folder."""


class Cancelled(EmbeddedServerError):
    """The caller was told to stop while a server was still starting."""


@dataclass(frozen=True, slots=True)
class Account:
    """An operating-system account to run a child as."""

    uid: int
    gid: int
    name: str


def accounts_without_privileges() -> list[Account]:
    """Accounts a root process may drop to, best first. `initdb` insists on one that has a name."""
    known = [Account(entry.pw_uid, entry.pw_gid, entry.pw_name) for entry in pwd.getpwall() if entry.pw_uid != 0]
    return sorted(known, key=lambda account: (account.name != "nobody", account.name != "daemon", account.uid))


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    watch: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program that gets `death_signal` when this process dies, however it dies.

    It leads a session of its own, sees only `env`, and runs as `account` if one is named (then we must be root).
    On Linux the kernel sends it. It would count the end of the calling *thread* as a death, so other threads than
    the main one get the portable way (a watcher at the end of a pipe), as does every other system and `watch`.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    life_line = None if LINUX and in_main_thread and not watch else _life_line()
    order = {
        "argv": list(argv),
        "cwd": None if cwd is None else str(cwd),
        "uid": account.uid if account else None,
        "gid": account.gid if account else None,
        "parent": os.getpid(),
        "death_signal": int(death_signal),
        "life_line": life_line,
    }
    return subprocess.Popen(  # noqa: S603 - our own programs
        [sys.executable, "-I", "-S", str(EXEC_CHILD), json.dumps(order)],
        env=dict(env),
        pass_fds=() if life_line is None else (life_line,),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
    )


@functools.cache
def _life_line() -> int:
    """The reading end of a pipe that nobody writes to: it reports an end of file when this process is gone."""
    reader, _writer_kept_open_until_we_die = os.pipe()
    return reader


def stop(process: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> int:
    """Send each signal in turn and wait its seconds; kill what is left at the end. Returns the exit status."""
    for number, seconds in steps:
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    return kill(process)


def kill(process: subprocess.Popen[bytes]) -> int:
    """Kill a child of `spawn` and what is left of its process group. Returns the exit status."""
    process.kill()  # it may not lead its group yet
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def is_alive(pid: int) -> bool:
    """Whether a process runs. A zombie is dead: it holds no file, no memory and no lock."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _state(pid) not in ("Z", "X", "")


def _state(pid: int) -> str:
    """The state letter of a process (proc(5), ps(1)); empty when there is none."""
    if LINUX:
        try:
            text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return ""
        return text.rpartition(")")[2].split()[0]
    return describe(pid, "stat")[:1]


def describe(pid: int, column: str) -> str:
    """One column of ps(1) about one process, for systems without /proc; empty when there is no such process."""
    argv = ["/bin/ps", "-o", f"{column}=", "-p", str(pid)]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603


def wait_until(condition: Callable[[], bool], seconds: float, cancelled: Callable[[], bool] | None = None) -> bool:
    """Poll 50 times a second until the condition holds; False when time is up. Raises `Cancelled`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if cancelled is not None and cancelled():
            raise Cancelled("told to stop while starting")
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class FolderLock:
    """An exclusive lock file. The kernel drops it when the holder dies, so it is never stale."""

    def __init__(self, path: Path, purpose: str) -> None:
        """Take the lock at once. Raises `InUse` with the holder's process id."""
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._file.read(20).strip() or "unknown"
            self._file.close()
            raise InUse(f"{purpose} of {path.parent} is already in use by process {holder}") from None
        give_to_owner_of_folder(path)
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Give the lock back."""
        self._file.close()


def folder_digest(data_dir: Path) -> str:
    """A short name for a data folder, part of the names of its socket folders."""
    return hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]


def socket_folder(data_dir: Path, kind: str, owner: Account | None) -> Path:
    """A folder of mode 0700 with a short path, the same for the same data folder at every start.

    Not inside `data_dir`: a checkout's path may be longer than a socket address may be, hold spaces, or lie below
    a folder that `owner` cannot pass. The temporary folder is open to everybody, so a folder found there counts
    only if it belongs to us; otherwise a fresh name is taken.
    """
    uid = owner.uid if owner else os.geteuid()
    digest = folder_digest(data_dir)
    for base in dict.fromkeys(("/tmp", tempfile.gettempdir(), "/var/tmp")):  # noqa: S108 - checked below
        path = Path(base) / f"duecourse-{uid}-{digest}-{kind}"
        if len(os.fsencode(path)) > SOCKET_FOLDER_MAX_BYTES or not os.access(base, os.W_OK | os.X_OK):
            continue
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (uid, os.geteuid()):
                path = Path(tempfile.mkdtemp(prefix="duecourse-", dir=base))
        path.chmod(0o700)
        if owner is not None:
            os.chown(path, owner.uid, owner.gid)
        return path
    raise EmbeddedServerError("no temporary folder with a short path can be written; set TMPDIR to one")


def give_to_owner_of_folder(path: Path) -> None:
    """Root works in another user's data folder: what it leaves there must still be of use to that user."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


def last_lines(path: Path, count: int = 8) -> str:
    """The end of a log file, to be quoted in a message."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])


def open_log(path: Path, limit_bytes: int = 20_000_000) -> IO[bytes]:
    """A log file open for appending; one that has grown past the limit is kept as `.1` and begun anew."""
    if path.exists() and path.stat().st_size > limit_bytes:
        path.replace(path.with_name(path.name + ".1"))
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    give_to_owner_of_folder(path)
    return os.fdopen(file, "ab", buffering=0)


def keep_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in this file of mode 0600; made at the first call, whole or not at all."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        give_to_owner_of_folder(fresh)
        fresh.replace(path)
    return path.read_text().strip()
