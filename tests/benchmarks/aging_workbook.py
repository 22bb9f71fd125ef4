"""The aging workbook: 100,000 groups and 100,000 open items written to disk, with the memory that it takes.

The baseline is the same workbook of a tenth of the rows: time grows with the rows, memory must not.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database
from app.reports.catalogue import REPORTS
from app.reports.definitions import ReportRequest
from app.reports.output.files import make_file
from app.reports.output.workbook import Masthead
from tests.benchmarks.aging import fill
from tests.benchmarks.servers import migrated, service_servers
from tests.factories import make_tenant

ACCOUNTS, INVOICES = 100_000, 100_000
AS_OF = date(2026, 6, 30)
SECONDS_MAX = 15.0
PROCESSOR_SECONDS_MAX = 8.0
"""Of this process, the database beside it not counted: what does not change with the load of the machine."""
MEGABYTES_MORE_MAX = 24.0
"""What ten times the rows may add to the peak: what the allocator keeps, not the rows."""


async def _write(url: str, organization_id: str, name: str, group_by: str) -> dict[str, Any]:
    """Write one workbook in this process: rows, seconds, size, and the peak of memory above the start."""
    database = Database.connect(DatabaseSettings(driver_url(url), APP_ROLE, pool_size=2))
    folder = Path(tempfile.mkdtemp(prefix="duecourse-workbook-"))
    options = {"detail": "false"} if name == "aging" else {}
    before = _peak_megabytes()
    started, worked = time.perf_counter(), time.process_time()
    async with database.read(UUID(organization_id), snapshot=True) as session:
        report = await REPORTS[name].build(session, ReportRequest(AS_OF, group_by=group_by, options=options))
        made = await make_file(report, "xlsx", folder, Masthead("Benchmark", datetime.now(UTC)))
    seconds = time.perf_counter() - started
    found = {"rows": made.rows, "seconds": seconds, "processor": time.process_time() - worked,
             "bytes": made.path.stat().st_size, "megabytes": _peak_megabytes() - before}  # fmt: skip
    shutil.rmtree(folder)
    await database.close()
    return found


def _peak_megabytes() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


async def _apart(url: str, organization_id: object, name: str, group_by: str) -> dict[str, Any]:
    """The same in a process of its own, so that its peak of memory is its own."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.aging_workbook", url, str(organization_id), name, group_by,
        stdout=asyncio.subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    printed, _ = await child.communicate()
    assert child.returncode == 0
    found: dict[str, Any] = json.loads(printed)
    return found


async def run() -> list[dict[str, Any]]:
    """Two workbooks of 100,000 rows, and of 10,000; seconds, and how much more memory the long ones took."""
    rows: list[dict[str, Any]] = []
    with service_servers() as (url, _redis, _folder):
        database = await migrated(url)
        small, large = await make_tenant(database), await make_tenant(database)
        await fill(url, small, ACCOUNTS // 10, INVOICES // 10)
        await fill(url, large, ACCOUNTS, INVOICES)
        await database.close()
        for name, group_by in (("aging", "account"), ("aging-detail", "organization")):
            short = await _apart(url, small.organization_id, name, group_by)
            long = await _apart(url, large.organization_id, name, group_by)
            assert long["rows"] >= INVOICES * 0.6, long
            print(json.dumps({"report": name, "short": short, "long": long}))
            rows.append(_row(f"{name} workbook, {long['rows']:,} rows: seconds", long["seconds"], SECONDS_MAX, "s"))
            rows.append(_row(f"{name} workbook: processor seconds", long["processor"], PROCESSOR_SECONDS_MAX, "s"))
            more = long["megabytes"] - short["megabytes"]
            what = f"{name} workbook: memory for ten times the rows"
            rows.append(_row(what, max(more, 0.0), MEGABYTES_MORE_MAX, "MB"))
    return rows


def _row(name: str, ours: float, bound: float, unit: str) -> dict[str, Any]:
    return {"name": name, "ours": round(ours, 3), "baseline": bound, "ratio": round(ours / bound, 3), "unit": unit}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_write(*sys.argv[1:5]))))
