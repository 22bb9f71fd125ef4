"""Generated over all operations: no token, a foreign or scope-less token, another tenant's ids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.conftest import StaticAuthenticator
from tests.factories import ALL_SCOPES, Tenant

_OPEN = {"createToken", "getLiveness", "getReadiness", "getMetrics"}
_NO_SCOPE = {"getMe"}


def _operations() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    document = create_app(Settings(log_level="error")).openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method.upper(), path, operation


OPERATIONS = list(_operations())
GUARDED = [operation for operation in OPERATIONS if operation[0] not in _OPEN]
READS = [(name, path, operation) for name, method, path, operation in GUARDED if method == "GET"]
_IDS = [operation[0] for operation in GUARDED]


def _scopes(operation: dict[str, Any]) -> set[str]:
    return {scope for security in operation.get("security", ()) for scope in security.get("oauth2", ())}


def _address(path: str) -> str:
    return re.sub(r"\{[^}]+\}", lambda _: str(uuid4()), path)


async def _call(client: httpx.AsyncClient, method: str, path: str, token: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    request = client.build_request(method, _address(path), headers=headers)
    if token is None:
        del request.headers["Authorization"]
    return await client.send(request)


@pytest.mark.parametrize(("name", "method", "path", "operation"), GUARDED, ids=_IDS)
async def test_a_token_with_every_scope_named_is_needed(
    client: httpx.AsyncClient,
    tenant: Tenant,
    authenticator: StaticAuthenticator,
    name: str,
    method: str,
    path: str,
    operation: dict[str, Any],
) -> None:
    scopes = _scopes(operation)
    assert scopes or name in _NO_SCOPE, "an operation names its scopes, or is listed here"
    assert scopes <= ALL_SCOPES
    for token in (None, "", "garbage", "e30.e30.e30"):
        response = await _call(client, method, path, token)
        assert response.status_code == 401, (name, token, response.text)
        assert response.json()["code"] == "unauthenticated"
        assert "www-authenticate" in response.headers
    for missing in scopes:
        token = authenticator.grant(tenant, *(ALL_SCOPES - {missing}))
        response = await _call(client, method, path, token)
        assert response.status_code == 403, (name, missing, response.text)
        assert response.json()["code"] == "auth.scope_missing"
        assert missing in response.json()["detail"]


@pytest.mark.parametrize(("name", "path", "operation"), READS, ids=[read[0] for read in READS])
async def test_reading_what_is_not_there(
    client: httpx.AsyncClient, name: str, path: str, operation: dict[str, Any]
) -> None:
    """An id that is not of the caller's organization is 404; every answer is one that the document declares."""
    response = await client.get(_address(path))
    declared = set(operation["responses"])
    assert str(response.status_code) in declared, (name, response.text)
    assert response.status_code < 500
    if re.search(r"_id\}$", path):
        assert response.status_code == 404, (name, response.text)
