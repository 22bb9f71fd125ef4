"""Batches for an ERP over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.infra.http.fields import AmountOut, BusinessDate, Currency, Input, Source, text
from app.integrations.outbound.models import ExportBatch, ExportRow
from app.integrations.outbound.queries import Scope
from app.integrations.outbound.service import ROWS_MAX, NewBatch, RowAnswer

BatchState = Literal["open", "acknowledged", "cancelled"]
RowState = Literal["pending", "accepted", "rejected"]
JournalFormat = Literal["csv", "json", "xlsx"]
CashFormat = Literal["xml", "csv"]
CashPart = Literal["receipts", "applications", "unapplications"]


class _BatchCreate(Input):
    legal_entity_id: UUID | None = Field(None, description="Of this legal entity only; of all when null")
    effective_from: BusinessDate | None = Field(None, description="The first day of the period")
    effective_to: BusinessDate | None = Field(None, description="The last day of the period")
    rows_max: Annotated[int, Field(ge=1, le=ROWS_MAX, description="More rows stay for the next batch")] = ROWS_MAX

    def scope(self) -> Scope:
        """What the batch may take."""
        return Scope(self.legal_entity_id, self.effective_from, self.effective_to)


class JournalExportCreate(_BatchCreate):
    """What a batch of journal entries may take."""

    on_unmapped: Literal["refuse", "use_role"] = Field(
        "refuse", description="Where the account mapping names no general-ledger account: refuse, or use our own name"
    )

    def command(self) -> NewBatch:
        """As a plain value."""
        return NewBatch("journal", self.scope(), self.rows_max, on_unmapped=self.on_unmapped)


class CashReceiptExportCreate(_BatchCreate):
    """What a batch of cash receipts and applications may take, and what Dynamics GP needs to know besides."""

    source: Source = Field("gp", description="The source of imports from the same books", examples=["gp"])
    checkbook_id: Annotated[str, text(15)] | None = Field(None, description="CHEKBKID", examples=["UPTOWN TRUST"])
    card_id: Annotated[str, text(15)] | None = Field(None, description="CRCARDID of card payments")
    currency_ids: dict[Currency, Annotated[str, text(15)]] = Field(
        default_factory=dict,
        max_length=50,
        description="CURNCYID by currency; else the code, and nothing for the base currency",
        examples=[{"EUR": "Z-EURO"}],
    )

    def command(self) -> NewBatch:
        """As a plain value."""
        settings = {"checkbook_id": self.checkbook_id, "card_id": self.card_id, "currency_ids": dict(self.currency_ids)}
        return NewBatch("cash_receipts", self.scope(), self.rows_max, self.source, settings=settings)


class ExportRowAnswer(Input):
    """What the ERP says of one row."""

    ordinal: Annotated[int, Field(ge=1, le=1_000_000)]
    state: Literal["accepted", "rejected"]
    erp_reference: Annotated[str, text(100)] | None = Field(None, description="Its key in the ERP")
    error: Annotated[str, text(500)] | None = Field(None, description="Why it was rejected")

    def answer(self) -> RowAnswer:
        """As a plain value."""
        return RowAnswer(self.ordinal, self.state, self.erp_reference, self.error)


class ExportAcknowledge(Input):
    """Answers by row, and the answer of all others that wait."""

    results: list[ExportRowAnswer] = Field(default_factory=list, max_length=10_000)
    rest: Literal["accepted", "rejected"] | None = Field(
        None, description="Every row that waits and is not named gets this answer; null: it waits on"
    )


class ExportTotal(BaseModel):
    """Sums of one currency; debit and credit of a batch are always equal. Of cash: what the receipts add up to."""

    currency: str
    rows: int
    debit: AmountOut
    credit: AmountOut


class ExportBatchRead(BaseModel):
    """Rows that leave together: `open` until the ERP has answered for each of them."""

    id: UUID
    number: int
    state: BatchState
    source: str = Field(description="Of imports from the same books; gl for the general ledger", examples=["gp"])
    legal_entity_id: UUID | None
    effective_from: date | None
    effective_to: date | None
    rows_count: int
    rows_accepted: int
    rows_rejected: int
    rows_pending: int
    totals: list[ExportTotal]
    left_out: dict[str, int] = Field(
        description="Payments that cannot leave yet, by reason, and receipts to be voided in the ERP by hand"
    )
    made_by: str
    created_at: datetime
    closed_at: datetime | None
    version: int
    allowed_actions: list[Literal["acknowledge", "cancel"]]

    @classmethod
    def of(cls, row: ExportBatch) -> ExportBatchRead:
        """From the row."""
        own = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        pending = row.rows_count - row.rows_accepted - row.rows_rejected
        actions = ["acknowledge", "cancel"] if row.state == "open" else []
        return cls.model_validate(
            {**own, "source": row.target, "rows_pending": pending, "allowed_actions": actions}
        )  # fmt: skip


class ExportRowRead(BaseModel):
    """One row of a batch as it left, and what the ERP said of it."""

    ordinal: int
    kind: Literal["transfer", "receipt", "application", "unapplication"]
    subject_id: UUID = Field(description="The transfer, payment or application")
    state: RowState
    erp_reference: str | None
    error: str | None
    content: dict[str, Any]

    @classmethod
    def of(cls, row: ExportRow) -> ExportRowRead:
        """From the row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})
