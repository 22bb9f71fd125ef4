"""The report on cash application, as tables: rates, ways, precision, times, calibration, and why not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from app.cash_application.report import CashApplicationReport, WayRow, cash_application_report, total_of
from app.cash_application.sql.report import Window
from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.performance.framing import period_of
from app.reports.portfolio.framing import framed
from app.reports.portfolio.rules import ratio
from app.reports.tables import Chart, Column, Report, ReportTable, Row

DAYS_BACK = 90
HOUR = Decimal(3600)


async def build(session: ReadSession, request: ReportRequest) -> Report:
    """Receipts with a value date in the period that ends on the report's day. Raises ReportOptionInvalid."""
    start, end = period_of(request, request.as_of - timedelta(days=DAYS_BACK))
    window = Window(start, end, request.legal_entity_id, request.currency)
    return as_report(await cash_application_report(session, window), request)


def as_report(found: CashApplicationReport, request: ReportRequest) -> Report:
    """The tables of a report that was made."""
    window = found.window
    notes = [
        "Payments: receipts of the window without those that were no receivable or wholly reversed. Value: money "
        "applied automatically, parts of receipts too, against the amounts of all receipts.",
        "Precision: automatic applications that were not undone within 30 days; `proven` are old enough to be sure.",
    ]
    tables = (_rates(found), _ways(found), _precision(found), _times(found), _calibration(found), _why_not(found))
    period = f"{window.first.isoformat()} to {window.last.isoformat()}"
    return framed("cash-application", "Cash application", request, tables, notes, value_dates=period)


def _share(rows: tuple[WayRow, ...], way: str | None = None) -> int:
    return sum(row.count for row in rows if way in (None, row.way))


def _rates(found: CashApplicationReport) -> ReportTable:
    columns = (Column("by"), Column("currency"), Column("automatic", "count"), Column("total", "count"),
               Column("automatic_amount", "money", "Automatic amount"), Column("total_amount", "money", "Total amount"),
               Column("rate", "rate", "Automatic match rate"))  # fmt: skip
    rows: list[Row] = []
    for by, ways in (("payments", found.payments), ("lines", found.lines)):
        automatic, total = _share(ways, "automatic"), _share(ways)
        rows.append((by, None, automatic, total, None, None, ratio(automatic, total)))
    for currency in dict.fromkeys(row.currency for row in found.payments):
        total = sum(row.amount_minor for row in found.payments if row.currency == currency)
        lines = [row for row in found.lines if row.currency == currency and row.way == "automatic"]
        automatic = sum(row.amount_minor for row in lines)
        rows.append((f"value {currency}", currency, None, None, automatic, total, ratio(automatic, total)))
    chart = Chart("bar", "by", ("rate",), "Automatic match rate")
    return ReportTable("rates", "Match rates", columns, rows, chart=chart)


def _ways(found: CashApplicationReport) -> ReportTable:
    columns = (Column("of"), Column("way"), Column("currency"), Column("count", "count"), Column("amount", "money"))
    rows = [
        (name, row.way, row.currency, row.count, row.amount_minor)
        for name, ways in (("payments", found.payments), ("lines", found.lines))
        for row in ways
    ]
    return ReportTable("ways", "How money was applied", columns, rows)


def _precision(found: CashApplicationReport) -> ReportTable:
    columns = (Column("strategy"), Column("applied", "count"), Column("wrong", "count"), Column("proven", "count"),
               Column("precision", "rate"))  # fmt: skip
    rows = [
        (row.outcomes.strategy, row.outcomes.total, row.outcomes.wrong, row.proven,
         ratio(row.outcomes.total - row.outcomes.wrong, row.outcomes.total))
        for row in (total_of(found.precision), *found.precision)
    ]  # fmt: skip
    return ReportTable("precision", "Precision of automatic applications", columns, rows)


def _times(found: CashApplicationReport) -> ReportTable:
    columns = (Column("way"), Column("payments", "count"), Column("median_hours", "ratio", "Median hours", places=2),
               Column("p90_hours", "ratio", "90th percentile, hours", places=2))  # fmt: skip
    rows = [(row.way, row.payments, row.median_seconds / HOUR, row.p90_seconds / HOUR) for row in found.times]
    return ReportTable("times", "Time to apply", columns, rows)


def _calibration(found: CashApplicationReport) -> ReportTable:
    columns = (Column("confidence_from", "ratio", "Confidence from", places=1), Column("decided", "count"),
               Column("right", "count"), Column("mean_confidence", "rate", "Mean confidence"),
               Column("share_right", "rate", "Share right"))  # fmt: skip
    rows = [
        (Decimal(row.lowest_tenths) / 10, row.decided, row.right, Decimal(row.mean), ratio(row.right, row.decided))
        for row in found.calibration
    ]
    return ReportTable("calibration", "Confidence of proposals", columns, rows)


def _why_not(found: CashApplicationReport) -> ReportTable:
    columns = (Column("reason"), Column("payments", "count"))
    rows = list(found.why_not.items())
    chart = Chart("bar", "reason", ("payments",), "Why receipts were not applied automatically")
    return ReportTable("why_not", "Why not", columns, rows, chart=chart)


DEFINITION = ReportDefinition(
    "cash-application", "Cash application", ("reports:read", "cash-application:read"), ("organization",), build
)
