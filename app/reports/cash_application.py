"""The report on cash application by any group: the groups with the most receipts first, in one currency where asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from app.cash_application.report import CashApplicationReport, WayRow, cash_application_report
from app.cash_application.sql.report import Grouping, Window
from app.core.money import convert
from app.infra.database import ReadSession
from app.reports.definitions import ReportRequest
from app.reports.grouping import accounts_of, key_sql
from app.reports.portfolio.framing import names_of
from app.reports.portfolio.measures import Converter


@dataclass(frozen=True, slots=True)
class CashApplicationRows:
    """The report of a page of groups, group by group in their order; their names, and whether more follow."""

    window: Window
    groups: Mapping[str | None, CashApplicationReport]
    names: Mapping[Any, tuple[str, str]]
    converter: Converter | None
    has_more: bool


async def grouped_cash_application(
    session: ReadSession, request: ReportRequest, first: date, last: date
) -> CashApplicationRows:
    """The report on receipts with a value date from `first` to `last`, as of the request's day, by its group.

    Without a group there is one, whose key is None, also where there are no receipts at all.
    """
    by = request.group_by
    grouping = Grouping(
        key_sql(by, "p"), f" LEFT JOIN {accounts_of(by)} a ON a.organization_id = $1 AND a.id = p.account_id"
    )
    window = Window(
        first, last, request.legal_entity_id, request.currency, request.as_of, request.known_at, request.account_id,
        Grouping() if by in ("organization", "currency") else grouping,
    )  # fmt: skip
    report = await cash_application_report(session, window)
    converter = None
    if request.in_currency is not None:
        codes = {row.currency for row in report.payments}
        converter = await Converter.load(session, request.in_currency, [request.as_of], codes)
        report = replace(
            report, payments=_in_one(report.payments, converter, request.as_of),
            lines=_in_one(report.lines, converter, request.as_of),
        )  # fmt: skip
    receipts: dict[str | None, int] = {}
    for row in report.payments:
        receipts[row.key] = receipts.get(row.key, 0) + row.count
    every = sorted(receipts, key=lambda key: (-receipts[key], key is None, key or "")) or [None]
    end = None if request.limit is None else request.start + request.limit
    keys = every[request.start : end]
    names = await names_of(session, by, keys)
    more = len(every) > request.start + len(keys)
    return CashApplicationRows(window, _split(report, keys), names, converter, more)


def _split(report: CashApplicationReport, keys: Sequence[str | None]) -> dict[str | None, CashApplicationReport]:
    """The report of each of these groups."""
    parts = [one.name for one in fields(report) if one.name != "window"]
    rows: dict[str | None, dict[str, list[Any]]] = {key: {name: [] for name in parts} for key in keys}
    for name in parts:
        for row in getattr(report, name):
            if row.key in rows:
                rows[row.key][name].append(row)
    return {
        key: CashApplicationReport(report.window, **{name: tuple(found) for name, found in named.items()})
        for key, named in rows.items()
    }


def _in_one(rows: Iterable[WayRow], converter: Converter, day: date) -> tuple[WayRow, ...]:
    """Each amount at the rate of the day; what has none stays in its own currency."""
    merged: dict[tuple[str | None, str, str], WayRow] = {}
    for row in rows:
        rate = converter.rate(day, row.currency)
        if rate is not None:
            minor = convert(row.amount_minor, row.currency, converter.currency, rate)
            row = replace(row, currency=converter.currency, amount_minor=minor)
        slot = (row.key, row.currency, row.way)
        known = merged.get(slot)
        merged[slot] = row if known is None else replace(
            known, count=known.count + row.count, amount_minor=known.amount_minor + row.amount_minor
        )  # fmt: skip
    return tuple(merged.values())
