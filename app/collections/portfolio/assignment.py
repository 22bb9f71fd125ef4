"""Who works on which account: by rule, in bulk, and who sees to it during an absence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.collections import queries, sql
from app.collections.errors import AccountUnknown, CoverNotFound, CoverOverlaps, NoRules, RunNotFound, UserUnknown
from app.collections.models import AssignmentRun, CollectorCover, RuleVersion
from app.collections.rule_versions import assignment_rules, version_in_force
from app.collections.rules import AssignmentFacts, AssignmentRule, assign, stand_in
from app.core.errors import RuleViolation
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW, check_version

JOB = "collections.assign"
STEP_LIMIT = 2_000
"""Accounts that one transaction assigns."""
PREVIEW_LIMIT = 200_000
_FACTS = """
SELECT a.id, a.name, a.collector_id, a.segment, a.country, a.risk_class,
    (SELECT json_object_agg(x.currency, x.minor) FROM (
        SELECT s.currency, sum(s.open_minor)::bigint AS minor FROM instalments s
        WHERE s.organization_id = $1 AND s.account_id = a.id AND s.open_minor <> 0 GROUP BY 1) x) AS open_minor
FROM accounts a WHERE a.organization_id = $1 AND ($2::uuid IS NULL OR a.id > $2) AND a.status = 'active'
ORDER BY a.id LIMIT $3
"""
_COVERS = """
SELECT collector_id, cover_id FROM collector_covers
WHERE organization_id = $1 AND NOT cancelled AND start_date <= $2 AND end_date >= $2 ORDER BY id
"""


class CoverInvalid(RuleViolation):
    """The days or people do not make a cover."""

    code = "collector_cover.invalid"


async def assignment_facts(session: ReadSession, after: UUID | None, limit: int) -> list[AssignmentFacts]:
    """The next active accounts, by id, as assignment sees them."""
    rows = await session.driver.fetch(_FACTS, session.organization_id, after, limit)
    return [
        AssignmentFacts(
            account_id=row["id"],
            name=row["name"],
            collector_id=row["collector_id"],
            segment=row["segment"],
            country=row["country"],
            risk_class=row["risk_class"],
            open_minor=row["open_minor"] or {},
        )
        for row in rows
    ]


async def assign_accounts(
    session: WriteSession, account_ids: Sequence[UUID], collector_id: UUID | None, *, reason: str | None, today: date
) -> int:
    """Give these accounts to a collector (None: to nobody); returns how many had another one.

    What the former collector had planned for them goes along. Raises AccountUnknown, UserUnknown.
    """
    if collector_id is not None and not await queries.active_users(session, {collector_id}):
        raise UserUnknown("no active user has this id", pointer="/collector_id")
    known = await queries.accounts_by_id(session, account_ids)
    for index, account_id in enumerate(account_ids):
        if account_id not in known:
            raise AccountUnknown("no such account", pointer=f"/account_ids/{index}")
    wanted = sorted(set(account_ids))
    moves = [(account_id, known[account_id]["collector_id"], collector_id, None) for account_id in wanted]
    return await _move(session, moves, on=today, origin="manual", reason=reason)


async def _move(
    session: WriteSession,
    moves: Sequence[tuple[UUID, UUID | None, UUID | None, str | None]],
    *,
    on: date,
    origin: str,
    reason: str | None,
) -> int:
    changed = await sql.set_collectors(session, [(move[0], move[2]) for move in moves])
    done = [move for move in moves if move[0] in changed]
    if not done:
        return 0
    await sql.write_history(session, done, on=on, origin=origin, reason=reason)
    for account_id, before, after, rule in done:
        facts: dict[str, object] = {"account_id": account_id, "collector_id": after}
        if rule is not None:
            facts["rule_code"] = rule
        record_change(
            session,
            ChangeRow("account", account_id, "account.assigned", {"collector_id": before}, facts,
                      effective_date=on, reason=reason),
        )  # fmt: skip
    return len(done)


@dataclass(frozen=True, slots=True)
class Preview:
    """What rules would do: accounts looked at, how many would move, how many each collector would have."""

    accounts: int
    changed: int
    unmatched: int
    by_collector: Mapping[UUID, int]
    by_rule: Mapping[str, int]


async def preview_assignment(session: ReadSession, rules: Sequence[AssignmentRule]) -> Preview:
    """A dry run of these rules over all active accounts; nothing is written."""
    accounts = changed = unmatched = 0
    by_collector: dict[UUID, int] = {}
    by_rule: dict[str, int] = {}
    after: UUID | None = None
    while accounts < PREVIEW_LIMIT:
        facts = await assignment_facts(session, after, STEP_LIMIT)
        for each in facts:
            found = assign(each, rules)
            accounts += 1
            if found is None:
                unmatched += 1
                continue
            by_collector[found[0]] = by_collector.get(found[0], 0) + 1
            by_rule[found[1]] = by_rule.get(found[1], 0) + 1
            changed += found[0] != each.collector_id
        if len(facts) < STEP_LIMIT:
            break
        after = facts[-1].account_id
    return Preview(accounts, changed, unmatched, by_collector, by_rule)


async def start_run(session: WriteSession, *, only_unassigned: bool, today: date) -> AssignmentRun:
    """Apply the rules in force to all accounts, in the background. Raises NoRules."""
    version = await version_in_force(session, "assignment", today)
    if version is None or not version.rules:
        raise NoRules("there are no assignment rules in force")
    row = AssignmentRun(
        organization_id=session.organization_id,
        id=new_id(),
        rule_version_id=version.id,
        only_unassigned=only_unassigned,
        actor_name=session.actor.name,
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    owe(session, JOB, str(row.id))
    record_change(session, ChangeRow("assignment_run", row.id, "assignment_run.started", after={"state": "waiting"}))
    return row


async def get_run(session: ReadSession, run_id: UUID, *, lock: bool = False) -> AssignmentRun:
    """The run as it is now. Raises RunNotFound."""
    key = (session.organization_id, run_id)
    found = await session.get(AssignmentRun, key, with_for_update=True if lock else None, populate_existing=True)
    if found is None:
        raise RunNotFound("no such assignment run")
    return found


async def run_step(session: WriteSession, run_id: UUID, *, today: date, limit: int = STEP_LIMIT) -> bool:
    """One bounded step of a run; True when more follows. What is done stands in the run's row: repeatable."""
    run = await get_run(session, run_id, lock=True)
    if run.state == "done":
        return False
    version = await session.get(RuleVersion, (session.organization_id, run.rule_version_id))
    assert version is not None  # a foreign key holds it
    rules = assignment_rules(version)
    facts = await assignment_facts(session, run.after_id, limit)
    moves = []
    for each in facts:
        if run.only_unassigned and each.collector_id is not None:
            continue
        found = assign(each, rules)
        if found is not None and found[0] != each.collector_id:
            moves.append((each.account_id, each.collector_id, found[0], found[1]))
    users = await queries.active_users(session, {move[2] for move in moves})
    moves = [move for move in moves if move[2] in users]  # whoever left meanwhile gets nothing
    changed = await _move(session, moves, on=today, origin="rule", reason=None) if moves else 0
    more = len(facts) == limit
    run.accounts += len(facts)
    run.changed += changed
    run.state = "running" if more else "done"
    run.after_id = facts[-1].account_id if facts else run.after_id
    run.version += 1
    run.updated_at = RECORDED_NOW
    await session.flush()
    if not more:
        after = {"state": "done", "accounts": run.accounts, "changed": run.changed}
        record_change(session, ChangeRow("assignment_run", run.id, "assignment_run.done", after=after))
    return more


