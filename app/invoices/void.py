"""Void a document: nothing of it is owed any more. What is applied or adjusted must be undone first."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.invoices import queries
from app.invoices.errors import EffectiveDateTooEarly, InvoiceHasApplications, InvoiceVoid
from app.invoices.models import Instalment, Invoice
from app.invoices.rules import tax_share
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

    Raises InvoiceNotFound, StaleVersion, InvoiceVoid, InvoiceHasApplications, EffectiveDateTooEarly, PeriodClosed.
    """
    invoice = await queries.lock_invoice(session, invoice_id)
    check_version(expected_version, invoice.version)
    instalments = await queries.lock_instalments(session, invoice_id)
    if invoice.voided_at is not None:
        raise InvoiceVoid("the document is void already")
    if any(part.applied_minor for part in instalments):
        raise InvoiceHasApplications("undo the applications of the document before voiding it")
    if effective_date < invoice.accounting_date:
        raise EffectiveDateTooEarly("a void cannot be dated before the document", pointer="/effective_date")
    await require_open_period(session, invoice.legal_entity_id, effective_date)
    open_parts = [part for part in instalments if part.open_minor]
    await queries.void_documents(session, [invoice_id], effective_date, reason, session.actor.name, session.actor.id)
    post(session, [row for part in open_parts for row in _reversal(invoice, part, effective_date)])
    record_change(
        session,
        ChangeRow(
            entity_type="invoice",
            entity_id=invoice_id,
            event="invoice.voided",
            before={"open_minor": sum(part.open_minor for part in open_parts)},
            after={"open_minor": 0, "void_date": effective_date},
            effective_date=effective_date,
            reason=reason,
        ),
    )


def _reversal(invoice: Invoice, part: Instalment, on: date) -> list[TransferRow]:
    income = chart.FINANCE_CHARGE_INCOME if invoice.kind == "finance_charge" else chart.REVENUE
    tax = tax_share(part.open_minor, invoice.tax_minor, invoice.amount_minor)
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
            source_id=invoice.id,
        )
        for account, amount in ((income, part.open_minor - tax), (chart.TAX_PAYABLE, tax))
    ]
