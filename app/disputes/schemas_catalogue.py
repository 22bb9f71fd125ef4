"""Bodies of the catalogues: reasons for disputes and the teams that see to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, EmailStr, Field

from app.disputes.catalogue import NewReason, NewTeam
from app.disputes.models import DisputeReason, DisputeTeam
from app.disputes.rules import SLA_DAYS_MAX
from app.disputes.schemas import Code
from app.infra.http.fields import Input, Name, text, unset

SlaDays = Annotated[int, Field(ge=0, le=SLA_DAYS_MAX, description="Business days of the organization's calendar")]
Aliases = Annotated[list[Annotated[str, text(100)]], Field(max_length=50)]
Members = Annotated[list[UUID], Field(max_length=200)]


class DisputeReasonCreate(Input):
    """A reason for disputes. `aliases` are words by which payers name it when they keep money back."""

    code: Code
    label: Name
    team: Code | None = None
    sla_business_days: SlaDays
    aliases: Aliases = []

    def command(self) -> NewReason:
        """The service's command."""
        return NewReason(self.code, self.label, self.sla_business_days, self.team, tuple(self.aliases))


class DisputeReasonUpdate(Input):
    """Fields that are left out stay as they are."""

    label: Name = unset()
    team: Code | None = unset()
    sla_business_days: SlaDays = unset()
    aliases: Aliases = unset()
    active: bool = unset()


class ReasonPlaybook(BaseModel):
    """A playbook about a reason: how such a dispute is handled here."""

    id: UUID
    code: str
    title: str
    revision: int


class DisputeReasonRead(BaseModel):
    """A reason, its team and its clock."""

    id: UUID
    code: str
    label: str
    team: str | None
    sla_business_days: int
    aliases: list[str]
    active: bool
    playbooks: list[ReasonPlaybook]
    allowed_actions: list[Literal["edit"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(
        cls, row: DisputeReason, teams: Mapping[UUID, DisputeTeam], playbooks: Sequence[Any], *, may_edit: bool
    ) -> DisputeReasonRead:
        """From the row, the teams, and the playbooks about it."""
        plain = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        team = None if row.team_id is None else teams[row.team_id].code
        names = ReasonPlaybook.model_fields
        books = [{name: getattr(book, name) for name in names} for book in playbooks]
        actions = ["edit"] if may_edit else []
        return cls.model_validate({**plain, "team": team, "playbooks": books, "allowed_actions": actions})


class DisputeTeamCreate(Input):
    """A team: its members see its disputes, its mailbox is told of those that nobody is assigned to."""

    code: Code
    label: Name
    email: EmailStr | None = None
    member_ids: Members = []

    def command(self) -> NewTeam:
        """The service's command."""
        return NewTeam(self.code, self.label, self.email, tuple(dict.fromkeys(self.member_ids)))


class DisputeTeamUpdate(Input):
    """Fields that are left out stay as they are."""

    label: Name = unset()
    email: EmailStr | None = unset()
    member_ids: Members = unset()
    active: bool = unset()


class DisputeTeamRead(BaseModel):
    """A team."""

    id: UUID
    code: str
    label: str
    email: str | None
    member_ids: list[UUID]
    active: bool
    allowed_actions: list[Literal["edit"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: DisputeTeam, *, may_edit: bool) -> DisputeTeamRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls.model_validate({**plain, "allowed_actions": ["edit"] if may_edit else []})