async def add_cover(
    session: WriteSession, collector_id: UUID, cover_id: UUID, start: date, end: date, reason: str | None
) -> CollectorCover:
    """Somebody sees to a collector's accounts from one day to another, both included.

    Raises UserUnknown, CoverInvalid, CoverOverlaps.
    """
    if collector_id == cover_id:
        raise CoverInvalid("nobody covers themselves", pointer="/cover_id")
    if end < start:
        raise CoverInvalid("the last day is not before the first", pointer="/end_date")
    users = await queries.active_users(session, {cover_id})
    if cover_id not in users:
        raise UserUnknown("no active user has this id", pointer="/cover_id")
    locked = await session.driver.fetchval(
        "SELECT true FROM users WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.organization_id,
        collector_id,
    )
    if not locked:
        raise UserUnknown("no user has this id", pointer="/collector_id")
    overlap = await session.driver.fetchval(
        "SELECT true FROM collector_covers WHERE organization_id = $1 AND collector_id = $2 AND NOT cancelled"
        " AND start_date <= $4 AND end_date >= $3 LIMIT 1",
        session.organization_id, collector_id, start, end,
    )  # fmt: skip
    if overlap:
        raise CoverOverlaps("the absence is covered on some of these days already", pointer="/start_date")
    row = CollectorCover(
        organization_id=session.organization_id,
        id=new_id(),
        collector_id=collector_id,
        cover_id=cover_id,
        start_date=start,
        end_date=end,
        reason=reason,
    )
    session.add(row)
    await session.flush()
    await session.refresh(row)
    after = {"collector_id": collector_id, "cover_id": cover_id, "start_date": start, "end_date": end}
    record_change(session, ChangeRow("collector_cover", row.id, "collector_cover.added", after=after))
    return row


