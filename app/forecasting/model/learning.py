"""What is learnt from a ledger at a cut-off, and the distribution of items that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from app.forecasting.model.days import DayCalendar
from app.forecasting.model.distribution import GRID_DAYS, GRID_DAYS_MAX, TAIL_DAYS, Distribution, from_hazards
from app.forecasting.model.effects import (
    DISPUTE_PRIOR,
    LEGAL_PRIOR,
    Effects,
    in_dispute,
    in_legal,
    late_shift,
    learn_kept,
    ratio,
    with_promises,
    with_ratio,
)
from app.forecasting.model.features import Index, Landmarks, Rows, facts_of, rows_of
from app.forecasting.model.hazard import ROW_DAYS_MAX, hazards, learn_hazard, training_landmarks, training_rows
from app.forecasting.model.history import RUN_DAYS, History
from app.forecasting.model.interface import FitOptions, Ledger, Scenario
from app.forecasting.model.leaning import with_leaning
from app.forecasting.model.priors import Priors, learn_priors
from app.forecasting.model.trees import Trees

NEAR_DAYS = 35
PAST_DUE_DAYS = 56
"""Days past due that are computed one by one however long the terms are."""
NEARLY_PAID = 0.02
LANDMARK_ROWS = 12
"""Day rows that a landmark gives on average: bounds the items that are looked at in a large ledger."""


@dataclass(frozen=True, slots=True)
class Learned:
    """Parameters that come from data up to a cut-off."""

    trees: Trees
    priors: Priors
    effects: Effects
    holidays: frozenset[date]


def calendar_of(ledger: Ledger, last: int, holidays: frozenset[date]) -> DayCalendar:
    """A calendar that covers every day the ledger and a forecast until `last` may ask for."""
    first = int(ledger.issued.min(initial=last)) - 2
    return DayCalendar.over(first, last + GRID_DAYS_MAX + ROW_DAYS_MAX, holidays)


def weekday_habit(history: History, cutoff: int) -> Rows:
    """Share of (account, week) pairs with a payment on each weekday, over the last quarter's accounts."""
    recent = history.runs[history.paid[history.runs] > cutoff - RUN_DAYS]
    accounts = max(len(np.unique(history.account[recent])), 1)
    weeks = max(min(RUN_DAYS, cutoff - history.base - 399) / 7, 1)
    days = np.bincount((history.paid[recent] + 3) % 7, minlength=7)
    return ((days + 0.1) / (accounts * weeks + 1)).astype(np.float32)


def learn(ledger: Ledger, cutoff: int, options: FitOptions) -> Learned:
    """Fits the hazard and all that stands around it on what was known at the end of `cutoff`."""
    holidays, seed, rows_max = options.holidays, options.seed, options.rows_max
    rng = np.random.default_rng(seed)
    history = History(ledger, cutoff)
    priors = learn_priors(ledger, cutoff, weekday_habit(history, cutoff).astype(np.float64))
    priors = with_leaning(priors, ledger, history, cutoff, rng)
    landmarks = training_landmarks(ledger, cutoff, rng, max(rows_max // LANDMARK_ROWS * 2, 1))
    facts = facts_of(ledger, landmarks, history, priors)
    calendar = calendar_of(ledger, cutoff, holidays)
    rows = training_rows(ledger, landmarks, facts, cutoff, rng, rows_max)
    trees = learn_hazard(facts, calendar, rows, seed, options.trees_max)
    item, seen = landmarks.item[rows.landmark], facts.seen[rows.landmark]
    ratios = []
    for state, prior in ((in_dispute, DISPUTE_PRIOR), (in_legal, LEGAL_PRIOR)):
        inside = np.flatnonzero(state(ledger, item, seen))
        expected = 0.0
        if len(inside):
            matrix = rows_of(facts, calendar, rows.landmark[inside], rows.day[inside])
            expected = float((trees.probability(matrix) * rows.weight[inside]).sum())
        ratios.append(ratio(float(rows.event[inside].sum()), expected, prior))
    kept, by_account = learn_kept(ledger, cutoff)
    return Learned(trees, priors, Effects(ratios[0], ratios[1], kept, by_account), holidays)


def distribution_of(
    learned: Learned,
    ledger: Ledger,
    landmarks: Landmarks,
    history: History,
    scenario: Scenario | None = None,
    until: Index | int | None = None,
) -> Distribution:
    """When the items of the landmarks are paid, from the day after each.

    `until` (one day, or one an item) bounds the days that are computed. Days after which an item is nearly certain to
    be paid are not computed either: its last weeks' mean hazard goes on.
    """
    scenario = scenario or Scenario()
    facts = facts_of(ledger, landmarks, history, learned.priors)
    start = facts.seen + 1
    calendar = calendar_of(ledger, int(start.max(initial=0)) + GRID_DAYS_MAX, learned.holidays)
    # Long terms: the days around the due date must be seen, whatever follows then goes on.
    width = np.clip(facts.due - start + PAST_DUE_DAYS, GRID_DAYS, GRID_DAYS_MAX)
    if until is not None:
        width = np.clip(until - start + 1, 0, width)
    days = int(width.max(initial=1))
    hazard = hazards(learned.trees, facts, calendar, start, np.minimum(width, NEAR_DAYS), days)
    if days > NEAR_DAYS:
        left = np.prod(1 - hazard[:, :NEAR_DAYS], axis=1)
        far = (left > NEARLY_PAID) & (width > NEAR_DAYS)
        hazard[~far, NEAR_DAYS:] = hazard[~far, NEAR_DAYS - 14 : NEAR_DAYS].mean(axis=1, keepdims=True)
        lines = np.flatnonzero(far)
        part = facts.take(lines)
        part_start = start[lines] + NEAR_DAYS
        hazard[lines, NEAR_DAYS:] = hazards(
            learned.trees, part, calendar, part_start, width[lines] - NEAR_DAYS, days - NEAR_DAYS
        )
        if until is None:
            _go_on(hazard, width)
    item = landmarks.item
    if not scenario.disputes_settled:
        with_ratio(hazard, in_dispute(ledger, item, facts.seen), learned.effects.dispute)
    with_ratio(hazard, in_legal(ledger, item, facts.seen), learned.effects.legal)
    found = from_hazards(start, hazard)
    cdf = found.cdf
    if not scenario.promises_excluded:
        with_promises(cdf, ledger, item, facts.seen, start, learned.effects)
    return Distribution(start, late_shift(cdf, scenario), found.tail)


def _go_on(hazard: Rows, width: Index) -> None:
    """The mean hazard of the last weeks of each line's own width, on the days that only longer terms need."""
    for days in np.unique(width[width < hazard.shape[1]]):
        lines = np.flatnonzero(width == days)
        hazard[lines, days:] = hazard[lines, days - TAIL_DAYS : days].mean(axis=1, keepdims=True)


def open_items(ledger: Ledger, cutoff: int) -> Index:
    """Rows issued by the cut-off that were neither paid nor closed by its end."""
    return np.flatnonzero((ledger.issued <= cutoff) & (ledger.paid > cutoff) & (ledger.closed > cutoff))


def at_cutoff(rows: Index, cutoff: int) -> Landmarks:
    """These items as seen at the end of the cut-off."""
    seen = np.full(len(rows), cutoff, np.int32)
    return Landmarks(rows, seen, seen)


def at_issue(ledger: Ledger, rows: Index) -> Landmarks:
    """These items as seen when they are issued: history to the day before."""
    seen = (ledger.issued[rows] - 1).astype(np.int32)
    return Landmarks(rows, seen, seen)
