"""How bad it is: what of each group is overdue, how late, of how many accounts, and how that changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.core.aging import AgingBounds
from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio import queries, wide_queries
from app.reports.portfolio.framing import (
    GROUP_COLUMNS,
    bounds_of,
    framed,
    group_cells,
    lines_of,
    names_of,
    notes_of,
    page_of,
    scope_of,
    total_cells,
)
from app.reports.portfolio.measures import MANY, Converter, Wanted, positions, total_of
from app.reports.portfolio.rules import (
    MONTHS_MAX,
    TREND_DAYS,
    Position,
    ReportOptionInvalid,
    month_ends,
    ratio,
)
from app.reports.tables import Cell, Chart, Column, LazyRows, Report, ReportTable


def bucket_columns(bounds: AgingBounds) -> tuple[Column, ...]:
    """A column of money for each bucket."""
    return tuple(
        Column(f"bucket_{index}_amount", "money", label.capitalize()) for index, label in enumerate(bounds.labels())
    )


_DELINQUENT = (
    Column("receivables_amount", "money", "Open"),
    Column("overdue_amount", "money", "Overdue"),
    Column("delinquency_rate", "rate", "Overdue share"),
    Column("days_overdue", "days", "Mean days late", places=2),
    Column("oldest_bucket_amount", "money", "In the oldest bucket"),
    Column("oldest_bucket_rate", "rate", "Share in the oldest bucket"),
    Column("accounts", "count", "Accounts that owe"),
    Column("overdue_accounts", "count", "Overdue accounts"),
    Column("largest_overdue_amount", "money", "Largest overdue account"),
    Column("largest_share", "rate", "Share of the largest"),
    Column("overdue_before_amount", "money", f"Overdue {TREND_DAYS} days before"),
    Column("change_rate", "rate", "Change"),
)


async def delinquency(session: ReadSession, request: ReportRequest) -> Report:
    """How much of each group is overdue, how late, how old, how many accounts, how concentrated, and the change.

    Raises ReportOptionInvalid.
    """
    if not 0 <= request.months <= MONTHS_MAX:
        raise ReportOptionInvalid(f"a series has up to {MONTHS_MAX} months", pointer="/query/months")
    bounds = await bounds_of(session, request)
    ends = month_ends(request.as_of, request.months)
    many = request.group_by in MANY and request.account_id is None
    days = [request.as_of, *([] if many else ends)]  # one reading for all days
    every, whole, converter = await _delinquent(session, request, request.group_by, days, bounds)
    found = [one for one in every if one.position.at == request.as_of]
    if request.group_by == "legal_entity":  # an account that owes two of them is one account of the total
        _, whole, _ = await _delinquent(session, request, "organization", [request.as_of], bounds)
    found.sort(key=lambda one: (one.currency, -one.position.overdue, -one.position.receivables, one.key or ""))
    shown, more = page_of(found, request)
    names = await names_of(session, request.group_by, [one.key for one in shown])
    columns = (*_DELINQUENT, *bucket_columns(bounds))
    labels = tuple(column.name for column in bucket_columns(bounds))[1:]
    tables = [ReportTable(
        "delinquency", "Delinquency", (*GROUP_COLUMNS, *columns),
        LazyRows(shown, lambda one: group_cells(one.key, one.currency, names) + one.cells()),
        [total_cells(one.currency) + one.cells() for one in whole],
        Chart("stacked_bar", "code", labels, "Overdue by age", split_by="currency"), more,
    )]  # fmt: skip
    if request.months:
        group_by = "organization" if many else request.group_by
        if many:
            every, _, _ = await _delinquent(session, request, group_by, ends, bounds)
        series = [one for one in every if one.position.at in ends]
        names = await names_of(session, group_by, list({one.key for one in series}))
        rows = [(one.position.at, *group_cells(one.key, one.currency, names), *one.cells()) for one in series]
        title = "Overdue share by month"
        chart = Chart("line", "month_end", ("delinquency_rate",), title, "currency", lines_of(group_by))
        heads = (Column("month_end", "date"), *GROUP_COLUMNS, *columns)
        tables.append(ReportTable("series", "Delinquency by month", heads, rows, chart=chart))
    return framed("delinquency", "Delinquency analysis", request, tables, notes_of(request, converter),
                  months=request.months or None)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Late:
    """A group in one currency: its position, its accounts, and what was overdue TREND_DAYS before."""

    position: Position
    accounts: int
    overdue_accounts: int
    largest: int
    before: int

    @property
    def key(self) -> str | None:
        return self.position.key

    @property
    def currency(self) -> str:
        return self.position.currency

    def cells(self) -> tuple[Cell, ...]:
        one = self.position
        oldest = one.buckets[-1]
        return (
            one.receivables, one.overdue, ratio(one.overdue, one.receivables), one.days_overdue(),
            oldest, ratio(oldest, one.receivables), self.accounts, self.overdue_accounts,
            self.largest, ratio(self.largest, one.overdue), self.before, ratio(one.overdue - self.before, self.before),
            *one.buckets,
        )  # fmt: skip


async def _delinquent(
    session: ReadSession, request: ReportRequest, group_by: str, days: Sequence[date], bounds: AgingBounds
) -> tuple[list[_Late], list[_Late], Converter | None]:
    """Each group and currency that owes on each day, by day; and the totals of the last day by currency."""
    before = {day: day - timedelta(days=TREND_DAYS) for day in days}
    scope = scope_of(request, group_by)
    found, converter = await positions(
        session, scope, sorted({*before, *before.values()}), 0, bounds, Wanted(), request.in_currency
    )
    counts: dict[Any, Any] = {}
    alone = group_by == "account" and converter is None  # then what a group has says it all
    if not alone:
        conversion = None if converter is None else converter.conversion()
        for row in await wide_queries.count_accounts(session, scope, days, conversion):
            counts[row["at"], row["key"], row["currency"]] = (row["accounts"], row["overdue_accounts"], row["largest"])
    overdue = {(one.at, one.key, one.currency): one.overdue for one in found}
    rows = []
    for one in found:
        if one.at in before and one.receivables:
            earlier = overdue.get((before[one.at], one.key, one.currency), 0)
            slot = (one.at, one.key, one.currency)
            accounts, late, largest = (1, int(one.overdue > 0), one.overdue) if alone else counts[slot]
            rows.append(_Late(one, accounts, late, largest, earlier))
    return rows, _totals(found, rows, max(days), before[max(days)]), converter


def _totals(found: Sequence[Position], rows: Sequence[_Late], day: date, before: date) -> list[_Late]:
    """The groups of a day added up by currency. What was overdue before counts of groups that owe nothing now, too."""
    earlier: dict[str, int] = defaultdict(int)
    for one in found:
        if one.at == before:
            earlier[one.currency] += one.overdue
    groups: dict[str, list[_Late]] = defaultdict(list)
    for row in rows:
        if row.position.at == day:
            groups[row.currency].append(row)
    return [
        _Late(
            total_of([row.position for row in group]), sum(row.accounts for row in group),
            sum(row.overdue_accounts for row in group), max(row.largest for row in group), earlier[currency],
        )
        for currency, group in sorted(groups.items())
    ]  # fmt: skip


DELINQUENCY = ReportDefinition("delinquency", "Delinquency analysis", ("reports:read",), queries.GROUPS, delinquency)
