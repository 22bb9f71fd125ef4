"""Tables of remittance advices: what a payer said that a payment is for, before or after the money came."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, Versioned, minor, one_of, organization_fk, tenant_fk


class RemittanceAdvice(Versioned, TenantTable, Base):
    """One advice. The payer is what it names: an account, a name, a bank identifier, or nothing but documents.

    `repeats_id` is an earlier advice with the same reference and amount but other lines: a person decides which holds.
    """

    __tablename__ = "remittance_advices"
    legal_entity_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    payer_name: Mapped[str | None]
    payer_bank_identifier: Mapped[str | None]
    payment_reference: Mapped[str | None]
    reference_key: Mapped[str | None]
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    lines_minor: Mapped[int] = minor()
    lines_count: Mapped[int]
    totals_check: Mapped[str] = mapped_column(
        Computed("CASE WHEN amount_minor = lines_minor THEN 'agrees'::text ELSE 'differs'::text END", persisted=True)
    )
    expected_date: Mapped[date | None]
    received_on: Mapped[date]
    channel: Mapped[str]
    source: Mapped[str] = mapped_column(server_default="manual")
    external_id: Mapped[str | None]
    content_sha256: Mapped[str]
    repeats_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(server_default="open")
    cancel_reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("legal_entity_id", "legal_entities"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("repeats_id", "remittance_advices"),
        one_of("state", "open", "joined", "settled", "cancelled"),
        one_of("channel", "api", "csv", "xlsx", "email_text", "x12_820", "edifact_remadv"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index(
            "uq_remittance_advices_content", "organization_id", "content_sha256", unique=True,
            postgresql_where=text("state <> 'cancelled'"),
        ),
        Index(
            "uq_remittance_advices_external", "organization_id", "source", "external_id", unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index("ix_remittance_advices_open", "organization_id", "id", postgresql_where=text("state = 'open'")),
        Index("ix_remittance_advices_joined", "organization_id", "id", postgresql_where=text("state = 'joined'")),
        Index(None, "organization_id", "account_id", postgresql_where=text("account_id IS NOT NULL")),
        Index(None, "organization_id", "reference_key", postgresql_where=text("reference_key IS NOT NULL")),
        Index(None, "organization_id", "updated_at", "id"),
    )  # fmt: skip


class RemittanceLine(TenantTable, Base):
    """One document of an advice, and which of ours it is as far as number and amount tell."""

    __tablename__ = "remittance_lines"
    advice_id: Mapped[UUID]
    position: Mapped[int]
    document_number: Mapped[str]
    number_key: Mapped[str]
    gross_minor: Mapped[int | None] = minor()
    amount_minor: Mapped[int] = minor()
    discount_minor: Mapped[int] = minor(server_default="0")
    deduction_minor: Mapped[int] = minor(server_default="0")
    deduction_reason: Mapped[str | None]
    resolution: Mapped[str] = mapped_column(server_default="unresolved")
    instalment_id: Mapped[UUID | None]
    credit_memo_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("advice_id", "remittance_advices"),
        tenant_fk("instalment_id", "instalments"),
        tenant_fk("credit_memo_id", "credit_memos"),
        one_of("resolution", "resolved", "ambiguous", "unresolved"),
        UniqueConstraint("organization_id", "advice_id", "position"),
        CheckConstraint("discount_minor >= 0 AND deduction_minor >= 0", name="kept_not_negative"),
        CheckConstraint("instalment_id IS NULL OR credit_memo_id IS NULL", name="one_document"),
        Index(None, "organization_id", "number_key"),
    )


class RemittanceJoin(TenantTable, Recorded, Base):
    """This payment pays this advice, or part of it. `positions`: the lines meant for it; null: nobody knows which."""

    __tablename__ = "remittance_joins"
    advice_id: Mapped[UUID]
    payment_id: Mapped[UUID]
    evidence: Mapped[str]
    positions: Mapped[list[Any] | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("advice_id", "remittance_advices"),
        tenant_fk("payment_id", "payments"),
        one_of("evidence", "reference", "payer", "date"),
        one_of("end_reason", "cancelled", "rejoined", "payment_withdrawn"),
        Index(
            "uq_remittance_joins_live", "organization_id", "payment_id", "advice_id", unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(None, "organization_id", "advice_id"),
    )  # fmt: skip
