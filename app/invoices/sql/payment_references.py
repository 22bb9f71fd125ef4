"""What payers are asked to quote, where the invoice prints something else than its number (RF, QR, KID, +++…+++)."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from app.core.reference_keys import reference_key
from app.infra.database import WriteSession

REFERENCE_LENGTH_MAX = 140
_SET = """
UPDATE invoices i SET payment_reference = r.reference, payment_reference_key = r.key
FROM unnest($2::uuid[], $3::text[], $4::text[]) AS r(id, reference, key)
WHERE i.organization_id = $1 AND i.id = r.id AND i.payment_reference IS DISTINCT FROM r.reference
RETURNING i.id
"""


async def set_payment_references(session: WriteSession, references: Mapping[UUID, str | None]) -> set[UUID]:
    """Write the references of these invoices; None takes one away. The matcher finds invoices by it too.

    It is a description like the purchase order: nothing is posted. Answers the invoices that had another one.
    """
    rows = [(id_, text, reference_key(text) if text else None) for id_, text in sorted(references.items())]
    columns = ([row[place] for row in rows] for place in range(3))
    return {row["id"] for row in await session.driver.fetch(_SET, session.organization_id, *columns)}
