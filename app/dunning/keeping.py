"""How long what runs leave behind is kept: simulations for a month, withheld items for thirteen."""

from __future__ import annotations

from datetime import date, timedelta

from app.infra.database import WriteSession

SIMULATIONS_KEPT_DAYS = 30
WITHHELD_KEPT_DAYS = 400
RUNS_LIMIT = 5
"""Runs that one transaction clears."""
_OLD_SIMULATIONS = """
SELECT id FROM dunning_runs WHERE organization_id = $1 AND kind = 'simulation'
  AND created_at < $2::date ORDER BY id LIMIT $3
"""
_OLD_RUNS = """
SELECT r.id FROM dunning_runs r WHERE r.organization_id = $1 AND r.kind <> 'simulation' AND r.business_date < $2
  AND EXISTS (SELECT FROM dunning_withheld_items w WHERE w.organization_id = $1 AND w.run_id = r.id)
ORDER BY r.id LIMIT $3
"""
_CLEAR_WITHHELD = "DELETE FROM dunning_withheld_items WHERE organization_id = $1 AND run_id = ANY($2::uuid[])"
_CLEAR_SIMULATIONS = (
    "DELETE FROM dunning_notice_items WHERE organization_id = $1 AND notice_id IN"
    " (SELECT id FROM dunning_notices WHERE organization_id = $1 AND run_id = ANY($2::uuid[]) AND state = 'simulated')",
    "DELETE FROM dunning_notices WHERE organization_id = $1 AND run_id = ANY($2::uuid[]) AND state = 'simulated'",
    _CLEAR_WITHHELD,
    "DELETE FROM dunning_runs WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND kind = 'simulation'",
)


async def clear_old(session: WriteSession, today: date) -> bool:
    """Clear the oldest of what is past its time; whether there may be more."""
    simulations = await session.driver.fetch(
        _OLD_SIMULATIONS, session.organization_id, today - timedelta(days=SIMULATIONS_KEPT_DAYS), RUNS_LIMIT
    )
    ids = [row["id"] for row in simulations]
    if ids:
        for statement in _CLEAR_SIMULATIONS:
            await session.driver.execute(statement, session.organization_id, ids)
    runs = await session.driver.fetch(
        _OLD_RUNS, session.organization_id, today - timedelta(days=WITHHELD_KEPT_DAYS), RUNS_LIMIT
    )
    old = [row["id"] for row in runs]
    if old:
        await session.driver.execute(_CLEAR_WITHHELD, session.organization_id, old)
    return max(len(ids), len(old)) == RUNS_LIMIT
