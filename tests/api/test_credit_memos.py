"""Credit memos over HTTP."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.test_invoices import invoice
from tests.api.test_invoices_by_reference import path
from tests.factories import Tenant


def memo(tenant: Tenant, **changes: Any) -> dict[str, Any]:
    body = {
        "number": "GS-1",
        "account_id": str(tenant.account_id),
        "legal_entity_id": str(tenant.legal_entity_id),
        "currency": "EUR",
        "amount": "119.00",
        "tax_amount": "19.00",
        "credit_date": "2026-03-01",
    }
    return {**body, **changes}


async def test_a_credit_memo_is_issued_refunded_and_read(client: httpx.AsyncClient, tenant: Tenant) -> None:
    credited = (await client.post("/v1/invoices", json=invoice(tenant))).json()
    made = await client.post("/v1/credit-memos", json=memo(tenant, invoice_id=credited["id"], reason="damaged"))
    assert made.status_code == 201, made.text
    assert made.json()["allowed_actions"] == ["apply", "refund", "void"]
    where = f"/v1/credit-memos/{made.json()['id']}"
    body = {"amount": "19.00", "effective_date": "2026-03-05", "reason": "asked for"}
    for changes, code in (
        ({"amount": "0.00"}, "invoice.invalid"),
        ({"amount": "119.01"}, "credit_memo.over_applied"),
        ({"effective_date": "2026-02-28"}, "invoice.effective_date_too_early"),
    ):
        refused = await client.post(f"{where}/refund", json={**body, **changes})
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    partly = await client.post(f"{where}/refund", json=body, headers={"If-Match": '"1"'})
    assert (partly.json()["open_amount"], partly.json()["status"]) == ("100.00", "open")
    assert partly.json()["allowed_actions"] == ["apply", "refund"]
    void = {"effective_date": "2026-03-06", "reason": "x"}
    refused = await client.post(f"{where}/void", json=void)
    assert (refused.status_code, refused.json()["code"]) == (409, "credit_memo.has_applications")
    rest = await client.post(f"{where}/refund", json={**body, "amount": "100.00"})
    assert (rest.json()["status"], rest.json()["allowed_actions"]) == ("refunded", [])
    assert (await client.get(where)).json() == rest.json()


async def test_refusals_name_the_field(client: httpx.AsyncClient, tenant: Tenant) -> None:
    assert (await client.post("/v1/credit-memos", json=memo(tenant))).status_code == 201
    for changes, status, pointer in (
        ({}, 409, "/number"),
        ({"amount": "0"}, 422, "/amount"),
        ({"tax_amount": "119.01"}, 422, "/tax_amount"),
        ({"open_amount": "119.01"}, 422, "/open_amount"),
        ({"number": "GS-2", "invoice_id": str(tenant.account_id)}, 422, "/invoice_id"),
        ({"number": "GS-2", "account_id": str(tenant.legal_entity_id)}, 422, "/account_id"),
        ({"number": "GS-2", "reason": "\x00"}, 422, "/reason"),
    ):
        refused = await client.post("/v1/credit-memos", json=memo(tenant, **changes))
        assert refused.status_code == status, (changes, refused.text)
        assert refused.json()["errors"][0]["pointer"] == pointer


async def test_credit_memos_by_reference(client: httpx.AsyncClient, tenant: Tenant) -> None:
    where = path("GS/1", "credit-memos")
    first = await client.put(where, json=memo(tenant))
    assert (first.status_code, first.headers["Location"]) == (201, f"/v1/credit-memos/{first.json()['id']}")
    again = await client.put(where, json=memo(tenant))
    assert (again.status_code, again.json()) == (200, first.json())
    reason = await client.put(where, json=memo(tenant, reason="late delivery"))
    assert (reason.status_code, reason.json()["id"]) == (200, first.json()["id"])
    stale = await client.put(where, json=memo(tenant, amount="50.00"), headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    smaller = await client.put(where, json=memo(tenant, amount="50.00"))
    assert (smaller.json()["open_amount"], smaller.json()["id"] != first.json()["id"]) == ("50.00", True)
    half = await client.put(where, json=memo(tenant, amount="50.00", open_amount="20.00"))
    assert (half.json()["open_amount"], half.json()["status"]) == ("20.00", "open")
    gone = await client.delete(where)
    assert (gone.status_code, gone.json()["status"], gone.json()["open_amount"]) == (200, "void", "0.00")
    assert (await client.delete(where)).json()["code"] == "credit_memo.not_found"


async def test_a_batch_of_credit_memos(client: httpx.AsyncClient, tenant: Tenant) -> None:
    def item(n: int, **changes: Any) -> dict[str, Any]:
        return memo(tenant, number=f"GS-{n}", external_ref={"source": "gp", "id": str(n)}, **changes)

    items = [item(1), item(2, amount="1.005"), item(1, amount="99.00"), item(3), item(3)]
    refused = await client.post("/v1/credit-memos/batch", params={"atomic": True}, json={"items": items})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/items/1/amount")
    done = await client.post("/v1/credit-memos/batch", json={"items": items})
    assert [row["status"] for row in done.json()["results"]] == [
        "created", "refused", "reissued", "created", "unchanged",
    ]  # fmt: skip
    live = (await client.get("/v1/credit-memos", params={"status": "open"})).json()["data"]
    assert sorted(row["amount"] for row in live) == ["119.00", "99.00"]
