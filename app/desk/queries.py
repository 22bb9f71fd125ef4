"""SQL of what the desk shows: timeline, worklist, search, the account at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, exists, or_, select

from app.accounts.models import Account
from app.desk.errors import WorklistEntryNotFound
from app.desk.models import TimelineEntry, WorklistEntry, WorklistSnooze
from app.disputes.models import Dispute
from app.disputes.queries import visible_to
from app.infra.database import Actor, ReadSession

SEARCH_LIMIT = 20
_SEARCH = """
(SELECT 'account' AS kind, a.id, a.number, a.name AS text, a.id AS account_id, 0 AS place FROM accounts a
 WHERE a.organization_id = $1 AND lower(a.number) LIKE $2 AND a.status <> 'merged' ORDER BY a.number LIMIT $4)
UNION ALL
(SELECT 'account', a.id, a.number, a.name, a.id, 1 FROM accounts a
 WHERE a.organization_id = $1 AND lower(a.name) LIKE $3 AND a.status <> 'merged' ORDER BY a.name LIMIT $4)
UNION ALL
(SELECT 'invoice', i.id, i.number, i.kind, i.account_id, 2 FROM invoices i
 WHERE i.organization_id = $1 AND i.number_key = $5 LIMIT $4)
UNION ALL
(SELECT 'credit_memo', c.id, c.number, 'credit_memo', c.account_id, 3 FROM credit_memos c
 WHERE c.organization_id = $1 AND c.number_key = $5 LIMIT $4)
"""
_SEARCH_PAYMENTS = """
SELECT DISTINCT ON (id) * FROM (
    (SELECT p.id, p.bank_reference AS number, p.payer_name, p.account_id, p.amount_minor, p.currency, p.value_date,
        p.status FROM payments p WHERE p.organization_id = $1 AND p.bank_reference = $2 LIMIT $3)
    UNION ALL
    (SELECT p.id, p.end_to_end_id, p.payer_name, p.account_id, p.amount_minor, p.currency, p.value_date, p.status
     FROM payments p WHERE p.organization_id = $1 AND p.end_to_end_id = $2 LIMIT $3)) AS found ORDER BY id DESC LIMIT $3
"""
_COUNTS = """
SELECT 'next_action' AS axis, w.next_action AS name, count(*) AS count FROM worklist_entries w
LEFT JOIN worklist_snoozes z ON z.organization_id = $1 AND z.id = w.id AND z.until_date > $3
WHERE w.organization_id = $1 AND ($2::uuid IS NULL OR w.collector_id = $2) AND z.id IS NULL GROUP BY 2
UNION ALL
SELECT 'signal', s->>'kind', count(*) FROM worklist_entries w
LEFT JOIN worklist_snoozes z ON z.organization_id = $1 AND z.id = w.id AND z.until_date > $3,
    jsonb_array_elements(w.signals) s
WHERE w.organization_id = $1 AND ($2::uuid IS NULL OR w.collector_id = $2) AND z.id IS NULL GROUP BY 2
UNION ALL
SELECT 'snoozed', 'snoozed', count(*) FROM worklist_entries w
JOIN worklist_snoozes z ON z.organization_id = $1 AND z.id = w.id AND z.until_date > $3
WHERE w.organization_id = $1 AND ($2::uuid IS NULL OR w.collector_id = $2)
"""


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """What a timeline may be narrowed by."""

    kinds: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    only_disputes_of: Actor | None = None
    """Of disputes only those that this actor may see."""


def timeline_statement(organization_id: UUID, account_id: UUID, wanted: TimelineFilter) -> Select[Any]:
    """Entries of an account, without order and bounds."""
    statement = select(TimelineEntry).where(
        TimelineEntry.organization_id == organization_id, TimelineEntry.account_id == account_id
    )
    if wanted.kinds:
        statement = statement.where(TimelineEntry.kind.in_(wanted.kinds))
    if wanted.since is not None:
        statement = statement.where(TimelineEntry.recorded_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(TimelineEntry.recorded_at < wanted.until)
    if wanted.only_disputes_of is not None:
        seen = exists().where(
            visible_to(organization_id, wanted.only_disputes_of), Dispute.id == TimelineEntry.entity_id
        )
        statement = statement.where(or_(TimelineEntry.entity_type != "dispute", seen))
    return statement


@dataclass(frozen=True, slots=True)
class WorklistFilter:
    """What the worklist may be narrowed by. `snoozed` None shows both."""

    collector_id: UUID | None = None
    unassigned: bool = False
    next_action: str | None = None
    signal: str | None = None
    segment: str | None = None
    country: str | None = None
    overdue_at_least_minor: int | None = None
    days_late_at_least: int | None = None
    snoozed: bool | None = False


def worklist_statement(organization_id: UUID, wanted: WorklistFilter, today: date) -> Any:
    """Entries with number and name of the account and its snooze, without order and bounds."""
    statement: Any = (
        select(WorklistEntry, Account.number, Account.name, WorklistSnooze)
        .join(Account, and_(Account.organization_id == WorklistEntry.organization_id, Account.id == WorklistEntry.id))
        .outerjoin(
            WorklistSnooze,
            and_(
                WorklistSnooze.organization_id == WorklistEntry.organization_id,
                WorklistSnooze.id == WorklistEntry.id,
                WorklistSnooze.until_date > today,
            ),
        )
        .where(WorklistEntry.organization_id == organization_id)
    )
    conditions = [
        (wanted.collector_id, WorklistEntry.collector_id == wanted.collector_id),
        (wanted.next_action, WorklistEntry.next_action == wanted.next_action),
        (wanted.signal, WorklistEntry.signals.contains([{"kind": wanted.signal}])),
        (wanted.segment, Account.segment == wanted.segment),
        (wanted.country, Account.country == wanted.country),
        (wanted.overdue_at_least_minor, WorklistEntry.overdue_minor >= (wanted.overdue_at_least_minor or 0)),
        (wanted.days_late_at_least, WorklistEntry.days_late >= (wanted.days_late_at_least or 0)),
    ]
    for value, condition in conditions:
        if value is not None:
            statement = statement.where(condition)
    if wanted.unassigned:
        statement = statement.where(WorklistEntry.collector_id.is_(None))
    if wanted.snoozed is not None:
        there = WorklistSnooze.id.is_not(None)
        statement = statement.where(there if wanted.snoozed else ~there)
    return statement


async def worklist_entry(session: ReadSession, account_id: UUID, today: date) -> Any:
    """One entry as in the list. Raises WorklistEntryNotFound."""
    statement = worklist_statement(session.organization_id, WorklistFilter(snoozed=None), today)
    row = (await session.execute(statement.where(WorklistEntry.id == account_id))).first()
    if row is None:
        raise WorklistEntryNotFound("the account is not on the worklist")
    return row


async def worklist_counts(session: ReadSession, collector_id: UUID | None, today: date) -> list[Any]:
    """How many entries ask for each action and show each signal, and how many are snoozed."""
    return list(await session.driver.fetch(_COUNTS, session.organization_id, collector_id, today))


async def search(session: ReadSession, text: str, key: str) -> list[Any]:
    """Accounts by the beginning of number or name, documents by their whole number (its reference key)."""
    start = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return list(await session.driver.fetch(_SEARCH, session.organization_id, start, f"%{start}", SEARCH_LIMIT, key))


async def search_payments(session: ReadSession, text: str) -> list[Any]:
    """Payments whose bank reference or end-to-end id is this text, exactly; the youngest first."""
    return list(await session.driver.fetch(_SEARCH_PAYMENTS, session.organization_id, text, SEARCH_LIMIT))
