"""SQL of bank statements and their entries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.infra.database import ReadSession, WriteSession
from app.integrations.errors import BankEntryNotFound, BankStatementNotFound
from app.integrations.models import BankEntry, BankStatement

_STAMP = "version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz"
_INSERT_STATEMENT = """
INSERT INTO bank_statements (organization_id, id, bank_account_id, import_id, identity, format, statement_reference,
    sequence_number, currency, from_date, to_date, opening_minor, closing_minor, credits_minor, debits_minor,
    entries_count, balance_check, continuity, problems)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19::jsonb)
ON CONFLICT (organization_id, bank_account_id, identity) DO NOTHING RETURNING id
"""
_ENTRY_COLUMNS = (
    ("id", "uuid"), ("bank_account_id", "uuid"), ("statement_id", "uuid"), ("identity", "text"),
    ("entry_identity", "text"), ("position", "text"), ("amount_minor", "bigint"), ("currency", "text"),
    ("is_credit", "bool"), ("is_reversal", "bool"), ("bank_status", "text"), ("booking_date", "date"),
    ("value_date", "date"), ("bank_reference", "text"), ("end_to_end_id", "text"), ("counterparty_name", "text"),
    ("counterparty_identifier", "text"), ("details", "jsonb"), ("outcome", "text"), ("outcome_detail", "text"),
    ("payment_id", "uuid"),
)  # fmt: skip
_INSERT_ENTRIES = (
    f"INSERT INTO bank_entries (organization_id, {', '.join(name for name, _ in _ENTRY_COLUMNS)}) SELECT $1, * FROM"
    f" unnest({', '.join(f'${place}::{kind}[]' for place, (_, kind) in enumerate(_ENTRY_COLUMNS, start=2))})"
)
_BOOK_PENDING = """
UPDATE bank_entries SET statement_id = $3, bank_status = 'booked', position = $4, booking_date = $5, value_date = $6,
    details = $7::jsonb, outcome = $8, outcome_detail = $9, payment_id = $10
WHERE organization_id = $1 AND id = $2
"""
_KNOWN = """
SELECT e.id, e.identity, e.entry_identity, e.bank_status, s.format, e.details -> 'also_read' AS also_read
FROM bank_entries e JOIN bank_statements s ON s.organization_id = $1 AND s.id = e.statement_id
WHERE e.organization_id = $1 AND e.bank_account_id = $2
    AND (e.identity = ANY($3::text[]) OR e.entry_identity = ANY($3::text[]))
"""
# Statements of other formats that reach into these days, and their booking lines (a batch is one).
_LINES_OF_OTHERS = """
SELECT e.entry_identity, array_agg(e.id ORDER BY e.id) AS ids, bool_and(e.bank_status = 'booked') AS is_booked,
    e.currency, sum(CASE WHEN e.is_credit THEN e.amount_minor ELSE -e.amount_minor END)::bigint AS signed_minor,
    min(e.booking_date) AS booking_date, min(e.value_date) AS value_date, min(e.bank_reference) AS bank_reference,
    CASE WHEN count(*) = 1 THEN min(e.end_to_end_id) END AS end_to_end_id,
    CASE WHEN count(*) = 1 THEN min(e.counterparty_identifier) END AS counterparty_identifier,
    (array_agg(e.details -> 'also_read'))[1] AS also_read
FROM bank_statements s JOIN bank_entries e ON e.organization_id = $1 AND e.statement_id = s.id
WHERE s.organization_id = $1 AND s.bank_account_id = $2 AND s.format <> $3 AND s.to_date >= $4
    AND (s.from_date IS NULL OR s.from_date <= $5) AND e.bank_status <> 'info'
    AND e.outcome_detail IS DISTINCT FROM 'shown in its parts'
GROUP BY e.entry_identity, e.currency ORDER BY ids
"""
_ALSO_READ = """
UPDATE bank_entries e SET details = e.details || jsonb_build_object('also_read',
    coalesce(e.details -> 'also_read', '{}'::jsonb) || jsonb_build_object($2::text, r.key))
FROM unnest($3::uuid[], $4::text[]) AS r(id, key) WHERE e.organization_id = $1 AND e.id = r.id
"""
_REVERSIBLE = """
SELECT p.id, p.payer_bank_identifier, p.end_to_end_id, p.bank_reference, p.value_date FROM payments p
WHERE p.organization_id = $1 AND p.bank_account_id = $2 AND p.currency = $3 AND p.amount_minor = $4
    AND p.withdrawn_minor = 0 AND p.value_date BETWEEN $5 AND $6
    AND (p.end_to_end_id = ANY($7::text[]) OR p.bank_reference = ANY($7::text[]) OR p.payer_bank_identifier = $8)
