"""Tables of credit: policy, open orders, decisions, holds, status and score with history, credit file, reviews."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import (
    Base,
    Recorded,
    TenantTable,
    Versioned,
    append_only,
    minor,
    one_of,
    organization_fk,
    tenant_fk,
)

_LEVELS = ("ok", "watch", "hold", "stop")


class CreditPolicyVersion(Versioned, TenantTable, Base):
    """A version of the credit policy; in force is the activated one with the latest `valid_from` that has come."""

    __tablename__ = "credit_policies"
    number: Mapped[int]
    name: Mapped[str]
    definition: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(server_default="draft")
    valid_from: Mapped[date | None]
    activated_by: Mapped[str | None]
    activated_by_id: Mapped[UUID | None]
    activated_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "number"),
        one_of("state", "draft", "active"),
        CheckConstraint("(state = 'active') = (valid_from IS NOT NULL)", name="active_from"),
        Index(
            "uq_credit_policies_active_from", "organization_id", "valid_from", unique=True,
            postgresql_where=text("state = 'active'"),
        ),
    )  # fmt: skip


class CreditOrder(Versioned, TenantTable, Base):
    """An order that the ERP reports as open: what is ordered but not invoiced yet. Closed when nothing is left.

    With `reserved_until` a check reserved it and the ERP has not reported it yet: it counts until the end of that day.
    """

    __tablename__ = "credit_orders"
    source: Mapped[str]
    external_id: Mapped[str]
    number: Mapped[str | None]
    account_id: Mapped[UUID]
    currency: Mapped[str]
    open_minor: Mapped[int] = minor()
    order_date: Mapped[date | None]
    expected_invoice_date: Mapped[date | None]
    reserved_until: Mapped[date | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        UniqueConstraint("organization_id", "source", "external_id"),
        CheckConstraint("open_minor >= 0", name="open_not_negative"),
        Index(
            "ix_credit_orders_open", "organization_id", "account_id", postgresql_include=["currency", "open_minor"],
            postgresql_where=text("open_minor <> 0"),
        ),
    )  # fmt: skip


class CreditDecision(TenantTable, Recorded, Base):
    """What an order was answered, with facts and policy version. Append-only: a person answers a referred one anew."""

    __tablename__ = "credit_decisions"
    account_id: Mapped[UUID]
    source: Mapped[str | None]
    external_id: Mapped[str | None]
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    outcome: Mapped[str]
    reasons: Mapped[list[Any]]
    facts: Mapped[dict[str, Any]]
    policy_version: Mapped[int]
    decided_on: Mapped[date]
    answers_id: Mapped[UUID | None]
    note: Mapped[str | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("answers_id", "credit_decisions"),
        one_of("outcome", "approve", "refer", "refuse"),
        UniqueConstraint("organization_id", "answers_id"),
        Index(None, "organization_id", "account_id", "id"),
        Index(None, "organization_id", "source", "external_id", postgresql_where=text("external_id IS NOT NULL")),
        append_only(erasable=("reasons", "note")),
    )


class CreditHold(Versioned, TenantTable, Base):
    """A status set by a person: a `hold` raises the account's status, an `override` caps what the ladder says."""

    __tablename__ = "credit_holds"
    account_id: Mapped[UUID]
    kind: Mapped[str]
    level: Mapped[str]
    reason_code: Mapped[str]
    reason: Mapped[str | None]
    placed_on: Mapped[date]
    until: Mapped[date | None]
    placed_by: Mapped[str]
    placed_by_id: Mapped[UUID | None]
    released_on: Mapped[date | None]
    released_by: Mapped[str | None]
    release_reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        one_of("kind", "hold", "override"),
        one_of("level", *_LEVELS),
        CheckConstraint("kind = 'hold' OR until IS NOT NULL", name="override_ends"),
        CheckConstraint("until >= placed_on", name="until_after_placed"),
        Index(None, "organization_id", "account_id"),
        Index("ix_credit_holds_standing", "organization_id", "account_id",
              postgresql_where=text("released_on IS NULL")),
    )  # fmt: skip


