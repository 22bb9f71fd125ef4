"""Escalate accounts: by the rules in force every night, and by hand."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.collections import queries
from app.collections.actions import plan_actions
from app.collections.asking import PlanAction
from app.collections.errors import AccountUnknown, EscalationClosed, EscalationOpen, UserUnknown
from app.collections.models import Escalation
from app.collections.rule_versions import escalation_rules, version_in_force
from app.collections.rules import LEVEL_MAX, EscalationRule, OverdueFacts, due_escalations
from app.core.errors import RuleViolation
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version

ACCOUNTS_LIMIT = 2_000
"""Accounts that one transaction looks at."""
BROKEN_DAYS = 365
_NEXT = "SELECT id FROM accounts WHERE organization_id = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3"
# What is late, undisputed and in no legal case; $1 organization, $2 accounts, $3 today, $4 broken promises since.
_FACTS = """
WITH promised AS (
    SELECT account_id, count(*)::int AS broken FROM promises
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status = 'broken' AND decided_on >= $4 GROUP BY 1
), raised AS (
    SELECT account_id, reason_code, bool_or(status = 'open') AS open, max(closed_on) AS closed_on FROM escalations
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) GROUP BY 1, 2
), reasons AS (
    SELECT account_id, json_agg(reason_code) FILTER (WHERE open) AS open_reasons,
        json_object_agg(reason_code, closed_on) FILTER (WHERE closed_on IS NOT NULL) AS closed_on
    FROM raised GROUP BY 1
), late AS (
    SELECT i.id, i.account_id, i.currency, i.due_date, i.open_minor FROM instalments i
    WHERE i.organization_id = $1 AND i.account_id = ANY($2::uuid[]) AND i.open_minor <> 0 AND i.due_date < $3
), disputed AS (
    SELECT d.instalment_id, sum(d.disputed_minor) AS minor FROM late JOIN dispute_lines d
      ON d.organization_id = $1 AND d.instalment_id = late.id AND d.disputed_minor > 0 GROUP BY 1
), elsewhere AS (
    SELECT c.instalment_id FROM late JOIN legal_case_items c
      ON c.organization_id = $1 AND c.instalment_id = late.id AND c.active
    UNION SELECT t.instalment_id FROM late JOIN payment_plan_items t
      ON t.organization_id = $1 AND t.instalment_id = late.id
    JOIN payment_plans p ON p.organization_id = $1 AND p.id = t.plan_id AND p.status = 'active'
), owed AS (
    SELECT late.account_id, late.currency, sum(late.open_minor - coalesce(d.minor, 0))::bigint AS overdue_minor,
        max($3 - late.due_date) AS days_past_due
    FROM late LEFT JOIN disputed d ON d.instalment_id = late.id
    WHERE late.open_minor > coalesce(d.minor, 0) AND late.id NOT IN (SELECT instalment_id FROM elsewhere)
    GROUP BY 1, 2
)
SELECT o.account_id, o.currency, o.overdue_minor, o.days_past_due, a.risk_class, a.credit_status, a.segment, a.country,
    coalesce(p.broken, 0) AS broken_promises, coalesce(r.open_reasons, '[]') AS open_reasons,
    coalesce(r.closed_on, '{}') AS closed_on
FROM owed o JOIN accounts a ON a.organization_id = $1 AND a.id = o.account_id
LEFT JOIN promised p ON p.account_id = o.account_id
LEFT JOIN reasons r ON r.account_id = o.account_id
"""
_INSERT = """
INSERT INTO escalations (organization_id, id, account_id, reason_code, level, origin, rule_version_id, facts,
                         to_user_id, raised_on, raised_by, raised_by_id, until, note)
SELECT $1, r.id, r.account_id, r.reason_code, r.level, $7, $8, r.facts, r.to_user_id, $9, $10, $11, r.until, r.note
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::jsonb[], $12::uuid[], $13::date[], $14::text[])
     AS r(id, account_id, reason_code, level, facts, to_user_id, until, note)
