"""SQL of the invoices room: reads, locks and lists of documents. Inserts are in `issuing.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.orm import aliased

from app.core.reference_keys import reference_key
from app.infra.database import Asking, ReadSession, WriteSession
from app.invoices.errors import InstalmentNotFound, InvoiceNotFound
from app.invoices.models import CreditMemo, Instalment, Invoice, InvoiceLine
from app.invoices.rules import REQUESTABLE

NO_KEY = {"key_share": True}  # FOR NO KEY UPDATE: rows that only refer to the locked one do not wait
# The discount follows what the source corrects, counted from the amount that it was offered on.
_DISCOUNT = """CASE WHEN p.corrected_minor <> 0 AND p.discount_minor > 0
    THEN round(p.discount_minor::numeric * greatest(0, p.amount_minor + p.corrected_minor) / p.amount_minor)::bigint
    ELSE p.discount_minor END"""
_DOCUMENT = f"""
SELECT i.id, i.kind, i.number, i.source, i.external_id, i.legal_entity_id, i.account_id, i.currency, i.amount_minor,
    i.corrected_minor, i.tax_minor, i.corrected_tax_minor, i.invoice_date, i.accounting_date, i.payment_terms_id,
    i.terms_differ, i.purchase_order, i.delivery_reference, i.contract_reference, i.payment_reference,
    i.delivery_status, i.void_date, i.void_reason, i.corrects_id, i.created_at, i.version + p.changes AS version,
    p.updated_at, p.applied_minor, p.instalments, CASE WHEN p.adjusted THEN (
        SELECT coalesce(sum(a.amount_minor), 0) <> 0 FROM instalments s
        JOIN adjustments a ON a.organization_id = $1 AND a.instalment_id = s.id AND a.state = 'posted'
        WHERE s.organization_id = $1 AND s.invoice_id = i.id AND a.kind = ANY($3::text[])) ELSE false END AS adjusted
FROM invoices i
CROSS JOIN LATERAL (
    SELECT sum(p.version - 1)::int AS changes, max(p.updated_at) AS updated_at,
        sum(p.applied_minor)::bigint AS applied_minor, bool_or(p.adjusted_minor + p.corrected_minor <> 0) AS adjusted,
        json_agg(json_build_array(p.id, p.ordinal, p.due_date, p.original_due_date, p.amount_minor + p.corrected_minor,
                                  p.open_minor, {_DISCOUNT}, p.discount_date, p.status) ORDER BY p.ordinal)
            AS instalments
    FROM instalments p WHERE p.organization_id = $1 AND p.invoice_id = i.id
) p
WHERE i.organization_id = $1 AND i.id = ANY($2::uuid[])
"""


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What issuing needs to know of an account."""

    id: UUID
    payment_terms_id: UUID | None


async def account_facts(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, AccountFacts]:
    """The accounts of these ids that exist in the organization."""
    rows = await session.driver.fetch(
        "SELECT id, payment_terms_id FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"]: AccountFacts(row["id"], row["payment_terms_id"]) for row in rows}


@dataclass(frozen=True, slots=True)
class LockedInvoice:
    """A document with its instalments in their order, all locked for a change."""

    invoice: Invoice
    parts: list[Instalment]

    @property
    def version(self) -> int:
        """The document's version: any change of an instalment raises it."""
        return self.invoice.version + sum(part.version - 1 for part in self.parts)


async def get_invoice(session: ReadSession, invoice_id: UUID) -> Invoice:
    """The invoice as it is now. Raises InvoiceNotFound."""
    found = await session.get(Invoice, (session.organization_id, invoice_id), populate_existing=True)
    if found is None:
        raise InvoiceNotFound("no such invoice")
    return found


