"""Tables of matching: settings, runs over waiting payments, the proposals they leave, and what decisions taught."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, Versioned, minor, one_of, organization_fk, tenant_fk


class MatchingSettings(Versioned, TenantTable, Base):
    """One row an organization: thresholds, tolerances and whether matches are applied without a person.

    `notice` and `figures` say why the service switched automatic application off by itself. Outcomes before
    `judged_since` do not count any more: a person looked at them and switched it on again.
    """

    __tablename__ = "matching_settings"
    automatic_enabled: Mapped[bool] = mapped_column(server_default="true")
    automatic_threshold: Mapped[Any] = mapped_column(Numeric(6, 5), server_default="0.985")
    proposed_threshold: Mapped[Any] = mapped_column(Numeric(6, 5), server_default="0.4")
    precision_target: Mapped[Any] = mapped_column(Numeric(6, 5), server_default="0.998")
    tolerances: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    residual: Mapped[str] = mapped_column(server_default="on_account")
    notice: Mapped[str | None]
    figures: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    switched_by: Mapped[str | None]
    switched_at: Mapped[datetime | None]
    judged_since: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id"),
        one_of("residual", "on_account", "review", "small_to_income"),
    )


class MatchingRule(Versioned, TenantTable, Base):
    """The switch of one strategy of the engine, once somebody or its own precision turned it."""

    __tablename__ = "matching_rules"
    strategy: Mapped[str]
    automatic_enabled: Mapped[bool] = mapped_column(server_default="true")
    reason: Mapped[str | None]
    figures: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    switched_by: Mapped[str | None]
    switched_at: Mapped[datetime | None]
    judged_since: Mapped[datetime | None]
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "strategy"))


class AccountMatchingSettings(Versioned, TenantTable, Base):
    """What holds for one account instead of the organization's settings; what is not given is the organization's."""

    __tablename__ = "account_matching_settings"
    account_id: Mapped[UUID]
    automatic_allowed: Mapped[bool] = mapped_column(server_default="true")
    tolerances: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    residual: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        UniqueConstraint("organization_id", "account_id"),
        one_of("residual", "on_account", "review", "small_to_income"),
    )


class NumberFormatRow(TenantTable, Recorded, Base):
    """A form of the organization's document numbers, derived from the numbers themselves."""

    __tablename__ = "number_formats"
    shape: Mapped[str]
    prefix: Mapped[str]
    numbers: Mapped[int]
    seen_through: Mapped[UUID]  # the youngest invoice that was looked at
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "shape"))


class Lesson(Versioned, Recorded, TenantTable, Base):
    """What one application, or one decision of a person, taught about an account, and whether it still counts.

    `value` is as the bank gave it. `withdrawn`: what taught it was undone. `forgotten`: a person said so.
    """

    __tablename__ = "lessons"
    kind: Mapped[str]
    account_id: Mapped[UUID]
    value: Mapped[str]
    normalized_value: Mapped[str]
    payment_id: Mapped[UUID]
    proposal_id: Mapped[UUID | None]
    application_group_id: Mapped[UUID | None]
    origin: Mapped[str]
    taught_by: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="active")
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("payment_id", "payments"),
        tenant_fk("proposal_id", "proposals"),
        one_of("kind", "bank_identifier", "payer_name", "number_format"),
        one_of("origin", "accepted", "corrected", "on_account", "manual", "automatic"),
        one_of("state", "active", "withdrawn", "forgotten"),
        Index(
            "uq_lessons_active", "organization_id", "payment_id", "kind", "normalized_value", "account_id", unique=True,
            postgresql_where=text("state = 'active'"),
        ),
        Index(None, "organization_id", "account_id"),
        Index(None, "organization_id", "kind", "normalized_value"),
        Index(None, "organization_id", "application_group_id"),
        Index(None, "organization_id", "proposal_id"),
    )  # fmt: skip


class MatchingRun(Versioned, TenantTable, Base):
    """One pass of the engine over the payments that wait."""

    __tablename__ = "matching_runs"
    state: Mapped[str]
    trigger: Mapped[str]
    today: Mapped[date]
    payments_total: Mapped[int] = mapped_column(server_default="0")
    payments_done: Mapped[int] = mapped_column(server_default="0")
    report: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    error: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        one_of("state", "queued", "running", "completed", "failed"),
        Index(None, "organization_id", "state"),
    )


class Proposal(Versioned, Recorded, TenantTable, Base):
    """Which instalments a payment settles by how much, why, and what became of the suggestion.

    Kinds: `settlement`; `duplicate`: the payment repeats `duplicate_of` and is held; `reversal`: an entry of the bank,
    `entry_reference`, takes this payment back. `value_minor` is the amount in the organization's currency: the order
    of the queue.
    """

    __tablename__ = "proposals"
    kind: Mapped[str] = mapped_column(server_default="settlement")
    run_id: Mapped[UUID | None]
    payment_id: Mapped[UUID]
    duplicate_of: Mapped[UUID | None]
    entry_reference: Mapped[str | None]
    effective_date: Mapped[date | None]
    value_minor: Mapped[int] = minor(server_default="0")
    account_id: Mapped[UUID | None]
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    residual_minor: Mapped[int] = minor()
    residual_treatment: Mapped[str]
    strategy: Mapped[str]
    band: Mapped[str]
    confidence: Mapped[Any] = mapped_column(Numeric(6, 5))
    scores: Mapped[dict[str, Any]]
    reasons: Mapped[list[Any]]
    lines: Mapped[list[Any]]
    alternatives: Mapped[list[Any]] = mapped_column(server_default="[]")
    state: Mapped[str]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    application_group_id: Mapped[UUID | None]
    note: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("run_id", "matching_runs"),
        tenant_fk("payment_id", "payments"),
        tenant_fk("account_id", "accounts"),
        one_of("band", "automatic", "proposed", "none"),
        tenant_fk("duplicate_of", "payments"),
        one_of("kind", "settlement", "duplicate", "reversal"),
        one_of(
            "state", "open", "held", "applied", "accepted", "corrected", "on_account", "duplicate", "released",
            "rejected", "undone", "superseded",
        ),
        CheckConstraint("confidence >= 0 AND confidence <= 1", name="confidence_share"),
        Index(None, "organization_id", "payment_id"),
        Index(None, "organization_id", "run_id"),
        Index(None, "organization_id", "state", "value_minor", "id"),
        Index(None, "organization_id", "account_id"),
        Index(
            "uq_proposals_entry", "organization_id", "entry_reference", unique=True,
            postgresql_where=text("entry_reference IS NOT NULL"),
        ),
        Index(
            "uq_proposals_open", "organization_id", "payment_id", "kind", unique=True,
            postgresql_where=text("state = 'open'"),
        ),
    )  # fmt: skip
