"""Generated over all operations: no token, missing scopes, another tenant, unknown methods, garbage; and the document.

A new path parameter needs a line in `RESOURCES`, a new body that cannot be guessed from its schema one in `BODIES`:
the tests fail until it is there.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.core.ids import new_id
from app.infra.telemetry import REQUESTS
from app.organizations.rules import SCOPES
from migrations.data_scope import FOR_EVERYBODY_WITHOUT_ACCOUNT as RULES_FOR_ALL
from migrations.data_scope import policy_of
from migrations.metadata import metadata
from tests.api.operations import METHODS, Operation, document, example, operations, properties_of
from tests.api.resources import BODIES, BYTES_ELSEWHERE, COMPLETE, KEYS, RESOURCES, ROW_VALUES, ROWS_OF_PARAMETERS
from tests.architecture.catalog import CatalogTable, read_catalog
from tests.architecture.row_factory import RowFactory
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import ALL_SCOPES, Tenant, make_tenant

OPEN = {
    "createToken": "takes the client's secret",
    "showUnsubscribe": "a customer's link, with a secret of its own",
    "unsubscribeAddress": "a customer's link, with a secret of its own",
    "openInvoiceCopy": "a customer's link, signed by the service",
    "receiveMessageEvents": "signed by the provider",
    "getLiveness": "asked by the supervisor",
    "getReadiness": "asked by the supervisor",
    "getMetrics": "asked by the monitoring",
}
"""Operations without a token, each with the reason."""
NO_SCOPE = {"streamEvents": "shows the events of what the token may read", "getMe": "everybody may ask who they are"}
"""Operations that any token may use, each with the reason."""

GARBAGE = {
    "nothing": b"",
    "bytes": b"\x00\xff\xfe garbage",
    "text": b"hello",
    "null": b"null",
    "list": b"[]",
    "number": b"1e999",
    "not a number": b'{"amount": NaN}',
    "open": b'{"a": ',
    "deep": b"[" * 50_000,
    "deep object": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "long integer": b'{"limit": ' + b"9" * 5_000 + b"}",
    "NUL and surrogate": b'{"name": "\\u0000", "number": "\\ud800", "reason": "\\udfff\\ud800"}',
    "latin": '{"name": "é"}'.encode("latin-1"),
}

UNREAD = ("bytes", "deep")
"""What is sent where no body is read, or no JSON is: all goes the same way."""

NARROWED = {name for name, table in metadata.tables.items() if policy_of(table, metadata)} - RULES_FOR_ALL
"""Tables of which a caller with a data scope sees a part, without exception."""
OPERATIONS = operations()


@pytest.fixture
def short_metrics() -> None:
    """A dozen lines for each route, method and status of the run so far are too many to be asked twenty times."""
    REQUESTS.clear()


GUARDED = [operation for operation in OPERATIONS if operation.name not in OPEN]
WITH_IDS = [operation for operation in GUARDED if set(operation.path_parameters) - KEYS]
every = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
guarded = pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)
with_ids = pytest.mark.parametrize("operation", WITH_IDS, ids=lambda operation: operation.name)


@pytest.fixture(scope="module")
async def catalog(owner_url: str) -> dict[str, CatalogTable]:
    """The tables, to make rows from."""
    connection = await asyncpg.connect(owner_url)
    try:
        return await read_catalog(connection)
    finally:
        await connection.close()


@pytest.fixture
async def stranger(database: RolledBackDatabase, client: httpx.AsyncClient) -> Tenant:
    """Another organization."""
    return await make_tenant(database, name="Somebody Else")


def _is_problem(response: httpx.Response) -> None:
    assert response.headers["content-type"] == "application/problem+json", response.text
    body = response.json()
    assert body["status"] == response.status_code
    assert all(body[name] for name in ("type", "title", "detail", "instance", "code")), body


def _body(operation: Operation) -> Any:
    if operation.name in BODIES:
        return BODIES[operation.name]
    return example(operation.body_schema) if operation.body_schema is not None else None


async def _call(client: httpx.AsyncClient, operation: Operation, token: str | None, **ids: object) -> httpx.Response:
    """The operation with a body that fits its schema and a version, so that only the token and the ids decide."""
    headers = {"If-Match": '"1"'} if "If-Match" in operation.headers else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    body = _body(operation)
    request = client.build_request(operation.method, operation.address(**ids), headers=headers, json=body)
    if body is None:
        request = client.build_request(operation.method, operation.address(**ids), headers=headers)
    if token is None:
        del request.headers["Authorization"]
    return await client.send(request)


async def _resources(
    database: RolledBackDatabase, tenant: Tenant, catalog: dict[str, CatalogTable], names: list[str]
) -> dict[str, UUID | str]:
    """One row of the tenant for each path parameter; the ids belong together where tables refer to each other."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        factory = RowFactory(session.driver, catalog, tenant.organization_id)
        factory.made["organizations"] = {"id": tenant.organization_id}
        for table, values in ROW_VALUES.items():
            factory.made[table] = await factory.insert(table, **values)
        for table in COMPLETE:
            await factory.parent(table)
        others = {
            name: await factory.insert(RESOURCES[name][0], **ROWS_OF_PARAMETERS[name])
            for name in names
            if name in ROWS_OF_PARAMETERS
        }
        return {
            name: (others.get(name) or await factory.parent(RESOURCES[name][0]))[RESOURCES[name][1]] for name in names
        }


