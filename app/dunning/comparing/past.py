"""What accounts owed on past days: amounts by effective date, and what was disputed, promised, in a plan, blocked or in
a legal case then; and what money of theirs lay unapplied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from app.dunning.charges.rules import PlanPart, spared_by_plan
from app.dunning.comparing.past_blocks import past_blocks
from app.dunning.comparing.past_money import past_money
from app.dunning.comparing.replay import PastHold, PastItem, PastMoney, PastPromise
from app.dunning.groups.members import holders_of
from app.infra.database import ReadSession

LOOK_BACK_DAYS = 400
"""Items that were due so long before the period still walk their chains in it."""
AFTER_DAYS = 60
ACTIVE = frozenset({"open", "in_review", "awaiting_customer"})
_DAY = timedelta(days=1)
_ITEMS = """
SELECT i.id, i.account_id, i.legal_entity_id, i.currency, i.due_date, i.accounting_date, i.amount_minor
FROM instalments i JOIN invoices v ON v.organization_id = $1 AND v.id = i.invoice_id AND v.kind <> 'finance_charge'
WHERE i.organization_id = $1 AND i.account_id = ANY($2::uuid[]) AND i.due_date BETWEEN $3 AND $4
ORDER BY i.account_id, i.due_date, i.id
"""
_CHANGES = """
SELECT instalment_id, effective_date, sum(minor)::bigint AS minor FROM (
    SELECT instalment_id, effective_date, amount_minor + discount_minor + write_off_minor AS minor FROM applications
    WHERE organization_id = $1 AND instalment_id = ANY($2::uuid[])
    UNION ALL SELECT instalment_id, effective_date, amount_minor FROM adjustments
    WHERE organization_id = $1 AND instalment_id = ANY($2::uuid[]) AND state = 'posted'
) AS taken GROUP BY 1, 2 ORDER BY 1, 2
"""
# A dispute is its history: it may have been resolved and opened again.
_DISPUTED = """
SELECT l.id, l.instalment_id, l.amount_minor, t.to_state, t.effective_date FROM dispute_lines l
JOIN dispute_transitions t ON t.organization_id = $1 AND t.dispute_id = l.dispute_id
WHERE l.organization_id = $1 AND l.instalment_id = ANY($2::uuid[]) ORDER BY l.id, t.id
"""
# A promise held until its last day of grace, or until it was kept or taken back.
_PROMISED = """
SELECT t.instalment_id, t.amount_minor, p.made_on, p.status, p.kept_until, p.decided_on FROM promise_items t
JOIN promises p ON p.organization_id = $1 AND p.id = t.promise_id AND p.scope = 'instalments'
WHERE t.organization_id = $1 AND t.instalment_id = ANY($2::uuid[]) ORDER BY p.id
"""
_OF_ACCOUNTS = """
SELECT p.account_id, p.currency, p.amount_minor, p.made_on, p.status, p.kept_until, p.decided_on FROM promises p
WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.scope = 'account' AND p.kept_until >= $3
ORDER BY p.id
"""
_PLANS = """
SELECT t.instalment_id, t.amount_minor, p.activated_on, p.status, p.decided_on FROM payment_plan_items t
JOIN payment_plans p ON p.organization_id = $1 AND p.id = t.plan_id AND p.activated_on IS NOT NULL
WHERE t.organization_id = $1 AND t.instalment_id = ANY($2::uuid[]) ORDER BY p.id
"""


@dataclass(slots=True)
class PastAccount:
    """What an account owed, with what had been merged into it, its promises for all of it, and its unapplied money."""

    items: list[PastItem] = field(default_factory=list)
    promises: list[PastPromise] = field(default_factory=list)
    money: PastMoney = field(default_factory=PastMoney)


async def past_of(session: ReadSession, ids: Collection[UUID], start: date, end: date) -> dict[UUID, PastAccount]:
    """What these accounts owed in a period, by account, with its facts as they were on each of its days."""
    holders = await holders_of(session, ids)
    first = start - timedelta(days=LOOK_BACK_DAYS)
    last = end + timedelta(days=AFTER_DAYS)
    rows = await session.driver.fetch(_ITEMS, session.organization_id, list(holders), first, last)
    wanted = [row["id"] for row in rows]
    changes: defaultdict[UUID, list[tuple[date, int]]] = defaultdict(list)
    for row in await session.driver.fetch(_CHANGES, session.organization_id, wanted):
        changes[row["instalment_id"]].append((row["effective_date"], row["minor"]))
    disputed = await _disputed(session, wanted)
    promised = await _promised(session, wanted, changes)
    blocks = await past_blocks(session, holders, first, end)
    found: defaultdict[UUID, PastAccount] = defaultdict(PastAccount)
    for row in rows:
        found[holders[row["account_id"]]].items.append(
            PastItem(
                row["id"],
                row["legal_entity_id"],
                row["currency"],
                row["due_date"],
                row["accounting_date"],
                row["amount_minor"],
                changes.get(row["id"], ()),
                disputed.get(row["id"], ()),
                promised.get(row["id"], ()),
                (*blocks.get(row["account_id"], ()), *blocks.get(row["id"], ())),
            )
        )
    for row in await session.driver.fetch(_OF_ACCOUNTS, session.organization_id, list(holders), first):
        found[holders[row["account_id"]]].promises.append(PastPromise(row["currency"], _held(row)))
    for account_id, money in (await past_money(session, holders, end)).items():
        if account_id in found:
            found[account_id].money = money
    return dict(found)


def _held(row: Any) -> PastHold:
    last = row["kept_until"]
    if row["status"] == "kept":
        last = min(last, row["decided_on"])
    elif row["status"] == "cancelled":
        last = min(last, row["decided_on"] - _DAY)
    return PastHold(row["made_on"], last, row["amount_minor"])


async def _disputed(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, list[PastHold]]:
    found: defaultdict[UUID, list[PastHold]] = defaultdict(list)
    rows = await session.driver.fetch(_DISPUTED, session.organization_id, ids)
    for (_, instalment_id, minor), steps in groupby(
        rows, key=lambda row: (row["id"], row["instalment_id"], row["amount_minor"])
    ):
        history = [(row["to_state"], row["effective_date"]) for row in steps]
        found[instalment_id] += [PastHold(first, last, minor) for first, last in disputed_days(history)]
    return dict(found)


def disputed_days(history: Iterable[tuple[str, date]]) -> list[tuple[date, date | None]]:
    """The spans of days (both included; None: still is) on which a dispute of this history (state, since) stood."""
    spans: list[tuple[date, date | None]] = []
    since: date | None = None
    for state, on in history:
        if state in ACTIVE:
            since = on if since is None else since
        elif since is not None:
            if since < on:
                spans.append((since, on - _DAY))
            since = None
    return spans if since is None else [*spans, (since, None)]


async def _promised(
    session: ReadSession, ids: Sequence[UUID], changes: defaultdict[UUID, list[tuple[date, int]]]
) -> dict[UUID, list[PastHold]]:
    """By promises, and by plans: of these what was paid of a part is held no more."""
    found: defaultdict[UUID, list[PastHold]] = defaultdict(list)
    for row in await session.driver.fetch(_PROMISED, session.organization_id, ids):
        found[row["instalment_id"]].append(_held(row))
    for row in await session.driver.fetch(_PLANS, session.organization_id, ids):
        plan = PlanPart(row["activated_on"], row["decided_on"], row["amount_minor"])
        for part in spared_by_plan(plan, changes.get(row["instalment_id"], ())):
            last = None if part.resolved_on is None else part.resolved_on - _DAY
            found[row["instalment_id"]].append(PastHold(part.opened_on, last, part.amount_minor))
    return dict(found)
