"""Roll rates from bucket to bucket, and the share of each month's billing that is unpaid after 90 days."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from app.core.aging import AgingBounds
from app.core.money import convert
from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio import queries, risk_queries
from app.reports.portfolio.framing import (
    GROUP_COLUMNS,
    bounds_of,
    framed,
    group_cells,
    lines_of,
    names_of,
    notes_of,
    number_option,
    page_of,
    scope_of,
)
from app.reports.portfolio.measures import MANY, Converter, Wanted, positions
from app.reports.portfolio.rules import MONTHS_MAX, Position, month_ends, months_before, ratio, roll_lengths
from app.reports.tables import Cell, Chart, Column, LazyRows, Report, ReportTable, Row

COHORT_MONTHS = 13
COHORT_DAYS = 90
PIECE_ROWS = 1_000
_STEP = (
    Column("from_bucket"),
    Column("to_bucket"),
    Column("days_ago", "count", "Days ago"),
    Column("then_amount", "money", "In the bucket then"),
    Column("now_amount", "money", "In the next bucket now"),
    Column("roll_rate", "rate", "Roll rate"),
)
_COHORT = (
    Column("month", "date", "Month of billing"),
    Column("complete_on", "date", "Complete on"),
    Column("billed_amount", "money", "Billed"),
    Column("unpaid_amount", "money", "Unpaid after the days"),
    Column("unpaid_rate", "rate", "Unpaid share"),
)


async def roll_rates(session: ReadSession, request: ReportRequest) -> Report:
    """Roll rates of each group, the cohorts of its months of billing, and roll rates by month end if asked for.

    A cohort whose last invoice is not yet as old as `cohort_days` has no rate. Of a page only the cohorts of its groups
    are given; the series of accounts and parent groups is that of all of them. Raises ReportOptionInvalid.
    """
    after = number_option(request, "cohort_days", COHORT_DAYS, 1, 365)
    months = number_option(request, "cohort_months", COHORT_MONTHS, 1, MONTHS_MAX)
    bounds = await bounds_of(session, request)
    rolls = await _rolls(session, request, request.group_by, [request.as_of], bounds)
    shown, more = page_of(range(len(rolls)), request)
    keys = [rolls.group(place)[0] for place in shown] if request.limit is not None else rolls.keys
    names = await names_of(session, request.group_by, list(dict.fromkeys(keys)))
    title = "Roll rates"
    rows = LazyRows(shown, lambda place: rolls.row(place, names))
    tables = [ReportTable("roll_rates", title, (*GROUP_COLUMNS, *_STEP), rows, has_more=more)]
    wanted = keys if request.limit is not None and request.group_by in MANY else None
    cohorts, converter = await _cohorts(session, request, after, months, wanted)
    tables.append(cohorts)
    if request.months:
        tables.append(await _series(session, request, bounds))
    notes = notes_of(request, rolls.converter or converter)
    return framed("roll-rates", title, request, tables, notes, cohort_days=after, months=request.months or None)


async def _series(session: ReadSession, request: ReportRequest, bounds: AgingBounds) -> ReportTable:
    group_by = request.group_by
    if group_by in MANY and request.account_id is None:
        group_by = "organization"
    rolls = await _rolls(session, request, group_by, month_ends(request.as_of, request.months), bounds)
    names = await names_of(session, group_by, rolls.keys)
    rows = LazyRows(range(len(rolls)), lambda place: (rolls.day(place), *rolls.row(place, names)))
    columns = (Column("month_end", "date"), *GROUP_COLUMNS, *_STEP)
    return ReportTable("series", "Roll rates by month", columns, rows)


@dataclass(frozen=True, slots=True)
class _Rolls:
    """Each step from bucket to bucket of each group on each day, numbered in their order."""

    days: Sequence[date]
    groups: Sequence[tuple[str | None, str]]
    lengths: Sequence[int]
    labels: Sequence[str]
    at: Mapping[tuple[date, str | None, str], Position]
    converter: Converter | None

    def __len__(self) -> int:
        return len(self.days) * len(self.groups) * len(self.lengths)

    @property
    def keys(self) -> list[str | None]:
        return [key for key, _ in self.groups]

    def group(self, place: int) -> tuple[str | None, str]:
        return self.groups[place // len(self.lengths) % len(self.groups)]

    def day(self, place: int) -> date:
        return self.days[place // (len(self.lengths) * len(self.groups))]

    def row(self, place: int, names: Mapping[Any, tuple[str, str]]) -> tuple[Cell, ...]:
        """Group, and the step."""
        (key, currency), day, index = self.group(place), self.day(place), place % len(self.lengths)
        length = self.lengths[index]
        before = _in(self.at.get((day - timedelta(days=length), key, currency)), index)
        after = _in(self.at.get((day, key, currency)), index + 1)
        steps = (self.labels[index], self.labels[index + 1], length, before, after, ratio(after, before))
        return (*group_cells(key, currency, names), *steps)


async def _rolls(
    session: ReadSession, request: ReportRequest, group_by: str, days: Sequence[date], bounds: AgingBounds
) -> _Rolls:
    """Positions on the days and one bucket-length before each; groups in the order of their receivables."""
    lengths = roll_lengths(bounds.upper)
    every = sorted({*days, *(day - timedelta(days=length) for day in days for length in lengths)})
    found, converter = await positions(
        session, scope_of(request, group_by), every, 0, bounds, Wanted(), request.in_currency
    )
    largest: dict[tuple[str | None, str], int] = {}
    for one in found:
        key = (one.key, one.currency)
        largest[key] = max(largest.get(key, 0), one.receivables)
    groups = sorted((key for key, minor in largest.items() if minor), key=lambda k: (k[1], -largest[k], k[0] or ""))
    at = {(one.at, one.key, one.currency): one for one in found}
    return _Rolls(days, groups, lengths, bounds.labels(), at, converter)


def _in(position: Position | None, bucket: int) -> int:
    return 0 if position is None else position.buckets[bucket]


async def _cohorts(
    session: ReadSession, request: ReportRequest, after: int, months: int, keys: Sequence[str | None] | None
) -> tuple[ReportTable, Converter | None]:
    """By month of billing, oldest first: what was billed, and what of it was open `after` days after its invoice."""
    first = months_before(request.as_of.replace(day=1), months - 1)
    ids = None if keys is None else [key for key in dict.fromkeys(keys) if key is not None]
    statement, text = risk_queries.cohort_statement(session, scope_of(request), request.as_of, after, first, ids)
    title = f"Unpaid {after} days after the invoice, by month of billing"
    chart = Chart("line", "month", ("unpaid_rate",), title, "currency", lines_of(request.group_by))
    columns = (*GROUP_COLUMNS, *_COHORT)
    cells = partial(_cohort, after=after, as_of=request.as_of)
    if request.in_currency is None and request.limit is None and request.group_by in MANY:

        async def stream() -> AsyncIterator[Sequence[Row]]:
            async for piece in statement.pieces(text, PIECE_ROWS):
                names = await names_of(session, request.group_by, [row["key"] for row in piece])
                yield [cells(names, row["key"], row["currency"], row["month"], row["billed"], row["unpaid"])
                       for row in piece]  # fmt: skip

        return ReportTable("cohorts", title, columns, chart=chart, stream=stream), None
    found = await statement.fetch(text)
    converter = None
    if request.in_currency is not None:
        codes = {row["currency"] for row in found}
        converter = await Converter.load(session, request.in_currency, [request.as_of], codes)
    sums: dict[tuple[date, str, str | None], list[int]] = {}
    for row in found:
        billed, unpaid, currency = _shown(row, converter, request.as_of)
        entry = sums.setdefault((row["month"], currency, row["key"]), [0, 0])
        entry[0], entry[1] = entry[0] + billed, entry[1] + unpaid
    names = await names_of(session, request.group_by, list({key for _, _, key in sums}))
    ordered = sorted(sums, key=lambda slot: (*slot[:2], str(slot[2])))
    rows = [cells(names, key, currency, month, *sums[month, currency, key]) for month, currency, key in ordered]
    return ReportTable("cohorts", title, columns, rows, chart=chart), converter


def _cohort(
    names: Mapping[Any, tuple[str, str]], key: str | None, currency: str, month: date, billed: int, unpaid: int, *,
    after: int, as_of: date,
) -> tuple[Cell, ...]:  # fmt: skip
    """A cohort; its rate when its last invoice is old enough."""
    complete = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1) + timedelta(days=after)
    rate: Decimal | None = ratio(unpaid, billed) if complete <= as_of else None
    return (*group_cells(key, currency, names), month, complete, billed, unpaid, rate)


def _shown(row: Any, converter: Converter | None, day: date) -> tuple[int, int, str]:
    """Billed, unpaid and the currency that they are shown in."""
    billed, unpaid, currency = row["billed"], row["unpaid"], row["currency"]
    rate = None if converter is None else converter.rate(day, currency)
    if converter is None or rate is None:
        return billed, unpaid, currency
    target = converter.currency
    return convert(billed, currency, target, rate), convert(unpaid, currency, target, rate), target


ROLL_RATES = ReportDefinition("roll-rates", "Roll rates", ("reports:read",), queries.GROUPS, roll_rates)
