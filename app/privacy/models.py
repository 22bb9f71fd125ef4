"""Tables of privacy: how long data are kept, and which personal data were erased on request."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, Versioned, append_only, organization_fk, tenant_fk
from app.privacy.rules import KINDS, MONTHS_MAX


class RetentionSettings(Versioned, TenantTable, Base):
    """For how many months each kind of data is kept; null: for ever. One row, `id` is the organization's."""

    __tablename__ = "retention_settings"
    contacts_months: Mapped[int | None]
    correspondence_months: Mapped[int | None]
    documents_months: Mapped[int | None]
    uploads_months: Mapped[int | None]
    exports_months: Mapped[int | None]
    reports_months: Mapped[int | None]
    __table_args__ = (
        organization_fk(),
        *(CheckConstraint(f"{kind}_months BETWEEN 1 AND {MONTHS_MAX}", name=f"{kind}_months") for kind in KINDS),
    )


class PersonalDataErasure(TenantTable, Recorded, Base):
    """Personal data of an account were erased: who asked, why, and how many rows of each kind. Append-only."""

    __tablename__ = "personal_data_erasures"
    account_id: Mapped[UUID]
    requested_by: Mapped[str]
    reason: Mapped[str]
    forced: Mapped[bool] = mapped_column(server_default="false")
    erased: Mapped[dict[str, Any]]
    files_erased: Mapped[int]
    files_kept: Mapped[int]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        Index(None, "organization_id", "account_id", "id"),
        append_only(),
    )
