"""Tables of promises to pay and payment plans. What they have become is computed from money and kept here."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, Versioned, minor, one_of, organization_fk, tenant_fk


class Promise(Versioned, TenantTable, Base):
    """A promise to pay: so much by that date, for instalments or for the whole account.

    `kept_until` is the promised date and the grace: the last value date of money that keeps it. `collector_id` is the
    account's collector when it was made, `taken_by` who wrote it down.
    """

    __tablename__ = "promises"
    account_id: Mapped[UUID]
    scope: Mapped[str]
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    kept_minor: Mapped[int] = minor(server_default="0")
    made_on: Mapped[date]
    promised_date: Mapped[date]
    grace_days: Mapped[int]
    kept_until: Mapped[date]
    status: Mapped[str] = mapped_column(server_default="open")
    decided_on: Mapped[date | None]
    decided_at: Mapped[datetime | None]
    withdrawn: Mapped[bool] = mapped_column(server_default="false")
    reason: Mapped[str | None]
    includes_disputed: Mapped[bool] = mapped_column(server_default="false")
    reschedules_id: Mapped[UUID | None]
    rescheduled_count: Mapped[int] = mapped_column(server_default="0")
    method: Mapped[str | None]
    contact_id: Mapped[UUID | None]
    collector_id: Mapped[UUID | None]
    taken_by_id: Mapped[UUID | None]
    taken_by: Mapped[str]
    note: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("contact_id", "contacts"),
        tenant_fk("collector_id", "users"),
        tenant_fk("reschedules_id", "promises"),
        one_of("scope", "account", "instalments"),
        one_of("status", "open", "partly_kept", "kept", "broken", "cancelled"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("kept_minor >= 0 AND kept_minor <= amount_minor", name="kept_within_amount"),
        CheckConstraint("made_on <= promised_date AND promised_date <= kept_until", name="dates_in_order"),
        CheckConstraint("grace_days >= 0", name="grace_not_negative"),
        Index("uq_promises_reschedules", "organization_id", "reschedules_id", unique=True,
              postgresql_where=text("reschedules_id IS NOT NULL")),
        Index(None, "organization_id", "account_id", "made_on"),
        Index("ix_promises_undecided", "organization_id", "kept_until",
              postgresql_where=text("status IN ('open', 'partly_kept')")),
        Index(None, "organization_id", "promised_date"),
        Index(None, "organization_id", "status", "decided_on"),
        Index(None, "organization_id", "collector_id", "id"),
        Index(None, "organization_id", "updated_at", "id"),
    )  # fmt: skip


class PromiseItem(TenantTable, Base):
    """An instalment of a promise, with the part of the amount that is promised of it and what has come of that."""

    __tablename__ = "promise_items"
    promise_id: Mapped[UUID]
    instalment_id: Mapped[UUID]
    amount_minor: Mapped[int] = minor()
    kept_minor: Mapped[int] = minor(server_default="0")
    __table_args__ = (
        organization_fk(),
        tenant_fk("promise_id", "promises"),
        tenant_fk("instalment_id", "instalments"),
        UniqueConstraint("organization_id", "promise_id", "instalment_id"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index(None, "organization_id", "instalment_id"),
    )


class PaymentPlan(Versioned, TenantTable, Base):
    """A schedule that takes the place of the due dates while it is active. Its parts sum to the debt of its items."""

    __tablename__ = "payment_plans"
    account_id: Mapped[UUID]
    currency: Mapped[str]
    total_minor: Mapped[int] = minor()
    paid_minor: Mapped[int] = minor(server_default="0")
    grace_days: Mapped[int]
    status: Mapped[str] = mapped_column(server_default="proposed")
    proposed_on: Mapped[date]
    activated_on: Mapped[date | None]
    next_due_on: Mapped[date | None]
    next_kept_until: Mapped[date | None]
    decided_on: Mapped[date | None]
    reason: Mapped[str | None]
    contact_id: Mapped[UUID | None]
    collector_id: Mapped[UUID | None]
    taken_by_id: Mapped[UUID | None]
    taken_by: Mapped[str]
    note: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("contact_id", "contacts"),
        tenant_fk("collector_id", "users"),
        one_of("status", "proposed", "active", "completed", "broken", "cancelled"),
        CheckConstraint("total_minor > 0", name="total_positive"),
        CheckConstraint("paid_minor >= 0 AND paid_minor <= total_minor", name="paid_within_total"),
        CheckConstraint("grace_days >= 0", name="grace_not_negative"),
        Index(None, "organization_id", "account_id"),
        Index("ix_payment_plans_active", "organization_id", "next_kept_until",
              postgresql_where=text("status = 'active'")),
        Index(None, "organization_id", "status", "id"),
        Index(None, "organization_id", "updated_at", "id"),
    )  # fmt: skip


class PaymentPlanPart(TenantTable, Base):
    """One part of a plan: so much by that date."""

    __tablename__ = "payment_plan_parts"
    plan_id: Mapped[UUID]
    ordinal: Mapped[int]
    due_date: Mapped[date]
    kept_until: Mapped[date]
    amount_minor: Mapped[int] = minor()
    paid_minor: Mapped[int] = minor(server_default="0")
    status: Mapped[str] = mapped_column(server_default="open")
    __table_args__ = (
        organization_fk(),
        tenant_fk("plan_id", "payment_plans"),
        UniqueConstraint("organization_id", "plan_id", "ordinal"),
        one_of("status", "open", "partly_kept", "kept", "broken"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index("ix_payment_plan_parts_due", "organization_id", "due_date",
              postgresql_where=text("status IN ('open', 'partly_kept')")),
    )  # fmt: skip


class PaymentPlanItem(TenantTable, Base):
    """An instalment whose open amount a plan spreads."""

    __tablename__ = "payment_plan_items"
    plan_id: Mapped[UUID]
    instalment_id: Mapped[UUID]
    amount_minor: Mapped[int] = minor()
    paid_minor: Mapped[int] = minor(server_default="0")
    __table_args__ = (
        organization_fk(),
        tenant_fk("plan_id", "payment_plans"),
        tenant_fk("instalment_id", "instalments"),
        UniqueConstraint("organization_id", "plan_id", "instalment_id"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index(None, "organization_id", "instalment_id"),
    )