@guarded
async def test_a_token_with_every_scope_is_needed(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator, operation: Operation
) -> None:
    assert operation.guarded
    assert bool(operation.scopes) != (operation.name in NO_SCOPE), "an operation names its scopes, or is listed"
    assert operation.scopes <= ALL_SCOPES
    for token in (None, "", "garbage", "e30.e30.e30"):
        response = await _call(client, operation, token)
        assert response.status_code == 401, (token, response.text)
        assert response.json()["code"] == "unauthenticated"
        assert "www-authenticate" in response.headers
        _is_problem(response)
    for missing in operation.scopes:
        response = await _call(client, operation, authenticator.grant(tenant, *(ALL_SCOPES - {missing})))
        assert response.status_code == 403, (missing, response.text)
        assert response.json()["code"] == "auth.scope_missing"
        assert missing in response.json()["detail"]
        _is_problem(response)


def test_every_path_parameter_has_a_resource(catalog: dict[str, CatalogTable]) -> None:
    used = {name for operation in OPERATIONS for name in operation.path_parameters}
    assert used - set(RESOURCES) == set(), "add the table and column to RESOURCES"
    assert all(column in catalog[table].columns for table, column in RESOURCES.values())


@with_ids
async def test_a_resource_of_another_tenant_is_not_found(
    client: httpx.AsyncClient,
    database: RolledBackDatabase,
    tenant: Tenant,
    stranger: Tenant,
    authenticator: StaticAuthenticator,
    catalog: dict[str, CatalogTable],
    operation: Operation,
) -> None:
    ids = await _resources(database, tenant, catalog, operation.path_parameters)
    refused = await _call(client, operation, authenticator.grant(stranger), **ids)
    assert refused.status_code == 404, refused.text
    _is_problem(refused)
    assert all(str(value) not in refused.json()["detail"] for value in ids.values())
    unknown = await _call(client, operation, authenticator.grant(stranger))
    assert (unknown.status_code, unknown.json()["detail"]) == (404, refused.json()["detail"]), "nobody learns it exists"
    if any(RESOURCES[name][0] in NARROWED for name in ids):
        elsewhere = authenticator.grant_within(tenant, own_portfolio=True, legal_entities=[new_id()])
        hidden = await _call(client, operation, elsewhere, **ids)
        assert (hidden.status_code, hidden.json()["code"]) in (
            (404, refused.json()["code"]), (403, "auth.beyond_data_scope"),
        ), hidden.text  # fmt: skip
    if operation.name in BYTES_ELSEWHERE:
        return
    own = await _call(client, operation, authenticator.grant(tenant), **ids)
    assert own.status_code != 404, "its own tenant must find it, or this proves nothing"
    assert own.status_code < 500, own.text
    if operation.method == "GET":  # a stream is only for those who ask for one
        stream = "text/event-stream" in operation.facts["responses"]["200"]["content"]
        assert own.status_code == (406 if stream else 200), own.text


@guarded
async def test_ids_of_another_tenant_in_bodies_and_filters_lead_nowhere(
    client: httpx.AsyncClient,
    database: RolledBackDatabase,
    tenant: Tenant,
    stranger: Tenant,
    authenticator: StaticAuthenticator,
    catalog: dict[str, CatalogTable],
    operation: Operation,
) -> None:
    body = _body(operation)
    named = [name for name in operation.query_parameters if name in RESOURCES and name not in KEYS]
    inside = [name for name in properties_of(operation.body_schema or {}) if name in RESOURCES and name not in KEYS]
    if not named and not inside:
        return
    theirs = await _resources(database, tenant, catalog, named + inside)
    own = await _resources(database, stranger, catalog, operation.path_parameters)
    token = {"Authorization": f"Bearer {authenticator.grant(stranger)}", "If-Match": '"1"'}
    for name in named:
        found = await client.request(
            operation.method, operation.address(**own), headers=token, params={name: str(theirs[name])}
        )
        assert found.status_code in (200, 404, 422), found.text
        assert str(theirs[name]) not in found.text or found.status_code == 200
        assert not found.json().get("data"), found.text
    for name in inside:
        sent = {**body, name: str(theirs[name])}
        found = await client.request(operation.method, operation.address(**own), headers=token, json=sent)
        assert 400 <= found.status_code < 500, (name, found.text)


