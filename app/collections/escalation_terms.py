"""Escalations past their term go up a level: to whom the rules name for it, with a new term and an action."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from app.collections.actions import cancel_action, plan_actions
from app.collections.asking import PlanAction
from app.collections.models import CollectionAction, Escalation
from app.collections.queries import active_users
from app.collections.rule_versions import escalation_rules, version_in_force
from app.collections.rules import LEVEL_MAX, EscalationRule
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW

TERM_DAYS = 7
"""Of the next level where no rule in force says how long it has."""
RAISED_AT_ONCE = 200
REASON = "the term was over"


async def raise_overdue(session: WriteSession, today: date) -> int:
    """Raise the next escalations whose term is over; how many. Repeatable: each has a new term then.

    On the highest level they stay as they are, overdue. The planned action of the former level is cancelled.
    """
    statement = select(Escalation).where(
        Escalation.organization_id == session.organization_id,
        Escalation.status == "open",
        Escalation.until < today,
        Escalation.level < LEVEL_MAX,
    )
    bounded = statement.order_by(Escalation.id).limit(RAISED_AT_ONCE).with_for_update(key_share=True)
    rows = list((await session.scalars(bounded)).all())
    if not rows:
        return 0
    version = await version_in_force(session, "escalation", today)
    rules = [] if version is None else list(escalation_rules(version))
    people = await active_users(session, {rule.to_user_id for rule in rules if rule.to_user_id is not None})
    for row in rows:
        await _cancel_former(session, row.action_id)
        before = {"level": row.level, "to_user_id": row.to_user_id, "until": row.until}
        rule = rule_of_level(rules, row.level + 1, row.reason_code)
        row.level += 1
        if rule is not None and rule.to_user_id in people:
            row.to_user_id = rule.to_user_id
        row.until = today + timedelta(days=rule.days if rule is not None else TERM_DAYS)
        row.version, row.updated_at = row.version + 1, RECORDED_NOW
        after = {"account_id": row.account_id, "level": row.level, "to_user_id": row.to_user_id, "until": row.until}
        record_change(
            session,
            ChangeRow("escalation", row.id, "escalation.handed_on", before, after, effective_date=today, reason=REASON),
        )
    await _plan(session, rows, today)
    await session.flush()
    return len(rows)


def rule_of_level(rules: Sequence[EscalationRule], level: int, code: str) -> EscalationRule | None:
    """The rule that says to whom that level goes and for how long: of the same reason first, else any of the level."""
    found = [rule for rule in rules if rule.level == level]
    return min(found, key=lambda rule: rule.code != code, default=None)


async def _cancel_former(session: WriteSession, action_id: UUID | None) -> None:
    if action_id is None:
        return
    action = await session.get(CollectionAction, (session.organization_id, action_id))
    if action is not None and action.status == "planned":
        await cancel_action(session, action_id, reason=REASON)


async def _plan(session: WriteSession, rows: Sequence[Escalation], today: date) -> None:
    """An action of the new level for each, linked to it."""
    owners = await active_users(session, {row.to_user_id for row in rows if row.to_user_id is not None})
    commands = [
        PlanAction(
            account_id=row.account_id,
            type="escalation",
            due_date=today,
            subject=f"Escalated to level {row.level}: {row.reason_code}",
            note=row.note,
            owner_id=row.to_user_id if row.to_user_id in owners else None,
            priority="urgent",
            origin="service",
            origin_key=f"escalation:{row.id}:{row.level}",
        )
        for row in rows
    ]
    for row, made in zip(rows, await plan_actions(session, commands), strict=True):
        if isinstance(made, UUID):
            row.action_id = made
