"""Tables of money that came in: payments, their movements, and the append-only applications."""

from __future__ import annotations

from datetime import date
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

# As PostgreSQL prints it, so that a migration check compares like with like.
_STATUS = (
    "CASE WHEN amount_minor - applied_minor - withdrawn_minor > 0 THEN CASE WHEN account_id IS NULL"
    " THEN 'unidentified'::text WHEN applied_minor > 0 THEN 'partially_applied'::text ELSE 'unapplied'::text END"
    " ELSE COALESCE(withdrawn_as, 'applied'::text) END"
)


class Payment(Versioned, Recorded, TenantTable, Base):
    """A receipt. `withdrawn_minor` is what was refunded, reversed or set aside as not receivable.

    The status follows from the amounts: the database computes it. With nothing left it is `applied`, or what the last
    withdrawal was (`withdrawn_as`).
    """

    __tablename__ = "payments"
    legal_entity_id: Mapped[UUID]
    bank_account_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    original_account_id: Mapped[UUID | None]  # the account at the time of recording; changes are movements
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    applied_minor: Mapped[int] = minor(server_default="0")
    withdrawn_minor: Mapped[int] = minor(server_default="0")
    unapplied_minor: Mapped[int] = mapped_column(
        BigInteger, Computed("amount_minor - applied_minor - withdrawn_minor", persisted=True)
    )
    withdrawn_as: Mapped[str | None]
    value_date: Mapped[date]
    accounting_date: Mapped[date]
    account_since: Mapped[date]  # accounting date, or the last change of account: no event may be dated before it
    reopened_on: Mapped[date | None]  # latest date on which an undone application gave money back
    method: Mapped[str] = mapped_column(server_default="bank_transfer")
    payer_name: Mapped[str | None]
    payer_bank_identifier: Mapped[str | None]
    remittance_text: Mapped[str | None]
    remittance: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    bank_reference: Mapped[str | None]
    end_to_end_id: Mapped[str | None]
    bank_entry_identity: Mapped[str | None]
    source: Mapped[str] = mapped_column(server_default="manual")
    external_id: Mapped[str | None]
    status: Mapped[str] = mapped_column(Computed(_STATUS, persisted=True))
    matching_state: Mapped[str] = mapped_column(server_default="waiting")
    __table_args__ = (
        organization_fk(),
        tenant_fk("legal_entity_id", "legal_entities"),
        tenant_fk("bank_account_id", "bank_accounts"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("original_account_id", "accounts"),
        one_of(
            "status", "unidentified", "unapplied", "partially_applied", "applied", "reversed", "refunded",
            "not_receivable",
        ),
        one_of("withdrawn_as", "reversed", "refunded", "not_receivable"),
        CheckConstraint("account_since >= accounting_date", name="account_since"),
        one_of("matching_state", "waiting", "proposed", "no_match", "done", "held"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("applied_minor >= 0 AND withdrawn_minor >= 0", name="parts_not_negative"),
        CheckConstraint("amount_minor - applied_minor - withdrawn_minor >= 0", name="never_over_applied"),
        Index(
            "uq_payments_bank_entry", "organization_id", "bank_entry_identity", unique=True,
            postgresql_where=text("bank_entry_identity IS NOT NULL"),
        ),
        Index(
            "uq_payments_external", "organization_id", "source", "external_id", unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        Index("ix_payments_unapplied", "organization_id", "account_id", postgresql_where=text("unapplied_minor <> 0")),
        Index(
            "ix_payments_waiting", "organization_id", "id", postgresql_where=text("matching_state = 'waiting'"),
        ),
        Index("ix_payments_amount", "organization_id", "amount_minor", "value_date"),  # to find repetitions
        Index(None, "organization_id", "account_id", "value_date"),
        Index(None, "organization_id", "accounting_date"),
        Index(None, "organization_id", "bank_reference", postgresql_where=text("bank_reference IS NOT NULL")),
        Index(None, "organization_id", "end_to_end_id", postgresql_where=text("end_to_end_id IS NOT NULL")),
        Index(None, "organization_id", "updated_at", "id"),
    )  # fmt: skip


class PaymentMovement(TenantTable, Recorded, Base):
    """A dated event of a payment besides applications. Append-only.

    `refund`, `reversal`, `not_receivable` take `amount_minor` out of the payment (negative puts it back);
    `account_change` (identify, move; also back to unidentified) carries the accounts and the amount that was unapplied.
    """

    __tablename__ = "payment_movements"
    payment_id: Mapped[UUID]
    kind: Mapped[str]
    amount_minor: Mapped[int] = minor()
    from_account_id: Mapped[UUID | None]
    to_account_id: Mapped[UUID | None]
    effective_date: Mapped[date]
    reason_code: Mapped[str | None]
    reason: Mapped[str | None]
    actor_name: Mapped[str]
    reverses_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("payment_id", "payments"),
        tenant_fk("from_account_id", "accounts"),
        tenant_fk("to_account_id", "accounts"),
        tenant_fk("reverses_id", "payment_movements"),
        one_of("kind", "refund", "reversal", "not_receivable", "account_change"),
        Index(None, "organization_id", "payment_id"),
        Index(None, "organization_id", "effective_date"),
        append_only(erasable=("reason",)),
    )


class Application(TenantTable, Recorded, Base):
    """This much of this payment or credit memo settles this instalment. Append-only; an undo is a negative row.

    `amount_minor` (instalment's currency) is what the source pays; with `discount_minor` and `write_off_minor` it is
    what the instalment loses. `source_amount_minor` is what the source loses, in its own currency. `exchange_rate` is
    units of the instalment's currency for one of the source's; `exchange_difference_minor` is the realised gain
    (negative: loss) in the legal entity's base currency.
    """

    __tablename__ = "applications"
    group_id: Mapped[UUID]
    legal_entity_id: Mapped[UUID]
    account_id: Mapped[UUID]  # the account that owns the instalment
    source_account_id: Mapped[UUID | None]
    payment_id: Mapped[UUID | None]
    credit_memo_id: Mapped[UUID | None]
    instalment_id: Mapped[UUID]
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    discount_minor: Mapped[int] = minor(server_default="0")
    write_off_minor: Mapped[int] = minor(server_default="0")
    source_currency: Mapped[str]
    source_amount_minor: Mapped[int] = minor()
    exchange_rate: Mapped[Any] = mapped_column(Numeric(24, 12), nullable=True)
    exchange_difference_minor: Mapped[int] = minor(server_default="0")
    effective_date: Mapped[date]
    origin: Mapped[str]
    proposal_id: Mapped[UUID | None]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    reverses_id: Mapped[UUID | None]
    reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("legal_entity_id", "legal_entities"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("source_account_id", "accounts"),
        tenant_fk("payment_id", "payments"),
        tenant_fk("credit_memo_id", "credit_memos"),
        tenant_fk("instalment_id", "instalments"),
        tenant_fk("reverses_id", "applications"),
        one_of("origin", "manual", "automatic", "import"),
        CheckConstraint("(payment_id IS NULL) <> (credit_memo_id IS NULL)", name="one_source"),
        CheckConstraint(
            "(reverses_id IS NULL AND amount_minor >= 0 AND discount_minor >= 0 AND write_off_minor >= 0"
            " AND source_amount_minor >= 0 AND amount_minor + discount_minor + write_off_minor > 0)"
            " OR (reverses_id IS NOT NULL AND amount_minor <= 0 AND discount_minor <= 0 AND write_off_minor <= 0"
            " AND source_amount_minor <= 0)",
            name="sign",
        ),
        UniqueConstraint("organization_id", "reverses_id"),
        Index(None, "organization_id", "instalment_id"),
        Index(None, "organization_id", "account_id"),
        Index(None, "organization_id", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
        Index(None, "organization_id", "credit_memo_id", postgresql_where=text("credit_memo_id IS NOT NULL")),
        Index(None, "organization_id", "group_id"),
        Index(None, "organization_id", "effective_date"),
        append_only(erasable=("reason",)),
    )
