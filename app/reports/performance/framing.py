"""What the reports on performance share: a period, one currency for all rows, and pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.core.money import convert
from app.infra.database import ReadSession
from app.reports.definitions import ReportRequest
from app.reports.portfolio.measures import Converter
from app.reports.portfolio.rules import ReportOptionInvalid

PERIOD_DAYS_MAX = 1_100
Record = dict[str, Any]


def date_option(request: ReportRequest, name: str, default: date) -> date:
    """A date among the report's own options. Raises ReportOptionInvalid."""
    text = request.options.get(name)
    if text is None:
        return default
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or len(text) != 10:
        raise ReportOptionInvalid(f"{name} is a date, yyyy-mm-dd", pointer=f"/query/{name}")
    return found


def id_option(request: ReportRequest, name: str) -> UUID | None:
    """An id among the report's own options. Raises ReportOptionInvalid."""
    text = request.options.get(name)
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise ReportOptionInvalid(f"{name} is an id", pointer=f"/query/{name}") from None


def period_of(request: ReportRequest, default: date) -> tuple[date, date]:
    """First and last day: the option `start` (`default` when missing) up to `as_of`. Raises ReportOptionInvalid."""
    start = date_option(request, "start", default)
    if not 0 <= (request.as_of - start).days <= PERIOD_DAYS_MAX:
        raise ReportOptionInvalid(f"the period has 1 to {PERIOD_DAYS_MAX} days", pointer="/query/start")
    return start, request.as_of


async def in_one_currency(
    session: ReadSession,
    request: ReportRequest,
    records: Iterable[Any],
    keys: Sequence[str],
    sums: Sequence[str],
    amounts: Sequence[str],
) -> tuple[list[Record], Converter | None]:
    """The records, converted to `in_currency` where it is asked for, those of the same `keys` added up.

    Rates are those of the report's day. What has no rate stays in its own currency, and the converter names it.
    """
    found = [dict(record) for record in records]
    if request.in_currency is None:
        return found, None
    currencies = {record["currency"] for record in found}
    converter = await Converter.load(session, request.in_currency, [request.as_of], currencies)
    merged: dict[tuple[Any, ...], Record] = {}
    for record in found:
        rate = converter.rate(request.as_of, record["currency"])
        if rate is not None:
            for name in amounts:
                if record[name] is not None:
                    record[name] = convert(record[name], record["currency"], request.in_currency, rate)
            record["currency"] = request.in_currency
        slot = (*(record[key] for key in keys), record["currency"])
        known = merged.get(slot)
        if known is None:
            merged[slot] = record
            continue
        for name in (*sums, *amounts):
            if record[name] is not None:
                known[name] = record[name] if known[name] is None else known[name] + record[name]
    return list(merged.values()), converter


async def fetch_in_one_currency(
    session: ReadSession,
    request: ReportRequest,
    statement: str,
    arguments: Sequence[Any],
    keys: Sequence[str],
    sums: Sequence[str],
    amounts: Sequence[str],
    counted: Sequence[str],
) -> tuple[list[Record], Converter | None]:
    """The rows of a statement as by `in_one_currency`.

    `counted` are columns that cannot be added up (a median, distinct accounts): the statement is asked for them again,
    with the currencies that are one now. Its last two arguments are those currencies and the one they are shown as.
    """
    found = await session.driver.fetch(statement, *arguments, [], None)
    records, converter = await in_one_currency(session, request, found, keys, sums, amounts)
    if converter is not None:
        codes = [code for code in converter.currencies if converter.rate(request.as_of, code) is not None]
        again = await session.driver.fetch(statement, *arguments, codes, converter.currency)
        slots = (*keys, "currency")
        once = {tuple(row[name] for name in slots): row for row in again}
        for record in records:
            same = once[tuple(record[name] for name in slots)]
            record.update({name: same[name] for name in counted})
    return records, converter


def totals_of(records: Iterable[Record], sums: Sequence[str]) -> list[Record]:
    """The records added up by currency."""
    totals: dict[str, Record] = {}
    for record in records:
        total = totals.setdefault(record["currency"], {"currency": record["currency"], **dict.fromkeys(sums, 0)})
        for name in sums:
            total[name] += record[name] or 0
    return [totals[currency] for currency in sorted(totals)]
