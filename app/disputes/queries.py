"""SQL of disputes: what is disputed of an instalment, lists limited to what an actor works on, locks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, any_, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import UUID as PG_UUID

from app.disputes.errors import DisputeNotFound, DisputeReasonNotFound, DisputeTeamNotFound
from app.disputes.models import (
    Dispute,
    DisputeComment,
    DisputeCredit,
    DisputeLine,
    DisputeReason,
    DisputeTeam,
    DisputeTransition,
)
from app.disputes.rules import ACTIVE
from app.infra.database import Actor, ReadSession, WriteSession
from app.invoices.models import Instalment

READ, ALL = "disputes:read", "all-disputes:read"
"""Whoever lacks this scope sees the disputes that are assigned to them or one of their teams, or that they opened."""
NO_KEY = {"key_share": True}
_DISPUTED = """
SELECT l.instalment_id, least(sum(l.disputed_minor), max(i.open_minor))::bigint AS minor
FROM dispute_lines l JOIN instalments i ON i.organization_id = l.organization_id AND i.id = l.instalment_id
WHERE l.organization_id = $1 AND l.instalment_id = ANY($2::uuid[]) AND l.disputed_minor > 0
GROUP BY l.instalment_id
"""
_DISPUTED_BY_ACCOUNT = """
SELECT account_id, currency, sum(minor)::bigint AS minor FROM (
    SELECT i.account_id, i.currency, least(sum(l.disputed_minor), i.open_minor) AS minor
    FROM instalments i JOIN dispute_lines l
      ON l.organization_id = i.organization_id AND l.instalment_id = i.id AND l.disputed_minor > 0
    WHERE i.organization_id = $1 AND i.account_id = ANY($2::uuid[]) AND i.open_minor <> 0
    GROUP BY i.account_id, i.currency, i.id, i.open_minor
) AS parts GROUP BY account_id, currency HAVING sum(minor) > 0
"""
_DISPUTED_TOTALS = """
SELECT currency, sum(minor)::bigint AS minor FROM (
    SELECT i.currency, least(sum(l.disputed_minor), i.open_minor) AS minor
    FROM dispute_lines l JOIN instalments i ON i.organization_id = l.organization_id AND i.id = l.instalment_id
    WHERE l.organization_id = $1 AND l.disputed_minor > 0 AND i.open_minor <> 0
      AND ($2::uuid IS NULL OR i.account_id = $2) AND ($3::uuid IS NULL OR i.legal_entity_id = $3)
      AND ($4::text IS NULL OR i.currency = $4)
    GROUP BY i.id, i.currency, i.open_minor
) AS parts GROUP BY currency ORDER BY currency
"""
_UNDISPUTED = """
SELECT i.id, i.open_minor - least(i.open_minor, coalesce((
    SELECT sum(l.disputed_minor) FROM dispute_lines l
    WHERE l.organization_id = $1 AND l.instalment_id = i.id AND l.disputed_minor > 0), 0))::bigint AS minor
