"""What other rooms ask of promises: which amounts are held from dunning and until when, what is due, what broke."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from app.infra.database import ReadSession
from app.promises.rules import Owed, cover

_BY_ITEM = """
SELECT t.instalment_id, p.id, 'promise' AS kind, t.amount_minor - t.kept_minor AS minor, p.kept_until AS until
FROM promise_items t
JOIN promises p ON p.organization_id = $1 AND p.id = t.promise_id AND p.status IN ('open', 'partly_kept')
    AND p.scope = 'instalments' AND p.kept_until >= $3
WHERE t.organization_id = $1 AND t.instalment_id = ANY($2::uuid[])
UNION ALL
SELECT t.instalment_id, p.id, 'payment_plan', t.amount_minor - t.paid_minor, p.next_kept_until
FROM payment_plan_items t
JOIN payment_plans p ON p.organization_id = $1 AND p.id = t.plan_id AND p.status = 'active' AND p.next_kept_until >= $3
WHERE t.organization_id = $1 AND t.instalment_id = ANY($2::uuid[])
"""
_BY_ACCOUNT = """
SELECT p.id, p.account_id, p.currency, p.amount_minor - p.kept_minor AS minor, p.kept_until
FROM promises p
WHERE p.organization_id = $1 AND p.status IN ('open', 'partly_kept') AND p.scope = 'account' AND p.kept_until >= $3
  AND p.account_id IN (SELECT account_id FROM instalments WHERE organization_id = $1 AND id = ANY($2::uuid[]))
ORDER BY p.id
"""
_OPEN = """
SELECT id, account_id, currency, due_date, open_minor FROM instalments
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND open_minor <> 0 ORDER BY due_date, id
"""
_DUE = """
SELECT 'promise' AS kind, p.id, p.account_id, p.currency, p.amount_minor - p.kept_minor AS minor,
    p.promised_date AS due_date, p.kept_until
FROM promises p
WHERE p.organization_id = $1 AND p.status IN ('open', 'partly_kept') AND p.promised_date <= $2
  AND ($3::uuid[] IS NULL OR p.account_id = ANY($3))
UNION ALL
SELECT 'payment_plan', p.id, p.account_id, p.currency, t.amount_minor - t.paid_minor, t.due_date, t.kept_until
FROM payment_plans p
JOIN payment_plan_parts t ON t.organization_id = $1 AND t.plan_id = p.id AND t.status IN ('open', 'partly_kept')
    AND t.due_date <= $2
WHERE p.organization_id = $1 AND p.status = 'active' AND ($3::uuid[] IS NULL OR p.account_id = ANY($3))
"""
_BROKEN = """
SELECT 'promise' AS kind, id, account_id, currency, amount_minor - kept_minor AS minor, decided_on, rescheduled_count
FROM promises WHERE organization_id = $1 AND status = 'broken' AND decided_on >= $2
  AND ($3::uuid[] IS NULL OR account_id = ANY($3))
UNION ALL
SELECT 'payment_plan', id, account_id, currency, total_minor - paid_minor, decided_on, 0
FROM payment_plans WHERE organization_id = $1 AND status = 'broken' AND decided_on >= $2
  AND ($3::uuid[] IS NULL OR account_id = ANY($3))
"""


@dataclass(slots=True)
class Hold:
    """How much of an instalment is promised, until when (the last day of grace), and by what."""

    held_minor: int = 0
    until: date = date.min
    promise_ids: tuple[UUID, ...] = ()
    plan_id: UUID | None = None

    def add(self, kind: str, row_id: UUID, minor: int, until: date) -> None:
        """One more promise or plan that holds the instalment."""
        self.held_minor += minor
        self.until = max(self.until, until)
        if kind == "promise":
            self.promise_ids = (*self.promise_ids, row_id)
        else:
            self.plan_id = row_id


async def held_by_promise(session: ReadSession, instalment_ids: Collection[UUID], today: date) -> dict[UUID, Hold]:
    """What open promises and active plans hold of these instalments today; instalments that nothing holds are absent.

    A promise for an account as a whole holds its oldest due instalments, as far as its amount reaches. A promise or
    part whose last day of grace is over holds nothing, also before the night has decided it.
    """
    holds: dict[UUID, Hold] = {}
    args = (session.organization_id, list(instalment_ids), today)
    for row in await session.driver.fetch(_BY_ITEM, *args):
        if row["minor"] > 0:
            holds.setdefault(row["instalment_id"], Hold()).add(row["kind"], row["id"], row["minor"], row["until"])
    whole = await session.driver.fetch(_BY_ACCOUNT, *args)
    if whole:
        await _hold_oldest(session, whole, set(instalment_ids), holds)
    return holds


async def _hold_oldest(
    session: ReadSession, promises: Sequence[asyncpg.Record], wanted: set[UUID], holds: dict[UUID, Hold]
) -> None:
    accounts = sorted({row["account_id"] for row in promises})
    rows = await session.driver.fetch(_OPEN, session.organization_id, accounts)
    by_item = await session.driver.fetch(_BY_ITEM, session.organization_id, [row["id"] for row in rows], date.min)
    held: dict[UUID, int] = {}
    for row in by_item:
        held[row["instalment_id"]] = held.get(row["instalment_id"], 0) + max(row["minor"], 0)
    for promise in promises:
        owed = [
            Owed(row["id"], row["due_date"], row["open_minor"] - held.get(row["id"], 0))
            for row in rows
            if (row["account_id"], row["currency"]) == (promise["account_id"], promise["currency"])
        ]
        for instalment_id, minor in cover(promise["minor"], owed).items():
            held[instalment_id] = held.get(instalment_id, 0) + minor
            if instalment_id in wanted:
                hold = holds.setdefault(instalment_id, Hold())
                hold.add("promise", promise["id"], minor, promise["kept_until"])


async def promises_due(
    session: ReadSession, today: date, account_ids: Collection[UUID] | None = None
) -> list[asyncpg.Record]:
    """Undecided promises and plan parts whose date is today or past (in their grace), with what is missing.

    Rows: kind, id, account_id, currency, minor, due_date, kept_until.
    """
    accounts = None if account_ids is None else list(account_ids)
    return list(await session.driver.fetch(_DUE, session.organization_id, today, accounts))


async def broken_since(
    session: ReadSession, since: date, account_ids: Collection[UUID] | None = None
) -> list[asyncpg.Record]:
    """Promises and plans that broke on or after a date, with what is missing.

    Rows: kind, id, account_id, currency, minor, decided_on, rescheduled_count.
    """
    accounts = None if account_ids is None else list(account_ids)
    return list(await session.driver.fetch(_BROKEN, session.organization_id, since, accounts))


async def kept_counts(session: ReadSession, account_ids: Collection[UUID], since: date) -> dict[UUID, Any]:
    """Kept and broken promises of accounts that were decided since a date, for scores: count and value.

    Rows: account_id, kept, broken, kept_minor (value of kept promises), decided_minor; currencies are added up as
    they stand, which is for shares only.
    """
    rows = await session.driver.fetch(
        "SELECT account_id, count(*) FILTER (WHERE status = 'kept') AS kept,"
        " count(*) FILTER (WHERE status = 'broken') AS broken,"
        " coalesce(sum(amount_minor) FILTER (WHERE status = 'kept'), 0)::bigint AS kept_minor,"
        " sum(amount_minor)::bigint AS decided_minor FROM promises"
        " WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status IN ('kept', 'broken')"
        " AND decided_on >= $3 GROUP BY account_id",
        session.organization_id,
        list(account_ids),
        since,
    )
    return {row["account_id"]: row for row in rows}
