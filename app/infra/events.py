"""The change log read as events: sealed changes by position, without gaps, in an order that never changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.infra.database import Actor, ReadSession

SCAN_LIMIT = 5_000
"""How many positions one page looks at when it filters by type: a page may be empty although more follow."""
_HEAD = "SELECT position FROM change_heads WHERE organization_id = $1"
_EVENTS = """
SELECT s.position, c.id, c.event, c.recorded_at, c.entity_type, c.entity_id, c.actor_kind, c.actor_id, c.actor_name,
       c.effective_date, c.reason, c.before, c.after
FROM change_seals s JOIN change_log c ON c.organization_id = s.organization_id AND c.id = s.id
WHERE s.organization_id = $1 AND s.position > $2 AND s.position <= $3
  AND ($4::text[] IS NULL OR c.event = ANY($4))
ORDER BY s.position LIMIT $5
"""


Limit = Callable[[ReadSession, Actor, frozenset[str], Sequence[Any]], Awaitable[Sequence[Any]]]
_limits: list[Limit] = []


def limit_events_with(limit: Limit) -> None:
    """Have this function leave out, of the events of a page, what a caller with these scopes must not see.

    Rooms register theirs when they are imported. A page that lost events keeps its place: the cursor goes on.
    """
    _limits.append(limit)


async def visible_events(
    session: ReadSession, actor: Actor, scopes: frozenset[str], rows: Sequence[Any]
) -> Sequence[Any]:
    """The events that this caller may see."""
    for limit in _limits:
        rows = await limit(session, actor, scopes, rows)
    return rows


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events of a page, the position behind which the next one starts, and whether there is more already."""

    rows: Sequence[asyncpg.Record]
    position: int
    has_more: bool


async def list_events(session: ReadSession, after: int, limit: int, types: Sequence[str] | None = None) -> EventPage:
    """Up to `limit` sealed changes behind that position, of these types only; looks at SCAN_LIMIT positions.

    A position is given once and for ever, and only behind all others: a reader who goes on from `position` misses
    nothing and sees nothing twice.
    """
    head = await session.driver.fetchval(_HEAD, session.organization_id) or 0
    end = min(head, after + SCAN_LIMIT)
    rows = await session.driver.fetch(
        _EVENTS, session.organization_id, after, end, list(types) if types else None, limit + 1
    )
    if len(rows) > limit:
        return EventPage(rows[:limit], rows[limit - 1]["position"], has_more=True)
    return EventPage(rows, max(after, end), has_more=end < head)
