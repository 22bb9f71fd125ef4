"""Accounts, contacts, payer identities and payment terms over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant, make_tenant


def account(number: str = "C-100", **changes: Any) -> dict[str, Any]:
    return {"number": number, "name": f"Customer {number}", "currency": "EUR", **changes}


async def make(client: httpx.AsyncClient, number: str = "C-100", **changes: Any) -> dict[str, Any]:
    made = await client.post("/v1/accounts", json=account(number, **changes))
    assert made.status_code == 201, made.text
    body: dict[str, Any] = made.json()
    return body


async def test_an_account_is_created_read_changed_and_turned_off(client: httpx.AsyncClient) -> None:
    reference = {"source": "gp", "id": "A/1 ü"}
    made = await client.post("/v1/accounts", json=account(external_ref=reference, credit_limit="0", country="DE"))
    assert made.status_code == 201, made.text
    where = made.headers["Location"]
    found = await client.get(where)
    assert found.json() == made.json()
    assert found.headers["ETag"] == '"1"'
    assert (found.json()["credit_limit"], found.json()["external_ref"]) == ("0.00", reference)
    assert (await client.patch(where, json={"segment": "x"})).status_code == 428
    changed = await client.patch(where, json={"segment": "x", "credit_limit": None}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"'), changed.text
    assert (changed.json()["credit_limit"], changed.json()["segment"], changed.json()["country"]) == (None, "x", "DE")
    stale = await client.patch(where, json={"segment": "y"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    off = await client.post(f"{where}/deactivate")
    assert (off.json()["status"], "activate" in off.json()["allowed_actions"]) == ("inactive", True)
    assert (await client.post(f"{where}/activate")).json()["status"] == "active"


async def test_an_account_has_a_postal_address(client: httpx.AsyncClient) -> None:
    address = {"street": "Hafenstr. 12", "address_supplement": "Tor 3", "postal_code": "20457", "city": "Hamburg"}
    made = await make(client, **address, region=None)
    assert {name: made[name] for name in (*address, "region")} == {**address, "region": None}
    changes = {"street": None, "city": "Lübeck"}
    headers = {"If-Match": '"1"'}
    changed = (await client.patch(f"/v1/accounts/{made['id']}", json=changes, headers=headers)).json()
    assert (changed["street"], changed["city"], changed["postal_code"]) == (None, "Lübeck", "20457")


async def test_refusals_name_the_field(client: httpx.AsyncClient) -> None:
    nobody = "01981d8e-6a00-7000-8000-000000000001"
    await make(client, "taken", external_ref={"source": "gp", "id": "1"})
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"number": "taken"}, 409, "/number"),
        ({"external_ref": {"source": "gp", "id": "1"}}, 409, "/external_ref"),
        ({"parent_id": nobody}, 422, "/parent_id"),
        ({"parent_number": "nobody"}, 422, "/parent_number"),
        ({"parent_number": "C-100"}, 422, "/parent_number"),
        ({"parent_id": nobody, "parent_number": "taken"}, 422, "/parent_number"),
        ({"payment_terms_id": nobody}, 422, "/payment_terms_id"),
        ({"payment_terms_code": "net 5"}, 422, "/payment_terms_code"),
        ({"collector_id": nobody}, 422, "/collector_id"),
        ({"collector_email": "no@body.example"}, 422, "/collector_email"),
        ({"credit_limit": "1.005"}, 422, "/credit_limit"),
        ({"credit_limit": "-1"}, 422, "/credit_limit"),
        ({"currency": "XXX"}, 422, "/currency"),
        ({"time_zone": "Mars/Olympus"}, 422, "/time_zone"),
        ({"country": "de"}, 422, "/country"),
        ({"name": "\x00"}, 422, "/name"),
        ({"contact": {"email": "a@b"}}, 422, "/contact/email"),
        ({"bank_identifier": "-"}, 422, "/bank_identifier"),
        ({"surprise": 1}, 422, "/surprise"),
    ]
    for changes, status, pointer in cases:
        answer = await client.post("/v1/accounts", json=account(**changes))
        assert answer.status_code == status, (changes, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["pointer"] == pointer, (changes, answer.text)
    assert (await client.get("/v1/accounts", params={"number": "C-100"})).json()["data"] == []


async def test_put_by_reference_creates_then_updates(client: httpx.AsyncClient) -> None:
    where = "/v1/accounts/by-ref/gp/AB%2F12"
    body = account(country="DE", contact={"name": "Jo", "email": "jo@x.example"}, bank_identifier="DE89 3704")
    first = await client.put(where, json=body)
    assert first.status_code == 201, first.text
    assert first.json()["external_ref"] == {"source": "gp", "id": "AB/12"}
    again = await client.put(where, json=body)
    assert (again.status_code, again.json()["version"]) == (200, 1)
    renamed = await client.put(where, json=account(name="New name"))
    assert (renamed.json()["id"], renamed.json()["name"], renamed.json()["country"]) == (
        first.json()["id"], "New name", "DE",
    )  # fmt: skip
    stale = await client.put(where, json=body, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    found = await client.get("/v1/accounts", params={"source": "gp", "external_id": "AB/12"})
    assert [row["number"] for row in found.json()["data"]] == ["C-100"]
    contacts = (await client.get(f"/v1/accounts/{first.json()['id']}/contacts")).json()["data"]
    assert [contact["email"] for contact in contacts] == ["jo@x.example"]


async def test_a_batch_answers_for_each_item_and_atomic_for_all(client: httpx.AsyncClient) -> None:
    items = [
        account("B-1", parent_number="B-3"),
        account("B-2", credit_limit="1.234"),
        account("B-3"),
        account("B-4", parent_number="nobody"),
    ]
    atomic = await client.post("/v1/accounts/batch", params={"atomic": True}, json={"items": items})
    assert (atomic.status_code, atomic.json()["code"]) == (422, "batch.refused")
    assert [e["pointer"] for e in atomic.json()["errors"]] == ["/items/1/credit_limit", "/items/3/parent_number"]
    assert (await client.get("/v1/accounts", params={"number": "B-1"})).json()["data"] == []
    answer = await client.post("/v1/accounts/batch", json={"items": items})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [(row["index"], row["outcome"]) for row in body["results"]] == [
        (0, "created"), (1, "refused"), (2, "created"), (3, "refused"),
    ]  # fmt: skip
    assert (body["created"], body["refused"]) == (2, 2)
    assert body["results"][1]["problem"]["errors"][0]["pointer"] == "/items/1/credit_limit"
    child = (await client.get(f"/v1/accounts/{body['results'][0]['id']}")).json()
    assert child["parent_id"] == body["results"][2]["id"]
    too_many = [account(f"T-{i}") for i in range(1001)]
    assert (await client.post("/v1/accounts/batch", json={"items": too_many})).status_code == 422


async def test_lists_are_filtered_and_paged(client: httpx.AsyncClient, tenant: Tenant) -> None:
    parent = await make(client, "P", name="50% Müller_Werke", country="AT", segment="big")
    for i in range(4):
        await make(client, f"L-{i}", name=f"Zeta {9 - i}", parent_id=parent["id"])
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3, "sort": "name", "parent_id": parent["id"]}
    while True:
        page = (await client.get("/v1/accounts", params=query)).json()
        seen += [row["number"] for row in page["data"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == ["L-3", "L-2", "L-1", "L-0"]

    async def numbers(**params: Any) -> list[str]:
        answer = await client.get("/v1/accounts", params=params)
        assert answer.status_code == 200, answer.text
        return [row["number"] for row in answer.json()["data"]]

    assert await numbers(name="0% mÜLLER_") == ["P"]
    assert await numbers(name="%%") == []
    assert await numbers(country="AT", segment="big", status="active") == ["P"]
    assert await numbers(updated_since="2199-01-01T00:00:00Z") == []
    assert len(await numbers(sort="-updated_at", updated_since="2020-01-01T00:00:00Z")) == 6
    assert (await client.get("/v1/accounts", params={"name": "x"})).status_code == 422
    assert (await client.get("/v1/accounts", params={"updated_since": "2026-01-01T00:00:00"})).status_code == 422
    assert (await client.get("/v1/accounts", params={"sort": "size"})).json()["code"] == "sort_invalid"


async def test_contacts_are_added_changed_and_erased(client: httpx.AsyncClient, tenant: Tenant) -> None:
    base = f"/v1/accounts/{tenant.account_id}/contacts"
    body = {"role": "dunning", "email": "ap@x.example", "consents": {"email": True}}
    made = await client.post(base, json=body)
    assert made.status_code == 201, made.text
    where = made.headers["Location"]
    assert (await client.patch(where, json={"phone": "1"})).status_code == 428
    changed = await client.patch(
        where, json={"phone": "030", "consents": {"sms": False}, "role": "legal"}, headers={"If-Match": '"1"'}
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["consents"] == {"email": True, "letter": None, "phone": None, "sms": False}
    assert (changed.json()["role"], changed.json()["email"]) == ("legal", "ap@x.example")
    assert (await client.get(where)).json() == changed.json()
    assert (await client.delete(where, headers={"If-Match": '"1"'})).status_code == 412
    assert (await client.delete(where)).status_code == 204
    assert (await client.get(where)).json()["code"] == "contact.not_found"
    assert (await client.get(base)).json()["data"] == []
    other = (await make(client))["id"]
    assert (await client.get(f"/v1/accounts/{other}/contacts/{made.json()['id']}")).status_code == 404


async def test_payer_identities(client: httpx.AsyncClient, tenant: Tenant) -> None:
    base = f"/v1/accounts/{tenant.account_id}/payer-identities"
    made = await client.post(base, json={"kind": "bank_identifier", "value": "de89 3704 0044"})
    assert (made.status_code, made.json()["normalized_value"]) == (201, "DE8937040044"), made.text
    again = await client.post(base, json={"kind": "bank_identifier", "value": "DE8937040044"})
    assert (again.status_code, again.json()["code"]) == (409, "payer_identity.taken")
    where = made.headers["Location"]
    off = await client.post(f"{where}/deactivate")
    assert (off.json()["active"], off.json()["allowed_actions"]) == (False, [])
    assert (await client.get(where)).headers["ETag"] == '"2"'
    assert (await client.get(base, params={"active": True})).json()["data"] == []
    back = await client.post(base, json={"kind": "bank_identifier", "value": "DE8937040044"})
    assert (back.status_code, back.json()["active"], back.json()["id"]) == (201, True, made.json()["id"])
    bad = await client.post(base, json={"kind": "payer_name", "value": "***"})
    assert bad.json()["errors"][0]["pointer"] == "/value"


async def test_payment_terms(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/payment-terms", json={"code": "D", "terms": "2/10 net 30"})
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["terms"], body["definition"]["net_days"]) == ("2/10 net 30", 30)
    assert body["definition"]["discounts"] == [{"percent": "2", "days": 10}]
    where = made.headers["Location"]
    halves = {"instalments": [{"percent": "33.5", "net_days": 0}, {"percent": "66.5", "net_days": 60}]}
    changed = await client.patch(where, json={"definition": halves}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["terms"]) == (200, "33.5% net 0, 66.5% net 60"), changed.text
    assert changed.json()["definition"]["instalments"] == halves["instalments"]
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"code": "D", "terms": "net 1"}, 409, "/code"),
        ({"code": "E", "terms": "whenever"}, 422, "/terms"),
        ({"code": "E"}, 422, "/terms"),
        ({"code": "E", "terms": "net 1", "definition": {}}, 422, "/definition"),
        ({"code": "E", "definition": {"net_days": 9999}}, 422, "/definition/net_days"),
        ({"code": "E", "definition": {"discounts": [{"percent": "0", "days": 1}]}}, 422,
         "/definition/discounts/0/percent"),
        ({"code": "E", "definition": {"end_of_month": True, "day_of_month": 3}}, 422, "/definition/day_of_month"),
    ]  # fmt: skip
    for sent, status, pointer in cases:
        answer = await client.post("/v1/payment-terms", json=sent)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer), answer.text
    with_terms = await make(client, payment_terms_code="D")
    assert with_terms["payment_terms_id"] == body["id"]
    off = await client.patch(where, json={"active": False, "name": "Old"}, headers={"If-Match": '"2"'})
    assert (off.json()["active"], off.json()["terms"]) == (False, "33.5% net 0, 66.5% net 60")
    assert (await client.get("/v1/payment-terms", params={"active": True})).json()["data"] == []


async def test_another_tenant_sees_nothing(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    terms = (await client.post("/v1/payment-terms", json={"code": "D", "terms": "net 30"})).json()
    contact = (await client.post(f"/v1/accounts/{tenant.account_id}/contacts", json={"name": "Jo"})).json()
    stranger = await make_tenant(database, name="Other")
    headers = {"Authorization": f"Bearer {authenticator.grant(stranger)}"}
    for path in (
        f"/v1/accounts/{tenant.account_id}",
        f"/v1/accounts/{tenant.account_id}/contacts",
        f"/v1/accounts/{tenant.account_id}/contacts/{contact['id']}",
        f"/v1/accounts/{stranger.account_id}/contacts/{contact['id']}",
        f"/v1/accounts/{tenant.account_id}/payer-identities",
        f"/v1/payment-terms/{terms['id']}",
    ):
        assert (await client.get(path, headers=headers)).status_code == 404, path
    for changes in ({"parent_id": str(tenant.account_id)}, {"payment_terms_id": terms["id"]}):
        refused = await client.post("/v1/accounts", json=account(**changes), headers=headers)
        assert refused.status_code == 422, refused.text
    contact_url = f"/v1/accounts/{tenant.account_id}/contacts"
    assert (await client.post(contact_url, json={"name": "x"}, headers=headers)).status_code == 404


@pytest.mark.parametrize(("method", "path"), [
    ("POST", "/v1/accounts"), ("POST", "/v1/accounts/batch"), ("PUT", "/v1/accounts/by-ref/gp/1"),
    ("POST", "/v1/payment-terms"),
])  # fmt: skip
async def test_writing_needs_its_scope(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator, method: str, path: str
) -> None:
    headers = {"Authorization": f"Bearer {authenticator.grant(tenant, 'accounts:read')}"}
    body = {"items": [account()]} if path.endswith("batch") else account()
    if path.endswith("terms"):
        body = {"code": "x", "terms": "net 1"}
    refused = await client.request(method, path, json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope_missing")
    seen = await client.get("/v1/accounts", headers=headers)
    assert (seen.status_code, seen.json()["data"][0]["allowed_actions"]) == (200, [])
