"""SQL of the review queue: what a person sees, decides and undoes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, select

from app.cash_application.errors import ProposalNotFound
from app.cash_application.models import Proposal
from app.infra.database import ReadSession
from app.payments.models import Payment

# By payment and credit memos, which have indexes; a proposal's applications come from no other source.
_LIVE_GROUPS = """
SELECT a.group_id, max(a.effective_date) AS effective_date, min(a.recorded_at) AS recorded_at,
    bool_or(a.payment_id IS NOT NULL) AS is_cash
FROM applications a
WHERE a.organization_id = $1 AND (a.payment_id = $2 OR a.credit_memo_id = ANY($3::uuid[])) AND a.proposal_id = $4
    AND a.reverses_id IS NULL
    AND NOT EXISTS (SELECT FROM applications u WHERE u.organization_id = $1 AND u.reverses_id = a.id)
GROUP BY 1 ORDER BY 4 DESC, 1
"""
_ACCOUNT_CHANGE = """
SELECT from_account_id, to_account_id FROM payment_movements
WHERE organization_id = $1 AND payment_id = $2 AND kind = 'account_change' AND recorded_at BETWEEN $3 AND $4
ORDER BY id DESC LIMIT 1
"""
_NUMBERS = """
SELECT s.id, i.number FROM instalments s
JOIN invoices i ON i.organization_id = s.organization_id AND i.id = s.invoice_id
WHERE s.organization_id = $1 AND s.id = ANY($2::uuid[])
UNION ALL SELECT c.id, c.number FROM credit_memos c WHERE c.organization_id = $1 AND c.id = ANY($2::uuid[])
"""
_COUNTS = """
SELECT p.state, p.kind, p.band, p.currency, count(*)::int AS proposals, sum(p.amount_minor)::bigint AS minor
FROM proposals p JOIN payments y ON y.organization_id = p.organization_id AND y.id = p.payment_id
WHERE p.organization_id = $1 AND p.state IN ('open', 'held') AND ($2::uuid IS NULL OR y.legal_entity_id = $2)
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_WAITING = """
SELECT matching_state, count(*)::int AS payments FROM payments
WHERE organization_id = $1 AND matching_state IN ('waiting', 'no_match', 'held', 'proposed') AND unapplied_minor > 0
    AND ($2::uuid IS NULL OR legal_entity_id = $2)
GROUP BY 1
"""
_LOCK_MANY = """
SELECT id FROM proposals WHERE organization_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE
"""


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What the queue may be narrowed by; the last five are facts of the payment or bounds."""

    state: str | None = None
    kind: str | None = None
    band: str | None = None
    strategy: str | None = None
    run_id: UUID | None = None
    payment_id: UUID | None = None
    account_id: UUID | None = None
    currency: str | None = None
    legal_entity_id: UUID | None = None
    value_from: date | None = None
    value_to: date | None = None
    minimum_minor: int | None = None
    maximum_minor: int | None = None


_OWN = ("state", "kind", "band", "strategy", "run_id", "payment_id", "account_id", "currency")
assert set(_OWN) < {field.name for field in fields(QueueFilter)}


def queue_statement(organization_id: UUID, wanted: QueueFilter) -> Select[Proposal, Payment]:
    """Proposals with their payments, without order and bounds."""
    of_payment = and_(Payment.organization_id == Proposal.organization_id, Payment.id == Proposal.payment_id)
    statement = select(Proposal, Payment).join(Payment, of_payment).where(Proposal.organization_id == organization_id)
    for name in _OWN:
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Proposal, name) == value)
    if wanted.legal_entity_id is not None:
        statement = statement.where(Payment.legal_entity_id == wanted.legal_entity_id)
    if wanted.value_from is not None:
        statement = statement.where(Payment.value_date >= wanted.value_from)
    if wanted.value_to is not None:
        statement = statement.where(Payment.value_date <= wanted.value_to)
    if wanted.minimum_minor is not None:
        statement = statement.where(Proposal.amount_minor >= wanted.minimum_minor)
    if wanted.maximum_minor is not None:
        statement = statement.where(Proposal.amount_minor <= wanted.maximum_minor)
    return statement


async def get_with_payment(session: ReadSession, proposal_id: UUID) -> tuple[Proposal, Payment]:
    """The proposal and its payment as they are now. Raises ProposalNotFound."""
    statement = queue_statement(session.organization_id, QueueFilter()).where(Proposal.id == proposal_id)
    found = (await session.execute(statement.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise ProposalNotFound("no such proposal")
    return found[0], found[1]


async def queue_counts(session: ReadSession, legal_entity_id: UUID | None) -> list[Any]:
    """What waits for a person: by state, kind, band and currency, with the amounts."""
    return list(await session.driver.fetch(_COUNTS, session.organization_id, legal_entity_id))


async def payment_counts(session: ReadSession, legal_entity_id: UUID | None) -> dict[str, int]:
    """Payments with something left, by what the matcher made of them."""
    rows = await session.driver.fetch(_WAITING, session.organization_id, legal_entity_id)
    return {row["matching_state"]: row["payments"] for row in rows}


async def live_groups(
    session: ReadSession, proposal_id: UUID, payment_id: UUID, credit_memos: Sequence[UUID]
) -> list[Any]:
    """Application groups of the proposal that stand, those of the payment first."""
    return list(
        await session.driver.fetch(_LIVE_GROUPS, session.organization_id, payment_id, list(credit_memos), proposal_id)
    )


async def account_change(session: ReadSession, payment_id: UUID, first: Any, last: Any) -> Any | None:
    """The change of account that a decision recorded between these instants made, or None."""
    return await session.driver.fetchrow(_ACCOUNT_CHANGE, session.organization_id, payment_id, first, last)


async def numbers_of(session: ReadSession, instalment_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The document number of each of these instalments and credit memos."""
    wanted = list(instalment_ids)
    if not wanted:
        return {}
    rows = await session.driver.fetch(_NUMBERS, session.organization_id, wanted)
    return {row["id"]: row["number"] for row in rows}


async def payments_of(session: ReadSession, proposal_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The payment of each of these proposals; those that do not exist are left out."""
    rows = await session.driver.fetch(
        "SELECT id, payment_id FROM proposals WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(proposal_ids),
    )
    return {row["id"]: row["payment_id"] for row in rows}


async def lock_proposals(session: ReadSession, proposal_ids: Iterable[UUID]) -> dict[UUID, Proposal]:
    """The proposals, locked in the order of their ids, as they are now."""
    wanted = list(proposal_ids)
    await session.driver.execute(_LOCK_MANY, session.organization_id, wanted)
    statement = select(Proposal).where(Proposal.organization_id == session.organization_id, Proposal.id.in_(wanted))
    found = (await session.execute(statement.execution_options(populate_existing=True))).scalars()
    return {proposal.id: proposal for proposal in found}
