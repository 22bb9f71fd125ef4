"""The service as the documents' commands find it: installed as `install-with-own-postgres.md` says, running."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

import pytest
from pydantic import SecretStr

from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import SYSTEM, Database
from app.infra.embedded.postgres import start_postgres
from app.infra.embedded.valkey import start_valkey
from app.organizations.access import NewApiClient, create_api_client
from app.organizations.service import NewOrganization, create_organization
from app.organizations.tokens import Grant, TokenKey
from app.settings import Settings
from tests.docs.console_blocks import blocks, requests_of
from tests.installation import ROOT, Installation

INSTALL = ROOT / "docs" / "how-to" / "install-with-own-postgres.md"
COMMANDS_SECONDS = 120
_ADDRESS = "http://127.0.0.1:8000"
_OWNER, _SERVICE = "owner-secret", "service-secret"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back on a request of a page."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.text)


@dataclass(slots=True)
class Reader:
    """Somebody who pastes what a page says into a shell, or sends the requests that it shows."""

    installation: Installation
    organization_id: str
    token: str
    superuser: dict[str, str]
    known: dict[str, str] = field(default_factory=dict)

    def filled_in(self, text: str) -> str:
        """The text of a page with its places filled in: the address, the token, the organization."""
        for written, here in {
            _ADDRESS: self.installation.address,
            "<token>": self.token,
            "<organization id>": self.organization_id,
            "<owner password>": _OWNER,
            "<service password>": _SERVICE,
        }.items():
            text = text.replace(written, here)
        return text

    def paste(self, document: Path, folder: Path, info: str = "sh", **variables: str) -> str:
        """Run the blocks of the document in one shell that ends at the first failure; all that was printed.

        Only the address, the token and the places of the programs are changed. The folder is as a checkout.
        """
        script = "set -euo pipefail\n" + "\n".join(block.text for block in blocks(document, info))
        env = self.environment(folder, **variables)
        done = subprocess.run(
            ["bash", "-c", self.filled_in(script)], env=env, cwd=folder, capture_output=True, text=True,
            timeout=COMMANDS_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{document.name}: status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def environment(self, folder: Path, **variables: str) -> dict[str, str]:
        """The environment of a shell in a folder that looks like the checkout: `.venv`, `docs`, `docker`."""
        for name in ("docs", "docker"):
            if not (folder / name).exists():
                (folder / name).symlink_to(ROOT / name)
        programs = folder / ".venv" / "bin"
        if not programs.exists():
            programs.mkdir(parents=True)
            for name, started in {"python": "", "duecourse": "-P -m app.cli "}.items():
                (programs / name).write_text(f'#!/bin/sh\nexec "{self.installation.python}" {started}"$@"\n')
                (programs / name).chmod(0o755)
            (programs / "psql").symlink_to(self.installation.postgres._bin / "psql")
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        return self.installation.environment(PATH=path, **variables)

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """Send one request with the token; a stream is read to its first message."""
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **headers}
        data = None if body is None else body.encode()
        request = Request(self.installation.address + path, data=data, headers=sent, method=method)
        try:
            with urlopen(request, timeout=20) as answer:
                text = answer.readline() if "event-stream" in sent.get("Accept", "") else answer.read()
                return Answer(answer.status, _by_name(answer.headers.items()), text.decode(errors="replace"))
        except HTTPError as refusal:
            return Answer(refusal.code, _by_name(refusal.headers.items()), refusal.read().decode())

    def send_requests(
        self, document: Path, known: Mapping[str, str], learn: Callable[[str, Any], Mapping[str, str]] | None = None
    ) -> list[Answer]:
        """Send the requests of the `http` blocks, in their order; fails at the first refusal.

        `{name}` in a path, `"name": "…"` in a body and a header that is named there are taken from `known`, and from
        what `learn(path, body)` finds in the answers before.
        """
        here, answers = dict(known), []

        def in_path(found: re.Match[str]) -> str:
            return here[found[1]]

        def in_body(found: re.Match[str]) -> str:
            return f'"{found[1]}": "{here[found[1]]}"'

        for request in requests_of(document):
            path = re.sub(r"\{(\w+)\}", in_path, request.path)
            body = re.sub(r'"(\w+)": "…"', in_body, request.body)
            headers = {name: here.get(name, value) for name, value in request.headers.items()}
            answer = self.ask(request.method, path, body or None, **headers)
            assert answer.status < 300, f"{document.name}: {request.method} {path}: {answer.text}"
            answers.append(answer)
            if learn is not None:
                here.update(learn(request.path, answer.json()))
        return answers


async def _organization(url: str, secret: str) -> tuple[str, str]:
    database = Database.connect(DatabaseSettings(driver_url(url), APP_ROLE, pool_size=1))
    try:
        made, _ = await create_organization(database, NewOrganization("Acme Parts", "Europe/Berlin", "DE", "EUR"))
        async with database.write(made, SYSTEM) as session:
            client, _ = await create_api_client(session, NewApiClient("docs", ["admin"], [], 3600), granted_by=None)
            grant = Grant(made, "api_client", client.id)
    finally:
        await database.close()
    key = TokenKey(Settings(token_secret=SecretStr(secret)))
    return str(made), key.issue(grant, datetime.now(UTC), 86_400)


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A running service, installed by the commands of the page, with an organization and an administrator's token."""
    folder = tmp_path_factory.mktemp("installed")
    postgres, valkey = start_postgres(folder, fast=True), start_valkey(folder)
    made = _Installed(folder, postgres, valkey.url)
    try:
        parts = urlsplit(postgres.url)
        host = dict(part.split("=") for part in parts.query.split("&"))
        superuser = {
            "PGHOST": _unquoted(host["host"]), "PGPORT": host.get("port", "5432"), "PGUSER": parts.username or "",
            "PGPASSWORD": _unquoted(parts.password or ""), "PGDATABASE": "postgres",
        }  # fmt: skip
        reader = Reader(made, "", "", superuser)
        env = reader.environment(folder, **superuser)
        subprocess.run(["psql", "-Xqc", "DROP DATABASE duecourse"], env=env, check=True)  # the page makes it
        reader.paste(INSTALL, folder, "sh once", **superuser)
        (listed,) = blocks(INSTALL, "sh each in its own terminal")
        migrate, *processes = (shlex.split(line) for line in listed.text.splitlines())
        made.run([str(folder / migrate[0]), *migrate[1:]], **made.settings())
        reader.organization_id, reader.token = asyncio.run(_organization(made.service_url, made.token_secret))
        for name, argv in zip(("api", "worker", "sweeper"), processes, strict=True):
            there = {"0.0.0.0": "127.0.0.1", "8000": str(made.port), argv[0]: sys.executable}
            made.start(name, [there.get(part, part) for part in argv], **made.settings())
        made.wait_until_ready("worker", "sweeper")
        yield reader
    finally:
        made.stop()
        valkey.stop()
        postgres.stop()


class _Installed(Installation):
    """With the roles and the database that the page makes, and the settings that it names."""

    def url_of(self, role: str, password: str) -> str:
        """The database URL of a login role."""
        wanted = _OWNER if role == "duecourse_owner" else _SERVICE
        return urlunsplit(urlsplit(self.postgres.url)._replace(netloc=f"{role}:{quote(wanted)}@", path="/duecourse"))

    def settings(self) -> dict[str, str]:
        """The variables of the page with values of this installation; fails on one that is not known here."""
        values = {
            "DATABASE_URL": self.service_url,
            "DATABASE_OWNER_URL": self.owner_url,
            "REDIS_URL": self.redis_url,
            "DUECOURSE_TOKEN_SECRET": self.token_secret,
            "DUECOURSE_DATA_DIR": str(self.folder / "data"),
        }
        (block,) = blocks(INSTALL, "ini")
        return {name: values[name] for name in re.findall(r"^([A-Z_]+)=", block.text, re.MULTILINE)}


def _by_name(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their names in small letters."""
    return {name.lower(): value for name, value in headers}


def _unquoted(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)
