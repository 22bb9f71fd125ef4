"""Facts that come late are dated into the open period."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from app.infra.database import WriteSession
from app.ledger.posting import legal_entity_facts


async def first_open_day(session: WriteSession, legal_entity_id: UUID, wanted: date) -> date:
    """The wanted date, or the first day after the closed periods of the legal entity. Raises LegalEntityUnknown."""
    closed = (await legal_entity_facts(session, legal_entity_id)).closed_through
    return wanted if closed is None or wanted > closed else closed + timedelta(days=1)
