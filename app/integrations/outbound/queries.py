"""SQL of batches for an ERP."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.core.ids import new_id
from app.infra.database import ReadSession, WriteSession
from app.integrations.outbound.errors import ExportBatchNotFound
from app.integrations.outbound.models import ExportBatch, ExportRow

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('export_batches' || $1::uuid::text || $2, 0))"
_NEXT = "SELECT coalesce(max(number), 0) + 1 FROM export_batches WHERE organization_id = $1 AND kind = $2"
# Whole postings: all transfers that share one with those that were found.
_TRANSFERS = """
WITH first AS (
    SELECT t.posting_id FROM transfers t
    WHERE t.organization_id = $1 AND ($2::uuid IS NULL OR t.legal_entity_id = $2)
        AND ($3::date IS NULL OR t.effective_date >= $3) AND ($4::date IS NULL OR t.effective_date <= $4)
        AND NOT EXISTS (SELECT FROM export_rows x WHERE x.organization_id = $1 AND x.kind = 'transfer'
            AND x.subject_id = t.id AND x.state <> 'rejected')
    ORDER BY t.id LIMIT $5
)
SELECT t.id, t.posting_id, t.event, t.debit_account, t.credit_account, t.amount_minor, t.currency, t.effective_date,
    e.code AS legal_entity, e.account_mapping, a.number AS customer,
    coalesce(i.number, c.number, p.bank_reference, p.external_id) AS document
FROM transfers t
JOIN legal_entities e ON e.organization_id = $1 AND e.id = t.legal_entity_id
LEFT JOIN accounts a ON a.organization_id = $1 AND a.id = t.account_id
LEFT JOIN instalments n ON n.organization_id = $1 AND n.id = t.instalment_id
LEFT JOIN invoices i ON i.organization_id = $1 AND i.id = n.invoice_id
LEFT JOIN credit_memos c ON c.organization_id = $1 AND c.id = t.credit_memo_id
LEFT JOIN payments p ON p.organization_id = $1 AND p.id = t.payment_id
WHERE t.organization_id = $1 AND t.posting_id IN (SELECT posting_id FROM first)
    AND ($2::uuid IS NULL OR t.legal_entity_id = $2)
    AND ($3::date IS NULL OR t.effective_date >= $3) AND ($4::date IS NULL OR t.effective_date <= $4)
    AND NOT EXISTS (SELECT FROM export_rows x WHERE x.organization_id = $1 AND x.kind = 'transfer'
        AND x.subject_id = t.id AND x.state <> 'rejected')
ORDER BY t.id
"""
_RECEIPTS = """
SELECT p.id, p.currency, p.amount_minor - p.withdrawn_minor AS minor, p.value_date, p.accounting_date, p.method,
    p.bank_reference, p.payer_name, a.external_id AS customer_key, e.base_currency
FROM payments p
JOIN accounts a ON a.organization_id = $1 AND a.id = p.account_id AND a.source = $2 AND a.external_id IS NOT NULL
JOIN legal_entities e ON e.organization_id = $1 AND e.id = p.legal_entity_id
WHERE p.organization_id = $1 AND p.source <> $2 AND p.withdrawn_minor < p.amount_minor
    AND ($3::uuid IS NULL OR p.legal_entity_id = $3)
    AND ($4::date IS NULL OR p.accounting_date >= $4) AND ($5::date IS NULL OR p.accounting_date <= $5)
    AND NOT EXISTS (SELECT FROM export_rows x WHERE x.organization_id = $1 AND x.kind = 'receipt'
        AND x.subject_id = p.id AND x.state <> 'rejected')
ORDER BY p.id LIMIT $6
"""
# What pays must be in the ERP's books already, or go there in this batch (which was written just before).
_APPLICATIONS = """
SELECT a.id, a.currency, a.amount_minor, a.discount_minor, a.write_off_minor, a.effective_date, a.payment_id,
    coalesce(x.external_id, p.external_id, c.external_id) AS source_key, i.external_id AS invoice_key
