"""Tables of what goes out to an ERP: batches, and their rows as they were frozen."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, Versioned, one_of, organization_fk, tenant_fk


class ExportBatch(Versioned, TenantTable, Base):
    """Rows that left together. `open` until the ERP has said of every row whether it took it."""

    __tablename__ = "export_batches"
    kind: Mapped[str]
    number: Mapped[int]
    target: Mapped[str]
    legal_entity_id: Mapped[UUID | None]
    effective_from: Mapped[date | None]
    effective_to: Mapped[date | None]
    settings: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    state: Mapped[str] = mapped_column(server_default="open")
    rows_count: Mapped[int]
    rows_accepted: Mapped[int] = mapped_column(server_default="0")
    rows_rejected: Mapped[int] = mapped_column(server_default="0")
    totals: Mapped[list[Any]] = mapped_column(server_default="[]")
    left_out: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    made_by: Mapped[str]
    closed_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("legal_entity_id", "legal_entities"),
        one_of("kind", "journal", "cash_receipts"),
        one_of("state", "open", "acknowledged", "cancelled"),
        CheckConstraint("rows_count >= 0 AND rows_accepted >= 0 AND rows_rejected >= 0", name="counts_not_negative"),
        UniqueConstraint("organization_id", "kind", "number"),
        Index(None, "organization_id", "kind", "state"),
    )


class ExportRow(TenantTable, Base):
    """One row of a batch with everything that its file says. A row that was rejected may go out again in another batch.

    `subject_id` is the transfer, payment or application. `external_id` is the key that the row has in the ERP's books.
    """

    __tablename__ = "export_rows"
    batch_id: Mapped[UUID]
    ordinal: Mapped[int]
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    depends_on: Mapped[UUID | None]  # the payment that must be there first
    content: Mapped[dict[str, Any]]
    target: Mapped[str]
    external_id: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="pending")
    erp_reference: Mapped[str | None]
    error: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("batch_id", "export_batches"),
        one_of("kind", "transfer", "receipt", "application", "unapplication"),
        one_of("state", "pending", "accepted", "rejected"),
        CheckConstraint("ordinal > 0", name="ordinal_positive"),
        UniqueConstraint("organization_id", "batch_id", "ordinal"),
        Index(
            "uq_export_rows_subject", "organization_id", "kind", "subject_id", unique=True,
            postgresql_where=text("state <> 'rejected'"),
        ),
        Index(
            "ix_export_rows_external_id", "organization_id", "target", "external_id",
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index(None, "organization_id", "batch_id", "state"),
    )  # fmt: skip
