"""What a credit review recommends, and what financial figures say: ratios and payment capacity. Pure.

All amounts in minor units of one currency. A recommendation is a proposal with its reasons; a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from app.credit.rules import Reason
from app.credit.scoring import months_before

FIGURES = (
    "revenue", "operating_result", "net_result", "interest_expense", "total_assets", "current_assets", "inventory",
    "cash", "trade_receivables", "current_liabilities", "total_liabilities", "equity", "operating_cash_flow",
)  # fmt: skip
"""Names of financial figures, as minor units; a statement may lack some of them."""
SCORE_FACTORS_PERCENT = ((80, 150), (60, 120), (40, 100), (20, 50), (0, 0))
"""From a score on: percent of the need that is recommended."""
WITHOUT_SCORE_PERCENT = 100
EQUITY_SHARE_PERCENT = 10
STEPS_DIGITS = 2
MONTH_DAYS = 30


@dataclass(frozen=True, slots=True)
class Ratios:
    """Ratios in percent (one decimal), or times for `interest_cover`; None where a figure is missing or zero."""

    equity_ratio: Decimal | None
    current_ratio: Decimal | None
    quick_ratio: Decimal | None
    debt_to_equity: Decimal | None
    operating_margin: Decimal | None
    return_on_assets: Decimal | None
    cash_flow_to_debt: Decimal | None
    interest_cover: Decimal | None


def ratios_of(figures: Mapping[str, int]) -> Ratios:
    """The usual ratios of a balance sheet; each is None when it cannot be computed."""
    quick = _minus(figures.get("current_assets"), figures.get("inventory", 0))
    return Ratios(
        equity_ratio=_ratio(figures.get("equity"), figures.get("total_assets")),
        current_ratio=_ratio(figures.get("current_assets"), figures.get("current_liabilities")),
        quick_ratio=_ratio(quick, figures.get("current_liabilities")),
        debt_to_equity=_ratio(figures.get("total_liabilities"), figures.get("equity")),
        operating_margin=_ratio(figures.get("operating_result"), figures.get("revenue")),
        return_on_assets=_ratio(figures.get("net_result"), figures.get("total_assets")),
        cash_flow_to_debt=_ratio(figures.get("operating_cash_flow"), figures.get("total_liabilities")),
        interest_cover=_ratio(figures.get("operating_result"), figures.get("interest_expense"), scale=1),
    )


def payment_capacity_minor(figures: Mapping[str, int], months: int) -> int | None:
    """What the customer could pay within a month besides what it owes already; None without the figures for it.

    Operating cash flow of a month (of a statement over `months` months), plus a twelfth of what cash and trade
    receivables exceed the current liabilities by (or less a twelfth of what they lack); never below zero.
    """
    flow = figures.get("operating_cash_flow")
    if flow is None:
        flow = figures.get("net_result")
    if flow is None or months <= 0:
        return None
    parts = [figures.get(name) for name in ("cash", "trade_receivables", "current_liabilities")]
    surplus = 0
    if parts[0] is not None and parts[2] is not None:
        surplus = parts[0] + (parts[1] or 0) - parts[2]
    return max(flow // months + surplus // 12, 0)


def bureau_percent(score: Decimal, worst_score: Decimal, best_score: Decimal) -> int:
    """The score as percent of its scale: 100 is best, whichever end that is."""
    return int((score - worst_score) * 100 / (best_score - worst_score))


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """What a recommendation is computed from; None where nothing is known."""

    monthly_sales_minor: int
    peak_exposure_minor: int
    net_days: int
    days_beyond_terms: int | None
    score: int | None
    limit_minor: int | None
    secured_minor: int = 0
    equity_minor: int | None = None
    capacity_minor: int | None = None
    bureau_percent: int | None = None  # the newest bureau score as percent of its scale, 100 is best
    status: str = "ok"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A limit (None: leave it unset), what to do with the terms (`keep`, `shorten`, `prepayment`), and the reasons."""

    limit_minor: int | None
    terms: str
    reasons: tuple[Reason, ...]


