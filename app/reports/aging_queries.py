"""The SQL of aging: sums of the rows dated and recorded up to the asked pair, or the open index when that is the same.

Three measures, each by account, legal entity and currency: open instalments by bucket, open credit memos, unapplied
payments. There are three ways to the same cents (`aging_forms.py`); the quickest for the question is taken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from app.disputes.past import disputed_on_sql
from app.infra.database import ReadSession
from app.reports.aging_forms import Form, FormName, form_of
from app.reports.grouping import TOP, accounts_of
from app.reports.rules import AgingRequest

# $1 organization, $2 as_of, $3 known_at
_NOTHING_LATER = """
SELECT NOT (
    EXISTS (SELECT 1 FROM instalments WHERE organization_id = $1 AND accounting_date > $2)
    OR EXISTS (SELECT 1 FROM applications WHERE organization_id = $1 AND effective_date > $2)
    OR EXISTS (SELECT 1 FROM adjustments WHERE organization_id = $1 AND effective_date > $2 AND state = 'posted')
    OR EXISTS (SELECT 1 FROM instalment_changes WHERE organization_id = $1 AND effective_date > $2)
    OR EXISTS (SELECT 1 FROM credit_memos WHERE organization_id = $1 AND accounting_date > $2)
    OR EXISTS (SELECT 1 FROM credit_memo_movements WHERE organization_id = $1 AND effective_date > $2)
    OR EXISTS (SELECT 1 FROM payments WHERE organization_id = $1 AND accounting_date > $2)
    OR EXISTS (SELECT 1 FROM payment_movements WHERE organization_id = $1 AND effective_date > $2)
)
"""
_OPEN_NOW = """
SELECT {extra}account_id, legal_entity_id, currency, {day} AS day, open_minor FROM instalments
WHERE organization_id = $1 AND open_minor <> 0{filters}
"""
_OPEN_AS_OF = """
SELECT {extra}p.account_id, p.legal_entity_id, p.currency, {day} AS day,
       p.amount_minor - coalesce(a.taken, 0) - coalesce(j.taken, 0) AS open_minor
FROM instalments p
LEFT JOIN (
    SELECT instalment_id, sum(amount_minor + discount_minor + write_off_minor)::bigint AS taken FROM applications
    WHERE organization_id = $1 AND effective_date <= $2 AND ($3::timestamptz IS NULL OR recorded_at <= $3)
    GROUP BY instalment_id
) a ON a.instalment_id = p.id
LEFT JOIN (
    SELECT instalment_id, sum(amount_minor)::bigint AS taken FROM adjustments
    WHERE organization_id = $1 AND state = 'posted' AND effective_date <= $2
      AND ($3::timestamptz IS NULL OR posted_at <= $3)
    GROUP BY instalment_id
) j ON j.instalment_id = p.id
LEFT JOIN (
    SELECT DISTINCT ON (instalment_id) instalment_id, due_date FROM instalment_changes
    WHERE organization_id = $1 AND effective_date <= $2 AND ($3::timestamptz IS NULL OR recorded_at <= $3)
    ORDER BY instalment_id, effective_date DESC, recorded_at DESC, id DESC
) d ON d.instalment_id = p.id
WHERE p.organization_id = $1 AND p.accounting_date <= $2 AND ($3::timestamptz IS NULL OR p.recorded_at <= $3)
  AND p.amount_minor <> coalesce(a.taken, 0) + coalesce(j.taken, 0){filters}
"""
_CREDITS_NOW = """
SELECT {memo}account_id, legal_entity_id, currency, open_minor AS credit_minor, 0::bigint AS cash_minor
FROM credit_memos WHERE organization_id = $1 AND open_minor <> 0{filters}
UNION ALL
SELECT {cash}account_id, legal_entity_id, currency, 0, unapplied_minor FROM payments
WHERE organization_id = $1 AND unapplied_minor <> 0{filters}
"""
_CREDITS_AS_OF = """
SELECT {memo}c.account_id, c.legal_entity_id, c.currency,
       c.amount_minor - coalesce(a.taken, 0) - coalesce(m.taken, 0) AS credit_minor, 0::bigint AS cash_minor
