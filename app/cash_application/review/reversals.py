"""Entries by which the bank takes money back: they find the payment that they reverse, and a person accepts it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.cash_application.errors import ReversalUnclear
from app.cash_application.matching.duplicates import REVERSAL_DAYS, find_reversed
from app.cash_application.matching.types import PaymentFacts
from app.cash_application.residuals import queue_values
from app.cash_application.review.decisions import Held, conclude
from app.cash_application.sql import reversals as sql
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.payments.withdraw import ReversalReason, ReversePayment, reverse_payment

STRATEGY = "reversal"


@dataclass(frozen=True, slots=True)
class ReversalEntry:
    """What the bank says: so much was taken back on that day. `reference` names the entry once and for all."""

    legal_entity_id: UUID
    reference: str
    amount_minor: int
    currency: str
    value_date: date
    reason_code: ReversalReason = "returned"
    payer_name: str = ""
    payer_bank_identifier: str = ""
    remittance_text: str = ""
    end_to_end_id: str = ""
    bank_reference: str = ""


async def propose_reversal(session: WriteSession, entry: ReversalEntry) -> UUID:
    """Propose the payment that the entry reverses; the same entry again answers the same proposal.

    Raises ReversalUnclear when no payment, or more than one equally good, fits.
    """
    known = await sql.proposal_of_entry(session, entry.reference)
    if known is not None:
        return known
    since = entry.value_date - timedelta(days=REVERSAL_DAYS)
    rows = await sql.reversible_payments(session, entry, since)
    taken_back = PaymentFacts(
        id=entry.reference,
        legal_entity_id=str(entry.legal_entity_id),
        currency=entry.currency,
        amount_minor=entry.amount_minor,
        value_date=entry.value_date,
        payer_name=entry.payer_name,
        payer_bank_identifier=entry.payer_bank_identifier,
        remittance_text=entry.remittance_text,
        end_to_end_id=entry.end_to_end_id,
        bank_reference=entry.bank_reference,
    )
    found = find_reversed(taken_back, [_facts(row) for row in rows])
    if found is None:
        detail = f"{len(rows)} payments of that amount, and none that it clearly reverses"
        raise ReversalUnclear(detail, pointer="/amount")
    row = next(row for row in rows if str(row["id"]) == found)
    return await _insert(session, entry, row)


def _facts(row: Any) -> PaymentFacts:
    return PaymentFacts(
        id=str(row["id"]),
        legal_entity_id=str(row["legal_entity_id"]),
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        value_date=row["value_date"],
        payer_name=row["payer_name"] or "",
        payer_bank_identifier=row["payer_bank_identifier"] or "",
        remittance_text=row["remittance_text"] or "",
        end_to_end_id=row["end_to_end_id"] or "",
        bank_reference=row["bank_reference"] or "",
    )


async def _insert(session: WriteSession, entry: ReversalEntry, row: Any) -> UUID:
    """The proposal, open; one entry has one."""
    (value,) = await queue_values(session, [(entry.currency, entry.amount_minor)], entry.value_date)
    text = f"The bank took back a payment of {row['value_date']}; accepting reverses it and opens what it settled"
    proposal_id = new_id()
    await sql.insert_reversal(
        session,
        entry,
        proposal_id,
        row,
        value,
        json.dumps([{"code": f"reversal.{entry.reason_code}", "text": text}]),
    )
    after = {"payment_id": row["id"], "kind": "reversal", "reference": entry.reference}
    record_change(session, ChangeRow("proposal", proposal_id, "proposal.created", after=after))
    return proposal_id


async def accept_reversal(session: WriteSession, held: Held) -> None:
    """Reverse the payment: its applications are undone, the documents are open again. Refusals of reversing."""
    proposal, row = held.proposal, held.payment.row
    closed = held.payment.entity.closed_through
    dates = [
        proposal.effective_date or row["account_since"],
        row["account_since"],
        await sql.last_event(session, row["id"]),
    ]
    if closed is not None:
        dates.append(closed + timedelta(days=1))
    on = max(day for day in dates if day is not None)
    reason: Any = proposal.reasons[0]["code"].removeprefix("reversal.")
    await reverse_payment(session, ReversePayment(row["id"], on, reason, reason="accepted as the reversal of the bank"))
    await conclude(session, proposal, "accepted", None)
