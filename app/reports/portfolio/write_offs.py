"""Write-offs and the bad-debt ratio: by group, by reason, and by month."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.core.money import convert
from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.portfolio import queries, risk_queries
from app.reports.portfolio.framing import GROUP_COLUMNS, group_cells, names_of, number_option, scope_of
from app.reports.portfolio.key_figures import FigureReport
from app.reports.portfolio.measures import Converter
from app.reports.portfolio.rules import PERIOD_DAYS, PERIOD_DAYS_MAX
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

_FIGURES = FigureReport(
    "write-offs", "Write-offs and bad debt", ("sales_amount", "write_offs_amount", "bad_debt_ratio"),
    ("bad_debt_ratio",),
)  # fmt: skip
_REASON = (
    Column("reason_code", title="Reason"),
    Column("items", "count", "Write-offs"),
    Column("written_off_amount", "money", "Written off"),
    Column("reversed_amount", "money", "Taken back"),
    Column("net_amount", "money", "Net"),
    Column("tax_amount", "money", "Of it tax"),
)
_AMOUNTS = ("written_off", "reversed", "net", "tax")


async def write_offs(session: ReadSession, request: ReportRequest) -> Report:
    """Net write-offs of the period ÷ its sales by group, the reasons behind them, and months if asked for.

    Small differences, bank charges and rounding are no bad debt and not in it. Raises ReportOptionInvalid.
    """
    report = await _FIGURES.build(session, request)
    days = number_option(request, "period_days", PERIOD_DAYS, 1, PERIOD_DAYS_MAX)
    reasons = await _reasons(session, request, days)
    return replace(report, tables=(report.main, reasons, *report.tables[1:]))


async def _reasons(session: ReadSession, request: ReportRequest, days: int) -> ReportTable:
    first = request.as_of - timedelta(days=days - 1)
    found = await risk_queries.sum_write_offs(session, scope_of(request), first, request.as_of)
    converter = None
    if request.in_currency is not None:
        codes = {row["currency"] for row in found}
        converter = await Converter.load(session, request.in_currency, [request.as_of], codes)
    sums: dict[tuple[str, str | None, str], list[int]] = {}
    for row in found:
        currency, amounts = row["currency"], [row[name] for name in _AMOUNTS]
        rate = None if converter is None else converter.rate(request.as_of, currency)
        if converter is not None and rate is not None:
            amounts = [convert(minor, currency, converter.currency, rate) for minor in amounts]
            currency = converter.currency
        entry = sums.setdefault((currency, row["key"], row["reason_code"]), [0] * 5)
        for index, minor in enumerate([row["items"], *amounts]):
            entry[index] += minor
    names = await names_of(session, request.group_by, list({key for _, key, _ in sums}))
    ordered = sorted(sums.items(), key=lambda item: (item[0][0], -item[1][3], item[0][2], item[0][1] or ""))
    rows: list[tuple[Cell, ...]] = [
        (*group_cells(key, currency, names), reason, *amounts) for (currency, key, reason), amounts in ordered
    ]
    chart = Chart("bar", "reason_code", ("net_amount",), "Write-offs by reason", split_by="currency")
    return ReportTable("reasons", "Write-offs by reason", (*GROUP_COLUMNS, *_REASON), rows, chart=chart)


WRITE_OFFS = ReportDefinition("write-offs", _FIGURES.title, ("reports:read",), queries.GROUPS, write_offs)
