"""The organization's mailbox over HTTP: its password goes in and never comes out, nor to another server."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.infra.sealed_secrets import open_secret
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant

PATH = "/v1/correspondence-settings/mailbox"
ENTRY = {"host": "IMAP.example.com", "username": "ar@example.com", "password": "swordfish"}


async def test_a_mailbox_is_entered_changed_and_removed(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, service: Any
) -> None:
    missing = await client.get(PATH)
    assert (missing.status_code, missing.json()["code"]) == (404, "mailbox.not_found")
    assert (await client.put(PATH, json=ENTRY)).status_code == 428
    made = await client.put(PATH, json=ENTRY, headers={"If-Match": '"0"'})
    assert made.status_code == 200, made.text
    assert (made.headers["etag"], made.json()["host"], made.json()["port"]) == ('"1"', "imap.example.com", 993)
    assert "swordfish" not in made.text
    async with database.read(tenant.organization_id) as read:
        row = await read.driver.fetchrow("SELECT id, secret FROM mailbox_connections")
        log = await read.driver.fetchval("SELECT string_agg(c::text, '') FROM change_log c")
    kept = open_secret(service.state.settings, row["secret"], f"mailbox {tenant.organization_id}")
    assert kept == b"swordfish"
    assert "swordfish" not in log
    again = await client.put(PATH, json=ENTRY, headers={"If-Match": '"0"'})
    assert again.status_code == 412
    plain = {name: value for name, value in ENTRY.items() if name != "password"}
    slower = await client.put(PATH, json={**plain, "poll_seconds": 300}, headers={"If-Match": '"1"'})
    assert (slower.status_code, slower.json()["poll_seconds"]) == (200, 300)
    for change in ({"host": "evil.example.net"}, {"username": "other@example.com"}):
        stolen = await client.put(PATH, json={**plain, **change}, headers={"If-Match": '"2"'})
        assert (stolen.status_code, stolen.json()["errors"][0]["pointer"]) == (422, "/password"), change
    assert (await client.get(PATH)).json()["version"] == 2
    gone = await client.delete(PATH, headers={"If-Match": '"2"'})
    assert gone.status_code == 204
    assert (await client.get(PATH)).status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"host": "127.0.0.1"}, "outbound.target_refused"),
        ({"host": "localhost"}, "outbound.target_refused"),
        ({"host": "mail.internal"}, "outbound.target_refused"),
        ({"host": "169.254.169.254"}, "outbound.target_refused"),
        ({"security": "none"}, "mailbox.invalid"),
        ({"folder": 'x" (y'}, "mailbox.invalid"),
        ({"password": None}, "mailbox.invalid"),
        ({"host": "a b"}, "request.invalid"),
    ],
)
async def test_what_must_not_be_called_is_refused(client: httpx.AsyncClient, change: dict[str, Any], code: str) -> None:
    refused = await client.put(PATH, json={**ENTRY, **change}, headers={"If-Match": '"0"'})
    assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_a_trial_tells_why_it_fails(client: httpx.AsyncClient) -> None:
    await client.put(PATH, json={**ENTRY, "host": "imap.invalid.example"}, headers={"If-Match": '"0"'})
    found = await client.post(f"{PATH}/try")
    assert found.status_code == 200, found.text
    assert (found.json()["reachable"], found.json()["unseen"]) == (False, None)
    assert found.json()["failure"].startswith("no connection")