def recommend(facts: ReviewFacts) -> Recommendation:
    """A limit from the need, the behaviour and the means of the customer.

    Need: sales of a month × (days of the terms + days beyond them) ÷ 30. Behaviour: a share of it by the score. What
    securities bear comes on top. Means: not above a tenth of the equity, nor above what it can pay in the terms' time.
    """
    days = max(facts.net_days, 1) + max(facts.days_beyond_terms or 0, 0)
    need = facts.monthly_sales_minor * days // MONTH_DAYS
    reasons = [_need_reason(facts, days, need)]
    limit, reason = _by_behaviour(facts, need)
    limit = round_up_to_digits(limit)
    reasons.append(reason)
    if facts.bureau_percent is not None and facts.bureau_percent < 40:
        limit = limit * facts.bureau_percent // 40
        detail = f"the bureau score is at {facts.bureau_percent} % of its scale"
        reasons.append(Reason("bureau_low", detail, "lower", {"percent": facts.bureau_percent}))
    for code, cap, detail in _caps(facts, days):
        if cap is not None and limit > cap:
            limit = cap
            reasons.append(Reason(code, detail, "cap", {"cap_minor": cap}))
    if facts.status == "stop":
        limit = 0
        reasons.append(Reason("status_stop", "the account is on stop", "cap", {"cap_minor": 0}))
    if facts.secured_minor:
        limit += facts.secured_minor
        figures = {"secured_minor": facts.secured_minor}
        reasons.append(Reason("secured", "what securities bear comes on top", "raise", figures))
    terms, why = _terms(facts)
    return Recommendation(round_up_to_digits(limit), terms, (*reasons, why))


def next_review_date(
    *, last_review_on: date | None, known_since: date, limit_valid_until: date | None, months: int, has_limit: bool
) -> date | None:
    """When an account is reviewed next: so many months after the last review, at the end of its limit at the latest.

    One that was never reviewed is due so many months after it became known, and only if it has a limit: without limit
    and without a review nobody has taken a credit decision that could grow old.
    """
    if last_review_on is None and not has_limit:
        return None
    due = months_before(last_review_on or known_since, -months)
    return due if limit_valid_until is None else min(due, limit_valid_until)


def round_up_to_digits(amount_minor: int, digits: int = STEPS_DIGITS) -> int:
    """The next amount with so many leading digits: 12,345.67 becomes 13,000.00."""
    if amount_minor <= 0:
        return 0
    step = int(10 ** max(len(str(amount_minor)) - digits, 0))
    return -(-amount_minor // step) * step


def _need_reason(facts: ReviewFacts, days: int, need: int) -> Reason:
    figures = {"monthly_sales_minor": facts.monthly_sales_minor, "days": days, "need_minor": need}
    figures["peak_exposure_minor"] = facts.peak_exposure_minor
    return Reason("need", f"sales of {days} days stay open at a time", "base", figures)


def _by_behaviour(facts: ReviewFacts, need: int) -> tuple[int, Reason]:
    if facts.score is None:
        detail = "too little is known of its payments"
        return need * WITHOUT_SCORE_PERCENT // 100, Reason("no_score", detail, "keep", {})
    percent = next(percent for bound, percent in SCORE_FACTORS_PERCENT if facts.score >= bound)
    leads_to = "raise" if percent > 100 else "lower" if percent < 100 else "keep"
    figures = {"score": facts.score, "percent": percent}
    return need * percent // 100, Reason(
        "score", f"a score of {facts.score}: {percent} % of the need", leads_to, figures
    )


def _caps(facts: ReviewFacts, days: int) -> list[tuple[str, int | None, str]]:
    equity = None if facts.equity_minor is None else max(facts.equity_minor, 0) * EQUITY_SHARE_PERCENT // 100
    capacity = None if facts.capacity_minor is None else facts.capacity_minor * days // MONTH_DAYS
    return [
        ("equity", equity, f"not above {EQUITY_SHARE_PERCENT} % of the customer's equity"),
        ("payment_capacity", capacity, f"not above what it can pay within {days} days"),
    ]


def _terms(facts: ReviewFacts) -> tuple[str, Reason]:
    if facts.status == "stop" or (facts.score is not None and facts.score < 20):
        return "prepayment", Reason("terms_prepayment", "only against payment in advance", "prepayment", {})
    if facts.score is not None and facts.score < 40 and facts.net_days > 14:
        return "shorten", Reason("terms_shorten", "agree on shorter terms", "shorten", {"net_days": facts.net_days})
    return "keep", Reason("terms_keep", "the terms can stay", "keep", {"net_days": facts.net_days})


def _ratio(part: int | None, whole: int | None, scale: int = 100) -> Decimal | None:
    if part is None or not whole or whole < 0:
        return None
    return (Decimal(part) * scale / Decimal(whole)).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def _minus(value: int | None, other: int) -> int | None:
    return None if value is None else value - other
