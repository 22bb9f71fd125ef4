"""Every report over 1,000,000 invoices and 1,500,000 applications, as a workbook in a process of its own.

Each is made by its default group and by its longest (by account where it can be). The bounds are 30 seconds of this
process and of the server for it, and what memory a hundred thousand rows may take; beside them stand the processor
seconds of both, which do not change with the load of the machine.
`python -m tests.benchmarks every_report` makes the ledger and all reports; a report that fails is named.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database
from app.reports.catalogue import REPORTS
from app.reports.definitions import ReportRequest
from app.reports.output.files import make_file
from app.reports.output.workbook import Masthead
from app.reports.schedules.runs import LONG
from tests.benchmarks.aging_past_data import fill
from tests.benchmarks.servers import migrated, service_servers
from tests.factories import Tenant, make_tenant

AS_OF = date(2026, 8, 31)
SECONDS_MAX, MEGABYTES_MAX = 30.0, 600.0
ACCOUNTS, INVOICES, APPLICATIONS = 100_000, 1_000_000, 1_500_000
GROUPED = ("account", "segment", "organization")
"""The first of these that a report knows: the longest form of it."""
# Attributes, collectors, write-offs, and a rate for a second currency of nobody.
_MORE = """
SELECT set_config('app.recorded_at', '2026-06-30T00:00:00Z', false);
SET session_replication_role = replica;
INSERT INTO users (organization_id, id, email, display_name)
SELECT '{org}', uuidv7(), 'c' || n || '@example.com', 'Collector ' || n FROM generate_series(1, 20) n;
UPDATE accounts SET segment = (ARRAY['retail', 'industry', 'public'])[1 + length(number) % 3],
    country = (ARRAY['DE', 'FR', 'US', 'JP'])[1 + (ascii(right(number, 1)) % 4)],
    collector_id = (SELECT id FROM users WHERE organization_id = '{org}' AND email = 'c' ||
        (1 + ascii(right(number, 1)) % 20) || '@example.com')
WHERE organization_id = '{org}';
INSERT INTO adjustments (organization_id, id, instalment_id, legal_entity_id, account_id, kind, reason_code,
    amount_minor, currency, effective_date, state, posted_at, requested_by)
SELECT organization_id, uuidv7(), id, legal_entity_id, account_id, 'write_off', 'insolvent', 100, currency,
    accounting_date + 90, 'posted', '2026-06-30T00:00:00Z', 'benchmark'
FROM instalments WHERE organization_id = '{org}' AND open_minor > 100 AND right(id::text, 2) = '00';
SET session_replication_role = origin;
"""


def groups_of(name: str) -> list[str]:
    """The default group of a report and the longest one."""
    groups = REPORTS[name].groups
    longest = next((one for one in GROUPED if one in groups), groups[0])
    return list(dict.fromkeys([groups[0], longest]))


def _used(process: int) -> float:
    """Processor seconds of another process."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _write(url: str, organization_id: str, name: str, group: str) -> dict[str, Any]:
    """One report: rows, seconds, processor seconds of this process and of the server for it, peak of memory."""
    database = Database.connect(DatabaseSettings(driver_url(url), APP_ROLE, pool_size=2))
    folder = Path(tempfile.mkdtemp(prefix="duecourse-report-"))
    definition = REPORTS[name]
    started, worked = time.perf_counter(), time.process_time()
    options = {"detail": "false"} if name == "aging" else {}  # the items are a report of their own
    async with database.read(UUID(organization_id), snapshot=True) as session:
        await session.driver.execute(LONG + "; SET LOCAL max_parallel_workers_per_gather = 0")
        server = await session.driver.fetchval("SELECT pg_backend_pid()")
        before = _used(server)
        report = await definition.build(session, ReportRequest(AS_OF, group_by=group, options=options))
        made = await make_file(report, "xlsx", folder, Masthead("Benchmark", datetime.now(UTC)))
        served = _used(server) - before
    found = {"rows": made.rows, "group": group, "seconds": time.perf_counter() - started,
             "processor": time.process_time() - worked, "server": served, "bytes": made.path.stat().st_size,
             "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}  # fmt: skip
    shutil.rmtree(folder)
    await database.close()
    return found


async def each(url: str, organization_id: object, wanted: list[str]) -> list[dict[str, Any]]:
    """Each report in a process of its own."""
    rows: list[dict[str, Any]] = []
    for name, group in [(report, one) for report in wanted for one in groups_of(report)]:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.benchmarks.every_report", url, str(organization_id), name, group,
            stdout=asyncio.subprocess.PIPE, env=dict(os.environ),
        )  # fmt: skip
        printed, _ = await child.communicate()
        if child.returncode:
            raise RuntimeError(f"the report {name} by {group} failed")
        found = json.loads(printed)
        print(json.dumps({"report": name, **found}), flush=True)
        what = f"report {name} by {found['group']}, 1,000,000 invoices, {found['rows']:,} rows"
        rows.append(_row(what, found["seconds"], SECONDS_MAX, "s"))
        work = found["processor"] + found["server"]
        rows.append(_row(f"{what}: processor seconds with the server's", work, SECONDS_MAX, "s"))
        rows.append(_row(f"{what}: peak of memory", found["megabytes"], MEGABYTES_MAX, "MB"))
    return rows


async def prepare(url: str, tenant: Tenant) -> None:
    """The ledger of the past, with attributes, collectors and write-offs."""
    await fill(url, tenant, ACCOUNTS, INVOICES, APPLICATIONS)
    await more(url, tenant.organization_id)


async def more(url: str, organization_id: UUID) -> None:
    """What the ledger of the past has not."""
    connection = await asyncpg.connect(url)
    await connection.execute(_MORE.format(org=organization_id))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def run() -> list[dict[str, Any]]:
    """All of them; the bound is the baseline."""
    with service_servers() as (url, _redis, _folder):
        database = await migrated(url)
        tenant = await make_tenant(database)
        await database.close()
        await prepare(url, tenant)
        return await each(url, tenant.organization_id, sorted(REPORTS))


def _row(name: str, ours: float, bound: float, unit: str) -> dict[str, Any]:
    return {"name": name, "ours": round(ours, 3), "baseline": bound, "ratio": round(ours / bound, 3), "unit": unit}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_write(*sys.argv[1:5]))))
