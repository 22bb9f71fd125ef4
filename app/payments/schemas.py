"""What the payments room takes and gives over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_minor, to_text
from app.infra.http.batches import BATCH_ITEMS_LIMIT
from app.infra.http.fields import (
    Amount,
    AmountOut,
    BusinessDate,
    Currency,
    ExternalRef,
    Input,
    Reason,
    lines,
    text,
    visible,
)
from app.payments.models import Payment, PaymentMovement
from app.payments.record import Method, RecordPayment
from app.payments.rules import allowed_actions
from app.payments.withdraw import NotReceivableReason, ReversalReason

REFERENCES_LIMIT = 100
Status = Literal[
    "unidentified", "unapplied", "partially_applied", "applied", "reversed", "refunded", "not_receivable"
]  # fmt: skip
MatchingState = Literal["waiting", "proposed", "no_match", "done", "held"]
Action = Literal["apply", "identify", "move", "refund", "not_receivable", "reverse"]


class PaymentCreate(Input):
    """A receipt. Without `account_id` it is unidentified; the legal entity follows from the own bank account."""

    amount: Amount
    currency: Currency
    value_date: BusinessDate
    legal_entity_id: UUID | None = None
    bank_account_id: UUID | None = None
    account_id: UUID | None = None
    accounting_date: BusinessDate | None = Field(default=None, description="The value date unless given")
    method: Method = "bank_transfer"
    payer_name: Annotated[str, text(200)] | None = None
    payer_bank_identifier: Annotated[str, text(64)] | None = None
    remittance_text: Annotated[str, lines(4000)] | None = None
    structured_references: Annotated[
        list[Annotated[str, visible(140)]],
        Field(max_length=REFERENCES_LIMIT, description="Creditor references and other coded references"),
    ] = []
    bank_reference: Annotated[str, visible(140)] | None = None
    end_to_end_id: Annotated[str, visible(140)] | None = None
    external_ref: ExternalRef | None = None
    match: bool = Field(default=True, description="False keeps the automatic matcher away")

    def command(self) -> RecordPayment:
        """The plain command. Raises AmountInvalid with the pointer of the field."""
        references = {"structured_references": self.structured_references} if self.structured_references else {}
        plain = self.model_dump(exclude={"amount", "structured_references", "external_ref"})
        return RecordPayment(
            amount_minor=to_minor(self.amount, self.currency),
            remittance=references,
            source=self.external_ref.source if self.external_ref else "manual",
            external_id=self.external_ref.id if self.external_ref else None,
            **plain,
        )


class PaymentBatch(Input):
    """Receipts; with an `external_ref` each may be sent again."""

    items: Annotated[list[PaymentCreate], Field(min_length=1, max_length=BATCH_ITEMS_LIMIT)]


class PaymentRead(BaseModel):
    """A receipt, what became of it, and what may be done next."""

    id: UUID
    legal_entity_id: UUID
    bank_account_id: UUID | None
    account_id: UUID | None
    external_ref: ExternalRef | None
    currency: str
    amount: AmountOut
    applied_amount: AmountOut
    withdrawn_amount: AmountOut = Field(description="Refunded, reversed or not receivable")
    unapplied_amount: AmountOut
    status: Status
    matching_state: MatchingState
    value_date: date
    accounting_date: date
    method: str
    payer_name: str | None
    payer_bank_identifier: str | None
    remittance_text: str | None
    structured_references: list[str]
    bank_reference: str | None
    end_to_end_id: str | None
    allowed_actions: list[Action]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, payment: Payment) -> PaymentRead:
        """From the row."""
        amounts = {
            f"{name}amount": to_text(minor, payment.currency)
            for name, minor in (
                ("", payment.amount_minor),
                ("applied_", payment.applied_minor),
                ("withdrawn_", payment.withdrawn_minor),
                ("unapplied_", payment.unapplied_minor),
            )
        }
        actions: Any = allowed_actions(
            payment.status,
            payment.unapplied_minor,
            payment.applied_minor,
            payment.account_id is not None,
        )
        known = payment.external_id is not None
        return cls(
            external_ref=ExternalRef(source=payment.source, id=payment.external_id or "") if known else None,
            structured_references=list(payment.remittance.get("structured_references", ())),
            allowed_actions=actions,
            **amounts,
            **{name: getattr(payment, name) for name in _PLAIN},
        )


_PLAIN = (
    "id", "legal_entity_id", "bank_account_id", "account_id", "currency", "status", "matching_state", "value_date",
    "accounting_date", "method", "payer_name", "payer_bank_identifier", "remittance_text", "bank_reference",
    "end_to_end_id", "version", "created_at", "updated_at",
)  # fmt: skip


class PaymentMovementRead(BaseModel):
    """A dated event of a payment besides applications; `amount` left it, or for `account_change` moved with it."""

    id: UUID
    kind: Literal["refund", "reversal", "not_receivable", "account_change"]
    amount: AmountOut
    currency: str
    from_account_id: UUID | None
    to_account_id: UUID | None
    effective_date: date
    reason_code: str | None
    reason: str | None
    actor_name: str
    recorded_at: datetime

    @classmethod
    def of(cls, row: PaymentMovement, currency: str) -> PaymentMovementRead:
        """From the row and the payment's currency."""
        plain = ("id", "kind", "from_account_id", "to_account_id", "effective_date", "reason_code", "reason",
                 "actor_name", "recorded_at")  # fmt: skip
        amount = to_text(row.amount_minor, currency)
        return cls(amount=amount, currency=currency, **{name: getattr(row, name) for name in plain})


class PaymentIdentify(Input):
    """Whose money it is, as of when."""

    account_id: UUID
    effective_date: BusinessDate
    reason: Reason | None = None


class PaymentMove(Input):
    """The account that the money goes to, as of when and why; null takes it back to unidentified."""

    account_id: UUID | None
    effective_date: BusinessDate
    reason: Reason


class PaymentRefund(Input):
    """How much is paid back; all that is unapplied unless given."""

    effective_date: BusinessDate
    amount: Amount | None = None
    currency: Currency | None = Field(default=None, description="Required with `amount`")
    reason: Reason


class PaymentNotReceivable(Input):
    """Why the money is no customer's; all that is unapplied unless an amount is given."""

    effective_date: BusinessDate
    reason_code: NotReceivableReason
    amount: Amount | None = None
    currency: Currency | None = Field(default=None, description="Required with `amount`")
    reason: Reason | None = None


class PaymentReverse(Input):
    """As of when and why the bank took the money back."""

    effective_date: BusinessDate
    reason_code: ReversalReason
    reason: Reason | None = None
