"""The facts behind the monthly insights, set-wise: what was settled late and by whom, why, and what collecting brought.

Cash cost of a group: `Σ amount × days late` of what was paid in the month and of what stood overdue in it, in
money-days. Amounts are in the organization's base currency where a rate is known, else at par (as on the worklist).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.infra.database import ReadSession

GROUPS_MAX = 20
# Money applied in the month, by the terms and the account of its invoice; days late count from the due date.
_PAID = """
SELECT coalesce(t.code, '(none)') AS terms, v.account_id, s.currency, count(*)::int AS items,
    sum(a.amount_minor)::bigint AS paid_minor,
    sum(a.amount_minor * greatest(0, p.value_date - s.due_date))::numeric AS late_minor_days,
    sum(a.amount_minor * greatest(0, p.value_date - s.invoice_date))::numeric AS paid_minor_days
FROM applications a
JOIN payments p ON p.organization_id = $1 AND p.id = a.payment_id
JOIN instalments s ON s.organization_id = $1 AND s.id = a.instalment_id
JOIN invoices v ON v.organization_id = $1 AND v.id = s.invoice_id
LEFT JOIN payment_terms t ON t.organization_id = $1 AND t.id = v.payment_terms_id
WHERE a.organization_id = $1 AND a.effective_date BETWEEN $2 AND $3 AND a.payment_id IS NOT NULL
GROUP BY 1, 2, 3
"""
# What is open now and was due before the end of the month: how much, for how many days of the month.
_OVERDUE = """
SELECT coalesce(t.code, '(none)') AS terms, s.account_id, s.currency, count(*)::int AS items,
    sum(s.open_minor)::bigint AS overdue_minor,
    sum(s.open_minor * ($3::date - greatest(s.due_date, $2::date - 1)))::numeric AS minor_days
FROM instalments s
JOIN invoices v ON v.organization_id = $1 AND v.id = s.invoice_id
LEFT JOIN payment_terms t ON t.organization_id = $1 AND t.id = v.payment_terms_id
WHERE s.organization_id = $1 AND s.open_minor <> 0 AND s.due_date < $3 AND s.accounting_date <= $3
GROUP BY 1, 2, 3
"""
_DISPUTES = """
SELECT r.code, r.label, d.currency, count(*)::int AS disputes, sum(d.amount_minor)::bigint AS amount_minor,
    sum(d.disputed_minor)::bigint AS disputed_minor, sum(d.credited_minor)::bigint AS credited_minor,
    sum(d.credited_minor + d.paid_minor + d.released_minor)::bigint AS decided_minor,
    sum(coalesce(d.resolved_on, $3) - d.opened_on)::bigint AS open_days,
    sum(d.amount_minor * (coalesce(d.resolved_on, $3) - d.opened_on))::numeric AS minor_days
FROM disputes d JOIN dispute_reasons r ON r.organization_id = $1 AND r.id = d.reason_id
WHERE d.organization_id = $1 AND d.opened_on <= $3 AND (d.resolved_on IS NULL OR d.resolved_on >= $2)
GROUP BY 1, 2, 3
"""
# Done actions, and whether money of the account came within 14 days of each.
_STEPS = """
SELECT c.type, coalesce(c.outcome_code, '(none)') AS outcome, count(*)::int AS actions,
    count(*) FILTER (WHERE c.contact_made)::int AS contacts,
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM payments p WHERE p.organization_id = $1 AND p.account_id = c.account_id
        AND p.value_date BETWEEN c.done_on AND c.done_on + 14))::int AS followed_by_money
FROM collection_actions c
WHERE c.organization_id = $1 AND c.status = 'done' AND c.done_on BETWEEN $2 AND $3 GROUP BY 1, 2
"""
_PROMISES = """
SELECT count(*)::int AS decided, count(*) FILTER (WHERE status = 'kept')::int AS kept FROM promises
WHERE organization_id = $1 AND decided_on BETWEEN $2 AND $3 AND status IN ('kept', 'broken')
"""
_ACCOUNTS = "SELECT id, number, name FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])"


@dataclass(frozen=True, slots=True)
class InsightFacts:
    """Rows of each question, still by currency."""

    paid: list[Any]
    overdue: list[Any]
    disputes: list[Any]
    steps: list[Any]
    promises: Any


async def insight_facts(session: ReadSession, first: date, last: date) -> InsightFacts:
    """The facts of the days `first` to `last`; read them in one snapshot."""
    key, driver = session.organization_id, session.driver
    await driver.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    return InsightFacts(
        paid=await driver.fetch(_PAID, key, first, last),
        overdue=await driver.fetch(_OVERDUE, key, first, last),
        disputes=await driver.fetch(_DISPUTES, key, first, last),
        steps=await driver.fetch(_STEPS, key, first, last),
        promises=await driver.fetchrow(_PROMISES, key, first, last),
    )


async def account_names(session: ReadSession, ids: list[Any]) -> Mapping[Any, tuple[str, str]]:
    """Number and name by id."""
    rows = await session.driver.fetch(_ACCOUNTS, session.organization_id, ids)
    return {row["id"]: (row["number"], row["name"]) for row in rows}
