"""Tables of what is owed: invoices with their instalments, credit memos, adjustments, and dated changes of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Computed, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import (
    Base,
    Recorded,
    TenantTable,
    Versioned,
    append_only,
    minor,
    one_of,
    organization_fk,
    tenant_fk,
)


class Invoice(Versioned, TenantTable, Base):
    """Invoice, debit memo or finance charge. `source` is `manual` when no ERP owns it.

    Whatever changes a document changes (or touches) one of its instalments too. So the document's version is the sum
    of all their versions, and it was updated when the latest of its instalments was: money that is applied moves both,
    although it writes nothing here.
    """

    __tablename__ = "invoices"
    kind: Mapped[str]
    number: Mapped[str]
    number_key: Mapped[str]  # how a payer's text finds the document: see reference_keys.py
    digits_key: Mapped[str | None]
    tail_key: Mapped[str | None]
    source: Mapped[str] = mapped_column(server_default="manual")
    external_id: Mapped[str | None]
    legal_entity_id: Mapped[UUID]
    account_id: Mapped[UUID]
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    corrected_minor: Mapped[int] = minor(server_default="0")  # posted corrections from the source; may be negative
    tax_minor: Mapped[int] = minor(server_default="0")
    corrected_tax_minor: Mapped[int] = minor(server_default="0")
    invoice_date: Mapped[date]
    accounting_date: Mapped[date]
    payment_terms_id: Mapped[UUID | None]
    terms_differ: Mapped[bool] = mapped_column(server_default="false")
    purchase_order: Mapped[str | None]
    purchase_order_key: Mapped[str | None]
    delivery_reference: Mapped[str | None]
    contract_reference: Mapped[str | None]
    payment_reference: Mapped[str | None]  # what the payer is asked to quote: RF, QR, KID, +++…+++ or free
    payment_reference_key: Mapped[str | None]
    delivery_status: Mapped[str | None]
    void_date: Mapped[date | None]
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]
    corrects_id: Mapped[UUID | None]
    __table_args__ = (
        tenant_fk("legal_entity_id", "legal_entities"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("payment_terms_id", "payment_terms"),
        tenant_fk("corrects_id", "invoices"),
        one_of("kind", "invoice", "debit_memo", "finance_charge"),
        one_of("delivery_status", "sent", "delivered", "confirmed", "not_received"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("tax_minor >= 0 AND tax_minor <= amount_minor", name="tax_within_amount"),
        CheckConstraint(
            "tax_minor + corrected_tax_minor >= 0"
            " AND tax_minor + corrected_tax_minor <= amount_minor + corrected_minor",
            name="corrected_tax_within_amount",
        ),
        Index(
            "uq_invoices_number", "organization_id", "legal_entity_id", "kind", "source", "number", unique=True,
            postgresql_where=text("voided_at IS NULL"),
        ),
        Index(
            "uq_invoices_external", "organization_id", "source", "external_id", unique=True,
            postgresql_where=text("external_id IS NOT NULL AND voided_at IS NULL"),
        ),
        Index(
            "ix_invoices_voided_external", "organization_id", "external_id",
            postgresql_where=text("external_id IS NOT NULL AND voided_at IS NOT NULL"),
        ),
        Index(None, "organization_id", "number_key"),
        Index(None, "organization_id", "digits_key", postgresql_where=text("digits_key IS NOT NULL")),
        Index(None, "organization_id", "tail_key", postgresql_where=text("tail_key IS NOT NULL")),
        Index(None, "organization_id", "purchase_order_key", postgresql_where=text("purchase_order_key IS NOT NULL")),
        Index(
            None, "organization_id", "payment_reference_key",
            postgresql_where=text("payment_reference_key IS NOT NULL"),
        ),
        Index(None, "organization_id", "account_id"),
    )  # fmt: skip


class InvoiceLine(TenantTable, Base):
    """An optional line of an invoice, as information: amounts of lines are not posted one by one."""

    __tablename__ = "invoice_lines"
    invoice_id: Mapped[UUID]
    position: Mapped[int]
    description: Mapped[str]
    quantity: Mapped[Any] = mapped_column(Numeric(20, 6), nullable=True)
    amount_minor: Mapped[int] = minor()
    tax_minor: Mapped[int] = minor(server_default="0")
    __table_args__ = (
        organization_fk(),
        tenant_fk("invoice_id", "invoices"),
        UniqueConstraint("organization_id", "invoice_id", "position"),
    )


class Instalment(Versioned, Recorded, TenantTable, Base):
    """Part of an invoice with its own due date: the row that holds the open amount.

    Account, legal entity and currency repeat the invoice's, so that aging reads one index. `open_minor` is computed
    by the database: amount − applied (cash, discount and small write-off) − adjusted (posted adjustments and void).
    """

    __tablename__ = "instalments"
    invoice_id: Mapped[UUID]
    ordinal: Mapped[int]
    account_id: Mapped[UUID]
    legal_entity_id: Mapped[UUID]
    currency: Mapped[str]
    due_date: Mapped[date]
    original_due_date: Mapped[date]
    accounting_date: Mapped[date]
    invoice_date: Mapped[date]
    amount_minor: Mapped[int] = minor()
    applied_minor: Mapped[int] = minor(server_default="0")
    adjusted_minor: Mapped[int] = minor(server_default="0")
    corrected_minor: Mapped[int] = minor(server_default="0")  # what the source added; `adjusted_minor` has it negative
    open_minor: Mapped[int] = mapped_column(
        BigInteger, Computed("amount_minor - applied_minor - adjusted_minor", persisted=True)
    )
    discount_minor: Mapped[int] = minor(server_default="0")
    discount_date: Mapped[date | None]
    later_discounts: Mapped[list[Any]] = mapped_column(server_default="[]")  # further tiers: [[date, minor], …]
    reopened_on: Mapped[date | None]  # latest date on which something taken off came back
    status: Mapped[str] = mapped_column(server_default="open")
    __table_args__ = (
        tenant_fk("invoice_id", "invoices"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("legal_entity_id", "legal_entities"),
        UniqueConstraint("organization_id", "invoice_id", "ordinal"),
        one_of("status", "open", "partially_applied", "settled", "void", "written_off"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("amount_minor - applied_minor - adjusted_minor >= 0", name="never_over_applied"),
        CheckConstraint("applied_minor >= 0", name="applied_not_negative"),
        CheckConstraint("discount_minor >= 0 AND discount_minor <= amount_minor", name="discount_within_amount"),
        Index(
            "ix_instalments_open", "organization_id", "account_id",
            postgresql_include=["due_date", "invoice_date", "accounting_date", "open_minor", "currency",
                                "legal_entity_id"],
            postgresql_where=text("open_minor <> 0"),
        ),
        Index(  # by the matcher, for money of nobody knows whom
            "ix_instalments_open_amount", "organization_id", "legal_entity_id", "open_minor",
            postgresql_where=text("open_minor <> 0"),
        ),
        Index(None, "organization_id", "accounting_date"),
        Index(None, "organization_id", "updated_at", "id"),
    )  # fmt: skip


class InstalmentChange(TenantTable, Recorded, Base):
    """A dated change of an instalment's due date. Append-only: reports of any past date read it."""

    __tablename__ = "instalment_changes"
    instalment_id: Mapped[UUID]
    due_date_before: Mapped[date]
    due_date: Mapped[date]
    effective_date: Mapped[date]
    reason: Mapped[str]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("instalment_id", "instalments"),
        Index(None, "organization_id", "instalment_id"),
        append_only(erasable=("reason",)),
    )