FROM instalments i WHERE i.organization_id = $1 AND i.id = ANY($2::uuid[])
"""
_LINES_OF_INSTALMENTS = """
SELECT l.id, l.dispute_id, l.instalment_id, l.disputed_minor FROM dispute_lines l
WHERE l.organization_id = $1 AND l.instalment_id = ANY($2::uuid[]) AND l.disputed_minor > 0 ORDER BY l.dispute_id, l.id
"""


async def disputed_by_instalment(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, int]:
    """The disputed part of each of these instalments, in minor units of its currency; without those of zero.

    Never more than is open: money that has come counts although the dispute may be reduced a moment later.
    """
    rows = await session.driver.fetch(_DISPUTED, session.organization_id, list(ids))
    return {row["instalment_id"]: row["minor"] for row in rows if row["minor"]}


async def undisputed(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, int]:
    """What is open and not disputed of each of these instalments, in minor units: what may be dunned, charged interest
    for, promised and forecast."""
    rows = await session.driver.fetch(_UNDISPUTED, session.organization_id, list(ids))
    return {row["id"]: row["minor"] for row in rows}


async def disputed_by_account(session: ReadSession, account_ids: Iterable[UUID]) -> dict[tuple[UUID, str], int]:
    """The disputed amount of each account by currency, in minor units; without those of zero."""
    rows = await session.driver.fetch(_DISPUTED_BY_ACCOUNT, session.organization_id, list(account_ids))
    return {(row["account_id"], row["currency"]): row["minor"] for row in rows}


async def disputed_totals(
    session: ReadSession,
    *,
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    currency: str | None = None,
) -> dict[str, int]:
    """What is disputed now, in minor units by currency, narrowed by what is given; never more than is open."""
    args = (session.organization_id, account_id, legal_entity_id, currency)
    return {row["currency"]: row["minor"] for row in await session.driver.fetch(_DISPUTED_TOTALS, *args)}


async def active_lines(session: ReadSession, instalment_ids: Collection[UUID]) -> list[Any]:
    """Lines of active disputes on these instalments (id, dispute_id, instalment_id, disputed_minor), oldest first."""
    return list(await session.driver.fetch(_LINES_OF_INSTALMENTS, session.organization_id, list(instalment_ids)))


def visible_to(organization_id: UUID, actor: Actor) -> Any:
    """The condition that limits disputes to what the actor may see: theirs, for whoever reads disputes but not all.

    That somebody may read disputes at all is checked by every route; other rooms that ask (an approver of payments
    whose step opens a dispute) are not limited.
    """
    if READ not in actor.scopes or ALL in actor.scopes:
        return Dispute.organization_id == organization_id
    teams = exists().where(
        DisputeTeam.organization_id == organization_id,
        DisputeTeam.id == Dispute.team_id,
        literal(actor.id, PG_UUID(as_uuid=True)) == any_(DisputeTeam.member_ids),
    )
    return and_(
        Dispute.organization_id == organization_id,
        or_(Dispute.assignee_id == actor.id, Dispute.opened_by_id == actor.id, teams),
    )


async def get_dispute(session: ReadSession, dispute_id: UUID, actor: Actor) -> Dispute:
    """The dispute. Raises DisputeNotFound, also when the actor does not work on it."""
    statement = select(Dispute).where(visible_to(session.organization_id, actor), Dispute.id == dispute_id)
    found = (await session.scalars(statement.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise DisputeNotFound("no such dispute")
    return found


async def lock_dispute(session: WriteSession, dispute_id: UUID) -> Dispute:
    """The dispute, locked for a change. Raises DisputeNotFound, also when the session's actor does not work on it."""
    await get_dispute(session, dispute_id, session.actor)
    key = (session.organization_id, dispute_id)
    found = await session.get(Dispute, key, with_for_update=NO_KEY, populate_existing=True)
    assert found is not None  # disputes are never deleted
    return found


