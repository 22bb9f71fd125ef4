"""Features of (item, day) rows: only what was known on the landmark's day, and the calendar of the day itself.

A *landmark* is an item seen at the end of a day; its rows are the following days, on each of which it may be paid.

Payers pay in batches, so a ledger holds far fewer independent runs than rows. Features are therefore coarse, and none
identifies an account (no counts, means or gaps with many decimals): trees would learn the very days on which it paid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.days import DayCalendar
from app.forecasting.model.history import History, States, age_bin, late_bin
from app.forecasting.model.interface import Days, Ledger
from app.forecasting.model.priors import Priors, terms_class

RECENT_WEIGHT = 12.0
"""Recent payments that weigh as much as all of the account's."""
RUN_WEIGHT = 2.0
"""Weeks of an account that weigh as much as the organization's habit of weekdays."""

FEATURES = (
    "age",
    "days_late",
    "ahead",
    "terms",
    "weekday",
    "bank_open",
    "closed_before",
    "day_of_month",
    "days_to_month_end",
    "hazard_late",
    "hazard_late_recent",
    "hazard_age",
    "later_share",
    "later_share_recent",
    "run_weekday",
    "run_third",
    "since_run",
    "since_run_gaps",
    "open_count",
    "amount_relative",
    "amount",
    "late_last",
    "late_spread",
    "due_weekday",
    "notices",
    "class_late",
)

Rows = NDArray[np.float32]
Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Items as seen at the end of `seen`; their first row is the day after.

    `known` is the day whose history they may use: `seen`, or the cut-off for items that will be issued after it.
    """

    item: Index
    seen: Days
    known: Days

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True, slots=True)
class LandmarkFacts:
    """One line a landmark: its own columns, and the line of its account's state."""

    issued: Index
    due: Index
    seen: Index
    state: Index
    columns: dict[str, Rows]
    hazard_late: Rows
    """(states, LATE_BINS) log odds, shrunk; likewise the next two."""
    hazard_recent: Rows
    hazard_age: Rows
    later: Rows
    """(states, LATE_BINS): share of the account's payments that came at these days late or more."""
    later_recent: Rows
    run_weekday: Rows
    run_third: Rows
    since_run: Rows
    run_gap: Rows

    def take(self, lines: Index) -> LandmarkFacts:
        """These landmarks; the states stay."""
        return replace(
            self,
            issued=self.issued[lines],
            due=self.due[lines],
            seen=self.seen[lines],
            state=self.state[lines],
            columns={name: values[lines] for name, values in self.columns.items()},
        )


def log_odds(hazard: NDArray[np.float64] | Rows) -> Rows:
    """Logarithm of the odds, bounded."""
    bounded = np.clip(hazard.astype(np.float64), 1e-4, 0.98)
    odds: Rows = np.log(bounded / (1 - bounded)).astype(np.float32)
    return odds


def facts_of(ledger: Ledger, landmarks: Landmarks, history: History, priors: Priors) -> LandmarkFacts:
    """Everything about landmarks that does not depend on the day of the row."""
    item = landmarks.item
    account, seen, known = ledger.account[item], landmarks.seen, landmarks.known
    terms = (ledger.due[item] - ledger.issued[item]).astype(np.int64)
    line, kind = priors.segment_line(ledger.segment[item]), terms_class(terms)
    # A state is shared by the landmarks of one account, day and prior.
    cell = line * priors.late.shape[1] + kind
    keys = (account.astype(np.int64) << 32) | ((known.astype(np.int64) - history.base) << 12) | np.minimum(cell, 4095)
    _, first, state = np.unique(keys, return_index=True, return_inverse=True)
    states = history.states(account[first], known[first])
    prior_late, prior_age = priors.late[line[first], kind[first]], priors.age[line[first], kind[first]]
    weight, reach = priors.own_weight, priors.own_reach
    all_late, later = shrunk(smoothed(states.late, reach), prior_late, weight)
    recent_late, later_recent = shrunk(smoothed(states.late_recent, reach), all_late, RECENT_WEIGHT)
    all_age, _ = shrunk(smoothed(states.age, reach), prior_age, weight)
    amount = np.log1p(np.abs(ledger.amount_minor[item]).astype(np.float64))
    columns = {
        "terms": terms,
        "open_count": np.rint(np.log1p(states.open_count))[state],
        "amount_relative": amount - states.log_amount[state],
        "amount": (amount - priors.amount_mean) / priors.amount_spread,
        "late_last": (np.rint(states.late_last / 2) * 2)[state],
        "late_spread": (np.rint(_spread(states) / 3) * 3)[state],
        "due_weekday": (ledger.due[item].astype(np.int64) + 3) % 7,
        "notices": (ledger.notices[item] <= seen[:, None]).sum(axis=1),
        "class_late": priors.class_late[np.minimum(ledger.risk_class[item], len(priors.class_late) - 1)],
    }
    weeks = states.run_weeks[:, None]
    thirds = states.run_phase.sum(axis=1, keepdims=True)
    return LandmarkFacts(
        issued=ledger.issued[item].astype(np.int64),
        due=ledger.due[item].astype(np.int64),
        seen=seen.astype(np.int64),
        state=state.astype(np.int64),
        columns={name: np.asarray(values, np.float32) for name, values in columns.items()},
        hazard_late=log_odds(all_late),
        hazard_recent=log_odds(recent_late),
        hazard_age=log_odds(all_age),
        later=later,
        later_recent=later_recent,
        run_weekday=((states.run_weekday + RUN_WEIGHT * priors.run_weekday) / (weeks + RUN_WEIGHT)).astype(np.float32),
        run_third=((states.run_phase + 1) / (thirds + 3)).astype(np.float32),
        since_run=states.since_run_days,
        run_gap=states.run_gap_days,
    )


