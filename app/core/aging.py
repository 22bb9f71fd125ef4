"""Days past due and aging buckets: the boundaries that every report, reminder and score shares.

On the due date an item is 0 days past due and still current; exactly 30 days late is in 1-30.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from app.core.errors import RuleViolation

MAX_BOUNDS = 12
MAX_BOUND_DAYS = 36_500


class AgingBoundsInvalid(RuleViolation):
    """The upper bounds are not whole days, strictly increasing from 0, at most 12 of them."""

    code = "aging.bounds_invalid"


def days_past_due(as_of: date, due_date: date) -> int:
    """`as_of - due_date` in whole days; 0 on the due date. Raises TypeError for a datetime."""
    if isinstance(as_of, datetime) or isinstance(due_date, datetime):
        # Two instants differ by hours, and their whole days would hide the organization's time zone.
        raise TypeError("days past due are counted between plain dates")
    return (as_of - due_date).days


@dataclass(frozen=True, slots=True)
class AgingBounds:
    """Inclusive upper bounds of the buckets in days past due; a last bucket takes everything above.

    (0, 30, 60, 90) gives current (<= 0), 1-30, 31-60, 61-90, 91+. Raises AgingBoundsInvalid.
    """

    upper: tuple[int, ...] = (0, 30, 60, 90)

    def __post_init__(self) -> None:
        upper = self.upper
        if any(type(bound) is not int for bound in upper):
            raise AgingBoundsInvalid("aging bounds are whole days", pointer="/aging_bounds")
        if not 1 <= len(upper) <= MAX_BOUNDS:
            raise AgingBoundsInvalid(f"there are 1 to {MAX_BOUNDS} aging bounds", pointer="/aging_bounds")
        if upper[0] != 0 or any(low >= high for low, high in pairwise(upper)):
            raise AgingBoundsInvalid("aging bounds start with 0 and increase", pointer="/aging_bounds")
        if upper[-1] > MAX_BOUND_DAYS:
            raise AgingBoundsInvalid(f"a bound is at most {MAX_BOUND_DAYS} days", pointer="/aging_bounds")

    @property
    def bucket_count(self) -> int:
        """Number of buckets: one more than there are bounds."""
        return len(self.upper) + 1

    def bucket_index(self, days: int) -> int:
        """The bucket of an item `days` past due: 0 is current, `bucket_count - 1` the open-ended last one."""
        return bisect_left(self.upper, days)

    def ranges(self) -> tuple[tuple[int | None, int | None], ...]:
        """First and last day past due of each bucket; None where it is open-ended."""
        lows = (None, *(bound + 1 for bound in self.upper))
        return tuple(zip(lows, (*self.upper, None), strict=True))

    def labels(self) -> tuple[str, ...]:
        """Names of the buckets in order: ("current", "1-30", "31-60", "61-90", "91+")."""
        middle = (f"{low + 1}-{high}" if low + 1 < high else str(high) for low, high in pairwise(self.upper))
        return ("current", *middle, f"{self.upper[-1] + 1}+")
