"""What of forecasts is kept only as long as it is useful: the instalments and accounts of runs."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from app.infra.database import SYSTEM, Database

ROWS_AT_ONCE = 20_000
_OVER = """
SELECT id FROM forecast_runs WHERE organization_id = $1 AND details_kept AND NOT current AND details_until < $2
ORDER BY id LIMIT 1
"""
_FORGET_INVOICES = """
DELETE FROM forecast_invoices WHERE organization_id = $1 AND id IN (
    SELECT id FROM forecast_invoices WHERE organization_id = $1 AND run_id = $2 LIMIT $3)
"""
_FORGET_ACCOUNTS = """
DELETE FROM forecast_weeks WHERE organization_id = $1 AND id IN (
    SELECT id FROM forecast_weeks WHERE organization_id = $1 AND run_id = $2 AND group_by = 'account' LIMIT $3)
"""
_FORGOTTEN = """
UPDATE forecast_runs SET details_kept = false, version = version + 1,
    updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2
"""


async def forget_details(database: Database, organization_id: UUID, today: date) -> int:
    """Delete the details of runs whose time is over, a bounded number of rows at a time; returns how many runs."""
    runs = 0
    while True:
        async with database.write(organization_id, SYSTEM) as session:
            run_id = await session.driver.fetchval(_OVER, organization_id, today)
            if run_id is None:
                return runs
            gone = 0
            for statement in (_FORGET_INVOICES, _FORGET_ACCOUNTS):
                gone += int((await session.driver.execute(statement, organization_id, run_id, ROWS_AT_ONCE)).split()[1])
            if gone == 0:
                await session.driver.execute(_FORGOTTEN, organization_id, run_id)
                runs += 1
