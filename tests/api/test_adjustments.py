"""Adjustments over HTTP: asked for by one person, decided by another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.core.ids import new_id
from app.infra.database import Actor
from tests.api.test_invoices import invoice
from tests.conftest import StaticAuthenticator
from tests.factories import Tenant


@pytest.fixture
async def owed(client: httpx.AsyncClient, tenant: Tenant) -> dict[str, Any]:
    """An invoice of 5,000.00; the caller may decide 1,000.00 alone."""
    made = await client.post("/v1/invoices", json=invoice(tenant, amount="5000.00", tax_amount="0"))
    found: dict[str, Any] = made.json()
    return found


def ask(owed: dict[str, Any], **changes: Any) -> dict[str, Any]:
    body = {
        "instalment_id": owed["instalments"][0]["id"],
        "kind": "write_off",
        "currency": "EUR",
        "amount": "2000.00",
        "effective_date": "2026-03-10",
        "reason_code": "bad_debt",
        "reason": "insolvent",
    }
    return {**body, **changes}


async def test_a_small_one_is_posted_at_once_and_can_be_reversed(
    client: httpx.AsyncClient, owed: dict[str, Any]
) -> None:
    made = await client.post("/v1/adjustments", json=ask(owed, amount="1000.00"))
    assert (made.status_code, made.json()["state"], made.headers["ETag"]) == (201, "posted", '"1"'), made.text
    assert made.json()["allowed_actions"] == ["reverse"]
    found = (await client.get(f"/v1/invoices/{owed['id']}")).json()
    assert (found["open_amount"], found["status"]) == ("4000.00", "partially_applied")
    assert "void" not in found["allowed_actions"]
    where = f"/v1/adjustments/{made.json()['id']}"
    undo = await client.post(f"{where}/reverse", json={"effective_date": "2026-03-12", "reason": "paid"})
    assert (undo.status_code, undo.json()["amount"], undo.json()["reverses_id"]) == (
        201, "-1000.00", made.json()["id"],
    )  # fmt: skip
    original = (await client.get(where)).json()
    assert (original["reversed_by_id"], original["allowed_actions"]) == (undo.json()["id"], [])
    twice = await client.post(f"{where}/reverse", json={"effective_date": "2026-03-12", "reason": "paid"})
    assert (twice.status_code, twice.json()["code"]) == (409, "adjustment.decided")
    of_undo = f"/v1/adjustments/{undo.json()['id']}/reverse"
    refused = await client.post(of_undo, json={"effective_date": "2026-03-12", "reason": "paid"})
    assert (refused.status_code, refused.json()["code"]) == (409, "adjustment.not_reversible")
    found = (await client.get(f"/v1/invoices/{owed['id']}")).json()
    assert (found["open_amount"], found["status"], found["allowed_actions"][0]) == ("5000.00", "open", "void")


async def test_a_large_one_waits_for_somebody_else(
    client: httpx.AsyncClient, tenant: Tenant, owed: dict[str, Any], authenticator: StaticAuthenticator
) -> None:
    made = await client.post("/v1/adjustments", json=ask(owed))
    assert (made.status_code, made.json()["state"]) == (201, "requested")
    assert made.json()["allowed_actions"] == ["approve", "reject"]
    assert made.json()["requested_by_id"] == str(tenant.actor.id)
    queue = (await client.get("/v1/adjustments", params={"state": "requested", "kind": "write_off"})).json()["data"]
    assert [row["id"] for row in queue] == [made.json()["id"]]
    where = f"/v1/adjustments/{made.json()['id']}/approve"
    assert (await client.post(where, json={})).status_code == 428
    own = await client.post(where, json={}, headers={"If-Match": '"1"'})
    assert (own.status_code, own.json()["code"]) == (403, "approval.by_requester")
    small = as_person(authenticator, tenant, limit=199_999)
    above = await client.post(where, json={}, headers={**small, "If-Match": '"1"'})
    assert (above.status_code, above.json()["code"]) == (403, "approval.limit_exceeded")
    chief = as_person(authenticator, tenant, limit=None)
    stale = await client.post(where, json={}, headers={**chief, "If-Match": '"2"'})
    assert stale.status_code == 412
    done = await client.post(where, json={"note": "agreed"}, headers={**chief, "If-Match": '"1"'})
    assert (done.status_code, done.json()["state"], done.json()["decided_by"]) == (200, "posted", "Chief")
    assert done.headers["ETag"] == '"2"'
    again = await client.post(where, json={}, headers={**chief, "If-Match": '"2"'})
    assert (again.status_code, again.json()["code"]) == (409, "adjustment.decided")
    assert (await client.get(f"/v1/invoices/{owed['id']}")).json()["open_amount"] == "3000.00"


def as_person(authenticator: StaticAuthenticator, tenant: Tenant, limit: int | None) -> dict[str, str]:
    actor = Actor("user", new_id(), "Chief", approval_limit_minor=limit)
    return {"Authorization": f"Bearer {authenticator.grant(replace(tenant, actor=actor))}"}


async def test_rejecting_posts_nothing(
    client: httpx.AsyncClient, tenant: Tenant, owed: dict[str, Any], authenticator: StaticAuthenticator
) -> None:
    made = (await client.post("/v1/adjustments", json=ask(owed))).json()
    chief = as_person(authenticator, tenant, limit=None)
    where = f"/v1/adjustments/{made['id']}/reject"
    done = await client.post(where, json={"note": "no"}, headers={**chief, "If-Match": '"1"'})
    assert (done.json()["state"], done.json()["decision_note"], done.json()["allowed_actions"]) == (
        "rejected", "no", [],
    )  # fmt: skip
    assert (await client.get(f"/v1/invoices/{owed['id']}")).json()["open_amount"] == "5000.00"


async def test_refusals(client: httpx.AsyncClient, tenant: Tenant, owed: dict[str, Any]) -> None:
    for changes, status, code in (
        ({"amount": "0.00"}, 422, "adjustment.invalid"),
        ({"amount": "5000.01"}, 422, "instalment.over_applied"),
        ({"amount": "1.005"}, 422, "money.amount_invalid"),
        ({"currency": "USD"}, 422, "money.currency_mismatch"),
        ({"kind": "void"}, 422, "request.invalid"),
        ({"effective_date": "2026-02-28"}, 422, "invoice.effective_date_too_early"),
        ({"instalment_id": str(tenant.account_id)}, 404, "instalment.not_found"),
        ({"reason_code": "a\x00"}, 422, "request.invalid"),
    ):
        refused = await client.post("/v1/adjustments", json=ask(owed, **changes))
        assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert (await client.get(f"/v1/adjustments/{tenant.account_id}")).json()["code"] == "adjustment.not_found"
