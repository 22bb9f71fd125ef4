"""Cash application in the service: a run over thousands of payments against a big ledger, PostgreSQL included.

Ours is a run by the service in a process of its own (and the second one that it starts): claims, facts, engine,
applications, postings, proposals, change log. The baseline of the same run is the least that somebody would write by
hand: for each payment one transaction that looks its reference up, and applies it when exactly one open invoice has
that number and amount; without payers, repairs, joint decisions, ledger or log.

`MATCHING_SIZES=10000` (payments, comma-separated) and `MATCHING_INVOICES=1000000` make it smaller.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import sys
import time
from contextlib import suppress
from statistics import median
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import psutil

from app.cash_application import queries
from app.cash_application.run import run_matching, start_run
from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import SYSTEM, Database
from tests.benchmarks.matching_data import PAID_ON, Ledger, add_equal_invoices, fill, record_equal, record_mix
from tests.benchmarks.servers import migrated, service_servers
from tests.factories import make_tenant

PAYMENTS = tuple(int(size) for size in os.environ.get("MATCHING_SIZES", "2500,5000,10000").split(","))
INVOICES = int(os.environ.get("MATCHING_INVOICES", "1000000"))
SMALL_SHARE = 10  # the small ledger has so many times fewer invoices and accounts
INVOICES_PER_ACCOUNT = 10
EQUAL_INVOICES = 5_000
EQUAL_PAYMENTS = 20
BY_HAND = 1_000
Result = dict[str, Any]
_FIND = """
SELECT s.id, s.account_id, s.open_minor FROM invoices i
JOIN instalments s ON s.organization_id = i.organization_id AND s.invoice_id = i.id AND s.open_minor <> 0
WHERE i.organization_id = $1 AND i.number_key = $2 AND i.voided_at IS NULL FOR UPDATE OF s
"""
_SETTLE = "UPDATE instalments SET applied_minor = applied_minor + $3 WHERE organization_id = $1 AND id = $2"
_SPEND = """
UPDATE payments SET applied_minor = applied_minor + $3, account_id = $4, matching_state = 'done'
WHERE organization_id = $1 AND id = $2
"""
_APPLY = """
INSERT INTO applications (organization_id, id, group_id, legal_entity_id, account_id, payment_id, instalment_id,
    currency, amount_minor, source_currency, source_amount_minor, effective_date, origin, actor_kind, actor_name)
SELECT $1, gen_random_uuid(), gen_random_uuid(), legal_entity_id, $4, id, $3, currency, $5, currency, $5, $6,
    'automatic', 'system', 'by hand'
