"""Tables of account statements: who gets one when, and every statement that was sent, or was not, and why."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, Versioned, one_of, organization_fk, tenant_fk


class StatementSchedule(Versioned, TenantTable, Base):
    """When statements go out on their own: for the organization, a segment or one account; the narrowest counts.

    `weekday` is 1 (Monday) to 7; a `month_day` past the end of a month is its last day.
    """

    __tablename__ = "statement_schedules"
    scope: Mapped[str]
    segment: Mapped[str | None]
    account_id: Mapped[UUID | None]
    frequency: Mapped[str]
    weekday: Mapped[int | None]
    month_day: Mapped[int | None]
    skip_zero: Mapped[bool] = mapped_column(server_default="true")
    only_overdue: Mapped[bool] = mapped_column(server_default="false")
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        one_of("scope", "organization", "segment", "account"),
        one_of("frequency", "off", "weekly", "monthly"),
        CheckConstraint("(scope = 'segment') = (segment IS NOT NULL)", name="segment_of_scope"),
        CheckConstraint("(scope = 'account') = (account_id IS NOT NULL)", name="account_of_scope"),
        CheckConstraint(
            "(frequency = 'weekly') = (weekday IS NOT NULL) AND (weekday IS NULL OR weekday BETWEEN 1 AND 7)",
            name="weekday_of_weekly",
        ),
        CheckConstraint(
            "(frequency = 'monthly') = (month_day IS NOT NULL) AND (month_day IS NULL OR month_day BETWEEN 1 AND 31)",
            name="day_of_monthly",
        ),
        Index(
            "uq_statement_schedules_organization", "organization_id", unique=True,
            postgresql_where=text("scope = 'organization'"),
        ),
        Index(
            "uq_statement_schedules_segment", "organization_id", "segment", unique=True,
            postgresql_where=text("scope = 'segment'"),
        ),
        Index(
            "uq_statement_schedules_account", "organization_id", "account_id", unique=True,
            postgresql_where=text("scope = 'account'"),
        ),
    )  # fmt: skip


class AccountStatement(Versioned, TenantTable, Base):
    """A statement that was sent, or was not, and why: `sent | not_sent`. What came of an e-mail is in its message.

    `period` such as `2026-W47` or `2026-11` is that of a schedule: one for each account and period, for ever. On
    demand there is none. The bytes are a document, kept as they left.
    """

    __tablename__ = "account_statements"
    account_id: Mapped[UUID]
    schedule_id: Mapped[UUID | None]
    period: Mapped[str | None]
    as_of: Mapped[date]
    language: Mapped[str]
    channel: Mapped[str]
    state: Mapped[str]
    refusal: Mapped[str | None]
    contact_id: Mapped[UUID | None]
    recipient: Mapped[str | None]
    message_id: Mapped[UUID | None]
    document_id: Mapped[UUID | None]
    reference: Mapped[str | None]
    totals: Mapped[list[Any]] = mapped_column(server_default="[]")
    items: Mapped[int] = mapped_column(server_default="0")
    requested_by: Mapped[str]
    sent_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("contact_id", "contacts"),
        tenant_fk("message_id", "correspondence_messages"),
        tenant_fk("document_id", "documents"),
        one_of("channel", "email", "letter"),
        one_of("language", "en", "de", "fr", "es"),
        one_of("state", "sent", "not_sent"),
        CheckConstraint("(state = 'not_sent') = (refusal IS NOT NULL)", name="refusal_when_not_sent"),
        Index(
            "uq_account_statements_period", "organization_id", "account_id", "period", unique=True,
            postgresql_where=text("period IS NOT NULL"),
        ),
        Index(None, "organization_id", "account_id", "id"),
        Index(None, "organization_id", "state", "id"),
        Index(None, "organization_id", "document_id", postgresql_where=text("document_id IS NOT NULL")),
    )  # fmt: skip
