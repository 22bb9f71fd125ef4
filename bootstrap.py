"""Make `.venv` and install the locked packages: `python3 bootstrap.py [--dev]`. Needs the standard library only.

Packages are checked against the hashes of the lock files. `uv` does the work, because it is some ten times faster;
it is installed by pip from a lock file of its own, and pip does everything where uv cannot. uv does not read
pip's configuration, so what pip has been told about indexes, proxies and certificates is handed on to it.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(".venv")  # relative, like everything here: the path of the checkout may hold spaces
PYTHON = VENV / "bin" / "python"
UV_LOCK = Path("requirements-bootstrap.lock")

LAUNCHER = """#!/bin/sh
# The `duecourse` command of this checkout. -P: a folder named "app" where you stand is not ours.
root=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
: "${DUECOURSE_DATA_DIR:=$root/.duecourse}"
PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
export DUECOURSE_DATA_DIR PYTHONPATH
exec "$root/.venv/bin/python" -P -m app.cli "$@"
"""

PIP_TO_UV: Mapping[str, tuple[str, str]] = {
    # option of pip: variable of uv, and what separates several values there
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "client-cert": ("SSL_CLIENT_CERT", " "),
    "proxy": ("ALL_PROXY", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
    "retries": ("UV_HTTP_RETRIES", " "),
}
RANK = {"global": 0, "install": 1, ":env:": 2}  # pip: what is later overrides


def pip_settings(listing: str) -> dict[str, str]:
    """The settings in force for `pip install`, from the output of `pip config list`."""
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.partition(".")
        if section not in RANK or RANK[section] < found.get(option, (-1, ""))[0]:
            continue
        try:
            text = str(ast.literal_eval(value))
        except (SyntaxError, ValueError):
            continue
        found[option] = (RANK[section], text)
    return {option: value for option, (_, value) in found.items()}


def uv_environment(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv that means what pip's settings mean. What is set for uv already stays."""
    result = dict(environment)
    for option, (variable, separator) in PIP_TO_UV.items():
        if settings.get(option):
            result.setdefault(variable, separator.join(settings[option].split()))
    # pip looks at all indexes and takes the best file. The hashes of the lock decide which file that may be.
    result.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    result.setdefault("UV_LINK_MODE", "copy" if sys.platform == "linux" and not _same_device() else "hardlink")
    return result


def _same_device() -> bool:
    """Whether uv's cache can be linked into the environment."""
    cache = Path(os.environ.get("UV_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    while not cache.exists() and cache != cache.parent:
        cache = cache.parent
    return cache.stat().st_dev == ROOT.stat().st_dev


def _run(*argv: str | Path, env: Mapping[str, str] | None = None, quiet: bool = False) -> bool:
    sink = subprocess.DEVNULL if quiet else None
    done = subprocess.run([str(part) for part in argv], env=env, stdout=sink, stderr=sink, check=False)  # noqa: S603
    return done.returncode == 0


def _pip(*arguments: str | Path) -> bool:
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input", "--root-user-action=ignore")
    return _run(PYTHON, "-m", "pip", "install", *quiet, "--require-hashes", "--no-deps", *arguments)


def _make_environment() -> None:
    """A fresh `.venv`, unless there is one whose Python and pip run."""
    if PYTHON.exists() and _run(PYTHON, "-c", "import sys, pip; assert sys.version_info >= (3, 11)", quiet=True):
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    if not _run(sys.executable, "-m", "venv", VENV):
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit("error: `python3 -m venv` does not work; on Debian and Ubuntu: apt install python3-venv")


def _uv_is_there() -> bool:
    """Whether the locked uv is in the environment and runs."""
    locked = UV_LOCK.read_text().partition("uv==")[2].split()[0]
    argv = [str(PYTHON), "-m", "uv", "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    return done.returncode == 0 and done.stdout.split()[1:2] == [locked]


def _install(lock: Path) -> None:
    if _uv_is_there() or (_pip("-r", UV_LOCK) and _uv_is_there()):
        argv = [str(PYTHON), "-m", "pip", "config", "list"]
        listing = subprocess.run(argv, capture_output=True, text=True, check=False).stdout  # noqa: S603
        env = uv_environment(pip_settings(listing), os.environ)
        arguments = ("--quiet", "--python", PYTHON, "--require-hashes", "--no-deps", "-r", lock)
        if _run(PYTHON, "-m", "uv", "pip", "install", *arguments, env=env):
            return
        print("uv could not install; trying pip", file=sys.stderr)
    if not _pip("-r", lock):
        sys.exit(f"error: the packages of {lock} could not be installed; the lines above say why")


def _write_launcher() -> None:
    path = VENV / "bin" / "duecourse"
    path.write_text(LAUNCHER)
    path.chmod(0o755)


def main() -> None:
    """Bring `.venv` to the state of the lock file."""
    parser = argparse.ArgumentParser(description="Make .venv and install the locked packages.")
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    arguments = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036 - this is where it is found out
        sys.exit(f"error: Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    os.chdir(ROOT)
    lock = Path("requirements-dev.lock" if arguments.dev else "requirements.lock")
    began = time.monotonic()
    print(f"installing the packages of {lock} into {VENV} ...", flush=True)
    _make_environment()
    _install(lock)
    _write_launcher()
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    (VENV / f".{'dev' if arguments.dev else 'run'}.stamp").write_text(f"{digest}\n")
    print(f"installed in {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
