"""The worklist over 100,000 accounts: one page through HTTP, against the same page by hand-written SQL."""

from __future__ import annotations

import itertools
import json
import time
from statistics import median
from typing import Any
from urllib.parse import quote
from uuid import UUID

import asyncpg

from app.core.ids import new_id
from app.desk.worklist import refresh_worklist
from tests.benchmarks.aging import AS_OF, fill
from tests.benchmarks.http_load import request_bytes, run_load
from tests.benchmarks.servers import migrated, service_servers, serving
from tests.benchmarks.tokens import token_for
from tests.factories import Tenant, make_tenant

ACCOUNTS = 100_000
INVOICES = 300_000
COLLECTORS = 10
SECONDS = 8.0
ROUNDS = 200
_COLLECTORS = """
INSERT INTO users (organization_id, id, email, display_name, roles)
SELECT $1, u.id, 'c' || u.n || '@acme.example', 'Collector ' || u.n, '{collector}' FROM unnest($2::uuid[])
    WITH ORDINALITY AS u(id, n)
"""
_ASSIGN = """
UPDATE accounts a SET collector_id = ($2::uuid[])[1 + n.n % cardinality($2::uuid[])]
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM accounts WHERE organization_id = $1) n
WHERE a.organization_id = $1 AND a.id = n.id
"""
_BY_HAND = """
SELECT w.*, a.number, a.name FROM worklist_entries w
JOIN accounts a ON a.organization_id = w.organization_id AND a.id = w.id
WHERE w.organization_id = $1 AND w.collector_id = $2 ORDER BY w.score_minor DESC, w.id DESC LIMIT 51
"""


async def _prepare(url: str, tenant: Tenant) -> list[UUID]:
    await fill(url, tenant, ACCOUNTS, INVOICES)
    collectors = [new_id() for _ in range(COLLECTORS)]
    connection = await asyncpg.connect(url)
    await connection.execute("SELECT set_config('app.recorded_at', now()::text, false)")
    await connection.execute(_COLLECTORS, tenant.organization_id, collectors)
    await connection.execute(_ASSIGN, tenant.organization_id, collectors)
    await connection.execute("VACUUM ANALYZE accounts")
    await connection.close()
    return collectors


async def run() -> list[dict[str, Any]]:
    """Pages of all kinds from one client at a time; the 95th percentile, and the refresh of everything."""
    with service_servers() as (url, redis, folder):
        database = await migrated(url)
        tenant = await make_tenant(database)
        collectors = await _prepare(url, tenant)
        started = time.perf_counter()
        listed = await refresh_worklist(database, tenant.organization_id, AS_OF)
        refresh_seconds = time.perf_counter() - started
        await database.close()
        assert listed > ACCOUNTS // 2, listed
        owner = await asyncpg.connect(url)
        await owner.execute("VACUUM ANALYZE worklist_entries")
        token = await token_for(url, tenant)
        by_hand = []
        for round_number in range(ROUNDS):
            begun = time.perf_counter()
            await owner.fetch(_BY_HAND, tenant.organization_id, collectors[round_number % COLLECTORS])
            by_hand.append((time.perf_counter() - begun) * 1000)
        await owner.close()
        with serving("app.main:create_app", url, redis, folder) as port:
            loads = {}
            for name, queries in _QUERIES.items():
                paths = itertools.cycle(f"/v1/worklist?{q.format(collector=c)}" for c in collectors for q in queries)
                requests = (request_bytes("GET", path, token=token) for path in paths)
                loads[name] = await run_load("127.0.0.1", port, requests, clients=1, seconds=SECONDS)
                assert set(loads[name].statuses) == {200}, loads[name].statuses
    baseline = round(median(by_hand), 2)
    rows = [
        {"name": f"worklist of {listed:,} accounts: {name}, p95", "ours": round(load.percentile_ms(0.95), 1),
         "baseline": baseline, "ratio": round(load.percentile_ms(0.95) / baseline, 2), "unit": "ms"}
        for name, load in loads.items()
    ]  # fmt: skip
    rows.append(
        {"name": f"worklist: rank {ACCOUNTS:,} accounts anew", "ours": round(refresh_seconds, 1), "baseline": None,
         "ratio": None, "unit": "s"}
    )  # fmt: skip
    print(json.dumps(rows))
    return rows


_QUERIES = {
    "a collector's first page": ["collector_id={collector}"],
    "filtered": [
        "collector_id={collector}&next_action=call",
        "days_late_at_least=60",
        f"signal={quote('contact_missing')}",
        "overdue_at_least=5000.00",
    ],
    "the whole organization": ["limit=200"],
}
