"""A room that must react to a change of a lower one: the change-log row is the event, a worker calls the upper room.

A subscriber names the events that it wants. The sealer gives changes their order; in the same transaction it owes a job
for every subscriber that wants one of them. The job reads the next bounded batch behind the subscriber's cursor, runs
the handler and moves the cursor, all in one transaction: what the handler did and that it has read these events is
written together or not at all. So each event has its effect exactly once, in the order of the seals, whatever dies in
between. Nothing is owed where nobody wants what happened; the sweep finds cursors that lag behind for another reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from app.core.ids import OrganizationId, new_id
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe

KIND = "reaction"  # of the job; its key is the subscriber's name
EVENTS_LIMIT = 500
"""Events that one transaction hands to a handler."""
SCAN_LIMIT = 20_000
"""Positions that one transaction looks at: most are of no interest to a subscriber."""
_START = """
INSERT INTO event_cursors (organization_id, id, subscriber, position) VALUES ($1, $2, $3, 0)
ON CONFLICT (organization_id, subscriber) DO NOTHING
"""
_LOCK = "SELECT position FROM event_cursors WHERE organization_id = $1 AND subscriber = $2 FOR UPDATE"
_HEAD = "SELECT position FROM change_heads WHERE organization_id = $1"
_MOVE = """
UPDATE event_cursors SET position = $3, moved_at = clock_timestamp() WHERE organization_id = $1 AND subscriber = $2
"""
_EVENTS = """
SELECT s.position, c.id, c.event, c.entity_type, c.entity_id, c.effective_date, c.recorded_at, c.actor_kind, c.actor_id,
       c.reason, c.before, c.after
FROM change_seals s JOIN change_log c ON c.organization_id = s.organization_id AND c.id = s.id
WHERE s.organization_id = $1 AND s.position > $2 AND s.position <= $3 AND c.event = ANY($4::text[])
ORDER BY s.position LIMIT $5
"""
_BEHIND = """
SELECT h.organization_id, n.name FROM change_heads h CROSS JOIN unnest($1::text[]) AS n(name)
LEFT JOIN event_cursors c ON c.organization_id = h.organization_id AND c.subscriber = n.name
WHERE coalesce(c.position, 0) < h.position AND NOT EXISTS (
    SELECT FROM jobs j WHERE j.organization_id = h.organization_id AND j.kind = $2 AND j.key = n.name
    AND j.state IN ('due', 'leased', 'dead'))
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A sealed change, as a handler gets it. `before` and `after` hold what the change log holds (JSON values)."""

    position: int
    id: UUID
    type: str
    entity_type: str
    entity_id: UUID
    effective_date: date | None
    recorded_at: datetime
    actor_kind: str
    actor_id: UUID | None
    reason: str | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]


EventHandler = Callable[[WriteSession, Sequence[Event]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who reacts to which types of events. The name is stored: renaming it reads the log from the beginning again."""

    name: str
    events: frozenset[str]
    handle: EventHandler


Announce = Callable[[WriteSession, frozenset[str]], Awaitable[None]]
"""Called in the sealer's transaction with the types that were just sealed."""


def announcer(subscribers: Iterable[Subscriber]) -> Announce:
    """What the sealer calls with the types that it has just sealed: owes a job for each subscriber that wants one."""
    table = tuple(subscribers)

    async def announce(session: WriteSession, types: frozenset[str]) -> None:
        for subscriber in table:
            if not subscriber.events.isdisjoint(types):
                owe(session, KIND, subscriber.name)

    return announce


async def react(session: WriteSession, subscriber: Subscriber, *, limit: int = EVENTS_LIMIT) -> bool:
    """Hand the next events to the subscriber and move its cursor; True when more may follow.

    The cursor is locked: of two workers the second goes on where the first one has committed.
    """
    driver, organization_id = session.driver, session.organization_id
    position = await driver.fetchval(_LOCK, organization_id, subscriber.name)
    if position is None:
        await driver.execute(_START, organization_id, new_id(), subscriber.name)
        position = await driver.fetchval(_LOCK, organization_id, subscriber.name)
    head = await driver.fetchval(_HEAD, organization_id) or 0
    end = min(head, position + SCAN_LIMIT)
    rows = await driver.fetch(_EVENTS, organization_id, position, end, sorted(subscriber.events), limit)
    if rows:
        await subscriber.handle(session, [event_of(row, row["position"]) for row in rows])
    reached = rows[-1]["position"] if len(rows) == limit else max(position, end)
    if reached != position:
        await driver.execute(_MOVE, organization_id, subscriber.name, reached)
    return bool(reached < head)


def event_of(row: asyncpg.Record | Mapping[str, Any], position: int) -> Event:
    """From a row of the change log and its position."""
    return Event(
        position=position,
        type=row["event"],
        before=row["before"] or {},
        after=row["after"] or {},
        **{name: row[name] for name in _PLAIN},
    )


_PLAIN = ("id", "entity_type", "entity_id", "effective_date", "recorded_at", "actor_kind", "actor_id", "reason")


async def lagging(driver: asyncpg.Connection, names: Iterable[str]) -> list[tuple[OrganizationId, str]]:
    """Organizations and subscribers whose cursor is behind although no job is owed; in the worker's role.

    Mostly changes that the subscriber does not want; also a subscriber that is new. Dead jobs wait for a person.
    """
    rows = await driver.fetch(_BEHIND, sorted(names), KIND)
    return [(OrganizationId(row["organization_id"]), row["name"]) for row in rows]


async def position_of(session: ReadSession, name: str) -> int:
    """How far the subscriber has read the organization's sealed changes."""
    sql = "SELECT position FROM event_cursors WHERE organization_id = $1 AND subscriber = $2"
    return int(await session.driver.fetchval(sql, session.organization_id, name) or 0)
