"""SMTP: pooled connections, TLS that is not optional once it is asked for, and an answer that says what is known.

The commands are sent one by one, because it matters how far it came: before DATA nothing can have been accepted; a
connection that breaks after it leaves the outcome unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from weakref import WeakKeyDictionary

from aiosmtplib import SMTP, SMTPException
from aiosmtplib.errors import SMTPDataError, SMTPRecipientRefused, SMTPResponseException

from app.infra.mail.message import Sender
from app.infra.mail.outbox import Outcome
from app.settings import Settings

CONNECTIONS_MAX = 4
IDLE_SECONDS_MAX = 30.0
FRESH_SECONDS = 1.0
"""A connection that was used so shortly ago is not asked whether it is still there."""
USES_MAX = 100
"""Servers close a connection after some messages; ours is fresh before that."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail goes, and as whom."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: Sender
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    timeout_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a try. `retry` and `failed`: the server has certainly not taken the message."""

    outcome: Outcome
    detail: str | None = None


def smtp_server(settings: Settings) -> SmtpServer | None:
    """The server of the settings; None when none is configured, or outgoing mail is held."""
    if settings.smtp_host is None or settings.smtp_from is None or settings.smtp_held:
        return None
    port = settings.smtp_port or {"starttls": 587, "tls": 465, "none": 25}[settings.smtp_security]
    return SmtpServer(
        host=settings.smtp_host,
        port=port,
        security=settings.smtp_security,
        sender=Sender(settings.smtp_from, settings.smtp_from_name),
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
        ca_file=None if settings.smtp_ca_file is None else str(settings.smtp_ca_file),
        timeout_seconds=settings.smtp_timeout_seconds,
    )


@dataclass(slots=True)
class _Connection:
    client: SMTP
    used_at: float
    uses: int = 0


@dataclass(slots=True)
class Mailer:
    """A few connections to one server, for one event loop."""

    server: SmtpServer
    _idle: list[_Connection] = field(default_factory=list)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS_MAX))

    async def send(
        self,
        recipient: str,
        message: bytes,
        *,
        copies_to: Sequence[str] = (),
        may_go: Callable[[], bool] = lambda: True,
    ) -> Sent:
        """Hand one message over to the server. Never raises for what a server or network does.

        `copies_to` get it too, as far as the server takes them. `may_go` is asked just before the message itself; when
        it says no, nothing has left, and the answer is `retry`.
        """
        async with self._room:
            try:
                connection = await self._connected()
            except SMTPResponseException as error:
                return _refused(error)
            except (SMTPException, OSError, ssl.SSLError, ValueError) as error:
                return Sent("retry", f"no connection: {type(error).__name__}: {error}")
            sent = await self._hand_over(connection, (recipient, *copies_to), message, may_go)
            if sent is not None:
                return sent
            # A kept connection was closed by the server before the message: once more, on one of its own.
            await self.close()
            try:
                connection = await self._connected()
            except SMTPResponseException as error:
                return _refused(error)
            except (SMTPException, OSError, ssl.SSLError, ValueError) as error:
                return Sent("retry", f"no connection: {type(error).__name__}: {error}")
            sent = await self._hand_over(connection, (recipient, *copies_to), message, may_go)
            return sent or Sent("retry", "the connection was lost before the message")

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        while self._idle:
            await _quit(self._idle.pop().client)

    async def _hand_over(
        self, connection: _Connection, recipients: Sequence[str], message: bytes, may_go: Callable[[], bool]
    ) -> Sent | None:
        """None: a kept connection was lost before the message, so that another one may be tried."""
        client = connection.client
        try:
            await client.mail(self.server.sender.address)
            await client.rcpt(recipients[0])
            for copy in recipients[1:]:
                with contextlib.suppress(SMTPRecipientRefused):
                    await client.rcpt(copy)
        except SMTPResponseException as error:
            await self._keep(connection, reset=True)
            return _refused(error)
        except (SMTPException, OSError) as error:
            client.close()
            if connection.uses:
                return None
            return Sent("retry", f"the connection was lost before the message: {type(error).__name__}")
        except BaseException:
            client.close()
            raise
        if not may_go():
            await self._keep(connection, reset=True)
            return Sent("retry", "it took too long until the message could go")
        try:
            response = await client.data(message)
        except SMTPDataError as error:
            await self._keep(connection, reset=True)
            return _refused(error)
        except (SMTPException, OSError) as error:
            client.close()
            return Sent("unknown", f"the connection was lost while the message was handed over: {type(error).__name__}")
        except BaseException:
            client.close()
            raise
        await self._keep(connection)
        return Sent("sent", f"{response.code} {response.message}")

    async def _connected(self) -> _Connection:
        """An idle connection that still answers, or a new one."""
        while self._idle:
            kept = self._idle.pop()
            idle_seconds = time.monotonic() - kept.used_at
            if idle_seconds > IDLE_SECONDS_MAX:
                await _quit(kept.client)
                continue
            if idle_seconds < FRESH_SECONDS and kept.client.is_connected:
                return kept
            try:
                await kept.client.noop()
            except (SMTPException, OSError):
                kept.client.close()
                continue
            return kept
        server = self.server
        context = ssl.create_default_context(cafile=server.ca_file) if server.security != "none" else None
        client = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            timeout=server.timeout_seconds,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",  # True, not None: a server without it is refused
            tls_context=context,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return _Connection(client, time.monotonic())

    async def _keep(self, connection: _Connection, *, reset: bool = False) -> None:
        """Put a connection back; one that was refused something is reset first."""
        connection.uses += 1
        connection.used_at = time.monotonic()
        if connection.uses >= USES_MAX:
            await _quit(connection.client)
            return
        if reset:
            try:
                await connection.client.rset()
            except (SMTPException, OSError):
                connection.client.close()
                return
        if connection.client.is_connected:
            self._idle.append(connection)


def _refused(error: SMTPResponseException) -> Sent:
    """A reply of the server: 5xx is final, 4xx is worth another try; in both cases it has not taken the message.

    Wrong credentials are ours to repair, not the message's fault, so that it waits; likewise a greeting of refusal.
    """
    detail = f"{error.code} {error.message}"
    of_the_message = type(error).__name__ in ("SMTPSenderRefused", "SMTPRecipientRefused", "SMTPDataError")
    return Sent("failed" if of_the_message and error.code >= 500 else "retry", detail)


async def _quit(client: SMTP) -> None:
    try:
        await client.quit()
    except (SMTPException, OSError):
        client.close()


_mailers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[SmtpServer, Mailer]] = WeakKeyDictionary()


def mailer_of(server: SmtpServer) -> Mailer:
    """The mailer of this process's event loop for that server."""
    of_loop = _mailers.setdefault(asyncio.get_running_loop(), {})
    return of_loop.setdefault(server, Mailer(server))
