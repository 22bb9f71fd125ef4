"""What the reports on access give over HTTP."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.infra.http.fields import AmountOut
from app.organizations.duties import Held
from app.reports.access import Acted, Holder


class DutyConflictRead(BaseModel):
    """Two duties that one person should not hold together."""

    duty: str
    other: str
    detail: str
    scopes: list[str] = Field(description="Through which both are held")
    refused: bool = Field(description="Whether roles and scopes that lead to it are refused when they are given")


class RoleConflictsRead(BaseModel):
    """The conflicts of a role by itself."""

    role: str
    conflicts: list[DutyConflictRead]


class ApprovalLimitRead(BaseModel):
    """Up to this amount the person decides alone."""

    currency: str
    amount: AmountOut


class AccessHolderRead(BaseModel):
    """A user or API client with its access."""

    kind: Literal["user", "api_client"]
    id: UUID
    name: str
    email: str | None
    active: bool
    roles: list[str]
    scopes: list[str] = Field(description="All that roles and single scopes allow")
    approval_limits: list[ApprovalLimitRead]
    valid_secrets: int | None = Field(description="Of an API client")
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the hour; null: never")
    conflicts: list[DutyConflictRead]


class ConflictingDeedsRead(BaseModel):
    """Somebody who did two duties that belong apart, and how often each."""

    user_id: UUID
    name: str
    deeds: dict[str, int]


class SegregationOfDutiesRead(BaseModel):
    """Where duties that belong apart meet: in roles, in people and programs, and in what was done."""

    start: date
    end: date
    roles: list[RoleConflictsRead]
    holders: list[AccessHolderRead]
    deeds: list[ConflictingDeedsRead]


def conflict_read(held: Held) -> DutyConflictRead:
    """From the rule and the scopes that meet it."""
    conflict = held.conflict
    return DutyConflictRead(
        duty=conflict.duty, other=conflict.other, detail=conflict.detail, scopes=list(held.scopes),
        refused=conflict.refused,
    )  # fmt: skip


def holder_read(holder: Holder) -> AccessHolderRead:
    """From the row."""
    row = holder.row
    limits = row["approval_limit"]
    limits = json.loads(limits) if isinstance(limits, str) else limits
    return AccessHolderRead(
        **{name: row[name] for name in ("kind", "id", "name", "email", "active", "created_at", "last_used_at")},
        roles=sorted(row["roles"]),
        scopes=sorted(holder.scopes),
        approval_limits=[
            ApprovalLimitRead(currency=code, amount=to_text(minor, code)) for code, minor in sorted(limits.items())
        ],
        valid_secrets=row["secrets"],
        conflicts=[conflict_read(held) for held in holder.conflicts],
    )


def deeds_read(acted: Acted) -> ConflictingDeedsRead:
    """From what was found."""
    return ConflictingDeedsRead(user_id=acted.actor_id, name=acted.name, deeds=dict(sorted(acted.times.items())))
