"""What credit takes and gives over HTTP: policy, checks and decisions, open orders, holds, exposure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.money import to_minor, to_text
from app.credit.checks import CheckOrder
from app.credit.models import CreditDecision, CreditHold, CreditOrder, CreditPolicyVersion
from app.credit.orders import OrderCommand
from app.credit.rules import CreditPolicy, policy_to_json
from app.infra.http.fields import (
    Amount,
    AmountOut,
    BusinessDate,
    Currency,
    ExternalId,
    ExternalRef,
    Input,
    Name,
    Number,
    Reason,
    text,
    unset,
)

Level = Literal["ok", "watch", "hold", "stop"]
CreditOutcome = Literal["approve", "refer", "refuse"]
Percent = Annotated[int, Field(ge=0, le=1_000)]
Days = Annotated[int, Field(ge=0, le=3_650)]
Months = Annotated[int, Field(ge=1, le=120)]
PolicyAmount = Annotated[Amount, Field(description="In the organization's base currency")]
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


class PolicyFields(Input):
    """Figures of a credit policy; null switches a threshold off, what is left out has its default."""

    watch_utilisation_percent: Percent | None = unset()
    hold_utilisation_percent: Percent | None = unset()
    stop_utilisation_percent: Percent | None = unset()
    watch_days_late: Days | None = unset()
    hold_days_late: Days | None = unset()
    stop_days_late: Days | None = unset()
    minimum_overdue: PolicyAmount = unset()
    watch_order: CreditOutcome = unset()
    hold_order: CreditOutcome = unset()
    stop_order: CreditOutcome = unset()
    over_limit: CreditOutcome = unset()
    tolerance_percent: Percent = unset()
    refuse_over_percent: Annotated[int, Field(ge=100, le=1_000)] | None = unset()
    refer_below_score: Annotated[int, Field(ge=0, le=100)] | None = unset()
    count_orders: bool = unset()
    count_disputed: bool = unset()
    subtract_credits: bool = unset()
    subtract_securities: bool = unset()
    check_group: bool = unset()
    reservation_days: Annotated[int, Field(ge=1, le=365)] = unset()
    limit_valid_months: Months = unset()
    review_months: Months = unset()
    review_months_by_risk_class: Annotated[dict[Annotated[str, text(64)], Months], Field(max_length=50)] = unset()
    low_risk_score: Annotated[int, Field(ge=0, le=100)] = unset()
    medium_risk_score: Annotated[int, Field(ge=0, le=100)] = unset()
    score_window_months: Annotated[int, Field(ge=3, le=36)] = unset()
    weights: Annotated[dict[Annotated[str, text(64)], Annotated[int, Field(ge=0, le=100)]], Field(max_length=20)] = (
        unset()
    )

    def definition(self, base_currency: str) -> dict[str, Any]:
        """The fields that are given, amounts in minor units. Raises AmountInvalid."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if "minimum_overdue" in given:
            amount = given.pop("minimum_overdue")
            given["minimum_overdue_minor"] = to_minor(amount, base_currency, pointer="/policy/minimum_overdue")
        return given


class CreditPolicyCreate(Input):
    """A draft of a new version."""

    name: Name
    policy: PolicyFields


class CreditPolicyUpdate(Input):
    """Changes of a draft."""

    name: Name = unset()
    policy: PolicyFields = unset()


class CreditPolicyActivate(Input):
    """From which day on the version is in force."""

    valid_from: BusinessDate


class CreditPolicyRead(BaseModel):
    """A version of the credit policy; version 0 is the one that the service ships."""

    id: UUID | None
    number: int
    name: str
    state: Literal["draft", "active"]
    valid_from: date | None
    activated_by: str | None
    policy: dict[str, Any]
    allowed_actions: list[Literal["update", "activate"]]
    version: int


def policy_fields(policy: CreditPolicy, base_currency: str) -> dict[str, Any]:
    """A policy's figures as JSON, amounts as text."""
    found = policy_to_json(policy)
    return found | {"minimum_overdue": to_text(found.pop("minimum_overdue_minor"), base_currency)}


def policy_read(row: CreditPolicyVersion, policy: CreditPolicy, base_currency: str) -> CreditPolicyRead:
    """From the row."""
    plain = {name: getattr(row, name) for name in ("id", "number", "name", "state", "valid_from", "activated_by",
                                                   "version")}  # fmt: skip
    actions = ["update", "activate"] if row.state == "draft" else []
    return CreditPolicyRead(policy=policy_fields(policy, base_currency), allowed_actions=actions, **plain)


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
    answers_id: UUID | None = Field(description="The referred decision that this one answers")
    note: str | None
    recorded_at: datetime
    allowed_actions: list[Literal["approve", "refuse"]]


def decision_read(row: CreditDecision, *, answered: bool, scopes: frozenset[str]) -> CreditDecisionRead:
    """From the row; `answered`: a person has answered it already."""
    own, group = row.facts["exposure"], row.facts.get("group_exposure")
    limit = row.facts["limit_minor"]
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
