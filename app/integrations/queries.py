"""All SQL of imports: their rows, their progress, and what loaders look up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.core.ids import new_id
from app.infra.database import ReadSession, WriteSession
from app.integrations.control_totals import OUTCOMES, READ, ControlTotals
from app.integrations.errors import ImportNotFound
from app.integrations.models import Import, ImportRowError
from app.integrations.row_values import Fault

_STAMP = "version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz"
_PROGRESS = f"""
UPDATE imports SET position = $4, byte_position = $5, rows_read = $6, rows_created = $7, rows_updated = $8,
    rows_unchanged = $9, rows_refused = $10, control_totals = $11::jsonb, {_STAMP}
WHERE organization_id = $1 AND id = $2 AND position = $3 AND state = 'running' RETURNING version
"""
_BEGIN = f"""
UPDATE imports SET state = 'running', started_at = coalesce(started_at, clock_timestamp()), {_STAMP}
WHERE organization_id = $1 AND id = $2 AND state IN ('queued', 'running') RETURNING *
"""
_END = f"""
UPDATE imports SET state = $3, error = $4::jsonb, finished_at = clock_timestamp(), {_STAMP}
WHERE organization_id = $1 AND id = $2 AND state IN ('queued', 'running') RETURNING version
"""
_ERRORS = """
INSERT INTO import_row_errors (organization_id, id, import_id, row_number, severity, field, code, detail)
SELECT $1, r.id, $2, r.row_number, r.severity, r.field, r.code, r.detail
FROM unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[])
    AS r(id, row_number, severity, field, code, detail)
"""
# One look into the index for each key, whatever the planner thinks of the table: `LIMIT` forbids another join.
_INVOICES_BY_NUMBER = """
SELECT i.legal_entity_id, i.kind, i.source, i.number, i.external_id
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS w(legal_entity_id, kind, source, number)
CROSS JOIN LATERAL (
    SELECT i.* FROM invoices i
    WHERE i.organization_id = $1 AND i.legal_entity_id = w.legal_entity_id AND i.kind = w.kind
        AND i.source = w.source AND i.number = w.number AND i.voided_at IS NULL LIMIT 1
) i
WHERE i.external_id IS NOT NULL
"""
_PAYMENTS = """
SELECT p.id, p.source, p.external_id, p.legal_entity_id, p.original_account_id, p.currency, p.amount_minor,
    p.value_date
