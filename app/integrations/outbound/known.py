"""Payments that left for an ERP come back in its extracts: they are known by the key that they were given there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.infra.database import ReadSession

_EXPORTED = """
SELECT w.source, w.external_id, p.id, p.legal_entity_id, p.account_id AS original_account_id, p.currency,
    p.amount_minor, p.value_date
FROM unnest($2::text[], $3::text[]) AS w(source, external_id)
CROSS JOIN LATERAL (
    SELECT r.subject_id FROM export_rows r WHERE r.organization_id = $1 AND r.target = w.source
        AND r.external_id = w.external_id AND r.kind = 'receipt' AND r.state <> 'rejected' LIMIT 1
) r
JOIN payments p ON p.organization_id = $1 AND p.id = r.subject_id
"""


async def exported_payments(session: ReadSession, references: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    """Payments by the reference (source, external id) under which a batch sent them there."""
    wanted = list(references)
    if not wanted:
        return {}
    rows = await session.driver.fetch(
        _EXPORTED, session.organization_id, [key[0] for key in wanted], [key[1] for key in wanted]
    )
    return {(row["source"], row["external_id"]): row for row in rows}
