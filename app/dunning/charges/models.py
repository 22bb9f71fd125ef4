"""Tables of late charges: interest rates, agreements, compensation, what was charged, waived, and charging runs."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, UniqueConstraint, text
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

_PERCENT = Numeric(9, 6)


class InterestRateTable(Versioned, TenantTable, Base):
    """A table of dated rates of the organization's own. Those that the service ships need no row."""

    __tablename__ = "interest_rate_tables"
    code: Mapped[str]
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "code"))


class InterestRate(Versioned, TenantTable, Base):
    """The rate of a table from a day on, in percent a year. It stands before a shipped rate of the same day.

    A withdrawn row counts no longer: the shipped rate of that day is back.
    """

    __tablename__ = "interest_rates"
    table_code: Mapped[str]
    valid_from: Mapped[date]
    reference_percent: Mapped[Decimal | None] = mapped_column(_PERCENT)
    percent: Mapped[Decimal] = mapped_column(_PERCENT)
    note: Mapped[str | None]
    withdrawn: Mapped[bool] = mapped_column(server_default="false")
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "table_code", "valid_from"),
        CheckConstraint("percent >= 0 AND percent <= 100", name="percent_bounded"),
    )


class InterestAgreement(Versioned, TenantTable, Base):
    """Which rate holds for whom: the most specific agreement of a day wins (account, segment, organization).

    Either a table or a fixed percentage. `on_charges`: the contract allows interest on interest and fees.
    """

    __tablename__ = "interest_agreements"
    scope: Mapped[str]
    account_id: Mapped[UUID | None]
    segment: Mapped[str | None]
    table_code: Mapped[str | None]
    percent: Mapped[Decimal | None] = mapped_column(_PERCENT)
    on_charges: Mapped[bool] = mapped_column(server_default="false")
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        one_of("scope", "organization", "segment", "account"),
        CheckConstraint("(scope = 'account') = (account_id IS NOT NULL)", name="account_of_scope"),
        CheckConstraint("(scope = 'segment') = (segment IS NOT NULL)", name="segment_of_scope"),
        CheckConstraint("(table_code IS NULL) <> (percent IS NULL)", name="table_or_percent"),
        CheckConstraint("percent >= 0 AND percent <= 100", name="percent_bounded"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="dates_in_order"),
        Index(None, "organization_id", "account_id", postgresql_where=text("account_id IS NOT NULL")),
        Index(None, "organization_id", "segment", postgresql_where=text("segment IS NOT NULL")),
        Index("ix_interest_agreements_scope", "organization_id", "scope", "id"),
    )


class CompensationSchedule(Versioned, TenantTable, Base):
    """The fixed sums for a late debt of a currency, in place of the shipped ones. `bands`: [[debt from, sum], …]."""

    __tablename__ = "compensation_schedules"
    currency: Mapped[str]
    bands: Mapped[list[Any]]
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "currency"))


class ChargeSettings(Versioned, TenantTable, Base):
    """How an organization charges; without a row the defaults hold."""

    __tablename__ = "charge_settings"
    run: Mapped[str] = mapped_column(server_default="none")
    run_day: Mapped[int] = mapped_column(server_default="1")
    charge_from: Mapped[date | None]  # no day before it is charged
    default_table_code: Mapped[str | None]
    payment_days: Mapped[int] = mapped_column(server_default="0")
    minimum_interest: Mapped[dict[str, Any]] = mapped_column(server_default="{}")  # minor units by currency
    compensation: Mapped[bool] = mapped_column(server_default="false")
    rejected_disputes: Mapped[bool] = mapped_column(server_default="false")
    plan_interest: Mapped[str] = mapped_column(server_default="if_broken")
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id"),
        one_of("run", "none", "monthly"),
        one_of("plan_interest", "if_broken", "always"),
        CheckConstraint("run_day >= 1 AND run_day <= 28", name="run_day"),
        CheckConstraint("payment_days >= 0 AND payment_days <= 365", name="payment_days"),
    )


class ChargingRun(Versioned, TenantTable, Base):
    """A run that charges every account for its late days, or (`simulated`) only adds up what it would charge.

    `after_account_id` is how far it has come.
    """

    __tablename__ = "charging_runs"
    kind: Mapped[str]
    as_of: Mapped[date]
    compensation: Mapped[bool]
    simulated: Mapped[bool] = mapped_column(server_default="false")
    state: Mapped[str] = mapped_column(server_default="running")
    after_account_id: Mapped[UUID | None]
    accounts: Mapped[int] = mapped_column(server_default="0")
    charges: Mapped[int] = mapped_column(server_default="0")
    refused: Mapped[int] = mapped_column(server_default="0")
    totals: Mapped[dict[str, Any]] = mapped_column(server_default="{}")  # minor units by currency
    started_by: Mapped[str]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        one_of("kind", "monthly", "on_demand"),
        one_of("state", "running", "done"),
        Index("uq_charging_runs_day", "organization_id", "as_of", unique=True, postgresql_where=text("NOT simulated")),
        Index("ix_charging_runs_state", "organization_id", "state", "id"),
    )


