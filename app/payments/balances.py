"""What was left of payments and credit memos, and open of instalments, on any past day, from rows.

Two times: `as_of` bounds effective dates, `known_at` bounds recorded instants. None of this reads the running columns
(`applied_minor` …), therefore it can prove them. The SQL texts take $1 organization, $2 as_of, $3 known_at and may be
used as subqueries by reports and the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.infra.database import ReadSession

PAYMENT_BALANCES = """
SELECT p.id AS payment_id, p.legal_entity_id, p.currency,
    CASE WHEN m.account_changed THEN m.account_id ELSE p.original_account_id END AS account_id,
    p.amount_minor - coalesce(a.minor, 0)::bigint - coalesce(m.minor, 0)::bigint AS balance_minor
FROM payments p
LEFT JOIN (
    SELECT payment_id, sum(source_amount_minor) AS minor FROM applications
    WHERE organization_id = $1 AND payment_id IS NOT NULL AND effective_date <= $2 AND recorded_at <= $3
    GROUP BY payment_id
) a ON a.payment_id = p.id
LEFT JOIN (
    SELECT payment_id, sum(amount_minor) FILTER (WHERE kind <> 'account_change') AS minor,
        bool_or(kind = 'account_change') AS account_changed,
        (array_agg(to_account_id ORDER BY effective_date DESC, recorded_at DESC, id DESC)
            FILTER (WHERE kind = 'account_change'))[1] AS account_id
    FROM payment_movements WHERE organization_id = $1 AND effective_date <= $2 AND recorded_at <= $3
    GROUP BY payment_id
) m ON m.payment_id = p.id
WHERE p.organization_id = $1 AND p.accounting_date <= $2 AND p.recorded_at <= $3
"""
CREDIT_MEMO_BALANCES = """
SELECT c.id AS credit_memo_id, c.legal_entity_id, c.currency, c.account_id,
    c.amount_minor - coalesce(a.minor, 0)::bigint - coalesce(m.minor, 0)::bigint AS balance_minor
FROM credit_memos c
LEFT JOIN (
    SELECT credit_memo_id, sum(source_amount_minor) AS minor FROM applications
    WHERE organization_id = $1 AND credit_memo_id IS NOT NULL AND effective_date <= $2 AND recorded_at <= $3
    GROUP BY credit_memo_id
) a ON a.credit_memo_id = c.id
LEFT JOIN (
    SELECT credit_memo_id, sum(amount_minor) AS minor FROM credit_memo_movements
    WHERE organization_id = $1 AND effective_date <= $2 AND recorded_at <= $3 GROUP BY credit_memo_id
) m ON m.credit_memo_id = c.id
WHERE c.organization_id = $1 AND c.accounting_date <= $2 AND c.recorded_at <= $3
"""
INSTALMENT_BALANCES = """
SELECT i.id AS instalment_id, i.legal_entity_id, i.currency, i.account_id,
    i.amount_minor - coalesce(a.minor, 0)::bigint - coalesce(d.minor, 0)::bigint AS balance_minor
