"""What a person does with a proposal: accept, correct, reject. It teaches whose bank identifier and name these are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.identities import IdentityCommand, learn_payer_identities
from app.cash_application import queries
from app.cash_application.applying import ProposedLine, commands, effective_date
from app.cash_application.errors import ProposalDecided, ProposalEmpty
from app.cash_application.models import Proposal
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.ledger.posting import legal_entity_facts
from app.payments.apply import apply, apply_many
from app.payments.queries import get_payment
from app.payments.types import Apply, ApplyLine, Source


@dataclass(frozen=True, slots=True)
class Correction:
    """What the payment really settles, as the person says; the rest stays on account."""

    lines: tuple[ApplyLine, ...]
    effective_date: date | None = None
    allow_other_account: bool = False


async def accept_proposal(
    session: WriteSession, proposal_id: UUID, *, expected_version: int | None, allow_other_account: bool = False
) -> None:
    """Apply the proposal as it stands.

    Raises ProposalNotFound, StaleVersion, ProposalDecided, ProposalEmpty, and every refusal of applying.
    """
    proposal = await _lock_open(session, proposal_id, expected_version)
    lines = [ProposedLine.of(line) for line in proposal.lines]
    if not lines:
        raise ProposalEmpty("the proposal settles nothing: correct it instead")
    payment = await get_payment(session, proposal.payment_id)
    entity = await legal_entity_facts(session, payment.legal_entity_id)
    on = effective_date(payment.accounting_date, lines, entity.closed_through)
    made = commands(
        payment.id, lines, on, origin="manual", proposal_id=proposal.id, allow_other_account=allow_other_account
    )
    await _apply_all(session, made)
    await _decide(session, proposal, "accepted", None)
    await _teach(session, payment, proposal.account_id)


async def correct_proposal(
    session: WriteSession, proposal_id: UUID, correction: Correction, *, expected_version: int | None
) -> None:
    """Apply what the person says instead of the proposal. Raises as `accept_proposal`."""
    proposal = await _lock_open(session, proposal_id, expected_version)
    payment = await get_payment(session, proposal.payment_id)
    entity = await legal_entity_facts(session, payment.legal_entity_id)
    on = correction.effective_date or effective_date(payment.accounting_date, [], entity.closed_through)
    group = await apply(
        session,
        Apply(
            source=Source("payment", payment.id),
            lines=correction.lines,
            effective_date=on,
            origin="manual",
            proposal_id=proposal.id,
            allow_other_account=correction.allow_other_account,
            identify=True,
        ),
    )
    proposal.application_group_id = group.group_id
    same = {line.instalment_id for line in correction.lines} == {UUID(line["item_id"]) for line in proposal.lines}
    await _decide(session, proposal, "accepted" if same else "corrected", None)
    await _teach(session, payment, None)


async def reject_proposal(
    session: WriteSession, proposal_id: UUID, *, expected_version: int | None, note: str | None
) -> None:
    """Say that the proposal is wrong. The payment stays on account and is not proposed again by itself."""
    proposal = await _lock_open(session, proposal_id, expected_version)
    await _decide(session, proposal, "rejected", note)
    await queries.set_matching_states(session, [(proposal.payment_id, "held")])


async def _apply_all(session: WriteSession, made: Sequence[Apply]) -> None:
    for command in made:
        (result,) = await apply_many(session, [command])
        if isinstance(result, Exception):
            raise result


async def _lock_open(session: WriteSession, proposal_id: UUID, expected_version: int | None) -> Proposal:
    proposal = await queries.get_proposal(session, proposal_id, lock=True)
    check_version(expected_version, proposal.version)
    if proposal.state != "open":
        raise ProposalDecided(f"the proposal is {proposal.state} already")
    return proposal


async def _decide(session: WriteSession, proposal: Proposal, state: str, note: str | None) -> None:
    proposal.state, proposal.note = state, note
    proposal.decided_by, proposal.decided_at = session.actor.name, RECORDED_NOW
    proposal.updated_at, proposal.version = RECORDED_NOW, proposal.version + 1
    await session.flush()
    if state != "rejected":
        await queries.set_matching_states(session, [(proposal.payment_id, "held")])
    facts = {"payment_id": proposal.payment_id, "strategy": proposal.strategy, "band": proposal.band}
    record_change(session, ChangeRow("proposal", proposal.id, f"proposal.{state}", None, facts, reason=note))


async def _teach(session: WriteSession, payment: Any, account_id: UUID | None) -> None:
    """Learn the payer from a decision of a person. A correction teaches the account of what was settled."""
    account = account_id or (await get_payment(session, payment.id)).account_id
    if account is None:
        return
    pairs = (("bank_identifier", payment.payer_bank_identifier), ("payer_name", payment.payer_name))
    learned = [IdentityCommand(account, kind, value) for kind, value in pairs if value]
    if learned:
        await learn_payer_identities(session, learned)
