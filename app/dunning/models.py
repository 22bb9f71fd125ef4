"""Tables of dunning: policies with dated versions, who has which, blocks, runs, notices and what was withheld."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.dunning.rules import (
    CHANNELS,
    GROUPINGS,
    NOTICE_STATES,
    RUN_KINDS,
    RUN_STATES,
    SCOPES,
    STEPS_LIMIT,
    VERSION_STATES,
    WITHHELD_REASONS,
)
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


class DunningSettings(Versioned, TenantTable, Base):
    """How an organization duns. `nightly` unset: every night from the first assignment of a policy on."""

    __tablename__ = "dunning_settings"
    nightly: Mapped[bool | None]
    response_days: Mapped[int] = mapped_column(server_default="14")
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id"),
        CheckConstraint("response_days BETWEEN 1 AND 90", name="response_days_bounded"),
    )


class DunningPolicy(Versioned, TenantTable, Base):
    """A way to dun: its steps are those of the version in force. `shipped`: the one of accounts without assignment."""

    __tablename__ = "dunning_policies"
    code: Mapped[str]
    name: Mapped[str]
    description: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default="true")
    shipped: Mapped[bool] = mapped_column(server_default="false")
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "code"),
        Index("uq_dunning_policies_shipped", "organization_id", unique=True, postgresql_where=text("shipped")),
    )


class DunningPolicyVersion(Versioned, TenantTable, Base):
    """A version of a policy. In force on a day is the active one of the latest `valid_from` that is not after it."""

    __tablename__ = "dunning_policy_versions"
    policy_id: Mapped[UUID]
    number: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="draft")
    valid_from: Mapped[date | None]
    grouping: Mapped[str] = mapped_column(server_default="per_step")
    count_credits: Mapped[bool] = mapped_column(server_default="true")
    note: Mapped[str | None]
    written_by: Mapped[str]
    activated_by: Mapped[str | None]
    activated_by_id: Mapped[UUID | None]
    activated_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("policy_id", "dunning_policies"),
        UniqueConstraint("organization_id", "policy_id", "number"),
        one_of("state", *VERSION_STATES),
        one_of("grouping", *GROUPINGS),
        CheckConstraint("(state = 'active') = (valid_from IS NOT NULL)", name="dated_when_active"),
        Index(None, "organization_id", "policy_id", "state", "valid_from"),
    )


class DunningStep(TenantTable, Base):
    """A step of a version. It comes `offset_days` after the due date and `gap_days` after the step before it.

    `lapse_days`: so many days past due it comes no more (a reminder before the due date). `minimums` and `fee_fixed`:
    minor units by currency. `fee_basis_points`: hundredths of a percent of the principal.
    """

    __tablename__ = "dunning_steps"
    version_id: Mapped[UUID]
    ordinal: Mapped[int]
    name: Mapped[str]
    offset_days: Mapped[int | None]
    gap_days: Mapped[int | None]
    lapse_days: Mapped[int | None]
    channel: Mapped[str]
    template_code: Mapped[str | None]
    minimums: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    fee_fixed: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    fee_basis_points: Mapped[int | None]
    interest: Mapped[bool] = mapped_column(server_default="false")
    compensation: Mapped[bool] = mapped_column(server_default="false")
    approval: Mapped[bool] = mapped_column(server_default="false")
    cc: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default="{}")
    attachments: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default="{}")
    work: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    __table_args__ = (
        organization_fk(),
        tenant_fk("version_id", "dunning_policy_versions"),
        UniqueConstraint("organization_id", "version_id", "ordinal"),
        one_of("channel", *CHANNELS),
        CheckConstraint(f"ordinal BETWEEN 1 AND {STEPS_LIMIT}", name="ordinal_bounded"),
        CheckConstraint("offset_days IS NOT NULL OR (gap_days IS NOT NULL AND ordinal > 1)", name="has_time"),
        CheckConstraint("gap_days >= 0", name="gap_not_negative"),
        CheckConstraint("fee_basis_points BETWEEN 0 AND 10000", name="fee_bounded"),
    )


class DunningAssignment(TenantTable, Recorded, Base):
    """Who has which policy from a day on; of two the later, and the most specific wins. Without a policy it ends.

    Append-only.
    """

    __tablename__ = "dunning_assignments"
    scope: Mapped[str]
    account_id: Mapped[UUID | None]
    segment: Mapped[str | None]
    policy_id: Mapped[UUID | None]
    valid_from: Mapped[date]
    reason: Mapped[str | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("policy_id", "dunning_policies"),
        one_of("scope", *SCOPES),
        CheckConstraint("(scope = 'account') = (account_id IS NOT NULL)", name="account_of_scope"),
        CheckConstraint("(scope = 'segment') = (segment IS NOT NULL)", name="segment_of_scope"),
        Index(None, "organization_id", "account_id", "valid_from"),
        Index(None, "organization_id", "scope", "id"),
        append_only(erasable=("reason",)),
    )


class DunningBlock(Versioned, TenantTable, Base):
    """No dunning of an account, or of one instalment, from a day until a day (both belong to it) or until lifted."""

    __tablename__ = "dunning_blocks"
    account_id: Mapped[UUID]
    instalment_id: Mapped[UUID | None]
    reason_code: Mapped[str]
    note: Mapped[str | None]
    starts_on: Mapped[date]
    until: Mapped[date | None]
    placed_by: Mapped[str]
    placed_by_id: Mapped[UUID | None]
    lifted_on: Mapped[date | None]
    lifted_by: Mapped[str | None]
    lift_reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("instalment_id", "instalments"),
        CheckConstraint("until >= starts_on", name="dates_in_order"),
        Index(None, "organization_id", "account_id", "id"),
        Index("ix_dunning_blocks_standing", "organization_id", "account_id",
              postgresql_where=text("lifted_on IS NULL")),
    )  # fmt: skip


class DunningRun(Versioned, TenantTable, Base):
    """A look at what is due on a day. A simulation keeps the same notices, without effect, for a while.

    `scope` narrows it (accounts, segment, collector, legal entity); `after_id` is the last account looked at; `totals`
    are what the notices ask for, in minor units by currency. `version_id`: a simulation as if all had that version.
    """

    __tablename__ = "dunning_runs"
    kind: Mapped[str]
    business_date: Mapped[date]
    state: Mapped[str] = mapped_column(server_default="waiting")
    scope: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    version_id: Mapped[UUID | None]
    after_id: Mapped[UUID | None]
    accounts_total: Mapped[int] = mapped_column(server_default="0")
    accounts: Mapped[int] = mapped_column(server_default="0")
    notices: Mapped[int] = mapped_column(server_default="0")
    items: Mapped[int] = mapped_column(server_default="0")
    withheld: Mapped[int] = mapped_column(server_default="0")
    waiting: Mapped[int] = mapped_column(server_default="0")
    totals: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    started_by: Mapped[str]
    started_by_id: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("version_id", "dunning_policy_versions"),
        one_of("kind", *RUN_KINDS),
        one_of("state", *RUN_STATES),
        Index("uq_dunning_runs_night", "organization_id", "business_date", unique=True,
              postgresql_where=text("kind = 'nightly'")),
        Index("uq_dunning_runs_open", "organization_id", unique=True,
              postgresql_where=text("state IN ('waiting', 'running') AND kind <> 'simulation'")),
        Index(None, "organization_id", "kind", "id"),
        Index(None, "organization_id", "updated_at", "id"),
    )  # fmt: skip


class DunningNotice(Versioned, TenantTable, Base):
    """One notice to one account at one step: a message, or work (call task, escalation, hold, legal referral).

    `state_before` is what it was when it resolved. `done_on` is the business date on which it went out or was carried
    out. `result_kind` and `result_id` name what came of work. Amounts are in minor units of `currency`.
    """

    __tablename__ = "dunning_notices"
    run_id: Mapped[UUID]
    account_id: Mapped[UUID]
    legal_entity_id: Mapped[UUID]
    currency: Mapped[str]
    step_id: Mapped[UUID]
    step_ordinal: Mapped[int]
    channel: Mapped[str]
    state: Mapped[str]
    state_before: Mapped[str | None]
    business_date: Mapped[date]
    contact_id: Mapped[UUID | None]
    item_count: Mapped[int]
    open_minor: Mapped[int] = minor()
    total_minor: Mapped[int] = minor()
    fee_minor: Mapped[int] = minor(server_default="0")
    interest_minor: Mapped[int] = minor(server_default="0")
    compensation_minor: Mapped[int] = minor(server_default="0")
    charges_minor: Mapped[int] = minor(server_default="0")  # finance charges of earlier notices that are still open
    charge_invoice_id: Mapped[UUID | None]
    decided_by: Mapped[str | None]
    decided_by_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    reason_note: Mapped[str | None]
    hold_until: Mapped[date | None]
    done_on: Mapped[date | None]
    done_at: Mapped[datetime | None]
    resolved_on: Mapped[date | None]
    result_kind: Mapped[str | None]
    result_id: Mapped[UUID | None]
    __table_args__ = (
        tenant_fk("run_id", "dunning_runs"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("legal_entity_id", "legal_entities"),
        tenant_fk("step_id", "dunning_steps"),
        tenant_fk("contact_id", "contacts"),
        one_of("state", *NOTICE_STATES),
        one_of("state_before", *NOTICE_STATES),
        one_of("channel", *CHANNELS),
        CheckConstraint("(state = 'resolved') = (state_before IS NOT NULL)", name="resolved_from"),
        Index(None, "organization_id", "account_id", "id"),
        Index(None, "organization_id", "run_id", "id"),
        Index(None, "organization_id", "state", "id"),
        Index(None, "organization_id", "updated_at", "id"),
    )


class DunningNoticeItem(TenantTable, Base):
    """An instalment in a notice, with the step that it is reminded of: a key of a reminder, for ever one while live.

    `live`: the reminder stands (it waits, is on its way or went out); what never went out gives its key back.
    `covered`: a lower step than the notice's. `done_on`: when the reminder counted.
    """

    __tablename__ = "dunning_notice_items"
    notice_id: Mapped[UUID]
    instalment_id: Mapped[UUID]
    step_ordinal: Mapped[int]
    live: Mapped[bool]
    covered: Mapped[bool] = mapped_column(server_default="false")
    done_on: Mapped[date | None]
    resolved_on: Mapped[date | None]
    dropped: Mapped[str | None]
    due_date: Mapped[date]
    open_minor: Mapped[int] = minor()
    eligible_minor: Mapped[int] = minor()
    disputed_minor: Mapped[int] = minor(server_default="0")
    held_minor: Mapped[int] = minor(server_default="0")
    fee_minor: Mapped[int] = minor(server_default="0")
    interest_minor: Mapped[int] = minor(server_default="0")
    compensation_minor: Mapped[int] = minor(server_default="0")
    __table_args__ = (
        tenant_fk("notice_id", "dunning_notices"),
        tenant_fk("instalment_id", "instalments"),
        Index("uq_dunning_notice_items_key", "organization_id", "instalment_id", "step_ordinal", unique=True,
              postgresql_include=["done_on", "notice_id"], postgresql_where=text("live")),
        Index(None, "organization_id", "notice_id"),
        Index("ix_dunning_notice_items_given_back", "organization_id", "instalment_id", "step_ordinal",
              postgresql_where=text("NOT live")),
    )  # fmt: skip


class DunningWithheldItem(TenantTable, Base):
    """A reminder that was due in a run and not made: why, how much of it, until when as far as is known."""

    __tablename__ = "dunning_withheld_items"
    run_id: Mapped[UUID]
    account_id: Mapped[UUID]
    instalment_id: Mapped[UUID]
    step_ordinal: Mapped[int]
    reason: Mapped[str]
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    until: Mapped[date | None]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    __table_args__ = (
        tenant_fk("run_id", "dunning_runs"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("instalment_id", "instalments"),
        one_of("reason", *WITHHELD_REASONS),
        UniqueConstraint("organization_id", "run_id", "instalment_id"),
        Index(None, "organization_id", "account_id", "id"),
        Index(None, "organization_id", "instalment_id"),
        Index(None, "organization_id", "run_id", "reason"),
    )


class DunningComparison(Versioned, TenantTable, Base):
    """Two versions of policies tried against the past: what each would have sent, and what is to be expected of it."""

    __tablename__ = "dunning_comparisons"
    current_version_id: Mapped[UUID]
    candidate_version_id: Mapped[UUID]
    start_date: Mapped[date]
    end_date: Mapped[date]
    scope: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    state: Mapped[str] = mapped_column(server_default="waiting")
    after_id: Mapped[UUID | None]
    accounts: Mapped[int] = mapped_column(server_default="0")
    results: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    started_by: Mapped[str]
    failure: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("current_version_id", "dunning_policy_versions"),
        tenant_fk("candidate_version_id", "dunning_policy_versions"),
        one_of("state", *RUN_STATES),
        CheckConstraint("start_date <= end_date", name="dates_in_order"),
    )
