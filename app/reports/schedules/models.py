"""Tables of reports made in the background: runs with their files, schedules, and what was delivered of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, Versioned, one_of, organization_fk, tenant_fk
from app.reports.schedules.rules import AS_OF_RULES, FORMATS, FREQUENCIES, RUN_STATES


class ReportSchedule(Versioned, TenantTable, Base):
    """Who gets which report with which parameters in which format when. Recipients are personal data.

    `next_on` is the day of the next period, `next_at` the instant at which it is due; both null while it is paused.
    """

    __tablename__ = "report_schedules"
    name: Mapped[str]
    report: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    format: Mapped[str]
    frequency: Mapped[str]
    weekday: Mapped[int | None]  # 1 Monday to 7 Sunday
    month_day: Mapped[int | None]  # the last day of a shorter month
    send_time: Mapped[str] = mapped_column(server_default="07:00")  # local time of the organization
    business_days: Mapped[bool] = mapped_column(server_default="true")
    as_of_rule: Mapped[str] = mapped_column(server_default="run_date")
    recipients: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    message: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default="true")
    next_on: Mapped[date | None]
    next_at: Mapped[datetime | None]
    created_by: Mapped[str]
    created_by_id: Mapped[UUID | None]
    __table_args__ = (
        organization_fk(),
        one_of("format", *FORMATS),
        one_of("frequency", *FREQUENCIES),
        one_of("as_of_rule", *AS_OF_RULES),
        CheckConstraint("(frequency = 'weekly') = (weekday IS NOT NULL)", name="weekday_of_weekly"),
        CheckConstraint("(frequency = 'monthly') = (month_day IS NOT NULL)", name="month_day_of_monthly"),
        CheckConstraint("weekday BETWEEN 1 AND 7 AND month_day IS NULL OR weekday IS NULL", name="weekday_bounded"),
        CheckConstraint("month_day BETWEEN 1 AND 31", name="month_day_bounded"),
        CheckConstraint("active = (next_on IS NOT NULL) AND active = (next_at IS NOT NULL)", name="next_while_active"),
        Index(None, "organization_id", "report", "id"),
        Index("ix_report_schedules_due", "organization_id", "next_at", postgresql_where=text("active")),
    )


class ReportRun(Versioned, TenantTable, Base):
    """A report that is made in the background: `queued → running → completed | failed | cancelled`, then `expired`.

    The file is kept by its hash for some days; `expired` says that it is gone.
    """

    __tablename__ = "report_runs"
    report: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    format: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="queued")
    progress: Mapped[int] = mapped_column(server_default="0")  # percent
    schedule_id: Mapped[UUID | None]
    rows: Mapped[int | None] = mapped_column(BigInteger)
    file_name: Mapped[str | None]
    sha256: Mapped[str | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    media_type: Mapped[str | None]
    kept_in: Mapped[str | None]
    kept_until: Mapped[datetime | None]
    error_code: Mapped[str | None]
    error: Mapped[str | None]
    requested_by: Mapped[str]
    requested_by_id: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("schedule_id", "report_schedules"),
        one_of("format", *FORMATS),
        one_of("state", *RUN_STATES),
        one_of("kept_in", "disk", "s3"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress_is_percent"),
        CheckConstraint("state <> 'completed' OR sha256 IS NOT NULL", name="file_when_completed"),
        Index(None, "organization_id", "report", "id"),
        Index(None, "organization_id", "state", "id"),
        Index(None, "organization_id", "sha256"),
        Index("ix_report_runs_kept", "organization_id", "kept_until", postgresql_where=text("state = 'completed'")),
    )


class ReportDelivery(Versioned, TenantTable, Base):
    """A schedule's report of one period, or one that somebody had sent now: `preparing → queued | failed`.

    `queued` says that its e-mails stand in the outbox, which knows what came of them. A period has one delivery.
    """

    __tablename__ = "report_deliveries"
    schedule_id: Mapped[UUID]
    run_id: Mapped[UUID]
    period_on: Mapped[date]
    trigger: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="preparing")
    recipients: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    document_id: Mapped[UUID | None]
    email_ids: Mapped[list[UUID]] = mapped_column(ARRAY(PG_UUID(as_uuid=True)), server_default="{}")
    error: Mapped[str | None]
    requested_by: Mapped[str]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("schedule_id", "report_schedules"),
        tenant_fk("run_id", "report_runs"),
        tenant_fk("document_id", "documents"),
        one_of("trigger", "schedule", "manual"),
        one_of("state", "preparing", "queued", "failed"),
        Index("uq_report_deliveries_period", "organization_id", "schedule_id", "period_on", unique=True,
              postgresql_where=text("trigger = 'schedule'")),
        Index(None, "organization_id", "schedule_id", "id"),
        Index(None, "organization_id", "run_id"),
        Index(None, "organization_id", "document_id"),
    )  # fmt: skip
