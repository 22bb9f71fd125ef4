"""Stories of the trade over HTTP: discounts after a credit memo, a cheque that bounces after its refund, a merger."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.cash_application import match, payment_of, proposals_of
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import add_account, credit, issue, pay, settle, value

MARCH_1, MARCH_5, MARCH_9, MARCH_18 = (date(2026, 3, day) for day in (1, 5, 9, 18))


async def called(client: httpx.AsyncClient, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = await client.request(method, f"/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def terms_of(client: httpx.AsyncClient, text: str) -> UUID:
    return UUID((await called(client, "POST", "/payment-terms", {"code": text, "terms": text}, 201))["id"])


async def test_a_discount_is_counted_from_what_a_credit_memo_left(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    """2/10 net 30 on 1,000.00; goods for 100.00 came back. The customer pays 900.00 less 2 %."""
    terms = await terms_of(client, "2/10 net 30")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 100_000, MARCH_1, number="RE-4711", payment_terms_id=terms)
        returned = await credit(session, tenant, 10_000, MARCH_5)
        await settle(session, returned, part, 10_000, MARCH_5, credit_memo=True)
        paid = await pay(session, tenant, 88_200, MARCH_9, remittance_text="RE-4711")
    await match(database, tenant)
    (proposal,) = await proposals_of(database, tenant, paid)
    if proposal["state"] == "open":
        await called(client, "POST", f"/cash-application/proposals/{proposal['id']}/accept", {})
    (line,) = (await called(client, "GET", f"/applications?payment_id={paid}"))["data"]
    assert (line["amount"], line["discount_amount"]) == ("882.00", "18.00")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        assert await value(session, "instalments", part, "status") == "settled"


@pytest.mark.parametrize(
    ("paid_on", "minor", "discount"), [(MARCH_9, 98_000, "20.00"), (MARCH_18, 99_000, "10.00")], ids=["2/10", "1/20"]
)
async def test_a_payer_who_takes_the_second_discount_is_understood(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, paid_on: date, minor: int, discount: str
) -> None:
    terms = await terms_of(client, "2/10, 1/20, net 60")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 100_000, MARCH_1, number="RE-4712", payment_terms_id=terms)
        paid = await pay(session, tenant, minor, paid_on, remittance_text="RE-4712")
    await match(database, tenant)
    assert (await payment_of(database, tenant, paid))["status"] == "applied"
    (line,) = (await called(client, "GET", f"/applications?payment_id={paid}"))["data"]
    assert line["discount_amount"] == discount


@pytest.mark.parametrize(
    ("minor", "discount"), [(88_200, "18.00"), (88_000, "20.00")], ids=["of the net", "of the gross"]
)
async def test_a_payer_nets_a_credit_memo_and_takes_the_discount(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, minor: int, discount: str
) -> None:
    terms = await terms_of(client, "2/10 net 30")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 100_000, MARCH_1, number="RE-47130", payment_terms_id=terms)
        await credit(session, tenant, 10_000, MARCH_5, number="GS-47131")
        paid = await pay(session, tenant, minor, MARCH_9, remittance_text="RE-47130 GS-47131 less 2%")
    await match(database, tenant)
    (proposal,) = await proposals_of(database, tenant, paid)
    if proposal["state"] == "open":
        await called(client, "POST", f"/cash-application/proposals/{proposal['id']}/accept", {})
    lines = (await called(client, "GET", f"/applications?instalment_id={part}"))["data"]
    assert sorted((line["amount"], line["discount_amount"]) for line in lines)[0] == ("100.00", "0.00")
    assert discount in {line["discount_amount"] for line in lines}
    async with database.write(tenant.organization_id, tenant.actor) as session:
        assert await value(session, "instalments", part, "status") == "settled"


async def test_the_discount_follows_what_the_erp_corrects(client: httpx.AsyncClient, tenant: Tenant) -> None:
    body = {
        "number": "GP-1", "account_id": str(tenant.account_id), "legal_entity_id": str(tenant.legal_entity_id),
        "currency": "EUR", "amount": "1000.00", "invoice_date": "2026-03-01",
        "payment_terms_id": str(await terms_of(client, "2/10, 1/20, net 60")),
    }  # fmt: skip
    path = "/invoices/by-ref/gp/GP-1"
    made = await called(client, "PUT", path, body, 201)
    shown = []
    for amount in ("333.33", "1000.00", "900.00"):
        (part,) = (await called(client, "PUT", path, body | {"amount": amount}))["instalments"]
        shown.append((part["open_amount"], part["discount_amount"], part["discount_date"]))
    assert shown == [(amount, less, "2026-03-11") for amount, less in
                     (("333.33", "6.67"), ("1000.00", "20.00"), ("900.00", "18.00"))]  # fmt: skip
    money = {
        "amount": "890.99", "currency": "EUR", "value_date": "2026-03-18", "account_id": str(tenant.account_id),
        "legal_entity_id": str(tenant.legal_entity_id), "match": False,
    }  # fmt: skip
    paid = await called(client, "POST", "/payments", money, 201)
    line = {"instalment_id": made["instalments"][0]["id"], "amount": "890.99", "discount_amount": "9.01"}
    applied = {"currency": "EUR", "effective_date": "2026-03-18", "lines": [line]}
    refused = await called(client, "POST", f"/payments/{paid['id']}/applications", applied, 422)
    assert refused["offered"] == "9.00", "the second tier follows, too"


async def test_a_cheque_bounces_after_its_surplus_was_refunded(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    """The oldest trick: a cheque over too much, the surplus asked back, then no funds. The invoice is owed again."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        invoice, part = await issue(session, tenant, 10_000, MARCH_1)
        cheque = await pay(session, tenant, 15_000, MARCH_5, method="cheque")
        await settle(session, cheque, part, 10_000, MARCH_5)
    back = await called(
        client, "POST", f"/payments/{cheque}/refund", {"effective_date": "2026-03-09", "reason": "too much"}
    )
    assert (back["status"], back["allowed_actions"]) == ("refunded", ["reverse"])
    bounced = {"effective_date": "2026-03-18", "reason_code": "bounced"}
    gone = await called(client, "POST", f"/payments/{cheque}/reverse", bounced)
    assert (gone["status"], gone["withdrawn_amount"], gone["allowed_actions"]) == ("reversed", "150.00", [])
    assert (await called(client, "GET", f"/invoices/{invoice}"))["open_amount"] == "100.00"
    moved = (await called(client, "GET", f"/payments/{cheque}/movements"))["data"]
    assert [(one["kind"], one["amount"]) for one in moved] == [("refund", "50.00"), ("reversal", "100.00")]
    assert (await called(client, "POST", f"/payments/{cheque}/reverse", bounced, 409))["code"] == "payment.withdrawn"
    for day in ("2026-03-05", "2026-03-09", "2026-03-18"):
        assert (await called(client, "GET", f"/proof?as_of={day}"))["holds"], day