FROM applications a
JOIN instalments n ON n.organization_id = $1 AND n.id = a.instalment_id
JOIN invoices i ON i.organization_id = $1 AND i.id = n.invoice_id AND i.source = $2 AND i.external_id IS NOT NULL
LEFT JOIN export_rows x ON x.organization_id = $1 AND x.kind = 'receipt' AND x.subject_id = a.payment_id
    AND x.state <> 'rejected' AND x.target = $2
LEFT JOIN payments p ON p.organization_id = $1 AND p.id = a.payment_id AND p.source = $2
LEFT JOIN credit_memos c ON c.organization_id = $1 AND c.id = a.credit_memo_id AND c.source = $2
WHERE a.organization_id = $1 AND a.origin <> 'import' AND a.reverses_id IS NULL
    AND coalesce(x.external_id, p.external_id, c.external_id) IS NOT NULL
    AND ($3::uuid IS NULL OR a.legal_entity_id = $3)
    AND ($4::date IS NULL OR a.effective_date >= $4) AND ($5::date IS NULL OR a.effective_date <= $5)
    AND NOT EXISTS (SELECT FROM applications r WHERE r.organization_id = $1 AND r.reverses_id = a.id)
    AND NOT EXISTS (SELECT FROM export_rows y WHERE y.organization_id = $1 AND y.kind = 'application'
        AND y.subject_id = a.id AND y.state <> 'rejected')
ORDER BY a.id LIMIT $6
"""
_UNDONE = """
SELECT r.id, r.effective_date, x.content, x.depends_on, x.external_id
FROM applications r
JOIN export_rows x ON x.organization_id = $1 AND x.kind = 'application' AND x.subject_id = r.reverses_id
    AND x.state <> 'rejected' AND x.target = $2
WHERE r.organization_id = $1 AND r.reverses_id IS NOT NULL AND ($3::uuid IS NULL OR r.legal_entity_id = $3)
    AND ($4::date IS NULL OR r.effective_date >= $4) AND ($5::date IS NULL OR r.effective_date <= $5)
    AND NOT EXISTS (SELECT FROM export_rows y WHERE y.organization_id = $1 AND y.kind = 'unapplication'
        AND y.subject_id = r.id AND y.state <> 'rejected')
ORDER BY r.id LIMIT $6
"""
_LEFT_OUT = """
SELECT count(*) FILTER (WHERE p.account_id IS NULL) AS payments_unidentified,
    count(*) FILTER (WHERE p.account_id IS NOT NULL) AS payments_of_unknown_customers
FROM payments p LEFT JOIN accounts a ON a.organization_id = $1 AND a.id = p.account_id
WHERE p.organization_id = $1 AND p.source <> $2 AND p.withdrawn_minor < p.amount_minor
    AND ($3::uuid IS NULL OR p.legal_entity_id = $3)
    AND ($4::date IS NULL OR p.accounting_date >= $4) AND ($5::date IS NULL OR p.accounting_date <= $5)
    AND (a.source IS DISTINCT FROM $2 OR a.external_id IS NULL)
"""
# The ERP has no node for it: a person voids them there.
_REVERSED_LATER = """
SELECT count(*) FROM export_rows x JOIN payments p ON p.organization_id = $1 AND p.id = x.subject_id
WHERE x.organization_id = $1 AND x.kind = 'receipt' AND x.target = $2 AND x.state <> 'rejected'
    AND p.withdrawn_as = 'reversed'
"""
_INSERT_ROWS = """
INSERT INTO export_rows (organization_id, id, batch_id, ordinal, kind, subject_id, depends_on, content, target,
    external_id)
SELECT $1, r.id, $2, r.ordinal, r.kind, r.subject_id, r.depends_on, r.content, $3, r.external_id
FROM unnest($4::uuid[], $5::int[], $6::text[], $7::uuid[], $8::uuid[], $9::jsonb[], $10::text[])
    AS r(id, ordinal, kind, subject_id, depends_on, content, external_id)
