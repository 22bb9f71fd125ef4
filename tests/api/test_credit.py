"""Credit over HTTP: an order answered in one request, reviews by two people, the account's file."""

from __future__ import annotations

import secrets
from typing import Any

import httpx
import pytest

from app.core.ids import new_id
from app.infra.database import Actor
from app.infra.principal import Principal
from app.organizations.rules import ROLES
from tests.conftest import StaticAuthenticator
from tests.factories import ALL_SCOPES, Tenant


@pytest.fixture
def boss(tenant: Tenant, authenticator: StaticAuthenticator) -> dict[str, str]:
    """Headers of another person who may approve anything."""
    token = secrets.token_hex(8)
    actor = Actor("user", new_id(), "Grace Approver", approval_limit_minor=None)
    authenticator.principals[token] = Principal(tenant.organization_id, actor, ALL_SCOPES)
    return {"Authorization": f"Bearer {token}"}


async def set_limit(client: httpx.AsyncClient, tenant: Tenant, limit: str | None) -> None:
    where = f"/v1/accounts/{tenant.account_id}"
    version = (await client.get(where)).headers["etag"]
    changed = await client.patch(where, json={"credit_limit": limit}, headers={"If-Match": version})
    assert changed.status_code == 200, changed.text


async def check(client: httpx.AsyncClient, tenant: Tenant, amount: str, **more: Any) -> dict[str, Any]:
    body = {"account_id": str(tenant.account_id), "amount": amount, "currency": "EUR"} | more
    made = await client.post("/v1/credit/checks", json=body)
    assert made.status_code == 201, made.text
    found = await client.get(made.headers["location"])
    assert found.json() == made.json(), "the decision is kept as it was answered"
    return dict(made.json())


async def test_an_order_is_answered_in_one_request_with_its_reasons(client: httpx.AsyncClient, tenant: Tenant) -> None:
    assert (await check(client, tenant, "1000000.00"))["outcome"] == "approve"
    await set_limit(client, tenant, "0")
    assert (await check(client, tenant, "0.01"))["outcome"] == "refuse"
    await set_limit(client, tenant, "200.00")
    where = "/v1/credit/orders/by-ref/gp/SO-1"
    order = {"account_number": "C-1", "currency": "EUR", "open_amount": "100.00"}
    assert [(await client.put(where, json=order)).status_code for _ in range(2)] == [201, 200]
    assert (await check(client, tenant, "1.00"))["outcome"] == "approve"
    referred = await check(client, tenant, "101.00")
    assert referred["outcome"] == "refer"
    assert referred["policy_version"] == 0
    assert referred["exposure"]["orders_amount"] == "100.00"
    reason = referred["reasons"][0]
    assert (reason["code"], reason["leads_to"]) == ("limit_exceeded", "refer")
    assert (reason["facts"]["available"], reason["facts"]["after"]) == ("100.00", "201.00")
    own = await check(client, tenant, "200.00", order_ref={"source": "gp", "id": "SO-1"})
    assert own["outcome"] == "approve"


async def test_the_queue_of_referred_orders(client: httpx.AsyncClient, tenant: Tenant, boss: dict[str, str]) -> None:
    await set_limit(client, tenant, "1.00")
    asked = await check(client, tenant, "2.00")
    assert asked["allowed_actions"] == ["approve", "refuse"]
    waiting = (await client.get("/v1/credit/decisions", params={"waiting": True})).json()["data"]
    assert [row["id"] for row in waiting] == [asked["id"]]
    where = f"/v1/credit/decisions/{asked['id']}/approve"
    own = await client.post(where, json={"note": "ok"})
    assert (own.status_code, own.json()["code"]) == (403, "credit.own_approval")
    made = await client.post(where, json={"note": "ok"}, headers=boss)
    assert (made.status_code, made.json()["answers_id"]) == (201, asked["id"])
    again = await client.post(where, json={"note": "ok"}, headers=boss)
    assert (again.status_code, again.json()["code"]) == (409, "credit_decision.not_referred")
    assert (await client.get("/v1/credit/decisions", params={"waiting": True})).json()["data"] == []


