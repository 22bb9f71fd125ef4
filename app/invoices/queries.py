"""All SQL of the invoices room: reads, locks, and the set-wise inserts of documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.infra.database import ReadSession, WriteSession
from app.invoices.errors import InstalmentNotFound, InvoiceNotFound
from app.invoices.models import Instalment, Invoice, InvoiceLine
from app.invoices.rules import IssueInvoice

_INSERT_INVOICES = """
INSERT INTO invoices (organization_id, id, kind, number, number_key, digits_key, tail_key, source, external_id,
    legal_entity_id, account_id, currency, amount_minor, tax_minor, invoice_date, accounting_date, payment_terms_id,
    terms_differ, purchase_order, purchase_order_key, delivery_reference, contract_reference, corrects_id)
SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::uuid[], $11::uuid[], $12::text[], $13::bigint[], $14::bigint[], $15::date[], $16::date[],
    $17::uuid[], $18::bool[], $19::text[], $20::text[], $21::text[], $22::text[], $23::uuid[])
ON CONFLICT DO NOTHING RETURNING id
"""
_INSERT_INSTALMENTS = """
INSERT INTO instalments (organization_id, id, invoice_id, ordinal, account_id, legal_entity_id, currency, due_date,
    original_due_date, accounting_date, invoice_date, amount_minor, adjusted_minor, discount_minor, discount_date,
    later_discounts, status)
SELECT $1, r.id, r.invoice_id, r.ordinal, r.account_id, r.legal_entity_id, r.currency, r.due_date, r.due_date,
    r.accounting_date, r.invoice_date, r.amount_minor, r.adjusted_minor, r.discount_minor, r.discount_date,
    r.later_discounts, r.status
FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::uuid[], $6::uuid[], $7::text[], $8::date[], $9::date[],
    $10::date[], $11::bigint[], $12::bigint[], $13::bigint[], $14::date[], $15::jsonb[], $16::text[])
    AS r(id, invoice_id, ordinal, account_id, legal_entity_id, currency, due_date, accounting_date, invoice_date,
         amount_minor, adjusted_minor, discount_minor, discount_date, later_discounts, status)
"""
_INSERT_LINES = """
INSERT INTO invoice_lines (organization_id, id, invoice_id, position, description, quantity, amount_minor, tax_minor)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::numeric[], $7::bigint[], $8::bigint[])
"""
_INSERT_POSTED_ADJUSTMENTS = """
INSERT INTO adjustments (organization_id, id, instalment_id, legal_entity_id, account_id, currency, kind, reason_code,
    amount_minor, tax_minor, state, effective_date, requested_by, requested_by_id, posted_at)
SELECT $1, r.id, r.instalment_id, r.legal_entity_id, r.account_id, r.currency, r.kind, r.reason_code, r.amount_minor,
    r.tax_minor, 'posted', r.effective_date, r.requested_by, r.requested_by_id,
    current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::bigint[],
    $10::bigint[], $11::date[], $12::text[], $13::uuid[])
    AS r(id, instalment_id, legal_entity_id, account_id, currency, kind, reason_code, amount_minor, tax_minor,
         effective_date, requested_by, requested_by_id)
"""
# One look into the index for each key, whatever the planner thinks of the table: `LIMIT` forbids another join.
_TAKEN_NUMBERS = """
SELECT i.legal_entity_id, i.kind, i.source, i.number
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS w(legal_entity_id, kind, source, number)
CROSS JOIN LATERAL (
    SELECT i.legal_entity_id, i.kind, i.source, i.number FROM invoices i
    WHERE i.organization_id = $1 AND i.legal_entity_id = w.legal_entity_id AND i.kind = w.kind
        AND i.source = w.source AND i.number = w.number AND i.voided_at IS NULL LIMIT 1
) i
"""
_TAKEN_EXTERNAL_IDS = """
SELECT i.source, i.external_id FROM unnest($2::text[], $3::text[]) AS w(source, external_id)
CROSS JOIN LATERAL (
    SELECT i.source, i.external_id FROM invoices i
    WHERE i.organization_id = $1 AND i.source = w.source AND i.external_id = w.external_id
        AND i.external_id IS NOT NULL AND i.voided_at IS NULL LIMIT 1
) i
"""


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What issuing needs to know of an account."""

    id: UUID
    payment_terms_id: UUID | None


@dataclass(slots=True)
class TakenNumbers:
    """Numbers and external ids in use, in the database and earlier in the same batch."""

    numbers: set[tuple[UUID, str, str, str]] = field(default_factory=set)
    external_ids: set[tuple[str, str]] = field(default_factory=set)

    def claim_number(self, command: IssueInvoice) -> bool:
        """True when the number was free; it is taken from now on."""
        key = (command.legal_entity_id, command.kind, command.source, command.number)
        return _claim(self.numbers, key)

    def claim_external_id(self, command: IssueInvoice) -> bool:
        """True when there is no external id, or it was free."""
        return command.external_id is None or _claim(self.external_ids, (command.source, command.external_id))


