"""The arithmetic of key figures and provisions: zero denominators, month ends, roll lengths, precedence of settings."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.reports.portfolio.provision_rules import Amounts, Setting, historical_rate, matrix, setting_for
from app.reports.portfolio.rules import (
    Countback,
    Position,
    month_ends,
    months_before,
    offender_score,
    ratio,
    roll_lengths,
    trend_factor,
)

JUNE_30 = date(2026, 6, 30)


def position(**amounts: int) -> Position:
    return Position(JUNE_30, None, "EUR", [0, 0], **amounts)  # type: ignore[arg-type]


def test_figures_without_a_denominator_are_none() -> None:
    nothing = position()
    assert ratio(5, 0) is None
    for figure in (nothing.dso(90), nothing.best_possible_dso(90), nothing.average_days_delinquent(90)):
        assert figure is None
    assert (nothing.countback_dso(), nothing.cei(), nothing.turnover(), nothing.percent_current()) == (None,) * 4
    assert (nothing.days_to_pay(), nothing.days_beyond_terms(), nothing.unapplied_share()) == (None,) * 3


def test_everything_collected_is_a_countback_of_no_days_and_a_cei_of_a_hundred() -> None:
    paid = position(beginning=500, sales=1000)
    assert (paid.countback_dso(), paid.cei(), paid.dso(90)) == (Decimal("0.00"), Decimal("100.00"), Decimal("0.00"))


def test_delinquent_days_are_the_difference_that_is_shown() -> None:
    found = Position(JUNE_30, None, "EUR", [100, 233], sales=700)
    dso, best = found.dso(91), found.best_possible_dso(91)
    assert dso is not None
    assert best is not None
    assert found.average_days_delinquent(91) == dso - best


def test_countback_takes_the_last_month_pro_rata() -> None:
    assert Countback(45, Decimal(100), Decimal(400), 30).days() == Decimal("52.50")


def test_month_ends_are_those_that_have_come() -> None:
    assert month_ends(JUNE_30, 2) == [date(2026, 5, 31), JUNE_30]
    assert month_ends(date(2026, 3, 30), 3) == [date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 28)]
    assert month_ends(JUNE_30, 0) == []


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 15), 13, date(2024, 12, 15)),
        (date(2025, 12, 1), -2, date(2026, 2, 1)),
    ],
)
def test_months_before(day: date, months: int, expected: date) -> None:
    assert months_before(day, months) == expected


def test_roll_lengths_follow_the_buckets() -> None:
    assert roll_lengths((0, 30, 60, 90)) == [30, 30, 30, 30]
    assert roll_lengths((0, 15, 60)) == [15, 15, 45]
    assert roll_lengths((0,)) == [30]


def test_the_trend_stays_within_its_bounds() -> None:
    assert trend_factor(100, 0) == 2
    assert trend_factor(1000, 100) == 2
    assert trend_factor(1, 100) == Decimal("0.5")
    assert trend_factor(95, 100) == Decimal("0.95")
    assert offender_score(Decimal("760.00"), Decimal("61.00"), Decimal("0.95")) == Decimal("1468.07")


def test_the_most_particular_setting_counts() -> None:
    settings = [Setting(Decimal(2)), Setting(Decimal(3), bucket=1), Setting(Decimal(4), "retail"),
                Setting(Decimal(5), "retail", 1)]  # fmt: skip
    assert [setting_for(settings, *cell) for cell in (("x", 0), ("x", 1), ("retail", 0), ("retail", 1))] == [2, 3, 4, 5]
    assert setting_for([], "x", 0) is None


def test_rates_are_shares_and_losses_round_half_up() -> None:
    assert historical_rate(5, 0) is None
    assert [historical_rate(-5, 10), historical_rate(50, 10)] == [0, 1]
    lines = matrix({"": Amounts([150, 100], [1000, 0], [10, 7])}, ("current", "1+"), [Setting(Decimal(200))], [])
    assert [line.applied_rate for line in lines] == [1, None]
    assert [line.expected_loss_minor for line in lines] == [150, 0]
    half = matrix({"": Amounts([50], [100], [1])}, ("current",), [], [])
    assert half[0].expected_loss_minor == 1  # 0.5 rounds up
