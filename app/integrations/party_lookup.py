"""SQL of finding accounts by what electronic documents say of a party."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from app.infra.database import ReadSession

_IDENTIFIED = """
SELECT p.kind, p.normalized_value, p.account_id
FROM unnest($2::text[], $3::text[]) AS w(kind, value)
JOIN payer_identities p ON p.organization_id = $1 AND p.kind = w.kind AND p.normalized_value = w.value AND p.active
JOIN accounts a ON a.organization_id = $1 AND a.id = p.account_id AND a.status <> 'merged'
"""


async def accounts_of_identities(
    session: ReadSession, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], set[UUID]]:
    """The accounts of each `(kind, normalized value)` that is known and in use."""
    pairs = list(wanted)
    rows = await session.driver.fetch(
        _IDENTIFIED, session.organization_id, [kind for kind, _ in pairs], [value for _, value in pairs]
    )
    found: dict[tuple[str, str], set[UUID]] = {}
    for row in rows:
        found.setdefault((row["kind"], row["normalized_value"]), set()).add(row["account_id"])
    return found
