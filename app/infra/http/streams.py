"""Server-sent events: answers that stay open and tell a screen what happens.

No cookie and no ticket: the bearer token goes in the header, so a browser uses `fetch` and reads the body. A stream is
bounded in every way: so many at once of one client and in one process, an hour in all, and it ends when its token does
or when the process is told to stop. Whoever comes back with `Last-Event-ID` misses nothing.

One question in a second for each organization that has streams tells whether anything new is there, however many
streams wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.core.errors import RateLimited, Unauthenticated
from app.infra.data_scope import act_within, acting_anew
from app.infra.database import Database
from app.infra.http.problems import problem_response
from app.infra.principal import Authenticator, Principal

MEDIA_TYPE = "text/event-stream"
STREAMS_MAX = 1_000
BEAT_SECONDS = 15.0
POLL_SECONDS = 1.0
LIFETIME_SECONDS = 3_600.0
RETRY_MILLISECONDS = 3_000
_HEAD = "SELECT position FROM change_heads WHERE organization_id = $1"
log = structlog.get_logger(__name__)


class TooManyStreams(RateLimited):
    """So many streams of this client, or of all, are open already; close one or come back later."""

    code = "stream.too_many"


@dataclass(slots=True)
class _Watched:
    """The newest position of an organization's events, and how many streams wait for a newer one."""

    position: int = 0
    streams: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    poller: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Streams:
    """The open streams of a process."""

    per_client: int
    event_scopes: Mapping[str, str] = field(default_factory=dict)
    """Which scope shows the events of a kind of record; a kind that is not here needs `events:read`."""
    lifetime_seconds: float = LIFETIME_SECONDS
    beat_seconds: float = BEAT_SECONDS
    poll_seconds: float = POLL_SECONDS
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    _open: Counter[str] = field(default_factory=Counter)
    _watched: dict[UUID, _Watched] = field(default_factory=dict)

    @contextmanager
    def admitted(self, principal: Principal) -> Iterator[None]:
        """Count one more stream of this client meanwhile. Raises TooManyStreams."""
        client = f"{principal.organization_id}:{principal.client}"
        if self._open[client] >= self.per_client or self._open.total() >= STREAMS_MAX:
            raise TooManyStreams(
                f"{self._open[client]} streams of this client are open; {self.per_client} may be", retry_after_seconds=5
            )
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if self._open[client] <= 0:
                del self._open[client]

    @asynccontextmanager
    async def watching(self, organization_id: UUID, database: Database) -> AsyncIterator[_Watched]:
        """Know the newest position of the organization meanwhile."""
        watched = self._watched.setdefault(organization_id, _Watched())
        watched.streams += 1
        if watched.poller is None:
            with acting_anew():  # it outlives this stream, and serves others
                watched.poller = asyncio.create_task(self._poll(organization_id, database, watched))
        try:
            yield watched
        finally:
            watched.streams -= 1
            if watched.streams == 0:
                watched.poller.cancel()
                self._watched.pop(organization_id, None)

    async def _poll(self, organization_id: UUID, database: Database, watched: _Watched) -> None:
        while True:
            with contextlib.suppress(Exception):  # a database that is away for a moment ends no stream
                found = await database.look_up(_HEAD, organization_id)
                position = int(found[0]["position"]) if found else 0
                if position > watched.position:
                    watched.position = position
                    watched.changed.set()
                    watched.changed = asyncio.Event()
            await asyncio.sleep(self.poll_seconds)

    async def pause(self, seconds: float, *, until: asyncio.Event | None = None) -> None:
        """Wait so long, or until that happens, or the process stops."""
        waits = {asyncio.ensure_future(event.wait()) for event in (self.closing, until) if event is not None}
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def end_with_process(self) -> None:
        """End every stream when the process is told to stop: a server waits for open answers before it says so."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if callable(before):
                signal.signal(number, self._handler(loop, before))

    def _handler(
        self, loop: asyncio.AbstractEventLoop, before: Callable[[int, FrameType | None], Any]
    ) -> Callable[[int, FrameType | None], None]:
        def stop(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.closing.set)
            before(number, frame)

        return stop


@dataclass(frozen=True, slots=True)
class Message:
    """One server-sent event. Without data it only moves the client's `Last-Event-ID`, or keeps the line alive."""

    data: Any = None
    event: str | None = None
    id: str | None = None

    def encode(self) -> bytes:
        """As the standard writes it (HTML, 9.2)."""
        lines = [] if self.event is None else [f"event: {self.event}"]
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.data is not None:
            text = self.data if isinstance(self.data, str) else json.dumps(self.data, separators=(",", ":"))
            lines += [f"data: {line}" for line in text.split("\n")]
        if not lines:
            lines.append(":")
        return ("\n".join(lines) + "\n\n").encode()


class EventStream(Response):
    """The answer: messages of `source` until it ends, the token ends, the process stops or the hour is over.

    `source` yields a message without data where it waited in vain; the caller is known anew each time, so that a role
    that was taken away acts within seconds.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self, request: Request, principal: Principal, source: Callable[[StreamCaller], AsyncIterator[Message]]
    ):
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._request, self._principal, self._source = request, principal, source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of the ends. Raises TooManyStreams before anything was sent."""
        streams: Streams = self._request.app.state.streams
        with streams.admitted(self._principal):
            headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            sending = asyncio.create_task(self._send(streams, send))
            gone = asyncio.create_task(_until_gone(receive))
            try:
                await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()
            finally:
                for task in (sending, gone):
                    task.cancel()
                with contextlib.suppress(BaseException):
                    await asyncio.gather(sending, gone)

    async def _send(self, streams: Streams, send: Send) -> None:
        ends_at = time.monotonic() + streams.lifetime_seconds
        await send(_part(f"retry: {RETRY_MILLISECONDS}\n\n".encode()))
        caller = StreamCaller(self._request, self._principal)
        reason = "done"
        try:
            async for message in self._source(caller):
                await send(_part(message.encode()))
                if streams.closing.is_set():
                    reason = "service_stops"
                    break
                if time.monotonic() >= ends_at:
                    reason = "lifetime"
                    break
        except Unauthenticated:
            reason = "token_ended"
        except Exception as error:
            log.warning("stream.failed", error=type(error).__name__)
            reason = "fault"
        await send(_part(Message({"reason": reason}, "end").encode()))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@dataclass(slots=True)
class StreamCaller:
    """Who reads the stream, as of now."""

    request: Request
    principal: Principal

    async def now(self) -> Principal:
        """The caller with the scopes of this moment. Raises Unauthenticated when the token is over."""
        _, _, token = self.request.headers.get("authorization", "").partition(" ")
        authenticator: Authenticator = self.request.app.state.authenticator
        self.principal = await authenticator.principal(token.strip())
        act_within(self.principal.data_scope)
        return self.principal


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _part(body: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": True}


def not_asked_for(request: Request) -> Response | None:
    """The refusal of a request that does not say that it takes a stream: a program would wait for its end in vain."""
    if MEDIA_TYPE in request.headers.get("accept", ""):
        return None
    return problem_response(
        request, 406, "stream.not_acceptable", f"send `Accept: {MEDIA_TYPE}`: the answer stays open"
    )
