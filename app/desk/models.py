"""Tables of the desk: what is shown to one person. All of it can be computed again from the rooms below."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, Versioned, append_only, minor, one_of, organization_fk, tenant_fk


class TimelineEntry(TenantTable, Base):
    """One event of an account, in the sealed order of the change log. An event of several accounts has several."""

    __tablename__ = "timeline_entries"
    account_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(BigInteger)
    change_id: Mapped[UUID]
    kind: Mapped[str]
    event: Mapped[str]
    entity_type: Mapped[str]
    entity_id: Mapped[UUID]
    effective_date: Mapped[date | None]
    recorded_at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    after: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        UniqueConstraint("organization_id", "account_id", "position"),
        Index(None, "organization_id", "account_id", "kind", "position"),
        append_only(erasable=("reason", "before", "after")),
    )


class WorklistEntry(TenantTable, Base):
    """An account that asks for work, with its place in the order. `id` is the account's: it stands here once.

    `score_minor` orders: expected cash in the organization's base currency, raised or lowered by the factors.
    `expected_from` says whether the forecast or the account's own share gave it. `dunning` holds the latest notice and
    the step that comes next, where there is either.
    """

    __tablename__ = "worklist_entries"
    collector_id: Mapped[UUID | None]
    score_minor: Mapped[int] = minor()
    expected_minor: Mapped[int] = minor()
    expected_from: Mapped[str] = mapped_column(server_default="payment_share")
    overdue_minor: Mapped[int] = minor()
    open_minor: Mapped[int] = minor()
    currency: Mapped[str]
    days_late: Mapped[int]
    next_action: Mapped[str]
    signals: Mapped[list[Any]]
    factors: Mapped[list[Any]]
    dunning: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    business_date: Mapped[date]
    __table_args__ = (
        organization_fk(),
        tenant_fk("id", "accounts"),
        tenant_fk("collector_id", "users"),
        CheckConstraint("score_minor >= 0", name="score_not_negative"),
        one_of("expected_from", "payment_share", "forecast"),
        Index(
            "ix_worklist_entries_order", "organization_id", "collector_id", text("score_minor DESC"), text("id DESC")
        ),
        Index("ix_worklist_entries_all", "organization_id", text("score_minor DESC"), text("id DESC")),
    )


class WorklistSnooze(Versioned, TenantTable, Base):
    """An account that is left alone until a day, with the reason. `id` is the account's."""

    __tablename__ = "worklist_snoozes"
    until_date: Mapped[date]
    reason: Mapped[str]
    snoozed_by_id: Mapped[UUID | None]
    snoozed_by: Mapped[str]
    __table_args__ = (organization_fk(), tenant_fk("id", "accounts"), Index(None, "organization_id", "until_date"))