"""
_STAMP = "version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz"
_ANSWER = """
UPDATE export_rows x SET state = r.state, erp_reference = r.erp_reference, error = r.error
FROM unnest($3::int[], $4::text[], $5::text[], $6::text[]) AS r(ordinal, state, erp_reference, error)
WHERE x.organization_id = $1 AND x.batch_id = $2 AND x.ordinal = r.ordinal AND x.state = 'pending'
"""
# What a rejected receipt was to settle cannot be applied either.
_REJECT_DEPENDENTS = """
UPDATE export_rows x SET state = 'rejected', error = 'its receipt was rejected'
FROM export_rows p
WHERE x.organization_id = $1 AND p.organization_id = $1 AND p.batch_id = $2 AND p.kind = 'receipt'
    AND p.state = 'rejected' AND x.depends_on = p.subject_id AND x.kind = 'application' AND x.state = 'pending'
    AND x.target = p.target
RETURNING x.batch_id
"""
_REST = """
UPDATE export_rows SET state = $3, error = $4 WHERE organization_id = $1 AND batch_id = $2 AND state = 'pending'
"""
_COUNT = f"""
UPDATE export_batches b SET rows_accepted = f.accepted, rows_rejected = f.rejected,
    state = CASE WHEN f.pending = 0 THEN coalesce($3, 'acknowledged') ELSE b.state END,
    closed_at = CASE WHEN f.pending = 0 THEN clock_timestamp() END, {_STAMP}
FROM (SELECT count(*) FILTER (WHERE state = 'accepted') AS accepted,
        count(*) FILTER (WHERE state = 'rejected') AS rejected, count(*) FILTER (WHERE state = 'pending') AS pending
    FROM export_rows WHERE organization_id = $1 AND batch_id = $2) f
WHERE b.organization_id = $1 AND b.id = $2
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a batch may take: of one legal entity, within a period (both days included); everything when None."""

    legal_entity_id: UUID | None = None
    effective_from: date | None = None
    effective_to: date | None = None

    @property
    def values(self) -> tuple[UUID | None, date | None, date | None]:
        """In the order of the statements."""
        return self.legal_entity_id, self.effective_from, self.effective_to


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to be frozen."""

    kind: str
    subject_id: UUID
    content: Mapping[str, Any]
    depends_on: UUID | None = None
    external_id: str | None = None


async def lock_kind(session: WriteSession, kind: str) -> int:
    """Let no other batch of this kind be made until the commit; the next number."""
    await session.driver.execute(_LOCK, session.organization_id, kind)
    number: int = await session.driver.fetchval(_NEXT, session.organization_id, kind)
    return number


async def transfers_to_export(session: ReadSession, scope: Scope, rows_max: int) -> list[Any]:
    """Transfers that are in no batch, oldest first, in whole postings."""
    return list(await session.driver.fetch(_TRANSFERS, session.organization_id, *scope.values, rows_max))


async def receipts_to_export(session: ReadSession, target: str, scope: Scope, rows_max: int) -> list[Any]:
    """Payments of customers whom the ERP knows, which did not come from there and are in no batch."""
    return list(await session.driver.fetch(_RECEIPTS, session.organization_id, target, *scope.values, rows_max))


async def applications_to_export(session: ReadSession, target: str, scope: Scope, rows_max: int) -> list[Any]:
    """Applications of what the ERP knows (or is being told) to its documents, in no batch yet."""
    return list(await session.driver.fetch(_APPLICATIONS, session.organization_id, target, *scope.values, rows_max))


async def undone_to_export(session: ReadSession, target: str, scope: Scope, rows_max: int) -> list[Any]:
    """Undos of applications that left in an earlier batch."""
    return list(await session.driver.fetch(_UNDONE, session.organization_id, target, *scope.values, rows_max))


async def left_out(session: ReadSession, target: str, scope: Scope) -> dict[str, int]:
    """How many payments cannot leave yet, by reason."""
    row = await session.driver.fetchrow(_LEFT_OUT, session.organization_id, target, *scope.values)
    reversed_later = await session.driver.fetchval(_REVERSED_LATER, session.organization_id, target)
    counts = {**dict(row or {}), "receipts_reversed_after_they_left": reversed_later}
    return {name: count for name, count in counts.items() if count}