async def lock_disputes(session: WriteSession, ids: Collection[UUID]) -> dict[UUID, Dispute]:
    """Disputes locked in the order of their ids."""
    statement = (
        select(Dispute)
        .where(Dispute.organization_id == session.organization_id, Dispute.id.in_(list(ids)))
        .order_by(Dispute.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in (await session.scalars(statement)).all()}


async def lines_of(session: ReadSession, dispute_ids: Collection[UUID]) -> dict[UUID, list[DisputeLine]]:
    """The lines of each dispute, in their order."""
    statement = (
        select(DisputeLine)
        .where(DisputeLine.organization_id == session.organization_id, DisputeLine.dispute_id.in_(list(dispute_ids)))
        .order_by(DisputeLine.dispute_id, DisputeLine.id)
        .execution_options(populate_existing=True)
    )
    found: dict[UUID, list[DisputeLine]] = {dispute_id: [] for dispute_id in dispute_ids}
    for line in (await session.scalars(statement)).all():
        found[line.dispute_id].append(line)
    return found


async def credits_of(session: ReadSession, dispute_ids: Collection[UUID]) -> dict[UUID, list[DisputeCredit]]:
    """The credits of each dispute, asked for and decided, oldest first."""
    statement = select(DisputeCredit).where(
        DisputeCredit.organization_id == session.organization_id, DisputeCredit.dispute_id.in_(list(dispute_ids))
    )
    found: dict[UUID, list[DisputeCredit]] = {dispute_id: [] for dispute_id in dispute_ids}
    ordered = statement.order_by(DisputeCredit.id).execution_options(populate_existing=True)
    for credit in (await session.scalars(ordered)).all():
        found[credit.dispute_id].append(credit)
    return found


async def pending_credit(session: ReadSession, dispute_id: UUID) -> DisputeCredit | None:
    """The credit that waits for approval, or None."""
    credits = (await credits_of(session, [dispute_id]))[dispute_id]
    return next((credit for credit in credits if credit.state == "requested"), None)


async def find_reason(session: ReadSession, code: str) -> DisputeReason | None:
    """The reason with this code, or None."""
    statement = select(DisputeReason).where(
        DisputeReason.organization_id == session.organization_id, DisputeReason.code == code
    )
    return (await session.scalars(statement)).one_or_none()


async def all_reasons(session: ReadSession) -> list[DisputeReason]:
    """The catalogue of reasons: some dozens."""
    statement = select(DisputeReason).where(DisputeReason.organization_id == session.organization_id)
    return list((await session.scalars(statement.order_by(DisputeReason.code).limit(1_000))).all())


async def get_reason(session: ReadSession, reason_id: UUID, *, lock: bool = False) -> DisputeReason:
    """The reason. Raises DisputeReasonNotFound."""
    found = await session.get(
        DisputeReason, (session.organization_id, reason_id), with_for_update=lock or None, populate_existing=True
    )
    if found is None:
        raise DisputeReasonNotFound("no such reason")
    return found


async def find_team(session: ReadSession, code: str) -> DisputeTeam | None:
    """The team with this code, or None."""
    statement = select(DisputeTeam).where(
        DisputeTeam.organization_id == session.organization_id, DisputeTeam.code == code
    )
    return (await session.scalars(statement)).one_or_none()


async def get_team(session: ReadSession, team_id: UUID, *, lock: bool = False) -> DisputeTeam:
    """The team. Raises DisputeTeamNotFound."""
    found = await session.get(
        DisputeTeam, (session.organization_id, team_id), with_for_update=lock or None, populate_existing=True
    )
    if found is None:
        raise DisputeTeamNotFound("no such team")
    return found


async def codes(session: ReadSession) -> tuple[dict[UUID, DisputeReason], dict[UUID, DisputeTeam]]:
    """Reasons and teams by id: for showing disputes."""
    teams = select(DisputeTeam).where(DisputeTeam.organization_id == session.organization_id).limit(1_000)
    return (
        {reason.id: reason for reason in await all_reasons(session)},
        {team.id: team for team in (await session.scalars(teams)).all()},
    )


@dataclass(frozen=True, slots=True)
class DisputeFilter:
    """What a list of disputes may be narrowed by."""

    account_id: UUID | None = None
    legal_entity_id: UUID | None = None
    invoice_id: UUID | None = None
    instalment_id: UUID | None = None
    payment_id: UUID | None = None
    number: str | None = None
    state: str | None = None
    active: bool | None = None
    origin: str | None = None
    reason_id: UUID | None = None
    team_id: UUID | None = None
    assignee_id: UUID | None = None
    unassigned: bool | None = None
    breached: bool | None = None
    due_to: date | None = None
    opened_from: date | None = None
    opened_to: date | None = None
    currency: str | None = None
    updated_since: datetime | None = None
    credit_pending: bool | None = None


def disputes_statement(organization_id: UUID, actor: Actor, wanted: DisputeFilter) -> Select[Any]:
    """The statement of a list of disputes that the actor may see, without order and bounds."""
    statement: Any = select(Dispute).where(visible_to(organization_id, actor))
    for name in ("account_id", "legal_entity_id", "payment_id", "number", "state", "origin", "reason_id", "team_id",
                 "assignee_id", "currency"):  # fmt: skip
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Dispute, name) == value)
    ranges = (
        (wanted.opened_from, lambda day: Dispute.opened_on >= day),
        (wanted.opened_to, lambda day: Dispute.opened_on <= day),
        (wanted.due_to, lambda day: and_(Dispute.sla_due_on <= day, Dispute.state.in_(ACTIVE))),
        (wanted.updated_since, lambda instant: Dispute.updated_at >= instant),
        (wanted.active, lambda yes: Dispute.state.in_(ACTIVE) if yes else Dispute.state.not_in(ACTIVE)),
        (wanted.unassigned, lambda yes: Dispute.assignee_id.is_(None) if yes else Dispute.assignee_id.is_not(None)),
        (wanted.breached, lambda yes: Dispute.sla_breached_on.is_not(None) == yes),
    )
    for bound, condition in ranges:
        if bound is not None:
            statement = statement.where(condition(bound))
    return _by_instalments(statement, organization_id, wanted)


