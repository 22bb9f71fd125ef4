"""Tables of disputes: catalogues, cases with their parts, and what happened to them."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column

from app.disputes.rules import STATES
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

_ACTIVE = text("state IN ('open', 'in_review', 'awaiting_customer')")


class DisputeTeam(Versioned, TenantTable, Base):
    """Who works on disputes of some reasons: its members see them, `email` is told when nobody is assigned."""

    __tablename__ = "dispute_teams"
    code: Mapped[str]
    label: Mapped[str]
    email: Mapped[str | None]
    member_ids: Mapped[list[UUID]] = mapped_column(ARRAY(PG_UUID(as_uuid=True)), server_default="{}")
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (organization_fk(), UniqueConstraint("organization_id", "code"))


class DisputeReason(Versioned, TenantTable, Base):
    """Why something is disputed: the team that sees to it, and within how many business days.

    `aliases` are words by which payers name it when they keep money back.
    """

    __tablename__ = "dispute_reasons"
    code: Mapped[str]
    label: Mapped[str]
    team_id: Mapped[UUID | None]
    sla_business_days: Mapped[int]
    aliases: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default="{}")
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (
        organization_fk(),
        tenant_fk("team_id", "dispute_teams"),
        UniqueConstraint("organization_id", "code"),
        CheckConstraint("sla_business_days >= 0 AND sla_business_days <= 250", name="sla_bounded"),
        Index(None, "organization_id", "team_id"),
    )


class Dispute(Versioned, TenantTable, Base):
    """A case: part of what an account owes is contested. All its parts are of one account, legal entity and currency.

    `amount_minor` was disputed when it was opened, `disputed_minor` still is. What money, credits and rejections took
    off is added up beside it. `awaiting_since` stops the clock of `sla_due_on`.
    """

    __tablename__ = "disputes"
    number: Mapped[str]
    account_id: Mapped[UUID]
    legal_entity_id: Mapped[UUID]
    currency: Mapped[str]
    reason_id: Mapped[UUID]
    description: Mapped[str | None]
    customer_reference: Mapped[str | None]
    origin: Mapped[str]
    payment_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(server_default="open")
    team_id: Mapped[UUID | None]
    assignee_id: Mapped[UUID | None]
    opened_on: Mapped[date]
    opened_by: Mapped[str]
    opened_by_id: Mapped[UUID | None]
    amount_minor: Mapped[int] = minor()
    disputed_minor: Mapped[int] = minor()
    credited_minor: Mapped[int] = minor(server_default="0")
    paid_minor: Mapped[int] = minor(server_default="0")
    released_minor: Mapped[int] = minor(server_default="0")  # rejected or withdrawn: owed and collectable again
    sla_due_on: Mapped[date]
    awaiting_since: Mapped[date | None]
    sla_breached_on: Mapped[date | None]
    resolved_on: Mapped[date | None]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]
    resolution_note: Mapped[str | None]
    reopened_count: Mapped[int] = mapped_column(server_default="0")
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("legal_entity_id", "legal_entities"),
        tenant_fk("reason_id", "dispute_reasons"),
        tenant_fk("payment_id", "payments"),
        tenant_fk("team_id", "dispute_teams"),
        tenant_fk("assignee_id", "users"),
        UniqueConstraint("organization_id", "number"),
        one_of("state", *STATES),
        one_of("origin", "manual", "deduction"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("disputed_minor >= 0 AND disputed_minor <= amount_minor", name="disputed_within_amount"),
        CheckConstraint("credited_minor >= 0 AND paid_minor >= 0 AND released_minor >= 0", name="parts_not_negative"),
        CheckConstraint(
            "(state IN ('open', 'in_review', 'awaiting_customer')) = (resolved_on IS NULL)", name="resolved_when_over"
        ),
        CheckConstraint("resolved_on IS NULL OR disputed_minor = 0", name="nothing_disputed_when_over"),
        CheckConstraint("(state = 'awaiting_customer') = (awaiting_since IS NOT NULL)", name="awaiting_since"),
        Index(None, "organization_id", "account_id", "id"),
        Index("ix_disputes_assignee", "organization_id", "assignee_id", "id"),
        Index("ix_disputes_team", "organization_id", "team_id", "id"),
        Index("ix_disputes_reason", "organization_id", "reason_id", "id"),
        Index("ix_disputes_state", "organization_id", "state", "id"),
        Index("ix_disputes_sla", "organization_id", "sla_due_on", "id", postgresql_where=_ACTIVE),
        Index("ix_disputes_opened", "organization_id", "opened_on", "id"),
        Index("ix_disputes_payment", "organization_id", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
        Index(None, "organization_id", "updated_at", "id"),
    )


class DisputeLine(TenantTable, Base):
    """The part of one instalment that is disputed: never more than was open when it was."""

    __tablename__ = "dispute_lines"
    dispute_id: Mapped[UUID]
    instalment_id: Mapped[UUID]
    amount_minor: Mapped[int] = minor()
    open_at_opening_minor: Mapped[int] = minor()
    disputed_minor: Mapped[int] = minor()
    __table_args__ = (
        organization_fk(),
        tenant_fk("dispute_id", "disputes"),
        tenant_fk("instalment_id", "instalments"),
        UniqueConstraint("organization_id", "dispute_id", "instalment_id"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("amount_minor <= open_at_opening_minor", name="within_open"),
        CheckConstraint("disputed_minor >= 0 AND disputed_minor <= amount_minor", name="disputed_within_amount"),
        Index(None, "organization_id", "instalment_id"),
        Index(
            "ix_dispute_lines_active", "organization_id", "instalment_id", postgresql_include=["disputed_minor"],
            postgresql_where=text("disputed_minor > 0"),
        ),
    )  # fmt: skip


class DisputeLineChange(TenantTable, Recorded, Base):
    """How much of a line was disputed from a day on: what a report of a past date reads. Append-only."""

    __tablename__ = "dispute_line_changes"
    line_id: Mapped[UUID]
    dispute_id: Mapped[UUID]
    instalment_id: Mapped[UUID]
    effective_date: Mapped[date]
    disputed_minor: Mapped[int] = minor()
    __table_args__ = (
        organization_fk(),
        tenant_fk("line_id", "dispute_lines"),
        tenant_fk("dispute_id", "disputes"),
        tenant_fk("instalment_id", "instalments"),
        CheckConstraint("disputed_minor >= 0", name="disputed_not_negative"),
        Index(None, "organization_id", "line_id", "effective_date", "id"),
        Index("ix_dispute_line_changes_instalment", "organization_id", "instalment_id"),
        append_only(),
    )


class DisputeTransition(TenantTable, Recorded, Base):
    """One step of a dispute's life. Append-only."""

    __tablename__ = "dispute_transitions"
    dispute_id: Mapped[UUID]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    effective_date: Mapped[date]
    note: Mapped[str | None]
    actor_name: Mapped[str]
    actor_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("dispute_id", "disputes"),
        one_of("from_state", *STATES),
        one_of("to_state", *STATES),
        Index(None, "organization_id", "dispute_id", "id"),
        append_only(erasable=("note",)),
    )


