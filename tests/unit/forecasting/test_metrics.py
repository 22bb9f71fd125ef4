from __future__ import annotations

import numpy as np
import pytest

from app.forecasting.model import metrics
from app.forecasting.model.baselines import mean_of_weeks, own_history
from app.forecasting.model.interface import NEVER, Ledger


def test_errors_of_totals() -> None:
    said, came = np.array([110.0, 80.0]), np.array([100.0, 100.0])
    assert metrics.wape(said, came) == pytest.approx(0.15)
    assert metrics.bias(said, came) == pytest.approx(-0.05)
    assert metrics.wape(np.zeros(0), np.zeros(0)) is None


def test_coverage_counts_both_ends() -> None:
    assert metrics.coverage(np.array([1.0, 1.0]), np.array([2.0, 2.0]), np.array([2.0, 3.0])) == 0.5


def test_an_interval_is_moved_until_it_covers_as_much() -> None:
    low, high, came = np.zeros(4), np.full(4, 2.0), np.array([1.0, 3.0, -4.0, np.inf])
    assert metrics.days_to_cover(low, high, came, 0.5) == 1
    assert metrics.days_to_cover(low, high, came, 0.75) == 4
    assert metrics.days_to_cover(low, high, came, 0.25) == -1
    assert metrics.days_to_cover(low, high, came, 1.0) is None, "no width holds what never comes"


def test_pinball_punishes_the_side_of_the_level() -> None:
    actual = np.array([10.0])
    assert metrics.pinball(np.array([12.0]), actual, 0.9) == pytest.approx(0.2)
    assert metrics.pinball(np.array([8.0]), actual, 0.9) == pytest.approx(1.8)


def test_lift_of_a_perfect_and_of_a_constant_score() -> None:
    happened = np.array([True] + [False] * 9)
    assert metrics.lift_of_average_precision(happened.astype(float), happened) == (10.0, 0.1)
    assert metrics.lift_of_average_precision(np.full(10, 0.3), happened) == (1.0, 0.1)
    assert metrics.lift_of_average_precision(np.full(3, 0.3), np.zeros(3, bool)) == (None, 0.0)


def test_reliability_says_what_was_said_and_what_happened() -> None:
    table = metrics.reliability(np.array([0.01, 0.01, 0.6, 1.0]), np.array([False, True, True, True]))
    assert [(line["count"], line["observed"]) for line in table] == [(2, 0.5), (2, 1.0)]


def test_macro_recall_counts_each_bucket_once() -> None:
    actual = np.array([0.0] * 9 + [70.0])
    assert metrics.macro_recall(np.zeros(10), actual) == 0.5


def test_bootstrap_of_equal_errors_is_a_point() -> None:
    low, high = metrics.block_bootstrap(np.full(12, 110.0), np.full(12, 100.0), 4, 1) or (0, 0)
    assert low == pytest.approx(0.1)
    assert high == pytest.approx(0.1)


def ledger(rows: list[tuple[str, int, int, int]]) -> Ledger:
    return Ledger.from_columns(
        account=[row[0] for row in rows],
        issued=[row[1] for row in rows],
        due=[row[2] for row in rows],
        paid=[row[3] for row in rows],
        amount_minor=[100] * len(rows),
        currency=["EUR"] * len(rows),
    )


def test_own_history_sees_only_what_was_paid_before_the_day_of_issue() -> None:
    book = ledger([("a", 0, 10, 12), ("a", 1, 11, 21), ("a", 21, 31, 33), ("b", 22, 32, NEVER)])
    own = own_history(book, np.array([0, 2, 3]))
    assert own.median.tolist() == [0, 2, 6]
    assert own.median_to_pay.tolist() == [10, 12, 16]


def test_the_mean_of_weeks_takes_the_weeks_that_are_known() -> None:
    book = ledger([("a", 0, 10, 6), ("a", 0, 10, 13), ("a", 8, 10, 13)])
    assert mean_of_weeks(book, 13) == 150
