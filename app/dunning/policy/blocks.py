"""Blocks: no dunning of an account, or of one instalment, until a day or until somebody lifts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from app.collections.queries import accounts_of_instalments
from app.core.ids import new_id
from app.dunning.errors import AccountUnknown, BlockInvalid, BlockLifted, BlockNotFound, InstalmentUnknown
from app.dunning.models import DunningBlock
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import check_version
from app.organizations.service import add_row, save_changes
from app.payments.queries import existing_accounts


@dataclass(frozen=True, slots=True)
class PlaceBlock:
    """A block of an account, or of one of its instalments; `until` is the last day of it."""

    account_id: UUID
    reason_code: str
    starts_on: date
    until: date | None = None
    instalment_id: UUID | None = None
    note: str | None = None


async def get_block(session: ReadSession, block_id: UUID, *, lock: bool = False) -> DunningBlock:
    """The block. Raises BlockNotFound."""
    found = await session.get(
        DunningBlock, (session.organization_id, block_id), with_for_update=lock or None, populate_existing=True
    )
    if found is None:
        raise BlockNotFound("no such dunning block")
    return found


async def place_block(session: WriteSession, command: PlaceBlock, today: date) -> UUID:
    """Place a block, from today on at the earliest. Raises AccountUnknown, InstalmentUnknown, BlockInvalid."""
    if command.starts_on < today:
        raise BlockInvalid("a block begins today at the earliest", pointer="/starts_on")
    if command.until is not None and command.until < command.starts_on:
        raise BlockInvalid("it ends before it begins", pointer="/until")
    if not await existing_accounts(session, [command.account_id]):
        raise AccountUnknown("no such account", pointer="/account_id")
    if command.instalment_id is not None:
        owners = await accounts_of_instalments(session, {command.instalment_id})
        if owners.get(command.instalment_id) != command.account_id:
            raise InstalmentUnknown("the account has no instalment with this id", pointer="/instalment_id")
    row = DunningBlock(
        organization_id=session.organization_id,
        id=new_id(),
        account_id=command.account_id,
        instalment_id=command.instalment_id,
        reason_code=command.reason_code,
        note=command.note,
        starts_on=command.starts_on,
        until=command.until,
        placed_by=session.actor.name,
        placed_by_id=session.actor.id,
    )
    await add_row(session, row)
    after: dict[str, object] = {"account_id": command.account_id, "instalment_id": command.instalment_id}
    after |= {"reason_code": command.reason_code, "until": command.until}
    change = ChangeRow("dunning_block", row.id, "dunning_block.placed", None, after, command.starts_on)
    record_change(session, change)
    return row.id


async def lift_block(
    session: WriteSession, block_id: UUID, *, reason: str | None, today: date, expected_version: int | None
) -> None:
    """End a block today: later runs look at what it held. Raises BlockNotFound, BlockLifted, StaleVersion."""
    row = await get_block(session, block_id, lock=True)
    check_version(expected_version, row.version)
    if row.lifted_on is not None:
        raise BlockLifted(f"it was lifted on {row.lifted_on}")
    changes = {"lifted_on": today, "lifted_by": session.actor.name, "lift_reason": reason}
    await save_changes(
        session, row, changes, "dunning_block", row.id, event="dunning_block.lifted",
        unlogged=frozenset({"lift_reason"}),
    )  # fmt: skip


async def extend_block(
    session: WriteSession, block_id: UUID, *, until: date | None, today: date, expected_version: int | None
) -> None:
    """Another end, or none. Raises BlockNotFound, BlockLifted, BlockInvalid, StaleVersion."""
    row = await get_block(session, block_id, lock=True)
    check_version(expected_version, row.version)
    if row.lifted_on is not None:
        raise BlockLifted(f"it was lifted on {row.lifted_on}")
    if until is not None and until < max(today, row.starts_on):
        raise BlockInvalid("the end lies before today or before its beginning", pointer="/until")
    await save_changes(session, row, {"until": until}, "dunning_block", row.id, event="dunning_block.changed")


def block_actions(lifted_on: date | None) -> list[str]:
    """What a person may do with a block."""
    return ["lift", "update"] if lifted_on is None else []
