"""Applying across currencies: rates given, looked up or implied, differences at dated rates, balanced postings."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import convert
from app.payments.postings import (
    ApplicationRow,
    Held,
    account_change_transfers,
    application_transfers,
    income_transfer,
    receipt_transfer,
)
from app.payments.refusals import RateInconsistent, RateMissing
from app.payments.rules import needed_quotes
from app.payments.types import Apply, ApplyLine, Quote, Source
from tests.unit.payments.facts import CHILD, ENTITY, PARENT, day, instalment, payment, pays, plan

YEN_TO_EUR, USD_TO_EUR = Decimal("0.006"), Decimal("0.9")
QUOTES: dict[Quote, Decimal | None] = {
    ("JPY", "EUR", day(5)): YEN_TO_EUR,
    ("JPY", "USD", day(5)): Decimal("0.0066"),
    ("USD", "EUR", day(1)): USD_TO_EUR,
}


def test_without_a_rate_the_rate_of_the_value_date_is_looked_up() -> None:
    (line,) = plan(payment(500_000, currency="JPY"), pays(instalment(), 10_000), quotes=QUOTES)
    assert (line.source_amount_minor, line.exchange_rate) == (16_667, YEN_TO_EUR)
    # 16,667 yen are worth 100.00 euro at 0.006: no difference, as the base currency is the invoice's.
    assert line.exchange_difference_minor == convert(16_667, "JPY", "EUR", YEN_TO_EUR) - 10_000 == 0


def test_the_difference_is_what_both_sides_were_worth_on_their_own_days() -> None:
    source = payment(500_000, currency="JPY")
    owed = instalment(currency="USD")
    (line,) = plan(source, pays(owed, 10_000, source_amount_minor=15_000), quotes=QUOTES)
    assert line.exchange_rate == Decimal("0.006666666667")
    assert line.exchange_difference_minor == 9_000 - 9_000
    (line,) = plan(source, pays(owed, 10_000, exchange_rate=Decimal("0.006")), quotes=QUOTES)
    assert line.source_amount_minor == 16_667
    assert line.exchange_difference_minor == 10_000 - 9_000


def test_the_rates_that_are_asked_for_are_those_of_value_date_and_accounting_date() -> None:
    source, owed, plain = payment(currency="JPY"), instalment(currency="USD"), instalment(currency="JPY")
    facts = {owed.id: owed, plain.id: plain}
    asked = Apply(source.source, (ApplyLine(owed.id, 1), ApplyLine(plain.id, 1)), day(6))
    assert needed_quotes(asked, source, facts) == set(QUOTES)
    given_rate = Apply(source.source, (ApplyLine(owed.id, 1, exchange_rate=Decimal(2)),), day(6))
    assert needed_quotes(given_rate, source, facts) == set(QUOTES) - {("JPY", "USD", day(5))}
    assert not needed_quotes(Apply(source.source, (ApplyLine(plain.id, 1),), day(6)), source, facts)


def test_a_missing_rate_is_named() -> None:
    with pytest.raises(RateMissing) as refused:
        plan(payment(currency="JPY"), pays(instalment(currency="USD"), 1))
    assert refused.value.facts == {"from_currency": "JPY", "to_currency": "USD", "on": "2026-03-05"}


@pytest.mark.parametrize(
    "line",
    [
        {"source_amount_minor": 15_000, "exchange_rate": Decimal("0.007")},
        {"source_amount_minor": 0},
        {"source_amount_minor": 10**15},
    ],
)
def test_amounts_and_rate_that_do_not_fit_are_refused(line: dict[str, int | Decimal]) -> None:
    source = payment(10**15, currency="JPY")
    with pytest.raises(RateInconsistent):
        plan(source, pays(instalment(1, currency="USD"), 1, **line), quotes=QUOTES)


def test_within_one_currency_there_is_no_rate() -> None:
    assert plan(payment(), pays(instalment(), 5, source_amount_minor=5, exchange_rate=Decimal(1)))
    for line in ({"source_amount_minor": 6}, {"exchange_rate": Decimal(2)}):
        with pytest.raises(RateInconsistent):
            plan(payment(), pays(instalment(), 5, **line))


@given(
    amount=st.integers(1, 10**9),
    rate=st.decimals(Decimal("0.0001"), Decimal(1_000), places=6),
)
def test_a_computed_amount_fits_its_own_rate(amount: int, rate: Decimal) -> None:
    source, owed = payment(10**15, currency="KWD"), instalment(10**9, currency="EUR")
    quotes: dict[Quote, Decimal | None] = {("KWD", "EUR", day(5)): rate}
    try:
        (line,) = plan(source, pays(owed, amount, exchange_rate=rate), quotes=quotes)
    except RateInconsistent:
        assert convert(amount, "EUR", "KWD", 1 / rate) == 0
        return
    (again,) = plan(
        source, pays(owed, amount, exchange_rate=rate, source_amount_minor=line.source_amount_minor), quotes=quotes
    )
    assert again.source_amount_minor == line.source_amount_minor


def row(**changes: object) -> ApplicationRow:
    facts: dict[str, object] = {
        "id": CHILD, "legal_entity_id": ENTITY, "account_id": CHILD, "source": Source("payment", PARENT),
        "source_account_id": PARENT, "instalment_id": ENTITY, "currency": "EUR", "amount_minor": 970,
        "discount_minor": 20, "write_off_minor": 10, "source_currency": "EUR", "source_amount_minor": 970,
        "exchange_rate": None, "exchange_difference_minor": 0,
    }  # fmt: skip
    return ApplicationRow(**(facts | changes))  # type: ignore[arg-type]


def balances(transfers: list[object]) -> dict[tuple[str, str], int]:
    sums: Counter[tuple[str, str]] = Counter()
    for transfer in transfers:
        move = transfer.normalized()  # type: ignore[attr-defined]
        if move is not None:
            assert move.amount_minor > 0
            sums[move.debit_account, move.currency] += move.amount_minor
            sums[move.credit_account, move.currency] -= move.amount_minor
    return {key: minor for key, minor in sums.items() if minor}


def test_an_application_books_cash_discount_and_difference() -> None:
    assert balances(application_transfers(row(), "EUR", "x", day(6))) == {
        ("unapplied_cash", "EUR"): 970,
        ("discounts_allowed", "EUR"): 20,
        ("small_differences", "EUR"): 10,
        ("receivables", "EUR"): -1_000,
    }


def test_a_credit_memo_moves_within_receivables_and_carries_both_ids() -> None:
    memo = row(source=Source("credit_memo", PARENT), discount_minor=0, write_off_minor=0)
    (transfer,) = [move for move in application_transfers(memo, "EUR", "x", day(6)) if move.amount_minor]
    assert (transfer.debit_account, transfer.credit_account) == ("receivables", "receivables")
    assert (transfer.credit_memo_id, transfer.instalment_id, transfer.payment_id) == (PARENT, ENTITY, None)


@pytest.mark.parametrize("difference", [30, -30])
def test_the_clearing_account_holds_both_currencies_and_their_difference(difference: int) -> None:
    across = row(source_currency="JPY", source_amount_minor=160_000, currency="USD",
                 exchange_difference_minor=difference)  # fmt: skip
    assert balances(application_transfers(across, "EUR", "x", day(6))) == {
        ("unapplied_cash", "JPY"): 160_000,
        ("exchange_clearing", "JPY"): -160_000,
        ("exchange_clearing", "USD"): 970,
        ("receivables", "USD"): -1_000,
        ("discounts_allowed", "USD"): 20,
        ("small_differences", "USD"): 10,
        ("exchange_clearing", "EUR"): difference,
        ("exchange_gain_loss", "EUR"): -difference,
    }


def test_money_changes_accounts_through_unidentified_cash() -> None:
    on = date(2026, 3, 6)
    unknown, mine, theirs = (Held(ENTITY, ENTITY, account, "EUR") for account in (None, PARENT, CHILD))
    for before, after, expected in (
        (unknown, mine, {("unidentified_cash", "EUR"): 7, ("unapplied_cash", "EUR"): -7}),
        (mine, unknown, {("unidentified_cash", "EUR"): -7, ("unapplied_cash", "EUR"): 7}),
        (mine, theirs, {}),
    ):
        moves = account_change_transfers(before, after, 7, on, "x")
        assert balances(list(moves)) == expected
        assert [move.account_id for move in moves] == [a.account_id for a in (before, after) if a.account_id]


def test_receipts_refunds_and_income() -> None:
    known, unknown = Held(ENTITY, ENTITY, PARENT, "EUR"), Held(ENTITY, ENTITY, None, "EUR")
    on = day(6)
    assert balances([receipt_transfer(known, 5, on, "x")]) == {("bank", "EUR"): 5, ("unapplied_cash", "EUR"): -5}
    assert balances([receipt_transfer(unknown, -5, on, "x")]) == {("bank", "EUR"): -5, ("unidentified_cash", "EUR"): 5}
    assert balances([income_transfer(unknown, 5, on, "x")]) == {
        ("unidentified_cash", "EUR"): 5, ("other_income", "EUR"): -5,
    }  # fmt: skip
