"""SQL of the collections room: reads and locks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, select

from app.collections.errors import ActionNotFound, CaseNotFound, EscalationNotFound
from app.collections.models import ActionItem, CollectionAction, Escalation, LegalCase, LegalCaseItem
from app.infra.database import ReadSession, WriteSession

NO_KEY = {"key_share": True}
_COUNTS = """
SELECT count(*) FILTER (WHERE due_date < $2) AS overdue, count(*) FILTER (WHERE due_date = $2) AS due_today,
    count(*) FILTER (WHERE due_date > $2) AS upcoming, count(*) FILTER (WHERE priority = 'urgent') AS urgent,
    count(*) FILTER (WHERE owner_id IS NULL) AS without_owner
FROM collection_actions WHERE organization_id = $1 AND status = 'planned' AND ($3::uuid IS NULL OR owner_id = $3)
  AND ($4::uuid IS NULL OR account_id = $4)
"""


async def accounts_by_id(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, Any]:
    """Collector, name and number of accounts, by id."""
    rows = await session.driver.fetch(
        "SELECT id, number, name, collector_id FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"]: row for row in rows}


async def contacts_by_id(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, Any]:
    """The account of contacts by id."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = await session.driver.fetch(
        "SELECT id, account_id FROM contacts WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        wanted,
    )
    return {row["id"]: row for row in rows}


async def active_users(session: ReadSession, ids: Iterable[UUID]) -> set[UUID]:
    """Which of these are active users."""
    wanted = list(ids)
    if not wanted:
        return set()
    rows = await session.driver.fetch(
        "SELECT id FROM users WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND active",
        session.organization_id,
        wanted,
    )
    return {row["id"] for row in rows}


async def accounts_of_instalments(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The account of each instalment that exists; of one that was merged away the account that it became."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = await session.driver.fetch(
        "SELECT i.id, CASE WHEN a.status = 'merged' THEN a.parent_id ELSE a.id END AS account_id FROM instalments i"
        " JOIN accounts a ON a.organization_id = $1 AND a.id = i.account_id"
        " WHERE i.organization_id = $1 AND i.id = ANY($2::uuid[])",
        session.organization_id,
        wanted,
    )
    return {row["id"]: row["account_id"] for row in rows}


def missing_action() -> ActionNotFound:
    """The refusal of an action that is not there."""
    return ActionNotFound("no such collection action")


async def get_action(session: ReadSession, action_id: UUID, *, lock: bool = False) -> CollectionAction:
    """The action as it is now. Raises ActionNotFound."""
    key = (session.organization_id, action_id)
    found = await session.get(CollectionAction, key, with_for_update=NO_KEY if lock else None, populate_existing=True)
    if found is None:
        raise missing_action()
    return found


