"""Roll rates from bucket to bucket, and the share of each month's billing that is unpaid after 90 days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
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
from app.reports.portfolio.measures import Converter, Wanted, positions
from app.reports.portfolio.rules import MONTHS_MAX, Position, month_ends, months_before, ratio, roll_lengths
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

COHORT_MONTHS = 13
COHORT_DAYS = 90
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

    A cohort whose last invoice is not yet as old as `cohort_days` has no rate. Raises ReportOptionInvalid.
    """
    after = number_option(request, "cohort_days", COHORT_DAYS, 1, 365)
    months = number_option(request, "cohort_months", COHORT_MONTHS, 1, MONTHS_MAX)
    making = _Rolls(session, request, await bounds_of(session, request))
    rows = await making.rows([request.as_of])
    shown, more = page_of(rows, request)
    title = "Roll rates"
    tables = [ReportTable("roll_rates", title, (*GROUP_COLUMNS, *_STEP), [row[1:] for row in shown], has_more=more)]
    cohorts, converters = await _cohorts(session, request, after, months)
    tables.append(cohorts)
    if request.months:
        columns = (Column("month_end", "date"), *GROUP_COLUMNS, *_STEP)
        series = await making.rows(month_ends(request.as_of, request.months))
        tables.append(ReportTable("series", "Roll rates by month", columns, series))
    notes = notes_of(request, making.converter or converters)
    return framed("roll-rates", title, request, tables, notes, cohort_days=after, months=request.months or None)


class _Rolls:
    """Positions on the days and one bucket-length before each."""

    def __init__(self, session: ReadSession, request: ReportRequest, bounds: AgingBounds) -> None:
        self.session, self.request, self.bounds = session, request, bounds
        self.lengths = roll_lengths(bounds.upper)
        self.converter: Converter | None = None

    async def rows(self, days: Sequence[date]) -> list[tuple[Cell, ...]]:
        """Day, group, and each step from bucket to bucket; groups in the order of their receivables."""
        every = sorted({*days, *(day - timedelta(days=length) for day in days for length in self.lengths)})
        scope = scope_of(self.request)
        found, converter = await positions(
            self.session, scope, every, 0, self.bounds, Wanted(), self.request.in_currency
        )
        self.converter = converter or self.converter
        at = {(one.at, one.key, one.currency): one for one in found}
        groups = self._in_order(found)
        names = await names_of(self.session, self.request.group_by, [key for key, _ in groups])
        labels = self.bounds.labels()
        rows: list[tuple[Cell, ...]] = []
        for day in days:
            for key, currency in groups:
                now = at.get((day, key, currency))
                for index, length in enumerate(self.lengths):
                    then = at.get((day - timedelta(days=length), key, currency))
                    before, after = _in(then, index), _in(now, index + 1)
                    cells = (labels[index], labels[index + 1], length, before, after, ratio(after, before))
                    rows.append((day, *group_cells(key, currency, names), *cells))
        return rows

    def _in_order(self, found: Sequence[Position]) -> list[tuple[str | None, str]]:
        largest: dict[tuple[str | None, str], int] = {}
        for one in found:
            key = (one.key, one.currency)
            largest[key] = max(largest.get(key, 0), one.receivables)
        groups = [key for key, minor in largest.items() if minor]
        return sorted(groups, key=lambda key: (key[1], -largest[key], key[0] or ""))


def _in(position: Position | None, bucket: int) -> int:
    return 0 if position is None else position.buckets[bucket]


async def _cohorts(
    session: ReadSession, request: ReportRequest, after: int, months: int
) -> tuple[ReportTable, Converter | None]:
    """By month of billing, oldest first: what was billed, and what of it was open `after` days after its invoice."""
    first = months_before(request.as_of.replace(day=1), months - 1)
    found = await risk_queries.sum_cohorts(session, scope_of(request), request.as_of, after, first)
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
    rows = []
    for (month, currency, key), (billed, unpaid) in sorted(
        sums.items(), key=lambda item: (*item[0][:2], str(item[0][2]))
    ):
        complete = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1) + timedelta(days=after)
        rate: Decimal | None = ratio(unpaid, billed) if complete <= request.as_of else None
        rows.append((*group_cells(key, currency, names), month, complete, billed, unpaid, rate))
    title = f"Unpaid {after} days after the invoice, by month of billing"
    chart = Chart("line", "month", ("unpaid_rate",), title, "currency", lines_of(request.group_by))
    return ReportTable("cohorts", title, (*GROUP_COLUMNS, *_COHORT), rows, chart=chart), converter


def _shown(row: Any, converter: Converter | None, day: date) -> tuple[int, int, str]:
    """Billed, unpaid and the currency that they are shown in."""
    billed, unpaid, currency = row["billed"], row["unpaid"], row["currency"]
    rate = None if converter is None else converter.rate(day, currency)
    if converter is None or rate is None:
        return billed, unpaid, currency
    target = converter.currency
    return convert(billed, currency, target, rate), convert(unpaid, currency, target, rate), target


ROLL_RATES = ReportDefinition("roll-rates", "Roll rates", ("reports:read",), queries.GROUPS, roll_rates)
