"""The table of evidence files: bundles of what speaks for a legal case, made at once or in the background."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, Versioned, one_of, organization_fk, tenant_fk


class EvidenceFile(Versioned, TenantTable, Base):
    """One bundle of a case: `queued → running → completed | failed`. The bytes are a document of the case."""

    __tablename__ = "evidence_files"
    case_id: Mapped[UUID]
    state: Mapped[str]
    as_of: Mapped[date]
    language: Mapped[str]
    document_id: Mapped[UUID | None]
    pages: Mapped[int | None]
    attached: Mapped[int] = mapped_column(server_default="0")
    left_out: Mapped[list[Any]] = mapped_column(server_default="[]")
    error: Mapped[str | None]
    requested_by: Mapped[str]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("case_id", "legal_cases"),
        tenant_fk("document_id", "documents"),
        one_of("language", "en", "de", "fr", "es"),
        one_of("state", "queued", "running", "completed", "failed"),
        CheckConstraint("state <> 'completed' OR document_id IS NOT NULL", name="document_when_completed"),
        Index(None, "organization_id", "case_id", "id"),
        Index(None, "organization_id", "document_id"),
    )
