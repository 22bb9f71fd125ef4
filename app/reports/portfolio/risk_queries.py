"""The amounts behind cohorts, delinquency, write-offs and loss rates; parameters as in `queries.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from app.core.aging import AgingBounds
from app.infra.database import ReadSession
from app.reports.portfolio.queries import Scope, Statement, bucket_sums

# What was billed by the month of the invoice date, and what of it was still open $4 days after each invoice date.
# A bill counts from its own day on, however late it was booked.
_COHORTS = """
WITH t AS ({days}), m AS ({moves})
SELECT ({key})::text AS key, m.currency, date_trunc('month', m.invoice_date::timestamp)::date AS month,
       sum(m.billed)::bigint AS billed, sum(m.net)::bigint AS unpaid
FROM m{accounts}
WHERE m.invoice_date >= $5::date{only} AND (m.issued OR m.day <= least(m.invoice_date + $4::int, $3[cardinality($3)]))
GROUP BY {key}, m.currency, 3 HAVING sum(m.billed) <> 0 OR sum(m.net) <> 0
ORDER BY 3, m.currency, {key}
"""
# Write-offs posted from $4 to the last day of $3, by reason; a reversal stands with the reason of what it undoes.
_WRITE_OFFS = """
WITH m AS (
    SELECT i.account_id, i.legal_entity_id, i.currency, j.reason_code, j.amount_minor, j.tax_minor, j.reverses_id
    FROM adjustments j JOIN instalments i ON i.organization_id = $1 AND i.id = j.instalment_id
    WHERE j.organization_id = $1 AND j.state = 'posted' AND j.kind = 'write_off'
      AND j.effective_date BETWEEN $4::date AND ($3::date[])[cardinality($3::date[])]
      AND ($2::timestamptz IS NULL OR j.posted_at <= $2){filters}
)
SELECT ({key})::text AS key, m.currency, m.reason_code,
       count(*) FILTER (WHERE m.reverses_id IS NULL)::int AS items,
       coalesce(sum(m.amount_minor) FILTER (WHERE m.reverses_id IS NULL), 0)::bigint AS written_off,
       coalesce(-sum(m.amount_minor) FILTER (WHERE m.reverses_id IS NOT NULL), 0)::bigint AS reversed,
       sum(m.amount_minor)::bigint AS net, sum(m.tax_minor)::bigint AS tax
FROM m{accounts} GROUP BY {key}, m.currency, m.reason_code
"""
# Write-offs within the horizon after each observation day ($3; $4: the last day of its horizon), by the bucket that
# the item stood in on that day.
_LOSSES = """
WITH t AS (SELECT at, until, n FROM unnest($3::date[], $4::date[]) WITH ORDINALITY AS u(at, until, n)), due AS ({due}),
m AS (
    SELECT i.id, i.account_id, i.legal_entity_id, i.currency, i.original_due_date, i.accounting_date,
           j.effective_date, j.amount_minor
    FROM adjustments j JOIN instalments i ON i.organization_id = $1 AND i.id = j.instalment_id
    WHERE j.organization_id = $1 AND j.state = 'posted' AND j.kind = 'write_off'
      AND ($2::timestamptz IS NULL OR j.posted_at <= $2){filters}
)
SELECT t.at, ({key})::text AS key, m.currency, {buckets}
FROM t JOIN m ON m.accounting_date <= t.at AND m.effective_date > t.at AND m.effective_date <= t.until
LEFT JOIN due d ON d.at = t.at AND d.instalment_id = m.id{accounts}
GROUP BY t.at, {key}, m.currency
"""


def cohort_statement(
    session: ReadSession, scope: Scope, as_of: date, after_days: int, first: date, keys: Sequence[str] | None = None
) -> tuple[Statement, str]:
    """By month of billing from `first` on, currency and group: billed, and unpaid `after_days` after each invoice.

    `keys` are the ids of the groups that are wanted (accounts or parent groups); None: all.
    """
    statement, only = Statement(session, scope, [as_of], after_days, first), ""
    if keys is not None:
        statement.arguments.append(list(keys))
        only = f" AND {statement.parts['key']} = ANY(${len(statement.arguments)}::uuid[])"
    return statement, statement.text(_COHORTS, only=only)


async def sum_write_offs(session: ReadSession, scope: Scope, first: date, last: date) -> list[Any]:
    """By group, currency and reason: written off from `first` to `last`, reversed, the net of both, its tax."""
    return await Statement(session, scope, [last], first).fetch(_WRITE_OFFS)


async def sum_losses(
    session: ReadSession, scope: Scope, days: Sequence[date], until: Sequence[date], bounds: AgingBounds
) -> list[Any]:
    """By observation day, group and currency: written off until its `until`, by the bucket on the day (`b0` …)."""
    buckets = bucket_sums(bounds, "m.amount_minor", "coalesce(d.due_date, m.original_due_date)", "t.at")
    return await Statement(session, scope, days, list(until)).fetch(_LOSSES, buckets=buckets)
