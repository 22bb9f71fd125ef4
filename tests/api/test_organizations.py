"""The organization over HTTP, and the habits that all routes share: versions, keys, pages, tenancy, bad input."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant, make_tenant

PROBLEM = "application/problem+json"


def _problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["code"] == code, body
    assert body["request_id"] == response.headers["x-request-id"]
    return body


async def _entity(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    body = {"code": "2000", "name": "Acme Ltd", "base_currency": "GBP", "country": "GB", **fields}
    return await client.post("/v1/legal-entities", json=body)


async def test_the_organization_is_read_changed_and_logged(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase
) -> None:
    path = f"/v1/organizations/{tenant.organization_id}"
    read = await client.get(path)
    assert read.status_code == 200
    assert read.headers["etag"] == '"1"'
    assert read.json()["time_zone"] == "Europe/Berlin"
    assert read.json()["allowed_actions"] == ["update"]

    body = {"time_zone": "America/New_York", "aging_bounds": [0, 15, 45], "extra_holidays": ["2026-12-24"]}
    changed = await client.patch(path, json=body, headers={"If-Match": '"1"'})
    assert changed.status_code == 200, changed.text
    assert changed.headers["etag"] == '"2"'
    assert changed.json()["aging_bounds"] == [0, 15, 45]
    assert changed.json()["extra_holidays"] == ["2026-12-24"]
    assert changed.json()["name"] == "Acme Parts"

    async with database.read(tenant.organization_id) as session:
        log = await session.driver.fetchrow(
            "SELECT event, before, after, actor_name FROM change_log WHERE entity_type = 'organization'"
        )
    assert log["event"] == "organization.changed"
    assert log["before"]["aging_bounds"] == [0, 30, 60, 90]
    assert log["after"]["time_zone"] == "America/New_York"
    assert log["actor_name"] == "Ada Tester"

    same = await client.patch(path, json=body, headers={"If-Match": '"2"'})
    assert same.headers["etag"] == '"2"', "what changes nothing makes no new version"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"time_zone": "Mars/Olympus"}, "clock.time_zone_unknown", "/time_zone"),
        ({"aging_bounds": [0, 30, 30]}, "aging.bounds_invalid", "/aging_bounds"),
        ({"aging_bounds": [1, 30]}, "aging.bounds_invalid", "/aging_bounds"),
        ({"calendar_country": "ZZ"}, "calendar.country_unknown", "/country"),
        ({"extra_holidays": ["2023-02-30"]}, "request.invalid", "/extra_holidays/0"),
        ({"name": None}, "request.invalid", "/name"),
        ({"name": "a\u0000b"}, "request.invalid", "/name"),
        ({"names": "x"}, "request.invalid", "/names"),
    ],
)
async def test_what_the_organization_refuses(
    client: httpx.AsyncClient, tenant: Tenant, body: dict[str, Any], code: str, pointer: str
) -> None:
    path = f"/v1/organizations/{tenant.organization_id}"
    problem = _problem(await client.patch(path, json=body, headers={"If-Match": '"1"'}), 422, code)
    assert problem["errors"][0]["pointer"] == pointer
    assert (await client.get(path)).headers["etag"] == '"1"'


async def test_versions_412_428_and_422(client: httpx.AsyncClient, tenant: Tenant) -> None:
    path = f"/v1/legal-entities/{tenant.legal_entity_id}"
    _problem(await client.patch(path, json={"name": "A"}), 428, "version_required")
    _problem(await client.patch(path, json={"name": "A"}, headers={"If-Match": '"7"'}), 412, "stale_version")
    _problem(await client.patch(path, json={"name": "A"}, headers={"If-Match": "seven"}), 422, "if_match_invalid")
    done = await client.patch(path, json={"name": "A"}, headers={"If-Match": '"1"'})
    assert (done.status_code, done.headers["etag"]) == (200, '"2"')
    _problem(await client.patch(path, json={"name": "B"}, headers={"If-Match": '"1"'}), 412, "stale_version")


async def test_a_legal_entity_is_made_listed_and_unique_by_code(client: httpx.AsyncClient) -> None:
    made = await _entity(client)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/v1/legal-entities/{made.json()['id']}"
    assert made.json()["allowed_actions"] == ["update", "close_period"]
    problem = _problem(await _entity(client), 409, "legal_entity.code_taken")
    assert problem["errors"][0]["pointer"] == "/code"
    found = await client.get("/v1/legal-entities", params={"code": "2000"})
    assert [row["id"] for row in found.json()["data"]] == [made.json()["id"]]


async def test_bank_accounts_check_what_looks_like_an_iban(client: httpx.AsyncClient, tenant: Tenant) -> None:
    body = {"legal_entity_id": str(tenant.legal_entity_id), "name": "Giro", "currency": "EUR"}
    made = await client.post(
        "/v1/bank-accounts", json={**body, "identifier": "gb82 west 1234 5698 7654 32", "bic": "nwbkgb2l"}
    )
    assert made.status_code == 201, made.text
    assert made.json()["identifier"] == "GB82WEST12345698765432"
    assert made.json()["bic"] == "NWBKGB2L"
    local = await client.post("/v1/bank-accounts", json={**body, "identifier": "12-34567-8"})
    assert local.json()["identifier"] == "12345678"

    wrong = await client.post("/v1/bank-accounts", json={**body, "identifier": "GB82WEST12345698765433"})
    assert _problem(wrong, 422, "bank_account.iban_invalid")["errors"][0]["pointer"] == "/identifier"
    twice = await client.post("/v1/bank-accounts", json={**body, "identifier": "GB82WEST12345698765432"})
    _problem(twice, 409, "bank_account.identifier_taken")
    nobody = await client.post(
        "/v1/bank-accounts", json={**body, "legal_entity_id": str(uuid4()), "identifier": "77777"}
    )
    _problem(nobody, 404, "legal_entity.not_found")

    path = f"/v1/bank-accounts/{made.json()['id']}"
    renamed = await client.patch(path, json={"name": "Main", "bic": None}, headers={"If-Match": '"1"'})
    assert (renamed.json()["name"], renamed.json()["bic"], renamed.headers["etag"]) == ("Main", None, '"2"')
    bad = await client.patch(path, json={"bic": "ABCDZZ22"}, headers={"If-Match": '"2"'})
    _problem(bad, 422, "bank_account.bic_invalid")


async def test_exchange_rates_are_put_set_wise_and_repeatably(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase
) -> None:
    def rate(to: str, day: str, value: str) -> dict[str, str]:
        return {"from_currency": "EUR", "to_currency": to, "rate_date": day, "rate": value}

    rates = [rate("USD", "2026-01-02", "1.0842"), rate("GBP", "2026-01-02", "0.85")]
    assert (await client.put("/v1/exchange-rates", json={"rates": rates})).json() == {"received": 2, "changed": 2}
    assert (await client.put("/v1/exchange-rates", json={"rates": rates})).json() == {"received": 2, "changed": 0}
    rates[0]["rate"] = "1.09"
    assert (await client.put("/v1/exchange-rates", json={"rates": rates})).json() == {"received": 2, "changed": 1}
    listed = (await client.get("/v1/exchange-rates", params={"to_currency": "USD"})).json()["data"]
    assert [(row["rate"], row["rate_date"]) for row in listed] == [("1.09", "2026-01-02")]
    async with database.read(tenant.organization_id) as session:
        log = await session.driver.fetch(
            "SELECT event, before, after, effective_date::text FROM change_log WHERE entity_type = 'exchange_rate'"
            " ORDER BY id"
        )
    assert [row["event"] for row in log] == ["exchange_rate.added"] * 2 + ["exchange_rate.changed"]
    assert float(log[2]["before"]["rate"]) == 1.0842
    assert log[2]["effective_date"] == "2026-01-02"

    bad = [rate("USD", "2026-01-03", "1"), rate("EUR", "2026-01-03", "1"), rate("USD", "2026-01-03", "2")]
    bad.append(rate("CHF", "2026-01-03", "0.00"))
    problem = _problem(await client.put("/v1/exchange-rates", json={"rates": bad}), 422, "exchange_rate.invalid")
    assert [error["pointer"] for error in problem["errors"]] == ["/rates/1", "/rates/2", "/rates/3"]
    assert (await client.get("/v1/exchange-rates", params={"date_from": "2026-01-03"})).json()["data"] == []


async def test_pages_follow_each_other_and_a_cursor_fits_only_its_list(client: httpx.AsyncClient) -> None:
    for number in range(4):
        assert (await _entity(client, code=f"E{number}")).status_code == 201
    codes: list[str] = []
    params: dict[str, Any] = {"limit": 2, "sort": "-code"}
    while True:
        page = (await client.get("/v1/legal-entities", params=params)).json()
        codes += [row["code"] for row in page["data"]]
        if not page["has_more"]:
            break
        params["cursor"] = page["next_cursor"]
    assert codes == ["main", "E3", "E2", "E1", "E0"]
    assert page["next_cursor"] is None

    cursor = (await client.get("/v1/legal-entities", params={"limit": 1})).json()["next_cursor"]
    for path, others in (
        ("/v1/bank-accounts", {}),
        ("/v1/legal-entities", {"sort": "code"}),
        ("/v1/legal-entities", {"code": "E1"}),
    ):
        response = await client.get(path, params={"cursor": cursor, **others})
        _problem(response, 422, "cursor_invalid")
    for broken in ("x", "é", cursor[:-3], "e30", "W10"):
        _problem(await client.get("/v1/legal-entities", params={"cursor": broken}), 422, "cursor_invalid")
    _problem(await client.get("/v1/legal-entities", params={"sort": "secret"}), 422, "sort_invalid")
    for limit in ("0", "201", "ten"):
        _problem(await client.get("/v1/legal-entities", params={"limit": limit}), 422, "request.invalid")


async def test_another_tenants_resources_do_not_exist(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase, authenticator: StaticAuthenticator
) -> None:
    stranger = {"Authorization": f"Bearer {authenticator.grant(await make_tenant(database, name='Other'))}"}
    match = {**stranger, "If-Match": '"1"'}
    for path, code in (
        (f"/v1/organizations/{tenant.organization_id}", "organization.not_found"),
        (f"/v1/legal-entities/{tenant.legal_entity_id}", "legal_entity.not_found"),
        (f"/v1/bank-accounts/{tenant.bank_account_id}", "bank_account.not_found"),
    ):
        _problem(await client.get(path, headers=stranger), 404, code)
        _problem(await client.patch(path, json={"name": "mine"}, headers=match), 404, code)
        assert (await client.get(path)).status_code == 200
    listed = (await client.get("/v1/bank-accounts", headers=stranger)).json()["data"]
    assert str(tenant.bank_account_id) not in json.dumps(listed)
    body = {"legal_entity_id": str(tenant.legal_entity_id), "name": "x", "currency": "EUR", "identifier": "991"}
    _problem(await client.post("/v1/bank-accounts", json=body, headers=stranger), 404, "legal_entity.not_found")
    assert (await client.get("/v1/organizations", headers=stranger)).json()["data"][0]["name"] == "Other"


async def test_a_key_replays_the_answer_and_is_refused_for_another_request(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    key = {"Idempotency-Key": "import-7"}
    body = {"code": "K1", "name": "Key", "base_currency": "EUR"}
    first = await client.post("/v1/legal-entities", json=body, headers=key)
    again = await client.post("/v1/legal-entities", json=body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    for name in ("etag", "location"):
        assert again.headers[name] == first.headers[name]
    other = await client.post("/v1/legal-entities", json={**body, "code": "K2"}, headers=key)
    _problem(other, 422, "idempotency.other_request")
    async with database.read(tenant.organization_id) as session:
        assert await session.driver.fetchval("SELECT count(*) FROM legal_entities WHERE code LIKE 'K%'") == 1
        assert await session.driver.fetchval("SELECT count(*) FROM change_log WHERE entity_type = 'legal_entity'") == 1


async def test_a_refused_request_releases_its_key(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"code": "main", "name": "Key", "base_currency": "EUR"}
    _problem(await client.post("/v1/legal-entities", json=body, headers=key), 409, "legal_entity.code_taken")
    done = await client.post("/v1/legal-entities", json={**body, "code": "other"}, headers=key)
    assert done.status_code == 201


@pytest.mark.parametrize("key", ["", "a" * 256, "with blank", "é"])
async def test_keys_are_bounded(client: httpx.AsyncClient, key: str) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    body = {"code": "K", "name": "Key", "base_currency": "EUR"}
    _problem(await client.post("/v1/legal-entities", json=body, headers=headers), 422, "request.invalid")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (b'{"code": "A\\u0000", "name": "x", "base_currency": "EUR"}', "/code"),
        (b'{"code": "A", "name": "\\ud800", "base_currency": "EUR"}', "/name"),
        (b'{"code": "A", "name": "x", "base_currency": "XXX"}', "/base_currency"),
        (b'{"code": "A", "name": "x", "base_currency": "EUR", "\\ud800": 1}', None),
        (b'{"code": "A", "name": "x"', None),
        (b"\xff\xfe", None),
        (b"[]", None),
        (b"null", None),
        (b'{"code": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", None),
        (b'{"code": ' + b"9" * 10_000 + b"}", None),
    ],
)
async def test_hostile_bodies(client: httpx.AsyncClient, content: bytes, pointer: str | None) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.post("/v1/legal-entities", content=content, headers=headers)
    assert response.status_code in (400, 422), response.text
    problem = _problem(response, response.status_code, response.json()["code"])
    if pointer is not None:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_hostile_paths_and_queries(client: httpx.AsyncClient) -> None:
    for path in ("/v1/legal-entities/not-a-uuid", "/v1/legal-entities?code=%00", "/v1/legal-entities?code=%ff"):
        response = await client.get(path)
        assert response.status_code in (200, 422), response.text
    _problem(await client.get("/v1/exchange-rates?date_from=2023-02-30"), 422, "request.invalid")
    _problem(await client.get("/v1/exchange-rates?date_from=1672531200"), 422, "request.invalid")
    _problem(await client.get("/v1/exchange-rates?from_currency=EURO"), 422, "request.invalid")
