"""Table of bank profiles: how the CSV statements of a bank are written."""

from __future__ import annotations

from typing import Any

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, Versioned, organization_fk


class BankProfile(Versioned, TenantTable, Base):
    """An organization's own profile, used by its name. One that is not `active` is not proposed, nor taken by name."""

    __tablename__ = "bank_profiles"
    name: Mapped[str]
    title: Mapped[str]
    definition: Mapped[dict[str, Any]]
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "name"))