def smoothed(counts: Rows, reach: int) -> Rows:
    """Counts spread over the days around, by a triangle of so many days to each side; the sum stays."""
    if not reach:
        return counts
    kernel = np.minimum(np.arange(1, 2 * reach + 2), np.arange(2 * reach + 1, 0, -1)).astype(np.float32)
    kernel /= kernel.sum()
    # Mirrored at both ends, so that nothing is lost there.
    padded = np.pad(counts, ((0, 0), (reach, reach)), mode="symmetric")
    width = counts.shape[1]
    spread = np.zeros_like(counts)
    for place, share in enumerate(kernel):
        spread += share * padded[:, place : place + width]
    return spread


def shrunk(counts: Rows, prior: NDArray[np.float64] | Rows, weight: float) -> tuple[Rows, Rows]:
    """Hazard by bin with pseudo-observations of the prior, and the share of payments in this bin or later."""
    at_risk = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    hazard = ((counts + weight * prior) / (at_risk + weight)).astype(np.float32)
    # The outermost bins take many days together: counts over items are no daily hazard there.
    hazard[:, [0, -1]] = prior[:, [0, -1]]
    survival = np.cumprod(1 - np.clip(hazard, 0, 0.999), axis=1)
    later = np.concatenate([np.ones((len(counts), 1), np.float32), survival[:, :-1]], axis=1)
    return hazard, later.astype(np.float32)


def _spread(states: States) -> Rows:
    """Days from the tenth to the ninetieth percentile of the account's days late; missing under five payments."""
    total = states.paid_count[:, None]
    sums = np.cumsum(states.late, axis=1)
    low = (sums < 0.1 * total).sum(axis=1)
    high = (sums < 0.9 * total).sum(axis=1)
    return np.where(states.paid_count >= 5, high - low, np.nan).astype(np.float32)


def rows_of(facts: LandmarkFacts, calendar: DayCalendar, landmark: Index, day: Index) -> Rows:
    """The feature matrix of rows: `landmark` is the line of `facts`, `day` the day of the row."""
    state = facts.state[landmark]
    age, days_late = day - facts.issued[landmark], day - facts.due[landmark]
    place = calendar.at(day)
    weekday = calendar.weekday[place].astype(np.int64)
    bins, ages = late_bin(days_late), age_bin(age)
    since = facts.since_run[state] + (day - facts.seen[landmark])
    gap = facts.run_gap[state]
    made = {
        "age": np.minimum(age, 400),
        "days_late": np.clip(days_late, -200, 400),
        "ahead": day - facts.seen[landmark],
        "weekday": weekday,
        "bank_open": calendar.open[place],
        "closed_before": calendar.closed_before[place],
        "day_of_month": calendar.day_of_month[place] // 5,
        "days_to_month_end": np.minimum(calendar.days_to_month_end[place], 4),
        "hazard_late": facts.hazard_late[state, bins],
        "hazard_late_recent": facts.hazard_recent[state, bins],
        "hazard_age": facts.hazard_age[state, ages],
        "later_share": facts.later[state, bins],
        "later_share_recent": facts.later_recent[state, bins],
        "run_weekday": facts.run_weekday[state, weekday],
        "run_third": facts.run_third[state, np.minimum((calendar.day_of_month[place] - 1) // 10, 2).astype(np.int64)],
        "since_run": since,
        "since_run_gaps": np.rint(since / np.maximum(gap, 1) * 4) / 4,
    }
    rows = np.empty((len(day), len(FEATURES)), np.float32)
    for column, name in enumerate(FEATURES):
        rows[:, column] = made[name] if name in made else facts.columns[name][landmark]
    return rows
