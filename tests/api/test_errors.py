"""Every error is a problem document, whatever went wrong; and nothing is acknowledged that was not committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from app.infra.database import TransactionAborted
from app.infra.http.rates import Limits
from tests.api.test_organizations import _problem
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant

_BODY = {"code": "9000", "name": "Acme Ltd", "base_currency": "GBP"}


async def test_unknown_paths_and_methods(client: httpx.AsyncClient, tenant: Tenant) -> None:
    for path in ("/nothing", "/v1/nothing", "/v1", "/v1/legal-entities/", "/v1/legal-entities/a/b", "/docs/files/x.js"):
        _problem(await client.get(path), 404, "http.not_found")
    for method, path, allow in (
        ("DELETE", "/v1/legal-entities", "GET, POST"),
        ("PUT", f"/v1/legal-entities/{tenant.legal_entity_id}", "GET, PATCH"),
        ("POST", "/v1/me", "GET"),
        ("TRACE", "/v1/exchange-rates", "GET, PUT"),
        ("BREW", "/v1/oauth/token", "POST"),
        ("POST", "/livez", "GET"),
        ("GET", "/v1/invoices/batch", "POST"),
        ("PATCH", "/v1/invoices/batch", "POST"),
    ):
        response = await client.request(method, path)
        _problem(response, 405, "http.method_not_allowed")
        assert response.headers["allow"] == allow


async def test_bodies_are_bounded(client: httpx.AsyncClient) -> None:
    app: Any = client._transport.app  # type: ignore[attr-defined]
    limit = app.state.settings.request_body_limit_bytes

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(limit // 100_000 + 2):
            yield b" " * 100_000

    headers = {"Content-Type": "application/json"}
    declared = await client.post("/v1/legal-entities", content=b" " * (limit + 1), headers=headers)
    _problem(declared, 413, "request.too_large")
    streamed = await client.post("/v1/legal-entities", content=endless(), headers=headers)
    _problem(streamed, 413, "request.too_large")


async def test_a_fault_of_ours_is_500_without_its_text(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tenant: Tenant
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr("app.organizations.queries.get_legal_entity", broken)
    with capture_logs() as logs:
        response = await client.get(f"/v1/legal-entities/{tenant.legal_entity_id}")
    _problem(response, 500, "internal_error")
    assert "hunter2" not in response.text
    fault = next(line for line in logs if line["event"] == "request.failed")
    assert fault["error"] == "RuntimeError"
    assert any("broken" in place for place in fault["at"])
    assert "hunter2" not in repr(logs)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TransactionAborted("aborted"), 500, "internal_error"),
        (asyncpg.exceptions.ConnectionDoesNotExistError("gone"), 503, "unavailable"),
        (ConnectionResetError("gone"), 503, "unavailable"),
    ],
)
async def test_a_failing_commit_is_not_acknowledged(
    client: httpx.AsyncClient,
    database: RolledBackDatabase,
    tenant: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
) -> None:
    async def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(type(database), "_commit", fail)
        response = await client.post("/v1/legal-entities", json=_BODY, headers={"Idempotency-Key": "k"})
    _problem(response, status, code)
    assert "location" not in response.headers
    async with database.read(tenant.organization_id) as session:
        for table in ("legal_entities WHERE code = '9000'", "idempotency_keys", "change_log"):
            assert await session.driver.fetchval(f"SELECT count(*) FROM {table}") == 0
    retried = await client.post("/v1/legal-entities", json=_BODY, headers={"Idempotency-Key": "k"})
    assert retried.status_code == 201
    assert "idempotency-replayed" not in retried.headers


async def test_a_deadlock_runs_the_work_again(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.organizations import service

    real, calls = service.create_legal_entity, []

    async def flaky(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise asyncpg.exceptions.DeadlockDetectedError("deadlock")
        return await real(*arguments)

    monkeypatch.setattr(service, "create_legal_entity", flaky)
    assert (await client.post("/v1/legal-entities", json=_BODY)).status_code == 201
    assert len(calls) == 3

    calls.clear()

    async def always(*_: Any) -> Any:
        calls.append(1)
        raise asyncpg.exceptions.DeadlockDetectedError("deadlock")

    monkeypatch.setattr(service, "create_legal_entity", always)
    response = await client.post("/v1/legal-entities", json={**_BODY, "code": "9001"})
    assert response.status_code < 600
    assert response.headers["content-type"] == "application/problem+json"
    assert 1 < len(calls) < 10


async def test_request_ids_come_back(client: httpx.AsyncClient) -> None:
    given = await client.get("/v1/me", headers={"X-Request-Id": "order-4711"})
    assert given.headers["x-request-id"] == "order-4711"
    forged = await client.get("/v1/me", headers={"X-Request-Id": "a b\t<script>"})
    assert len(forged.headers["x-request-id"]) == 36
    ids = {r.headers["x-request-id"] for r in await asyncio.gather(*(client.get("/livez") for _ in range(5)))}
    assert len(ids) == 5


async def test_past_the_limit_there_is_429_with_the_time_to_wait(client: httpx.AsyncClient, service: FastAPI) -> None:
    service.state.limits = Limits.of(2, None)
    first = await client.get("/v1/me")
    assert (first.headers["ratelimit-policy"], first.headers["ratelimit"]) == ('"client";q=2;w=60', '"client";r=1;t=0')
    await client.get("/v1/me")
    refused = await client.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limit.exceeded")
    assert int(refused.headers["retry-after"]) in range(25, 32)
