"""What policies, assignments, blocks and settings of dunning take and give over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints, model_validator

from app.core.money import to_minor, to_text
from app.dunning.errors import AssignmentInvalid
from app.dunning.models import (
    DunningAssignment,
    DunningBlock,
    DunningPolicy,
    DunningPolicyVersion,
    DunningStep,
)
from app.dunning.policy.blocks import PlaceBlock, block_actions
from app.dunning.policy.policies import Assign, VersionDraft
from app.dunning.policy.shipped import StepDraft
from app.dunning.rules import OFFSET_DAYS_MAX, OFFSET_DAYS_MIN, STEPS_LIMIT, version_actions
from app.infra.http.fields import Amount, AmountOut, BusinessDate, Comment, Currency, Input, Name, Reason, text, unset

Code = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$"),
    Field(description="A short name for programs", examples=["standard"]),
]
Channel = Literal["email", "letter", "sms", "call_task", "escalate", "credit_hold", "legal_referral"]
Grouping = Literal["per_step", "highest"]
VersionState = Literal["draft", "active", "discarded"]
AssignmentScope = Literal["organization", "segment", "account"]
Offset = Annotated[int, Field(ge=OFFSET_DAYS_MIN, le=OFFSET_DAYS_MAX)]
Percent = Annotated[
    str,
    StringConstraints(pattern=r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$"),
    Field(description="Percent of the principal, two decimals", examples=["15.00"]),
]


class CurrencyAmount(Input):
    """An amount with its currency."""

    amount: Amount
    currency: Currency


class CurrencyAmountRead(BaseModel):
    """An amount with its currency."""

    amount: AmountOut
    currency: str


class StepWork(Input):
    """What a step that is work does: the priority of a call; whom an escalation goes to, at which level, for how long;
    the level of a credit hold; which kind of case is prepared and for whom."""

    priority: Literal["low", "normal", "high", "urgent"] | None = None
    level: Annotated[int, Field(ge=1, le=9)] | None = None
    to_user_id: UUID | None = None
    days: Annotated[int, Field(ge=1, le=365)] | None = None
    hold_level: Literal["watch", "hold", "stop"] | None = None
    case_kind: Literal["legal_case", "agency_placement"] | None = None
    partner: Name | None = None


_WORK_KEYS = {"hold_level": "level", "case_kind": "kind"}
_WORK_OF = {
    "call_task": {"priority"},
    "escalate": {"level", "to_user_id", "days"},
    "credit_hold": {"hold_level"},
    "legal_referral": {"case_kind", "partner"},
}


class StepBody(Input):
    """A step. It comes once both its times have come: days after the due date, and days after the step before.

    A step before the due date lapses on it, unless `lapse_days` says otherwise: null is never.
    """

    name: Name
    channel: Channel
    offset_days: Offset | None = Field(default=None, description="From the due date; negative is before it")
    gap_days: Annotated[int, Field(ge=0, le=OFFSET_DAYS_MAX, description="From the step before it")] | None = None
    lapse_days: Offset | None = Field(default=None, description="Later than so many days past due it is left out")
    template_code: Code | None = Field(default=None, description="The text of a message")
    minimums: Annotated[list[CurrencyAmount], Field(max_length=200, description="Least total of a notice")] = []
    fee_fixed: Annotated[list[CurrencyAmount], Field(max_length=200, description="Once for each notice")] = []
    fee_percent: Percent | None = None
    interest: bool = False
    compensation: bool = False
    approval: bool = False
    cc: Annotated[list[Literal["collector", "sales"]], Field(max_length=2)] = []
    attachments: Annotated[list[Literal["statement", "invoice_copies", "invoice_links"]], Field(max_length=3)] = []
    work: StepWork | None = None

    @model_validator(mode="after")
    def _lapses_on_the_due_date(self) -> Self:
        before = self.offset_days is not None and self.offset_days < 0
        if before and "lapse_days" not in self.model_fields_set:
            self.lapse_days = 0
        return self

    def draft(self, index: int) -> StepDraft:
        """The plain step. Raises AmountInvalid."""
        at = f"/steps/{index}"
        return StepDraft(
            name=self.name,
            channel=self.channel,
            offset_days=self.offset_days,
            gap_days=self.gap_days,
            lapse_days=self.lapse_days,
            template_code=self.template_code,
            minimums=_by_currency(self.minimums, f"{at}/minimums"),
            fee_fixed=_by_currency(self.fee_fixed, f"{at}/fee_fixed"),
            fee_basis_points=None if self.fee_percent is None else to_minor(self.fee_percent, "EUR"),
            interest=self.interest,
            compensation=self.compensation,
            approval=self.approval,
            cc=tuple(dict.fromkeys(self.cc)),
            attachments=tuple(dict.fromkeys(self.attachments)),
            work=self._work(),
        )

    def _work(self) -> dict[str, Any]:
        if self.work is None:
            return {}
        wanted = _WORK_OF.get(self.channel, set())
        plain = self.work.model_dump(mode="json", exclude_none=True)
        return {_WORK_KEYS.get(name, name): value for name, value in plain.items() if name in wanted}


def _by_currency(amounts: Sequence[CurrencyAmount], pointer: str) -> dict[str, int]:
    return {
        one.currency: to_minor(one.amount, one.currency, pointer=f"{pointer}/{index}/amount")
        for index, one in enumerate(amounts)
    }


class VersionBody(Input):
    """A version of a policy: its steps in their order."""

    steps: Annotated[list[StepBody], Field(min_length=1, max_length=STEPS_LIMIT)]
    grouping: Grouping = Field(
        default="per_step",
        description="One notice for each account and step, or one for each account at its highest step",
    )
    count_credits: bool = Field(default=True, description="Open credit memos cover debts like unapplied cash")
    note: Comment | None = None

    def draft(self) -> VersionDraft:
        """The plain version. Raises AmountInvalid."""
        steps = tuple(step.draft(index) for index, step in enumerate(self.steps))
        return VersionDraft(steps, self.grouping, self.count_credits, self.note)


class PolicyCreate(VersionBody):
    """A policy with its first version, a draft until it is activated."""

    code: Code
    name: Name
    description: Comment | None = None


class PolicyUpdate(Input):
    """What changes of a policy. One that is not in use counts as unassigned."""

    name: Name = unset()
    description: Comment | None = unset()
    active: bool = unset()


class VersionActivate(Input):
    """From when on it is in force."""

    valid_from: BusinessDate | None = Field(
        default=None, description="Today when missing, and at the earliest", examples=["2030-01-01"]
    )


class StepRead(BaseModel):
    """A step of a version."""

    id: UUID
    ordinal: int
    name: str
    channel: Channel
    offset_days: int | None
    gap_days: int | None
    lapse_days: int | None
    template_code: str | None
    minimums: list[CurrencyAmountRead]
    fee_fixed: list[CurrencyAmountRead]
    fee_percent: str | None
    interest: bool
    compensation: bool
    approval: bool
    cc: list[str]
    attachments: list[str]
    work: StepWork


class VersionRead(BaseModel):
    """A version of a policy."""

    id: UUID
    policy_id: UUID
    number: int
    state: VersionState
    valid_from: date | None
    grouping: Grouping
    count_credits: bool
    note: str | None
    written_by: str
    activated_by: str | None
    activated_at: datetime | None
    steps: list[StepRead]
    allowed_actions: list[Literal["update", "activate", "discard"]]
    version: int
    created_at: datetime
    updated_at: datetime


class PolicyRead(BaseModel):
    """A policy, with the version in force today and the drafts of further ones."""

    id: UUID
    code: str
    name: str
    description: str | None
    active: bool
    shipped: bool = Field(description="It holds for accounts that have no other policy")
    in_force: VersionRead | None
    draft_ids: list[UUID]
    version: int
    created_at: datetime
    updated_at: datetime


def _amounts(by_currency: dict[str, Any]) -> list[CurrencyAmountRead]:
    return [
        CurrencyAmountRead(amount=to_text(int(minor), currency), currency=currency)
        for currency, minor in sorted(by_currency.items())
    ]


def _step_read(row: DunningStep) -> StepRead:
    plain = {name: getattr(row, name) for name in StepRead.model_fields if name not in ("minimums", "fee_fixed",
             "fee_percent", "work")}  # fmt: skip
    names = {stored: shown for shown, stored in _WORK_KEYS.items() if shown in _WORK_OF.get(row.channel, set())}
    work = {names.get(name, name): value for name, value in row.work.items()}
    points = row.fee_basis_points
    return StepRead(
        **plain,
        minimums=_amounts(row.minimums),
        fee_fixed=_amounts(row.fee_fixed),
        fee_percent=None if points is None else to_text(points, "EUR"),
        work=StepWork.model_validate(work),
    )


def version_read(row: DunningPolicyVersion, steps: Sequence[DunningStep]) -> VersionRead:
    """From the rows."""
    names = set(VersionRead.model_fields) - {"steps", "allowed_actions"}
    plain = {name: getattr(row, name) for name in names}
    shown = {"steps": [_step_read(step) for step in steps], "allowed_actions": version_actions(row.state)}
    return VersionRead.model_validate(plain | shown)


def policy_read(row: DunningPolicy, in_force: VersionRead | None, draft_ids: Sequence[UUID]) -> PolicyRead:
    """From the rows."""
    names = set(PolicyRead.model_fields) - {"in_force", "draft_ids"}
    plain = {name: getattr(row, name) for name in names}
    return PolicyRead.model_validate(plain | {"in_force": in_force, "draft_ids": list(draft_ids)})


class AssignmentCreate(Input):
    """Who is to have which policy from a day on. Without a policy, whatever is less specific holds again."""

    scope: AssignmentScope
    policy_id: UUID | None
    account_id: UUID | None = None
    segment: Annotated[str, text(64)] | None = None
    valid_from: BusinessDate | None = Field(default=None, description="Today when missing, and at the earliest")
    reason: Reason | None = None

    def command(self, today: date) -> Assign:
        """The plain command. Raises AssignmentInvalid."""
        wanted = {"organization": (False, False), "segment": (False, True), "account": (True, False)}[self.scope]
        if (self.account_id is not None, self.segment is not None) != wanted:
            detail = "an assignment names the account or segment of its scope, and nothing else"
            raise AssignmentInvalid(detail, pointer="/segment" if self.scope == "segment" else "/account_id")
        valid_from = self.valid_from or today
        return Assign(self.scope, self.policy_id, valid_from, self.account_id, self.segment, self.reason)


class AssignmentRead(BaseModel):
    """Who has which policy from a day on; of two the later, and the most specific wins."""

    id: UUID
    scope: AssignmentScope
    policy_id: UUID | None
    account_id: UUID | None
    segment: str | None
    valid_from: date
    reason: str | None
    actor_name: str
    recorded_at: datetime


def assignment_read(row: DunningAssignment) -> AssignmentRead:
    """From the row."""
    return AssignmentRead.model_validate({name: getattr(row, name) for name in AssignmentRead.model_fields})


class DunningSettingsUpdate(Input):
    """What changes."""

    nightly: bool | None = unset()
    response_days: Annotated[int, Field(ge=1, le=90)] = unset()


class DunningSettingsRead(BaseModel):
    """How the organization duns."""

    nightly: bool | None = Field(description="Null: from the first assignment of a policy on")
    runs_at_night: bool = Field(description="What that comes to now")
    response_days: int = Field(description="Days within which money counts as an answer to a reminder")
    version: int


class BlockCreate(Input):
    """No dunning of an account, or of one of its instalments."""

    account_id: UUID
    instalment_id: UUID | None = None
    reason_code: Code
    note: Comment | None = None
    starts_on: BusinessDate | None = Field(default=None, description="Today when missing")
    until: BusinessDate | None = Field(default=None, description="The last day; null until it is lifted")

    def command(self, today: date) -> PlaceBlock:
        """The plain command."""
        return PlaceBlock(
            self.account_id, self.reason_code, self.starts_on or today, self.until, self.instalment_id, self.note
        )


class BlockUpdate(Input):
    """Another end."""

    until: BusinessDate | None


class BlockLift(Input):
    """Why it ends today."""

    reason: Reason | None = None


class BlockRead(BaseModel):
    """A block."""

    id: UUID
    account_id: UUID
    instalment_id: UUID | None
    reason_code: str
    note: str | None
    starts_on: date
    until: date | None
    placed_by: str
    lifted_on: date | None
    lifted_by: str | None
    lift_reason: str | None
    allowed_actions: list[Literal["lift", "update"]]
    version: int
    created_at: datetime
    updated_at: datetime


def block_read(row: DunningBlock) -> BlockRead:
    """From the row."""
    plain = {name: getattr(row, name) for name in BlockRead.model_fields if name != "allowed_actions"}
    return BlockRead.model_validate(plain | {"allowed_actions": block_actions(row.lifted_on)})
