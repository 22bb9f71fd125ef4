"""Disputes over HTTP: who sees what, versions, catalogues, counts, refusals."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.core.ids import new_id
from app.infra.principal import Principal
from tests.api.test_documents import PDF, upload
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.disputing import add_user, person
from tests.factories import ALL_SCOPES, Tenant
from tests.receivables import credit, issue, pay

MARCH_2 = date(2026, 3, 2)
RESOLVER = ("disputes:read", "disputes:write", "documents:read", "documents:write", "invoices:read", "invoices:write")


@pytest.fixture
async def owed(database: RolledBackDatabase, tenant: Tenant) -> UUID:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, instalment_id = await issue(session, tenant, 100_000, MARCH_2, number="RE-1")
    return instalment_id


def body(owed: UUID, **changes: Any) -> dict[str, Any]:
    lines = [{"instalment_id": str(owed), "amount": "180.00"}]
    return {"lines": lines, "currency": "EUR", "reason_code": "damaged_goods", "description": "wet boxes", **changes}


def sign_in(
    authenticator: StaticAuthenticator, tenant: Tenant, user_id: UUID, name: str, *scopes: str
) -> dict[str, str]:
    actor = person(name, *scopes, limit=100_000, user_id=user_id)
    token = f"token-{user_id}"
    authenticator.principals[token] = Principal(tenant.organization_id, actor, frozenset(scopes))
    return {"Authorization": f"Bearer {token}"}


async def test_a_dispute_is_opened_read_listed_and_counted(
    client: httpx.AsyncClient, tenant: Tenant, owed: UUID
) -> None:
    made = await client.post("/v1/disputes", json=body(owed, customer_reference="RMA 7", opened_on="2026-03-02"))
    assert made.status_code == 201, made.text
    found = made.json()
    assert (found["state"], found["amount"], found["reason_label"], found["team"]) == (
        "open", "180.00", "Damaged goods", "logistics",
    )  # fmt: skip
    assert (found["account_number"], found["opened_on"], found["sla_due_on"]) == ("C-1", "2026-03-02", "2026-03-16")
    assert found["lines"][0]["invoice_number"] == "RE-1"
    assert found["lines"][0]["undisputed_amount"] == "820.00"
    assert found["allowed_actions"] == ["assign", "comment", "edit", "resolve", "review", "withdraw"]
    where = f"/v1/disputes/{found['id']}"
    read = await client.get(where)
    assert (read.json(), read.headers["etag"]) == (found, '"1"')
    for query, count in (
        ({"account_id": str(tenant.account_id)}, 1),
        ({"invoice_id": found["lines"][0]["invoice_id"]}, 1),
        ({"instalment_id": str(owed), "active": "true", "origin": "manual"}, 1),
        ({"number": found["number"], "reason_code": "damaged_goods", "team": "logistics"}, 1),
        ({"unassigned": "true", "sla_due_to": "2026-03-16", "opened_from": "2026-03-02"}, 1),
        ({"state": "in_review"}, 0),
        ({"reason_code": "nothing_known"}, 0),
        ({"team": "nobody"}, 0),
        ({"mine": "true"}, 0),
        ({"sla_breached": "true"}, 0),
        ({"credit_pending": "true"}, 0),
        ({"currency": "USD"}, 0),
        ({"sort": "-sla_due_on"}, 1),
    ):
        listed = await client.get("/v1/disputes", params=query)
        assert listed.status_code == 200, listed.text
        assert len(listed.json()["data"]) == count, query
    counts = (await client.get("/v1/disputes/counts")).json()
    assert counts == {
        "active": 1, "open": 1, "in_review": 0, "awaiting_customer": 0, "sla_breached": 0, "unassigned": 1, "mine": 0,
        "credit_pending": 0,
    }  # fmt: skip


async def test_aging_shows_what_is_disputed_now(client: httpx.AsyncClient, tenant: Tenant, owed: UUID) -> None:
    assert (await client.get("/v1/reports/aging")).json()["disputed_now"] == []
    await client.post("/v1/disputes", json=body(owed))
    for query, found in (
        ({}, [{"currency": "EUR", "amount": "180.00"}]),
        ({"account_id": str(tenant.account_id), "currency": "EUR"}, [{"currency": "EUR", "amount": "180.00"}]),
        ({"account_id": str(new_id())}, []),
    ):
        assert (await client.get("/v1/reports/aging", params=query)).json()["disputed_now"] == found


async def test_of_two_who_edit_the_same_dispute_one_gets_412(client: httpx.AsyncClient, owed: UUID) -> None:
    found = (await client.post("/v1/disputes", json=body(owed))).json()
    where, version = f"/v1/disputes/{found['id']}", {"If-Match": '"1"'}
    first = await client.patch(where, json={"description": "very wet boxes"}, headers=version)
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    second = await client.patch(where, json={"description": "dry boxes"}, headers=version)
    assert (second.status_code, second.json()["code"]) == (412, "stale_version")
    missing = await client.patch(where, json={"description": "dry boxes"})
    assert missing.status_code == 428
    for step, sent in (
        ("assign", {"assignee_id": None, "team": "sales"}),
        ("review", {}),
        ("await-customer", {}),
        ("resolve", {"resolution": "rejected", "note": "no"}),
        ("resolve", {"resolution": "credited"}),
        ("withdraw", {}),
    ):
        stale = await client.post(f"{where}/{step}", json=sent, headers=version)
        assert stale.status_code == 412, (step, stale.text)
    assert (await client.get(where)).json()["description"] == "very wet boxes"


async def test_the_life_of_a_dispute(client: httpx.AsyncClient, owed: UUID) -> None:
    found = (await client.post("/v1/disputes", json=body(owed))).json()
    where = f"/v1/disputes/{found['id']}"
    refused = await client.post(f"{where}/await-customer", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "dispute.state_invalid")
    assert (await client.post(f"{where}/review", json={"note": "asking the driver"})).json()["state"] == "in_review"
    waiting = (await client.post(f"{where}/await-customer", json={})).json()
    assert waiting["awaiting_since"] is not None
    assert waiting["allowed_actions"] == ["assign", "comment", "edit", "resolve", "review", "withdraw"]
    assert (await client.post(f"{where}/review", json={})).json()["awaiting_since"] is None
    lowered = await client.patch(
        where, json={"lines": [{"instalment_id": str(owed), "amount": "100.00"}]}, headers={"If-Match": "*"}
    )
    assert (lowered.json()["disputed_amount"], lowered.json()["released_amount"]) == ("100.00", "80.00")
    for text in ("first", "second\nline"):
        assert (await client.post(f"{where}/comments", json={"text": text})).status_code == 201
    comments = (await client.get(f"{where}/comments", params={"sort": "-created"})).json()["data"]
    assert [comment["text"] for comment in comments] == ["second\nline", "first"]
    unexplained = await client.post(f"{where}/resolve", json={"resolution": "rejected"})
    assert unexplained.json()["errors"][0]["pointer"] == "/note"
    unpaid = await client.post(f"{where}/resolve", json={"resolution": "paid"})
    assert unpaid.json()["code"] == "dispute.not_paid"
    rejected = await client.post(f"{where}/resolve", json={"resolution": "rejected", "note": "signed for"})
    assert (rejected.json()["state"], rejected.json()["released_amount"]) == ("resolved_rejected", "180.00")
    assert rejected.json()["allowed_actions"] == ["comment", "reopen"]
    again = await client.post(f"{where}/reopen", json={"note": "new photos"})
    assert (again.json()["state"], again.json()["disputed_amount"]) == ("open", "180.00")
    withdrawn = await client.post(f"{where}/withdraw", json={})
    assert withdrawn.json()["state"] == "withdrawn"
    history = (await client.get(f"{where}/history")).json()["data"]
    assert [step["to_state"] for step in history] == [
        "open", "in_review", "awaiting_customer", "in_review", "resolved_rejected", "open", "withdrawn",
    ]  # fmt: skip


async def test_refusals_point_at_the_field(client: httpx.AsyncClient, owed: UUID) -> None:
    line = {"instalment_id": str(owed)}
    for changes, code, pointer in (
        ({"lines": [{**line, "amount": "1000.01"}]}, "dispute.too_much", "/lines/0/amount"),
        ({"lines": [{**line, "amount": "0"}]}, "dispute.invalid", "/lines/0/amount"),
        ({"lines": [line, line]}, "dispute.invalid", "/lines"),
        ({"lines": [{"instalment_id": str(new_id())}]}, "dispute.instalment_unknown", "/lines/0/instalment_id"),
        ({"currency": "USD"}, "dispute.invalid", "/currency"),
        ({"reason_code": "bad_mood"}, "dispute.reason_unknown", "/reason_code"),
        ({"team": "nobody"}, "dispute.team_unknown", "/team"),
        ({"assignee_id": str(new_id())}, "dispute.assignee_unknown", "/assignee_id"),
    ):
        refused = await client.post("/v1/disputes", json=body(owed, **changes))
        assert (refused.status_code, refused.json()["code"]) == (422, code), refused.text
        assert refused.json()["errors"][0]["pointer"] == pointer
    unknown = await client.post("/v1/disputes", json=body(owed, document_ids=[str(new_id())]))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "document.not_found")


async def test_a_credit_above_the_limit_is_approved_by_somebody_else(
    client: httpx.AsyncClient, tenant: Tenant, owed: UUID, authenticator: StaticAuthenticator
) -> None:
    scopes = tuple(ALL_SCOPES)
    small = person("Rita", *scopes, limit=10_000)
    large = person("Max", *scopes, limit=50_000)
    for token, actor in (("small", small), ("large", large)):
        authenticator.principals[token] = Principal(tenant.organization_id, actor, frozenset(scopes))
    rita, max_ = {"Authorization": "Bearer small"}, {"Authorization": "Bearer large"}
    found = (await client.post("/v1/disputes", json=body(owed))).json()
    where = f"/v1/disputes/{found['id']}"
    asked = await client.post(f"{where}/resolve", json={"resolution": "credited"}, headers=rita)
    assert (asked.json()["state"], asked.json()["credits"][0]["state"]) == ("open", "requested")
    assert not {"approve-credit", "resolve"} & set(asked.json()["allowed_actions"])
    assert (await client.get("/v1/disputes", params={"credit_pending": "true"}, headers=max_)).json()["data"][0][
        "allowed_actions"
    ].count("approve-credit") == 1
    assert (await client.get("/v1/disputes/counts")).json()["credit_pending"] == 1
    own = await client.post(f"{where}/approve-credit", json={}, headers=rita)
    assert (own.status_code, own.json()["code"]) == (403, "dispute.approval_by_requester")
    approved = await client.post(f"{where}/approve-credit", json={"note": "fine"}, headers=max_)
    assert (approved.json()["state"], approved.json()["resolved_by"]) == ("resolved_credited", "Max")
    assert approved.json()["credits"][0]["decided_by"] == "Max"


async def test_a_resolver_sees_and_touches_only_their_own(
    client: httpx.AsyncClient,
    database: RolledBackDatabase,
    tenant: Tenant,
    owed: UUID,
    authenticator: StaticAuthenticator,
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        grace = await add_user(session, "grace@acme.example")
    headers = sign_in(authenticator, tenant, grace, "Grace", *RESOLVER)
    hers = (await client.post("/v1/disputes", json=body(owed, assignee_id=str(grace)))).json()
    other = (await client.post("/v1/disputes", json=body(owed))).json()
    paper = (await upload(client, PDF, "claim.pdf", ("dispute", other["id"]))).json()
    listed = (await client.get("/v1/disputes", headers=headers)).json()["data"]
    assert [found["id"] for found in listed] == [hers["id"]]
    assert (await client.get("/v1/disputes/counts", headers=headers)).json()["active"] == 1
    where = f"/v1/disputes/{other['id']}"
    assert (await client.get(where, headers=headers)).status_code == 404
    for path in ("comments", "history"):
        assert (await client.get(f"{where}/{path}", headers=headers)).status_code == 404
    assert (await client.post(f"{where}/withdraw", json={}, headers=headers)).status_code == 404
    assert (await client.get(f"/v1/documents/{paper['id']}/content", headers=headers)).status_code == 404
    query = {"subject_kind": "dispute", "subject_id": other["id"]}
    assert (await client.get("/v1/documents", params=query, headers=headers)).json()["data"] == []
    mine = await upload(client, PDF + b"2", "photo.pdf", ("dispute", hers["id"]))
    assert (await client.get(f"/v1/documents/{mine.json()['id']}/content", headers=headers)).status_code == 200
    given = await client.post(
        f"/v1/disputes/{hers['id']}/assign", json={"assignee_id": None, "team": "sales"}, headers=headers
    )
    assert given.status_code == 200, "whoever gives a dispute away still sees what they did"
    assert (await client.get(f"/v1/disputes/{hers['id']}", headers=headers)).status_code == 404


async def test_reasons_and_teams_are_resources(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, owed: UUID
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        grace = await add_user(session, "grace@acme.example")
    team = await client.post(
        "/v1/dispute-teams",
        json={"code": "packing", "label": "Packing", "email": "packing@acme.example", "member_ids": [str(grace)]},
    )
    assert team.status_code == 201, team.text
    reason = await client.post(
        "/v1/dispute-reasons",
        json={"code": "wet", "label": "Wet", "team": "packing", "sla_business_days": 2, "aliases": ["water damage"]},
    )
    assert (reason.status_code, reason.json()["team"]) == (201, "packing")
    taken = await client.post("/v1/dispute-reasons", json={"code": "wet", "label": "Wet", "sla_business_days": 2})
    assert (taken.status_code, taken.json()["code"]) == (409, "dispute.code_taken")
    found = (await client.post("/v1/disputes", json=body(owed, reason_code="wet", opened_on="2026-03-06"))).json()
    assert (found["team"], found["sla_due_on"]) == ("packing", "2026-03-10")
    mails = (await client.get("/v1/outgoing-emails", params={"subject_id": found["id"]})).json()["data"]
    assert [mail["recipient"] for mail in mails] == ["packing@acme.example"]
    where = f"/v1/dispute-reasons/{reason.json()['id']}"
    assert (await client.patch(where, json={"active": False})).status_code == 428
    off = await client.patch(where, json={"active": False, "team": None}, headers={"If-Match": '"1"'})
    assert (off.json()["active"], off.json()["team"]) == (False, None)
    refused = await client.post("/v1/disputes", json=body(owed, reason_code="wet"))
    assert refused.json()["code"] == "dispute.reason_unknown"
    listed = (await client.get("/v1/dispute-reasons", params={"active": "true"})).json()["data"]
    assert "damaged_goods" in {found["code"] for found in listed}
    assert "wet" not in {found["code"] for found in listed}
    other = next(found for found in listed if found["code"] == "other")
    kept = await client.patch(f"/v1/dispute-reasons/{other['id']}", json={"active": False}, headers={"If-Match": "*"})
    assert kept.status_code == 422
    emptied = await client.patch(
        f"/v1/dispute-teams/{team.json()['id']}", json={"member_ids": [], "email": None}, headers={"If-Match": '"1"'}
    )
    assert (emptied.json()["member_ids"], emptied.json()["email"]) == ([], None)
    wrong = await client.post("/v1/dispute-teams", json={"code": "x", "label": "X", "member_ids": [str(new_id())]})
    assert wrong.json()["errors"][0]["pointer"] == "/member_ids/0"


async def test_a_document_of_others_is_not_drawn_into_an_own_dispute(
    client: httpx.AsyncClient, tenant: Tenant, owed: UUID, authenticator: StaticAuthenticator
) -> None:
    secret = (await upload(client, PDF, "a.pdf", ("account", tenant.account_id))).json()["id"]
    token = authenticator.grant(tenant, *RESOLVER, "correspondence:write")
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get(f"/v1/documents/{secret}", headers=headers)).status_code == 404
    refused = await client.post("/v1/disputes", json=body(owed, document_ids=[secret]), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (404, "document.not_found")
    message = {"account_id": str(tenant.account_id), "channel": "letter", "subject": "s", "body": "b",
               "document_ids": [secret]}  # fmt: skip
    kept = await client.post("/v1/correspondences", json=message, headers=headers)
    assert (kept.status_code, kept.json()["code"]) == (422, "correspondence.invalid")
    assert (await client.get(f"/v1/documents/{secret}", headers=headers)).status_code == 404


async def test_what_is_kept_back_of_a_payment_is_disputed_as_it_is_applied(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, owed = await issue(session, tenant, 1_000_00, date(2026, 3, 2), number="RE-KEPT")
        payment = await pay(session, tenant, 820_00, date(2026, 3, 10))
    line = {
        "instalment_id": str(owed),
        "amount": "820.00",
        "deduction_amount": "180.01",
        "deduction_reason": "damaged goods",
    }
    body = {"effective_date": "2026-03-10", "currency": "EUR", "lines": [line]}
    where = f"/v1/payments/{payment}/applications"
    too_much = await client.post(where, json=body)
    assert (too_much.status_code, too_much.json()["code"]) == (422, "application.deduction_invalid")
    assert too_much.json()["errors"][0]["pointer"] == "/lines/0/deduction_amount"
    line["deduction_amount"] = "180.00"
    applied = await client.post(where, json=body)
    assert applied.status_code == 201, applied.text
    (dispute_id,) = applied.json()["dispute_ids"]
    dispute = (await client.get(f"/v1/disputes/{dispute_id}")).json()
    assert (dispute["origin"], dispute["reason_code"], dispute["disputed_amount"], dispute["payment_id"]) == (
        "deduction", "damaged_goods", "180.00", str(payment),
    )  # fmt: skip
    assert applied.json()["lines"][0]["open_amount"] == "180.00"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        memo = await credit(session, tenant, 10_00, date(2026, 3, 2))
    line |= {"amount": "10.00", "deduction_amount": "1.00"}
    refused = await client.post(f"/v1/credit-memos/{memo}/applications", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "application.deduction_invalid")
