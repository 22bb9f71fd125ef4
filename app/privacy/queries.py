"""SQL of the settings of retention and of the list of erasures."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.infra.database import ReadSession
from app.privacy.models import PersonalDataErasure, RetentionSettings


async def find_settings(session: ReadSession, *, lock: bool = False) -> RetentionSettings | None:
    """The organization's periods, or None when nothing was ever set (everything is kept)."""
    key = (session.organization_id, session.organization_id)
    return await session.get(RetentionSettings, key, with_for_update=True if lock else None)


def erasures_statement(organization_id: UUID, account_id: UUID | None) -> Select[Any]:
    """Erasures on request, without order and bounds."""
    statement = select(PersonalDataErasure).where(PersonalDataErasure.organization_id == organization_id)
    return statement if account_id is None else statement.where(PersonalDataErasure.account_id == account_id)
