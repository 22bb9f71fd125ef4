"""The SQL of what a forecast is made from: every instalment as it was known at a cut-off, in pieces.

`$1` organization, `$2` as_of, `$3` known_at. Rows count when effective on or before `as_of` and recorded at or before
`known_at`. A piece is what one day's money settled of an instalment, what is still open of it, or an instalment that
left without money. Days are numbers since 1970-01-01; a day that is not there is NEVER.
"""

from __future__ import annotations

from app.forecasting.model.interface import NEVER, NOTICES_MAX

PLANNER = """
SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '128MB'; SET LOCAL random_page_cost = 1.1;
SET LOCAL statement_timeout = '600s'
"""
_CASH = """
SELECT a.instalment_id, least(p.value_date, $2::date) AS paid_on, sum(a.amount_minor)::bigint AS minor
FROM applications a JOIN payments p ON p.organization_id = $1 AND p.id = a.payment_id
WHERE a.organization_id = $1 AND a.payment_id IS NOT NULL AND a.effective_date <= $2 AND a.recorded_at <= $3
GROUP BY 1, 2 HAVING sum(a.amount_minor) > 0
"""
_TAKEN = """
SELECT instalment_id, sum(minor)::bigint AS minor, max(effective_date) AS latest FROM (
    SELECT instalment_id, amount_minor + discount_minor + write_off_minor AS minor, effective_date FROM applications
    WHERE organization_id = $1 AND effective_date <= $2 AND recorded_at <= $3
    UNION ALL
    SELECT instalment_id, amount_minor, effective_date FROM adjustments
    WHERE organization_id = $1 AND state = 'posted' AND effective_date <= $2 AND posted_at <= $3
) x GROUP BY 1
"""
_DUE = """
SELECT DISTINCT ON (instalment_id) instalment_id, due_date FROM instalment_changes
WHERE organization_id = $1 AND effective_date <= $2 AND recorded_at <= $3
ORDER BY instalment_id, effective_date DESC, recorded_at DESC, id DESC
"""
_ACTIVE_DISPUTE = "x.resolved_on IS NULL OR x.resolved_on > $2"
_DISPUTED = f"""
SELECT instalment_id, coalesce(min(opened) FILTER (WHERE active), max(opened)) AS opened,
    CASE WHEN bool_or(active) THEN NULL ELSE max(ended) END AS ended, sum(part) FILTER (WHERE active)::bigint AS part
FROM (
    SELECT l.instalment_id, x.opened_on AS opened, x.resolved_on AS ended, ({_ACTIVE_DISPUTE}) AS active,
        CASE WHEN x.resolved_on IS NULL THEN l.disputed_minor ELSE l.amount_minor END AS part
    FROM disputes x JOIN dispute_lines l ON l.organization_id = $1 AND l.dispute_id = x.id
    WHERE x.organization_id = $1 AND x.opened_on <= $2 AND x.created_at <= $3
) d GROUP BY 1
"""
_IN_CASE = """
SELECT DISTINCT ON (t.instalment_id) t.instalment_id, coalesce(c.referred_on, c.prepared_on) AS began,
    CASE WHEN c.closed_on <= $2 THEN c.closed_on END AS ended
FROM legal_cases c JOIN legal_case_items t ON t.organization_id = $1 AND t.case_id = c.id
WHERE c.organization_id = $1 AND coalesce(c.referred_on, c.prepared_on) <= $2 AND c.created_at <= $3
ORDER BY t.instalment_id, c.id DESC
"""
_REMINDED = """
SELECT instalment_id, array_agg(day ORDER BY day) AS days FROM (
    SELECT DISTINCT instalment_id, done_on - date '1970-01-01' AS day FROM dunning_notice_items
    WHERE organization_id = $1 AND done_on <= $2
) n GROUP BY 1
"""
# A plan stands as a promise of the day on which half of it is due.
_PROMISED = """
SELECT DISTINCT ON (instalment_id) instalment_id, made, promised, ended FROM (
    SELECT t.instalment_id, p.made_on AS made, p.promised_date AS promised,
        CASE WHEN p.status IN ('broken', 'cancelled') AND p.decided_on <= $2 THEN p.decided_on END AS ended, p.id
    FROM promises p JOIN promise_items t ON t.organization_id = $1 AND t.promise_id = p.id
    WHERE p.organization_id = $1 AND p.scope = 'instalments' AND p.made_on <= $2 AND p.created_at <= $3
    UNION ALL
    SELECT t.instalment_id, l.activated_on, (
            SELECT h.due_date FROM (SELECT due_date, ordinal, sum(amount_minor) OVER (ORDER BY ordinal) AS so_far
                                    FROM payment_plan_parts WHERE organization_id = $1 AND plan_id = l.id) h
            WHERE h.so_far * 2 >= l.total_minor ORDER BY h.ordinal LIMIT 1),
        CASE WHEN l.status IN ('broken', 'cancelled') AND l.decided_on <= $2 THEN l.decided_on END, l.id
    FROM payment_plans l JOIN payment_plan_items t ON t.organization_id = $1 AND t.plan_id = l.id
    WHERE l.organization_id = $1 AND l.activated_on <= $2 AND l.created_at <= $3
) x ORDER BY instalment_id, made DESC, id DESC
"""


def _day(column: str) -> str:
    return f"coalesce({column} - date '1970-01-01', {NEVER})"


