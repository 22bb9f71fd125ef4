"""How a dispute ends by a decision: credited (with approval), rejected, paid, withdrawn.

A credit within the caller's own limit is issued and applied at once; above it, it waits for somebody else who may
approve it. Nobody approves their own. The rooms below lock in the one order (payments, credit memos, instalments); the
dispute is locked last and its version checked once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from app.core.ids import new_id
from app.disputes import queries
from app.disputes.casework import lock_active
from app.disputes.errors import (
    CreditByOther,
    CreditByRequester,
    CreditLimitExceeded,
    CreditPending,
    NoCreditPending,
    NotPaid,
)
from app.disputes.models import Dispute, DisputeCredit, DisputeLine
from app.disputes.moves import move, touch
from app.disputes.rules import ACTIVE, DisputeInvalid, DisputeStateInvalid, Line, reductions, split_credit
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.invoices.approval import within_own_limit
from app.invoices.credit_memos import IssueCreditMemo, issue_credit_memo
from app.invoices.models import Invoice
from app.invoices.queries import get_instalment, get_invoice
from app.invoices.rules import tax_of_part
from app.payments.apply import apply
from app.payments.types import Apply, ApplyLine, InstalmentFacts, Source
from app.payments.writes import lock_instalments

ISSUE = "invoices:write"
TAKEN_BACK = "taken back"


@dataclass(frozen=True, slots=True)
class CreditOrder:
    """A credit for a dispute: all that is disputed unless `amount_minor` is given; the rest is rejected.

    Without `tax_minor` the tax part follows each invoice's own ratio. The memo is dated `effective_date`.
    """

    effective_date: date
    amount_minor: int | None = None
    tax_minor: int | None = None
    credit_memo_number: str | None = None
    note: str | None = None


async def credit_dispute(
    session: WriteSession, dispute_id: UUID, order: CreditOrder, *, today: date, expected_version: int | None
) -> Literal["credited", "requested"]:
    """Credit what is disputed, or ask for it when it is above the own limit (or the caller may not issue credits).

    Raises DisputeNotFound, StaleVersion, DisputeStateInvalid, CreditPending, DisputeInvalid, and the refusals of
    issuing and applying (NumberTaken, PeriodClosed, dates).
    """
    seen = await _seen_active(session, dispute_id, expected_version)
    if await queries.pending_credit(session, dispute_id) is not None:
        raise CreditPending("a credit of this dispute waits for approval already")
    instalments, lines = await _lock_parts(session, dispute_id)
    amount = order.amount_minor if order.amount_minor is not None else sum(minor for _, minor in lines)
    parts = split_credit(amount, lines)
    _check_order(order, amount, max(instalments[key].accounting_date for key, _ in parts), today)
    credit = DisputeCredit(
        organization_id=session.organization_id,
        id=new_id(),
        dispute_id=dispute_id,
        amount_minor=amount,
        tax_minor=order.tax_minor,
        effective_date=order.effective_date,
        credit_memo_number=order.credit_memo_number or f"CM-{seen.number}",
        note=order.note,
        state="requested",
        requested_by=session.actor.name,
        requested_by_id=session.actor.id,
    )
    if await _may_issue(session, amount, seen.currency, order.effective_date):
        memo_id = await _issue(session, seen, credit, parts, instalments)
        dispute = await lock_active(session, dispute_id, expected_version)
        credit.state, credit.credit_memo_id = "approved", memo_id
        _decided(session, credit)
        session.add(credit)
        await _end_credited(session, dispute, credit, today, order.note)
        return "credited"
    dispute = await lock_active(session, dispute_id, expected_version)
    session.add(credit)
    touch(dispute)
    await session.flush()
    facts = {"credit_id": credit.id, "amount_minor": amount, "currency": dispute.currency}
    record_change(session, ChangeRow("dispute", dispute.id, "dispute.credit_requested", None, facts, today, order.note))
    return "requested"


def _check_order(order: CreditOrder, amount_minor: int, earliest: date, today: date) -> None:
    """Refuse what nobody could approve later: otherwise it would wait for ever. Raises DisputeInvalid."""
    if not earliest <= order.effective_date <= max(today, earliest):
        detail = f"the credit is dated between {earliest}, when the last of its documents was posted, and today"
        raise DisputeInvalid(detail, pointer="/effective_date")
    if order.tax_minor is not None and not 0 <= order.tax_minor <= amount_minor:
        raise DisputeInvalid("the tax is a part of the credit", pointer="/tax_amount")


async def approve_credit(
    session: WriteSession, dispute_id: UUID, *, today: date, note: str | None, expected_version: int | None
) -> None:
    """Approve, issue and apply the credit that somebody else asked for.

    Raises DisputeNotFound, StaleVersion, NoCreditPending, CreditByRequester, CreditLimitExceeded, and what has come
    between since the request: DisputeInvalid when less is open, PeriodClosed.
    """
    seen = await _seen_active(session, dispute_id, expected_version)
    credit = await _pending(session, dispute_id)
    _check_other(session, credit)
    if not await within_own_limit(session, credit.amount_minor, seen.currency, credit.effective_date):
        raise CreditLimitExceeded("the amount is above your approval limit")
    instalments, lines = await _lock_parts(session, dispute_id)
    parts = split_credit(credit.amount_minor, lines)
    memo_id = await _issue(session, seen, credit, parts, instalments)
    dispute = await lock_active(session, dispute_id, expected_version)
    credit = await _pending(session, dispute_id)  # nobody has decided it meanwhile
    credit.state, credit.credit_memo_id, credit.decision_note = "approved", memo_id, note
    _decided(session, credit)
    await _end_credited(session, dispute, credit, today, note or credit.note)


async def reject_credit(
    session: WriteSession, dispute_id: UUID, *, today: date, note: str | None, expected_version: int | None
) -> None:
    """Refuse the credit that somebody else asked for; the dispute goes on.

    Raises DisputeNotFound, StaleVersion, NoCreditPending, CreditByRequester.
    """
    dispute = await lock_active(session, dispute_id, expected_version)
    credit = await _pending(session, dispute_id)
    _check_other(session, credit)
    await _refuse_credit(session, dispute, credit, today, note)
    touch(dispute)
    await session.flush()


async def withdraw_credit(
    session: WriteSession, dispute_id: UUID, *, today: date, note: str | None, expected_version: int | None
) -> None:
    """Whoever asked for a credit takes the request back, for another amount or way out; the dispute goes on.

    Raises DisputeNotFound, StaleVersion, DisputeStateInvalid, NoCreditPending, CreditByOther.
    """
    dispute = await lock_active(session, dispute_id, expected_version)
    credit = await _pending(session, dispute_id)
    if session.actor.id is None or session.actor.id != credit.requested_by_id:
        raise CreditByOther("only who asked for the credit takes it back; others refuse it")
    await _refuse_credit(session, dispute, credit, today, note or TAKEN_BACK, "dispute.credit_withdrawn")
    touch(dispute)
    await session.flush()


async def reject_dispute(
    session: WriteSession, dispute_id: UUID, *, today: date, note: str, expected_version: int | None
) -> None:
    """The customer is wrong: everything is owed and collectable again. Raises CreditPending …"""
    dispute = await lock_active(session, dispute_id, expected_version)
    if await queries.pending_credit(session, dispute_id) is not None:
        raise CreditPending("a credit waits for approval: decide it first")
    await _release(session, dispute)
    await move(session, dispute, "resolved_rejected", today, note=note)


async def withdraw_dispute(
    session: WriteSession, dispute_id: UUID, *, today: date, note: str | None, expected_version: int | None
) -> None:
    """The customer does not contest it any more; a credit that waits for approval falls away.

    Raises DisputeNotFound, StaleVersion, DisputeStateInvalid.
    """
    dispute = await lock_active(session, dispute_id, expected_version)
    credit = await queries.pending_credit(session, dispute_id)
    if credit is not None:
        await _refuse_credit(session, dispute, credit, today, "the dispute was withdrawn")
    await _release(session, dispute)
    await move(session, dispute, "withdrawn", today, note=note)


async def pay_dispute(
    session: WriteSession,
    dispute_id: UUID,
    *,
    payment_id: UUID | None,
    effective_date: date,
    today: date,
    note: str | None,
    expected_version: int | None,
) -> None:
    """The customer has paid what was disputed: with a payment, it is applied to it first.

    Raises DisputeNotFound, StaleVersion, DisputeStateInvalid, CreditPending, NotPaid without a payment while it is
    open, and the refusals of applying.
    """
    seen = await _seen_active(session, dispute_id, expected_version)
    if await queries.pending_credit(session, dispute_id) is not None:
        raise CreditPending("a credit waits for approval: decide it first")
    if payment_id is not None:
        lines = (await queries.lines_of(session, [dispute_id]))[dispute_id]
        wanted = [(line.instalment_id, line.disputed_minor) for line in lines if line.disputed_minor]
        await apply(
            session,
            Apply(
                source=Source("payment", payment_id),
                lines=tuple(ApplyLine(instalment_id, minor) for instalment_id, minor in wanted),
                effective_date=effective_date,
                identify=True,
                reason=f"dispute {seen.number}",
            ),
        )
    else:
        await _check_paid(session, dispute_id)
    dispute = await lock_active(session, dispute_id, expected_version)
    dispute.paid_minor += dispute.disputed_minor
    await _close_lines(session, dispute)
    await move(session, dispute, "resolved_paid", today, note=note, facts={"paid_minor": dispute.paid_minor})


async def _check_paid(session: WriteSession, dispute_id: UUID) -> None:
    """Raise NotPaid unless nothing of the disputed parts is open any more."""
    lines = (await queries.lines_of(session, [dispute_id]))[dispute_id]
    instalments = await lock_instalments(session, [line.instalment_id for line in lines])
    rows = await queries.active_lines(session, list(instalments))
    open_minor = {instalment_id: facts.balance.left_minor for instalment_id, facts in instalments.items()}
    taken = reductions([Line(**dict(row)) for row in rows], open_minor)
    if any(line.disputed_minor > taken.get(line.id, 0) for line in lines):
        raise NotPaid("what is disputed is still open: name the payment that settles it", pointer="/payment_id")


async def _seen_active(session: WriteSession, dispute_id: UUID, expected_version: int | None) -> Dispute:
    """The dispute before any lock: to refuse early, and to know which rows to lock."""
    seen = await queries.get_dispute(session, dispute_id, session.actor)
    check_version(expected_version, seen.version)
    if seen.state not in ACTIVE:
        raise DisputeStateInvalid(f"the dispute is {seen.state}", state=seen.state)
    return seen


async def _lock_parts(
    session: WriteSession, dispute_id: UUID
) -> tuple[Mapping[UUID, InstalmentFacts], list[tuple[UUID, int]]]:
    """The locked instalments, and what of each is disputed and still open."""
    found = [line for line in (await queries.lines_of(session, [dispute_id]))[dispute_id] if line.disputed_minor]
    instalments = await lock_instalments(session, [line.instalment_id for line in found])
    lines = [
        (line.instalment_id, min(line.disputed_minor, instalments[line.instalment_id].balance.left_minor))
        for line in found
    ]
    return instalments, lines


async def _may_issue(session: WriteSession, amount_minor: int, currency: str, on: date) -> bool:
    actor = session.actor
    if actor.kind != "system" and ISSUE not in actor.scopes:
        return False
    return await within_own_limit(session, amount_minor, currency, on)


async def _issue(
    session: WriteSession,
    dispute: Dispute,
    credit: DisputeCredit,
    parts: Sequence[tuple[UUID, int]],
    instalments: Mapping[UUID, InstalmentFacts],
) -> UUID:
    """Issue the credit memo and apply it to the disputed instalments; answers its id."""
    invoices: dict[UUID, Invoice] = {}
    tax = 0
    for instalment_id, minor in parts:
        invoice = await get_invoice(session, (await get_instalment(session, instalment_id)).invoice_id)
        invoices[invoice.id] = invoice
        whole = invoice.amount_minor + invoice.corrected_minor
        tax += tax_of_part(minor, invoice.tax_minor + invoice.corrected_tax_minor, whole)
    reason = await queries.get_reason(session, dispute.reason_id)
    memo_id = await issue_credit_memo(
        session,
        IssueCreditMemo(
            number=credit.credit_memo_number,
            legal_entity_id=dispute.legal_entity_id,
            account_id=dispute.account_id,
            currency=dispute.currency,
            amount_minor=credit.amount_minor,
            credit_date=credit.effective_date,
            tax_minor=tax if credit.tax_minor is None else credit.tax_minor,
            invoice_id=next(iter(invoices)) if len(invoices) == 1 else None,
            reason_code=reason.code,
            reason=f"dispute {dispute.number}",
        ),
    )
    lines = tuple(ApplyLine(instalment_id, minor) for instalment_id, minor in parts)
    source = Source("credit_memo", memo_id)
    await apply(session, Apply(source, lines, credit.effective_date, reason=f"dispute {dispute.number}"))
    return memo_id


async def _end_credited(
    session: WriteSession, dispute: Dispute, credit: DisputeCredit, today: date, note: str | None
) -> None:
    dispute.credited_minor += credit.amount_minor
    dispute.released_minor += max(0, dispute.disputed_minor - credit.amount_minor)
    await _close_lines(session, dispute)
    facts = {"credit_memo_id": credit.credit_memo_id, "credited_minor": credit.amount_minor}
    await move(session, dispute, "resolved_credited", today, note=note, facts=facts)


async def _release(session: WriteSession, dispute: Dispute) -> None:
    dispute.released_minor += dispute.disputed_minor
    await _close_lines(session, dispute)


async def _close_lines(session: WriteSession, dispute: Dispute) -> list[DisputeLine]:
    lines = (await queries.lines_of(session, [dispute.id]))[dispute.id]
    for line in lines:
        line.disputed_minor = 0
    dispute.disputed_minor = 0
    return lines


async def _pending(session: WriteSession, dispute_id: UUID) -> DisputeCredit:
    credit = await queries.pending_credit(session, dispute_id)
    if credit is None:
        raise NoCreditPending("no credit waits for approval")
    return credit


def _check_other(session: WriteSession, credit: DisputeCredit) -> None:
    if session.actor.id is None or session.actor.id == credit.requested_by_id:
        raise CreditByRequester("nobody decides on their own request")


def _decided(session: WriteSession, credit: DisputeCredit) -> None:
    credit.decided_by, credit.decided_by_id = session.actor.name, session.actor.id
    credit.decided_at = RECORDED_NOW
    if credit.version is not None:  # a new row starts with version 1
        credit.version += 1
        credit.updated_at = RECORDED_NOW


async def _refuse_credit(
    session: WriteSession,
    dispute: Dispute,
    credit: DisputeCredit,
    today: date,
    note: str | None,
    event: str = "dispute.credit_rejected",
) -> None:
    credit.state, credit.decision_note = "rejected", note
    _decided(session, credit)
    facts = {"credit_id": credit.id, "amount_minor": credit.amount_minor}
    record_change(session, ChangeRow("dispute", dispute.id, event, None, facts, today, note))
