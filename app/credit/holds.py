"""Holds and overrides of the ladder, by a person: placed with a reason and, if it is to end, a date; released once.

The account's status follows in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.accounts.errors import AccountNotFound
from app.core.ids import new_id
from app.credit import queries
from app.credit.errors import HoldInvalid, HoldReleased
from app.credit.models import CreditHold
from app.credit.refresh import refresh_accounts
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version

OVERRIDE_DAYS_MAX = 366


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """`hold` raises the account's status to `level`; `override` caps what the ladder says at `level` until a date."""

    account_id: UUID
    kind: str
    level: str
    reason_code: str
    reason: str | None = None
    until: date | None = None


async def place_hold(session: WriteSession, command: PlaceHold, today: date) -> UUID:
    """Place a hold or an override from today on. Raises AccountNotFound, HoldInvalid."""
    if command.kind == "hold" and command.level == "ok":
        raise HoldInvalid("a hold has the level watch, hold or stop", pointer="/level")
    if command.kind == "override" and (command.level == "stop" or command.until is None):
        raise HoldInvalid("an override caps at ok, watch or hold, and has an end", pointer="/until")
    if command.until is not None and command.until < today:
        raise HoldInvalid("the end lies in the past", pointer="/until")
    if command.kind == "override" and command.until is not None and (command.until - today).days > OVERRIDE_DAYS_MAX:
        raise HoldInvalid(f"an override ends within {OVERRIDE_DAYS_MAX} days", pointer="/until")
    if not await queries.credit_accounts(session, [command.account_id], lock=True):
        raise AccountNotFound("no such account")
    row = CreditHold(
        organization_id=session.organization_id,
        id=new_id(),
        account_id=command.account_id,
        kind=command.kind,
        level=command.level,
        reason_code=command.reason_code,
        reason=command.reason,
        placed_on=today,
        until=command.until,
        placed_by=session.actor.name,
        placed_by_id=session.actor.id,
    )
    session.add(row)
    await session.flush()
    _log(session, row, "credit_hold.placed", today, command.reason)
    await refresh_accounts(session, [command.account_id], today)
    return row.id


async def release_hold(
    session: WriteSession, hold_id: UUID, reason: str, today: date, expected_version: int | None
) -> None:
    """End a hold or override today. Raises HoldNotFound, StaleVersion, HoldReleased."""
    found = await queries.get_hold(session, hold_id)
    await queries.credit_accounts(session, [found.account_id], lock=True)  # accounts before holds, as everywhere
    row = await queries.get_hold(session, hold_id, lock=True)
    check_version(expected_version, row.version)
    if row.released_on is not None:
        raise HoldReleased(f"it was released on {row.released_on}")
    row.released_on, row.released_by, row.release_reason = today, session.actor.name, reason
    row.version += 1
    row.updated_at = RECORDED_NOW
    await session.flush()
    _log(session, row, "credit_hold.released", today, reason)
    await refresh_accounts(session, [row.account_id], today)


def _log(session: WriteSession, row: CreditHold, event: str, today: date, reason: str | None) -> None:
    after: dict[str, Any] = {
        "account_id": row.account_id, "kind": row.kind, "level": row.level, "reason_code": row.reason_code,
        "until": row.until,
    }  # fmt: skip
    record_change(session, ChangeRow("credit_hold", row.id, event, None, after, today, reason))
