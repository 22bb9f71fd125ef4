"""Payments and applications over HTTP: shapes, problems, versions, scopes, other tenants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.core.ids import new_id
from app.infra.principal import Principal
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import ALL_SCOPES, Tenant, make_tenant
from tests.receivables import add_terms


def receipt(tenant: Tenant, **changes: Any) -> dict[str, Any]:
    body = {
        "amount": "119.00",
        "currency": "EUR",
        "value_date": "2026-03-05",
        "bank_account_id": str(tenant.bank_account_id),
        "account_id": str(tenant.account_id),
    }
    return {**body, **changes}


async def invoice(client: httpx.AsyncClient, tenant: Tenant, amount: str = "119.00", **changes: Any) -> str:
    body = {
        "number": f"RE-{new_id()}",
        "account_id": str(tenant.account_id),
        "legal_entity_id": str(tenant.legal_entity_id),
        "currency": "EUR",
        "amount": amount,
        "invoice_date": "2026-03-01",
        "due_date": "2026-03-31",
    }
    made = await client.post("/v1/invoices", json=body | changes)
    assert made.status_code == 201, made.text
    return str(made.json()["instalments"][0]["id"])


async def payment(client: httpx.AsyncClient, tenant: Tenant, **changes: Any) -> str:
    made = await client.post("/v1/payments", json=receipt(tenant, **changes))
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def application(*lines: tuple[str, str], **changes: Any) -> dict[str, Any]:
    body = {
        "effective_date": "2026-03-06",
        "currency": "EUR",
        "lines": [{"instalment_id": instalment, "amount": amount} for instalment, amount in lines],
    }
    return {**body, **changes}


async def test_a_receipt_is_recorded_and_read_back(client: httpx.AsyncClient, tenant: Tenant) -> None:
    reference = {"source": "bank", "id": "77"}
    body = receipt(
        tenant, external_ref=reference, structured_references=["RF18539007547034"], remittance_text="RE-1\nRE-2"
    )
    made = await client.post("/v1/payments", json=body)
    assert made.status_code == 201, made.text
    found = await client.get(made.headers["Location"])
    assert found.json() == made.json()
    assert found.headers["ETag"] == '"1"'
    shown = found.json()
    assert (shown["status"], shown["unapplied_amount"], shown["matching_state"]) == ("unapplied", "119.00", "waiting")
    assert shown["structured_references"] == ["RF18539007547034"]
    assert shown["external_ref"] == reference
    assert shown["allowed_actions"] == ["apply", "refund", "not_receivable", "move", "reverse"]
    again = await client.post("/v1/payments", json=body)
    assert again.status_code == 409
    assert (again.json()["code"], again.json()["payment_id"]) == ("payment.external_id_taken", shown["id"])


async def test_refusals_name_the_field(client: httpx.AsyncClient, tenant: Tenant) -> None:
    for changes, pointer in (
        ({"amount": "1.005"}, "/amount"),
        ({"amount": "0"}, "/amount"),
        ({"amount": "-1"}, "/amount"),
        ({"currency": "ABC"}, "/currency"),
        ({"value_date": "2023-02-30"}, "/value_date"),
        ({"account_id": str(new_id())}, "/account_id"),
        ({"bank_account_id": str(new_id())}, "/bank_account_id"),
        ({"bank_account_id": None}, "/legal_entity_id"),
        ({"legal_entity_id": str(new_id())}, "/bank_account_id"),
        ({"remittance_text": "a\x00b"}, "/remittance_text"),
        ({"surprise": 1}, "/surprise"),
    ):
        answer = await client.post("/v1/payments", json=receipt(tenant, **changes))
        assert answer.status_code == 422, (changes, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["pointer"] == pointer, changes


async def test_a_payment_is_applied_and_the_group_undone(client: httpx.AsyncClient, tenant: Tenant) -> None:
    one, two = await invoice(client, tenant, "100.00"), await invoice(client, tenant, "50.00")
    paid = await payment(client, tenant)
    made = await client.post(f"/v1/payments/{paid}/applications", json=application((one, "100"), (two, "10.50")))
    assert made.status_code == 201, made.text
    group = made.json()
    assert (group["source_left_amount"], group["payment_id"]) == ("8.50", paid)
    assert [line["open_amount"] for line in group["lines"]] == ["0.00", "39.50"]
    shown = await client.get(f"/v1/payments/{paid}")
    assert shown.headers["ETag"] == made.headers["ETag"]
    assert (shown.json()["status"], shown.json()["applied_amount"]) == ("partially_applied", "110.50")
    listed = await client.get(made.headers["Location"])
    assert [row["amount"] for row in listed.json()["data"]] == ["100.00", "10.50"]
    assert listed.json()["data"][0]["allowed_actions"] == ["reverse"]
    undo = {"effective_date": "2026-03-07", "reason": "wrong customer"}
    undone = await client.post(f"/v1/applications/{group['group_id']}/reverse", json=undo)
    assert undone.status_code == 201, undone.text
    assert undone.json()["source_left_amount"] == "119.00"
    assert [line["amount"] for line in undone.json()["lines"]] == ["-100.00", "-10.50"]
    again = await client.post(f"/v1/applications/{group['group_id']}/reverse", json=undo)
    assert (again.status_code, again.json()["code"]) == (409, "application.already_reversed")
    history = await client.get("/v1/applications", params={"payment_id": paid})
    rows = history.json()["data"]
    assert [row["undone_by_group_id"] for row in rows] == [undone.json()["group_id"]] * 2 + [None] * 2
    assert [row["allowed_actions"] for row in rows] == [[]] * 4
    missing = await client.post(f"/v1/applications/{new_id()}/reverse", json=undo)
    assert (missing.status_code, missing.json()["code"]) == (404, "application.not_found")


async def test_lists_of_applications_are_filtered(client: httpx.AsyncClient, tenant: Tenant) -> None:
    one, two = await invoice(client, tenant), await invoice(client, tenant)
    paid = await payment(client, tenant)
    await client.post(f"/v1/payments/{paid}/applications", json=application((one, "1.00"), (two, "2.00")))
    invoice_id = (await client.get("/v1/invoices")).json()["data"][1]["id"]
    for name, wanted, amounts in (
        ("instalment_id", one, ["1.00"]),
        ("invoice_id", invoice_id, ["2.00"]),
        ("payment_id", paid, ["1.00", "2.00"]),
        ("account_id", str(tenant.account_id), ["1.00", "2.00"]),
        ("credit_memo_id", str(new_id()), []),
    ):
        listed = await client.get("/v1/applications", params={name: wanted})
        assert [row["amount"] for row in listed.json()["data"]] == amounts, name


async def test_applying_is_refused_with_the_line_at_fault(client: httpx.AsyncClient, tenant: Tenant) -> None:
    owed = await invoice(client, tenant, "100.00")
    paid = await payment(client, tenant)
    for body, code, pointer in (
        (application((owed, "100.01")), "instalment.over_applied", "/lines/0/amount"),
        (application((owed, "1"), (owed, "1")), "application.invalid", "/lines/1/instalment_id"),
        (application((owed, "0")), "application.invalid", "/lines/0/amount"),
        (application((owed, "1.001")), "money.amount_invalid", "/lines/0/amount"),
        (application((str(new_id()), "1")), "application.instalment_unknown", "/lines/0/instalment_id"),
        (application((owed, "1"), currency="USD"), "application.currency_differs", "/lines/0/currency"),
        (application((owed, "1"), effective_date="2026-03-04"), "payment.effective_date_too_early", "/effective_date"),
        (application(), "request.invalid", "/lines"),
    ):
        answer = await client.post(f"/v1/payments/{paid}/applications", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code), (body, answer.text)
        assert answer.json()["errors"][0]["pointer"] == pointer, body
    unknown = await client.post(f"/v1/payments/{new_id()}/applications", json=application((owed, "1")))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "payment.not_found")


async def test_a_credit_memo_is_applied(client: httpx.AsyncClient, tenant: Tenant) -> None:
    owed = await invoice(client, tenant, "100.00")
    memo = await client.post(
        "/v1/credit-memos",
        json={
            "number": "GS-1", "account_id": str(tenant.account_id), "legal_entity_id": str(tenant.legal_entity_id),
            "currency": "EUR", "amount": "30.00", "credit_date": "2026-03-02",
        },
    )  # fmt: skip
    made = await client.post(f"/v1/credit-memos/{memo.json()['id']}/applications", json=application((owed, "30.00")))
    assert made.status_code == 201, made.text
    assert (made.json()["credit_memo_id"], made.json()["payment_id"]) == (memo.json()["id"], None)
    shown = await client.get(f"/v1/credit-memos/{memo.json()['id']}")
    assert shown.json()["status"] == "applied"
    assert shown.headers["ETag"] == made.headers["ETag"]


async def test_versions_guard_against_lost_updates(client: httpx.AsyncClient, tenant: Tenant) -> None:
    owed = await invoice(client, tenant)
    paid = await payment(client, tenant)
    first = await client.post(
        f"/v1/payments/{paid}/applications", json=application((owed, "1")), headers={"If-Match": '"1"'}
    )
    assert first.status_code == 201
    for path, body in (
        ("applications", application((owed, "1"))),
        ("reverse", {"effective_date": "2026-03-07", "reason_code": "bounced"}),
        ("refund", {"effective_date": "2026-03-07", "reason": "twice"}),
        ("not-receivable", {"effective_date": "2026-03-07", "reason_code": "interest"}),
        ("move", {"effective_date": "2026-03-07", "account_id": None, "reason": "whose?"}),
        ("identify", {"effective_date": "2026-03-07", "account_id": str(tenant.account_id)}),
    ):
        stale = await client.post(f"/v1/payments/{paid}/{path}", json=body, headers={"If-Match": '"1"'})
        assert stale.status_code == 412, (path, stale.text)


async def test_the_life_of_a_payment(client: httpx.AsyncClient, tenant: Tenant) -> None:
    paid = await payment(client, tenant, account_id=None)

    async def act(name: str, **body: Any) -> dict[str, Any]:
        answer = await client.post(f"/v1/payments/{paid}/{name}", json={"effective_date": "2026-03-10", **body})
        return {"status_code": answer.status_code, **answer.json()}

    account = str(tenant.account_id)
    assert (await act("move", account_id=account, reason="?"))["code"] == "payment.unidentified"
    assert (await act("identify", account_id=account))["status"] == "unapplied"
    assert (await act("identify", account_id=account))["code"] == "payment.already_identified"
    assert (await act("move", account_id=None, reason="not theirs"))["status"] == "unidentified"
    assert (await act("refund", amount="19.00", reason="back"))["errors"][0]["pointer"] == "/currency"
    assert (await act("refund", amount="19.00", currency="USD", reason="back"))["status_code"] == 422
    assert (await act("refund", amount="19.00", currency="EUR", reason="back"))["unapplied_amount"] == "100.00"
    movements = (await client.get(f"/v1/payments/{paid}/movements")).json()["data"]
    assert [(m["kind"], m["amount"], m["from_account_id"], m["to_account_id"]) for m in movements] == [
        ("account_change", "119.00", None, account),
        ("account_change", "119.00", account, None),
        ("refund", "19.00", None, None),
    ]
    assert (await client.get(f"/v1/payments/{new_id()}/movements")).status_code == 404
    done = await act("not-receivable", reason_code="tax_refund")
    assert (done["status"], done["withdrawn_amount"], done["allowed_actions"]) == ("not_receivable", "119.00", [])
    assert (await act("reverse", reason_code="bounced"))["status_code"] == 409


async def test_a_reversed_payment_can_do_nothing_more(client: httpx.AsyncClient, tenant: Tenant) -> None:
    owed = await invoice(client, tenant)
    paid = await payment(client, tenant)
    await client.post(f"/v1/payments/{paid}/applications", json=application((owed, "119.00")))
    body = {"effective_date": "2026-03-20", "reason_code": "bounced", "reason": "no funds"}
    answer = await client.post(f"/v1/payments/{paid}/reverse", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["allowed_actions"]) == ("reversed", [])
    invoices = (await client.get("/v1/invoices")).json()["data"]
    assert [(i["status"], i["open_amount"], i["due_date"]) for i in invoices] == [("open", "119.00", "2026-03-31")]


async def test_payments_are_listed_by_filter(client: httpx.AsyncClient, tenant: Tenant) -> None:
    first = await payment(client, tenant, bank_reference="B-1", amount="10.00")
    second = await payment(
        client, tenant, value_date="2026-03-08", account_id=None, external_ref={"source": "gp", "id": "9"}
    )
    owed = await invoice(client, tenant)
    await client.post(f"/v1/payments/{first}/applications", json=application((owed, "10.00")))
    for params, wanted in (
        ({}, [first, second]),
        ({"account_id": str(tenant.account_id)}, [first]),
        ({"status": "unidentified"}, [second]),
        ({"matching_state": "done"}, [first]),
        ({"unapplied": "true"}, [second]),
        ({"unapplied": "false"}, [first]),
        ({"value_from": "2026-03-06"}, [second]),
        ({"value_to": "2026-03-06"}, [first]),
        ({"bank_reference": "B-1"}, [first]),
        ({"source": "gp", "external_id": "9"}, [second]),
        ({"legal_entity_id": str(tenant.legal_entity_id), "sort": "-value_date"}, [second, first]),
        ({"updated_since": "2099-01-01T00:00:00Z"}, []),
        ({"sort": "unapplied_amount"}, [first, second]),
    ):
        listed = await client.get("/v1/payments", params=params)
        assert listed.status_code == 200, listed.text
        assert [row["id"] for row in listed.json()["data"]] == wanted, params
    page = await client.get("/v1/payments", params={"limit": 1})
    rest = await client.get("/v1/payments", params={"limit": 1, "cursor": page.json()["next_cursor"]})
    assert [row["id"] for row in rest.json()["data"]] == [second]


@pytest.mark.parametrize("with_key", [True, False])
async def test_an_idempotent_application_is_done_once(
    client: httpx.AsyncClient, tenant: Tenant, with_key: bool
) -> None:
    owed = await invoice(client, tenant)
    paid = await payment(client, tenant)
    headers = {"Idempotency-Key": "k-1"} if with_key else {}
    body = application((owed, "1.00"))
    first = await client.post(f"/v1/payments/{paid}/applications", json=body, headers=headers)
    second = await client.post(f"/v1/payments/{paid}/applications", json=body, headers=headers)
    assert (first.json() == second.json()) is with_key
    assert (second.headers.get("Idempotency-Replayed") == "true") is with_key


async def test_another_tenant_sees_nothing(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase, authenticator: StaticAuthenticator
) -> None:
    paid = await payment(client, tenant)
    owed = await invoice(client, tenant)
    other = await make_tenant(database, name="Other")
    foreign = {"Authorization": f"Bearer {authenticator.grant(other)}"}
    assert (await client.get(f"/v1/payments/{paid}", headers=foreign)).status_code == 404
    assert (await client.get("/v1/payments", headers=foreign)).json()["data"] == []
    theirs = await client.post("/v1/payments", json=receipt(other), headers=foreign)
    answer = await client.post(
        f"/v1/payments/{theirs.json()['id']}/applications", json=application((owed, "1")), headers=foreign
    )
    assert answer.json()["code"] == "application.instalment_unknown"
    answer = await client.post(f"/v1/payments/{paid}/applications", json=application((owed, "1")), headers=foreign)
    assert answer.status_code == 404


async def test_scopes_are_asked_for(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    paid = await payment(client, tenant)
    reader = {"Authorization": f"Bearer {authenticator.grant(tenant, 'payments:read')}"}
    writer = {"Authorization": f"Bearer {authenticator.grant(tenant, 'payments:write')}"}
    refund = {"effective_date": "2026-03-10", "reason": "back"}
    assert (await client.get(f"/v1/payments/{paid}", headers=writer)).status_code == 403
    assert (await client.post("/v1/payments", json=receipt(tenant), headers=reader)).status_code == 403
    assert (await client.post(f"/v1/payments/{paid}/refund", json=refund, headers=writer)).status_code == 403
    for name in ("applications", "reverse", "identify", "move", "not-receivable"):
        assert (await client.post(f"/v1/payments/{paid}/{name}", json={}, headers=reader)).status_code == 403, name


async def test_a_late_discount_needs_the_right_to_approve(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator, database: RolledBackDatabase
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        terms = await add_terms(session, 200, 10, 30)
    owed = await invoice(client, tenant, "100.00", payment_terms_id=str(terms), due_date=None)
    paid = await payment(client, tenant, value_date="2026-03-12", amount="98.00")
    body = application((owed, "98.00"), effective_date="2026-03-12", allow_late_discount=True)
    body["lines"][0]["discount_amount"] = "2.00"
    refused = await client.post(f"/v1/payments/{paid}/applications", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "application.late_discount_forbidden")
    approver = Principal(tenant.organization_id, replace(tenant.actor, scopes=ALL_SCOPES), ALL_SCOPES)
    authenticator.principals["approver"] = approver
    headers = {"Authorization": "Bearer approver"}
    granted = await client.post(f"/v1/payments/{paid}/applications", json=body, headers=headers)
    assert granted.status_code == 201, granted.text
    assert granted.json()["lines"][0]["open_amount"] == "0.00"


async def test_a_source_sends_a_payment_again(client: httpx.AsyncClient, tenant: Tenant) -> None:
    path = "/v1/payments/by-ref/gp/R-1"
    first = await client.put(path, json=receipt(tenant))
    assert first.status_code == 201, first.text
    again = await client.put(path, json=receipt(tenant))
    assert (again.status_code, again.json()) == (200, first.json())
    other = await client.put(path, json=receipt(tenant, amount="120.00", value_date="2026-03-06"))
    assert (other.status_code, other.json()["code"]) == (409, "payment.record_differs")
    assert other.json()["errors"][0]["pointer"] == "/amount"
    assert "value_date" in other.json()["detail"]
    moved = await client.put(path, json=receipt(tenant, account_id=None))
    assert moved.status_code == 200


async def test_a_batch_has_one_result_for_each_item(client: httpx.AsyncClient, tenant: Tenant) -> None:
    def sent(number: str, **changes: Any) -> dict[str, Any]:
        return receipt(tenant, external_ref={"source": "gp", "id": number}, **changes)

    items = [sent("1"), sent("2", amount="1.005"), sent("1"), sent("3", account_id=str(new_id())), receipt(tenant)]
    made = await client.post("/v1/payments/batch", json={"items": items})
    assert made.status_code == 200, made.text
    results = made.json()["results"]
    assert [item["status"] for item in results] == ["created", "refused", "unchanged", "refused", "created"]
    assert results[2]["id"] == results[0]["id"]
    assert [item["problem"]["code"] for item in results if item["problem"]] == [
        "money.amount_invalid", "payment.account_unknown",
    ]  # fmt: skip
    refused = await client.post("/v1/payments/batch?atomic=true", json={"items": [sent("9"), sent("8", amount="0")]})
    assert (refused.status_code, refused.json()["code"]) == (422, "batch.refused")
    assert refused.json()["errors"][0]["pointer"] == "/items/1/amount"
    assert (await client.get("/v1/payments?source=gp&external_id=9")).json()["data"] == []
