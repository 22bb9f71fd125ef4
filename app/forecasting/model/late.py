"""Probability of being later than sixty days: how far the distributions' tails may be believed.

Such payments are rare, come in clusters of a few payers, and a young ledger has seen none: probabilities read from a
tail are too extreme. Log odds are pulled towards the base rate of the ledger, by a slope and a shift that a logistic
regression on rolling origins learns (Platt), with a prior, since positives are few. Items of one payer count less
than independent ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from app.forecasting.model.features import Landmarks
from app.forecasting.model.history import History
from app.forecasting.model.interface import Days, Ledger
from app.forecasting.model.learning import Learned, distribution_of

LATE_DAYS = 60
OVERDUE_DAYS = 7
SLOPE, SLOPE_SPREAD = 0.8, 0.15
"""Prior of the slope: below 1, since tails are learnt from few payers."""
SHIFT_SPREAD = 0.4
BASE_EVENTS, BASE_ITEMS = 1.0, 40.0
"""What the base rate starts from: one of forty."""
ITEMS_MAX = 6_000
CERTAIN = 1 - 1e-9
STEPS = 20
GROUPS = 2
"""Items that are not past due, and those that are."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LateOdds:
    """Log odds = base + shift + slope · (log odds said − base), one line a group."""

    numbers: Values
    """(GROUPS, 3): base, shift, slope."""
    events: int
    """Late ones behind it."""

    def apply(self, said: Values, past_due: NDArray[np.bool_]) -> Values:
        """Calibrated probabilities; what is certain (late already) stays."""
        base, shift, slope = self.numbers[past_due.astype(np.int64)].T
        bounded = np.clip(said, 1e-9, CERTAIN)
        return np.where(said >= CERTAIN, said, expit(base + shift + slope * (logit(bounded) - base)))


def late_odds(parts: Sequence[tuple[Learned, Landmarks]], ledger: Ledger, cutoff: int, seed: int) -> LateOdds:
    """Learns from forecasts of earlier models whose sixtieth day past due is over at `cutoff`."""
    numbers = np.array([[base, 0.0, SLOPE] for base in base_rates(ledger, cutoff)])
    history = History(ledger, cutoff)
    rng = np.random.default_rng(seed)
    said, happened, past_due, payer = [], [], [], []
    for learned, landmarks in parts:
        limit = ledger.due[landmarks.item].astype(np.int64) + LATE_DAYS
        kept = np.flatnonzero((limit <= cutoff) & (limit > landmarks.seen))
        if len(kept) > ITEMS_MAX // max(len(parts), 1):
            kept = np.sort(rng.choice(kept, ITEMS_MAX // len(parts), replace=False))
        if not len(kept):
            continue
        marks = Landmarks(landmarks.item[kept], landmarks.seen[kept], landmarks.known[kept])
        found = distribution_of(learned, ledger, marks, history, until=limit[kept])
        said.append(1 - found.by(limit[kept]))
        happened.append(ledger.paid[marks.item] > limit[kept])
        past_due.append(is_past_due(found.start, ledger.due[marks.item]))
        payer.append(ledger.payer[marks.item])
    if not said:
        return LateOdds(numbers, 0)
    values, came = np.concatenate(said), np.concatenate(happened)
    group, who = np.concatenate(past_due), np.concatenate(payer)
    for line in range(GROUPS):
        mine = np.flatnonzero(group == bool(line))
        if len(mine):
            _, place, count = np.unique(who[mine], return_inverse=True, return_counts=True)
            numbers[line, 1:] = regression(values[mine], came[mine], 1 / np.sqrt(count[place]), numbers[line, 0])
    return LateOdds(numbers, int(came.sum()))


def is_past_due(start: NDArray[np.int64], due: Days) -> NDArray[np.bool_]:
    """Past due on the first forecast day."""
    return start > due


def base_rates(ledger: Ledger, cutoff: int) -> tuple[float, float]:
    """Log odds of later than sixty days: of all items of which that is decided, and of those that were overdue."""
    limit = ledger.due.astype(np.int64) + LATE_DAYS
    decided = (limit <= cutoff) & (ledger.closed > limit)
    overdue = decided & (ledger.paid > ledger.due.astype(np.int64) + OVERDUE_DAYS)
    late = decided & (ledger.paid > limit)
    whole, part = ((late.sum() + BASE_EVENTS) / (mask.sum() + BASE_ITEMS) for mask in (decided, overdue))
    return float(logit(min(whole, 0.9))), float(logit(min(part, 0.9)))


def regression(said: Values, happened: NDArray[np.bool_], weight: Values, base: float) -> tuple[float, float]:
    """(shift, slope) of the greatest posterior, by Newton's method; probabilities of 0 and 1 are bounded."""
    distance = np.clip(logit(np.clip(said, 1e-5, 1 - 1e-5)) - base, -6.0, 12.0)
    matrix = np.stack([np.ones(len(said)), distance], axis=1)
    prior, precision = np.array([0.0, SLOPE]), np.diag([SHIFT_SPREAD**-2, SLOPE_SPREAD**-2])
    found = prior.copy()
    for _ in range(STEPS):
        chance = expit(base + matrix @ found)
        slope = matrix.T @ (weight * (happened - chance)) - precision @ (found - prior)
        curve = matrix.T @ (matrix * (weight * chance * (1 - chance))[:, None]) + precision
        step = np.linalg.solve(curve, slope)
        found = found + np.clip(step, -0.5, 0.5)
        if np.abs(step).max() < 1e-6:
            break
    return float(found[0]), float(np.clip(found[1], 0.3, 1.5))
