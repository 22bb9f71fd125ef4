"""Import 100,000 invoices from CSV through the public import, against COPY of all rows that it leaves.

Ours: HTTP upload to a service process, job in a worker process, until the import says `completed`. The baseline: COPY,
as superuser, of the rows of all tables touched into clones with the same indexes, in the same database.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil

from tests.benchmarks.servers import TOKEN_SECRET, migrated, service_servers, serving
from tests.benchmarks.tokens import token_for
from tests.factories import make_tenant

INVOICES = int(os.environ.get("DUECOURSE_BENCH_INVOICES", "100000"))
ACCOUNTS = 5_000
TABLES = ("invoices", "instalments", "adjustments", "transfers", "change_log", "change_seals", "imports",
          "import_row_errors", "stored_files")  # fmt: skip
MAPPING = {
    "format": {"delimiter": ";", "decimal_separator": ",", "date_formats": ["%d.%m.%Y"]},
    "columns": {
        "number": "Belegnummer",
        "account_number": "Debitor",
        "invoice_date": "Belegdatum",
        "due_date": "Faellig",
        "amount": "Betrag",
        "tax_amount": "Steuer",
        "purchase_order": "Bestellung",
        "external_id": "Schluessel",
    },
    "constants": {"currency": "EUR", "source": "erp"},
}


def write_extract(path: Path, rows: int) -> None:
    """A semicolon-separated extract with decimal comma, as German systems write it."""
    dice = random.Random(7)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("Belegnummer;Debitor;Belegdatum;Faellig;Betrag;Steuer;Bestellung;Schluessel\n")
        for number in range(rows):
            issued = date(2024, 1, 1) + timedelta(days=dice.randrange(700))
            cents = dice.randrange(1_000, 5_000_000)
            tax = cents * 19 // 119
            stream.write(
                f"RE{number:07};A{dice.randrange(ACCOUNTS):05};{issued:%d.%m.%Y};{issued + timedelta(30):%d.%m.%Y};"
                f"{cents // 100},{cents % 100:02};{tax // 100},{tax % 100:02};PO-{number};K{number:09}\n"
            )


@contextmanager
def working(url: str, redis_url: str, folder: Path) -> Iterator[psutil.Process]:
    """A worker process."""
    env = {
        **os.environ,
        "DATABASE_URL": url,
        "REDIS_URL": redis_url,
        "DUECOURSE_DATA_DIR": str(folder),
        "DUECOURSE_TOKEN_SECRET": TOKEN_SECRET,
        "DUECOURSE_LOG_LEVEL": "error",
    }
    process = subprocess.Popen([sys.executable, "-m", "workers.main"], env=env)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _until_awake(connection: asyncpg.Connection, seconds: float = 60) -> None:
    """Wait for the worker's first sign of life: an import is measured, not the start of a process."""
    deadline = time.monotonic() + seconds
    while not await connection.fetchval("SELECT EXISTS (SELECT FROM heartbeats WHERE kind = 'worker')"):
        if time.monotonic() > deadline:
            raise RuntimeError("the worker did not start")
        await asyncio.sleep(0.1)


async def _load(port: int, token: str, file: Path, worker: psutil.Process) -> tuple[float, int]:
    """Upload and wait; (seconds, largest resident bytes of the worker)."""
    peak = 0
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=120) as http:
        started = time.perf_counter()
        form = {"kind": "invoices", "mapping": json.dumps(MAPPING)}
        with file.open("rb") as stream:
            content = stream.read()
        answer = await http.post("/v1/imports", data=form, files={"file": (file.name, content)})
        made = answer.raise_for_status().json()
        while made["state"] in ("queued", "running"):
            await asyncio.sleep(0.1)
            peak = max(peak, worker.memory_info().rss)
            made = (await http.get(f"/v1/imports/{made['id']}")).raise_for_status().json()
        seconds = time.perf_counter() - started
    if made["state"] != "completed" or made["rows_created"] != INVOICES:
        raise RuntimeError(f"the import ended {made['state']}: {made['error']}, {made['rows_created']} created")
    return seconds, peak


async def _copy(connection: asyncpg.Connection, folder: Path) -> tuple[float, int]:
    """COPY everything that the import left into clones with the same indexes: (seconds, rows)."""
    seconds, rows = 0.0, 0
    for table in TABLES:
        columns = [
            row["attname"]
            for row in await connection.fetch(
                "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped"
                " AND attgenerated = '' ORDER BY attnum",
                table,
            )
        ]
        file = folder / f"{table}.copy"
        source = f"SELECT {', '.join(columns)} FROM {table}"
        await connection.copy_from_query(source, output=file, format="text")
        await connection.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
        started = time.perf_counter()
        status = await connection.copy_to_table(f"bench_{table}", source=file, columns=columns, format="text")
        seconds += time.perf_counter() - started
        rows += int(status.split()[-1])
    return seconds, rows


async def run() -> list[dict[str, Any]]:
    """Rows a second of both, and the worker's memory."""
    with service_servers() as (url, redis_url, folder):
        database = await migrated(url)
        tenant = await make_tenant(database)
        await database.close()
        connection = await asyncpg.connect(url, server_settings={"jit": "off"})
        await connection.execute(
            "INSERT INTO accounts (organization_id, id, number, name, currency, created_at, updated_at)"
            " SELECT $1, gen_random_uuid(), 'A' || lpad(g::text, 5, '0'), 'Customer ' || g, 'EUR', now(), now()"
            " FROM generate_series(0, $2::int) g",
            tenant.organization_id,
            ACCOUNTS,
        )
        file = folder / "invoices.csv"
        write_extract(file, INVOICES)
        token = await token_for(url, tenant)
        with serving("app.main:create_app", url, redis_url, folder) as port, working(url, redis_url, folder) as worker:
            await _until_awake(connection)
            seconds, peak = await _load(port, token, file, worker)
        await connection.execute("CHECKPOINT")
        copy_seconds, rows = await _copy(connection, folder)
        await connection.close()
    ours, baseline = INVOICES / seconds, INVOICES / copy_seconds
    print(f"import {seconds:.1f} s, COPY of {rows:,} rows {copy_seconds:.1f} s, worker {peak / 1e6:.0f} MB")
    return [
        {"name": "import_invoices", "ours": ours, "baseline": baseline, "ratio": ours / baseline, "unit": "invoices/s"},
        {"name": "import_invoices_memory", "ours": peak / 1e6, "baseline": 300.0, "ratio": peak / 3e8, "unit": "MB"},
    ]