FROM credit_memos c
LEFT JOIN (
    SELECT credit_memo_id, sum(source_amount_minor)::bigint AS taken FROM applications
    WHERE organization_id = $1 AND credit_memo_id IS NOT NULL AND effective_date <= $2
      AND ($3::timestamptz IS NULL OR recorded_at <= $3) GROUP BY credit_memo_id
) a ON a.credit_memo_id = c.id
LEFT JOIN (
    SELECT credit_memo_id, sum(amount_minor)::bigint AS taken FROM credit_memo_movements
    WHERE organization_id = $1 AND effective_date <= $2 AND ($3::timestamptz IS NULL OR recorded_at <= $3)
    GROUP BY credit_memo_id
) m ON m.credit_memo_id = c.id
WHERE c.organization_id = $1 AND c.accounting_date <= $2 AND ($3::timestamptz IS NULL OR c.recorded_at <= $3){filters_c}
UNION ALL
SELECT * FROM (
    SELECT {cash}CASE WHEN w.payment_id IS NULL THEN p.original_account_id ELSE w.to_account_id END AS account_id,
           p.legal_entity_id, p.currency, 0::bigint,
           p.amount_minor - coalesce(a.taken, 0) - coalesce(m.taken, 0) AS cash_minor
    FROM payments p
    LEFT JOIN (
        SELECT payment_id, sum(source_amount_minor)::bigint AS taken FROM applications
        WHERE organization_id = $1 AND payment_id IS NOT NULL AND effective_date <= $2
          AND ($3::timestamptz IS NULL OR recorded_at <= $3) GROUP BY payment_id
    ) a ON a.payment_id = p.id
    LEFT JOIN (
        SELECT payment_id, sum(amount_minor)::bigint AS taken FROM payment_movements
        WHERE organization_id = $1 AND kind <> 'account_change' AND effective_date <= $2
          AND ($3::timestamptz IS NULL OR recorded_at <= $3) GROUP BY payment_id
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
# The server's default of 4 takes every disk for a slow one and keeps it from the covering index.
_PLANNER = """
SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '128MB'; SET LOCAL random_page_cost = 1.1
"""
# Most rows of long tables are read: one after the other is cheaper than in the order of an index. The planner takes
# what later rows sum up to for few, and would look up each of their instalments by itself: five times the work.
_MANY = "; SET LOCAL random_page_cost = 2; SET LOCAL enable_nestloop = off"
_MANY_ROWS = 20_000
# What the planner thinks: the exact number would cost a reading of the index.
_ESTIMATE = "EXPLAIN (FORMAT JSON) SELECT FROM applications WHERE organization_id = $1 AND effective_date {} $2"
_BACK_SHARE = Decimal("0.45")
"""Up to this share of the applications is put back rather than left out; near 0.55 both ways cost the same."""
_SORTED_MINOR_MAX = 2**50 - 1
_NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
_RAW = {"legal_entity": "legal_entity_id", "organization": _NOBODY, "currency": _NOBODY}
_ATTRIBUTES = {
    "collector": "a.collector_id",
    "segment": "a.segment",
    "country": "a.country",
    "risk_class": "a.risk_class",
    "parent_group": f"a.{TOP}",
}


@dataclass(frozen=True, slots=True)
class AgingRow:
    """One group in one currency; amounts in minor units. `key` None: unidentified cash has no account."""

    key: Any
    currency: str
    items: int
    buckets: tuple[int, ...]
    credit_memos_minor: int
    unapplied_minor: int


async def nothing_later(session: ReadSession, request: AgingRequest) -> bool:
    """True when no row of the organization is dated after `as_of`: the running columns are the answer."""
    found = await session.driver.fetchval(_NOTHING_LATER, session.organization_id, request.as_of)
    return bool(found)


async def fetch_aging(
    session: ReadSession,
    request: AgingRequest,
    *,
    start: int = 0,
    limit: int | None = None,
    form: FormName | None = None,
) -> tuple[list[Any], list[Any]]:
    """Totals by currency, and `limit` rows from `start`, by currency and the largest open amount first.

    Read it in one snapshot. The totals are those of all rows, whatever the limit.

    Records have `key, currency, items, b0 … bn, credit_minor, cash_minor`; `aging_row` makes one an AgingRow.
    """
    statement, arguments = await group_statement(session, request, start=start, limit=limit, form=form)
    records = await session.driver.fetch(statement, *arguments)
    # Both arms of UNION ALL come in their order: the totals first.
    split = next((index for index, record in enumerate(records) if not record["is_total"]), len(records))
    return records[:split], records[split:]


def aging_row(record: Any) -> AgingRow:
    """The typed form of a record of `fetch_aging`."""
    return AgingRow(record[0], record[1], record[2], record[3:-3], record[-3], record[-2])


def _filters(request: AgingRequest, arguments: list[Any]) -> list[str]:
    """`column = $n` for each narrowing that is asked for, with its argument appended."""
    parts = []
    for column in ("legal_entity_id", "account_id", "currency"):
        value = getattr(request, column)
        if value is not None:
            arguments.append(value)
            parts.append(f"{column} = ${len(arguments)}")
    return parts


def _and(parts: list[str], prefix: str = "") -> str:
    return "".join(f" AND {prefix}{part}" for part in parts)


def _statement(request: AgingRequest, form: Form, counted: str) -> str:
    """Open items and credits, each summed by group; then joined, regrouped by attribute if asked, totalled, ordered.

    Rows are ordered by currency and falling open amount. Both stand in one number first, because a sort compares
    numbers that differ much faster than texts that are nearly all the same.
    """
    raw = _RAW.get(request.group_by, "account_id")
    names = [f"b{index}" for index in range(len(request.bounds.upper) + 1)]
    measures = ["items", *names, "credit_minor", "cash_minor"]
    listed = ", ".join(measures)
    filled = ", ".join(f"coalesce({name}, 0)::bigint AS {name}" for name in measures)
    summed = ", ".join(f"sum({name})::bigint AS {name}" for name in measures)
    total = " + ".join(f"g.{name}" for name in names)
    attribute = _ATTRIBUTES.get(request.group_by)
    grouped = "joined"
    if attribute is not None:
        grouped = (
            f"(SELECT ({attribute})::text AS key, joined.currency, {summed} FROM joined"
            f" LEFT JOIN {accounts_of(request.group_by)} a ON a.organization_id = $1 AND a.id = joined.key"
            " GROUP BY 1, 2) AS by_attribute"
        )
    return f"""
WITH {form.shared}o AS (
    SELECT {raw} AS key, currency, {counted} AS items, {_bucket_sums(request)}
    FROM ({form.open}) AS items GROUP BY 1, 2 HAVING {counted} <> 0
), c AS (
    SELECT coalesce({raw}, {_NOBODY}) AS key, currency, sum(credit_minor) AS credit_minor, sum(cash_minor) AS cash_minor
    FROM ({form.credits}) AS items GROUP BY 1, 2 HAVING sum(credit_minor) <> 0 OR sum(cash_minor) <> 0
), joined AS (
    SELECT nullif(coalesce(o.key, c.key), {_NOBODY}) AS key, coalesce(o.currency, c.currency) AS currency, {filled}
    FROM o FULL JOIN c ON c.key = o.key AND c.currency = o.currency
), grouped AS MATERIALIZED (SELECT key::text AS key, currency, {listed} FROM {grouped}
), totals AS MATERIALIZED (
    SELECT currency, {summed}, row_number() OVER (ORDER BY currency) AS place FROM grouped GROUP BY currency
)
SELECT NULL AS key, currency, {listed}, true AS is_total FROM totals
UNION ALL
(SELECT g.key, g.currency, {", ".join(f"g.{name}" for name in measures)}, false
 FROM grouped g JOIN totals t ON t.currency = g.currency
 ORDER BY (t.place << 50) - least({total}, {_SORTED_MINOR_MAX}), {total} DESC, g.key LIMIT ${{limit}} OFFSET ${{start}})
"""


def _bucket_sums(request: AgingRequest) -> str:
    bounds = request.bounds.upper
    sums = []
    for index in range(len(bounds) + 1):
        conditions = []
        if index > 0:
            conditions.append(f"day < $2::date - {bounds[index - 1]}")
        if index < len(bounds):
            conditions.append(f"day >= $2::date - {bounds[index]}")
        sums.append(f"sum(open_minor) FILTER (WHERE {' AND '.join(conditions)}) AS b{index}")
    return ", ".join(sums)


def _open_items(request: AgingRequest, filters: list[str], quick: bool, *, ids: bool = False) -> str:
    if quick:
        day = "invoice_date" if request.by_invoice_date else "due_date"
        return _OPEN_NOW.format(day=day, filters=_and(filters), extra="id, " if ids else "")
    day = "p.invoice_date" if request.by_invoice_date else "coalesce(d.due_date, p.original_due_date)"
    return _OPEN_AS_OF.format(day=day, filters=_and(filters, "p."), extra="p.id, " if ids else "")


def _credits(filters: list[str], quick: bool, *, ids: bool = False) -> str:
    memo, cash = ("id, 'credit_memo' AS kind, ", "id, 'payment' AS kind, ") if ids else ("", "")
    if quick:
        return _CREDITS_NOW.format(filters=_and(filters), memo=memo, cash=cash)
    qualified = {"memo": memo.replace("id,", "c.id,", 1), "cash": cash.replace("id,", "p.id,", 1)}
    return _CREDITS_AS_OF.format(filters=_and(filters), filters_c=_and(filters, "c."), **qualified)


# One row for each open item, credits with a minus: so the rows of an account add up to its net amount. The numbers of
# the accounts are put in their order once; sorting the items by a text takes most of the time of a long list. What is
# joined from outside leaves every row, which the planner must know: else it takes the rows for few.
_DETAIL = """
WITH o AS MATERIALIZED ({open}), c AS MATERIALIZED ({credits}), disputed AS (
{disputed}
), promised AS (
    SELECT i.instalment_id, sum(i.amount_minor - i.kept_minor)::bigint AS minor, min(p.promised_date) AS day
    FROM promise_items i JOIN promises p ON p.organization_id = $1 AND p.id = i.promise_id
    WHERE i.organization_id = $1 AND p.status IN ('open', 'partly_kept') AND NOT p.withdrawn GROUP BY 1
), reminded AS (
    SELECT instalment_id, max(step_ordinal) AS step, max(done_on) AS day FROM dunning_notice_items
    WHERE organization_id = $1 AND live AND done_on <= $2 GROUP BY 1
), items AS (
    SELECT o.id, v.kind, v.number, i.ordinal, v.purchase_order, o.account_id, o.legal_entity_id, o.currency,
           i.invoice_date, {due} AS due_date, o.day, i.amount_minor, o.open_minor, d.minor AS disputed_minor
    FROM o JOIN instalments i ON i.organization_id = $1 AND i.id = o.id
    JOIN invoices v ON v.organization_id = $1 AND v.id = i.invoice_id
    LEFT JOIN disputed d ON d.instalment_id = o.id
    UNION ALL
    SELECT c.id, c.kind, m.number, NULL, NULL, c.account_id, c.legal_entity_id, c.currency, m.credit_date, NULL, NULL,
           -m.amount_minor, -c.credit_minor, NULL
    FROM c JOIN credit_memos m ON m.organization_id = $1 AND m.id = c.id WHERE c.kind = 'credit_memo'
      AND c.credit_minor <> 0
    UNION ALL
    SELECT c.id, c.kind, p.bank_reference, NULL, NULL, c.account_id, c.legal_entity_id, c.currency, p.value_date, NULL,
           NULL, -p.amount_minor, -c.cash_minor, NULL
    FROM c JOIN payments p ON p.organization_id = $1 AND p.id = c.id WHERE c.kind = 'payment' AND c.cash_minor <> 0
), listed AS MATERIALIZED (
    SELECT id, number, name, segment, country, risk_class, collector_id, row_number() OVER (ORDER BY number) AS place
    FROM accounts WHERE organization_id = $1{listed}
)
SELECT items.*, $2::date - items.day AS age, $2::date - items.due_date AS late,
       a.number AS account_number, a.name AS account_name, a.segment, a.country, a.risk_class,
       u.display_name AS collector, e.code AS legal_entity, promised.minor AS promised_minor,
       promised.day AS promised_day, reminded.step AS reminded_step, reminded.day AS reminded_day
FROM items
LEFT JOIN legal_entities e ON e.organization_id = $1 AND e.id = items.legal_entity_id
LEFT JOIN listed a ON a.id = items.account_id
LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id
LEFT JOIN promised ON promised.instalment_id = items.id LEFT JOIN reminded ON reminded.instalment_id = items.id
ORDER BY a.place NULLS FIRST, items.due_date NULLS LAST, items.invoice_date, items.id LIMIT ${limit} OFFSET ${start}
"""


async def detail_statement(
    session: ReadSession, request: AgingRequest, *, start: int = 0, limit: int | None = None
) -> tuple[str, list[Any]]:
    """The statement of the open items one by one, with its arguments: fetch it, or read it by a cursor."""
    quick = request.known_at is None and await nothing_later(session, request)
    await session.driver.execute(_PLANNER)
    arguments: list[Any] = [session.organization_id, request.as_of]
    if not quick:
        arguments.append(request.known_at)
    filters = _filters(request, arguments)
    due = "i.due_date" if quick else "coalesce(o.due_date, i.original_due_date)"
    opened = _open_items(request, filters, quick, ids=True)
    if not quick:  # the due date of the day, beside the day that the item is aged from
        opened = opened.replace("SELECT p.id, ", "SELECT p.id, d.due_date, ", 1)
    arguments += [limit, start]
    statement = _DETAIL.format(
        disputed=disputed_on_sql("$2::date"),
        listed=_and([part.removeprefix("account_") for part in filters if part.startswith("account_id")]),
        open=opened, credits=_credits(filters, quick, ids=True), due=due, limit=len(arguments) - 1,
        start=len(arguments),
    )  # fmt: skip
    return statement, arguments


async def group_statement(
    session: ReadSession,
    request: AgingRequest,
    *,
    start: int = 0,
    limit: int | None = None,
    form: FormName | None = None,
) -> tuple[str, list[Any]]:
    """The statement of `fetch_aging` with its arguments: fetch it, or read it by a cursor. The totals come first.

    `form` is the way of `aging_forms.py`; without it the quickest that gives the answer is taken.
    """
    name = form or await _quickest(session, request)
    many = name != "now" and await _estimated(session, request.as_of, later=name == "back") > _MANY_ROWS
    await session.driver.execute(_PLANNER + _MANY if many else _PLANNER)
    arguments: list[Any] = [session.organization_id, request.as_of]
    if name == "forward":
        arguments.append(request.known_at)
    by_account = _RAW.get(request.group_by, "account_id") == "account_id"
    filters = _filters(request, arguments)
    chosen = form_of(name, filters, by_invoice_date=request.by_invoice_date, ordered=by_account)
    statement = _statement(request, chosen, "sum(items)" if name == "back" else "count(*)")
    arguments += [limit, start]
    return statement.format(limit=len(arguments) - 1, start=len(arguments)), arguments


async def _quickest(session: ReadSession, request: AgingRequest) -> FormName:
    """*now* where nothing is later; else *back* while the later applications are the lesser part."""
    if request.known_at is not None:
        return "forward"
    if await nothing_later(session, request):
        return "now"
    later = await _estimated(session, request.as_of)
    return "back" if later <= _BACK_SHARE * await _estimated(session, date.min) else "forward"


async def _estimated(session: ReadSession, day: date, *, later: bool = True) -> int:
    """About how many applications are dated after a day, or up to it."""
    plan = await session.driver.fetchval(_ESTIMATE.format(">" if later else "<="), session.organization_id, day)
    found = json.loads(plan) if isinstance(plan, str) else plan
    return int(found[0]["Plan"]["Plan Rows"])
