"""Short messages to a real HTTP server: what it takes, refuses, answers too late or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from app.core.ids import new_id
from app.dunning.messages import sms
from app.dunning.messages.delivery import Outgoing
from app.dunning.messages.sms import SmsTransport
from app.infra.mail.smtp import Sent
from app.infra.outbound import OutboundHttp

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def _gateway(answer: Answer) -> AsyncIterator[str]:
    """A server on this machine; yields its address."""
    application = web.Application()
    application.router.add_post("/send", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}/send"
    finally:
        await runner.cleanup()


async def _send(url: str, *, number: str = "+49 30 1234567") -> tuple[Sent, Outgoing]:
    http = OutboundHttp(private_allowed=True)
    transport = SmsTransport(http, url, "token-1", "Acme")
    message = Outgoing({"id": new_id(), "text": "Please pay\nINV-1"}, number)
    try:
        await transport.prepare([message])
        if message.refusal is not None:
            return message.refusal, message
        return await transport.send(message, lambda: True), message
    finally:
        await http.close()


async def test_the_gateway_gets_number_text_token_and_key() -> None:
    seen: list[tuple[dict[str, str], Any]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.json()))
        return web.json_response({"queued": True}, status=202)

    async with _gateway(answer) as url:
        sent, message = await _send(url)
    assert sent == Sent("sent", "202")
    ((headers, body),) = seen
    assert body == {"id": str(message.id), "to": "+49301234567", "from": "Acme", "text": "Please pay INV-1"}
    assert (headers["Authorization"], headers["Idempotency-Key"]) == ("Bearer token-1", str(message.id))


@pytest.mark.parametrize(
    ("status", "outcome"), [(400, "failed"), (401, "failed"), (429, "retry"), (503, "retry"), (500, "unknown")]
)
async def test_what_the_gateway_refuses(status: int, outcome: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text="no")

    async with _gateway(answer) as url:
        sent, _ = await _send(url)
    assert sent.outcome == outcome


async def test_no_answer_in_time_leaves_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms, "GATEWAY_SECONDS", 0.2)
    gone = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await gone.wait()
        return web.Response()

    async with _gateway(answer) as url:
        sent, _ = await _send(url)
        gone.set()
    assert sent.outcome == "unknown"


async def test_a_connection_that_breaks_after_the_request_leaves_it_unknown() -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with _gateway(answer) as url:
        sent, _ = await _send(url)
    assert sent.outcome == "unknown"


async def test_nobody_listening_and_no_such_name_are_tried_again() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async with _gateway(answer) as url:
        pass
    sent, _ = await _send(url)
    assert sent.outcome == "retry"
    sent, _ = await _send("http://no-such-gateway.invalid/send")
    assert sent.outcome == "retry"


async def test_a_redirect_is_not_followed() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": str(request.url)})

    async with _gateway(answer) as url:
        sent, _ = await _send(url)
    assert sent.outcome == "failed"


async def test_a_number_without_a_country_is_never_sent() -> None:
    sent, _ = await _send("http://127.0.0.1:1/send", number="030 1234567")
    assert sent.outcome == "failed"