async def lock_actions(session: WriteSession, ids: Collection[UUID]) -> dict[UUID, CollectionAction]:
    """Actions locked in the order of their ids."""
    statement = (
        select(CollectionAction)
        .where(CollectionAction.organization_id == session.organization_id, CollectionAction.id.in_(list(ids)))
        .order_by(CollectionAction.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in (await session.execute(statement)).scalars()}


async def instalments_of_action(session: ReadSession, action_id: UUID) -> list[UUID]:
    """The instalments that an action is about."""
    return (await instalments_of_actions(session, [action_id])).get(action_id, [])


async def instalments_of_actions(session: ReadSession, ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The instalments of each action."""
    rows = await session.driver.fetch(
        "SELECT action_id, instalment_id FROM collection_action_items"
        " WHERE organization_id = $1 AND action_id = ANY($2::uuid[]) ORDER BY id",
        session.organization_id,
        list(ids),
    )
    found: dict[UUID, list[UUID]] = {}
    for row in rows:
        found.setdefault(row["action_id"], []).append(row["instalment_id"])
    return found


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """What a list of actions may be narrowed by."""

    account_id: UUID | None = None
    owner_id: UUID | None = None
    status: str | None = None
    type: str | None = None
    priority: str | None = None
    outcome_code: str | None = None
    origin: str | None = None
    instalment_id: UUID | None = None
    due_from: date | None = None
    due_to: date | None = None
    done_from: date | None = None
    done_to: date | None = None
    updated_since: datetime | None = None


def actions_statement(organization_id: UUID, wanted: ActionFilter) -> Select[Any]:
    """Actions by filter, without order and bounds."""
    statement = select(CollectionAction).where(CollectionAction.organization_id == organization_id)
    for name in ("account_id", "owner_id", "status", "type", "priority", "outcome_code", "origin"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(CollectionAction, name) == value)
    if wanted.instalment_id is not None:
        statement = statement.where(
            exists().where(
                ActionItem.organization_id == organization_id,
                ActionItem.action_id == CollectionAction.id,
                ActionItem.instalment_id == wanted.instalment_id,
            )
        )
    least: Sequence[tuple[Any, Any]] = (
        (wanted.due_from, CollectionAction.due_date),
        (wanted.done_from, CollectionAction.done_on),
        (wanted.updated_since, CollectionAction.updated_at),
    )
    most: Sequence[tuple[Any, Any]] = (
        (wanted.due_to, CollectionAction.due_date),
        (wanted.done_to, CollectionAction.done_on),
    )
    for bound, column in least:
        if bound is not None:
            statement = statement.where(column >= bound)
    for bound, column in most:
        if bound is not None:
            statement = statement.where(column <= bound)
    return statement


_ESCALATION_COUNTS = """
SELECT count(*)::int AS open, count(*) FILTER (WHERE until < $2)::int AS overdue,
    count(*) FILTER (WHERE until = $2)::int AS ends_today, count(*) FILTER (WHERE level > 1)::int AS high,
    count(*) FILTER (WHERE to_user_id IS NULL)::int AS without_person
FROM escalations
WHERE organization_id = $1 AND status = 'open' AND ($3::uuid IS NULL OR to_user_id = $3)
  AND ($4::uuid IS NULL OR account_id = $4)
"""


async def escalation_counts(
    session: ReadSession, today: date, to_user_id: UUID | None, account_id: UUID | None
) -> Mapping[str, int]:
    """Open escalations for badges: all, past their term, ending today, above the first level, with nobody."""
    row = await session.driver.fetchrow(_ESCALATION_COUNTS, session.organization_id, today, to_user_id, account_id)
    assert row is not None
    return dict(row)


async def action_counts(
    session: ReadSession, today: date, owner_id: UUID | None, account_id: UUID | None
) -> Mapping[str, int]:
    """Planned actions for badges: overdue, due_today, upcoming, urgent, without_owner."""
    row = await session.driver.fetchrow(_COUNTS, session.organization_id, today, owner_id, account_id)
    assert row is not None
    return dict(row)


async def get_escalation(session: ReadSession, escalation_id: UUID, *, lock: bool = False) -> Escalation:
    """The escalation as it is now. Raises EscalationNotFound."""
    key = (session.organization_id, escalation_id)
    found = await session.get(Escalation, key, with_for_update=NO_KEY if lock else None, populate_existing=True)
    if found is None:
        raise EscalationNotFound("no such escalation")
    return found


@dataclass(frozen=True, slots=True)
class EscalationFilter:
    """What a list of escalations may be narrowed by."""

    account_id: UUID | None = None
    to_user_id: UUID | None = None
    status: str | None = None
    reason_code: str | None = None
    level: int | None = None
    origin: str | None = None


def escalations_statement(organization_id: UUID, wanted: EscalationFilter, overdue_on: date | None) -> Select[Any]:
    """Escalations by filter; `overdue_on`: open ones whose term was over before that day."""
    statement = select(Escalation).where(Escalation.organization_id == organization_id)
    statement = _equal(statement, Escalation, wanted)
    if overdue_on is not None:
        statement = statement.where(Escalation.status == "open", Escalation.until < overdue_on)
    return statement


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """What a list of cases may be narrowed by."""

    account_id: UUID | None = None
    kind: str | None = None
    status: str | None = None
    owner_id: UUID | None = None
    instalment_id: UUID | None = None


def cases_statement(organization_id: UUID, wanted: CaseFilter) -> Select[Any]:
    """Legal cases and agency placements by filter, without order and bounds."""
    statement = select(LegalCase).where(LegalCase.organization_id == organization_id)
    for name in ("account_id", "kind", "status", "owner_id"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(LegalCase, name) == value)
    if wanted.instalment_id is not None:
        statement = statement.where(
            exists().where(
                LegalCaseItem.organization_id == organization_id,
                LegalCaseItem.case_id == LegalCase.id,
                LegalCaseItem.instalment_id == wanted.instalment_id,
            )
        )
    return statement


def _equal(statement: Select[Any], table: Any, wanted: Any) -> Select[Any]:
    for each in fields(wanted):
        value = getattr(wanted, each.name)
        if value is not None:
            statement = statement.where(getattr(table, each.name) == value)
    return statement


async def get_case(session: ReadSession, case_id: UUID, *, lock: bool = False) -> LegalCase:
    """The case as it is now. Raises CaseNotFound."""
    key = (session.organization_id, case_id)
    found = await session.get(LegalCase, key, with_for_update=NO_KEY if lock else None, populate_existing=True)
    if found is None:
        raise CaseNotFound("no such case")
    return found
