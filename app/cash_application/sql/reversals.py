"""SQL of entries that take a payment back."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.infra.database import ReadSession, WriteSession
from app.payments.queries import latest_event_dates

if TYPE_CHECKING:
    from app.cash_application.review.reversals import ReversalEntry

PAYMENTS_LIMIT = 500
_REVERSIBLE = """
SELECT id, legal_entity_id, account_id, currency, amount_minor, value_date, payer_name, payer_bank_identifier,
    remittance_text, end_to_end_id, bank_reference
FROM payments WHERE organization_id = $1 AND legal_entity_id = $2 AND currency = $3 AND amount_minor = $4
    AND value_date BETWEEN $5 AND $6 AND withdrawn_minor = 0
ORDER BY value_date DESC, id LIMIT $7
"""
_INSERT = """
INSERT INTO proposals (organization_id, id, kind, payment_id, account_id, currency, amount_minor, residual_minor,
    residual_treatment, strategy, band, confidence, scores, reasons, lines, alternatives, state, entry_reference,
    effective_date, value_minor)
VALUES ($1, $2, 'reversal', $3, $4, $5, $6, 0, 'nothing_left', 'reversal', 'proposed', 1, '{}', $7::jsonb, '[]', '[]',
    'open', $8, $9, $10)
"""


async def proposal_of_entry(session: ReadSession, reference: str) -> UUID | None:
    """The proposal that the entry has already."""
    found: UUID | None = await session.driver.fetchval(
        "SELECT id FROM proposals WHERE organization_id = $1 AND entry_reference = $2",
        session.organization_id,
        reference,
    )
    return found


async def reversible_payments(session: ReadSession, entry: ReversalEntry, since: date) -> list[Any]:
    """Payments of that amount from which nothing was withdrawn, the latest first."""
    return list(
        await session.driver.fetch(
            _REVERSIBLE,
            session.organization_id,
            entry.legal_entity_id,
            entry.currency,
            entry.amount_minor,
            since,
            entry.value_date,
            PAYMENTS_LIMIT,
        )
    )


async def insert_reversal(
    session: WriteSession, entry: ReversalEntry, proposal_id: UUID, row: Any, value_minor: int, reasons: str
) -> None:
    """The open proposal of an entry."""
    await session.driver.execute(
        _INSERT,
        session.organization_id,
        proposal_id,
        row["id"],
        row["account_id"],
        entry.currency,
        entry.amount_minor,
        reasons,
        entry.reference,
        entry.value_date,
        value_minor,
    )


async def last_event(session: WriteSession, payment_id: UUID) -> date | None:
    """The latest effective date of anything that happened to the payment."""
    return (await latest_event_dates(session, [payment_id])).get(payment_id)
