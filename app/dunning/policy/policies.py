"""Policies: made, drafted, activated from a day on; who has which. A version that was in force is never changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app.core.ids import new_id
from app.dunning.errors import (
    AccountUnknown,
    DateInPast,
    PolicyNotFound,
    PolicyUnknown,
    StepsInvalid,
    VersionNotDraft,
    VersionNotFound,
)
from app.dunning.models import DunningAssignment, DunningPolicy, DunningPolicyVersion, DunningStep
from app.dunning.policy import shipped
from app.dunning.policy.shipped import StepDraft
from app.dunning.rules import MESSAGE_CHANNELS, STEPS_LIMIT
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.service import add_row, save_changes
from app.payments.queries import existing_accounts

_FIRST_DAY = date(2000, 1, 1)
_LOCK = "SELECT pg_advisory_xact_lock(hashtext($1))"


@dataclass(frozen=True, slots=True)
class VersionDraft:
    """A version as it is written."""

    steps: tuple[StepDraft, ...]
    grouping: str = "per_step"
    count_credits: bool = True
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Assign:
    """Who is to have which policy from a day on; without one whatever is less specific holds again."""

    scope: str
    policy_id: UUID | None
    valid_from: date
    account_id: UUID | None = None
    segment: str | None = None
    reason: str | None = None


def check_steps(steps: Sequence[StepDraft]) -> None:
    """Raise StepsInvalid where a step could never come in its order, or a message has no text."""
    if not 1 <= len(steps) <= STEPS_LIMIT:
        raise StepsInvalid(f"a policy has 1 to {STEPS_LIMIT} steps", pointer="/steps")
    latest: int | None = None
    for index, step in enumerate(steps):
        at = f"/steps/{index}"
        if step.offset_days is None and (step.gap_days is None or index == 0):
            raise StepsInvalid("the first step has offset_days, each later one an offset or a gap", pointer=at)
        if step.offset_days is not None:
            if latest is not None and step.offset_days < latest:
                raise StepsInvalid("a step comes no earlier than the one before it", pointer=f"{at}/offset_days")
            latest = step.offset_days
            if step.lapse_days is not None and step.lapse_days < step.offset_days:
                raise StepsInvalid("it would lapse before it comes", pointer=f"{at}/lapse_days")
        if (step.channel in MESSAGE_CHANNELS) != (step.template_code is not None):
            raise StepsInvalid("a message has a template, and nothing else has one", pointer=f"{at}/template_code")


async def has_shipped(session: ReadSession) -> bool:
    """Whether the policy that comes with the service stands in the organization."""
    found = await session.driver.fetchval(
        "SELECT EXISTS (SELECT FROM dunning_policies WHERE organization_id = $1 AND shipped)", session.organization_id
    )
    return bool(found)


async def ensure_shipped(session: WriteSession) -> None:
    """Put the policy that comes with the service where it is missing; of two at once one does it."""
    if await has_shipped(session):
        return
    await session.driver.execute(_LOCK, f"{session.organization_id}:dunning_shipped")
    statement = select(DunningPolicy.code, DunningPolicy.shipped).where(
        DunningPolicy.organization_id == session.organization_id
    )
    present = (await session.execute(statement)).all()
    if any(row.shipped for row in present):
        return
    taken = {row.code for row in present}
    code = next(code for code in (shipped.CODE, *(f"{shipped.CODE}-{n}" for n in range(2, 999))) if code not in taken)
    policy_id = new_id()
    facts: dict[str, Any] = {"code": code, "name": shipped.NAME, "description": shipped.DESCRIPTION, "shipped": True}
    await _insert_policy(session, policy_id, facts)
    version = await _insert_version(session, policy_id, 1, VersionDraft(shipped.STEPS))
    version.state, version.valid_from = "active", _FIRST_DAY
    version.activated_by, version.activated_at = "Duecourse", RECORDED_NOW
    await session.flush()


async def create_policy(
    session: WriteSession, *, code: str, name: str, description: str | None, draft: VersionDraft
) -> UUID:
    """A policy with its first version as a draft; returns its id. Raises PolicyCodeTaken, StepsInvalid."""
    check_steps(draft.steps)
    policy_id = new_id()
    await _insert_policy(session, policy_id, {"code": code, "name": name, "description": description})
    await _insert_version(session, policy_id, 1, draft)
    return policy_id


async def _insert_policy(session: WriteSession, policy_id: UUID, facts: dict[str, Any]) -> None:
    session.add(DunningPolicy(organization_id=session.organization_id, id=policy_id, **facts))
    await session.flush()
    record_change(session, ChangeRow("dunning_policy", policy_id, "dunning_policy.created", after=facts))


async def _insert_version(
    session: WriteSession, policy_id: UUID, number: int, draft: VersionDraft
) -> DunningPolicyVersion:
    row = DunningPolicyVersion(
        organization_id=session.organization_id,
        id=new_id(),
        policy_id=policy_id,
        number=number,
        grouping=draft.grouping,
        count_credits=draft.count_credits,
        note=draft.note,
        written_by=session.actor.name,
    )
    session.add(row)
    await session.flush()
    await _insert_steps(session, row.id, draft.steps)
    after = {"policy_id": policy_id, "number": number, "steps": len(draft.steps), "grouping": draft.grouping}
    record_change(session, ChangeRow("dunning_policy_version", row.id, "dunning_policy.version_drafted", after=after))
    return row


async def _insert_steps(session: WriteSession, version_id: UUID, steps: Sequence[StepDraft]) -> None:
    for ordinal, step in enumerate(steps, 1):
        facts = {item.name: getattr(step, item.name) for item in dataclasses.fields(step)}
        facts |= {"cc": list(step.cc), "attachments": list(step.attachments)}
        session.add(
            DunningStep(
                organization_id=session.organization_id, id=new_id(), version_id=version_id, ordinal=ordinal, **facts
            )
        )
    await session.flush()


async def get_policy(session: ReadSession, policy_id: UUID, *, lock: bool = False) -> DunningPolicy:
    """The policy. Raises PolicyNotFound."""
    found = await session.get(
        DunningPolicy, (session.organization_id, policy_id), with_for_update=lock or None, populate_existing=True
    )
    if found is None:
        raise PolicyNotFound("no such dunning policy")
    return found


async def get_version(session: ReadSession, version_id: UUID, *, lock: bool = False) -> DunningPolicyVersion:
    """A version of a policy. Raises VersionNotFound."""
    found = await session.get(
        DunningPolicyVersion,
        (session.organization_id, version_id),
        with_for_update=lock or None,
        populate_existing=True,
    )
    if found is None:
        raise VersionNotFound("no such version of a policy")
    return found


async def update_policy(
    session: WriteSession, policy_id: UUID, changes: dict[str, Any], expected_version: int | None
) -> None:
    """Change name, description or whether it is in use. Raises PolicyNotFound, StaleVersion."""
    row = await get_policy(session, policy_id, lock=True)
    check_version(expected_version, row.version)
    await save_changes(session, row, changes, "dunning_policy", row.id)


async def draft_version(session: WriteSession, policy_id: UUID, draft: VersionDraft) -> UUID:
    """A further version as a draft; returns its id. Raises PolicyNotFound, StepsInvalid."""
    await get_policy(session, policy_id, lock=True)
    check_steps(draft.steps)
    statement = select(func.max(DunningPolicyVersion.number)).where(
        DunningPolicyVersion.organization_id == session.organization_id, DunningPolicyVersion.policy_id == policy_id
    )
    number = ((await session.execute(statement)).scalar() or 0) + 1
    return (await _insert_version(session, policy_id, number, draft)).id


async def redraft_version(
    session: WriteSession, version_id: UUID, draft: VersionDraft, expected_version: int | None
) -> None:
    """Write a draft anew. Raises VersionNotFound, VersionNotDraft, StaleVersion, StepsInvalid."""
    row = await _lock_draft(session, version_id, expected_version)
    check_steps(draft.steps)
    await session.driver.execute(
        "DELETE FROM dunning_steps WHERE organization_id = $1 AND version_id = $2", session.organization_id, row.id
    )
    await _insert_steps(session, row.id, draft.steps)
    row.grouping, row.count_credits, row.note = draft.grouping, draft.count_credits, draft.note
    row.written_by = session.actor.name
    await _touched(session, row, "dunning_policy.version_changed", {"steps": len(draft.steps)})


async def activate_version(
    session: WriteSession, version_id: UUID, *, valid_from: date, today: date, expected_version: int | None
) -> None:
    """A draft is in force from a day on, today at the earliest: what was sent before it stays sent.

    Raises VersionNotFound, VersionNotDraft, StaleVersion, DateInPast.
    """
    if valid_from < today:
        raise DateInPast("a version is in force from today on at the earliest", pointer="/valid_from")
    row = await _lock_draft(session, version_id, expected_version)
    row.state, row.valid_from = "active", valid_from
    row.activated_by, row.activated_by_id, row.activated_at = session.actor.name, session.actor.id, RECORDED_NOW
    await _touched(session, row, "dunning_policy.version_activated", {"valid_from": valid_from})


async def discard_version(session: WriteSession, version_id: UUID, expected_version: int | None) -> None:
    """A draft that will not be used. Raises VersionNotFound, VersionNotDraft, StaleVersion."""
    row = await _lock_draft(session, version_id, expected_version)
    row.state = "discarded"
    await _touched(session, row, "dunning_policy.version_discarded", {})


async def _lock_draft(session: WriteSession, version_id: UUID, expected_version: int | None) -> DunningPolicyVersion:
    row = await get_version(session, version_id, lock=True)
    check_version(expected_version, row.version)
    if row.state != "draft":
        raise VersionNotDraft(f"the version is {row.state}; write a new one", state=row.state)
    return row


async def _touched(session: WriteSession, row: DunningPolicyVersion, event: str, after: dict[str, Any]) -> None:
    row.version += 1
    row.updated_at = RECORDED_NOW
    await session.flush()
    await session.refresh(row)
    facts = {"policy_id": row.policy_id, "number": row.number, "state": row.state, **after}
    record_change(session, ChangeRow("dunning_policy_version", row.id, event, after=facts))


async def assign_policy(session: WriteSession, command: Assign, today: date) -> DunningAssignment:
    """Give a policy to an account, a segment or everybody, from today on at the earliest.

    Raises AccountUnknown, PolicyUnknown, DateInPast.
    """
    if command.valid_from < today:
        raise DateInPast("an assignment holds from today on at the earliest", pointer="/valid_from")
    if command.account_id is not None and not await existing_accounts(session, [command.account_id]):
        raise AccountUnknown("no such account", pointer="/account_id")
    if command.policy_id is not None:
        await _check_usable(session, command.policy_id)
    row = DunningAssignment(
        organization_id=session.organization_id,
        id=new_id(),
        actor_name=session.actor.name,
        **{item.name: getattr(command, item.name) for item in dataclasses.fields(command)},
    )
    await add_row(session, row)
    after = {"policy_id": command.policy_id, "valid_from": command.valid_from, "scope": command.scope}
    after |= {"account_id": command.account_id, "segment": command.segment}
    entity = ("account", command.account_id) if command.account_id is not None else ("dunning_assignment", row.id)
    change = ChangeRow(*entity, "dunning_assignment.made", None, after, command.valid_from, command.reason)
    record_change(session, change)
    return row


async def _check_usable(session: ReadSession, policy_id: UUID) -> None:
    usable = await session.driver.fetchval(
        "SELECT EXISTS (SELECT FROM dunning_policies p JOIN dunning_policy_versions v ON v.organization_id = $1"
        " AND v.policy_id = p.id AND v.state = 'active' WHERE p.organization_id = $1 AND p.id = $2 AND p.active)",
        session.organization_id,
        policy_id,
    )
    if not usable:
        raise PolicyUnknown("no policy in use with an activated version has this id", pointer="/policy_id")