ORDER BY p.id LIMIT 50
"""
_NEIGHBOUR = """
SELECT id, sequence_number, from_date, to_date, opening_minor, closing_minor, continuity FROM bank_statements
WHERE organization_id = $1 AND bank_account_id = $2 AND id <> $3 AND opening_minor IS NOT NULL
    AND closing_minor IS NOT NULL AND to_date IS NOT NULL
    AND (to_date, coalesce(sequence_number::numeric, 0), id) {} ($4::date, coalesce($5::numeric, 0), $3)
ORDER BY to_date {}, coalesce(sequence_number::numeric, 0) {}, id {} LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A statement on its way into its table."""

    id: UUID
    bank_account_id: UUID
    import_id: UUID | None
    identity: str
    format: str
    statement_reference: str
    sequence_number: str | None
    currency: str
    from_date: date | None
    to_date: date | None
    opening_minor: int | None
    closing_minor: int | None
    credits_minor: int
    debits_minor: int
    entries_count: int
    balance_check: str
    continuity: str
    problems: list[dict[str, str]]


@dataclass(slots=True)
class EntryRow:
    """An entry on its way into its table; see `models.BankEntry`."""

    id: UUID
    bank_account_id: UUID
    statement_id: UUID
    identity: str
    entry_identity: str
    position: str
    amount_minor: int
    currency: str
    is_credit: bool
    is_reversal: bool
    bank_status: str
    booking_date: date | None
    value_date: date | None
    bank_reference: str | None
    end_to_end_id: str | None
    counterparty_name: str | None
    counterparty_identifier: str | None
    details: str
    outcome: str
    outcome_detail: str | None = None
    payment_id: UUID | None = None


async def own_accounts(session: ReadSession) -> list[Any]:
    """The organization's own bank accounts."""
    return list(
        await session.driver.fetch(
            "SELECT id, legal_entity_id, identifier, currency FROM bank_accounts WHERE organization_id = $1",
            session.organization_id,
        )
    )


async def insert_statement(session: WriteSession, row: StatementRow) -> bool:
    """Insert the statement; False when it was read before."""
    made = await session.driver.fetchval(
        _INSERT_STATEMENT,
        session.organization_id,
        row.id,
        row.bank_account_id,
        row.import_id,
        row.identity,
        row.format,
        row.statement_reference,
        row.sequence_number,
        row.currency,
        row.from_date,
        row.to_date,
        row.opening_minor,
        row.closing_minor,
        row.credits_minor,
        row.debits_minor,
        row.entries_count,
        row.balance_check,
        row.continuity,
        json.dumps(row.problems),
    )
    return made is not None


async def statement_id_of(session: ReadSession, bank_account_id: UUID, identity: str) -> UUID:
    """The statement that was read before."""
    found: UUID = await session.driver.fetchval(
        "SELECT id FROM bank_statements WHERE organization_id = $1 AND bank_account_id = $2 AND identity = $3",
        session.organization_id,
        bank_account_id,
        identity,
    )
    return found


async def known_entries(session: ReadSession, bank_account_id: UUID, keys: Sequence[str]) -> list[Any]:
    """Entries on record that have one of the keys, as part or as whole booking line."""
    return list(await session.driver.fetch(_KNOWN, session.organization_id, bank_account_id, list(keys)))


async def lines_of_other_formats(
    session: ReadSession, bank_account_id: UUID, file_format: str, since: date, until: date
) -> list[Any]:
    """Booking lines on record that statements of other formats brought, about these days; batches as one."""
    return list(
        await session.driver.fetch(
            _LINES_OF_OTHERS, session.organization_id, bank_account_id, file_format, since, until
        )
    )


async def remember_readings(session: WriteSession, file_format: str, keys: Sequence[tuple[UUID, str]]) -> None:
    """Write down that these entries were read in that format, too, and by which key."""
    await session.driver.execute(
        _ALSO_READ, session.organization_id, file_format, [id_ for id_, _ in keys], [key for _, key in keys]
    )


