"""Stories of the trade: money that comes in, is applied, bounces, is refunded, moves; and what each day said."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from app.core.errors import DomainError
from app.infra.database import ReadSession, WriteSession
from app.invoices.adjustments import RequestAdjustment, request_adjustment, reverse_adjustment
from app.invoices.credit_memos import refund_credit_memo
from app.invoices.void import void_invoice
from app.payments.balances import instalment_balances_as_of, payment_balances_as_of, unapplied_as_of
from app.payments.identify import ChangeAccount, change_account
from app.payments.undo import undo_applications
from app.payments.withdraw import RefundPayment, ReversePayment, refund_payment, reverse_payment
from tests.factories import Tenant
from tests.receivables import (
    add_account,
    add_rate,
    add_terms,
    close_through,
    credit,
    flush,
    issue,
    ledger_balances,
    pay,
    settle,
    value,
)

MARCH_1 = date(2026, 3, 1)
FOREVER = "SELECT clock_timestamp() + interval '1 minute'"


def march(day: int) -> date:
    return date(2026, 3, day)


async def open_amount(session: ReadSession, instalment: UUID, as_of: date) -> int | None:
    known_at = await session.driver.fetchval(FOREVER)
    return (await instalment_balances_as_of(session, as_of, known_at)).get(instalment)


async def money(session: ReadSession, as_of: date) -> dict[str, int]:
    known_at = await session.driver.fetchval(FOREVER)
    return {row.measure: row.minor for row in await unapplied_as_of(session, as_of, known_at)}


async def test_an_invoice_paid_in_three_parts(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 100_000, MARCH_1)
    for day, part in ((10, 40_000), (20, 35_000), (31, 25_000)):
        payment = await pay(session, tenant, part, march(day))
        await settle(session, payment, owed, part, march(day))
    history = [await open_amount(session, owed, march(day)) for day in (1, 9, 10, 19, 20, 30, 31)]
    assert history == [100_000, 100_000, 60_000, 60_000, 25_000, 25_000, 0]
    assert await value(session, "instalments", owed, "status") == "settled"


@pytest.mark.parametrize(("paid_on", "earned"), [(11, True), (12, False)])
async def test_two_ten_net_thirty_paid_on_the_last_day_and_the_day_after(
    session: WriteSession, tenant: Tenant, paid_on: int, earned: bool
) -> None:
    terms = await add_terms(session, 200, 10, 30)
    _, owed = await issue(session, tenant, 100_000, MARCH_1, payment_terms_id=terms)
    payment = await pay(session, tenant, 98_000, march(paid_on))
    # The clerk applies it days later: the value date of the money decides, not the day of the work.
    if earned:
        await settle(session, payment, owed, 98_000, march(16), discount=2_000)
        await flush(session)
        assert await value(session, "instalments", owed, "status") == "settled"
        assert (await ledger_balances(session))["discounts_allowed", "EUR"] == 2_000
    else:
        with pytest.raises(DomainError) as refused:
            await settle(session, payment, owed, 98_000, march(16), discount=2_000)
        assert refused.value.code == "application.discount_not_earned"
        await settle(session, payment, owed, 98_000, march(16))
        assert await value(session, "instalments", owed, "open_minor") == 2_000


async def test_a_discount_needs_the_whole_instalment_settled_also_by_a_second_payment(
    session: WriteSession, tenant: Tenant
) -> None:
    terms = await add_terms(session, 200, 10, 30)
    _, owed = await issue(session, tenant, 100_000, MARCH_1, payment_terms_id=terms)
    first, second = await pay(session, tenant, 50_000, march(3)), await pay(session, tenant, 48_000, march(9))
    with pytest.raises(DomainError) as refused:
        await settle(session, first, owed, 50_000, march(4), discount=2_000)
    assert refused.value.code == "application.discount_not_earned"
    await settle(session, first, owed, 50_000, march(4))
    await settle(session, second, owed, 48_000, march(9), discount=2_000)
    assert await value(session, "instalments", owed, "status") == "settled"


async def test_a_bounced_cheque_reopens_the_invoice_with_its_due_date(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 50_000, MARCH_1)
    cheque = await pay(session, tenant, 50_000, march(10), method="cheque")
    await settle(session, cheque, owed, 50_000, march(10))
    await reverse_payment(session, ReversePayment(cheque, march(17), "bounced", "insufficient funds"))
    assert await value(session, "instalments", owed, "status") == "open"
    assert await value(session, "instalments", owed, "due_date") == MARCH_1 + timedelta(days=30)
    assert [await open_amount(session, owed, march(day)) for day in (9, 10, 16, 17)] == [50_000, 0, 0, 50_000]
    # A second cheque is good. It may not be dated into the week in which the first one counted.
    better = await pay(session, tenant, 50_000, march(14), method="cheque")
    with pytest.raises(DomainError) as refused:
        await settle(session, better, owed, 50_000, march(14))
    assert refused.value.code == "instalment.over_applied"
    await settle(session, better, owed, 50_000, march(18))
    await flush(session)
    assert await ledger_balances(session) == {("bank", "EUR"): 50_000, ("revenue", "EUR"): -50_000}


async def test_an_overpayment_is_refunded(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 50_000, MARCH_1)
    payment = await pay(session, tenant, 55_000, march(5))
    await settle(session, payment, owed, 50_000, march(5))
    assert await money(session, march(5)) == {"unapplied_cash": 5_000}
    await refund_payment(session, RefundPayment(payment, march(12), reason="paid too much"))
    assert await money(session, march(11)) == {"unapplied_cash": 5_000}
    assert await money(session, march(12)) == {}
    assert await value(session, "payments", payment, "status") == "refunded"
    assert await open_amount(session, owed, march(12)) == 0


async def test_the_parent_pays_for_its_child_and_a_stranger_only_when_told(
    session: WriteSession, tenant: Tenant
) -> None:
    holding = await add_account(session, "HOLDING")
    branch = await add_account(session, "BRANCH", parent_id=holding)
    outlet = await add_account(session, "OUTLET", parent_id=branch)
    _, owed = await issue(session, tenant, 30_000, MARCH_1, account_id=outlet)
    from_holding = await pay(session, tenant, 10_000, march(2), account_id=holding)
    from_branch = await pay(session, tenant, 10_000, march(2), account_id=branch)
    from_stranger = await pay(session, tenant, 10_000, march(2))
    await settle(session, from_holding, owed, 10_000, march(3))
    await settle(session, from_branch, owed, 10_000, march(3))
    with pytest.raises(DomainError) as refused:
        await settle(session, from_stranger, owed, 10_000, march(3))
    assert refused.value.code == "application.other_account"
    await settle(session, from_stranger, owed, 10_000, march(3), allow_other_account=True)
    assert await value(session, "instalments", owed, "status") == "settled"


async def test_yen_pay_a_euro_invoice_and_the_euro_fell_meanwhile(session: WriteSession, tenant: Tenant) -> None:
    """1,000.00 EUR were 160,000 yen when invoiced; the customer sends 165,000 and the rate has moved to 0.0061."""
    await add_rate(session, "JPY", "EUR", MARCH_1, Decimal("0.00625"))
    await add_rate(session, "JPY", "EUR", march(20), Decimal("0.0061"))
    _, owed = await issue(session, tenant, 100_000, MARCH_1)
    payment = await pay(session, tenant, 165_000, march(20), currency="JPY")
    group = await settle(session, payment, owed, 100_000, march(21), source_amount_minor=165_000)
    (row,) = group.rows
    assert row.exchange_difference_minor == 650  # 165,000 × 0.0061 = 1,006.50 EUR
    assert group.source_left_minor == 0
    await flush(session)
    books = await ledger_balances(session)
    assert books["exchange_gain_loss", "EUR"] == -650
    assert (books["exchange_clearing", "JPY"], books["exchange_clearing", "EUR"]) == (-165_000, 100_650)
    assert ("receivables", "EUR") not in books
    # Looked up, the same invoice would have cost 163,934 yen; the difference is then rounding only.
    await undo_applications(session, group.group_id, march(22), "at the rate of the day, please")
    group = await settle(session, payment, owed, 100_000, march(22))
    assert (group.rows[0].source_amount_minor, group.rows[0].exchange_difference_minor) == (163_934, 0)


async def test_a_payment_on_the_wrong_account_moves(session: WriteSession, tenant: Tenant) -> None:
    right = await add_account(session, "RIGHT")
    _, theirs = await issue(session, tenant, 20_000, MARCH_1, account_id=right)
    _, ours = await issue(session, tenant, 20_000, MARCH_1)
    payment = await pay(session, tenant, 20_000, march(4))
    wrong = await settle(session, payment, ours, 20_000, march(4))
    await undo_applications(session, wrong.group_id, march(9), "not this customer")
    await change_account(session, ChangeAccount(payment, right, march(9), "same name, other town"))
    await settle(session, payment, theirs, 20_000, march(9))
    known_at = await session.driver.fetchval(FOREVER)
    days = [(await payment_balances_as_of(session, march(day), known_at))[payment] for day in (4, 8, 9)]
    assert days == [(tenant.account_id, 0), (tenant.account_id, 0), (right, 0)]
    assert [await open_amount(session, ours, march(day)) for day in (3, 4, 8, 9)] == [20_000, 0, 0, 20_000]
    assert [await open_amount(session, theirs, march(day)) for day in (8, 9)] == [20_000, 0]


async def test_unidentified_money_finds_its_owner_later(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 70_000, MARCH_1)
    payment = await pay(session, tenant, 70_000, march(6), account_id=None, payer_name="M. Brandt")
    before = await session.driver.fetchval("SELECT current_setting('app.recorded_at')::timestamptz")
    await session.driver.execute("SELECT set_config('app.recorded_at', clock_timestamp()::text, true)")
    await change_account(session, ChangeAccount(payment, tenant.account_id, march(15), "answer of the bank"))
    await settle(session, payment, owed, 70_000, march(16))
    assert await money(session, march(14)) == {"unidentified_cash": 70_000}
    assert await money(session, march(15)) == {"unapplied_cash": 70_000}
    assert await money(session, march(16)) == {}
    # What was known then is what it was: the later, backdated knowledge does not change an old report.
    for day in (6, 15, 31):
        known = {row.measure: row.minor for row in await unapplied_as_of(session, march(day), before)}
        assert known == {"unidentified_cash": 70_000}, day


async def test_money_of_a_closed_month_is_booked_into_the_open_one(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 10_000, MARCH_1)
    await close_through(session, tenant, march(31))
    with pytest.raises(DomainError) as refused:
        await pay(session, tenant, 10_000, march(30))
    assert refused.value.code == "ledger.period_closed"
    late = await pay(session, tenant, 10_000, march(30), into_open_period=True)
    assert await value(session, "payments", late, "value_date") == march(30)
    with pytest.raises(DomainError) as too_early:
        await settle(session, late, owed, 10_000, march(31))
    assert too_early.value.code == "ledger.period_closed"
    await settle(session, late, owed, 10_000, date(2026, 4, 1))
    assert await open_amount(session, owed, march(31)) == 10_000
    assert await money(session, march(31)) == {}


async def test_nothing_is_taken_off_before_it_came_back(session: WriteSession, tenant: Tenant) -> None:
    """Adjustments, voids and credit memos keep to the same rule as payments: the open amount of no day is negative."""
    _, owed = await issue(session, tenant, 1_000, MARCH_1)
    command = RequestAdjustment(owed, "small_difference", 400, march(5), "rounding")
    adjustment = await request_adjustment(session, command)
    await reverse_adjustment(session, adjustment, effective_date=march(20), reason="they paid after all")
    payment = await pay(session, tenant, 1_000, march(2))
    with pytest.raises(DomainError) as refused:
        await settle(session, payment, owed, 601, march(10))
    assert refused.value.facts["available"] == "6.00"
    group = await settle(session, payment, owed, 600, march(10))
    await undo_applications(session, group.group_id, march(25), "other invoice")
    invoice = await value(session, "instalments", owed, "invoice_id")
    for attempt in (
        lambda: request_adjustment(session, RequestAdjustment(owed, "small_difference", 1, march(24), "rounding")),
        lambda: void_invoice(session, invoice, effective_date=march(24), reason="wrong"),
    ):
        with pytest.raises(DomainError):
            await attempt()
    await void_invoice(session, invoice, effective_date=march(25), reason="wrong")
    assert [await open_amount(session, owed, march(day)) for day in (4, 5, 10, 20, 24, 25)] == [
        1_000, 600, 0, 400, 400, 0,
    ]  # fmt: skip


async def test_a_credit_memo_is_not_refunded_before_its_undo(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 1_000, MARCH_1)
    memo = await credit(session, tenant, 1_000, MARCH_1)
    group = await settle(session, memo, owed, 1_000, march(5), credit_memo=True)
    await undo_applications(session, group.group_id, march(20), "refund it instead")
    refund = {"amount_minor": 1_000, "reason": "asked for", "expected_version": None}
    with pytest.raises(DomainError):
        await refund_credit_memo(session, memo, effective_date=march(19), **refund)
    await refund_credit_memo(session, memo, effective_date=march(20), **refund)