FROM unnest($2::text[], $3::text[]) AS w(source, external_id)
CROSS JOIN LATERAL (
    SELECT p.* FROM payments p
    WHERE p.organization_id = $1 AND p.source = w.source AND p.external_id = w.external_id
        AND p.external_id IS NOT NULL LIMIT 1
) p
"""
_OPEN_BY_NUMBER = """
SELECT i.number, i.number_key, s.id, s.account_id, s.legal_entity_id, s.currency, s.open_minor, s.accounting_date
FROM invoices i JOIN instalments s ON s.organization_id = i.organization_id AND s.invoice_id = i.id
WHERE i.organization_id = $1 AND i.number_key = ANY($2::text[]) AND i.voided_at IS NULL AND s.open_minor > 0
ORDER BY s.due_date, s.ordinal, s.id LIMIT 20000
"""


@dataclass(frozen=True, slots=True)
class ImportFilter:
    """What a list of imports may be narrowed by."""

    kind: str | None = None
    state: str | None = None


def imports_statement(organization_id: UUID, wanted: ImportFilter) -> Select[Any]:
    """The statement of a list of imports, without order and bounds."""
    statement = select(Import).where(Import.organization_id == organization_id)
    for name in ("kind", "state"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Import, name) == value)
    return statement


def row_errors_statement(organization_id: UUID, import_id: UUID, severity: str | None) -> Select[Any]:
    """The statement of what an import says of its rows."""
    statement = select(ImportRowError).where(
        ImportRowError.organization_id == organization_id, ImportRowError.import_id == import_id
    )
    return statement if severity is None else statement.where(ImportRowError.severity == severity)


async def get_import(session: ReadSession, import_id: UUID) -> Import:
    """The import as it is now. Raises ImportNotFound."""
    found = await session.get(Import, (session.organization_id, import_id), populate_existing=True)
    if found is None:
        raise ImportNotFound("no such import")
    return found


async def begin_import(session: WriteSession, import_id: UUID) -> Any | None:
    """Mark the import as running; its row, or None when it has ended."""
    return await session.driver.fetchrow(_BEGIN, session.organization_id, import_id)


async def end_import(session: WriteSession, import_id: UUID, state: str, error: dict[str, Any] | None) -> bool:
    """Mark the import as ended; False when it has ended before."""
    text = None if error is None else json.dumps(error)
    return await session.driver.fetchval(_END, session.organization_id, import_id, state, text) is not None


async def add_effects(session: WriteSession, import_id: UUID, effects: Mapping[str, int]) -> None:
    """Write down what followed beyond the rows; counts of the same name are replaced."""
    await session.driver.execute(
        f"UPDATE imports SET effects = effects || $3::jsonb, {_STAMP} WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        import_id,
        json.dumps(dict(effects)),
    )


async def write_progress(
    session: WriteSession, import_id: UUID, before: int, after: int, byte_position: int, totals: ControlTotals
) -> bool:
    """Move the import forwards from position `before`; False when it is not ours any more (cancelled, or elsewhere)."""
    version = await session.driver.fetchval(
        _PROGRESS,
        session.organization_id,
        import_id,
        before,
        after,
        byte_position,
        totals.rows(READ),
        *(totals.rows(outcome) for outcome in OUTCOMES),
        json.dumps(totals.as_json()),
    )
    return version is not None


async def insert_row_errors(session: WriteSession, import_id: UUID, faults: Sequence[tuple[int, Fault]]) -> None:
    """Write down what was wrong with rows, each with its line."""
    await session.driver.execute(
        _ERRORS,
        session.organization_id,
        import_id,
        [new_id() for _ in faults],
        [line for line, _ in faults],
        [fault.severity for _, fault in faults],
        [fault.field for _, fault in faults],
        [fault.code for _, fault in faults],
        [_storable(fault.detail) for _, fault in faults],
    )


def _storable(text: str) -> str:
    """Details quote the file, which may hold what PostgreSQL cannot keep."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:1000]


async def rows_refused_with(session: ReadSession, import_id: UUID, codes: Iterable[str]) -> set[int]:
    """Rows (by line) that an import refused with one of these codes."""
    rows = await session.driver.fetch(
        "SELECT DISTINCT row_number FROM import_row_errors"
        " WHERE organization_id = $1 AND import_id = $2 AND code = ANY($3::text[])",
        session.organization_id,
        import_id,
        list(codes),
    )
    return {row["row_number"] for row in rows}


async def delete_row_errors(session: WriteSession, import_id: UUID, lines: Sequence[int], codes: Iterable[str]) -> int:
    """Take back what was said of rows that were loaded after all; how many errors that were."""
    status = await session.driver.execute(
        "DELETE FROM import_row_errors"
        " WHERE organization_id = $1 AND import_id = $2 AND row_number = ANY($3::int[]) AND code = ANY($4::text[])",
        session.organization_id,
        import_id,
        list(lines),
        list(codes),
    )
    return int(status.split()[-1])


async def count_row_errors(session: ReadSession, import_id: UUID) -> int:
    """How many row errors are kept."""
    found: int = await session.driver.fetchval(
        "SELECT count(*) FROM import_row_errors WHERE organization_id = $1 AND import_id = $2",
        session.organization_id,
        import_id,
    )
    return found


