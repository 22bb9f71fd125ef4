"""Adjustments: what changes an open amount without cash. Requested, decided by somebody else, then posted.

Within the requester's own approval limit an adjustment is posted at once; above it, it waits for a person who holds
`invoices:approve`, is not the requester, and whose own limit (if one is set) covers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.core.ids import AdjustmentId, new_id
from app.core.money import to_text
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.invoices.approval import within_own_limit
from app.invoices.errors import (
    AdjustmentDecided,
    AdjustmentInvalid,
    AdjustmentNotReversible,
    ApprovalByRequester,
    ApprovalLimitExceeded,
    EffectiveDateTooEarly,
    InvoiceVoid,
    OverApplied,
)
from app.invoices.models import Adjustment, Instalment
from app.invoices.queries import get_invoice, lock_instalment
from app.invoices.rules import REQUESTABLE, tax_of_part
from app.invoices.sql.adjustments import lock_adjustment, standing_adjustments, take_off, undone_by
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


@dataclass(frozen=True, slots=True)
class RequestAdjustment:
    """Take `amount_minor` (positive) off an instalment, for a reason. The tax part is given only by a source."""

    instalment_id: UUID
    kind: str
    amount_minor: int
    effective_date: date
    reason_code: str
    reason: str | None = None
    tax_minor: int = 0


async def request_adjustment(session: WriteSession, command: RequestAdjustment, *, alone: bool = True) -> AdjustmentId:
    """Ask for an adjustment; posted at once within the requester's own limit, if they may decide `alone`.

    Raises AdjustmentInvalid, InstalmentNotFound, InvoiceVoid, OverApplied, EffectiveDateTooEarly, PeriodClosed.
    """
    if command.kind not in REQUESTABLE:
        raise AdjustmentInvalid(f"an adjustment is one of {', '.join(REQUESTABLE)}", pointer="/kind")
    if command.amount_minor <= 0:
        raise AdjustmentInvalid("the amount must be positive", pointer="/amount")
    instalment = await lock_instalment(session, command.instalment_id)
    _check(instalment, command.amount_minor, command.effective_date)
    await require_open_period(session, instalment.legal_entity_id, command.effective_date)
    adjustment = _new(session, instalment, command)
    session.add(adjustment)
    asked = command.amount_minor, instalment.currency, command.effective_date
    if alone and await within_own_limit(session, *asked):
        _decide(session, adjustment)
        await _post(session, adjustment, instalment)
    else:
        await session.flush()
        _log(session, adjustment, "adjustment.requested")
    return AdjustmentId(adjustment.id)


async def approve_adjustment(
    session: WriteSession, adjustment_id: UUID, *, expected_version: int | None, note: str | None = None
) -> None:
    """Approve and post.

    Raises AdjustmentNotFound, StaleVersion, AdjustmentDecided, ApprovalByRequester, ApprovalLimitExceeded, and what
    has come between since the request: OverApplied, InvoiceVoid, PeriodClosed.
    """
    adjustment = await _lock_requested(session, adjustment_id, expected_version)
    await _check_limit(session, adjustment)
    instalment = await lock_instalment(session, adjustment.instalment_id)
    _check(instalment, adjustment.amount_minor, adjustment.effective_date)
    adjustment.decision_note = note
    _decide(session, adjustment)
    await _post(session, adjustment, instalment)


async def reject_adjustment(
    session: WriteSession, adjustment_id: UUID, *, expected_version: int | None, note: str | None = None
) -> None:
    """Reject a request; nothing is posted. Raises ApprovalByRequester, AdjustmentDecided, AdjustmentNotFound."""
    adjustment = await _lock_requested(session, adjustment_id, expected_version)
    adjustment.state, adjustment.decision_note = "rejected", note
    _decide(session, adjustment)
    _log(session, adjustment, "adjustment.rejected")
    await session.flush()


async def reverse_adjustment(
    session: WriteSession, adjustment_id: UUID, *, effective_date: date, reason: str
) -> AdjustmentId:
    """Undo a posted adjustment, once, by a negative one with the same tax part; the instalment is open again.

    What a source or a void posted is undone by them only. Raises AdjustmentNotFound, AdjustmentDecided,
    AdjustmentNotReversible, ApprovalLimitExceeded, InvoiceVoid, EffectiveDateTooEarly, PeriodClosed.
    """
    original = await lock_adjustment(session, adjustment_id)
    if original.state != "posted":
        raise AdjustmentDecided(f"the adjustment is {original.state}; only a posted one can be reversed")
    if original.reverses_id is not None or original.kind not in REQUESTABLE:
        raise AdjustmentNotReversible("only an adjustment that a person asked for can be reversed")
    if await undone_by(session, [original.id]):
        raise AdjustmentDecided("the adjustment is undone already")
    await _check_limit(session, original)
    if effective_date < original.effective_date:
        raise EffectiveDateTooEarly(
            f"a reversal cannot be dated before the original ({original.effective_date})", pointer="/effective_date"
        )
    instalment = await lock_instalment(session, original.instalment_id)
    if instalment.status == "void":
        raise InvoiceVoid("the document is void")
    command = RequestAdjustment(
        instalment.id, original.kind, -original.amount_minor, effective_date, original.reason_code, reason,
        -original.tax_minor,
    )  # fmt: skip
    undo = _new(session, instalment, command)
    undo.reverses_id = original.id
    session.add(undo)
    _decide(session, undo)
    await _post(session, undo, instalment)
    return AdjustmentId(undo.id)


async def post_system_adjustment(session: WriteSession, command: RequestAdjustment) -> AdjustmentId:
    """Post a correction that the source of the document demands: no approval, signed amounts, tax as given.

    Raises OverApplied, InvoiceVoid, EffectiveDateTooEarly, PeriodClosed.
    """
    instalment = await lock_instalment(session, command.instalment_id)
    _check(instalment, command.amount_minor, command.effective_date)
    adjustment = _new(session, instalment, command)
    session.add(adjustment)
    await _post(session, adjustment, instalment)
    return AdjustmentId(adjustment.id)


def _check(instalment: Instalment, amount_minor: int, on: date) -> None:
    """Refuse what the locked instalment cannot lose on that date.

    What came back later (an undone application or adjustment) cannot be taken before it came back: reports of the days
    between would show less than nothing. To keep it simple nothing at all is taken off before that day.
    """
    if instalment.status == "void":
        raise InvoiceVoid("the document is void")
    if amount_minor > instalment.open_minor:
        left = to_text(instalment.open_minor, instalment.currency)
        raise OverApplied(f"the instalment has {left} {instalment.currency} open", pointer="/amount", available=left)
    earliest = instalment.accounting_date
    if amount_minor > 0 and instalment.reopened_on is not None:
        earliest = max(earliest, instalment.reopened_on)
    if on < earliest:
        detail = f"not before {earliest}, the date of the document or the day on which it was last opened again"
        raise EffectiveDateTooEarly(detail, pointer="/effective_date", not_before=earliest.isoformat())


async def _check_limit(session: WriteSession, adjustment: Adjustment) -> None:
    if not await within_own_limit(session, adjustment.amount_minor, adjustment.currency, adjustment.effective_date):
        raise ApprovalLimitExceeded("the amount is above your approval limit")


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
        tax_minor=command.tax_minor,
        state="requested",
        effective_date=command.effective_date,
        requested_by=session.actor.name,
        requested_by_id=session.actor.id,
    )


async def _post(session: WriteSession, adjustment: Adjustment, instalment: Instalment) -> None:
    """Post a checked adjustment of a locked instalment."""
    entity = await require_open_period(session, adjustment.legal_entity_id, adjustment.effective_date)
    if adjustment.kind == "write_off" and adjustment.amount_minor > 0 and entity.write_off_tax_share:
        adjustment.tax_minor = await _tax_of_write_off(session, instalment, adjustment.amount_minor)
    await take_off(session, instalment.id, adjustment.amount_minor, adjustment.kind, adjustment.effective_date)
    adjustment.state = "posted"
    adjustment.posted_at = RECORDED_NOW
    post(session, _transfers(adjustment))
    _log(session, adjustment, "adjustment.posted")
    await session.flush()


async def _tax_of_write_off(session: WriteSession, instalment: Instalment, amount_minor: int) -> int:
    """By the ratio of what is left of the document's tax and amount, so that write-offs of all of it carry all tax."""
    invoice = await get_invoice(session, instalment.invoice_id)
    standing = await standing_adjustments(session, invoice.id)
    return tax_of_part(
        amount_minor,
        invoice.tax_minor + invoice.corrected_tax_minor - standing.tax_minor,
        invoice.amount_minor + invoice.corrected_minor - standing.taxed_minor,
    )


def _transfers(adjustment: Adjustment) -> list[TransferRow]:
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
            instalment_id=adjustment.instalment_id,
            source_id=adjustment.id,
        )
        for account, amount in parts
    ]


def _decide(session: WriteSession, adjustment: Adjustment) -> None:
    adjustment.decided_by, adjustment.decided_by_id = session.actor.name, session.actor.id
    adjustment.decided_at = RECORDED_NOW
    if adjustment.version is not None:  # a new row starts with version 1
        adjustment.updated_at = RECORDED_NOW
        adjustment.version += 1


async def _lock_requested(session: WriteSession, adjustment_id: UUID, expected_version: int | None) -> Adjustment:
    adjustment = await lock_adjustment(session, adjustment_id)
    check_version(expected_version, adjustment.version)
    if adjustment.state != "requested":
        raise AdjustmentDecided(f"the adjustment is {adjustment.state} already")
    if session.actor.id is None or session.actor.id == adjustment.requested_by_id:
        raise ApprovalByRequester("nobody decides on their own request")
    return adjustment


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
