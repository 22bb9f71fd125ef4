"""What every decision about a proposal shares: locking, concluding, teaching."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.cash_application import queries
from app.cash_application.errors import ProposalNotFound
from app.cash_application.learning import LessonOrigin, Taught, teach
from app.cash_application.models import Proposal
from app.cash_application.sql import review as sql
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.payments.writes import LockedPayment, lock_payments

HELD = "held"


@dataclass(frozen=True, slots=True)
class Held:
    """A proposal and its payment, both locked."""

    proposal: Proposal
    payment: LockedPayment


@dataclass(frozen=True, slots=True)
class Locked:
    """Several of them, by proposal."""

    found: Mapping[UUID, Held]

    def pick(self, proposal_id: UUID, expected_version: int | None) -> Held:
        """The one with that id. Raises ProposalNotFound, StaleVersion."""
        held = self.found.get(proposal_id)
        if held is None:
            raise ProposalNotFound("no such proposal")
        check_version(expected_version, held.proposal.version)
        return held


async def lock_many(session: WriteSession, proposal_ids: Sequence[UUID]) -> Locked:
    """Lock payments, then proposals, each in the order of their ids."""
    payments = await sql.payments_of(session, set(proposal_ids))
    if not payments:
        return Locked({})
    locked = {found.facts.source.id: found for found in await lock_payments(session, set(payments.values()))}
    proposals = await sql.lock_proposals(session, sorted(payments))
    return Locked({id_: Held(proposal, locked[proposal.payment_id]) for id_, proposal in proposals.items()})


async def lock_one(session: WriteSession, proposal_id: UUID, expected_version: int | None) -> Held:
    """One proposal with its payment. Raises ProposalNotFound, StaleVersion."""
    return (await lock_many(session, [proposal_id])).pick(proposal_id, expected_version)


async def conclude(
    session: WriteSession, proposal: Proposal, state: str, note: str | None, *, payment_state: str = HELD
) -> None:
    """Write the decision. A payment with something left is then held from the matcher, unless another state is given.

    `open` takes the decision back.
    """
    before = {"state": proposal.state}
    proposal.state, proposal.note = state, note
    decided = state != "open"
    proposal.decided_by = session.actor.name if decided else None
    proposal.decided_at = RECORDED_NOW if decided else None
    proposal.updated_at, proposal.version = RECORDED_NOW, proposal.version + 1
    await session.flush()
    await queries.set_matching_states(session, [(proposal.payment_id, payment_state)])
    after = {
        "state": state, "payment_id": proposal.payment_id, "strategy": proposal.strategy, "band": proposal.band,
    }  # fmt: skip
    event = f"proposal.{state if decided else 'reopened'}"
    record_change(session, ChangeRow("proposal", proposal.id, event, before, after, reason=note))


async def teach_decision(
    session: WriteSession, held: Held, origin: LessonOrigin, group_id: UUID | None, instalments: Iterable[UUID]
) -> None:
    """A person decided: who paid is the account that the payment stands on now."""
    row = held.payment.row
    payment = await session.driver.fetchrow(
        "SELECT account_id, payer_name, payer_bank_identifier, remittance_text FROM payments"
        " WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        row["id"],
    )
    if payment is None or payment["account_id"] is None:
        return
    numbers = await sql.numbers_of(session, instalments)
    taught = Taught(
        account_id=payment["account_id"],
        payment_id=row["id"],
        origin=origin,
        payer_name=payment["payer_name"],
        payer_bank_identifier=payment["payer_bank_identifier"],
        proposal_id=held.proposal.id,
        application_group_id=group_id,
        remittance_text=payment["remittance_text"],
        numbers=tuple(sorted(numbers.values())),
    )
    await teach(session, [taught])
