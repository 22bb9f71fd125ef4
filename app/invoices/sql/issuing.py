"""SQL of issuing: which numbers are in use, and the set-wise inserts of documents with what belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.infra.database import ReadSession, WriteSession
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


@dataclass(slots=True)
class TakenNumbers:
    """Numbers and external ids in use, in the database and earlier in the same batch."""

    numbers: set[tuple[UUID, str, str, str]] = field(default_factory=set)
    external_ids: set[tuple[str, str]] = field(default_factory=set)

    def number_is_free(self, command: IssueInvoice) -> bool:
        """True when nobody has the number within legal entity, kind and source."""
        return _number(command) not in self.numbers

    def external_id_is_free(self, command: IssueInvoice) -> bool:
        """True when there is no external id, or nobody has it."""
        return command.external_id is None or (command.source, command.external_id) not in self.external_ids

    def claim(self, command: IssueInvoice) -> None:
        """Both are taken from now on."""
        self.numbers.add(_number(command))
        if command.external_id is not None:
            self.external_ids.add((command.source, command.external_id))


def _number(command: IssueInvoice) -> tuple[UUID, str, str, str]:
    return (command.legal_entity_id, command.kind, command.source, command.number)


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
