"""Adjustments: what changes an open amount without cash. Requested, decided by somebody else, then posted.

Within the requester's own approval limit an adjustment is posted at once; above it, it waits for a person who holds
`invoices:approve`, is not the requester, and whose own limit (if one is set) covers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.core.ids import AdjustmentId, new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.invoices.errors import (
    AdjustmentDecided,
    AdjustmentNotFound,
    ApprovalByRequester,
    ApprovalLimitExceeded,
    EffectiveDateTooEarly,
    OverApplied,
)
from app.invoices.models import Adjustment, Instalment, Invoice
from app.invoices.queries import get_instalment, get_invoice
from app.invoices.rules import tax_share
from app.ledger import rules as chart
from app.ledger.posting import post, require_open_period
from app.ledger.rules import TransferRow

ACCOUNT_OF_KIND = {
    "write_off": chart.BAD_DEBT,
    "small_difference": chart.SMALL_DIFFERENCES,
    "bank_charge": chart.BANK_CHARGES,
    "rounding": chart.ROUNDING,
    "waived_charge": chart.WAIVED_CHARGES,
    "source_correction": chart.SOURCE_CORRECTIONS,
    "opening_settlement": chart.OPENING_BALANCE,
}
REQUESTABLE = ("write_off", "small_difference", "bank_charge", "rounding", "waived_charge")
_TAKE_OFF = """
UPDATE instalments SET adjusted_minor = adjusted_minor + $3,
    status = CASE WHEN open_minor = $3 THEN CASE WHEN $4 = 'write_off' THEN 'written_off' ELSE 'settled' END
                  WHEN open_minor - $3 = amount_minor THEN 'open' ELSE 'partially_applied' END,
    version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz
