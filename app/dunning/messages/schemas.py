"""What dunning messages and templates take and give over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, EmailStr, Field, StringConstraints

from app.dunning.messages.models import DunningAddressMark, DunningMessage, DunningMessageContent, DunningMessageEvent
from app.dunning.messages.preferences import PACE_MAX, MessagePreferences
from app.dunning.messages.rules import (
    Channel,
    EventKind,
    EventSource,
    MarkKind,
    State,
    allowed_actions,
)
from app.dunning.messages.templates import ListedTemplate, TemplateContent
from app.infra.http.fields import Input, Name, Reason, lines
from app.infra.http.fields import text as line

TemplateCode = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,63}$"), Field(examples=["first_reminder"])
]
TemplateLanguage = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$"), Field(examples=["de"])]
MessageAction = Literal["mark_sent", "mark_failed", "send_again", "post", "cancel", "mark_bounced"]
TextPart = Annotated[str, lines(50_000)]
Email = Annotated[EmailStr, Field(max_length=254)]


class DunningMessageRead(BaseModel):
    """A message of a notice and what became of it."""

    id: UUID
    notice_id: UUID
    account_id: UUID
    contact_id: UUID | None
    channel: Channel
    language: str
    recipient: str | None
    cc: list[str]
    subject: str
    state: State = Field(
        description="approved (waits, perhaps until `not_before`), sending, sent, delivered, bounced, failed, "
        "unknown (a person decides), suppressed (`reason` says why), cancelled"
    )
    reason: str | None
    template_code: str
    template_revision: int = Field(description="0 is the shipped text")
    message_id: str | None = Field(description="Of the e-mail as it left (RFC 5322)")
    attachment_ids: list[UUID]
    document_id: UUID | None = Field(description="Its PDF, as soon as that is kept")
    dated: date
    not_before: datetime | None
    attempts: int
    facts_at: datetime | None = Field(description="When the facts were looked at last, just before it left")
    sent_at: datetime | None
    ended_at: datetime | None
    error: str | None
    allowed_actions: list[MessageAction]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: DunningMessage, subject: str) -> DunningMessageRead:
        """From the row and its subject."""
        return cls.model_validate(_facts(cls, row, subject))


def _facts(cls: type[DunningMessageRead], row: DunningMessage, subject: str) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in DunningMessageRead.model_fields if hasattr(row, name)}
    return {
        **plain,
        "subject": subject,
        "attachment_ids": row.attachments,
        "allowed_actions": allowed_actions(row.state, row.channel),
    }


class MessageEventRead(BaseModel):
    """Something that came of a message."""

    id: UUID
    kind: EventKind
    source: EventSource
    at: datetime
    detail: str | None
    actor_name: str


class DunningMessageDetail(DunningMessageRead):
    """A message with what it says, and its events."""

    text: str
    html: str | None
    events: list[MessageEventRead]

    @classmethod
    def whole(
        cls, row: DunningMessage, content: DunningMessageContent, events: Sequence[DunningMessageEvent]
    ) -> DunningMessageDetail:
        """From the rows."""
        told = [{name: getattr(event, name) for name in MessageEventRead.model_fields} for event in events]
        facts = {**_facts(cls, row, content.subject), "text": content.text, "html": content.html, "events": told}
        return cls.model_validate(facts)


class MessageCounts(BaseModel):
    """Messages by state, for badges."""

    approved: int = 0
    sending: int = 0
    sent: int = 0
    delivered: int = 0
    bounced: int = 0
    failed: int = 0
    unknown: int = 0
    suppressed: int = 0
    cancelled: int = 0


class MessageDecide(Input):
    """What a person found out, or wants: `send_again` may reach the customer twice."""

    decision: Literal["mark_sent", "mark_failed", "send_again"]
    reason: Reason | None = None


class MessageNote(Input):
    """Why, in words."""

    reason: Reason | None = None


class MessageSettingsRead(BaseModel):
    """How messages leave. Without a bound on the pace as fast as the server takes them."""

    messages_per_minute: int | None
    reply_to: str | None
    unsubscribe_enabled: bool
    opens_recorded: bool
    payment_instructions: str | None
    version: int = Field(description="0 while the shipped settings hold")

    @classmethod
    def of(cls, found: MessagePreferences, version: int) -> MessageSettingsRead:
        """From what holds."""
        names = [name for name in cls.model_fields if name != "version"]
        return cls.model_validate({**{name: getattr(found, name) for name in names}, "version": version})


class MessageSettingsUpdate(Input):
    """What is to hold from now on."""

    messages_per_minute: Annotated[int, Field(ge=1, le=PACE_MAX)] | None = Field(
        default=600, description="A slow pace also bounds how many messages a crash can leave unknown"
    )
    reply_to: Email | None = Field(default=None, description="That of the correspondence unless given")
    unsubscribe_enabled: bool = True
    opens_recorded: bool = False
    payment_instructions: Annotated[str, lines(1000)] | None = Field(
        default=None, description="Shown in every message; the legal entity's own bank account unless given"
    )

    def preferences(self) -> MessagePreferences:
        """For the service."""
        return MessagePreferences(**self.model_dump())


class AddressMarkRead(BaseModel):
    """An address that does not work or must not be used, as long as it is not cleared or corrected."""

    id: UUID
    contact_id: UUID
    account_id: UUID
    channel: Channel
    kind: MarkKind
    message_id: UUID
    at: datetime
    cleared_at: datetime | None
    cleared_by: str | None
    allowed_actions: list[Literal["clear"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: DunningAddressMark) -> AddressMarkRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls.model_validate({**plain, "allowed_actions": [] if row.cleared_at else ["clear"]})


class TemplateParts(Input):
    """A template's parts: Jinja in a sandbox; `letter` and `sms` fall back to `text`."""

    subject: Annotated[str, line(300)]
    text: TextPart = Field(min_length=1)
    html: TextPart | None = None
    letter: TextPart | None = Field(default=None, description="`[[items]]` stands for the table of invoices")
    sms: Annotated[str, lines(2000)] | None = None


