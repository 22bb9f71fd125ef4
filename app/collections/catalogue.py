"""The catalogue of outcomes: the usual ones, and what the organization made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.collections.errors import OutcomeNotFound, OutcomeUnknown
from app.collections.models import ActionOutcome
from app.collections.rules import OUTCOMES
from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import check_version
from app.organizations.service import add_row, save_changes


@dataclass(frozen=True, slots=True)
class Outcome:
    """An outcome in force. `id` is None for a usual one that the organization has not changed."""

    code: str
    label: str
    effect: str
    contact_made: bool
    action_types: tuple[str, ...]
    next_type: str | None
    next_business_days: int | None
    active: bool = True
    id: UUID | None = None
    version: int | None = None
    updated_at: datetime | None = None


async def all_outcomes(session: ReadSession) -> list[Outcome]:
    """Every outcome, the usual ones first; a row of the organization takes the place of the usual one."""
    statement = select(ActionOutcome).where(ActionOutcome.organization_id == session.organization_id)
    rows = {row.code: row for row in (await session.execute(statement.order_by(ActionOutcome.code))).scalars()}
    usual = [
        _of_row(rows.pop(default.code))
        if default.code in rows
        else Outcome(
            default.code,
            default.label,
            default.effect,
            default.contact_made,
            default.action_types,
            default.next_type,
            default.next_business_days,
        )
        for default in OUTCOMES
    ]
    return usual + [_of_row(row) for row in rows.values()]


def _of_row(row: ActionOutcome) -> Outcome:
    return Outcome(
        row.code,
        row.label,
        row.effect,
        row.contact_made,
        tuple(row.action_types),
        row.next_type,
        row.next_business_days,
        row.active,
        row.id,
        row.version,
        row.updated_at,
    )


def outcome_in_use(outcomes: list[Outcome], code: str, action_type: str, *, pointer: str = "/outcome_code") -> Outcome:
    """The outcome of this code for this type of action. Raises OutcomeUnknown."""
    found = next((outcome for outcome in outcomes if outcome.code == code and outcome.active), None)
    if found is None:
        raise OutcomeUnknown(f"{code[:60]!r} is not an outcome in use", pointer=pointer)
    if found.action_types and action_type not in found.action_types:
        raise OutcomeUnknown(f"{code[:60]!r} is not an outcome of a {action_type}", pointer=pointer)
    return found


async def create_outcome(session: WriteSession, facts: Mapping[str, Any]) -> ActionOutcome:
    """Add an outcome, or change a usual one by taking its code. Raises OutcomeTaken."""
    row = ActionOutcome(organization_id=session.organization_id, id=new_id(), **facts)
    await add_row(session, row)
    after = {"code": row.code, "effect": row.effect, "next_type": row.next_type}
    record_change(session, ChangeRow("action_outcome", row.id, "action_outcome.created", after=after))
    return row


async def update_outcome(
    session: WriteSession, outcome_id: UUID, changes: Mapping[str, Any], *, expected_version: int | None
) -> ActionOutcome:
    """Change what an outcome means from now on. Raises OutcomeNotFound, StaleVersion."""
    key = (session.organization_id, outcome_id)
    row = await session.get(ActionOutcome, key, with_for_update=True, populate_existing=True)
    if row is None:
        raise OutcomeNotFound("no such outcome")
    check_version(expected_version, row.version)
    await save_changes(session, row, changes, "action_outcome", row.id)
    return row
