"""What a person does with a proposal that settles documents: accept, also many at once, correct, split. It teaches.

The payment is locked first, as everywhere, then the proposal: of two who decide the same one, the second is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from app.cash_application.applying import ProposedLine, commands, effective_date
from app.cash_application.deductions import dispute_deductions, proposed_deductions
from app.cash_application.errors import ActionNotPossible, ProposalDecided, ProposalEmpty, SplitTwoRests
from app.cash_application.models import Proposal
from app.cash_application.policy import load_policy
from app.cash_application.residuals import take_small_surplus
from app.cash_application.review.decisions import Held, conclude, lock_many, lock_one, teach_decision
from app.cash_application.review.reversals import accept_reversal
from app.cash_application.review.undoing import undo_applied
from app.cash_application.rules import Policy
from app.core.errors import DomainError
from app.disputes.opening import Deduction
from app.infra.database import WriteSession, attempt
from app.payments.apply import ApplicationGroup, apply_many
from app.payments.identify import ChangeAccount, change_account
from app.payments.types import Apply, ApplyLine, Source


@dataclass(frozen=True, slots=True)
class Correction:
    """What the payment really settles, as the person says; the rest stays on account.

    `account_id`: who paid, where that is not the owner of all the documents. `deductions` become disputes.
    """

    lines: tuple[ApplyLine, ...]
    effective_date: date | None = None
    allow_other_account: bool = False
    account_id: UUID | None = None
    deductions: tuple[Deduction, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitPart:
    """A part of a payment: for a document, or (`line` None) left on account of `account_id`."""

    amount_minor: int
    line: ApplyLine | None = None
    account_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One item of a bulk accept."""

    proposal_id: UUID
    version: int | None = None


async def accept_proposal(
    session: WriteSession, proposal_id: UUID, *, expected_version: int | None, allow_other_account: bool = False
) -> None:
    """Apply the proposal as it stands.

    Raises ProposalNotFound, StaleVersion, ProposalDecided, ProposalEmpty, and every refusal of applying.
    """
    asked = Ask(proposal_id, expected_version)
    (result,) = await accept_many(session, [asked], allow_other_account=allow_other_account)
    if isinstance(result, DomainError):
        raise result


async def accept_many(
    session: WriteSession, asked: Sequence[Ask], *, allow_other_account: bool = False
) -> list[UUID | DomainError]:
    """Accept many, set-wise; the answer has, in order, the proposal's id or the refusal of each."""
    found = await lock_many(session, [ask.proposal_id for ask in asked])
    policy = await load_policy(session)
    results: list[UUID | DomainError] = []
    simple: list[tuple[int, Held, Apply]] = []
    seen: set[UUID] = set()
    for index, ask in enumerate(asked):
        results.append(ask.proposal_id)
        try:
            held = found.pick(ask.proposal_id, ask.version)
            if held.proposal.id in seen:
                raise ProposalDecided("the proposal is named twice")
            if held.proposal.state != "open":
                raise ProposalDecided(f"the proposal is {held.proposal.state} already")
            seen.add(held.proposal.id)
            if held.proposal.kind == "reversal":
                async with attempt(session):
                    await accept_reversal(session, held)
                continue
            made = _commands(held, allow_other_account)
            if len(made) == 1:
                simple.append((index, held, made[0]))
                continue
            async with attempt(session):
                await _apply_together(session, policy, held, made)
        except DomainError as refusal:
            results[index] = refusal
    groups = await apply_many(session, [command for _, _, command in simple]) if simple else []
    for (index, held, _), group in zip(simple, groups, strict=True):
        if isinstance(group, DomainError):
            results[index] = group
        else:
            await _accepted(session, policy, held, group)
    return results


def _commands(held: Held, allow_other_account: bool) -> list[Apply]:
    proposal, row = held.proposal, held.payment.row
    lines = [ProposedLine.of(line) for line in proposal.lines]
    if not lines:
        raise ProposalEmpty("the proposal settles nothing: correct it instead")
    on = effective_date(row["accounting_date"], lines, held.payment.entity.closed_through)
    on = max(on, row["account_since"])
    return commands(
        proposal.payment_id,
        lines,
        on,
        origin="manual",
        proposal_id=proposal.id,
        allow_other_account=allow_other_account,
    )


