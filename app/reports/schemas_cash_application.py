"""What the report on cash application gives over HTTP: every rate with its denominator beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from app.cash_application.report import CashApplicationReport, StrategyPrecision, WayRow, total_of
from app.cash_application.rules import WRONG_WITHIN_DAYS
from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.reports.cash_application import CashApplicationRows
from app.reports.definitions import ReportRequest
from app.reports.portfolio.framing import notes_of
from app.reports.schemas import GroupBy

Way = Literal["automatic", "proposed", "manual", "imported", "mixed", "not_applied"]
DENOMINATORS = {
    "payments": "Receipts with a value date in the window, without those that were no receivable or wholly reversed",
    "lines": "Application lines of these receipts that stand",
    "value": "Amounts of these receipts, by currency",
    "precision": "Automatic applications of these receipts; one undone within 30 days is wrong, unless the bank took"
    " the money back",
}


class GroupedRead(BaseModel):
    """The group that a figure is of; null for the whole organization, and for receipts of nobody."""

    key: str | None = Field(default=None, description="Id or value of the group")
    code: str | None = Field(default=None, description="Number or code of the group")
    name: str | None = None


class WayRead(GroupedRead):
    """Receipts, or lines, that were applied in one way, in one currency. `proposed`: a person decided a proposal."""

    currency: str
    way: Way
    count: int
    amount: AmountOut


class MatchRateRead(GroupedRead):
    """A share with its parts; null where there is nothing to divide by."""

    by: Literal["payments", "lines", "value"]
    currency: str | None = Field(description="Of the value; null for counts over all currencies")
    automatic: str = Field(description="A count, or an amount")
    total: str
    rate: float | None


class PrecisionRead(GroupedRead):
    """How often automatic applications of one strategy were right; `all` is all of them together."""

    strategy: str
    applied: int
    wrong: int
    proven: int = Field(description="Of `applied`: old enough that they cannot turn out wrong any more")
    precision: float | None


class TimeRead(GroupedRead):
    """Whole seconds from the recording of a receipt to its first application in this way."""

    way: Way
    payments: int
    median_seconds: int
    p90_seconds: int


class CalibrationRead(GroupedRead):
    """Decided proposals by confidence: among those given 0.9, nine in ten should have been right."""

    confidence_from: float
    decided: int
    right: int
    mean_confidence: float
    share_right: float | None


class WhyNotRead(GroupedRead):
    """So many receipts were not applied automatically for this reason."""

    code: str
    payments: int


class CashApplicationRead(BaseModel):
    """How much was applied by itself, how often that was right, how long it took, and why the rest was not."""

    value_from: date
    value_to: date
    as_of: date = Field(description="The day on which applications are looked at")
    known_at: datetime | None = Field(description="The instant up to which recorded rows count; null: all there are")
    group_by: GroupBy
    notes: list[str] = Field(description="What a reader must know: attributes of today, rates that are missing")
    denominators: dict[str, str]
    wrong_within_days: int = WRONG_WITHIN_DAYS
    rates: list[MatchRateRead]
    payments: list[WayRead]
    lines: list[WayRead]
    precision: list[PrecisionRead]
    time_to_apply: list[TimeRead]
    calibration: list[CalibrationRead]
    why_not: list[WhyNotRead]
    has_more: bool = Field(description="Whether more groups follow")
    next_cursor: str | None


def share(part: int, whole: int) -> float | None:
    """Part of whole, or None where there is no whole."""
    return round(part / whole, 6) if whole else None


def report_read(found: CashApplicationRows, asked: ReportRequest, next_cursor: str | None) -> CashApplicationRead:
    """The report with its rates, group by group."""
    parts: dict[str, list[Any]] = {name: [] for name in _PARTS}
    for key, report in found.groups.items():
        code, name = found.names.get(key, (None, None))
        group = {"key": key, "code": code or key, "name": name}
        for part, make in _PARTS.items():
            parts[part] += [row.model_copy(update=group) for row in make(report)]
    return CashApplicationRead(
        value_from=found.window.first,
        value_to=found.window.last,
        as_of=asked.as_of,
        known_at=asked.known_at,
        group_by=cast(GroupBy, asked.group_by),
        notes=notes_of(asked, found.converter),
        denominators=DENOMINATORS,
        has_more=found.has_more,
        next_cursor=next_cursor,
        **parts,
    )


def _rates(report: CashApplicationReport) -> list[MatchRateRead]:
    return [*_counted(report), *_valued(report)]


def _times(report: CashApplicationReport) -> list[TimeRead]:
    return [
        TimeRead.model_validate(
            {"way": t.way, "payments": t.payments, "median_seconds": t.median_seconds, "p90_seconds": t.p90_seconds}
        )
        for t in report.times
    ]


def _calibration(report: CashApplicationReport) -> list[CalibrationRead]:
    return [
        CalibrationRead(
            confidence_from=row.lowest_tenths / 10,
            decided=row.decided,
            right=row.right,
            mean_confidence=float(row.mean),
            share_right=share(row.right, row.decided),
        )
        for row in report.calibration
    ]


def _counted(report: CashApplicationReport) -> Iterator[MatchRateRead]:
    for by, rows in (("payments", report.payments), ("lines", report.lines)):
        automatic, total = _sum(rows, "automatic"), _sum(rows)
        facts = {"by": by, "currency": None, "automatic": str(automatic), "total": str(total)}
        yield MatchRateRead.model_validate({**facts, "rate": share(automatic, total)})


def _sum(rows: Iterable[WayRow], way: str | None = None) -> int:
    return sum(row.count for row in rows if way in (None, row.way))


def _valued(report: CashApplicationReport) -> Iterator[MatchRateRead]:
    """Money that was applied automatically, part of a receipt too, against the amounts of all receipts."""
    for currency in dict.fromkeys(row.currency for row in report.payments):
        total = sum(row.amount_minor for row in report.payments if row.currency == currency)
        lines = [row for row in report.lines if row.currency == currency and row.way == "automatic"]
        automatic = sum(row.amount_minor for row in lines)
        yield MatchRateRead(
            by="value",
            currency=currency,
            automatic=to_text(automatic, currency),
            total=to_text(total, currency),
            rate=share(automatic, total),
        )


def _way(row: WayRow) -> WayRead:
    facts = {"currency": row.currency, "way": row.way, "count": row.count}
    return WayRead.model_validate({**facts, "amount": to_text(row.amount_minor, row.currency)})


def _precision(row: StrategyPrecision) -> PrecisionRead:
    found = row.outcomes
    return PrecisionRead(
        strategy=found.strategy,
        applied=found.total,
        wrong=found.wrong,
        proven=row.proven,
        precision=share(found.total - found.wrong, found.total),
    )


_PARTS: Mapping[str, Callable[[CashApplicationReport], Iterable[GroupedRead]]] = {
    "rates": _rates,
    "payments": lambda report: map(_way, report.payments),
    "lines": lambda report: map(_way, report.lines),
    "precision": lambda report: map(_precision, (total_of(report.precision), *report.precision)),
    "time_to_apply": _times,
    "calibration": _calibration,
    "why_not": lambda report: (WhyNotRead(code=row.code, payments=row.payments) for row in report.why_not),
}
CSV_HEADER = ("section", "key", "currency", "count", "total", "amount", "total amount", "rate", "group", "code", "name")


def csv_rows(found: CashApplicationRead) -> Iterator[tuple[object, ...]]:
    """The report as one flat table: each figure with its section and key, and the group that it is of."""
    for row, cells in _csv_cells(found):
        yield (*cells, row.key, row.code, row.name)


def _csv_cells(found: CashApplicationRead) -> Iterator[tuple[GroupedRead, tuple[object, ...]]]:
    for rate in found.rates:
        counts = (rate.automatic, rate.total) if rate.by != "value" else ("", "")
        amounts = (rate.automatic, rate.total) if rate.by == "value" else ("", "")
        yield rate, ("automatic match rate", rate.by, rate.currency, *counts, *amounts, rate.rate)
    for section, ways in (("payments", found.payments), ("lines", found.lines)):
        for way in ways:
            yield way, (section, way.way, way.currency, way.count, "", way.amount, "", "")
    for row in found.precision:
        yield row, ("precision", row.strategy, "", row.applied - row.wrong, row.applied, "", "", row.precision)
    for time in found.time_to_apply:
        yield time, ("median seconds to apply", time.way, "", time.median_seconds, "", "", "", "")
        yield time, ("90th percentile of seconds to apply", time.way, "", time.p90_seconds, "", "", "", "")
    for one in found.calibration:
        yield one, ("calibration", f"{one.confidence_from:g}", "", one.right, one.decided, "", "", one.share_right)
    for why in found.why_not:
        yield why, ("not applied automatically", why.code, "", why.payments, "", "", "", "")
