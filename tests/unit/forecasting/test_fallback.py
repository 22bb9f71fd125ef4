"""Without a model in force a forecast says what the best naive row says, and never less sure than that."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from app.forecasting.making.fallback import fallen_back, naive_days, with_mean, with_naive_days
from app.forecasting.model.interface import NEVER, HistoryItem, InvoiceForecasts, Layer, Ledger, WeekTotals, day_of
from app.forecasting.rules import NO_FALLBACK, Fallback, fallback_of

CUTOFF = day_of(date(2026, 6, 30))
FIGURES = {
    "scored_items": 40,
    "mae_days": {"model": "5.10", "due_date": "9.00", "customer_median": "4.90"},
    "error_4_weeks": {"model": "0.10", "due_date": "0.30", "customer_median": "0.20", "mean_13": "0.15"},
}


@pytest.mark.parametrize(
    ("state", "beats", "metrics", "expected"),
    [
        ("active", True, FIGURES, NO_FALLBACK),
        ("candidate", True, FIGURES, NO_FALLBACK),
        ("retired", True, FIGURES, NO_FALLBACK),
        ("rejected", False, FIGURES, Fallback("customer_median", None)),
        ("rejected", True, FIGURES, Fallback("customer_median", "mean_13")),
        ("candidate", False, {"scored_items": 0}, Fallback("customer_median", None)),
        ("candidate", False, {**FIGURES, "error_4_weeks": {}}, Fallback("customer_median", None)),
        ("rejected", False, {**FIGURES, "mae_days": {"model": "1", "due_date": "2"},
                             "error_4_weeks": {"model": "0.5", "mean_13": "0.4"}}, Fallback(None, "mean_13")),
    ],
)  # fmt: skip
def test_the_best_naive_row_where_the_model_is_not_better(
    state: str, beats: bool, metrics: dict[str, Any], expected: Fallback
) -> None:
    assert fallback_of(state, beats, metrics) == expected


def test_what_it_says_to_the_reader() -> None:
    assert Fallback("customer_median", "mean_13").notes() == (
        "dates of items follow the naive row customer median",
        "open items follow the naive row customer median",
        "totals follow the naive row mean 13",
    )
    assert Fallback(None, "due_date").notes() == ("open items follow the naive row due date",)
    assert NO_FALLBACK.notes() == ()


def _ledger() -> Ledger:
    """One customer pays 90-day bills after 100 days; two are open, of which one is overdue by that."""

    def item(issued: date, paid: date | None) -> HistoryItem:
        return HistoryItem("A", issued, date.fromordinal(issued.toordinal() + 90), 100_00, "EUR", paid)

    return Ledger.from_items([
        item(date(2026, 1, 1), date(2026, 4, 11)), item(date(2026, 2, 1), date(2026, 5, 12)),
        item(date(2026, 5, 1), None), item(date(2026, 3, 1), None),
    ])  # fmt: skip


def _found() -> InvoiceForecasts:
    weeks = np.full((2, 13), 0.05, np.float32)
    days = np.array([CUTOFF + 60, CUTOFF + 30], np.int32)
    return InvoiceForecasts(
        row=np.array([2, 3]), p10=days - 20, p50=days, p90=np.array([CUTOFF + 90, NEVER], np.int32),
        week_probability=weeks, late_60_probability=np.array([0.2, 0.4], np.float32),
        expected_minor=np.zeros((2, 13), np.int64), basis=np.zeros(2, np.int8),
    )  # fmt: skip


def test_items_have_the_naive_day_as_their_median() -> None:
    ledger = _ledger()
    made = with_naive_days("customer_median", ledger, CUTOFF, _found(), None)
    first, overdue = day_of(date(2026, 8, 9)), CUTOFF + 1
    assert made.p50.tolist() == [first, overdue]
    assert (made.p10 <= made.p50).all()
    assert (made.p50 <= made.p90).all()
    week = (first - CUTOFF - 1) // 7
    before, upto = made.week_probability[0, :week].sum(), made.week_probability[0, : week + 1].sum()
    assert before < 0.5 < upto, "half of what can happen is over within the week of the median"
    assert made.week_probability[1, 0] == pytest.approx(0.525)
    assert made.expected_minor[1, 0] == 5_250
    assert made.late_60_probability.tolist() == pytest.approx([0.1, 0.2])
    due = with_naive_days("due_date", ledger, CUTOFF, _found(), None)
    assert due.p50.tolist() == [day_of(date(2026, 7, 30)), CUTOFF + 1]


def test_a_what_if_adds_what_the_model_sees_of_it() -> None:
    ledger, expected = _ledger(), _found()
    shocked = with_naive_days(
        "customer_median", ledger, CUTOFF,
        InvoiceForecasts(**{**{name: getattr(expected, name) for name in InvoiceForecasts.__dataclass_fields__},
                            "p50": expected.p50 + 14}),
        expected,
    )  # fmt: skip
    assert shocked.p50.tolist() == [day_of(date(2026, 8, 23)), CUTOFF + 15]


def test_where_nobody_paid_anything_the_terms_speak() -> None:
    ledger = _ledger().take(np.array([2, 3]))
    assert naive_days("customer_median", ledger, CUTOFF, np.array([0])).tolist() == [day_of(date(2026, 7, 30))]


def _totals(layer: Layer, mean: int) -> WeekTotals:
    rows = np.full((1, 13), mean, np.int64)
    return WeekTotals(
        "organization", layer, np.zeros(1, np.int32), np.zeros(1, np.int32), rows, rows - 5, rows, rows + 5,
        rows.cumsum(axis=1) - 9, rows.cumsum(axis=1) + 9,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fallback", "expected"),
    [
        (NO_FALLBACK, (100, 40, 140)),
        (Fallback("customer_median", None), (70, 40, 110)),
        (Fallback(None, "mean_13"), (100, 30, 130)),
        (Fallback("customer_median", "mean_13"), (70, 60, 130)),
        (Fallback(None, "customer_median"), (70, 40, 110)),
        (Fallback("due_date", "customer_median"), (70, 40, 110)),
    ],
)
def test_totals_are_the_naive_row_and_the_layers_fit(fallback: Fallback, expected: tuple[int, int, int]) -> None:
    rows = {"customer_median": np.full((1, 13), 70, np.int64), "mean_13": np.full((1, 13), 130, np.int64)}
    totals = [_totals(Layer.OPEN, 100), _totals(Layer.NEW_BUSINESS, 40), _totals(Layer.TOTAL, 140)]
    means = fallen_back(fallback, lambda name, _dimension, _groups: rows[name], totals, None)
    assert tuple(int(mean[0, 0]) for mean in means) == expected
    shown = with_mean(totals[2], means[2])
    assert (shown.p10_minor <= shown.mean_minor).all()
    assert (shown.mean_minor <= shown.p90_minor).all()
    assert (shown.cumulative_p10_minor <= shown.mean_minor.cumsum(axis=1)).all()
