"""What the documents say: sums of open items recomputed from rows, never from running columns nor from transfers.

The ledger room lies below invoices and payments, so that it cannot import their models. The proof must read their
tables all the same, for it is the control over them; it does so here, in plain SQL that only reads.

Every statement takes $1 organization, $2 legal entities, $3 for each of them the last day that a stored balance covers,
$4 as_of, $5 known_at (or null), $6 the earliest day of $3: an index condition. It sums what happened after the stored
balance. Without one $3 lies before all days, and the sum is over everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.infra.database import ReadSession
from app.ledger.rules import OPEN_CREDIT_MEMOS, OPEN_INSTALMENTS, PAYMENT_BALANCES, UNIDENTIFIED
from app.ledger.two_times import Times

BEFORE_ALL = date(1, 1, 2)
DIFFERENCES_LIMIT = 20
WINDOWS = "w AS MATERIALIZED (SELECT * FROM unnest($2::uuid[], $3::date[]) AS w(legal_entity_id, since))"


def _window(day: str, recorded: str) -> str:
    return f"{day} > w.since AND {day} > $6 AND {day} <= $4 AND ($5::timestamptz IS NULL OR {recorded} <= $5)"


_ADDITIVE = f"""
WITH {WINDOWS}
SELECT i.legal_entity_id, i.currency, '{OPEN_INSTALMENTS}' AS measure, sum(i.amount_minor) AS minor
FROM instalments i JOIN w ON w.legal_entity_id = i.legal_entity_id
WHERE i.organization_id = $1 AND {_window("i.accounting_date", "i.recorded_at")} GROUP BY 1, 2
UNION ALL
SELECT d.legal_entity_id, d.currency, '{OPEN_INSTALMENTS}', -sum(d.amount_minor)
FROM adjustments d JOIN w ON w.legal_entity_id = d.legal_entity_id
WHERE d.organization_id = $1 AND d.state = 'posted' AND {_window("d.effective_date", "d.posted_at")} GROUP BY 1, 2
UNION ALL
SELECT a.legal_entity_id, a.currency, '{OPEN_INSTALMENTS}', -sum(a.amount_minor + a.discount_minor + a.write_off_minor)
FROM applications a JOIN w ON w.legal_entity_id = a.legal_entity_id
WHERE a.organization_id = $1 AND {_window("a.effective_date", "a.recorded_at")} GROUP BY 1, 2
UNION ALL
SELECT a.legal_entity_id, a.source_currency,
    CASE WHEN a.payment_id IS NULL THEN '{OPEN_CREDIT_MEMOS}' ELSE '{PAYMENT_BALANCES}' END, -sum(a.source_amount_minor)
FROM applications a JOIN w ON w.legal_entity_id = a.legal_entity_id
WHERE a.organization_id = $1 AND {_window("a.effective_date", "a.recorded_at")} GROUP BY 1, 2, 3
UNION ALL
SELECT c.legal_entity_id, c.currency, '{OPEN_CREDIT_MEMOS}', sum(c.amount_minor)
FROM credit_memos c JOIN w ON w.legal_entity_id = c.legal_entity_id
WHERE c.organization_id = $1 AND {_window("c.accounting_date", "c.recorded_at")} GROUP BY 1, 2
UNION ALL
SELECT c.legal_entity_id, c.currency, '{OPEN_CREDIT_MEMOS}', -sum(m.amount_minor)
FROM credit_memo_movements m
JOIN credit_memos c ON c.organization_id = $1 AND c.id = m.credit_memo_id
JOIN w ON w.legal_entity_id = c.legal_entity_id
WHERE m.organization_id = $1 AND {_window("m.effective_date", "m.recorded_at")} GROUP BY 1, 2
UNION ALL
SELECT p.legal_entity_id, p.currency, '{PAYMENT_BALANCES}', sum(p.amount_minor)
FROM payments p JOIN w ON w.legal_entity_id = p.legal_entity_id
WHERE p.organization_id = $1 AND {_window("p.accounting_date", "p.recorded_at")} GROUP BY 1, 2
UNION ALL
SELECT p.legal_entity_id, p.currency, '{PAYMENT_BALANCES}', -sum(m.amount_minor)
FROM payment_movements m
JOIN payments p ON p.organization_id = $1 AND p.id = m.payment_id
JOIN w ON w.legal_entity_id = p.legal_entity_id
WHERE m.organization_id = $1 AND m.kind <> 'account_change' AND {_window("m.effective_date", "m.recorded_at")}
GROUP BY 1, 2
"""
# Unidentified money by events: what came in without an account, left or joined those payments, or was withdrawn from
# them. It leans on rules of the payments room: only money that is not applied changes its account, by the amount that
# the change carries, and no event is dated before the change.
_CHANGED_BEFORE = """
LEFT JOIN LATERAL (
    SELECT true AS found, e.to_account_id FROM payment_movements e
    WHERE e.organization_id = $1 AND e.payment_id = m.payment_id AND e.kind = 'account_change'
      AND (e.effective_date, e.recorded_at, e.id) < (m.effective_date, m.recorded_at, m.id)
    ORDER BY e.effective_date DESC, e.recorded_at DESC, e.id DESC LIMIT 1
) change ON true
"""
_UNIDENTIFIED_EVENTS = f"""
WITH {WINDOWS}
SELECT p.legal_entity_id, p.currency, '{UNIDENTIFIED}' AS measure, sum(p.amount_minor) AS minor
FROM payments p JOIN w ON w.legal_entity_id = p.legal_entity_id
WHERE p.organization_id = $1 AND p.original_account_id IS NULL AND {_window("p.accounting_date", "p.recorded_at")}
GROUP BY 1, 2
UNION ALL
SELECT p.legal_entity_id, p.currency, '{UNIDENTIFIED}', sum(CASE WHEN m.to_account_id IS NULL THEN m.amount_minor
    ELSE 0 END - CASE WHEN m.from_account_id IS NULL THEN m.amount_minor ELSE 0 END)