class CreditProfile(TenantTable, Recorded, Base):
    """What is computed of an account, one row each (`id` is the account's): ladder, score, when a review falls due."""

    __tablename__ = "credit_profiles"
    ladder_level: Mapped[str] = mapped_column(server_default="ok")
    ladder_reasons: Mapped[list[Any]] = mapped_column(server_default="[]")
    score: Mapped[int | None]
    days_beyond_terms: Mapped[int | None]
    policy_version: Mapped[int] = mapped_column(server_default="0")
    evaluated_on: Mapped[date | None]
    limit_valid_until: Mapped[date | None]
    last_review_on: Mapped[date | None]
    next_review_on: Mapped[date | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("id", "accounts"),
        one_of("ladder_level", *_LEVELS),
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        Index(None, "organization_id", "score", "id"),
        Index(None, "organization_id", "next_review_on", "id", postgresql_where=text("next_review_on IS NOT NULL")),
    )


class CreditStatusChange(TenantTable, Recorded, Base):
    """The account's credit status changed: from, to, why. Append-only."""

    __tablename__ = "credit_status_changes"
    account_id: Mapped[UUID]
    status_before: Mapped[str]
    status: Mapped[str]
    reasons: Mapped[list[Any]]
    policy_version: Mapped[int]
    effective_date: Mapped[date]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        one_of("status", *_LEVELS),
        Index(None, "organization_id", "account_id", "id"),
        append_only(),
    )


class CreditScore(TenantTable, Recorded, Base):
    """The score of an account in a month: the last one computed within it."""

    __tablename__ = "credit_scores"
    account_id: Mapped[UUID]
    month: Mapped[date]  # its first day
    score: Mapped[int]
    factors: Mapped[list[Any]]
    policy_version: Mapped[int]
    computed_on: Mapped[date]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        UniqueConstraint("organization_id", "account_id", "month"),
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
    )


class CreditLimitChange(TenantTable, Recorded, Base):
    """Limit, terms and risk class that an approved review gave an account, from when to when. Append-only."""

    __tablename__ = "credit_limit_changes"
    account_id: Mapped[UUID]
    review_id: Mapped[UUID]
    currency: Mapped[str]
    limit_before_minor: Mapped[int | None] = minor()
    limit_minor: Mapped[int | None] = minor()
    payment_terms_before_id: Mapped[UUID | None]
    payment_terms_id: Mapped[UUID | None]
    risk_class: Mapped[str | None]
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("review_id", "credit_reviews"),
        tenant_fk("payment_terms_before_id", "payment_terms"),
        tenant_fk("payment_terms_id", "payment_terms"),
        Index(None, "organization_id", "account_id", "id"),
        append_only(),
    )


class BureauScore(TenantTable, Recorded, Base):
    """A score of a credit bureau, as it was on a date. Append-only: the newest date counts, then the newest row."""

    __tablename__ = "credit_bureau_scores"
    account_id: Mapped[UUID]
    provider: Mapped[str]
    score: Mapped[Any] = mapped_column(Numeric(12, 4))
    worst_score: Mapped[Any] = mapped_column(Numeric(12, 4))
    best_score: Mapped[Any] = mapped_column(Numeric(12, 4))
    rating: Mapped[str | None]
    recommended_limit_minor: Mapped[int | None] = minor()
    currency: Mapped[str | None]
    scored_on: Mapped[date]
    note: Mapped[str | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        CheckConstraint("best_score <> worst_score", name="scale"),
        CheckConstraint("(recommended_limit_minor IS NULL) = (currency IS NULL)", name="limit_with_currency"),
        Index(None, "organization_id", "account_id", "scored_on", "id"),
        append_only(erasable=("note",)),
    )


