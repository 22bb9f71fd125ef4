"""After the chaos: every acknowledged write is there exactly once, nothing else is, and the books are right."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from tests.chaos.journal import Journal

DRAIN_SECONDS = 120.0
REPLAYS = 40
_OVER_APPLIED = """
SELECT 'instalment' AS kind, i.id FROM instalments i LEFT JOIN (
    SELECT instalment_id, sum(amount_minor + discount_minor + write_off_minor) AS minor FROM applications GROUP BY 1
) a ON a.instalment_id = i.id
WHERE coalesce(a.minor, 0) <> i.applied_minor OR i.open_minor < 0 OR coalesce(a.minor, 0) > i.amount_minor
UNION ALL
SELECT 'payment', p.id FROM payments p LEFT JOIN (
    SELECT payment_id, sum(source_amount_minor) AS minor FROM applications GROUP BY 1
) a ON a.payment_id = p.id
WHERE coalesce(a.minor, 0) <> p.applied_minor OR p.unapplied_minor < 0 OR coalesce(a.minor, 0) > p.amount_minor
"""
_CHANGES = """
SELECT entity_type, entity_id, event, count(*) FROM change_log
WHERE event IN ('invoice.issued', 'payment.recorded') GROUP BY 1, 2, 3 HAVING count(*) <> 1
"""
_UNSEALED = "SELECT count(*) FROM change_log c LEFT JOIN change_seals s USING (organization_id, id) WHERE s.id IS NULL"
_GAPS = """
SELECT count(*) FROM (
    SELECT max(position) - count(*) AS gap FROM change_seals GROUP BY organization_id
) gaps WHERE gap <> 0
"""


async def wait_for_jobs(connection: asyncpg.Connection) -> tuple[float, list[str]]:
    """Wait until nothing is owed or leased any more; seconds it took, and what is left or dead."""
    began = time.monotonic()
    while True:
        rows = await connection.fetch(  # what is owed for a later moment is not late
            "SELECT kind, state, count(*) AS n FROM jobs WHERE state <> 'done'"
            " AND NOT (state = 'due' AND run_at > clock_timestamp()) GROUP BY 1, 2"
        )
        left = [f"{row['n']} {row['kind']} jobs are {row['state']}" for row in rows]
        unsealed = await connection.fetchval(_UNSEALED)
        waiting = any(row["state"] != "dead" for row in rows)
        if not waiting and not unsealed:
            return time.monotonic() - began, left
        if time.monotonic() - began > DRAIN_SECONDS:
            return time.monotonic() - began, [*left, *([f"{unsealed} changes are not sealed"] if unsealed else [])]
        await asyncio.sleep(0.2)


async def verify(connection: asyncpg.Connection, client: httpx.AsyncClient, journal: Journal, seed: int) -> list[str]:
    """Everything that is not as it must be."""
    found = [
        *await _documents(connection, journal),
        *await _applications(connection, journal),
        *await _imports(connection, journal),
        *[f"{row['kind']} {row['id']} is over-applied" for row in await connection.fetch(_OVER_APPLIED)],
        *[f"{tuple(row)} is in the change log more than once" for row in await connection.fetch(_CHANGES)],
    ]
    if await connection.fetchval(_GAPS):
        found.append("the sealed positions have gaps")
    if await connection.fetchval("SELECT count(*) FROM idempotency_keys WHERE status IS NULL"):
        found.append("idempotency keys are left without an answer")
    found += await _proof(client)
    found += await _replays(client, journal, seed)
    return found


def _compare(what: str, expected: Iterable[Any], present: list[Any]) -> list[str]:
    """Lost, doubled and unexplained entries."""
    wanted, seen = set(expected), set(present)
    faults = [f"{what} {entry} was acknowledged and is lost" for entry in sorted(wanted - seen)[:20]]
    faults += [f"{what} {entry} is there, but nobody was told" for entry in sorted(seen - wanted)[:20]]
    if len(present) != len(seen):
        faults.append(f"{len(present) - len(seen)} entries of {what} are there twice")
    return faults


async def _documents(connection: asyncpg.Connection, journal: Journal) -> list[str]:
    rows = await connection.fetch("SELECT number, id::text AS id, amount_minor FROM invoices WHERE number LIKE 'C-%'")
    wanted = [(number, made.id, made.amount_minor) for number, made in journal.invoices.items()]
    faults = _compare("invoice", wanted, [tuple(row) for row in rows])
    rows = await connection.fetch(
        "SELECT bank_reference, id::text AS id, amount_minor FROM payments WHERE bank_reference LIKE 'R-%'"
    )
    paid = [(reference, id_, amount) for reference, (id_, amount) in journal.payments.items()]
    return faults + _compare("payment", paid, [tuple(row) for row in rows])


async def _applications(connection: asyncpg.Connection, journal: Journal) -> list[str]:
    """Manual groups are those acknowledged; the worker's own are checked by the sums alone."""
    rows = await connection.fetch(
        "SELECT group_id::text, payment_id::text, instalment_id::text, amount_minor FROM applications"
        " WHERE origin = 'manual' AND reverses_id IS NULL"
    )
    wanted = [(key, made.payment_id, made.instalment_id, made.amount_minor) for key, made in journal.groups.items()]
    faults = _compare("application", wanted, [tuple(row) for row in rows])
    rows = await connection.fetch(
        "SELECT u.group_id::text, a.group_id::text FROM applications u JOIN applications a"
        " ON a.organization_id = u.organization_id AND a.id = u.reverses_id WHERE u.reverses_id IS NOT NULL"
    )
    return faults + _compare("undo", journal.undone.items(), [tuple(row) for row in rows])


async def _imports(connection: asyncpg.Connection, journal: Journal) -> list[str]:
    rows = await connection.fetch("SELECT id::text, state, rows_created, rows_refused FROM imports")
    wanted = [(key, "completed", len(numbers), 0) for key, numbers in journal.imports.items()]
    faults = _compare("import", wanted, [tuple(row) for row in rows])
    rows = await connection.fetch("SELECT number, amount_minor FROM invoices WHERE number LIKE 'M-%'")
    imported = {pair for numbers in journal.imports.values() for pair in numbers.items()}
    return faults + _compare("imported invoice", imported, [tuple(row) for row in rows])


async def _proof(client: httpx.AsyncClient) -> list[str]:
    proof = (await client.get("/v1/proof")).raise_for_status().json()
    faults = [f"the proof does not hold: {line}" for line in proof["lines"] if not line["holds"]]
    if not proof["holds"] or not proof["lines"]:
        faults.append("the proof does not hold or proves nothing")
    if proof["running"] is not None and not proof["running"]["holds"]:
        faults.append(f"the running columns differ: {proof['running']}")
    return faults


async def _replays(client: httpx.AsyncClient, journal: Journal, seed: int) -> list[str]:
    """The same key and body once more give the same answer, and change nothing (the counts were taken before)."""
    faults = []
    sample = random.Random(seed).sample(journal.answers, min(REPLAYS, len(journal.answers)))
    for path, key, body, id_ in sample:
        answer = await client.post(path, json=body, headers={"Idempotency-Key": key})
        again = answer.json().get("id") or answer.json().get("group_id")
        if answer.headers.get("idempotency-replayed") != "true" or again != id_ or UUID(id_).version != 7:
            faults.append(f"a replay of {path} gave {answer.status_code} {again}, not {id_}")
    return faults
