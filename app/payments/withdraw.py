"""Money that leaves a payment again: refunded to the payer, not receivable at all, or reversed by the bank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from app.core.money import to_text
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.ledger.posting import check_open, post
from app.ledger.rules import TransferRow
from app.payments import queries, writes
from app.payments.balances import minimum_since
from app.payments.errors import PaymentWithdrawn
from app.payments.postings import Held, income_transfer, receipt_transfer
from app.payments.refusals import CurrencyDiffers, DateTooEarly, SourceOverApplied
from app.payments.rules import check_taken
from app.payments.types import SourceFacts
from app.payments.undo import undo_locked
from app.payments.writes import LockedPayment, Movement

ReversalReason = Literal["returned", "bounced", "charged_back", "entered_in_error"]
NotReceivableReason = Literal["interest", "tax_refund", "insurance", "supplier_refund", "own_transfer", "loan", "other"]
_EVENTS = {
    "refund": ("payment.refunded", "refunded"),
    "not_receivable": ("payment.marked_not_receivable", "not_receivable"),
    "reversal": ("payment.reversed", "reversed"),
}


@dataclass(frozen=True, slots=True)
class RefundPayment:
    """Pay back what is not applied, or part of it (`amount_minor`)."""

    payment_id: UUID
    effective_date: date
    amount_minor: int | None = None
    reason: str | None = None
    expected_version: int | None = None
    currency: str | None = None  # what the caller takes the payment's currency for


@dataclass(frozen=True, slots=True)
class MarkNotReceivable:
    """What is left of the payment is no customer's money (interest, tax refund …): it becomes other income."""

    payment_id: UUID
    effective_date: date
    reason_code: NotReceivableReason
    amount_minor: int | None = None
    reason: str | None = None
    expected_version: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class ReversePayment:
    """The bank took the money back: returned, bounced or charged back.

    With `rest` a person says so of a payment that was refunded or set aside in part: what had left it stays as it is.
    """

    payment_id: UUID
    effective_date: date
    reason_code: ReversalReason
    reason: str | None = None
    expected_version: int | None = None
    rest: bool = False


async def refund_payment(session: WriteSession, command: RefundPayment) -> None:
    """Refund unapplied money, identified or not.

    Raises PaymentNotFound, StaleVersion, SourceOverApplied, PaymentInvalid, AlreadyDecided, DateTooEarly, PeriodClosed.
    """
    locked = await _lock(session, command)
    minor = command.amount_minor if command.amount_minor is not None else locked.row["unapplied_minor"]
    movement = Movement(command.payment_id, "refund", minor, command.effective_date, reason=command.reason)
    await _withdraw(session, locked, movement, lambda held, on, event: receipt_transfer(held, -minor, on, event))


async def mark_not_receivable(session: WriteSession, command: MarkNotReceivable) -> None:
    """Set aside unapplied money that no customer owed; refusals as in `refund_payment`."""
    locked = await _lock(session, command)
    minor = command.amount_minor if command.amount_minor is not None else locked.row["unapplied_minor"]
    movement = Movement(
        command.payment_id,
        "not_receivable",
        minor,
        command.effective_date,
        reason_code=command.reason_code,
        reason=command.reason,
    )
    await _withdraw(session, locked, movement, lambda held, on, event: income_transfer(held, minor, on, event))


async def _lock(session: WriteSession, command: RefundPayment | MarkNotReceivable) -> LockedPayment:
    locked = await writes.lock_payment(session, command.payment_id)
    check_version(command.expected_version, locked.row["version"])
    if command.currency is not None and command.currency != locked.facts.currency:
        raise CurrencyDiffers(f"the payment is in {locked.facts.currency}", pointer="/currency")
    return locked


async def reverse_payment(session: WriteSession, command: ReversePayment) -> list[UUID]:
    """Reverse a payment: its applications are undone as of the date, the instalments are open again with their due
    dates, the money goes back through the bank. Answers the ids of the groups that undid the applications.

    Raises PaymentNotFound, StaleVersion, PaymentWithdrawn (refunded in part or set aside, unless `rest`; nothing is
    left, or reversed before), DateTooEarly (before an application or another event), PeriodClosed.
    """
    locked = await writes.lock_payment(session, command.payment_id)
    row, facts = locked.row, locked.facts
    check_version(command.expected_version, row["version"])
    minor = row["amount_minor"] - row["withdrawn_minor"]
    if row["withdrawn_minor"] and not (command.rest and minor):
        shown = to_text(row["withdrawn_minor"], row["currency"])
        detail = f"{shown} {row['currency']} of the payment were refunded, reversed or set aside before"
        raise PaymentWithdrawn(detail)
    check_open(locked.entity, command.effective_date)
    live = await queries.live_applications(session, command.payment_id)
    undone = []
    if live:
        undone = await undo_locked(session, facts, live, command.effective_date, command.reason)
    movement = Movement(
        command.payment_id,
        "reversal",
        minor,
        command.effective_date,
        reason_code=command.reason_code,
        reason=command.reason,
    )
    await _withdraw(session, locked, movement, lambda held, on, event: receipt_transfer(held, -minor, on, event))
    return [group.group_id for group in undone]


async def _withdraw(
    session: WriteSession,
    locked: LockedPayment,
    movement: Movement,
    booked: Callable[[Held, date, str], TransferRow],
) -> None:
    """Take money out of a locked payment: amounts, movement, posting, change log."""
    row, facts, on = locked.row, locked.facts, movement.effective_date
    event, withdrawn_as = _EVENTS[movement.kind]
    check_taken(movement.amount_minor, facts.balance.left_minor, facts.currency)
    if on < facts.not_before:
        detail = f"the payment stands on its account since {facts.not_before}"
        raise DateTooEarly(detail, pointer="/effective_date", not_before=facts.not_before.isoformat())
    check_open(locked.entity, on)
    await _check_history(session, facts, movement)
    await writes.withdraw(session, movement.payment_id, movement.amount_minor, withdrawn_as)
    (movement_id,) = await writes.insert_movements(session, [movement])
    held = Held(movement.payment_id, facts.legal_entity_id, facts.account_id, facts.currency)
    post(session, [replace(booked(held, on, event), source_id=movement_id)])
    record_change(
        session,
        ChangeRow(
            entity_type="payment",
            entity_id=movement.payment_id,
            event=event,
            before={"unapplied_minor": facts.balance.left_minor, "status": row["status"]},
            after={
                "unapplied_minor": facts.balance.left_minor - movement.amount_minor,
                "amount_minor": movement.amount_minor,
                "reason_code": movement.reason_code,
            },
            effective_date=on,
            reason=movement.reason,
        ),
    )


async def _check_history(session: WriteSession, facts: SourceFacts, movement: Movement) -> None:
    """Refuse a date on which the money was still applied: it came back only later."""
    key = (movement.payment_id, movement.effective_date)
    least = (await minimum_since(session, "payment", [key]))[key]
    if movement.amount_minor > least:
        shown = to_text(max(least, 0), facts.currency)
        detail = f"with that date the payment has only {shown} {facts.currency} left on some day since"
        raise SourceOverApplied(detail, pointer="/effective_date", available=shown)