class FinancialStatement(TenantTable, Recorded, Base):
    """Figures of a customer's accounts for a period, minor units by name. Append-only: a correction is a new row."""

    __tablename__ = "credit_statements"
    account_id: Mapped[UUID]
    period_end: Mapped[date]
    months: Mapped[int]
    currency: Mapped[str]
    figures: Mapped[dict[str, Any]]
    audited: Mapped[bool] = mapped_column(server_default="false")
    note: Mapped[str | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        CheckConstraint("months BETWEEN 1 AND 24", name="months"),
        Index(None, "organization_id", "account_id", "period_end", "id"),
        append_only(erasable=("note",)),
    )


class CreditSecurity(Versioned, TenantTable, Base):
    """Credit insurance, a guarantee or the like: up to an amount, bears a share of the exposure while it is valid."""

    __tablename__ = "credit_securities"
    account_id: Mapped[UUID]
    kind: Mapped[str]
    provider: Mapped[str]
    reference: Mapped[str | None]
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    cover_bp: Mapped[int] = mapped_column(server_default="10000")
    valid_from: Mapped[date]
    valid_until: Mapped[date | None]
    cancelled_on: Mapped[date | None]
    cancel_reason: Mapped[str | None]
    note: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        one_of("kind", "insurance", "guarantee", "letter_of_credit", "deposit", "retention_of_title", "other"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("cover_bp BETWEEN 1 AND 10000", name="cover"),
        CheckConstraint("valid_until >= valid_from", name="valid_until_after_from"),
        Index(None, "organization_id", "account_id"),
        Index("ix_credit_securities_ending", "organization_id", "valid_until", "id",
              postgresql_where=text("cancelled_on IS NULL")),
    )  # fmt: skip


class CreditRemark(TenantTable, Recorded, Base):
    """What a collector noted on behaviour or risk. Append-only."""

    __tablename__ = "credit_remarks"
    account_id: Mapped[UUID]
    kind: Mapped[str]
    body: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        one_of("kind", "behaviour", "risk", "other"),
        Index(None, "organization_id", "account_id", "id"),
        append_only(erasable=("body",)),
    )


class CreditReview(Versioned, TenantTable, Base):
    """A review of limit and terms: draft → recommended → approved | rejected. Amounts in the account's currency.

    `hands`: ids of everybody who opened, proposed or edited it. None of them decides it.
    """

    __tablename__ = "credit_reviews"
    account_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(server_default="draft")
    trigger: Mapped[str]
    note: Mapped[str | None]
    currency: Mapped[str]
    limit_before_minor: Mapped[int | None] = minor()
    payment_terms_before_id: Mapped[UUID | None]
    recommended_limit_minor: Mapped[int | None] = minor()
    recommended_terms: Mapped[str | None]
    reasons: Mapped[list[Any]] = mapped_column(server_default="[]")
    facts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    policy_version: Mapped[int] = mapped_column(server_default="0")
    proposed_limit_minor: Mapped[int | None] = minor()
    proposed_payment_terms_id: Mapped[UUID | None]
    proposed_risk_class: Mapped[str | None]
    valid_until: Mapped[date | None]
    created_by: Mapped[str]
    created_by_id: Mapped[UUID | None]
    proposed_by: Mapped[str | None]
    proposed_by_id: Mapped[UUID | None]
    hands: Mapped[list[Any]] = mapped_column(server_default="[]")
    decided_by: Mapped[str | None]
    decided_by_id: Mapped[UUID | None]
    decided_on: Mapped[date | None]
    decision_note: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("payment_terms_before_id", "payment_terms"),
        tenant_fk("proposed_payment_terms_id", "payment_terms"),
        one_of("state", "draft", "recommended", "approved", "rejected"),
        one_of("trigger", "due", "manual", "order", "risk"),
        CheckConstraint("proposed_limit_minor >= 0", name="limit_not_negative"),
        Index("uq_credit_reviews_open", "organization_id", "account_id", unique=True,
              postgresql_where=text("state IN ('draft', 'recommended')")),
        Index(None, "organization_id", "account_id", "id"),
        Index(None, "organization_id", "state", "id"),
    )  # fmt: skip
