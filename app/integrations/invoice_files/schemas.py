"""What the upload of an electronic invoice answers."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.integrations.invoice_files.service import Taken
from app.integrations.invoice_formats.records import EInvoice

Outcome = Literal["created", "updated", "corrected", "reissued", "unchanged", "attached"]
FileKind = Literal["invoice", "debit_memo", "credit_memo"]


class InvoiceFileRead(BaseModel):
    """What became of an electronic invoice."""

    outcome: Outcome = Field(description="`attached`: another source owns the document; the file agrees with it")
    kind: FileKind
    invoice_id: UUID | None
    credit_memo_id: UUID | None
    number: str
    account_id: UUID
    account_found_by: list[str] = Field(
        description="`caller`, `customer_number`, `vat_id`, `electronic_address`, `registered_id`"
    )
    legal_entity_id: UUID
    currency: str
    amount: AmountOut
    tax_amount: AmountOut
    prepaid_amount: AmountOut
    payment_reference: str | None
    document_id: UUID = Field(description="The file itself, attached as a copy")
    syntax: Literal["ubl", "cii"]
    profile: str
    notes: list[str]
    dry_run: bool = Field(False, description="Nothing was written")


def file_read(invoice: EInvoice, taken: Taken, *, dry_run: bool = False) -> InvoiceFileRead:
    """From what the file says and what became of it."""
    is_memo = taken.kind == "credit_memo"
    currency = invoice.currency
    return InvoiceFileRead.model_validate(
        {
            "outcome": taken.outcome,
            "kind": taken.kind,
            "invoice_id": None if is_memo else taken.document_id,
            "credit_memo_id": taken.document_id if is_memo else None,
            "number": invoice.number,
            "account_id": taken.account_id,
            "account_found_by": list(taken.found_by),
            "legal_entity_id": taken.legal_entity_id,
            "currency": currency,
            "amount": to_text(taken.what.amount_minor, currency),
            "tax_amount": to_text(taken.what.tax_minor, currency),
            "prepaid_amount": to_text(abs(invoice.prepaid_minor), currency),
            "payment_reference": invoice.payment_reference,
            "document_id": taken.file_id,
            "syntax": invoice.syntax.value,
            "profile": invoice.profile,
            "notes": list(taken.notes),
            "dry_run": dry_run,
        }
    )
