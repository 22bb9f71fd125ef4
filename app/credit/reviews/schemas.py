"""What credit reviews take and give over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.core.money import to_minor, to_text
from app.credit.models import CreditLimitChange, CreditReview
from app.credit.reviews.service import had_a_hand
from app.credit.schemas import CreditReasonRead, Level, reasons_read
from app.infra.http.fields import Amount, AmountOut, BusinessDate, Input, Reason, text, unset

ReviewState = Literal["draft", "recommended", "approved", "rejected"]
ReviewTrigger = Literal["due", "manual", "order", "risk"]
ReviewAction = Literal["recommend", "update", "approve", "reject"]


class CreditReviewCreate(Input):
    """A review of an account's limit and terms."""

    account_id: UUID
    trigger: ReviewTrigger = "manual"
    note: Reason | None = None


class CreditReviewUpdate(Input):
    """Another proposal than the recommended one; `limit` null is unlimited."""

    limit: Amount | None = unset()
    payment_terms_id: UUID | None = unset()
    risk_class: Annotated[str, text(64)] | None = unset()
    valid_until: BusinessDate | None = unset()
    note: Reason | None = unset()

    def changes(self, currency: str) -> dict[str, Any]:
        """Columns of the review. Raises AmountInvalid."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if "limit" in given:
            limit = given.pop("limit")
            given["proposed_limit_minor"] = None if limit is None else to_minor(limit, currency, pointer="/limit")
        for name in ("payment_terms_id", "risk_class"):
            if name in given:
                given[f"proposed_{name}"] = given.pop(name)
        return given


class CreditReviewApprove(Input):
    """A note on the decision."""

    note: Reason | None = None


class CreditReviewReject(Input):
    """Why the proposal is rejected."""

    note: Reason


class CreditReviewRead(BaseModel):
    """A review: what is, what is recommended and why, what is proposed, what was decided."""

    id: UUID
    account_id: UUID
    state: ReviewState
    trigger: ReviewTrigger
    note: str | None
    currency: str
    present_limit: AmountOut | None
    present_payment_terms_id: UUID | None
    recommended_limit: AmountOut | None
    recommended_terms: Literal["keep", "shorten", "prepayment"] | None
    reasons: list[CreditReasonRead]
    policy_version: int
    proposed_limit: AmountOut | None = Field(description="Null is unlimited once there is a proposal")
    proposed_payment_terms_id: UUID | None
    proposed_risk_class: str | None
    valid_until: date | None
    created_by: str
    proposed_by: str | None
    decided_by: str | None
    decided_on: date | None
    decision_note: str | None
    allowed_actions: list[ReviewAction]
    version: int
    created_at: datetime
    updated_at: datetime


def review_read(row: CreditReview, actor_id: UUID | None, scopes: frozenset[str]) -> CreditReviewRead:
    """From the row, with what this caller may do: nobody decides what they opened, proposed or edited."""
    plain = {
        name: getattr(row, name)
        for name in ("id", "account_id", "state", "trigger", "note", "currency", "recommended_terms", "policy_version",
                     "proposed_payment_terms_id", "proposed_risk_class", "valid_until", "created_by", "proposed_by",
                     "decided_by", "decided_on", "decision_note", "version", "created_at", "updated_at")
    }  # fmt: skip
    return CreditReviewRead(
        present_limit=_amount(row.limit_before_minor, row.currency),
        present_payment_terms_id=row.payment_terms_before_id,
        recommended_limit=_amount(row.recommended_limit_minor, row.currency),
        proposed_limit=_amount(row.proposed_limit_minor, row.currency),
        reasons=reasons_read(row.reasons, row.currency),
        allowed_actions=_actions(row, actor_id, scopes),
        **plain,
    )


def _actions(row: CreditReview, actor_id: UUID | None, scopes: frozenset[str]) -> list[ReviewAction]:
    actions: list[ReviewAction] = []
    if row.state in ("draft", "recommended") and "credit:write" in scopes:
        actions += ["recommend"] if row.state == "draft" else ["recommend", "update"]
    if row.state == "recommended" and "credit:approve" in scopes:
        actions += [] if had_a_hand(row, actor_id) else ["approve", "reject"]
    return actions


def _amount(minor: int | None, currency: str) -> str | None:
    return None if minor is None else to_text(minor, currency)


class ReviewDueRead(BaseModel):
    """An account whose credit review is due."""

    account_id: UUID
    number: str
    name: str
    due_on: date
    risk_class: str | None
    credit_status: Level
    score: int | None
    credit_limit: AmountOut | None
    currency: str
    limit_valid_until: date | None
    collector_id: UUID | None


def due_read(row: Mapping[str, Any]) -> ReviewDueRead:
    """From a row of `queries.reviews_due`."""
    plain = {name: row[name] for name in ("account_id", "number", "name", "risk_class", "credit_status", "score",
                                          "currency", "limit_valid_until", "collector_id")}  # fmt: skip
    limit = _amount(row["credit_limit_minor"], row["currency"])
    return ReviewDueRead(due_on=row["next_review_on"], credit_limit=limit, **plain)


class CreditCountsRead(BaseModel):
    """How much waits, for badges."""

    referred_waiting: int
    reviews_drafted: int
    reviews_to_decide: int
    reviews_due: int
    holds_standing: int
    securities_ending: int = Field(description="Within 30 days")
    accounts_on_watch: int
    accounts_on_hold: int
    accounts_on_stop: int


class ScoredAccountRead(BaseModel):
    """An account with its score and what else was computed of it."""

    account_id: UUID
    number: str
    name: str
    score: int
    days_beyond_terms: int | None
    ladder_level: Level
    credit_status: Level
    risk_class: str | None
    next_review_on: date | None
    evaluated_on: date | None


def scored_read(row: Any) -> ScoredAccountRead:
    """From a row of `queries.profiles_statement`."""
    profile, number, name, credit_status, risk_class = tuple(row)[:5]
    plain = {of: getattr(profile, of) for of in ("score", "days_beyond_terms", "ladder_level", "next_review_on",
                                                 "evaluated_on")}  # fmt: skip
    return ScoredAccountRead(account_id=profile.id, number=number, name=name, credit_status=credit_status,
                             risk_class=risk_class, **plain)  # fmt: skip


class CreditLimitChangeRead(BaseModel):
    """Limit and terms that an approved review gave, from when to when."""

    id: UUID
    account_id: UUID
    review_id: UUID
    currency: str
    limit_before: AmountOut | None
    limit: AmountOut | None
    payment_terms_before_id: UUID | None
    payment_terms_id: UUID | None
    risk_class: str | None
    valid_from: date
    valid_until: date | None
    actor_name: str
    recorded_at: datetime

    @classmethod
    def of(cls, row: CreditLimitChange) -> CreditLimitChangeRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in cls.model_fields if name not in ("limit", "limit_before")}
        return cls(
            limit=_amount(row.limit_minor, row.currency),
            limit_before=_amount(row.limit_before_minor, row.currency),
            **plain,
        )
