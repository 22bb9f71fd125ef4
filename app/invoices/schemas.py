"""What the invoices room takes and gives over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.money import exponent, to_minor, to_text
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
    text,
)
from app.invoices.models import InvoiceLine
from app.invoices.rules import (
    INSTALMENTS_LIMIT,
    LINES_LIMIT,
    InstalmentCommand,
    IssueInvoice,
    LineCommand,
    status_of_invoice,
)

Kind = Literal["invoice", "debit_memo", "finance_charge"]
Status = Literal["open", "partially_applied", "settled", "void", "written_off"]
Action = Literal["void", "change_due_date", "adjust", "apply"]


class InstalmentCreate(Input):
    """An explicit instalment."""

    due_date: BusinessDate
    amount: Amount


class LineCreate(Input):
    """A line of the document, as information."""

    description: Annotated[str, text(500)]
    amount: SignedAmount
    tax_amount: SignedAmount = "0"
    quantity: Amount | None = None


class InvoiceCreate(Input):
    """An invoice, debit memo or finance charge. `amount` includes the tax; the kind says the sign."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "number": "RE-2026-000123",
                    "account_id": "01981d8e-6a00-7000-8000-000000000001",
                    "legal_entity_id": "01981d8e-6a00-7000-8000-000000000002",
                    "currency": "EUR",
                    "amount": "1250.00",
                    "invoice_date": "2026-11-02",
                    "due_date": "2026-12-02",
                }
            ]
        },
    )
    kind: Kind = "invoice"
    number: Number
    account_id: UUID
    legal_entity_id: UUID
    currency: Currency
    amount: Amount
    tax_amount: Amount = "0"
    invoice_date: BusinessDate
    accounting_date: BusinessDate | None = None
    due_date: BusinessDate | None = None
    payment_terms_id: UUID | None = None
    instalments: Annotated[list[InstalmentCreate], Field(max_length=INSTALMENTS_LIMIT)] = []
    open_amount: Amount | None = Field(default=None, description="Below `amount`: the rest was settled before loading")
    external_ref: ExternalRef | None = None
    purchase_order: Annotated[str, text(64)] | None = None
    delivery_reference: Annotated[str, text(64)] | None = None
    contract_reference: Annotated[str, text(64)] | None = None
    lines: Annotated[list[LineCreate], Field(max_length=LINES_LIMIT)] = []

    def command(self) -> IssueInvoice:
        """The plain command; amounts in minor units. Raises AmountInvalid with the pointer of the field."""
        currency = self.currency
        exponent(currency)
        return IssueInvoice(
            kind=self.kind,
            number=self.number,
            legal_entity_id=self.legal_entity_id,
            account_id=self.account_id,
            currency=currency,
            amount_minor=to_minor(self.amount, currency),
            tax_minor=to_minor(self.tax_amount, currency, pointer="/tax_amount"),
            invoice_date=self.invoice_date,
            accounting_date=self.accounting_date,
            due_date=self.due_date,
            payment_terms_id=self.payment_terms_id,
            source=self.external_ref.source if self.external_ref else "manual",
            external_id=self.external_ref.id if self.external_ref else None,
            instalments=tuple(
                InstalmentCommand(part.due_date, to_minor(part.amount, currency, pointer=f"/instalments/{i}/amount"))
                for i, part in enumerate(self.instalments)
            ),
            open_minor=None
            if self.open_amount is None
            else to_minor(self.open_amount, currency, pointer="/open_amount"),
            purchase_order=self.purchase_order,
            delivery_reference=self.delivery_reference,
            contract_reference=self.contract_reference,
            lines=tuple(
                LineCommand(
                    line.description,
                    to_minor(line.amount, currency, pointer=f"/lines/{i}/amount"),
                    to_minor(line.tax_amount, currency, pointer=f"/lines/{i}/tax_amount"),
                    Decimal(line.quantity) if line.quantity is not None else None,
                )
                for i, line in enumerate(self.lines)
            ),
        )


class LineRead(BaseModel):
    """A line of the document."""

    position: int
    description: str
    quantity: str | None
    amount: SignedAmount
    tax_amount: SignedAmount


class InvoiceLines(BaseModel):
    """All lines of a document, in order."""

    data: list[LineRead]