async def get_cover(session: ReadSession, cover_id: UUID) -> CollectorCover:
    """The cover. Raises CoverNotFound."""
    found = await session.get(CollectorCover, (session.organization_id, cover_id), populate_existing=True)
    if found is None:
        raise CoverNotFound("no such absence cover")
    return found


async def cancel_cover(
    session: WriteSession, cover_id: UUID, *, today: date, expected_version: int | None
) -> CollectorCover:
    """End a cover: one that runs ends yesterday, one to come never was. Raises CoverNotFound, StaleVersion."""
    row = await get_cover(session, cover_id)
    check_version(expected_version, row.version)
    row.cancelled = True
    row.version += 1
    row.updated_at = RECORDED_NOW
    await session.flush()
    await session.refresh(row)
    after = {"collector_id": row.collector_id, "cancelled_on": today}
    record_change(session, ChangeRow("collector_cover", row.id, "collector_cover.cancelled", after=after))
    return row


async def covers_on(session: ReadSession, today: date) -> dict[UUID, UUID]:
    """Collector → who sees to the accounts today, through covers of covers. Absent: collectors who are there."""
    rows = await session.driver.fetch(_COVERS, session.organization_id, today)
    direct = {row["collector_id"]: row["cover_id"] for row in rows}
    found = {collector: stand_in(collector, direct) for collector in direct}
    return {collector: cover for collector, cover in found.items() if cover != collector}


async def history_of(session: ReadSession, account_id: UUID, limit: int = 200) -> list[Any]:
    """Collectors that an account had, latest first."""
    return list(
        await session.driver.fetch(
            "SELECT id, account_id, from_collector_id, collector_id, effective_date, origin, rule_code, reason,"
            " actor_name, recorded_at FROM collector_assignments WHERE organization_id = $1 AND account_id = $2"
            " ORDER BY id DESC LIMIT $3",
            session.organization_id,
            account_id,
            limit,
        )
    )


async def list_covers(session: ReadSession, from_day: date, limit: int = 500) -> list[CollectorCover]:
    """Covers that end on or after a day, in the order of their first day."""
    statement = (
        select(CollectorCover)
        .where(
            CollectorCover.organization_id == session.organization_id,
            CollectorCover.end_date >= from_day,
            CollectorCover.cancelled.is_(False),
        )
        .order_by(CollectorCover.start_date, CollectorCover.id)
        .limit(limit)
    )
    return list((await session.execute(statement)).scalars())
