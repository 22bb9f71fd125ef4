"""DSO and its family, CEI, turnover, days to pay, bad debt and unapplied cash: one row a group, and a series of months.

All of them are taken over the same period of `period_days` that ends on the report's day, and on each month end of the
series, so that figures of one row belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.core.aging import AgingBounds
from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio import queries
from app.reports.portfolio.framing import (
    GROUP_COLUMNS,
    bounds_of,
    day_text,
    framed,
    group_cells,
    lines_of,
    names_of,
    notes_of,
    number_option,
    page_of,
    scope_of,
    total_cells,
)
from app.reports.portfolio.measures import MANY, Converter, Wanted, positions, total_of
from app.reports.portfolio.rules import (
    MONTHS_MAX,
    PERIOD_DAYS,
    PERIOD_DAYS_MAX,
    Countback,
    Position,
    ReportOptionInvalid,
    month_ends,
)
from app.reports.tables import Cell, Chart, Column, LazyRows, Report, ReportTable


@dataclass(frozen=True, slots=True)
class Figure:
    """A column and how its cell follows from a position and the days of the period."""

    column: Column
    value: Callable[[Position, int], Cell]


def _days(name: str, title: str, value: Callable[[Position, int], Cell]) -> Figure:
    return Figure(Column(name, "days", title, places=2), value)


def _money(name: str, title: str, value: Callable[[Position, int], Cell]) -> Figure:
    return Figure(Column(f"{name}_amount", "money", title), value)


_ALL = (
    _money("beginning", "Beginning receivables", lambda p, _: p.beginning),
    _money("sales", "Sales", lambda p, _: p.sales),
    _money("receivables", "Receivables", lambda p, _: p.receivables),
    _money("current", "Current", lambda p, _: p.current),
    _money("overdue", "Overdue", lambda p, _: p.overdue),
    Figure(Column("percent_current", "rate", "Percent current"), lambda p, _: p.percent_current()),
    _days("dso", "DSO", lambda p, days: p.dso(days)),
    _days("best_possible_dso", "Best-possible DSO", lambda p, days: p.best_possible_dso(days)),
    _days("average_days_delinquent", "Average days delinquent", lambda p, days: p.average_days_delinquent(days)),
    _days("countback_dso", "Countback DSO", lambda p, _: p.countback_dso()),
    Figure(Column("cei", "ratio", "CEI", places=2), lambda p, _: p.cei()),
    Figure(Column("turnover", "ratio", "Turnover"), lambda p, _: p.turnover()),
    _money("paid", "Paid", lambda p, _: p.paid),
    _days("weighted_days_to_pay", "Weighted days to pay", lambda p, _: p.days_to_pay()),
    _days("days_beyond_terms", "Days beyond terms", lambda p, _: p.days_beyond_terms()),
    _money("write_offs", "Write-offs", lambda p, _: p.lost),
    Figure(Column("bad_debt_ratio", "rate", "Bad-debt ratio"), lambda p, _: p.bad_debt_ratio()),
    _money("credit_memos", "Open credit memos", lambda p, _: p.credit_memos),
    _money("unapplied", "Unapplied cash", lambda p, _: p.unapplied),
    _money("unidentified", "Unidentified cash", lambda p, _: p.unidentified),
    _money("receipts", "Receipts", lambda p, _: p.receipts),
    Figure(Column("unapplied_share", "rate", "Unapplied share"), lambda p, _: p.unapplied_share()),
)
FIGURES: Mapping[str, Figure] = {figure.column.name: figure for figure in _ALL}
_CREDITS = {"credit_memos_amount", "unapplied_amount", "unidentified_amount", "receipts_amount", "unapplied_share"}
_PAID = {"paid_amount", "weighted_days_to_pay", "days_beyond_terms"}


@dataclass(frozen=True, slots=True)
class FigureReport:
    """A report made of some of the figures; `drawn` are the lines of its chart."""

    name: str
    title: str
    figures: tuple[str, ...]
    drawn: tuple[str, ...]

    @property
    def wanted(self) -> Wanted:
        """The families of amounts that its figures need."""
        names = set(self.figures)
        return Wanted(bool(names & _CREDITS), bool(names & _PAID), "countback_dso" in names)

    async def build(self, session: ReadSession, request: ReportRequest) -> Report:
        """The report: groups with the largest receivables first, totals by currency, and the months if asked for.

        Raises ReportOptionInvalid, AgingBoundsInvalid.
        """
        days = number_option(request, "period_days", PERIOD_DAYS, 1, PERIOD_DAYS_MAX)
        if not 0 <= request.months <= MONTHS_MAX:
            raise ReportOptionInvalid(f"a series has up to {MONTHS_MAX} months", pointer="/query/months")
        made = _Making(session, request, self, days, await bounds_of(session, request))
        ends = month_ends(request.as_of, request.months)
        together = bool(ends) and made.series_group == request.group_by  # one reading for all days
        found = await made.positions([request.as_of, *ends] if together else [request.as_of], request.group_by)
        tables = [await made.groups([one for one in found if one.at == request.as_of])]
        converter = made.converter
        if ends:
            shown = found if together else await made.positions(ends, made.series_group)
            tables.append(await made.series([one for one in shown if one.at in ends]))
        first = request.as_of - timedelta(days=days - 1)
        return framed(
            self.name, self.title, request, tables, notes_of(request, converter),
            period_days=days, period=day_text(first, request.as_of), months=request.months or None,
        )  # fmt: skip


@dataclass(slots=True)
class _Making:
    """One report while it is made."""

    session: ReadSession
    request: ReportRequest
    report: FigureReport
    days: int
    bounds: AgingBounds
    converter: Converter | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(FIGURES[name].column for name in self.report.figures)

    def cells(self, position: Position) -> tuple[Cell, ...]:
        return tuple(FIGURES[name].value(position, self.days) for name in self.report.figures)

    @property
    def series_group(self) -> str:
        """The groups of the months: of very many groups only all of them together."""
        group_by = self.request.group_by
        return "organization" if group_by in MANY and self.request.account_id is None else group_by

    async def groups(self, found: list[Position]) -> ReportTable:
        """One row for each group and currency as of the report's day."""
        request = self.request
        found.sort(key=lambda one: (one.currency, -one.receivables, -one.sales, one.key or ""))
        totals = await self._totals(found)
        shown, more = page_of(found, request)
        names = await names_of(self.session, request.group_by, [position.key for position in shown])
        rows = LazyRows(shown, lambda one: group_cells(one.key, one.currency, names) + self.cells(one))
        return ReportTable(
            self.report.name.replace("-", "_"), self.report.title, (*GROUP_COLUMNS, *self.columns), rows,
            [total_cells(one.currency) + self.cells(one) for one in totals], has_more=more,
        )  # fmt: skip

    async def series(self, found: Sequence[Position]) -> ReportTable:
        """One row for each month end, group and currency, in the order of the positions."""
        group_by = self.series_group
        names = await names_of(self.session, group_by, list({position.key for position in found}))
        rows = [(one.at, *group_cells(one.key, one.currency, names), *self.cells(one)) for one in found]
        chart = Chart("line", "month_end", self.report.drawn, self.report.title, "currency", lines_of(group_by))
        columns = (Column("month_end", "date"), *GROUP_COLUMNS, *self.columns)
        return ReportTable("series", f"{self.report.title} by month", columns, rows, chart=chart)

    async def positions(self, days: Sequence[date], group_by: str) -> list[Position]:
        scope, wanted = scope_of(self.request, group_by), self.report.wanted
        found, converter = await positions(
            self.session, scope, days, self.days, self.bounds, wanted, self.request.in_currency
        )
        if converter is not None:
            if self.converter is not None:
                converter.missing |= self.converter.missing
            self.converter = converter
        return [one for one in found if any(self._amounts(one))]

    def _amounts(self, position: Position) -> tuple[Any, ...]:
        return (position.beginning, position.sales, position.receivables, position.lost, position.credit_memos,
                position.unapplied, position.unidentified, position.receipts, position.paid)  # fmt: skip

    async def _totals(self, found: Sequence[Position]) -> list[Position]:
        """The groups added up by currency; countback of them all together."""
        if self.request.group_by in ("organization", "currency"):
            return sorted(found, key=lambda one: one.currency)
        groups: dict[str, list[Position]] = {}
        for one in found:
            groups.setdefault(one.currency, []).append(one)
        sums = {currency: total_of(group) for currency, group in groups.items()}
        if self.report.wanted.countback:
            scope = scope_of(self.request, "organization")
            conversion = None if self.converter is None else self.converter.conversion()
            for row in await queries.sum_countback(self.session, scope, [self.request.as_of], conversion):
                if row["currency"] in sums:
                    sums[row["currency"]].countback = Countback(
                        row["full_days"], row["part"], row["billed"], row["month_days"]
                    )
        return [sums[currency] for currency in sorted(sums)]


