"""Aging as of past dates over 1,000,000 invoices and 1,500,000 applications, against the best SQL written by hand.

By hand only the open items by account are summed, in any order; ours gives credit memos, unapplied cash, counts, totals
and the order too. By hand it is done twice in each round, as the server plans it by itself and with scans in one
process, which is quicker for some days; the better one counts. Every figure is compared with the slow reference once.
$1 organization, $2 as_of.
"""

from __future__ import annotations

import json
import time
from datetime import date
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg

from app.core.aging import AgingBounds
from app.infra.database import Database
from app.reports.aging import aging_report
from app.reports.rules import AgingRequest
from tests.benchmarks.aging_past_data import fill, reference
from tests.benchmarks.servers import migrated, service_servers
from tests.factories import make_tenant

ACCOUNTS = 100_000
INVOICES = 1_000_000
APPLICATIONS = 1_500_000
DAYS = (date(2026, 4, 30), date(2026, 6, 30), date(2026, 8, 31))
"""Early, in the middle, and late in the time of the applications (February to October)."""
ROUNDS = 3
UPPER = AgingBounds().upper
_BY_HAND = """
SELECT account_id, currency, count(*),
    coalesce(sum(minor) FILTER (WHERE due >= $2::date), 0)::bigint,
    coalesce(sum(minor) FILTER (WHERE due < $2::date AND due >= $2::date - 30), 0)::bigint,
    coalesce(sum(minor) FILTER (WHERE due < $2::date - 30 AND due >= $2::date - 60), 0)::bigint,
    coalesce(sum(minor) FILTER (WHERE due < $2::date - 60 AND due >= $2::date - 90), 0)::bigint,
    coalesce(sum(minor) FILTER (WHERE due < $2::date - 90), 0)::bigint
FROM (
    SELECT i.account_id, i.currency, coalesce(c.due_date, i.original_due_date) AS due,
           i.amount_minor - coalesce(a.taken, 0) AS minor
    FROM instalments i
    LEFT JOIN (
        SELECT instalment_id, sum(amount_minor + discount_minor + write_off_minor)::bigint AS taken FROM applications
        WHERE organization_id = $1 AND effective_date <= $2 GROUP BY instalment_id
    ) a ON a.instalment_id = i.id
    LEFT JOIN (
        SELECT DISTINCT ON (instalment_id) instalment_id, due_date FROM instalment_changes
        WHERE organization_id = $1 AND effective_date <= $2
        ORDER BY instalment_id, effective_date DESC, recorded_at DESC
    ) c ON c.instalment_id = i.id
    WHERE i.organization_id = $1 AND i.accounting_date <= $2
) AS items WHERE minor <> 0 GROUP BY account_id, currency
"""


_PLANS = ({"random_page_cost": "1.1"}, {"random_page_cost": "2", "max_parallel_workers_per_gather": "0"})


async def _by_hand(url: str, organization_id: UUID, as_of: date) -> tuple[float, int]:
    """The better of both plans."""
    return min([await _planned(url, organization_id, as_of, plan) for plan in _PLANS])


async def _planned(url: str, organization_id: UUID, as_of: date, plan: dict[str, str]) -> tuple[float, int]:
    connection = await asyncpg.connect(url, server_settings={"jit": "off", "work_mem": "128MB", **plan})
    await connection.execute("SET plan_cache_mode = force_custom_plan")
    started = time.perf_counter()
    rows = await connection.fetch(_BY_HAND, organization_id, as_of)
    seconds = time.perf_counter() - started
    await connection.close()
    return seconds, sum(sum(row[3:8]) for row in rows)


async def _ours(database: Database, organization_id: UUID, as_of: date, limit: int | None) -> tuple[float, int]:
    started = time.perf_counter()
    async with database.read(organization_id, snapshot=True) as session:
        report = await aging_report(session, AgingRequest(as_of=as_of, group_by="account"), limit=limit)
    seconds = time.perf_counter() - started
    return seconds, sum(sum(row.buckets) for row in report.totals)


async def _assert_equal(database: Database, url: str, organization_id: UUID, as_of: date) -> None:
    """Every figure of every account, to the cent, both as known now and as known at an instant."""
    expected = await reference(url, organization_id, as_of, UPPER)
    async with database.read(organization_id) as session:
        now = await session.driver.fetchval("SELECT clock_timestamp()")
    for known_at in (None, now):
        async with database.read(organization_id, snapshot=True) as session:
            report = await aging_report(session, AgingRequest(as_of, known_at, "account"))
        found = {
            (row.key, row.currency): [*row.buckets, row.credit_memos_minor, row.unapplied_minor] for row in report.rows
        }
        assert found == expected, as_of


async def run() -> list[dict[str, Any]]:
    """Rounds in turn; medians of the seconds, and the median of the paired ratios (ours ÷ by hand)."""
    with service_servers() as (url, _redis, _folder):
        database = await migrated(url)
        tenant = await make_tenant(database)
        await fill(url, tenant, ACCOUNTS, INVOICES, APPLICATIONS)
        rows = []
        for as_of in DAYS:
            await _assert_equal(database, url, tenant.organization_id, as_of)
            pages, full = [], []
            for _ in range(ROUNDS):
                by_hand, expected = await _by_hand(url, tenant.organization_id, as_of)
                page, total = await _ours(database, tenant.organization_id, as_of, 200)
                every, total_of_all = await _ours(database, tenant.organization_id, as_of, None)
                assert total == expected == total_of_all, (total, expected, total_of_all)
                pages.append((page, by_hand))
                full.append((every, by_hand))
            rows.append(_row(f"as of {as_of}: the largest 200 accounts and totals", pages))
            rows.append(_row(f"as of {as_of}: all accounts in order", full))
        await database.close()
    print(json.dumps(rows))
    return rows


def _row(what: str, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    return {
        "name": f"aging of the past, 1,000,000 invoices, 1,500,000 applications, {what}",
        "ours": round(median(a for a, _ in pairs), 4),
        "baseline": round(median(b for _, b in pairs), 4),
        "ratio": round(median(a / b for a, b in pairs), 3),
        "unit": "s",
    }
