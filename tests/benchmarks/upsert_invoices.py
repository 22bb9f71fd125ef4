"""Upsert batches of 1,000 invoices over HTTP, new and unchanged, against raw INSERTs of what new ones leave."""

from __future__ import annotations

import json
import time
from statistics import median
from typing import Any

import asyncpg

from tests.benchmarks.http_load import request_bytes, run_load
from tests.benchmarks.servers import migrated, service_servers, serving
from tests.benchmarks.tokens import token_for
from tests.factories import Tenant, make_tenant

BATCH = 1_000
ROUNDS = 5
OURS = "app.main:create_app"
TABLES = ("invoices", "instalments", "transfers", "change_log")


def _body(tenant: Tenant, round_number: int) -> bytes:
    items = [
        {
            "number": f"RE-{round_number}-{n}",
            "external_ref": {"source": "gp", "id": f"{round_number}-{n}"},
            "account_id": str(tenant.account_id),
            "legal_entity_id": str(tenant.legal_entity_id),
            "currency": "EUR",
            "amount": f"{100 + n}.00",
            "tax_amount": "15.00",
            "invoice_date": "2026-03-01",
            "due_date": "2026-03-31",
        }
        for n in range(BATCH)
    ]
    return json.dumps({"items": items}).encode()


async def _send(port: int, body: bytes, token: str) -> float:
    """Seconds that one batch took; every batch must be answered 200."""
    request = request_bytes("POST", "/v1/invoices/batch", token=token, body=body)
    load = await run_load("127.0.0.1", port, iter([request]), clients=1)
    assert load.statuses == {200: 1}, load.statuses
    return load.latencies_ms[0] / 1000


async def _raw_insert(
    connection: asyncpg.Connection, rows: dict[str, tuple[list[str], list[tuple[Any, ...]]]]
) -> float:
    """Seconds that plain multi-row INSERTs of a batch's rows take, as owner, in one transaction."""
    started = time.perf_counter()
    async with connection.transaction():
        for table, (columns, values) in rows.items():
            marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
            await connection.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE VALUES ({marks})", values
            )
    return time.perf_counter() - started


async def _rows_of_last(connection: asyncpg.Connection, round_number: int) -> dict[str, Any]:
    """The rows that the batch of that round left, taken out of the tables so that they can be inserted again."""
    chosen = {
        "invoices": f"external_id LIKE '{round_number}-%'",
        "instalments": f"invoice_id IN (SELECT id FROM invoices WHERE external_id LIKE '{round_number}-%')",
        "transfers": f"source_id IN (SELECT id FROM invoices WHERE external_id LIKE '{round_number}-%')",
        "change_log": f"entity_id IN (SELECT id FROM invoices WHERE external_id LIKE '{round_number}-%')",
    }
    kept: dict[str, Any] = {}
    for table in TABLES:
        columns = await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = '' ORDER BY attnum",
            table,
        )
        names = [row["attname"] for row in columns]
        rows = await connection.fetch(f"SELECT {', '.join(names)} FROM {table} WHERE {chosen[table]}")
        kept[table] = (names, [tuple(row) for row in rows])
    return kept


async def _remove(connection: asyncpg.Connection, rows: dict[str, Any]) -> None:
    for table in reversed(TABLES):
        names, values = rows[table]
        ids = [value[names.index("id")] for value in values]
        await connection.execute(f"DELETE FROM {table} WHERE id = ANY($1::uuid[])", ids)


async def run() -> list[dict[str, Any]]:
    """Rounds of a new batch, the same batch again, and the raw INSERT of its rows; medians of documents a second."""
    new, unchanged, raw = [], [], []
    with service_servers() as (url, redis, folder):
        database = await migrated(url)
        tenant = await make_tenant(database)
        await database.close()
        token = await token_for(url, tenant)
        connection = await asyncpg.connect(url)
        with serving(OURS, url, redis, folder) as port:
            for round_number in range(ROUNDS + 1):
                body = _body(tenant, round_number)
                seconds = [await _send(port, body, token), await _send(port, body, token)]
                rows = await _rows_of_last(connection, round_number)
                await _remove(connection, rows)
                seconds.append(await _raw_insert(connection, rows))
                if not round_number:  # the first warms up; autovacuum would gather statistics within a minute
                    await connection.execute("ANALYZE")
                else:
                    for kept, taken in zip((new, unchanged, raw), seconds, strict=True):
                        kept.append(BATCH / taken)
        count = await connection.fetchval("SELECT count(*) FROM invoices")
        assert count == BATCH * (ROUNDS + 1), count
        await connection.close()
    results = [_row("upsert new invoices", new, raw), _row("upsert unchanged invoices", unchanged, raw)]
    for row in results:
        print(json.dumps(row))
    return results


def _row(name: str, ours: list[float], baseline: list[float]) -> dict[str, Any]:
    return {
        "name": name,
        "ours": round(median(ours), 1),
        "baseline": round(median(baseline), 1),
        "ratio": round(median(a / b for a, b in zip(ours, baseline, strict=True)), 3),
        "unit": "documents/s",
    }
