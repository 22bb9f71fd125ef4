"""The organization's mailbox: entered, changed, tried and removed; its password is encrypted and never shown.

Without one of its own the organization may have that of the installation's settings.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.correspondence.errors import MailboxInvalid, MailboxNotFound, MailboxSecretsNotConfigured
from app.correspondence.inbound.imap import FOLDER, Mailbox, MailboxUnavailable, mailbox_of, opened
from app.correspondence.models import MailboxConnection
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.outbound import check_host
from app.infra.sealed_secrets import SecretUnreadable, open_secret, resealed, seal_secret
from app.infra.versions import RECORDED_NOW, check_version
from app.settings import Settings

POLL, ONE_AT_A_TIME = "mailbox.poll", "inbox"
Security = Literal["tls", "starttls", "none"]
PORTS = {"tls": 993, "starttls": 143, "none": 143}
TRIAL_SECONDS = 10.0
FAILURE_LENGTH_MAX = 300
_SHOWN = ("host", "port", "security", "folder", "poll_seconds", "active")


@dataclass(frozen=True, slots=True)
class MailboxEntry:
    """What somebody enters. Without a password the present one stays, as long as server and user are the same."""

    host: str
    username: str
    password: str | None = None
    port: int | None = None
    security: Security = "tls"
    folder: str = "INBOX"
    poll_seconds: int = 60
    active: bool = True


@dataclass(frozen=True, slots=True)
class Trial:
    """What a look into the mailbox found: how many unseen messages (50 at most are counted), or why it failed."""

    unseen: int | None
    failure: str | None


async def find_connection(session: ReadSession, *, lock: bool = False) -> MailboxConnection | None:
    """The organization's own mailbox, or None."""
    key = (session.organization_id, session.organization_id)
    return await session.get(MailboxConnection, key, with_for_update=True if lock else None, populate_existing=True)


async def get_connection(session: ReadSession) -> MailboxConnection:
    """The organization's own mailbox. Raises MailboxNotFound."""
    found = await find_connection(session)
    if found is None:
        raise MailboxNotFound("the organization has no mailbox of its own")
    return found


async def put_connection(
    session: WriteSession, settings: Settings, entry: MailboxEntry, *, expected_version: int | None
) -> MailboxConnection:
    """Enter or change the mailbox; it is looked into at once. Version 0 stands for none.

    Raises StaleVersion, TargetRefused (a host that is not public), MailboxInvalid, MailboxSecretsNotConfigured.
    """
    _check(settings, entry)
    row = await find_connection(session, lock=True)
    check_version(expected_version, 0 if row is None else row.version)
    before = None if row is None else {name: getattr(row, name) for name in _SHOWN}
    secret = _secret(session, settings, entry, row)
    if row is None:
        row = MailboxConnection(organization_id=session.organization_id, id=session.organization_id, version=0)
        session.add(row)
    else:
        row.updated_at = RECORDED_NOW
    row.host, row.username, row.secret = entry.host.lower(), entry.username, secret
    row.port, row.security = entry.port or PORTS[entry.security], entry.security
    row.folder, row.poll_seconds, row.active = entry.folder, entry.poll_seconds, entry.active
    row.failing_since = row.failure = None
    row.version += 1
    await session.flush()
    after = {name: getattr(row, name) for name in _SHOWN} | {"password_changed": entry.password is not None}
    record_change(
        session, ChangeRow("mailbox", row.id, "mailbox.changed" if before else "mailbox.added", before, after)
    )
    if row.active:
        owe(session, POLL, ONE_AT_A_TIME)
    return row


async def remove_connection(session: WriteSession, *, expected_version: int | None) -> None:
    """Forget the mailbox and its password. Raises MailboxNotFound, StaleVersion."""
    row = await find_connection(session, lock=True)
    if row is None:
        raise MailboxNotFound("the organization has no mailbox of its own")
    check_version(expected_version, row.version)
    await session.delete(row)
    record_change(session, ChangeRow("mailbox", row.id, "mailbox.removed", {"host": row.host}, None))


