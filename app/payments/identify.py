"""Give a payment its account, move it to another one, or take the account away again; each with an effective date.

Only money that is not applied changes its account, and no event of the payment may be dated before the change: so the
amount that moves is the same on every later day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.ledger.posting import check_open, post
from app.payments import writes
from app.payments.errors import AccountUnknown, PaymentApplied, SameAccount
from app.payments.postings import Held, account_change_transfers
from app.payments.queries import existing_accounts, latest_event_dates
from app.payments.refusals import AlreadyDecided, AlreadyIdentified, DateTooEarly, Unidentified
from app.payments.writes import Movement

HELD = "held"
WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class ChangeAccount:
    """Put a payment on an account; None takes it back to unidentified."""

    payment_id: UUID
    account_id: UUID | None
    effective_date: date
    reason: str | None = None
    expected_version: int | None = None
    identified: bool | None = None  # what the caller takes the payment for: identified already or not


@dataclass(frozen=True, slots=True)
class AccountChange:
    """A decided change of a locked payment."""

    held: Held
    account_id: UUID | None
    amount_minor: int
    effective_date: date
    reason: str | None = None

    @property
    def event(self) -> str:
        """`payment.identified`, `payment.moved` or `payment.unidentified`."""
        if self.account_id is None:
            return "payment.unidentified"
        return "payment.identified" if self.held.account_id is None else "payment.moved"


async def change_account(session: WriteSession, command: ChangeAccount) -> None:
    """Identify, move, or take back to unidentified what is left of a payment.

    Raises PaymentNotFound, StaleVersion, PaymentApplied (undo first), SameAccount, AlreadyDecided (nothing left),
    AccountUnknown, DateTooEarly (before another event of the payment), PeriodClosed.
    """
    locked = await writes.lock_payment(session, command.payment_id)
    row = locked.row
    check_version(command.expected_version, row["version"])
    if command.identified is True and row["account_id"] is None:
        raise Unidentified("the payment has no account yet; identify it")
    if command.identified is False and row["account_id"] is not None:
        raise AlreadyIdentified("the payment has an account; move it")
    if row["applied_minor"]:
        raise PaymentApplied("the payment is applied; undo the applications first")
    if row["unapplied_minor"] == 0:
        raise AlreadyDecided("the payment has nothing left")
    if row["account_id"] == command.account_id:
        raise SameAccount("the payment stands on that account already", pointer="/account_id")
    if command.account_id is not None and not await existing_accounts(session, [command.account_id]):
        raise AccountUnknown("no such account", pointer="/account_id")
    latest = (await latest_event_dates(session, [command.payment_id])).get(command.payment_id)
    check_change_date(command.effective_date, row["account_since"], latest)
    check_open(locked.entity, command.effective_date)
    change = AccountChange(
        held=Held(command.payment_id, row["legal_entity_id"], row["account_id"], row["currency"]),
        account_id=command.account_id,
        amount_minor=row["unapplied_minor"],
        effective_date=command.effective_date,
        reason=command.reason,
    )
    await write_account_changes(session, [change])


async def identify_payment(session: WriteSession, payment_id: UUID, account_id: UUID, effective_date: date) -> None:
    """Give an unidentified payment its account; see `change_account`."""
    await change_account(session, ChangeAccount(payment_id, account_id, effective_date, identified=False))


def check_change_date(on: date, since: date, latest_event: date | None) -> None:
    """Raise DateTooEarly when the payment has an event after `on`, or stood on another account then."""
    first = max(since, latest_event) if latest_event is not None else since
    if on < first:
        detail = f"the payment has an event of {first}; the account can change from then on"
        raise DateTooEarly(detail, pointer="/effective_date", not_before=first.isoformat())


async def write_account_changes(session: WriteSession, changes: Sequence[AccountChange]) -> None:
    """Write decided changes of locked payments: rows, and what follows from them."""
    await writes.change_accounts(
        session,
        [change.held.payment_id for change in changes],
        [change.account_id for change in changes],
        [change.effective_date for change in changes],
        [HELD if change.account_id is None else WAITING for change in changes],
    )
    await record_account_changes(session, changes)


async def record_account_changes(session: WriteSession, changes: Sequence[AccountChange]) -> None:
    """Movements, postings and change log of decided changes whose rows are written elsewhere."""
    movements = [
        Movement(
            payment_id=change.held.payment_id,
            kind="account_change",
            amount_minor=change.amount_minor,
            effective_date=change.effective_date,
            from_account_id=change.held.account_id,
            to_account_id=change.account_id,
            reason=change.reason,
        )
        for change in changes
    ]
    movement_ids = await writes.insert_movements(session, movements)
    for change, movement_id in zip(changes, movement_ids, strict=True):
        after = replace(change.held, account_id=change.account_id)
        rows = account_change_transfers(change.held, after, change.amount_minor, change.effective_date, change.event)
        post(session, [replace(row, source_id=movement_id) for row in rows])
        record_change(
            session,
            ChangeRow(
                entity_type="payment",
                entity_id=change.held.payment_id,
                event=change.event,
                before={"account_id": change.held.account_id},
                after={"account_id": change.account_id, "amount_minor": change.amount_minor},
                effective_date=change.effective_date,
                reason=change.reason,
            ),
        )
