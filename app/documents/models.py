"""Tables of documents: what is stored once by its hash, and to which records it belongs."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, append_only, one_of, organization_fk, tenant_fk


class Document(Recorded, TenantTable, Base):
    """A file of an organization, kept once for each content. The bytes are on disk or in an S3-compatible bucket."""

    __tablename__ = "documents"
    sha256: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str]
    name: Mapped[str]  # of the first upload
    kept_in: Mapped[str]
    uploaded_by: Mapped[str]
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "sha256"),
        CheckConstraint("size_bytes > 0", name="size_positive"),
        one_of("kept_in", "disk", "s3"),
        append_only(erasable=("name",)),
    )


class DocumentLink(Recorded, TenantTable, Base):
    """A document belongs to a record. Links may be removed; the document stays."""

    __tablename__ = "document_links"
    document_id: Mapped[UUID]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    name: Mapped[str]
    category: Mapped[str]
    note: Mapped[str | None]
    linked_by: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("document_id", "documents"),
        UniqueConstraint("organization_id", "document_id", "subject_kind", "subject_id"),
        one_of(
            "category", "invoice_copy", "proof_of_delivery", "purchase_order", "contract", "complaint", "photo",
            "correspondence", "credit_report", "notice", "evidence", "other",
        ),
        Index(None, "organization_id", "subject_kind", "subject_id", "id"),
    )  # fmt: skip
