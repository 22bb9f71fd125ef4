"""Three ways to the same sums of open items and credits, each quickest for its own questions.

* *now*: nothing is dated after the day, so the running columns are the answer, through covering indexes;
* *back*: the running columns, and what is dated after the day put back: for days not long ago;
* *forward*: all that is dated and recorded up to the pair, added up: for days long ago, and for any `known_at`.

`open` gives account_id, legal_entity_id, currency, day, open_minor and items; `credits` gives account_id,
legal_entity_id, currency, credit_minor and cash_minor. Sums over an account are right, single rows of *back* are parts
of a sum. Parameters: $1 organization, $2 as_of, and of *forward* $3 known_at. A property test holds all three together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FormName = Literal["now", "back", "forward"]


@dataclass(frozen=True, slots=True)
class Form:
    """The SQL of one way: common table expressions to begin with, the open items, the credits."""

    shared: str
    open: str
    credits: str


_OPEN_NOW = """
SELECT account_id, legal_entity_id, currency, {day} AS day, open_minor, 1 AS items FROM instalments
WHERE organization_id = $1 AND open_minor <> 0{filters}
"""
_CREDITS_NOW = """
SELECT account_id, legal_entity_id, currency, open_minor AS credit_minor, 0::bigint AS cash_minor FROM credit_memos
WHERE organization_id = $1 AND open_minor <> 0{filters}
UNION ALL
SELECT account_id, legal_entity_id, currency, 0, unapplied_minor FROM payments
WHERE organization_id = $1 AND unapplied_minor <> 0{filters}
"""
_USED = """used AS MATERIALIZED (
    SELECT instalment_id, payment_id, credit_memo_id, amount_minor + discount_minor + write_off_minor AS taken,
           source_amount_minor AS spent
    FROM applications WHERE organization_id = $1 AND effective_date <= $2
      AND ($3::timestamptz IS NULL OR recorded_at <= $3)
), """
_OPEN_FORWARD = """
SELECT p.account_id, p.legal_entity_id, p.currency, {day} AS day,
       p.amount_minor - coalesce(a.taken, 0) - coalesce(j.taken, 0) AS open_minor, 1 AS items
FROM instalments p
LEFT JOIN (SELECT instalment_id, sum(taken)::bigint AS taken FROM used GROUP BY 1) a ON a.instalment_id = p.id
LEFT JOIN (
    SELECT instalment_id, sum(amount_minor)::bigint AS taken FROM adjustments
    WHERE organization_id = $1 AND state = 'posted' AND effective_date <= $2
      AND ($3::timestamptz IS NULL OR posted_at <= $3)
    GROUP BY 1
) j ON j.instalment_id = p.id
LEFT JOIN (
    SELECT DISTINCT ON (instalment_id) instalment_id, due_date FROM instalment_changes
    WHERE organization_id = $1 AND effective_date <= $2 AND ($3::timestamptz IS NULL OR recorded_at <= $3)
    ORDER BY instalment_id, effective_date DESC, recorded_at DESC, id DESC
) d ON d.instalment_id = p.id
WHERE p.organization_id = $1 AND p.accounting_date <= $2 AND ($3::timestamptz IS NULL OR p.recorded_at <= $3)
  AND p.amount_minor <> coalesce(a.taken, 0) + coalesce(j.taken, 0){filters_p}
"""
_CREDITS_FORWARD = """
SELECT p.account_id, p.legal_entity_id, p.currency,
       p.amount_minor - coalesce(a.spent, 0) - coalesce(m.taken, 0) AS credit_minor, 0::bigint AS cash_minor
