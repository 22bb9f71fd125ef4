"""The job that a close owes: the balances of the closed periods are kept, and only once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from app.ledger.close import close_period
from app.ledger.kept_balances import JOB_KIND
from app.ledger.proof import prove
from app.ledger.two_times import snapshot_at
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue, pay
from workers.drain import drain
from workers.registry import HANDLERS
from workers.runner import Services

JAN_5, JAN_31 = date(2026, 1, 5), date(2026, 1, 31)


async def test_a_close_owes_the_balances_of_its_periods(
    database: RolledBackDatabase, tenant: Tenant, tmp_path: Path
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 1_000, JAN_5)
        await pay(session, tenant, 300, JAN_5, account_id=None)
    async with database.write(tenant.organization_id, tenant.actor, exclusive_period=True) as session:
        await close_period(session, tenant.legal_entity_id, JAN_31, today=date(2026, 2, 10))
    services = Services(database, database, Settings(data_dir=tmp_path))
    assert await drain(services, {JOB_KIND: HANDLERS[JOB_KIND]}) >= 1  # other tests may have committed closes
    async with snapshot_at(database, tenant.organization_id, None, None, datetime.now(UTC)) as (session, times):
        found = await prove(session, times)
        kept = await session.driver.fetch("SELECT measure, balance_minor FROM period_balances WHERE balance_minor <> 0")
    assert (found.holds, list(found.stored_through.values())) == (True, [JAN_31])
    assert {row["measure"]: row["balance_minor"] for row in kept} == {
        "debits:receivables": 1_000,
        "credits:revenue": 1_000,
        "debits:bank": 300,
        "credits:unidentified_cash": 300,
        "subledger:instalments": 1_000,
        "subledger:payments": 300,
        "subledger:unidentified": 300,
    }