async def test_a_payment_shrinks_what_is_shown_as_disputed_at_once(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 10_000, MARCH_1)
    body = {"currency": "EUR", "reason_code": "price", "lines": [{"instalment_id": str(part), "amount": "40.00"}]}
    dispute = await called(client, "POST", "/disputes", body, 201)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await settle(session, await pay(session, tenant, 7_000, MARCH_9), part, 7_000, MARCH_9)
    shown = await called(client, "GET", f"/disputes/{dispute['id']}")
    assert (shown["disputed_amount"], shown["lines"][0]["disputed_amount"]) == ("30.00", "30.00")


async def test_the_overview_of_a_customer_has_what_was_merged_into_it(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        twin = await add_account(session, "C-1-OLD")
        await issue(session, tenant, 5_000, MARCH_1)
        await issue(session, tenant, 10_000, MARCH_1, account_id=twin)
        await pay(session, tenant, 3_000, MARCH_9, account_id=twin)
    body = {"merged_account_id": str(twin), "reason": "the same company"}
    merged = await called(client, "POST", f"/accounts/{tenant.account_id}/merge", body, 201)
    path = f"/accounts/{tenant.account_id}/overview"
    shown = await called(client, "GET", path)
    (balance,) = shown["balances"]
    assert (balance["open_amount"], balance["unapplied_amount"], balance["open_items"]) == ("150.00", "30.00", 2)
    assert shown["last_payment"]["amount"] == "30.00"
    (statement,) = (await called(client, "GET", f"/accounts/{tenant.account_id}/statement"))["totals"]
    assert statement["open"] == balance["open_amount"], "the customer reads the same"
    undo = await client.post(f"/v1/account-merges/{merged['id']}/undo", json={"reason": "two companies"})
    assert undo.status_code == 200, undo.text
    assert [row["open_amount"] for row in (await called(client, "GET", path))["balances"]] == ["50.00"]
