"""A ledger for aging as of a past date: invoices, applications, credits, changed due dates; and its slow reference."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from tests.factories import Tenant

START = date(2026, 1, 1)
Figures = dict[tuple[str | None, str], list[int]]
# A customer pays once a month, on a day of its own, what it settles in that month; an application takes half of its
# invoice. Every tenth payment has a rest that is not applied; due dates of some invoices were changed.
_FILL = """
SET session_replication_role = replica;
SELECT set_config('app.recorded_at', '2026-06-30T00:00:00Z', false);
INSERT INTO accounts (organization_id, id, number, name, currency)
SELECT '{org}', uuidv7(), 'A-' || n, 'Customer ' || n, 'EUR' FROM generate_series(1, {accounts}) n;
CREATE TEMPORARY TABLE numbered AS SELECT id, row_number() OVER () AS n FROM accounts WHERE organization_id = '{org}';
CREATE UNIQUE INDEX ON numbered (n);
CREATE TEMPORARY TABLE parts AS
SELECT d.n, uuidv7() AS invoice_id, uuidv7() AS id, a.id AS account_id, a.n AS account,
    (date '2026-01-01' + (d.n::bigint * 7919 % 170)::int) AS day,
    2 * (1000 + d.n::bigint * 104729 % 450000)::bigint AS amount
FROM generate_series(1, {invoices}) AS d(n) JOIN numbered a ON a.n = 1 + d.n * 31 % {accounts};
CREATE UNIQUE INDEX ON parts (n);
INSERT INTO invoices (organization_id, id, kind, number, number_key, legal_entity_id, account_id, currency,
    amount_minor, invoice_date, accounting_date)
SELECT '{org}', invoice_id, 'invoice', 'I' || n, 'I' || n, '{entity}', account_id, 'EUR', amount, day, day FROM parts;
INSERT INTO instalments (organization_id, id, invoice_id, ordinal, account_id, legal_entity_id, currency, due_date,
    original_due_date, accounting_date, invoice_date, amount_minor, applied_minor)
SELECT '{org}', id, invoice_id, 1, account_id, '{entity}', 'EUR', day + CASE WHEN n % 200 = 0 THEN 60 ELSE 30 END,
    day + 30, day, day, amount,
    amount / 2 * (CASE WHEN n <= {applications} - {invoices} THEN 2 ELSE 1 END)
FROM parts;
CREATE TEMPORARY TABLE used AS
SELECT p.id AS instalment_id, p.account_id, p.amount / 2 AS amount,
    (date_trunc('month', p.day + (d.n::bigint * 31 % 90)::int) + interval '1 month')::date
    + (p.account % 28)::int AS day
FROM generate_series(1, {applications}) AS d(n) JOIN parts p ON p.n = 1 + (d.n - 1) % {invoices};
CREATE TEMPORARY TABLE receipts AS
SELECT uuidv7() AS id, row_number() OVER () AS n, account_id, day, sum(amount)::bigint AS amount
FROM used GROUP BY account_id, day;
INSERT INTO payments (organization_id, id, legal_entity_id, account_id, original_account_id, currency, amount_minor,
    applied_minor, value_date, accounting_date, account_since)
SELECT '{org}', id, '{entity}', account_id, account_id, 'EUR', amount + CASE WHEN n % 10 = 0 THEN 500 ELSE 0 END,
    amount, day, day, day FROM receipts;
INSERT INTO applications (organization_id, id, group_id, legal_entity_id, account_id, source_account_id, payment_id,
    instalment_id, currency, amount_minor, source_currency, source_amount_minor, effective_date, origin, actor_kind,
    actor_name)
SELECT '{org}', uuidv7(), uuidv7(), '{entity}', u.account_id, u.account_id, r.id, u.instalment_id, 'EUR', u.amount,
    'EUR', u.amount, u.day, 'automatic', 'system', 'benchmark'
FROM used u JOIN receipts r ON r.account_id = u.account_id AND r.day = u.day;
INSERT INTO instalment_changes (organization_id, id, instalment_id, due_date_before, due_date, effective_date, reason,
    actor_name)
SELECT '{org}', uuidv7(), id, day + 30, day + 60, day + 10, 'benchmark', 'benchmark' FROM parts
WHERE n % 200 = 0;
INSERT INTO credit_memos (organization_id, id, number, number_key, legal_entity_id, account_id, currency, amount_minor,
    credit_date, accounting_date)
SELECT '{org}', uuidv7(), 'C' || n, 'C' || n, '{entity}', account_id, 'EUR', 1000, day, day FROM parts
WHERE n % 100 = 0;
SET session_replication_role = origin;
"""


async def fill(url: str, tenant: Tenant, accounts: int, invoices: int, applications: int) -> None:
    """So many rows, written as the owner, with statistics. Needs PostgreSQL 18."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        _FILL.format(
            org=tenant.organization_id, entity=tenant.legal_entity_id, accounts=accounts - 1, invoices=invoices,
            applications=applications,
        )
    )  # fmt: skip
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def reference(
    url: str, organization_id: UUID, as_of: date, upper: tuple[int, ...], known_at: datetime | None = None
) -> Figures:
    """By account and currency: buckets, credit memos, unapplied cash. Row by row in Python, the obvious way."""
    connection = await asyncpg.connect(url)

    async def rows(select: str) -> list[Any]:
        return list(await connection.fetch(f"{select} WHERE organization_id = $1", organization_id))

    def counts(day: date, recorded_at: datetime) -> bool:
        return day <= as_of and (known_at is None or recorded_at <= known_at)

    taken: dict[Any, int] = defaultdict(int)
    spent: dict[Any, int] = defaultdict(int)
    select = (
        "SELECT instalment_id, coalesce(payment_id, credit_memo_id), amount_minor + discount_minor + write_off_minor,"
    )
    for part, source, amount, lost, day, recorded in await rows(
        f"{select} source_amount_minor, effective_date, recorded_at FROM applications"
    ):
        if counts(day, recorded):
            taken[part] += amount
            spent[source] += lost
    due: dict[Any, tuple[date, date]] = {}
    for part, to, day, recorded in await rows(
        "SELECT instalment_id, due_date, effective_date, recorded_at FROM instalment_changes"
    ):
        if counts(day, recorded) and (part not in due or due[part][0] <= day):
            due[part] = (day, to)
    found: Figures = defaultdict(lambda: [0] * (len(upper) + 3))
    for part, account, currency, amount, original, day, recorded in await rows(
        "SELECT id, account_id, currency, amount_minor, original_due_date, accounting_date, recorded_at"
        " FROM instalments"
    ):
        if counts(day, recorded) and amount != taken[part]:
            late = (as_of - (due[part][1] if part in due else original)).days
            index = next((n for n, bound in enumerate(upper) if late <= bound), len(upper))
            found[str(account), currency][index] += amount - taken[part]
    for column, table, place in (("account_id", "credit_memos", 1), ("original_account_id", "payments", 2)):
        for source, account, currency, amount, day, recorded in await rows(
            f"SELECT id, {column}, currency, amount_minor, accounting_date, recorded_at FROM {table}"
        ):
            if counts(day, recorded):
                found[str(account), currency][len(upper) + place] += amount - spent[source]
    await connection.close()
    return {key: values for key, values in found.items() if any(values)}
