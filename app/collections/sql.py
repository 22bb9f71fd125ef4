"""SQL that writes rows of collections set-wise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.collections.rules import PRIORITIES
from app.core.ids import new_id
from app.infra.database import WriteSession

if TYPE_CHECKING:
    from app.collections.asking import PlanAction

_ACTIONS = """
INSERT INTO collection_actions (organization_id, id, account_id, type, due_date, subject, note, contact_id, owner_id,
                                priority, priority_rank, origin, origin_key, follows_id)
SELECT $1, r.* FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::date[], $6::text[], $7::text[], $8::uuid[],
                           $9::uuid[], $10::text[], $11::int[], $12::text[], $13::text[], $14::uuid[]) AS r
ON CONFLICT (organization_id, origin_key) WHERE origin_key IS NOT NULL DO NOTHING RETURNING id
"""
_ITEMS = """
INSERT INTO collection_action_items (organization_id, id, action_id, instalment_id)
SELECT $1, r.* FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS r
"""
_OF_KEYS = """
SELECT origin_key, id FROM collection_actions WHERE organization_id = $1 AND origin_key = ANY($2::text[])
"""
_COLLECTORS = """
WITH changed AS (
    UPDATE accounts a SET collector_id = r.collector_id, version = a.version + 1,
        updated_at = current_setting('app.recorded_at')::timestamptz
    FROM unnest($2::uuid[], $3::uuid[]) AS r(id, collector_id)
    WHERE a.organization_id = $1 AND a.id = r.id AND a.collector_id IS DISTINCT FROM r.collector_id
    RETURNING a.id
) SELECT id FROM changed
"""
_HISTORY = """
INSERT INTO collector_assignments (organization_id, id, account_id, from_collector_id, collector_id, effective_date,
                                   origin, rule_code, reason, actor_name)
SELECT $1, r.id, r.account_id, r.from_id, r.to_id, $6, $7, r.rule_code, $9, $10
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $8::text[]) AS r(id, account_id, from_id, to_id, rule_code)
"""
_HAND_OVER = """
UPDATE collection_actions c SET owner_id = r.to_id, version = c.version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS r(account_id, from_id, to_id)
WHERE c.organization_id = $1 AND c.account_id = r.account_id AND c.status = 'planned'
  AND c.owner_id IS NOT DISTINCT FROM r.from_id AND r.to_id IS NOT NULL
"""


async def insert_actions(session: WriteSession, rows: Sequence[tuple[UUID, PlanAction]]) -> dict[UUID, UUID]:
    """Insert planned actions with their items; those whose origin key is taken → the action that has it."""
    if not rows:
        return {}
    commands = [command for _, command in rows]
    columns: list[list[Any]] = [
        [getattr(command, name) for command in commands]
        for name in ("account_id", "type", "due_date", "subject", "note", "contact_id", "owner_id", "priority")
    ]
    columns.append([PRIORITIES.index(command.priority) + 1 for command in commands])
    columns += [[getattr(command, name) for command in commands] for name in ("origin", "origin_key", "follows_id")]
    ids = [action_id for action_id, _ in rows]
    made = await session.driver.fetch(_ACTIONS, session.organization_id, ids, *columns)
    written = {row["id"] for row in made}
    items = [(i, item) for i, command in rows if i in written for item in dict.fromkeys(command.instalment_ids)]
    if items:
        await session.driver.execute(
            _ITEMS, session.organization_id, [new_id() for _ in items], [i for i, _ in items], [x for _, x in items]
        )
    left = {command.origin_key: action_id for action_id, command in rows if action_id not in written}
    if not left:
        return {}
    found = await session.driver.fetch(_OF_KEYS, session.organization_id, list(left))
    return {left[row["origin_key"]]: row["id"] for row in found}


async def set_collectors(session: WriteSession, moves: Sequence[tuple[UUID, UUID | None]]) -> set[UUID]:
    """Give accounts their collector; the ids of those that had another one."""
    rows = await session.driver.fetch(
        _COLLECTORS, session.organization_id, [account for account, _ in moves], [to for _, to in moves]
    )
    return {row["id"] for row in rows}


async def write_history(
    session: WriteSession,
    moves: Sequence[tuple[UUID, UUID | None, UUID | None, str | None]],
    *,
    on: date,
    origin: str,
    reason: str | None,
) -> None:
    """History of assignments: (account, from, to, rule). What the old collector had planned goes to the new one."""
    accounts, before, after = [m[0] for m in moves], [m[1] for m in moves], [m[2] for m in moves]
    await session.driver.execute(
        _HISTORY,
        session.organization_id,
        [new_id() for _ in moves],
        accounts,
        before,
        after,
        on,
        origin,
        [move[3] for move in moves],
        reason,
        session.actor.name,
    )
    await session.driver.execute(_HAND_OVER, session.organization_id, accounts, before, after)
