"""Reads of bank profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.infra.database import ReadSession, WriteSession
from app.integrations.bank_profiles.errors import BankProfileNotFound
from app.integrations.bank_profiles.models import BankProfile


async def get_profile(session: ReadSession, profile_id: UUID) -> BankProfile:
    """The row. Raises BankProfileNotFound."""
    row = await session.get(BankProfile, (session.organization_id, profile_id), populate_existing=True)
    if row is None:
        raise BankProfileNotFound("no such profile")
    return row


async def lock_profile(session: WriteSession, profile_id: UUID) -> BankProfile:
    """The row, locked. Raises BankProfileNotFound."""
    key = (session.organization_id, profile_id)
    row = await session.get(BankProfile, key, with_for_update=True, populate_existing=True)
    if row is None:
        raise BankProfileNotFound("no such profile")
    return row


async def profile_named(session: ReadSession, name: str) -> BankProfile:
    """The active profile of that name. Raises BankProfileNotFound."""
    row = await session.scalar(
        select(BankProfile).where(BankProfile.organization_id == session.organization_id, BankProfile.name == name)
    )
    if row is None or not row.active:
        detail = f"no bank profile is called {name[:60]!r}; GET /v1/bank-profiles and /v1/import-presets list them"
        raise BankProfileNotFound(detail, pointer="/preset")
    return row


async def active_definitions(session: ReadSession) -> dict[str, Mapping[str, Any]]:
    """The active profiles by name."""
    rows = await session.driver.fetch(
        "SELECT name, definition FROM bank_profiles WHERE organization_id = $1 AND active ORDER BY name",
        session.organization_id,
    )
    return {row["name"]: row["definition"] for row in rows}


def profiles_statement(organization_id: UUID, *, active: bool | None, name: str | None) -> Select[Any]:
    """The list of profiles, without order and bounds."""
    statement = select(BankProfile).where(BankProfile.organization_id == organization_id)
    if active is not None:
        statement = statement.where(BankProfile.active.is_(active))
    return statement if name is None else statement.where(BankProfile.name == name)
