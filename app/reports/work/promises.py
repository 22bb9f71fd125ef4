"""The report on kept promises, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import get_args

from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.performance.framing import PERIOD_DAYS_MAX, Record, date_option, id_option
from app.reports.portfolio.framing import framed, notes_of, page_of
from app.reports.portfolio.rules import ReportOptionInvalid, ratio
from app.reports.promises import AMOUNTS, COUNTS, PromiseGroup, promise_report
from app.reports.tables import Cell, Chart, Column, Report, ReportTable

PERIOD_DAYS = 365
GROUPS = get_args(PromiseGroup)
COLUMNS = (
    Column("group_id", internal=True),
    Column("group"),
    Column("currency"),
    *(Column(name, "count") for name in COUNTS),
    Column("kept_amount", "money", "Kept amount"),
    Column("broken_amount", "money", "Broken amount"),
    Column("undecided_amount", "money", "Undecided amount"),
    Column("received_amount", "money", "Received"),
    Column("kept_rate", "rate", "Kept by count"),
    Column("kept_value_rate", "rate", "Kept by value"),
)
NOTES = (
    "Kept rate: kept ÷ (kept + broken); cancelled promises are in no rate. Received: money that came for them, parts "
    "of broken promises included.",
    "As they stood on the report's day: what was decided later is undecided. A promise counts for whoever had the "
    "account when it was made.",
)
_UNNAMED = {
    "organization": "All", "currency": "All", "collector": "(nobody)", "legal_entity": "(the account as a whole)",
}  # fmt: skip


async def build(session: ReadSession, request: ReportRequest) -> Report:
    """Promises whose date lies between the options `start` (a year before) and `end` (the report's day).

    Raises ReportOptionInvalid.
    """
    end = date_option(request, "end", request.as_of)
    start = date_option(request, "start", end - timedelta(days=PERIOD_DAYS))
    if not 0 <= (end - start).days <= PERIOD_DAYS_MAX:
        raise ReportOptionInvalid(f"the period has 1 to {PERIOD_DAYS_MAX} days", pointer="/query/start")
    found = await promise_report(session, request, start, end, id_option(request, "collector_id"))
    shown, more = page_of(found.rows, request)
    table = ReportTable(
        "promises", "Kept promises", COLUMNS, [_cells(row, request.group_by, found.names) for row in shown],
        [_cells({**row, "key": "Total"}, "total", {}) for row in found.totals],
        chart=Chart("stacked_bar", "group", ("kept_amount", "broken_amount", "undecided_amount"),
                    "Promised amounts", split_by="currency"),
        has_more=more,
    )  # fmt: skip
    notes = [*NOTES, *notes_of(request, found.converter)]
    return framed("promises", "Promises to pay", request, (table,), notes,
                  period=f"{start.isoformat()} to {end.isoformat()}")  # fmt: skip


def label_of(key: str | None, group_by: str, names: Mapping[str, tuple[str, str]]) -> str | None:
    """The name of a group: of an account with its number before it; a group without a key is named on paper only."""
    if key is None or key not in names:
        return key
    code, name = names[key]
    return f"{code} {name}" if group_by in ("account", "parent_group", "legal_entity") else name


def _cells(row: Record, group_by: str, names: Mapping[str, tuple[str, str]]) -> tuple[Cell, ...]:
    key = row["key"]
    return (
        key if key in names else None, label_of(key, group_by, names) or _UNNAMED.get(group_by), row["currency"],
        *(row[name] for name in (*COUNTS, *AMOUNTS)),
        ratio(row["kept"], row["kept"] + row["broken"]),
        ratio(row["kept_minor"], row["kept_minor"] + row["broken_minor"]),
    )  # fmt: skip


DEFINITION = ReportDefinition("promises", "Promises to pay", ("reports:read", "promises:read"), GROUPS, build)
