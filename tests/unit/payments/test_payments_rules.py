"""Who may pay what, when: limits, parties, dates, discounts, small differences."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import DomainError
from app.payments.refusals import (
    ApplicationInvalid,
    CurrencyDiffers,
    DateTooEarly,
    DiscountNotEarned,
    InstalmentOverApplied,
    LateDiscountForbidden,
    OtherAccount,
    OtherLegalEntity,
    PaymentInvalid,
    SourceOverApplied,
    Unidentified,
    WriteOffTooLarge,
)
from app.payments.rules import (
    allowed_actions,
    check_lines,
    check_payment_amount,
    check_taken,
    common_account,
    status_of_credit_memo,
    status_of_payment,
)
from app.payments.types import Apply, ApplyLine, Balance, Source
from tests.unit.payments.facts import (
    APPROVER,
    CHILD,
    OTHER_ENTITY,
    PARENT,
    STRANGER,
    day,
    instalment,
    payment,
    pays,
    plan,
)

OFFER = ((day(11), 200),)  # 2 % of 100.00 until 11 March


def test_a_payment_settles_what_it_can_and_no_more() -> None:
    owed, other = instalment(6_000), instalment(9_000)
    lines = plan(payment(10_000), pays(owed, 6_000), pays(other, 4_000))
    assert [line.source_amount_minor for line in lines] == [6_000, 4_000]
    with pytest.raises(SourceOverApplied) as refused:
        plan(payment(10_000), pays(owed, 6_000), pays(other, 4_001))
    assert refused.value.facts["available"] == "100.00"


def test_an_instalment_takes_no_more_than_it_has_open() -> None:
    owed = instalment(6_000)
    with pytest.raises(InstalmentOverApplied) as refused:
        plan(payment(), pays(owed, 6_001))
    assert refused.value.errors[0].pointer == "/lines/0/amount"
    with pytest.raises(InstalmentOverApplied):
        plan(payment(), pays(owed, 5_999, write_off_minor=2))


def test_planning_changes_nothing() -> None:
    source, owed = payment(), instalment()
    plan(source, pays(owed, 1_000))
    assert (source.balance.left_minor, owed.balance.left_minor) == (10_000, 10_000)


def test_source_and_instalment_belong_to_one_legal_entity() -> None:
    with pytest.raises(OtherLegalEntity):
        plan(payment(), pays(instalment(legal_entity_id=OTHER_ENTITY), 1), allow_other_account=True)


def test_members_of_a_parent_group_pay_for_each_other_and_strangers_when_told() -> None:
    theirs = instalment(account_id=CHILD)
    assert plan(payment(), pays(theirs, 1), groups={PARENT: PARENT, CHILD: PARENT})
    for groups in ({}, {PARENT: PARENT, CHILD: STRANGER}, {PARENT: PARENT}):
        with pytest.raises(OtherAccount):
            plan(payment(), pays(theirs, 1), groups=groups)
    assert plan(payment(), pays(theirs, 1), allow_other_account=True)


def test_an_unidentified_payment_is_not_applied() -> None:
    with pytest.raises(Unidentified):
        plan(payment(account_id=None), pays(instalment(), 1), allow_other_account=True)


def test_the_effective_date_is_not_before_either_document() -> None:
    source, owed = payment(), instalment(accounting_date=day(7))
    assert plan(source, pays(instalment(), 1), on=day(5))
    assert plan(source, pays(owed, 1), on=day(7))
    for on, facts in ((day(4), instalment()), (day(6), owed)):
        with pytest.raises(DateTooEarly):
            plan(source, pays(facts, 1), on=on)


def test_the_callers_idea_of_the_currencies_is_checked() -> None:
    with pytest.raises(CurrencyDiffers):
        plan(payment(), pays(instalment(), 1, currency="USD"))
    with pytest.raises(CurrencyDiffers):
        plan(payment(), pays(instalment(), 1), source_currency="USD")


@pytest.mark.parametrize(
    ("value_date", "discount", "allowed"),
    [(day(11), 200, True), (day(11), 199, True), (day(11), 201, False), (day(12), 1, False), (day(1), 200, True)],
)
def test_money_of_the_last_day_earns_the_discount_and_of_the_day_after_none(
    value_date: date, discount: int, allowed: bool
) -> None:
    source = payment(value_date=value_date, not_before=value_date)
    line = pays(instalment(offers=OFFER), 10_000 - discount, discount_minor=discount)
    if allowed:
        assert plan(source, line, on=day(20))
    else:
        with pytest.raises(DiscountNotEarned):
            plan(source, line, on=day(20))


def test_a_discount_settles_the_instalment() -> None:
    with pytest.raises(DiscountNotEarned, match="settled"):
        plan(payment(), pays(instalment(offers=OFFER), 9_799, discount_minor=200))


def test_tiers_of_discount_fall_with_time() -> None:
    offers = ((day(6), 300), (day(16), 100))
    assert [instalment(offers=offers).discount_on(day(n)) for n in (6, 7, 16, 17)] == [300, 100, 100, 0]


def test_a_late_discount_needs_authority_and_keeps_within_the_offer() -> None:
    source, owed = payment(value_date=day(20), not_before=day(20)), instalment(offers=OFFER)
    line = pays(owed, 9_800, discount_minor=200)
    with pytest.raises(LateDiscountForbidden):
        plan(source, line, on=day(20), allow_late_discount=True)
    assert plan(source, line, on=day(20), allow_late_discount=True, authority=APPROVER)
    with pytest.raises(DiscountNotEarned):
        plan(source, line, on=day(20), authority=APPROVER)
    more = pays(owed, 9_799, discount_minor=201)
    with pytest.raises(DiscountNotEarned):
        plan(source, more, on=day(20), allow_late_discount=True, authority=APPROVER)


def test_a_credit_memo_earns_no_discount() -> None:
    memo = payment(source=Source("credit_memo", PARENT))
    with pytest.raises(DiscountNotEarned):
        plan(memo, pays(instalment(offers=OFFER), 9_800, discount_minor=200))


def test_a_small_difference_settles_the_instalment_within_the_callers_limit() -> None:
    owed = instalment()
    assert plan(payment(), pays(owed, 9_500, write_off_minor=500))
    with pytest.raises(WriteOffTooLarge):
        plan(payment(), pays(owed, 9_499, write_off_minor=501))
    assert plan(payment(), pays(owed, 9_499, write_off_minor=501), authority=APPROVER)
    with pytest.raises(ApplicationInvalid):
        plan(payment(), pays(owed, 9_000, write_off_minor=1))


def command(*lines: ApplyLine) -> Apply:
    return Apply(Source("payment", PARENT), lines, day(6))


@pytest.mark.parametrize(
    "line",
    [
        {"amount_minor": 0},
        {"amount_minor": -1, "discount_minor": 2},
        {"amount_minor": 1, "discount_minor": -1},
        {"amount_minor": 1, "write_off_minor": -1},
        {"amount_minor": 1, "source_amount_minor": -1},
        {"amount_minor": 1, "exchange_rate": Decimal(0)},
        {"amount_minor": 1, "exchange_rate": Decimal("NaN")},
        {"amount_minor": 10**15 + 1},
    ],
)
def test_lines_that_contradict_themselves_are_refused(line: dict[str, Any]) -> None:
    with pytest.raises(ApplicationInvalid):
        check_lines(command(ApplyLine(PARENT, **line)))


def test_lines_are_bounded_and_name_an_instalment_once() -> None:
    check_lines(command(ApplyLine(PARENT, 1), ApplyLine(CHILD, 1)))
    for lines in ((), (ApplyLine(PARENT, 1), ApplyLine(PARENT, 1)), (ApplyLine(PARENT, 1),) * 1_001):
        with pytest.raises(ApplicationInvalid):
            check_lines(command(*lines))


def test_a_balance_is_not_spent_before_it_came_back() -> None:
    balance = Balance(1_000, day(20), {day(10): 300})
    assert [balance.available(on) for on in (day(10), day(20), day(25))] == [300, 1_000, 1_000]
    balance.take(200)
    assert [balance.available(on) for on in (day(10), day(20))] == [100, 800]
    balance.take(200)
    assert balance.available(day(10)) == 0


@given(
    amounts=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 400)), min_size=1, max_size=12),
    seed=st.randoms(use_true_random=False),
)
def test_available_money_never_makes_a_past_day_negative(amounts: list[tuple[int, int]], seed: Any) -> None:
    """Take what is available in a random order of dates and undo some: no day of the history is below zero."""
    start, events = day(1), [(day(1), 1_000)]

    def on_day(when: date) -> int:
        return sum(minor for at, minor in events if at <= when)

    reopened = None
    for offset, asked in amounts:
        on = start + timedelta(days=offset)
        days = [start + timedelta(days=n) for n in range(offset, 70)]
        least = min(on_day(when) for when in days)
        balance = Balance(on_day(start + timedelta(days=100)), reopened, {on: least})
        taken = min(asked, balance.available(on))
        events.append((on, -taken))
        if taken and seed.random() < 0.5:
            back = on + timedelta(days=seed.randint(0, 30))
            events.append((back, taken))
            reopened = max(back, reopened or back)
    assert all(on_day(start + timedelta(days=n)) >= 0 for n in range(100))


def test_the_account_of_all_lines_identifies_a_payment() -> None:
    assert common_account([CHILD, CHILD]) == CHILD
    with pytest.raises(Unidentified):
        common_account([CHILD, PARENT])


def test_statuses_follow_from_amounts() -> None:
    assert [
        status_of_payment(10, 0, False, None),
        status_of_payment(10, 0, True, None),
        status_of_payment(10, 5, True, "refunded"),
        status_of_payment(0, 10, True, None),
        status_of_payment(0, 5, True, "refunded"),
        status_of_payment(0, 0, False, "not_receivable"),
    ] == ["unidentified", "unapplied", "partially_applied", "applied", "refunded", "not_receivable"]
    assert [status_of_credit_memo(*facts) for facts in ((10, 10), (4, 10), (0, 10), (6, 10, 4))] == [
        "open", "partially_applied", "applied", "open",
    ]  # fmt: skip


def test_actions_follow_from_amounts() -> None:
    assert allowed_actions("unidentified", 10, 0, False) == ["identify", "refund", "not_receivable", "reverse"]
    assert allowed_actions("unapplied", 10, 0, True) == ["apply", "refund", "not_receivable", "move", "reverse"]
    assert allowed_actions("partially_applied", 5, 5, True) == ["apply", "refund", "not_receivable", "reverse"]
    assert allowed_actions("applied", 0, 10, True) == ["reverse"]
    assert allowed_actions("refunded", 0, 5, True) == ["reverse"]
    assert allowed_actions("refunded", 0, 0, True) == []
    assert allowed_actions("reversed", 0, 0, True) == []


@pytest.mark.parametrize("amount", [0, -1, 10**15 + 1])
def test_a_payment_is_positive_and_bounded(amount: int) -> None:
    with pytest.raises(PaymentInvalid):
        check_payment_amount(amount, "EUR")
    check_payment_amount(1, "JPY")
    with pytest.raises(DomainError):
        check_payment_amount(1, "ZZZ")


def test_what_is_taken_out_lies_within_what_is_left() -> None:
    check_taken(5, 5, "EUR")
    for amount, left, code in (
        (6, 5, "payment.over_applied"),
        (0, 5, "payment.invalid"),
        (0, 0, "payment.nothing_left"),
    ):
        with pytest.raises(DomainError) as refused:
            check_taken(amount, left, "EUR")
        assert refused.value.code == code
