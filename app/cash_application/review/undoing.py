"""Undo a decision as one group: what it applied, the account that it gave the payment, and what it taught."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from app.cash_application import learning
from app.cash_application.errors import ActionNotPossible
from app.cash_application.precision import judge
from app.cash_application.review.decisions import HELD, Held, conclude, lock_one
from app.cash_application.sql import review as sql
from app.infra.database import WriteSession
from app.payments.identify import ChangeAccount, change_account
from app.payments.undo import undo_applications

UNDONE = ("applied", "accepted", "corrected", "on_account", "rejected")


async def undo_decision(
    session: WriteSession,
    proposal_id: UUID,
    *,
    today: date,
    now: datetime,
    effective_date: date | None,
    reason: str | None,
    expected_version: int | None,
) -> None:
    """The proposal is open again, as if nobody had decided; the payment is held from the matcher until somebody does.

    Raises ProposalNotFound, StaleVersion, ActionNotPossible, and the refusals of undoing.
    """
    held = await lock_one(session, proposal_id, expected_version)
    proposal, state = held.proposal, held.proposal.state
    if proposal.kind == "reversal" or state not in UNDONE:
        raise ActionNotPossible(f"a {proposal.kind} that is {state} cannot be undone")
    if state == "on_account":
        await _give_account_back(
            session, held, proposal.decided_at, proposal.decided_at, effective_date or today, reason
        )
    elif state != "rejected":
        await undo_applied(session, held, effective_date or today, reason)
    await learning.withdraw(session, proposals=[proposal.id], reason=reason or "the decision was undone")
    proposal.application_group_id = None
    await conclude(session, proposal, "open", reason, payment_state=HELD)
    if state == "applied":
        await judge(session, now)


async def undo_applied(session: WriteSession, held: Held, on: date, reason: str | None) -> date:
    """Undo what the proposal applied and unlearn it; answers the effective date.

    That is `on`, moved behind what it undoes and into the open period.
    """
    proposal = held.proposal
    credits = [UUID(line["item_id"]) for line in proposal.lines if line["is_credit"]]
    groups = await sql.live_groups(session, proposal.id, proposal.payment_id, credits)
    closed = held.payment.entity.closed_through
    dates = [on, held.payment.row["account_since"], *(group["effective_date"] for group in groups)]
    if closed is not None:
        dates.append(closed + timedelta(days=1))
    on = max(dates)
    for group in groups:
        await undo_applications(session, group["group_id"], on, reason)
    if groups:
        first = min(group["recorded_at"] for group in groups)
        await _give_account_back(session, held, first, proposal.decided_at or first, on, reason)
    ids = [group["group_id"] for group in groups]
    await learning.withdraw(session, groups=ids, proposals=[proposal.id], reason=reason or "the application was undone")
    return on


async def _give_account_back(
    session: WriteSession, held: Held, first: datetime | None, last: datetime | None, on: date, reason: str | None
) -> None:
    """Put the payment back on the account, or on none, that it had before the decision; if nothing of it is applied."""
    payment_id = held.proposal.payment_id
    change = await sql.account_change(session, payment_id, first, last)
    if change is None:
        return
    row = await session.driver.fetchrow(
        "SELECT account_id, account_since, applied_minor, unapplied_minor FROM payments"
        " WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        payment_id,
    )
    assert row is not None
    if row["applied_minor"] or not row["unapplied_minor"] or row["account_id"] != change["to_account_id"]:
        return
    on = max(on, row["account_since"])
    await change_account(session, ChangeAccount(payment_id, change["from_account_id"], on, reason=reason))
