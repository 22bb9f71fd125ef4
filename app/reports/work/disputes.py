"""The report on disputes and their root causes, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, cast, get_args

from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.disputes import DisputeGroup, DisputeReport, DisputeReportRequest, dispute_report, upheld_share
from app.reports.performance.framing import date_option
from app.reports.portfolio.framing import framed
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

COLUMNS = (
    Column("key", internal=True),
    Column("code"),
    Column("name"),
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
_COUNTS = ("disputes", "active", "credited", "paid", "rejected", "withdrawn", "sla_breached")
_AMOUNTS = ("amount_minor", "disputed_minor", "credited_minor", "paid_minor", "released_minor")
GROUPS: tuple[str, ...] = ("reason", *(one for one in get_args(DisputeGroup) if one != "reason"))


async def build(session: ReadSession, request: ReportRequest) -> Report:
    """Disputes opened up to the report's day, by default by reason. Raises ReportOptionInvalid."""
    opened_from = date_option(request, "opened_from", date.min) if "opened_from" in request.options else None
    wanted = DisputeReportRequest(
        cast(DisputeGroup, request.group_by), opened_from, date_option(request, "opened_to", request.as_of),
        request.account_id, request.currency, request.legal_entity_id,
    )  # fmt: skip
    found = await dispute_report(session, wanted, start=request.start, limit=request.limit)
    return as_report(found, request)


def as_report(found: DisputeReport, request: ReportRequest) -> Report:
    """The tables of a report that was made."""
    wanted = found.request
    table = ReportTable(
        "disputes", "Disputes", COLUMNS, [_cells(row, found.names) for row in found.rows],
        [_cells(row, {}, total=True) for row in found.totals],
        chart=Chart("bar", "code" if found.names else "key", ("amount", "credited_amount"),
                    "Disputed and credited amounts", split_by="currency"),
        has_more=found.has_more,
    )  # fmt: skip
    notes = ["Cycle times are calendar days from opening to the end of disputes that have ended.",
             "Upheld share: credited ÷ (credited + paid + released). Disputes count as they are now."]  # fmt: skip
    return framed("disputes", "Disputes and root causes", request, (table,), notes, opened_from=wanted.opened_from,
                  opened_to=wanted.opened_to)  # fmt: skip


def _cells(row: Any, names: Mapping[str, tuple[str, str]], *, total: bool = False) -> tuple[Cell, ...]:
    code, name = ("Total", None) if total else names.get(row["key"], (row["key"], None))
    return (
        row["key"], code, name, row["currency"], *(row[one] for one in _COUNTS), *(row[one] for one in _AMOUNTS),
        row["mean_days"], row["median_days"],
        upheld_share(row["credited_minor"], row["paid_minor"], row["released_minor"]),
    )  # fmt: skip


DEFINITION = ReportDefinition(
    "disputes", "Disputes and root causes", ("reports:read", "all-disputes:read"), GROUPS, build
)
