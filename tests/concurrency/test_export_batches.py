"""Batches of the journal under rivals and failures: every transfer leaves once, none is lost."""

from __future__ import annotations

import asyncio
from datetime import date

from app.core.ids import new_id
from app.infra.database import Database
from app.integrations.outbound.errors import NothingToExport
from app.integrations.outbound.service import NewBatch, make_batch
from app.ledger.posting import post
from app.ledger.rules import TransferRow
from tests.factories import Tenant, make_tenant

TRANSFERS = 60


class Killed(Exception):
    """The process ends in the middle of a transaction."""


async def write(database: Database, tenant: Tenant, count: int) -> None:
    for number in range(count):
        async with database.write(tenant.organization_id, tenant.actor) as session:
            row = TransferRow(
                tenant.legal_entity_id, "invoice.issued", "receivables", "revenue", number + 1, "EUR",
                date(2026, 3, 1), account_id=tenant.account_id,
            )  # fmt: skip
            post(session, [row])


async def export(database: Database, tenant: Tenant, *, dies_first: bool) -> None:
    """Make batches until nothing is left; one maker is killed after its first batch was written."""
    while True:
        try:
            async with database.write(tenant.organization_id, tenant.actor) as session:
                await make_batch(session, NewBatch("journal", rows_max=7, on_unmapped="use_role"))
                if dies_first:
                    raise Killed
        except NothingToExport:
            return
        except Killed:
            dies_first = False


async def test_rivals_that_are_killed_lose_and_repeat_nothing(committed: Database) -> None:
    tenant = await make_tenant(committed, name=f"Journal {new_id()}")
    await write(committed, tenant, TRANSFERS // 2)
    await asyncio.gather(
        write(committed, tenant, TRANSFERS // 2), *(export(committed, tenant, dies_first=n == 0) for n in range(3))
    )
    await export(committed, tenant, dies_first=False)
    async with committed.read(tenant.organization_id) as session:
        rows = await session.driver.fetch("SELECT subject_id FROM export_rows")
        transfers = await session.driver.fetch("SELECT id FROM transfers")
        batches = await session.driver.fetch("SELECT number, rows_count FROM export_batches ORDER BY number")
    assert len(transfers) == TRANSFERS
    assert sorted(row["subject_id"] for row in rows) == sorted(row["id"] for row in transfers)
    assert [batch["number"] for batch in batches] == list(range(1, len(batches) + 1)), "no number is skipped"
    assert sum(batch["rows_count"] for batch in batches) == TRANSFERS
