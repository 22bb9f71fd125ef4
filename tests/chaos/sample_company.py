"""The load of the sample company under kills: what its files say is there once, and the books hold."""

from __future__ import annotations

import asyncio
import csv
import random
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import httpx

from app.demo.generator.generate import generate
from tests.chaos.journal import Journal
from tests.chaos.stack import TARGETS, Stack, running
from tests.chaos.verify import verify, wait_for_jobs

LOAD_SECONDS = 1_800.0
PAUSE_SECONDS = (4.0, 12.0)
_COUNTS = """
SELECT (SELECT count(*) FROM accounts) AS accounts,
       (SELECT count(*) FROM invoices) + (SELECT count(*) FROM credit_memos) AS documents,
       (SELECT count(*) FROM bank_statements) AS statements,
       (SELECT count(*) FROM payments p LEFT JOIN bank_entries e ON e.payment_id = p.id WHERE e.id IS NULL) AS stray,
       (SELECT count(*) - count(DISTINCT payment_id) FROM bank_entries WHERE outcome = 'payment') AS shared
"""


def sample_company_under_kills(seed: int, accounts: int, invoices: int, *, keep: bool = False) -> tuple[str, list[str]]:
    """Start, load, kill by turns until the load has ended; a summary and the faults."""
    sizes = {"DUECOURSE_DEMO_ACCOUNTS": str(accounts), "DUECOURSE_DEMO_INVOICES": str(invoices)}
    with running(sample_company=True, keep=keep, environment=sizes) as stack:
        began = time.monotonic()
        _kill_until_loaded(stack, random.Random(seed))
        loaded = time.monotonic() - began
        stack.wait_until_ready()
        counts, faults = asyncio.run(_verify(stack, accounts, invoices))
        kills = ", ".join(f"{name} {stack.killed.get(name, 0)}" for name in TARGETS)
        text = f"sample company of {accounts} accounts and {invoices} invoices, seed {seed}\n  killed  {kills}\n"
        text += f"  loaded  in {loaded:.0f} s: {counts}\n  found   {len(faults)} faults"
        if faults:
            text += "".join(f"\n    {fault}" for fault in faults) + "\n" + stack.output()
        return text, faults


def _kill_until_loaded(stack: Stack, dice: random.Random) -> None:
    """The supervisor notes in a file that the load has ended well."""
    deadline = time.monotonic() + LOAD_SECONDS
    order: list[str] = []
    while not (stack.folder / "data" / "demo_loaded").exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the load does not end:\n{stack.output()}")
        order = order or dice.sample(TARGETS, len(TARGETS))
        time.sleep(dice.uniform(*PAUSE_SECONDS))
        if stack.kill(order[-1]):
            order.pop()


async def _verify(stack: Stack, accounts: int, invoices: int) -> tuple[dict[str, int], list[str]]:
    connection = await asyncpg.connect(stack.database_url())
    headers = {"Authorization": f"Bearer {stack.token}"}
    try:
        _, left = await wait_for_jobs(connection)
        async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=120) as client:
            organization = (await client.get("/v1/organizations")).raise_for_status().json()["data"][0]
            made = datetime.fromisoformat(organization["created_at"]).date()
            faults = left + [
                fault
                for fault in await verify(connection, client, Journal(), 0)
                if not fault.startswith(("import", "application", "undo"))  # those are the load's own
            ]
        found = dict(await connection.fetchrow(_COUNTS))
    finally:
        await connection.close()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, accounts=accounts, invoices=invoices, until=made - timedelta(days=1))
        expected = {
            "accounts": _rows(folder / "accounts.csv"),
            "documents": _rows(folder / "invoices.csv"),
            "statements": len(list((folder / "statements").glob("*/*.xml"))),
            "stray": 0,
            "shared": 0,
        }
    faults += [f"{found[key]} {key}, {number} in the files" for key, number in expected.items() if found[key] != number]
    return found, faults


def _rows(file: Path) -> int:
    with file.open(newline="", encoding="utf-8") as lines:
        return sum(1 for _ in csv.reader(lines)) - 1
