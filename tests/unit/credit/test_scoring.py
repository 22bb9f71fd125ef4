"""The payment-behaviour score: bounds, direction of each factor, contributions that sum."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.credit.rules import DEFAULT_POLICY
from app.credit.scoring import PaymentFacts, months_before, risk_of_score, score_account

WEIGHTS = DEFAULT_POLICY.weights
PROMPT = PaymentFacts(
    recent_minor=1_000, earlier_minor=3_000, payments=8, promises_kept=2, disputes_upheld=1, months=48
)
SLOW = PaymentFacts(
    recent_minor=1_000, recent_minor_days=90_000, earlier_minor=3_000, earlier_minor_days=180_000, late_minor=4_000,
    payments=4, bounced=2, promises_broken=3, disputes_rejected=2, months=1,
)  # fmt: skip


def value(facts: PaymentFacts) -> int:
    found = score_account(facts, WEIGHTS)
    assert found is not None
    return found.value


def test_the_best_and_the_worst_payer() -> None:
    assert value(PROMPT) == 95, "all points but for the trend, which cannot be better than steady"
    assert value(SLOW) == 0


def test_without_history_there_is_no_score() -> None:
    assert score_account(PaymentFacts(months=60, payments=3), WEIGHTS) is None


def test_a_factor_without_facts_leaves_its_weight_to_the_others() -> None:
    plain = score_account(PaymentFacts(recent_minor=100, months=36), WEIGHTS)
    assert plain is not None
    assert {factor.name for factor in plain.factors} == {"days_beyond_terms", "share_late", "tenure"}
    assert plain.value == 100


@pytest.mark.parametrize(
    "worse",
    [
        {"recent_minor_days": 20_000}, {"late_minor": 2_000}, {"promises_broken": 1}, {"disputes_rejected": 1},
        {"bounced": 1}, {"months": 3},
    ],
)  # fmt: skip
def test_each_factor_pulls_the_score_down(worse: dict[str, int]) -> None:
    assert value(replace(PROMPT, **worse)) < value(PROMPT)


def test_getting_faster_is_better_than_getting_slower() -> None:
    steady = PaymentFacts(recent_minor=100, recent_minor_days=1_000, earlier_minor=100, earlier_minor_days=1_000)
    faster = replace(steady, recent_minor_days=0, earlier_minor_days=2_000)
    slower = replace(steady, recent_minor_days=2_000, earlier_minor_days=0)
    assert value(faster) > value(steady) > value(slower)
    assert faster.days_beyond_terms == slower.days_beyond_terms == 10


def test_a_large_late_amount_weighs_more_than_a_small_one() -> None:
    large = PaymentFacts(recent_minor=1_000, recent_minor_days=900 * 30, late_minor=900)
    small = PaymentFacts(recent_minor=1_000, recent_minor_days=100 * 30, late_minor=100)
    assert value(large) < value(small)


def test_shown_factors_explain_the_score() -> None:
    found = score_account(replace(PROMPT, recent_minor_days=30_000, late_minor=1_000), WEIGHTS)
    assert found is not None
    assert sum(factor.contribution for factor in found.factors) == found.value
    shown = {factor.name: factor.value for factor in found.factors}
    assert shown["days_beyond_terms"] == "8 days"
    assert shown["share_late"] == "25 % of the amount"
    assert shown["trend"] == "+30 days in the last three months"


counts = st.integers(0, 50)
amounts = st.integers(0, 10**12)


@given(
    st.builds(
        PaymentFacts, recent_minor=amounts, recent_minor_days=amounts, earlier_minor=amounts,
        earlier_minor_days=amounts, late_minor=amounts, payments=counts, bounced=counts, promises_kept=counts,
        promises_broken=counts, disputes_upheld=counts, disputes_rejected=counts, months=counts,
    )
)  # fmt: skip
def test_any_facts_give_a_score_from_0_to_100_that_its_factors_sum_to(facts: PaymentFacts) -> None:
    found = score_account(facts, WEIGHTS)
    assert (found is None) == (facts.total_minor == 0)
    if found is not None:
        assert 0 <= found.value <= 100
        assert sum(factor.contribution for factor in found.factors) == found.value
        assert all(0 <= factor.points <= 100 and factor.contribution >= 0 for factor in found.factors)


@pytest.mark.parametrize(("score", "risk"), [(None, None), (70, "low"), (69, "medium"), (40, "medium"), (39, "high")])
def test_risk_by_the_bounds_of_the_policy(score: int | None, risk: str | None) -> None:
    assert risk_of_score(score, 70, 40) == risk


@pytest.mark.parametrize(
    ("day", "months", "found"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 15), 12, date(2025, 1, 15)),
        (date(2026, 1, 15), -24, date(2028, 1, 15)),
        (date(2026, 5, 31), -1, date(2026, 6, 30)),
        (date(2026, 12, 31), -2, date(2027, 2, 28)),
    ],
)
def test_months_end_on_the_last_day_of_a_shorter_one(day: date, months: int, found: date) -> None:
    assert months_before(day, months) == found