FROM instalments i
LEFT JOIN (
    SELECT instalment_id, sum(amount_minor + discount_minor + write_off_minor) AS minor FROM applications
    WHERE organization_id = $1 AND effective_date <= $2 AND recorded_at <= $3 GROUP BY instalment_id
) a ON a.instalment_id = i.id
LEFT JOIN (
    SELECT instalment_id, sum(amount_minor) AS minor FROM adjustments
    WHERE organization_id = $1 AND state = 'posted' AND effective_date <= $2 AND posted_at <= $3 GROUP BY instalment_id
) d ON d.instalment_id = i.id
WHERE i.organization_id = $1 AND i.accounting_date <= $2 AND i.recorded_at <= $3
"""
_SUMS = f"""
SELECT legal_entity_id, currency, 'unapplied_cash' AS measure, sum(balance_minor)::bigint AS minor
FROM ({PAYMENT_BALANCES}) b WHERE account_id IS NOT NULL AND balance_minor <> 0 GROUP BY 1, 2
UNION ALL
SELECT legal_entity_id, currency, 'unidentified_cash', sum(balance_minor)::bigint
FROM ({PAYMENT_BALANCES}) b WHERE account_id IS NULL AND balance_minor <> 0 GROUP BY 1, 2
UNION ALL
SELECT legal_entity_id, currency, 'credit_memos', sum(balance_minor)::bigint
FROM ({CREDIT_MEMO_BALANCES}) b WHERE balance_minor <> 0 GROUP BY 1, 2
"""
_PAYMENT_EVENTS = """
SELECT w.id, w.since, w.since AS day, p.amount_minor AS delta
FROM wanted w JOIN payments p ON p.organization_id = $1 AND p.id = w.id
UNION ALL
SELECT w.id, w.since, greatest(a.effective_date, w.since), -a.source_amount_minor
FROM wanted w JOIN applications a ON a.organization_id = $1 AND a.payment_id = w.id
UNION ALL
SELECT w.id, w.since, greatest(m.effective_date, w.since), -m.amount_minor
FROM wanted w JOIN payment_movements m ON m.organization_id = $1 AND m.payment_id = w.id
WHERE m.kind <> 'account_change'
"""
_CREDIT_MEMO_EVENTS = """
SELECT w.id, w.since, w.since AS day, c.amount_minor AS delta
FROM wanted w JOIN credit_memos c ON c.organization_id = $1 AND c.id = w.id
UNION ALL
SELECT w.id, w.since, greatest(a.effective_date, w.since), -a.source_amount_minor
FROM wanted w JOIN applications a ON a.organization_id = $1 AND a.credit_memo_id = w.id
UNION ALL
SELECT w.id, w.since, greatest(m.effective_date, w.since), -m.amount_minor
FROM wanted w JOIN credit_memo_movements m ON m.organization_id = $1 AND m.credit_memo_id = w.id
"""
_INSTALMENT_EVENTS = """
SELECT w.id, w.since, w.since AS day, i.amount_minor AS delta
FROM wanted w JOIN instalments i ON i.organization_id = $1 AND i.id = w.id
UNION ALL
SELECT w.id, w.since, greatest(a.effective_date, w.since), -(a.amount_minor + a.discount_minor + a.write_off_minor)
FROM wanted w JOIN applications a ON a.organization_id = $1 AND a.instalment_id = w.id
UNION ALL
SELECT w.id, w.since, greatest(d.effective_date, w.since), -d.amount_minor
FROM wanted w JOIN adjustments d ON d.organization_id = $1 AND d.instalment_id = w.id AND d.state = 'posted'
"""
_EVENTS = {"payment": _PAYMENT_EVENTS, "credit_memo": _CREDIT_MEMO_EVENTS, "instalment": _INSTALMENT_EVENTS}


@dataclass(frozen=True, slots=True)
class BalanceAsOf:
    """A sum per legal entity and currency; `measure` is unapplied_cash, unidentified_cash or credit_memos."""

    legal_entity_id: UUID
    currency: str
    measure: str
    minor: int


async def unapplied_as_of(session: ReadSession, as_of: date, known_at: datetime) -> list[BalanceAsOf]:
    """Unapplied cash, unidentified cash and open credit memos at the end of `as_of`, as known at `known_at`."""
    rows = await session.driver.fetch(_SUMS, session.organization_id, as_of, known_at)
    return [BalanceAsOf(**dict(row)) for row in rows]


async def payment_balances_as_of(
    session: ReadSession, as_of: date, known_at: datetime
) -> dict[UUID, tuple[UUID | None, int]]:
    """Account (None: unidentified) and balance of each payment that existed then."""
    rows = await session.driver.fetch(PAYMENT_BALANCES, session.organization_id, as_of, known_at)
    return {row["payment_id"]: (row["account_id"], row["balance_minor"]) for row in rows}


async def instalment_balances_as_of(session: ReadSession, as_of: date, known_at: datetime) -> dict[UUID, int]:
    """The open amount of each instalment that existed then."""
    rows = await session.driver.fetch(INSTALMENT_BALANCES, session.organization_id, as_of, known_at)
    return {row["instalment_id"]: row["balance_minor"] for row in rows}


async def minimum_since(
    session: ReadSession, kind: str, wanted: Sequence[tuple[UUID, date]]
) -> dict[tuple[UUID, date], int]:
    """The least that each row (kind payment, credit_memo or instalment) had left at the end of any day since a date."""
    rows = await session.driver.fetch(
        f"WITH wanted AS (SELECT * FROM unnest($2::uuid[], $3::date[]) AS w(id, since)),"
        f" events AS ({_EVENTS[kind]}),"
        f" daily AS (SELECT id, since, day, sum(delta) AS delta FROM events GROUP BY id, since, day),"
        f" running AS (SELECT id, since, sum(delta) OVER (PARTITION BY id, since ORDER BY day) AS minor FROM daily)"
        f" SELECT id, since, min(minor)::bigint AS minor FROM running GROUP BY id, since",
        session.organization_id,
        [row_id for row_id, _ in wanted],
        [since for _, since in wanted],
    )
    return {(row["id"], row["since"]): row["minor"] for row in rows}
