"""Apply payments one by one over HTTP: 8 clients, fsync on, hot invoices among them; none may be over-applied.

One request in five goes to one of a few hot invoices, which hold less than is asked for, so that the guard is tried as
well: a refusal is answered 422 and not counted.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from app.core.errors import DomainError
from app.infra.database import Database
from app.invoices.issue import issue_invoices
from app.invoices.rules import IssueInvoice
from app.payments.record import RecordPayment, record_payments
from tests.benchmarks.http_load import Load, request_bytes, run_load
from tests.benchmarks.servers import migrated, service_servers, serving
from tests.benchmarks.tokens import token_for
from tests.factories import Tenant, make_tenant

CLIENTS = 8
PAYMENTS = 6_000  # of each run
WARM_UP = 400
HOT_INVOICES = 5
HOT_SHARE = 0.2
AMOUNT_MINOR = 10_000
BATCH = 2_000
MARCH = date(2026, 3, 1)
_WRONG = """
SELECT (SELECT count(*) FROM instalments WHERE open_minor < 0)
     + (SELECT count(*) FROM payments WHERE unapplied_minor < 0)
     + (SELECT count(*) FROM instalments i WHERE applied_minor <> (
            SELECT coalesce(sum(amount_minor), 0) FROM applications a WHERE a.instalment_id = i.id))
     + (SELECT count(*) FROM payments p WHERE applied_minor <> (
            SELECT coalesce(sum(source_amount_minor), 0) FROM applications a WHERE a.payment_id = p.id))
"""


@dataclass(frozen=True, slots=True)
class Work:
    """Payments to apply, and the instalments that they settle."""

    payments: list[UUID]
    cold: list[UUID]
    hot: list[UUID]


async def _invoices(database: Database, tenant: Tenant, amounts: list[int]) -> list[UUID]:
    """Instalments of fresh invoices with these amounts."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        commands = [
            IssueInvoice(
                kind="invoice",
                number=f"RE-{random.getrandbits(64):x}",
                legal_entity_id=tenant.legal_entity_id,
                account_id=tenant.account_id,
                currency="EUR",
                amount_minor=amount,
                invoice_date=MARCH,
                due_date=date(2026, 3, 31),
            )
            for amount in amounts
        ]
        ids = await issue_invoices(session, commands)
        rows = await session.driver.fetch(
            "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = ANY($2::uuid[])",
            tenant.organization_id,
            ids,
        )
        return [row["id"] for row in rows]


async def _payments(database: Database, tenant: Tenant, count: int) -> list[UUID]:
    made: list[UUID] = []
    for start in range(0, count, BATCH):
        async with database.write(tenant.organization_id, tenant.actor) as session:
            command = RecordPayment(
                AMOUNT_MINOR, "EUR", MARCH, bank_account_id=tenant.bank_account_id, account_id=tenant.account_id
            )
            results = await record_payments(session, [command] * min(BATCH, count - start))
            made += [result for result in results if not isinstance(result, DomainError)]
    return made


async def _prepare(database: Database, tenant: Tenant, count: int) -> Work:
    cold: list[UUID] = []
    for start in range(0, count, BATCH):
        cold += await _invoices(database, tenant, [AMOUNT_MINOR] * min(BATCH, count - start))
    room = int(count * HOT_SHARE * 0.9 / HOT_INVOICES) * AMOUNT_MINOR
    hot = await _invoices(database, tenant, [max(room, AMOUNT_MINOR)] * HOT_INVOICES)
    return Work(await _payments(database, tenant, count), cold, hot)


def _requests(work: Work, token: str, *, keys: bool) -> Iterator[bytes]:
    """One application of each payment, in random order."""
    dice = random.Random(7)
    for payment, cold in zip(work.payments, work.cold, strict=True):
        instalment = dice.choice(work.hot) if dice.random() < HOT_SHARE else cold
        body = {
            "effective_date": "2026-03-02",
            "currency": "EUR",
            "lines": [{"instalment_id": str(instalment), "amount": "100.00"}],
        }
        headers = f"Idempotency-Key: {payment}\r\n" if keys else ""
        path = f"/v1/payments/{payment}/applications"
        yield request_bytes("POST", path, token=token, body=json.dumps(body).encode(), headers=headers)


async def _check(url: str, applied: int) -> None:
    """Fail when anything is over-applied, or an acknowledged application is missing."""
    connection = await asyncpg.connect(url)
    try:
        wrong = await connection.fetchval(_WRONG)
        groups = await connection.fetchval("SELECT count(DISTINCT group_id) FROM applications")
        posted = await connection.fetchval("SELECT count(*) FROM transfers WHERE event = 'application.created'")
    finally:
        await connection.close()
    assert (wrong, groups, posted) == (0, applied, applied), (wrong, groups, posted, applied)


def _rows(name: str, load: Load) -> list[dict[str, Any]]:
    """Answered applications a second and latencies of one run."""
    rate = load.statuses[201] / load.seconds
    figures = [(name, rate, "applications/s")] + [
        (f"{name}, p{share:.0%}".replace("%", ""), load.percentile_ms(share), "ms") for share in (0.5, 0.95, 0.99)
    ]
    return [{"name": n, "ours": round(f, 1), "baseline": None, "ratio": None, "unit": u} for n, f, u in figures]


async def run() -> list[dict[str, Any]]:
    """Without and with idempotency keys; every run ends with a check that none is over-applied."""
    results: list[dict[str, Any]] = []
    with service_servers() as (url, redis, folder):
        database = await migrated(url)
        tenant = await make_tenant(database)
        token = await token_for(url, tenant)
        warm = await _prepare(database, tenant, WARM_UP)
        runs = {keys: await _prepare(database, tenant, PAYMENTS) for keys in (False, True)}
        await database.close()
        with serving("app.main:create_app", url, redis, folder) as port:
            load = await run_load("127.0.0.1", port, _requests(warm, token, keys=False), clients=CLIENTS)
            applied = load.statuses[201]
            for keys, work in runs.items():
                load = await run_load("127.0.0.1", port, _requests(work, token, keys=keys), clients=CLIENTS)
                assert set(load.statuses) <= {201, 422}, load.statuses
                applied += load.statuses[201]
                await _check(url, applied)
                print(json.dumps({"statuses": load.statuses, "max_ms": round(max(load.latencies_ms), 1)}))
                results += _rows(f"apply payments{' with idempotency keys' if keys else ''}", load)
    for row in results:
        print(json.dumps(row))
    return results
