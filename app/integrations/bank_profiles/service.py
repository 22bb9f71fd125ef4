"""An organization's own bank profiles: made, changed, put out of use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.integrations.bank_csv.profile import read_profile
from app.integrations.bank_profiles.errors import NameTaken, TooManyProfiles
from app.integrations.bank_profiles.models import BankProfile
from app.integrations.bank_profiles.queries import lock_profile
from app.integrations.presets import presets
from app.organizations.service import add_row, save_changes

PROFILES_MAX = 200


async def create_profile(session: WriteSession, name: str, title: str, definition: Mapping[str, Any]) -> BankProfile:
    """Add a profile. Raises ProfileInvalid, NameTaken, TooManyProfiles."""
    read_profile(definition)
    await _check_name(session, name)
    count = await session.driver.fetchval(
        "SELECT count(*) FROM bank_profiles WHERE organization_id = $1", session.organization_id
    )
    if count >= PROFILES_MAX:
        raise TooManyProfiles(f"an organization has at most {PROFILES_MAX} bank profiles")
    row = BankProfile(
        organization_id=session.organization_id, id=new_id(), name=name, title=title, definition=dict(definition)
    )
    await add_row(session, row)
    record_change(
        session, ChangeRow("bank_profile", row.id, "bank_profile.created", None, {"name": name, "title": title})
    )
    return row


async def update_profile(
    session: WriteSession, profile_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None
) -> BankProfile:
    """Change a profile. Imports that were started before keep what they were started with.

    Raises BankProfileNotFound, StaleVersion, ProfileInvalid, NameTaken.
    """
    row = await lock_profile(session, profile_id)
    check_version(expected_version, row.version)
    if "definition" in changes:
        read_profile(changes["definition"])
    if changes.get("name", row.name) != row.name:
        await _check_name(session, changes["name"])
    await save_changes(session, row, changes, "bank_profile", row.id)
    return row


async def _check_name(session: WriteSession, name: str) -> None:
    """A shipped name is never an own one; neither are two own ones alike."""
    taken = name in presets() or await session.driver.fetchval(
        "SELECT true FROM bank_profiles WHERE organization_id = $1 AND name = $2", session.organization_id, name
    )
    if taken:
        raise NameTaken(f"{name!r} is the name of another profile, or of a shipped one", pointer="/name")
