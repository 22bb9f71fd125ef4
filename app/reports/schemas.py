"""What the reports give over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.reports.aging import AgingReport
from app.reports.aging_queries import AgingRow

GroupBy = Literal[
    "organization", "legal_entity", "account", "parent_group", "collector", "segment", "country", "risk_class",
    "currency",
]  # fmt: skip


class AgingBucketRead(BaseModel):
    """The open amount of one bucket."""

    label: str
    amount: AmountOut


class AgingRowRead(BaseModel):
    """One group in one currency. `net_amount` = open − credit memos − unapplied cash."""

    key: str | None = Field(description="Id or value of the group; null where there is none (unidentified cash)")
    code: str | None = Field(description="Number or code of the group")
    name: str | None
    currency: str
    items: int = Field(description="Open instalments")
    buckets: list[AgingBucketRead]
    open_amount: AmountOut
    overdue_amount: AmountOut
    credit_memos_amount: AmountOut
    unapplied_amount: AmountOut
    net_amount: AmountOut


class DisputedTotal(BaseModel):
    """What is disputed of the open amounts of one currency."""

    currency: str
    amount: AmountOut


class AgingRead(BaseModel):
    """Aging as of a date, as known at an instant. Amounts of different currencies are never added."""

    as_of: date
    known_at: datetime | None = Field(description="The instant up to which recorded rows count; null: all there are")
    group_by: GroupBy
    basis: Literal["due_date", "invoice_date"]
    credits: Literal["separate", "netted"]
    attributes_as_of_now: bool = Field(
        default=True, description="Collector, segment, country and parents are those of today"
    )
    disputed: list[DisputedTotal] = Field(description="Disputed on the day `as_of`: part of the open amounts")
    disputed_now: list[DisputedTotal] = Field(
        description="Disputed at this moment, whatever `as_of` is: part of the open amounts, not off them"
    )
    totals: list[AgingRowRead]
    rows: list[AgingRowRead]
    has_more: bool
    next_cursor: str | None


def row_read(row: AgingRow, labels: Sequence[str], names: Mapping[Any, tuple[str, str]]) -> AgingRowRead:
    """One row with its amounts as text."""
    currency = row.currency
    code, name = names.get(row.key, (None, None))
    open_minor = sum(row.buckets)
    return AgingRowRead(
        key=None if row.key is None else str(row.key),
        code=code,
        name=name,
        currency=currency,
        items=row.items,
        buckets=[
            AgingBucketRead(label=label, amount=to_text(amount, currency))
            for label, amount in zip(labels, row.buckets, strict=True)
        ],
        open_amount=to_text(open_minor, currency),
        overdue_amount=to_text(open_minor - row.buckets[0], currency),
        credit_memos_amount=to_text(row.credit_memos_minor, currency),
        unapplied_amount=to_text(row.unapplied_minor, currency),
        net_amount=to_text(open_minor - row.credit_memos_minor - row.unapplied_minor, currency),
    )


def aging_header(report: AgingReport) -> list[str]:
    """Column names of the CSV form."""
    buckets = [f"bucket {label}" for label in report.labels]
    return [report.request.group_by, "code", "name", "currency", "items", *buckets, "open", "overdue",
            "credit memos", "unapplied", "net"]  # fmt: skip


def aging_cells(row: AgingRowRead) -> list[object]:
    """The cells of one row of the CSV form."""
    buckets = [bucket.amount for bucket in row.buckets]
    return [row.key, row.code, row.name, row.currency, row.items, *buckets, row.open_amount, row.overdue_amount,
            row.credit_memos_amount, row.unapplied_amount, row.net_amount]  # fmt: skip
