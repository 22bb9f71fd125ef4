"""What runs and schedules of reports take and give over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from app.infra.http.fields import Input, Name, lines, text
from app.infra.mail.models import OutgoingEmail
from app.reports.definitions import ReportDefinition
from app.reports.schedules.models import ReportDelivery, ReportRun, ReportSchedule

FileFormat = Literal["json", "csv", "xlsx", "pdf"]
RunState = Literal["queued", "running", "completed", "failed", "cancelled", "expired"]
Frequency = Literal["daily", "weekly", "monthly"]
AsOfRule = Literal["run_date", "previous_day", "previous_month_end"]
ReportName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$"), Field(description="See `GET /v1/reports`")
]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Parameters = Annotated[
    dict[ParameterName, Annotated[str, text(200)]],
    Field(
        max_length=24,
        description="The query parameters of the report, as texts",
        examples=[{"group_by": "account", "in_currency": "EUR"}],
    ),
]
Recipients = Annotated[
    list[Annotated[str, text(254)]], Field(min_length=1, max_length=50, examples=[["finance@example.com"]])
]
TimeOfDay = Annotated[
    str,
    StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
    Field(description="Local time of the organization", examples=["07:00"]),
]
Weekday = Annotated[int, Field(ge=1, le=7, description="1 Monday to 7 Sunday; of weekly schedules")]
MonthDay = Annotated[int, Field(ge=1, le=31, description="Of monthly schedules; a shorter month takes its last day")]


class ReportKindRead(BaseModel):
    """A report that can be asked for by name."""

    name: str
    title: str
    scopes: list[str] = Field(description="What the caller must hold")
    groups: list[str] = Field(description="Values of `group_by`, the default first")
    formats: list[FileFormat]

    @classmethod
    def of(cls, found: ReportDefinition) -> ReportKindRead:
        """From the definition."""
        return cls(
            name=found.name, title=found.title, scopes=list(found.scopes), groups=list(found.groups),
            formats=["json", "csv", "xlsx", "pdf"],
        )  # fmt: skip


class ReportKinds(BaseModel):
    """All reports."""

    data: list[ReportKindRead]


class ReportRunCreate(Input):
    """A report to be made in the background. `as_of` is today when missing."""

    report: ReportName
    parameters: Parameters = Field(default_factory=dict)
    format: FileFormat = "xlsx"


class ReportRunRead(BaseModel):
    """A report made in the background. `progress` is in percent; the file is at `…/file` while it is `completed`."""

    id: UUID
    report: str
    parameters: dict[str, str]
    format: FileFormat
    state: RunState
    progress: int
    schedule_id: UUID | None
    rows: int | None
    file_name: str | None
    size_bytes: int | None
    media_type: str | None
    kept_until: datetime | None = Field(description="Then the file is given up and the state is `expired`")
    error_code: str | None
    error: str | None
    requested_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    allowed_actions: list[Literal["cancel", "download"]]

    @classmethod
    def of(cls, row: ReportRun) -> ReportRunRead:
        """From the row."""
        active = row.state in ("queued", "running")
        actions = ["cancel"] if active else ["download"] if row.state == "completed" else []
        return cls.model_validate({**_columns(cls, row), "allowed_actions": actions})


class ReportScheduleCreate(Input):
    """Who gets which report with which parameters in which format when."""

    name: Name
    report: ReportName
    parameters: Parameters = Field(default_factory=dict)
    format: FileFormat = "xlsx"
    frequency: Frequency
    weekday: Weekday | None = None
    month_day: MonthDay | None = None
    send_time: TimeOfDay = "07:00"
    business_days: bool = Field(
        default=True, description="A day that is no business day moves to the next one; daily: only on business days"
    )
    as_of_rule: AsOfRule = Field(default="run_date", description="Which business date is reported")
    recipients: Recipients
    message: Annotated[str, lines(2000)] | None = None


class ReportScheduleUpdate(Input):
    """What is to change; what is left out stays."""

    name: Name | None = None
    parameters: Parameters | None = None
    format: FileFormat | None = None
    frequency: Frequency | None = None
    weekday: Weekday | None = None
    month_day: MonthDay | None = None
    send_time: TimeOfDay | None = None
    business_days: bool | None = None
    as_of_rule: AsOfRule | None = None
    recipients: Recipients | None = None
    message: Annotated[str, lines(2000)] | None = None


class ReportScheduleRead(BaseModel):
    """A schedule, with its next period; `next_on` and `next_at` are null while it is paused."""

    id: UUID
    version: int
    name: str
    report: str
    parameters: dict[str, str]
    format: FileFormat
    frequency: Frequency
    weekday: int | None
    month_day: int | None
    send_time: str
    business_days: bool
    as_of_rule: AsOfRule
    recipients: list[str]
    message: str | None
    active: bool
    next_on: date | None
    next_at: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    allowed_actions: list[Literal["update", "pause", "resume", "send"]]

    @classmethod
    def of(cls, row: ReportSchedule) -> ReportScheduleRead:
        """From the row."""
        actions = ["update", "pause" if row.active else "resume", "send"]
        return cls.model_validate({**_columns(cls, row), "allowed_actions": actions})


class DeliveredEmailRead(BaseModel):
    """What came of one e-mail."""

    id: UUID
    recipient: str
    state: Literal["planned", "sending", "sent", "failed", "unknown"]
    error: str | None


class ReportDeliveryRead(BaseModel):
    """One delivery of a schedule. `queued`: the e-mails stand in the outbox; each says what came of it."""

    id: UUID
    schedule_id: UUID
    run_id: UUID
    period_on: date
    trigger: Literal["schedule", "manual"]
    state: Literal["preparing", "queued", "failed"]
    recipients: list[str]
    document_id: UUID | None
    emails: list[DeliveredEmailRead]
    error: str | None
    requested_by: str
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: ReportDelivery, emails: Sequence[OutgoingEmail] = ()) -> ReportDeliveryRead:
        """From the row and the e-mails about it."""
        about = [
            {"id": one.id, "recipient": one.recipient, "state": one.state, "error": one.error}
            for one in emails
            if one.subject_id == row.id
        ]
        return cls.model_validate({**_columns(cls, row), "emails": about})


def _columns(schema: type[BaseModel], row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in schema.model_fields if hasattr(row, name)}
