"""The payment-behaviour score: 0 (worst) to 100, a weighted mean of factors that the ledger's facts give. Pure.

Each factor gives 0 to 100 points, or none where there is nothing to judge: its weight then falls to the others. The
contributions of the factors sum to the score exactly. Whole numbers throughout; divisions round half up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.core.money import allocate

DAYS_OF_ZERO_POINTS = 60
"""A weighted mean of so many days beyond terms is worth nothing; on time is worth 100."""
TREND_DAYS = 30
"""Getting so many days slower (or faster) within a quarter moves the trend from 50 points to 0 (or 100)."""
TENURE_MONTHS_OF_ALL_POINTS = 36
BOUNCED_BP_OF_ZERO_POINTS = 2_000
BROKEN_BP_OF_ZERO_POINTS = 10_000
NEUTRAL = 50


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """What the ledger says of an account within the window. `…_minor` in one currency, `…_days` amount × days.

    Settled amounts and what is overdue now count with the days after their due dates; early ones count as on time.
    `recent_*` are those of the last three months, `earlier_*` of the months before. `upheld` and `rejected` are
    disputes decided for and against the customer; `months` since the first invoice.
    """

    recent_minor: int = 0
    recent_minor_days: int = 0
    earlier_minor: int = 0
    earlier_minor_days: int = 0
    late_minor: int = 0
    payments: int = 0
    bounced: int = 0
    promises_kept: int = 0
    promises_broken: int = 0
    disputes_upheld: int = 0
    disputes_rejected: int = 0
    months: int = 0

    @property
    def total_minor(self) -> int:
        """What was settled in the window or is overdue now."""
        return self.recent_minor + self.earlier_minor

    @property
    def days_beyond_terms(self) -> int | None:
        """Σ amount × days late ÷ Σ amount, in whole days; None when nothing was settled or is overdue."""
        return _mean(self.recent_minor_days + self.earlier_minor_days, self.total_minor)


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor: what was found, the points it is worth, its weight and its part of the score."""

    name: str
    value: str
    points: int
    weight: int
    contribution: int

    def as_json(self) -> dict[str, Any]:
        """The stored form."""
        return {
            "name": self.name, "value": self.value, "points": self.points, "weight": self.weight,
            "contribution": self.contribution,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Score:
    """The score and its factors in the order of their weights."""

    value: int
    factors: tuple[Factor, ...]


def score_account(facts: PaymentFacts, weights: Mapping[str, int]) -> Score | None:
    """The score, or None where nothing was settled and nothing is overdue: tenure alone says nothing."""
    if facts.total_minor <= 0:
        return None
    found = {name: each for name, each in _points(facts).items() if each is not None and weights.get(name, 0) > 0}
    if not found:
        return None
    names = sorted(found, key=lambda name: (-weights[name], name))
    total_weight = sum(weights[name] for name in names)
    weighted = [weights[name] * found[name][1] for name in names]
    value = (sum(weighted) * 2 + total_weight) // (2 * total_weight)
    parts = allocate(value, weighted) if sum(weighted) else [0] * len(names)
    factors = tuple(
        Factor(name, found[name][0], found[name][1], weights[name], part)
        for name, part in zip(names, parts, strict=True)
    )
    return Score(value, factors)


def risk_of_score(score: int | None, low_risk_score: int, medium_risk_score: int) -> str | None:
    """low, medium or high by the bounds of the policy; None without a score."""
    if score is None:
        return None
    return "low" if score >= low_risk_score else "medium" if score >= medium_risk_score else "high"


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier (later when negative), or the last day of a shorter month."""
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(years, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("unreachable")


def _points(facts: PaymentFacts) -> dict[str, tuple[str, int] | None]:
    """Each factor's finding and points, or None where there is nothing to judge."""
    days = facts.days_beyond_terms or 0
    late_bp = _ratio_bp(facts.late_minor, facts.total_minor) or 0
    decided = facts.promises_kept + facts.promises_broken
    broken_bp = _ratio_bp(facts.promises_broken, decided)
    upheld_bp = _ratio_bp(facts.disputes_upheld, facts.disputes_upheld + facts.disputes_rejected)
    bounced_bp = _ratio_bp(facts.bounced, facts.payments)
    return {
        "days_beyond_terms": (f"{days} days", _falling(days, DAYS_OF_ZERO_POINTS)),
        "trend": _trend(facts),
        "share_late": (f"{_percent(late_bp)} % of the amount", _falling(late_bp, 10_000)),
        "broken_promises": None if broken_bp is None else (
            f"{facts.promises_broken} of {decided} promises", _falling(broken_bp, BROKEN_BP_OF_ZERO_POINTS)
        ),
        "disputes_upheld": None if upheld_bp is None else (
            f"{facts.disputes_upheld} of {facts.disputes_upheld + facts.disputes_rejected} disputes",
            100 - _falling(upheld_bp, 10_000),
        ),
        "bounced_payments": None if bounced_bp is None else (
            f"{facts.bounced} of {facts.payments} payments", _falling(bounced_bp, BOUNCED_BP_OF_ZERO_POINTS)
        ),
        "tenure": (f"{facts.months} months", 100 - _falling(facts.months, TENURE_MONTHS_OF_ALL_POINTS)),
    }  # fmt: skip


def _trend(facts: PaymentFacts) -> tuple[str, int] | None:
    recent = _mean(facts.recent_minor_days, facts.recent_minor)
    earlier = _mean(facts.earlier_minor_days, facts.earlier_minor)
    if recent is None or earlier is None:
        return None
    slower = recent - earlier
    points = NEUTRAL - max(-TREND_DAYS, min(TREND_DAYS, slower)) * NEUTRAL // TREND_DAYS
    return f"{slower:+d} days in the last three months", max(0, min(100, points))


def _falling(value: int, zero_at: int) -> int:
    """100 points at 0, none at `zero_at` and beyond, straight in between."""
    return max(0, min(100, (200 * (zero_at - value) + zero_at) // (2 * zero_at)))


def _mean(weighted: int, weight: int) -> int | None:
    return (2 * weighted + weight) // (2 * weight) if weight > 0 else None


def _ratio_bp(part: int, whole: int) -> int | None:
    return min(part, whole) * 10_000 // whole if whole > 0 else None


def _percent(bp: int) -> int:
    return (bp + 50) // 100
