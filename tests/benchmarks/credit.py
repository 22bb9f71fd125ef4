"""Credit of 100,000 accounts: the nightly evaluation of ladder and score, and checks of single orders meanwhile."""

from __future__ import annotations

import json
import time
from datetime import date
from statistics import median
from typing import Any

import asyncpg

from app.credit.checks import CheckOrder, check_order
from app.credit.refresh import refresh_all
from tests.benchmarks.aging import fill
from tests.benchmarks.servers import migrated, service_servers
from tests.factories import make_tenant

ACCOUNTS = 100_000
INVOICES = 300_000
TODAY = date(2026, 6, 30)
CHECKS = 200
# As many invoices again, paid some days before or after they were due.
_SETTLED = """
SET session_replication_role = replica;
SELECT set_config('app.recorded_at', '2026-06-30T00:00:00Z', false);
CREATE TEMPORARY TABLE paid AS
SELECT gen_random_uuid() AS id, gen_random_uuid() AS payment_id, account_id, currency, due_date, amount_minor,
       due_date - 60 + (row_number() OVER ())::int % 40 AS paid_on, legal_entity_id, invoice_id
FROM instalments WHERE organization_id = '{org}';
INSERT INTO instalments (organization_id, id, invoice_id, ordinal, account_id, legal_entity_id, currency, due_date,
    original_due_date, accounting_date, invoice_date, amount_minor, applied_minor, status)
SELECT '{org}', id, invoice_id, 2, account_id, legal_entity_id, currency, due_date - 50, due_date - 50, due_date - 80,
    due_date - 80, amount_minor, amount_minor, 'settled' FROM paid;
INSERT INTO payments (organization_id, id, legal_entity_id, account_id, original_account_id, currency, amount_minor,
    applied_minor, value_date, accounting_date, account_since)
SELECT '{org}', payment_id, legal_entity_id, account_id, account_id, currency, amount_minor, amount_minor, paid_on,
    paid_on, paid_on FROM paid;
INSERT INTO applications (organization_id, id, group_id, legal_entity_id, account_id, source_account_id, payment_id,
    instalment_id, currency, amount_minor, source_currency, source_amount_minor, effective_date, origin, actor_kind,
    actor_name)
SELECT '{org}', gen_random_uuid(), gen_random_uuid(), legal_entity_id, account_id, account_id, payment_id, id, currency,
    amount_minor, currency, amount_minor, paid_on, 'manual', 'system', 'system' FROM paid;
UPDATE accounts SET credit_limit_minor = 1500000 WHERE organization_id = '{org}';
SET session_replication_role = origin;
"""


async def run() -> list[dict[str, Any]]:
    """Seconds of a first and of a second night, and the median and 95th percentile of single checks."""
    with service_servers() as (url, _redis, _folder):
        database = await migrated(url)
        tenant = await make_tenant(database)
        await fill(url, tenant, ACCOUNTS, INVOICES)
        connection = await asyncpg.connect(url)
        await connection.execute(_SETTLED.format(org=tenant.organization_id))
        await connection.execute("VACUUM ANALYZE")
        ids = [row["id"] for row in await connection.fetch("SELECT id FROM accounts ORDER BY id LIMIT $1", CHECKS)]
        await connection.close()
        nights = []
        for _ in range(2):
            started = time.perf_counter()
            assert await refresh_all(database, tenant.organization_id, TODAY) == ACCOUNTS
            nights.append(time.perf_counter() - started)
        checks = []
        for account_id in ids:
            started = time.perf_counter()
            async with database.write(tenant.organization_id, tenant.actor) as session:
                await check_order(session, CheckOrder(account_id, 100_00, "EUR"), TODAY)
            checks.append(time.perf_counter() - started)
        await database.close()
    late = sorted(checks)[int(CHECKS * 0.95)]
    rows = [
        _row("a night over 100,000 accounts, every one new", nights[0]),
        _row("a night over 100,000 accounts, nothing has changed", nights[1]),
        _row("an order checked and the decision kept, median", median(checks)),
        _row("an order checked and the decision kept, 95th percentile", late),
    ]
    print(json.dumps(rows))
    return rows


def _row(what: str, seconds: float) -> dict[str, Any]:
    return {"name": f"credit: {what}", "ours": round(seconds, 4), "baseline": None, "ratio": None, "unit": "s"}
