"""What the report of kept promises gives over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.promises.rules import kept_basis_points
from app.reports.work.promises import label_of

_IDS = ("account", "collector", "legal_entity", "parent_group")


class PromiseReportRow(BaseModel):
    """Kept promises of a group in one currency. Percentages are null when nothing is decided."""

    key: str | None = Field(description="Id or value of the group; null where there is none")
    group_id: UUID | None = Field(description="The key, where it is an id")
    label: str | None
    month: str | None
    currency: str
    kept: int
    broken: int
    undecided: int
    cancelled: int = Field(description="Not part of the rates")
    kept_amount: AmountOut = Field(description="Promised amounts of kept promises")
    broken_amount: AmountOut = Field(description="Promised amounts of broken promises")
    undecided_amount: AmountOut
    received_amount: AmountOut = Field(description="Money that came, parts of broken promises included")
    kept_percent_by_count: str | None = Field(examples=["83.33"])
    kept_percent_by_value: str | None = Field(examples=["91.20"])


class PromiseReport(BaseModel):
    """The rate of kept promises by group."""

    start: date
    end: date
    as_of: date = Field(description="The day on which the promises are looked at")
    known_at: datetime | None = Field(description="The instant up to which recorded rows count; null: all there are")
    group_by: str
    notes: list[str] = Field(description="What a reader must know: attributes of today, rates that are missing")
    rows: list[PromiseReportRow]
    has_more: bool
    next_cursor: str | None


def report_row(row: Any, group_by: str, names: Mapping[str, tuple[str, str]]) -> PromiseReportRow:
    """From a row of `promise_report`."""
    money = {
        name: to_text(row[f"{name.removesuffix('_amount')}_minor"], row["currency"])
        for name in ("kept_amount", "broken_amount", "undecided_amount", "received_amount")
    }
    key = row["key"]
    return PromiseReportRow(
        key=key,
        group_id=key if group_by in _IDS else None,
        label=None if group_by == "month" else label_of(key, group_by, names),
        month=key if group_by == "month" else None,
        **{name: row[name] for name in ("currency", "kept", "broken", "undecided", "cancelled")},
        **money,
        kept_percent_by_count=percent(kept_basis_points(row["kept"], row["kept"] + row["broken"])),
        kept_percent_by_value=percent(kept_basis_points(row["kept_minor"], row["kept_minor"] + row["broken_minor"])),
    )


def percent(basis_points: int | None) -> str | None:
    """Hundredths of a percent as text: 8333 is "83.33"."""
    return None if basis_points is None else f"{basis_points // 100}.{basis_points % 100:02d}"