class InvoiceVoidRequest(Input):
    """Why and as of when the document is void."""

    effective_date: BusinessDate
    reason: Reason


class InvoiceBatch(Input):
    """Documents to create or update, each with its `external_ref` (without one it is issued)."""

    items: Annotated[list[InvoiceCreate], Field(min_length=1, max_length=1000)]


class DueDateChange(Input):
    """The agreed due date, from when on it holds, and why."""

    due_date: BusinessDate
    effective_date: BusinessDate
    reason: Reason


class InstalmentRead(BaseModel):
    """An instalment: due date and open amount."""

    id: UUID
    ordinal: int
    due_date: date
    original_due_date: date
    amount: AmountOut
    open_amount: AmountOut
    discount_amount: AmountOut
    discount_date: date | None
    status: Status


class InvoiceRead(BaseModel):
    """An invoice, debit memo or finance charge with its instalments."""

    id: UUID
    kind: Kind
    number: str
    external_ref: ExternalRef | None
    legal_entity_id: UUID
    account_id: UUID
    currency: str
    amount: AmountOut
    tax_amount: AmountOut
    open_amount: AmountOut
    status: Status
    invoice_date: date
    accounting_date: date
    due_date: date
    payment_terms_id: UUID | None
    terms_differ: bool
    purchase_order: str | None
    delivery_reference: str | None
    contract_reference: str | None
    payment_reference: str | None = Field(description="What the payer is asked to quote, as the invoice prints it")
    delivery_status: str | None
    void_date: date | None
    void_reason: str | None
    corrects_id: UUID | None
    instalments: list[InstalmentRead]
    allowed_actions: list[Action]
    version: int
    created_at: datetime
    updated_at: datetime = Field(description="Of the latest change of the document or of an instalment, money included")


def allowed_actions(status: Status, open_minor: int, touched: bool) -> list[Action]:
    """What may be done with a document in this state; `touched` by money or by adjustments that stand."""
    if status == "void":
        return []
    actions: list[Action] = ["change_due_date", "adjust", "apply"] if open_minor else []
    return actions if touched else ["void", *actions]


def invoice_read(row: Mapping[str, Any]) -> InvoiceRead:
    """From a row of `queries.invoice_documents`."""
    currency = row["currency"]
    raw = row["instalments"]
    parts = [
        InstalmentRead(
            id=id_,
            ordinal=ordinal,
            due_date=due,
            original_due_date=original,
            amount=to_text(amount, currency),
            open_amount=to_text(open_minor, currency),
            discount_amount=to_text(discount, currency),
            discount_date=discount_date,
            status=status,
        )
        for id_, ordinal, due, original, amount, open_minor, discount, discount_date, status in raw
    ]
    open_minor = sum(part[5] for part in raw)
    status: Any = status_of_invoice([part[8] for part in raw])
    reference = None
    if row["external_id"] is not None:
        reference = ExternalRef(source=row["source"], id=row["external_id"])
    return InvoiceRead(
        external_ref=reference,
        amount=to_text(row["amount_minor"] + row["corrected_minor"], currency),
        tax_amount=to_text(row["tax_minor"] + row["corrected_tax_minor"], currency),
        open_amount=to_text(open_minor, currency),
        status=status,
        due_date=parts[0].due_date,
        instalments=parts,
        allowed_actions=allowed_actions(status, open_minor, bool(row["applied_minor"] or row["adjusted"])),
        **{name: row[name] for name in _PLAIN},
    )


def line_read(line: InvoiceLine, currency: str) -> LineRead:
    """From the row and the document's currency."""
    return LineRead(
        position=line.position,
        description=line.description,
        quantity=None if line.quantity is None else f"{line.quantity.normalize():f}",
        amount=to_text(line.amount_minor, currency),
        tax_amount=to_text(line.tax_minor, currency),
    )


_PLAIN = (
    "id", "kind", "number", "legal_entity_id", "account_id", "currency", "invoice_date", "accounting_date",
    "payment_terms_id", "terms_differ", "purchase_order", "delivery_reference", "contract_reference",
    "payment_reference", "delivery_status", "void_date", "void_reason", "corrects_id", "version", "created_at",
    "updated_at",
)  # fmt: skip