FROM credit_memos p
LEFT JOIN (
    SELECT credit_memo_id, sum(spent)::bigint AS spent FROM used WHERE credit_memo_id IS NOT NULL GROUP BY 1
) a ON a.credit_memo_id = p.id
LEFT JOIN (
    SELECT credit_memo_id, sum(amount_minor)::bigint AS taken FROM credit_memo_movements
    WHERE organization_id = $1 AND effective_date <= $2 AND ($3::timestamptz IS NULL OR recorded_at <= $3)
    GROUP BY 1
) m ON m.credit_memo_id = p.id
WHERE p.organization_id = $1 AND p.accounting_date <= $2 AND ($3::timestamptz IS NULL OR p.recorded_at <= $3){filters_p}
UNION ALL
SELECT account_id, legal_entity_id, currency, 0, cash_minor FROM (
    SELECT CASE WHEN w.payment_id IS NULL THEN p.original_account_id ELSE w.to_account_id END AS account_id,
           p.legal_entity_id, p.currency,
           p.amount_minor - coalesce(a.spent, 0) - coalesce(m.taken, 0) AS cash_minor
    FROM payments p
    LEFT JOIN (
        SELECT payment_id, sum(spent)::bigint AS spent FROM used WHERE payment_id IS NOT NULL GROUP BY 1
    ) a ON a.payment_id = p.id
    LEFT JOIN (
        SELECT payment_id, sum(amount_minor)::bigint AS taken FROM payment_movements
        WHERE organization_id = $1 AND kind <> 'account_change' AND effective_date <= $2
          AND ($3::timestamptz IS NULL OR recorded_at <= $3) GROUP BY 1
    ) m ON m.payment_id = p.id
    LEFT JOIN (
        SELECT DISTINCT ON (payment_id) payment_id, to_account_id FROM payment_movements
        WHERE organization_id = $1 AND kind = 'account_change' AND effective_date <= $2
          AND ($3::timestamptz IS NULL OR recorded_at <= $3)
        ORDER BY payment_id, effective_date DESC, recorded_at DESC, id DESC
    ) w ON w.payment_id = p.id
    WHERE p.organization_id = $1 AND p.accounting_date <= $2 AND ($3::timestamptz IS NULL OR p.recorded_at <= $3)
) cash
WHERE cash_minor <> 0{filters}
"""
# What later rows took off instalments (`later`) and off payments and credit memos (`spent`).
_LATER = """applied AS MATERIALIZED (
    SELECT instalment_id, payment_id, credit_memo_id, amount_minor + discount_minor + write_off_minor AS taken,
           source_amount_minor AS spent
    FROM applications WHERE organization_id = $1 AND effective_date > $2
), later AS MATERIALIZED (
    SELECT instalment_id, sum(taken)::bigint AS taken FROM (
        SELECT instalment_id, taken FROM applied
        UNION ALL
        SELECT instalment_id, amount_minor FROM adjustments
        WHERE organization_id = $1 AND state = 'posted' AND effective_date > $2
    ) AS both_kinds GROUP BY 1
), spent AS MATERIALIZED (
    SELECT payment_id, credit_memo_id, sum(spent)::bigint AS spent FROM (
        SELECT payment_id, credit_memo_id, spent FROM applied
        UNION ALL
        SELECT payment_id, NULL, amount_minor FROM payment_movements
        WHERE organization_id = $1 AND kind <> 'account_change' AND effective_date > $2
        UNION ALL
        SELECT NULL, credit_memo_id, amount_minor FROM credit_memo_movements
        WHERE organization_id = $1 AND effective_date > $2
    ) AS all_kinds GROUP BY 1, 2
), """
_OPEN_BACK = """
SELECT account_id, legal_entity_id, currency, {day} AS day, open_minor, 1 AS items FROM instalments
WHERE organization_id = $1 AND open_minor <> 0 AND accounting_date <= $2{filters}
UNION ALL
SELECT p.account_id, p.legal_entity_id, p.currency, p.{day}, l.taken,
       (p.open_minor + l.taken <> 0)::int - (p.open_minor <> 0)::int
FROM later l JOIN instalments p ON p.organization_id = $1 AND p.id = l.instalment_id
WHERE p.accounting_date <= $2{filters_p}
"""
# Due dates changed later: the open amount moves from the present due date to that of the day.
_DUE_BACK = """
UNION ALL
SELECT p.account_id, p.legal_entity_id, p.currency, v.day, v.sign * (p.open_minor + coalesce(l.taken, 0)), 0
FROM (SELECT DISTINCT instalment_id FROM instalment_changes WHERE organization_id = $1 AND effective_date > $2) ch
JOIN instalments p ON p.organization_id = $1 AND p.id = ch.instalment_id
LEFT JOIN later l ON l.instalment_id = p.id
CROSS JOIN LATERAL (VALUES (p.due_date, -1), (coalesce((
    SELECT d.due_date FROM instalment_changes d
    WHERE d.organization_id = $1 AND d.instalment_id = p.id AND d.effective_date <= $2
    ORDER BY d.effective_date DESC, d.recorded_at DESC, d.id DESC LIMIT 1), p.original_due_date), 1)) AS v(day, sign)
