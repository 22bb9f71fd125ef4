"""Pure rules of late charges: interest by days, fees, compensation. Amounts in minor units, rates in percent a year.

Interest is simple, actual/365 (a leap day is a day like others). Day d is charged on what was open and undisputed at
the end of the day before: money that comes on day d ends the interest after d. So an item that is n days past due has
borne interest for n days, from the day after its due date on.

What was charged before is taken off day by day. Whatever happens in whatever order, no day is charged on more than was
owed on it; a payment that bounced opens its days again, and one that came to light late gives days back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from app.core.errors import RuleViolation
from app.core.money import allocate

YEAR_DAYS = 365
PERCENT_PLACES = 6
BASIS_POINTS = 10_000
BANDS_LIMIT = 20
_SCALE = 10**PERCENT_PLACES
_DENOMINATOR = YEAR_DAYS * 100 * _SCALE


class ChargeRuleInvalid(RuleViolation):
    """Rates, bands or dates contradict each other."""

    code = "charge.invalid"


@dataclass(frozen=True, slots=True)
class RateSpan:
    """Days (both ends included) with one rate; `on_charges` when it holds for interest and fees too, by contract."""

    first: date
    last: date
    percent: Decimal
    on_charges: bool = False


@dataclass(frozen=True, slots=True)
class DatedRate:
    """The rate of a table from a day on."""

    valid_from: date
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Agreement:
    """Which rate holds from a day to a day (None: without end). Of several the highest `rank` wins, then the latest."""

    rank: int  # 3 account, 2 segment, 1 organization
    valid_from: date
    valid_to: date | None
    table_code: str | None = None
    percent: Decimal | None = None
    on_charges: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Days (both ends included) of an instalment, the amount they bear interest on (negative: given back), the rate."""

    first: date
    last: date
    principal_minor: int
    percent: Decimal

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class DisputedPart:
    """An amount that was in dispute from the end of `opened_on` to that of the day before `resolved_on` (None: is)."""

    opened_on: date
    resolved_on: date | None
    amount_minor: int


@dataclass(frozen=True, slots=True)
class DebtHistory:
    """What happened to an instalment: `changes` are (effective date, what it lowered the open amount by)."""

    due_date: date
    amount_minor: int
    changes: tuple[tuple[date, int], ...] = ()
    disputed: tuple[DisputedPart, ...] = ()
    charged: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanPart:
    """What a payment plan spreads of an instalment, from the day it was agreed to the day it was paid (None: runs)."""

    agreed_on: date
    completed_on: date | None
    amount_minor: int


def spared_by_plan(plan: PlanPart, changes: Iterable[tuple[date, int]]) -> list[DisputedPart]:
    """What bears no interest while a plan is kept: what it spreads, less what has come of it since it was agreed.

    Its first day without interest is the one after it was agreed, its last that on which the last part came.
    """
    parts, left, start = [], plan.amount_minor, plan.agreed_on
    for on, minor in sorted(changes):
        if on <= plan.agreed_on or minor <= 0 or (plan.completed_on is not None and on >= plan.completed_on):
            continue
        parts.append(DisputedPart(start, on, left))
        left, start = max(0, left - minor), on
    if left:
        parts.append(DisputedPart(start, plan.completed_on, left))
    return [part for part in parts if part.opened_on != part.resolved_on]


@dataclass(frozen=True, slots=True)
class FeeRule:
    """A fee for a reminder: a fixed sum once, plus hundredths of a percent of the principal. Minor units."""

    fixed_minor: int = 0
    basis_points: int = 0


@dataclass(frozen=True, slots=True)
class _Segment:
    first: date
    last: date
    owed_minor: int
    charged: tuple[tuple[Decimal, int], ...]  # by rate


def half_up(numerator: int, denominator: int) -> int:
    """The quotient rounded to a whole number, away from zero at the half. The denominator is positive."""
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def interest_minor(pieces: Iterable[Piece]) -> int:
    """Σ principal × rate × days ÷ 365, exact until it is rounded half-up once to the minor unit."""
    return half_up(_exact(pieces), _DENOMINATOR)


def interest_exact(pieces: Iterable[Piece]) -> Decimal:
    """The same before rounding, to six decimals of a minor unit: for showing."""
    return Decimal(half_up(_exact(pieces) * _SCALE, _DENOMINATOR)).scaleb(-PERCENT_PLACES)


