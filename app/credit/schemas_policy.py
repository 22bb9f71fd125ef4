"""What versions of the credit policy take and give over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_minor, to_text
from app.credit.models import CreditPolicyVersion
from app.credit.rules import CreditPolicy, policy_to_json
from app.credit.schemas import CreditOutcome, Days, Months, Percent
from app.infra.http.fields import Amount, BusinessDate, Input, Name, text, unset

PolicyAmount = Annotated[Amount, Field(description="In the organization's base currency")]
DirectChanges = Literal["allowed", "review"]


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
    direct_changes: DirectChanges = unset()
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
