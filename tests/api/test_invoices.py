"""Invoices over HTTP."""

from __future__ import annotations

from typing import Any

import httpx

from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant, make_tenant


def invoice(tenant: Tenant, **changes: Any) -> dict[str, Any]:
    body = {
        "number": "RE-1",
        "account_id": str(tenant.account_id),
        "legal_entity_id": str(tenant.legal_entity_id),
        "currency": "EUR",
        "amount": "119.00",
        "tax_amount": "19.00",
        "invoice_date": "2026-03-01",
        "due_date": "2026-03-31",
    }
    return {**body, **changes}


async def test_an_invoice_is_issued_and_read_back(client: httpx.AsyncClient, tenant: Tenant) -> None:
    made = await client.post("/v1/invoices", json=invoice(tenant))
    assert made.status_code == 201, made.text
    found = await client.get(made.headers["Location"])
    assert found.json() == made.json()
    assert found.headers["ETag"] == '"1"'
    assert found.json()["open_amount"] == "119.00"
    assert [part["due_date"] for part in found.json()["instalments"]] == ["2026-03-31"]


async def test_the_same_number_is_refused_but_not_of_another_kind(client: httpx.AsyncClient, tenant: Tenant) -> None:
    assert (await client.post("/v1/invoices", json=invoice(tenant))).status_code == 201
    again = await client.post("/v1/invoices", json=invoice(tenant))
    assert again.status_code == 409
    assert again.json()["code"] == "invoice.number_taken"
    assert again.json()["errors"][0]["pointer"] == "/number"
    assert (await client.post("/v1/invoices", json=invoice(tenant, kind="debit_memo"))).status_code == 201


async def test_refusals_name_the_field(client: httpx.AsyncClient, tenant: Tenant) -> None:
    for changes, pointer in (
        ({"amount": "1.005"}, "/amount"),
        ({"amount": "0.00"}, "/amount"),
        ({"tax_amount": "120.00"}, "/tax_amount"),
        ({"due_date": "2026-02-28"}, "/due_date"),
        ({"due_date": None}, "/due_date"),
        ({"account_id": "01981d8e-6a00-7000-8000-000000000001"}, "/account_id"),
        ({"invoice_date": "2023-02-30"}, "/invoice_date"),
        ({"number": "A\x00"}, "/number"),
        ({"surprise": 1}, "/surprise"),
    ):
        answer = await client.post("/v1/invoices", json=invoice(tenant, **changes))
        assert answer.status_code == 422, (changes, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["pointer"] == pointer, (changes, answer.text)


async def test_a_void_takes_the_open_amount_away_and_frees_the_number(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    made = (await client.post("/v1/invoices", json=invoice(tenant))).json()
    body = {"effective_date": "2026-03-05", "reason": "wrong customer"}
    voided = await client.post(f"/v1/invoices/{made['id']}/void", json=body, headers={"If-Match": '"1"'})
    assert voided.status_code == 200, voided.text
    assert (voided.json()["status"], voided.json()["open_amount"]) == ("void", "0.00")
    assert voided.json()["allowed_actions"] == []
    again = await client.post(f"/v1/invoices/{made['id']}/void", json=body)
    assert again.json()["code"] == "invoice.void"
    assert (await client.post("/v1/invoices", json=invoice(tenant))).status_code == 201


async def test_a_stale_if_match_is_412(client: httpx.AsyncClient, tenant: Tenant) -> None:
    made = (await client.post("/v1/invoices", json=invoice(tenant))).json()
    body = {"effective_date": "2026-03-05", "reason": "x"}
    stale = await client.post(f"/v1/invoices/{made['id']}/void", json=body, headers={"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")


async def test_lists_are_paged_in_a_stable_order(client: httpx.AsyncClient, tenant: Tenant) -> None:
    for number in range(5):
        day = f"2026-03-{9 - number:02d}"
        made = await client.post("/v1/invoices", json=invoice(tenant, number=f"RE-{number}", invoice_date=day))
        assert made.status_code == 201
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2, "sort": "invoice_date"}
    while True:
        page = (await client.get("/v1/invoices", params=query)).json()
        seen += [row["number"] for row in page["data"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == ["RE-4", "RE-3", "RE-2", "RE-1", "RE-0"]
    other = await client.get("/v1/invoices", params={**query, "kind": "invoice"})
    assert (other.status_code, other.json()["code"]) == (422, "cursor_invalid")


async def test_another_tenant_sees_nothing(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase, authenticator: StaticAuthenticator
) -> None:
    made = (await client.post("/v1/invoices", json=invoice(tenant))).json()
    stranger = await make_tenant(database, name="Other")
    headers = {"Authorization": f"Bearer {authenticator.grant(stranger)}"}
    assert (await client.get(f"/v1/invoices/{made['id']}", headers=headers)).status_code == 404
    foreign = invoice(stranger, account_id=str(tenant.account_id))
    refused = await client.post("/v1/invoices", json=foreign, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "invoice.account_unknown")


async def test_scopes_are_asked_for(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    headers = {"Authorization": f"Bearer {authenticator.grant(tenant, 'invoices:read')}"}
    refused = await client.post("/v1/invoices", json=invoice(tenant), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope_missing")
    assert (await client.get("/v1/invoices", headers=headers)).status_code == 200
    assert (await client.get("/v1/invoices", headers={"Authorization": "Bearer x"})).status_code == 401


async def test_an_idempotency_key_replays(client: httpx.AsyncClient, tenant: Tenant) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = await client.post("/v1/invoices", json=invoice(tenant), headers=headers)
    again = await client.post("/v1/invoices", json=invoice(tenant), headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await client.post("/v1/invoices", json=invoice(tenant, number="RE-2"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.other_request")
