"""The ledger's facts behind the payment-behaviour score, set-wise for many accounts at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.core.money import convert
from app.credit.scoring import PaymentFacts, months_before
from app.infra.database import ReadSession
from app.organizations.queries import Rates, rates_among
from app.promises.holds import kept_counts

RECENT_MONTHS = 3
# $2 accounts, $3 today, $4 first day of the window, $5 first day of the recent part. What is settled counts with the
# days between due date and money; what is overdue counts with the days that it is late by now.
_BEHAVIOUR = """
WITH items AS (
    SELECT a.account_id, a.currency, a.effective_date > $5 AS recent,
           a.amount_minor + a.discount_minor + a.write_off_minor AS minor,
           greatest(a.effective_date - i.due_date, 0) AS days
    FROM applications a JOIN instalments i ON i.organization_id = $1 AND i.id = a.instalment_id
    WHERE a.organization_id = $1 AND a.account_id = ANY($2::uuid[]) AND a.payment_id IS NOT NULL
      AND a.effective_date > $4 AND a.effective_date <= $3 AND a.reverses_id IS NULL
      AND NOT EXISTS (SELECT FROM applications u WHERE u.organization_id = $1 AND u.reverses_id = a.id)
    UNION ALL
    SELECT i.account_id, i.currency, true, i.open_minor - least(coalesce(d.disputed_minor, 0), i.open_minor),
           $3 - i.due_date
    FROM instalments i LEFT JOIN LATERAL (
        SELECT sum(l.disputed_minor)::bigint AS disputed_minor FROM dispute_lines l
        WHERE l.organization_id = $1 AND l.instalment_id = i.id AND l.disputed_minor > 0
    ) d ON true
    WHERE i.organization_id = $1 AND i.account_id = ANY($2::uuid[]) AND i.open_minor <> 0 AND i.due_date < $3
)
SELECT account_id, currency,
       coalesce(sum(minor) FILTER (WHERE recent), 0)::bigint AS recent_minor,
       coalesce(sum(minor::numeric * days) FILTER (WHERE recent), 0)::numeric AS recent_minor_days,
       coalesce(sum(minor) FILTER (WHERE NOT recent), 0)::bigint AS earlier_minor,
       coalesce(sum(minor::numeric * days) FILTER (WHERE NOT recent), 0)::numeric AS earlier_minor_days,
       coalesce(sum(minor) FILTER (WHERE days > 0), 0)::bigint AS late_minor
FROM items GROUP BY 1, 2
"""
_PAYMENTS = """
SELECT p.account_id, count(*)::int AS payments, count(r.payment_id)::int AS bounced
FROM payments p
LEFT JOIN (
    SELECT m.payment_id FROM payment_movements m
    WHERE m.organization_id = $1 AND m.kind = 'reversal' AND m.amount_minor > 0
      AND m.reason_code IN ('returned', 'bounced', 'charged_back')
      AND NOT EXISTS (SELECT FROM payment_movements u WHERE u.organization_id = $1 AND u.reverses_id = m.id)
    GROUP BY m.payment_id
) r ON r.payment_id = p.id
WHERE p.organization_id = $1 AND p.account_id = ANY($2::uuid[]) AND p.value_date > $4 AND p.value_date <= $3
  AND p.status <> 'not_receivable'
GROUP BY 1
"""
# Withdrawn disputes say nothing of the customer. Upheld: credited, the customer was right.
_DECIDED = """
SELECT account_id, count(*) FILTER (WHERE state = 'resolved_credited')::int AS disputes_upheld,
       count(*) FILTER (WHERE state = 'resolved_rejected')::int AS disputes_rejected
FROM disputes WHERE organization_id = $1 AND account_id = ANY($2::uuid[])
  AND state IN ('resolved_credited', 'resolved_rejected') AND resolved_on > $4 AND resolved_on <= $3 GROUP BY 1
"""
_SINCE = """
SELECT account_id, min(invoice_date) AS since FROM invoices
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND voided_at IS NULL GROUP BY 1
"""
_AMOUNTS = ("recent_minor", "recent_minor_days", "earlier_minor", "earlier_minor_days", "late_minor")


@dataclass(frozen=True, slots=True)
class Window:
    """The days that a score looks at: after `start` up to `today`; the recent part begins after `recent`."""

    today: date
    start: date
    recent: date


def window_of(today: date, months: int) -> Window:
    """So many months back, the last three of them recent."""
    return Window(today, months_before(today, months), months_before(today, RECENT_MONTHS))


async def payment_facts(
    session: ReadSession, currencies: Mapping[UUID, str], window: Window
) -> dict[UUID, PaymentFacts]:
    """The facts of each account, amounts in the currency given for it; those of a currency without a rate are left out.

    Five statements for any number of accounts.
    """
    ids = list(currencies)
    organization = session.organization_id
    span = (window.today, window.start)
    behaviour = await session.driver.fetch(_BEHAVIOUR, organization, ids, *span, window.recent)
    since = await session.driver.fetch(_SINCE, organization, ids)
    rates = await rates_among(session, {*(row["currency"] for row in behaviour), *currencies.values()}, window.today)
    found = {account_id: PaymentFacts() for account_id in ids}
    for row in behaviour:
        _add(found, row, currencies[row["account_id"]], rates)
    promises = await kept_counts(session, ids, window.start + timedelta(days=1))
    for account_id, row in promises.items():
        found[account_id] = replace(found[account_id], promises_kept=row["kept"], promises_broken=row["broken"])
    for statement in (_PAYMENTS, _DECIDED):
        for row in await session.driver.fetch(statement, organization, ids, *span):
            counts = {name: value for name, value in row.items() if name != "account_id"}
            found[row["account_id"]] = replace(found[row["account_id"]], **counts)
    for row in since:
        found[row["account_id"]] = replace(
            found[row["account_id"]], months=max((window.today - row["since"]).days * 12 // 365, 0)
        )
    return found


def _add(found: dict[UUID, PaymentFacts], row: Any, currency: str, rates: Rates) -> None:
    rate = rates.rate(row["currency"], currency)
    if rate is None:
        return
    facts = found[row["account_id"]]
    amounts = {name: int(row[name]) for name in _AMOUNTS}
    if row["currency"] != currency:
        amounts = {name: convert(value, row["currency"], currency, rate) for name, value in amounts.items()}
    found[row["account_id"]] = replace(facts, **{name: getattr(facts, name) + value for name, value in amounts.items()})