async def legal_entity_ids(session: ReadSession) -> dict[str, UUID]:
    """Legal entities by code."""
    rows = await session.driver.fetch(
        "SELECT code, id FROM legal_entities WHERE organization_id = $1", session.organization_id
    )
    return {row["code"]: row["id"] for row in rows}


async def payment_terms_ids(session: ReadSession) -> dict[str, UUID]:
    """Payment terms by code."""
    rows = await session.driver.fetch(
        "SELECT code, id FROM payment_terms WHERE organization_id = $1", session.organization_id
    )
    return {row["code"]: row["id"] for row in rows}


async def bank_account_ids(session: ReadSession) -> dict[tuple[str, str], UUID]:
    """Own bank accounts by identifier and currency."""
    rows = await session.driver.fetch(
        "SELECT identifier, currency, id FROM bank_accounts WHERE organization_id = $1", session.organization_id
    )
    return {(row["identifier"], row["currency"]): row["id"] for row in rows}


async def account_ids(session: ReadSession, numbers: Iterable[str]) -> dict[str, UUID]:
    """Accounts that are not merged, by number."""
    rows = await session.driver.fetch(
        "SELECT number, id FROM accounts WHERE organization_id = $1 AND number = ANY($2::text[])"
        " AND status <> 'merged'",
        session.organization_id,
        list(numbers),
    )
    return {row["number"]: row["id"] for row in rows}


async def accounts_on_record(session: ReadSession, numbers: Iterable[str]) -> dict[str, Any]:
    """Name and currency of accounts that are not merged, by number."""
    rows = await session.driver.fetch(
        "SELECT number, name, currency FROM accounts WHERE organization_id = $1 AND number = ANY($2::text[])"
        " AND status <> 'merged'",
        session.organization_id,
        list(numbers),
    )
    return {row["number"]: row for row in rows}


async def account_ids_by_reference(
    session: ReadSession, references: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    """Accounts that are not merged, by (source, external id)."""
    wanted = list(references)
    rows = await session.driver.fetch(
        "SELECT a.source, a.external_id, a.id FROM accounts a"
        " JOIN unnest($2::text[], $3::text[]) AS w(source, external_id) USING (source, external_id)"
        " WHERE a.organization_id = $1 AND a.status <> 'merged'",
        session.organization_id,
        [source for source, _ in wanted],
        [external_id for _, external_id in wanted],
    )
    return {(row["source"], row["external_id"]): row["id"] for row in rows}


async def external_ids_by_number(
    session: ReadSession, keys: Sequence[tuple[UUID, str, str, str]]
) -> dict[tuple[UUID, str, str, str], str]:
    """External ids of documents on record by (legal entity, kind, source, number)."""
    columns = [list(column) for column in zip(*keys, strict=True)]
    rows = await session.driver.fetch(_INVOICES_BY_NUMBER, session.organization_id, *columns)
    return {tuple(row)[:4]: row["external_id"] for row in rows}


async def payments_by_reference(
    session: ReadSession, references: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Any]:
    """Payments on record by (source, external id)."""
    rows = await session.driver.fetch(
        _PAYMENTS,
        session.organization_id,
        [source for source, _ in references],
        [external_id for _, external_id in references],
    )
    return {(row["source"], row["external_id"]): row for row in rows}


async def open_instalments_by_number(session: ReadSession, number_keys: Iterable[str]) -> dict[str, list[Any]]:
    """Open instalments of documents by the key of their number, oldest due first."""
    rows = await session.driver.fetch(_OPEN_BY_NUMBER, session.organization_id, list(number_keys))
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row["number_key"], []).append(row)
    return found


async def first_open_days(session: ReadSession) -> dict[UUID, date]:
    """The first day that may be posted to, of the legal entities that have closed a period."""
    rows = await session.driver.fetch(
        "SELECT id, closed_through + 1 AS first_open FROM legal_entities"
        " WHERE organization_id = $1 AND closed_through IS NOT NULL",
        session.organization_id,
    )
    return {row["id"]: row["first_open"] for row in rows}
