"""Who may do what, who used it, and which duties meet in one hand: for access reviews and segregation of duties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.infra.database import ReadSession
from app.organizations.duties import Held, conflicts_of
from app.organizations.rules import ROLES, scopes_of

PERSONS_LIMIT = 5_000
# Programs first, then people, each in the order of their creation; $2 and $3: behind this kind and id.
_HOLDERS = """
SELECT kind, id, name, email, roles, scopes, active, created_at, last_used_at, approval_limit, secrets FROM (
    SELECT 'api_client' AS kind, c.id, c.name, NULL AS email, c.roles, c.scopes, c.active, c.created_at, c.last_used_at,
           '{}'::jsonb AS approval_limit,
           (SELECT count(*) FROM api_client_secrets s WHERE s.organization_id = $1 AND s.api_client_id = c.id
            AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp()))::int AS secrets
    FROM api_clients c WHERE c.organization_id = $1
    UNION ALL
    SELECT 'user', u.id, u.display_name, u.email, u.roles, '{}'::text[], u.active, u.created_at, u.last_used_at,
           u.approval_limit, NULL
    FROM users u WHERE u.organization_id = $1
) AS holders
WHERE ($2::text IS NULL OR (kind, id) > ($2, $3::uuid)) AND ($4::bool IS NULL OR active = $4)
ORDER BY kind, id LIMIT $5
"""
# What people did with their duties between two days; several rows of one duty and person are added up.
_DONE = """
SELECT actor_id, min(actor_name) AS name, duty, sum(times)::bigint AS times FROM (
    SELECT actor_id, min(actor_name) AS actor_name, 'post_cash' AS duty, count(*) AS times FROM applications
    WHERE organization_id = $1 AND effective_date BETWEEN $2 AND $3 AND origin = 'manual' AND actor_kind = 'user'
      AND reverses_id IS NULL GROUP BY actor_id
    UNION ALL
    SELECT decided_by_id, min(decided_by), 'approve_write_offs', count(*) FROM adjustments
    WHERE organization_id = $1 AND effective_date BETWEEN $2 AND $3 AND state = 'posted' AND kind = 'write_off'
      AND reverses_id IS NULL GROUP BY decided_by_id
    UNION ALL
    SELECT taken_by_id, min(taken_by), 'collect', count(*) FROM promises
    WHERE organization_id = $1 AND made_on BETWEEN $2 AND $3 GROUP BY taken_by_id
    UNION ALL
    SELECT done_by_id, min(done_by), 'collect', count(*) FROM collection_actions
    WHERE organization_id = $1 AND status = 'done' AND done_on BETWEEN $2 AND $3 GROUP BY done_by_id
) AS done WHERE actor_id IS NOT NULL GROUP BY actor_id, duty
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """A user or API client with its access, when it last used it (to the hour), and the conflicts in it."""

    row: Any
    scopes: frozenset[str]
    conflicts: tuple[Held, ...]


async def access_holders(
    session: ReadSession, limit: int, *, after: tuple[str, UUID] | None = None, active: bool | None = None
) -> list[Holder]:
    """Up to `limit` of them behind `after` (kind, id)."""
    kind, holder_id = after or (None, None)
    rows = await session.driver.fetch(_HOLDERS, session.organization_id, kind, holder_id, active, limit)
    return [_holder(row) for row in rows]


def _holder(row: Any) -> Holder:
    scopes = scopes_of(row["roles"], row["scopes"])
    return Holder(row, scopes, conflicts_of(scopes))


def role_conflicts() -> dict[str, tuple[Held, ...]]:
    """The conflicts that a role has by its design; roles without one are left out."""
    found = {role: conflicts_of(scopes) for role, scopes in ROLES.items()}
    return {role: conflicts for role, conflicts in found.items() if conflicts}


async def conflicting_holders(session: ReadSession) -> list[Holder]:
    """Active users and API clients whose access holds a conflict; the first PERSONS_LIMIT are looked at."""
    return [holder for holder in await access_holders(session, PERSONS_LIMIT, active=True) if holder.conflicts]


@dataclass(frozen=True, slots=True)
class Acted:
    """A person who did duties of a conflict, and how often each."""

    actor_id: UUID
    name: str
    times: dict[str, int]


async def conflicting_deeds(session: ReadSession, start: date, end: date) -> list[Acted]:
    """People who really did, between two days, two of: collecting, posting cash, approving write-offs."""
    rows = await session.driver.fetch(_DONE, session.organization_id, start, end)
    return _of_more_than_one_duty(rows)


def _of_more_than_one_duty(rows: Sequence[Any]) -> list[Acted]:
    people: dict[UUID, Acted] = {}
    for row in rows:
        acted = people.setdefault(row["actor_id"], Acted(row["actor_id"], row["name"], {}))
        acted.times[row["duty"]] = row["times"]
    return sorted((one for one in people.values() if len(one.times) > 1), key=lambda one: (one.name, one.actor_id))
