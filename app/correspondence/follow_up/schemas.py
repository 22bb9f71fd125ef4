"""What inquiries, meetings and copies of invoices take and give over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.correspondence.follow_up.inquiries import OpenInquiry
from app.correspondence.follow_up.meetings import MeetingPlan
from app.correspondence.models import Inquiry, Meeting
from app.correspondence.rules import (
    InquiryCategory,
    InquiryState,
    MeetingState,
    inquiry_actions,
    meeting_actions,
)
from app.infra.http.fields import Input, Instant, lines, text

TimeZone = Annotated[str, text(64), Field(examples=["Europe/Berlin"])]


class InquiryCreate(Input):
    """A question of a customer. Its clock runs in hours of business unless `due_at` is given."""

    account_id: UUID
    category: InquiryCategory = "other"
    subject: Annotated[str, text(300)]
    question: Annotated[str, lines(20_000)] = ""
    contact_id: UUID | None = None
    message_id: UUID | None = Field(default=None, description="The message in which it was asked")
    owner_id: UUID | None = None
    due_at: Instant | None = None

    def command(self) -> OpenInquiry:
        """The plain command."""
        return OpenInquiry(**{name: getattr(self, name) for name in type(self).model_fields})


class InquiryAssign(Input):
    """Who answers; null for nobody."""

    owner_id: UUID | None


class InquiryAnswer(Input):
    """What was answered."""

    answer: Annotated[str, lines(20_000), Field(min_length=1)]


class InquiryRead(BaseModel):
    """A question with its owner, answer and clock."""

    id: UUID
    account_id: UUID
    contact_id: UUID | None
    correspondence_id: UUID | None
    message_id: UUID | None
    category: InquiryCategory
    subject: str
    question: str
    state: InquiryState
    owner_id: UUID | None
    opened_at: datetime
    due_at: datetime
    breached_at: datetime | None = Field(description="When its time ran out, where it did")
    answered_at: datetime | None
    answer: str | None
    answered_by: str | None
    closed_at: datetime | None
    allowed_actions: list[Literal["assign", "answer", "close", "reopen"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Inquiry) -> InquiryRead:
        """From the row."""
        actions: Any = inquiry_actions(row.state)
        plain = {name: getattr(row, name) for name in cls.model_fields if name != "allowed_actions"}
        return cls(allowed_actions=actions, **plain)


class InquiryCounts(BaseModel):
    """Counts for badges, of open ones."""

    open: int
    unowned: int
    breached: int


class _Plan(Input):
    """What is agreed."""

    title: Annotated[str, text(200)]
    starts_at: Instant
    ends_at: Instant
    time_zone: TimeZone
    location: Annotated[str, text(300)] | None = None
    description: Annotated[str, lines(4000)] | None = None

    def plan(self) -> MeetingPlan:
        """The plain plan."""
        return MeetingPlan(
            self.title, self.starts_at, self.ends_at, self.time_zone, self.location, self.description or None
        )


class MeetingCreate(_Plan):
    """An invitation to a contact."""

    account_id: UUID
    contact_id: UUID
    correspondence_id: UUID | None = None


class MeetingChange(_Plan):
    """Another time or place."""


class MeetingRead(BaseModel):
    """A meeting, and what the contact answered."""

    id: UUID
    account_id: UUID
    contact_id: UUID
    correspondence_id: UUID
    title: str
    location: str | None
    description: str | None
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    state: MeetingState
    sequence: int
    allowed_actions: list[Literal["change", "cancel"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Meeting) -> MeetingRead:
        """From the row."""
        actions: Any = meeting_actions(row.state)
        plain = {name: getattr(row, name) for name in cls.model_fields if name != "allowed_actions"}
        return cls(allowed_actions=actions, **plain)


class InvoiceCopySend(Input):
    """Send the stored copy of an invoice."""

    invoice_id: UUID
    contact_id: UUID | None = Field(default=None, description="The contact for accounts payable unless given")
    correspondence_id: UUID | None = None
    not_received: bool = Field(default=False, description="The customer says that the invoice did not arrive")
    answer: bool = Field(
        default=False,
        description="The customer asked for it, by e-mail or as an inquiry: hours and caps do not bind it",
    )
