"""What a person does with a proposal without settling documents: reject, put on account, hold, release, confirm."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal
from uuid import UUID

from app.cash_application.errors import ActionNotPossible, ProposalDecided
from app.cash_application.review.decisions import Held, conclude, lock_one, teach_decision
from app.cash_application.run import JOB, ONE_AT_A_TIME
from app.infra.database import WriteSession
from app.infra.jobs import owe
from app.payments.identify import ChangeAccount, change_account
from app.payments.queries import get_payment
from app.payments.withdraw import ReversePayment, reverse_payment

Treatment = Literal["keep_on_account", "reverse"]


async def reject_proposal(
    session: WriteSession, proposal_id: UUID, *, expected_version: int | None, note: str | None
) -> None:
    """Say that the proposal is wrong. The payment stays on account and is not proposed again by itself."""
    held = await lock_one(session, proposal_id, expected_version)
    proposal = held.proposal
    if proposal.state != "open" and not (proposal.state == "held" and proposal.kind == "settlement"):
        raise ProposalDecided(f"the proposal is {proposal.state} already")
    state = held.payment.row["matching_state"] if proposal.kind == "reversal" else "held"
    await conclude(session, proposal, "rejected", note, payment_state=state)


async def put_on_account(
    session: WriteSession,
    proposal_id: UUID,
    account_id: UUID,
    *,
    effective_date: date,
    note: str | None,
    expected_version: int | None,
) -> None:
    """The payment is this account's, and settles nothing for now. Teaches the payer.

    Raises ProposalNotFound, StaleVersion, ProposalDecided, ActionNotPossible, AccountUnknown, PaymentApplied, and the
    refusals of dates.
    """
    held = await lock_one(session, proposal_id, expected_version)
    _check(held, "open", "held")
    row = held.payment.row
    if row["account_id"] != account_id:
        on = _open_day(held, max(effective_date, row["account_since"]))
        await change_account(session, ChangeAccount(row["id"], account_id, on, reason=note))
    await conclude(session, held.proposal, "on_account", note)
    await teach_decision(session, held, "on_account", None, ())


async def hold_proposal(
    session: WriteSession, proposal_id: UUID, *, note: str | None, expected_version: int | None
) -> None:
    """Keep it for later: it leaves the open queue, and the matcher leaves the payment alone."""
    held = await lock_one(session, proposal_id, expected_version)
    _check(held, "open")
    await conclude(session, held.proposal, "held", note)


async def release_proposal(
    session: WriteSession, proposal_id: UUID, *, note: str | None, expected_version: int | None
) -> None:
    """No longer held. What was taken for a duplicate is matched like any other payment, at once."""
    held = await lock_one(session, proposal_id, expected_version)
    _check(held, "held")
    if held.proposal.kind == "duplicate":
        await conclude(session, held.proposal, "released", note, payment_state="waiting")
        owe(session, JOB, ONE_AT_A_TIME)
    else:
        await conclude(session, held.proposal, "open", note)


async def confirm_duplicate(
    session: WriteSession,
    proposal_id: UUID,
    treatment: Treatment,
    *,
    effective_date: date,
    note: str | None,
    expected_version: int | None,
) -> None:
    """It is the same payment once more: either money that really came twice and stays on account of whoever paid, or
    one receipt that was entered twice and is reversed.
    """
    held = await lock_one(session, proposal_id, expected_version)
    if held.proposal.kind != "duplicate" or held.proposal.state != "held":
        raise ActionNotPossible("only a held duplicate can be confirmed")
    row = held.payment.row
    on = _open_day(held, max(effective_date, row["account_since"]))
    if treatment == "reverse":
        await reverse_payment(session, ReversePayment(row["id"], on, "entered_in_error", reason=note))
    elif row["account_id"] is None and held.proposal.duplicate_of is not None:
        first = await get_payment(session, held.proposal.duplicate_of)
        if first.account_id is not None:
            await change_account(session, ChangeAccount(row["id"], first.account_id, on, reason=note))
    await conclude(session, held.proposal, "duplicate", note)


def _open_day(held: Held, on: date) -> date:
    closed = held.payment.entity.closed_through
    return on if closed is None else max(on, closed + timedelta(days=1))


def _check(held: Held, *states: str) -> None:
    if held.proposal.kind == "reversal":
        raise ActionNotPossible("a reversal is accepted or rejected")
    if held.proposal.state not in states:
        raise ProposalDecided(f"the proposal is {held.proposal.state} already")
