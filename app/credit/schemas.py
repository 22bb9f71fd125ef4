"""What credit takes and gives over HTTP: policy, checks and decisions, open orders, holds, exposure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.money import to_minor, to_text
from app.credit.checks import CheckOrder
from app.credit.models import CreditDecision, CreditHold, CreditOrder
from app.credit.orders import OrderCommand
from app.infra.http.fields import (
    Amount,
    AmountOut,
    BusinessDate,
    Currency,
    ExternalId,
    ExternalRef,
    Input,
    Number,
    Reason,
    text,
)

Level = Literal["ok", "watch", "hold", "stop"]
CreditOutcome = Literal["approve", "refer", "refuse"]
NotReserved = Literal["no_order_ref", "not_asked", "not_approved", "reported_by_source"]
Percent = Annotated[int, Field(ge=0, le=1_000)]
Days = Annotated[int, Field(ge=0, le=3_650)]
Months = Annotated[int, Field(ge=1, le=120)]
ReasonCode = Annotated[str, text(64)]


class CreditReasonRead(BaseModel):
    """One reason: a stable code, a sentence, what it leads to, figures for programs (amounts as decimal text)."""

    code: str
    detail: str
    leads_to: str
    facts: dict[str, Any]


def reason_read(raw: Mapping[str, Any], currency: str) -> CreditReasonRead:
    """From the stored form; minor units become text in the currency that the facts name, else in the one given."""
    facts = dict(raw["facts"])
    of = facts.get("currency", currency)
    shown = {
        name.removesuffix("_minor"): to_text(value, of) if name.endswith("_minor") and isinstance(value, int) else value
        for name, value in facts.items()
    }
    return CreditReasonRead(code=raw["code"], detail=raw["detail"], leads_to=raw["leads_to"], facts=shown)


class CreditCheckCreate(Input):
    """An order to be answered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_id": "0199d3a1-6c1e-7c8f-9f53-0c7e5b2f7d10",
                    "amount": "1250.00",
                    "currency": "EUR",
                    "order_ref": {"source": "gp", "id": "SO-4711"},
                }
            ]
        }
    )
    account_id: UUID
    amount: Amount
    currency: Currency
    order_ref: ExternalRef | None = Field(default=None, description="What is open of this order is not counted twice")
    reserve: bool | None = Field(
        default=None,
        description="Count an approved order as open from now on, so that the next check sees it; needs `order_ref`. "
        "When missing: yes, if `order_ref` is given. Send false for a question that is no order",
    )

    def command(self) -> CheckOrder:
        """The plain command. Raises AmountInvalid."""
        reference = self.order_ref
        return CheckOrder(
            account_id=self.account_id,
            amount_minor=to_minor(self.amount, self.currency),
            currency=self.currency,
            source=reference.source if reference else None,
            external_id=reference.id if reference else None,
            reserve=reference is not None if self.reserve is None else self.reserve,
        )


class ExposureRead(BaseModel):
    """What is owed or may come to be owed, in one currency. `total` = open + orders − credit memos − unapplied."""

    currency: str
    open_amount: AmountOut
    overdue_amount: AmountOut
    disputed_amount: AmountOut
    credit_memos_amount: AmountOut
    unapplied_amount: AmountOut
    orders_amount: AmountOut
    total_amount: AmountOut
    secured_amount: AmountOut
    unsecured_amount: AmountOut
    days_late: int = Field(description="Of the oldest undisputed item")
    unconverted: list[str] = Field(description="Currencies without an exchange rate: their amounts are left out")


def exposure_read(stored: Mapping[str, Any]) -> ExposureRead:
    """From the stored form of an exposure (`checks.exposure_json`)."""
    currency = stored["currency"]
    names = {"credit_memos": "credits"}
    amounts = {
        f"{name}_amount": to_text(stored[f"{names.get(name, name)}_minor"], currency)
        for name in ("open", "overdue", "disputed", "credit_memos", "unapplied", "orders", "total", "secured",
                     "unsecured")
    }  # fmt: skip
    return ExposureRead(currency=currency, days_late=stored["days_late"], unconverted=stored["unconverted"], **amounts)


class CreditDecisionRead(BaseModel):
    """What an order was answered, and why. A referred order is answered by a person as a decision of its own."""

    id: UUID
    account_id: UUID
    order_ref: ExternalRef | None
    amount: AmountOut
    currency: str
    outcome: CreditOutcome
    reasons: list[CreditReasonRead]
    exposure: ExposureRead
    group_exposure: ExposureRead | None
    credit_limit: AmountOut | None
    credit_status: Level
    score: int | None
    policy_version: int = Field(description="Version of the credit policy; 0 is the one that the service ships")
    decided_on: date
    decided_by: str
    reserved: bool = Field(description="Whether the order counts as open from now on")
    not_reserved: NotReserved | None = Field(
        description="Why not: a check without `order_ref` is a question; nobody asked for it; the answer was no "
        "approval; the source has reported the order itself"
    )
    answers_id: UUID | None = Field(description="The referred decision that this one answers")
    note: str | None
    recorded_at: datetime
    allowed_actions: list[Literal["approve", "refuse"]]


def _not_reserved(row: CreditDecision) -> str | None:
    """Of a decision that was kept before this was written down."""
    if row.external_id is None:
        return "no_order_ref"
    if not row.facts.get("reserve"):
        return "not_asked"
    return None if row.outcome == "approve" else "not_approved"