def _by_instalments(statement: Any, organization_id: UUID, wanted: DisputeFilter) -> Select[Any]:
    of_line = and_(DisputeLine.organization_id == organization_id, DisputeLine.dispute_id == Dispute.id)
    if wanted.instalment_id is not None:
        statement = statement.where(exists().where(of_line, DisputeLine.instalment_id == wanted.instalment_id))
    if wanted.invoice_id is not None:
        parts = select(Instalment.id).where(
            Instalment.organization_id == organization_id, Instalment.invoice_id == wanted.invoice_id
        )
        statement = statement.where(exists().where(of_line, DisputeLine.instalment_id.in_(parts)))
    if wanted.credit_pending is not None:
        pending = exists().where(*_pending_of_dispute(organization_id))
        statement = statement.where(pending if wanted.credit_pending else ~pending)
    narrowed: Select[Any] = statement
    return narrowed


def _pending_of_dispute(organization_id: UUID) -> tuple[Any, ...]:
    return (
        DisputeCredit.organization_id == organization_id,
        DisputeCredit.dispute_id == Dispute.id,
        DisputeCredit.state == "requested",
    )


async def count_active(session: ReadSession, actor: Actor) -> Any:
    """How many active disputes the actor may see: by state, past their clock, theirs, nobody's, credits to decide."""
    pending = exists().where(*_pending_of_dispute(session.organization_id))
    statement = select(
        func.count().label("active"),
        *(func.count().filter(Dispute.state == state).label(state) for state in ACTIVE),
        func.count().filter(Dispute.sla_breached_on.is_not(None)).label("sla_breached"),
        func.count().filter(Dispute.assignee_id.is_(None)).label("unassigned"),
        func.count().filter(Dispute.assignee_id == literal(actor.id, PG_UUID(as_uuid=True))).label("mine"),
        func.count().filter(pending).label("credit_pending"),
    ).where(visible_to(session.organization_id, actor), Dispute.state.in_(ACTIVE))
    return (await session.execute(statement)).one()


def comments_statement(organization_id: UUID, dispute_id: UUID) -> Select[Any]:
    """The statement of a dispute's comments, without order and bounds."""
    return select(DisputeComment).where(
        DisputeComment.organization_id == organization_id, DisputeComment.dispute_id == dispute_id
    )


def transitions_statement(organization_id: UUID, dispute_id: UUID) -> Select[Any]:
    """The statement of a dispute's steps, without order and bounds."""
    return select(DisputeTransition).where(
        DisputeTransition.organization_id == organization_id, DisputeTransition.dispute_id == dispute_id
    )


async def instalment_documents(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Invoice id, number, ordinal, due date and open amount of each instalment."""
    rows = await session.driver.fetch(
        "SELECT p.id, p.invoice_id, v.number, p.ordinal, p.due_date, p.open_minor FROM instalments p"
        " JOIN invoices v ON v.organization_id = p.organization_id AND v.id = p.invoice_id"
        " WHERE p.organization_id = $1 AND p.id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"]: row for row in rows}


async def account_names(session: ReadSession, ids: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """Number and name of each account."""
    rows = await session.driver.fetch(
        "SELECT id, number, name FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"]: (row["number"], row["name"]) for row in rows}


async def users_by_id(session: ReadSession, ids: Collection[UUID]) -> dict[UUID, tuple[str, str]]:
    """E-mail address and name of the active users among these."""
    rows = await session.driver.fetch(
        "SELECT id, email, display_name FROM users WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND active",
        session.organization_id,
        list(ids),
    )
    return {row["id"]: (row["email"], row["display_name"]) for row in rows}


async def sla_breaches(session: ReadSession, *, since: date | None = None) -> list[Dispute]:
    """Active disputes past their clock, the longest first: what collections makes actions of."""
    statement = select(Dispute).where(
        Dispute.organization_id == session.organization_id,
        Dispute.state.in_(ACTIVE),
        Dispute.sla_breached_on.is_not(None),
    )
    if since is not None:
        statement = statement.where(Dispute.sla_breached_on >= since)
    return list((await session.scalars(statement.order_by(Dispute.sla_due_on, Dispute.id).limit(10_000))).all())
