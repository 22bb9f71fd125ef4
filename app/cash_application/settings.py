"""The organization's matching settings: shipped until somebody changes them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from app.cash_application.errors import SettingsInvalid
from app.cash_application.models import MatchingSettings
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version


@dataclass(frozen=True, slots=True)
class NewSettings:
    """What is to hold from now on."""

    automatic_enabled: bool
    automatic_threshold: Decimal
    proposed_threshold: Decimal
    tolerances: dict[str, Any]


async def find_settings(session: ReadSession, *, lock: bool = False) -> MatchingSettings | None:
    """The stored settings, or None where the shipped ones hold."""
    statement = select(MatchingSettings).where(MatchingSettings.organization_id == session.organization_id)
    if lock:
        statement = statement.with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


async def update_settings(session: WriteSession, new: NewSettings, *, expected_version: int | None) -> MatchingSettings:
    """Store the settings. Raises SettingsInvalid (automatic below proposed), StaleVersion."""
    if not 0 <= new.proposed_threshold <= new.automatic_threshold <= 1:
        raise SettingsInvalid("the automatic threshold is at least the proposed one", pointer="/automatic_threshold")
    found = await find_settings(session, lock=True)
    check_version(expected_version, found.version if found else 0)
    before = None
    if found is None:
        found = MatchingSettings(organization_id=session.organization_id, id=new_id(), version=0)
        session.add(found)
    else:
        before = {"automatic_enabled": found.automatic_enabled, "automatic_threshold": found.automatic_threshold}
        found.updated_at = RECORDED_NOW
    found.automatic_enabled, found.tolerances = new.automatic_enabled, new.tolerances
    found.automatic_threshold, found.proposed_threshold = new.automatic_threshold, new.proposed_threshold
    found.version, found.notice = found.version + 1, None
    await session.flush()
    after = {"automatic_enabled": new.automatic_enabled, "automatic_threshold": new.automatic_threshold}
    record_change(session, ChangeRow("matching_settings", found.id, "matching_settings.updated", before, after))
    return found
