"""What asks for work, one statement for each kind: $1 organization, $2 accounts, $3 today.

Each gives `account_id, count, on_date, amount_minor, currency`; of several currencies one row each.
"""

from __future__ import annotations

_PROMISE_BROKEN = """
SELECT p.account_id, count(*)::int AS count, min(p.decided_on) AS on_date,
    sum(p.amount_minor - p.kept_minor)::bigint AS amount_minor, p.currency
FROM promises p
WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.status = 'broken'
  AND p.decided_on BETWEEN $3::date - 60 AND $3
  AND EXISTS (SELECT FROM instalments s WHERE s.organization_id = $1 AND s.account_id = p.account_id
              AND s.open_minor <> 0 AND (p.scope = 'account' OR EXISTS (
                  SELECT FROM promise_items t
                  WHERE t.organization_id = $1 AND t.promise_id = p.id AND t.instalment_id = s.id)))
  AND NOT EXISTS (SELECT FROM promises n WHERE n.organization_id = $1 AND n.reschedules_id = p.id)
GROUP BY p.account_id, p.currency
"""
_PROMISE_DUE = """
SELECT account_id, count(*)::int AS count, min(on_date) AS on_date, sum(minor)::bigint AS amount_minor, currency FROM (
    SELECT account_id, promised_date AS on_date, amount_minor - kept_minor AS minor, currency FROM promises
    WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status IN ('open', 'partly_kept')
      AND promised_date = $3
    UNION ALL
    SELECT p.account_id, t.due_date, t.amount_minor - t.paid_minor, p.currency FROM payment_plans p
    JOIN payment_plan_parts t ON t.organization_id = $1 AND t.plan_id = p.id AND t.due_date = $3
      AND t.status IN ('open', 'partly_kept')
    WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.status = 'active'
) x GROUP BY account_id, currency
"""
_PLAN_BROKEN = """
SELECT account_id, count(*)::int AS count, min(decided_on) AS on_date,
    sum(total_minor - paid_minor)::bigint AS amount_minor, currency
FROM payment_plans p
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status = 'broken'
  AND decided_on BETWEEN $3::date - 60 AND $3
  AND EXISTS (SELECT FROM payment_plan_items t
              JOIN instalments s ON s.organization_id = $1 AND s.id = t.instalment_id AND s.open_minor <> 0
              WHERE t.organization_id = $1 AND t.plan_id = p.id AND NOT EXISTS (
                  SELECT FROM payment_plan_items n
                  JOIN payment_plans a ON a.organization_id = $1 AND a.id = n.plan_id AND a.status = 'active'
                  WHERE n.organization_id = $1 AND n.instalment_id = t.instalment_id))
GROUP BY account_id, currency
"""
_CONTACT_MISSING = """
SELECT a.id AS account_id, 1 AS count, NULL::date AS on_date, 0::bigint AS amount_minor, NULL::text AS currency
FROM accounts a
WHERE a.organization_id = $1 AND a.id = ANY($2::uuid[])
  AND EXISTS (SELECT FROM instalments s WHERE s.organization_id = $1 AND s.account_id = a.id AND s.open_minor <> 0
              AND s.due_date < $3)
  AND NOT EXISTS (SELECT FROM contacts c WHERE c.organization_id = $1 AND c.account_id = a.id AND c.active
                  AND NOT c.do_not_contact AND (c.email IS NOT NULL OR c.phone IS NOT NULL))
"""
_CONTACT_BOUNCED = """
SELECT account_id, 1 AS count, found_on AS on_date, 0::bigint AS amount_minor, NULL::text AS currency
FROM data_findings
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND kind = 'bounced_address' AND state = 'open'
  AND found_on <= $3::date
"""
_DISPUTE_LATE = """
SELECT account_id, count(*)::int AS count, min(sla_due_on) AS on_date, sum(disputed_minor)::bigint AS amount_minor,
    currency
FROM disputes
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND state IN ('open', 'in_review') AND sla_due_on < $3
GROUP BY account_id, currency
"""
_ACTION_DUE = """
SELECT account_id, count(*)::int AS count, min(due_date) AS on_date, 0::bigint AS amount_minor, NULL::text AS currency
FROM collection_actions
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status = 'planned' AND due_date <= $3
GROUP BY account_id
"""
_ESCALATION_OPEN = """
SELECT account_id, count(*)::int AS count, min(raised_on) AS on_date, 0::bigint AS amount_minor,
    NULL::text AS currency
FROM escalations
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND status = 'open' AND raised_on <= $3
GROUP BY account_id
"""
_REPLY_DUE = """
SELECT account_id, count(*)::int AS count, min(due_at)::date AS on_date, 0::bigint AS amount_minor,
    NULL::text AS currency
FROM inquiries
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND state = 'open' AND due_at < $3::date + 1
GROUP BY account_id
"""
_NOT_RECEIVED = """
SELECT i.account_id, count(*)::int AS count, min(i.invoice_date) AS on_date, sum(s.open_minor)::bigint AS amount_minor,
    i.currency
FROM instalments s JOIN invoices i ON i.organization_id = $1 AND i.id = s.invoice_id
WHERE s.organization_id = $1 AND s.account_id = ANY($2::uuid[]) AND s.open_minor <> 0
  AND i.delivery_status = 'not_received' AND i.invoice_date <= $3::date
GROUP BY i.account_id, i.currency
"""
_REVIEW_DUE = """
SELECT p.id AS account_id, 1 AS count, p.next_review_on AS on_date, 0::bigint AS amount_minor, NULL::text AS currency
FROM credit_profiles p
WHERE p.organization_id = $1 AND p.id = ANY($2::uuid[]) AND p.next_review_on <= $3
  AND NOT EXISTS (SELECT FROM credit_reviews r WHERE r.organization_id = $1 AND r.account_id = p.id
                  AND r.state IN ('draft', 'recommended'))
  AND EXISTS (SELECT FROM instalments s WHERE s.organization_id = $1 AND s.account_id = p.id AND s.open_minor <> 0)
"""
SIGNAL_QUERIES: dict[str, str] = {
    "promise_broken": _PROMISE_BROKEN,
    "promise_due_today": _PROMISE_DUE,
    "plan_broken": _PLAN_BROKEN,
    "dispute_sla_breached": _DISPUTE_LATE,
    "action_due": _ACTION_DUE,
    "escalation_open": _ESCALATION_OPEN,
    "reply_due": _REPLY_DUE,
    "invoice_not_received": _NOT_RECEIVED,
    "credit_review_due": _REVIEW_DUE,
    "contact_bounced": _CONTACT_BOUNCED,
    "contact_missing": _CONTACT_MISSING,
}
"""Kind of signal → statement. The names are those of `rules.SIGNALS`."""