WHERE p.accounting_date <= $2{filters_p}
"""
_CREDITS_BACK = """
SELECT account_id, legal_entity_id, currency, open_minor AS credit_minor, 0::bigint AS cash_minor FROM credit_memos
WHERE organization_id = $1 AND open_minor <> 0 AND accounting_date <= $2{filters}
UNION ALL
SELECT p.account_id, p.legal_entity_id, p.currency, s.spent, 0
FROM spent s JOIN credit_memos p ON p.organization_id = $1 AND p.id = s.credit_memo_id
WHERE p.accounting_date <= $2{filters_p}
UNION ALL
SELECT account_id, legal_entity_id, currency, 0, unapplied_minor FROM payments
WHERE organization_id = $1 AND unapplied_minor <> 0 AND accounting_date <= $2{filters}
UNION ALL
SELECT p.account_id, p.legal_entity_id, p.currency, 0, s.spent
FROM spent s JOIN payments p ON p.organization_id = $1 AND p.id = s.payment_id
WHERE p.accounting_date <= $2{filters_p}
UNION ALL
SELECT account_id, legal_entity_id, currency, 0, cash_minor FROM (
    SELECT v.account_id, p.legal_entity_id, p.currency,
           v.sign * (p.unapplied_minor + coalesce(s.spent, 0)) AS cash_minor
    FROM (SELECT DISTINCT payment_id FROM payment_movements
          WHERE organization_id = $1 AND kind = 'account_change' AND effective_date > $2) ch
    JOIN payments p ON p.organization_id = $1 AND p.id = ch.payment_id
    LEFT JOIN spent s ON s.payment_id = p.id
    LEFT JOIN LATERAL (
        SELECT w.payment_id, w.to_account_id FROM payment_movements w
        WHERE w.organization_id = $1 AND w.payment_id = p.id AND w.kind = 'account_change' AND w.effective_date <= $2
        ORDER BY w.effective_date DESC, w.recorded_at DESC, w.id DESC LIMIT 1
    ) w ON true
    CROSS JOIN LATERAL (VALUES (p.account_id, -1), (
        CASE WHEN w.payment_id IS NULL THEN p.original_account_id ELSE w.to_account_id END, 1)) AS v(account_id, sign)
    WHERE p.accounting_date <= $2
) moved WHERE cash_minor <> 0{filters}
"""


def form_of(name: FormName, filters: Sequence[str], *, by_invoice_date: bool, ordered: bool) -> Form:
    """The SQL of one way. `filters` are conditions such as `account_id = $4`; with `ordered` the open items of *now*
    come by account, in the order of their index, so that grouping them needs no hash table."""
    plain = "".join(f" AND {part}" for part in filters)
    qualified = "".join(f" AND p.{part}" for part in filters)
    day = "invoice_date" if by_invoice_date else "due_date"
    if name == "now":
        order = "ORDER BY account_id, currency" if ordered else ""
        return Form("", _OPEN_NOW.format(day=day, filters=plain) + order, _CREDITS_NOW.format(filters=plain))
    if name == "back":
        opened = _OPEN_BACK + ("" if by_invoice_date else _DUE_BACK)
        return Form(
            _LATER,
            opened.format(day=day, filters=plain, filters_p=qualified),
            _CREDITS_BACK.format(filters=plain, filters_p=qualified),
        )
    due = "p.invoice_date" if by_invoice_date else "coalesce(d.due_date, p.original_due_date)"
    return Form(
        _USED,
        _OPEN_FORWARD.format(day=due, filters_p=qualified),
        _CREDITS_FORWARD.format(filters=plain, filters_p=qualified),
    )