def _claim(taken: set[Any], key: object) -> bool:
    if key in taken:
        return False
    taken.add(key)
    return True


async def account_facts(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, AccountFacts]:
    """The accounts of these ids that exist in the organization."""
    rows = await session.driver.fetch(
        "SELECT id, payment_terms_id FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"]: AccountFacts(row["id"], row["payment_terms_id"]) for row in rows}


async def taken_numbers(session: ReadSession, commands: Sequence[IssueInvoice]) -> TakenNumbers:
    """Which of the numbers and external ids of these commands are in use."""
    rows = await session.driver.fetch(
        _TAKEN_NUMBERS,
        session.organization_id,
        [command.legal_entity_id for command in commands],
        [command.kind for command in commands],
        [command.source for command in commands],
        [command.number for command in commands],
    )
    taken = TakenNumbers(numbers={tuple(row) for row in rows})
    referenced = [command for command in commands if command.external_id is not None]
    if referenced:
        rows = await session.driver.fetch(
            _TAKEN_EXTERNAL_IDS,
            session.organization_id,
            [command.source for command in referenced],
            [command.external_id for command in referenced],
        )
        taken.external_ids = {tuple(row) for row in rows}
    return taken


async def _insert(session: WriteSession, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    await session.driver.execute(statement, session.organization_id, *columns)


async def insert_invoices(session: WriteSession, rows: Sequence[tuple[Any, ...]]) -> set[UUID]:
    """Insert documents, columns in the order of the statement; the ids of those whose number and reference were free.

    Waits for another writer that is just inserting the same ones.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    made = await session.driver.fetch(_INSERT_INVOICES, session.organization_id, *columns)
    return {row["id"] for row in made}


async def insert_instalments(session: WriteSession, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert instalments."""
    await _insert(session, _INSERT_INSTALMENTS, rows)


async def insert_lines(session: WriteSession, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert invoice lines."""
    await _insert(session, _INSERT_LINES, rows)


async def insert_posted_adjustments(session: WriteSession, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert adjustments that are posted at once (opening settlements, voids, corrections)."""
    await _insert(session, _INSERT_POSTED_ADJUSTMENTS, rows)


async def get_invoice(session: ReadSession, invoice_id: UUID) -> Invoice:
    """The invoice. Raises InvoiceNotFound."""
    found = await session.get(Invoice, (session.organization_id, invoice_id))
    if found is None:
        raise InvoiceNotFound("no such invoice")
    return found


async def lock_invoice(session: WriteSession, invoice_id: UUID) -> Invoice:
    """The invoice, locked for a change. Raises InvoiceNotFound."""
    found = await session.get(Invoice, (session.organization_id, invoice_id), with_for_update=True)
    if found is None:
        raise InvoiceNotFound("no such invoice")
    return found


async def find_invoice_by_reference(session: ReadSession, source: str, external_id: str) -> Invoice | None:
    """The invoice that is not void with this external reference, or None."""
    return (
        await session.execute(
            select(Invoice).where(
                Invoice.organization_id == session.organization_id,
                Invoice.source == source,
                Invoice.external_id == external_id,
                Invoice.voided_at.is_(None),
            )
        )
    ).scalar_one_or_none()


async def list_instalments(session: ReadSession, invoice_ids: Iterable[UUID]) -> dict[UUID, list[Instalment]]:
    """Instalments by invoice, in order."""
    statement = (
        select(Instalment)
        .where(Instalment.organization_id == session.organization_id, Instalment.invoice_id.in_(list(invoice_ids)))
        .order_by(Instalment.invoice_id, Instalment.ordinal)
    )
    found: dict[UUID, list[Instalment]] = {}
    for instalment in (await session.execute(statement)).scalars():
        found.setdefault(instalment.invoice_id, []).append(instalment)
    return found


async def get_instalment(session: ReadSession, instalment_id: UUID) -> Instalment:
    """The instalment as it is now. Raises InstalmentNotFound."""
    found = await session.get(Instalment, (session.organization_id, instalment_id), populate_existing=True)
    if found is None:
        raise InstalmentNotFound("no such instalment")
    return found


async def lock_instalments(session: WriteSession, invoice_id: UUID) -> list[Instalment]:
    """The instalments of an invoice, locked in the order of their ids."""
    statement = (
        select(Instalment)
        .where(Instalment.organization_id == session.organization_id, Instalment.invoice_id == invoice_id)
        .order_by(Instalment.id)
        .with_for_update()
    )
    return list((await session.execute(statement)).scalars())


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
    updated_since: Any = None


def invoices_statement(organization_id: UUID, wanted: InvoiceFilter) -> Select[Any]:
    """The statement of a list of invoices, without order and bounds."""
    statement = select(Invoice).where(Invoice.organization_id == organization_id)
    for name in ("account_id", "legal_entity_id", "kind", "number", "source", "external_id", "currency",
                 "purchase_order"):  # fmt: skip
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Invoice, name) == value)
    if wanted.invoice_from is not None:
        statement = statement.where(Invoice.invoice_date >= wanted.invoice_from)
    if wanted.invoice_to is not None:
        statement = statement.where(Invoice.invoice_date <= wanted.invoice_to)
    if wanted.updated_since is not None:
        statement = statement.where(Invoice.updated_at >= wanted.updated_since)
    instalment = select(Instalment.id).where(
        Instalment.organization_id == Invoice.organization_id, Instalment.invoice_id == Invoice.id
    )
    if wanted.open is not None:
        has_open = instalment.where(Instalment.open_minor != 0).exists()
        statement = statement.where(has_open if wanted.open else ~has_open)
    if wanted.due_from is not None:
        statement = statement.where(instalment.where(Instalment.due_date >= wanted.due_from).exists())
    if wanted.due_to is not None:
        statement = statement.where(instalment.where(Instalment.due_date <= wanted.due_to).exists())
    return statement


