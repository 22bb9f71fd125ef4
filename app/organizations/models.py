"""Tables of the tenant itself: organization, legal entities, own bank accounts, people and programs that act."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Integer, LargeBinary, Numeric, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, Versioned, organization_fk, tenant_fk


class Organization(Versioned, Base):
    """The tenant."""

    __tablename__ = "organizations"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    sandbox: Mapped[bool] = mapped_column(server_default="false")
    calendar_country: Mapped[str | None]
    calendar_subdivision: Mapped[str | None]
    extra_holidays: Mapped[list[Any]] = mapped_column(server_default="[]")
    aging_bounds: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{0,30,60,90}")
    base_currency: Mapped[str]
    settings: Mapped[dict[str, Any]] = mapped_column(server_default="{}")


class LegalEntity(Versioned, TenantTable, Base):
    """A company code: documents and own bank accounts belong to one."""

    __tablename__ = "legal_entities"
    code: Mapped[str]
    name: Mapped[str]
    street: Mapped[str | None]
    postal_code: Mapped[str | None]
    city: Mapped[str | None]
    country: Mapped[str | None]
    base_currency: Mapped[str]
    closed_through: Mapped[date | None]
    account_mapping: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    write_off_tax_share: Mapped[bool] = mapped_column(server_default="false")
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "code"))


class BankAccount(Versioned, TenantTable, Base):
    """An own bank account; `identifier` is the IBAN or local number without spaces, upper case."""

    __tablename__ = "bank_accounts"
    legal_entity_id: Mapped[UUID]
    name: Mapped[str]
    identifier: Mapped[str]
    bic: Mapped[str | None]
    currency: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("legal_entity_id", "legal_entities"),
        UniqueConstraint("organization_id", "identifier", "currency"),
    )


class User(Versioned, TenantTable, Base):
    """A person, known by the outside OpenID provider's subject."""

    __tablename__ = "users"
    email: Mapped[str]
    display_name: Mapped[str]
    issuer: Mapped[str | None]
    subject: Mapped[str | None]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default="{}")
    approval_limit: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    team: Mapped[str | None]
    data_scope: Mapped[dict[str, Any]] = mapped_column(server_default="{}")  # see `organizations.data_scope`
    active: Mapped[bool] = mapped_column(server_default="true")
    last_used_at: Mapped[datetime | None]  # to the hour: see `tokens.AccessTokens`
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "email"),
        UniqueConstraint("organization_id", "issuer", "subject"),
    )


class ApiClient(Versioned, TenantTable, Base):
    """A program that acts through client credentials."""

    __tablename__ = "api_clients"
    name: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default="{}")
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default="{}")
    token_lifetime_seconds: Mapped[int] = mapped_column(server_default="3600")
    data_scope: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    active: Mapped[bool] = mapped_column(server_default="true")
    last_used_at: Mapped[datetime | None]
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "name"))


class ApiClientSecret(TenantTable, Recorded, Base):
    """A hashed secret of an API client; two may be valid at once, for rotation."""

    __tablename__ = "api_client_secrets"
    api_client_id: Mapped[UUID]
    prefix: Mapped[str]
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("api_client_id", "api_clients"),
        Index(None, "organization_id", "api_client_id"),
    )


class ExchangeRate(TenantTable, Recorded, Base):
    """Units of `to_currency` for one unit of `from_currency`, in force from `rate_date`."""

    __tablename__ = "exchange_rates"
    from_currency: Mapped[str]
    to_currency: Mapped[str]
    rate_date: Mapped[date]
    rate: Mapped[Any] = mapped_column(Numeric(24, 12))
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "from_currency", "to_currency", "rate_date"),
        CheckConstraint("rate > 0", name="rate_positive"),
    )
