"""SQL of account statements: what was open on a business date, read by few statements over sets of instalments.

One statement over everything is quicker to write and slow to run: on tables that nobody has analysed yet the planner
takes it apart wrongly. So the instalments are found first, and what belongs to them by their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.disputes.past import disputed_on
from app.infra.database import ReadSession

_FAMILY = """
SELECT merged_id AS id FROM account_merges
WHERE organization_id = $1 AND state = 'merged' AND survivor_id = $2 LIMIT 500
"""
_LATER = """
SELECT EXISTS (SELECT FROM applications WHERE organization_id = $1 AND effective_date > $2)
    OR EXISTS (SELECT FROM adjustments WHERE organization_id = $1 AND effective_date > $2 AND state = 'posted')
    OR EXISTS (SELECT FROM payment_movements WHERE organization_id = $1 AND effective_date > $2)
    OR EXISTS (SELECT FROM credit_memo_movements WHERE organization_id = $1 AND effective_date > $2)
"""
_OPEN = """
SELECT id FROM instalments
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND open_minor <> 0 AND accounting_date <= $3 LIMIT $4
"""
# What is settled now was open then only if something was dated later.
_OPEN_THEN = """
SELECT instalment_id AS id FROM applications
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND effective_date > $3
UNION
SELECT instalment_id FROM adjustments
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND effective_date > $3
UNION
SELECT id FROM instalments
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND open_minor <> 0 AND accounting_date <= $3
LIMIT $4
"""
_ITEMS = """
SELECT s.id AS instalment_id, s.invoice_id, s.ordinal, v.number, v.kind, v.purchase_order, s.invoice_date, s.currency,
    s.legal_entity_id, s.amount_minor, s.original_due_date, s.open_minor, s.accounting_date
FROM instalments s JOIN invoices v ON v.organization_id = $1 AND v.id = s.invoice_id
WHERE s.organization_id = $1 AND s.id = ANY($2::uuid[])
"""
_TAKEN = """
SELECT instalment_id, sum(amount_minor + discount_minor + write_off_minor)::bigint AS minor FROM applications
WHERE organization_id = $1 AND instalment_id = ANY($2::uuid[]) AND effective_date <= $3 GROUP BY instalment_id
"""
_ADJUSTED = """
SELECT instalment_id, sum(amount_minor)::bigint AS minor FROM adjustments
WHERE organization_id = $1 AND instalment_id = ANY($2::uuid[]) AND effective_date <= $3 AND state = 'posted'
GROUP BY instalment_id
"""
_DUE = """
SELECT DISTINCT ON (instalment_id) instalment_id, due_date FROM instalment_changes
WHERE organization_id = $1 AND instalment_id = ANY($2::uuid[]) AND effective_date <= $3
ORDER BY instalment_id, effective_date DESC, recorded_at DESC, id DESC
"""
_PROMISED = """
SELECT instalment_id, sum(minor)::bigint AS minor FROM (
    SELECT t.instalment_id, t.amount_minor - t.kept_minor AS minor FROM promise_items t
    JOIN promises p ON p.organization_id = $1 AND p.id = t.promise_id AND p.made_on <= $3
        AND p.status IN ('open', 'partly_kept')
    WHERE t.organization_id = $1 AND t.instalment_id = ANY($2::uuid[])
    UNION ALL
    SELECT t.instalment_id, t.amount_minor - t.paid_minor FROM payment_plan_items t
    JOIN payment_plans p ON p.organization_id = $1 AND p.id = t.plan_id AND p.status = 'active'
        AND p.activated_on <= $3
    WHERE t.organization_id = $1 AND t.instalment_id = ANY($2::uuid[])
) parts WHERE minor > 0 GROUP BY instalment_id
"""
_PARTS = """
SELECT invoice_id, count(*)::int AS parts FROM instalments
WHERE organization_id = $1 AND invoice_id = ANY($2::uuid[]) GROUP BY invoice_id
"""
_CREDITS = """
SELECT * FROM (
    SELECT 'credit_memo' AS kind, c.id, c.number AS reference, c.credit_date AS on_date, c.currency, c.legal_entity_id,
        c.amount_minor, (c.amount_minor
        - coalesce((SELECT sum(source_amount_minor) FROM applications
                    WHERE organization_id = $1 AND credit_memo_id = c.id AND effective_date <= $3), 0)
        - coalesce((SELECT sum(amount_minor) FROM credit_memo_movements
                    WHERE organization_id = $1 AND credit_memo_id = c.id AND effective_date <= $3), 0))::bigint
        AS left_minor
    FROM credit_memos c
    WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.accounting_date <= $3
      AND (c.open_minor <> 0 OR $5)
    UNION ALL
    SELECT 'payment', p.id, coalesce(p.bank_reference, p.end_to_end_id, ''), p.value_date, p.currency,
        p.legal_entity_id,
        p.amount_minor, (p.amount_minor
        - coalesce((SELECT sum(source_amount_minor) FROM applications
                    WHERE organization_id = $1 AND payment_id = p.id AND effective_date <= $3), 0)
        - coalesce((SELECT sum(amount_minor) FROM payment_movements WHERE organization_id = $1 AND payment_id = p.id
                    AND kind <> 'account_change' AND effective_date <= $3), 0))::bigint
    FROM payments p
    LEFT JOIN LATERAL (
        SELECT true AS moved, to_account_id FROM payment_movements
        WHERE organization_id = $1 AND payment_id = p.id AND kind = 'account_change' AND effective_date <= $3
        ORDER BY effective_date DESC, recorded_at DESC, id DESC LIMIT 1
    ) w ON true
    WHERE p.organization_id = $1 AND p.accounting_date <= $3 AND (p.unapplied_minor <> 0 OR $5)
      AND (p.id IN (SELECT id FROM payments WHERE organization_id = $1 AND account_id = ANY($2::uuid[]))
           OR $5 AND p.id IN (SELECT payment_id FROM payment_movements WHERE organization_id = $1
                       AND kind = 'account_change' AND from_account_id = ANY($2::uuid[])))
      AND (CASE WHEN w.moved THEN w.to_account_id ELSE p.original_account_id END) = ANY($2::uuid[])
) x WHERE left_minor <> 0 ORDER BY currency, on_date, reference, id LIMIT $4
"""
_PROMISES = """
SELECT promised_date, currency, amount_minor, kept_minor FROM promises
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND scope = 'account' AND made_on <= $3
  AND status IN ('open', 'partly_kept') ORDER BY promised_date, id LIMIT 200
