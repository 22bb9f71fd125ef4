"""The worklist: refreshed nightly for everybody and after events for the accounts concerned; snoozed with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.desk.errors import SnoozeInvalid
from app.desk.facts import Candidate, load_candidates, next_accounts, survivors_of
from app.desk.models import WorklistSnooze
from app.desk.rules import AccountFacts, Ranked, rank
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, WriteSession
from app.infra.versions import RECORDED_NOW, check_version

ACCOUNTS_PER_STEP = 2_000
SNOOZE_DAYS_LIMIT = 90
_REPLACE = """
WITH gone AS (
    DELETE FROM worklist_entries WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND id <> ALL($3::uuid[])
)
INSERT INTO worklist_entries AS w (organization_id, id, collector_id, score_minor, expected_minor, overdue_minor,
    open_minor, currency, days_late, next_action, signals, factors, business_date, expected_from, dunning)
SELECT $1, r.id, r.collector_id, r.score, r.expected, r.overdue, r.open, $4, r.late, r.action, r.signals, r.factors, $5,
    r.origin, r.dunning
FROM unnest($3::uuid[], $6::uuid[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::int[], $12::text[],
            $13::jsonb[], $14::jsonb[], $15::text[], $16::jsonb[])
    AS r(id, collector_id, score, expected, overdue, open, late, action, signals, factors, origin, dunning)
ON CONFLICT (organization_id, id) DO UPDATE SET collector_id = excluded.collector_id,
    score_minor = excluded.score_minor, expected_minor = excluded.expected_minor,
    overdue_minor = excluded.overdue_minor, open_minor = excluded.open_minor, currency = excluded.currency,
    days_late = excluded.days_late, next_action = excluded.next_action, signals = excluded.signals,
    factors = excluded.factors, business_date = excluded.business_date, expected_from = excluded.expected_from,
    dunning = excluded.dunning
"""


async def refresh_worklist(database: Database, organization_id: UUID, today: date) -> int:
    """Rank every account of the organization, step by step; returns how many are on the list. Safe to repeat."""
    after, listed = UUID(int=0), 0
    while True:
        async with database.write(organization_id, SYSTEM) as session:
            ids = await next_accounts(session, after, ACCOUNTS_PER_STEP)
            if not ids:
                return listed
            listed += await refresh_accounts(session, ids, today)
        after = ids[-1]


async def refresh_accounts(session: WriteSession, account_ids: Iterable[UUID], today: date) -> int:
    """Rank these accounts anew; returns how many of them are on the list now. Those that ask for nothing leave it."""
    named = set(account_ids)
    ids = sorted(named | set(await survivors_of(session, sorted(named))))
    currency, candidates = await load_candidates(session, ids, today)
    ranked = [(candidate, place) for candidate in candidates if (place := rank(candidate.facts, today)) is not None]
    await _write(session, ids, currency, today, ranked)
    return len(ranked)


async def _write(
    session: WriteSession, ids: list[UUID], currency: str, today: date, ranked: Sequence[tuple[Candidate, Ranked]]
) -> None:
    facts = [candidate.facts for candidate, _ in ranked]
    places = [place for _, place in ranked]
    await session.driver.execute(
        _REPLACE,
        session.organization_id,
        ids,
        [candidate.account_id for candidate, _ in ranked],
        currency,
        today,
        [candidate.collector_id for candidate, _ in ranked],
        [place.score_minor for place in places],
        [place.expected_minor for place in places],
        [fact.overdue_minor for fact in facts],
        [fact.open_minor for fact in facts],
        [fact.days_late for fact in facts],
        [place.next_action for place in places],
        [json.dumps([asdict(signal) for signal in fact.signals], default=str) for fact in facts],
        [json.dumps([asdict(factor) for factor in place.factors]) for place in places],
        [place.expected_from for place in places],
        [_dunning(fact) for fact in facts],
    )


def _dunning(facts: AccountFacts) -> str:
    """The stored form of how the account is dunned; only what there is."""
    standing = facts.dunned
    found: dict[str, Any] = {"last_contact_on": facts.touched_on, "blocked_until": standing.blocked_until}
    if standing.notice is not None:
        found["last_notice"] = asdict(standing.notice)
    if standing.next_step is not None:
        found["next_step"] = asdict(standing.next_step)
    found = {name: value for name, value in found.items() if value is not None}
    return json.dumps(found | ({"blocked": True} if standing.blocked else {}), default=str)


async def snooze(
    session: WriteSession,
    account_id: UUID,
    *,
    until_date: date,
    reason: str,
    today: date,
    expected_version: int | None = None,
) -> WorklistSnooze:
    """Leave the account alone through the day before `until_date`. Raises SnoozeInvalid, StaleVersion."""
    if not today < until_date <= today + timedelta(days=SNOOZE_DAYS_LIMIT):
        detail = f"a day after today, at most {SNOOZE_DAYS_LIMIT} days ahead"
        raise SnoozeInvalid(detail, pointer="/until_date")
    found = await session.get(WorklistSnooze, (session.organization_id, account_id), with_for_update=True)
    if found is None:
        found = WorklistSnooze(organization_id=session.organization_id, id=account_id, version=1)
        session.add(found)
    else:
        check_version(expected_version, found.version)
        found.version, found.updated_at = found.version + 1, RECORDED_NOW
    found.until_date, found.reason = until_date, reason
    found.snoozed_by_id = session.actor.id if session.actor.kind == "user" else None
    found.snoozed_by = session.actor.name
    await session.flush()
    after = {"account_id": account_id, "until_date": until_date}
    record_change(session, ChangeRow("worklist_entry", account_id, "worklist.snoozed", None, after, today, reason))
    return found


async def wake(session: WriteSession, account_id: UUID, *, today: date) -> bool:
    """End the account's snooze; False when there was none."""
    found = await session.get(WorklistSnooze, (session.organization_id, account_id), with_for_update=True)
    if found is None:
        return False
    before = {"account_id": account_id, "until_date": found.until_date}
    await session.delete(found)
    record_change(session, ChangeRow("worklist_entry", account_id, "worklist.woken", before, None, today))
    return True