@every
async def test_garbage_is_refused_with_a_problem(
    client: httpx.AsyncClient,
    database: RolledBackDatabase,
    tenant: Tenant,
    catalog: dict[str, CatalogTable],
    operation: Operation,
    short_metrics: None,
) -> None:
    ids = await _resources(database, tenant, catalog, operation.path_parameters)
    refuses = operation.body_schema is not None and bool(operation.body_schema.get("required"))
    sent = [(name, "application/json") for name in (GARBAGE if "requestBody" in operation.facts else UNREAD)]
    for name, media_type in [*sent, *((name, "text/plain") for name in UNREAD)]:
        headers = {"Content-Type": media_type, "If-Match": '"1"'}
        response = await client.request(
            operation.method, operation.address(**ids), headers=headers, content=GARBAGE[name]
        )
        assert response.status_code < 500, (name, media_type, response.text)
        if refuses:
            assert response.status_code >= 400, (name, media_type, response.text)
        if response.status_code >= 400:
            _is_problem(response)


@every
async def test_garbage_in_path_query_and_headers_is_refused_with_a_problem(
    client: httpx.AsyncClient, operation: Operation, short_metrics: None
) -> None:
    words = ("%00", "%F0%9F%92%B8", "%27%3B--", "..%2F..", "9" * 300, "%ED%A0%80")
    for word in words:
        address = operation.address(**dict.fromkeys(operation.path_parameters, word))
        query = "&".join(f"{name}={word}" for name in operation.query_parameters)
        urls = {address, f"{operation.address()}?{query}", f"{address}?{query}"} if query else {address}
        for url in urls:
            response = await client.request(operation.method, url)
            assert response.status_code < 500, (url, response.text)
            if response.status_code >= 400:
                _is_problem(response)
    for value in ("", '"', "W/", '"-1"', "*" * 500, "\x7f"):
        headers = {"If-Match": value, "Idempotency-Key": value, "Accept": "nothing/at-all", "X-Request-Id": value}
        response = await client.request(operation.method, operation.address(), headers=headers)
        assert response.status_code < 500, (value, response.text)


@pytest.mark.parametrize("path", document()["paths"])
async def test_a_method_that_is_not_declared_is_405(client: httpx.AsyncClient, path: str) -> None:
    declared = {method.upper() for method in document()["paths"][path] if method in METHODS}
    address = next(operation for operation in OPERATIONS if operation.path == path).address()
    for method in ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "LINK"):
        if method in declared:
            continue
        response = await client.request(method, address)
        if response.status_code != 405:  # `/v1/accounts/batch` is also an address of `/v1/accounts/{account_id}`
            assert "{" not in path, (method, response.status_code)
            assert response.status_code in (401, 403, 404, 422), (method, response.status_code)
            continue
        _is_problem(response)
        assert set(response.headers["allow"].split(", ")) >= declared, (method, response.headers["allow"])


def test_operations_have_names_summaries_and_tags() -> None:
    names = [operation.facts.get("operationId") for operation in OPERATIONS]
    assert len(set(names)) == len(names)
    faults = [
        (operation.method, operation.path)
        for operation in OPERATIONS
        if not operation.facts.get("operationId", "").isidentifier()
        or not operation.facts.get("summary")
        or not operation.facts.get("description")
        or len(operation.facts.get("tags", [])) != 1
    ]
    assert faults == []


@every
def test_the_document_declares_what_can_happen(operation: Operation) -> None:
    responses = operation.facts["responses"]
    needed = set() if operation.name in OPEN else {"401", "403", "422", "500", "503"}
    if set(operation.path_parameters) - KEYS:
        needed |= {"404"}
    if "If-Match" in operation.headers and operation.method in ("PATCH", "PUT", "DELETE"):
        needed |= {"412"}
    if "requestBody" in operation.facts:
        needed |= {"400", "413"}
    assert needed - set(responses) == set()
    assert any(status.startswith("2") for status in responses)
    for status, response in responses.items():
        if "$ref" in response:
            response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
        content = response.get("content", {})
        if status >= "400":
            assert set(content) == {"application/problem+json"}, status
            assert content["application/problem+json"]["schema"]["$ref"].endswith("Problem")
        elif status != "204":
            assert content, (status, "an answer without a media type")
            schema = content.get("application/json", {"schema": {"$ref": ""}})["schema"]
            assert "$ref" in schema or schema.get("type"), (status, "an answer without a schema")
    if operation.method == "POST" and operation.name not in OPEN:
        assert "Idempotency-Key" in operation.headers


def test_scopes_are_those_of_the_catalogue() -> None:
    used = {scope for operation in OPERATIONS for scope in operation.scopes}
    assert used - set(SCOPES) == set()
    described = document()["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"]
    assert described == dict(SCOPES)
    assert set(SCOPES) <= ALL_SCOPES, "the tests' token with every scope must hold it"


def test_ids_are_uuids_in_the_document() -> None:
    faults = []
    for operation in OPERATIONS:
        for parameter in operation.facts.get("parameters", ()):
            if parameter["in"] == "path" and parameter["name"] not in KEYS:
                schema = parameter["schema"]
                if schema.get("format") != "uuid":
                    faults.append((operation.name, parameter["name"], schema))
    assert faults == []
