"""Tables of customer data care: pairs of accounts that may be one customer, merges, and findings to work on."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, Versioned, one_of, organization_fk, tenant_fk


class AccountDuplicate(Versioned, TenantTable, Base):
    """Two accounts that may be the same customer. The smaller id comes first, so that a pair stands here once."""

    __tablename__ = "account_duplicates"
    account_id: Mapped[UUID]
    other_id: Mapped[UUID]
    score: Mapped[int]  # 0 to 100
    reasons: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(server_default="proposed")
    decided_by_id: Mapped[UUID | None]
    decided_by: Mapped[str | None]
    note: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("other_id", "accounts"),
        UniqueConstraint("organization_id", "account_id", "other_id"),
        one_of("state", "proposed", "dismissed", "merged"),
        CheckConstraint("account_id <> other_id", name="two_accounts"),
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        Index(None, "organization_id", "other_id"),
        Index("ix_account_duplicates_state", "organization_id", "state", "score", "id"),
    )


class AccountMerge(Versioned, TenantTable, Base):
    """One account merged into another: what moved, so that it can be undone. Documents stay where they were posted."""

    __tablename__ = "account_merges"
    survivor_id: Mapped[UUID]
    merged_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(server_default="merged")
    reason: Mapped[str]
    merged_on: Mapped[date]
    merged_by_id: Mapped[UUID | None]
    merged_by: Mapped[str]
    undone_on: Mapped[date | None]
    undone_by: Mapped[str | None]
    undo_reason: Mapped[str | None]
    moved: Mapped[dict[str, Any]]
    __table_args__ = (
        organization_fk(),
        tenant_fk("survivor_id", "accounts"),
        tenant_fk("merged_id", "accounts"),
        one_of("state", "merged", "undone"),
        CheckConstraint("survivor_id <> merged_id", name="two_accounts"),
        Index("uq_account_merges_standing", "organization_id", "merged_id", unique=True,
              postgresql_where=text("state = 'merged'")),
        Index(None, "organization_id", "survivor_id"),
        Index(None, "organization_id", "merged_id", "id"),
    )  # fmt: skip


class DataFinding(Versioned, TenantTable, Base):
    """Something missing or stale in an account's data, as a work item. It closes by itself when it is mended."""

    __tablename__ = "data_findings"
    account_id: Mapped[UUID]
    kind: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    state: Mapped[str] = mapped_column(server_default="open")
    found_on: Mapped[date]
    closed_on: Mapped[date | None]
    note: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        UniqueConstraint("organization_id", "account_id", "kind"),
        one_of("state", "open", "accepted", "mended"),
        Index("ix_data_findings_state", "organization_id", "state", "kind", "id"),
    )
