"""The steps of the Dockerfile, run without Docker in an empty folder; then the compose file's processes from there.

Not run here: what needs root in a container (accounts, file modes, the removal of the base image's pip), and Docker
itself. `docs/how-to/docker.md` says so.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap import pip_settings, uv_environment
from tests.deploy.dockerfile import Stage, compose, copy_into, stages
from tests.installation import ROOT, Installation, installation, make_organization

pytestmark = pytest.mark.slow
_FOLDERS = (
    "/opt/venv",
    "/opt/uv",
    "/srv/duecourse",
    "/var/lib/duecourse",
    "/tmp/requirements.lock",
    "/tmp/requirements-bootstrap.lock",
)  # of the image
_ADDRESS = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Image:
    """The folders of the image below a folder of this machine."""

    root: Path
    builder: Stage
    last: Stage

    def place(self, text: str) -> str:
        """The same text with the image's folders at their place here."""
        for folder in _FOLDERS:
            text = text.replace(folder, f"{self.root}{folder}")
        return text

    @property
    def python(self) -> str:
        """The image's interpreter."""
        return f"{self.root}/opt/venv/bin/python"

    @property
    def tree(self) -> Path:
        """The image's code."""
        return self.root / "srv" / "duecourse"

    def run(self, command: str) -> None:
        """A RUN of the first stage, by `sh -c` as Docker does it."""
        # `python` of the base image is the interpreter of the tests.
        script = re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", self.place(command))
        listing = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
        ).stdout
        done = subprocess.run(
            ["sh", "-ec", script],
            cwd=self.root,
            env=uv_environment(pip_settings(listing), os.environ),  # packages come from where this machine gets them
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    def argv(self, command: list[str], port: int) -> list[str]:
        """A command of the image or the compose file, at a port of the test's own."""
        programs = {"python": self.python, "duecourse": f"{self.root}/opt/venv/bin/duecourse"}
        found = [programs.get(command[0], command[0]), *command[1:]]
        if "uvicorn" in command:
            found[found.index("--port") + 1] = str(port)
            found[found.index("--host") + 1] = "127.0.0.1"
        return [
            part.replace(_ADDRESS, f"http://127.0.0.1:{port}").replace("http://api:8000", f"http://127.0.0.1:{port}")
            for part in found
        ]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The first stage, built in an empty folder; its folders are what the last stage copies."""
    builder, last = stages()
    root = tmp_path_factory.mktemp("image")
    made = Image(root, builder, last)
    (root / "tmp").mkdir()
    for name, value in builder.steps:
        if name == "RUN":
            made.run(value)
        elif name == "COPY":
            source, target = value.split()
            copy_into(ROOT / source, Path(made.place(target)))
    yield made
    shutil.rmtree(root, ignore_errors=True)


def test_the_last_stage_copies_what_the_first_one_made(image: Image) -> None:
    copies = [value.split() for value in image.last.values("COPY") if "--from=builder" in value]
    assert copies, "the environment and the code come from the first stage"
    for _, source, target in copies:
        assert source == target, "an environment works only where it was made"
        assert Path(image.place(source)).is_dir()
    assert not list(image.root.rglob("pip")), "no pip in the environment"
    assert not (image.tree / "tests").exists()
    assert list((image.tree / "app").rglob("*.pyc")), "compiled while it could be written"


def test_the_processes_of_the_compose_file(image: Image) -> None:
    services = compose()["services"]
    check = image.last.health_check()
    with installation(image.python, image.tree) as made:
        port = made.port
        api, probe = image.argv(image.last.command(), port), image.argv(check, port)
        worker_probe = image.argv(services["worker"]["healthcheck"]["test"][1:], port)
        sweeper_probe = image.argv(services["sweeper"]["healthcheck"]["test"][1:], port)
        made.run(image.argv(services["migrate"]["command"], port), DATABASE_URL=made.owner_url)
        _, token = make_organization(made, "admin")
        assert not _passes(made, probe), "no API, no health"
        made.start("api", api)
        made.wait_until_ready()
        assert _passes(made, probe)
        assert not _passes(made, worker_probe), "a worker that was never seen is not healthy"
        for name in ("worker", "sweeper"):
            made.start(name, image.argv(services[name]["command"], port))
        made.wait_until_ready("worker", "sweeper")
        assert _passes(made, worker_probe)
        assert _passes(made, sweeper_probe)
        assert '"kind":"api_client"' in _get(made, "/v1/me", token)
        assert "not ok" not in made.cli("doctor")
        began = time.monotonic()
        statuses = made.stop()
        assert time.monotonic() - began < 15, "within the grace of the compose file"
        assert statuses["worker"] == statuses["sweeper"] == 0
        assert statuses["api"] in (0, -15), "uvicorn ends in order and then by the signal that it got"


def _passes(made: Installation, argv: list[str]) -> bool:
    done = subprocess.run(argv, env=made.environment(), cwd=made.folder, capture_output=True, check=False, timeout=30)
    return done.returncode == 0


def _get(made: Installation, path: str, token: str) -> str:
    from urllib.request import Request, urlopen

    with urlopen(Request(made.address + path, headers={"Authorization": f"Bearer {token}"}), timeout=10) as answer:
        return str(answer.read().decode())
