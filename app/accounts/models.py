"""Tables of the customer account: account, contacts, payer identities, payment terms."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, Versioned, minor, one_of, organization_fk, tenant_fk


class PaymentTerms(Versioned, TenantTable, Base):
    """Agreed terms, e.g. "2/10 net 30"; `definition` is the JSON form of `accounts.rules.PaymentTerms`."""

    __tablename__ = "payment_terms"
    code: Mapped[str]
    name: Mapped[str]
    definition: Mapped[dict[str, Any]]
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "code"))


class Account(Versioned, TenantTable, Base):
    """The customer account."""

    __tablename__ = "accounts"
    number: Mapped[str]
    name: Mapped[str]
    legal_name: Mapped[str | None]
    parent_id: Mapped[UUID | None]
    currency: Mapped[str]
    payment_terms_id: Mapped[UUID | None]
    language: Mapped[str | None]
    time_zone: Mapped[str | None]
    street: Mapped[str | None]  # with the number of the house
    address_supplement: Mapped[str | None]  # floor, building, c/o
    postal_code: Mapped[str | None]
    city: Mapped[str | None]
    region: Mapped[str | None]
    country: Mapped[str | None]
    segment: Mapped[str | None]
    risk_class: Mapped[str | None]
    collector_id: Mapped[UUID | None]
    credit_limit_minor: Mapped[int | None] = minor()
    credit_status: Mapped[str] = mapped_column(server_default="ok")  # only the credit room lowers it
    source_credit_status: Mapped[str | None]  # what the ERP says: one of the things that the credit status follows from
    status: Mapped[str] = mapped_column(server_default="active")
    source: Mapped[str | None]
    external_id: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("parent_id", "accounts"),
        tenant_fk("payment_terms_id", "payment_terms"),
        tenant_fk("collector_id", "users"),
        UniqueConstraint("organization_id", "number"),
        Index(
            "uq_accounts_external", "organization_id", "source", "external_id", unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index(None, "organization_id", "updated_at", "id"),
        Index(None, "organization_id", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
        Index(None, "organization_id", "collector_id"),
        Index(None, "organization_id", "credit_status", "id"),
        one_of("credit_status", "ok", "watch", "hold", "stop"),
        one_of("source_credit_status", "ok", "watch", "hold", "stop"),
        one_of("status", "active", "inactive", "merged"),
        CheckConstraint("credit_limit_minor >= 0", name="credit_limit_not_negative"),
    )  # fmt: skip


class Contact(Versioned, TenantTable, Base):
    """A person or mailbox at the customer. Personal data: the change log names its fields, not their values."""

    __tablename__ = "contacts"
    account_id: Mapped[UUID]
    role: Mapped[str]
    name: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    language: Mapped[str | None]
    consents: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    do_not_contact: Mapped[bool] = mapped_column(server_default="false")
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        Index(None, "organization_id", "account_id"),
        Index(None, "organization_id", "email", postgresql_where=text("email IS NOT NULL")),
        one_of("role", "accounts_payable", "dunning", "management", "legal", "sales", "other"),
    )


class PayerIdentity(Versioned, TenantTable, Base):
    """What stands for an account: entered by a person, or learned from money and from electronic invoices.

    Bank identifiers and payer names tell who paid; VAT ids, electronic addresses and registered ids whom an
    electronic invoice is for.
    """

    __tablename__ = "payer_identities"
    account_id: Mapped[UUID]
    kind: Mapped[str]
    value: Mapped[str]
    normalized_value: Mapped[str]
    origin: Mapped[str]
    confirmations: Mapped[int] = mapped_column(server_default="1")
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        UniqueConstraint("organization_id", "kind", "normalized_value", "account_id"),
        Index(None, "organization_id", "account_id"),
        one_of("kind", "bank_identifier", "payer_name", "vat_id", "electronic_address", "registered_id"),
        one_of("origin", "entered", "learned"),
    )
