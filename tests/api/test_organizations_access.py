"""Users, API clients, secrets and tokens over HTTP."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.organizations.rules import ROLES
from app.organizations.tokens import AccessTokens
from tests.api.test_organizations import _problem
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant, make_tenant


async def _client(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post("/v1/api-clients", json={"name": "ERP", "roles": ["integration"], **fields})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def _form(made: dict[str, Any]) -> dict[str, str]:
    secret = made["secret"]["secret"]
    return {"grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": secret}


def _without_header(client: httpx.AsyncClient) -> None:
    client.headers.pop("Authorization", None)


async def test_from_secret_to_token_to_answer(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase
) -> None:
    made = await _client(client, token_lifetime_seconds=120)
    app: Any = client._transport.app  # type: ignore[attr-defined]
    app.state.authenticator = AccessTokens(app.state.settings, database)
    _without_header(client)

    form = {
        "grant_type": "client_credentials",
        "client_id": made["client_id"],
        "client_secret": made["secret"]["secret"],
    }
    fetched = await client.post("/v1/oauth/token", data=form)
    assert fetched.status_code == 200, fetched.text
    assert fetched.headers["cache-control"] == "no-store"
    body = fetched.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 120)
    assert set(body["scope"].split()) == ROLES["integration"]

    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    me = (await client.get("/v1/me", headers=bearer)).json()
    assert me["kind"] == "api_client"
    assert me["roles"] == ["integration"]
    assert me["organization"]["id"] == str(tenant.organization_id)
    assert me["permissions"]["invoices"] == ["read", "write"]
    assert me["approval_limit"] == "0.00"
    _problem(await client.get("/v1/users", headers=bearer), 403, "auth.scope_missing")

    basic = base64.b64encode(f"{made['client_id']}:{made['secret']['secret']}".encode()).decode()
    narrow = await client.post(
        "/v1/oauth/token",
        data={"grant_type": "client_credentials", "scope": "events:read users:write"},
        headers={"Authorization": f"Basic {basic}"},
    )
    assert narrow.json()["scope"] == "events:read"
    bearer = {"Authorization": f"Bearer {narrow.json()['access_token']}"}
    _problem(await client.get("/v1/organizations", headers=bearer), 403, "auth.scope_missing")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"client_secret": "dcs_wrong"}, 401, "invalid_client"),
        ({"client_secret": "\u00e9\u0000"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": "0" * 32 + "." + "0" * 32}, 401, "invalid_client"),
        ({"scope": "users:write"}, 400, "invalid_scope"),
        ({"padding": "x" * 9000}, 413, "invalid_request"),
    ],
)
async def test_refusals_of_the_token_endpoint(
    client: httpx.AsyncClient, changes: dict[str, str], status: int, error: str
) -> None:
    made = await _client(client)
    _without_header(client)
    form = {
        "grant_type": "client_credentials",
        "client_id": made["client_id"],
        "client_secret": made["secret"]["secret"],
    }
    response = await client.post("/v1/oauth/token", data={**form, **changes})
    body = _problem(response, status, f"oauth.{error}")
    assert body["error"] == error
    assert ("www-authenticate" in response.headers) == (status == 401)
    assert made["secret"]["secret"] not in response.text


async def test_malformed_token_requests(client: httpx.AsyncClient) -> None:
    _without_header(client)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for content, headers in (
        (b"grant_type=client_credentials&grant_type=client_credentials", form),
        (b"grant_type=%ff", form),
        (b"\xff=1", form),
        (b"&".join(b"a%d=1" % number for number in range(50)), form),
        (b'{"grant_type": "client_credentials"}', {"Content-Type": "application/json"}),
        (b"", {}),
    ):
        response = await client.post("/v1/oauth/token", content=content, headers=headers)
        _problem(response, 400, "oauth.invalid_request")
    for header in ("Basic ???", "Basic " + base64.b64encode(b"no colon").decode(), "Bearer x", "Basic"):
        response = await client.post(
            "/v1/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": header}
        )
        assert response.status_code in (400, 401)
        _problem(response, response.status_code, response.json()["code"])


async def test_a_secret_is_shown_once_and_kept_nowhere(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    key = {"Idempotency-Key": "one"}
    body = {"name": "ERP", "roles": ["integration"]}
    first = await client.post("/v1/api-clients", json=body, headers=key)
    secret = first.json()["secret"]["secret"]
    assert secret.startswith("dcs_")
    assert len(secret) >= 40
    assert first.json()["secret"]["prefix"] == secret[:12]
    replay = await client.post("/v1/api-clients", json=body, headers=key)
    assert replay.status_code == 201
    assert replay.headers["idempotency-replayed"] == "true"
    assert replay.json()["secret"]["secret"] is None
    assert replay.json()["id"] == first.json()["id"]

    path = f"/v1/api-clients/{first.json()['id']}/secrets"
    another = await client.post(path, json={}, headers=key)
    assert (await client.post(path, json={}, headers=key)).json()["secret"] is None
    secrets = [secret, another.json()["secret"]]
    async with database.read(tenant.organization_id) as session:
        for table in ("idempotency_keys", "change_log", "api_clients", "api_client_secrets"):
            rows = await session.driver.fetch(f"SELECT t::text AS row, t.* FROM {table} t")
            assert rows
            kept = "".join(row["row"] for row in rows) + repr([dict(row) for row in rows])
            for text in secrets:
                assert text not in kept
                assert text.encode().hex() not in kept


async def test_two_secrets_are_valid_at_once(client: httpx.AsyncClient, tenant: Tenant) -> None:
    made = await _client(client)
    path = f"/v1/api-clients/{made['id']}/secrets"
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    second = await client.post(path, json={"expires_at": ends})
    assert second.status_code == 201
    _problem(await client.post(path, json={}), 409, "api_client.secrets_full")
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    _problem(await client.post(path, json={"expires_at": past}), 422, "api_client.expiry_in_the_past")
    _problem(await client.post(path, json={"expires_at": "2030-01-01T00:00:00"}), 422, "request.invalid")

    async def works(secret: str) -> bool:
        form = {"grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": secret}
        request = client.build_request("POST", "/v1/oauth/token", data=form)
        del request.headers["Authorization"]
        return (await client.send(request)).status_code == 200

    assert await works(made["secret"]["secret"])
    assert await works(second.json()["secret"])
    listed = (await client.get(path)).json()["data"]
    assert [row["prefix"] for row in listed] == [second.json()["prefix"], made["secret"]["prefix"]]
    assert "secret" not in listed[0]

    revoked = await client.post(f"{path}/{made['secret']['id']}/revoke")
    assert revoked.json()["revoked_at"] is not None
    assert revoked.json()["allowed_actions"] == []
    assert not await works(made["secret"]["secret"])
    assert await works(second.json()["secret"])
    again = await client.post(f"{path}/{made['secret']['id']}/revoke")
    assert again.json()["revoked_at"] == revoked.json()["revoked_at"]
    assert (await client.post(path, json={})).status_code == 201
    _problem(await client.post(f"{path}/{tenant.account_id}/revoke"), 404, "api_client.secret_not_found")

    stopped = await client.patch(f"/v1/api-clients/{made['id']}", json={"active": False}, headers={"If-Match": '"1"'})
    assert "activate" in stopped.json()["allowed_actions"]
    assert not await works(second.json()["secret"])


async def test_nobody_gives_away_what_they_do_not_hold(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    made = await _client(client)
    scopes = {"api-clients:write", "users:write", "events:read", *ROLES["collector"]}
    weak = {"Authorization": f"Bearer {authenticator.grant(tenant, *scopes)}"}
    user = {"email": "e@example.com", "display_name": "E", "roles": ["admin"]}
    for response in (
        await client.post("/v1/api-clients", json={"name": "x", "roles": ["admin"]}, headers=weak),
        await client.post("/v1/api-clients", json={"name": "x", "scopes": ["payments:write"]}, headers=weak),
        await client.post(f"/v1/api-clients/{made['id']}/secrets", json={}, headers=weak),
        await client.patch(f"/v1/api-clients/{made['id']}", json={"name": "y"}, headers={**weak, "If-Match": '"1"'}),
        await client.post("/v1/users", json=user, headers=weak),
    ):
        _problem(response, 403, "auth.grant_exceeds_own")
    allowed = await client.post("/v1/users", json={**user, "roles": ["collector"]}, headers=weak)
    assert allowed.status_code == 201
    raised = await client.patch(
        f"/v1/users/{allowed.json()['id']}", json={"roles": ["admin"]}, headers={**weak, "If-Match": '"1"'}
    )
    _problem(raised, 403, "auth.grant_exceeds_own")


async def test_users(client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant) -> None:
    body = {
        "email": "Ada@Example.com",
        "display_name": "Ada Lindqvist",
        "roles": ["credit_manager", "auditor"],
        "issuer": "https://id.example",
        "subject": "ada-1",
        "approval_limits": [{"currency": "EUR", "amount": "2500.00"}, {"currency": "JPY", "amount": "90000"}],
    }
    made = await client.post("/v1/users", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["email"] == "ada@example.com"
    assert made.json()["roles"] == ["auditor", "credit_manager"]
    assert made.json()["approval_limits"] == body["approval_limits"]
    _problem(await client.post("/v1/users", json={**body, "subject": "ada-2"}), 409, "user.taken")
    _problem(await client.post("/v1/users", json={**body, "email": "b@example.com"}), 409, "user.taken")
    _problem(await client.post("/v1/users", json={**body, "subject": None}), 422, "user.subject_incomplete")
    apart = {**body, "email": "c@example.com", "subject": "c", "roles": ["collector", "cash_application"]}
    _problem(await client.post("/v1/users", json=apart), 422, "auth.segregation_of_duties")
    for email in ("no", "a@b@c", "a b@example.com", "a@example.com\n", "x" * 250 + "@example.com"):
        _problem(await client.post("/v1/users", json={**body, "email": email}), 422, "request.invalid")
    decimals = {**body, "approval_limits": [{"currency": "JPY", "amount": "1.5"}]}
    problem = _problem(await client.post("/v1/users", json=decimals), 422, "money.amount_invalid")
    assert problem["errors"][0]["pointer"] == "/approval_limits/0/amount"

    path = f"/v1/users/{made.json()['id']}"
    changed = await client.patch(
        path, json={"active": False, "display_name": "A. Berg", "approval_limits": []}, headers={"If-Match": '"1"'}
    )
    assert changed.json()["active"] is False
    assert changed.json()["approval_limits"] == []
    assert changed.json()["allowed_actions"] == ["update", "activate"]
    assert [row["id"] for row in (await client.get("/v1/users?active=false")).json()["data"]] == [made.json()["id"]]
    assert (await client.get("/v1/users?active=true")).json()["data"] == []
    async with database.read(tenant.organization_id) as session:
        log = await session.driver.fetch("SELECT event, before, after FROM change_log WHERE entity_type = 'user'")
    assert [row["event"] for row in log] == ["user.created", "user.changed"]
    text = json.dumps([[row["before"], row["after"]] for row in log])
    assert "lindqvist" not in text.lower(), "personal data does not enter the change log"
    assert "display_name" in text


async def test_the_last_admin_stays(client: httpx.AsyncClient) -> None:
    body = {"email": "root@example.com", "display_name": "Root", "roles": ["admin"]}
    root = (await client.post("/v1/users", json=body)).json()
    path, match = f"/v1/users/{root['id']}", {"If-Match": '"1"'}
    for change in ({"active": False}, {"roles": []}, {"roles": ["auditor"]}):
        _problem(await client.patch(path, json=change, headers=match), 422, "user.last_admin")
    await client.post("/v1/users", json={**body, "email": "second@example.com"})
    assert (await client.patch(path, json={"active": False}, headers=match)).status_code == 200


async def test_another_tenants_people_and_programs_do_not_exist(
    client: httpx.AsyncClient, database: RolledBackDatabase, authenticator: StaticAuthenticator
) -> None:
    program = await _client(client)
    person = (await client.post("/v1/users", json={"email": "a@example.com", "display_name": "A"})).json()
    other = await make_tenant(database, name="Other")
    stranger = {"Authorization": f"Bearer {authenticator.grant(other)}"}
    match = {**stranger, "If-Match": '"1"'}
    user, api_client = f"/v1/users/{person['id']}", f"/v1/api-clients/{program['id']}"
    secret = f"{api_client}/secrets/{program['secret']['id']}"
    for response, code in (
        (await client.get(user, headers=stranger), "user.not_found"),
        (await client.patch(user, json={"active": False}, headers=match), "user.not_found"),
        (await client.get(api_client, headers=stranger), "api_client.not_found"),
        (await client.patch(api_client, json={"active": False}, headers=match), "api_client.not_found"),
        (await client.get(f"{api_client}/secrets", headers=stranger), "api_client.not_found"),
        (await client.post(f"{api_client}/secrets", json={}, headers=stranger), "api_client.not_found"),
        (await client.post(f"{secret}/revoke", headers=stranger), "api_client.not_found"),
    ):
        _problem(response, 404, code)
    assert (await client.get("/v1/users", headers=stranger)).json()["data"] == []
    assert (await client.get("/v1/api-clients", headers=stranger)).json()["data"] == []
    form = {
        "grant_type": "client_credentials",
        "client_id": f"{other.organization_id.hex}.{program['client_id'].partition('.')[2]}",
        "client_secret": program["secret"]["secret"],
    }
    _without_header(client)
    _problem(await client.post("/v1/oauth/token", data=form), 401, "oauth.invalid_client")


async def test_me_needs_a_token_and_no_scope(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    weak = {"Authorization": f"Bearer {authenticator.grant(tenant, 'events:read')}"}
    me = (await client.get("/v1/me", headers=weak)).json()
    assert (me["name"], me["scopes"], me["permissions"]) == ("Ada Tester", ["events:read"], {"events": ["read"]})
    assert me["organization"]["allowed_actions"] == []
    assert me["approval_limit"] == "1000.00"
    for header in ("", "Bearer", "Bearer  ", "Basic abc", "Bearer unknown", "Bearer " + "x" * 9000):
        response = await client.get("/v1/me", headers={"Authorization": header})
        _problem(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"].startswith("Bearer")