class DunningTemplateUpdate(TemplateParts):
    """What is to stand in place of a template, or a new one."""

    name: Name
    active: bool = True

    def content(self) -> TemplateContent:
        """For the service."""
        return TemplateContent(**self.model_dump())


class DunningTemplateRead(BaseModel):
    """A template: shipped, or the organization's own."""

    code: str
    language: str
    name: str
    subject: str
    text: str
    html: str | None
    letter: str | None
    sms: str | None
    shipped: bool
    active: bool
    revision: int
    version: int = Field(description="0 for a shipped one")

    @classmethod
    def of(cls, found: ListedTemplate) -> DunningTemplateRead:
        """From the listed one."""
        names = ("code", "language", "name", "subject", "text", "html", "letter", "sms", "shipped", "revision")
        plain = {name: getattr(found.template, name) for name in names}
        return cls.model_validate({**plain, "active": found.active, "version": found.version})


class DunningTemplatePreview(Input):
    """A text that is not stored yet, or a stored template, with sample values or those of a notice."""

    code: TemplateCode | None = None
    language: TemplateLanguage = "en"
    parts: TemplateParts | None = Field(default=None, description="Instead of a stored template")
    notice_id: UUID | None = Field(default=None, description="Show what this notice would say")


class DunningTemplatePreviewed(BaseModel):
    """The parts as a customer would read them."""

    language: str
    subject: str
    text: str
    html: str | None
    letter: str | None
    sms: str | None


class DunningTemplateTest(Input):
    """Where to send an example, by e-mail."""

    recipient: Email


class DunningTemplateTested(BaseModel):
    """The e-mail of the outbox that carries the example."""

    email_id: UUID


class ProviderEvent(Input):
    """Something that a provider tells of a message."""

    event_id: Annotated[str, line(200)] = Field(description="Of the provider: told twice, it counts once")
    type: Literal["delivered", "bounced", "deferred", "complained", "opened", "unsubscribed", "failed"]
    message_id: Annotated[str, line(300)] = Field(description="The `Message-ID` of the e-mail, or the message's id")
    at: datetime
    detail: Annotated[str, lines(1000)] | None = None


class ProviderEvents(Input):
    """Events in the order in which they happened."""

    events: Annotated[list[ProviderEvent], Field(min_length=1, max_length=500)]


class EventsTaken(BaseModel):
    """How many were told, and how many of them were new and of messages that are known."""

    told: int
    new: int


class ReturnedMessagesTaken(BaseModel):
    """What became of a mailbox file: e-mails in it, taken in, known before, refused."""

    messages: int
    taken_in: int
    known_before: int
    refused: int
