"""The embedded servers on real processes: durable across stops and kills, alone on their folder, gone with us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import site
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import psutil
import pytest
from arq.connections import RedisSettings, create_pool
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.infra.embedded import postgres_binaries, temporary
from app.infra.embedded.postgres import PostgresServer, start_postgres
from app.infra.embedded.processes import FolderLock, InUse, folder_digest, is_alive, spawn, stop, wait_until
from app.infra.embedded.valkey import start_valkey

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def remove_socket_folders(data_dir: Path) -> None:
    """A server that was killed leaves its own; the next start on the same data would use it again."""
    for path in Path("/tmp").glob(f"duecourse-*-{folder_digest(data_dir)}-*"):
        shutil.rmtree(path)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "a path with spaces, and a comma"
    path.mkdir(mode=0o700)
    yield path
    remove_socket_folders(path)
    shutil.rmtree(tmp_path, ignore_errors=True)  # 40 MB each; pytest would keep three


@pytest.fixture
def server(folder: Path) -> Iterator[PostgresServer]:
    started = start_postgres(folder)
    yield started
    started.stop()


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_postgres_is_durable_private_and_has_checksums(server: PostgresServer, folder: Path) -> None:
    settings = {
        name: await query(server.url, f"SHOW {name}")
        for name in ("fsync", "full_page_writes", "data_checksums", "listen_addresses", "server_encoding", "jit")
    }
    assert settings == {
        "fsync": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "jit": "off",
    }
    assert server.pid is not None
    listening = [c for c in psutil.Process(server.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == []
    assert psutil.Process(server.pid).uids().effective != 0
    socket_dir = Path(server.url.partition("host=")[2].partition("&")[0])
    assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    secret = folder / "postgres_password"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert len(secret.read_text()) >= 24


async def test_a_wrong_password_is_refused(server: PostgresServer, folder: Path) -> None:
    wrong = server.url.replace((folder / "postgres_password").read_text(), "wrong")
    assert wrong != server.url
    with pytest.raises(asyncpg.InvalidPasswordError):
        await query(wrong, "SELECT 1")


async def test_variables_of_the_user_do_not_reach_the_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGUSER", "nobody-of-ours")
    started = start_postgres(folder, fast=True)
    try:
        assert await query(started.url, "SELECT current_user::text") == "duecourse"
    finally:
        started.stop()


async def test_sqlalchemy_accepts_the_url(server: PostgresServer) -> None:
    engine = create_async_engine(server.url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT current_database()"))).scalar_one() == "duecourse"
    await engine.dispose()


async def test_a_second_start_finds_the_data_under_the_same_url(folder: Path) -> None:
    first = start_postgres(folder)
    await query(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    first.stop()
    assert first.pid is not None
    assert not is_alive(first.pid)
    second = start_postgres(folder)
    try:
        assert second.url == first.url
        assert await query(second.url, "SELECT answer FROM kept") == 42
    finally:
        second.stop()


async def test_after_kill_9_committed_rows_are_there(folder: Path) -> None:
    first = start_postgres(folder)
    connection = await asyncpg.connect(first.url)
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    connection.terminate()
    assert wait_until(lambda: first.poll() is not None, 5)
    first.stop()
    second = start_postgres(folder)
    try:
        assert await query(second.url, "SELECT count(*) FROM kept") == 1000
    finally:
        second.stop()


def test_two_servers_never_share_a_folder(server: PostgresServer, folder: Path) -> None:
    with pytest.raises(InUse, match=f"in use by process {os.getpid()}"):
        start_postgres(folder)
    assert server.poll() is None


def test_a_stale_pid_file_of_another_living_program_does_not_stop_the_start(folder: Path) -> None:
    start_postgres(folder, fast=True).stop()
    sleeper = subprocess.Popen(["/bin/sleep", "60"])
    try:
        (folder / "postgres" / "postmaster.pid").write_text(f"{sleeper.pid}\n{folder}/postgres\n0\n5432\n\n\n")
        start_postgres(folder, fast=True).stop()
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_cluster_that_was_half_made_is_made_again(folder: Path) -> None:
    half = folder / "postgres.init-dead"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    start_postgres(folder, fast=True).stop()
    assert not half.exists()


def _start_in_another_process(
    folder: Path, *, python: str = sys.executable, user: str | None = None
) -> subprocess.Popen[str]:
    """A process that starts both servers, says so, and sleeps; as another user if one is named."""
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from app.infra.embedded.postgres import start_postgres\n"
        "from app.infra.embedded.valkey import start_valkey\n"
        "folder = Path(sys.argv[1])\n"
        "postgres, valkey = start_postgres(folder), start_valkey(folder)\n"
        "print(postgres.pid, valkey.pid, postgres.url, flush=True)\n"
        "time.sleep(60)\n"
    )
    return subprocess.Popen(
        [python, "-c", script, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *site.getsitepackages()])},
    )


def _python_that_can_be_run_by(user: str) -> str:
    """Ours, or the system's where ours lies in a home folder; the launcher needs the standard library only."""
    for python in (sys.executable, "/usr/bin/python3"):
        probe = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))", str(ROOT)]
        with contextlib.suppress(OSError):
            if subprocess.run(probe, user=user, group=user, extra_groups=[], check=False).returncode == 0:
                return python
    pytest.skip(f"no Python >= 3.11 that the user {user} may run")


