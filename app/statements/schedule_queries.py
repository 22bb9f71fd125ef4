"""SQL of schedules and of statements sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.infra.database import ReadSession
from app.statements.errors import AccountStatementNotFound, StatementScheduleNotFound
from app.statements.models import AccountStatement, StatementSchedule

SCHEDULES_MAX = 20_000
# The narrowest schedule of each account; those due have their period in $3. Accounts that owe nothing and are owed
# nothing are left out where the schedule says so: the statement itself is asked again before it is sent.
_DUE = """
SELECT a.id, w.schedule_id, w.period
FROM accounts a
LEFT JOIN statement_schedules own ON own.organization_id = $1 AND own.account_id = a.id
LEFT JOIN statement_schedules seg ON seg.organization_id = $1 AND seg.scope = 'segment' AND seg.segment = a.segment
LEFT JOIN statement_schedules org ON org.organization_id = $1 AND org.scope = 'organization'
JOIN unnest($2::uuid[], $3::text[]) AS w(schedule_id, period) ON w.schedule_id = coalesce(own.id, seg.id, org.id)
JOIN statement_schedules s ON s.organization_id = $1 AND s.id = w.schedule_id
WHERE a.organization_id = $1 AND a.status = 'active' AND ($4::uuid IS NULL OR a.id > $4)
  AND NOT EXISTS (SELECT FROM account_statements t
                  WHERE t.organization_id = $1 AND t.account_id = a.id AND t.period = w.period)
  AND (NOT s.skip_zero
       OR EXISTS (SELECT FROM instalments i WHERE i.organization_id = $1 AND i.account_id = a.id AND i.open_minor <> 0)
       OR EXISTS (SELECT FROM payments p
                  WHERE p.organization_id = $1 AND p.account_id = a.id AND p.unapplied_minor <> 0)
       OR EXISTS (SELECT FROM credit_memos c
                  WHERE c.organization_id = $1 AND c.account_id = a.id AND c.open_minor <> 0)
       OR EXISTS (SELECT FROM account_merges m
                  WHERE m.organization_id = $1 AND m.survivor_id = a.id AND m.state = 'merged'))
ORDER BY a.id LIMIT $5
"""


async def get_schedule(session: ReadSession, schedule_id: UUID, *, lock: bool = False) -> StatementSchedule:
    """The schedule as it is now. Raises StatementScheduleNotFound."""
    key = (session.organization_id, schedule_id)
    found = await session.get(StatementSchedule, key, populate_existing=True, with_for_update=lock or None)
    if found is None:
        raise StatementScheduleNotFound("no such schedule")
    return found


async def find_effective(session: ReadSession, account_id: UUID, segment: str | None) -> StatementSchedule | None:
    """The account's own schedule, else its segment's, else the organization's, else None."""
    statement = select(StatementSchedule).where(
        StatementSchedule.organization_id == session.organization_id,
        (StatementSchedule.account_id == account_id)
        | ((StatementSchedule.scope == "segment") & (StatementSchedule.segment == segment))
        | (StatementSchedule.scope == "organization"),
    )
    rank = {"account": 0, "segment": 1, "organization": 2}
    found = sorted((await session.scalars(statement)).all(), key=lambda row: rank[row.scope])
    return found[0] if found else None


async def all_schedules(session: ReadSession) -> list[StatementSchedule]:
    """Every schedule of the organization that is not off."""
    statement = select(StatementSchedule).where(
        StatementSchedule.organization_id == session.organization_id, StatementSchedule.frequency != "off"
    )
    return list((await session.scalars(statement.order_by(StatementSchedule.id).limit(SCHEDULES_MAX))).all())


async def accounts_due(
    session: ReadSession, schedule_ids: Sequence[UUID], periods: Sequence[str], after: UUID | None, limit: int
) -> list[Any]:
    """Active accounts for which one of these schedules counts and that have no statement of its period yet."""
    return list(
        await session.driver.fetch(_DUE, session.organization_id, list(schedule_ids), list(periods), after, limit)
    )


def schedules_statement(organization_id: UUID, **equal: object) -> Select[Any]:
    """The statement of the list of schedules; filters that are None are left out."""
    return _filtered(select(StatementSchedule).where(StatementSchedule.organization_id == organization_id),
                     StatementSchedule, equal)  # fmt: skip


def statements_statement(organization_id: UUID, **equal: object) -> Select[Any]:
    """The statement of the list of statements sent; filters that are None are left out."""
    return _filtered(select(AccountStatement).where(AccountStatement.organization_id == organization_id),
                     AccountStatement, equal)  # fmt: skip


def _filtered(statement: Select[Any], table: type[Any], equal: dict[str, object]) -> Select[Any]:
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(table, name) == value)
    return statement


async def get_sent(session: ReadSession, statement_id: UUID) -> AccountStatement:
    """A statement that was sent, or not. Raises AccountStatementNotFound."""
    found = await session.get(AccountStatement, (session.organization_id, statement_id), populate_existing=True)
    if found is None:
        raise AccountStatementNotFound("no such statement")
    return found


async def deliveries(session: ReadSession, message_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """State of these messages, and what came of their e-mails."""
    rows = await session.driver.fetch(
        "SELECT m.id, m.state, m.not_before, m.bounced_at, e.state AS delivery FROM correspondence_messages m"
        " LEFT JOIN outgoing_emails e ON e.organization_id = $1 AND e.id = m.email_id"
        " WHERE m.organization_id = $1 AND m.id = ANY($2::uuid[])",
        session.organization_id,
        list(message_ids),
    )
    return {row["id"]: row for row in rows}
