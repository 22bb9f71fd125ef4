"""The service as the documents' commands find it: installed, running, with a token."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.console_blocks import blocks
from tests.installation import Installation, installation, make_organization

_DEFAULT_ADDRESS = "http://127.0.0.1:8000"
COMMANDS_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who pastes the commands of a document into a shell."""

    installation: Installation
    organization_id: str
    token: str

    def paste(self, document: Path, folder: Path, **variables: str) -> str:
        """Run the `sh` blocks of the document in one shell that ends at the first failure; all that was printed.

        Only the address, the token and the place of the `duecourse` command are changed.
        """
        script = "set -euo pipefail\n" + "\n".join(block.text for block in blocks(document, "sh"))
        for written, here in {
            _DEFAULT_ADDRESS: self.installation.address,
            "<token>": self.token,
            "<organization id>": self.organization_id,
        }.items():
            script = script.replace(written, here)
        programs = folder / "bin"
        programs.mkdir(exist_ok=True)
        launcher = programs / "duecourse"
        launcher.write_text(f'#!/bin/sh\nexec "{self.installation.python}" -P -m app.cli "$@"\n')
        launcher.chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        env = self.installation.environment(PATH=path, **variables)
        done = subprocess.run(
            ["bash", "-c", script], env=env, cwd=folder, capture_output=True, text=True, timeout=COMMANDS_SECONDS
        )
        assert done.returncode == 0, f"{document.name}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    """A running service with an organization, and a token of an administrator."""
    with installation() as made:
        organization_id, token = make_organization(made, "admin")
        made.start_service()
        made.wait_until_ready("worker", "sweeper")
        yield Reader(made, organization_id, token)