async def test_servers_die_with_their_starter_and_the_next_start_recovers(folder: Path) -> None:
    starter = _start_in_another_process(folder)
    assert starter.stdout is not None
    words = starter.stdout.readline().split()
    assert len(words) == 3
    await query(words[2], "CREATE TABLE kept AS SELECT 7 AS answer")
    starter.kill()
    starter.wait()
    starter.stdout.close()
    second = start_postgres(folder)  # at once: the first may still be writing its last page
    try:
        assert await query(second.url, "SELECT answer FROM kept") == 7
    finally:
        second.stop()
    assert wait_until(lambda: not is_alive(int(words[0])) and not is_alive(int(words[1])), 5)


def test_killed_at_any_moment_of_the_first_start_it_starts_again(folder: Path) -> None:
    for seconds in (0.2, 0.45, 0.7, 0.95):
        starter = _start_in_another_process(folder)
        time.sleep(seconds)
        starter.kill()
        starter.wait()
        assert starter.stdout is not None
        starter.stdout.close()
    server = start_postgres(folder)
    try:
        assert asyncio.run(query(server.url, "SELECT 1")) == 1
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_starts_and_stops_them() -> None:
    python = _python_that_can_be_run_by("daemon")
    folder = Path("/var/tmp") / f"duecourse-test-{os.getpid()}"
    folder.mkdir(mode=0o700)
    shutil.chown(folder, "daemon", "daemon")

    def start_as_daemon() -> None:
        starter = _start_in_another_process(folder / "data", python=python, user="daemon")
        assert starter.stdout is not None
        words = starter.stdout.readline().split()
        owner = psutil.Process(int(words[0])).username()
        starter.terminate()
        starter.wait()
        starter.stdout.close()
        assert owner == "daemon"
        assert wait_until(lambda: not is_alive(int(words[0])), 5)

    try:
        start_as_daemon()
        as_root = start_postgres(folder / "data")  # root goes on with the files' owner, and leaves nothing of its own
        assert as_root.pid is not None
        assert psutil.Process(as_root.pid).username() == "daemon"
        as_root.stop()
        start_as_daemon()
    finally:
        remove_socket_folders(folder / "data")
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")
def test_programs_below_a_closed_folder_are_copied_once_for_the_other_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    shutil.copytree(postgres_binaries._wheel_folder(), closed / "pginstall")
    tmp_path.chmod(0o700)
    monkeypatch.setattr(postgres_binaries, "_wheel_folder", lambda: closed / "pginstall")
    found = postgres_binaries.find_installation(None)
    try:
        assert found.account is not None
        assert found.account.uid != 0
        assert not found.bin.is_relative_to(tmp_path)
        made_at = found.bin.stat().st_ctime_ns
        (found.bin / "initdb").unlink()  # as a cleaner of temporary folders would
        again = postgres_binaries.find_installation(None)
        assert (again.bin / "initdb").exists()
        assert again.bin.stat().st_ctime_ns > made_at
        assert postgres_binaries.find_installation(None) == again
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    finally:
        shutil.rmtree(found.bin.parent)
        shutil.rmtree(closed)


async def test_valkey_serves_arq_on_a_socket_only(folder: Path) -> None:
    server = start_valkey(folder)
    try:
        pool = await create_pool(RedisSettings.from_dsn(server.url))
        await pool.set("key", "value")
        assert await pool.get("key") == b"value"
        await pool.aclose()
        assert server.pid is not None
        assert psutil.Process(server.pid).net_connections("inet") == []
    finally:
        server.stop()
    assert server.poll() is not None
    again = start_valkey(folder)
    assert again.url == server.url
    again.stop()


def test_the_portable_watcher_ends_a_program_whose_parent_died(tmp_path: Path) -> None:
    script = (
        "import os\n"
        "from app.infra.embedded.processes import spawn\n"
        "child = spawn(['/bin/sleep', '60'], env={}, watch=True)\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False, timeout=20
    )
    pid = int(done.stdout)
    assert wait_until(lambda: not is_alive(pid), 5)


def test_a_server_started_by_a_thread_outlives_the_thread(folder: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        server = pool.submit(start_valkey, folder).result()
    time.sleep(0.3)
    assert server.poll() is None
    server.stop()


def test_a_temporary_database_replaces_the_configured_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://precious/data")
    script = (
        "import os, sys; url = os.environ['DATABASE_URL']; "
        "sys.exit(0 if url.startswith('postgresql://duecourse:') and url == os.environ['DATABASE_OWNER_URL'] else 9)"
    )
    assert temporary.main([sys.executable, "-c", script]) == 0
    assert temporary.main([sys.executable, "-c", "raise SystemExit(4)"]) == 4


def test_a_zombie_counts_as_dead() -> None:
    child = subprocess.Popen(["/bin/true"])
    try:
        assert wait_until(lambda: not is_alive(child.pid), 5)
        os.kill(child.pid, 0)  # the kernel still knows the number
    finally:
        child.wait()


def test_stop_kills_what_does_not_listen_and_its_children() -> None:
    script = "trap '' TERM; sleep 60 & echo $!; wait"
    child = spawn(["/bin/sh", "-c", script], env={"PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    began = time.monotonic()
    assert stop(child, [(signal.SIGTERM, 0.3)]) == -signal.SIGKILL
    child.stdout.close()
    assert time.monotonic() - began < 3
    assert wait_until(lambda: not is_alive(grandchild), 5)


def test_a_lock_is_free_again_after_release(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "lock", "the folder")
    with pytest.raises(InUse):
        FolderLock(tmp_path / "lock", "the folder")
    lock.release()
    FolderLock(tmp_path / "lock", "the folder").release()