class CreditMemo(Versioned, Recorded, TenantTable, Base):
    """The seller's credit, applied like cash."""

    __tablename__ = "credit_memos"
    number: Mapped[str]
    number_key: Mapped[str]
    digits_key: Mapped[str | None]
    tail_key: Mapped[str | None]
    source: Mapped[str] = mapped_column(server_default="manual")
    external_id: Mapped[str | None]
    legal_entity_id: Mapped[UUID]
    account_id: Mapped[UUID]
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    tax_minor: Mapped[int] = minor(server_default="0")
    applied_minor: Mapped[int] = minor(server_default="0")
    withdrawn_minor: Mapped[int] = minor(server_default="0")  # voided or refunded
    open_minor: Mapped[int] = mapped_column(
        BigInteger, Computed("amount_minor - applied_minor - withdrawn_minor", persisted=True)
    )
    credit_date: Mapped[date]
    accounting_date: Mapped[date]
    invoice_id: Mapped[UUID | None]
    reason_code: Mapped[str | None]
    reason: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="open")
    reopened_on: Mapped[date | None]  # latest date on which an undone application gave credit back
    void_date: Mapped[date | None]
    voided_at: Mapped[datetime | None]
    void_reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("legal_entity_id", "legal_entities"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("invoice_id", "invoices"),
        one_of("status", "open", "partially_applied", "applied", "void", "refunded"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("tax_minor >= 0 AND tax_minor <= amount_minor", name="tax_within_amount"),
        CheckConstraint("applied_minor >= 0 AND withdrawn_minor >= 0", name="parts_not_negative"),
        CheckConstraint("amount_minor - applied_minor - withdrawn_minor >= 0", name="never_over_applied"),
        Index(
            "uq_credit_memos_number", "organization_id", "legal_entity_id", "source", "number", unique=True,
            postgresql_where=text("voided_at IS NULL"),
        ),
        Index(
            "uq_credit_memos_external", "organization_id", "source", "external_id", unique=True,
            postgresql_where=text("external_id IS NOT NULL AND voided_at IS NULL"),
        ),
        Index(
            "ix_credit_memos_voided_external", "organization_id", "external_id",
            postgresql_where=text("external_id IS NOT NULL AND voided_at IS NOT NULL"),
        ),
        Index(None, "organization_id", "number_key"),
        Index(None, "organization_id", "digits_key", postgresql_where=text("digits_key IS NOT NULL")),
        Index(None, "organization_id", "tail_key", postgresql_where=text("tail_key IS NOT NULL")),
        Index("ix_credit_memos_open", "organization_id", "account_id", postgresql_where=text("open_minor <> 0")),
        Index(None, "organization_id", "updated_at", "id"),
    )  # fmt: skip


class Adjustment(Versioned, TenantTable, Base):
    """A change of an instalment's open amount that is no cash: requested, decided by somebody else, then posted.

    `amount_minor` is what it takes off the open amount; negative adds (a correction from the source). `posted_at` is
    its recorded instant. `reverses_id` undoes an earlier one.
    """

    __tablename__ = "adjustments"
    instalment_id: Mapped[UUID]
    legal_entity_id: Mapped[UUID]
    account_id: Mapped[UUID]
    currency: Mapped[str]
    kind: Mapped[str]
    reason_code: Mapped[str]
    reason: Mapped[str | None]
    amount_minor: Mapped[int] = minor()
    tax_minor: Mapped[int] = minor(server_default="0")
    state: Mapped[str]
    effective_date: Mapped[date]
    requested_by: Mapped[str]
    requested_by_id: Mapped[UUID | None]
    decided_by: Mapped[str | None]
    decided_by_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    decision_note: Mapped[str | None]
    posted_at: Mapped[datetime | None]
    reverses_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("instalment_id", "instalments"),
        tenant_fk("legal_entity_id", "legal_entities"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("reverses_id", "adjustments"),
        one_of(
            "kind", "write_off", "small_difference", "bank_charge", "rounding", "waived_charge", "source_correction",
            "opening_settlement", "void",
        ),
        one_of("state", "requested", "approved", "rejected", "posted"),
        CheckConstraint("amount_minor <> 0", name="amount_not_zero"),
        UniqueConstraint("organization_id", "reverses_id"),
        Index(None, "organization_id", "instalment_id"),
        Index(None, "organization_id", "state", "id"),
        Index(None, "organization_id", "effective_date"),
    )  # fmt: skip


class CreditMemoMovement(TenantTable, Recorded, Base):
    """A refund or void of (part of) a credit memo. Append-only; a reversal is a negative row."""

    __tablename__ = "credit_memo_movements"
    credit_memo_id: Mapped[UUID]
    kind: Mapped[str]
    amount_minor: Mapped[int] = minor()
    effective_date: Mapped[date]
    reason: Mapped[str | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("credit_memo_id", "credit_memos"),
        one_of("kind", "refund", "void", "opening_settlement"),
        Index(None, "organization_id", "credit_memo_id"),
        append_only(erasable=("reason",)),
    )


class InvoiceDeliveryEvent(TenantTable, Recorded, Base):
    """What became of an invoice on its way to the customer. Append-only; the latest stands in `delivery_status`."""

    __tablename__ = "invoice_delivery_events"
    invoice_id: Mapped[UUID]
    status: Mapped[str]
    channel: Mapped[str | None]
    on_date: Mapped[date]
    recipient: Mapped[str | None]
    note: Mapped[str | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("invoice_id", "invoices"),
        one_of("status", "sent", "delivered", "confirmed", "not_received"),
        one_of("channel", "email", "letter", "portal", "edi", "fax", "other"),
        Index(None, "organization_id", "invoice_id"),
        append_only(erasable=("recipient", "note")),
    )
