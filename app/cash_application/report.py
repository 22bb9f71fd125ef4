"""The report on cash application: how much was applied by itself, how often that was right, how long it took, why not.

Every rate stands beside its parts: this module answers counts and sums, the division is left to whoever shows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.cash_application.rules import Outcomes
from app.cash_application.sql import report as sql
from app.cash_application.sql.report import Window
from app.infra.database import ReadSession


@dataclass(frozen=True, slots=True)
class WayRow:
    """Receipts, or lines, of one currency that were applied in one way; the amount in minor units."""

    currency: str
    way: str
    count: int
    amount_minor: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class StrategyPrecision:
    """Automatic applications of one strategy; `proven` are older than the days in which they can turn out wrong."""

    outcomes: Outcomes
    proven: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class TimeRow:
    """Seconds from the recording of receipts to their first application, in one way."""

    way: str
    payments: int
    median_seconds: int
    p90_seconds: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """Decided proposals of one class of confidence (`lowest` tenths and up): how sure on average, how often right."""

    lowest_tenths: int
    decided: int
    right: int
    mean: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class WhyNotRow:
    """So many receipts were not applied automatically for this reason."""

    code: str
    payments: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class CashApplicationReport:
    """All parts, for one window of value dates; each row says the group that it belongs to."""

    window: Window
    payments: tuple[WayRow, ...]
    lines: tuple[WayRow, ...]
    precision: tuple[StrategyPrecision, ...]
    times: tuple[TimeRow, ...]
    calibration: tuple[CalibrationRow, ...]
    why_not: tuple[WhyNotRow, ...]


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What became of one run's automatic applications so far."""

    precision: tuple[StrategyPrecision, ...]
    time: TimeRow | None


async def cash_application_report(session: ReadSession, window: Window) -> CashApplicationReport:
    """Compute the report; the session should be a snapshot, so that its parts agree."""
    await session.driver.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    payments = await sql.payments_by_way(session, window)
    lines = await sql.lines_by_way(session, window)
    times = await sql.times_to_apply(session, window)
    classes = await sql.calibration(session, window)
    return CashApplicationReport(
        window=window,
        payments=tuple(WayRow(r["currency"], r["way"], r["payments"], r["minor"], r["key"]) for r in payments),
        lines=tuple(WayRow(r["currency"], r["way"], r["lines"], r["minor"], r["key"]) for r in lines),
        precision=_precision(await sql.precision(session, window)),
        times=tuple(TimeRow(r["way"], r["payments"], r["median"], r["p90"], r["key"]) for r in times),
        calibration=tuple(CalibrationRow(r["class"], r["decided"], r["right"], r["mean"], r["key"]) for r in classes),
        why_not=tuple(WhyNotRow(r["code"], r["payments"], r["key"]) for r in await sql.why_not(session, window)),
    )


async def run_figures(session: ReadSession, run_id: UUID) -> RunFigures:
    """What became of a run's automatic applications so far, and how long they took."""
    row = await sql.times_of_run(session, run_id)
    time = TimeRow("automatic", row["payments"], row["median"], row["p90"]) if row and row["payments"] else None
    return RunFigures(_precision(await sql.precision_of_run(session, run_id)), time)


def _precision(rows: Iterable[Any]) -> tuple[StrategyPrecision, ...]:
    return tuple(
        StrategyPrecision(Outcomes(r["strategy"], r["total"], r["wrong"]), r["proven"], r["key"]) for r in rows
    )


def total_of(rows: Iterable[StrategyPrecision]) -> StrategyPrecision:
    """All strategies together, of rows of one group."""
    found = list(rows)
    wrong = sum(row.outcomes.wrong for row in found)
    outcomes = Outcomes("all", sum(row.outcomes.total for row in found), wrong)
    return StrategyPrecision(outcomes, sum(row.proven for row in found), found[0].key if found else None)