async def test_a_reserved_order_needs_its_reference(client: httpx.AsyncClient, tenant: Tenant) -> None:
    body = {"account_id": str(tenant.account_id), "amount": "1", "currency": "EUR", "reserve": True}
    refused = await client.post("/v1/credit/checks", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/order_ref")


async def test_a_review_from_draft_to_the_new_limit(
    client: httpx.AsyncClient, tenant: Tenant, boss: dict[str, str]
) -> None:
    made = await client.post("/v1/credit/reviews", json={"account_id": str(tenant.account_id)})
    assert (made.status_code, made.json()["allowed_actions"]) == (201, ["recommend"])
    second = await client.post("/v1/credit/reviews", json={"account_id": str(tenant.account_id)})
    assert (second.status_code, second.json()["code"]) == (409, "credit_review.open")
    where = f"/v1/credit/reviews/{made.json()['id']}"
    recommended = await client.post(f"{where}/recommend", headers={"If-Match": made.headers["etag"]})
    assert recommended.json()["recommended_limit"] == "0.00"
    assert recommended.json()["reasons"][0]["code"] == "need"
    stale = await client.patch(where, json={"limit": "500.00"}, headers={"If-Match": made.headers["etag"]})
    assert stale.status_code == 412
    tag = {"If-Match": recommended.headers["etag"]}
    proposed = await client.patch(where, json={"limit": "500.00", "risk_class": "medium"}, headers=tag)
    assert (proposed.status_code, proposed.json()["allowed_actions"]) == (200, ["recommend", "update"])
    tag = {"If-Match": proposed.headers["etag"]}
    assert (await client.post(f"{where}/approve", json={}, headers=tag)).status_code == 403
    seen = await client.get(where, headers=boss)
    assert seen.json()["allowed_actions"] == ["recommend", "update", "approve", "reject"]
    approved = await client.post(f"{where}/approve", json={"note": "agreed"}, headers=tag | boss)
    assert (approved.status_code, approved.json()["state"]) == (200, "approved")
    account = (await client.get(f"/v1/accounts/{tenant.account_id}")).json()
    assert (account["credit_limit"], account["risk_class"]) == ("500.00", "medium")
    changes = (await client.get("/v1/credit/limit-changes", params={"account_id": str(tenant.account_id)})).json()
    assert [(row["limit_before"], row["limit"]) for row in changes["data"]] == [(None, "500.00")]


async def test_the_file_of_an_account(client: httpx.AsyncClient, tenant: Tenant) -> None:
    account = str(tenant.account_id)
    score = {"account_number": "C-1", "provider": "Bureau", "score": "250", "worst_score": "600", "best_score": "100",
             "scored_on": "2026-03-01"}  # fmt: skip
    batch = await client.post("/v1/credit/bureau-scores/batch", json={"items": [score, score | {"score": "900"}]})
    assert [row["status"] for row in batch.json()["results"]] == ["created", "refused"]
    atomic = {"atomic": True}
    refused = await client.post("/v1/credit/bureau-scores/batch", json={"items": [score | {"score": "900"}]},
                                params=atomic)  # fmt: skip
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/items/0/score")
    figures = {"equity": "-50.00", "total_assets": "1000.00", "operating_cash_flow": "120.00"}
    statement = {"account_id": account, "period_end": "2025-12-31", "currency": "EUR", "figures": figures}
    assert (await client.post("/v1/credit/statements/batch", json={"items": [statement]})).json()["refused"] == 0
    security = {"account_id": account, "kind": "insurance", "provider": "Insurer", "currency": "EUR",
                "amount": "100.00", "cover_percent": "90", "valid_from": "2020-01-01"}  # fmt: skip
    covered = await client.post("/v1/credit/securities", json=security)
    assert (covered.status_code, covered.json()["cover_percent"]) == (201, "90")
    remark = await client.post(f"/v1/accounts/{account}/credit/remarks", json={"body": "pays after the second call"})
    assert remark.status_code == 201
    found = (await client.get(f"/v1/accounts/{account}/credit")).json()
    assert found["bureau_scores"][0]["percent"] == 70
    assert found["statements"][0]["ratios"]["equity_ratio"] == "-5.0"
    assert found["statements"][0]["payment_capacity"] == "10.00"
    assert found["remarks"][0]["body"] == "pays after the second call"
    assert found["securities"][0]["allowed_actions"] == ["cancel"]
    assert (found["credit_status"], found["policy_version"], found["score"]) == ("ok", 0, None)


async def test_a_hold_is_placed_and_released_and_the_status_follows(client: httpx.AsyncClient, tenant: Tenant) -> None:
    body = {"account_id": str(tenant.account_id), "level": "stop", "reason_code": "insolvency"}
    made = await client.post("/v1/credit/holds", json=body)
    assert made.status_code == 201
    account = f"/v1/accounts/{tenant.account_id}"
    assert (await client.get(account)).json()["credit_status"] == "stop"
    assert (await check(client, tenant, "1"))["outcome"] == "refuse"
    where = f"/v1/credit/holds/{made.json()['id']}/release"
    assert (await client.post(where, json={"reason": "withdrawn"})).status_code == 428
    tag = {"If-Match": made.headers["etag"]}
    assert (await client.post(where, json={"reason": "withdrawn"}, headers=tag)).json()["allowed_actions"] == []
    assert (await client.get(account)).json()["credit_status"] == "ok"
    changes = (await client.get(f"{account}/credit/status-changes")).json()["data"]
    assert [row["status"] for row in changes] == ["ok", "stop"]


async def test_the_policy_is_drafted_activated_and_then_fixed(client: httpx.AsyncClient) -> None:
    shipped = (await client.get("/v1/credit/policy")).json()
    assert (shipped["number"], shipped["policy"]["watch_utilisation_percent"]) == (0, 90)
    body = {"name": "strict", "policy": {"watch_utilisation_percent": 80, "minimum_overdue": "25.00"}}
    made = await client.post("/v1/credit/policies", json=body)
    assert made.json()["policy"]["minimum_overdue"] == "25.00"
    where, tag = made.headers["location"], {"If-Match": made.headers["etag"]}
    wrong = await client.patch(where, json={"policy": {"watch_days_late": 60}}, headers=tag)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "credit_policy.invalid")
    past = await client.post(f"{where}/activate", json={"valid_from": "2020-01-01"}, headers=tag)
    assert past.status_code == 422
    active = await client.post(f"{where}/activate", json={"valid_from": "2199-01-01"}, headers=tag)
    assert (active.status_code, active.json()["allowed_actions"]) == (200, [])
    assert (await client.get("/v1/credit/policy", params={"on": "2199-06-01"})).json()["number"] == 1
    fixed = await client.patch(where, json={"name": "x"}, headers={"If-Match": active.headers["etag"]})
    assert (fixed.status_code, fixed.json()["code"]) == (409, "credit_policy.not_draft")


