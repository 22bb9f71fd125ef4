"""A dunning run over 100,000 overdue invoices of 20,000 accounts: simulated, planned, run again with nothing left."""

from __future__ import annotations

import json
import resource
import time
from typing import Any

import asyncpg

from app.core.ids import new_id
from app.dunning.policy.policies import Assign, VersionDraft, activate_version, assign_policy, create_policy
from app.dunning.policy.shipped import StepDraft
from app.dunning.runs import StartRun, start_run
from app.infra.database import Database
from tests.benchmarks.aging import AS_OF, fill
from tests.benchmarks.servers import migrated, service_servers
from tests.factories import Tenant, make_tenant
from workers.dunning import run_to_end

ACCOUNTS = 20_000
INVOICES = 100_000
STEPS = tuple(StepDraft(f"Level {n}", "email", days, template_code="first_reminder") for n, days in ((1, 5), (2, 20)))
_LATE = """
UPDATE instalments i SET due_date = $2::date - 5 - (n.n % 60)::int
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM instalments WHERE organization_id = $1) n
WHERE i.organization_id = $1 AND i.id = n.id
"""
_CONTACTS = """
INSERT INTO contacts (organization_id, id, account_id, role, email)
SELECT $1, c.id, c.account_id, 'dunning', 'ap@example.com' FROM unnest($2::uuid[], $3::uuid[]) AS c(id, account_id)
"""
_TOTALS = "SELECT accounts, notices, items, withheld, waiting FROM dunning_runs WHERE organization_id = $1 AND id = $2"


async def _prepare(url: str, database: Database, tenant: Tenant) -> None:
    await fill(url, tenant, ACCOUNTS, INVOICES)
    owner = await asyncpg.connect(url)
    await owner.execute("SELECT set_config('app.recorded_at', now()::text, false)")
    await owner.execute(_LATE, tenant.organization_id, AS_OF)
    rows = await owner.fetch("SELECT id FROM accounts WHERE organization_id = $1", tenant.organization_id)
    ids = [row["id"] for row in rows]
    await owner.execute(_CONTACTS, tenant.organization_id, [new_id() for _ in ids], ids)
    await owner.execute("VACUUM ANALYZE")
    await owner.close()
    async with database.write(tenant.organization_id, tenant.actor) as session:
        draft = VersionDraft(STEPS)
        policy_id = await create_policy(session, code="levels", name="Levels", description=None, draft=draft)
        version_id = await session.driver.fetchval(
            "SELECT id FROM dunning_policy_versions WHERE policy_id = $1", policy_id
        )
        await activate_version(session, version_id, valid_from=AS_OF, today=AS_OF, expected_version=None)
        await assign_policy(session, Assign("organization", policy_id, AS_OF), AS_OF)


async def _run(database: Database, tenant: Tenant, kind: str) -> tuple[float, dict[str, int]]:
    started = time.perf_counter()
    async with database.write(tenant.organization_id, tenant.actor) as session:
        run_id, _ = await start_run(session, StartRun(kind, AS_OF), today=AS_OF)
    await run_to_end(database, tenant.organization_id, run_id)
    seconds = time.perf_counter() - started
    async with database.read(tenant.organization_id) as read:
        row = await read.driver.fetchrow(_TOTALS, tenant.organization_id, run_id)
    assert row is not None
    return seconds, dict(row)


async def run() -> list[dict[str, Any]]:
    """Simulate, plan, and run again; memory is what the process took more at most while it planned."""
    with service_servers() as (url, _redis, _folder):
        database = await migrated(url)
        tenant = await make_tenant(database)
        await _prepare(url, database, tenant)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        simulated, totals = await _run(database, tenant, "simulation")
        planned, first = await _run(database, tenant, "nightly")
        memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        again, second = await _run(database, tenant, "on_demand")
        await database.close()
    assert first["items"] == INVOICES == totals["items"], (first, totals)
    assert (second["notices"], second["items"], second["withheld"]) == (0, 0, 0), second
    what = f"dunning run over {INVOICES:,} overdue invoices of {first['accounts']:,} accounts"
    rows = [
        {"name": f"{what}: planned", "ours": round(planned, 2), "baseline": None, "ratio": None, "unit": "s"},
        {"name": f"{what}: simulated", "ours": round(simulated, 2), "baseline": None, "ratio": None, "unit": "s"},
        {"name": f"{what}: run again", "ours": round(again, 2), "baseline": None, "ratio": None, "unit": "s"},
        {"name": f"{what}: memory taken", "ours": round(memory), "baseline": None, "ratio": None, "unit": "MB"},
    ]
    print(json.dumps(rows))
    return rows
