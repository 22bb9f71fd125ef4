"""Recording, applying, undoing and withdrawing on a real database: amounts, statuses, postings, refusals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.database import WriteSession
from app.ledger.errors import PeriodClosed
from app.payments.apply import apply_many
from app.payments.errors import ApplicationReversed, PaymentApplied, PaymentNotFound, PaymentWithdrawn, SameAccount
from app.payments.identify import ChangeAccount, change_account
from app.payments.record import RecordPayment, record_payments
from app.payments.refusals import AlreadyDecided, DateTooEarly, SourceOverApplied
from app.payments.types import Apply, ApplyLine, Source
from app.payments.undo import undo_applications
from app.payments.withdraw import (
    MarkNotReceivable,
    RefundPayment,
    ReversePayment,
    mark_not_receivable,
    refund_payment,
    reverse_payment,
)
from tests.factories import Tenant
from tests.receivables import (
    add_account,
    add_rate,
    close_through,
    credit,
    flush,
    issue,
    ledger_balances,
    pay,
    settle,
    value,
)

MARCH = date(2026, 3, 1)


def day(number: int) -> date:
    return date(2026, 3, number)


async def status(session: WriteSession, payment_id: UUID) -> tuple[str, int, str]:
    row = await session.driver.fetchrow(
        "SELECT status, unapplied_minor, matching_state FROM payments WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        payment_id,
    )
    assert row is not None
    return tuple(row)


async def test_a_receipt_waits_unapplied_and_is_in_the_books(session: WriteSession, tenant: Tenant) -> None:
    payment = await pay(session, tenant, 12_500, day(5))
    await flush(session)
    assert await status(session, payment) == ("unapplied", 12_500, "waiting")
    assert await ledger_balances(session) == {("bank", "EUR"): 12_500, ("unapplied_cash", "EUR"): -12_500}


async def test_a_receipt_without_account_is_unidentified(session: WriteSession, tenant: Tenant) -> None:
    payment = await pay(session, tenant, 500, day(5), account_id=None)
    await flush(session)
    assert (await status(session, payment))[0] == "unidentified"
    assert await ledger_balances(session) == {("bank", "EUR"): 500, ("unidentified_cash", "EUR"): -500}


async def test_a_batch_of_receipts_says_what_was_refused(session: WriteSession, tenant: Tenant) -> None:
    entity, bank = tenant.legal_entity_id, tenant.bank_account_id
    await close_through(session, tenant, date(2026, 1, 31))

    def receipt(**more: object) -> RecordPayment:
        return RecordPayment(**({"amount_minor": 100, "currency": "EUR", "value_date": day(2)} | more))  # type: ignore[arg-type]

    first = receipt(bank_account_id=bank, bank_entry_identity="E1")
    commands = [
        first,
        receipt(bank_account_id=bank, bank_entry_identity="E1"),
        receipt(legal_entity_id=entity, source="gp", external_id="7"),
        receipt(legal_entity_id=entity, source="gp", external_id="7"),
        receipt(legal_entity_id=entity, amount_minor=0),
        receipt(legal_entity_id=entity, account_id=new_id()),
        receipt(bank_account_id=new_id()),
        receipt(legal_entity_id=new_id()),
        receipt(),
        receipt(legal_entity_id=entity, value_date=date(2026, 1, 31)),
        receipt(legal_entity_id=entity, value_date=date(2026, 1, 31), into_open_period=True),
        receipt(legal_entity_id=entity, currency="XXX"),
    ]
    results = await record_payments(session, commands)
    codes = [result.code if isinstance(result, DomainError) else None for result in results]
    assert codes == [
        None, "payment.duplicate_bank_entry", None, "payment.external_id_taken", "payment.invalid",
        "payment.account_unknown", "payment.bank_account_unknown", "payment.legal_entity_unknown",
        "payment.legal_entity_unknown", "ledger.period_closed", None, "money.currency_unknown",
    ]  # fmt: skip
    assert isinstance(results[1], DomainError)
    assert results[1].facts["payment_id"] == results[0]
    late = results[10]
    assert isinstance(late, UUID)
    assert await value(session, "payments", late, "accounting_date") == date(2026, 2, 1)
    assert await value(session, "payments", late, "value_date") == date(2026, 1, 31)
    again = await record_payments(session, [first])
    assert isinstance(again[0], DomainError)
    await flush(session)
    assert (await ledger_balances(session))["bank", "EUR"] == 300


async def test_applying_moves_money_from_unapplied_cash_to_receivables(session: WriteSession, tenant: Tenant) -> None:
    _, instalment = await issue(session, tenant, 10_000, day(1))
    payment = await pay(session, tenant, 15_000, day(5))
    group = await settle(session, payment, instalment, 4_000, day(6))
    assert (group.source_left_minor, group.open_minor) == (11_000, {instalment: 6_000})
    assert await value(session, "instalments", instalment, "status") == "partially_applied"
    assert await status(session, payment) == ("partially_applied", 11_000, "waiting")
    await settle(session, payment, instalment, 6_000, day(7))
    await flush(session)
    assert await value(session, "instalments", instalment, "status") == "settled"
    assert await ledger_balances(session) == {
        ("bank", "EUR"): 15_000,
        ("unapplied_cash", "EUR"): -5_000,
        ("revenue", "EUR"): -10_000,
    }
    logged = await session.driver.fetch(
        "SELECT entity_id, after FROM change_log WHERE event = 'application.created' ORDER BY id"
    )
    assert logged[0]["entity_id"] == group.group_id
    assert logged[0]["after"]["lines"] == [{"instalment_id": str(instalment), "currency": "EUR", "amount_minor": 4_000}]


async def test_a_fully_applied_payment_is_done(session: WriteSession, tenant: Tenant) -> None:
    _, one = await issue(session, tenant, 100, day(1))
    _, two = await issue(session, tenant, 200, day(1))
    payment = await pay(session, tenant, 300, day(2))
    command = Apply(Source("payment", payment), (ApplyLine(one, 100), ApplyLine(two, 200)), day(3))
    (group,) = await apply_many(session, [command])
    assert not isinstance(group, DomainError)
    assert len(group.rows) == 2
    assert await status(session, payment) == ("applied", 0, "done")


async def test_a_credit_memo_is_applied_like_cash(session: WriteSession, tenant: Tenant) -> None:
    _, instalment = await issue(session, tenant, 1_000, day(1))
    memo = await credit(session, tenant, 1_200, day(2))
    group = await settle(session, memo, instalment, 1_000, day(3), credit_memo=True)
    assert await value(session, "credit_memos", memo, "status") == "partially_applied"
    await undo_applications(session, group.group_id, day(4), "wrong memo")
    assert await value(session, "credit_memos", memo, "status") == "open"
    assert await value(session, "credit_memos", memo, "reopened_on") == day(4)
    await settle(session, memo, instalment, 1_000, day(4), credit_memo=True)
    await flush(session)
    moved = await session.driver.fetch(
        "SELECT debit_account, credit_account, credit_memo_id, instalment_id FROM transfers"
        " WHERE credit_memo_id IS NOT NULL AND instalment_id IS NOT NULL"
    )
    assert [tuple(row) for row in moved] == [("receivables", "receivables", memo, instalment)] * 3
    assert (await ledger_balances(session))["receivables", "EUR"] == -200


async def test_each_command_of_a_batch_is_done_whole_or_not_at_all(session: WriteSession, tenant: Tenant) -> None:
    _, one = await issue(session, tenant, 100, day(1))
    _, two = await issue(session, tenant, 100, day(1))
    rich = await pay(session, tenant, 250, day(2))
    poor = await pay(session, tenant, 50, day(2))
    stranger = await pay(session, tenant, 50, day(2), account_id=await add_account(session, "C-2"))

    def command(source: UUID, *lines: tuple[UUID, int]) -> Apply:
        return Apply(Source("payment", source), tuple(ApplyLine(*line) for line in lines), day(3))

    results = await apply_many(
        session,
        [
            command(poor, (one, 60)),
            command(poor, (one, 50)),
            command(rich, (one, 60), (two, 100)),
            command(stranger, (one, 50)),
            command(new_id(), (one, 1)),
            command(rich, (new_id(), 1)),
            command(rich, (one, 50), (two, 100)),
            command(rich, (one, 1)),
            command(poor, (two, 1)),
        ],
    )
    codes = [result.code if isinstance(result, DomainError) else "done" for result in results]
    assert codes == [
        "payment.over_applied", "done", "instalment.over_applied", "application.other_account", "payment.not_found",
        "application.instalment_unknown", "done", "instalment.over_applied", "instalment.over_applied",
    ]  # fmt: skip
    assert await status(session, rich) == ("partially_applied", 100, "waiting")
    assert await status(session, poor) == ("applied", 0, "done")
    assert await value(session, "instalments", one, "open_minor") == 0
    assert await session.driver.fetchval("SELECT count(*) FROM applications") == 3


async def test_an_undo_reopens_both_sides_once_and_holds_the_payment(session: WriteSession, tenant: Tenant) -> None:
    _, instalment = await issue(session, tenant, 1_000, day(1))
    payment = await pay(session, tenant, 980, day(2))
    group = await settle(session, payment, instalment, 980, day(3), write_off=20)
    with pytest.raises(DateTooEarly):
        await undo_applications(session, group.group_id, day(2), "typing error")
    undone = await undo_applications(session, group.group_id, day(10), "typing error")
    assert await status(session, payment) == ("unapplied", 980, "held")
    assert await value(session, "instalments", instalment, "status") == "open"
    assert await value(session, "instalments", instalment, "due_date") == day(31)
    assert [row.reverses_id for row in undone.rows] == [row.id for row in group.rows]
    for again in (group.group_id, undone.group_id):
        with pytest.raises(ApplicationReversed):
            await undo_applications(session, again, day(11), "again")
    await flush(session)
    assert (await ledger_balances(session)) == {
        ("bank", "EUR"): 980,
        ("unapplied_cash", "EUR"): -980,
        ("receivables", "EUR"): 1_000,
        ("revenue", "EUR"): -1_000,
    }


async def test_money_cannot_be_spent_before_it_came_back(session: WriteSession, tenant: Tenant) -> None:
    """An undo dated the 20th does not free the money of the 10th: the balance of each day stays above zero."""
    _, one = await issue(session, tenant, 1_000, day(1))
    _, two = await issue(session, tenant, 1_000, day(1))
    payment = await pay(session, tenant, 1_000, day(2))
    group = await settle(session, payment, one, 700, day(5))
    await undo_applications(session, group.group_id, day(20), "wrong invoice")
    with pytest.raises(SourceOverApplied) as refused:
        await settle(session, payment, two, 301, day(10))
    assert refused.value.facts["available"] == "3.00"
    await settle(session, payment, two, 300, day(10))
    await settle(session, payment, two, 700, day(20))
    other = await pay(session, tenant, 1_000, day(2))
    with pytest.raises(DomainError) as reopened:
        await settle(session, other, one, 301, day(10))
    assert reopened.value.code == "instalment.over_applied"
    await settle(session, other, one, 1_000, day(20))


async def test_refunds_take_unapplied_money_only(session: WriteSession, tenant: Tenant) -> None:
    _, instalment = await issue(session, tenant, 1_000, day(1))
    payment = await pay(session, tenant, 1_500, day(2))
    group = await settle(session, payment, instalment, 1_000, day(3))
    with pytest.raises(SourceOverApplied):
        await refund_payment(session, RefundPayment(payment, day(4), 501))
    with pytest.raises(DateTooEarly):
        await refund_payment(session, RefundPayment(payment, day(1), 1))
    await refund_payment(session, RefundPayment(payment, day(4), 200, "paid twice"))
    assert await status(session, payment) == ("partially_applied", 300, "waiting")
    await refund_payment(session, RefundPayment(payment, day(5)))
    assert await status(session, payment) == ("refunded", 0, "done")
    with pytest.raises(AlreadyDecided):
        await refund_payment(session, RefundPayment(payment, day(5)))
    with pytest.raises(PaymentWithdrawn):
        await reverse_payment(session, ReversePayment(payment, day(6), "bounced"))
    await undo_applications(session, group.group_id, day(20), "wrong")
    with pytest.raises(SourceOverApplied):
        await refund_payment(session, RefundPayment(payment, day(10), 1_000))
    await refund_payment(session, RefundPayment(payment, day(20), 1_000))
    await flush(session)
    assert await ledger_balances(session) == {("receivables", "EUR"): 1_000, ("revenue", "EUR"): -1_000}


async def test_money_that_is_not_receivable_becomes_other_income(session: WriteSession, tenant: Tenant) -> None:
    payment = await pay(session, tenant, 77, day(2), account_id=None)
    await mark_not_receivable(session, MarkNotReceivable(payment, day(3), "interest", reason="bank interest"))
    await flush(session)
    assert await status(session, payment) == ("not_receivable", 0, "done")
    assert await ledger_balances(session) == {("bank", "EUR"): 77, ("other_income", "EUR"): -77}


async def test_a_reversal_undoes_everything_as_of_its_date(session: WriteSession, tenant: Tenant) -> None:
    _, one = await issue(session, tenant, 100, day(1))
    _, two = await issue(session, tenant, 200, day(1))
    payment = await pay(session, tenant, 300, day(2), method="cheque")
    await settle(session, payment, one, 100, day(3))
    await settle(session, payment, two, 150, day(8))
    with pytest.raises(DateTooEarly):
        await reverse_payment(session, ReversePayment(payment, day(7), "bounced"))


async def test_a_reversal_reopens_instalments(session: WriteSession, tenant: Tenant) -> None:
    _, one = await issue(session, tenant, 100, day(1))
    payment = await pay(session, tenant, 300, day(2), method="cheque")
    await settle(session, payment, one, 60, day(3))
    await settle(session, payment, one, 40, day(8))
    undone = await reverse_payment(session, ReversePayment(payment, day(9), "bounced", "no funds"))
    assert len(undone) == 2
    assert await status(session, payment) == ("reversed", 0, "done")
    assert await value(session, "instalments", one, "open_minor") == 100
    with pytest.raises(PaymentWithdrawn):
        await reverse_payment(session, ReversePayment(payment, day(9), "bounced"))
    with pytest.raises(SourceOverApplied):
        await settle(session, payment, one, 1, day(9))
    await flush(session)
    assert await ledger_balances(session) == {("receivables", "EUR"): 100, ("revenue", "EUR"): -100}


async def test_accounts_of_payments_change_with_a_date(session: WriteSession, tenant: Tenant) -> None:
    other = await add_account(session, "C-2")
    _, theirs = await issue(session, tenant, 500, day(1), account_id=other)
    payment = await pay(session, tenant, 500, day(2), account_id=None)
    with pytest.raises(DomainError) as refused:
        await settle(session, payment, theirs, 500, day(3))
    assert refused.value.code == "payment.unidentified"
    await change_account(session, ChangeAccount(payment, tenant.account_id, day(10), "IBAN is known"))
    assert (await status(session, payment))[0] == "unapplied"
    with pytest.raises(SameAccount):
        await change_account(session, ChangeAccount(payment, tenant.account_id, day(10)))
    with pytest.raises(DateTooEarly):
        await change_account(session, ChangeAccount(payment, other, day(9)))
    await change_account(session, ChangeAccount(payment, other, day(12), "their daughter's"))
    with pytest.raises(DateTooEarly):
        await settle(session, payment, theirs, 500, day(11))
    group = await settle(session, payment, theirs, 500, day(12))
    with pytest.raises(PaymentApplied):
        await change_account(session, ChangeAccount(payment, None, day(13)))
    await undo_applications(session, group.group_id, day(20), "not theirs either")
    with pytest.raises(DateTooEarly):
        await change_account(session, ChangeAccount(payment, None, day(19)))
    await change_account(session, ChangeAccount(payment, None, day(20)))
    assert await status(session, payment) == ("unidentified", 500, "held")
    await flush(session)
    balances = await ledger_balances(session)
    assert balances["unidentified_cash", "EUR"] == -500
    assert ("unapplied_cash", "EUR") not in balances
    by_account = await session.driver.fetch(
        "SELECT account_id, sum(CASE WHEN debit_account = 'unapplied_cash' THEN amount_minor ELSE -amount_minor END)"
        " AS minor FROM transfers WHERE 'unapplied_cash' IN (debit_account, credit_account) GROUP BY 1"
    )
    assert {row["minor"] for row in by_account} == {0}


async def test_identify_while_applying(session: WriteSession, tenant: Tenant) -> None:
    _, one = await issue(session, tenant, 500, day(1))
    other = await add_account(session, "C-2")
    _, theirs = await issue(session, tenant, 500, day(1), account_id=other)
    payment = await pay(session, tenant, 600, day(2), account_id=None)
    refused = Apply(Source("payment", payment), (ApplyLine(one, 500), ApplyLine(theirs, 100)), day(4), identify=True)
    too_much = Apply(Source("payment", payment), (ApplyLine(one, 501),), day(4), identify=True)
    fine = Apply(Source("payment", payment), (ApplyLine(one, 500),), day(4), identify=True)
    results = await apply_many(session, [refused, too_much, fine])
    assert [r.code if isinstance(r, DomainError) else None for r in results] == [
        "payment.unidentified", "instalment.over_applied", None,
    ]  # fmt: skip
    assert await value(session, "payments", payment, "account_id") == tenant.account_id
    assert results[2].source_version == await value(session, "payments", payment, "version")  # type: ignore[union-attr]
    await flush(session)
    assert await ledger_balances(session, day(3)) == {
        ("bank", "EUR"): 600, ("unidentified_cash", "EUR"): -600, ("receivables", "EUR"): 1_000,
        ("revenue", "EUR"): -1_000,
    }  # fmt: skip
    assert (await ledger_balances(session, day(4)))["unapplied_cash", "EUR"] == -100


async def test_closed_periods_take_no_application_undo_or_refund(session: WriteSession, tenant: Tenant) -> None:
    _, one = await issue(session, tenant, 500, day(1))
    payment = await pay(session, tenant, 400, day(2))
    group = await settle(session, payment, one, 100, day(3))
    await close_through(session, tenant, day(5))
    with pytest.raises(PeriodClosed):
        await settle(session, payment, one, 100, day(5))
    with pytest.raises(PeriodClosed):
        await undo_applications(session, group.group_id, day(5), "late")
    with pytest.raises(PeriodClosed):
        await refund_payment(session, RefundPayment(payment, day(5), 1))
    with pytest.raises(PeriodClosed):
        await reverse_payment(session, ReversePayment(payment, day(5), "bounced"))
    await undo_applications(session, group.group_id, day(6), "late")


async def test_unknown_payments_are_not_found(session: WriteSession, tenant: Tenant) -> None:
    with pytest.raises(PaymentNotFound):
        await refund_payment(session, RefundPayment(new_id(), day(1)))


async def test_across_currencies_both_amounts_the_rate_and_the_difference_are_kept(
    session: WriteSession, tenant: Tenant
) -> None:
    _, owed = await issue(session, tenant, 100_000, day(1), currency="USD")
    payment = await pay(session, tenant, 5_000_000, day(10), currency="JPY")
    with pytest.raises(DomainError) as refused:
        await settle(session, payment, owed, 100_000, day(11))
    assert refused.value.code == "exchange_rate.missing"
    await add_rate(session, "USD", "EUR", day(1), Decimal("0.9"))
    await add_rate(session, "JPY", "EUR", day(1), Decimal("0.006"))
    group = await settle(session, payment, owed, 100_000, day(11), source_amount_minor=150_500)
    (row,) = group.rows
    assert row.source_amount_minor == 150_500
    assert row.exchange_rate == Decimal("0.006644518272")
    assert row.exchange_difference_minor == 90_300 - 90_000
    await flush(session)
    after = await ledger_balances(session)
    assert after["exchange_clearing", "JPY"] == -150_500
    assert after["exchange_clearing", "USD"] == 100_000
    assert after["exchange_clearing", "EUR"] == 300
    assert after["exchange_gain_loss", "EUR"] == -300
    assert after["unapplied_cash", "JPY"] == -(5_000_000 - 150_500)
    assert ("receivables", "USD") not in after
    await undo_applications(session, group.group_id, day(12), "other invoice")
    await flush(session)
    after = await ledger_balances(session)
    assert not [key for key in after if key[0].startswith("exchange")]
    assert after["receivables", "USD"] == 100_000
