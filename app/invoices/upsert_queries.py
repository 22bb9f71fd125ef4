"""SQL of upserts: what is on record by external reference, and the corrections of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.infra.database import ReadSession, WriteSession

_BY_REFERENCE = """
SELECT i.source, i.external_id, i.id, i.kind, i.number, i.legal_entity_id, i.account_id, i.currency,
    i.amount_minor + i.corrected_minor AS amount_minor, i.tax_minor, i.invoice_date, i.accounting_date,
    i.purchase_order, i.delivery_reference, i.contract_reference, i.payment_terms_id,
    p.parts, p.first_due, p.applied_minor, p.open_minor, p.first_id, p.last_id
FROM unnest($2::text[], $3::text[]) AS w(source, external_id)
CROSS JOIN LATERAL (
    SELECT i.* FROM invoices i
    WHERE i.organization_id = $1 AND i.source = w.source AND i.external_id = w.external_id
        AND i.external_id IS NOT NULL AND i.voided_at IS NULL LIMIT 1
) i
CROSS JOIN LATERAL (
    SELECT count(*) AS parts, min(due_date) AS first_due, sum(applied_minor)::bigint AS applied_minor,
        sum(open_minor)::bigint AS open_minor, (array_agg(id ORDER BY ordinal))[1] AS first_id,
        (array_agg(id ORDER BY ordinal DESC))[1] AS last_id
    FROM instalments p WHERE p.organization_id = i.organization_id AND p.invoice_id = i.id
) p
"""


async def invoices_by_reference(
    session: ReadSession, references: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Any]:
    """What an upsert compares with, by (source, external id): the document and the sums of its instalments."""
    rows = await session.driver.fetch(
        _BY_REFERENCE,
        session.organization_id,
        [source for source, _ in references],
        [external_id for _, external_id in references],
    )
    return {(row["source"], row["external_id"]): row for row in rows}


async def add_correction(session: WriteSession, invoice_id: UUID, delta_minor: int) -> None:
    """Raise (or lower) the corrected amount of a document."""
    await session.driver.execute(
        "UPDATE invoices SET corrected_minor = corrected_minor + $3, version = version + 1,"
        " updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        invoice_id,
        delta_minor,
    )


async def update_descriptions(session: WriteSession, invoice_id: UUID, values: Sequence[str | None]) -> None:
    """Write purchase order (with its key), delivery and contract reference."""
    await session.driver.execute(
        "UPDATE invoices SET purchase_order = $3, purchase_order_key = $4, delivery_reference = $5,"
        " contract_reference = $6, version = version + 1,"
        " updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        invoice_id,
        *values,
    )