class Charge(Versioned, TenantTable, Base):
    """What was charged to an account at once: one finance charge document, or corrections of earlier ones.

    `source_key` says what it was charged for (`notice:<id>`, `run:<id>:…`); the same key is charged once.
    """

    __tablename__ = "charges"
    account_id: Mapped[UUID]
    legal_entity_id: Mapped[UUID]
    currency: Mapped[str]
    source_key: Mapped[str]
    as_of: Mapped[date]
    fee_minor: Mapped[int] = minor(server_default="0")
    interest_minor: Mapped[int] = minor(server_default="0")
    compensation_minor: Mapped[int] = minor(server_default="0")
    corrected_minor: Mapped[int] = minor(server_default="0")  # interest charged too much before, given back
    invoice_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(server_default="posted")
    posted_by: Mapped[str]
    reversed_on: Mapped[date | None]
    reversed_by: Mapped[str | None]
    reverse_reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("legal_entity_id", "legal_entities"),
        tenant_fk("invoice_id", "invoices"),
        one_of("state", "posted", "reversed"),
        CheckConstraint(
            "fee_minor >= 0 AND interest_minor >= 0 AND compensation_minor >= 0 AND corrected_minor >= 0",
            name="parts_not_negative",
        ),
        CheckConstraint("(state = 'reversed') = (reversed_on IS NOT NULL)", name="reversed_on"),
        Index(
            "uq_charges_source_key", "organization_id", "source_key", unique=True,
            postgresql_where=text("state = 'posted'"),
        ),
        Index(None, "organization_id", "account_id", "id"),
        Index(None, "organization_id", "invoice_id", postgresql_where=text("invoice_id IS NOT NULL")),
        Index("ix_charges_state", "organization_id", "state", "id"),
        Index(None, "organization_id", "as_of"),
        Index(None, "organization_id", "updated_at", "id"),
    )  # fmt: skip


class ChargeItem(TenantTable, Recorded, Base):
    """A part of a charge: for which instalment, what kind, how much. `live` until the charge is reversed.

    A negative interest item gives back what was charged too much, by the adjustment that it names.
    """

    __tablename__ = "charge_items"
    charge_id: Mapped[UUID]
    kind: Mapped[str]
    instalment_id: Mapped[UUID]
    debt_invoice_id: Mapped[UUID]
    step_ordinal: Mapped[int | None]
    amount_minor: Mapped[int] = minor()
    principal_minor: Mapped[int] = minor()
    percent: Mapped[Decimal | None] = mapped_column(_PERCENT)
    period_from: Mapped[date | None]
    period_to: Mapped[date | None]
    adjustment_id: Mapped[UUID | None]
    live: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (
        tenant_fk("charge_id", "charges"),
        tenant_fk("instalment_id", "instalments"),
        tenant_fk("debt_invoice_id", "invoices"),
        tenant_fk("adjustment_id", "adjustments"),
        one_of("kind", "fee", "interest", "compensation"),
        CheckConstraint("amount_minor >= 0 OR kind = 'interest'", name="only_interest_is_given_back"),
        Index(None, "organization_id", "charge_id"),
        Index(None, "organization_id", "instalment_id"),
        Index(
            "uq_charge_items_fee", "organization_id", "instalment_id", "step_ordinal", unique=True,
            postgresql_where=text("live AND kind = 'fee' AND step_ordinal IS NOT NULL"),
        ),
        Index(
            "uq_charge_items_compensation", "organization_id", "debt_invoice_id", unique=True,
            postgresql_where=text("live AND kind = 'compensation'"),
        ),
    )  # fmt: skip


class InterestPiece(TenantTable, Base):
    """Days of an instalment that were charged: on how much, at which rate. Append-only.

    The sum over the live items is what each day was charged on. A negative principal gives days back.
    """

    __tablename__ = "interest_pieces"
    charge_item_id: Mapped[UUID]
    instalment_id: Mapped[UUID]
    day_from: Mapped[date]
    day_to: Mapped[date]
    principal_minor: Mapped[int] = minor()
    percent: Mapped[Decimal] = mapped_column(_PERCENT)
    __table_args__ = (
        tenant_fk("charge_item_id", "charge_items"),
        tenant_fk("instalment_id", "instalments"),
        CheckConstraint("day_to >= day_from", name="days_in_order"),
        CheckConstraint("principal_minor <> 0", name="principal_not_zero"),
        Index(None, "organization_id", "instalment_id"),
        Index(None, "organization_id", "charge_item_id"),
        append_only(),
    )


class ChargeWaiver(TenantTable, Recorded, Base):
    """Somebody asked to waive (part of) a charge; the adjustment that it names carries state and decision."""

    __tablename__ = "charge_waivers"
    charge_id: Mapped[UUID]
    adjustment_id: Mapped[UUID]
    amount_minor: Mapped[int] = minor()
    __table_args__ = (
        organization_fk(),
        tenant_fk("charge_id", "charges"),
        tenant_fk("adjustment_id", "adjustments"),
        UniqueConstraint("organization_id", "adjustment_id"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index(None, "organization_id", "charge_id"),
        append_only(),
    )
