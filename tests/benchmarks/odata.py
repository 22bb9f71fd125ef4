"""A page of 5,000 open items over OData, all layers, against the same SQL by asyncpg and `json.dumps`.

`make bench ONLY=odata`. 1,000,000 open invoices of 100,000 accounts; pages in the middle of the feed.
"""

from __future__ import annotations

import json
import time
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any

import asyncpg
import httpx

from tests.benchmarks.aging import fill
from tests.benchmarks.servers import migrated, service_servers, serving
from tests.benchmarks.tokens import token_for
from tests.factories import make_tenant

ACCOUNTS, INVOICES, PAGES = 100_000, 1_000_000, 12
_BY_HAND = """
SELECT i.id, i.invoice_id, d.number, d.kind, i.ordinal, a.id AS account_id, a.number AS account_number, a.name,
    a.segment, a.country, a.collector_id, u.display_name, e.code, i.currency, i.amount_minor / 100.0 AS amount,
    i.open_minor / 100.0 AS open_amount, i.invoice_date, i.due_date, current_date - i.due_date AS days_past_due,
    d.purchase_order, d.source, d.external_id, i.updated_at
FROM instalments i
JOIN invoices d ON d.organization_id = $1 AND d.id = i.invoice_id
LEFT JOIN legal_entities e ON e.organization_id = $1 AND e.id = i.legal_entity_id
LEFT JOIN accounts a ON a.organization_id = $1 AND a.id = i.account_id
LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.collector_id
WHERE i.organization_id = $1 AND i.open_minor <> 0 AND i.id > $2 ORDER BY i.id LIMIT 5000
"""


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date) else str(value)


async def run() -> list[dict[str, Any]]:
    """Medians of following pages."""
    with service_servers() as (url, redis, folder):
        database = await migrated(url)
        tenant = await make_tenant(database)
        await fill(url, tenant, ACCOUNTS, INVOICES)
        await database.close()
        token = await token_for(url, tenant)
        owner = await asyncpg.connect(url)
        last: Any = "00000000-0000-0000-0000-000000000000"
        by_hand: list[float] = []
        for _ in range(PAGES):
            began = time.perf_counter()
            rows = await owner.fetch(_BY_HAND, tenant.organization_id, last)
            json.dumps([dict(row) for row in rows], default=_plain)
            by_hand.append((time.perf_counter() - began) * 1000)
            last = rows[-1]["id"]
        await owner.close()
        ours: list[float] = []
        with serving("app.main:create_app", url, redis, folder) as port:
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(headers=headers, timeout=60) as client:
                address = f"http://127.0.0.1:{port}/v1/odata/v4/OpenItems"
                for _ in range(PAGES):
                    began = time.perf_counter()
                    answer = await client.get(address)
                    ours.append((time.perf_counter() - began) * 1000)
                    found = answer.json()
                    assert len(found["value"]) == 5_000
                    address = found["@odata.nextLink"]
    mine, theirs = median(ours[1:]), median(by_hand[1:])
    return [
        {"name": "OData page of 5,000 open items", "ours": round(mine, 1), "baseline": round(theirs, 1),
         "ratio": round(mine / theirs, 2), "unit": "ms (raw SQL and json.dumps)"},
    ]  # fmt: skip


if __name__ == "__main__":
    import asyncio

    print(asyncio.run(run()))
