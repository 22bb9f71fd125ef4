"""The real stack in processes of its own: the supervisor with PostgreSQL (fsync on), Valkey, API, worker and sweeper.

`python -m tests.chaos.stack` is that process: the service's own supervisor, without loading the sample company.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from tests.benchmarks.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("api", "worker", "sweeper", "postgres", "valkey")
_MARKS = {
    "api": "uvicorn",
    "worker": "workers.main",
    "sweeper": "workers.sweeper",
    "postgres": "bin/postgres",
    "valkey": "valkey-server",
}
START_SECONDS = 120.0


@dataclass
class Stack:
    """A running stack: where it answers, a token for it, and its processes by name."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    token: str = ""
    organization_id: str = ""
    killed: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}"

    def find(self, name: str) -> psutil.Process | None:
        """The process of that name under the supervisor, or None while it is down."""
        try:
            for child in psutil.Process(self.process.pid).children():
                if _MARKS[name] in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    return child
        except psutil.Error:
            pass
        return None

    def kill(self, name: str) -> bool:
        """Kill it at once (SIGKILL); False when it is down already."""
        found = self.find(name)
        if found is None or "exec_child" in " ".join(found.cmdline()):
            return False
        found.send_signal(signal.SIGKILL)
        self.killed[name] = self.killed.get(name, 0) + 1
        return True

    def ready(self) -> bool:
        """Whether the API says that it can serve."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until everything is up again. Raises RuntimeError with the supervisor's output when it is not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self.ready() and all(self.find(name) for name in TARGETS):
                return
            time.sleep(0.1)
        raise RuntimeError(f"the stack does not come up:\n{self.output()}")

    def database_url(self) -> str:
        """The owner's URL, as the API got it."""
        api = self.find("api")
        if api is None:
            raise RuntimeError("the API is down")
        return api.environ()["DATABASE_URL"]

    def output(self) -> str:
        """What the supervisor said last."""
        return (self.folder / "supervisor.out").read_text(errors="replace")[-4_000:]

    def logs(self) -> dict[str, str]:
        """The end of each log."""
        return {path.name: path.read_text(errors="replace")[-3_000:] for path in self.folder.glob("data/logs/*.log")}


@contextmanager
def running(
    *, sample_company: bool = False, keep: bool = False, environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Start the stack in a new folder, stop and remove it in the end (`keep` leaves the folder for a look)."""
    folder = Path(tempfile.mkdtemp(prefix="duecourse-chaos-"))
    port = free_port()
    env = {
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
        "PYTHONPATH": str(ROOT),
        "DUECOURSE_DATA_DIR": str(folder / "data"),
        "DUECOURSE_PORT": str(port),
        "CHAOS_SAMPLE_COMPANY": "1" if sample_company else "",
        **(environment or {}),
    }
    with (folder / "supervisor.out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.stack"], cwd=ROOT, env=env, stdout=output, stderr=output
        )
    stack = Stack(process, folder, port)
    try:
        stack.wait_until_ready()
        boot = json.loads((folder / "data" / "chaos.json").read_text())
        stack.token, stack.organization_id = boot["token"], boot["organization_id"]
        yield stack
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """The supervisor with the plan of the service, but with a bootstrap that hands its answer over in a file."""
    from app.settings import Settings
    from app.supervisor import default_plan, run

    settings = Settings()
    plan = default_plan(settings)
    assert plan.demo_bootstrap is not None
    code = "import contextlib, io, os, pathlib, sys; from app.demo.bootstrap import main; out = io.StringIO()\n"
    code += "with contextlib.redirect_stdout(out): status = main()\n"
    code += "path = pathlib.Path(os.environ['DUECOURSE_DATA_DIR'], 'chaos.json'); path.write_text(out.getvalue())\n"
    code += "print(out.getvalue()); sys.exit(status)"
    bootstrap = replace(plan.demo_bootstrap, argv=(sys.executable, "-c", code))
    load = plan.demo_load if os.environ.get("CHAOS_SAMPLE_COMPANY") else None
    return run(settings, replace(plan, demo_bootstrap=bootstrap, demo_load=load))


if __name__ == "__main__":
    sys.exit(main())
