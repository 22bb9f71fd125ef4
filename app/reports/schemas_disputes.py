"""What the report on disputes gives over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.reports.disputes import DisputeGroup, upheld_share

_COUNTS = ("disputes", "active", "credited", "paid", "rejected", "withdrawn", "sla_breached")


class DisputeReportRow(BaseModel):
    """One group in one currency."""

    key: str | None = Field(description="Id of the group, or the month of opening; null where there is none")
    code: str | None
    name: str | None
    currency: str
    disputes: int
    active: int
    credited: int
    paid: int
    rejected: int
    withdrawn: int
    sla_breached: int
    amount: AmountOut = Field(description="Disputed when opened")
    disputed_amount: AmountOut = Field(description="Still disputed")
    credited_amount: AmountOut
    paid_amount: AmountOut
    released_amount: AmountOut
    mean_days: str | None = Field(description="Cycle time of those that have ended, in days", examples=["12.5"])
    median_days: str | None
    upheld_share: str | None = Field(description="Credited ÷ all that was decided; null when nothing was")


class DisputeReportRead(BaseModel):
    """Root causes of disputes. Amounts of different currencies are never added."""

    group_by: DisputeGroup
    opened_from: date | None
    opened_to: date | None
    totals: list[DisputeReportRow]
    rows: list[DisputeReportRow]
    has_more: bool
    next_cursor: str | None


def report_row(row: Any, names: Mapping[str, tuple[str, str]]) -> DisputeReportRow:
    """One row with its amounts as text."""
    currency = row["currency"]
    code, name = names.get(row["key"], (None, None))
    share = upheld_share(row["credited_minor"], row["paid_minor"], row["released_minor"])
    return DisputeReportRow(
        key=row["key"],
        code=code,
        name=name,
        currency=currency,
        **{count: row[count] for count in _COUNTS},
        amount=to_text(row["amount_minor"], currency),
        disputed_amount=to_text(row["disputed_minor"], currency),
        credited_amount=to_text(row["credited_minor"], currency),
        paid_amount=to_text(row["paid_minor"], currency),
        released_amount=to_text(row["released_minor"], currency),
        mean_days=_text(row["mean_days"]),
        median_days=_text(row["median_days"]),
        upheld_share=_text(share),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


HEADER = list(DisputeReportRow.model_fields)
"""Column names of the CSV form."""


def report_cells(row: DisputeReportRow) -> list[object]:
    """The cells of one row of the CSV form."""
    return [getattr(row, name) for name in HEADER]
