"""What the desk gives and takes over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_text
from app.desk.models import TimelineEntry, WorklistEntry, WorklistSnooze
from app.desk.overview import Overview
from app.desk.timeline_events import TimelineKind
from app.forecasting.expected import ExpectedCash
from app.infra.http.fields import AmountOut, BusinessDate, Input, Reason

NextAction = Literal[
    "call_about_broken_promise", "press_dispute", "answer_inquiry", "check_promised_payment", "do_planned_action",
    "call_about_broken_plan", "resend_invoice", "correct_contact", "find_contact", "follow_escalation",
    "review_credit", "escalate", "wait_for_reaction", "call", "email", "review", "attend_to_notice", "approve_notice",
    "wait_for_reminder",
]  # fmt: skip
SignalKind = Literal[
    "promise_broken", "dispute_sla_breached", "reply_due", "promise_due_today", "action_due", "plan_broken",
    "invoice_not_received", "contact_bounced", "contact_missing", "escalation_open", "credit_review_due",
    "notice_failed",
]  # fmt: skip


class TimelineActor(BaseModel):
    """Who did it."""

    kind: Literal["user", "api_client", "system"]
    id: UUID | None
    name: str


class TimelineSubject(BaseModel):
    """What it was done to; its resource tells the present state."""

    type: str = Field(examples=["payment"])
    id: UUID


class TimelineEntryRead(BaseModel):
    """One event of an account."""

    id: UUID
    position: int = Field(description="The place in the sealed order of the organization's events")
    kind: TimelineKind
    event: str = Field(examples=["payment.recorded"])
    recorded_at: datetime
    effective_date: date | None
    subject: TimelineSubject
    actor: TimelineActor
    reason: str | None
    before: dict[str, Any]
    after: dict[str, Any]


class SnoozeRead(BaseModel):
    """Until when, why and by whom an account is left alone."""

    until_date: date
    reason: str
    snoozed_by: str


class SignalRead(BaseModel):
    """Something that asks for work now."""

    kind: SignalKind
    count: int
    on_date: date | None = Field(description="Since when, or when it is due")
    amount: AmountOut = Field(description="The money behind it, in the organization's base currency")


class FactorRead(BaseModel):
    """One reason of the place in the order."""

    name: str
    percent: int = Field(description="What it adds to the base of 100 percent")
    fact: str


class LastNoticeRead(BaseModel):
    """The latest reminder of an account."""

    id: UUID
    step: int = Field(description="The level: the number of the step")
    name: str
    channel: str = Field(examples=["email"])
    state: str = Field(examples=["delivered"], description="Of the notice; before it resolved, where it has")
    on: date = Field(description="When it went out or was carried out, else when it was made")


class NextDunningStepRead(BaseModel):
    """The step of the dunning policy that comes next for an item of the account."""

    step: int
    name: str
    channel: str = Field(examples=["letter"])
    on: date = Field(description="The first day on which it comes; in the past: something withholds it")


class WorklistEntryRead(BaseModel):
    """An account that asks for work, what to do next, and why it stands where it stands."""

    account_id: UUID
    account_number: str
    account_name: str
    collector_id: UUID | None
    next_action: NextAction
    score: AmountOut = Field(description="Orders the list: expected cash and what is at stake, times the factors")
    expected_amount: AmountOut = Field(description="Of the collectable amount, within 30 days")
    expected_from: Literal["payment_share", "forecast"] = Field(
        description="The current forecast, or the share that the account has paid within 30 days so far"
    )
    overdue_amount: AmountOut
    open_amount: AmountOut
    currency: str = Field(description="The organization's base currency")
    days_late: int
    signals: list[SignalRead]
    factors: list[FactorRead]
    last_contact_on: date | None = Field(description="By a person or by a reminder that went out")
    last_notice: LastNoticeRead | None
    next_dunning_step: NextDunningStepRead | None = Field(description="Null while the account is not dunned or blocked")
    dunning_blocked: bool
    dunning_blocked_until: date | None
    snooze: SnoozeRead | None
    business_date: date = Field(description="The day for which it was ranked")
    allowed_actions: list[Literal["snooze", "wake"]]


class CountRead(BaseModel):
    """How many entries of one kind."""

    name: str
    count: int


class WorklistCountsRead(BaseModel):
    """Numbers for badges: entries that are not snoozed, by what they ask for and by signal."""

    total: int
    snoozed: int
    next_actions: list[CountRead]
    signals: list[CountRead]


class SnoozeRequest(Input):
    """Leave the account alone until this day, and why."""

    until_date: BusinessDate
    reason: Reason


class SearchHit(BaseModel):
    """Something that the words found."""

    kind: Literal["account", "invoice", "credit_memo"]
    id: UUID
    number: str
    text: str
    account_id: UUID


class PaymentHit(BaseModel):
    """A payment whose reference was asked for; without an account it is not identified yet."""

    id: UUID
    number: str = Field(description="The bank's reference or the end-to-end id")
    payer_name: str | None
    account_id: UUID | None
    amount: AmountOut
    currency: str
    value_date: date
    status: str


def payment_hit(row: Any) -> PaymentHit:
    """A row of the search."""
    facts = {key: row[key] for key in ("id", "number", "payer_name", "account_id", "currency", "value_date", "status")}
    return PaymentHit(amount=to_text(row["amount_minor"], row["currency"]), **facts)


class SearchResult(BaseModel):
    """What was found, best first, at most 80; payments beside it, for those who may read them, at most 20."""

    data: list[SearchHit]
    payments: list[PaymentHit]


class BalanceRead(BaseModel):
    """An account's money in one currency."""

    currency: str
    open_amount: AmountOut
    overdue_amount: AmountOut
    disputed_amount: AmountOut
    promised_amount: AmountOut
    unapplied_amount: AmountOut
    open_credit_memos_amount: AmountOut
    days_late: int
    open_items: int
    expected_30_days_amount: AmountOut | None = Field(
        description="By the current forecast, of what was open when it was made; null: there is none"
    )
    expected_by: date | None = Field(description="By then the last of it is probably paid; null: not foreseeable")


