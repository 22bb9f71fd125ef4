"""Amounts: exact in, exact out, split without loss; hostile text is refused."""

from __future__ import annotations

import operator
from decimal import ROUND_DOWN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.money import (
    CURRENCIES,
    MAX_MINOR,
    AmountInvalid,
    CurrencyMismatch,
    CurrencyUnknown,
    Money,
    allocate,
    convert,
    exponent,
    multiply,
    prorate,
    round_to_minor,
    to_decimal,
    to_minor,
    to_text,
)

ONE_OF_EACH_EXPONENT = ("JPY", "EUR", "KWD", "CLF")
minors = st.integers(-MAX_MINOR, MAX_MINOR)
currencies = st.sampled_from(sorted(CURRENCIES))
rates = st.decimals("-1000", "1000", places=10)


@pytest.mark.parametrize(
    ("currency", "places"), [("JPY", 0), ("USD", 2), ("EUR", 2), ("KWD", 3), ("TND", 3), ("CLF", 4), ("ISK", 0)]
)
def test_places_of_iso_4217(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize("code", ["", "eur", "XXX", "EURO", "EU", "€", "EUR\n", "EUR ", "DEM", "\ud800", "A" * 9999])
def test_unknown_currency_is_refused_with_its_field(code: str) -> None:
    with pytest.raises(CurrencyUnknown) as caught:
        to_minor("1.00", code)
    assert caught.value.code == "money.currency_unknown"
    assert caught.value.errors[0].pointer == "/currency"
    assert len(caught.value.detail) < 200


@given(minors, currencies)
@example(0, "EUR")
@example(-1, "KWD")
@example(-99, "EUR")
@example(MAX_MINOR, "JPY")
@example(-MAX_MINOR, "CLF")
def test_text_and_minor_round_trip(minor: int, currency: str) -> None:
    text = to_text(minor, currency)
    assert to_minor(text, currency) == minor
    assert to_minor(to_decimal(minor, currency), currency) == minor
    assert Decimal(text) == to_decimal(minor, currency)
    assert len(text.partition(".")[2]) == exponent(currency)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1250.00", "EUR", 125000),
        ("1250", "EUR", 125000),
        ("1250.5", "EUR", 125050),
        ("1250.500000000000", "EUR", 125050),
        ("1250.0", "JPY", 1250),
        ("0.001", "KWD", 1),
        ("-0.01", "EUR", -1),
        ("-0", "EUR", 0),
        ("0.0000", "CLF", 0),
    ],
)
def test_plain_texts(text: str, currency: str, minor: int) -> None:
    assert to_minor(text, currency) == minor
    assert to_minor(Decimal(text), currency) == minor


HOSTILE = [
    "", " ", "1e5", "1E5", "0x10", "١٢", "１２", "²", "NaN", "sNaN", "Infinity", "-Infinity", "inf", "--1", "+1", "-",
    "1,000.00", "1.000,00", "1 000", "1\u00a0000", "1_000", " 1", "1 ", "1\n", "1.", ".5", "-.5", ".", "1.2.3", "01.00",
    "00", "1.0000000000000", str(10**30), "9" * 10_000, "1\x00", "\x00", "\ud800", "1.00€", "EUR 1", "1-", "(1)",
    "½", "−1", "1/2", "True", "1.2e0", "1.-1",
]  # fmt: skip


@pytest.mark.parametrize("currency", ONE_OF_EACH_EXPONENT)
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_is_refused(text: str, currency: str) -> None:
    with pytest.raises(AmountInvalid) as caught:
        to_minor(text, currency, pointer="/lines/3/amount")
    assert caught.value.code == "money.amount_invalid"
    assert caught.value.errors[0].pointer == "/lines/3/amount"
    caught.value.detail.encode()  # no lone surrogate reaches a response
    assert len(caught.value.detail) < 200


@given(st.text(max_size=30) | st.from_regex(r"[-+]?[0-9.,eE _]{0,25}", fullmatch=True), currencies)
def test_any_text_is_exact_or_refused(text: str, currency: str) -> None:
    try:
        minor = to_minor(text, currency)
    except AmountInvalid:
        return
    assert text.isascii()
    assert Fraction(text) == Fraction(minor, 10 ** exponent(currency))
    assert abs(minor) <= MAX_MINOR


@given(st.decimals(allow_nan=True, allow_infinity=True), currencies)
@example(Decimal("1." + "0" * 70 + "1"), "EUR")
@example(Decimal("1E-1000100"), "EUR")
@example(Decimal("1E+1000"), "EUR")
@example(Decimal("-sNaN"), "EUR")
@example(Decimal("1E+3"), "KWD")
def test_any_decimal_is_exact_or_refused(amount: Decimal, currency: str) -> None:
    try:
        minor = to_minor(amount, currency)
    except AmountInvalid:
        return
    assert Fraction(amount) == Fraction(minor, 10 ** exponent(currency))


def test_surplus_decimals_pass_only_when_zero() -> None:
    assert to_minor("12.340", "EUR") == 1234
    for amount in ("12.345", "0.001", Decimal("12.345")):
        with pytest.raises(AmountInvalid, match="2 decimals"):
            to_minor(amount, "EUR")
    with pytest.raises(AmountInvalid, match="0 decimals"):
        to_minor("12.5", "JPY")


def test_range_is_bounded_in_minor_units() -> None:
    assert to_minor("10000000000000.00", "EUR") == MAX_MINOR
    with pytest.raises(AmountInvalid):
        to_minor("10000000000000.01", "EUR")
    with pytest.raises(AmountInvalid):
        to_minor(Decimal("-10000000000000.01"), "EUR")
    with pytest.raises(AmountInvalid):
        to_minor(str(MAX_MINOR), "KWD")


