"""SQL of upserts: what is on record by external reference, and the corrections of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.infra.database import ReadSession, WriteSession

_COLUMNS = """
i.source, i.external_id, i.id, i.kind, i.number, i.legal_entity_id, i.account_id, i.currency,
i.amount_minor + i.corrected_minor AS amount_minor, i.tax_minor + i.corrected_tax_minor AS tax_minor, i.invoice_date,
i.accounting_date, i.corrects_id, i.purchase_order, i.delivery_reference, i.contract_reference, p.due_dates, p.amounts,
p.applied_minor, p.open_minor, p.last_reopened
"""
_PARTS = """
CROSS JOIN LATERAL (
    SELECT array_agg(due_date ORDER BY ordinal) AS due_dates,
        array_agg(amount_minor + corrected_minor ORDER BY ordinal) AS amounts,
        sum(applied_minor)::bigint AS applied_minor,
        sum(open_minor)::bigint AS open_minor, max(reopened_on) AS last_reopened
    FROM instalments p WHERE p.organization_id = $1 AND p.invoice_id = i.id
) p
"""
_BY_REFERENCE = f"""
SELECT {_COLUMNS} FROM unnest($2::text[], $3::text[]) AS w(source, external_id)
CROSS JOIN LATERAL (
    SELECT i.* FROM invoices i
    WHERE i.organization_id = $1 AND i.source = w.source AND i.external_id = w.external_id
        AND i.external_id IS NOT NULL AND i.voided_at IS NULL LIMIT 1
) i {_PARTS}
"""
_BY_ID = f"SELECT {_COLUMNS} FROM invoices i {_PARTS} WHERE i.organization_id = $1 AND i.id = $2"
_CORRECT = """
UPDATE invoices SET corrected_minor = corrected_minor + $3, corrected_tax_minor = corrected_tax_minor + $4,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2
"""
_DESCRIBE = """
UPDATE invoices SET purchase_order = $3, purchase_order_key = $4, delivery_reference = $5, contract_reference = $6,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2
"""
_TOUCH = """
UPDATE instalments SET version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND invoice_id = $2 AND ordinal = 1
"""


async def invoices_by_reference(
    session: ReadSession, references: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Any]:
    """What an upsert compares with, by (source, external id): the document and its instalments in their order."""
    rows = await session.driver.fetch(
        _BY_REFERENCE,
        session.organization_id,
        [source for source, _ in references],
        [external_id for _, external_id in references],
    )
    return {(row["source"], row["external_id"]): row for row in rows}


async def invoice_facts(session: ReadSession, invoice_id: UUID) -> Any:
    """The same of one document by its id, as it is now."""
    return await session.driver.fetchrow(_BY_ID, session.organization_id, invoice_id)


async def add_correction(session: WriteSession, invoice_id: UUID, amount_minor: int, tax_minor: int) -> None:
    """Raise (or lower) the corrected amount and tax of a locked document."""
    await session.driver.execute(_CORRECT, session.organization_id, invoice_id, amount_minor, tax_minor)


async def update_descriptions(session: WriteSession, invoice_id: UUID, values: Sequence[str | None]) -> None:
    """Write purchase order (with its key), delivery and contract reference."""
    await session.driver.execute(_DESCRIBE, session.organization_id, invoice_id, *values)


async def touch(session: WriteSession, invoice_id: UUID) -> None:
    """Let an instalment follow a change of the document alone: its `updated_at` is the document's."""
    await session.driver.execute(_TOUCH, session.organization_id, invoice_id)
