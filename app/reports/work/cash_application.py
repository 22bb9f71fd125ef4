"""The report on cash application, as tables: rates, ways, precision, times, calibration, and why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal

from app.cash_application.report import CashApplicationReport, WayRow, total_of
from app.infra.database import ReadSession
from app.reports.cash_application import CashApplicationRows, grouped_cash_application
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.performance.framing import PERIOD_DAYS_MAX, date_option
from app.reports.portfolio.framing import GROUP_COLUMNS, framed, group_cells, notes_of
from app.reports.portfolio.rules import ReportOptionInvalid, ratio
from app.reports.rules import GROUPS
from app.reports.tables import Chart, Column, Report, ReportTable, Row

DAYS_BACK = 90
HOUR = Decimal(3600)
_UNGROUPED = ("organization", "currency")
NOTES = (
    "Payments: receipts of the window without those that were no receivable or wholly reversed. Value: money applied "
    "automatically, parts of receipts too, against the amounts of all receipts.",
    "Precision: automatic applications that were not undone within 30 days; `proven` are old enough to be sure.",
    "Receipts count for whoever held the money on the report's day; confidence and reasons of proposals are those of "
    "today.",
)


async def build(session: ReadSession, request: ReportRequest) -> Report:
    """Receipts with a value date between the options `start` (90 days before) and `end` (the report's day).

    Raises ReportOptionInvalid.
    """
    end = date_option(request, "end", request.as_of)
    start = date_option(request, "start", end - timedelta(days=DAYS_BACK))
    if not 0 <= (end - start).days <= PERIOD_DAYS_MAX:
        raise ReportOptionInvalid(f"the period has 1 to {PERIOD_DAYS_MAX} days", pointer="/query/start")
    return as_report(await grouped_cash_application(session, request, start, end), request)


def as_report(found: CashApplicationRows, request: ReportRequest) -> Report:
    """The tables of a report that was made."""
    window = found.window
    making = _Tables(found, grouped=request.group_by not in _UNGROUPED)
    period = f"{window.first.isoformat()} to {window.last.isoformat()}"
    notes = [*NOTES, *notes_of(request, found.converter)]
    return framed("cash-application", "Cash application", request, making.all(), notes, value_dates=period)


def _share(rows: tuple[WayRow, ...], way: str | None = None) -> int:
    return sum(row.count for row in rows if way in (None, row.way))


class _Tables:
    """Each table group by group; the whole organization has no columns for it."""

    def __init__(self, found: CashApplicationRows, *, grouped: bool) -> None:
        self.found, self.grouped = found, grouped

    def all(self) -> tuple[ReportTable, ...]:
        """The rates first."""
        return (
            self._table(
                "rates", "Match rates",
                (Column("by"), Column("currency"), Column("automatic", "count"), Column("total", "count"),
                 Column("automatic_amount", "money", "Automatic amount"),
                 Column("total_amount", "money", "Total amount"), Column("rate", "rate", "Automatic match rate")),
                _rates, chart=Chart("bar", "by", ("rate",), "Automatic match rate"), more=self.found.has_more,
            ),
            self._table(
                "ways", "How money was applied",
                (Column("of"), Column("way"), Column("currency"), Column("count", "count"), Column("amount", "money")),
                _ways,
            ),
            self._table(
                "precision", "Precision of automatic applications",
                (Column("strategy"), Column("applied", "count"), Column("wrong", "count"), Column("proven", "count"),
                 Column("precision", "rate")),
                _precision,
            ),
            self._table(
                "times", "Time to apply",
                (Column("way"), Column("payments", "count"), Column("median_hours", "ratio", "Median hours", places=2),
                 Column("p90_hours", "ratio", "90th percentile, hours", places=2)),
                _times,
            ),
            self._table(
                "calibration", "Confidence of proposals",
                (Column("confidence_from", "ratio", "Confidence from", places=1), Column("decided", "count"),
                 Column("right", "count"), Column("mean_confidence", "rate", "Mean confidence"),
                 Column("share_right", "rate", "Share right")),
                _calibration,
            ),
            self._table(
                "why_not", "Why not", (Column("reason"), Column("payments", "count")), _why_not,
                chart=Chart("bar", "reason", ("payments",), "Why receipts were not applied automatically"),
            ),
        )  # fmt: skip

    def _table(
        self, name: str, title: str, columns: tuple[Column, ...],
        rows: Callable[[CashApplicationReport], Iterable[Row]], *, chart: Chart | None = None, more: bool = False,
    ) -> ReportTable:  # fmt: skip
        lead = GROUP_COLUMNS[:-1] if self.grouped else ()
        made = [
            (*(group_cells(key, "", self.found.names)[:-1] if self.grouped else ()), *row)
            for key, report in self.found.groups.items() for row in rows(report)
        ]  # fmt: skip
        return ReportTable(
            name, title, (*lead, *columns), made, chart=None if self.grouped else chart, has_more=more
        )  # fmt: skip


def _rates(found: CashApplicationReport) -> Iterable[Row]:
    for by, ways in (("payments", found.payments), ("lines", found.lines)):
        automatic, total = _share(ways, "automatic"), _share(ways)
        yield (by, None, automatic, total, None, None, ratio(automatic, total))
    for currency in dict.fromkeys(row.currency for row in found.payments):
        total = sum(row.amount_minor for row in found.payments if row.currency == currency)
        lines = [row for row in found.lines if row.currency == currency and row.way == "automatic"]
        automatic = sum(row.amount_minor for row in lines)
        yield (f"value {currency}", currency, None, None, automatic, total, ratio(automatic, total))


def _ways(found: CashApplicationReport) -> Iterable[Row]:
    for name, ways in (("payments", found.payments), ("lines", found.lines)):
        for row in ways:
            yield (name, row.way, row.currency, row.count, row.amount_minor)


def _precision(found: CashApplicationReport) -> Iterable[Row]:
    for row in (total_of(found.precision), *found.precision):
        outcomes = row.outcomes
        yield (outcomes.strategy, outcomes.total, outcomes.wrong, row.proven,
               ratio(outcomes.total - outcomes.wrong, outcomes.total))  # fmt: skip


def _times(found: CashApplicationReport) -> Iterable[Row]:
    for row in found.times:
        yield (row.way, row.payments, row.median_seconds / HOUR, row.p90_seconds / HOUR)


def _calibration(found: CashApplicationReport) -> Iterable[Row]:
    for row in found.calibration:
        yield (
            Decimal(row.lowest_tenths) / 10,
            row.decided,
            row.right,
            Decimal(row.mean),
            ratio(row.right, row.decided),
        )


def _why_not(found: CashApplicationReport) -> Iterable[Row]:
    for row in found.why_not:
        yield (row.code, row.payments)


DEFINITION = ReportDefinition(
    "cash-application", "Cash application", ("reports:read", "cash-application:read"), GROUPS, build
)
