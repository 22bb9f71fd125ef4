"""What a review recommends, ratios, payment capacity, and when the next review is due."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.credit.reviews.recommending import (
    ReviewFacts,
    next_review_date,
    payment_capacity_minor,
    ratios_of,
    recommend,
    round_up_to_digits,
)

FIGURES = {
    "revenue": 1_000_000, "operating_result": 80_000, "net_result": 50_000, "interest_expense": 20_000,
    "total_assets": 500_000, "current_assets": 300_000, "inventory": 100_000, "cash": 40_000,
    "trade_receivables": 120_000, "current_liabilities": 100_000, "total_liabilities": 300_000, "equity": 200_000,
    "operating_cash_flow": 60_000,
}  # fmt: skip
FACTS = ReviewFacts(
    monthly_sales_minor=10_000_00, peak_exposure_minor=0, net_days=30, days_beyond_terms=0, score=60, limit_minor=None
)


def test_ratios_of_a_balance_sheet() -> None:
    found = ratios_of(FIGURES)
    assert found.equity_ratio == Decimal("40.0")
    assert found.current_ratio == Decimal("300.0")
    assert found.quick_ratio == Decimal("200.0")
    assert found.debt_to_equity == Decimal("150.0")
    assert found.operating_margin == Decimal("8.0")
    assert found.return_on_assets == Decimal("10.0")
    assert found.cash_flow_to_debt == Decimal("20.0")
    assert found.interest_cover == Decimal("4.0")


def test_a_ratio_without_its_figures_is_unknown() -> None:
    found = ratios_of({"equity": 5, "total_assets": 0})
    assert all(getattr(found, name) is None for name in found.__slots__)
    assert ratios_of({"total_liabilities": 5, "equity": -5}).debt_to_equity is None


def test_payment_capacity_of_a_month() -> None:
    assert payment_capacity_minor(FIGURES, 12) == 5_000 + 60_000 // 12
    assert payment_capacity_minor({"net_result": 1_200}, 12) == 100
    assert payment_capacity_minor({"net_result": 1_200}, 6) == 200
    assert payment_capacity_minor({"operating_cash_flow": 12, "cash": 0, "current_liabilities": 1_000}, 12) == 0
    assert payment_capacity_minor({"cash": 5}, 12) is None


def test_the_need_and_the_behaviour_make_the_limit() -> None:
    assert recommend(FACTS).limit_minor == 12_000_00
    assert recommend(replace(FACTS, score=85)).limit_minor == 15_000_00
    assert recommend(replace(FACTS, score=None)).limit_minor == 10_000_00
    assert recommend(replace(FACTS, score=10)).limit_minor == 0
    assert recommend(replace(FACTS, net_days=60)).limit_minor == 24_000_00
    assert [reason.code for reason in recommend(FACTS).reasons] == ["need", "score", "terms_keep"]


def test_means_and_bureau_cap_it_and_securities_come_on_top() -> None:
    poor = recommend(replace(FACTS, equity_minor=50_000_00, capacity_minor=3_000_00))
    assert poor.limit_minor == 3_000_00
    assert [reason.code for reason in poor.reasons][2:4] == ["equity", "payment_capacity"]
    assert recommend(replace(FACTS, equity_minor=-1)).limit_minor == 0
    assert recommend(replace(FACTS, bureau_percent=20)).limit_minor == 6_000_00
    assert recommend(replace(FACTS, bureau_percent=40)).limit_minor == 12_000_00
    assert recommend(replace(FACTS, capacity_minor=0, secured_minor=5_000_00)).limit_minor == 5_000_00


@pytest.mark.parametrize(
    ("score", "status", "terms"),
    [
        (90, "ok", "keep"),
        (30, "ok", "shorten"),
        (10, "ok", "prepayment"),
        (90, "stop", "prepayment"),
        (None, "ok", "keep"),
    ],
)
def test_terms_follow_the_behaviour(score: int | None, status: str, terms: str) -> None:
    found = recommend(replace(FACTS, score=score, status=status))
    assert found.terms == terms
    if status == "stop":
        assert found.limit_minor == 0


@pytest.mark.parametrize(("amount", "rounded"), [(0, 0), (-5, 0), (7, 7), (99, 99), (101, 110), (1_234_567, 1_300_000)])
def test_limits_are_round(amount: int, rounded: int) -> None:
    assert round_up_to_digits(amount) == rounded


def test_the_next_review() -> None:
    known, reviewed = date(2025, 1, 31), date(2026, 1, 31)
    assert next_review_date(last_review_on=None, known_since=known, limit_valid_until=None, months=12,
                            has_limit=False) is None  # fmt: skip
    assert next_review_date(last_review_on=None, known_since=known, limit_valid_until=None, months=12,
                            has_limit=True) == reviewed  # fmt: skip
    assert next_review_date(last_review_on=reviewed, known_since=known, limit_valid_until=None, months=1,
                            has_limit=False) == date(2026, 2, 28)  # fmt: skip
    assert next_review_date(last_review_on=reviewed, known_since=known, limit_valid_until=date(2026, 2, 1), months=24,
                            has_limit=True) == date(2026, 2, 1)  # fmt: skip