"""
_BANKS = """
SELECT e.id AS legal_entity_id, e.name AS legal_entity, e.street, e.postal_code, e.city, e.country, b.name,
    b.identifier, b.bic, b.currency
FROM legal_entities e LEFT JOIN bank_accounts b ON b.organization_id = $1 AND b.legal_entity_id = e.id
WHERE e.organization_id = $1 AND (e.id = ANY($2::uuid[]) OR cardinality($2::uuid[]) = 0)
ORDER BY e.code, b.currency, b.name, b.id LIMIT 200
"""


async def account_family(session: ReadSession, account_id: UUID) -> list[UUID]:
    """The account, and those that were merged into it."""
    rows = await session.driver.fetch(_FAMILY, session.organization_id, account_id)
    return [account_id, *(row["id"] for row in rows)]


async def moved_later(session: ReadSession, as_of: date) -> bool:
    """Whether anything of the organization is dated after the day: then what is stored is not what was open."""
    return bool(await session.driver.fetchval(_LATER, session.organization_id, as_of))


async def open_items(
    session: ReadSession, family: Sequence[UUID], as_of: date, *, later: bool, limit: int
) -> list[dict[str, Any]]:
    """Instalments that were open on the day, with due date, disputed and promised parts; at most `limit`, unordered.

    `later`: `moved_later`.
    """
    key, driver = session.organization_id, session.driver
    found = await driver.fetch(_OPEN_THEN if later else _OPEN, key, list(family), as_of, limit)
    ids = [row["id"] for row in found]
    if not ids:
        return []
    rows = [dict(row) for row in await driver.fetch(_ITEMS, key, ids)]
    if later:
        taken = await _by_instalment(session, _TAKEN, ids, as_of)
        adjusted = await _by_instalment(session, _ADJUSTED, ids, as_of)
        for row in rows:
            at = row["instalment_id"]
            row["open_minor"] = row["amount_minor"] - taken.get(at, 0) - adjusted.get(at, 0)
        rows = [row for row in rows if row["open_minor"] != 0 and row["accounting_date"] <= as_of]
    due = {row["instalment_id"]: row["due_date"] for row in await driver.fetch(_DUE, key, ids, as_of)}
    disputed = await disputed_on(session, ids, as_of)
    promised = await _by_instalment(session, _PROMISED, ids, as_of)
    invoices = list({row["invoice_id"] for row in rows})
    parts = {row["invoice_id"]: row["parts"] for row in await driver.fetch(_PARTS, key, invoices)}
    for row in rows:
        at = row["instalment_id"]
        row["due_date"] = due.get(at, row["original_due_date"])
        row["disputed_minor"], row["promised_minor"] = disputed.get(at, 0), promised.get(at, 0)
        row["instalments"] = parts[row["invoice_id"]]
    return rows


async def _by_instalment(session: ReadSession, sql: str, ids: Sequence[UUID], as_of: date) -> dict[UUID, int]:
    rows = await session.driver.fetch(sql, session.organization_id, list(ids), as_of)
    return {row["instalment_id"]: row["minor"] for row in rows}


async def open_credits(
    session: ReadSession, family: Sequence[UUID], as_of: date, *, later: bool, limit: int
) -> list[Any]:
    """Credit memos and payments of which something was left on the day, at most `limit`."""
    return list(await session.driver.fetch(_CREDITS, session.organization_id, list(family), as_of, limit, later))


async def account_promises(session: ReadSession, family: Sequence[UUID], as_of: date) -> list[Any]:
    """Promises for the account as a whole that are not decided."""
    return list(await session.driver.fetch(_PROMISES, session.organization_id, list(family), as_of))


async def own_banks(session: ReadSession, legal_entity_ids: Sequence[UUID]) -> list[Any]:
    """Own bank accounts of these legal entities (of all, when none is named), with the entities' addresses."""
    return list(await session.driver.fetch(_BANKS, session.organization_id, list(legal_entity_ids)))
