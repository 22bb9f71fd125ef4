"""A dump restored into another server: the same chain, the same proof, and work goes on."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

import pytest

from tests.installation import Installation, installation, make_organization

pytestmark = pytest.mark.slow


def _program(made: Installation, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [str(made.postgres._bin / name), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def _superuser_url(made: Installation) -> str:
    return urlunsplit(urlsplit(made.postgres.url)._replace(path="/duecourse_prod"))


def _call(made: Installation, token: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(made.address + path, data=data, headers=headers), timeout=20) as answer:
        return dict(json.load(answer))


def _post_invoice(made: Installation, token: str, number: str) -> None:
    entity = _call(made, token, "/v1/legal-entities")["data"][0]["id"]
    account = _call(made, token, "/v1/accounts", {"number": number, "name": "Brandt", "currency": "EUR"})["id"]
    invoice = {"number": number, "account_id": account, "legal_entity_id": entity, "currency": "EUR",
               "amount": "99.95", "invoice_date": "2026-01-05", "due_date": "2026-02-04"}  # fmt: skip
    _call(made, token, "/v1/invoices", invoice)


def _open(made: Installation, token: str) -> list[str]:
    proof = _call(made, token, "/v1/proof")
    assert proof["holds"] is True
    return [line["open_instalments"] for line in proof["lines"]]


def _chain(made: Installation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.cli("audit", "verify", "--json"))
    assert found["first_bad_position"] is None
    return found


def _wait_until_sealed(made: Installation, token: str, invoices: int) -> None:
    """The worker seals within moments, and sealed changes are events: so many invoices."""
    deadline = time.monotonic() + 30
    while len(_call(made, token, "/v1/events?types=invoice.issued")["data"]) < invoices:
        assert time.monotonic() < deadline, "changes stay unsealed"
        time.sleep(0.1)


def test_a_dump_is_restored_into_another_server(tmp_path: Path) -> None:
    dump = str(tmp_path / "duecourse.dump")
    with installation() as before:
        _, token = make_organization(before, "admin")
        before.start_service()
        _post_invoice(before, token, "B-1")
        _wait_until_sealed(before, token, 1)
        before.stop()  # its worker would go on to write and seal what a new organization gets
        head = _chain(before)
        refused = _program(before, "pg_dump", "-Fc", "-f", dump, "-d", before.owner_url)
        assert refused.returncode != 0, "the owner would leave rows out, and is refused"
        done = _program(before, "pg_dump", "-Fc", "-f", dump, "-d", _superuser_url(before))
        assert done.returncode == 0, done.stderr
    with installation() as after:
        after.token_secret = before.token_secret
        done = _program(after, "pg_restore", "--exit-on-error", "-d", _superuser_url(after), dump)
        assert done.returncode == 0, done.stderr
        after.cli("migrate", DATABASE_URL=after.owner_url)
        assert _chain(after) == head
        after.start_service()
        assert _open(after, token) == ["99.95"]
        _post_invoice(after, token, "B-2")
        _wait_until_sealed(after, token, 2)
        assert _chain(after)["sealed"] > head["sealed"]
        assert _open(after, token) == ["199.90"]
