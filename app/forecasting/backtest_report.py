"""The backtest's figures as a table for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

MISSING = "–"


def show(figures: dict[str, Any], console: Console) -> None:
    """Prints what was measured, each figure beside the naive one it should beat."""
    console.print(
        f"{figures['rows']} invoices of {figures['accounts']} accounts, known until {figures['known_until']}; "
        f"scored from {figures['evaluated_from']}: {figures['invoices']} paid invoices, {figures['origins']} origins, "
        f"{figures['fits']} fits; segments by {figures['segments']}"
    )
    console.print(_days(figures))
    console.print(_intervals(figures))
    console.print(_totals(figures))
    console.print(_late(figures))


def _days(figures: dict[str, Any]) -> Table:
    table = Table(
        "predicted at issue",
        "mean absolute error, days",
        "model ÷ this",
        "macro recall of buckets",
        title="Payment day",
    )
    for name, key, recall in (
        ("model", "mae_days", "macro_recall_buckets"),
        ("plain boosting", "mae_days_plain_boosting", "macro_recall_buckets_plain_boosting"),
        ("customer median, days past due", "mae_days_customer_median", "macro_recall_buckets_customer_median"),
        ("customer median, days to pay", "mae_days_customer_median_to_pay", ""),
        ("due date", "mae_days_due_date", ""),
    ):
        table.add_row(
            name, _number(figures[key]), _ratio(figures["mae_days"], figures[key]), _number(figures.get(recall))
        )
    return table


def _intervals(figures: dict[str, Any]) -> Table:
    table = Table("P10 to P90", "coverage", "width", "cells", title="Intervals (0.80 is right)")
    table.add_row("invoice", _number(figures["coverage_invoice"]), f"{_number(figures['width_invoice_days'])} days", "")
    table.add_row(
        "invoice, customer's own history",
        _number(figures["coverage_invoice_own_history"]),
        f"{_number(figures['width_invoice_days_own_history'])} days",
        "",
    )
    same = figures["width_invoice_days_own_history_same_coverage"]
    table.add_row(
        "the same, made to cover as much as the model's",
        _number(figures["coverage_invoice"]),
        f"{_number(same)} days",
        "",
    )
    for name, text in (
        ("segment", "week of a segment"),
        ("organization", "week of all"),
        ("segment_open", "week of a segment, open items"),
        ("organization_open", "week of all, open items"),
    ):
        week = figures["weeks"][name]
        table.add_row(text, _number(week["coverage"]), f"{_number(week['width_relative'])} of cash", str(week["cells"]))
    return table


def _totals(figures: dict[str, Any]) -> Table:
    table = Table(
        "cash of the next 4 weeks", "relative error", "model ÷ this", "P10 to P90 of it", "bias", title="Totals"
    )
    interval = figures["error_4_weeks_p10_p90"]
    table.add_row(
        f"model, {figures['origins_4_weeks']} origins",
        _number(figures["error_4_weeks"]),
        "1.00",
        " to ".join(map(_number, interval)) if interval else MISSING,
        _number(figures["bias_4_weeks"]),
    )
    naive = figures["error_4_weeks_mean13"]
    table.add_row("mean of 13 weeks", _number(naive), _ratio(figures["error_4_weeks"], naive), "", "")
    return table


def _late(figures: dict[str, Any]) -> Table:
    title = (
        f"Later than 60 days: {figures['late_60_events']} of {figures['late_60_invoices']}; area under precision and "
        f"recall {_number(figures['pr_auc_late_60_over_base'])} times the base rate"
    )
    table = Table("probability said", "invoices", "said on average", "happened", title=title)
    for line in figures["late_60_reliability"]:
        table.add_row(
            f"{line['from']} to {line['to']}",
            str(line["count"]),
            _number(line["predicted"]),
            _number(line["observed"]),
        )
    return table


def _ratio(own: float | None, other: float | None) -> str:
    return MISSING if own is None or not other else f"{own / other:.2f}"


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"
