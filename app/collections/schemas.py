"""What actions and outcomes take and give over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.collections.actions import CompleteAction, Completed, FollowUp
from app.collections.asking import PlanAction
from app.collections.catalogue import Outcome
from app.collections.models import CollectionAction
from app.collections.portfolio.playbooks import PlaybookRef
from app.collections.rules import BATCH_LIMIT, action_actions
from app.core.money import to_minor
from app.disputes.opening import DisputedPart, OpenDispute
from app.infra.http.fields import Amount, BusinessDate, Comment, Currency, Input, Name, Reason, text, unset
from app.promises.make import MakePromise

ActionType = Literal[
    "call", "email", "letter", "sms", "meeting", "note", "escalation", "legal_referral", "agency_placement",
    "credit_hold",
]  # fmt: skip
ActionStatus = Literal["planned", "done", "cancelled"]
Priority = Literal["low", "normal", "high", "urgent"]
Effect = Literal["none", "promise", "dispute", "resend_invoice", "correct_contact", "confirm_payment"]
Code = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,59}$"),
    Field(description="A short name for programs", examples=["promised"]),
]


class OutcomeCreate(Input):
    """An outcome of the organization; with the code of a usual one it takes its place."""

    code: Code
    label: Name
    effect: Effect = "none"
    contact_made: bool = False
    action_types: Annotated[list[ActionType], Field(max_length=10)] = []
    next_type: ActionType | None = None
    next_business_days: Annotated[int, Field(ge=0, le=250)] | None = None


class OutcomeUpdate(Input):
    """What changes of an outcome. Actions that are done keep what it meant."""

    label: Name = unset()
    effect: Effect = unset()
    contact_made: bool = unset()
    action_types: Annotated[list[ActionType], Field(max_length=10)] = unset()
    next_type: ActionType | None = unset()
    next_business_days: Annotated[int, Field(ge=0, le=250)] | None = unset()
    active: bool = unset()


class PlaybookShown(BaseModel):
    """A playbook beside what it is about."""

    id: UUID
    code: str
    title: str
    revision: int


def shown(refs: Sequence[PlaybookRef]) -> list[PlaybookShown]:
    """Playbooks as they stand beside a resource."""
    return [PlaybookShown(id=ref.id, code=ref.code, title=ref.title, revision=ref.revision) for ref in refs]


class OutcomeRead(BaseModel):
    """An outcome of the catalogue: what it does, what follows, and whether it counts as a contact."""

    id: UUID | None = Field(description="Null for a usual one that the organization has not changed")
    code: str
    label: str
    effect: Effect
    contact_made: bool
    action_types: list[ActionType] = Field(description="Empty: any type")
    next_type: ActionType | None
    next_business_days: int | None
    active: bool
    playbooks: list[PlaybookShown]
    version: int | None


class OutcomeList(BaseModel):
    """The whole catalogue."""

    data: list[OutcomeRead]


def outcome_read(outcome: Outcome, playbooks: Sequence[PlaybookRef]) -> OutcomeRead:
    """From an outcome in force."""
    names = ("id", "code", "label", "effect", "contact_made", "next_type", "next_business_days", "active", "version")
    facts = {name: getattr(outcome, name) for name in names}
    facts |= {"action_types": list(outcome.action_types), "playbooks": shown(playbooks)}
    return OutcomeRead.model_validate(facts)


class ActionPromise(Input):
    """The promise that the outcome brought, for instalments or the account as a whole."""

    currency: Currency
    promised_date: BusinessDate
    amount: Amount | None = None
    instalment_ids: Annotated[list[UUID], Field(max_length=500)] = []
    grace_days: Annotated[int, Field(ge=0, le=30)] | None = None
    method: Annotated[str, text(60)] | None = None
    note: Comment | None = None

    def command(self, account_id: UUID) -> MakePromise:
        """The plain command. Raises AmountInvalid."""
        minor = None if self.amount is None else to_minor(self.amount, self.currency, pointer="/promise/amount")
        return MakePromise(
            account_id=account_id,
            currency=self.currency,
            promised_date=self.promised_date,
            amount_minor=minor,
            items=[(instalment_id, None) for instalment_id in self.instalment_ids],
            grace_days=self.grace_days,
            method=self.method,
            note=self.note,
        )


class ActionDisputedPart(Input):
    """So much of this instalment is disputed; without an amount all that is open."""

    instalment_id: UUID
    amount: Amount | None = None


class ActionDispute(Input):
    """The dispute that the outcome opens."""

    currency: Currency
    reason_code: Code
    lines: Annotated[list[ActionDisputedPart], Field(min_length=1, max_length=200)]
    description: Comment | None = None
    customer_reference: Annotated[str, text(64)] | None = None

    def command(self, today: date) -> OpenDispute:
        """The plain command. Raises AmountInvalid."""
        parts = tuple(
            DisputedPart(
                line.instalment_id,
                None
                if line.amount is None
                else to_minor(line.amount, self.currency, pointer=f"/dispute/lines/{index}/amount"),
                self.currency,
            )
            for index, line in enumerate(self.lines)
        )
        return OpenDispute(parts, self.reason_code, today, self.description, self.customer_reference)


class ActionFollowUp(Input):
    """A next action in place of the catalogue's."""

    type: ActionType
    due_date: BusinessDate
    subject: Name | None = None
    owner_id: UUID | None = None
    priority: Priority = "normal"


