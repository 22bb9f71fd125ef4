"""SQL of issuing: which numbers are in use, and one statement that writes a batch of documents with what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from app.infra.change_log import changes_from, written_by_statement
from app.infra.database import ReadSession, WriteSession
from app.infra.tables import RECORDED_AT
from app.invoices.rules import IssueInvoice
from app.ledger import rules as chart
from app.ledger.posting import transfers_from


class IssueRow(NamedTuple):
    """An instalment with the values of its document, as the statement takes them. None stands for what is usual."""

    id: UUID  # of the document
    kind: str
    number: str
    number_key: str
    digits_key: str | None
    tail_key: str | None
    source: str
    external_id: str | None
    legal_entity_id: UUID
    account_id: UUID
    currency: str
    amount_minor: int
    tax_minor: int
    invoice_date: Any
    accounting_date: Any  # None: the invoice date
    payment_terms_id: UUID | None
    terms_differ: bool | None
    purchase_order: str | None
    purchase_order_key: str | None
    delivery_reference: str | None
    contract_reference: str | None
    corrects_id: UUID | None
    credit_account: str  # where the amount without tax is posted
    due_date: Any
    ordinal: int | None = None  # None: 1
    part_minor: int | None = None  # amount and tax of the instalment; None: those of the document
    part_tax_minor: int | None = None
    settled_minor: int | None = None
    discount_minor: int | None = None
    discount_date: Any = None
    later_discounts: str | None = None
    status: str | None = None  # None: open


_TYPES = (
    "uuid", "text", "text", "text", "text", "text", "text", "text", "uuid", "uuid", "text", "bigint", "bigint", "date",
    "date", "uuid", "bool", "text", "text", "text", "text", "uuid", "text", "date", "int", "bigint", "bigint", "bigint",
    "bigint", "date", "jsonb", "text",
)  # fmt: skip
_MOSTLY_ONE = frozenset({"kind", "source", "legal_entity_id", "currency", "credit_account"})
"""Columns, never null, that usually have one value in a whole batch: it is sent once."""
_FIRST = 9  # the parameters before are the organization, who acts, and the accounts of the chart
_USUAL = {
    "accounting_date": "d.invoice_date", "terms_differ": "false", "ordinal": "1", "part_minor": "d.amount_minor",
    "part_tax_minor": "d.tax_minor", "settled_minor": "0", "discount_minor": "0", "later_discounts": "'[]'::jsonb",
    "status": "'open'",
}  # fmt: skip


def _row_columns() -> str:
    columns = []
    for place, (name, type_) in enumerate(zip(IssueRow._fields, _TYPES, strict=True), start=_FIRST):
        value = f"d.{name}"
        if name in _MOSTLY_ONE:
            value = f"coalesce(d.{name}, (${place}::{type_}[])[1])"
        elif name in _USUAL:
            value = f"coalesce(d.{name}, {_USUAL[name]})"
        columns.append(f"{value} AS {name}")
    return ", ".join(columns)


def _own_id(kind: str, ordinal: str = "r.ordinal") -> str:
    """An id that follows from the document's: its time and random part, but the last three digits. Those made here
    would cost more to send than to insert; a digit tells the tables apart, two hold the ordinal of the instalment.
    """
    return f"(left(r.id::text, 33) || {kind} || lpad(to_hex({ordinal}), 2, '0'))::uuid"


_AT = f"(SELECT {RECORDED_AT.text})"  # a sub-select is evaluated once, a column's default for every row
_DATA = ", ".join(f"${place}::{type_}[]" for place, type_ in enumerate(_TYPES, start=_FIRST))
_TRANSFERS = transfers_from(
    f"""SELECT $1, {_own_id("t.kind")}, {_own_id("'6'", "0")}, r.legal_entity_id, t.event, t.debit, t.credit,
        t.amount_minor, r.currency, r.accounting_date, r.account_id, {_own_id("'1'")}, r.id, {_AT}
    FROM issued r CROSS JOIN LATERAL (VALUES
        ('2', 'invoice.issued', $6::text, r.credit_account, r.part_minor - r.part_tax_minor),
        ('3', 'invoice.issued', $6, $7::text, r.part_tax_minor),
        ('4', 'invoice.opening_settlement', $8::text, $6, r.settled_minor)
    ) AS t(kind, event, debit, credit, amount_minor) WHERE t.amount_minor > 0"""
)
_CHANGES = changes_from(
    f"""SELECT $1, {_own_id("'7'", "0")}, 'invoice', r.id, 'invoice.issued', r.accounting_date, $2::text, $3::uuid,
        $4::text, $5::text, jsonb_build_object('kind', r.kind, 'number', r.number, 'account_id', r.account_id,
            'amount_minor', r.amount_minor, 'currency', r.currency, 'due_date', r.due_date), {_AT}
    FROM issued r WHERE r.ordinal = 1"""
)
# Data-modifying parts run once and whole, and references are checked at the end of the statement. `NOT (… NOT IN …)`
# is a look into a hash; a plain `IN` may be planned as a loop over a loop, for the planner expects a few rows.
_ISSUE = f"""
WITH r AS MATERIALIZED (
    SELECT {_row_columns()}
    FROM unnest({_DATA}) AS d({", ".join(IssueRow._fields)})
), made AS (
    INSERT INTO invoices (organization_id, id, kind, number, number_key, digits_key, tail_key, source, external_id,
        legal_entity_id, account_id, currency, amount_minor, tax_minor, invoice_date, accounting_date,
        payment_terms_id, terms_differ, purchase_order, purchase_order_key, delivery_reference, contract_reference,
        corrects_id, created_at, updated_at)
    SELECT $1, r.id, r.kind, r.number, r.number_key, r.digits_key, r.tail_key, r.source, r.external_id,
        r.legal_entity_id, r.account_id, r.currency, r.amount_minor, r.tax_minor, r.invoice_date, r.accounting_date,
        r.payment_terms_id, r.terms_differ, r.purchase_order, r.purchase_order_key, r.delivery_reference,
        r.contract_reference, r.corrects_id, {_AT}, {_AT}
    FROM r WHERE r.ordinal = 1
    ON CONFLICT DO NOTHING RETURNING id
), issued AS MATERIALIZED (
    SELECT * FROM r WHERE NOT (r.id NOT IN (SELECT id FROM made))
), parts AS (
    INSERT INTO instalments (organization_id, id, invoice_id, ordinal, account_id, legal_entity_id, currency, due_date,
        original_due_date, accounting_date, invoice_date, amount_minor, adjusted_minor, discount_minor, discount_date,
        later_discounts, status, created_at, updated_at, recorded_at)
    SELECT $1, {_own_id("'1'")}, r.id, r.ordinal, r.account_id, r.legal_entity_id, r.currency, r.due_date, r.due_date,
        r.accounting_date, r.invoice_date, r.part_minor, r.settled_minor, r.discount_minor, r.discount_date,
        r.later_discounts, r.status, {_AT}, {_AT}, {_AT}
    FROM issued r
), settled AS (
    INSERT INTO adjustments (organization_id, id, instalment_id, legal_entity_id, account_id, currency, kind,
        reason_code, amount_minor, state, effective_date, requested_by, requested_by_id, posted_at, created_at,
        updated_at)
    SELECT $1, {_own_id("'5'")}, {_own_id("'1'")}, r.legal_entity_id, r.account_id, r.currency, 'opening_settlement',
        'opening_settlement', r.settled_minor, 'posted', r.accounting_date, $4, $3, {_AT}, {_AT}, {_AT}
    FROM issued r WHERE r.settled_minor > 0
), booked AS (
    {_TRANSFERS}
), logged AS (
    {_CHANGES}
)
SELECT r.id FROM r WHERE r.ordinal = 1 AND r.id NOT IN (SELECT id FROM made)
"""
_INSERT_LINES = """
INSERT INTO invoice_lines (organization_id, id, invoice_id, position, description, quantity, amount_minor, tax_minor)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::numeric[], $7::bigint[], $8::bigint[])
"""
# One look into the index for each key, whatever the planner thinks of the table: `LIMIT` forbids another join.
_TAKEN_NUMBERS = """
SELECT i.legal_entity_id, i.number, i.kind, i.source
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

    def claim(self, command: IssueInvoice) -> str | None:
        """Both are taken from now on; or what is in use already (`number`, `external_id`), and nothing changes."""
        number = (command.legal_entity_id, command.number, command.kind, command.source)
        if number in self.numbers:
            return "number"
        if command.external_id is not None:
            reference = (command.source, command.external_id)
            if reference in self.external_ids:
                return "external_id"
            self.external_ids.add(reference)
        self.numbers.add(number)
        return None


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


async def insert_documents(session: WriteSession, rows: Sequence[IssueRow]) -> set[UUID]:
    """Write documents with instalments, opening settlements, transfers and changes; the ids of those that were not.

    Those are the documents whose number or external id is in use. The rows of one document follow one another. Waits
    for another writer that is just inserting the same ones.
    """
    columns = [_sent(name, values) for name, values in zip(IssueRow._fields, zip(*rows, strict=True), strict=True)]
    actor = session.actor
    refused = await session.driver.fetch(
        _ISSUE,
        session.organization_id,
        actor.kind,
        actor.id,
        actor.name,
        session.request_id,
        chart.RECEIVABLES,
        chart.TAX_PAYABLE,
        chart.OPENING_BALANCE,
        *columns,
    )
    written_by_statement(session)
    return {row["id"] for row in refused}


def _sent(name: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """A column as it is sent: not at all when everything in it is usual, once when it has one value."""
    if name in _MOSTLY_ONE:
        return values[:1] if values.count(values[0]) == len(values) else values
    return None if values[-1] is None and values.count(None) == len(values) else values


async def insert_lines(session: WriteSession, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert invoice lines, columns in the order of the statement."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    await session.driver.execute(_INSERT_LINES, session.organization_id, *columns)
