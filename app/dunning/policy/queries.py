"""SQL of policies, assignments and blocks for lists and resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.dunning.models import DunningAssignment, DunningBlock, DunningPolicy, DunningPolicyVersion, DunningStep
from app.infra.database import ReadSession


def policies_statement(organization_id: UUID, active: bool | None, shipped: bool | None) -> Select[Any]:
    """Policies by filter."""
    statement = select(DunningPolicy).where(DunningPolicy.organization_id == organization_id)
    if active is not None:
        statement = statement.where(DunningPolicy.active.is_(active))
    return statement if shipped is None else statement.where(DunningPolicy.shipped.is_(shipped))


def versions_statement(organization_id: UUID, policy_id: UUID, state: str | None) -> Select[Any]:
    """Versions of a policy."""
    statement = select(DunningPolicyVersion).where(
        DunningPolicyVersion.organization_id == organization_id, DunningPolicyVersion.policy_id == policy_id
    )
    return statement if state is None else statement.where(DunningPolicyVersion.state == state)


async def standing_versions(
    session: ReadSession, policy_ids: Collection[UUID], today: date
) -> tuple[dict[UUID, DunningPolicyVersion], dict[UUID, list[UUID]]]:
    """The version in force today of each of these policies, and the ids of their drafts, oldest first."""
    statement = select(DunningPolicyVersion).where(
        DunningPolicyVersion.organization_id == session.organization_id,
        DunningPolicyVersion.policy_id.in_(list(policy_ids)),
        DunningPolicyVersion.state != "discarded",
    )
    in_force: dict[UUID, DunningPolicyVersion] = {}
    drafts: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for row in (await session.execute(statement.order_by(DunningPolicyVersion.number))).scalars():
        if row.state == "draft":
            drafts[row.policy_id].append(row.id)
            continue
        present = in_force.get(row.policy_id)
        assert row.valid_from is not None
        earlier = present is None or present.valid_from is None or present.valid_from <= row.valid_from
        if row.valid_from <= today and earlier:
            in_force[row.policy_id] = row
    return in_force, drafts


async def steps_of(session: ReadSession, version_ids: Collection[UUID]) -> dict[UUID, list[DunningStep]]:
    """The steps of each version, in their order."""
    statement = select(DunningStep).where(
        DunningStep.organization_id == session.organization_id, DunningStep.version_id.in_(list(version_ids))
    )
    found: defaultdict[UUID, list[DunningStep]] = defaultdict(list)
    for row in (await session.execute(statement.order_by(DunningStep.ordinal))).scalars():
        found[row.version_id].append(row)
    return found


def assignments_statement(
    organization_id: UUID, scope: str | None, account_id: UUID | None, policy_id: UUID | None
) -> Select[Any]:
    """Assignments by filter."""
    statement = select(DunningAssignment).where(DunningAssignment.organization_id == organization_id)
    if scope is not None:
        statement = statement.where(DunningAssignment.scope == scope)
    if account_id is not None:
        statement = statement.where(DunningAssignment.account_id == account_id)
    return statement if policy_id is None else statement.where(DunningAssignment.policy_id == policy_id)


def blocks_statement(
    organization_id: UUID, account_id: UUID | None, instalment_id: UUID | None, standing_on: date | None
) -> Select[Any]:
    """Blocks by filter; with `standing_on` those that hold on that day."""
    statement = select(DunningBlock).where(DunningBlock.organization_id == organization_id)
    if account_id is not None:
        statement = statement.where(DunningBlock.account_id == account_id)
    if instalment_id is not None:
        statement = statement.where(DunningBlock.instalment_id == instalment_id)
    if standing_on is None:
        return statement
    return statement.where(
        DunningBlock.lifted_on.is_(None),
        DunningBlock.starts_on <= standing_on,
        (DunningBlock.until.is_(None)) | (DunningBlock.until >= standing_on),
    )
