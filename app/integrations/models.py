"""Tables of what comes in by file: imports with their refused rows, bank statements and their entries."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, Versioned, minor, one_of, organization_fk, tenant_fk


class Import(Versioned, TenantTable, Base):
    """A file to load: what it is, how its headers map, how far it got, and its control totals."""

    __tablename__ = "imports"
    kind: Mapped[str]
    file_name: Mapped[str]
    file_sha256: Mapped[str]
    file_bytes: Mapped[int] = mapped_column(BigInteger)
    media_format: Mapped[str]
    mapping: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    options: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    dry_run: Mapped[bool] = mapped_column(server_default="false")
    state: Mapped[str]
    today: Mapped[date]
    position: Mapped[int] = mapped_column(server_default="0")  # rows (or statements) dealt with: runs go on here
    byte_position: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rows_read: Mapped[int] = mapped_column(server_default="0")
    rows_created: Mapped[int] = mapped_column(server_default="0")
    rows_updated: Mapped[int] = mapped_column(server_default="0")
    rows_unchanged: Mapped[int] = mapped_column(server_default="0")
    rows_refused: Mapped[int] = mapped_column(server_default="0")
    control_totals: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    source_table: Mapped[str | None]  # of the source, where the mapping knows it
    effects: Mapped[dict[str, Any]] = mapped_column(server_default="{}")  # what followed beyond the rows
    error: Mapped[dict[str, Any] | None]
    requested_by: Mapped[str]
    requested_by_kind: Mapped[str]
    requested_by_id: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        one_of(
            "kind",
            "accounts",
            "contacts",
            "invoices",
            "payments",
            "applications",
            "balances",
            "original_amounts",
            "bank_statement",
        ),
        one_of("media_format", "csv", "ndjson", "xlsx", "bank"),
        one_of("state", "queued", "running", "completed", "failed", "cancelled"),
        Index(None, "organization_id", "state"),
    )


class ImportRowError(TenantTable, Recorded, Base):
    """What an import says of a row: where, which field, stable code, sentence. A `note` (rounded) was loaded."""

    __tablename__ = "import_row_errors"
    import_id: Mapped[UUID]
    row_number: Mapped[int]
    severity: Mapped[str] = mapped_column(server_default="refused")
    field: Mapped[str | None]
    code: Mapped[str]
    detail: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("import_id", "imports"),
        one_of("severity", "refused", "note"),
        Index(None, "organization_id", "import_id", "row_number"),
    )


class BankStatement(Versioned, Recorded, TenantTable, Base):
    """One statement of one own bank account, with its control totals and its place in the sequence."""

    __tablename__ = "bank_statements"
    bank_account_id: Mapped[UUID]
    import_id: Mapped[UUID | None]
    identity: Mapped[str]  # account, reference, number, page and dates: the same statement read again
    format: Mapped[str]
    statement_reference: Mapped[str]
    sequence_number: Mapped[str | None]
    currency: Mapped[str]
    from_date: Mapped[date | None]
    to_date: Mapped[date | None]
    opening_minor: Mapped[int | None] = minor()
    closing_minor: Mapped[int | None] = minor()
    credits_minor: Mapped[int] = minor(server_default="0")
    debits_minor: Mapped[int] = minor(server_default="0")
    entries_count: Mapped[int] = mapped_column(server_default="0")
    balance_check: Mapped[str]
    continuity: Mapped[str]
    problems: Mapped[list[Any]] = mapped_column(server_default="[]")
    __table_args__ = (
        organization_fk(),
        tenant_fk("bank_account_id", "bank_accounts"),
        tenant_fk("import_id", "imports"),
        one_of("balance_check", "ok", "difference", "not_given"),
        one_of("continuity", "first", "follows", "gap", "overlap", "unknown"),
        UniqueConstraint("organization_id", "bank_account_id", "identity"),
        Index(None, "organization_id", "bank_account_id", "to_date"),
    )


class BankEntry(TenantTable, Recorded, Base):
    """One transaction of a statement, counted once by its identity however often and in whichever format it is read."""

    __tablename__ = "bank_entries"
    bank_account_id: Mapped[UUID]
    statement_id: Mapped[UUID]
    identity: Mapped[str]
    entry_identity: Mapped[str]  # of the whole booking line: a batch counts once, shown whole or split
    position: Mapped[str]
    amount_minor: Mapped[int] = minor()
    currency: Mapped[str]
    is_credit: Mapped[bool]
    is_reversal: Mapped[bool] = mapped_column(server_default="false")
    bank_status: Mapped[str]
    booking_date: Mapped[date | None]
    value_date: Mapped[date | None]
    bank_reference: Mapped[str | None]
    end_to_end_id: Mapped[str | None]
    counterparty_name: Mapped[str | None]
    counterparty_identifier: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    outcome: Mapped[str]
    outcome_detail: Mapped[str | None]
    payment_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("bank_account_id", "bank_accounts"),
        tenant_fk("statement_id", "bank_statements"),
        tenant_fk("payment_id", "payments"),
        one_of("bank_status", "booked", "pending", "info"),
        one_of("outcome", "payment", "reversal", "debit", "kept", "pending"),
        UniqueConstraint("organization_id", "bank_account_id", "identity"),
        Index(None, "organization_id", "bank_account_id", "entry_identity"),
        Index(None, "organization_id", "statement_id"),
        Index(None, "organization_id", "end_to_end_id", postgresql_where=text("end_to_end_id IS NOT NULL")),
        Index(None, "organization_id", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
    )