class ActionComplete(Input):
    """What came of an action. The promise or dispute is made with it, in one go."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "outcome_code": "promised",
                    "promise": {"currency": "EUR", "amount": "500.00", "promised_date": "2026-11-27"},
                }
            ]
        },
    )
    outcome_code: Code
    note: Comment | None = None
    contact_id: UUID | None = None
    done_on: BusinessDate | None = Field(default=None, description="Today unless it is entered later")
    promise: ActionPromise | None = None
    dispute: ActionDispute | None = None
    next_action: ActionFollowUp | None = None
    no_next_action: bool = Field(default=False, description="Nothing follows, whatever the catalogue says")

    def command(self, account_id: UUID, today: date, expected_version: int | None) -> CompleteAction:
        """The plain command. Raises AmountInvalid."""
        following: FollowUp | bool | None = False if self.no_next_action else None
        if self.next_action is not None:
            wanted = self.next_action
            following = FollowUp(wanted.type, wanted.due_date, wanted.subject, wanted.owner_id, wanted.priority)
        return CompleteAction(
            outcome_code=self.outcome_code,
            note=self.note,
            contact_id=self.contact_id,
            done_on=self.done_on,
            promise=None if self.promise is None else self.promise.command(account_id),
            dispute=None if self.dispute is None else self.dispute.command(self.done_on or today),
            follow_up=following,
            expected_version=expected_version,
        )


class ActionCreate(Input):
    """Something to do; with `complete` it is written down as done at once."""

    account_id: UUID
    type: ActionType
    subject: Name
    due_date: BusinessDate | None = Field(default=None, description="Today when missing")
    note: Comment | None = None
    contact_id: UUID | None = None
    owner_id: UUID | None = Field(default=None, description="The account's collector when missing")
    priority: Priority = "normal"
    instalment_ids: Annotated[list[UUID], Field(max_length=500)] = []

    def command(self, today: date) -> PlanAction:
        """The plain command."""
        return PlanAction(
            account_id=self.account_id,
            type=self.type,
            due_date=self.due_date or today,
            subject=self.subject,
            note=self.note,
            contact_id=self.contact_id,
            owner_id=self.owner_id,
            priority=self.priority,
            instalment_ids=tuple(self.instalment_ids),
        )


class ActionLog(ActionCreate):
    """Something to do, or already done."""

    complete: ActionComplete | None = None


class ActionBatch(Input):
    """Up to 1,000 actions."""

    items: Annotated[list[ActionCreate], Field(min_length=1, max_length=BATCH_LIMIT)]


class ActionBatchComplete(Input):
    """Actions to complete with one outcome that needs no further facts."""

    action_ids: Annotated[list[UUID], Field(min_length=1, max_length=BATCH_LIMIT)]
    outcome_code: Code
    note: Comment | None = None
    no_next_action: bool = False


class ActionUpdate(Input):
    """What changes of a planned action."""

    subject: Name = unset()
    note: Comment | None = unset()
    contact_id: UUID | None = unset()
    owner_id: UUID | None = unset()
    due_date: BusinessDate = unset()
    priority: Priority = unset()


class ActionCancel(Input):
    """Why an action is not done."""

    reason: Reason


class ActionRead(BaseModel):
    """A collection action."""

    id: UUID
    account_id: UUID
    type: ActionType
    status: ActionStatus
    subject: str
    note: str | None
    contact_id: UUID | None
    owner_id: UUID | None
    due_date: date
    priority: Priority
    origin: str
    follows_id: UUID | None
    instalment_ids: list[UUID]
    outcome_code: str | None
    outcome_note: str | None
    contact_made: bool
    contact_warning: str | None = Field(description="The rule of contact that was not kept when it was done")
    done_on: date | None
    done_at: datetime | None
    done_by_id: UUID | None
    done_by: str | None
    cancel_reason: str | None
    promise_id: UUID | None
    dispute_id: UUID | None
    next_action_id: UUID | None = Field(description="What was planned when this one was completed (just then only)")
    playbooks: list[PlaybookShown]
    allowed_actions: list[Literal["complete", "cancel", "update"]]
    version: int
    created_at: datetime
    updated_at: datetime


_PLAIN = (
    "id", "account_id", "type", "status", "subject", "note", "contact_id", "owner_id", "due_date", "priority",
    "origin", "follows_id", "outcome_code", "outcome_note", "contact_made", "contact_warning", "done_on", "done_at",
    "done_by_id", "done_by", "cancel_reason", "promise_id", "dispute_id", "version", "created_at", "updated_at",
)  # fmt: skip


def action_read(
    action: CollectionAction,
    instalment_ids: Sequence[UUID],
    playbooks: Sequence[PlaybookRef],
    completed: Completed | None = None,
) -> ActionRead:
    """From the row, its items and the playbooks of its type."""
    facts: dict[str, Any] = {name: getattr(action, name) for name in _PLAIN}
    facts |= {"instalment_ids": list(instalment_ids), "playbooks": shown(playbooks)}
    facts |= {"allowed_actions": action_actions(action.status)}
    return ActionRead.model_validate(facts | {"next_action_id": completed.next_action_id if completed else None})


class ActionCounts(BaseModel):
    """Badges of planned actions."""

    overdue: int
    due_today: int
    upcoming: int
    urgent: int
    without_owner: int
