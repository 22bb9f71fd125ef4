"""The journal: transfer rows, balanced by construction, and the balances that a period close keeps."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from app.infra.tables import (
    Base,
    Recorded,
    TenantTable,
    append_only,
    minor,
    one_of,
    organization_fk,
    tenant_fk,
)


def _of_document(column: str) -> Index:
    """What one document moved: most transfers name one or two of the three."""
    return Index(None, "organization_id", column, postgresql_where=text(f"{column} IS NOT NULL"))


class Transfer(TenantTable, Recorded, Base):
    """One movement from a credit account to a debit account. Append-only.

    `debit_account` and `credit_account` are roles of the chart (`receivables`, `unapplied_cash`, …, see
    `ledger/rules.py`); the legal entity maps them to its general-ledger codes. The three document columns name the
    subledger item that moved; `posting_id` groups the transfers of one event.
    """

    __tablename__ = "transfers"
    posting_id: Mapped[UUID]
    legal_entity_id: Mapped[UUID]
    event: Mapped[str]
    debit_account: Mapped[str]
    credit_account: Mapped[str]
    amount_minor: Mapped[int] = minor()
    currency: Mapped[str]
    effective_date: Mapped[date]
    account_id: Mapped[UUID | None]
    instalment_id: Mapped[UUID | None]
    credit_memo_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]
    source_id: Mapped[UUID | None]  # the application, adjustment, refund … that this books
    __table_args__ = (
        tenant_fk("legal_entity_id", "legal_entities"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index(None, "organization_id", "legal_entity_id", "effective_date"),
        Index(None, "organization_id", "posting_id"),
        Index(None, "organization_id", "account_id", "id"),
        *(_of_document(column) for column in ("instalment_id", "credit_memo_id", "payment_id")),
        append_only(),
    )


class PeriodClose(TenantTable, Recorded, Base):
    """A close (or reopening) of a legal entity's periods, with who and why. Append-only."""

    __tablename__ = "period_closes"
    legal_entity_id: Mapped[UUID]
    kind: Mapped[str]
    closed_through: Mapped[date | None]
    actor_name: Mapped[str]
    reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("legal_entity_id", "legal_entities"),
        one_of("kind", "close", "reopen"),
        append_only(),
    )


class PeriodBalance(TenantTable, Recorded, Base):
    """A balance as it stood at the end of a closed period: one row for each measure (journal account or subledger sum).

    Valid until `superseded_at` (a reopening). `measure` is `debits:` or `credits:` with a role of the chart, or one of
    `subledger:…` (see `ledger/rules.py`).
    """

    __tablename__ = "period_balances"
    legal_entity_id: Mapped[UUID]
    closed_through: Mapped[date]
    currency: Mapped[str]
    measure: Mapped[str]
    balance_minor: Mapped[int] = minor()
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("legal_entity_id", "legal_entities"),
        UniqueConstraint("organization_id", "legal_entity_id", "closed_through", "currency", "measure", "recorded_at"),
    )


__all__ = ["Any", "PeriodBalance", "PeriodClose", "Transfer"]
