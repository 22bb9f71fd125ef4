"""Compare two versions of policies over the past: notices, contacts, and the money to be expected of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.dunning.comparing.past import LOOK_BACK_DAYS, past_of
from app.dunning.comparing.replay import Rates, Tally, replay
from app.dunning.errors import ComparisonInvalid
from app.dunning.models import DunningComparison
from app.dunning.policy.in_force import load_version, policy_book
from app.dunning.policy.policies import ensure_shipped
from app.dunning.policy.preferences import response_days
from app.dunning.queries import get_comparison
from app.dunning.runs import Scope
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW
from app.organizations.queries import organization_facts

JOB = "dunning.compare"
ACCOUNTS_LIMIT = 500
"""Accounts that one transaction replays."""
PERIOD_DAYS_MAX = 731
AGES = (-30, 0, 8, 15, 31, 61, 91)
_NEXT = """
SELECT a.id FROM accounts a WHERE a.organization_id = $1 AND a.status <> 'merged'
  AND ($2::uuid[] IS NULL OR a.id = ANY($2)) AND ($3::text IS NULL OR a.segment = $3)
  AND ($4::uuid IS NULL OR a.collector_id = $4) AND ($5::uuid IS NULL OR a.id > $5)
  AND (EXISTS (SELECT FROM instalments i WHERE i.organization_id = $1 AND i.account_id = a.id)
    OR EXISTS (SELECT FROM accounts m WHERE m.organization_id = $1 AND m.parent_id = a.id AND m.status = 'merged'))
