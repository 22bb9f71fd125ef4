"""Disputes ready to be shown: rows, and what a page of them needs besides, looked up once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.disputes import queries
from app.disputes.models import Dispute
from app.disputes.schemas import DisputeRead, Shown, dispute_read
from app.infra.database import SYSTEM, Actor, ReadSession
from app.infra.principal import Principal


async def shown_dispute(
    session: ReadSession, caller: Principal, dispute_id: UUID, actor: Actor = SYSTEM
) -> DisputeRead:
    """One dispute. Raises DisputeNotFound when `actor` does not work on it.

    After a step the actor is the service: whoever gives a dispute away still sees what they did.
    """
    (found,) = await dispute_reads(session, caller, [await queries.get_dispute(session, dispute_id, actor)])
    return found


async def dispute_reads(session: ReadSession, caller: Principal, rows: Sequence[Dispute]) -> list[DisputeRead]:
    """Disputes ready to be shown: their parts looked up once for all of them."""
    if not rows:
        return []
    ids = [row.id for row in rows]
    lines = await queries.lines_of(session, ids)
    instalment_ids = sorted({line.instalment_id for found in lines.values() for line in found})
    reasons, teams = await queries.codes(session)
    shown = Shown(
        lines=lines,
        credits=await queries.credits_of(session, ids),
        instalments=await queries.instalment_documents(session, instalment_ids),
        undisputed=await queries.undisputed(session, instalment_ids),
        accounts=await queries.account_names(session, [row.account_id for row in rows]),
        users=await queries.users_by_id(session, [row.assignee_id for row in rows if row.assignee_id is not None]),
        reasons=reasons,
        teams=teams,
    )
    return [dispute_read(row, shown, caller) for row in rows]