WHERE organization_id = $1 AND id = $2 AND open_minor >= $3
RETURNING open_minor
"""


@dataclass(frozen=True, slots=True)
class RequestAdjustment:
    """Take `amount_minor` (positive) off an instalment, for a reason."""

    instalment_id: UUID
    kind: str
    amount_minor: int
    effective_date: date
    reason_code: str
    reason: str | None = None


async def request_adjustment(session: WriteSession, command: RequestAdjustment) -> AdjustmentId:
    """Ask for an adjustment; posted at once when it lies within the requester's own limit.

    Raises InstalmentNotFound, OverApplied, EffectiveDateTooEarly, PeriodClosed.
    """
    instalment = await get_instalment(session, command.instalment_id)
    if command.amount_minor > instalment.open_minor:
        raise OverApplied("more than the instalment has open", pointer="/amount")
    if command.effective_date < instalment.accounting_date:
        raise EffectiveDateTooEarly("an adjustment cannot be dated before its document", pointer="/effective_date")
    adjustment = _new(session, instalment, command)
    session.add(adjustment)
    await session.flush()
    limit = session.actor.approval_limit_minor
    if limit is not None and command.amount_minor <= limit:
        await _post(session, adjustment, instalment, decided=True)
    else:
        await require_open_period(session, instalment.legal_entity_id, command.effective_date)
        _log(session, adjustment, "adjustment.requested")
    return AdjustmentId(adjustment.id)


async def approve_adjustment(
    session: WriteSession, adjustment_id: UUID, *, expected_version: int | None, note: str | None = None
) -> None:
    """Approve and post. Raises ApprovalByRequester, ApprovalLimitExceeded, AdjustmentDecided, OverApplied …"""
    adjustment = await _lock_requested(session, adjustment_id, expected_version)
    limit = session.actor.approval_limit_minor
    if limit is not None and adjustment.amount_minor > limit:
        raise ApprovalLimitExceeded("the amount is above your approval limit")
    instalment = await get_instalment(session, adjustment.instalment_id)
    adjustment.decision_note = note
    await _post(session, adjustment, instalment, decided=True)


async def reject_adjustment(
    session: WriteSession, adjustment_id: UUID, *, expected_version: int | None, note: str | None = None
) -> None:
    """Reject a request; nothing is posted. Raises ApprovalByRequester, AdjustmentDecided, AdjustmentNotFound."""
    adjustment = await _lock_requested(session, adjustment_id, expected_version)
    adjustment.state, adjustment.decision_note = "rejected", note
    _decide(session, adjustment)
    _log(session, adjustment, "adjustment.rejected")


async def reverse_adjustment(
    session: WriteSession, adjustment_id: UUID, *, effective_date: date, reason: str
) -> AdjustmentId:
    """Undo a posted adjustment by a negative one. Raises AdjustmentDecided when it is not posted or undone already."""
    original = await _lock(session, adjustment_id)
    if original.state != "posted" or original.reverses_id is not None or original.kind == "void":
        raise AdjustmentDecided("only a posted adjustment can be reversed, and a void cannot")
    if effective_date < original.effective_date:
        raise EffectiveDateTooEarly("a reversal cannot be dated before the original", pointer="/effective_date")
    instalment = await get_instalment(session, original.instalment_id)
    command = RequestAdjustment(
        instalment.id, original.kind, -original.amount_minor, effective_date, original.reason_code, reason
    )
    undo = _new(session, instalment, command)
    undo.reverses_id = original.id
    session.add(undo)
    await session.flush()
    await _post(session, undo, instalment, decided=True)
    return AdjustmentId(undo.id)


async def post_system_adjustment(session: WriteSession, command: RequestAdjustment) -> None:
    """Post a correction that the source of the document demands; no approval, signed amount."""
    instalment = await get_instalment(session, command.instalment_id)
    adjustment = _new(session, instalment, command)
    session.add(adjustment)
    await session.flush()
    await _post(session, adjustment, instalment, decided=False)


def _new(session: WriteSession, instalment: Instalment, command: RequestAdjustment) -> Adjustment:
    return Adjustment(
        organization_id=session.organization_id,
        id=new_id(),
        instalment_id=instalment.id,
        legal_entity_id=instalment.legal_entity_id,
        account_id=instalment.account_id,
        currency=instalment.currency,
        kind=command.kind,
        reason_code=command.reason_code,
        reason=command.reason,
        amount_minor=command.amount_minor,
        tax_minor=0,
        state="requested",
        effective_date=command.effective_date,
        requested_by=session.actor.name,
        requested_by_id=session.actor.id,
    )


async def _post(session: WriteSession, adjustment: Adjustment, instalment: Instalment, *, decided: bool) -> None:
    entity = await require_open_period(session, adjustment.legal_entity_id, adjustment.effective_date)
    left = await session.driver.fetchval(
        _TAKE_OFF, session.organization_id, instalment.id, adjustment.amount_minor, adjustment.kind
    )
    if left is None:
        raise OverApplied("more than the instalment has open", pointer="/amount")
    invoice = await get_invoice(session, instalment.invoice_id)
    if entity.write_off_tax_share and adjustment.kind == "write_off":
        adjustment.tax_minor = _tax(adjustment.amount_minor, invoice)
    adjustment.state = "posted"
    adjustment.posted_at = RECORDED_NOW
    if decided:
        _decide(session, adjustment)
    post(session, _transfers(adjustment, instalment))
    _log(session, adjustment, "adjustment.posted")
    await session.flush()


def _tax(amount_minor: int, invoice: Invoice) -> int:
    sign = -1 if amount_minor < 0 else 1
    return sign * tax_share(abs(amount_minor), invoice.tax_minor, invoice.amount_minor)


def _transfers(adjustment: Adjustment, instalment: Instalment) -> list[TransferRow]:
    parts = (
        (ACCOUNT_OF_KIND[adjustment.kind], adjustment.amount_minor - adjustment.tax_minor),
        (chart.TAX_PAYABLE, adjustment.tax_minor),
    )
    return [
        TransferRow(
            legal_entity_id=adjustment.legal_entity_id,
            event="adjustment.posted",
            debit_account=account,
            credit_account=chart.RECEIVABLES,
            amount_minor=amount,
            currency=adjustment.currency,
            effective_date=adjustment.effective_date,
            account_id=adjustment.account_id,
            instalment_id=instalment.id,
            source_id=adjustment.id,
        )
        for account, amount in parts
    ]


def _decide(session: WriteSession, adjustment: Adjustment) -> None:
    adjustment.decided_by, adjustment.decided_by_id = session.actor.name, session.actor.id
    adjustment.decided_at = RECORDED_NOW
    adjustment.updated_at = RECORDED_NOW
    adjustment.version = (adjustment.version or 1) + 1


async def _lock(session: WriteSession, adjustment_id: UUID) -> Adjustment:
    found = (
        await session.execute(
            select(Adjustment)
            .where(Adjustment.organization_id == session.organization_id, Adjustment.id == adjustment_id)
            .with_for_update()
        )
    ).scalar_one_or_none()
    if found is None:
        raise AdjustmentNotFound("no such adjustment")
    return found


async def _lock_requested(session: WriteSession, adjustment_id: UUID, expected_version: int | None) -> Adjustment:
    adjustment = await _lock(session, adjustment_id)
    check_version(expected_version, adjustment.version)
    if adjustment.state != "requested":
        raise AdjustmentDecided(f"the adjustment is {adjustment.state} already")
    if _same_person(session, adjustment):
        raise ApprovalByRequester("nobody decides on their own request")
    return adjustment


def _same_person(session: WriteSession, adjustment: Adjustment) -> bool:
    return session.actor.id is None or session.actor.id == adjustment.requested_by_id


def _log(session: WriteSession, adjustment: Adjustment, event: str) -> None:
    facts: dict[str, Any] = {
        "instalment_id": adjustment.instalment_id,
        "kind": adjustment.kind,
        "amount_minor": adjustment.amount_minor,
        "currency": adjustment.currency,
        "state": adjustment.state,
    }
    record_change(
        session,
        ChangeRow("adjustment", adjustment.id, event, None, facts, adjustment.effective_date, adjustment.reason),
    )