def test_decimal_of_a_sum_past_28_digits_is_exact() -> None:
    assert to_decimal(10**30 + 1, "EUR") == Decimal("10000000000000000000000000000.01")
    with localcontext() as context:
        context.prec = 5
        assert to_decimal(123456789, "EUR") == Decimal("1234567.89")


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("0.005", "EUR", 1),
        ("-0.005", "EUR", -1),
        ("0.0049999", "EUR", 0),
        ("0.00" + "4" + "9" * 80, "EUR", 0),
        ("2.5", "JPY", 3),
        ("1.0005", "KWD", 1001),
    ],
)
def test_rounding_is_half_up_from_the_exact_value(amount: str, currency: str, minor: int) -> None:
    assert round_to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity", "1E70", "1E16", "1E999999"])
def test_rounding_refuses_what_is_no_amount(amount: str) -> None:
    with pytest.raises(AmountInvalid):
        round_to_minor(Decimal(amount), "EUR")


@given(minors, rates)
def test_multiply_is_within_half_a_unit_and_half_goes_away_from_zero(minor: int, rate: Decimal) -> None:
    exact = Fraction(minor) * Fraction(rate)
    rounded = multiply(minor, rate)
    assert abs(rounded - exact) <= Fraction(1, 2)
    if abs(rounded - exact) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)


def test_multiply_takes_a_named_rounding() -> None:
    assert multiply(101, Decimal("0.5")) == 51
    assert multiply(101, Decimal("0.5"), rounding=ROUND_DOWN) == 50


@pytest.mark.parametrize("rate", ["NaN", "sNaN", "Infinity", "1E50", "1E999999", "1E19"])
def test_a_rate_past_all_range_is_refused(rate: str) -> None:
    with pytest.raises(AmountInvalid):
        multiply(1, Decimal(rate))
    with pytest.raises(AmountInvalid):
        convert(100, "EUR", "KWD", Decimal(rate))


@given(minors, currencies, currencies, st.decimals("0.000001", "10000", places=6))
def test_conversion_is_within_half_a_unit(minor: int, currency: str, to_currency: str, rate: Decimal) -> None:
    exact = Fraction(minor, 10 ** exponent(currency)) * Fraction(rate) * 10 ** exponent(to_currency)
    converted = convert(minor, currency, to_currency, rate)
    assert abs(converted - exact) <= Fraction(1, 2)
    if abs(converted - exact) == Fraction(1, 2):
        assert converted % 2 == 0


@pytest.mark.parametrize("rate", ["NaN", "Infinity"])
def test_nothing_times_no_number_is_refused(rate: str) -> None:
    with pytest.raises(AmountInvalid):
        multiply(0, Decimal(rate))


def test_conversion_examples() -> None:
    assert convert(10000, "EUR", "JPY", Decimal("162.35")) == 16235
    assert convert(16235, "JPY", "KWD", Decimal("0.002")) == 32470
    assert convert(12345, "EUR", "EUR", Decimal(1)) == 12345


weights = st.lists(st.integers(0, 10**12), min_size=1, max_size=60).filter(any)


@given(minors, weights)
@example(100, [1, 1, 1])
@example(-100, [1, 1, 1])
@example(1, [0, 1, 0])
def test_allocated_parts_sum_and_are_fair(minor: int, parts_of: list[int]) -> None:
    parts = allocate(minor, parts_of)
    assert sum(parts) == minor
    assert len(parts) == len(parts_of)
    for part, weight in zip(parts, parts_of, strict=True):
        assert abs(part - Fraction(minor * weight, sum(parts_of))) < 1
        assert part * minor >= 0
        assert weight or part == 0


def test_allocation_ties_go_to_the_later_part() -> None:
    assert allocate(10000, [1, 1, 1]) == [3333, 3333, 3334]
    assert allocate(-10000, [1, 1, 1]) == [-3333, -3333, -3334]
    assert allocate(5, [1, 1]) == [2, 3]


@pytest.mark.parametrize("bad", [[], [0], [0, 0], [-1], [2, -1]])
def test_allocation_needs_a_positive_weight(bad: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(100, bad)


@pytest.mark.parametrize(
    ("minor", "part", "whole", "share"),
    [(2_000, 90_000, 100_000, 1_800), (3, 51, 101, 2), (1, 2, 4, 1), (20, 0, 10, 0), (7, 10, 10, 7)],
)
def test_a_share_is_rounded_half_up(minor: int, part: int, whole: int, share: int) -> None:
    assert prorate(minor, part, whole) == share


@pytest.mark.parametrize("bad", [(1, 1, 0), (1, -1, 1), (-1, 1, 1)])
def test_a_share_is_of_something(bad: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="positive whole"):
        prorate(*bad)


@given(minors, minors, minors, currencies)
def test_money_adds_like_its_minor_units(a: int, b: int, c: int, currency: str) -> None:
    x, y, z = Money(a, currency), Money(b, currency), Money(c, currency)
    assert x + y == y + x == Money(a + b, currency)
    assert (x + y) + z == x + (y + z)
    assert x - y == x + -y
    assert x - x == Money(0, currency)
    assert Money.parse(to_text(a, currency), currency) == x


def test_money_of_two_currencies_never_meets() -> None:
    euro, dollar = Money(100, "EUR"), Money(100, "USD")
    assert euro != dollar
    for combine in (operator.add, operator.sub):
        with pytest.raises(CurrencyMismatch) as caught:
            combine(euro, dollar)
        assert caught.value.code == "money.currency_mismatch"


def test_money_prints_amount_and_currency() -> None:
    assert str(Money(-5, "EUR")) == "-0.05 EUR"
    assert str(Money(1250, "JPY")) == "1250 JPY"
    with pytest.raises(AttributeError):
        Money(1, "EUR").minor = 2  # type: ignore[misc]
