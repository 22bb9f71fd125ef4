"""The amounts behind the key figures, in SQL: open items, sales, write-offs, credits and receipts as of many days.

Every amount is a sum of dated, recorded events (an instalment adds, an application takes), so that the amount of any
day is the sum of the events up to it. Events are first packed by group, due date and the first wanted day on or after
them, then added up for each day; the few instalments whose due date was changed, and payments that changed account,
are kept apart, because their place depends on the day.

Parameters of all statements: $1 organization, $2 known_at (null: all rows), $3 the days (ascending), then filters.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from app.core.aging import AgingBounds
from app.infra.database import ReadSession
from app.reports.grouping import TOP, accounts_of

_KEYS = {
    "organization": "NULL::text",
    "currency": "NULL::text",
    "legal_entity": "m.legal_entity_id",
    "account": "m.account_id",
    "parent_group": f"acc.{TOP}",
    "collector": "acc.collector_id",
    "segment": "acc.segment",
    "country": "acc.country",
    "risk_class": "acc.risk_class",
}
GROUPS = tuple(_KEYS)
_KNOWN = "($2::timestamptz IS NULL OR {column} <= $2)"
PLANNER = """
SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '128MB'; SET LOCAL random_page_cost = 1.1;
SET LOCAL jit = off
"""
# Signed events of instalments. `billed`: what changes sales; `lost`: what is written off.
MOVES = """
SELECT i.id, i.account_id, i.legal_entity_id, i.currency, i.original_due_date AS due, i.invoice_date,
       i.accounting_date AS day, i.amount_minor AS net, i.amount_minor AS billed, 0::bigint AS lost, true AS issued
FROM instalments i
WHERE i.organization_id = $1 AND i.accounting_date <= $3[cardinality($3)]
  AND ($2::timestamptz IS NULL OR i.recorded_at <= $2){filters}
UNION ALL
SELECT i.id, i.account_id, i.legal_entity_id, i.currency, i.original_due_date, i.invoice_date,
       a.effective_date, -(a.amount_minor + a.discount_minor + a.write_off_minor), 0, 0, false
FROM applications a JOIN instalments i ON i.organization_id = $1 AND i.id = a.instalment_id
WHERE a.organization_id = $1 AND a.effective_date <= $3[cardinality($3)]
  AND ($2::timestamptz IS NULL OR a.recorded_at <= $2){filters}
UNION ALL
SELECT i.id, i.account_id, i.legal_entity_id, i.currency, i.original_due_date, i.invoice_date,
       j.effective_date, -j.amount_minor,
       CASE WHEN j.kind IN ('void', 'source_correction') THEN -j.amount_minor ELSE 0 END,
       CASE WHEN j.kind = 'write_off' THEN j.amount_minor ELSE 0 END, false
FROM adjustments j JOIN instalments i ON i.organization_id = $1 AND i.id = j.instalment_id
WHERE j.organization_id = $1 AND j.state = 'posted' AND j.effective_date <= $3[cardinality($3)]
  AND ($2::timestamptz IS NULL OR j.posted_at <= $2){filters}
"""
# The due date in force on each of the days, of instalments whose due date was ever changed.
DUE = """
SELECT DISTINCT ON (t.at, c.instalment_id) t.at, c.instalment_id, c.due_date
FROM t JOIN instalment_changes c ON c.organization_id = $1 AND c.effective_date <= t.at
  AND ($2::timestamptz IS NULL OR c.recorded_at <= $2)
ORDER BY t.at, c.instalment_id, c.effective_date DESC, c.recorded_at DESC, c.id DESC
"""
_CHANGED = """
SELECT DISTINCT instalment_id FROM instalment_changes
WHERE organization_id = $1 AND ($2::timestamptz IS NULL OR recorded_at <= $2)
"""
DAYS = "SELECT at, n FROM unnest($3::date[]) WITH ORDINALITY AS u(at, n)"
_POSITIONS = """
WITH t AS ({days}), changed AS ({changed}), due AS ({due}), m AS ({moves}),
packed AS (
    SELECT {key} AS key, m.currency, m.due, changed.instalment_id, width_bucket(m.day - 1, $3::date[]) AS slot,
           sum(m.net) AS net, sum(m.billed) AS billed, sum(m.lost) AS lost
    FROM m LEFT JOIN changed ON changed.instalment_id = m.id{accounts}
    GROUP BY 1, 2, 3, 4, 5
)
SELECT t.at, p.key::text AS key, p.currency, sum(p.billed)::bigint AS billed, sum(p.lost)::bigint AS lost,
       coalesce(sum(p.net * (t.at - coalesce(d.due_date, p.due))) FILTER (WHERE coalesce(d.due_date, p.due) < t.at), 0)
       AS overdue_x_days, {buckets}