class LastPaymentRead(BaseModel):
    """The latest receipt."""

    id: UUID
    value_date: date
    amount: AmountOut
    currency: str


class OverviewRead(BaseModel):
    """An account at a glance."""

    account_id: UUID
    number: str
    name: str
    collector_id: UUID | None
    credit_status: Literal["ok", "watch", "hold", "stop"]
    risk_class: str | None
    balances: list[BalanceRead]
    last_payment: LastPaymentRead | None
    open_counts: dict[str, int] = Field(description="Open disputes, promises, payment plans and planned actions")
    worklist: WorklistEntryRead | None


def timeline_entry_read(row: TimelineEntry) -> TimelineEntryRead:
    """From the row."""
    return TimelineEntryRead(
        id=row.id,
        position=row.position,
        kind=row.kind,
        event=row.event,
        recorded_at=row.recorded_at,
        effective_date=row.effective_date,
        subject=TimelineSubject(type=row.entity_type, id=row.entity_id),
        actor=TimelineActor(kind=row.actor_kind, id=row.actor_id, name=row.actor_name),
        reason=row.reason,
        before=row.before,
        after=row.after,
    )


def worklist_entry_read(
    entry: WorklistEntry, number: str, name: str, snooze: WorklistSnooze | None
) -> WorklistEntryRead:
    """From a row of `queries.worklist_statement`."""
    currency = entry.currency
    return WorklistEntryRead(
        account_id=entry.id,
        account_number=number,
        account_name=name,
        collector_id=entry.collector_id,
        next_action=entry.next_action,
        score=to_text(entry.score_minor, currency),
        expected_amount=to_text(entry.expected_minor, currency),
        expected_from=entry.expected_from,
        overdue_amount=to_text(entry.overdue_minor, currency),
        open_amount=to_text(entry.open_minor, currency),
        currency=currency,
        days_late=entry.days_late,
        signals=[
            SignalRead(kind=s["kind"], count=s["count"], on_date=s["on"], amount=to_text(s["amount_minor"], currency))
            for s in entry.signals
        ],
        factors=[FactorRead(**factor) for factor in entry.factors],
        last_contact_on=entry.dunning.get("last_contact_on"),
        last_notice=entry.dunning.get("last_notice"),
        next_dunning_step=entry.dunning.get("next_step"),
        dunning_blocked=bool(entry.dunning.get("blocked")),
        dunning_blocked_until=entry.dunning.get("blocked_until"),
        snooze=None if snooze is None else snooze_read(snooze),
        business_date=entry.business_date,
        allowed_actions=["wake", "snooze"] if snooze is not None else ["snooze"],
    )


def overview_read(found: Overview) -> OverviewRead:
    """From the facts of `overview`."""
    account, last = found.account, found.last_payment
    return OverviewRead.model_validate(
        {
            "account_id": account["id"],
            "number": account["number"],
            "name": account["name"],
            "collector_id": account["collector_id"],
            "credit_status": account["credit_status"],
            "risk_class": account["risk_class"],
            "balances": [_balance(row, found.expected.get(row["currency"])) for row in found.balances],
            "last_payment": None if last is None else _last_payment(last),
            "open_counts": found.open_counts,
            "worklist": None if found.worklist is None else worklist_entry_read(*found.worklist),
        }
    )


def _last_payment(row: Any) -> LastPaymentRead:
    amount = to_text(row["amount_minor"], row["currency"])
    return LastPaymentRead(id=row["id"], value_date=row["value_date"], amount=amount, currency=row["currency"])


def _balance(row: Any, expected: ExpectedCash | None) -> BalanceRead:
    currency = row["currency"]
    return BalanceRead(
        currency=currency,
        open_amount=to_text(row["open_minor"], currency),
        overdue_amount=to_text(row["overdue_minor"], currency),
        disputed_amount=to_text(row["disputed_minor"], currency),
        promised_amount=to_text(row["promised_minor"], currency),
        unapplied_amount=to_text(row["cash_minor"], currency),
        open_credit_memos_amount=to_text(row["credit_minor"], currency),
        days_late=row["days_late"],
        open_items=row["items"],
        expected_30_days_amount=None if expected is None else to_text(expected.expected_minor, currency),
        expected_by=None if expected is None else expected.p50_date,
    )


def snooze_read(row: WorklistSnooze) -> SnoozeRead:
    """From the row."""
    return SnoozeRead(until_date=row.until_date, reason=row.reason, snoozed_by=row.snoozed_by)
