"""All SQL of the accounts room."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from app.accounts.rules import PaymentTerms
from app.accounts.terms_notation import terms_from_json
from app.infra.database import ReadSession


async def payment_terms_by_id(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, PaymentTerms]:
    """The payment terms of these ids that exist in the organization, ready for `schedule`."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = await session.driver.fetch(
        "SELECT id, code, definition FROM payment_terms WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        wanted,
    )
    return {row["id"]: terms_from_json(row["code"], row["definition"]) for row in rows}
