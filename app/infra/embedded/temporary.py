"""`python -m app.infra.embedded.temporary COMMAND ...`: run a command against an empty PostgreSQL, then discard it.

For checks that need a database but must never touch one that holds data: `DATABASE_URL` of the caller is replaced.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from app.infra.embedded.postgres import start_postgres


def main(argv: list[str] | None = None) -> int:
    """Run the command of the arguments; returns its exit status."""
    command = sys.argv[1:] if argv is None else argv
    with tempfile.TemporaryDirectory(prefix="duecourse-") as folder:
        server = start_postgres(Path(folder), fast=True)
        try:
            env = {**os.environ, "DATABASE_URL": server.url, "DATABASE_OWNER_URL": server.url}
            return subprocess.run(command, env=env, check=False).returncode  # noqa: S603 - the caller's own command
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
