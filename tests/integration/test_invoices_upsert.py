"""Documents that their source sends again: created, unchanged, updated, corrected, issued anew, or refused whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from app.core.errors import DomainError
from app.infra.database import WriteSession
from app.invoices.adjustments import RequestAdjustment, request_adjustment
from app.invoices.credit_memo_upsert import upsert_credit_memos, void_deleted_credit_memo
from app.invoices.credit_memos import IssueCreditMemo, refund_credit_memo
from app.invoices.due_dates import change_due_date
from app.invoices.queries import invoice_documents
from app.invoices.rules import InstalmentCommand, IssueInvoice
from app.invoices.upsert import Upserted, upsert_invoices
from app.invoices.void import void_deleted
from app.payments.undo import undo_applications
from tests.control_account import assert_books_agree
from tests.factories import Tenant
from tests.receivables import add_account, close_through, flush, issue, ledger_balances, pay, settle, value

TODAY = date(2026, 3, 20)


def day(n: int) -> date:
    return date(2026, 3, n)


def command(tenant: Tenant, **changes: Any) -> IssueInvoice:
    made = IssueInvoice(
        "invoice", "RE-1", tenant.legal_entity_id, tenant.account_id, "EUR", 11_900, day(1), tax_minor=1_900,
        due_date=day(31), source="gp", external_id="1",
    )  # fmt: skip
    return replace(made, **changes)


async def upsert(session: WriteSession, *commands: IssueInvoice, today: date = TODAY) -> list[str]:
    results = await upsert_invoices(session, commands, today=today)
    return [result.code if isinstance(result, DomainError) else result.outcome for result in results]


async def live(session: WriteSession, external_id: str = "1") -> Any:
    found = await session.driver.fetchval(
        "SELECT id FROM invoices WHERE organization_id = $1 AND external_id = $2 AND voided_at IS NULL",
        session.organization_id, external_id,
    )  # fmt: skip
    return (await invoice_documents(session, [found]))[found]


async def part_of(session: WriteSession, invoice_id: UUID) -> UUID:
    found: UUID = await session.driver.fetchval(
        "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = $2", session.organization_id, invoice_id
    )
    return found


async def changes_logged(session: WriteSession) -> int:
    await flush(session)
    return int(
        await session.driver.fetchval(
            "SELECT count(*) FROM change_log WHERE organization_id = $1", session.organization_id
        )
    )


async def test_unchanged_documents_write_nothing(session: WriteSession, tenant: Tenant) -> None:
    halves = (InstalmentCommand(day(10), 5_000), InstalmentCommand(day(31), 6_900))
    batch = [
        command(tenant),
        command(tenant, number="RE-2", external_id="2", due_date=None, instalments=halves, purchase_order="PO 7"),
        command(tenant, number="RE-3", external_id="3", open_minor=400),
    ]
    assert await upsert(session, *batch) == ["created"] * 3
    logged = await changes_logged(session)
    before = [dict(await live(session, n)) for n in "123"]
    assert await upsert(session, *batch) == ["unchanged"] * 3
    assert [dict(await live(session, n)) for n in "123"] == before
    assert await changes_logged(session) == logged
    assert {row["version"] for row in before} == {1}
    await assert_books_agree(session, day(1))


async def test_an_amount_that_changes_is_corrected_with_its_tax(session: WriteSession, tenant: Tenant) -> None:
    await upsert(session, command(tenant))
    first = await live(session)
    assert await upsert(session, command(tenant, amount_minor=23_800, tax_minor=3_800)) == ["corrected"]
    assert await assert_books_agree(session, day(1), day(19), TODAY) == {"EUR": 23_800}
    found = await live(session)
    assert (found["id"], found["amount_minor"] + found["corrected_minor"]) == (first["id"], 23_800)
    assert found["instalments"][0][4:6] == [23_800, 23_800]
    assert found["instalments"][0][8] == "open"
    assert found["version"] > first["version"]
    assert (await ledger_balances(session, day(19)))["tax_payable", "EUR"] == -1_900
    assert (await ledger_balances(session))["tax_payable", "EUR"] == -3_800
    assert await upsert(session, command(tenant, amount_minor=23_800, tax_minor=3_800)) == ["unchanged"]
    assert await upsert(session, command(tenant)) == ["corrected"]
    assert await assert_books_agree(session) == {"EUR": 11_900}
    assert (await ledger_balances(session))["tax_payable", "EUR"] == -1_900
    assert await upsert(session, command(tenant, tax_minor=1_000)) == ["corrected"]
    assert (await ledger_balances(session))["tax_payable", "EUR"] == -1_900, "not yet written"
    assert await assert_books_agree(session) == {"EUR": 11_900}
    assert (await ledger_balances(session))["tax_payable", "EUR"] == -1_000


async def test_a_correction_with_money_applied_goes_down_to_what_is_settled(
    session: WriteSession, tenant: Tenant
) -> None:
    await upsert(session, command(tenant))
    invoice = (await live(session))["id"]
    instalment = await part_of(session, invoice)
    payment = await pay(session, tenant, 5_000, day(2))
    await settle(session, payment, instalment, 5_000, day(3))
    assert await upsert(session, command(tenant, amount_minor=4_999, tax_minor=0)) == [
        "invoice.correction_below_settled"
    ]
    assert await upsert(session, command(tenant, amount_minor=5_000, tax_minor=800, open_minor=17)) == ["corrected"]
    assert await value(session, "instalments", instalment, "status") == "settled"
    more = command(tenant, amount_minor=6_000, tax_minor=800)
    assert await upsert(session, more, today=day(22)) == ["corrected"]
    assert await value(session, "instalments", instalment, "status") == "partially_applied"
    with pytest.raises(DomainError):  # what the correction added on the 22nd cannot be paid before
        await settle(session, await pay(session, tenant, 500, day(2)), instalment, 500, day(21))
    await settle(session, await pay(session, tenant, 1_000, day(2)), instalment, 1_000, day(22))
    assert await value(session, "instalments", instalment, "status") == "settled"
    assert await assert_books_agree(session, *(day(n) for n in range(1, 24))) == {}
    for changes in ({"currency": "USD"}, {"number": "RE-9"}, {"invoice_date": day(2)}):
        assert await upsert(session, command(tenant, amount_minor=6_000, tax_minor=800, **changes)) == [
            "invoice.has_applications"
        ]


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "USD"},
        {"number": "RE-9"},
        {"invoice_date": date(2026, 2, 27)},
        {"invoice_date": date(2026, 3, 9)},
        {"accounting_date": date(2026, 3, 4)},
        {"kind": "debit_memo"},
        {"currency": "JPY", "amount_minor": 7, "tax_minor": 1},
    ],
)
async def test_what_cannot_be_corrected_is_issued_anew(
    session: WriteSession, tenant: Tenant, changes: dict[str, Any]
) -> None:
    await upsert(session, command(tenant))
    first = await live(session)
    wanted = command(tenant, **changes)
    assert await upsert(session, wanted) == ["reissued"]
    second = await live(session)
    assert (second["corrects_id"], second["amount_minor"]) == (first["id"], wanted.amount_minor)
    assert (await invoice_documents(session, [first["id"]]))[first["id"]]["void_date"] == day(1)
    days = [date(2026, 2, 27), *(day(n) for n in range(1, 21))]
    assert await assert_books_agree(session, *days) == {wanted.currency: wanted.amount_minor}
    for on in days:  # never twice, and nothing on the days before it counts
        ledger = await ledger_balances(session, on)
        open_now = {currency: minor for (name, currency), minor in ledger.items() if name == "receivables"}
        assert open_now == ({wanted.currency: wanted.amount_minor} if on >= wanted.posting_date else {})
    assert await upsert(session, wanted) == ["unchanged"]


async def test_another_account_is_issued_anew_in_the_open_period(session: WriteSession, tenant: Tenant) -> None:
    other = await add_account(session, "C-2")
    await upsert(session, command(tenant, accounting_date=day(1)))
    await close_through(session, tenant, day(10))
    moved = command(tenant, account_id=other, accounting_date=day(1))
    assert await upsert(session, moved) == ["reissued"]
    found = await live(session)
    assert (found["account_id"], found["accounting_date"]) == (other, day(11))
    assert await upsert(session, moved) == ["unchanged"], "a late fact stays where it was posted"
    assert await assert_books_agree(session, *(day(n) for n in range(1, 21))) == {"EUR": 11_900}


async def test_a_correction_and_a_new_issue_do_not_show_the_document_twice(
    session: WriteSession, tenant: Tenant
) -> None:
    explicit = command(tenant, accounting_date=day(1))
    await upsert(session, explicit)
    await upsert(session, replace(explicit, amount_minor=20_000), today=day(12))
    again = replace(explicit, amount_minor=20_000, number="RE-9")
    assert await upsert(session, again) == ["reissued"]
    await assert_books_agree(session, *(day(n) for n in range(1, 21)))
    assert [(await ledger_balances(session, day(n)))["receivables", "EUR"] for n in (1, 11, 12, 20)] == [
        11_900, 11_900, 20_000, 20_000,
    ]  # fmt: skip
    assert await upsert(session, again) == ["unchanged"]


async def test_the_source_owns_the_open_amount_until_money_is_applied_here(
    session: WriteSession, tenant: Tenant
) -> None:
    halves = (InstalmentCommand(day(10), 5_000), InstalmentCommand(day(31), 6_900))
    base = command(tenant, due_date=None, instalments=halves)
    await upsert(session, replace(base, open_minor=11_900))

    async def opens() -> list[int]:
        return [part[5] for part in (await live(session))["instalments"]]

    for wanted, expected in ((6_000, [0, 6_000]), (9_000, [2_100, 6_900]), (0, [0, 0]), (11_900, [5_000, 6_900])):
        assert await upsert(session, replace(base, open_minor=wanted)) == ["corrected"]
        assert await opens() == expected
        assert await assert_books_agree(session) == ({"EUR": wanted} if wanted else {})
        assert await upsert(session, replace(base, open_minor=wanted)) == ["unchanged"]
    smaller = replace(base, amount_minor=8_000, instalments=(InstalmentCommand(day(10), 5_000),
                      InstalmentCommand(day(31), 3_000)), tax_minor=0)  # fmt: skip
    assert await upsert(session, replace(base, open_minor=1_000)) == ["corrected"]
    assert await upsert(session, replace(smaller, open_minor=0)) == ["corrected"], "less was settled than was thought"
    assert await assert_books_agree(session) == {}
    assert await upsert(session, replace(smaller, open_minor=8_000)) == ["corrected"]
    payment = await pay(session, tenant, 1, day(2))
    part = (await live(session))["instalments"][0][0]
    group = await settle(session, payment, UUID(part), 1, TODAY)
    assert await upsert(session, replace(smaller, open_minor=3)) == ["unchanged"]
    await undo_applications(session, group.group_id, TODAY, None)
    await request_adjustment(session, RequestAdjustment(UUID(part), "write_off", 5, TODAY, "x"))
    assert await upsert(session, replace(smaller, open_minor=8_000)) == ["unchanged"], "written off here"
    await assert_books_agree(session, *(day(n) for n in range(1, 22)))


async def test_references_and_due_dates_are_brought_up_to_date(session: WriteSession, tenant: Tenant) -> None:
    await upsert(session, command(tenant))
    before = await live(session)
    assert await upsert(session, command(tenant, purchase_order="PO-77", contract_reference="K1")) == ["updated"]
    found = await live(session)
    assert (found["purchase_order"], found["contract_reference"]) == ("PO-77", "K1")
    assert found["version"] > before["version"]
    instalment = await part_of(session, found["id"])
    moved = command(tenant, purchase_order="PO-77", contract_reference="K1", due_date=date(2026, 4, 9))
    assert await upsert(session, moved) == ["updated"]
    assert await value(session, "instalments", instalment, "due_date") == date(2026, 4, 9)
    assert await value(session, "instalments", instalment, "original_due_date") == day(31)
    back = replace(moved, due_date=day(31))
    assert await upsert(session, back, moved) == ["updated", "updated"]
    agreed = date(2026, 6, 1)
    assert await upsert(session, back) == ["updated"]
    await change_due_date(session, instalment, due_date=agreed, effective_date=date(2026, 4, 1), reason="agreed")
    assert await upsert(session, back) == ["unchanged"], "what was agreed here stays while the source says nothing new"
    assert await upsert(session, moved) == ["updated"]
    assert await value(session, "instalments", instalment, "due_date") == date(2026, 4, 9)


async def test_one_document_several_times_in_a_batch_is_done_in_order(session: WriteSession, tenant: Tenant) -> None:
    outcomes = await upsert(
        session,
        command(tenant),
        command(tenant),
        command(tenant, amount_minor=20_000),
        command(tenant, amount_minor=30_000),
        command(tenant, external_id="2"),  # the number is the first one's
        command(tenant, external_id=None, number="RE-5"),
    )
    assert outcomes == ["created", "unchanged", "corrected", "corrected", "invoice.number_taken", "created"]
    assert await assert_books_agree(session) == {"EUR": 41_900}


async def test_a_refused_item_leaves_nothing_and_the_others_are_done(session: WriteSession, tenant: Tenant) -> None:
    await upsert(session, *(command(tenant, number=f"RE-{n}", external_id=str(n)) for n in range(4)))
    logged = await changes_logged(session)
    outcomes = await upsert(
        session,
        command(tenant, number="RE-0", external_id="0", amount_minor=12_000),
        command(tenant, number="RE-2", external_id="1"),  # voided, then refused: the number is taken
        command(tenant, number="RE-2", external_id="2", tax_minor=12_000),
        command(tenant, number="RE-3", external_id="3", account_id=UUID(int=7)),
        command(tenant, number="RE-4", external_id="4"),
    )
    assert outcomes == ["corrected", "invoice.number_taken", "invoice.invalid", "invoice.account_unknown", "created"]
    assert (await live(session, "1"))["number"] == "RE-1"
    assert await changes_logged(session) == logged + 3, "the adjustment, the correction and the new document"
    assert await assert_books_agree(session, *(day(n) for n in range(1, 21))) == {"EUR": 5 * 11_900 + 100}


async def test_a_document_deleted_at_its_source_becomes_void(session: WriteSession, tenant: Tenant) -> None:
    await upsert(session, command(tenant))
    await close_through(session, tenant, TODAY)
    made = await void_deleted(session, "gp", "1", today=TODAY)
    assert await value(session, "invoices", made, "void_date") == day(21)
    assert await assert_books_agree(session, TODAY) == {}
    with pytest.raises(DomainError) as refused:
        await void_deleted(session, "gp", "1", today=TODAY)
    assert refused.value.code == "invoice.not_found"
    assert await upsert(session, command(tenant, invoice_date=day(25))) == ["created"]


def memo(tenant: Tenant, **changes: Any) -> IssueCreditMemo:
    made = IssueCreditMemo(
        "GS-1", tenant.legal_entity_id, tenant.account_id, "EUR", 11_900, day(5), source="gp", external_id="1",
        tax_minor=1_900,
    )  # fmt: skip
    return replace(made, **changes)


async def upsert_memos(session: WriteSession, *commands: IssueCreditMemo) -> list[str]:
    results: list[Upserted | DomainError] = await upsert_credit_memos(session, commands, today=TODAY)
    return [result.code if isinstance(result, DomainError) else result.outcome for result in results]


async def test_credit_memos_follow_their_source(session: WriteSession, tenant: Tenant) -> None:
    invoice, instalment = await issue(session, tenant, 20_000, day(1))
    assert await upsert_memos(
        session, memo(tenant), memo(tenant), memo(tenant, external_id="2"), memo(tenant, invoice_id=UUID(int=5)),
        memo(tenant, reason="damaged", invoice_id=invoice),
    ) == ["created", "unchanged", "invoice.number_taken", "credit_memo.invoice_unknown", "updated"]  # fmt: skip
    assert await assert_books_agree(session, day(4), day(5)) == {"EUR": 8_100}
    described = memo(tenant, reason="damaged", invoice_id=invoice)
    assert await upsert_memos(session, replace(described, amount_minor=5_000, tax_minor=800)) == ["reissued"]
    assert await assert_books_agree(session, *(day(n) for n in range(1, 21))) == {"EUR": 15_000}
    smaller = replace(described, amount_minor=5_000, tax_minor=800)
    for open_minor, left in ((2_000, 18_000), (5_000, 15_000), (3_000, 17_000)):
        assert await upsert_memos(session, replace(smaller, open_minor=open_minor)) == ["corrected"]
        assert await assert_books_agree(session, *(day(n) for n in range(1, 21))) == {"EUR": left}
    found = await session.driver.fetchval(
        "SELECT id FROM credit_memos WHERE organization_id = $1 AND voided_at IS NULL", tenant.organization_id
    )
    assert await value(session, "credit_memos", found, "status") == "open"
    group = await settle(session, found, instalment, 1_000, TODAY, credit_memo=True)
    assert await upsert_memos(session, replace(smaller, open_minor=5_000)) == ["unchanged"]
    assert await upsert_memos(session, replace(smaller, currency="USD")) == ["credit_memo.has_applications"]
    await undo_applications(session, group.group_id, TODAY, None)
    with pytest.raises(DomainError) as refused:
        await refund_credit_memo(
            session, found, amount_minor=1, effective_date=day(19), reason="x", expected_version=None
        )
    assert refused.value.code == "invoice.effective_date_too_early"
    await void_deleted_credit_memo(session, "gp", "1", today=day(6))
    assert await value(session, "credit_memos", found, "void_date") == TODAY
    assert await assert_books_agree(session, *(day(n) for n in range(1, 22))) == {"EUR": 20_000}