FIGURE_REPORTS = (
    FigureReport("key-figures", "Key figures of receivables", tuple(FIGURES), ("dso", "countback_dso")),
    FigureReport(
        "dso", "Days sales outstanding",
        ("sales_amount", "receivables_amount", "current_amount", "overdue_amount", "dso", "countback_dso",
         "best_possible_dso", "average_days_delinquent"),
        ("dso", "countback_dso", "best_possible_dso"),
    ),
    FigureReport(
        "cei", "Collection effectiveness",
        ("beginning_amount", "sales_amount", "receivables_amount", "current_amount", "cei"), ("cei",),
    ),
    FigureReport(
        "turnover", "Receivables turnover",
        ("beginning_amount", "receivables_amount", "sales_amount", "turnover", "current_amount", "percent_current"),
        ("turnover",),
    ),
    FigureReport(
        "payment-behaviour", "Days to pay and beyond terms",
        ("paid_amount", "weighted_days_to_pay", "days_beyond_terms"), ("weighted_days_to_pay", "days_beyond_terms"),
    ),
    FigureReport(
        "unapplied-cash", "Unapplied and unidentified cash",
        ("receipts_amount", "unapplied_amount", "unidentified_amount", "credit_memos_amount", "unapplied_share"),
        ("unapplied_share",),
    ),
)  # fmt: skip
FIGURE_DEFINITIONS = tuple(
    ReportDefinition(one.name, one.title, ("reports:read",), queries.GROUPS, one.build) for one in FIGURE_REPORTS
)
