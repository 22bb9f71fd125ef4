"""The `duecourse` command against a real database."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.organizations.rules import parse_client_id
from app.organizations.tokens import TokenKey
from app.settings import Settings

_SECRET = "s" * 40


@pytest.fixture
def command(owner_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs one command with the test's database."""
    for name in [name for name in os.environ if name.startswith("DUECOURSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL", owner_url)
    monkeypatch.setenv("DUECOURSE_TOKEN_SECRET", _SECRET)
    monkeypatch.setenv("DUECOURSE_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False)

    return run


_CREATE = ("organization", "create", "--name", "Acme", "--time-zone", "Europe/Oslo", "--currency", "NOK")


def _created(command: Any) -> dict[str, str]:
    result = command(*_CREATE, "--country", "NO", "--legal-entity", "1000", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, str] = json.loads(result.output)
    return found


async def _row(url: str, organization_id: str, sql: str) -> asyncpg.Record | None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"SET app.organization_id = '{organization_id}'")
        return await connection.fetchrow(sql, organization_id)
    finally:
        await connection.close()


def test_from_nothing_to_a_token(command: Any, owner_url: str) -> None:
    import asyncio

    made = _created(command)
    entity = asyncio.run(
        _row(
            owner_url,
            made["organization_id"],
            "SELECT e.code, e.country, o.base_currency, o.time_zone FROM legal_entities e"
            " JOIN organizations o ON o.id = e.organization_id WHERE e.organization_id = $1",
        )
    )
    assert entity is not None
    assert tuple(entity) == ("1000", "NO", "NOK", "Europe/Oslo")

    client = ("client", "create", "--organization", made["organization_id"], "--name", "ERP")
    result = command(*client, "--role", "integration", "--role", "auditor", "--scope", "jobs:write", "--json")
    assert result.exit_code == 0, result.output
    credentials = json.loads(result.output)
    assert credentials["client_secret"].startswith("dcs_")
    found = parse_client_id(credentials["client_id"])
    assert found is not None
    assert found.organization_hex == made["organization_id"].replace("-", "")

    printed = command("token", "--client", credentials["client_id"], "--lifetime", "60")
    assert printed.exit_code == 0
    grant, _ = TokenKey(Settings(token_secret=_SECRET)).read(printed.output.strip())  # type: ignore[arg-type]
    assert grant.subject_id.hex == found.client_hex

    again = command(*client, "--role", "integration")
    assert again.exit_code == 1
    assert "exists already" in again.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((*_CREATE[:-1], "XXX"), "currency"),
        ((*_CREATE[:5], "Mars/Olympus", *_CREATE[6:]), "time zone"),
        ((*_CREATE, "--country", "ZZ"), "country"),
        (("client", "create", "--organization", str(uuid4()), "--name", "x"), "does not exist"),
        (("token", "--client", "nobody"), "client id"),
    ],
)
def test_refusals_are_one_line_and_status_1(command: Any, arguments: tuple[str, ...], text: str) -> None:
    result = command(*arguments)
    assert result.exit_code == 1, result.output
    assert result.output.startswith("error: ")
    assert text in result.output
    assert "Traceback" not in result.output


def test_segregation_holds_for_clients_too(command: Any) -> None:
    made = _created(command)
    client = ("client", "create", "--organization", made["organization_id"], "--name", "x")
    result = command(*client, "--role", "collector", "--role", "cash_application")
    assert result.exit_code == 1
    assert "may not also post cash" in result.output


def test_verify_migrate_and_doctor(command: Any) -> None:
    made = _created(command)
    result = command("audit", "verify", "--organization", made["organization_id"], "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["first_bad_position"] is None
    everything = command("audit", "verify")
    assert made["organization_id"] in everything.output
    assert command("migrate").exit_code == 0
    examined = command("doctor")
    assert examined.exit_code == 1, "no worker runs here"
    found = {line.split("  ")[0].strip(): line for line in examined.output.splitlines()[1:]}
    for check in ("token secret", "database", "migrations", "roles", "row-level security", "Redis"):
        assert "not ok" not in found[check], found[check]
        assert " ok" in found[check]


def test_nothing_is_reached_without_a_database(command: Any, monkeypatch: pytest.MonkeyPatch, owner_url: str) -> None:
    monkeypatch.delenv("DATABASE_URL")
    result = command("audit", "verify")
    assert (result.exit_code, "duecourse run" in result.output) == (1, True)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    result = command("audit", "verify")
    assert (result.exit_code, "does not answer" in result.output) == (1, True)


def test_a_running_embedded_server_is_found(
    command: Any, owner_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock file of the embedded server leads to its socket, the files beside it to password and token secret."""
    parts = urlsplit(owner_url)
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    if "host" not in query or parts.path != "/duecourse":
        folder, port = query.get("host", "/nowhere"), query.get("port", "5432")
    else:
        folder, port = query["host"], query["port"]
    data = tmp_path / "data"
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "postmaster.pid").write_text(f"1\n/proc/self/cwd\n0\n{port}\n{folder}\n\n")
    (data / "postgres_password").write_text(parts.password or "secret")
    (data / "token_secret").write_text("k" * 40)
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("DUECOURSE_TOKEN_SECRET")
    from app.cli import _settings

    settings = _settings()
    assert settings.database_url is not None
    found = urlsplit(settings.database_url.get_secret_value())
    assert found.path == "/duecourse"
    assert f"port={port}" in found.query
    assert settings.token_secret is not None
    assert settings.token_secret.get_secret_value() == "k" * 40