FROM t JOIN packed p ON p.slot < t.n
LEFT JOIN due d ON d.at = t.at AND d.instalment_id = p.instalment_id
GROUP BY t.at, p.key, p.currency
"""
# Sales by month and, without a month, all that was taken off: nothing here depends on a due date, so that what was
# applied is read without its instalment. Whoever sees some accounts only sees an application by either of its accounts:
# it counts where its own account is seen.
_SALES = """
SELECT i.account_id, i.legal_entity_id, i.currency, i.accounting_date AS day,
       date_trunc('month', i.accounting_date::timestamp)::date AS month, i.amount_minor AS net, i.amount_minor AS billed
FROM instalments i
WHERE i.organization_id = $1 AND i.accounting_date <= $3[cardinality($3)]
  AND ($2::timestamptz IS NULL OR i.recorded_at <= $2){filters}
UNION ALL
SELECT i.account_id, i.legal_entity_id, i.currency, i.effective_date, NULL,
       -(i.amount_minor + i.discount_minor + i.write_off_minor), 0
FROM applications i
WHERE i.organization_id = $1 AND i.effective_date <= $3[cardinality($3)]
  AND i.account_id IN (SELECT id FROM accounts WHERE organization_id = $1)
  AND ($2::timestamptz IS NULL OR i.recorded_at <= $2){filters}
UNION ALL
SELECT i.account_id, i.legal_entity_id, i.currency, i.effective_date,
       date_trunc('month', i.effective_date::timestamp)::date, -i.amount_minor,
       CASE WHEN i.kind IN ('void', 'source_correction') THEN -i.amount_minor ELSE 0 END
FROM adjustments i
WHERE i.organization_id = $1 AND i.state = 'posted' AND i.effective_date <= $3[cardinality($3)]
  AND ($2::timestamptz IS NULL OR i.posted_at <= $2){filters}
"""
# Receivables used up by months of sales, going backwards: the month in which they are, and what is left for it.
# {rate} is 1 or the factor of $4, $5, $6 (day, currency, factor) from minor to minor units.
_COUNTBACK = """
WITH t AS ({days}), m AS ({sales}),
packed AS (
    SELECT {key} AS key, m.currency, m.month, width_bucket(m.day - 1, $3::date[]) AS slot, sum(m.net) AS net,
           sum(m.billed) AS billed
    FROM m{accounts} GROUP BY 1, 2, 3, 4
), months AS (
    SELECT t.at, p.key, {currency} AS currency, p.month, sum(p.net{rate}) AS net, sum(p.billed{rate}) AS billed
    FROM t JOIN packed p ON p.slot < t.n{rates} GROUP BY 1, 2, 3, 4
), run AS (
    SELECT months.*, sum(net) OVER (PARTITION BY at, key, currency) AS receivables,
           sum(billed) OVER (PARTITION BY at, key, currency ORDER BY month DESC NULLS FIRST) AS upto
    FROM months
)
SELECT DISTINCT ON (run.at, run.key, run.currency) at, key::text AS key, currency,
       greatest(0, at - (month + interval '1 month')::date + 1) AS full_days,
       (receivables - (upto - billed))::numeric AS part, billed::numeric AS billed,
       least(at, (month + interval '1 month')::date - 1) - month + 1 AS month_days