_VOID_INSTALMENTS = """
WITH taken AS (
    SELECT id, legal_entity_id, account_id, currency, open_minor FROM instalments
    WHERE organization_id = $1 AND invoice_id = ANY($2::uuid[]) AND open_minor <> 0
), adjusted AS (
    INSERT INTO adjustments (organization_id, id, instalment_id, legal_entity_id, account_id, currency, kind,
        reason_code, reason, amount_minor, state, effective_date, requested_by, requested_by_id, posted_at)
    SELECT $1, gen_random_uuid(), id, legal_entity_id, account_id, currency, 'void', 'void', $4, open_minor, 'posted',
        $3, $5, $6, current_setting('app.recorded_at')::timestamptz FROM taken
)
UPDATE instalments SET adjusted_minor = adjusted_minor + open_minor, status = 'void', version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND invoice_id = ANY($2::uuid[])
"""
_VOID_INVOICES = """
UPDATE invoices SET void_date = $3, void_reason = $4, voided_at = current_setting('app.recorded_at')::timestamptz,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""


async def void_documents(
    session: WriteSession, invoice_ids: Sequence[UUID], on: date, reason: str, actor_name: str, actor_id: UUID | None
) -> None:
    """Take what is open off the instalments as posted adjustments of kind `void`, and mark the documents."""
    ids = list(invoice_ids)
    await session.driver.execute(_VOID_INSTALMENTS, session.organization_id, ids, on, reason, actor_name, actor_id)
    await session.driver.execute(_VOID_INVOICES, session.organization_id, ids, on, reason)


_INVOICE_DOCUMENT = """
SELECT i.id, i.kind, i.number, i.source, i.external_id, i.legal_entity_id, i.account_id, i.currency, i.amount_minor,
    i.corrected_minor, i.tax_minor, i.invoice_date, i.accounting_date, i.payment_terms_id, i.terms_differ,
    i.purchase_order, i.delivery_reference, i.contract_reference, i.delivery_status, i.void_date,
    i.void_reason, i.corrects_id, i.version, i.created_at, i.updated_at,
    (SELECT json_agg(json_build_array(p.id, p.ordinal, p.due_date, p.original_due_date, p.amount_minor, p.open_minor,
                                      p.discount_minor, p.discount_date, p.status) ORDER BY p.ordinal)
     FROM instalments p WHERE p.organization_id = i.organization_id AND p.invoice_id = i.id) AS instalments
FROM invoices i WHERE i.organization_id = $1 AND i.id = ANY($2::uuid[])
"""


async def invoice_documents(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Invoices with their instalments as rows ready for `schemas.invoice_read`, by id."""
    rows = await session.driver.fetch(_INVOICE_DOCUMENT, session.organization_id, list(ids))
    return {row["id"]: row for row in rows}


async def lock_instalment(session: WriteSession, instalment_id: UUID) -> Instalment:
    """One instalment, locked for a change. Raises InstalmentNotFound."""
    key = (session.organization_id, instalment_id)
    found = await session.get(Instalment, key, with_for_update=True, populate_existing=True)
    if found is None:
        raise InstalmentNotFound("no such instalment")
    return found


async def last_change_date(session: ReadSession, instalment_id: UUID) -> date | None:
    """The effective date of the newest due-date change, or None."""
    found: date | None = await session.driver.fetchval(
        "SELECT max(effective_date) FROM instalment_changes WHERE organization_id = $1 AND instalment_id = $2",
        session.organization_id,
        instalment_id,
    )
    return found


async def set_due_date(session: WriteSession, instalment: Instalment, due_date: date) -> None:
    """Write the present due date of an instalment and raise both versions."""
    stamp = "version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz"
    key = "WHERE organization_id = $1 AND id = $2"
    organization = session.organization_id
    await session.driver.execute(
        f"UPDATE instalments SET due_date = $3, {stamp} {key}", organization, instalment.id, due_date
    )
    await session.driver.execute(f"UPDATE invoices SET {stamp} {key}", organization, instalment.invoice_id)
