"""The organization's matching settings, shipped until somebody changes them, and what holds for single accounts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.accounts.queries import get_account
from app.cash_application.errors import AccountSettingsNotFound, SettingsInvalid, SwitchForbidden
from app.cash_application.matching.types import Settings
from app.cash_application.models import AccountMatchingSettings, MatchingSettings
from app.cash_application.rules import APPROVE, ON_ACCOUNT, PRECISION_TARGET, Residual
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version

_LOGGED = ("automatic_enabled", "automatic_threshold", "proposed_threshold", "precision_target", "residual")


@dataclass(frozen=True, slots=True)
class NewSettings:
    """What is to hold from now on."""

    automatic_enabled: bool
    automatic_threshold: Decimal
    proposed_threshold: Decimal
    tolerances: dict[str, Any]
    precision_target: Decimal = Decimal(str(PRECISION_TARGET))
    residual: Residual = ON_ACCOUNT


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What holds for one account; tolerances that are not given, and a residual of None, are the organization's."""

    automatic_allowed: bool
    tolerances: dict[str, Any]
    residual: Residual | None


async def find_settings(session: ReadSession, *, lock: bool = False) -> MatchingSettings | None:
    """The stored settings, or None where the shipped ones hold."""
    statement = select(MatchingSettings).where(MatchingSettings.organization_id == session.organization_id)
    if lock:
        statement = statement.with_for_update()
    found = await session.execute(statement.execution_options(populate_existing=True))
    return found.scalar_one_or_none()


def new_settings(session: WriteSession) -> MatchingSettings:
    """A row with the shipped settings, not yet written; its version is that of "as shipped", 0."""
    shipped = Settings()
    made = MatchingSettings(
        organization_id=session.organization_id,
        id=new_id(),
        version=0,
        automatic_enabled=True,
        automatic_threshold=Decimal(str(shipped.automatic_confidence)),
        proposed_threshold=Decimal(str(shipped.proposed_confidence)),
        precision_target=Decimal(str(PRECISION_TARGET)),
        tolerances={},
        residual=ON_ACCOUNT,
        figures={},
    )
    session.add(made)
    return made


async def update_settings(session: WriteSession, new: NewSettings, *, expected_version: int | None) -> MatchingSettings:
    """Store the settings. Raises SettingsInvalid (automatic below proposed), StaleVersion, and SwitchForbidden when
    automatic application was switched off by its precision and the caller may not approve.
    """
    if not 0 <= new.proposed_threshold <= new.automatic_threshold <= 1:
        raise SettingsInvalid("the automatic threshold is at least the proposed one", pointer="/automatic_threshold")
    if not 0 < new.precision_target <= 1:
        raise SettingsInvalid("the target lies above 0 and is at most 1", pointer="/precision_target")
    found = await find_settings(session, lock=True)
    check_version(expected_version, found.version if found else 0)
    before = None if found is None else {name: getattr(found, name) for name in _LOGGED}
    if found is None:
        found = new_settings(session)
    else:
        found.updated_at = RECORDED_NOW
    if new.automatic_enabled != found.automatic_enabled:
        if new.automatic_enabled and found.notice is not None and APPROVE not in session.actor.scopes:
            raise SwitchForbidden(f"switching automatic application on again needs the scope {APPROVE}")
        found.switched_by, found.switched_at, found.figures = session.actor.name, RECORDED_NOW, {}
        found.notice = None
        if new.automatic_enabled:
            found.judged_since = RECORDED_NOW
    for name in (*_LOGGED, "tolerances"):
        setattr(found, name, getattr(new, name))
    found.version = found.version + 1
    await session.flush()
    after = {name: getattr(new, name) for name in _LOGGED} | {"tolerances": new.tolerances}
    record_change(session, ChangeRow("matching_settings", found.id, "matching_settings.updated", before, after))
    return found


async def find_account_settings(
    session: ReadSession, account_id: UUID, *, lock: bool = False
) -> AccountMatchingSettings | None:
    """The account's own matching settings, or None."""
    statement = select(AccountMatchingSettings).where(
        AccountMatchingSettings.organization_id == session.organization_id,
        AccountMatchingSettings.account_id == account_id,
    )
    if lock:
        statement = statement.with_for_update()
    found = await session.execute(statement.execution_options(populate_existing=True))
    return found.scalar_one_or_none()


async def get_account_settings(session: ReadSession, account_id: UUID) -> AccountMatchingSettings:
    """The account's own matching settings. Raises AccountSettingsNotFound."""
    found = await find_account_settings(session, account_id)
    if found is None:
        raise AccountSettingsNotFound("the account has no matching settings of its own")
    return found


async def put_account_settings(
    session: WriteSession, account_id: UUID, new: AccountSettings, *, expected_version: int | None
) -> AccountMatchingSettings:
    """Store what holds for the account. `expected_version` 0: there was none. Raises AccountNotFound, StaleVersion."""
    await get_account(session, account_id)
    found = await find_account_settings(session, account_id, lock=True)
    check_version(expected_version, found.version if found else 0)
    before = None
    if found is None:
        found = AccountMatchingSettings(
            organization_id=session.organization_id, id=new_id(), account_id=account_id, version=0
        )
        session.add(found)
    else:
        before = _facts(found)
        found.updated_at = RECORDED_NOW
    found.automatic_allowed, found.tolerances, found.residual = new.automatic_allowed, new.tolerances, new.residual
    found.version = found.version + 1
    await session.flush()
    change = ChangeRow(
        "account_matching_settings", found.id, "account_matching_settings.updated", before, _facts(found)
    )
    record_change(session, change)
    return found


async def delete_account_settings(session: WriteSession, account_id: UUID, *, expected_version: int | None) -> None:
    """Let the organization's settings hold for the account again. Raises AccountSettingsNotFound, StaleVersion."""
    found = await find_account_settings(session, account_id, lock=True)
    if found is None:
        raise AccountSettingsNotFound("the account has no matching settings of its own")
    check_version(expected_version, found.version)
    facts = _facts(found)
    await session.delete(found)
    await session.flush()
    change = ChangeRow("account_matching_settings", found.id, "account_matching_settings.deleted", facts, None)
    record_change(session, change)


def _facts(row: AccountMatchingSettings) -> dict[str, Any]:
    return {
        "account_id": row.account_id,
        "automatic_allowed": row.automatic_allowed,
        "tolerances": row.tolerances,
        "residual": row.residual,
    }