async def insert_entries(session: WriteSession, rows: Sequence[EntryRow]) -> None:
    """Insert entries."""
    columns = [[getattr(row, name) for row in rows] for name, _ in _ENTRY_COLUMNS]
    await session.driver.execute(_INSERT_ENTRIES, session.organization_id, *columns)


async def book_pending(session: WriteSession, entry_id: UUID, row: EntryRow) -> None:
    """A pending entry has been booked: it becomes what the booked one is."""
    await session.driver.execute(
        _BOOK_PENDING,
        session.organization_id,
        entry_id,
        row.statement_id,
        row.position,
        row.booking_date,
        row.value_date,
        row.details,
        row.outcome,
        row.outcome_detail,
        row.payment_id,
    )


async def reversible_payments(
    session: ReadSession, entry: EntryRow, since: date, until: date, references: Sequence[str]
) -> list[Any]:
    """Payments on this bank account of this amount that share a reference or the payer's account with the entry."""
    return list(
        await session.driver.fetch(
            _REVERSIBLE,
            session.organization_id,
            entry.bank_account_id,
            entry.currency,
            entry.amount_minor,
            since,
            until,
            list(references),
            entry.counterparty_identifier,
        )
    )


async def neighbour(session: ReadSession, row: StatementRow, *, following: bool) -> Any | None:
    """The statement with balances of the same account that comes before (or after) this one."""
    sign, way = (">", "ASC") if following else ("<", "DESC")
    return await session.driver.fetchrow(
        _NEIGHBOUR.format(sign, way, way, way),
        session.organization_id,
        row.bank_account_id,
        row.id,
        row.to_date,
        row.sequence_number,
    )


async def set_continuity(session: WriteSession, statement_id: UUID, continuity: str) -> None:
    """Write how a statement follows the one before it."""
    await session.driver.execute(
        f"UPDATE bank_statements SET continuity = $3, {_STAMP} WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        statement_id,
        continuity,
    )


@dataclass(frozen=True, slots=True)
class StatementFilter:
    """What a list of statements may be narrowed by."""

    bank_account_id: UUID | None = None
    import_id: UUID | None = None
    continuity: str | None = None
    balance_check: str | None = None
    to_from: date | None = None
    to_to: date | None = None


def statements_statement(organization_id: UUID, wanted: StatementFilter) -> Select[Any]:
    """The statement of a list of bank statements, without order and bounds."""
    statement = select(BankStatement).where(BankStatement.organization_id == organization_id)
    for name in ("bank_account_id", "import_id", "continuity", "balance_check"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(BankStatement, name) == value)
    if wanted.to_from is not None:
        statement = statement.where(BankStatement.to_date >= wanted.to_from)
    if wanted.to_to is not None:
        statement = statement.where(BankStatement.to_date <= wanted.to_to)
    return statement


async def get_statement(session: ReadSession, statement_id: UUID) -> BankStatement:
    """The statement. Raises BankStatementNotFound."""
    found = await session.get(BankStatement, (session.organization_id, statement_id), populate_existing=True)
    if found is None:
        raise BankStatementNotFound("no such bank statement")
    return found


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What a list of bank entries may be narrowed by."""

    statement_id: UUID | None = None
    bank_account_id: UUID | None = None
    payment_id: UUID | None = None
    outcome: str | None = None
    bank_status: str | None = None
    is_credit: bool | None = None
    end_to_end_id: str | None = None
    booked_from: date | None = None
    booked_to: date | None = None


def entries_statement(organization_id: UUID, wanted: EntryFilter) -> Select[Any]:
    """The statement of a list of bank entries, without order and bounds."""
    statement = select(BankEntry).where(BankEntry.organization_id == organization_id)
    for name in ("statement_id", "bank_account_id", "payment_id", "outcome", "bank_status", "is_credit",
                 "end_to_end_id"):  # fmt: skip
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(BankEntry, name) == value)
    if wanted.booked_from is not None:
        statement = statement.where(BankEntry.booking_date >= wanted.booked_from)
    if wanted.booked_to is not None:
        statement = statement.where(BankEntry.booking_date <= wanted.booked_to)
    return statement


async def get_entry(session: ReadSession, entry_id: UUID) -> BankEntry:
    """The entry. Raises BankEntryNotFound."""
    found = await session.get(BankEntry, (session.organization_id, entry_id), populate_existing=True)
    if found is None:
        raise BankEntryNotFound("no such bank entry")
    return found
