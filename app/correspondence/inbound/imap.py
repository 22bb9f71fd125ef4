"""Fetch new messages of a mailbox (IMAP4rev1, RFC 3501). Blocking: run it in a thread.

A message is fetched without marking it, taken in and committed, and only then marked as seen: a worker that dies in
between fetches it once more, and it is recognised by its content.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from app.correspondence.inbound.mime import MESSAGE_BYTES_MAX
from app.infra.outbound import connect_public
from app.settings import Settings

MESSAGES_PER_POLL = 50
TIMEOUT_SECONDS = 30.0
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,12})")
FOLDER = re.compile(r"[A-Za-z0-9 ._/&,+-]{1,100}", re.ASCII)


class MailboxUnavailable(Exception):
    """The server does not answer, refuses the login, or has no such folder."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where to look, and as whom."""

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    username: str
    password: str
    folder: str
    ca_file: str | None = None
    private_allowed: bool = True  # False for hosts that customers of the service chose
    seconds: float = TIMEOUT_SECONDS


def mailbox_of(settings: Settings) -> Mailbox | None:
    """The mailbox of the installation's settings, or None where none is configured."""
    if settings.imap_host is None or settings.imap_username is None or settings.imap_password is None:
        return None
    return Mailbox(
        host=settings.imap_host,
        port=settings.imap_port or (993 if settings.imap_security == "tls" else 143),
        security=settings.imap_security,
        username=settings.imap_username,
        password=settings.imap_password.get_secret_value(),
        folder=settings.imap_folder,
        ca_file=None if settings.imap_ca_file is None else str(settings.imap_ca_file),
    )


@contextlib.contextmanager
def opened(mailbox: Mailbox) -> Iterator[Session]:
    """A session with the folder selected. Raises MailboxUnavailable."""
    if not FOLDER.fullmatch(mailbox.folder):
        raise MailboxUnavailable("the name of the folder cannot be sent")
    try:
        client = _connect(mailbox)
    except (OSError, imaplib.IMAP4.error, ssl.SSLError) as error:
        raise MailboxUnavailable(f"no connection: {type(error).__name__}") from None
    try:
        try:
            client.login(mailbox.username, mailbox.password)
            state, _ = client.select(f'"{mailbox.folder}"')
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxUnavailable(f"the server refuses: {type(error).__name__}") from None
        if state != "OK":
            raise MailboxUnavailable("there is no such folder")
        yield Session(client)
    finally:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            client.logout()


def _connect(mailbox: Mailbox) -> imaplib.IMAP4:
    context = ssl.create_default_context(cafile=mailbox.ca_file) if mailbox.security != "none" else None
    if mailbox.security == "tls":
        assert context is not None
        return _ImapTls(mailbox, context)
    client = _Imap(mailbox)
    if mailbox.security == "starttls":
        client.starttls(context)
    return client


class _Imap(imaplib.IMAP4):
    """Connects to addresses that may be called, and to no other that the name server may give later."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        super().__init__(mailbox.host, mailbox.port, timeout=mailbox.seconds)

    def _create_socket(self, _timeout: float | None) -> socket.socket:
        mailbox = self._mailbox
        return connect_public(
            mailbox.host, mailbox.port, private_allowed=mailbox.private_allowed, seconds=mailbox.seconds
        )


class _ImapTls(_Imap):
    """The same under TLS from the first byte; the certificate is that of the name."""

    def __init__(self, mailbox: Mailbox, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(mailbox)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._context.wrap_socket(super()._create_socket(timeout), server_hostname=self._mailbox.host)


class Session:
    """A selected folder."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._client = client

    def unseen(self) -> list[str]:
        """Unique ids of unseen messages, the oldest first, at most MESSAGES_PER_POLL. Raises MailboxUnavailable."""
        data = self._call("SEARCH", "UNSEEN")
        ids = b" ".join(part for part in data if isinstance(part, bytes)).split()
        return sorted((id_.decode("ascii") for id_ in ids if id_.isdigit()), key=int)[:MESSAGES_PER_POLL]

    def fetch(self, uid: str) -> bytes | None:
        """The raw message, unmarked; None for one that is too large or gone. Raises MailboxUnavailable."""
        size = _SIZE.search(b" ".join(_bytes(part) for part in self._call("FETCH", uid, "(RFC822.SIZE)")))
        if size is None or int(size[1]) > MESSAGE_BYTES_MAX:
            return None
        for part in self._call("FETCH", uid, "(BODY.PEEK[])"):
            if isinstance(part, tuple):
                return bytes(part[1])
        return None

    def mark(self, uid: str, *, refused: bool) -> None:
        """Seen; what could not be taken in is flagged, so that a person finds it. Raises MailboxUnavailable."""
        self._call("STORE", uid, "+FLAGS", r"(\Seen \Flagged)" if refused else r"(\Seen)")

    def _call(self, command: str, *args: str) -> list[bytes | tuple[bytes, bytes] | None]:
        try:
            state, data = self._client.uid(command, *args)
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxUnavailable(f"{command}: {type(error).__name__}") from None
        if state != "OK":
            raise MailboxUnavailable(f"{command}: {state}")
        return list(data)


def _bytes(part: bytes | tuple[bytes, bytes] | None) -> bytes:
    if part is None:
        return b""
    return part if isinstance(part, bytes) else part[0]
