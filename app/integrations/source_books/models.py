"""Tables of what a source says of its own books: documents, applications, how far its tables were read, balances."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, minor, one_of, organization_fk, tenant_fk


class SourceDocument(TenantTable, Base):
    """A document as its source states it: in the currency of its books, and in that of the document.

    `sign` is 1 for what the customer owes, -1 for credits and payments. The functional pair comes with the document
    itself, the original pair may come from a table of its own, before or after it. Changes nothing; it is compared.
    """

    __tablename__ = "source_documents"
    source: Mapped[str]
    external_id: Mapped[str]
    account_key: Mapped[str | None]
    sign: Mapped[int] = mapped_column(server_default="1")
    functional_currency: Mapped[str | None]
    functional_minor: Mapped[int | None] = minor()
    functional_open_minor: Mapped[int | None] = minor()
    original_currency: Mapped[str | None]
    original_minor: Mapped[int | None] = minor()
    original_open_minor: Mapped[int | None] = minor()
    original_tax_minor: Mapped[int | None] = minor()
    voided: Mapped[bool] = mapped_column(server_default="false")
    import_id: Mapped[UUID]
    __table_args__ = (
        organization_fk(),
        tenant_fk("import_id", "imports"),
        UniqueConstraint("organization_id", "source", "external_id"),
        Index(None, "organization_id", "source", "account_key"),
    )


class SourceApplication(TenantTable, Base):
    """An application as its source states it, and which import said so last: what is missing there was undone there."""

    __tablename__ = "source_applications"
    source: Mapped[str]
    from_external_id: Mapped[str]
    to_external_id: Mapped[str]
    source_table: Mapped[str]
    minor: Mapped[int] = minor()
    import_id: Mapped[UUID]
    __table_args__ = (
        organization_fk(),
        tenant_fk("import_id", "imports"),
        UniqueConstraint("organization_id", "source", "from_external_id", "to_external_id"),
        Index(None, "organization_id", "source", "source_table", "import_id"),
        Index("ix_source_applications_to", "organization_id", "source", "to_external_id"),
    )


class SourceWatermark(TenantTable, Base):
    """How far a table of a source was read: rows that were changed before this instant are on record here."""

    __tablename__ = "source_watermarks"
    source: Mapped[str]
    source_table: Mapped[str]
    kind: Mapped[str]
    changed_at: Mapped[datetime]
    held_back: Mapped[bool] = mapped_column(server_default="false")  # by a row that was refused
    import_id: Mapped[UUID]
    updated_at: Mapped[datetime]
    __table_args__ = (
        organization_fk(),
        tenant_fk("import_id", "imports"),
        UniqueConstraint("organization_id", "source", "source_table", "kind"),
    )


class SourceBalance(TenantTable, Base):
    """One line of a reconciliation: what the source says an account owes, what its documents add up to, what is here.

    All in the currency of the source's books. `documents_minor` is unknown where the source states no open amounts.
    """

    __tablename__ = "source_balances"
    import_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    account_key: Mapped[str]
    currency: Mapped[str]
    stated_minor: Mapped[int | None] = minor()
    documents_minor: Mapped[int | None] = minor()
    here_minor: Mapped[int] = minor()
    verdict: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("import_id", "imports"),
        tenant_fk("account_id", "accounts"),
        one_of("verdict", "agrees", "source_differs", "differs_here", "unknown_account"),
        Index(None, "organization_id", "import_id", "verdict"),
        Index(None, "organization_id", "account_id"),
        UniqueConstraint("organization_id", "import_id", "account_key", "currency"),
    )
