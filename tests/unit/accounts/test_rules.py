"""Payment terms: due dates, discounts, instalments that sum; credit limit; names of likely duplicates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.rules import (
    MAX_NET_DAYS,
    DiscountOffer,
    DiscountTier,
    DiscountTiersInvalid,
    DueDateOutOfRange,
    InstalmentShare,
    InstalmentSharesInvalid,
    PaymentTerms,
    PaymentTermsInvalid,
    ScheduleAmountInvalid,
    credit_allows,
    credit_available,
    discount_for,
    due_date,
    normalize_account_name,
    schedule,
)
from app.core.errors import DomainError
from app.core.money import MAX_MINOR
from tests.unit.accounts.strategies import payment_terms

NET_30 = PaymentTerms("N30", net_days=30)
TWO_TEN = PaymentTerms("2/10 net 30", net_days=30, discounts=(DiscountTier(200, 10),))
NET_30_EOM = PaymentTerms("N30EOM", net_days=30, days_from_month_end=True)
THIRTY_THEN_EOM = PaymentTerms("30EOM", net_days=30, end_of_month=True)
TENTH_PROX = PaymentTerms("10PROX", months_after=1, day_of_month=10)

invoice_dates = st.dates(date(1990, 1, 1), date(2090, 12, 31))
amounts = st.integers(1, MAX_MINOR)


@pytest.mark.parametrize(
    ("terms", "issued", "due"),
    [
        (NET_30, date(2026, 1, 31), date(2026, 3, 2)),
        (NET_30, date(2028, 1, 30), date(2028, 2, 29)),
        (NET_30, date(2026, 12, 15), date(2027, 1, 14)),
        (PaymentTerms("0"), date(2028, 2, 29), date(2028, 2, 29)),
        (NET_30_EOM, date(2026, 1, 5), date(2026, 3, 2)),
        (NET_30_EOM, date(2026, 1, 31), date(2026, 3, 2)),
        (NET_30_EOM, date(2028, 2, 1), date(2028, 3, 30)),
        (THIRTY_THEN_EOM, date(2026, 1, 5), date(2026, 2, 28)),
        (THIRTY_THEN_EOM, date(2028, 1, 30), date(2028, 2, 29)),
        (THIRTY_THEN_EOM, date(2026, 1, 31), date(2026, 3, 31)),
        (THIRTY_THEN_EOM, date(2026, 12, 2), date(2027, 1, 31)),
        (TENTH_PROX, date(2026, 1, 1), date(2026, 2, 10)),
        (TENTH_PROX, date(2026, 1, 31), date(2026, 2, 10)),
        (TENTH_PROX, date(2026, 12, 31), date(2027, 1, 10)),
        (PaymentTerms("31", months_after=1, day_of_month=31), date(2028, 1, 15), date(2028, 2, 29)),
        (PaymentTerms("29", months_after=12, day_of_month=29), date(2028, 2, 29), date(2029, 2, 28)),
        (PaymentTerms("1M", months_after=1), date(2028, 1, 31), date(2028, 2, 29)),
        (PaymentTerms("12M", months_after=12), date(2028, 2, 29), date(2029, 2, 28)),
        (PaymentTerms("12M", months_after=12, end_of_month=True), date(2027, 2, 28), date(2028, 2, 29)),
        (PaymentTerms("on 10", day_of_month=10), date(2026, 1, 9), date(2026, 1, 10)),
        (PaymentTerms("on 10", day_of_month=10), date(2026, 1, 10), date(2026, 1, 10)),
        (PaymentTerms("on 10", day_of_month=10), date(2026, 12, 11), date(2027, 1, 10)),
        (PaymentTerms("on 30", day_of_month=30), date(2026, 2, 28), date(2026, 2, 28)),
        (replace(TENTH_PROX, net_days=30), date(2026, 1, 31), date(2026, 4, 10)),
    ],
)
def test_due_dates(terms: PaymentTerms, issued: date, due: date) -> None:
    assert due_date(terms, issued) == due


@given(payment_terms(), invoice_dates, amounts)
def test_instalments_sum_follow_each_other_and_never_precede_the_invoice(
    terms: PaymentTerms, issued: date, amount: int
) -> None:
    plans = schedule(terms, issued, amount)
    assert sum(plan.amount_minor for plan in plans) == amount
    assert [plan.ordinal for plan in plans] == list(range(1, len(plans) + 1))
    dues = [plan.due_date for plan in plans]
    assert dues == sorted(dues)
    for plan in plans:
        assert plan.amount_minor > 0
        assert plan.due_date >= issued
        # Half-up may round the discount of a few cents up to all of them, never past them.
        assert 0 <= plan.discount_minor <= plan.amount_minor
        assert (plan.discount_date is None) == (plan.discount_minor == 0) == (plan.offers == ())
        offers = [(offer.discount_date, -offer.discount_minor) for offer in plan.offers]
        assert offers == sorted(offers)
        assert all(issued <= offer.discount_date <= plan.due_date for offer in plan.offers)


@given(payment_terms(), invoice_dates)
def test_month_rules_land_where_they_say(terms: PaymentTerms, issued: date) -> None:
    due = due_date(terms, issued)
    last_of_month = (due + timedelta(days=1)).day == 1
    if terms.end_of_month:
        assert last_of_month
    if terms.day_of_month is not None:
        assert due.day == terms.day_of_month or (last_of_month and due.day < terms.day_of_month)


@given(payment_terms(), invoice_dates)
def test_a_later_invoice_is_never_due_earlier(terms: PaymentTerms, issued: date) -> None:
    assert due_date(terms, issued + timedelta(days=1)) >= due_date(terms, issued)


def test_thirds_leave_no_cent_over() -> None:
    thirds = (InstalmentShare(3333, 30), InstalmentShare(3333, 60), InstalmentShare(3334, 90))
    plans = schedule(PaymentTerms("3x", instalments=thirds), date(2026, 1, 31), 10_000)
    assert [(plan.ordinal, plan.due_date, plan.amount_minor) for plan in plans] == [
        (1, date(2026, 3, 2), 3333),
        (2, date(2026, 4, 1), 3333),
        (3, date(2026, 5, 1), 3334),
    ]


def test_a_share_of_nothing_makes_no_instalment() -> None:
    halves = (InstalmentShare(5000, 30), InstalmentShare(5000, 60))
    plans = schedule(PaymentTerms("2x", instalments=halves), date(2026, 1, 1), 1)
    assert [(plan.ordinal, plan.amount_minor) for plan in plans] == [(1, 1)]


def test_discount_tiers_of_a_schedule() -> None:
    terms = PaymentTerms("tiers", net_days=60, discounts=(DiscountTier(300, 10), DiscountTier(150, 20)))
    (plan,) = schedule(terms, date(2026, 12, 25), 99_950)
    assert plan.offers == (DiscountOffer(date(2027, 1, 4), 2999), DiscountOffer(date(2027, 1, 14), 1499))
    assert (plan.discount_date, plan.discount_minor) == (date(2027, 1, 4), 2999)


def test_discount_is_rounded_half_up_and_vanishes_below_half_a_unit() -> None:
    issued = date(2026, 1, 1)
    assert schedule(TWO_TEN, issued, 125)[0].discount_minor == 3
    assert schedule(TWO_TEN, issued, 25)[0].discount_minor == 1
    assert schedule(TWO_TEN, issued, 24)[0].discount_minor == 0
    assert schedule(TWO_TEN, issued, 24)[0].discount_date is None


def test_discount_days_count_from_where_net_days_count_and_end_with_the_due_date() -> None:
    eom = replace(NET_30_EOM, discounts=(DiscountTier(200, 10),))
    assert schedule(eom, date(2026, 1, 5), 1000)[0].discount_date == date(2026, 2, 10)
    short = replace(TENTH_PROX, discounts=(DiscountTier(200, 15), DiscountTier(100, 20)))
    (plan,) = schedule(short, date(2026, 1, 31), 100_000)
    assert plan.offers == (DiscountOffer(date(2026, 2, 10), 2000),)


OFFERS = (DiscountOffer(date(2026, 1, 11), 300), DiscountOffer(date(2026, 1, 21), 100))


@pytest.mark.parametrize(
    ("value_date", "available", "open_minor", "discount"),
    [
        (date(2026, 1, 1), 9_700, 10_000, 300),
        (date(2026, 1, 11), 9_700, 10_000, 300),  # on the discount date: earned
        (date(2026, 1, 12), 9_700, 10_000, 0),  # the day after: the higher one is gone
        (date(2026, 1, 12), 9_900, 10_000, 100),
        (date(2026, 1, 21), 9_900, 10_000, 100),
        (date(2026, 1, 22), 9_900, 10_000, 0),
        (date(2026, 1, 11), 9_699, 10_000, 0),  # would leave a cent open
        (date(2026, 1, 11), 50_000, 10_000, 300),  # one payment for many instalments
        (date(2026, 1, 11), 5_000, 5_300, 300),  # the rest after a part payment
        (date(2026, 1, 11), 100, 300, 0),  # the discount alone would settle it, or the lower one leaves a rest
        (date(2026, 1, 11), 200, 300, 100),
        (date(2026, 1, 11), 0, 300, 0),
        (date(2026, 1, 11), 100, 0, 0),
    ],
)
def test_discount_is_earned_by_the_date_and_only_when_it_settles(
    value_date: date, available: int, open_minor: int, discount: int
) -> None:
    earned = discount_for(OFFERS, value_date=value_date, available_minor=available, open_minor=open_minor)
    assert earned == discount


@given(
    payment_terms(),
    invoice_dates,
    st.integers(1, 10**9),
    st.integers(0, 4_000),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
)
def test_cash_and_discount_make_exactly_what_is_open(
    terms: PaymentTerms, issued: date, amount: int, days: int, available: int, paid: int
) -> None:
    for plan in schedule(terms, issued, amount):
        open_minor = max(plan.amount_minor - paid, 0)
        value_date = issued + timedelta(days=days)
        discount = discount_for(plan.offers, value_date=value_date, available_minor=available, open_minor=open_minor)
        if discount:
            assert value_date <= plan.due_date
            assert 0 < open_minor - discount <= available
            best = plan.offers[0]
            assert (
                value_date > best.discount_date
                or available + best.discount_minor < open_minor
                or (discount == best.discount_minor or best.discount_minor >= open_minor)
            )


def test_no_offers_no_discount() -> None:
    assert discount_for((), value_date=date(2026, 1, 1), available_minor=100, open_minor=100) == 0


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"code": ""}, "/code"),
        ({"code": "a" * 65}, "/code"),
        ({"code": " x"}, "/code"),
        ({"code": "a\x00"}, "/code"),
        ({"code": "a\ud800"}, "/code"),
        ({"net_days": -1}, "/net_days"),
        ({"net_days": MAX_NET_DAYS + 1}, "/net_days"),
        ({"net_days": 1.5}, "/net_days"),
        ({"net_days": True}, "/net_days"),
        ({"net_days": "30"}, "/net_days"),
        ({"net_days": None}, "/net_days"),
        ({"months_after": 13}, "/months_after"),
        ({"day_of_month": 0}, "/day_of_month"),
        ({"day_of_month": 32}, "/day_of_month"),
        ({"day_of_month": 10, "end_of_month": True}, "/day_of_month"),
    ],
)
def test_bad_terms_name_their_field(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(PaymentTermsInvalid) as caught:
        PaymentTerms(**{"code": "X", **fields})
    assert caught.value.code == "payment_terms.invalid"
    assert caught.value.errors[0].pointer == pointer


@pytest.mark.parametrize(
    "tiers",
    [
        [(200, 31)],
        [(0, 10)],
        [(10_000, 10)],
        [(-200, 10)],
        [(200, -1)],
        [(2.0, 10)],
        [(200, 10), (200, 20)],
        [(200, 10), (300, 20)],
        [(300, 10), (200, 10)],
        [(400, 5), (300, 10), (200, 15), (100, 20)],
    ],
)
def test_bad_discounts(tiers: list[tuple[int, int]]) -> None:
    with pytest.raises(DiscountTiersInvalid) as caught:
        PaymentTerms("X", net_days=30, discounts=tuple(DiscountTier(*tier) for tier in tiers))
    assert caught.value.code == "payment_terms.discounts_invalid"


@pytest.mark.parametrize(
    "parts",
    [
        [(9_999, 30)],
        [(5_000, 30), (5_001, 60)],
        [(0, 10), (10_000, 30)],
        [(11_000, 30), (-1_000, 60)],
        [(5_000, 60), (5_000, 30)],
        [(5_000, 30), (5_000, 30)],
        [(5_000, -1), (5_000, 30)],
        [(5_000.0, 1), (5_000, 30)],
        [(1, n) for n in range(61)],
    ],
)
def test_bad_instalments(parts: list[tuple[int, int]]) -> None:
    with pytest.raises(InstalmentSharesInvalid) as caught:
        PaymentTerms("X", instalments=tuple(InstalmentShare(*part) for part in parts))
    assert caught.value.code == "payment_terms.instalments_invalid"
    assert isinstance(caught.value, DomainError)


@pytest.mark.parametrize("amount", [0, -1])
def test_only_a_positive_amount_falls_due(amount: int) -> None:
    with pytest.raises(ScheduleAmountInvalid):
        schedule(NET_30, date(2026, 1, 1), amount)


@pytest.mark.parametrize("terms", [NET_30, NET_30_EOM, THIRTY_THEN_EOM, TENTH_PROX])
def test_the_end_of_the_calendar_is_a_refusal(terms: PaymentTerms) -> None:
    with pytest.raises(DueDateOutOfRange):
        schedule(terms, date(9999, 12, 31), 100)


def test_a_discount_may_reach_past_the_calendar_where_the_due_date_does_not() -> None:
    at_once = PaymentTerms("X", discounts=(DiscountTier(200, 400),), day_of_month=31)
    assert schedule(at_once, date(9999, 12, 1), 100)[0].discount_date == date(9999, 12, 31)


def test_an_instant_is_no_invoice_date() -> None:
    with pytest.raises(TypeError):
        due_date(NET_30, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("limit", "exposure", "order", "available", "allowed"),
    [
        (None, 10**12, 10**12, None, True),
        (0, 0, 1, 0, False),
        (0, 0, 0, 0, False),
        (0, -500, 100, 0, False),
        (0, 500, 0, -500, False),
        (1000, 400, 600, 600, True),
        (1000, 400, 601, 600, False),
        (1000, 1200, 0, -200, False),
        (1000, -200, 1200, 1200, True),
    ],
)
def test_no_limit_is_unlimited_and_zero_blocks(
    limit: int | None, exposure: int, order: int, available: int | None, allowed: bool
) -> None:
    assert credit_available(limit, exposure) == available
    assert credit_allows(limit, exposure, order) is allowed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller & Söhne G.m.b.H. & Co. KG", "MUELLER UND SOEHNE"),
        ("Straße AG", "strasse"),
        ("Société Générale S.A.", "SOCIETE GENERALE"),
        ("ACME, Inc.", "Acme Incorporated"),
        ("A.B.C. Trading Co., Ltd.", "ABC Trading"),
        ("O'Brien Ltd", "OBRIEN LIMITED"),
        ("Ｆｕｌｌ　Ｗｉｄｔｈ KK", "full width kk"),
        ("Mu\u0308ller", "müller"),
        ("Ørsted A/S", "OERSTED"),
        ("Łódź Sp. z o.o.", "lodz"),
        ("Fabbrica S. R. L.", "fabbrica srl"),
    ],
)
def test_names_that_meet(one: str, other: str) -> None:
    assert normalize_account_name(one) == normalize_account_name(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Acme North", "Acme South"), ("AG Bau", "Bau"), ("Müller", "Miller"), ("株式会社", "公司")]
)
def test_names_that_do_not_meet(one: str, other: str) -> None:
    assert normalize_account_name(one) != normalize_account_name(other)


@pytest.mark.parametrize(("name", "key"), [("AG", "ag"), ("& Co.", "co"), ("und", "und"), ("", ""), ("...", "")])
def test_a_name_of_nothing_but_form_keeps_something(name: str, key: str) -> None:
    assert normalize_account_name(name) == key


@given(st.text(max_size=60))
def test_a_key_is_its_own_key(name: str) -> None:
    key = normalize_account_name(name)
    assert key == key.strip()
    assert normalize_account_name(name.upper() if name.isascii() else name) == key


def test_a_share_is_split_within_one_unit() -> None:
    parts = (*(InstalmentShare(100, days) for days in range(50)), InstalmentShare(5_000, 50))
    plans = schedule(PaymentTerms("51x", instalments=parts), date(2026, 1, 1), 12_345_67)
    for plan, part in zip(plans, parts, strict=True):
        assert abs(plan.amount_minor - Fraction(12_345_67 * part.share_bp, 10_000)) < 1
