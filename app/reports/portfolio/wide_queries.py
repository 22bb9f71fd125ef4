"""Positions of many groups on few days: a row for each group, a column for each amount and day.

What `queries.py` packs by due date would be a row for nearly each instalment when the groups are accounts. So here what
was taken off is added up by instalment, each instalment is read once with its open amounts of all days, and its group
adds them up. Parameters as in `queries.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from app.core.aging import AgingBounds
from app.infra.database import ReadSession
from app.reports.portfolio.queries import Conversion, Scope, Statement, bucket_sums

DAYS_MAX = 8
"""So many days in one reading: each has its sums in the memory of every group."""
# What was taken off each instalment up to each day, and what of it changed sales or was a loss; the due date of each
# day, of instalments whose due date was ever changed. $3: the days.
_ITEMS = """
WITH t AS ({days}), due AS ({due}), dues AS (
    SELECT instalment_id, {due_days} FROM due GROUP BY 1
), taken AS (
    SELECT i.instalment_id, {taken} FROM applications i
    WHERE i.organization_id = $1 AND i.effective_date <= $3[cardinality($3)]
      AND ($2::timestamptz IS NULL OR i.recorded_at <= $2){filters}
    GROUP BY 1
), adjusted AS (
    SELECT i.instalment_id, {adjusted} FROM adjustments i
    WHERE i.organization_id = $1 AND i.state = 'posted' AND i.effective_date <= $3[cardinality($3)]
      AND ($2::timestamptz IS NULL OR i.posted_at <= $2){filters}
    GROUP BY 1
), m AS (
    SELECT i.account_id, i.legal_entity_id, i.currency, {columns}
    FROM instalments i LEFT JOIN taken a ON a.instalment_id = i.id LEFT JOIN adjusted j ON j.instalment_id = i.id
    LEFT JOIN dues d ON d.instalment_id = i.id
    WHERE i.organization_id = $1 AND i.accounting_date <= $3[cardinality($3)]
      AND ($2::timestamptz IS NULL OR i.recorded_at <= $2){filters}
)
"""
_POSITIONS = (
    _ITEMS
    + """
SELECT ({key})::text AS key, m.currency, {sums} FROM m{accounts} GROUP BY {key}, m.currency
"""
)
# What each account owes in each group; counted for each day.
_ACCOUNTS = (
    _ITEMS
    + """
, owing AS MATERIALIZED (
    SELECT {key} AS key, m.account_id, m.currency, {owed} FROM m{accounts} GROUP BY 1, 2, 3
)
"""
)
_COUNTED = """
SELECT {at} AS at, key::text AS key, currency, count(*) FILTER (WHERE open > 0)::int AS accounts,
       count(*) FILTER (WHERE overdue > 0)::int AS overdue_accounts, round(max(overdue))::bigint AS largest
FROM ({owing}) AS o GROUP BY o.key, currency
"""
_AS_IT_IS = "SELECT key, currency, open{n} AS open, overdue{n} AS overdue FROM owing"
_CONVERTED = """
    SELECT key, account_id, {currency} AS currency, sum(open{n}{rate}) AS open, sum(overdue{n}{rate}) AS overdue
    FROM t JOIN owing p ON t.n = {n}{rates} GROUP BY 1, 2, 3
