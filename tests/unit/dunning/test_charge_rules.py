"""Late charges: interest by days against a model that goes day by day, fees, compensation, shipped rates."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import to_text
from app.dunning.charges.rules import (
    Agreement,
    ChargeRuleInvalid,
    DatedRate,
    DebtHistory,
    DisputedPart,
    FeeRule,
    Piece,
    PlanPart,
    RateSpan,
    charge_number,
    check_bands,
    compensation_minor,
    fee_parts,
    half_up,
    interest_exact,
    interest_minor,
    owed_at,
    rate_spans,
    spared_by_plan,
    uncharged,
)
from app.dunning.charges.shipped import COMPENSATION, EU, TABLES, UK, default_table

DUE = date(2026, 3, 1)
TEN = (RateSpan(date(2020, 1, 1), date(2030, 12, 31), Decimal(10)),)


def day(number: int) -> date:
    return DUE + timedelta(days=number)


def charge(debt: DebtHistory, through: date, rates: tuple[RateSpan, ...] = TEN) -> int:
    return interest_minor(uncharged(debt, rates, through, None))


def test_ten_percent_on_a_hundred_for_fifteen_days_is_forty_one_cents() -> None:
    assert charge(DebtHistory(DUE, 100_00), day(15)) == 41


def test_nothing_on_the_due_date_and_one_day_on_the_day_after() -> None:
    debt = DebtHistory(DUE, 36_500_00)
    assert [charge(debt, day(n)) for n in (-1, 0, 1, 2)] == [0, 0, 10_00, 20_00]


def test_money_that_comes_on_a_day_ends_interest_after_that_day() -> None:
    late = DebtHistory(DUE, 36_500_00, ((day(3), 36_500_00),))
    assert charge(late, day(3)) == charge(late, day(90)) == 30_00
    assert charge(DebtHistory(DUE, 36_500_00, ((DUE, 36_500_00),)), day(90)) == 0


def test_a_part_payment_cuts_the_period() -> None:
    debt = DebtHistory(DUE, 36_500_00, ((day(10), 26_500_00),))
    pieces = uncharged(debt, TEN, day(20), None)
    assert [(p.first, p.last, p.principal_minor) for p in pieces] == [
        (day(1), day(10), 36_500_00),
        (day(11), day(20), 10_000_00),
    ]
    assert interest_minor(pieces) == 100_00 + half_up(10_000_00 * 10 * 10, 36_500)


def test_the_rate_of_each_day_counts() -> None:
    rates = rate_spans({EU: TABLES[EU].rates()}, (), EU, date(2025, 1, 1), date(2026, 12, 31))
    debt = DebtHistory(date(2025, 6, 20), 1_000_00)
    pieces = uncharged(debt, rates, date(2025, 7, 10), None)
    assert [(p.first, p.last, p.percent) for p in pieces] == [
        (date(2025, 6, 21), date(2025, 6, 30), Decimal("11.15")),
        (date(2025, 7, 1), date(2025, 7, 10), Decimal("10.15")),
    ]
    assert interest_minor(pieces) == half_up(1_000_00 * 10 * 2130, 36_500 * 100)  # 11.15 + 10.15 on 1,000 for 10 days


@pytest.mark.parametrize(("due", "percent"), [(date(2025, 6, 29), "12.75"), (date(2025, 6, 30), "12.25")])
def test_a_british_debt_keeps_the_rate_of_the_day_on_which_interest_starts(due: date, percent: str) -> None:
    """Order 2002/1675, article 4: the rate of 31 December or 30 June before the day on which interest starts to run."""
    starts = {UK: due + timedelta(days=1)}
    rates = rate_spans({UK: TABLES[UK].rates()}, (), UK, due, date(2026, 12, 31), starts)
    pieces = uncharged(DebtHistory(due, 1_000_00), rates, date(2026, 3, 31), None)
    assert {piece.percent for piece in pieces} == {Decimal(percent)}
    assert sum(piece.days for piece in pieces) == (date(2026, 3, 31) - due).days


def test_what_a_plan_spreads_bears_no_interest_while_it_is_kept() -> None:
    plan = PlanPart(day(10), None, 60_00)
    changes = ((day(5), 10_00), (day(20), 20_00), (day(30), 40_00))
    spared = tuple(spared_by_plan(plan, changes))
    debt = DebtHistory(DUE, 110_00, changes, spared)
    owed = [(n, owed_at(debt, day(n))) for n in (0, 5, 10, 20, 30, 40)]
    assert owed == [(0, 110_00), (5, 100_00), (10, 40_00), (20, 40_00), (30, 40_00), (40, 40_00)]
    kept = spared_by_plan(PlanPart(day(10), day(30), 60_00), changes)
    assert [(part.opened_on, part.resolved_on, part.amount_minor) for part in kept] == [
        (day(10), day(20), 60_00), (day(20), day(30), 40_00),
    ]  # fmt: skip
    assert spared_by_plan(PlanPart(day(10), day(10), 60_00), changes) == []


def test_a_leap_day_is_a_day_of_three_hundred_and_sixty_five() -> None:
    assert charge(DebtHistory(date(2028, 2, 27), 36_500_00), date(2028, 3, 1)) == 30_00
    assert charge(DebtHistory(date(2027, 2, 27), 36_500_00), date(2027, 3, 1)) == 20_00


@pytest.mark.parametrize(("minor", "currency", "shown"), [(100_000, "JPY", "411"), (100_000, "KWD", "0.411")])
def test_other_minor_units(minor: int, currency: str, shown: str) -> None:
    assert to_text(charge(DebtHistory(DUE, minor), day(15)), currency) == shown


def test_a_half_goes_up_and_back_down_alike() -> None:
    half = Piece(day(1), day(1), 1, Decimal(100))
    assert half_up(1, 2) == 1
    assert half_up(-1, 2) == -1
    assert half_up(2, 5) == 0
    assert interest_exact([half]) == Decimal("0.002740")


def test_rounded_once_not_by_piece() -> None:
    pieces = [Piece(day(n), day(n), 100_00, Decimal(1)) for n in range(1, 11)]
    assert [interest_minor([piece]) for piece in pieces] == [0] * 10
    assert interest_minor(pieces) == 3


def test_a_disputed_part_bears_no_interest_while_it_is_disputed() -> None:
    disputed = (DisputedPart(day(5), day(15), 36_500_00),)
    debt = DebtHistory(DUE, 73_000_00, (), disputed)
    assert charge(debt, day(20)) == (5 + 5) * 20_00 + 10 * 10_00
    assert owed_at(debt, day(5)) == 36_500_00
    assert owed_at(debt, day(4)) == owed_at(debt, day(15)) == 73_000_00


def test_a_dispute_of_more_than_is_open_makes_nothing_negative() -> None:
    debt = DebtHistory(DUE, 100_00, ((day(2), 60_00),), (DisputedPart(day(1), None, 90_00),))
    assert charge(debt, day(400)) == charge(DebtHistory(DUE, 100_00, ((day(1), 90_00), (day(2), 10_00))), day(400))


def test_what_is_charged_is_not_charged_again_and_a_late_payment_gives_days_back() -> None:
    first = DebtHistory(DUE, 36_500_00)
    charged = tuple(uncharged(first, TEN, day(10), None))
    assert uncharged(DebtHistory(DUE, 36_500_00, (), (), charged), TEN, day(10), None) == []
    paid = DebtHistory(DUE, 36_500_00, ((day(7), 36_500_00),), (), charged)
    assert charge(paid, day(30)) == -30_00
    bounced = DebtHistory(DUE, 36_500_00, (), (), (*charged, *uncharged(paid, TEN, day(30), None)))
    assert charge(bounced, day(30)) == 23 * 10_00


def test_a_later_due_date_gives_its_days_back() -> None:
    charged = tuple(uncharged(DebtHistory(DUE, 36_500_00), TEN, day(10), None))
    assert charge(DebtHistory(day(4), 36_500_00, (), (), charged), day(10)) == -40_00


def test_days_before_the_start_of_charging_are_left_alone() -> None:
    charged = (Piece(day(1), day(3), 1, Decimal(10)),)
    pieces = uncharged(DebtHistory(DUE, 36_500_00, (), (), charged), TEN, day(10), day(9))
    assert pieces == [Piece(day(9), day(10), 36_500_00, Decimal(10))]


def test_a_day_without_a_rate_stays_uncharged() -> None:
    rates = rate_spans({"own": [DatedRate(day(4), Decimal(10))]}, (), "own", day(-90), day(90))
    assert uncharged(DebtHistory(DUE, 100_00), rates, day(5), None) == [Piece(day(4), day(5), 100_00, Decimal(10))]


def test_the_most_specific_agreement_of_a_day_holds() -> None:
    tables = {EU: TABLES[EU].rates()}
    agreements = (
        Agreement(1, date(2026, 1, 1), None, percent=Decimal(9)),
        Agreement(3, date(2026, 2, 1), date(2026, 2, 28), percent=Decimal(0)),
        Agreement(2, date(2026, 2, 15), None, table_code=EU, on_charges=True),
    )
    spans = rate_spans(tables, agreements, EU, date(2025, 12, 1), date(2026, 7, 31))
    assert [(s.first, s.percent, s.on_charges) for s in spans] == [
        (date(2025, 12, 1), Decimal("10.15"), False),
        (date(2026, 1, 1), Decimal(9), False),
        (date(2026, 2, 1), Decimal(0), False),
        (date(2026, 3, 1), Decimal("10.15"), True),
        (date(2026, 7, 1), Decimal("10.40"), True),
    ]
    assert rate_spans(tables, (), None, date(2026, 1, 1), date(2026, 1, 2)) == ()
    assert rate_spans(tables, (), EU, date(2026, 1, 2), date(2026, 1, 1)) == ()


def test_a_fee_of_ten_and_then_fifteen_percent_of_a_hundred() -> None:
    assert 100_00 + sum(fee_parts(FeeRule(10_00), [100_00])) == 110_00
    assert 110_00 + sum(fee_parts(FeeRule(0, 1_500), [100_00])) == 125_00


def test_a_fixed_fee_is_charged_once_for_all_items() -> None:
    assert fee_parts(FeeRule(10_00), [100_00, 100_00, 100_00]) == [3_33, 3_33, 3_34]
    assert fee_parts(FeeRule(5_00, 100), [100_00, 0]) == [6_00, 0]
    assert fee_parts(FeeRule(5_00), [0, 0]) == [0, 0]
    assert fee_parts(FeeRule(5_00), []) == []


@pytest.mark.parametrize(
    ("debt", "sum_minor"), [(999_99, 40_00), (1_000_00, 70_00), (9_999_99, 70_00), (10_000_00, 100_00), (0, 0)]
)
def test_compensation_of_the_united_kingdom(debt: int, sum_minor: int) -> None:
    assert compensation_minor(COMPENSATION["GBP"], debt) == sum_minor
    assert compensation_minor(COMPENSATION["EUR"], debt) == (40_00 if debt else 0)
    assert compensation_minor((), debt) == 0


@pytest.mark.parametrize("bands", [[], [(5, 1)], [(0, 1), (0, 2)], [(0, -1)], [(n, 1) for n in range(21)]])
def test_bands_that_contradict_each_other(bands: list[tuple[int, int]]) -> None:
    with pytest.raises(ChargeRuleInvalid):
        check_bands(bands)


def test_shipped_rates_have_a_row_for_every_half_year_until_2026() -> None:
    for table in TABLES.values():
        days = [row.valid_from for row in table.rates()]
        assert days == sorted(days)
        assert days[-1] == date(2026, 7, 1)
        assert {(year, month) for year in range(2019, 2027) for month in (1, 7)} <= {(d.year, d.month) for d in days}
    known = {(EU, date(2019, 1, 1)): "8", (EU, date(2023, 7, 1)): "12", (EU, date(2024, 1, 1)): "12.5",
             (UK, date(2020, 7, 1)): "8.1", (UK, date(2023, 7, 1)): "13", (UK, date(2024, 7, 1)): "13.25"}  # fmt: skip
    for (code, on), percent in known.items():
        assert [r.percent for r in TABLES[code].rates() if r.valid_from == on] == [Decimal(percent)]
    assert [default_table(country) for country in ("DE", "GB", "US", None)] == [EU, UK, None, None]


def test_a_number_is_ten_characters_of_an_id() -> None:
    assert charge_number(0) == "FC-00000-00000"
    assert charge_number((1 << 50) - 1) == charge_number((1 << 60) - 1) == "FC-ZZZZZ-ZZZZZ"


# Against a model that looks at each day for itself.
days = st.integers(min_value=-5, max_value=40)
parts = st.lists(st.tuples(days, st.integers(min_value=-3_000, max_value=5_000)), max_size=4)
disputes = st.lists(st.tuples(days, st.none() | days, st.integers(min_value=1, max_value=8_000)), max_size=2)
rate_steps = st.lists(st.tuples(days, st.decimals(0, 30, places=2)), max_size=3)


def model_owed(debt: DebtHistory, on: date) -> int:
    eve = on - timedelta(days=1)
    if eve < debt.due_date:
        return 0
    left = debt.amount_minor
    for changed, minor in debt.changes:
        left -= minor if changed <= eve else 0
    for part in debt.disputed:
        if part.opened_on <= eve and not (part.resolved_on is not None and part.resolved_on <= eve):
            left -= part.amount_minor
    return max(left, 0)


def model_rate(spans: tuple[RateSpan, ...], on: date) -> Decimal | None:
    return next((span.percent for span in spans if span.first <= on <= span.last), None)


def of_debt(amount: int, changes: list[tuple[int, int]], disputed: list[tuple[int, int | None, int]]) -> DebtHistory:
    return DebtHistory(
        DUE,
        amount,
        tuple((day(n), minor) for n, minor in changes),
        tuple(DisputedPart(day(n), None if end is None else day(end), minor) for n, end, minor in disputed),
    )


@given(st.integers(min_value=1, max_value=20_000), parts, disputes, rate_steps, st.integers(-2, 60))
def test_sums_by_days(
    amount: int,
    changes: list[tuple[int, int]],
    disputed: list[tuple[int, int | None, int]],
    steps: list[tuple[int, Decimal]],
    through: int,
) -> None:
    debt = of_debt(amount, changes, disputed)
    tables = {"t": list({n: DatedRate(day(n), percent) for n, percent in steps}.values())}
    spans = rate_spans(tables, (), "t", day(-10), day(60))
    total = Fraction(0)
    for n in range(1, through + 1):
        percent = model_rate(spans, day(n))
        total += Fraction(percent or 0) * model_owed(debt, day(n)) / 36_500
    pieces = uncharged(debt, spans, day(through), None)
    rounded = int((Decimal(total.numerator) / Decimal(total.denominator)).quantize(Decimal(1), ROUND_HALF_UP))
    assert interest_minor(pieces) == rounded
    for piece in pieces:
        assert DUE < piece.first <= piece.last <= day(through)


@given(
    st.integers(min_value=1, max_value=20_000),
    st.lists(st.tuples(parts, disputes, st.integers(0, 50)), min_size=1, max_size=5),
)
def test_no_day_is_ever_charged_on_more_than_was_owed_on_it(
    amount: int, runs: list[tuple[list[tuple[int, int]], list[tuple[int, int | None, int]], int]]
) -> None:
    """Facts change freely between the runs (late payments, bounces, disputes): what is charged follows."""
    charged: tuple[Piece, ...] = ()
    latest = 0
    for changes, disputed, through in runs:
        latest = max(latest, through)
        debt = of_debt(amount, changes, disputed)
        known = DebtHistory(debt.due_date, debt.amount_minor, debt.changes, debt.disputed, charged)
        charged += tuple(uncharged(known, TEN, day(latest), None))
        by_day: defaultdict[date, int] = defaultdict(int)
        for piece in charged:
            for n in range(piece.days):
                by_day[piece.first + timedelta(days=n)] += piece.principal_minor
        for n in range(-10, latest + 10):
            assert by_day[day(n)] == (model_owed(debt, day(n)) if n <= latest else 0)
        again = DebtHistory(debt.due_date, debt.amount_minor, debt.changes, debt.disputed, charged)
        assert uncharged(again, TEN, day(latest), None) == []
