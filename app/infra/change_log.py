"""Append to the change log: one row for every change, in the transaction of the change.

Rows are gathered in the session and written in one statement just before the commit. Position and hash come later,
from the sealer (`infra/seal.py`): writers never wait for each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.core.ids import new_id
from app.infra.database import WriteSession

SEAL = "seal"  # the kind of doorbell that wakes the sealer
_MEMORY = "change_log"
_INSERT = """
INSERT INTO change_log (organization_id, id, entity_type, entity_id, event, effective_date, actor_kind, actor_id,
                        actor_name, request_id, reason, before, after, recorded_at)
SELECT $1, r.id, r.entity_type, r.entity_id, r.event, r.effective_date, $2, $3, $4, $5, r.reason, r.before, r.after,
       (SELECT nullif(current_setting('app.recorded_at', true), '')::timestamptz)
FROM unnest($6::uuid[], $7::text[], $8::uuid[], $9::text[], $10::date[], $11::text[], $12::jsonb[], $13::jsonb[])
     AS r(id, entity_type, entity_id, event, effective_date, reason, before, after)
"""
Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change: of what, which event, before and after (only the fields that changed), why, effective when."""

    entity_type: str
    entity_id: UUID
    event: str
    before: Facts | None = None
    after: Facts | None = None
    effective_date: date | None = None
    reason: str | None = None


def record_change(session: WriteSession, change: ChangeRow) -> None:
    """Add one row to this transaction's changes. Personal data must not be in `before` or `after`."""
    rows = session.memory.get(_MEMORY)
    if rows is None:
        rows = session.memory[_MEMORY] = []
        session.before_commit.append(_write)
        session.rings.add(SEAL)
    rows.append((new_id(), change))  # numbered now: the log keeps the order in which things were done


def changes_from(select: str) -> str:
    """The INSERT of the changes that `select` yields, as a part of the statement that makes them; columns as below.

    Whoever runs it calls `written_by_statement`.
    """
    return (
        "INSERT INTO change_log (organization_id, id, entity_type, entity_id, event, effective_date, actor_kind,"
        f" actor_id, actor_name, request_id, after, recorded_at) {select}"
    )


def written_by_statement(session: WriteSession) -> None:
    """This transaction has changes in the log: the sealer is to be woken after the commit."""
    session.rings.add(SEAL)


async def _write(session: WriteSession) -> None:
    rows: list[tuple[UUID, ChangeRow]] = session.memory.pop(_MEMORY)
    await session.driver.execute(
        _INSERT,
        session.organization_id,
        session.actor.kind,
        session.actor.id,
        session.actor.name,
        session.request_id,
        [id_ for id_, _ in rows],
        [row.entity_type for _, row in rows],
        [row.entity_id for _, row in rows],
        [row.event for _, row in rows],
        [row.effective_date for _, row in rows],
        [row.reason for _, row in rows],
        [_json(row.before) for _, row in rows],
        [_json(row.after) for _, row in rows],
    )


def _json(facts: Facts | None) -> str | None:
    return None if facts is None else _ENCODER.encode(facts)


def _plain(value: object) -> object:
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot stand in the change log")


_ENCODER = json.JSONEncoder(default=_plain, separators=(",", ":"))  # made once: `json.dumps` would make one each time
