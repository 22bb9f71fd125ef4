"""How an organization duns: at night or not, and within how many days an answer to a reminder is expected."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.core.ids import new_id
from app.dunning.models import DunningSettings
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import check_version
from app.organizations.service import save_changes

RESPONSE_DAYS = 14
_ASSIGNED = "SELECT EXISTS (SELECT FROM dunning_assignments WHERE organization_id = $1)"


async def find_settings(session: ReadSession) -> DunningSettings | None:
    """The row of the organization, or None where nothing was set."""
    statement = select(DunningSettings).where(DunningSettings.organization_id == session.organization_id)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def runs_at_night(session: ReadSession) -> bool:
    """Whether there is a run every night: as it was set, else from the first assignment of a policy on.

    So nobody's customers are written to before somebody has said by which policy.
    """
    row = await find_settings(session)
    if row is not None and row.nightly is not None:
        return row.nightly
    return bool(await session.driver.fetchval(_ASSIGNED, session.organization_id))


async def response_days(session: ReadSession) -> int:
    """Days within which money counts as an answer to a reminder."""
    row = await find_settings(session)
    return RESPONSE_DAYS if row is None else row.response_days


async def update_settings(session: WriteSession, changes: dict[str, Any], expected_version: int | None) -> None:
    """Change settings. Raises StaleVersion."""
    await session.driver.execute(
        "INSERT INTO dunning_settings (organization_id, id) VALUES ($1, $2) ON CONFLICT (organization_id) DO NOTHING",
        session.organization_id,
        new_id(),
    )
    row = await find_settings(session)
    assert row is not None
    check_version(expected_version, row.version)
    await save_changes(session, row, changes, "dunning_settings", row.id)
