"""The report on kept promises, as tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast, get_args
from uuid import UUID

from app.infra.database import ReadSession
from app.promises.lists import GroupBy, promise_report
from app.promises.lists import ReportRequest as PromiseRequest
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.performance.framing import period_of, totals_of
from app.reports.portfolio.framing import framed, page_of
from app.reports.portfolio.rules import ReportOptionInvalid, ratio
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

PERIOD_DAYS = 365
ROWS_MAX = 1_000_000
GROUPS = get_args(GroupBy)
COLUMNS = (
    Column("group_id", internal=True),
    Column("group"),
    Column("currency"),
    *(Column(name, "count") for name in ("kept", "broken", "undecided", "cancelled")),
    Column("kept_amount", "money", "Kept amount"),
    Column("broken_amount", "money", "Broken amount"),
    Column("undecided_amount", "money", "Undecided amount"),
    Column("received_amount", "money", "Received"),
    Column("kept_rate", "rate", "Kept by count"),
    Column("kept_value_rate", "rate", "Kept by value"),
)
_SUMS = ("kept", "broken", "undecided", "cancelled", "kept_minor", "broken_minor", "undecided_minor", "received_minor")


async def build(session: ReadSession, request: ReportRequest) -> Report:
    """Promises whose date lies in the period that ends on the report's day. Raises ReportOptionInvalid."""
    start, end = period_of(request, request.as_of - timedelta(days=PERIOD_DAYS))
    wanted = PromiseRequest(
        start, end, cast(GroupBy, request.group_by), request.account_id, _collector(request), request.currency
    )
    found = [dict(row) for row in await promise_report(session, wanted, 0, ROWS_MAX)]
    shown, more = page_of(found, request)
    table = ReportTable(
        "promises", "Kept promises", COLUMNS, [_cells(row, request.group_by) for row in shown],
        [_cells({**row, "group_id": None, "label": "Total"}, "total") for row in totals_of(found, _SUMS)],
        chart=Chart("stacked_bar", "group", ("kept_amount", "broken_amount", "undecided_amount"),
                    "Promised amounts", split_by="currency"),
        has_more=more,
    )  # fmt: skip
    notes = ["Kept rate: kept ÷ (kept + broken); cancelled promises are in no rate. Received: money that came for "
             "them, parts of broken promises included."]  # fmt: skip
    return framed("promises", "Promises to pay", request, (table,), notes,
                  period=f"{start.isoformat()} to {end.isoformat()}")  # fmt: skip


def _collector(request: ReportRequest) -> UUID | None:
    text = request.options.get("collector_id")
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise ReportOptionInvalid("collector_id is an id", pointer="/query/collector_id") from None


def _cells(row: dict[str, Any], group_by: str) -> tuple[Cell, ...]:
    group = {"organization": "All", "collector": row["label"] or "(nobody)"}.get(group_by, row["label"])
    return (
        None if row["group_id"] is None else str(row["group_id"]), group, row["currency"],
        *(row[name] for name in _SUMS),
        ratio(row["kept"], row["kept"] + row["broken"]),
        ratio(row["kept_minor"], row["kept_minor"] + row["broken_minor"]),
    )  # fmt: skip


DEFINITION = ReportDefinition("promises", "Promises to pay", ("reports:read", "promises:read"), GROUPS, build)
