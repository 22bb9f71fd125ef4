"""Aging by account of 1,000,000 open invoices of 100,000 accounts, against the best SQL written by hand for it."""

from __future__ import annotations

import json
import time
from datetime import date
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg

from app.infra.database import Database
from app.reports.aging import aging_report
from app.reports.rules import AgingRequest
from tests.benchmarks.servers import migrated, service_servers
from tests.factories import Tenant, make_tenant

ACCOUNTS = 100_000
INVOICES = 1_000_000
AS_OF = date(2026, 6, 30)
ROUNDS = 7
_FILL = """
SET session_replication_role = replica;
SELECT set_config('app.recorded_at', '2026-06-30T00:00:00Z', false);
INSERT INTO accounts (organization_id, id, number, name, currency)
SELECT '{org}', gen_random_uuid(), 'A-' || n, 'Customer ' || n, 'EUR' FROM generate_series(1, {accounts}) n;
CREATE TEMPORARY TABLE numbered AS SELECT id, row_number() OVER () AS n FROM accounts WHERE organization_id = '{org}';
CREATE UNIQUE INDEX ON numbered (n);
CREATE TEMPORARY TABLE documents AS
SELECT gen_random_uuid() AS id, a.id AS account_id, d.n, (date '2026-01-01' + (d.n::bigint * 7919 % 170)::int) AS day,
    (1000 + d.n::bigint * 104729 % 900000)::bigint AS amount
FROM generate_series(1, {invoices}) AS d(n) JOIN numbered a ON a.n = 1 + d.n * 31 % {accounts};
INSERT INTO invoices (organization_id, id, kind, number, number_key, legal_entity_id, account_id, currency,
    amount_minor, invoice_date, accounting_date)
SELECT '{org}', id, 'invoice', 'I' || n, 'I' || n, '{entity}', account_id, 'EUR', amount, day, day FROM documents;
INSERT INTO instalments (organization_id, id, invoice_id, ordinal, account_id, legal_entity_id, currency, due_date,
    original_due_date, accounting_date, invoice_date, amount_minor)
SELECT '{org}', gen_random_uuid(), id, 1, account_id, '{entity}', 'EUR', day + 30, day + 30, day, day, amount
FROM documents;
SET session_replication_role = origin;
"""
_BY_HAND = """
SELECT account_id, currency, count(*),
    coalesce(sum(open_minor) FILTER (WHERE due_date >= $2::date), 0)::bigint,
    coalesce(sum(open_minor) FILTER (WHERE due_date < $2::date AND due_date >= $2::date - 30), 0)::bigint,
    coalesce(sum(open_minor) FILTER (WHERE due_date < $2::date - 30 AND due_date >= $2::date - 60), 0)::bigint,
    coalesce(sum(open_minor) FILTER (WHERE due_date < $2::date - 60 AND due_date >= $2::date - 90), 0)::bigint,
    coalesce(sum(open_minor) FILTER (WHERE due_date < $2::date - 90), 0)::bigint
FROM instalments WHERE organization_id = $1 AND open_minor <> 0 GROUP BY account_id, currency
"""


async def fill(url: str, tenant: Tenant, accounts: int, invoices: int) -> None:
    """So many accounts with so many open invoices, written as the owner, with statistics."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        _FILL.format(
            org=tenant.organization_id, entity=tenant.legal_entity_id, accounts=accounts - 1, invoices=invoices
        )
    )
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def _by_hand(url: str, organization_id: UUID) -> tuple[float, int]:
    connection = await asyncpg.connect(
        url, server_settings={"jit": "off", "work_mem": "128MB", "random_page_cost": "1.1"}
    )
    await connection.execute("SET plan_cache_mode = force_custom_plan")
    started = time.perf_counter()
    rows = await connection.fetch(_BY_HAND, organization_id, AS_OF)
    seconds = time.perf_counter() - started
    await connection.close()
    return seconds, sum(sum(row[3:8]) for row in rows)


async def _ours(database: Database, organization_id: UUID, group_by: str, limit: int | None) -> tuple[float, int]:
    started = time.perf_counter()
    async with database.read(organization_id, snapshot=True) as session:
        report = await aging_report(session, AgingRequest(as_of=AS_OF, group_by=group_by), limit=limit)
    seconds = time.perf_counter() - started
    return seconds, sum(sum(row.buckets) for row in report.totals)


async def run() -> list[dict[str, Any]]:
    """Rounds in turn; medians of the seconds, and the median of the paired ratios (ours ÷ by hand)."""
    with service_servers() as (url, _redis, _folder):
        database = await migrated(url)
        tenant = await make_tenant(database)
        await fill(url, tenant, ACCOUNTS, INVOICES)
        pages, full = [], []
        for round_number in range(ROUNDS + 1):
            page, total = await _ours(database, tenant.organization_id, "account", 200)
            by_hand, expected = await _by_hand(url, tenant.organization_id)
            every, total_of_all = await _ours(database, tenant.organization_id, "account", None)
            assert total == expected == total_of_all, (total, expected, total_of_all)
            if round_number:
                pages.append((page, by_hand))
                full.append((every, by_hand))
        await database.close()
    rows = [_row("the largest 200 accounts and totals", pages), _row("all 100,000 accounts in order", full)]
    print(json.dumps(rows))
    return rows


def _row(what: str, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    return {
        "name": f"aging by account, 1,000,000 open invoices: {what}",
        "ours": round(median(a for a, _ in pairs), 4),
        "baseline": round(median(b for _, b in pairs), 4),
        "ratio": round(median(a / b for a, b in pairs), 3),
        "unit": "s",
    }
