"""GET one invoice through all layers, against bare FastAPI + asyncpg that answers the same JSON from the same rows."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import FastAPI, Response

from app.invoices.issue import issue_invoice
from app.invoices.queries import invoice_documents
from app.invoices.rules import IssueInvoice
from app.invoices.schemas import invoice_read
from tests.benchmarks.http_load import request_bytes, run_load
from tests.benchmarks.servers import migrated, service_servers, serving
from tests.benchmarks.tokens import token_for
from tests.factories import make_tenant

CLIENTS = 8
ROUNDS = 5
SECONDS_PER_ROUND = 3.0
INVOICES = 200
OURS = "app.main:create_app"


def bare_app() -> FastAPI:
    """The baseline: one route, one query by key, no authentication, tenancy, validation or logging."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=4)
        yield
        await app.state.pool.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/invoices/{invoice_id}")
    async def get_invoice(invoice_id: UUID) -> Response:
        body = await app.state.pool.fetchval("SELECT body FROM bench_documents WHERE id = $1", invoice_id)
        return Response(body, media_type="application/json")

    return app


async def _prepare(url: str) -> tuple[list[UUID], str]:
    """Issue invoices; keep the JSON of each in a table for the baseline."""
    database = await migrated(url)
    tenant = await make_tenant(database)
    ids: list[UUID] = []
    async with database.write(tenant.organization_id, tenant.actor) as session:
        for number in range(INVOICES):
            command = IssueInvoice(
                kind="invoice",
                number=f"RE-{number}",
                legal_entity_id=tenant.legal_entity_id,
                account_id=tenant.account_id,
                currency="EUR",
                amount_minor=10_000 + number,
                invoice_date=date(2026, 3, 1),
                due_date=date(2026, 3, 31),
            )
            ids.append(await issue_invoice(session, command))
        documents = await invoice_documents(session, ids)
    await database.close()
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE bench_documents (id uuid PRIMARY KEY, body text)")
    rows = [(id_, invoice_read(row).model_dump_json()) for id_, row in documents.items()]
    await connection.executemany("INSERT INTO bench_documents VALUES ($1, $2)", rows)
    await connection.execute("ANALYZE")  # as autovacuum does in a database that runs for more than a minute
    await connection.close()
    return ids, await token_for(url, tenant)


async def run() -> list[dict[str, Any]]:
    """Rounds of ours and the baseline in turn; medians of requests a second and the median of the paired ratios."""
    with service_servers() as (url, redis, folder):
        ids, token = await _prepare(url)
        with (
            serving(OURS, url, redis, folder) as ours,
            serving("tests.benchmarks.get_invoice:bare_app", url, redis, folder) as bare,
        ):
            pairs = []
            for round_number in range(ROUNDS + 1):
                rates = []
                for port, path, bearer in ((ours, "/v1/invoices/", token), (bare, "/invoices/", None)):
                    requests = (
                        request_bytes("GET", f"{path}{ids[n % len(ids)]}", token=bearer) for n in itertools.count()
                    )
                    load = await run_load("127.0.0.1", port, requests, clients=CLIENTS, seconds=SECONDS_PER_ROUND)
                    assert set(load.statuses) == {200}, load.statuses
                    rates.append(load.rate)
                if round_number:  # the first warms up
                    pairs.append((rates[0], rates[1]))
    row = {
        "name": "get one invoice",
        "ours": round(median(a for a, _ in pairs), 1),
        "baseline": round(median(b for _, b in pairs), 1),
        "ratio": round(median(a / b for a, b in pairs), 3),
        "unit": "requests/s",
    }
    print(json.dumps(row))
    return [row]
