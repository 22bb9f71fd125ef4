"""Void a document: nothing of it is owed any more. What is applied or adjusted must be undone first."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.core.money import allocate
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.invoices import queries
from app.invoices.errors import (
    EffectiveDateTooEarly,
    InvoiceHasAdjustments,
    InvoiceHasApplications,
    InvoiceNotFound,
    InvoiceVoid,
)
from app.invoices.late_facts import first_open_day
from app.invoices.models import Instalment, Invoice
from app.invoices.queries import LockedInvoice, lock_document
from app.invoices.rules import tax_of_part
from app.invoices.sql.adjustments import insert_posted_adjustments, standing_adjustments
from app.invoices.sql.changes import mark_void
from app.ledger import rules as chart
from app.ledger.posting import post, require_open_period
from app.ledger.rules import TransferRow


async def void_invoice(
    session: WriteSession,
    invoice_id: UUID,
    *,
    effective_date: date,
    reason: str,
    expected_version: int | None = None,
) -> None:
    """Void the document as of `effective_date`: what is still open goes back to revenue and tax.

    What was settled before the document came here (opening settlements) stays settled. Raises InvoiceNotFound,
    StaleVersion, InvoiceVoid, InvoiceHasApplications, InvoiceHasAdjustments, EffectiveDateTooEarly, PeriodClosed.
    """
    document = await lock_document(session, invoice_id)
    check_version(expected_version, document.version)
    await void_locked(session, document, effective_date, reason)


async def void_deleted(
    session: WriteSession, source: str, external_id: str, *, today: date, expected_version: int | None = None
) -> UUID:
    """Void the document that was deleted at its source, dated today (or the first day that can be posted to).

    Answers its id. Raises InvoiceNotFound when no document that is not void has this reference; else as `void_invoice`.
    """
    invoice_id = await queries.find_invoice_id(session, source, external_id)
    if invoice_id is None:
        raise InvoiceNotFound("the source has no such document here, or it is void already")
    document = await lock_document(session, invoice_id)
    check_version(expected_version, document.version)
    on = await first_open_day(session, document.invoice.legal_entity_id, max(today, earliest_void(document)))
    await void_locked(session, document, on, "deleted at its source")
    return invoice_id


def earliest_void(document: LockedInvoice) -> date:
    """The first day on which all that is open now was open: the accounting date, or when something came back."""
    came_back = [part.reopened_on for part in document.parts if part.reopened_on is not None]
    return max([document.invoice.accounting_date, *came_back])


async def void_locked(session: WriteSession, document: LockedInvoice, on: date, reason: str) -> None:
    """Void a locked document; see `void_invoice`."""
    invoice = document.invoice
    if invoice.voided_at is not None:
        raise InvoiceVoid("the document is void already")
    if any(part.applied_minor for part in document.parts):
        raise InvoiceHasApplications("undo the applications of the document before voiding it")
    standing = await standing_adjustments(session, invoice.id)
    if standing.adjusted_minor:
        raise InvoiceHasAdjustments("reverse the adjustments of the document before voiding it")
    earliest = earliest_void(document)
    if on < earliest:
        detail = f"not before {earliest}, the date of the document or the day on which it was last opened again"
        raise EffectiveDateTooEarly(detail, pointer="/effective_date", not_before=earliest.isoformat())
    await require_open_period(session, invoice.legal_entity_id, on)
    parts = [part for part in document.parts if part.open_minor]
    open_minor = sum(part.open_minor for part in parts)
    if parts:
        tax_minor = tax_of_part(
            open_minor,
            invoice.tax_minor + invoice.corrected_tax_minor,
            invoice.amount_minor + invoice.corrected_minor,
        )
        taxes = allocate(tax_minor, [part.open_minor for part in parts])
        rows = [_adjustment(session, part, tax, on, reason) for part, tax in zip(parts, taxes, strict=True)]
        await insert_posted_adjustments(session, rows)
        transfers = zip(parts, taxes, rows, strict=True)
        post(session, [move for part, tax, row in transfers for move in _reversal(invoice, part, tax, on, row[0])])
    await mark_void(session, invoice.id, on, reason)
    record_change(
        session,
        ChangeRow(
            entity_type="invoice",
            entity_id=invoice.id,
            event="invoice.voided",
            before={"open_minor": open_minor},
            after={"open_minor": 0, "void_date": on},
            effective_date=on,
            reason=reason,
        ),
    )


def _adjustment(session: WriteSession, part: Instalment, tax: int, on: date, reason: str) -> tuple[Any, ...]:
    return (
        new_id(),
        part.id,
        part.legal_entity_id,
        part.account_id,
        part.currency,
        "void",
        "void",
        reason,
        part.open_minor,
        tax,
        on,
        session.actor.name,
        session.actor.id,
    )


def _reversal(invoice: Invoice, part: Instalment, tax: int, on: date, adjustment_id: UUID) -> list[TransferRow]:
    income = chart.FINANCE_CHARGE_INCOME if invoice.kind == "finance_charge" else chart.REVENUE
    return [
        TransferRow(
            legal_entity_id=invoice.legal_entity_id,
            event="invoice.voided",
            debit_account=account,
            credit_account=chart.RECEIVABLES,
            amount_minor=amount,
            currency=invoice.currency,
            effective_date=on,
            account_id=invoice.account_id,
            instalment_id=part.id,
            source_id=adjustment_id,
        )
        for account, amount in ((income, part.open_minor - tax), (chart.TAX_PAYABLE, tax))
    ]