def _exact(pieces: Iterable[Piece]) -> int:
    return sum(piece.principal_minor * piece.days * int(piece.percent.scaleb(PERCENT_PLACES)) for piece in pieces)


def uncharged(debt: DebtHistory, rates: Sequence[RateSpan], through: date, not_before: date | None) -> list[Piece]:
    """Days until `through` that are not charged as far as they were owed, and (negative) days charged too much.

    Days before `not_before` are left alone. A day without a rate stays uncharged until there is one.
    """
    first = min([debt.due_date + timedelta(days=1), *(piece.first for piece in debt.charged)])
    if not_before is not None:
        first = max(first, not_before)
    if not (debt.changes or debt.disputed or debt.charged):  # most items: nothing has happened to them
        owed = debt.amount_minor if first <= through else 0
        return _at_rates(_Segment(first, through, owed, ()), owed, rates) if owed else []
    pieces: list[Piece] = []
    for segment in _segments(debt, first, through):
        left = segment.owed_minor - sum(minor for _, minor in segment.charged)
        if left > 0:
            pieces += _at_rates(segment, left, rates)
        elif left < 0:
            pieces += _given_back(segment, -left)
    return _joined(pieces)


def owed_at(debt: DebtHistory, on: date) -> int:
    """What is open and undisputed at the end of that day, in minor units."""
    open_minor = debt.amount_minor - sum(minor for day, minor in debt.changes if day <= on)
    disputed = sum(
        part.amount_minor
        for part in debt.disputed
        if part.opened_on <= on and (part.resolved_on is None or on < part.resolved_on)
    )
    return max(0, open_minor - disputed)


def owed_days(debt: DebtHistory, through: date) -> list[tuple[date, date, int]]:
    """Spans of days after the due date with what bore interest on them, those with nothing left out."""
    first = debt.due_date + timedelta(days=1)
    plain = DebtHistory(debt.due_date, debt.amount_minor, debt.changes, debt.disputed)
    return [(s.first, s.last, s.owed_minor) for s in _segments(plain, first, through) if s.owed_minor]


def _segments(debt: DebtHistory, first: date, through: date) -> list[_Segment]:
    """The days cut wherever something changes. What happens on a day counts from the day after."""
    if through < first:
        return []
    one = timedelta(days=1)
    edges = {first, through + one, max(first, min(debt.due_date + one, through + one))}
    starts = [on + one for on, _ in debt.changes]
    starts += [on + one for part in debt.disputed for on in (part.opened_on, part.resolved_on) if on is not None]
    starts += [day for piece in debt.charged for day in (piece.first, piece.last + one)]
    edges.update(day for day in starts if first < day <= through)
    found = []
    for start, end in pairwise(sorted(edges)):
        open_minor = debt.amount_minor - sum(minor for on, minor in debt.changes if on < start)
        disputed = sum(
            part.amount_minor
            for part in debt.disputed
            if part.opened_on < start and (part.resolved_on is None or start <= part.resolved_on)
        )
        owed = max(0, open_minor - disputed) if start > debt.due_date else 0
        charged: defaultdict[Decimal, int] = defaultdict(int)
        for piece in debt.charged:
            if piece.first <= start <= piece.last:
                charged[piece.percent] += piece.principal_minor
        standing = tuple(sorted((percent, minor) for percent, minor in charged.items() if minor))
        found.append(_Segment(start, end - one, owed, standing))
    return found


def _at_rates(segment: _Segment, minor: int, rates: Sequence[RateSpan]) -> list[Piece]:
    return [
        Piece(max(segment.first, span.first), min(segment.last, span.last), minor, span.percent)
        for span in rates
        if span.first <= segment.last and span.last >= segment.first
    ]


