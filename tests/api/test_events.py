"""Events by cursor, audit entries and jobs over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.ids import new_id
from app.infra import job_leases
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database
from app.infra.jobs import GiveUp, owe
from app.infra.principal import Principal
from app.infra.seal import seal
from app.main import create_app
from app.settings import Settings
from tests.conftest import StaticAuthenticator
from tests.disputing import dispute, person
from tests.factories import Tenant, make_tenant
from tests.receivables import issue


@pytest.fixture
async def tenant(committed: Database) -> Tenant:
    """The sealer sees committed changes only."""
    return await make_tenant(committed)


@pytest.fixture
async def client(
    committed: Database, tenant: Tenant, authenticator: StaticAuthenticator, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(data_dir=tmp_path, log_level="error", token_secret="t" * 43)  # type: ignore[arg-type]
    app = create_app(settings, committed)
    app.state.database = app.state.read_database = app.state.report_database = committed
    app.state.authenticator = authenticator
    headers = {"Authorization": f"Bearer {authenticator.grant(tenant)}"}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as made:
        yield made


async def write(database: Database, tenant: Tenant, *events: str) -> None:
    async with database.write(tenant.organization_id, tenant.actor, request_id="r-1") as session:
        for event in events:
            record_change(
                session,
                ChangeRow("account", tenant.account_id, event, {"name": "old"}, {"name": "new"}, reason="as agreed"),
            )


async def read_all(client: httpx.AsyncClient, **query: Any) -> tuple[list[dict[str, Any]], str]:
    found, cursor, more = [], None, True
    while more:
        answer = await client.get("/v1/events", params={**query, **({"after": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["data"]
        cursor, more = page["next_cursor"], page["has_more"]
    assert cursor is not None
    return found, cursor


async def test_events_are_read_page_by_page_and_go_on_later(
    client: httpx.AsyncClient, committed: Database, tenant: Tenant
) -> None:
    assert (await client.get("/v1/events")).json()["data"] == []
    await write(committed, tenant, *[f"account.e{number}" for number in range(5)])
    assert (await client.get("/v1/events")).json()["data"] == []  # not sealed yet
    await seal(committed, tenant.organization_id)
    found, cursor = await read_all(client, limit=2)
    assert [event["type"] for event in found] == [f"account.e{number}" for number in range(5)]
    assert [event["position"] for event in found] == [1, 2, 3, 4, 5]
    assert found[0]["entity"] == {"type": "account", "id": str(tenant.account_id)}
    assert found[0]["actor"] == {"kind": "user", "id": str(tenant.actor.id), "name": "Ada Tester"}
    assert found[0]["data"] == {"before": {"name": "old"}, "after": {"name": "new"}}
    assert (await client.get("/v1/events", params={"after": cursor})).json() == {
        "data": [],
        "has_more": False,
        "next_cursor": cursor,
    }
    await write(committed, tenant, "account.later")
    await seal(committed, tenant.organization_id)
    later = (await client.get("/v1/events", params={"after": cursor})).json()["data"]
    assert [event["type"] for event in later] == ["account.later"]


async def test_events_are_filtered_by_type_in_bounded_steps(
    client: httpx.AsyncClient, committed: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.infra.events.SCAN_LIMIT", 3)
    await write(committed, tenant, *["a", "b", "a", "a", "a", "a", "a", "b", "c", "a"])
    await seal(committed, tenant.organization_id)
    found, _ = await read_all(client, types=["b", "c"], limit=1)
    assert [(event["type"], event["position"]) for event in found] == [("b", 2), ("b", 8), ("c", 9)]


@pytest.mark.parametrize("cursor", ["%%%", "e30", "eyJzIjoiYSIsInYiOlsxXX0", "\u00e9", "x" * 2000])
async def test_a_cursor_that_is_not_ours_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/v1/events", params={"after": cursor})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == "/query/after"


async def test_a_cursor_of_another_list_is_refused(
    client: httpx.AsyncClient, committed: Database, tenant: Tenant
) -> None:
    await write(committed, tenant, "a", "b")
    cursor = (await client.get("/v1/audit-entries", params={"limit": 1})).json()["next_cursor"]
    answer = await client.get("/v1/events", params={"after": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


async def test_audit_entries_by_filter_sealed_or_not(
    client: httpx.AsyncClient, committed: Database, tenant: Tenant
) -> None:
    await write(committed, tenant, "account.created")
    await seal(committed, tenant.organization_id)
    await write(committed, tenant, "account.updated")
    entries = (await client.get("/v1/audit-entries")).json()["data"]
    assert [(entry["event"], entry["position"]) for entry in entries] == [
        ("account.updated", None),
        ("account.created", 1),
    ]
    newest, oldest = entries
    assert newest["sha256"] is None
    assert len(bytes.fromhex(oldest["sha256"])) == 32
    assert (oldest["reason"], oldest["request_id"]) == ("as agreed", "r-1")
    assert (oldest["before"], oldest["after"]) == ({"name": "old"}, {"name": "new"})

    async def count(**query: Any) -> int:
        answer = await client.get("/v1/audit-entries", params=query)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["data"])

    assert await count(entity_type="account", entity_id=str(tenant.account_id)) == 2
    assert await count(entity_id=str(new_id())) == 0
    assert await count(event="account.created") == 1
    assert await count(actor_id=str(tenant.actor.id)) == 2
    assert await count(**{"from": oldest["recorded_at"], "to": newest["recorded_at"]}) == 1
    assert await count(**{"from": "1900-01-01T00:00:00+14:00", "to": "2199-12-31T23:59:59-14:00"}) == 2
    assert await count(to="1900-01-01T00:00:00Z") == 0


async def test_events_and_entries_of_another_tenant_are_not_seen(
    client: httpx.AsyncClient, committed: Database, tenant: Tenant
) -> None:
    other = await make_tenant(committed, name="Other")
    await write(committed, other, "secret")
    await seal(committed, other.organization_id)
    assert (await client.get("/v1/events")).json()["data"] == []
    assert (await client.get("/v1/audit-entries")).json()["data"] == []


@pytest.mark.parametrize(
    ("path", "scope"), [("/v1/events", "events:read"), ("/v1/audit-entries", "audit:read"), ("/v1/jobs", "jobs:read")]
)
async def test_each_list_has_its_scope(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator, path: str, scope: str
) -> None:
    only = {"Authorization": f"Bearer {authenticator.grant(tenant, scope)}"}
    assert (await client.get(path, headers=only)).status_code == 200
    other = {"Authorization": f"Bearer {authenticator.grant(tenant, 'accounts:read')}"}
    assert (await client.get(path, headers=other)).status_code == 403


async def test_a_dead_job_is_seen_and_tried_again(
    client: httpx.AsyncClient, committed: Database, claims: Database, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    kind = f"test.{new_id()}"
    async with committed.write(tenant.organization_id, SYSTEM) as session:
        owe(session, kind, "a")
    (lease,) = await job_leases.claim(claims, [kind], 1)
    path = f"/v1/jobs/{lease.id}"
    assert (await client.get(path)).json()["state"] == "leased"
    refused = await client.post(f"{path}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "job.not_dead")
    await job_leases.fail(claims, lease, GiveUp("the file is gone"))
    (dead,) = (await client.get("/v1/jobs", params={"state": "dead", "kind": kind})).json()["data"]
    assert (dead["last_error"], dead["allowed_actions"]) == ("the file is gone", ["retry"])
    reader = {"Authorization": f"Bearer {authenticator.grant(tenant, 'jobs:read')}"}
    assert (await client.post(f"{path}/retry", headers=reader)).status_code == 403
    again = await client.post(f"{path}/retry")
    assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (200, "due", 0)
    assert (await client.get(f"/v1/jobs/{new_id()}")).status_code == 404
    assert (await client.post(f"/v1/jobs/{new_id()}/retry")).status_code == 404


async def test_who_works_on_some_disputes_sees_the_events_of_those(
    client: httpx.AsyncClient, committed: Database, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    resolver = ("events:read", "accounts:read", "invoices:read", "disputes:read", "disputes:write")
    grace = person("Grace", *resolver)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        _, owed = await issue(session, tenant, 100_00, date(2026, 3, 2), number="RE-EVENTS")
        others = await dispute(session, (owed, 10_00), on=date(2026, 3, 2))
        record_change(session, ChangeRow("promise", new_id(), "promise.made", None, {"account_id": tenant.account_id}))
        facts = {"subject_kind": "dispute", "subject_id": others}
        record_change(session, ChangeRow("document", new_id(), "document.linked", None, facts))
    async with committed.write(tenant.organization_id, grace) as session:
        own = await dispute(session, (owed, 20_00), on=date(2026, 3, 2))
    await seal(committed, tenant.organization_id)
    authenticator.principals["grace"] = Principal(tenant.organization_id, grace, frozenset(resolver))
    mine = await client.get("/v1/events", headers={"Authorization": "Bearer grace"})
    shown = [(row["type"], row["entity"]["id"]) for row in mine.json()["data"]]
    assert ("dispute.opened", str(own)) in shown
    assert "invoice.issued" in {event for event, _ in shown}
    assert not {"promise.made", "document.linked"} & {event for event, _ in shown}
    assert str(others) not in {entity for _, entity in shown}
    everything, cursor = await read_all(client)
    assert {"promise.made", "document.linked"} <= {row["type"] for row in everything}
    assert mine.json()["has_more"] is False
    assert mine.json()["data"][-1]["position"] <= len(everything)
    assert cursor == mine.json()["next_cursor"], "the place in the order is the same for all"
