"""Documents of an ERP over HTTP: upserts, batches, deletes that become voids, polling by `updated_since`."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import httpx

from tests.api.test_invoices import invoice
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant, make_tenant
from tests.receivables import pay, settle


def path(external_id: str, resource: str = "invoices") -> str:
    return f"/v1/{resource}/by-ref/gp/{external_id}"


async def test_a_put_creates_then_changes_and_says_which(client: httpx.AsyncClient, tenant: Tenant) -> None:
    body = invoice(tenant)
    first = await client.put(path("1000231"), json=body)
    assert (first.status_code, first.headers["ETag"]) == (201, '"1"'), first.text
    assert first.headers["Location"] == f"/v1/invoices/{first.json()['id']}"
    assert first.json()["external_ref"] == {"source": "gp", "id": "1000231"}
    again = await client.put(path("1000231"), json=body)
    assert (again.status_code, again.json()) == (200, first.json())
    more = await client.put(path("1000231"), json=invoice(tenant, amount="238.00", tax_amount="38.00"))
    assert (more.status_code, more.json()["id"]) == (200, first.json()["id"])
    assert (more.json()["amount"], more.json()["tax_amount"], more.json()["open_amount"]) == (
        "238.00", "38.00", "238.00",
    )  # fmt: skip
    assert more.json()["instalments"][0]["amount"] == "238.00"
    assert (more.json()["status"], int(more.headers["ETag"].strip('"'))) == ("open", more.json()["version"])
    other = await client.put(path("1000231"), json=invoice(tenant, currency="USD"))
    assert (other.status_code, other.json()["corrects_id"]) == (200, first.json()["id"])
    assert other.json()["id"] != first.json()["id"]
    old = (await client.get(f"/v1/invoices/{first.json()['id']}")).json()
    assert (old["status"], old["void_reason"]) == ("void", "changed by its source")


async def test_a_reference_with_slashes_blanks_and_another_in_the_body(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    made = await client.put(path("RE/2026%2F17 b"), json=invoice(tenant))
    assert (made.status_code, made.json()["external_ref"]["id"]) == (201, "RE/2026/17 b")
    listed = await client.get("/v1/invoices", params={"source": "gp", "external_id": "RE/2026/17 b"})
    assert [row["id"] for row in listed.json()["data"]] == [made.json()["id"]]
    other = await client.put(path("1"), json=invoice(tenant, number="RE-2", external_ref={"source": "gp", "id": "2"}))
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (422, "/external_ref")
    same = await client.put(path("1"), json=invoice(tenant, number="RE-2", external_ref={"source": "gp", "id": "1"}))
    assert same.status_code == 201
    twice = await client.post("/v1/invoices", json=invoice(tenant, number="RE-3",
                                                           external_ref={"source": "gp", "id": "1"}))  # fmt: skip
    assert (twice.status_code, twice.json()["code"]) == (409, "invoice.external_id_taken")
    assert twice.json()["errors"][0]["pointer"] == "/external_ref"


async def test_if_match_guards_an_upsert(client: httpx.AsyncClient, tenant: Tenant) -> None:
    missing = await client.put(path("1"), json=invoice(tenant), headers={"If-Match": '"1"'})
    assert (missing.status_code, missing.json()["code"]) == (412, "stale_version")
    assert (await client.put(path("1"), json=invoice(tenant))).status_code == 201
    changed = await client.put(path("1"), json=invoice(tenant, amount="120.00"), headers={"If-Match": '"1"'})
    assert changed.status_code == 200
    stale = await client.put(path("1"), json=invoice(tenant, amount="130.00"), headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")


async def test_a_delete_at_the_source_is_a_void(client: httpx.AsyncClient, tenant: Tenant) -> None:
    made = (await client.put(path("1"), json=invoice(tenant))).json()
    stale = await client.delete(path("1"), headers={"If-Match": '"9"'})
    assert stale.status_code == 412
    gone = await client.delete(path("1"))
    assert (gone.status_code, gone.json()["id"], gone.json()["status"]) == (200, made["id"], "void")
    assert gone.json()["void_reason"] == "deleted at its source"
    assert (await client.delete(path("1"))).json()["code"] == "invoice.not_found"
    again = await client.put(path("1"), json=invoice(tenant))
    assert (again.status_code, again.json()["id"] != made["id"]) == (201, True)


async def test_money_stops_a_delete_and_another_account(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase
) -> None:
    made = (await client.put(path("1"), json=invoice(tenant))).json()
    async with database.write(tenant.organization_id, tenant.actor) as session:
        payment = await pay(session, tenant, 10_000, date(2026, 3, 2))
        await settle(session, payment, UUID(made["instalments"][0]["id"]), 10_000, date(2026, 3, 2))
    for refused in (await client.delete(path("1")), await client.put(path("1"), json=invoice(tenant, currency="USD"))):
        assert (refused.status_code, refused.json()["code"]) == (409, "invoice.has_applications")
    found = await client.get(f"/v1/invoices/{made['id']}")
    assert (found.json()["open_amount"], found.json()["status"]) == ("19.00", "partially_applied")
    assert found.json()["allowed_actions"] == ["change_due_date", "adjust", "apply"]
    assert found.headers["ETag"] == '"2"', "money that is applied changes the document"


async def test_updated_since_sees_every_change_in_order(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase
) -> None:
    halves = [{"due_date": "2026-03-31", "amount": "60.00"}, {"due_date": "2026-04-30", "amount": "59.00"}]
    made = []
    for number in range(4):
        parts: dict[str, Any] = {"due_date": None, "instalments": halves} if number == 2 else {}
        made.append((await client.put(path(f"{number}"), json=invoice(tenant, number=f"RE-{number}", **parts))).json())

    async def changed(since: str, **query: Any) -> list[str]:
        numbers: list[str] = []
        params: dict[str, Any] = {"updated_since": since, "sort": "updated_at", "limit": 1, **query}
        while True:
            page = (await client.get("/v1/invoices", params=params)).json()
            numbers += [row["number"] for row in page["data"]]
            if not page["has_more"]:
                return numbers
            params["cursor"] = page["next_cursor"]

    assert await changed(made[0]["updated_at"]) == ["RE-0", "RE-1", "RE-2", "RE-3"]
    assert await changed(made[2]["updated_at"]) == ["RE-2", "RE-3"]
    async with database.write(tenant.organization_id, tenant.actor) as session:
        payment = await pay(session, tenant, 100, date(2026, 3, 2))
        await settle(session, payment, UUID(made[2]["instalments"][1]["id"]), 100, date(2026, 3, 2))
    after_money = (await client.get(f"/v1/invoices/{made[2]['id']}")).json()["updated_at"]
    assert after_money > made[3]["updated_at"]
    assert await changed(after_money) == ["RE-2"]
    await client.put(path("1"), json=invoice(tenant, number="RE-1", purchase_order="PO-1"))
    await client.put(path("3"), json=invoice(tenant, number="RE-3", due_date="2026-04-09"))
    await client.put(path("2"), json=invoice(tenant, number="RE-2", due_date=None, instalments=halves))  # unchanged
    void = {"effective_date": "2026-03-05", "reason": "x"}
    assert (await client.post(f"/v1/invoices/{made[0]['id']}/void", json=void)).status_code == 200
    assert await changed(after_money) == ["RE-2", "RE-1", "RE-3", "RE-0"]
    assert await changed(made[0]["updated_at"], sort="-updated_at") == ["RE-0", "RE-3", "RE-1", "RE-2"]
    assert len(await changed(after_money, sort="number", open=True)) == 3


async def test_a_batch_has_one_result_for_each_item_or_none(client: httpx.AsyncClient, tenant: Tenant) -> None:
    def item(n: int, **changes: Any) -> dict[str, Any]:
        return invoice(tenant, number=f"RE-{n}", external_ref={"source": "gp", "id": str(n)}, **changes)

    items = [item(1), item(2, amount="1.005"), item(3), item(1, amount="130.00"), item(3), item(4, tax_amount="500")]
    refused = await client.post("/v1/invoices/batch", params={"atomic": True}, json={"items": items})
    assert (refused.status_code, refused.json()["code"]) == (422, "batch.refused")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/items/1/amount", "/items/5/tax_amount"]
    assert (await client.get("/v1/invoices")).json()["data"] == []
    done = await client.post("/v1/invoices/batch", json={"items": items})
    assert [row["status"] for row in done.json()["results"]] == [
        "created", "refused", "created", "corrected", "unchanged", "refused",
    ]  # fmt: skip
    assert done.json()["refused"] == 2
    assert [row["index"] for row in done.json()["results"]] == list(range(6))
    assert done.json()["results"][1]["problem"]["code"] == "money.amount_invalid"
    assert len((await client.get("/v1/invoices")).json()["data"]) == 2
    again = await client.post("/v1/invoices/batch", params={"atomic": True}, json={"items": [item(1), item(3)]})
    assert [row["status"] for row in again.json()["results"]] == ["corrected", "unchanged"]


async def test_another_tenant_has_references_of_its_own(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase, authenticator: StaticAuthenticator
) -> None:
    assert (await client.put(path("1"), json=invoice(tenant))).status_code == 201
    stranger = await make_tenant(database, name="Other")
    headers = {"Authorization": f"Bearer {authenticator.grant(stranger)}"}
    assert (await client.delete(path("1"), headers=headers)).status_code == 404
    assert (await client.put(path("1"), json=invoice(stranger), headers=headers)).status_code == 201
    reader = {"Authorization": f"Bearer {authenticator.grant(tenant, 'invoices:read')}"}
    assert (await client.put(path("1"), json=invoice(tenant), headers=reader)).status_code == 403
    assert (await client.delete(path("1"), headers=reader)).status_code == 403


async def test_lines_are_kept_and_read(client: httpx.AsyncClient, tenant: Tenant) -> None:
    lines = [
        {"description": "Bolts M8", "amount": "110.00", "tax_amount": "17.56", "quantity": "2.500"},
        {"description": "Rebate", "amount": "-10.00"},
    ]
    made = (await client.post("/v1/invoices", json=invoice(tenant, lines=lines))).json()
    found = await client.get(f"/v1/invoices/{made['id']}/lines")
    assert found.json()["data"] == [
        {"position": 1, "description": "Bolts M8", "quantity": "2.5", "amount": "110.00", "tax_amount": "17.56"},
        {"position": 2, "description": "Rebate", "quantity": None, "amount": "-10.00", "tax_amount": "0.00"},
    ]
    assert (await client.get(f"/v1/invoices/{tenant.account_id}/lines")).status_code == 404


async def test_one_instalment_must_fit_all_filters(client: httpx.AsyncClient, tenant: Tenant) -> None:
    halves = [{"due_date": "2026-03-31", "amount": "60.00"}, {"due_date": "2026-05-31", "amount": "59.00"}]
    await client.post("/v1/invoices", json=invoice(tenant, due_date=None, instalments=halves))

    async def count(**query: Any) -> int:
        return len((await client.get("/v1/invoices", params=query)).json()["data"])

    assert await count(due_from="2026-04-01", due_to="2026-04-30") == 0
    assert await count(due_from="2026-03-31", due_to="2026-04-30", open=True) == 1
    assert await count(open=False) == 0
    assert await count(number="RE-1", kind="invoice", currency="EUR", source="manual") == 1
    assert await count(number="RE1") == 0


async def test_the_due_date_of_an_instalment(client: httpx.AsyncClient, tenant: Tenant) -> None:
    made = (await client.post("/v1/invoices", json=invoice(tenant))).json()
    where = f"/v1/invoices/{made['id']}/instalments/{made['instalments'][0]['id']}/due-date"
    body = {"due_date": "2026-05-01", "effective_date": "2026-03-20", "reason": "agreed by phone"}
    stale = await client.post(where, json=body, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    moved = await client.post(where, json=body, headers={"If-Match": '"1"'})
    assert (moved.status_code, moved.json()["due_date"]) == (200, "2026-05-01")
    assert moved.json()["instalments"][0]["original_due_date"] == "2026-03-31"
    assert moved.headers["ETag"] == '"2"'
    other = (await client.post("/v1/invoices", json=invoice(tenant, number="RE-2"))).json()
    wrong = where.replace(made["id"], other["id"])
    assert (await client.post(wrong, json=body)).json()["code"] == "instalment.not_found"