"""
_SOLD = "CASE WHEN i.kind IN ('void', 'source_correction') THEN -i.amount_minor ELSE 0 END"
_LOST = "CASE WHEN i.kind = 'write_off' THEN i.amount_minor ELSE 0 END"


def _each(days: Sequence[date], form: str) -> str:
    """The form for each day: {n} is its number, {at} the day itself."""
    return ", ".join(form.format(n=n, at=f"$3[{n}]") for n in range(1, len(days) + 1))


class _Wide(Statement):
    """The parts of an instalment's columns, for each of the days."""

    def __init__(self, session: ReadSession, scope: Scope, days: Sequence[date], *more: Any) -> None:
        super().__init__(session, scope, days, *more)
        self.days: list[date] = self.arguments[2]
        every = self.days
        applied = "i.amount_minor + i.discount_minor + i.write_off_minor"
        until = "FILTER (WHERE i.effective_date <= {at})"
        self.parts |= {
            "due_days": _each(every, "max(due_date) FILTER (WHERE at = {at}) AS due{n}"),
            "taken": _each(every, f"sum({applied}) {until}::bigint AS net{{n}}"),
            "adjusted": _each(
                every,
                f"sum(i.amount_minor) {until}::bigint AS net{{n}}, sum({_SOLD}) {until}::bigint AS sold{{n}},"
                f" sum({_LOST}) {until}::bigint AS lost{{n}}",
            ),
            "columns": _each(
                every,
                "CASE WHEN i.accounting_date <= {at} THEN i.amount_minor ELSE 0 END - coalesce(a.net{n}, 0)"
                " - coalesce(j.net{n}, 0) AS open{n},"
                " CASE WHEN i.accounting_date <= {at} THEN i.amount_minor ELSE 0 END + coalesce(j.sold{n}, 0) AS"
                " billed{n}, coalesce(j.lost{n}, 0) AS lost{n}, coalesce(d.due{n}, i.original_due_date) AS due{n}",
            ),
        }


async def fetch_wide_positions(
    session: ReadSession, scope: Scope, days: Sequence[date], begins: Sequence[date], bounds: AgingBounds
) -> tuple[list[Any], dict[date, int], dict[date, int]]:
    """A record for each group and currency, and where the amounts of a day stand in it.

    Of `days`: `billed, lost, overdue × days, b0 …` from the first place on; of `begins`: `open, billed, lost`.
    """
    statement = _Wide(session, scope, [*days, *begins])
    numbers = {day: number for number, day in enumerate(statement.days, start=1)}
    sums, place = [], 2
    ended: dict[date, int] = {}
    begun: dict[date, int] = {}
    for day in sorted(set(days)):
        n = numbers[day]
        at, due = f"$3[{n}]", f"m.due{n}"
        ended[day] = place
        place += 3 + bounds.bucket_count
        buckets = bucket_sums(bounds, f"m.open{n}", due, at, name=f"b{n}_", where=f"m.open{n} <> 0")
        sums.append(
            f"sum(m.billed{n})::bigint, sum(m.lost{n})::bigint,"
            f" coalesce(sum(m.open{n} * ({at} - {due})) FILTER (WHERE m.open{n} <> 0 AND {due} < {at}), 0)::bigint,"
            f" {buckets}"
        )
    for day in sorted(set(begins)):
        n = numbers[day]
        begun[day] = place
        place += 3
        sums.append(f"sum(m.open{n})::bigint, sum(m.billed{n})::bigint, sum(m.lost{n})::bigint")
    return await statement.fetch(_POSITIONS, sums=", ".join(sums)), ended, begun


async def count_accounts(
    session: ReadSession, scope: Scope, days: Sequence[date], conversion: Conversion | None
) -> list[Any]:
    """By day, group and currency: accounts that owe, overdue ones, the largest overdue amount of one."""
    found: list[Any] = []
    ordered = sorted(set(days))
    for start in range(0, len(ordered), DAYS_MAX):
        statement, parts = _Wide.converted(session, scope, ordered[start : start + DAYS_MAX], conversion)
        owed = "sum(m.open{n}) AS open{n}, coalesce(sum(m.open{n}) FILTER (WHERE m.due{n} < {at}), 0) AS overdue{n}"
        owing = _AS_IT_IS if conversion is None else _CONVERTED
        counted = [
            _COUNTED.format(at=f"$3[{n}]", owing=owing.format(n=n, **parts))
            for n in range(1, len(statement.arguments[2]) + 1)
        ]
        text = _ACCOUNTS + " UNION ALL ".join(counted)
        found += await statement.fetch(text, owed=_each(statement.arguments[2], owed))
    return found
