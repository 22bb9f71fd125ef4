"""What the monthly insights give over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.reports.insights import MonthlyInsights
from app.reports.insights_rules import Figure, Insight

InsightTopic = Literal["terms", "dispute_reasons", "steps", "accounts"]
CSV_HEADER = ("topic", "key", "label", "figure", "value", "unit", "formula", "inputs", "recommendation")
_AMOUNTS = frozenset({"paid", "credited", "decided", "cash_tied_up"})
_DAYS_OF_AMOUNTS = frozenset({"paid_x_days_late", "overdue_x_days", "amount_x_days"})


class FigureRead(BaseModel):
    """A figure, how it was computed and from which numbers."""

    name: str
    value: str | None = Field(
        description="Decimal text; an amount in the report's currency; null: nothing to divide by"
    )
    unit: Literal["amount", "days", "share", "actions", "promises"]
    formula: str
    inputs: dict[str, str]


class InsightRead(BaseModel):
    """One group of one question, with one recommendation and what it would bring."""

    topic: InsightTopic
    key: str
    label: str
    figures: list[FigureRead]
    recommendation: str
    effect: FigureRead


class InsightsRead(BaseModel):
    """What cost most cash in a month, by question, dearest first."""

    month: str = Field(examples=["2026-03"])
    first: date
    last: date = Field(description="The month's end, or today within it")
    currency: str
    at_par: list[str] = Field(description="Currencies without a rate, whose amounts are counted at par")
    insights: list[InsightRead]


def insights_read(found: MonthlyInsights) -> InsightsRead:
    """From what was found."""
    return InsightsRead(
        month=f"{found.first:%Y-%m}",
        first=found.first,
        last=found.last,
        currency=found.currency,
        at_par=list(found.at_par),
        insights=[_insight(insight, found.currency) for insight in found.insights],
    )


def _insight(insight: Insight, currency: str) -> InsightRead:
    return InsightRead.model_validate(
        {
            "topic": insight.topic,
            "key": insight.key,
            "label": insight.label,
            "figures": [_figure(figure, currency) for figure in insight.figures],
            "recommendation": insight.recommendation,
            "effect": _figure(insight.effect, currency),
        }
    )


def _figure(figure: Figure, currency: str) -> FigureRead:
    amounts = figure.unit == "minor"
    value = None if figure.value is None else to_text(int(figure.value), currency) if amounts else str(figure.value)
    money = _DAYS_OF_AMOUNTS | (_AMOUNTS if figure.name != "kept_rate" and figure.unit != "promises" else frozenset())
    return FigureRead.model_validate(
        {
            "name": figure.name,
            "value": value,
            "unit": "amount" if amounts else figure.unit,
            "formula": figure.formula,
            "inputs": {
                name: to_text(int(number), currency) if name in money else str(number)
                for name, number in figure.inputs.items()
            },
        }
    )


def insight_cells(report: InsightsRead) -> Iterator[tuple[object, ...]]:
    """Rows of CSV: one for each figure, the effect last."""
    for insight in report.insights:
        for figure in (*insight.figures, insight.effect):
            inputs = "; ".join(f"{name} = {value}" for name, value in figure.inputs.items())
            yield (
                insight.topic, insight.key, insight.label, figure.name, figure.value, figure.unit, figure.formula,
                inputs, insight.recommendation if figure is insight.effect else "",
            )  # fmt: skip
