"""Segregation of duties and access review over HTTP, and that the use of an access is noted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import httpx

from app.core.ids import new_id
from app.infra.database import Actor
from app.organizations.tokens import AccessTokens, Grant, TokenKey
from app.promises.make import MakePromise, make_promise
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue, pay, settle

DAY = date(2026, 6, 1)


async def add_user(database: RolledBackDatabase, tenant: Tenant, name: str, *roles: str) -> UUID:
    user_id = new_id()
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "INSERT INTO users (organization_id, id, email, display_name, roles, approval_limit)"
            " VALUES ($1, $2, $3, $4, $5, '{\"EUR\": 50000}')",
            tenant.organization_id, user_id, f"{name}@example.com", name, list(roles),
        )  # fmt: skip
    return user_id


async def test_conflicts_by_role_by_person_and_in_what_was_done(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await add_user(database, tenant, "clean", "collector")
    both = await add_user(database, tenant, "both", "collector", "cash_application")
    gone = await add_user(database, tenant, "gone", "admin")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute("UPDATE users SET active = false WHERE id = $1", gone)
    async with database.write(tenant.organization_id, Actor("user", both, "both")) as session:
        _, item = await issue(session, tenant, 100_00, DAY)
        await settle(session, await pay(session, tenant, 40_00, DAY), item, 40_00, DAY)
        await make_promise(session, MakePromise(tenant.account_id, "EUR", DAY, 60_00), today=DAY)
        await session.driver.execute(
            "INSERT INTO collection_actions (organization_id, id, account_id, type, status, subject, due_date, done_on,"
            " done_at, done_by_id, done_by, outcome_code)"
            " VALUES ($1, $2, $3, 'call', 'done', 'call', $4, $4, now(), $5, 'both', 'no_answer')",
            tenant.organization_id, new_id(), tenant.account_id, DAY, both,
        )  # fmt: skip
    found = (
        await client.get("/v1/reports/segregation-of-duties", params={"start": "2026-05-01", "end": "2026-06-30"})
    ).json()
    assert {row["role"] for row in found["roles"]} == {"admin", "credit_manager", "integration"} & {
        row["role"] for row in found["roles"]
    }
    assert "admin" in {row["role"] for row in found["roles"]}
    assert [row["name"] for row in found["holders"]] == ["both"]
    conflict = found["holders"][0]["conflicts"][0]
    assert (conflict["duty"], conflict["other"], conflict["refused"]) == ("collect", "post_cash", True)
    assert found["deeds"] == [{"user_id": str(both), "name": "both", "deeds": {"collect": 2, "post_cash": 1}}]
    none = await client.get("/v1/reports/segregation-of-duties", params={"start": "2026-06-02", "end": "2026-06-30"})
    assert none.json()["deeds"] == []


async def test_the_access_review_pages_through_everybody(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    for name in ("a", "b", "c"):
        await add_user(database, tenant, name, "collector")
    made = await client.post("/v1/api-clients", json={"name": "ERP", "roles": ["integration"]})
    assert made.status_code == 201, made.text
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/reports/access-review", params=params)).json()
        seen += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [(row["kind"], row["name"]) for row in seen] == [
        ("api_client", "ERP"), ("user", "a"), ("user", "b"), ("user", "c"),
    ]  # fmt: skip
    assert (seen[0]["valid_secrets"], seen[1]["valid_secrets"]) == (1, None)
    assert seen[1]["approval_limits"] == [{"currency": "EUR", "amount": "500.00"}]
    assert seen[1]["last_used_at"] is None
    wrong = await client.get("/v1/reports/access-review", params={"cursor": "x"})
    assert wrong.status_code == 422


async def test_the_use_of_an_access_is_noted_once_in_an_hour(database: RolledBackDatabase, tenant: Tenant) -> None:
    user_id = await add_user(database, tenant, "ada", "collector")
    settings = Settings(token_secret="t" * 43)  # type: ignore[arg-type]
    token = TokenKey(settings).issue(Grant(tenant.organization_id, "user", user_id), datetime.now(UTC), 600)

    async def used() -> datetime | None:
        async with database.read(tenant.organization_id) as session:
            found: datetime | None = await session.driver.fetchval(
                "SELECT last_used_at FROM users WHERE id = $1", user_id
            )
        return found

    await AccessTokens(settings, database).principal(token)
    first = await used()
    assert first is not None
    await AccessTokens(settings, database).principal(token)
    assert await used() == first, "another process, within the hour"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        old = first - timedelta(hours=2)
        await session.driver.execute("UPDATE users SET last_used_at = $2 WHERE id = $1", user_id, old)
    await AccessTokens(settings, database).principal(token)
    later = await used()
    assert later is not None
    assert later >= first
    async with database.read(tenant.organization_id) as session:
        assert await session.driver.fetchval("SELECT version FROM users WHERE id = $1", user_id) == 1


async def test_duties_that_are_put_together_are_refused(client: httpx.AsyncClient) -> None:
    body = {"name": "Mixed", "roles": ["collector"], "scopes": ["payments:write"]}
    refused = await client.post("/v1/api-clients", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "auth.segregation_of_duties")
    assert refused.json()["errors"][0]["pointer"] == "/scopes"
