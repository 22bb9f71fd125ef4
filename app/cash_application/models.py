"""Tables of matching: runs over waiting payments, and the proposals they leave."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, Versioned, minor, one_of, organization_fk, tenant_fk


class MatchingSettings(Versioned, TenantTable, Base):
    """One row an organization: thresholds, tolerances and whether matches are applied without a person."""

    __tablename__ = "matching_settings"
    automatic_enabled: Mapped[bool] = mapped_column(server_default="true")
    automatic_threshold: Mapped[Any] = mapped_column(Numeric(6, 5), server_default="0.985")
    proposed_threshold: Mapped[Any] = mapped_column(Numeric(6, 5), server_default="0.4")
    tolerances: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    notice: Mapped[str | None]
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id"))


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
    """Which instalments a payment settles by how much, why, and what became of the suggestion."""

    __tablename__ = "proposals"
    run_id: Mapped[UUID]
    payment_id: Mapped[UUID]
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
        one_of("state", "open", "applied", "accepted", "corrected", "rejected", "superseded"),
        CheckConstraint("confidence >= 0 AND confidence <= 1", name="confidence_share"),
        Index(None, "organization_id", "payment_id"),
        Index(None, "organization_id", "run_id"),
        Index(
            "uq_proposals_open", "organization_id", "payment_id", unique=True, postgresql_where=text("state = 'open'")
        ),
    )  # fmt: skip