FROM run WHERE receivables > 0 AND upto >= receivables AND month IS NOT NULL
ORDER BY run.at, run.key, run.currency, month DESC
"""
# What an application spends is its source's, whose account and currency it repeats: only payments that changed their
# account are looked up, and stand apart (m), because their group depends on the day.
_CREDITS = """
WITH t AS ({days}), w AS (
    SELECT payment_id, to_account_id, effective_date, recorded_at, id FROM payment_movements
    WHERE organization_id = $1 AND kind = 'account_change' AND ($2::timestamptz IS NULL OR recorded_at <= $2)
), moved AS MATERIALIZED (SELECT DISTINCT payment_id FROM w),
holder AS (
    SELECT DISTINCT ON (t.at, w.payment_id) t.at, w.payment_id, w.to_account_id
    FROM t JOIN w ON w.effective_date <= t.at
    ORDER BY t.at, w.payment_id, w.effective_date DESC, w.recorded_at DESC, w.id DESC
), e AS (
    SELECT i.account_id, i.legal_entity_id, i.currency, i.accounting_date AS day, i.amount_minor AS memo,
           0::bigint AS cash, 0::bigint AS receipt
    FROM credit_memos i
    WHERE i.organization_id = $1 AND ($2::timestamptz IS NULL OR i.recorded_at <= $2){filters}
    UNION ALL
    SELECT i.account_id, i.legal_entity_id, i.currency, v.effective_date, -v.amount_minor, 0, 0
    FROM credit_memo_movements v JOIN credit_memos i ON i.organization_id = $1 AND i.id = v.credit_memo_id
    WHERE v.organization_id = $1 AND ($2::timestamptz IS NULL OR v.recorded_at <= $2){filters}
    UNION ALL
    SELECT a.source_account_id, a.legal_entity_id, a.source_currency, a.effective_date,
           CASE WHEN a.payment_id IS NULL THEN -a.source_amount_minor ELSE 0 END,
           CASE WHEN a.payment_id IS NULL THEN 0 ELSE -a.source_amount_minor END, 0
    FROM applications a LEFT JOIN moved ON moved.payment_id = a.payment_id
    WHERE a.organization_id = $1 AND moved.payment_id IS NULL AND a.effective_date <= $3[cardinality($3)]
      AND (a.source_account_id IN (SELECT id FROM accounts WHERE organization_id = $1)
           OR a.source_account_id IS NULL AND EXISTS (
               SELECT FROM payments y WHERE y.organization_id = $1 AND y.id = a.payment_id))
      AND ($2::timestamptz IS NULL OR a.recorded_at <= $2){filters_source}
    UNION ALL
    SELECT i.original_account_id, i.legal_entity_id, i.currency, i.accounting_date, 0, i.amount_minor, i.amount_minor
    FROM payments i LEFT JOIN moved ON moved.payment_id = i.id
    WHERE i.organization_id = $1 AND moved.payment_id IS NULL AND ($2::timestamptz IS NULL OR i.recorded_at <= $2)
      {filters_cash}
    UNION ALL
    SELECT i.original_account_id, i.legal_entity_id, i.currency, v.effective_date, 0, -v.amount_minor,
           CASE WHEN v.kind = 'refund' THEN 0 ELSE -v.amount_minor END
    FROM payment_movements v JOIN payments i ON i.organization_id = $1 AND i.id = v.payment_id
    LEFT JOIN moved ON moved.payment_id = i.id
    WHERE v.organization_id = $1 AND moved.payment_id IS NULL AND ($2::timestamptz IS NULL OR v.recorded_at <= $2)
      {filters_cash}
), packed AS (
    SELECT {key} AS key, m.currency, m.account_id IS NULL AS nobodys, width_bucket(m.day - 1, $3::date[]) AS slot,
           sum(m.memo) AS memo, sum(m.cash) AS cash, sum(m.receipt) AS receipt
    FROM (SELECT * FROM e WHERE day <= $3[cardinality($3)]) AS m{accounts}{of_account} GROUP BY {key}, 2, 3, 4
), o AS (
    SELECT i.id, i.original_account_id, i.legal_entity_id, i.currency, i.accounting_date AS day, i.amount_minor AS cash,
           i.amount_minor AS receipt
    FROM moved JOIN payments i ON i.organization_id = $1 AND i.id = moved.payment_id
    WHERE ($2::timestamptz IS NULL OR i.recorded_at <= $2){filters_cash}
    UNION ALL
    SELECT i.id, i.original_account_id, i.legal_entity_id, i.currency, a.effective_date, -a.source_amount_minor, 0
    FROM moved JOIN payments i ON i.organization_id = $1 AND i.id = moved.payment_id
    JOIN applications a ON a.organization_id = $1 AND a.payment_id = i.id
    WHERE ($2::timestamptz IS NULL OR a.recorded_at <= $2){filters_cash}
    UNION ALL
    SELECT i.id, i.original_account_id, i.legal_entity_id, i.currency, v.effective_date, -v.amount_minor,
           CASE WHEN v.kind = 'refund' THEN 0 ELSE -v.amount_minor END
    FROM moved JOIN payments i ON i.organization_id = $1 AND i.id = moved.payment_id
    JOIN payment_movements v ON v.organization_id = $1 AND v.payment_id = i.id AND v.kind <> 'account_change'
    WHERE ($2::timestamptz IS NULL OR v.recorded_at <= $2){filters_cash}
), m AS (
    SELECT t.at, CASE WHEN h.payment_id IS NULL THEN o.original_account_id ELSE h.to_account_id END AS account_id,
           o.legal_entity_id, o.currency, o.cash, o.receipt
    FROM t JOIN o ON o.day <= t.at LEFT JOIN holder h ON h.at = t.at AND h.payment_id = o.id
)
SELECT at, every.key::text AS key, currency, sum(memo)::bigint AS credit_memos,
       coalesce(sum(cash) FILTER (WHERE NOT nobodys), 0)::bigint AS unapplied,
       coalesce(sum(cash) FILTER (WHERE nobodys), 0)::bigint AS unidentified, sum(receipt)::bigint AS receipts