def _check(settings: Settings, entry: MailboxEntry) -> None:
    private = settings.outbound_private_allowed
    check_host(entry.host, private_allowed=private)
    if entry.security == "none" and not private:
        raise MailboxInvalid("a password does not travel without encryption: tls or starttls", pointer="/security")
    if not FOLDER.fullmatch(entry.folder):
        raise MailboxInvalid("letters, digits, blanks and . _ / & , + -", pointer="/folder")


def _secret(session: WriteSession, settings: Settings, entry: MailboxEntry, row: MailboxConnection | None) -> str:
    """The encrypted password. That of one server is not sent to another: it is entered anew with host or user."""
    if entry.password is not None:
        sealed = seal_secret(settings, entry.password.encode(), _belongs_to(session.organization_id))
        if sealed is None:
            raise MailboxSecretsNotConfigured("set DUECOURSE_SECRETS_KEY or DUECOURSE_TOKEN_SECRET")
        return sealed
    same = row is not None and (row.host, row.username) == (entry.host.lower(), entry.username)
    weaker = row is not None and row.security != "none" and entry.security == "none"
    if row is None or not same or weaker:
        raise MailboxInvalid("give the password with a new server, user or security", pointer="/password")
    return row.secret


async def reseal_password(session: WriteSession, settings: Settings) -> int:
    """Encrypt a password that stands under an earlier key under the present one; 1 when it was so."""
    row = await session.get(MailboxConnection, (session.organization_id, session.organization_id), with_for_update=True)
    found = None if row is None else resealed(settings, row.secret, _belongs_to(session.organization_id))
    if row is None or found is None:
        return 0
    row.secret = found
    return 1


def _belongs_to(organization_id: UUID) -> str:
    return f"mailbox {organization_id}"


def opened_connection(settings: Settings, row: MailboxConnection) -> Mailbox:
    """Where to look, and as whom, with the password decrypted. Raises MailboxUnavailable."""
    try:
        password = open_secret(settings, row.secret, _belongs_to(row.organization_id)).decode()
    except SecretUnreadable as error:
        raise MailboxUnavailable(f"enter the password again: {error}") from None
    security: Security = row.security  # type: ignore[assignment]
    ca_file = None if settings.imap_ca_file is None else str(settings.imap_ca_file)
    return Mailbox(row.host, row.port, security, row.username, password, row.folder, ca_file,
                   private_allowed=settings.outbound_private_allowed)  # fmt: skip


async def find_mailbox(session: ReadSession, settings: Settings) -> tuple[Mailbox | None, MailboxConnection | None]:
    """The mailbox to look into, and the row behind it. None where there is none or it is switched off.

    Raises MailboxUnavailable when its password cannot be read.
    """
    row = await find_connection(session)
    if row is not None:
        return (opened_connection(settings, row) if row.active else None), row
    own = settings.imap_organization_id == session.organization_id
    return (mailbox_of(settings) if own else None), None


async def try_mailbox(mailbox: Mailbox) -> Trial:
    """Log in and count what is unseen; nothing is fetched or marked."""

    def look() -> int:
        with opened(replace(mailbox, seconds=TRIAL_SECONDS)) as session:
            return len(session.unseen())

    try:
        return Trial(await asyncio.to_thread(look), None)
    except MailboxUnavailable as error:
        return Trial(None, str(error)[:FAILURE_LENGTH_MAX])


async def keep_look(session: WriteSession, now: datetime, *, taken: int, failure: str | None) -> None:
    """Write down what a look found; that it began or ceased to fail is an event."""
    row = await find_connection(session, lock=True)
    if row is None:
        return
    row.looked_at = now
    row.taken_in_at = now if taken else row.taken_in_at
    if (failure is None) != (row.failure is None):
        event = "mailbox.recovered" if failure is None else "mailbox.failing"
        record_change(session, ChangeRow("mailbox", row.id, event, after={"failure": failure, "host": row.host}))
    if failure is None:
        row.failing_since = row.failure = None
    else:
        row.failing_since, row.failure = row.failing_since or now, failure[:FAILURE_LENGTH_MAX]
