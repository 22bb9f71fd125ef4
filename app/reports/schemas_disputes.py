"""What the report on disputes gives over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.reports.disputes import COUNTS, DisputeGroup, Names, upheld_share


class DisputeReportRow(BaseModel):
    """One group in one currency."""

    key: str | None = Field(description="Id or value of the group, or the month of opening; null where there is none")
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


class DisputeCauseRow(DisputeReportRow):
    """One reason within a group, in one currency."""

    reason_code: str | None
    reason: str | None


class DisputeReportRead(BaseModel):
    """Root causes of disputes. Amounts of different currencies are never added."""

    group_by: DisputeGroup
    opened_from: date | None
    opened_to: date | None
    as_of: date = Field(description="The day on which the disputes are looked at")
    known_at: datetime | None = Field(description="The instant up to which recorded rows count; null: all there are")
    notes: list[str] = Field(description="What a reader must know: attributes of today, rates that are missing")
    totals: list[DisputeReportRow]
    rows: list[DisputeReportRow]
    causes: list[DisputeCauseRow] = Field(description="The reasons behind these rows; none where the rows are reasons")
    has_more: bool
    next_cursor: str | None


def report_row(row: Any, names: Names) -> DisputeReportRow:
    """One row with its amounts as text."""
    return DisputeReportRow(**_facts(row, names))


def cause_row(row: Any, names: Names, reasons: Names) -> DisputeCauseRow:
    """One reason of a group with its amounts as text."""
    code, label = reasons.get(row["cause"], (None, None))
    return DisputeCauseRow(**_facts(row, names), reason_code=code, reason=label)


def _facts(row: Any, names: Names) -> dict[str, Any]:
    currency = row["currency"]
    code, name = names.get(row["key"], (None, None))
    share = upheld_share(row["credited_minor"], row["paid_minor"], row["released_minor"])
    return {
        "key": row["key"], "code": code, "name": name, "currency": currency,
        **{count: row[count] for count in COUNTS},
        "amount": to_text(row["amount_minor"], currency),
        **{f"{one}_amount": to_text(row[f"{one}_minor"], currency)
           for one in ("disputed", "credited", "paid", "released")},
        "mean_days": _text(row["mean_days"]), "median_days": _text(row["median_days"]), "upheld_share": _text(share),
    }  # fmt: skip


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


HEADER = list(DisputeReportRow.model_fields)
"""Column names of the CSV form."""


def report_cells(row: DisputeReportRow) -> list[object]:
    """The cells of one row of the CSV form."""
    return [getattr(row, name) for name in HEADER]
