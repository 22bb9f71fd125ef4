"""What runs, notices and withheld items of dunning take and give over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.dunning.deciding import HOLD_DAYS, Approved
from app.dunning.models import DunningNotice, DunningStep
from app.dunning.policy.in_force import Held
from app.dunning.policy.schemas import BlockRead, Channel
from app.dunning.rules import notice_actions
from app.infra.http.fields import AmountOut, BusinessDate, Input, Reason

RunKind = Literal["nightly", "on_demand", "simulation"]
RunState = Literal["waiting", "running", "done", "failed"]
NoticeState = Literal[
    "simulated", "pending_approval", "approved", "sending", "sent", "delivered", "done", "bounced", "failed", "unknown",
    "suppressed", "rejected", "cancelled", "resolved",
]  # fmt: skip
WithheldReason = Literal[
    "disputed", "promise", "payment_plan", "blocked", "legal_case", "unapplied_cash", "open_credit", "below_minimum",
    "no_contact", "do_not_contact", "no_consent", "delivery_failed", "outcome_unknown", "rejected", "merged",
]  # fmt: skip
NoticeAction = Literal["approve", "reject", "cancel", "try_again", "count_as_done"]
HoldDays = Annotated[int, Field(ge=0, le=365, description="Not proposed again for so many days")]


class NoticeItemRead(BaseModel):
    """An instalment in a notice. `amount` is what is asked for: open, less what is disputed or promised."""

    instalment_id: UUID
    invoice_id: UUID
    invoice_number: str
    step: int
    covered: bool = Field(description="At a lower step than the notice, and recorded as reminded of it")
    due_date: date
    open_amount: AmountOut
    amount: AmountOut
    disputed_amount: AmountOut
    promised_amount: AmountOut
    fee: AmountOut
    interest: AmountOut
    compensation: AmountOut
    open_now: AmountOut
    done_on: date | None
    resolved_on: date | None
    dropped: str | None = Field(description="Why it left the notice before that went out")


class NoticeRead(BaseModel):
    """A notice: to whom, at which step, what it asks for, what became of it."""

    id: UUID
    run_id: UUID
    account_id: UUID
    legal_entity_id: UUID
    currency: str
    step: int
    step_name: str
    channel: Channel
    template_code: str | None
    policy_version_id: UUID
    state: NoticeState
    state_before: NoticeState | None = Field(description="What it was when it resolved")
    business_date: date
    contact_id: UUID | None
    item_count: int
    open_amount: AmountOut
    amount: AmountOut = Field(description="What its items ask for")
    earlier_charges: AmountOut = Field(description="Fees and interest of earlier notices that are still open")
    fee: AmountOut
    interest: AmountOut
    compensation: AmountOut
    total_due: AmountOut = Field(description="All of it")
    charge_invoice_id: UUID | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None = Field(description="Why it was withdrawn, failed or waits")
    reason_note: str | None
    hold_until: date | None
    done_on: date | None
    done_at: datetime | None
    resolved_on: date | None
    result_kind: str | None = Field(description="What came of a step that is work")
    result_id: UUID | None
    allowed_actions: list[NoticeAction]
    version: int
    created_at: datetime
    updated_at: datetime


class NoticeDetail(NoticeRead):
    """A notice with its items."""

    items: list[NoticeItemRead]


_AMOUNTS = {
    "open_amount": "open_minor",
    "amount": "total_minor",
    "earlier_charges": "charges_minor",
    "fee": "fee_minor",
    "interest": "interest_minor",
    "compensation": "compensation_minor",
}
_OTHER = {"step", "step_name", "template_code", "policy_version_id", "total_due", "allowed_actions", *_AMOUNTS}


def _notice_facts(row: DunningNotice, step: DunningStep) -> dict[str, Any]:
    facts: dict[str, Any] = {name: getattr(row, name) for name in NoticeRead.model_fields if name not in _OTHER}
    facts |= {shown: to_text(getattr(row, stored), row.currency) for shown, stored in _AMOUNTS.items()}
    due = row.total_minor + row.charges_minor + row.fee_minor + row.interest_minor + row.compensation_minor
    facts |= {"step": row.step_ordinal, "step_name": step.name, "template_code": step.template_code}
    facts |= {"policy_version_id": step.version_id, "total_due": to_text(due, row.currency)}
    return facts | {"allowed_actions": notice_actions(row.state)}


def notice_read(row: DunningNotice, step: DunningStep) -> NoticeRead:
    """From the rows."""
    return NoticeRead.model_validate(_notice_facts(row, step))


def notice_detail(row: DunningNotice, step: DunningStep, items: Sequence[Any]) -> NoticeDetail:
    """From the rows."""
    shown = [_item_read(item, row.currency) for item in items]
    return NoticeDetail.model_validate(_notice_facts(row, step) | {"items": shown})


def _item_read(item: Any, currency: str) -> NoticeItemRead:
    return NoticeItemRead(
        instalment_id=item["instalment_id"],
        invoice_id=item["invoice_id"],
        invoice_number=item["number"],
        step=item["step_ordinal"],
        covered=item["covered"],
        due_date=item["due_date"],
        open_amount=to_text(item["open_minor"], currency),
        amount=to_text(item["eligible_minor"], currency),
        disputed_amount=to_text(item["disputed_minor"], currency),
        promised_amount=to_text(item["held_minor"], currency),
        fee=to_text(item["fee_minor"], currency),
        interest=to_text(item["interest_minor"], currency),
        compensation=to_text(item["compensation_minor"], currency),
        open_now=to_text(item["open_now_minor"], currency),
        done_on=item["done_on"],
        resolved_on=item["resolved_on"],
        dropped=item["dropped"],
    )


class NoticeReject(Input):
    """Why it does not go out, and when it may be proposed again."""

    reason: Reason
    hold_days: HoldDays = HOLD_DAYS


class NoticeDone(Input):
    """How and when it reached the customer."""

    reason: Reason
    done_on: BusinessDate | None = Field(default=None, description="Today when missing")


class NoticeRelease(Input):
    """Why it may be planned again."""

    reason: Reason | None = None


class NoticesApprove(Input):
    """Notices to approve."""

    notice_ids: Annotated[list[UUID], Field(min_length=1, max_length=1_000)]


class ApprovalResult(BaseModel):
    """What became of one approval."""

    notice_id: UUID
    outcome: Literal["approved", "not_due", "charge_refused", "not_pending"]
    reason: str | None = Field(description="Why it is not due any more, or what refused its charge")


class ApprovalResults(BaseModel):
    """What became of each approval, in order; and how many notices wait still."""

    data: list[ApprovalResult]
    pending: int


def approvals_read(found: Sequence[Approved], pending: int) -> ApprovalResults:
    """From what was decided."""
    data = [ApprovalResult(notice_id=one.notice_id, outcome=one.outcome, reason=one.reason) for one in found]
    return ApprovalResults(data=data, pending=pending)


class NoticeCounts(BaseModel):
    """How many notices wait for somebody."""

    pending_approval: int
    approved: int = Field(description="Not sent yet")
    sending: int
    unknown: int = Field(description="Nobody knows whether they went out")
    failed: int
    bounced: int
    charge_refused: int = Field(description="Of those pending: their charges could not be posted")
    needs_attention: int


class ChainRead(BaseModel):
    """Where an open instalment stands: its last step that counts, and what comes next."""

    instalment_id: UUID
    invoice_id: UUID
    invoice_number: str
    due_date: date
    open_amount: AmountOut
    currency: str
    last_step: int | None
    last_done_on: date | None
    notice_id: UUID | None
    notice_state: NoticeState | None
    next_step: int | None
    next_step_name: str | None
    next_on: date | None = Field(description="When its time comes; null while the step before is not out, or none is")
    withheld: WithheldReason | None = Field(description="Why it would be withheld today")
    withheld_until: date | None


class PolicyHeld(BaseModel):
    """The policy of an account, and by which scope it has it."""

    policy_id: UUID
    policy_version_id: UUID
    scope: Literal["account", "segment", "organization", "shipped"]


class AccountDunning(BaseModel):
    """How an account is dunned: by which policy, what blocks it, where each of its open items stands."""

    account_id: UUID
    policy: PolicyHeld | None
    blocks: list[BlockRead]
    items: list[ChainRead] = Field(description="The first thousand open items, the first due first")


def policy_held(held: Held | None) -> PolicyHeld | None:
    """From what is in force."""
    if held is None:
        return None
    return PolicyHeld.model_validate(
        {"policy_id": held.policy_id, "policy_version_id": held.version_id, "scope": held.scope}
    )
