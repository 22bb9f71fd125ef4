"""What payment plans take and give over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.money import to_minor, to_text
from app.infra.http.fields import Amount, AmountOut, BusinessDate, Comment, Currency, Input, Reason
from app.promises.models import PaymentPlan, PaymentPlanPart
from app.promises.plans import DraftPlan, ProposePlan
from app.promises.rules import INSTALMENTS_LIMIT, PARTS_LIMIT, PlannedPart, Rhythm, ScheduleInvalid, plan_actions
from app.promises.schemas import GraceDays, PromiseItemRead, item_read

PlanStatus = Literal["proposed", "active", "completed", "broken", "cancelled"]
PlanAction = Literal["activate", "cancel"]


class PlanPartCreate(Input):
    """One part of a plan."""

    due_date: BusinessDate
    amount: Amount


class PlanRhythm(Input):
    """A schedule by rule: `parts` equal parts (the last carries the rest), or parts of `part_amount`."""

    first_date: BusinessDate
    every: Annotated[int, Field(ge=1, le=52)] = 1
    unit: Literal["month", "week"] = "month"
    parts: Annotated[int, Field(ge=1, le=PARTS_LIMIT)] | None = None
    part_amount: Amount | None = None


class PaymentPlanCreate(Input):
    """A plan for instalments (none: everything open of the account), by given parts or by a rule."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_id": "01981d8e-6a00-7000-8000-000000000001",
                    "currency": "EUR",
                    "rhythm": {"first_date": "2026-12-01", "every": 2, "unit": "month", "part_amount": "30.00"},
                }
            ]
        },
    )
    account_id: UUID
    currency: Currency
    instalment_ids: Annotated[list[UUID], Field(max_length=INSTALMENTS_LIMIT)] = []
    schedule: Annotated[list[PlanPartCreate], Field(max_length=PARTS_LIMIT)] = []
    rhythm: PlanRhythm | None = None
    grace_days: GraceDays | None = None
    include_disputed: bool = False
    contact_id: UUID | None = None
    note: Comment | None = None

    def command(self) -> ProposePlan:
        """The plain command; amounts in minor units. Raises AmountInvalid, ScheduleInvalid."""
        if bool(self.schedule) == (self.rhythm is not None):
            raise ScheduleInvalid("give either the parts or a rhythm", pointer="/schedule")
        currency = self.currency
        parts = [
            PlannedPart(part.due_date, to_minor(part.amount, currency, pointer=f"/schedule/{index}/amount"))
            for index, part in enumerate(self.schedule)
        ]
        rhythm = None
        if self.rhythm is not None:
            given = self.rhythm
            minor = None if given.part_amount is None else to_minor(given.part_amount, currency,
                                                                    pointer="/rhythm/part_amount")  # fmt: skip
            rhythm = Rhythm(given.first_date, given.every, given.unit, given.parts, minor)
        return ProposePlan(
            account_id=self.account_id,
            currency=currency,
            instalment_ids=tuple(dict.fromkeys(self.instalment_ids)),
            parts=parts,
            rhythm=rhythm,
            grace_days=self.grace_days,
            include_disputed=self.include_disputed,
            contact_id=self.contact_id,
            note=self.note,
        )


class PlanCancel(Input):
    """Why a plan is taken back."""

    reason: Reason


class PlanPartDraft(BaseModel):
    """One part of a plan that is not written down."""

    due_date: date
    amount: AmountOut


class PaymentPlanDraft(BaseModel):
    """What a plan would be."""

    currency: str
    total_amount: AmountOut
    instalment_ids: list[UUID]
    schedule: list[PlanPartDraft]


def draft_read(draft: DraftPlan, currency: str) -> PaymentPlanDraft:
    """From a draft."""
    parts = [PlanPartDraft(due_date=p.due_date, amount=to_text(p.amount_minor, currency)) for p in draft.parts]
    total = to_text(draft.total_minor, currency)
    return PaymentPlanDraft(currency=currency, total_amount=total, instalment_ids=list(draft.debt), schedule=parts)


class PlanPartRead(BaseModel):
    """One part of a plan, and what came for it."""

    ordinal: int
    due_date: date
    kept_until: date
    amount: AmountOut
    paid_amount: AmountOut
    status: Literal["open", "partly_kept", "kept", "broken"]


class PaymentPlanRead(BaseModel):
    """A payment plan with its schedule."""

    id: UUID
    account_id: UUID
    currency: str
    total_amount: AmountOut
    paid_amount: AmountOut
    grace_days: int
    status: PlanStatus
    proposed_on: date
    activated_on: date | None
    next_due_on: date | None
    decided_on: date | None
    reason: str | None
    contact_id: UUID | None
    collector_id: UUID | None
    taken_by_id: UUID | None
    taken_by: str
    note: str | None
    schedule: list[PlanPartRead]
    instalments: list[PromiseItemRead]
    allowed_actions: list[PlanAction]
    version: int
    created_at: datetime
    updated_at: datetime


_PLAIN = (
    "id", "account_id", "currency", "grace_days", "status", "proposed_on", "activated_on", "next_due_on", "decided_on",
    "reason", "contact_id", "collector_id", "taken_by_id", "taken_by", "note", "version", "created_at", "updated_at",
)  # fmt: skip


def plan_read(plan: PaymentPlan, parts: Sequence[PaymentPlanPart], items: Sequence[Any]) -> PaymentPlanRead:
    """From the rows."""
    currency = plan.currency
    schedule = [
        PlanPartRead.model_validate(
            {
                "ordinal": part.ordinal,
                "due_date": part.due_date,
                "kept_until": part.kept_until,
                "amount": to_text(part.amount_minor, currency),
                "paid_amount": to_text(part.paid_minor, currency),
                "status": part.status,
            }
        )
        for part in parts
    ]
    return PaymentPlanRead.model_validate(
        {name: getattr(plan, name) for name in _PLAIN}
        | {
            "total_amount": to_text(plan.total_minor, currency),
            "paid_amount": to_text(plan.paid_minor, currency),
            "schedule": schedule,
            "instalments": [item_read(item, currency) for item in items],
            "allowed_actions": plan_actions(plan.status),
        }
    )
