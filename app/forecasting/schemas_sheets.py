"""Forecasts as rows of CSV and workbooks: one row a week or an instalment, ready for a pivot table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from app.core.errors import TooLarge
from app.core.money import to_decimal
from app.forecasting.models import ForecastWeeks
from app.forecasting.rules import HORIZON_WEEKS, NAIVE_ROWS, PERMYRIAD, week_of
from app.forecasting.schemas_accuracy import AccuracyRowRead
from app.infra.rendering.workbooks import Cell, Sheet, workbook

ROWS_MAX = 250_000
WEEKS_HEADER = (
    "layer", "group_by", "key", "code", "name", "currency", "week", "starts_on", "ends_on", "mean", "p10", "p50", "p90",
    "cumulative_p10", "cumulative_p90", "due_date", "customer_median", "mean_13",
)  # fmt: skip
INVOICES_HEADER = (
    "account_number", "account_name", "invoice_number", "ordinal", "currency", "due_date", "amount", "p10_date",
    "p50_date", "p90_date", "expected", "expected_30_days", "probability_30_days", "probability_late_60", "basis",
    *(f"week_{week}" for week in range(1, HORIZON_WEEKS + 1)), "later", "instalment_id",
)  # fmt: skip
ACCURACY_HEADER = (
    "layer", "key", "code", "name", "currency", "week_ahead", "cells", "final_cells", "forecast", "actual", "wape",
    "bias", "coverage", "width", "wape_due_date", "wape_customer_median", "wape_mean_13", "beats_naive",
)  # fmt: skip
Row = tuple[Cell, ...]


class ForecastTooLarge(TooLarge):
    """More rows than a file holds: narrow it."""

    code = "forecast.too_large"


def week_rows(series: Iterable[ForecastWeeks], as_of: date, names: Mapping[str, tuple[str, str]]) -> list[Row]:
    """One row for each series and week. Raises ForecastTooLarge."""
    made: list[Row] = []
    for row in series:
        code, name = names.get(row.key, (None, None))
        for week in range(1, HORIZON_WEEKS + 1):
            starts_on, ends_on = week_of(as_of, week)
            amounts = (
                row.mean_minor, row.p10_minor, row.p50_minor, row.p90_minor, row.cumulative_p10_minor,
                row.cumulative_p90_minor, *(getattr(row, f"naive_{naive}_minor") for naive in NAIVE_ROWS),
            )  # fmt: skip
            made.append(
                (row.layer, row.group_by, row.key or None, code, name, row.currency, week, starts_on, ends_on,
                 *(None if values is None else to_decimal(values[week - 1], row.currency) for values in amounts))
            )  # fmt: skip
    return bounded(made)


def invoice_rows(found: Iterable[Any]) -> list[Row]:
    """One row for each instalment. Raises ForecastTooLarge."""
    made: list[Row] = []
    for row, _invoice_id, number, ordinal, account_number, account_name, *_ in found:
        weeks = [_share(value) for value in row.week_permyriad]
        amounts = (to_decimal(minor, row.currency) for minor in (row.expected_minor, row.expected_30_minor))
        made.append(
            (account_number, account_name, number, ordinal, row.currency, row.due_date,
             to_decimal(row.amount_minor, row.currency), row.p10_date, row.p50_date, row.p90_date, *amounts,
             _share(row.permyriad_30), _share(row.late_60_permyriad), row.basis, *weeks,
             _share(max(0, PERMYRIAD - sum(row.week_permyriad))), str(row.instalment_id))
        )  # fmt: skip
    return bounded(made)


def accuracy_rows(rows: Iterable[AccuracyRowRead]) -> list[Row]:
    """One row for each group, layer and week ahead."""
    made: list[Row] = []
    for row in rows:
        naive = (row.naive.due_date, row.naive.customer_median, row.naive.mean_13)
        rates = (
            row.error.wape, row.error.bias, row.coverage, row.width, *(None if n is None else n.wape for n in naive),
        )  # fmt: skip
        beats = None if row.beats_naive is None else ("yes" if row.beats_naive else "no")
        made.append(
            (row.layer, row.key, row.code, row.name, row.currency, row.week_ahead, row.cells, row.final_cells,
             Decimal(row.forecast), Decimal(row.actual), *(None if rate is None else Decimal(rate) for rate in rates),
             beats)
        )  # fmt: skip
    return bounded(made)


def bounded(rows: list[Row]) -> list[Row]:
    """The rows, when a file holds them. Raises ForecastTooLarge."""
    if len(rows) > ROWS_MAX:
        raise ForecastTooLarge(f"a file holds at most {ROWS_MAX} rows; narrow the forecast by group, account or layer")
    return rows


def _share(permyriad: int) -> Decimal:
    return Decimal(permyriad).scaleb(-4)


def forecast_workbook(title: str, header: Sequence[str], rows: Sequence[Row], facts: Sequence[Row], on: date) -> bytes:
    """A workbook: what it is of, and the rows. Takes the processor for seconds: call it in a thread."""
    about = Sheet("About", ("what", "value"), facts)
    return workbook([Sheet(title, tuple(header), rows), about], title=title, on=on)