async def lock_document(session: WriteSession, invoice_id: UUID) -> LockedInvoice:
    """The document for a change: its instalments by id, then the invoice. Raises InvoiceNotFound.

    The instalments come first, as everywhere: whoever applies money locks only these.
    """
    statement = (
        select(Instalment)
        .where(Instalment.organization_id == session.organization_id, Instalment.invoice_id == invoice_id)
        .order_by(Instalment.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    parts = list((await session.execute(statement)).scalars())
    key = (session.organization_id, invoice_id)
    invoice = await session.get(Invoice, key, with_for_update=NO_KEY, populate_existing=True)
    if invoice is None:
        raise InvoiceNotFound("no such invoice")
    return LockedInvoice(invoice, sorted(parts, key=lambda part: part.ordinal))


async def find_invoice_id(session: ReadSession, source: str, external_id: str) -> UUID | None:
    """The document that is not void with this external reference, or None."""
    found: UUID | None = await session.driver.fetchval(
        "SELECT id FROM invoices WHERE organization_id = $1 AND source = $2 AND external_id = $3"
        " AND external_id IS NOT NULL AND voided_at IS NULL",
        session.organization_id,
        source,
        external_id,
    )
    return found


async def invoice_id_of(session: ReadSession, instalment_id: UUID) -> UUID:
    """The document of an instalment. Raises InstalmentNotFound."""
    found: UUID | None = await session.driver.fetchval(
        "SELECT invoice_id FROM instalments WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        instalment_id,
    )
    if found is None:
        raise InstalmentNotFound("no such instalment")
    return found


async def get_instalment(session: ReadSession, instalment_id: UUID) -> Instalment:
    """The instalment as it is now. Raises InstalmentNotFound."""
    found = await session.get(Instalment, (session.organization_id, instalment_id), populate_existing=True)
    if found is None:
        raise InstalmentNotFound("no such instalment")
    return found


async def lock_instalment(session: WriteSession, instalment_id: UUID) -> Instalment:
    """One instalment, locked for a change. Raises InstalmentNotFound."""
    key = (session.organization_id, instalment_id)
    found = await session.get(Instalment, key, with_for_update=NO_KEY, populate_existing=True)
    if found is None:
        raise InstalmentNotFound("no such instalment")
    return found


async def list_lines(session: ReadSession, invoice_id: UUID) -> list[InvoiceLine]:
    """The lines of an invoice, in order."""
    statement = (
        select(InvoiceLine)
        .where(InvoiceLine.organization_id == session.organization_id, InvoiceLine.invoice_id == invoice_id)
        .order_by(InvoiceLine.position)
    )
    return list((await session.execute(statement)).scalars())


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """What a list of invoices may be narrowed by."""

    account_id: UUID | None = None
    legal_entity_id: UUID | None = None
    kind: str | None = None
    number: str | None = None
    source: str | None = None
    external_id: str | None = None
    currency: str | None = None
    purchase_order: str | None = None
    open: bool | None = None
    due_from: date | None = None
    due_to: date | None = None
    invoice_from: date | None = None
    invoice_to: date | None = None
    updated_since: datetime | None = None


Latest = aliased(Instalment, name="latest")
"""The instalment of a document that was changed last; of `invoices_statement` with `by_update`."""
_Later = aliased(Instalment, name="later")


def invoices_statement(organization_id: UUID, wanted: InvoiceFilter, *, by_update: bool = False) -> Select[Any]:
    """The statement of a list of invoices, without order and bounds.

    With `by_update`, or `updated_since`, each is joined with `Latest`, so that an index of instalments leads.
    """
    statement = select(Invoice.id).where(Invoice.organization_id == organization_id)
    for name in ("account_id", "legal_entity_id", "kind", "number", "source", "external_id", "currency",
                 "purchase_order"):  # fmt: skip
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Invoice, name) == value)
    if wanted.external_id is not None:
        statement = statement.where(by_external_id(Invoice))
    if wanted.number is not None:  # the key has the index
        statement = statement.where(Invoice.number_key == reference_key(wanted.number))
    if wanted.invoice_from is not None:
        statement = statement.where(Invoice.invoice_date >= wanted.invoice_from)
    if wanted.invoice_to is not None:
        statement = statement.where(Invoice.invoice_date <= wanted.invoice_to)
    if by_update or wanted.updated_since is not None:
        statement = statement.join(
            Latest, and_(Latest.organization_id == organization_id, Latest.invoice_id == Invoice.id)
        ).where(~_changed_later(organization_id))
    if wanted.updated_since is not None:
        statement = statement.where(Latest.updated_at >= wanted.updated_since)
    return _by_instalments(statement, organization_id, wanted)


def by_external_id(document: type[Invoice] | type[CreditMemo]) -> Any:
    """Always true where an external id is asked for; said so that the indexes of live and of void documents serve."""
    known = document.external_id.is_not(None)
    return or_(and_(known, document.voided_at.is_(None)), and_(known, document.voided_at.is_not(None)))


def _changed_later(organization_id: UUID) -> Any:
    return exists().where(
        _Later.organization_id == organization_id,
        _Later.invoice_id == Latest.invoice_id,
        or_(
            _Later.updated_at > Latest.updated_at,
            and_(_Later.updated_at == Latest.updated_at, _Later.id > Latest.id),
        ),
    )


def _by_instalments(statement: Select[Any], organization_id: UUID, wanted: InvoiceFilter) -> Select[Any]:
    """One instalment that fits all: `open=true&due_to=…` is an open one that is due by then."""
    one = select(Instalment.id).where(
        Instalment.organization_id == organization_id, Instalment.invoice_id == Invoice.id
    )
    still_open = one.where(Instalment.open_minor != 0).exists()
    if wanted.open is False:
        statement = statement.where(~still_open)
    fits = one
    if wanted.due_from is not None:
        fits = fits.where(Instalment.due_date >= wanted.due_from)
    if wanted.due_to is not None:
        fits = fits.where(Instalment.due_date <= wanted.due_to)
    if wanted.open is True:
        fits = fits.where(Instalment.open_minor != 0)
    if wanted.open is True or wanted.due_from is not None or wanted.due_to is not None:
        statement = statement.where(fits.exists())
    return statement


async def invoice_documents(session: Asking, ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Invoices with their instalments as rows ready for `schemas.invoice_read`, by id."""
    rows = await session.driver.fetch(_DOCUMENT, session.organization_id, list(ids), list(REQUESTABLE))
    return {row["id"]: row for row in rows}
