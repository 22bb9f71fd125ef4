"""The mailbox is read over IMAP from a small server of the test: each message once, marked only after the commit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.core.ids import new_id
from app.correspondence.inbound.mailboxes import MailboxEntry, put_connection
from app.correspondence.inbound.receive import take_in
from app.infra.jobs import JobContext
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant, make_tenant
from workers import mailbox

GOOD = b"From: a@else.example\r\nSubject: One\r\nMessage-ID: <one@else.example>\r\n\r\nhello\r\n"
OTHER = b"From: b@else.example\r\nSubject: Two\r\n\r\nhello again\r\n"
BAD = b"this is no message at all"


class ImapServer:
    """As much of RFC 3501 as a client needs that fetches unseen messages."""

    def __init__(self, messages: dict[int, bytes]) -> None:
        self.messages = messages
        self.flags: dict[int, set[str]] = {uid: set() for uid in messages}
        self.sizes = {uid: len(content) for uid, content in messages.items()}
        self.logins = 0
        self.password = "secret"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        while line := (await reader.readline()).decode().strip():
            tag, _, command = line.partition(" ")
            for answer in self.answers(command):
                writer.write(answer)
            state = "OK" if self.accepted(command) else "NO"
            writer.write(f"{tag} {state} done\r\n".encode())
            await writer.drain()
            if command.upper().startswith("LOGOUT"):
                break
        writer.close()

    def accepted(self, command: str) -> bool:
        if command.upper().startswith("LOGIN"):
            self.logins += 1
            return self.password in command
        return not (command.upper().startswith("SELECT") and "INBOX" not in command)

    def answers(self, command: str) -> list[bytes]:
        if command.upper().startswith("CAPABILITY"):
            return [b"* CAPABILITY IMAP4rev1\r\n"]
        if command.upper().startswith("SELECT"):
            return [f"* {len(self.messages)} EXISTS\r\n".encode()]
        if command.upper().startswith("UID SEARCH"):
            unseen = [uid for uid in self.messages if "\\Seen" not in self.flags[uid]]
            return [("* SEARCH " + " ".join(map(str, unseen))).strip().encode() + b"\r\n"]
        hit = re.match(r"UID (FETCH|STORE) (\d+) (.*)", command, re.IGNORECASE)
        if hit is None:
            return []
        uid, rest = int(hit[2]), hit[3]
        if hit[1].upper() == "STORE":
            self.flags[uid] |= set(re.findall(r"\\\w+", rest))
            return []
        if "SIZE" in rest.upper():
            return [f"* 1 FETCH (UID {uid} RFC822.SIZE {self.sizes[uid]})\r\n".encode()]
        content = self.messages[uid]
        return [f"* 1 FETCH (UID {uid} BODY[] {{{len(content)}}}\r\n".encode() + content + b")\r\n"]


@pytest.fixture
async def server() -> AsyncIterator[tuple[ImapServer, int]]:
    made = ImapServer({1: GOOD, 2: BAD, 3: OTHER, 4: GOOD})
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    yield made, listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()


class _Job(JobContext):
    async def extend(self, seconds: float = 30) -> None:
        """There is no lease here."""


def _job(database: RolledBackDatabase, tenant: Tenant, tmp_path: Path, port: int, **settings: Any) -> JobContext:
    given: dict[str, Any] = {
        "data_dir": tmp_path, "log_level": "error", "imap_host": "127.0.0.1", "imap_port": port,
        "imap_security": "none", "imap_username": "ar", "imap_password": "secret",
        "imap_organization_id": tenant.organization_id, **settings,
    }  # fmt: skip
    return _Job(
        database=database, claims=database, settings=Settings(**given), organization_id=tenant.organization_id,
        job_id=new_id(), kind="mailbox.poll", key="inbox", payload={}, lease_token=new_id(),
    )  # fmt: skip


async def _subjects(database: RolledBackDatabase, tenant: Tenant) -> list[str]:
    async with database.read(tenant.organization_id) as read:
        rows = await read.driver.fetch(
            "SELECT subject FROM correspondence_messages WHERE organization_id = $1 ORDER BY id",
            tenant.organization_id,
        )
    return [row["subject"] for row in rows]


async def _looks_owed(database: RolledBackDatabase, tenant: Tenant) -> int:
    async with database.read(tenant.organization_id) as read:
        return int(
            await read.driver.fetchval(
                "SELECT count(*) FROM jobs WHERE organization_id = $1 AND kind = 'mailbox.poll'",
                tenant.organization_id,
            )
        )


async def test_new_messages_are_taken_in_once_and_marked(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path, server: tuple[ImapServer, int]
) -> None:
    imap, port = server
    imap.sizes[3] = 99_000_000
    job = _job(database, tenant, tmp_path, port)
    await mailbox.poll(job)
    assert await _subjects(database, tenant) == ["One"], "the same message twice is one; the huge one is not fetched"
    assert imap.flags == {1: {"\\Seen"}, 2: {"\\Seen", "\\Flagged"}, 3: {"\\Seen", "\\Flagged"}, 4: {"\\Seen"}}
    assert await _looks_owed(database, tenant) == 1
    imap.flags[1].clear()  # as if the worker had died before it could mark it
    imap.messages[5], imap.flags[5], imap.sizes[5] = OTHER, set(), len(OTHER)
    await mailbox.poll(job)
    assert await _subjects(database, tenant) == ["One", "Two"]
    assert await _looks_owed(database, tenant) == 1, "the next look is owed once"


async def test_a_server_that_refuses_is_asked_again_later(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path, server: tuple[ImapServer, int]
) -> None:
    imap, port = server
    for settings in (
        {"imap_password": "wrong"},
        {"imap_folder": "Nowhere"},
        {"imap_folder": 'x" (y'},
        {"imap_port": 1},
    ):
        await mailbox.poll(_job(database, tenant, tmp_path, port, **settings))
    assert await _subjects(database, tenant) == []
    assert not any(imap.flags.values())
    assert await _looks_owed(database, tenant) == 1


async def test_only_the_mailboxs_own_organization_looks(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path, server: tuple[ImapServer, int]
) -> None:
    imap, port = server
    job = _job(database, tenant, tmp_path, port, imap_organization_id=new_id())
    await mailbox.start(job)
    await mailbox.poll(job)
    assert (imap.logins, await _looks_owed(database, tenant)) == (0, 0)
    await mailbox.start(_job(database, tenant, tmp_path, port))
    assert await _looks_owed(database, tenant) == 1


async def test_a_message_that_always_fails_keeps_no_other_out(
    database: RolledBackDatabase,
    tenant: Tenant,
    tmp_path: Path,
    server: tuple[ImapServer, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imap, port = server
    imap.messages, imap.flags = {1: GOOD, 2: OTHER}, {1: set(), 2: set()}
    imap.sizes = {1: len(GOOD), 2: len(OTHER)}

    async def fails_once(store: Any, organization_id: Any, raw: bytes, now: Any) -> Any:
        if raw == GOOD:
            raise RuntimeError("nobody thought of this")
        return await take_in(store, organization_id, raw, now)

    monkeypatch.setattr(mailbox, "take_in", fails_once)
    await mailbox.poll(_job(database, tenant, tmp_path, port))
    assert await _subjects(database, tenant) == ["Two"]
    assert imap.flags == {1: set(), 2: {"\\Seen"}}


async def _own(database: RolledBackDatabase, tenant: Tenant, settings: Settings, port: int, **entry: Any) -> None:
    given = {"host": "127.0.0.1", "port": port, "username": "ar", "password": "secret", "security": "none", **entry}
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await put_connection(session, settings, MailboxEntry(**given), expected_version=None)


async def _kept(database: RolledBackDatabase, tenant: Tenant) -> Any:
    async with database.read(tenant.organization_id) as read:
        return await read.driver.fetchrow("SELECT * FROM mailbox_connections")


async def test_each_organization_has_its_own_mailbox(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path, server: tuple[ImapServer, int]
) -> None:
    imap, port = server
    none = {"imap_organization_id": None, "imap_host": None, "outbound_private_allowed": True, "secrets_key": "k" * 32}
    job = _job(database, tenant, tmp_path, port, **none)
    await mailbox.start(job)
    assert await _looks_owed(database, tenant) == 0, "nothing is configured"
    await _own(database, tenant, job.settings, port)
    assert await _looks_owed(database, tenant) == 1, "it is looked into at once"
    row = await _kept(database, tenant)
    assert row["secret"].startswith("v1.")
    assert "secret" not in row["secret"]
    await mailbox.poll(job)
    assert await _subjects(database, tenant) == ["One", "Two"]
    row = await _kept(database, tenant)
    assert (row["failure"], row["taken_in_at"] is not None, row["version"]) == (None, True, 1)
    other_tenant = await make_tenant(database)
    other = _job(database, other_tenant, tmp_path, port, **none)
    await mailbox.poll(other)
    assert await _subjects(database, other_tenant) == []
    assert imap.logins == 1


async def test_a_mailbox_that_fails_is_told_once_and_recovers(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path, server: tuple[ImapServer, int]
) -> None:
    imap, port = server
    job = _job(database, tenant, tmp_path, port, outbound_private_allowed=True, secrets_key="k" * 32)
    await _own(database, tenant, job.settings, port)
    imap.password = "another"
    await mailbox.poll(job)
    await mailbox.poll(job)
    failed = await _kept(database, tenant)
    assert failed["failure"] == "the server refuses: error"
    imap.password = "secret"
    await mailbox.poll(job)
    assert (await _kept(database, tenant))["failing_since"] is None
    stranger = _job(database, tenant, tmp_path, port, outbound_private_allowed=True, secrets_key="x" * 32)
    await mailbox.poll(stranger)
    assert "enter the password again" in (await _kept(database, tenant))["failure"]
    async with database.read(tenant.organization_id) as read:
        rows = await read.driver.fetch("SELECT event FROM change_log WHERE entity_type = 'mailbox' ORDER BY id")
    assert [row["event"] for row in rows] == [
        "mailbox.added", "mailbox.failing", "mailbox.recovered", "mailbox.failing",
    ]  # fmt: skip


async def test_a_host_that_became_private_is_not_called(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path, server: tuple[ImapServer, int]
) -> None:
    imap, port = server
    allowed = _job(database, tenant, tmp_path, port, outbound_private_allowed=True, secrets_key="k" * 32)
    await _own(database, tenant, allowed.settings, port)
    await mailbox.poll(_job(database, tenant, tmp_path, port, secrets_key="k" * 32))
    assert imap.logins == 0
    assert (await _kept(database, tenant))["failure"] == "no connection: OSError"