ORDER BY a.id LIMIT $6
"""
# The share of what was open at an age that came within the days of an answer; only ages that are over are counted.
_RATES = """
WITH taken AS (
    SELECT i.id, i.due_date, i.amount_minor FROM instalments i
    WHERE i.organization_id = $1 AND i.due_date BETWEEN $2 AND $3 ORDER BY i.due_date DESC LIMIT 50000
), paid AS (
    SELECT t.id, a.effective_date, a.amount_minor + a.discount_minor + a.write_off_minor AS minor
    FROM taken t JOIN applications a ON a.organization_id = $1 AND a.instalment_id = t.id
), aged AS (
    SELECT m.days, t.amount_minor - coalesce(sum(p.minor) FILTER (WHERE p.effective_date <= t.due_date + m.days), 0)
            AS open,
        coalesce(sum(p.minor) FILTER (WHERE p.effective_date > t.due_date + m.days
                                      AND p.effective_date <= t.due_date + m.days + $4::int), 0) AS came
    FROM taken t CROSS JOIN unnest($5::int[]) AS m(days) LEFT JOIN paid p ON p.id = t.id
    WHERE t.due_date + m.days + $4::int <= $3 GROUP BY t.id, m.days, t.due_date, t.amount_minor
)
SELECT days, count(*)::int AS count, sum(open)::bigint AS open, sum(least(greatest(came, 0), open))::bigint AS came
FROM aged WHERE open > 0 GROUP BY days ORDER BY days
"""
SIDES = ("current", "candidate")


@dataclass(frozen=True, slots=True)
class Compare:
    """What to compare: a version against another one (None: the organization's present one), over which days."""

    candidate_version_id: UUID
    start_date: date
    end_date: date
    current_version_id: UUID | None = None
    scope: Scope = field(default_factory=Scope)


async def start_comparison(session: WriteSession, command: Compare, *, today: date) -> UUID:
    """Start a comparison and owe its work; its id. Raises VersionNotFound, ComparisonInvalid."""
    await ensure_shipped(session)
    if command.end_date > today or command.start_date > command.end_date:
        raise ComparisonInvalid("the past is compared: the period ends today at the latest", pointer="/end_date")
    if (command.end_date - command.start_date).days > PERIOD_DAYS_MAX:
        raise ComparisonInvalid(f"at most {PERIOD_DAYS_MAX} days are compared", pointer="/start_date")
    await load_version(session, command.candidate_version_id)
    current = command.current_version_id
    if current is None:
        held = (await policy_book(session, today)).held(None, command.scope.segment)
        if held is None:
            raise ComparisonInvalid("no policy is in force; name the version to compare with")
        current = held.version_id
    await load_version(session, current)
    comparison_id = new_id()
    row = DunningComparison(
        organization_id=session.organization_id,
        id=comparison_id,
        current_version_id=current,
        candidate_version_id=command.candidate_version_id,
        start_date=command.start_date,
        end_date=command.end_date,
        scope=command.scope.to_json(),
        results={"rates": await _rates(session, command)},
        started_by=session.actor.name,
    )
    session.add(row)
    await session.flush()
    owe(session, JOB, str(comparison_id))
    after = {"current_version_id": current, "candidate_version_id": command.candidate_version_id}
    record_change(session, ChangeRow("dunning_comparison", comparison_id, "dunning_comparison.started", after=after))
    return comparison_id


async def _rates(session: ReadSession, command: Compare) -> list[dict[str, Any]]:
    """By age: how much was seen open, and how much of it came within the days of an answer."""
    rows = await session.driver.fetch(
        _RATES,
        session.organization_id,
        command.start_date - timedelta(days=LOOK_BACK_DAYS),
        command.end_date,
        await response_days(session),
        list(AGES),
    )
    return [
        {"days": row["days"], "count": row["count"], "open_minor": row["open"], "came_minor": row["came"]}
        for row in rows
    ]


def rates_of(results: Mapping[str, Any]) -> Rates:
    """The shares by age, as the replay takes them."""
    return [
        (row["days"], Decimal(row["came_minor"]) / Decimal(row["open_minor"]))
        for row in results["rates"]
        if row["open_minor"]
    ]


async def compare_next(session: WriteSession, comparison_id: UUID, *, limit: int = ACCOUNTS_LIMIT) -> bool:
    """Replay the next accounts; whether more are to follow. Repeatable: what is done stays done."""
    row = await get_comparison(session, comparison_id, lock=True)
    if row.state in ("done", "failed"):
        return False
    scope = Scope.of_json(row.scope)
    rows = await session.driver.fetch(_NEXT, session.organization_id, *scope.arguments(), row.after_id, limit)
    ids = [found["id"] for found in rows]
    past = await past_of(session, ids, row.start_date, row.end_date) if ids else {}
    calendar = (await organization_facts(session)).calendar
    results = dict(row.results)
    rates = rates_of(results)
    for side, version_id in zip(SIDES, (row.current_version_id, row.candidate_version_id), strict=True):
        tally = tally_of(results.get(side))
        policy = await load_version(session, version_id)
        for one in past.values():
            period = (row.start_date, row.end_date)
            items = [item for item in one.items if scope.takes(item.legal_entity_id)]
            replay(policy, items, period, calendar.is_business_day, rates, tally, one.promises, one.money)
        results[side] = _kept(tally)
    more = len(ids) == limit
    row.results = results
    row.accounts += len(ids)
    row.after_id = ids[-1] if ids else row.after_id
    row.state = "running" if more else "done"
    row.version += 1
    row.updated_at = RECORDED_NOW
    await session.flush()
    return more


def tally_of(kept: Mapping[str, Any] | None) -> Tally:
    """A tally from what the row keeps."""
    if kept is None:
        return Tally()
    names = ("notices", "contacts", "items", "accounts", "below_minimum", "covered")
    plain = {name: kept.get(name, 0) for name in names}
    expected = {currency: Decimal(minor) for currency, minor in kept["expected"].items()}
    return Tally(**plain, by_step=dict(kept["by_step"]), reminded=dict(kept["reminded"]), expected=expected)


def _kept(tally: Tally) -> dict[str, Any]:
    return {
        "notices": tally.notices,
        "contacts": tally.contacts,
        "items": tally.items,
        "accounts": tally.accounts,
        "below_minimum": tally.below_minimum,
        "covered": tally.covered,
        "by_step": tally.by_step,
        "reminded": tally.reminded,
        "expected": {currency: str(minor) for currency, minor in tally.expected.items()},
    }