async def _apply_together(session: WriteSession, policy: Policy, held: Held, made: Sequence[Apply]) -> None:
    """Credit memos and cash of one proposal: all of it, or the first refusal."""
    groups: list[ApplicationGroup] = []
    for result in await apply_many(session, made):
        if isinstance(result, DomainError):
            raise result
        groups.append(result)
    await _accepted(session, policy, held, groups[-1])


async def _accepted(session: WriteSession, policy: Policy, held: Held, group: ApplicationGroup) -> None:
    proposal = held.proposal
    proposal.application_group_id = group.group_id
    account = str(proposal.account_id) if proposal.account_id else None
    if policy.residual_of(account) == "small_to_income":
        limit = policy.small_difference_of(account)
        await take_small_surplus(session, proposal.payment_id, proposal.residual_minor, limit, group.effective_date)
    await dispute_deductions(session, proposal.payment_id, proposed_deductions(proposal.lines))
    await conclude(session, proposal, "accepted", None)
    settled = [row.instalment_id for row in group.rows]
    await teach_decision(session, held, "accepted", group.group_id, settled)


async def correct_proposal(
    session: WriteSession, proposal_id: UUID, correction: Correction, *, today: date, expected_version: int | None
) -> None:
    """Apply what the person says instead; what was applied by the proposal before is undone with it.

    Raises as `accept_proposal`, and ActionNotPossible for a proposal that was set aside.
    """
    held = await lock_one(session, proposal_id, expected_version)
    proposal = held.proposal
    closed = held.payment.entity.closed_through
    on = correction.effective_date or effective_date(held.payment.row["accounting_date"], [], closed)
    if proposal.kind == "reversal" or proposal.state not in ("open", "held", "applied", "accepted", "corrected"):
        raise _not_possible(proposal, "corrected")
    was_decided = proposal.state not in ("open", "held")
    if was_decided:
        on = await undo_applied(session, held, max(on, today), "corrected")
        held = await lock_one(session, proposal_id, None)
    row = held.payment.row
    if correction.account_id is not None and correction.account_id != row["account_id"]:
        on = max(on, row["account_since"])
        await change_account(session, ChangeAccount(proposal.payment_id, correction.account_id, on))
    command = Apply(
        source=Source("payment", proposal.payment_id),
        lines=correction.lines,
        effective_date=on,
        origin="manual",
        proposal_id=proposal.id,
        allow_other_account=correction.allow_other_account,
        identify=True,
    )
    (group,) = await apply_many(session, [command])
    if isinstance(group, DomainError):
        raise group
    proposal.application_group_id = group.group_id
    await dispute_deductions(session, proposal.payment_id, list(correction.deductions))
    same = not was_decided and _says_the_same(proposal, correction.lines)
    await conclude(session, proposal, "accepted" if same else "corrected", None)
    settled = [line.instalment_id for line in correction.lines]
    await teach_decision(session, held, "accepted" if same else "corrected", group.group_id, settled)


def _says_the_same(proposal: Proposal, lines: Sequence[ApplyLine]) -> bool:
    proposed = {line["item_id"]: line["amount_minor"] for line in proposal.lines if not line["is_credit"]}
    return proposed == {str(line.instalment_id): line.amount_minor for line in lines}


def _not_possible(proposal: Proposal, wanted: str) -> DomainError:
    detail = f"a {proposal.kind} that is {proposal.state} cannot be {wanted}"
    return ProposalDecided(detail) if proposal.kind == "settlement" else ActionNotPossible(detail)


async def split_proposal(
    session: WriteSession,
    proposal_id: UUID,
    parts: Sequence[SplitPart],
    correction: Correction,
    *,
    today: date,
    expected_version: int | None,
) -> None:
    """One payment for documents of several accounts; what is left stays on account of the one that paid.

    The payer is `correction.account_id`, else the account of the part that names one, else the payment's own. Raises as
    `correct_proposal`, and SplitTwoRests when parts are to stay on account of several.
    """
    rests = {part.account_id for part in parts if part.line is None and part.account_id is not None}
    payer = correction.account_id
    if len(rests | ({payer} if payer else set())) > 1:
        detail = "one payment stands on one account: only one account can keep a part that no document takes"
        raise SplitTwoRests(detail, pointer="/parts")
    lines = tuple(part.line for part in parts if part.line is not None)
    given = replace(correction, lines=lines, account_id=payer or next(iter(rests), None), allow_other_account=True)
    await correct_proposal(session, proposal_id, given, today=today, expected_version=expected_version)
