"""What stands in for an account's own history while that is thin: its segment, then the organization, by terms.

Each level is a hazard by days late and by age (share of what is still open that is paid on that day), estimated with
open items as censored (Kaplan and Meier), and shrunk towards the level above by a pseudo-count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.forecasting.model.history import AGE_BINS, AGE_MAX, LATE_BINS, LATE_MAX, LATE_MIN
from app.forecasting.model.interface import Ledger

TERMS_BOUNDS = (7, 21, 40, 70)
"""Upper bounds of the classes of terms, in days from issue to due date."""
TERMS_CLASSES = len(TERMS_BOUNDS) + 1
GROUP_WEIGHT = 30.0
"""Payments of a level that weigh as much as the level above."""
OWN_WEIGHT, OWN_REACH = 6.0, 0
HAZARD_MIN, HAZARD_MAX = 1e-4, 0.95

Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Priors:
    """Hazards by (segment, class of terms); the last line of segments stands for one that is not known."""

    late: Table
    """(segments + 1, TERMS_CLASSES, LATE_BINS)."""
    age: Table
    """(segments + 1, TERMS_CLASSES, AGE_BINS)."""
    run_weekday: Table
    """(7,): share of weeks with a payment run on that weekday, over accounts."""
    class_late: Table
    """(risk classes + 1,): mean days late of the class beyond the organization's, shrunk."""
    amount_mean: float
    amount_spread: float
    """Of the logarithm of amounts."""
    segment_events: NDArray[np.int64]
    """(segments + 1,): payments behind each segment."""
    events: int
    own_weight: float = OWN_WEIGHT
    """Payments of an account that weigh as much as its segment's hazard; chosen by the ledger."""
    own_reach: int = OWN_REACH
    """Days to each side over which an account's payment counts; likewise."""

    def segment_line(self, segment: NDArray[np.int32]) -> NDArray[np.int64]:
        """Line of each segment code; codes that came later read the last line."""
        return np.minimum(segment.astype(np.int64), len(self.late) - 1)


def terms_class(terms_days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Class of terms: 0 for at most a week, the last for more than ten weeks."""
    return np.searchsorted(np.asarray(TERMS_BOUNDS), terms_days, "left")


def default_hazard(bins: int, peak: int) -> Table:
    """Of an organization without any payment: little before the due date, then half of what is open in ten days."""
    distance = np.arange(bins) - peak
    return np.where(distance < -3, 0.005, np.where(distance < 30, 0.07, 0.02))


def learn_priors(ledger: Ledger, cutoff: int, run_weekday: Table) -> Priors:
    """Estimates every level from what was known at `cutoff`."""
    known = ledger.take(np.flatnonzero(ledger.issued <= cutoff))
    paid = known.paid <= cutoff
    ended = np.minimum(np.minimum(known.paid, known.closed), cutoff).astype(np.int64)
    ended = np.maximum(ended, known.issued)
    terms = (known.due - known.issued).astype(np.int64)
    kind = terms_class(terms)
    segments = len(ledger.segments)
    late_end, late_start = ended - known.due, -terms
    age_end = ended - known.issued
    late = np.empty((segments + 1, TERMS_CLASSES, LATE_BINS))
    age = np.empty((segments + 1, TERMS_CLASSES, AGE_BINS))
    whole_late = _hazard(late_end, late_start, paid, LATE_MIN, LATE_MAX, default_hazard(LATE_BINS, -LATE_MIN), 10.0)
    whole_age = _hazard(age_end, np.zeros_like(terms), paid, 0, AGE_MAX, default_hazard(AGE_BINS, 30), 10.0)
    for line in range(TERMS_CLASSES):
        mine = kind == line
        late[segments, line] = _hazard(
            late_end[mine], late_start[mine], paid[mine], LATE_MIN, LATE_MAX, whole_late, GROUP_WEIGHT
        )
        age[segments, line] = _hazard(
            age_end[mine], np.zeros(int(mine.sum()), np.int64), paid[mine], 0, AGE_MAX, whole_age, GROUP_WEIGHT
        )
        for segment in range(segments):
            part = mine & (known.segment == segment)
            late[segment, line] = _hazard(
                late_end[part], late_start[part], paid[part], LATE_MIN, LATE_MAX, late[segments, line], GROUP_WEIGHT
            )
            age[segment, line] = _hazard(
                age_end[part],
                np.zeros(int(part.sum()), np.int64),
                paid[part],
                0,
                AGE_MAX,
                age[segments, line],
                GROUP_WEIGHT,
            )
    logs = np.log1p(np.abs(known.amount_minor).astype(np.float64))
    return Priors(
        late=late,
        age=age,
        run_weekday=run_weekday,
        class_late=_class_lateness(known, paid),
        amount_mean=float(logs.mean()) if len(logs) else 0.0,
        amount_spread=max(float(logs.std()), 0.1) if len(logs) else 1.0,
        segment_events=np.append(np.bincount(known.segment[paid], minlength=segments)[:segments], 0).astype(np.int64),
        events=int(paid.sum()),
    )


def _hazard(
    end: NDArray[np.int64],
    start: NDArray[np.int64],
    paid: NDArray[np.bool_],
    low: int,
    high: int,
    above: Table,
    weight: float,
) -> Table:
    """Events over those at risk by bin of [low, high], with `weight` pseudo-observations of the level above."""
    bins = high - low + 1
    last = np.clip(end, low, high) - low
    first = np.minimum(np.clip(start, low, high) - low, last)
    events = np.bincount(last[paid], minlength=bins).astype(np.float64)
    entered = np.cumsum(np.bincount(first, minlength=bins))
    left = np.cumsum(np.bincount(last, minlength=bins))
    at_risk = entered - np.concatenate([[0], left[:-1]])
    # Items beyond the outermost bins are at risk there for as long as they are open: one observation a day.
    at_risk[0] += np.maximum(np.minimum(end, low) - start, 0).sum()
    at_risk[-1] += np.maximum(end - np.maximum(start, high), 0).sum()
    hazard: Table = np.clip((events + weight * above) / (at_risk + weight), HAZARD_MIN, HAZARD_MAX)
    return hazard


def _class_lateness(known: Ledger, paid: NDArray[np.bool_]) -> Table:
    late = (known.paid - known.due)[paid].astype(np.float64)
    classes = known.risk_class[paid]
    size = len(known.risk_classes)
    if not len(late):
        return np.zeros(size + 1)
    count = np.bincount(classes, minlength=size)[:size]
    total = np.bincount(classes, late - late.mean(), minlength=size)[:size]
    return np.append(total / (count + GROUP_WEIGHT), 0.0)