class DisputeComment(TenantTable, Recorded, Base):
    """What somebody wrote about a dispute. Append-only."""

    __tablename__ = "dispute_comments"
    dispute_id: Mapped[UUID]
    text: Mapped[str]
    author_name: Mapped[str]
    author_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("dispute_id", "disputes"),
        Index(None, "organization_id", "dispute_id", "id"),
        append_only(erasable=("text",)),
    )


class DisputeCredit(Versioned, TenantTable, Base):
    """A credit by which a dispute is to be resolved: within the own limit at once, else after somebody's approval."""

    __tablename__ = "dispute_credits"
    dispute_id: Mapped[UUID]
    amount_minor: Mapped[int] = minor()
    tax_minor: Mapped[int | None] = minor()
    effective_date: Mapped[date]
    credit_memo_number: Mapped[str]
    note: Mapped[str | None]
    state: Mapped[str]
    requested_by: Mapped[str]
    requested_by_id: Mapped[UUID | None]
    decided_by: Mapped[str | None]
    decided_by_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    decision_note: Mapped[str | None]
    credit_memo_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("dispute_id", "disputes"),
        tenant_fk("credit_memo_id", "credit_memos"),
        one_of("state", "requested", "approved", "rejected"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("(state = 'approved') = (credit_memo_id IS NOT NULL)", name="memo_when_approved"),
        Index(None, "organization_id", "dispute_id", "id"),
        Index(
            "uq_dispute_credits_pending", "organization_id", "dispute_id", unique=True,
            postgresql_where=text("state = 'requested'"),
        ),
        Index(
            "ix_dispute_credits_memo", "organization_id", "credit_memo_id",
            postgresql_where=text("credit_memo_id IS NOT NULL"),
        ),
    )  # fmt: skip
