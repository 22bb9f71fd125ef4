"""HTTP of collection actions, outcomes, escalations, legal cases, assignment, targets and playbooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.core.clock import business_date, utc_now
from app.disputes.catalogue import ensure_catalogue
from tests.collecting import add_contact, add_user
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue

TODAY = business_date(utc_now(), "Europe/Berlin")


@pytest.fixture
async def owed(database: RolledBackDatabase, tenant: Tenant) -> UUID:
    """An instalment of 500.00, 40 days late."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return (await issue(session, tenant, 50_000, TODAY - timedelta(days=70)))[1]


@pytest.fixture
async def ada(database: RolledBackDatabase, tenant: Tenant) -> str:
    """A collector."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return str(await add_user(session, "Ada"))


def call(tenant: Tenant, **more: Any) -> dict[str, Any]:
    return {"account_id": str(tenant.account_id), "type": "call", "subject": "Ask for payment", **more}


async def test_a_call_is_written_down_with_its_promise(client: httpx.AsyncClient, tenant: Tenant, owed: UUID) -> None:
    promise = {"currency": "EUR", "amount": "200.00", "promised_date": str(TODAY + timedelta(days=3)),
               "instalment_ids": [str(owed)]}  # fmt: skip
    sent = call(tenant, complete={"outcome_code": "promised", "promise": promise, "note": "friendly"})
    made = await client.post("/v1/collection-actions", json=sent)
    assert made.status_code == 201, made.text
    action = made.json()
    assert (action["status"], action["outcome_code"], action["allowed_actions"]) == ("done", "promised", [])
    found = (await client.get(f"/v1/promises/{action['promise_id']}")).json()
    assert (found["amount"], found["status"]) == ("200.00", "open")
    promise["amount"] = "300.01"
    refused = await client.post("/v1/collection-actions", json=sent)
    assert (refused.status_code, refused.json()["code"]) == (422, "promise.over_promised")
    assert len((await client.get("/v1/collection-actions")).json()["data"]) == 1, "nothing of it stands"


async def test_the_life_of_an_action(client: httpx.AsyncClient, tenant: Tenant, ada: str, owed: UUID) -> None:
    made = await client.post("/v1/collection-actions", json=call(tenant, owner_id=ada, instalment_ids=[str(owed)]))
    path = made.headers["location"]
    assert (await client.patch(path, json={"priority": "urgent"})).status_code == 428
    changed = await client.patch(path, json={"priority": "urgent"}, headers={"If-Match": made.headers["etag"]})
    assert (changed.status_code, changed.json()["priority"]) == (200, "urgent")
    stale = await client.patch(path, json={"priority": "low"}, headers={"If-Match": made.headers["etag"]})
    assert stale.status_code == 412
    counts = (await client.get("/v1/collection-actions/counts", params={"owner_id": ada})).json()
    assert (counts["due_today"], counts["urgent"]) == (1, 1)
    done = await client.post(f"{path}/complete", json={"outcome_code": "no_answer"})
    assert done.status_code == 200, done.text
    following = (await client.get(f"/v1/collection-actions/{done.json()['next_action_id']}")).json()
    assert (following["type"], following["owner_id"], following["origin"]) == ("call", ada, "outcome")
    again = await client.post(f"{path}/complete", json={"outcome_code": "no_answer"})
    assert (again.status_code, again.json()["code"]) == (409, "collection_action.closed")
    cancelled = await client.post(f"/v1/collection-actions/{following['id']}/cancel", json={"reason": "paid"})
    assert cancelled.json()["status"] == "cancelled"
    for params, count in (
        ({"status": "done"}, 1), ({"type": "email"}, 0), ({"owner_id": ada, "sort": "due_date"}, 2),
        ({"instalment_id": str(owed), "sort": "priority"}, 2), ({"outcome_code": "no_answer"}, 1),
        ({"done_from": str(TODAY), "done_to": str(TODAY)}, 1), ({"due_from": str(TODAY + timedelta(days=30))}, 0),
        ({"priority": "urgent"}, 1), ({"due_to": str(TODAY), "sort": "-updated_at"}, 1),
    ):  # fmt: skip
        assert len((await client.get("/v1/collection-actions", params=params)).json()["data"]) == count, params


async def test_a_refused_contact_is_kept_with_its_reason(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        silent = await add_contact(session, tenant, do_not_contact=True)
    refused = await client.post("/v1/collection-actions", json=call(tenant, contact_id=str(silent)))
    assert (refused.status_code, refused.json()["reason"]) == (422, "do_not_contact")
    async with database.read(tenant.organization_id) as session:
        assert await session.driver.fetchval("SELECT reason FROM contact_attempts") == "do_not_contact"
        assert await session.driver.fetchval("SELECT count(*) FROM collection_actions") == 0


async def test_batches(client: httpx.AsyncClient, tenant: Tenant) -> None:
    items = [call(tenant), call(tenant, account_id="01981d8e-6a00-7000-8000-000000000001")]
    made = (await client.post("/v1/collection-actions/batch", json={"items": items})).json()
    assert [row["status"] for row in made["results"]] == ["created", "refused"]
    ids = [made["results"][0]["id"], "01981d8e-6a00-7000-8000-000000000001"]
    sent = {"action_ids": ids, "outcome_code": "done", "no_next_action": True}
    done = (await client.post("/v1/collection-actions/batch-complete", json=sent)).json()
    assert [row["status"] for row in done["results"]] == ["updated", "refused"]


async def test_the_catalogue_of_outcomes(client: httpx.AsyncClient, tenant: Tenant) -> None:
    usual = (await client.get("/v1/action-outcomes")).json()["data"]
    assert {"promised", "disputed", "refused", "no_answer"} <= {row["code"] for row in usual}
    body = {"code": "no_answer", "label": "Nobody there", "next_type": "letter", "next_business_days": 3}
    made = await client.post("/v1/action-outcomes", json=body)
    assert made.status_code == 201, made.text
    assert (await client.post("/v1/action-outcomes", json=body)).json()["code"] == "action_outcome.code_taken"
    path = f"/v1/action-outcomes/{made.json()['id']}"
    changed = await client.patch(path, json={"active": False}, headers={"If-Match": '"1"'})
    assert changed.json()["active"] is False
    after = (await client.get("/v1/action-outcomes")).json()["data"]
    assert len(after) == len(usual)
    action = await client.post("/v1/collection-actions", json=call(tenant))
    done = await client.post(f"{action.headers['location']}/complete", json={"outcome_code": "no_answer"})
    assert done.json()["code"] == "collection_action.outcome_unknown"


async def test_escalations_over_http(client: httpx.AsyncClient, tenant: Tenant, ada: str, owed: UUID) -> None:
    rule = {"code": "old", "name": "Older than 30 days", "days_past_due": 30, "to_user_id": ada}
    preview = (await client.post("/v1/escalation-rules/preview", json={"rules": [rule]})).json()
    assert (preview["total"], preview["rows"][0]["overdue_amount"]) == (1, "500.00")
    empty = await client.post("/v1/escalation-rules", json={"rules": [{"code": "x", "name": "All"}]})
    assert empty.json()["code"] == "collections.rules_invalid"
    versions = [await client.post("/v1/escalation-rules", json={"rules": [rule]}) for _ in range(2)]
    assert [made.json()["ordinal"] for made in versions] == [1, 2]
    listed = (await client.get("/v1/escalation-rules")).json()["data"]
    assert [row["ordinal"] for row in listed] == [2, 1]
    body = {"account_id": str(tenant.account_id), "reason_code": "angry", "until": str(TODAY), "to_user_id": ada}
    made = await client.post("/v1/escalations", json=body)
    assert made.status_code == 201, made.text
    assert (await client.post("/v1/escalations", json=body)).json()["code"] == "escalation.open_already"
    path = made.headers["location"]
    handed = await client.post(f"{path}/hand-on", json={"level": 2})
    assert handed.json()["level"] == 2
    for params, count in (({"status": "open", "to_user_id": ada}, 1), ({"overdue": "true"}, 0), ({"level": 1}, 0)):
        assert len((await client.get("/v1/escalations", params=params)).json()["data"]) == count
    counted = (await client.get("/v1/escalations/counts", params={"to_user_id": ada})).json()
    assert counted == {"open": 1, "overdue": 0, "ends_today": 1, "high": 1, "without_person": 0}
    closed = await client.post(f"{path}/close", json={"resolution": "calm"})
    assert (closed.json()["status"], closed.json()["allowed_actions"]) == ("closed", [])
    assert (await client.get(path)).headers["etag"] == f'"{closed.json()["version"]}"'


async def test_a_legal_case_over_http(client: httpx.AsyncClient, tenant: Tenant, owed: UUID) -> None:
    body = {"kind": "legal_case", "account_id": str(tenant.account_id), "currency": "EUR", "reason_code": "no_reaction",
            "fee_percent": "12.50"}  # fmt: skip
    made = await client.post("/v1/legal-cases", json=body)
    assert made.status_code == 201, made.text
    case = made.json()
    assert (case["claim_amount"], case["fee_percent"], case["status"]) == ("500.00", "12.50", "prepared")
    assert (await client.post("/v1/legal-cases", json=body)).status_code == 409
    path = made.headers["location"]
    assert (await client.post(f"{path}/refer", json={})).json()["code"] == "legal_case.invalid"
    referred = await client.post(f"{path}/refer", json={"partner": "Court of Berlin"})
    assert referred.json()["allowed_actions"] == ["progress", "close", "recall", "record_entry", "update"]
    entry = {"kind": "cost", "amount": "35.00", "on_date": str(TODAY), "description": "Court fee"}
    entered = (await client.post(f"{path}/entries", json=entry)).json()
    assert (entered["cost_amount"], entered["net_amount"]) == ("35.00", "-35.00")
    undone = await client.post(
        f"{path}/entries/{entered['entries'][0]['id']}/reverse", json={"on_date": str(TODAY), "reason": "twice"}
    )
    assert undone.json()["cost_amount"] == "0.00"
    patched = await client.patch(path, json={"note": "file 12"}, headers={"If-Match": undone.headers["etag"]})
    assert patched.json()["note"] == "file 12"
    progress = await client.post(f"{path}/progress", json={})
    assert progress.json()["status"] == "in_progress"
    evidence = (await client.get(f"{path}/evidence")).json()
    assert (evidence["account_number"], evidence["case"]["items"][0]["open_amount"]) == ("C-1", "500.00")
    closed = await client.post(f"{path}/close", json={"result": "recovered"})
    assert closed.json()["code"] == "legal_case.invalid"
    lost = await client.post(f"{path}/close", json={"result": "lost"})
    assert lost.json()["status"] == "lost"
    for params, count in (
        ({"status": "lost"}, 1),
        ({"kind": "agency_placement"}, 0),
        ({"instalment_id": str(owed)}, 1),
    ):
        assert len((await client.get("/v1/legal-cases", params=params)).json()["data"]) == count
    again = await client.post("/v1/legal-cases", json=body)
    assert (await client.post(f"{again.headers['location']}/recall", json={"reason": "paid"})).status_code == 200


async def test_assignment_over_http(client: httpx.AsyncClient, tenant: Tenant, ada: str) -> None:
    rules = {"rules": [{"code": "all", "collector_ids": [ada], "letters": ["A-Z"]}]}
    assert (await client.post("/v1/assignment-runs", json={})).json()["code"] == "assignment.no_rules"
    preview = (await client.post("/v1/assignment-rules/preview", json=rules)).json()
    assert (preview["changed"], preview["by_collector"]) == (1, {ada: 1})
    assert (await client.post("/v1/assignment-rules", json=rules)).status_code == 201
    assert len((await client.get("/v1/assignment-rules")).json()["data"]) == 1
    run = await client.post("/v1/assignment-runs", json={"only_unassigned": True})
    assert run.status_code == 202
    assert (await client.get(run.headers["location"])).json()["state"] == "waiting"
    sent = {"account_ids": [str(tenant.account_id)], "collector_id": ada, "reason": "new team"}
    assert (await client.post("/v1/assignments", json=sent)).json() == {"changed": 1}
    assert (await client.post("/v1/assignments", json=sent)).json() == {"changed": 0}
    history = (await client.get("/v1/assignments", params={"account_id": str(tenant.account_id)})).json()["data"]
    assert [row["collector_id"] for row in history] == [ada]


async def test_covers_targets_and_playbooks_over_http(
    client: httpx.AsyncClient, tenant: Tenant, ada: str, database: RolledBackDatabase
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        bob = str(await add_user(session, "Bob"))
    body = {"collector_id": ada, "cover_id": bob, "start_date": str(TODAY), "end_date": str(TODAY)}
    cover = await client.post("/v1/collector-covers", json=body)
    assert cover.status_code == 201, cover.text
    assert (await client.post("/v1/collector-covers", json=body)).json()["code"] == "collector_cover.overlaps"
    assert (await client.get("/v1/collector-covers")).json()["today"] == {ada: bob}
    ended = await client.post(f"/v1/collector-covers/{cover.json()['id']}/cancel")
    assert ended.json()["cancelled"] is True
    target = {"collector_id": ada, "month": TODAY.strftime("%Y-%m"), "currency": "EUR", "amount": "1000", "contacts": 5}
    made = await client.post("/v1/collector-targets", json=target)
    assert made.status_code == 201, made.text
    assert (await client.post("/v1/collector-targets", json=target)).json()["code"] == "collector_target.taken"
    patched = await client.patch(
        f"/v1/collector-targets/{made.json()['id']}", json={"amount": "2000"}, headers={"If-Match": '"1"'}
    )
    assert patched.json()["amount"] == "2000.00"
    (row,) = (await client.get("/v1/collector-targets")).json()["data"]
    assert (row["target_amount"], row["collected_amount"], row["amount_percent"]) == ("2000.00", "0.00", "0.00")
    book = {"code": "calls", "title": "Calls", "body": "# Be brief\n", "subjects": ["action_type:call"]}
    written = await client.post("/v1/playbooks", json=book)
    path = written.headers["location"]
    changed = await client.patch(path, json={"body": "# Be kind\n"}, headers={"If-Match": written.headers["etag"]})
    assert changed.json()["revision"] == 2
    assert [row["revision"] for row in (await client.get(f"{path}/revisions")).json()["data"]] == [2, 1]
    for params, count in (
        ({"subject": "action_type:call"}, 1),
        ({"subject": "outcome:x"}, 0),
        ({"active": "false"}, 0),
    ):
        assert len((await client.get("/v1/playbooks", params=params)).json()["data"]) == count
    action = await client.post("/v1/collection-actions", json=call(tenant))
    assert [shown["code"] for shown in action.json()["playbooks"]] == ["calls"]
    assert (await client.post("/v1/playbooks", json=book)).json()["code"] == "playbook.code_taken"
    damaged = {"code": "broken", "title": "Broken", "body": "# Look\n", "subjects": ["dispute_reason:damaged_goods"]}
    assert (await client.post("/v1/playbooks", json=damaged)).status_code == 201
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await ensure_catalogue(session)
    reasons = (await client.get("/v1/dispute-reasons")).json()["data"]
    beside = {row["code"]: [book["code"] for book in row["playbooks"]] for row in reasons}
    assert (beside["damaged_goods"], beside["other"]) == (["broken"], [])
