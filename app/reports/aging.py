"""The aging report: rows, totals by currency, netting of credits, and the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from app.infra.database import ReadSession
from app.reports.aging_queries import AgingRow, aging_row, fetch_aging
from app.reports.rules import AgingRequest, net_oldest_first


class AgingRows(Sequence[AgingRow]):
    """Rows that are typed when they are looked at: a report of 100,000 rows is mostly passed on row by row."""

    __slots__ = ("_records",)

    def __init__(self, records: Sequence[Any]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> AgingRow: ...
    @overload
    def __getitem__(self, index: slice) -> AgingRows: ...
    def __getitem__(self, index: int | slice) -> AgingRow | AgingRows:
        if isinstance(index, slice):
            return AgingRows(self._records[index])
        return aging_row(self._records[index])

    def __iter__(self) -> Iterator[AgingRow]:
        return map(aging_row, self._records)


@dataclass(frozen=True, slots=True)
class AgingReport:
    """The rows that were asked for, in order; the totals of each currency over all rows."""

    request: AgingRequest
    labels: tuple[str, ...]
    totals: list[AgingRow]
    rows: Sequence[AgingRow]
    has_more: bool


async def aging_report(
    session: ReadSession, request: AgingRequest, *, start: int = 0, limit: int | None = None
) -> AgingReport:
    """The report of one snapshot: `limit` rows (all when None) from `start`, and totals of everything.

    Netting is done group by group; the totals then are the sums of the netted groups, so that every row is read.
    """
    netted = request.net_credits
    bounds = (0, None) if netted else (start, None if limit is None else limit + 1)
    total_records, records = await fetch_aging(session, request, start=bounds[0], limit=bounds[1])
    rows: Sequence[AgingRow] = AgingRows(records)
    totals = [aging_row(record) for record in total_records]
    if netted:
        rows = [net_row(row) for row in rows]
        totals = _totals(rows)
        rows = rows[start:]
    more = limit is not None and len(rows) > limit
    shown = rows[:limit] if more else rows
    return AgingReport(request, tuple(request.bounds.labels()), totals, shown, more)


def net_row(row: AgingRow) -> AgingRow:
    """Credits taken off the oldest buckets; what is left over stays in its own column."""
    buckets, memos_left = net_oldest_first(row.buckets, row.credit_memos_minor)
    buckets, cash_left = net_oldest_first(buckets, row.unapplied_minor)
    return replace(row, buckets=tuple(buckets), credit_memos_minor=memos_left, unapplied_minor=cash_left)


def _totals(rows: Sequence[AgingRow]) -> list[AgingRow]:
    sums: dict[str, list[Any]] = {}
    for row in rows:
        entry = sums.setdefault(row.currency, [0, [0] * len(row.buckets), 0, 0])
        entry[0] += row.items
        entry[1] = [a + b for a, b in zip(entry[1], row.buckets, strict=True)]
        entry[2] += row.credit_memos_minor
        entry[3] += row.unapplied_minor
    return [
        AgingRow(None, currency, items, tuple(buckets), credit_memos, cash)
        for currency, (items, buckets, credit_memos, cash) in sorted(sums.items())
    ]


async def group_names(session: ReadSession, group_by: str, keys: Sequence[Any]) -> dict[Any, tuple[str, str]]:
    """Number (or code) and name of the groups whose key is an id."""
    tables = {
        "account": ("accounts", "number", "name"),
        "parent_group": ("accounts", "number", "name"),
        "legal_entity": ("legal_entities", "code", "name"),
        "collector": ("users", "email", "display_name"),
    }
    if group_by not in tables:
        return {}
    table, code, name = tables[group_by]
    ids = [key for key in keys if key is not None]  # the driver reads the texts much faster than `UUID` would
    found = await session.driver.fetch(
        f"SELECT id, {code} AS code, {name} AS name FROM {table} WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        ids,
    )
    return {str(row["id"]): (row["code"], row["name"]) for row in found}
