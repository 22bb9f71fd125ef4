"""Accounts that stand for others: the survivor of a merge, and the payers above an account in its group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from uuid import UUID

from app.collections.legal.cases import held_by_case
from app.disputes.queries import disputed_by_instalment
from app.dunning.groups.lending import Need, Purses, lend
from app.dunning.planning import Purse
from app.infra.database import ReadSession
from app.promises.holds import held_by_promise

_MERGED = """
SELECT id, parent_id FROM accounts WHERE organization_id = $1 AND parent_id = ANY($2::uuid[]) AND status = 'merged'
"""
_SURVIVORS = """
SELECT id, parent_id FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND status = 'merged'
"""
# The payers above each account that have cash, with how far above they are; bounded in depth, should parents circle.
_PAYERS = """
WITH RECURSIVE up AS (
    SELECT a.id, a.parent_id, 1 AS depth FROM accounts a
    WHERE a.organization_id = $1 AND a.id = ANY($2::uuid[]) AND a.parent_id IS NOT NULL
    UNION ALL
    SELECT up.id, p.parent_id, up.depth + 1 FROM up
    JOIN accounts p ON p.organization_id = $1 AND p.id = up.parent_id AND p.parent_id IS NOT NULL
    WHERE up.depth < 32
)
SELECT id, parent_id, min(depth) AS depth FROM up
WHERE id <> parent_id AND EXISTS (
    SELECT FROM payments y WHERE y.organization_id = $1 AND y.account_id = up.parent_id AND y.unapplied_minor <> 0)
GROUP BY 1, 2 ORDER BY 1, 3
"""
_BELOW = """
WITH RECURSIVE down AS (
    SELECT a.id, a.id AS owner_id, 0 AS depth FROM accounts a WHERE a.organization_id = $1 AND a.id = ANY($2::uuid[])
    UNION ALL
    SELECT c.id, CASE WHEN c.status = 'merged' THEN down.owner_id ELSE c.id END, down.depth + 1
    FROM down JOIN accounts c ON c.organization_id = $1 AND c.parent_id = down.id WHERE down.depth < 32
)
SELECT DISTINCT id, owner_id FROM down
"""
_DUE = """
SELECT id, account_id, legal_entity_id, currency, due_date, open_minor FROM instalments
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND open_minor <> 0 AND due_date <= $3
"""
CASH = """
SELECT account_id, legal_entity_id, currency, sum(unapplied_minor)::bigint AS minor, true AS cash FROM payments
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND unapplied_minor <> 0 GROUP BY 1, 2, 3
UNION ALL
SELECT account_id, legal_entity_id, currency, sum(open_minor)::bigint, false FROM credit_memos
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND open_minor <> 0 GROUP BY 1, 2, 3
"""


async def holders_of(session: ReadSession, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """These accounts and those that were merged into them, each with the one that answers for it."""
    holders = {account_id: account_id for account_id in ids}
    for row in await session.driver.fetch(_MERGED, session.organization_id, list(ids)):
        holders[row["id"]] = row["parent_id"]
    return holders


async def survivors_of(session: ReadSession, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Of these accounts those that were merged away, each with the account that it became."""
    rows = await session.driver.fetch(_SURVIVORS, session.organization_id, list(ids))
    return {row["id"]: row["parent_id"] for row in rows}


async def purses_of(session: ReadSession, holders: Mapping[UUID, UUID]) -> tuple[Purses, Purses]:
    """Unapplied cash and open credit memos of these accounts, counted for those that answer for them."""
    found: tuple[dict[UUID, dict[Purse, int]], dict[UUID, dict[Purse, int]]] = ({}, {})
    for row in await session.driver.fetch(CASH, session.organization_id, list(holders)):
        mine = found[0 if row["cash"] else 1].setdefault(holders[row["account_id"]], {})
        purse = (row["legal_entity_id"], row["currency"])
        mine[purse] = mine.get(purse, 0) + row["minor"]
    return found


async def lent_to(session: ReadSession, ids: Collection[UUID], today: date) -> Purses:
    """What is left of the payers' cash for each of these accounts; absent without any. Two statements where no account
    has a payer with cash."""
    rows = await session.driver.fetch(_PAYERS, session.organization_id, list(ids))
    if not rows:
        return {}
    payer_ids = list({row["parent_id"] for row in rows})
    below = await session.driver.fetch(_BELOW, session.organization_id, payer_ids)
    holders = {row["id"]: row["owner_id"] for row in below}
    owners = list(set(holders.values()))
    payers: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for row in await session.driver.fetch(_PAYERS, session.organization_id, owners):
        payers[row["id"]].append(row["parent_id"])
    cash, credits = await purses_of(session, holders)
    found = lend(await _needs(session, holders, today), cash, credits, payers)
    return {account_id: found[account_id] for account_id in ids if account_id in found}


async def _needs(session: ReadSession, holders: Mapping[UUID, UUID], today: date) -> list[Need]:
    """What is due in a group and may be asked for: not disputed, promised, or in a legal case."""
    rows = await session.driver.fetch(_DUE, session.organization_id, list(holders), today)
    ids = [row["id"] for row in rows]
    disputed = await disputed_by_instalment(session, ids)
    promised = await held_by_promise(session, ids, today)
    cases = await held_by_case(session, ids)
    needs = []
    for row in rows:
        held = promised[row["id"]].held_minor if row["id"] in promised else 0
        minor = row["open_minor"] - disputed.get(row["id"], 0) - held
        if minor > 0 and row["id"] not in cases:
            purse = (row["legal_entity_id"], row["currency"])
            needs.append(Need(holders[row["account_id"]], row["id"], purse, row["due_date"], minor))
    return needs
