"""The running service against its own OpenAPI document: clients made from it, and any answer outside it (schemathesis).

Thirty seconds in the suite; `SCHEMATHESIS_SECONDS=900` tries longer, `SCHEMATHESIS_SEED=7` another way.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database
from app.openapi import FILE
from clients.__main__ import run_stories
from tests.benchmarks.servers import serving
from tests.benchmarks.tokens import token_for
from tests.conftest import database_of_its_own
from tests.factories import make_tenant

HERE = Path(__file__).parent
SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "30"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))


@pytest.fixture(scope="module")
def own_database(servers: dict[str, Any]) -> Iterator[str]:
    """The owner's URL of a database of its own: real commits of all sorts are going to be in it."""
    with database_of_its_own(servers) as url:
        yield url


async def _token(url: str) -> str:
    """A token of an admin in an organization with a legal entity, a bank account and a customer account."""
    database = Database.connect(DatabaseSettings(driver_url(url), APP_ROLE, pool_size=1))
    try:
        return await token_for(url, await make_tenant(database))
    finally:
        await database.close()


@pytest.fixture(scope="module")
def served(own_database: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a running service, and a token."""
    token = asyncio.run(_token(own_database))
    with serving("app.main:create_app", own_database, redis_url, tmp_path_factory.mktemp("data")) as port:
        yield f"http://127.0.0.1:{port}", token


@pytest.mark.slow
def test_generated_clients_tell_their_stories(served: tuple[str, str]) -> None:
    """TypeScript (strict) and Python. Generators and what they made are kept in `.venv` (`make check` made it)."""
    said = run_stories(*served)
    assert "the Python client did all of it" in said
    assert "the TypeScript client did all of it" in said


@pytest.mark.slow
def test_no_answer_is_outside_the_document(served: tuple[str, str], tmp_path: Path) -> None:
    address, token = served
    command = [
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
        "--config-file", str(HERE / "schemathesis.toml"), "--no-color",
        "run", str(FILE), "--url", address, "--header", f"Authorization: Bearer {token}",
        "--seed", str(SEED), "--max-time", str(SECONDS), "--request-timeout", "20", "--warnings", "off",
        "--suppress-health-check", "all", "--no-shrink",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1]), "SCHEMATHESIS_HOOKS": "tests.api.schema_checks"},
        capture_output=True,
        text=True,
        timeout=SECONDS + 120,
        check=False,
    )
    print(done.stdout[-20_000:], done.stderr[-4_000:])
    assert done.returncode == 0, "see the output: each failure comes with a curl command"
    assert "Tested: " in done.stdout