FROM payments WHERE organization_id = $1 AND id = $2
"""


async def _by_hand(url: str, ledger: Ledger) -> float:
    """Payments a second of the exact match by hand, on some payments that wait; rolled back at the end of each."""
    org = ledger.tenant.organization_id
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT id, amount_minor, remittance_text FROM payments WHERE organization_id = $1"
            " AND matching_state = 'waiting' ORDER BY id LIMIT $2",
            org,
            BY_HAND,
        )
        started = time.perf_counter()
        for row in rows:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("SELECT set_config('app.recorded_at', clock_timestamp()::text, true)")
            named = re.search(r"RE-(\d+)", row["remittance_text"] or "")
            found = await connection.fetch(_FIND, org, f"RE{named.group(1)}") if named else []
            if len(found) == 1 and found[0]["open_minor"] == row["amount_minor"]:
                instalment, account, minor = found[0]
                await connection.execute(_SETTLE, org, instalment, minor)
                await connection.execute(_SPEND, org, row["id"], minor, account)
                await connection.execute(_APPLY, org, row["id"], instalment, account, minor, PAID_ON)
            await transaction.rollback()  # the books stay as they are for ours; so without the cost of a commit
        return len(rows) / (time.perf_counter() - started)
    finally:
        await connection.close()


async def _run(url: str, organization_id: UUID) -> Result:
    """One run in this process: what the child prints."""
    settings = DatabaseSettings(driver_url(url), APP_ROLE, pool_size=4)
    database = Database.connect(settings)
    async with database.write(organization_id, SYSTEM) as session:
        run_id = await start_run(session, trigger="person", today=PAID_ON)
    started = time.perf_counter()
    await run_matching(database, organization_id, run_id, settings)
    seconds = time.perf_counter() - started
    async with database.read(organization_id) as reading:
        run = await queries.get_run(reading, run_id)
    await database.close()
    own, other = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "payments": run.payments_done,
        "applied": run.report.get("applied", {}).get("payments", 0),
        "seconds": seconds,
        "cpu_seconds": own.ru_utime + own.ru_stime + other.ru_utime + other.ru_stime,
        "memory_mb": (own.ru_maxrss + other.ru_maxrss) / 1024,
    }


async def _postgres_seconds(url: str) -> float:
    """The processor time of the server so far: of what runs, and of the backends that ended."""
    connection = await asyncpg.connect(url)
    postmaster = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()")).parent()
    await connection.close()
    assert postmaster is not None
    spent = postmaster.cpu_times()
    seconds = spent.user + spent.system + spent.children_user + spent.children_system
    for child in postmaster.children():
        with suppress(psutil.NoSuchProcess):
            seconds += child.cpu_times().user + child.cpu_times().system
    return float(seconds)


async def _timed(url: str, ledger: Ledger) -> Result:
    """A run in a fresh process, as a worker that has just started: its peak memory is its own."""
    before = await _postgres_seconds(url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.matching", url, str(ledger.tenant.organization_id),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    result: Result = json.loads(out.splitlines()[-1])
    result["postgres_seconds"] = await _postgres_seconds(url) - before
    return result


async def _measure(url: str, invoices: int) -> tuple[list[Result], Result]:
    """Runs of every size against a ledger in a database of its own; and the account with equal invoices."""
    own = urlunsplit(urlsplit(url)._replace(path=f"/matching_{invoices}"))
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE matching_{invoices}")
    await connection.close()
    database = await migrated(own)
    ledger = await fill(own, await make_tenant(database), invoices // INVOICES_PER_ACCOUNT, invoices)
    results = []
    for seed, size in enumerate(PAYMENTS, 1):
        kinds = await record_mix(database, ledger, size, seed)
        by_hand = await _by_hand(own, ledger)
        result = {**await _timed(own, ledger), "invoices": invoices, "by_hand": by_hand, "mix": kinds}
        print(json.dumps({name: round(v, 2) if isinstance(v, float) else v for name, v in result.items()}), flush=True)
        results.append(result)
    account = await add_equal_invoices(own, ledger, EQUAL_INVOICES)
    await record_equal(database, ledger, account, EQUAL_PAYMENTS)
    equal = await _timed(own, ledger)
    await database.close()
    return results, equal


async def run() -> list[Result]:
    """Two ledgers, three sizes of runs each; and one account with thousands of equal invoices."""
    with service_servers() as (url, _redis, _folder):
        small, _ = await _measure(url, INVOICES // SMALL_SHARE)
        big, equal = await _measure(url, INVOICES)
    rows = [_row(result) for result in (*small, *big)]
    memory = max(result["memory_mb"] for result in big)
    largest, same = big[-1]["seconds"] / big[-1]["payments"], small[-1]["seconds"] / small[-1]["payments"]
    cpu = median((result["cpu_seconds"] + result["postgres_seconds"]) / result["payments"] for result in big)
    share = median(result["applied"] / result["payments"] for result in big)
    growth = big[-1]["seconds"] * PAYMENTS[0] / (big[0]["seconds"] * PAYMENTS[-1])
    name = f"{EQUAL_INVOICES:,} equal invoices of one account"
    each = equal["seconds"] / equal["payments"]
    return [
        *rows,
        _figure("matching: processor time a payment, PostgreSQL included", 1_000 * cpu, "ms"),
        _figure("matching: peak memory of both processes", memory, "MB"),
        _figure("matching: share applied automatically", share, "share"),
        _figure(f"matching: time a payment, {INVOICES:,} to {INVOICES // SMALL_SHARE:,} invoices", largest / same, "x"),
        _figure(f"matching: time a payment, {PAYMENTS[-1]:,} to {PAYMENTS[0]:,} payments", growth, "x"),
        _figure(f"matching: {name}", each, "s/payment"),
        _figure(f"matching: {name}, applied automatically", equal["applied"], "payments"),
    ]


def _row(result: Result) -> Result:
    rate = result["payments"] / result["seconds"]
    return {
        "name": f"matching {result['payments']:,} payments against {result['invoices']:,} open invoices",
        "ours": round(rate, 1),
        "baseline": round(result["by_hand"], 1),
        "ratio": round(rate / result["by_hand"], 3),
        "unit": "payments/s",
    }


def _figure(name: str, figure: float, unit: str) -> Result:
    return {"name": name, "ours": round(figure, 4), "baseline": None, "ratio": None, "unit": unit}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(sys.argv[1], UUID(sys.argv[2])))))