async def insert_rows(
    session: WriteSession, batch_id: UUID, target: str, rows: Sequence[NewRow], first_ordinal: int
) -> None:
    """Freeze the rows, numbered on from `first_ordinal`."""
    await session.driver.execute(
        _INSERT_ROWS,
        session.organization_id,
        batch_id,
        target,
        [new_id() for _ in rows],
        list(range(first_ordinal, first_ordinal + len(rows))),
        [row.kind for row in rows],
        [row.subject_id for row in rows],
        [row.depends_on for row in rows],
        [json.dumps(dict(row.content)) for row in rows],
        [row.external_id for row in rows],
    )


def batches_statement(organization_id: UUID, kind: str, state: str | None, legal_entity_id: UUID | None) -> Select[Any]:
    """Batches of a kind, without order and bounds."""
    statement = select(ExportBatch).where(ExportBatch.organization_id == organization_id, ExportBatch.kind == kind)
    if state is not None:
        statement = statement.where(ExportBatch.state == state)
    if legal_entity_id is not None:
        statement = statement.where(ExportBatch.legal_entity_id == legal_entity_id)
    return statement


def rows_statement(organization_id: UUID, batch_id: UUID, state: str | None) -> Select[Any]:
    """Rows of a batch."""
    statement = select(ExportRow).where(ExportRow.organization_id == organization_id, ExportRow.batch_id == batch_id)
    return statement if state is None else statement.where(ExportRow.state == state)


async def get_batch(session: ReadSession, kind: str, batch_id: UUID, *, lock: bool = False) -> ExportBatch:
    """The batch as it is now. Raises ExportBatchNotFound."""
    statement = select(ExportBatch).where(
        ExportBatch.organization_id == session.organization_id, ExportBatch.id == batch_id, ExportBatch.kind == kind
    )
    statement = statement.execution_options(populate_existing=True)
    found = (await session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()
    if found is None:
        raise ExportBatchNotFound("no such batch")
    return found


async def frozen_rows(session: ReadSession, batch_id: UUID) -> list[tuple[int, str, Mapping[str, Any]]]:
    """All rows of a batch as (ordinal, kind, content), in their order."""
    rows = await session.driver.fetch(
        "SELECT ordinal, kind, content FROM export_rows WHERE organization_id = $1 AND batch_id = $2 ORDER BY ordinal",
        session.organization_id,
        batch_id,
    )
    return [(row["ordinal"], row["kind"], row["content"]) for row in rows]


async def row_answers(session: ReadSession, batch_id: UUID, ordinals: Sequence[int]) -> dict[int, str]:
    """The states of these rows by ordinal."""
    rows = await session.driver.fetch(
        "SELECT ordinal, state FROM export_rows"
        " WHERE organization_id = $1 AND batch_id = $2 AND ordinal = ANY($3::int[])",
        session.organization_id,
        batch_id,
        list(ordinals),
    )
    return {row["ordinal"]: row["state"] for row in rows}


async def write_answers(
    session: WriteSession, batch_id: UUID, answers: Sequence[tuple[int, str, str | None, str | None]]
) -> None:
    """Answers as (ordinal, state, reference, error) of rows that wait; what hangs on rejected receipts is rejected."""
    columns = [list(column) for column in zip(*answers, strict=True)]
    if columns:
        await session.driver.execute(_ANSWER, session.organization_id, batch_id, *columns)
    await reject_dependents(session, batch_id)


async def reject_dependents(session: WriteSession, batch_id: UUID) -> None:
    """Reject what rejected receipts of the batch were to settle, in whichever batch it is."""
    rows = await session.driver.fetch(_REJECT_DEPENDENTS, session.organization_id, batch_id)
    for other in {row["batch_id"] for row in rows} - {batch_id}:
        await count_rows(session, other)


async def answer_rest(session: WriteSession, batch_id: UUID, state: str, error: str | None) -> None:
    """Give every row that still waits the same answer."""
    await session.driver.execute(_REST, session.organization_id, batch_id, state, error)
    await reject_dependents(session, batch_id)


async def count_rows(session: WriteSession, batch_id: UUID, closed_as: str | None = None) -> None:
    """Bring the counts of the batch up to date; it is closed when no row waits any more."""
    await session.driver.execute(_COUNT, session.organization_id, batch_id, closed_as)