FROM (
    SELECT t.at, p.key, p.currency, p.nobodys, p.memo, p.cash, p.receipt FROM t JOIN packed p ON p.slot < t.n
    UNION ALL
    SELECT m.at, {key}, m.currency, m.account_id IS NULL, 0, m.cash, m.receipt FROM m{accounts}{of_account}
) AS every GROUP BY at, every.key, currency
"""
# What payments settled in the period that ends on each day ($4: days of the period), by the day the money came.
# An application that was undone by that day does not count; what is undone later does not change it. Packed by the
# days on which it begins to count, with the few instalments apart whose due date was changed.
_PAID = """
WITH t AS ({days}), changed AS ({changed}), due AS ({due}), m AS (
    SELECT i.id, i.account_id, i.legal_entity_id, i.currency, i.invoice_date, i.original_due_date, y.value_date,
           CASE WHEN a.reverses_id IS NULL THEN a.effective_date ELSE (
               SELECT o.effective_date FROM applications o WHERE o.organization_id = $1 AND o.id = a.reverses_id
           ) END AS paid_in, a.effective_date, a.amount_minor
    FROM applications a
    JOIN payments y ON y.organization_id = $1 AND y.id = a.payment_id
    JOIN instalments i ON i.organization_id = $1 AND i.id = a.instalment_id
    WHERE a.organization_id = $1 AND a.effective_date > $3[1] - $4::int AND a.effective_date <= $3[cardinality($3)]
      AND ($2::timestamptz IS NULL OR a.recorded_at <= $2){filters}
), packed AS (
    SELECT {key} AS key, m.currency, m.paid_in, m.effective_date, changed.instalment_id,
           max(m.original_due_date) AS due_date, sum(m.amount_minor) AS paid,
           sum(m.amount_minor * (m.value_date - m.invoice_date)) AS paid_x_days,
           sum(m.amount_minor * (m.value_date - m.original_due_date)) AS paid_x_late
    FROM m LEFT JOIN changed ON changed.instalment_id = m.id{accounts}
    GROUP BY {key}, 2, 3, 4, 5
)
SELECT t.at, p.key::text AS key, p.currency, sum(p.paid)::bigint AS paid, sum(p.paid_x_days) AS paid_x_days,
       sum(p.paid_x_late + CASE WHEN d.due_date IS NULL THEN 0 ELSE p.paid * (p.due_date - d.due_date) END)
       AS paid_x_late
