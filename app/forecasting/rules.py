"""Pure rules of forecasts: their closed sets, weeks, how long details stay, what is good enough to be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

HORIZON_WEEKS = 13
LAYERS = ("open", "new_business", "total")
GROUPS = ("organization", "currency", "legal_entity", "collector", "segment", "account")
RUN_KINDS = ("nightly", "on_demand", "what_if")
RUN_STATES = ("queued", "running", "done", "failed", "cancelled")
MODEL_STATES = ("candidate", "active", "rejected", "retired")
PERMYRIAD = 10_000
BASES = ("account", "segment", "organization", "terms")
NAIVE_ROWS = ("due_date", "customer_median", "mean_13")
WHOLE_ROW = "mean_13"
"""The naive row that speaks of everything that comes in; the others only of what is open."""
LATE_DAYS_MAX = 365
DETAILS_DAYS = 14
"""So long a run's instalments and accounts are kept after its day; those of the current run stay."""
REFIT_DAYS = 7
"""A model is fitted anew for the night when the last one is older."""
FINAL_DAYS = 28
"""Money of a week is often applied later: its actual is counted anew for so many days after its end."""
CONTENTS_KEPT = 4
"""Of so many of the latest models the content is kept, so that they can be activated again."""
SCORED_ITEMS_MIN = 30
"""With fewer settled items behind the comparison, nobody can say which row is better."""
WAITING_RUNS_MAX = 10


@dataclass(frozen=True, slots=True)
class ScenarioRules:
    """A what-if: which assumptions of the forecast are changed. The defaults change none."""

    promises_excluded: bool = False
    disputes_settled: bool = False
    late_days: int = 0

    @property
    def expected(self) -> bool:
        """Nothing is changed."""
        return not self.as_row()

    def as_row(self) -> dict[str, Any]:
        """The JSON form; empty when nothing is changed."""
        facts = {
            "promises_excluded": self.promises_excluded,
            "disputes_settled": self.disputes_settled,
            "late_days": self.late_days,
        }
        return {name: value for name, value in facts.items() if value}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> ScenarioRules:
        """From the JSON form."""
        return cls(**row)


EXPECTED = ScenarioRules()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a model may be used, and why, as texts for people."""

    beats_naive: bool
    judged: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fallback:
    """Which naive row takes the place of a model that is not in force; None where the model's own is better.

    `days` stands for the dates of items, `cash` for the weeks. Only the mean of 13 weeks speaks of everything that
    comes in; of the other rows the coming invoices, which they leave out, stay those of the model.
    """

    days: str | None = None
    cash: str | None = None

    @property
    def open_row(self) -> str | None:
        """The row of the weeks of open items."""
        return self.days if self.cash in (None, WHOLE_ROW) else self.cash

    @property
    def total_row(self) -> str | None:
        """The row of the weeks of everything; None: open items and coming ones together."""
        return self.cash if self.cash == WHOLE_ROW else None

    def notes(self) -> tuple[str, ...]:
        """What a reader of the forecast must know."""
        rows = (("dates of items", self.days), ("open items", self.open_row), ("totals", self.total_row))
        return tuple(f"{what} follow the naive row {row.replace('_', ' ')}" for what, row in rows if row is not None)


NO_FALLBACK = Fallback()


def fallback_of(state: str, beats_naive: bool, metrics: Mapping[str, Any]) -> Fallback:
    """The naive rows that a forecast by such a model falls back to, so that it is never worse than the best of them.

    A model in force has none, nor one that beats them and is only too old or too new to be in force. Where nobody can
    tell the rows apart yet, items follow their customer's median.
    """
    if state == "active" or (beats_naive and state != "rejected"):
        return NO_FALLBACK
    if metrics.get("scored_items", 0) < SCORED_ITEMS_MIN:
        return Fallback(days="customer_median")
    set_aside = beats_naive  # by a person: then it is not asked whether it would be better
    return Fallback(
        _best_row(metrics.get("mae_days", {}), "customer_median", set_aside),
        _best_row(metrics.get("error_4_weeks", {}), None, set_aside),
    )


def _best_row(figures: Mapping[str, str | None], unknown: str | None, set_aside: bool) -> str | None:
    rivals = {row: Fraction(figures[row] or "0") for row in NAIVE_ROWS if figures.get(row) is not None}
    own = figures.get("model")
    if not rivals:
        return unknown
    best = min(rivals, key=lambda row: rivals[row])
    better = own is not None and not set_aside and Fraction(own) < rivals[best]
    return None if better else best


def week_of(as_of: date, week: int) -> tuple[date, date]:
    """First and last day of a week of the horizon (1 … HORIZON_WEEKS): week 1 begins on the day after `as_of`."""
    last = as_of + timedelta(days=7 * week)
    return last - timedelta(days=6), last


def weeks_ended(as_of: date, today: date) -> int:
    """How many weeks of the horizon are over on `today`."""
    return max(0, min(HORIZON_WEEKS, ((today - as_of).days - 1) // 7))


def weeks_final(as_of: date, today: date) -> int:
    """How many weeks of the horizon are over for so long that their actuals do not change any more."""
    return weeks_ended(as_of, today - timedelta(days=FINAL_DAYS))


def is_measured(kind: str, as_of: date) -> bool:
    """Whether the run's weeks enter the report of accuracy: every run on demand, of the nights that of a Sunday.

    The weeks of a Sunday's run are those of the calendar; the other nights would say nearly the same seven times.
    """
    return kind == "on_demand" or (kind == "nightly" and as_of.weekday() == 6)


def run_seed(as_of: date) -> int:
    """The seed of a run that names none: the same day gives the same numbers."""
    return as_of.year * 10_000 + as_of.month * 100 + as_of.day


def judge(metrics: Mapping[str, Any]) -> Verdict:
    """Compare a model with the naive rows: days of error of invoices, and the error of four weeks' cash.

    `metrics` has `scored_items`, and by row (`model` and the naive ones) `mae_days` and `error_4_weeks` as texts of
    decimals or null. The model must be better than each naive row that has the figure, in both.
    """
    if metrics.get("scored_items", 0) < SCORED_ITEMS_MIN:
        reason = f"fewer than {SCORED_ITEMS_MIN} settled invoices to compare with; the naive rows cannot be told apart"
        return Verdict(False, False, (reason,))
    reasons: list[str] = []
    beaten = judged = True
    for name, unit in (("mae_days", "days of error per invoice"), ("error_4_weeks", "error of four weeks of cash")):
        figures: Mapping[str, str | None] = metrics.get(name, {})
        own = figures.get("model")
        rivals = {row: figures[row] for row in NAIVE_ROWS if figures.get(row) is not None}
        if own is None or not rivals:
            judged = False
            reasons.append(f"{unit}: nothing to compare with")
            continue
        best = min(rivals, key=lambda row: Fraction(rivals[row] or "0"))
        better = Fraction(own) < Fraction(rivals[best] or "0")
        beaten = beaten and better
        verb = "better than" if better else "not better than"
        reasons.append(f"{unit}: {own}, {verb} {best.replace('_', ' ')} with {rivals[best]}")
    return Verdict(beaten and judged, judged, tuple(reasons))
