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
# A payment is unidentified as of a day when the latest change of its account until then left it without one. So the
# payments that something happened to are looked at twice: as of the end of the window, and as of its start.
_HAPPENED = """
 AND p.id IN (
    SELECT id FROM payments WHERE organization_id = $1 AND accounting_date > $6 AND accounting_date <= $4
    UNION ALL SELECT payment_id FROM applications
    WHERE organization_id = $1 AND payment_id IS NOT NULL AND effective_date > $6 AND effective_date <= $4
    UNION ALL SELECT payment_id FROM payment_movements
    WHERE organization_id = $1 AND effective_date > $6 AND effective_date <= $4)
"""
_KNOWN = "($5::timestamptz IS NULL OR {0}.recorded_at <= $5)"
_LATEST = (
    "(array_agg(m.to_account_id ORDER BY m.effective_date DESC, m.recorded_at DESC, m.id DESC)"
    " FILTER (WHERE m.kind = 'account_change' AND {0}))[1]"
)
_NOW, _THEN = f"m.effective_date <= $4 AND {_KNOWN.format('m')}", "m.effective_date <= p.since"


def _unidentified(condition: str) -> str:
    return f"""
WITH {WINDOWS}, p AS MATERIALIZED (
    SELECT p.id, p.legal_entity_id, p.currency, p.original_account_id, p.amount_minor, p.accounting_date,
        p.recorded_at, w.since
    FROM payments p JOIN w ON w.legal_entity_id = p.legal_entity_id
    WHERE p.organization_id = $1 AND p.accounting_date <= $4 AND {_KNOWN.format("p")}
      AND (p.original_account_id IS NULL OR p.id IN (
          SELECT payment_id FROM payment_movements
          WHERE organization_id = $1 AND kind = 'account_change' AND to_account_id IS NULL)){condition}
), applied AS (
    SELECT p.id, sum(a.source_amount_minor) FILTER (WHERE a.effective_date <= $4 AND {_KNOWN.format("a")}) AS now,
        sum(a.source_amount_minor) FILTER (WHERE a.effective_date <= p.since) AS then
    FROM p JOIN applications a ON a.organization_id = $1 AND a.payment_id = p.id GROUP BY p.id
), moved AS (
    SELECT p.id, sum(m.amount_minor) FILTER (WHERE m.kind <> 'account_change' AND {_NOW}) AS now,
        sum(m.amount_minor) FILTER (WHERE m.kind <> 'account_change' AND {_THEN}) AS then,
        bool_or(m.kind = 'account_change' AND {_NOW}) AS changed_now,
        bool_or(m.kind = 'account_change' AND {_THEN}) AS changed_then,
        {_LATEST.format(_NOW)} AS account_now, {_LATEST.format(_THEN)} AS account_then
    FROM p JOIN payment_movements m ON m.organization_id = $1 AND m.payment_id = p.id GROUP BY p.id
)
SELECT p.legal_entity_id, p.currency, '{UNIDENTIFIED}' AS measure, sum(
    CASE WHEN CASE WHEN moved.changed_now THEN moved.account_now ELSE p.original_account_id END IS NULL
        THEN p.amount_minor - coalesce(applied.now, 0) - coalesce(moved.now, 0) ELSE 0 END
    - CASE WHEN p.accounting_date <= p.since
            AND CASE WHEN moved.changed_then THEN moved.account_then ELSE p.original_account_id END IS NULL
        THEN p.amount_minor - coalesce(applied.then, 0) - coalesce(moved.then, 0) ELSE 0 END) AS minor
FROM p LEFT JOIN applied ON applied.id = p.id LEFT JOIN moved ON moved.id = p.id GROUP BY 1, 2
"""


def window_arguments(windows: dict[UUID, date], times: Times) -> tuple[Any, ...]:
    """$2 to $6 of the statements of this module, and of the journal's."""
    floor = min(windows.values(), default=BEFORE_ALL)
    return (list(windows), list(windows.values()), times.as_of, times.known_at, floor)


async def subledger_sums(session: ReadSession, windows: dict[UUID, date], times: Times) -> list[Any]:
    """Rows of (legal_entity_id, currency, measure, minor): what happened after each entity's day in `windows`."""
    arguments = window_arguments(windows, times)
    everything = any(since <= BEFORE_ALL for since in windows.values())
    rows = await session.driver.fetch(_ADDITIVE, session.organization_id, *arguments)
    condition = " AND $6::date IS NOT NULL" if everything else _HAPPENED
    return [*rows, *await session.driver.fetch(_unidentified(condition), session.organization_id, *arguments)]


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