FROM payment_movements m
JOIN payments p ON p.organization_id = $1 AND p.id = m.payment_id
JOIN w ON w.legal_entity_id = p.legal_entity_id
WHERE m.organization_id = $1 AND m.kind = 'account_change' AND {_window("m.effective_date", "m.recorded_at")}
GROUP BY 1, 2
UNION ALL
SELECT p.legal_entity_id, p.currency, '{UNIDENTIFIED}', -sum(m.amount_minor)
FROM payment_movements m
JOIN payments p ON p.organization_id = $1 AND p.id = m.payment_id
JOIN w ON w.legal_entity_id = p.legal_entity_id {_CHANGED_BEFORE}
WHERE m.organization_id = $1 AND m.kind <> 'account_change' AND {_window("m.effective_date", "m.recorded_at")}
  AND CASE WHEN change.found THEN change.to_account_id ELSE p.original_account_id END IS NULL
GROUP BY 1, 2
UNION ALL
SELECT a.legal_entity_id, a.source_currency, '{UNIDENTIFIED}', -sum(a.source_amount_minor)
FROM applications a JOIN w ON w.legal_entity_id = a.legal_entity_id
WHERE a.organization_id = $1 AND a.payment_id IS NOT NULL AND a.source_account_id IS NULL
  AND {_window("a.effective_date", "a.recorded_at")} GROUP BY 1, 2
"""
# The same by its definition, leaning on nothing: what is left of each payment that, by the latest change of its
# account until that day, has none. Takes $3 to be before all days.
_UNIDENTIFIED_PAYMENTS = f"""
SELECT p.legal_entity_id, p.currency, '{UNIDENTIFIED}' AS measure,
    sum(p.amount_minor - coalesce(applied.minor, 0) - coalesce(moved.minor, 0)) AS minor
FROM payments p
LEFT JOIN (
    SELECT payment_id, sum(source_amount_minor) AS minor FROM applications
    WHERE organization_id = $1 AND payment_id IS NOT NULL AND effective_date <= $4
      AND ($5::timestamptz IS NULL OR recorded_at <= $5) GROUP BY payment_id
) applied ON applied.payment_id = p.id
LEFT JOIN (
    SELECT payment_id, sum(amount_minor) FILTER (WHERE kind <> 'account_change') AS minor,
        bool_or(kind = 'account_change') AS changed,
        (array_agg(to_account_id ORDER BY effective_date DESC, recorded_at DESC, id DESC)
            FILTER (WHERE kind = 'account_change'))[1] AS account_id
    FROM payment_movements
    WHERE organization_id = $1 AND effective_date <= $4 AND ($5::timestamptz IS NULL OR recorded_at <= $5)
    GROUP BY payment_id
) moved ON moved.payment_id = p.id
WHERE p.organization_id = $1 AND p.legal_entity_id = ANY($2::uuid[]) AND p.accounting_date <= $4
  AND ($5::timestamptz IS NULL OR p.recorded_at <= $5) AND $6::date IS NOT NULL AND $3::date[] IS NOT NULL
  AND CASE WHEN moved.changed THEN moved.account_id ELSE p.original_account_id END IS NULL
GROUP BY 1, 2
"""


def window_arguments(windows: dict[UUID, date], times: Times) -> tuple[Any, ...]:
    """$2 to $6 of the statements of this module, and of the journal's."""
    floor = min(windows.values(), default=BEFORE_ALL)
    return (list(windows), list(windows.values()), times.as_of, times.known_at, floor)


