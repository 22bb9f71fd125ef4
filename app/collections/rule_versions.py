"""Versions of the rules of escalation and assignment: dated data, never changed, the latest in force counts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select

from app.collections import queries
from app.collections.errors import UserUnknown
from app.collections.models import RuleVersion
from app.collections.rules import (
    AssignmentRule,
    EscalationRule,
    check_assignment_rules,
    check_escalation_rules,
    rule_from_json,
)
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession

Kind = Literal["escalation", "assignment"]


async def add_version(
    session: WriteSession, kind: Kind, rules: Sequence[EscalationRule] | Sequence[AssignmentRule], *,
    valid_from: date, note: str | None,
) -> RuleVersion:  # fmt: skip
    """Write a version; an empty one ends the rules. Raises RulesInvalid, UserUnknown."""
    if kind == "escalation":
        check_escalation_rules([rule for rule in rules if isinstance(rule, EscalationRule)])
    else:
        check_assignment_rules([rule for rule in rules if isinstance(rule, AssignmentRule)])
    everything: list[EscalationRule | AssignmentRule] = list(rules)
    named = {user for rule in everything for user in _users(rule)}
    missing = named - await queries.active_users(session, named)
    if missing:
        index = next(i for i, rule in enumerate(everything) if set(_users(rule)) & missing)
        raise UserUnknown("no active user has this id", pointer=f"/rules/{index}")
    key = f"rules:{kind}"
    await session.driver.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"{session.organization_id}:{key}")
    ordinal = await session.driver.fetchval(
        "SELECT coalesce(max(ordinal), 0) + 1 FROM collection_rule_versions WHERE organization_id = $1 AND kind = $2",
        session.organization_id,
        kind,
    )
    row = RuleVersion(
        organization_id=session.organization_id,
        id=new_id(),
        kind=kind,
        ordinal=ordinal,
        valid_from=valid_from,
        rules=[_to_json(rule) for rule in everything],
        note=note,
        actor_name=session.actor.name,
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    after = {"ordinal": ordinal, "valid_from": valid_from, "rules": len(rules)}
    record_change(session, ChangeRow("collection_rules", row.id, f"collection_rules.{kind}_changed", after=after))
    return row


def _users(rule: EscalationRule | AssignmentRule) -> tuple[UUID, ...]:
    if isinstance(rule, AssignmentRule):
        return rule.collector_ids
    return () if rule.to_user_id is None else (rule.to_user_id,)


def _to_json(rule: EscalationRule | AssignmentRule) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(rule), default=str))
    return made


async def version_in_force(session: ReadSession, kind: Kind, today: date) -> RuleVersion | None:
    """The version of the latest date that is not in the future (of two the later written one), or None."""
    statement = (
        select(RuleVersion)
        .where(
            RuleVersion.organization_id == session.organization_id,
            RuleVersion.kind == kind,
            RuleVersion.valid_from <= today,
        )
        .order_by(RuleVersion.valid_from.desc(), RuleVersion.ordinal.desc())
        .limit(1)
    )
    return (await session.execute(statement)).scalars().one_or_none()


def escalation_rules(row: RuleVersion) -> list[EscalationRule]:
    """The rules of a version."""
    return [rule_from_json(EscalationRule, rule) for rule in row.rules]


def assignment_rules(row: RuleVersion) -> list[AssignmentRule]:
    """The rules of a version."""
    return [rule_from_json(AssignmentRule, rule) for rule in row.rules]
