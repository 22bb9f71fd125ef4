"""A worker that is killed in the middle of a file: the next one goes on, nothing is lost and nothing doubled."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from app.infra.database import Database
from app.integrations.import_run import run_import
from app.integrations.row_import import CHUNK_ROWS
from tests.factories import make_tenant
from tests.integration.importing import MAPPING, begin, fetch, result, table

ROWS = 5 * CHUNK_ROWS + 17
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
async def test_killed_at_any_moment_every_row_is_loaded_once(
    committed: Database, owner_url: str, tmp_path: Path
) -> None:
    tenant = await make_tenant(committed)
    lines = [f"R{n:05};C-1;2026-01-05;2026-02-04;{n + 1}.00" for n in range(ROWS)]
    import_id = await begin(committed, tenant, tmp_path, table(*lines), "invoices", MAPPING)
    arguments = (owner_url, str(tmp_path), str(tenant.organization_id), str(import_id))
    for wanted in (CHUNK_ROWS, 3 * CHUNK_ROWS):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.import_process", *arguments, cwd=ROOT
        )
        async with asyncio.timeout(60):
            while (await result(committed, tenant, import_id))["position"] < wanted and process.returncode is None:
                await asyncio.sleep(0.02)
        if process.returncode is None:
            process.kill()
        await process.wait()
    async with asyncio.timeout(60):
        open_still = "SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()"
        while await fetch(committed, tenant, open_still):  # the server notices that they are broken, and rolls back
            await asyncio.sleep(0.05)
    await run_import(committed, tmp_path, tenant.organization_id, import_id, chunks_at_once=2)
    row = await result(committed, tenant, import_id)
    total = str(sum(range(1, ROWS + 1)) * 100)
    assert (row["state"], row["rows_created"], row["rows_refused"]) == ("completed", ROWS, 0)
    assert row["control_totals"] == {"EUR": {"read": [ROWS, total], "created": [ROWS, total]}}
    (sums,) = await fetch(
        committed,
        tenant,
        "SELECT count(*) AS rows, sum(open_minor)::text AS open,"
        " (SELECT sum(amount_minor)::text FROM transfers) AS booked,"
        " (SELECT count(*) FROM change_log WHERE event = 'invoice.issued') AS changes FROM instalments",
    )
    assert (sums["rows"], sums["open"], sums["booked"], sums["changes"]) == (ROWS, total, total, ROWS)