async def subledger_sums(session: ReadSession, windows: dict[UUID, date], times: Times, *, full: bool) -> list[Any]:
    """Rows of (legal_entity_id, currency, measure, minor): what happened after each entity's day in `windows`.

    With `full` (for windows without a start) unidentified money is found payment by payment, not by events.
    """
    arguments = window_arguments(windows, times)
    unidentified = _UNIDENTIFIED_PAYMENTS if full else _UNIDENTIFIED_EVENTS
    rows = await session.driver.fetch(_ADDITIVE, session.organization_id, *arguments)
    return [*rows, *await session.driver.fetch(unidentified, session.organization_id, *arguments)]


_RUNNING = f"""
SELECT legal_entity_id, currency, '{OPEN_INSTALMENTS}' AS measure, sum(open_minor) AS minor FROM instalments
WHERE organization_id = $1 AND legal_entity_id = ANY($2::uuid[]) AND open_minor <> 0 GROUP BY 1, 2
UNION ALL
SELECT legal_entity_id, currency, '{OPEN_CREDIT_MEMOS}', sum(open_minor) FROM credit_memos
WHERE organization_id = $1 AND legal_entity_id = ANY($2::uuid[]) AND open_minor <> 0 GROUP BY 1, 2
UNION ALL
SELECT legal_entity_id, currency, '{PAYMENT_BALANCES}', sum(unapplied_minor) FROM payments
WHERE organization_id = $1 AND legal_entity_id = ANY($2::uuid[]) AND unapplied_minor <> 0 GROUP BY 1, 2
"""


async def running_sums(session: ReadSession, legal_entity_ids: Sequence[UUID]) -> list[Any]:
    """Rows of (legal_entity_id, currency, measure, minor) by the columns that the services keep up to date."""
    return await session.driver.fetch(_RUNNING, session.organization_id, list(legal_entity_ids))


@dataclass(frozen=True, slots=True)
class RunningDifference:
    """A document whose running column is not what its rows sum to; `document` is the name of its kind."""

    document: str
    id: UUID
    legal_entity_id: UUID
    currency: str
    running_minor: int
    recomputed_minor: int


def _documents(name: str, table: str, running: str, *taken: tuple[str, str, str]) -> str:
    joins, total = "", "t.amount_minor"
    for index, (source, key, amount) in enumerate(taken):
        joins += (
            f" LEFT JOIN (SELECT {key} AS id, sum({amount}) AS minor FROM {source} GROUP BY 1) s{index}"
            f" ON s{index}.id = t.id"
        )
        total += f" - coalesce(s{index}.minor, 0)"
    return (
        f"SELECT '{name}' AS document, t.id, t.legal_entity_id, t.currency, t.{running} AS running_minor,"
        f" ({total})::bigint AS recomputed_minor FROM {table} t{joins}"
        f" WHERE t.organization_id = $1 AND t.legal_entity_id = ANY($2::uuid[]) AND t.{running} <> {total}"
        " ORDER BY t.id LIMIT $3"
    )


_SETTLED = "amount_minor + discount_minor + write_off_minor"
_BY_DOCUMENT = (
    _documents(
        "instalment", "instalments", "open_minor",
        ("applications WHERE organization_id = $1", "instalment_id", _SETTLED),
        ("adjustments WHERE organization_id = $1 AND state = 'posted'", "instalment_id", "amount_minor"),
    ),
    _documents(
        "credit_memo", "credit_memos", "open_minor",
        ("applications WHERE organization_id = $1 AND credit_memo_id IS NOT NULL", "credit_memo_id",
         "source_amount_minor"),
        ("credit_memo_movements WHERE organization_id = $1", "credit_memo_id", "amount_minor"),
    ),
    _documents(
        "payment", "payments", "unapplied_minor",
        ("applications WHERE organization_id = $1 AND payment_id IS NOT NULL", "payment_id", "source_amount_minor"),
        ("payment_movements WHERE organization_id = $1 AND kind <> 'account_change'", "payment_id", "amount_minor"),
    ),
)  # fmt: skip


async def running_differences(session: ReadSession, legal_entity_ids: Sequence[UUID]) -> list[RunningDifference]:
    """The first documents of each kind whose running column differs from the sum of their rows."""
    found: list[RunningDifference] = []
    for statement in _BY_DOCUMENT:
        rows = await session.driver.fetch(statement, session.organization_id, list(legal_entity_ids), DIFFERENCES_LIMIT)
        found += [RunningDifference(**dict(row)) for row in rows]
    return found