def decision_read(row: CreditDecision, *, answered: bool, scopes: frozenset[str]) -> CreditDecisionRead:
    """From the row; `answered`: a person has answered it already."""
    own, group = row.facts["exposure"], row.facts.get("group_exposure")
    limit = row.facts["limit_minor"]
    not_reserved = row.facts.get("not_reserved", _not_reserved(row))
    open_question = row.outcome == "refer" and not answered and "credit:approve" in scopes
    return CreditDecisionRead(
        id=row.id,
        account_id=row.account_id,
        order_ref=ExternalRef(source=row.source, id=row.external_id) if row.source and row.external_id else None,
        amount=to_text(row.amount_minor, row.currency),
        currency=row.currency,
        outcome=row.outcome,
        reasons=[reason_read(reason, own["currency"]) for reason in row.reasons],
        exposure=exposure_read(own),
        group_exposure=None if group is None else exposure_read(group),
        credit_limit=None if limit is None else to_text(limit, own["currency"]),
        credit_status=row.facts["status"],
        score=row.facts["score"],
        policy_version=row.policy_version,
        decided_on=row.decided_on,
        decided_by=row.actor_name,
        reserved=not_reserved is None,
        not_reserved=not_reserved,
        answers_id=row.answers_id,
        note=row.note,
        recorded_at=row.recorded_at,
        allowed_actions=["approve", "refuse"] if open_question else [],
    )


class CreditAnswer(Input):
    """Why a person decides so."""

    note: Reason


class CreditOrderUpsert(Input):
    """An open order as the ERP has it now: the account by id, number or the ERP's reference."""

    currency: Currency
    open_amount: Annotated[Amount, Field(description="Not invoiced yet; 0 closes the order")]
    account_id: UUID | None = None
    account_number: Number | None = None
    account_external_id: ExternalId | None = None
    number: Number | None = None
    order_date: BusinessDate | None = None
    expected_invoice_date: BusinessDate | None = None

    def command(self, reference: ExternalRef) -> OrderCommand:
        """The plain command. Raises AmountInvalid."""
        plain = self.model_dump(exclude={"open_amount", "external_ref"})
        open_minor = to_minor(self.open_amount, self.currency, pointer="/open_amount")
        return OrderCommand(source=reference.source, external_id=reference.id, open_minor=open_minor, **plain)


class CreditOrderItem(CreditOrderUpsert):
    """One order of a batch."""

    external_ref: ExternalRef


class CreditOrderBatch(Input):
    """Orders to report."""

    items: Annotated[list[CreditOrderItem], Field(min_length=1, max_length=1000)]


class CreditOrderRead(BaseModel):
    """An order that the ERP reported, or that a check reserved (until `reserved_until`, unless it is reported)."""

    id: UUID
    external_ref: ExternalRef
    number: str | None
    account_id: UUID
    currency: str
    open_amount: AmountOut
    order_date: date | None
    expected_invoice_date: date | None
    reserved_until: date | None
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, row: CreditOrder) -> CreditOrderRead:
        """From the row."""
        names = ("id", "number", "account_id", "currency", "order_date", "expected_invoice_date", "reserved_until",
                 "version", "updated_at")  # fmt: skip
        plain = {name: getattr(row, name) for name in names}
        reference = ExternalRef(source=row.source, id=row.external_id)
        return cls(external_ref=reference, open_amount=to_text(row.open_minor, row.currency), **plain)


class CreditHoldCreate(Input):
    """A `hold` raises the account's status to `level`; an `override` caps what the ladder says, until a date."""

    account_id: UUID
    kind: Literal["hold", "override"] = "hold"
    level: Level = "hold"
    reason_code: ReasonCode
    reason: Reason | None = None
    until: BusinessDate | None = Field(default=None, description="Last day on which it counts")


class CreditHoldRelease(Input):
    """Why the hold ends."""

    reason: Reason


class CreditHoldRead(BaseModel):
    """A hold or an override."""

    id: UUID
    account_id: UUID
    kind: Literal["hold", "override"]
    level: Level
    reason_code: str
    reason: str | None
    placed_on: date
    until: date | None
    placed_by: str
    released_on: date | None
    released_by: str | None
    release_reason: str | None
    allowed_actions: list[Literal["release"]]
    version: int

    @classmethod
    def of(cls, row: CreditHold) -> CreditHoldRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in cls.model_fields if name != "allowed_actions"}
        return cls(allowed_actions=[] if row.released_on else ["release"], **plain)


class AccountExposureRead(BaseModel):
    """Exposure of an account and of its parent group, against their limits."""

    account_id: UUID
    as_of: date
    exposure: ExposureRead
    credit_limit: AmountOut | None
    used_amount: AmountOut = Field(description="What the policy counts against the limit")
    available_amount: AmountOut | None = Field(description="Null without a limit; negative when the limit is passed")
    utilisation_percent: int | None
    group_account_id: UUID | None = Field(
        description="The top of the parent group; null when the account has no parent"
    )
    group_exposure: ExposureRead | None
    group_credit_limit: AmountOut | None
    policy_version: int


def reasons_read(raw: Sequence[Mapping[str, Any]], currency: str) -> list[CreditReasonRead]:
    """Each of the stored reasons."""
    return [reason_read(reason, currency) for reason in raw]
