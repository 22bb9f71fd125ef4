"""The table of exports: what left the service as a file, and in whose hands."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, one_of, organization_fk


class ExportRecord(TenantTable, Recorded, Base):
    """Somebody took data out as a file: which, filtered how, how many rows. Deleted only when its retention is over."""

    __tablename__ = "export_records"
    name: Mapped[str]
    format: Mapped[str]
    filters: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    row_count: Mapped[int | None]  # unknown where the rows of a file are not counted
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    request_id: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        one_of("format", "csv", "xlsx", "pdf", "ndjson", "json", "xml"),
        CheckConstraint("row_count >= 0", name="rows_not_negative"),
        Index(None, "organization_id", "name", "id"),
        Index(None, "organization_id", "actor_id", "id"),
        Index(None, "organization_id", "recorded_at"),
    )
