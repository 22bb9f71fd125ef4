"""Plain ASGI middleware: request id, bounds on bodies, one structured log line a request without personal data."""

from __future__ import annotations

import re
import time
from typing import Any

import structlog
from opentelemetry.trace import Span, SpanKind
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.ids import new_id
from app.infra import tracing
from app.infra.data_scope import acting_anew
from app.infra.http.problems import fault_response, problem_response
from app.infra.http.rates import Rate
from app.infra.telemetry import observe_request

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
log = structlog.get_logger("access")


class BodyTooLarge(Exception):
    """The body grew past its bound while it was read."""


class RequestContext:
    """Gives each request an id, bounds its body, answers 413, logs method, route, status and duration."""

    def __init__(self, app: ASGIApp, *, body_limit_bytes: int, upload_limit_bytes: int) -> None:
        self.app = app
        self.body_limit_bytes = body_limit_bytes
        self.upload_limit_bytes = upload_limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one HTTP request; pass anything else through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        limit = self.upload_limit_bytes if _is_upload(scope) else self.body_limit_bytes
        exchange = _Exchange(scope, receive, send, request_id, limit)
        traced = tracing.span(scope["method"], SpanKind.SERVER, tracing.carried(headers))
        with acting_anew(), traced as span:
            await self._handle(exchange, headers)
            _describe(span, exchange)

    async def _handle(self, exchange: _Exchange, headers: Headers) -> None:
        scope, started = exchange.scope, time.perf_counter()
        try:
            length = headers.get("content-length")
            if length is not None and length.isascii() and length.isdigit() and int(length[:18]) > exchange.limit:
                await exchange.refuse()
            else:
                try:
                    await self.app(scope, exchange.receive, exchange.send)
                except BodyTooLarge:
                    await exchange.refuse()
                except Exception as error:
                    await exchange.fail(error)
        finally:
            seconds = exchange.streams_after or time.perf_counter() - started
            _record(scope, exchange.status, seconds, exchange.request_id)


def _is_upload(scope: Scope) -> bool:
    return bool(
        scope["path"].startswith(
            (
                "/v1/imports",
                "/v1/bank-statements",
                "/v1/documents",
                "/v1/remittance-advices/upload",
                "/v1/inbound-emails",
            )
        )
    )


class _Exchange:
    """One request's wrapped receive and send."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str, limit: int) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.request_id, self.limit = request_id, limit
        self.seen_bytes, self.status, self.over = 0, 0, False
        self.started = time.perf_counter()
        self.streams_after: float | None = None
        """Seconds until a stream of events began: how long it stays open says nothing about speed."""

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.seen_bytes += len(message.get("body", b""))
            if self.seen_bytes > self.limit:
                self.over = True
                raise BodyTooLarge
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self.over:
                raise BodyTooLarge
            self.status = message["status"]
            headers = message["headers"] = list(message.get("headers", ()))
            headers += ((b"x-request-id", self.request_id.encode()), (b"x-content-type-options", b"nosniff"))
            traced = tracing.current()
            if traced is not None:
                headers.append((b"traceparent", traced.encode()))
            rate: Rate | None = self.scope.get("state", {}).get("rate")
            if rate is not None:
                headers += rate.headers()
            if (b"content-type", b"text/event-stream; charset=utf-8") in headers:
                self.streams_after = time.perf_counter() - self.started
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
        await self._send(message)

    async def refuse(self) -> None:
        if self.status:  # the answer has begun; nothing better than to end it
            return
        self.over = False
        request = Request(self.scope)
        detail = f"the body is larger than {self.limit} bytes"
        response = problem_response(request, 413, "request.too_large", detail, headers={"Connection": "close"})
        await response(self.scope, self._receive, self.send)

    async def fail(self, error: Exception) -> None:
        if self.status:  # the answer has begun: the server must break the connection
            raise error
        response = fault_response(Request(self.scope), error)
        await response(self.scope, self._receive, self.send)


def _describe(span: Span | None, exchange: _Exchange) -> None:
    if span is None:
        return
    path = getattr(exchange.scope.get("route"), "path", "unmatched")
    span.update_name(f"{exchange.scope['method']} {path}")
    span.set_attributes({
        "http.request.method": exchange.scope["method"], "http.route": path,
        "http.response.status_code": exchange.status, "duecourse.request_id": exchange.request_id,
    })  # fmt: skip
    if exchange.status >= 500 or exchange.status == 0:
        tracing.fail(span, str(exchange.status))


def _record(scope: Scope, status: int, seconds: float, request_id: str) -> None:
    route = scope.get("route")
    path = getattr(route, "path", "unmatched")
    observe_request(scope["method"], path, status, seconds)
    facts: dict[str, Any] = {
        "request_id": request_id,
        "method": scope["method"],
        "route": path,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
    }
    traced = tracing.current()
    if traced is not None:
        facts["trace_id"] = traced.split("-")[1]
    principal = scope.get("state", {}).get("principal")
    if principal is not None:
        facts["organization_id"] = str(principal.organization_id)
        facts["client"] = principal.client
    if status >= 500 or status == 0:
        log.warning("request", **facts)
    else:
        log.info("request", **facts)
