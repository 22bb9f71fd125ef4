"""A batch that came whole and later shows its parts: they take the place of its payment, while nobody used that."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.infra.database import WriteSession, attempt
from app.integrations.bank_formats.identity import EntryIdentity
from app.integrations.bank_formats.records import EntryStatus
from app.integrations.bank_twins import Stored
from app.ledger.posting import legal_entity_facts
from app.payments.withdraw import ReversePayment, reverse_payment

IN_PARTS = "shown in its parts"
_WHOLE = """
SELECT p.id, p.value_date, p.accounting_date, p.legal_entity_id FROM bank_entries e
JOIN payments p ON p.organization_id = $1 AND p.id = e.payment_id
WHERE e.organization_id = $1 AND e.id = $2 AND e.outcome = 'payment' AND p.unapplied_minor = p.amount_minor
    AND p.withdrawn_minor = 0
"""
_REPLACED = """
UPDATE bank_entries SET outcome = 'kept', outcome_detail = $3 WHERE organization_id = $1 AND id = $2
"""


def whole_entry(identity: EntryIdentity, known: Iterable[Any], twin: Stored | None) -> UUID | None:
    """The one entry on record that stands for the whole batch of which the file shows the parts."""
    if len(identity.entry.transactions) < 2 or identity.entry.status is not EntryStatus.BOOKED:
        return None
    if twin is not None:
        return twin.ids[0] if twin.is_booked and len(twin.ids) == 1 else None
    rows = [row for row in known if row["entry_identity"] == identity.entry_key and row["bank_status"] == "booked"]
    if len(rows) == 1 and rows[0]["identity"] == identity.entry_key:
        whole: UUID = rows[0]["id"]
        return whole
    return None


async def give_way(session: WriteSession, entry_id: UUID) -> bool:
    """Take back the payment of the whole, so that its parts can be recorded; False when it was used already."""
    payment = await session.driver.fetchrow(_WHOLE, session.organization_id, entry_id)
    if payment is None:
        return False
    closed = (await legal_entity_facts(session, payment["legal_entity_id"])).closed_through
    on = max(payment["value_date"], payment["accounting_date"])
    if closed is not None and on <= closed:
        on = closed + timedelta(days=1)
    try:
        async with attempt(session):
            await reverse_payment(session, ReversePayment(payment["id"], on, "entered_in_error", IN_PARTS))
    except DomainError:
        return False
    await session.driver.execute(_REPLACED, session.organization_id, entry_id, IN_PARTS)
    return True