FROM t JOIN packed p ON p.paid_in > t.at - $4::int AND p.paid_in <= t.at AND p.effective_date <= t.at
LEFT JOIN due d ON d.at = t.at AND d.instalment_id = p.instalment_id
GROUP BY t.at, p.key, p.currency
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows count, and how they are grouped."""

    group_by: str = "organization"
    known_at: datetime | None = None
    legal_entity_id: UUID | None = None
    account_id: UUID | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """Everything in one currency: the factor from minor units to minor units by day and currency."""

    currency: str
    factors: Sequence[tuple[date, str, Any]]


class Statement:
    """The parts that all statements share, with their arguments from $4 on."""

    def __init__(self, session: ReadSession, scope: Scope, days: Sequence[date], *more: Any) -> None:
        self.session = session
        self.scope = scope
        self.arguments: list[Any] = [session.organization_id, scope.known_at, sorted(set(days)), *more]
        self.parts = {"days": DAYS, "changed": _CHANGED, "due": DUE, "key": _KEYS[scope.group_by]}
        joined = "acc." in self.parts["key"]
        self.parts["accounts"] = (
            f" LEFT JOIN {accounts_of(scope.group_by)} acc ON acc.organization_id = $1 AND acc.id = m.account_id"
            if joined
            else ""
        )
        cash = self.filters("i", ("legal_entity_id", "currency"))
        self.parts["filters_cash"] = cash
        account = self.filters("i", ("account_id",))
        source = (
            (cash + account).replace("i.currency", "a.source_currency").replace("i.account_id", "i.source_account_id")
        )
        self.parts["filters_source"] = source.replace("i.", "a.")
        self.parts["filters"] = cash + account
        self.parts["of_account"] = account.replace(" AND i.", " WHERE m.")
        self.parts["moves"] = MOVES.format(filters=self.parts["filters"])
        self.parts["sales"] = _SALES.format(filters=self.parts["filters"])

    def filters(self, table: str, columns: Sequence[str]) -> str:
        """` AND column = $n` for each narrowing that is asked for."""
        text = ""
        for column in columns:
            value = getattr(self.scope, column)
            if value is not None:
                self.arguments.append(value)
                text += f" AND {table}.{column} = ${len(self.arguments)}"
        return text

    @classmethod
    def converted(
        cls, session: ReadSession, scope: Scope, days: Sequence[date], conversion: Conversion | None
    ) -> tuple[Self, dict[str, str]]:
        """A statement with its parts `currency`, `rate` and `rates`: each currency for itself, or in one.

        A currency without a factor on a day stays by itself.
        """
        if conversion is None:
            return cls(session, scope, days), {"currency": "p.currency", "rate": "", "rates": ""}
        ats, codes, factors = ([one[index] for one in conversion.factors] for index in range(3))
        parts = {
            "currency": "CASE WHEN f.factor IS NULL THEN p.currency ELSE $7::text END",
            "rate": " * coalesce(f.factor, 1)",
            "rates": " LEFT JOIN unnest($4::date[], $5::text[], $6::numeric[]) AS f(at, currency, factor)"
            " ON f.at = t.at AND f.currency = p.currency",
        }
        return cls(session, scope, days, ats, codes, factors, conversion.currency), parts

    def text(self, statement: str, **parts: str) -> str:
        """The statement with the parts filled in."""
        return statement.format(**self.parts, **parts)

    async def fetch(self, statement: str, **parts: str) -> list[Any]:
        """The rows of a statement, planned for these very arguments."""
        await self.session.driver.execute(PLANNER)
        return list(await self.session.driver.fetch(self.text(statement, **parts), *self.arguments))

    async def pieces(self, text: str, rows: int) -> AsyncIterator[Sequence[Any]]:
        """The rows of a finished text, so many at a time, by a cursor of the open transaction."""
        await self.session.driver.execute(PLANNER)
        cursor = await self.session.driver.cursor(text, *self.arguments)
        while found := await cursor.fetch(rows):
            yield found


def bucket_sums(bounds: AgingBounds, amount: str, due: str, at: str, *, name: str = "b", where: str = "") -> str:
    """`sum(…) AS b0, …`: the amount by days past due on `at`, of rows with the condition `where`."""
    sums = []
    for index, (low, high) in enumerate(bounds.ranges()):
        conditions = [where] if where else []
        if low is not None:
            conditions.append(f"{due} <= {at} - {low}")
        if high is not None:
            conditions.append(f"{due} >= {at} - {high}")
        sums.append(f"coalesce(sum({amount}) FILTER (WHERE {' AND '.join(conditions)}), 0)::bigint AS {name}{index}")
    return ", ".join(sums)


async def sum_positions(session: ReadSession, scope: Scope, days: Sequence[date], bounds: AgingBounds) -> list[Any]:
    """By day, group and currency: open by bucket (`b0` …), and billed and written off (`lost`) from the beginning."""
    statement = Statement(session, scope, days)
    buckets = bucket_sums(bounds, "p.net", "coalesce(d.due_date, p.due)", "t.at")
    return await statement.fetch(_POSITIONS, buckets=buckets)


async def sum_countback(
    session: ReadSession, scope: Scope, days: Sequence[date], conversion: Conversion | None = None
) -> list[Any]:
    """By day, group and currency: `full_days, part, billed, month_days` of countback DSO; none without receivables.

    With a conversion the months' sales and the receivables of a group are added up in its currency first; a currency
    without a factor on a day stays by itself.
    """
    statement, parts = Statement.converted(session, scope, days, conversion)
    return await statement.fetch(_COUNTBACK, **parts)


async def sum_credits(session: ReadSession, scope: Scope, days: Sequence[date]) -> list[Any]:
    """By day, group and currency: open credit memos, unapplied and unidentified cash, and receipts from the beginning.

    Receipts are payments less those that were reversed or set aside as not receivable.
    """
    return await Statement(session, scope, days).fetch(_CREDITS)


async def sum_paid(session: ReadSession, scope: Scope, days: Sequence[date], period_days: int) -> list[Any]:
    """By day, group and currency: what payments settled in the period up to the day, × days from invoice and due."""
    return await Statement(session, scope, days, period_days).fetch(_PAID)
