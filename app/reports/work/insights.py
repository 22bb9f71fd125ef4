"""The monthly insights, as tables: what was found, and every figure with its formula."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from app.core.money import to_decimal
from app.infra.database import ReadSession
from app.reports.definitions import ReportDefinition, ReportRequest
from app.reports.insights import MonthlyInsights, monthly_insights
from app.reports.insights_rules import Figure
from app.reports.portfolio.framing import framed
from app.reports.portfolio.rules import ReportOptionInvalid
from app.reports.tables import Column, Report, ReportTable

_FOUND = (Column("topic"), Column("label"), Column("recommendation"), Column("effect"),
          Column("effect_value", "ratio", "Effect", places=2), Column("unit"))  # fmt: skip
_FIGURES = (Column("topic"), Column("key", internal=True), Column("label"), Column("figure"),
            Column("value", "ratio", places=2), Column("unit"), Column("formula"), Column("inputs"))  # fmt: skip


async def build(session: ReadSession, request: ReportRequest) -> Report:
    """The insights of the option `month` (yyyy-mm; else that of the report's day). Raises ReportOptionInvalid."""
    text = request.options.get("month")
    try:
        first = request.as_of.replace(day=1) if text is None else date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ReportOptionInvalid("month is yyyy-mm", pointer="/query/month") from None
    if first > request.as_of:
        raise ReportOptionInvalid("the month has not begun", pointer="/query/month")
    return as_report(await monthly_insights(session, first, request.as_of), request)


def as_report(found: MonthlyInsights, request: ReportRequest) -> Report:
    """The tables of insights that were made."""
    main = [
        (one.topic, one.label, one.recommendation, one.effect.name, _value(one.effect, found.currency),
         _unit(one.effect, found.currency))
        for one in found.insights
    ]  # fmt: skip
    figures = [
        (one.topic, one.key, one.label, figure.name, _value(figure, found.currency), _unit(figure, found.currency),
         figure.formula, "; ".join(f"{name} = {value}" for name, value in figure.inputs.items()))
        for one in found.insights
        for figure in (*one.figures, one.effect)
    ]  # fmt: skip
    notes = [f"Amounts in {found.currency}; inputs of formulas in its minor units."]
    if found.at_par:
        notes.append(f"Counted at par for want of a rate: {', '.join(found.at_par)}.")
    tables = (ReportTable("insights", "Insights", _FOUND, main), ReportTable("figures", "Figures", _FIGURES, figures))
    return framed("insights", "Monthly insights", request, tables, notes, month=f"{found.first:%Y-%m}")


def _value(figure: Figure, currency: str) -> Decimal | None:
    if figure.value is None:
        return None
    return to_decimal(int(figure.value), currency) if figure.unit == "minor" else Decimal(figure.value)


def _unit(figure: Figure, currency: str) -> str:
    return currency if figure.unit == "minor" else figure.unit


DEFINITION = ReportDefinition(
    "insights", "Monthly insights", ("reports:read", "all-disputes:read"), ("organization",), build
)