ON CONFLICT (organization_id, account_id, reason_code) WHERE status = 'open' DO NOTHING RETURNING id
"""
_LINK = """
UPDATE escalations e SET action_id = c.id FROM unnest($2::uuid[]) AS r(id)
JOIN collection_actions c ON c.organization_id = $1 AND c.origin_key = 'escalation:' || r.id
WHERE e.organization_id = $1 AND e.id = r.id
"""


class EscalationInvalid(RuleViolation):
    """Level or dates do not make an escalation."""

    code = "escalation.invalid"


@dataclass(frozen=True, slots=True)
class Escalate:
    """An account to hand up: why, how high, to whom, until when."""

    account_id: UUID
    reason_code: str
    until: date
    level: int = 1
    to_user_id: UUID | None = None
    note: str | None = None
    facts: dict[str, Any] | None = None
    name: str | None = None


async def overdue_facts(session: ReadSession, account_ids: Collection[UUID], today: date) -> list[OverdueFacts]:
    """What these accounts owe late, by currency: undisputed, in no legal case and in no active plan."""
    rows = await session.driver.fetch(
        _FACTS, session.organization_id, list(account_ids), today, today - timedelta(days=BROKEN_DAYS)
    )
    return [
        OverdueFacts(
            account_id=row["account_id"],
            currency=row["currency"],
            overdue_minor=row["overdue_minor"],
            days_past_due=row["days_past_due"],
            risk_class=row["risk_class"],
            credit_status=row["credit_status"],
            broken_promises=row["broken_promises"],
            segment=row["segment"],
            country=row["country"],
            open_reasons=frozenset(row["open_reasons"]),
            closed_on={code: date.fromisoformat(day) for code, day in row["closed_on"].items()},
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """How far one step of the night came: the last account looked at (None at the end), and how many were raised."""

    after: UUID | None
    raised: int


async def escalate_next(
    session: WriteSession, today: date, after: UUID | None = None, *, limit: int = ACCOUNTS_LIMIT
) -> Step:
    """Escalate the next accounts by the rules in force. Repeatable: what is open already is not raised again."""
    version = await version_in_force(session, "escalation", today)
    rules = [] if version is None else escalation_rules(version)
    if version is None or not rules:
        return Step(None, 0)
    rows = await session.driver.fetch(_NEXT, session.organization_id, after, limit)
    ids = [row["id"] for row in rows]
    found = due_escalations(await overdue_facts(session, ids, today), rules, today)
    commands = [_command(rule, facts, today) for rule, facts in found]
    raised = await _raise(session, commands, today, origin="rule", rule_version_id=version.id)
    return Step(ids[-1] if len(ids) == limit else None, len(raised))


def _command(rule: EscalationRule, facts: OverdueFacts, today: date) -> Escalate:
    shown = {"overdue_minor": facts.overdue_minor, "currency": facts.currency, "days_past_due": facts.days_past_due,
             "risk_class": facts.risk_class, "broken_promises": facts.broken_promises}  # fmt: skip
    until = today + timedelta(days=rule.days)
    return Escalate(facts.account_id, rule.code, until, rule.level, rule.to_user_id, None, shown, rule.name)


async def preview_rules(
    session: ReadSession, rules: Sequence[EscalationRule], today: date, *, limit: int = 50_000
) -> list[tuple[EscalationRule, OverdueFacts]]:
    """What these rules would raise today among the first accounts; nothing is written."""
    rows = await session.driver.fetch(_NEXT, session.organization_id, None, limit)
    return due_escalations(await overdue_facts(session, [row["id"] for row in rows], today), rules, today)


async def escalate(session: WriteSession, command: Escalate, *, today: date) -> UUID:
    """Escalate an account by hand; returns the id. Whoever it goes to gets an action.

    Raises AccountUnknown, UserUnknown, EscalationInvalid, EscalationOpen (for this reason already).
    """
    if command.account_id not in await queries.accounts_by_id(session, [command.account_id]):
        raise AccountUnknown("no such account", pointer="/account_id")
    await _check_target(session, command.to_user_id)
    if command.until < today:
        raise EscalationInvalid("the term is over already", pointer="/until")
    raised = await _raise(session, [command], today, origin="manual", rule_version_id=None)
    if not raised:
        raise EscalationOpen("the account is escalated for this reason already", pointer="/reason_code")
    return raised[0]


async def _check_target(session: ReadSession, user_id: UUID | None) -> None:
    if user_id is not None and not await queries.active_users(session, {user_id}):
        raise UserUnknown("no active user has this id", pointer="/to_user_id")


async def _raise(
    session: WriteSession, commands: Sequence[Escalate], today: date, *, origin: str, rule_version_id: UUID | None
) -> list[UUID]:
    """Write escalations and an action for each; those whose reason is open already are left out."""
    if not commands:
        return []
    ids = [new_id() for _ in commands]
    rows = await session.driver.fetch(
        _INSERT,
        session.organization_id,
        ids,
        [command.account_id for command in commands],
        [command.reason_code for command in commands],
        [command.level for command in commands],
        [json.dumps(command.facts or {}) for command in commands],
        origin,
        rule_version_id,
        today,
        session.actor.name,
        session.actor.id,
        [command.to_user_id for command in commands],
        [command.until for command in commands],
        [command.note for command in commands],
    )
    written = {row["id"] for row in rows}
    made = [(i, command) for i, command in zip(ids, commands, strict=True) if i in written]
    await plan_actions(
        session,
        [
            PlanAction(
                account_id=command.account_id,
                type="escalation",
                due_date=today,
                subject=f"Escalated: {command.name or command.reason_code}",
                note=command.note,
                owner_id=command.to_user_id,
                priority="urgent" if command.level > 1 else "high",
                origin="rule" if origin == "rule" else "service",
                origin_key=f"escalation:{escalation_id}",
            )
            for escalation_id, command in made
        ],
    )
    await session.driver.execute(_LINK, session.organization_id, [i for i, _ in made])
    for escalation_id, command in made:
        after = {"account_id": command.account_id, "reason_code": command.reason_code, "level": command.level}
        after |= {"to_user_id": command.to_user_id, "until": command.until, "origin": origin}
        record_change(
            session, ChangeRow("escalation", escalation_id, "escalation.raised", after=after, effective_date=today)
        )
    return [i for i, _ in made]


async def _lock_open(session: WriteSession, escalation_id: UUID, expected_version: int | None) -> Escalation:
    found = await queries.get_escalation(session, escalation_id, lock=True)
    check_version(expected_version, found.version)
    if found.status != "open":
        raise EscalationClosed("the escalation is closed")
    return found


@dataclass(frozen=True, slots=True)
class Hand:
    """Hand an escalation on: a higher level, another person, another term."""

    level: int | None = None
    to_user_id: UUID | None = None
    until: date | None = None
    note: str | None = None
    expected_version: int | None = None


async def hand_on(session: WriteSession, escalation_id: UUID, command: Hand, *, today: date) -> None:
    """Raise the level, give it to somebody else or extend it. Its action goes along.

    Raises EscalationNotFound, EscalationClosed, StaleVersion, UserUnknown, EscalationInvalid.
    """
    found = await _lock_open(session, escalation_id, command.expected_version)
    await _check_target(session, command.to_user_id)
    if command.level is not None and not found.level <= command.level <= LEVEL_MAX:
        raise EscalationInvalid(f"the level goes up from {found.level} to at most {LEVEL_MAX}", pointer="/level")
    if command.until is not None and command.until < today:
        raise EscalationInvalid("the term is over already", pointer="/until")
    before = {"level": found.level, "to_user_id": found.to_user_id, "until": found.until}
    found.level = command.level or found.level
    found.to_user_id = command.to_user_id or found.to_user_id
    found.until = command.until or found.until
    found.note = command.note or found.note
    await session.driver.execute(
        "UPDATE collection_actions SET owner_id = $3, version = version + 1,"
        " updated_at = current_setting('app.recorded_at')::timestamptz"
        " WHERE organization_id = $1 AND id = $2 AND status = 'planned' AND $3::uuid IS NOT NULL",
        session.organization_id,
        found.action_id,
        command.to_user_id,
    )
    after = {"account_id": found.account_id, "level": found.level, "to_user_id": found.to_user_id, "until": found.until}
    await _save(session, found, "escalation.handed_on", before, after, None)


async def close_escalation(
    session: WriteSession, escalation_id: UUID, *, resolution: str, today: date, expected_version: int | None = None
) -> None:
    """Close an escalation. Raises EscalationNotFound, EscalationClosed, StaleVersion."""
    found = await _lock_open(session, escalation_id, expected_version)
    found.status, found.closed_on = "closed", today
    found.closed_by, found.resolution = session.actor.name, resolution
    after = {"account_id": found.account_id, "status": "closed", "reason_code": found.reason_code}
    await _save(session, found, "escalation.closed", {"status": "open"}, after, resolution)


async def _save(
    session: WriteSession,
    row: Escalation,
    event: str,
    before: Mapping[str, object],
    after: Mapping[str, object],
    reason: str | None,
) -> None:
    row.version += 1
    row.updated_at = RECORDED_NOW
    await session.flush()
    record_change(session, ChangeRow("escalation", row.id, event, before, after, reason=reason))


def escalation_actions(status: str) -> list[str]:
    """What may be done with an escalation in this state."""
    return ["close", "hand_on"] if status == "open" else []