_COLUMNS = f"""
b.account_id, b.legal_entity_id, b.currency, {_day("b.issued")}, {_day("b.due")}, {_day("d.opened")},
{_day("d.ended")}, {_day("m.made")}, {_day("m.promised")}, {_day("m.ended")}, {_day("l.began")}, {_day("l.ended")},
{", ".join(f"coalesce(n.days[{place}], {NEVER})" for place in range(1, NOTICES_MAX + 1))}
"""
_SIDE = """
LEFT JOIN disputed d ON d.instalment_id = b.id LEFT JOIN promised m ON m.instalment_id = b.id
LEFT JOIN in_case l ON l.instalment_id = b.id LEFT JOIN reminded n ON n.instalment_id = b.id
"""
PIECES = f"""
WITH cash AS MATERIALIZED ({_CASH}), disputed AS MATERIALIZED ({_DISPUTED}), promised AS MATERIALIZED ({_PROMISED}),
in_case AS MATERIALIZED ({_IN_CASE}), reminded AS MATERIALIZED ({_REMINDED}),
base AS MATERIALIZED (
    SELECT s.id, s.account_id, s.legal_entity_id, s.currency, s.invoice_date AS issued,
        coalesce(c.due_date, s.original_due_date) AS due, s.amount_minor,
        s.amount_minor - coalesce(t.minor, 0) AS open_minor, t.latest
    FROM instalments s
    LEFT JOIN ({_TAKEN}) t ON t.instalment_id = s.id
    LEFT JOIN ({_DUE}) c ON c.instalment_id = s.id
    WHERE s.organization_id = $1 AND s.accounting_date <= $2 AND s.invoice_date <= $2 AND s.recorded_at <= $3
      AND (s.invoice_date >= $4 OR s.amount_minor > coalesce(t.minor, 0))
)
SELECT NULL::uuid AS instalment_id, {_COLUMNS}, k.minor, {_day("k.paid_on")}, {NEVER}, 0::bigint
FROM base b JOIN cash k ON k.instalment_id = b.id {_SIDE}
UNION ALL
SELECT b.id, {_COLUMNS}, b.open_minor, {NEVER}, {NEVER}, coalesce(least(d.part, b.open_minor), 0)
FROM base b {_SIDE} WHERE b.open_minor > 0
UNION ALL
SELECT NULL, {_COLUMNS}, b.amount_minor, {NEVER}, {_day("b.latest")}, 0
FROM base b {_SIDE} WHERE b.open_minor <= 0 AND NOT EXISTS (SELECT FROM cash k WHERE k.instalment_id = b.id)
ORDER BY 5, 6, 2, 18, 19, 1
"""
"""`$4` is the first invoice date that counts. Columns: instalment (open pieces only), account, legal entity, currency,
issued, due, disputed on, dispute ended, promise made on, promised, promise ended, legal case from and to, days of the
first NOTICES_MAX notices, amount, paid, closed, disputed part.
"""
ACCOUNTS = """
SELECT id, coalesce(parent_id, id) AS payer_id, segment, risk_class, collector_id FROM accounts
WHERE organization_id = $1
"""
PROMISED_BY_ACCOUNT = """
SELECT account_id, currency, made_on, promised_date, (amount_minor - kept_minor)::bigint AS minor FROM promises
WHERE organization_id = $1 AND scope = 'account' AND made_on <= $2 AND created_at <= $3 AND amount_minor > kept_minor
  AND (decided_on IS NULL OR decided_on > $2)
ORDER BY made_on DESC, id DESC
"""
CREDITS = """
SELECT account_id, legal_entity_id, currency, sum(minor)::bigint AS minor FROM (
    SELECT c.account_id, c.legal_entity_id, c.currency,
        c.amount_minor - coalesce(a.taken, 0) - coalesce(m.taken, 0) AS minor
    FROM credit_memos c
    LEFT JOIN (
        SELECT credit_memo_id, sum(source_amount_minor) AS taken FROM applications
        WHERE organization_id = $1 AND credit_memo_id IS NOT NULL AND effective_date <= $2 AND recorded_at <= $3
        GROUP BY 1
    ) a ON a.credit_memo_id = c.id
    LEFT JOIN (
        SELECT credit_memo_id, sum(amount_minor) AS taken FROM credit_memo_movements
        WHERE organization_id = $1 AND effective_date <= $2 AND recorded_at <= $3 GROUP BY 1
    ) m ON m.credit_memo_id = c.id
    WHERE c.organization_id = $1 AND c.accounting_date <= $2 AND c.recorded_at <= $3
    UNION ALL
    SELECT p.account_id, p.legal_entity_id, p.currency,
        p.amount_minor - coalesce(a.taken, 0) - coalesce(m.taken, 0)
    FROM payments p
    LEFT JOIN (
        SELECT payment_id, sum(source_amount_minor) AS taken FROM applications
        WHERE organization_id = $1 AND payment_id IS NOT NULL AND effective_date <= $2 AND recorded_at <= $3
        GROUP BY 1
    ) a ON a.payment_id = p.id
    LEFT JOIN (
        SELECT payment_id, sum(amount_minor) AS taken FROM payment_movements
        WHERE organization_id = $1 AND kind <> 'account_change' AND effective_date <= $2 AND recorded_at <= $3
        GROUP BY 1
    ) m ON m.payment_id = p.id
    WHERE p.organization_id = $1 AND p.account_id IS NOT NULL AND p.accounting_date <= $2 AND p.recorded_at <= $3
) x GROUP BY 1, 2, 3 HAVING sum(minor) > 0
"""
"""What accounts have to their credit: it settles open items without new money. Payments stand where they are now."""
FIRST_OF_MANY = """
SELECT min(invoice_date) FROM (
    SELECT invoice_date FROM instalments WHERE organization_id = $1 AND invoice_date BETWEEN $2 AND $3
    ORDER BY invoice_date DESC LIMIT $4
) x
"""
