"""What money of accounts lay unapplied on past days: payments and credit memos, by the dates of all that moved them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from app.dunning.comparing.replay import PastMoney
from app.infra.database import ReadSession

# What came and went on one day cancels out: most payments leave no row.
_CASH = """
WITH mine AS MATERIALIZED (
    SELECT p.id, p.account_id, p.legal_entity_id, p.currency, p.amount_minor, p.accounting_date FROM payments p
    WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.accounting_date <= $3 AND NOT EXISTS (
        SELECT FROM payment_movements m
        WHERE m.organization_id = $1 AND m.payment_id = p.id AND m.kind = 'account_change')
)
SELECT account_id, legal_entity_id, currency, on_date, sum(minor)::bigint AS minor FROM (
    SELECT account_id, legal_entity_id, currency, accounting_date AS on_date, amount_minor AS minor FROM mine
    UNION ALL
    SELECT p.account_id, p.legal_entity_id, p.currency, a.effective_date, -a.source_amount_minor
    FROM mine p JOIN applications a ON a.organization_id = $1 AND a.payment_id = p.id
    UNION ALL
    SELECT p.account_id, p.legal_entity_id, p.currency, m.effective_date, -m.amount_minor
    FROM mine p JOIN payment_movements m ON m.organization_id = $1 AND m.payment_id = p.id
) moved WHERE on_date <= $3 GROUP BY 1, 2, 3, 4 HAVING sum(minor) <> 0 ORDER BY 1, 2, 3, 4
"""
_CREDITS = """
WITH mine AS MATERIALIZED (
    SELECT c.id, c.account_id, c.legal_entity_id, c.currency, c.amount_minor, c.accounting_date FROM credit_memos c
    WHERE c.organization_id = $1 AND c.account_id = ANY($2::uuid[]) AND c.accounting_date <= $3
)
SELECT account_id, legal_entity_id, currency, on_date, sum(minor)::bigint AS minor FROM (
    SELECT account_id, legal_entity_id, currency, accounting_date AS on_date, amount_minor AS minor FROM mine
    UNION ALL
    SELECT c.account_id, c.legal_entity_id, c.currency, a.effective_date, -a.source_amount_minor
    FROM mine c JOIN applications a ON a.organization_id = $1 AND a.credit_memo_id = c.id
    UNION ALL
    SELECT c.account_id, c.legal_entity_id, c.currency, m.effective_date, -m.amount_minor
    FROM mine c JOIN credit_memo_movements m ON m.organization_id = $1 AND m.credit_memo_id = c.id
) moved WHERE on_date <= $3 GROUP BY 1, 2, 3, 4 HAVING sum(minor) <> 0 ORDER BY 1, 2, 3, 4
"""
# Payments that were identified late or moved to another account: whose they were on which day.
_MOVED = """
SELECT p.id, p.original_account_id, p.legal_entity_id, p.currency, p.amount_minor, p.accounting_date FROM payments p
WHERE p.organization_id = $1 AND p.accounting_date <= $3 AND p.id IN (
    SELECT m.payment_id FROM payment_movements m WHERE m.organization_id = $1 AND m.kind = 'account_change'
      AND (m.from_account_id = ANY($2::uuid[]) OR m.to_account_id = ANY($2::uuid[])))
"""
_STEPS = """
SELECT payment_id, on_date, sum(minor)::bigint AS minor, (array_agg(account_id ORDER BY recorded_at, id)
    FILTER (WHERE changes))[count(*) FILTER (WHERE changes)] AS account_id, bool_or(changes) AS changes
FROM (
    SELECT payment_id, effective_date AS on_date, -source_amount_minor AS minor, NULL::uuid AS account_id,
        false AS changes, recorded_at, id FROM applications
    WHERE organization_id = $1 AND payment_id = ANY($2::uuid[])
    UNION ALL
    SELECT payment_id, effective_date, CASE WHEN kind = 'account_change' THEN 0 ELSE -amount_minor END,
        to_account_id, kind = 'account_change', recorded_at, id FROM payment_movements
    WHERE organization_id = $1 AND payment_id = ANY($2::uuid[])
) step WHERE on_date <= $3 GROUP BY 1, 2 ORDER BY 1, 2
"""


async def past_money(session: ReadSession, holders: Mapping[UUID, UUID], last: date) -> dict[UUID, PastMoney]:
    """Unapplied cash and open credit memos up to a day, by the account that answers for them (`holders`)."""
    key, ids, driver = session.organization_id, list(holders), session.driver
    found: defaultdict[UUID, PastMoney] = defaultdict(PastMoney)
    for row in await driver.fetch(_CASH, key, ids, last):
        purse = (row["legal_entity_id"], row["currency"])
        found[holders[row["account_id"]]].cash.setdefault(purse, []).append((row["on_date"], row["minor"]))
    for row in await driver.fetch(_CREDITS, key, ids, last):
        purse = (row["legal_entity_id"], row["currency"])
        found[holders[row["account_id"]]].credits.setdefault(purse, []).append((row["on_date"], row["minor"]))
    payments = {row["id"]: row for row in await driver.fetch(_MOVED, key, ids, last)}
    if payments:
        steps = await driver.fetch(_STEPS, key, list(payments), last)
        by_payment = {payment_id: list(rows) for payment_id, rows in groupby(steps, key=lambda row: row["payment_id"])}
        for payment_id, row in payments.items():
            purse = (row["legal_entity_id"], row["currency"])
            for account_id, on, minor in owned_by_day(row, by_payment.get(payment_id, ())):
                if account_id in holders:
                    found[holders[account_id]].cash.setdefault(purse, []).append((on, minor))
    return dict(found)


def owned_by_day(payment: Any, steps: Sequence[Any]) -> Iterable[tuple[UUID, date, int]]:
    """By how much the unapplied cash of which account changed on which day, of a payment that changed its account.

    What is left of it at the end of a day belongs to the account that has it then. `steps`: by day, in their order.
    """
    owner: UUID | None = None
    left = 0
    days: list[tuple[date, int, bool, UUID | None]] = [
        (payment["accounting_date"], payment["amount_minor"], True, payment["original_account_id"])
    ]
    days += [(row["on_date"], row["minor"], row["changes"], row["account_id"]) for row in steps]
    for on, minor, changes, account_id in days:
        before, was = owner, left
        left += minor
        if changes:
            owner = account_id
        if before is not None and was:
            yield before, on, -was
        if owner is not None and left:
            yield owner, on, left
