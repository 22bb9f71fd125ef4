"""Tables of collections: actions, escalations, legal cases, who works on what, targets, playbooks."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.collections.rules import ACTION_STATUSES, ACTION_TYPES, CASE_KINDS, CASE_STATUSES, OUTCOME_EFFECTS, PRIORITIES
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


class ActionOutcome(Versioned, TenantTable, Base):
    """The catalogue of outcomes: what an action may have come to, what follows, and whether it was a contact."""

    __tablename__ = "action_outcomes"
    code: Mapped[str]
    label: Mapped[str]
    effect: Mapped[str] = mapped_column(server_default="none")
    contact_made: Mapped[bool] = mapped_column(server_default="false")
    action_types: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default="{}")  # empty: any
    next_type: Mapped[str | None]
    next_business_days: Mapped[int | None]
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "code"),
        one_of("effect", *OUTCOME_EFFECTS),
        one_of("next_type", *ACTION_TYPES),
        CheckConstraint("next_business_days BETWEEN 0 AND 250", name="next_days_bounded"),
    )


class CollectionAction(Versioned, TenantTable, Base):
    """Something to do, or done, about what an account owes.

    `origin_key` makes what the service plans by itself unique: the same reason plans it once.
    """

    __tablename__ = "collection_actions"
    account_id: Mapped[UUID]
    type: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="planned")
    subject: Mapped[str]
    note: Mapped[str | None]
    contact_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    due_date: Mapped[date]
    priority: Mapped[str] = mapped_column(server_default="normal")
    priority_rank: Mapped[int] = mapped_column(server_default="2")
    origin: Mapped[str] = mapped_column(server_default="manual")
    origin_key: Mapped[str | None]
    follows_id: Mapped[UUID | None]
    outcome_code: Mapped[str | None]
    outcome_note: Mapped[str | None]
    contact_made: Mapped[bool] = mapped_column(server_default="false")
    contact_warning: Mapped[str | None]  # a rule of contact that was not kept when it was done
    done_on: Mapped[date | None]
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[UUID | None]
    done_by: Mapped[str | None]
    cancel_reason: Mapped[str | None]
    promise_id: Mapped[UUID | None]
    dispute_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("contact_id", "contacts"),
        tenant_fk("owner_id", "users"),
        tenant_fk("follows_id", "collection_actions"),
        tenant_fk("promise_id", "promises"),
        tenant_fk("dispute_id", "disputes"),
        one_of("type", *ACTION_TYPES),
        one_of("status", *ACTION_STATUSES),
        one_of("priority", *PRIORITIES),
        one_of("origin", "manual", "outcome", "rule", "service"),
        CheckConstraint("(status = 'done') = (done_on IS NOT NULL)", name="done_when_done"),
        Index("uq_collection_actions_origin", "organization_id", "origin_key", unique=True,
              postgresql_where=text("origin_key IS NOT NULL")),
        Index("ix_collection_actions_planned", "organization_id", "owner_id", "due_date",
              postgresql_where=text("status = 'planned'")),
        Index(None, "organization_id", "account_id", "id"),
        Index(None, "organization_id", "status", "due_date", "id"),
        Index(None, "organization_id", "done_on"),
        Index(None, "organization_id", "updated_at", "id"),
    )  # fmt: skip


class ActionItem(TenantTable, Base):
    """An instalment that an action is about."""

    __tablename__ = "collection_action_items"
    action_id: Mapped[UUID]
    instalment_id: Mapped[UUID]
    __table_args__ = (
        organization_fk(),
        tenant_fk("action_id", "collection_actions"),
        tenant_fk("instalment_id", "instalments"),
        UniqueConstraint("organization_id", "action_id", "instalment_id"),
        Index(None, "organization_id", "instalment_id"),
    )


class RuleVersion(TenantTable, Recorded, Base):
    """A version of the rules by which accounts are escalated or assigned; the one of the latest date is in force."""

    __tablename__ = "collection_rule_versions"
    kind: Mapped[str]
    ordinal: Mapped[int]
    valid_from: Mapped[date]
    rules: Mapped[list[Any]]
    note: Mapped[str | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        one_of("kind", "escalation", "assignment"),
        UniqueConstraint("organization_id", "kind", "ordinal"),
        append_only(),
    )


class Escalation(Versioned, TenantTable, Base):
    """An account handed to somebody of more weight, by a rule or by hand: level, to whom, until when."""

    __tablename__ = "escalations"
    account_id: Mapped[UUID]
    reason_code: Mapped[str]
    level: Mapped[int]
    status: Mapped[str] = mapped_column(server_default="open")
    origin: Mapped[str]
    rule_version_id: Mapped[UUID | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    to_user_id: Mapped[UUID | None]
    raised_on: Mapped[date]
    raised_by: Mapped[str]
    raised_by_id: Mapped[UUID | None]
    until: Mapped[date]
    note: Mapped[str | None]
    action_id: Mapped[UUID | None]
    closed_on: Mapped[date | None]
    closed_by: Mapped[str | None]
    resolution: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("to_user_id", "users"),
        tenant_fk("rule_version_id", "collection_rule_versions"),
        tenant_fk("action_id", "collection_actions"),
        one_of("status", "open", "closed"),
        one_of("origin", "manual", "rule"),
        CheckConstraint("level BETWEEN 1 AND 9", name="level_bounded"),
        CheckConstraint("(status = 'closed') = (closed_on IS NOT NULL)", name="closed_when_closed"),
        Index("uq_escalations_open", "organization_id", "account_id", "reason_code", unique=True,
              postgresql_where=text("status = 'open'")),
        Index(None, "organization_id", "account_id", "reason_code", "closed_on"),
        Index("ix_escalations_to", "organization_id", "to_user_id", "until",
              postgresql_where=text("status = 'open'")),
        Index(None, "organization_id", "status", "id"),
    )  # fmt: skip


class LegalCase(Versioned, TenantTable, Base):
    """A legal case or an agency placement: what is claimed, of what it cost and brought; dunning stops for its items.

    `recovered_minor` are recoveries entered here; money applied to the items is added when the case is read.
    """

    __tablename__ = "legal_cases"
    number: Mapped[str]
    kind: Mapped[str]
    account_id: Mapped[UUID]
    currency: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="prepared")
    claim_minor: Mapped[int] = minor()
    cost_minor: Mapped[int] = minor(server_default="0")
    recovered_minor: Mapped[int] = minor(server_default="0")
    reason_code: Mapped[str]
    partner: Mapped[str | None]
    partner_reference: Mapped[str | None]
    fee_basis_points: Mapped[int | None]
    owner_id: Mapped[UUID | None]
    note: Mapped[str | None]
    prepared_on: Mapped[date]
    referred_on: Mapped[date | None]
    closed_on: Mapped[date | None]
    close_reason: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("owner_id", "users"),
        UniqueConstraint("organization_id", "number"),
        one_of("kind", *CASE_KINDS),
        one_of("status", *CASE_STATUSES),
        CheckConstraint("claim_minor > 0 AND cost_minor >= 0 AND recovered_minor >= 0", name="amounts"),
        CheckConstraint("fee_basis_points BETWEEN 0 AND 10000", name="fee_bounded"),
        Index(None, "organization_id", "account_id", "id"),
        Index(None, "organization_id", "status", "id"),
    )


class LegalCaseItem(TenantTable, Base):
    """An instalment of a case, with what was open of it when the case was prepared. In one open case at a time."""

    __tablename__ = "legal_case_items"
    case_id: Mapped[UUID]
    instalment_id: Mapped[UUID]
    amount_minor: Mapped[int] = minor()
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (
        organization_fk(),
        tenant_fk("case_id", "legal_cases"),
        tenant_fk("instalment_id", "instalments"),
        UniqueConstraint("organization_id", "case_id", "instalment_id"),
        Index("uq_legal_case_items_active", "organization_id", "instalment_id", unique=True,
              postgresql_where=text("active")),
    )  # fmt: skip


class LegalCaseEntry(TenantTable, Recorded, Base):
    """A cost or a recovery of a case. Append-only; a correction is a negative row that names what it takes back."""

    __tablename__ = "legal_case_entries"
    case_id: Mapped[UUID]
    kind: Mapped[str]
    amount_minor: Mapped[int] = minor()
    on_date: Mapped[date]
    description: Mapped[str]
    payment_id: Mapped[UUID | None]
    reverses_id: Mapped[UUID | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("case_id", "legal_cases"),
        tenant_fk("payment_id", "payments"),
        tenant_fk("reverses_id", "legal_case_entries"),
        one_of("kind", "cost", "recovery"),
        CheckConstraint("amount_minor <> 0", name="amount_not_zero"),
        CheckConstraint("(reverses_id IS NULL) = (amount_minor > 0)", name="sign"),
        UniqueConstraint("organization_id", "reverses_id"),
        Index(None, "organization_id", "case_id", "id"),
        append_only(erasable=("description",)),
    )


class CollectorAssignment(TenantTable, Recorded, Base):
    """An account got another collector. Append-only."""

    __tablename__ = "collector_assignments"
    account_id: Mapped[UUID]
    from_collector_id: Mapped[UUID | None]
    collector_id: Mapped[UUID | None]
    effective_date: Mapped[date]
    origin: Mapped[str]
    rule_code: Mapped[str | None]
    reason: Mapped[str | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("from_collector_id", "users"),
        tenant_fk("collector_id", "users"),
        one_of("origin", "manual", "rule"),
        Index(None, "organization_id", "account_id", "id"),
        append_only(erasable=("reason",)),
    )


class AssignmentRun(Versioned, TenantTable, Base):
    """One application of the assignment rules to all accounts, in the background."""

    __tablename__ = "assignment_runs"
    rule_version_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(server_default="waiting")
    after_id: Mapped[UUID | None]
    accounts: Mapped[int] = mapped_column(server_default="0")
    changed: Mapped[int] = mapped_column(server_default="0")
    only_unassigned: Mapped[bool] = mapped_column(server_default="false")
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("rule_version_id", "collection_rule_versions"),
        one_of("state", "waiting", "running", "done"),
    )


class CollectorCover(Versioned, TenantTable, Base):
    """While a collector is absent, another one sees to the accounts. Both days belong to it."""

    __tablename__ = "collector_covers"
    collector_id: Mapped[UUID]
    cover_id: Mapped[UUID]
    start_date: Mapped[date]
    end_date: Mapped[date]
    reason: Mapped[str | None]
    cancelled: Mapped[bool] = mapped_column(server_default="false")
    __table_args__ = (
        organization_fk(),
        tenant_fk("collector_id", "users"),
        tenant_fk("cover_id", "users"),
        CheckConstraint("start_date <= end_date", name="dates_in_order"),
        Index(None, "organization_id", "end_date"),
        Index(None, "organization_id", "collector_id", "start_date"),
    )


class CollectorTarget(Versioned, TenantTable, Base):
    """What a collector should bring in during a month, and how many contacts to make."""

    __tablename__ = "collector_targets"
    collector_id: Mapped[UUID]
    month: Mapped[date]
    currency: Mapped[str]
    amount_minor: Mapped[int] = minor()
    contacts: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        organization_fk(),
        tenant_fk("collector_id", "users"),
        UniqueConstraint("organization_id", "month", "collector_id", "currency", name="uq_collector_targets_month"),
        CheckConstraint("extract(day FROM month) = 1", name="first_of_month"),
        CheckConstraint("amount_minor >= 0 AND contacts >= 0", name="not_negative"),
        Index(None, "organization_id", "collector_id"),
    )


class Playbook(Versioned, TenantTable, Base):
    """How a kind of work is done here, in Markdown. The text is versioned; the latest version is shown."""

    __tablename__ = "playbooks"
    code: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    revision: Mapped[int] = mapped_column(server_default="1")
    subjects: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default="{}")  # kind:code
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "code"),
        Index("ix_playbooks_subjects", "subjects", postgresql_using="gin"),
    )


class PlaybookRevision(TenantTable, Recorded, Base):
    """A text that a playbook had. Append-only."""

    __tablename__ = "playbook_revisions"
    playbook_id: Mapped[UUID]
    revision: Mapped[int]
    title: Mapped[str]
    body: Mapped[str]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("playbook_id", "playbooks"),
        UniqueConstraint("organization_id", "playbook_id", "revision"),
        append_only(),
    )
