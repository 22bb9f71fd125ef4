"""Backtest of the forecasts on a ledger whose payments are known: what would have been said, against what came.

Leak-free: at each origin the model is fitted and asked with nothing dated after it. Invoices are scored as predicted
on their day of issue, by the newest model fitted before, with their account's history to the day before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import RuleViolation
from app.forecasting.backtest_ledger import ReadLedger, read_ledger
from app.forecasting.model import metrics
from app.forecasting.model.baselines import OwnHistory, PlainBoosting, mean_of_weeks, own_history
from app.forecasting.model.calibration import actual
from app.forecasting.model.distribution import REACH_DAYS
from app.forecasting.model.engine import Model, at_issue_forecasts, fit, forecast
from app.forecasting.model.engine import late_60 as late_60_of
from app.forecasting.model.history import History
from app.forecasting.model.interface import FitOptions, ForecastOptions, Layer, Ledger, date_of, day_of
from app.forecasting.model.late import LATE_DAYS
from app.forecasting.model.learning import Learned, at_issue

HORIZON_WEEKS = 13
TOTAL_WEEKS = 4
ORIGINS_MAX = 52
FITS_MAX = 8
ROWS_MAX = 150_000
SIMULATIONS = 250
SEGMENTS = 5
SEGMENTS_MAX = 20
EVALUATED_MAX = 40_000
DECIDED_SHARE = 0.1
DAYS_LATE_MAX = 365.0

Values = NDArray[np.float64]
Progress = Callable[[str], None]


class NothingToScore(RuleViolation):
    """The ledger says of no invoice in the evaluated span when it was paid."""

    code = "backtest.nothing_to_score"


@dataclass
class Cells:
    """Weekly totals of every origin: one entry a cell."""

    low: list[Values] = field(default_factory=list)
    middle: list[Values] = field(default_factory=list)
    high: list[Values] = field(default_factory=list)
    mean: list[Values] = field(default_factory=list)
    came: list[Values] = field(default_factory=list)

    def add(self, *columns: Values) -> None:
        """Appends cells; columns in the order of the fields."""
        for name, column in zip(("low", "middle", "high", "mean", "came"), columns, strict=True):
            getattr(self, name).append(column.ravel().astype(np.float64))

    def column(self, name: str) -> Values:
        """All cells of one field."""
        parts = getattr(self, name)
        return np.concatenate(parts) if parts else np.zeros(0)

    def summary(self) -> dict[str, Any]:
        """Coverage, width relative to what came, WAPE and bias."""
        low, high, came = self.column("low"), self.column("high"), self.column("came")
        return {
            "cells": len(came),
            "coverage": metrics.coverage(low, high, came),
            "width_relative": metrics.wape(high, low) and float((high - low).sum() / max(came.sum(), 1)),
            "wape": metrics.wape(self.column("mean"), came),
            "bias": metrics.bias(self.column("mean"), came),
            "below": metrics.mean(came < low),
            "above": metrics.mean(came > high),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """Origins of the totals and cut-offs of the fits."""

    first: int
    """First day whose invoices are scored."""
    origins: tuple[int, ...]
    fits: tuple[int, ...]

    @classmethod
    def of(cls, ledger: Ledger, until: int, evaluate_from: date | None, origins_max: int = ORIGINS_MAX) -> Plan:
        """Weekly origins from the evaluation's start while a full week follows; a fit every four weeks."""
        begin = int(ledger.issued.min())
        billed = billed_until(ledger, until)
        first = max(day_of(evaluate_from), begin) if evaluate_from else begin + (billed - begin + 1) // 2
        if first > until:
            raise NothingToScore(f"the ledger ends on {date_of(until)}, before the first day to score")
        step = 7 * max(-(-(billed - first) // 7 // origins_max), 1)
        origins = tuple(range(first - 1, billed - 6, step)) or (first - 1,)
        every = max(-(-len(origins) // FITS_MAX), -(-28 // step))
        return cls(first, origins, origins[::every])

    def fit_of(self, day: int) -> int:
        """The newest fit on or before a day."""
        return max(cutoff for cutoff in self.fits if cutoff <= max(day, self.fits[0]))


def billed_until(ledger: Ledger, until: int) -> int:
    """Last day of the ledger's billing: a later week lacks the invoices that the extract does not hold."""
    return min(until, int(ledger.issued.max()))


def size_segments(ledger: Ledger, cutoff: int) -> NDArray[np.int32]:
    """Accounts in classes of about equal billing to the cut-off, largest first; unknown accounts in the last."""
    known = ledger.issued <= cutoff
    billed = np.bincount(
        ledger.account[known], ledger.amount_minor[known].astype(np.float64), minlength=len(ledger.accounts)
    )
    order = np.argsort(-billed, kind="stable")
    before = np.cumsum(billed[order]) - billed[order]
    classes = np.full(len(billed), SEGMENTS - 1, np.int32)
    if billed.sum():
        classes[order] = np.minimum(before / billed.sum() * SEGMENTS, SEGMENTS - 1).astype(np.int32)
    return classes[ledger.account]


def with_segments(read: ReadLedger, cutoff: int) -> tuple[Ledger, str]:
    """The ledger with the file's segments, or with classes of size where it has none (or far too many)."""
    ledger = read.ledger
    if read.segment_column and 2 <= len(ledger.segments) <= SEGMENTS_MAX:
        return ledger, f"column {read.segment_column}"
    classes = size_segments(ledger, cutoff)
    return replace(ledger, segment=classes, segments=tuple(f"size {n + 1}" for n in range(SEGMENTS))), "account size"


def backtest(
    read: ReadLedger,
    evaluate_from: date | None = None,
    seed: int = 1,
    tell: Progress | None = None,
    origins_max: int = ORIGINS_MAX,
) -> Any:
    """All figures as plain JSON values. Raises NothingToScore."""
    tell = tell or (lambda _text: None)
    plan = Plan.of(read.ledger, read.until, evaluate_from, origins_max)
    ledger, segments = with_segments(read, plan.first - 1)
    scored = np.flatnonzero(ledger.issued >= plan.first)
    if not (ledger.paid[scored] <= read.until).any():
        raise NothingToScore(f"no invoice issued from {date_of(plan.first)} on was paid: nothing can be scored")
    if len(scored) > EVALUATED_MAX:
        scored = np.sort(np.random.default_rng(seed).choice(scored, EVALUATED_MAX, replace=False))
    models: dict[int, Model] = {}
    snapshots: dict[int, Learned] = {}
    for number, cutoff in enumerate(plan.fits, 1):
        tell(f"fit {number} of {len(plan.fits)}, as of {date_of(cutoff)}")
        models[cutoff] = fit(ledger, _date(cutoff), FitOptions(seed=seed, rows_max=ROWS_MAX), snapshots)
    tell("invoices at issue")
    figures = _invoice_figures(ledger, read.until, plan, models, scored, seed)
    totals = _total_figures(ledger, read.until, plan, models, seed, tell)
    head = {
        "rows": len(ledger),
        "accounts": len(ledger.accounts),
        "evaluated_from": str(date_of(plan.first)),
        "known_until": str(date_of(read.until)),
        "origins": len(plan.origins),
        "fits": len(plan.fits),
        "segments": segments,
        "skipped_credits": read.skipped_credits,
        "paid_before_issue": read.moved_to_issue,
        "repeated_rows": read.repeated,
        "currencies": list(read.currencies),
    }
    return {**head, **figures, **totals}


def _invoice_figures(
    ledger: Ledger, until: int, plan: Plan, models: dict[int, Model], scored: NDArray[np.int64], seed: int
) -> dict[str, Any]:
    history = History(ledger, until)
    own = own_history(ledger, scored)
    low, middle, high, late_60, plain = (np.zeros(len(scored)) for _ in range(5))
    fit_of = np.array([plan.fit_of(int(day) - 1) for day in ledger.issued[scored]])
    due = ledger.due[scored].astype(np.int64)
    for cutoff in plan.fits:
        part = np.flatnonzero(fit_of == cutoff)
        if not len(part):
            continue
        rows = scored[part]
        found, p10, p50, p90 = at_issue_forecasts(models[cutoff], ledger, at_issue(ledger, rows), history)
        low[part], middle[part], high[part] = p10 - due[part], p50 - due[part], p90 - due[part]
        late_60[part] = late_60_of(models[cutoff], found, ledger.due[rows])
        plain[part] = PlainBoosting(ledger, cutoff, seed).predict(ledger, rows, history)
    paid = ledger.paid[scored] <= until
    late = np.where(paid, ledger.paid[scored].astype(np.int64) - due, 0).astype(np.float64)
    # Only intervals that are over by the ledger's end: of later ones just the early payments would be known.
    over = until - due
    late_or_beyond = np.where(paid, late, np.inf)
    decided, decided_own = high < over, own.high < over
    if decided.sum() < DECIDED_SHARE * paid.sum():  # a ledger too short for that: what was paid, or outlived it
        decided, decided_own = paid | decided, paid | decided_own
    # A day that never comes is wrong by much, not by any number.
    middle = np.minimum(middle, DAYS_LATE_MAX)
    return {
        **_day_errors(late[paid], middle[paid], plain[paid], _taken(own, paid)),
        **_interval_figures(late_or_beyond[decided], low[decided], high[decided]),
        **_own_interval_figures(
            late_or_beyond[decided_own],
            _taken(own, decided_own),
            metrics.coverage(low[decided], high[decided], late_or_beyond[decided]),
        ),
        **_pinball_figures(late[paid], low[paid], high[paid], _taken(own, paid)),
        **_late_figures(ledger, until, scored, late_60),
    }


def _taken(own: OwnHistory, rows: NDArray[np.bool_]) -> OwnHistory:
    return OwnHistory(own.median[rows], own.median_to_pay[rows], own.low[rows], own.high[rows], own.terms[rows])


def _day_errors(late: Values, middle: Values, plain: Values, own: OwnHistory) -> dict[str, Any]:
    errors = {
        "mae_days": middle,
        "mae_days_customer_median": own.median,
        "mae_days_customer_median_to_pay": own.median_to_pay - own.terms,
        "mae_days_plain_boosting": plain,
        "mae_days_due_date": np.zeros(len(late)),
    }
    found: dict[str, Any] = {"invoices": len(late)}
    found |= {name: metrics.mean(np.abs(late - predicted)) for name, predicted in errors.items()}
    found["improvement_on_customer_median"] = _improvement(found["mae_days"], found["mae_days_customer_median"])
    found["improvement_on_plain_boosting"] = _improvement(found["mae_days"], found["mae_days_plain_boosting"])
    found["macro_recall_buckets"] = metrics.macro_recall(middle, late)
    found["macro_recall_buckets_customer_median"] = metrics.macro_recall(own.median, late)
    found["macro_recall_buckets_plain_boosting"] = metrics.macro_recall(plain, late)
    return found


def _improvement(error: float | None, naive: float | None) -> float | None:
    return 1 - error / naive if error is not None and naive else None


def _interval_figures(late: Values, low: Values, high: Values) -> dict[str, Any]:
    return {
        "coverage_invoice": metrics.coverage(low, high, late),
        "invoice_below_p10": metrics.mean(late < low),
        "invoice_above_p90": metrics.mean(late > high),
        "width_invoice_days": metrics.mean(np.minimum(high, REACH_DAYS) - np.minimum(low, REACH_DAYS)),
        "intervals": len(late),
    }


def _own_interval_figures(late: Values, own: OwnHistory, wanted: float | None) -> dict[str, Any]:
    """The customer's own empirical interval, as it is, and made to cover as much as the model's by some days."""
    days = metrics.days_to_cover(own.low, own.high, late, wanted) if wanted is not None else None
    width = metrics.mean(own.high - own.low)
    return {
        "coverage_invoice_own_history": metrics.coverage(own.low, own.high, late),
        "width_invoice_days_own_history": width,
        "width_invoice_days_own_history_same_coverage": (
            None if days is None or width is None else metrics.mean(np.maximum(own.high - own.low + 2 * days, 0))
        ),
    }


def _pinball_figures(late: Values, low: Values, high: Values, own: OwnHistory) -> dict[str, Any]:
    return {
        "pinball_p10_days": metrics.pinball(low, late, 0.1),
        "pinball_p90_days": metrics.pinball(np.minimum(high, REACH_DAYS), late, 0.9),
        "pinball_p10_days_own_history": metrics.pinball(own.low, late, 0.1),
        "pinball_p90_days_own_history": metrics.pinball(own.high, late, 0.9),
    }


def _late_figures(ledger: Ledger, until: int, scored: NDArray[np.int64], late_60: Values) -> dict[str, Any]:
    """Only invoices whose sixtieth day past due is over: of the others nobody knows yet."""
    limit = ledger.due[scored].astype(np.int64) + LATE_DAYS
    decided = limit < until
    happened = ledger.paid[scored][decided] > limit[decided]
    lift, rate = metrics.lift_of_average_precision(late_60[decided], happened)
    return {
        "pr_auc_late_60_over_base": lift,
        "late_60_base_rate": rate,
        "late_60_invoices": int(decided.sum()),
        "late_60_events": int(happened.sum()),
        "late_60_reliability": metrics.reliability(late_60[decided], happened),
    }


def _total_figures(
    ledger: Ledger, until: int, plan: Plan, models: dict[int, Model], seed: int, tell: Progress
) -> dict[str, Any]:
    cells = {name: Cells() for name in ("segment", "organization", "segment_open", "organization_open")}
    four: list[tuple[float, float, float]] = []
    for number, origin in enumerate(plan.origins, 1):
        tell(f"totals at {date_of(origin)}, {number} of {len(plan.origins)}")
        weeks = min((billed_until(ledger, until) - origin) // 7, HORIZON_WEEKS)
        if weeks < 1:
            continue
        made = forecast(
            models[plan.fit_of(origin)],
            ledger,
            _date(origin),
            ForecastOptions(horizon_weeks=max(weeks, TOTAL_WEEKS), simulations=SIMULATIONS, seed=seed + number),
            {"segment": ledger.segment},
        )
        came = actual(ledger, origin, weeks)
        for total in made.totals:
            if total.layer is Layer.NEW_BUSINESS:
                continue
            name = total.dimension + ("_open" if total.layer is Layer.OPEN else "")
            truth = came(total.layer.value, total.group if total.dimension == "segment" else None)
            columns = (total.p10_minor, total.p50_minor, total.p90_minor, total.mean_minor)
            cells[name].add(*(column[:, :weeks].astype(np.float64) for column in columns), truth)
            if name == "organization" and weeks >= TOTAL_WEEKS:
                said = float(total.mean_minor[:, :TOTAL_WEEKS].sum())
                naive = mean_of_weeks(ledger, origin) * TOTAL_WEEKS
                four.append((said, naive, float(truth[:, :TOTAL_WEEKS].sum())))
    return {**_week_figures(cells), **_four_week_figures(np.array(four).reshape(-1, 3), seed)}


def _week_figures(cells: dict[str, Cells]) -> dict[str, Any]:
    summaries = {name: cell.summary() for name, cell in cells.items()}
    return {
        "coverage_week": summaries["segment"]["coverage"],
        "cells_week": summaries["segment"]["cells"],
        "width_week_relative": summaries["segment"]["width_relative"],
        "coverage_week_organization": summaries["organization"]["coverage"],
        "width_week_organization_relative": summaries["organization"]["width_relative"],
        "weeks": summaries,
    }


def _four_week_figures(four: Values, seed: int) -> dict[str, Any]:
    said, naive, came = four.T
    interval = metrics.block_bootstrap(said, came, TOTAL_WEEKS, seed)
    return {
        "error_4_weeks": metrics.wape(said, came),
        "error_4_weeks_p10_p90": list(interval) if interval else None,
        "error_4_weeks_mean13": metrics.wape(naive, came),
        "bias_4_weeks": metrics.bias(said, came),
        "origins_4_weeks": len(came),
    }


def _date(day: int) -> date:
    found = date_of(day)
    assert found is not None
    return found


def run(
    path: Path, evaluate_from: date | None, tell: Progress | None = None, origins_max: int = ORIGINS_MAX
) -> dict[str, Any]:
    """Reads a ledger and backtests it. Raises LedgerUnreadable or NothingToScore."""
    figures: dict[str, Any] = backtest(read_ledger(path), evaluate_from, tell=tell, origins_max=origins_max)
    return figures
