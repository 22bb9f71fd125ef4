"""The report on disputes and their root causes, as tables."""

from __future__ import annotations

from typing import get_args

from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.disputes import AMOUNTS, COUNTS, DisputeGroup, DisputeReport, Opened, dispute_report, upheld_share
from app.reports.performance.framing import Record, date_option
from app.reports.portfolio.framing import framed, notes_of
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

_FIGURES = (
    Column("currency"),
    *(Column(name, "count") for name in ("disputes", "active", "credited", "paid", "rejected", "withdrawn")),
    Column("sla_breached", "count", "SLA breached"),
    Column("amount", "money", "Disputed when opened"),
    Column("disputed_amount", "money", "Still disputed"),
    Column("credited_amount", "money", "Credited amount"),
    Column("paid_amount", "money", "Paid amount"),
    Column("released_amount", "money", "Released amount"),
    Column("mean_days", "days", "Mean days", places=1),
    Column("median_days", "days", "Median days", places=1),
    Column("upheld_share", "rate", "Upheld share"),
)
_GROUP = (Column("key", internal=True), Column("code"), Column("name"))
COLUMNS = (*_GROUP, *_FIGURES)
_CAUSES = (*_GROUP, Column("reason_code", title="Reason"), Column("reason"), *_FIGURES)
GROUPS: tuple[str, ...] = ("reason", *(one for one in get_args(DisputeGroup) if one != "reason"))
NOTES = (
    "Cycle times are calendar days from opening to the end of disputes that have ended.",
    "Upheld share: credited ÷ (credited + paid + released). State and amounts are those of the report's day; reason, "
    "team and assignee are those of today.",
)


async def build(session: ReadSession, request: ReportRequest) -> Report:
    """Disputes opened up to the report's day, by default by reason. Raises ReportOptionInvalid."""
    options = request.options
    opened = Opened(
        date_option(request, "opened_from", request.as_of) if "opened_from" in options else None,
        date_option(request, "opened_to", request.as_of),
    )
    found = await dispute_report(session, request, opened)
    tables = [
        ReportTable(
            "disputes", "Disputes", COLUMNS, [(*_group(row, found), *_figures(row)) for row in found.rows],
            [(None, "Total", None, *_figures(row)) for row in found.totals],
            chart=Chart("bar", "code" if found.names else "key", ("amount", "credited_amount"),
                        "Disputed and credited amounts", split_by="currency"),
            has_more=found.has_more,
        )
    ]  # fmt: skip
    if request.group_by != "reason":
        causes = [(*_group(row, found), *found.reasons.get(row["cause"], (None, None)), *_figures(row))
                  for row in found.causes]  # fmt: skip
        tables.append(ReportTable("causes", "Root causes", _CAUSES, causes))
    notes = [*NOTES, *notes_of(request, found.converter)]
    return framed("disputes", "Disputes and root causes", request, tables, notes, opened_from=opened.first,
                  opened_to=opened.last)  # fmt: skip


def _group(row: Record, found: DisputeReport) -> tuple[Cell, ...]:
    return (row["key"], *found.names.get(row["key"], (row["key"], None)))


def _figures(row: Record) -> tuple[Cell, ...]:
    return (
        row["currency"], *(row[one] for one in COUNTS), *(row[one] for one in AMOUNTS), row["mean_days"],
        row["median_days"], upheld_share(row["credited_minor"], row["paid_minor"], row["released_minor"]),
    )  # fmt: skip


DEFINITION = ReportDefinition(
    "disputes", "Disputes and root causes", ("reports:read", "all-disputes:read"), GROUPS, build
)
