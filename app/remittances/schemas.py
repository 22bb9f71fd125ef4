"""What the remittances room takes and gives over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_minor, to_text
from app.infra.http.fields import (
    Amount,
    AmountOut,
    BusinessDate,
    Currency,
    ExternalRef,
    Input,
    Number,
    Reason,
    SignedAmount,
    lines,
    text,
    visible,
)
from app.remittances.email_text import TEXT_LENGTH_MAX
from app.remittances.models import RemittanceAdvice, RemittanceJoin, RemittanceLine
from app.remittances.rules import (
    LINES_LIMIT,
    Action,
    AdvisedLine,
    Channel,
    RecordAdvice,
    Resolution,
    State,
    TotalsCheck,
    allowed_actions,
    line_of,
)

Evidence = Literal["reference", "payer", "date"]


class RemittanceLineCreate(Input):
    """One document. Give the paid `amount`, the `gross_amount`, or both; a netted credit memo is negative."""

    document_number: Number
    amount: SignedAmount | None = Field(default=None, description="What this payment pays for the document")
    gross_amount: SignedAmount | None = Field(default=None, description="Paid amount plus discount plus deduction")
    discount_amount: Amount = "0"
    deduction_amount: Amount = Field(default="0", description="Kept back for a reason; it becomes a dispute")
    deduction_reason: Annotated[str, text(64)] | None = None

    def line(self, currency: str, pointer: str) -> AdvisedLine:
        """The plain line. Raises AdviceInvalid, AmountInvalid with the pointer of the field."""

        def minor(name: str) -> int | None:
            value = getattr(self, name)
            return None if value is None else to_minor(value, currency, pointer=f"{pointer}/{name}")

        return line_of(
            self.document_number,
            amount_minor=minor("amount"),
            gross_minor=minor("gross_amount"),
            discount_minor=minor("discount_amount") or 0,
            deduction_minor=minor("deduction_amount") or 0,
            deduction_reason=self.deduction_reason,
            pointer=pointer,
        )


class _Head(Input):
    """Who pays, how, and when."""

    legal_entity_id: UUID | None = None
    account_id: UUID | None = None
    payer_name: Annotated[str, text(200)] | None = None
    payer_bank_identifier: Annotated[str, text(64)] | None = None
    payment_reference: Annotated[str, visible(140)] | None = Field(
        default=None, description="What the payer writes on the transfer: end-to-end id, cheque number, own reference"
    )
    expected_date: BusinessDate | None = Field(default=None, description="The value date that the payer announces")
    external_ref: ExternalRef | None = None

    def head(self) -> dict[str, Any]:
        """The fields by their names in the plain command."""
        plain = ("legal_entity_id", "account_id", "payer_name", "payer_bank_identifier", "payment_reference",
                 "expected_date")  # fmt: skip
        known = self.external_ref
        return {
            "source": known.source if known else "manual",
            "external_id": known.id if known else None,
            **{name: getattr(self, name) for name in plain},
        }


class RemittanceAdviceCreate(_Head):
    """What a payer says that a payment is for. Without `amount` the payment is the sum of the lines."""

    currency: Currency
    amount: Amount | None = Field(default=None, description="The payment that is announced")
    lines: Annotated[list[RemittanceLineCreate], Field(min_length=1, max_length=LINES_LIMIT)]

    def command(self, today: date) -> RecordAdvice:
        """The plain command. Raises AdviceInvalid, AmountInvalid."""
        made = tuple(line.line(self.currency, f"/lines/{i}") for i, line in enumerate(self.lines))
        amount = None if self.amount is None else to_minor(self.amount, self.currency)
        return RecordAdvice(
            currency=self.currency, lines=made, received_on=today, amount_minor=amount, channel="api", **self.head()
        )


class RemittanceTextCreate(_Head):
    """The plain text of an e-mail that is an advice. What is given beside it counts more than what the text says."""

    text: Annotated[str, lines(TEXT_LENGTH_MAX), Field(min_length=1)]
    currency: Currency | None = Field(default=None, description="Needed where the text does not name just one")
    amount: Amount | None = Field(default=None, description="The payment that is announced; needs the currency")


class RemittanceAdviceCancel(Input):
    """Why the advice holds no more."""

    reason: Reason | None = None


class JoinedPayment(BaseModel):
    """A payment that pays this advice, or part of it."""

    payment_id: UUID
    evidence: Evidence = Field(description="What joined them, besides the amount")
    line_positions: list[int] | None = Field(description="The lines meant for it; null: more than one split fits")
    joined_at: datetime


class RemittanceAdviceRead(BaseModel):
    """An advice, its total against its lines, and the payments that pay it."""

    id: UUID
    legal_entity_id: UUID | None
    account_id: UUID | None
    payer_name: str | None
    payer_bank_identifier: str | None
    payment_reference: str | None
    external_ref: ExternalRef | None
    currency: str
    amount: AmountOut
    lines_amount: AmountOut
    difference_amount: AmountOut = Field(description="Announced payment less the sum of the lines")
    totals_check: TotalsCheck
    lines_count: int
    expected_date: date | None
    received_on: date
    channel: Channel
    state: State
    repeats_id: UUID | None = Field(description="Another advice with this reference and amount but other lines")
    cancel_reason: str | None
    payments: list[JoinedPayment]
    allowed_actions: list[Action]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, advice: RemittanceAdvice, joins: Sequence[RemittanceJoin]) -> RemittanceAdviceRead:
        """From the row and its live joins."""
        known = advice.external_id is not None
        facts: dict[str, Any] = {name: getattr(advice, name) for name in _PLAIN}
        return cls(
            external_ref=ExternalRef(source=advice.source, id=advice.external_id or "") if known else None,
            amount=to_text(advice.amount_minor, advice.currency),
            lines_amount=to_text(advice.lines_minor, advice.currency),
            difference_amount=to_text(advice.amount_minor - advice.lines_minor, advice.currency),
            payments=[_joined(join) for join in joins],
            allowed_actions=list(allowed_actions(advice.state)),
            **facts,
        )


_PLAIN = (
    "id", "legal_entity_id", "account_id", "payer_name", "payer_bank_identifier", "payment_reference", "currency",
    "totals_check", "lines_count", "expected_date", "received_on", "channel", "state", "repeats_id", "cancel_reason",
    "version", "created_at", "updated_at",
)  # fmt: skip


def _joined(join: RemittanceJoin) -> JoinedPayment:
    facts: Any = {"evidence": join.evidence}
    return JoinedPayment(payment_id=join.payment_id, line_positions=join.positions, joined_at=join.recorded_at, **facts)


class RemittanceTextRead(RemittanceAdviceRead):
    """The advice, and the lines of the text that look like documents but could not be read for sure."""

    unread_lines: list[str]


class RemittanceLineRead(BaseModel):
    """One document of an advice and which of ours it is. `ambiguous`: several fit."""

    position: int
    document_number: str
    gross_amount: AmountOut | None
    amount: AmountOut
    discount_amount: AmountOut
    deduction_amount: AmountOut
    deduction_reason: str | None
    resolution: Resolution
    instalment_id: UUID | None
    credit_memo_id: UUID | None

    @classmethod
    def of(cls, line: RemittanceLine, currency: str) -> RemittanceLineRead:
        """From the row and the advice's currency."""
        resolution: Any = line.resolution
        return cls(
            position=line.position,
            document_number=line.document_number,
            gross_amount=None if line.gross_minor is None else to_text(line.gross_minor, currency),
            amount=to_text(line.amount_minor, currency),
            discount_amount=to_text(line.discount_minor, currency),
            deduction_amount=to_text(line.deduction_minor, currency),
            deduction_reason=line.deduction_reason,
            resolution=resolution,
            instalment_id=line.instalment_id,
            credit_memo_id=line.credit_memo_id,
        )


class RemittanceAdviceCounts(BaseModel):
    """How many advices stand in each state, for badges."""

    open: int = 0
    joined: int = 0
    settled: int = 0
    cancelled: int = 0
