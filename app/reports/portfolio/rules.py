"""The formulas of the key figures, and the days on which they are taken. Pure; a zero denominator gives None.

Every definition stands once: here the arithmetic, in `queries.py` the amounts that go in. See
docs/explanation/key-figures.md.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from app.core.errors import RuleViolation

PERIOD_DAYS = 90
PERIOD_DAYS_MAX = 731
MONTHS_MAX = 36
DAYS_PLACES = 2
RATE_PLACES = 4
SCORE_PLACES = 2
TREND_DAYS = 30
TREND_LOWEST, TREND_HIGHEST = Decimal("0.5"), Decimal(2)


class ReportOptionInvalid(RuleViolation):
    """An option of a report is not among those it knows, or out of its range."""

    code = "report.option_invalid"


def ratio(numerator: int, denominator: int, *, times: int = 1, places: int = RATE_PLACES) -> Decimal | None:
    """`numerator ÷ denominator × times` rounded half-up to `places`; None when the denominator is zero."""
    if denominator == 0:
        return None
    return (Decimal(numerator) * times / Decimal(denominator)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Countback:
    """Where the months of sales, going backwards, have used up the receivables (amounts in minor units).

    `full_days` are those of the whole months (and the begun one) after the last; of its `month_days` counts the share
    `part_minor ÷ month_minor`.
    """

    full_days: int
    part_minor: Decimal
    month_minor: Decimal
    month_days: int

    def days(self) -> Decimal:
        """Countback DSO in days."""
        part = self.part_minor * self.month_days / self.month_minor
        return (self.full_days + part).quantize(Decimal(1).scaleb(-DAYS_PLACES), ROUND_HALF_UP)


@dataclass(slots=True)
class Position:
    """Amounts of a group in one currency over a period that ends on `at`; minor units.

    `buckets` are open instalments on `at`, current first; `beginning` all that was open when the period began. Sales
    are what was billed in the period, as corrected and voided. `paid_x_days`: Σ amount × days from the invoice date.
    """

    at: date
    key: str | None
    currency: str
    buckets: list[int]
    beginning: int = 0
    sales: int = 0
    lost: int = 0
    credit_memos: int = 0
    unapplied: int = 0
    unidentified: int = 0
    receipts: int = 0
    paid: int = 0
    paid_x_days: int = 0
    paid_x_late: int = 0
    overdue_x_days: int = 0
    countback: Countback | None = None

    @property
    def receivables(self) -> int:
        """All open instalments."""
        return sum(self.buckets)

    @property
    def current(self) -> int:
        """What is not past due."""
        return self.buckets[0]

    @property
    def overdue(self) -> int:
        """What is past due."""
        return self.receivables - self.current

    def dso(self, days: int) -> Decimal | None:
        """Ending receivables ÷ sales × days."""
        return ratio(self.receivables, self.sales, times=days, places=DAYS_PLACES)

    def best_possible_dso(self, days: int) -> Decimal | None:
        """Current receivables ÷ sales × days."""
        return ratio(self.current, self.sales, times=days, places=DAYS_PLACES)

    def average_days_delinquent(self, days: int) -> Decimal | None:
        """DSO − best-possible DSO, of the figures as they are shown."""
        dso, best = self.dso(days), self.best_possible_dso(days)
        return None if dso is None or best is None else dso - best

    def countback_dso(self) -> Decimal | None:
        """Whole months' sales taken off receivables going backwards; None without receivables and without sales."""
        if self.countback is not None:
            return self.countback.days()
        return Decimal("0.00") if self.sales and not self.receivables else None

    def cei(self) -> Decimal | None:
        """(beginning + sales − ending total) ÷ (beginning + sales − ending current) × 100."""
        collectable = self.beginning + self.sales
        return ratio(collectable - self.receivables, collectable - self.current, times=100, places=DAYS_PLACES)

    def turnover(self) -> Decimal | None:
        """Sales ÷ the mean of beginning and ending receivables."""
        return ratio(self.sales * 2, self.beginning + self.receivables)

    def percent_current(self) -> Decimal | None:
        """Not due ÷ total, as a share."""
        return ratio(self.current, self.receivables)

    def days_to_pay(self) -> Decimal | None:
        """Σ amount × (paid − issued) ÷ Σ amount."""
        return ratio(self.paid_x_days, self.paid, places=DAYS_PLACES)

    def days_beyond_terms(self) -> Decimal | None:
        """Σ amount × (paid − due) ÷ Σ amount."""
        return ratio(self.paid_x_late, self.paid, places=DAYS_PLACES)

    def days_overdue(self) -> Decimal | None:
        """Σ overdue amount × days past due ÷ Σ overdue amount."""
        return ratio(self.overdue_x_days, self.overdue, places=DAYS_PLACES)

    def bad_debt_ratio(self) -> Decimal | None:
        """Write-offs ÷ sales, as a share."""
        return ratio(self.lost, self.sales)

    def unapplied_share(self) -> Decimal | None:
        """(unapplied + unidentified) ÷ receipts, as a share."""
        return ratio(self.unapplied + self.unidentified, self.receipts)


def month_ends(as_of: date, months: int) -> list[date]:
    """The last `months` month ends on or before `as_of`, oldest first."""
    found = []
    day = _month_end(as_of)
    if day > as_of:
        day = as_of.replace(day=1) - timedelta(days=1)
    for _ in range(months):
        found.append(day)
        day = day.replace(day=1) - timedelta(days=1)
    return found[::-1]


def months_before(as_of: date, months: int) -> date:
    """The same day `months` earlier, or that month's last day."""
    index = as_of.year * 12 + as_of.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(as_of.day, monthrange(year, month + 1)[1]))


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def roll_lengths(upper: Sequence[int]) -> list[int]:
    """For each bucket but the last, how many days ago what stands in the next one stood in it: a bucket-length.

    The length of a bucket is that of its days; current has none and takes the next bucket's.
    """
    return [upper[1] if index == 0 and len(upper) > 1 else _length(upper, index) for index in range(len(upper))]


def _length(upper: Sequence[int], index: int) -> int:
    if index == 0:  # there are no buckets but current and late
        return TREND_DAYS
    return upper[index] - upper[index - 1]


def trend_factor(now: int, before: int) -> Decimal:
    """Overdue now ÷ overdue before, kept within 0.5 and 2; 2 when nothing was overdue before."""
    if before <= 0:
        return TREND_HIGHEST
    found = (Decimal(now) / Decimal(before)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return min(max(found, TREND_LOWEST), TREND_HIGHEST)


def offender_score(overdue_major: Decimal, late_days: Decimal, trend: Decimal) -> Decimal:
    """Amount × lateness × trend: overdue money × (mean days late ÷ 30) × trend, in whole units of the currency."""
    return (overdue_major * late_days / 30 * trend).quantize(Decimal(1).scaleb(-SCORE_PLACES), ROUND_HALF_UP)