async def test_the_erp_may_not_decide(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    headers = {"Authorization": f"Bearer {authenticator.grant(tenant, 'credit:read', 'credit:write')}"}
    body = {"account_id": str(tenant.account_id), "level": "stop", "reason_code": "x"}
    assert (await client.post("/v1/credit/holds", json=body, headers=headers)).status_code == 403


async def test_counts_scores_and_accounts_by_status(client: httpx.AsyncClient, tenant: Tenant) -> None:
    await set_limit(client, tenant, "1.00")
    await check(client, tenant, "2.00")
    body = {"account_id": str(tenant.account_id), "level": "hold", "reason_code": "x"}
    await client.post("/v1/credit/holds", json=body)
    await client.post("/v1/credit/reviews", json={"account_id": str(tenant.account_id)})
    found = (await client.get("/v1/credit/counts")).json()
    waiting = {name: number for name, number in found.items() if number}
    assert waiting == {"referred_waiting": 1, "reviews_drafted": 1, "holds_standing": 1, "accounts_on_hold": 1}
    held = (await client.get("/v1/accounts", params={"credit_status": "hold"})).json()["data"]
    assert [row["number"] for row in held] == ["C-1"]
    assert (await client.get("/v1/accounts", params={"credit_status": "stop"})).json()["data"] == []
    invoice = {"number": "RE-1", "account_id": str(tenant.account_id), "legal_entity_id": str(tenant.legal_entity_id),
               "currency": "EUR", "amount": "10.00", "invoice_date": "2026-01-01",
               "due_date": "2026-01-31"}  # fmt: skip
    made = await client.post("/v1/invoices", json=invoice)
    assert made.status_code == 201, made.text
    await client.post("/v1/credit/holds", json=body)  # evaluates the account
    scores = (await client.get("/v1/credit/scores", params={"max_score": 60})).json()["data"]
    assert [(row["number"], row["credit_status"]) for row in scores] == [("C-1", "stop")]
    assert (await client.get("/v1/credit/scores", params={"max_score": 0})).json()["data"] == []


async def test_a_limit_is_not_set_by_whoever_may_only_change_accounts(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    headers = {"Authorization": f"Bearer {authenticator.grant(tenant, 'accounts:read', 'accounts:write')}"}
    where, tag = f"/v1/accounts/{tenant.account_id}", {"If-Match": "*"}
    refused = await client.patch(where, json={"credit_limit": "5.00"}, headers=headers | tag)
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope_missing")
    assert (await client.patch(where, json={"segment": "x"}, headers=headers | tag)).status_code == 200


async def test_a_limit_comes_from_the_system_that_leads_it_not_from_a_collector(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    body = {"number": "C-1", "name": "Brandt", "currency": "EUR", "credit_limit": "5.00"}
    plain = {name: value for name, value in body.items() if name != "credit_limit"}
    batch = {"items": [body | {"external_ref": {"source": "erp", "id": "1"}}]}
    collector = {"Authorization": f"Bearer {authenticator.grant(tenant, *ROLES['collector'])}"}
    for answered in (
        await client.put("/v1/accounts/by-ref/erp/1", json=body, headers=collector),
        await client.post("/v1/accounts/batch", json=batch, headers=collector),
        await client.post("/v1/accounts", json=body | {"number": "C-9"}, headers=collector),
        await client.put("/v1/accounts/by-ref/erp/1", json=plain | {"credit_status": "ok"}, headers=collector),
    ):
        assert (answered.status_code, answered.json()["code"]) == (403, "auth.scope_missing")
    assert (await client.put("/v1/accounts/by-ref/erp/1", json=plain, headers=collector)).status_code == 200
    erp = {"Authorization": f"Bearer {authenticator.grant(tenant, *ROLES['integration'])}"}
    led = await client.put("/v1/accounts/by-ref/erp/1", json=body, headers=erp)
    assert (led.status_code, led.json()["credit_limit"]) == (200, "5.00")


async def test_reserving_an_order_keeps_what_the_erp_reported_of_it(client: httpx.AsyncClient, tenant: Tenant) -> None:
    order = {"currency": "EUR", "open_amount": "10.00", "account_id": str(tenant.account_id), "number": "SO-1",
             "order_date": "2026-01-01", "expected_invoice_date": "2026-02-01"}  # fmt: skip
    assert (await client.put("/v1/credit/orders/by-ref/erp/1", json=order)).status_code == 201
    await check(client, tenant, "12.00", order_ref={"source": "erp", "id": "1"}, reserve=True)
    (kept,) = (await client.get("/v1/credit/orders")).json()["data"]
    assert (kept["open_amount"], kept["number"]) == ("12.00", "SO-1")
    assert (kept["order_date"], kept["expected_invoice_date"]) == ("2026-01-01", "2026-02-01")


async def test_of_two_orders_with_references_the_second_sees_the_first(
    client: httpx.AsyncClient, tenant: Tenant, boss: dict[str, str]
) -> None:
    await set_limit(client, tenant, "100.00")

    def order(number: str) -> dict[str, Any]:
        return {"order_ref": {"source": "gp", "id": number}}

    assert (await check(client, tenant, "60.00", **order("SO-1"), reserve=False))["outcome"] == "approve"
    assert (await check(client, tenant, "60.00", **order("SO-1")))["outcome"] == "approve"
    referred = await check(client, tenant, "60.00", **order("SO-2"))
    assert (referred["outcome"], referred["exposure"]["orders_amount"]) == ("refer", "60.00")
    assert (await check(client, tenant, "60.00", **order("SO-1")))["outcome"] == "approve", "the same order again"
    answer = f"/v1/credit/decisions/{referred['id']}/approve"
    assert (await client.post(answer, json={"note": "known customer"}, headers=boss)).status_code == 201
    listed = (await client.get("/v1/credit/orders", params={"open": True})).json()["data"]
    assert [(row["external_ref"]["id"], row["open_amount"]) for row in listed] == [("SO-1", "60.00"), ("SO-2", "60.00")]
    assert all(row["reserved_until"] for row in listed)
    body = {"account_number": "C-1", "currency": "EUR", "open_amount": "20.00"}
    reported = (await client.put("/v1/credit/orders/by-ref/gp/SO-1", json=body)).json()
    assert (reported["open_amount"], reported["reserved_until"]) == ("20.00", None)


async def test_nobody_decides_a_review_that_they_ever_proposed(
    client: httpx.AsyncClient, tenant: Tenant, boss: dict[str, str]
) -> None:
    made = await client.post("/v1/credit/reviews", json={"account_id": str(tenant.account_id)}, headers=boss)
    where = f"/v1/credit/reviews/{made.json()['id']}"
    first = await client.post(f"{where}/recommend", headers={"If-Match": made.headers["etag"]})
    last = await client.patch(where, json={"limit": "500.00"}, headers={"If-Match": first.headers["etag"]} | boss)
    assert last.status_code == 200, last.text
    # The caller proposed first, the boss edited last: neither may decide.
    for caller in ({}, boss):
        seen = (await client.get(where, headers=caller)).json()
        assert seen["allowed_actions"] == ["recommend", "update"]
        tag = {"If-Match": last.headers["etag"]} | caller
        for decision, body in (("approve", {}), ("reject", {"note": "no"})):
            refused = await client.post(f"{where}/{decision}", json=body, headers=tag)
            assert (refused.status_code, refused.json()["code"]) == (403, "credit.own_approval"), refused.text


async def test_a_check_says_whether_the_order_is_reserved(client: httpx.AsyncClient, tenant: Tenant) -> None:
    order = {"order_ref": {"source": "erp", "id": "SO-9"}}
    question = await check(client, tenant, "10.00")
    assert (question["outcome"], question["reserved"], question["not_reserved"]) == ("approve", False, "no_order_ref")
    asked = await check(client, tenant, "10.00", **order, reserve=False)
    assert (asked["reserved"], asked["not_reserved"]) == (False, "not_asked")
    held = await check(client, tenant, "10.00", **order)
    assert (held["reserved"], held["not_reserved"]) == (True, None)
    assert (await check(client, tenant, "10.00"))["exposure"]["orders_amount"] == "10.00"
    listed = (await client.get("/v1/credit/decisions")).json()["data"]
    assert [row["reserved"] for row in listed] == [False, True, False, False]


async def _in_force(client: httpx.AsyncClient, today: str, **policy: Any) -> None:
    made = await client.post("/v1/credit/policies", json={"name": "ours", "policy": policy})
    assert made.status_code == 201, made.text
    where, tag = f"/v1/credit/policies/{made.json()['id']}", {"If-Match": made.headers["etag"]}
    done = await client.post(f"{where}/activate", json={"valid_from": today}, headers=tag)
    assert done.status_code == 200, done.text


async def test_terms_and_risk_class_are_credits_business(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: Any, boss: dict[str, str]
) -> None:
    where = f"/v1/accounts/{tenant.account_id}"
    keeper = {"Authorization": f"Bearer {authenticator.grant(tenant, 'accounts:read', 'accounts:write')}"}
    tag = {"If-Match": (await client.get(where)).headers["etag"]}
    refused = await client.patch(where, json={"risk_class": "low"}, headers=keeper | tag)
    assert (refused.status_code, refused.json()["code"]) == (403, "account.credit_right_needed")
    by_reference = await client.put("/v1/accounts/by-ref/gp/C1", json={"number": "C-1", "name": "Customer",
                                    "currency": "EUR", "risk_class": "low"}, headers=keeper)  # fmt: skip
    assert by_reference.status_code == 403, by_reference.text
    same = await client.patch(where, json={"risk_class": None, "segment": "A"}, headers=keeper | tag)
    assert same.status_code == 200, "what does not change is no change"
    changed = await client.patch(where, json={"risk_class": "low"}, headers={"If-Match": same.headers["etag"]})
    assert changed.status_code == 200, changed.text
    entries = (await client.get("/v1/audit-entries", params={"entity_id": str(tenant.account_id)})).json()["data"]
    assert any(row["after"].get("risk_class") == "low" for row in entries)
    wrong = await client.post("/v1/credit/policies", json={"name": "x", "policy": {"direct_changes": "never"}})
    assert wrong.status_code == 422
    await _in_force(client, changed.json()["updated_at"][:10], direct_changes="review")
    tag = {"If-Match": changed.headers["etag"]}
    for change in ({"risk_class": "high"}, {"credit_limit": "900.00"}):
        demanded = await client.patch(where, json=change, headers=tag)
        assert (demanded.status_code, demanded.json()["code"]) == (409, "account.review_demanded")
    batch = await client.post("/v1/accounts/batch", json={"items": [
        {"number": "C-1", "name": "Customer", "currency": "EUR", "risk_class": "high"},
        {"number": "C-77", "name": "New", "currency": "EUR", "risk_class": "high"}]})  # fmt: skip
    assert [item["outcome"] for item in batch.json()["results"]] == ["refused", "created"], batch.text
    review = await client.post("/v1/credit/reviews", json={"account_id": str(tenant.account_id)})
    path = f"/v1/credit/reviews/{review.json()['id']}"
    proposal = await client.post(f"{path}/recommend", headers={"If-Match": review.headers["etag"]})
    edited = await client.patch(path, json={"risk_class": "high", "limit": "500.00"},
                                headers={"If-Match": proposal.headers["etag"]})  # fmt: skip
    done = await client.post(f"{path}/approve", json={}, headers={"If-Match": edited.headers["etag"]} | boss)
    assert done.status_code == 200, done.text
    assert (await client.get(where)).json()["risk_class"] == "high"
