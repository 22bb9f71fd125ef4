"""What credit memos and adjustments take and give over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_minor, to_text
from app.infra.http.fields import (
    Amount,
    AmountOut,
    BusinessDate,
    Comment,
    Currency,
    ExternalRef,
    Input,
    Number,
    Reason,
    SignedAmount,
    text,
)
from app.invoices.adjustments import RequestAdjustment
from app.invoices.credit_memos import IssueCreditMemo
from app.invoices.models import Adjustment, CreditMemo
from app.invoices.rules import REQUESTABLE

AdjustmentKind = Literal["write_off", "small_difference", "bank_charge", "rounding", "waived_charge"]
AdjustmentAnyKind = Literal[
    "write_off", "small_difference", "bank_charge", "rounding", "waived_charge", "source_correction",
    "opening_settlement", "void",
]  # fmt: skip
AdjustmentState = Literal["requested", "approved", "rejected", "posted"]
CreditMemoStatus = Literal["open", "partially_applied", "applied", "void", "refunded"]


class CreditMemoCreate(Input):
    """The seller's credit; `amount` includes the tax and is positive."""

    number: Number
    account_id: UUID
    legal_entity_id: UUID
    currency: Currency
    amount: Amount
    tax_amount: Amount = "0"
    credit_date: BusinessDate
    accounting_date: BusinessDate | None = None
    invoice_id: UUID | None = Field(default=None, description="The invoice that is credited, if one")
    reason_code: Annotated[str, text(64)] | None = None
    reason: Reason | None = None
    open_amount: Amount | None = Field(default=None, description="Below `amount`: the rest was used before loading")
    external_ref: ExternalRef | None = None

    def command(self) -> IssueCreditMemo:
        """The plain command. Raises AmountInvalid with the pointer of the field."""
        return IssueCreditMemo(
            number=self.number,
            legal_entity_id=self.legal_entity_id,
            account_id=self.account_id,
            currency=self.currency,
            amount_minor=to_minor(self.amount, self.currency),
            tax_minor=to_minor(self.tax_amount, self.currency, pointer="/tax_amount"),
            credit_date=self.credit_date,
            accounting_date=self.accounting_date,
            invoice_id=self.invoice_id,
            reason_code=self.reason_code,
            reason=self.reason,
            source=self.external_ref.source if self.external_ref else "manual",
            external_id=self.external_ref.id if self.external_ref else None,
            open_minor=None
            if self.open_amount is None
            else to_minor(self.open_amount, self.currency, pointer="/open_amount"),
        )


class CreditMemoBatch(Input):
    """Credit memos to create or update, each with its `external_ref` (without one it is issued)."""

    items: Annotated[list[CreditMemoCreate], Field(min_length=1, max_length=1000)]


class CreditMemoRefund(Input):
    """How much of the open credit is paid back, as of when and why."""

    amount: Amount
    effective_date: BusinessDate
    reason: Reason


class CreditMemoRead(BaseModel):
    """A credit memo."""

    id: UUID
    number: str
    external_ref: ExternalRef | None
    legal_entity_id: UUID
    account_id: UUID
    currency: str
    amount: AmountOut
    tax_amount: AmountOut
    open_amount: AmountOut
    status: CreditMemoStatus
    credit_date: date
    accounting_date: date
    invoice_id: UUID | None
    reason_code: str | None
    reason: str | None
    void_date: date | None
    void_reason: str | None
    allowed_actions: list[Literal["apply", "refund", "void"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, memo: CreditMemo) -> CreditMemoRead:
        """From the row."""
        actions: list[Literal["apply", "refund", "void"]] = ["apply", "refund"] if memo.open_minor else []
        if memo.open_minor == memo.amount_minor:
            actions.append("void")
        plain = ("id", "number", "legal_entity_id", "account_id", "currency", "credit_date", "accounting_date",
                 "invoice_id", "reason_code", "reason", "void_date", "void_reason", "version", "created_at",
                 "updated_at", "status")  # fmt: skip
        has_reference = memo.external_id is not None
        return cls(
            external_ref=ExternalRef(source=memo.source, id=memo.external_id or "") if has_reference else None,
            amount=to_text(memo.amount_minor, memo.currency),
            tax_amount=to_text(memo.tax_minor, memo.currency),
            open_amount=to_text(memo.open_minor, memo.currency),
            allowed_actions=actions,
            **{name: getattr(memo, name) for name in plain},
        )


class AdjustmentCreate(Input):
    """Take an amount off an instalment, for a reason."""

    instalment_id: UUID
    kind: AdjustmentKind
    currency: Currency = Field(description="The instalment's currency, so that the amount cannot be misread")
    amount: Amount
    effective_date: BusinessDate
    reason_code: Annotated[str, text(64)]
    reason: Reason | None = None

    def command(self) -> RequestAdjustment:
        """The plain command."""
        amount_minor = to_minor(self.amount, self.currency)
        return RequestAdjustment(
            self.instalment_id, self.kind, amount_minor, self.effective_date, self.reason_code, self.reason
        )


class AdjustmentDecision(Input):
    """A note to the decision."""

    note: Comment | None = None


class AdjustmentReverse(Input):
    """As of when and why the adjustment is undone."""

    effective_date: BusinessDate
    reason: Reason


class AdjustmentRead(BaseModel):
    """An adjustment. A positive amount lowers the open amount."""

    id: UUID
    instalment_id: UUID
    legal_entity_id: UUID
    account_id: UUID
    kind: AdjustmentAnyKind
    state: AdjustmentState
    currency: str
    amount: SignedAmount
    tax_amount: SignedAmount
    effective_date: date
    reason_code: str
    reason: str | None
    requested_by: str
    requested_by_id: UUID | None
    decided_by: str | None
    decided_at: datetime | None
    decision_note: str | None
    reverses_id: UUID | None
    reversed_by_id: UUID | None
    allowed_actions: list[Literal["approve", "reject", "reverse"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Adjustment, reversed_by_id: UUID | None) -> AdjustmentRead:
        """From the row, and the adjustment that undid it (if one did)."""
        actions: list[Literal["approve", "reject", "reverse"]] = []
        if row.state == "requested":
            actions = ["approve", "reject"]
        elif row.state == "posted" and row.kind in REQUESTABLE and not (row.reverses_id or reversed_by_id):
            actions = ["reverse"]
        plain = ("id", "instalment_id", "legal_entity_id", "account_id", "kind", "state", "currency",
                 "effective_date", "reason_code", "reason", "requested_by", "requested_by_id", "decided_by",
                 "decided_at", "decision_note", "reverses_id", "version", "created_at", "updated_at")  # fmt: skip
        return cls(
            amount=to_text(row.amount_minor, row.currency),
            tax_amount=to_text(row.tax_minor, row.currency),
            reversed_by_id=reversed_by_id,
            allowed_actions=actions,
            **{name: getattr(row, name) for name in plain},
        )