def _given_back(segment: _Segment, minor: int) -> list[Piece]:
    """At the rates at which they were charged, the highest first."""
    pieces = []
    for percent, charged in reversed(segment.charged):
        less = min(minor, charged)
        if less > 0:
            pieces.append(Piece(segment.first, segment.last, -less, percent))
            minor -= less
    return pieces


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbouring days with the same amount and rate as one piece."""
    found: list[Piece] = []
    for piece in sorted(pieces, key=lambda p: (p.percent, p.principal_minor, p.first)):
        last = found[-1] if found else None
        same = last is not None and (last.percent, last.principal_minor) == (piece.percent, piece.principal_minor)
        if last is not None and same and last.last + timedelta(days=1) == piece.first:
            found[-1] = Piece(last.first, piece.last, piece.principal_minor, piece.percent)
        else:
            found.append(piece)
    return sorted(found, key=lambda p: (p.first, p.principal_minor, p.percent))


def rate_spans(
    tables: Mapping[str, Sequence[DatedRate]],
    agreements: Sequence[Agreement],
    default_table: str | None,
    first: date,
    last: date,
    fixed_on: Mapping[str, date] | None = None,
) -> tuple[RateSpan, ...]:
    """The rate of each day from `first` to `last`, by the strongest agreement of the day, else by the default table.

    Days without any rate are left out. Tables need not be sorted; the latest row that has begun holds: on the day
    itself, or for a table in `fixed_on` on the day that it names (where it has a row by then), whichever day it is.
    """
    fixed_on = fixed_on or {}
    if last < first:
        return ()
    one = timedelta(days=1)
    sorted_tables = {code: sorted(rows, key=lambda row: row.valid_from) for code, rows in tables.items()}
    edges = {first, last + one}
    edges.update(row.valid_from for rows in sorted_tables.values() for row in rows if first < row.valid_from <= last)
    for agreement in agreements:
        ends = (
            [agreement.valid_from] if agreement.valid_to is None else [agreement.valid_from, agreement.valid_to + one]
        )
        edges.update(day for day in ends if first < day <= last)
    spans: list[RateSpan] = []
    for start, end in pairwise(sorted(edges)):
        holding = [a for a in agreements if a.valid_from <= start and (a.valid_to is None or start <= a.valid_to)]
        best = max(holding, key=lambda a: (a.rank, a.valid_from), default=None)
        code = best.table_code if best is not None else default_table
        percent = best.percent if best is not None and best.percent is not None else None
        if percent is None and code is not None:
            rows = sorted_tables.get(code, [])
            days = [fixed_on[code], start] if code in fixed_on else [start]
            percent = next((r.percent for day in days for r in reversed(rows) if r.valid_from <= day), None)
        if percent is None:
            continue
        on_charges = best is not None and best.on_charges
        last_span = spans[-1] if spans else None
        if last_span is not None and last_span.last + one == start and (percent, on_charges) == (
            last_span.percent, last_span.on_charges
        ):  # fmt: skip
            spans[-1] = RateSpan(last_span.first, end - one, percent, on_charges)
        else:
            spans.append(RateSpan(start, end - one, percent, on_charges))
    return tuple(spans)


def fee_parts(rule: FeeRule, principals: Sequence[int]) -> list[int]:
    """The fee of a reminder by instalment: the percentage of each, half-up; the fixed sum once, split by principal.

    All zero without principal: nothing is charged for reminding of nothing.
    """
    if sum(principals) <= 0:
        return [0] * len(principals)
    fixed = allocate(rule.fixed_minor, principals) if rule.fixed_minor else [0] * len(principals)
    return [f + half_up(p * rule.basis_points, BASIS_POINTS) for f, p in zip(fixed, principals, strict=True)]


def check_bands(bands: Sequence[tuple[int, int]]) -> None:
    """Raise ChargeRuleInvalid unless (debt from, sum) start at zero and rise."""
    if not bands or len(bands) > BANDS_LIMIT:
        raise ChargeRuleInvalid(f"give one to {BANDS_LIMIT} bands", pointer="/bands")
    if bands[0][0] != 0:
        raise ChargeRuleInvalid("the first band starts at a debt of zero", pointer="/bands/0/debt_from")
    if any(later[0] <= earlier[0] for earlier, later in pairwise(bands)):
        raise ChargeRuleInvalid("each band starts at a larger debt than the one before", pointer="/bands")
    if any(minor < 0 for _, minor in bands):
        raise ChargeRuleInvalid("a compensation is not negative", pointer="/bands")


def compensation_minor(bands: Sequence[tuple[int, int]], debt_minor: int) -> int:
    """The fixed sum for a late debt of that size: of the last band that it reaches; 0 without bands or debt."""
    if debt_minor <= 0:
        return 0
    return next((minor for start, minor in reversed(bands) if debt_minor >= start), 0)


_NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: nothing that is read as something else


def charge_number(random_bits: int) -> str:
    """The document number `FC-XXXXX-XXXXX` of 50 random bits, those of the charge's id."""
    bits = random_bits & ((1 << 50) - 1)
    letters = [_NUMBER_ALPHABET[(bits >> shift) & 31] for shift in range(45, -1, -5)]
    return f"FC-{''.join(letters[:5])}-{''.join(letters[5:])}"
