"""The timeline of accounts: a projection of the change log, kept by a reaction to sealed events.

Each event stands once on the timeline of every account that it concerns. Lists are read by one index; nothing has to
be gathered from fifteen tables when a page is opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from app.core.ids import new_id
from app.desk.timeline_events import ACCOUNT_TABLES, TIMELINE_EVENTS, kind_of
from app.infra.database import ReadSession, WriteSession
from app.infra.reactions import Event, Subscriber

_ACCOUNTS_OF_INSTALMENTS = "SELECT id, account_id FROM instalments WHERE organization_id = $1 AND id = ANY($2::uuid[])"
_INSERT = """
INSERT INTO timeline_entries (organization_id, id, account_id, position, change_id, kind, event, entity_type, entity_id,
    effective_date, recorded_at, actor_kind, actor_id, actor_name, reason, before, after)
SELECT $1, r.id, r.account_id, r.position, c.id, r.kind, c.event, c.entity_type, c.entity_id, c.effective_date,
    c.recorded_at, c.actor_kind, c.actor_id, c.actor_name, c.reason, coalesce(c.before, '{}'), coalesce(c.after, '{}')
FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[], $6::text[])
    AS r(id, account_id, position, change_id, kind)
JOIN change_log c ON c.organization_id = $1 AND c.id = r.change_id
JOIN accounts a ON a.organization_id = $1 AND a.id = r.account_id
ON CONFLICT (organization_id, account_id, position) DO NOTHING
"""


async def put_on_timeline(session: WriteSession, events: Sequence[Event]) -> None:
    """Add these events to the timelines of the accounts that they concern."""
    concerned = await accounts_of(session, events)
    rows = [(account, event) for event in events for account in sorted(concerned.get(event.id, ()))]
    if rows:
        await session.driver.execute(
            _INSERT,
            session.organization_id,
            [new_id() for _ in rows],
            [account for account, _ in rows],
            [event.position for _, event in rows],
            [event.id for _, event in rows],
            [kind_of(event.type) for _, event in rows],
        )


SUBSCRIBER = Subscriber("timeline", frozenset(TIMELINE_EVENTS), put_on_timeline)


async def accounts_of(session: ReadSession, events: Iterable[Event]) -> dict[UUID, set[UUID]]:
    """The accounts that each event concerns, by the event's id: named in it, of its subject, of its instalments."""
    found: dict[UUID, set[UUID]] = {}
    by_type: dict[str, set[UUID]] = {}
    instalments: set[UUID] = set()
    events = list(events)
    for event in events:
        named = found.setdefault(event.id, set())
        if event.entity_type == "account":
            named.add(event.entity_id)
        for facts in (event.before, event.after):
            named.update(_ids(facts, ("account_id", "survivor_id", "merged_account_id")))
        by_type.setdefault(event.entity_type, set()).add(event.entity_id)
        for kind, id_ in _sources(event.after):
            by_type.setdefault(kind, set()).add(id_)
        instalments.update(_instalments(event))
    known = {kind: await _accounts_by_type(session, kind, ids) for kind, ids in by_type.items()}
    rows = await session.driver.fetch(_ACCOUNTS_OF_INSTALMENTS, session.organization_id, list(instalments))
    of_instalment = {row["id"]: row["account_id"] for row in rows}
    for event in events:
        named = found[event.id]
        subjects = [(event.entity_type, event.entity_id), *_sources(event.after)]
        named.update(known[kind][id_] for kind, id_ in subjects if id_ in known.get(kind, {}))
        named.update(of_instalment[id_] for id_ in _instalments(event) if id_ in of_instalment)
    return found


async def _accounts_by_type(session: ReadSession, kind: str, ids: set[UUID]) -> dict[UUID, UUID]:
    table = ACCOUNT_TABLES.get(kind)
    if table is None:
        return {}
    sql = f"SELECT id, account_id FROM {table} WHERE organization_id = $1 AND id = ANY($2::uuid[])"
    rows = await session.driver.fetch(sql, session.organization_id, list(ids))
    return {row["id"]: row["account_id"] for row in rows if row["account_id"] is not None}


def _ids(facts: Mapping[str, object], names: Iterable[str]) -> list[UUID]:
    return [UUID(value) for name in names if isinstance(value := facts.get(name), str)]


def _sources(after: Mapping[str, object]) -> list[tuple[str, UUID]]:
    """An application names the payment or the credit memo that it took from."""
    return [(kind, id_) for kind in ("payment", "credit_memo") for id_ in _ids(after, (f"{kind}_id",))]


def _instalments(event: Event) -> list[UUID]:
    lines = event.after.get("lines")
    if not isinstance(lines, list):
        return _ids(event.after, ("instalment_id",))
    return [id_ for line in lines if isinstance(line, dict) for id_ in _ids(line, ("instalment_id",))]
