"""What the report of accuracy gives over HTTP. Rates are decimal texts of four places; null: nothing to divide by."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.forecasting.models import ForecastAccuracy
from app.forecasting.rules import HORIZON_WEEKS, NAIVE_ROWS
from app.forecasting.schemas import AccuracyGroup, ForecastLayer, ModelState, NaiveAmounts
from app.infra.http.fields import AmountOut


class ErrorRead(BaseModel):
    """How far a row was off."""

    wape: str | None = Field(description="Sum of absolute errors ÷ sum of actuals")
    bias: str | None = Field(description="(Forecast − actual) ÷ actual; positive: too much was expected")


class NaiveErrors(BaseModel):
    """The naive rows over the same weeks; null where a row says nothing of that layer."""

    due_date: ErrorRead | None
    customer_median: ErrorRead | None
    mean_13: ErrorRead | None


class AccuracyRowRead(BaseModel):
    """Forecast and actual of one group, layer and week ahead, over all runs that are asked for."""

    layer: ForecastLayer
    key: str | None
    code: str | None
    name: str | None
    currency: str
    week_ahead: int = Field(ge=1, le=HORIZON_WEEKS)
    cells: int = Field(description="Runs whose week is compared")
    final_cells: int = Field(description="… and does not change any more")
    forecast: AmountOut
    actual: AmountOut
    error: ErrorRead
    coverage: str | None = Field(description="Share of actuals between P10 and P90; 0.80 is right")
    width: str | None = Field(description="P10 to P90 ÷ actual: how much certainty was claimed")
    naive: NaiveErrors
    beats_naive: bool | None = Field(description="Less error than every naive row; null: nothing to compare with")


class JudgedModelRead(BaseModel):
    """A model and what was made of it: one that does not beat the naive rows is not activated."""

    id: UUID
    model_version: str
    cutoff: date
    state: ModelState
    beats_naive: bool
    reasons: list[str]
    runs: int = Field(description="Forecasts made by it")


class AccuracyPage(BaseModel):
    """The report of accuracy."""

    group_by: AccuracyGroup
    models: list[JudgedModelRead] = Field(description="The latest ones, the one in force first")
    data: list[AccuracyRowRead]
    has_more: bool
    next_cursor: str | None


class AccuracyWeekRead(BaseModel):
    """One week of one run."""

    id: UUID
    run_id: UUID
    model_id: UUID | None
    as_of: date
    week_ahead: int = Field(ge=1, le=HORIZON_WEEKS)
    ends_on: date
    layer: ForecastLayer
    group_by: AccuracyGroup
    key: str | None
    currency: str
    forecast: AmountOut
    p10: AmountOut
    p90: AmountOut
    actual: AmountOut
    inside: bool = Field(description="The actual lies between P10 and P90")
    naive: NaiveAmounts
    measured_on: date
    final: bool = Field(description="Money of that week is not applied anew any more")


def ratio(part: int, whole: int) -> str | None:
    """`part / whole` with four places, half-up; None when there is nothing to divide by."""
    if whole == 0:
        return None
    return str((Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"), ROUND_HALF_UP))


def accuracy_row(row: Any, names: dict[str, tuple[str, str]]) -> AccuracyRowRead:
    """From a row of sums."""
    currency, size = row["currency"], row["size"]
    naive: dict[str, Any] = dict.fromkeys(NAIVE_ROWS)
    for name in NAIVE_ROWS:
        if row[name] is not None:
            errors = {"wape": ratio(row[f"{name}_missed"], size), "bias": ratio(row[name] - row["actual"], size)}
            naive[name] = errors
    rivals = [row[f"{name}_missed"] for name in NAIVE_ROWS if row[name] is not None]
    code, label = names.get(row["key"], (None, None))
    return AccuracyRowRead.model_validate(
        {
            "layer": row["layer"],
            "key": row["key"] or None,
            "code": code,
            "name": label,
            "currency": currency,
            "week_ahead": row["week"],
            "cells": row["cells"],
            "final_cells": row["final_cells"],
            "forecast": to_text(row["forecast"], currency),
            "actual": to_text(row["actual"], currency),
            "error": {"wape": ratio(row["missed"], size), "bias": ratio(row["forecast"] - row["actual"], size)},
            "coverage": ratio(row["inside"], row["cells"]),
            "width": ratio(row["width"], size),
            "naive": naive,
            "beats_naive": all(row["missed"] < rival for rival in rivals) if rivals else None,
        }
    )


def accuracy_week(row: ForecastAccuracy) -> AccuracyWeekRead:
    """From the row."""
    currency = row.currency

    def text(minor: int | None) -> str | None:
        return None if minor is None else to_text(minor, currency)

    plain = ("id", "run_id", "model_id", "as_of", "ends_on", "layer", "group_by", "currency", "measured_on", "final")
    return AccuracyWeekRead.model_validate(
        {
            **{name: getattr(row, name) for name in plain},
            "key": row.key or None,
            "week_ahead": row.week,
            "forecast": text(row.forecast_minor),
            "p10": text(row.p10_minor),
            "p90": text(row.p90_minor),
            "actual": text(row.actual_minor),
            "inside": row.p10_minor <= row.actual_minor <= row.p90_minor,
            "naive": {name: text(getattr(row, f"naive_{name}_minor")) for name in NAIVE_ROWS},
        }
    )
