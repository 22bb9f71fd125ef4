"""What the correspondence room takes and gives over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from app.correspondence.compose import Compose
from app.correspondence.contact_rules import Channel, Outcome
from app.correspondence.models import (
    ContactAttempt,
    Correspondence,
    CorrespondenceAttachment,
    CorrespondenceMessage,
    CorrespondenceTemplate,
)
from app.correspondence.preferences import Preferences
from app.correspondence.rules import (
    BODY_LENGTH_MAX,
    SUBJECT_LENGTH_MAX,
    Direction,
    MessageChannel,
    MessageKind,
    MessageState,
    Purpose,
    ThreadState,
    message_actions,
    thread_actions,
)
from app.infra.http.fields import Input, Instant, lines, text

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$"), Field(examples=["invoice-copy"])]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$"), Field(examples=["de"])]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), Field(examples=["20:00"])]
Channels = Annotated[list[Channel], Field(max_length=4)]
INVOICES_MAX = 200


def minute_of(time: str) -> int:
    """Minutes since midnight."""
    return int(time[:2]) * 60 + int(time[3:])


def time_of(minute: int) -> str:
    """`hh:mm`; midnight at the end of a day is 00:00."""
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


class CorrespondenceCreate(Input):
    """A message to a customer. Give a template, or subject and body."""

    account_id: UUID
    channel: MessageChannel
    contact_id: UUID | None = Field(default=None, description="Needed for an e-mail")
    correspondence_id: UUID | None = Field(default=None, description="The thread that it goes into; a new one without")
    template: Code | None = None
    language: Language | None = Field(default=None, description="The contact's or account's unless given")
    subject: Annotated[str, text(SUBJECT_LENGTH_MAX)] | None = None
    body: Annotated[str, lines(BODY_LENGTH_MAX)] | None = None
    values: dict[Code, Annotated[str, lines(4000)]] = Field(
        default={}, max_length=50, description="Texts for the template, there under `values`"
    )
    invoice_ids: Annotated[list[UUID], Field(max_length=INVOICES_MAX)] = []
    all_open_invoices: bool = False
    attach_copies: bool = Field(default=False, description="The stored copies of these invoices go along")
    document_ids: Annotated[list[UUID], Field(max_length=20)] = []
    postal_address: Annotated[list[Annotated[str, text(100)]], Field(max_length=8)] = []
    letter_format: Literal["pdf", "docx"] = "pdf"
    legal_entity_id: UUID | None = None
    purpose: Purpose = "general"
    send_at: Instant | None = None
    answer: bool = Field(
        default=False,
        description="It answers what the customer asked, by e-mail or as an inquiry: hours and caps do not bind it",
    )

    def command(self) -> Compose:
        """The plain command."""
        return Compose(
            account_id=self.account_id,
            channel=self.channel,
            contact_id=self.contact_id,
            thread_id=self.correspondence_id,
            template_code=self.template,
            language=self.language,
            subject=self.subject,
            body=self.body,
            invoice_ids=tuple(self.invoice_ids),
            all_open=self.all_open_invoices,
            attach_copies=self.attach_copies,
            document_ids=tuple(self.document_ids),
            values=dict(self.values),
            postal_address=tuple(self.postal_address),
            letter_format=self.letter_format,
            legal_entity_id=self.legal_entity_id,
            purpose=self.purpose,
            send_at=self.send_at,
            answer=self.answer,
        )


class ContactVerdict(BaseModel):
    """What the rules of contact say."""

    outcome: Outcome
    reason: str | None
    not_before: datetime | None


class CorrespondencePreview(BaseModel):
    """How the message would read, what would go along, and whether it may leave now."""

    subject: str
    body: str
    recipient: str | None
    attachments: list[str]
    contact: ContactVerdict


class CorrespondenceAttachmentRead(BaseModel):
    """A file of a message: stored, or refused when it came in."""

    name: str
    media_type: str
    size_bytes: int
    document_id: UUID | None
    refusal: str | None

    @classmethod
    def of(cls, row: CorrespondenceAttachment) -> CorrespondenceAttachmentRead:
        """From the row."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class CorrespondenceMessageRead(BaseModel):
    """One message. Texts of incoming ones are plain text, never HTML."""

    id: UUID
    correspondence_id: UUID
    direction: Direction
    channel: MessageChannel
    kind: MessageKind
    state: MessageState
    delivery: Literal["planned", "sending", "sent", "failed", "unknown", "bounced"] | None = Field(
        description="What came of an e-mail that left"
    )
    contact_id: UUID | None
    sender: str | None
    recipient: str | None
    subject: str
    body: str
    at: datetime
    not_before: datetime | None
    refusal: str | None = Field(description="The rule of contact that forbade it")
    bounce_detail: str | None
    template_id: UUID | None
    template_revision: int | None
    email_id: UUID | None
    document_id: UUID | None = Field(description="The letter, or the raw message that came in")
    attachments: list[CorrespondenceAttachmentRead]
    author: str
    allowed_actions: list[Literal["cancel", "post"]]
    version: int
    created_at: datetime

    @classmethod
    def of(
        cls,
        row: CorrespondenceMessage,
        attachments: Iterable[CorrespondenceAttachment],
        deliveries: dict[UUID, str],
    ) -> CorrespondenceMessageRead:
        """From the row, its files and what came of e-mails."""
        delivery: Any = deliveries.get(row.email_id) if row.email_id else None
        actions: Any = message_actions(row.state, row.channel)
        plain = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls(
            delivery="bounced" if row.bounced_at else delivery,
            attachments=[CorrespondenceAttachmentRead.of(one) for one in attachments if one.message_id == row.id],
            allowed_actions=actions,
            **plain,
        )


class CorrespondenceRead(BaseModel):
    """A thread with one account about one thing. Without an account it waits to be assigned."""

    id: UUID
    account_id: UUID | None
    contact_id: UUID | None
    subject: str
    token: str = Field(description="Stands in the subject of e-mails, so that replies find the thread")
    state: ThreadState
    purpose: Purpose
    unread: bool
    owner_id: UUID | None
    messages_count: int
    last_message_at: datetime
    last_direction: Direction
    allowed_actions: list[Literal["assign", "write", "mark_read", "close", "reopen"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Correspondence) -> CorrespondenceRead:
        """From the row."""
        actions: Any = thread_actions(row.state, assigned=row.account_id is not None)
        plain = {name: getattr(row, name) for name in cls.model_fields if name != "allowed_actions"}
        return cls(allowed_actions=actions, **plain)


class CorrespondenceAssign(Input):
    """Whose thread it is."""

    account_id: UUID
    contact_id: UUID | None = None


class CorrespondenceMark(Input):
    """Read, or to be looked at again."""

    unread: bool = False


class CorrespondenceOwner(Input):
    """Who looks after the thread; null for nobody."""

    owner_id: UUID | None


class CorrespondenceCounts(BaseModel):
    """Counts for badges."""

    open: int
    unread: int
    unassigned: int


class CorrespondenceTemplateCreate(Input):
    """A text to start from (Jinja2): `account`, `contact`, `invoices`, `totals`, `today`, `author`, `values` …"""

    code: Code
    name: Annotated[str, text(200)]
    language: Language
    purpose: Purpose = "general"
    subject: Annotated[str, text(SUBJECT_LENGTH_MAX)]
    body: Annotated[str, lines(BODY_LENGTH_MAX), Field(min_length=1)]
    active: bool = True
    sample_values: dict[Code, Annotated[str, lines(4000)]] = Field(
        default={}, max_length=50, description="Texts of `values` with which the template is tried"
    )


class CorrespondenceTemplateUpdate(Input):
    """What the template says from now on; code and language stay."""

    name: Annotated[str, text(200)]
    purpose: Purpose = "general"
    subject: Annotated[str, text(SUBJECT_LENGTH_MAX)]
    body: Annotated[str, lines(BODY_LENGTH_MAX), Field(min_length=1)]
    active: bool = True
    sample_values: dict[Code, Annotated[str, lines(4000)]] = Field(default={}, max_length=50)


class CorrespondenceTemplateRead(BaseModel):
    """A template as it is now."""

    id: UUID
    code: str
    name: str
    language: str
    purpose: Purpose
    revision: int
    subject: str
    body: str
    active: bool
    allowed_actions: list[Literal["update"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: CorrespondenceTemplate) -> CorrespondenceTemplateRead:
        """From the row."""
        plain = {name: getattr(row, name) for name in cls.model_fields if name != "allowed_actions"}
        return cls(allowed_actions=["update"], **plain)


class CorrespondenceSettingsUpdate(Input):
    """Rules of contact, hours of business, clocks and receipt. Times are local: the debtor's for quiet hours, the
    organization's for business.
    """

    quiet_from: TimeOfDay = "20:00"
    quiet_to: TimeOfDay = Field(default="08:00", description="The same as `quiet_from` means no quiet hours")
    quiet_channels: Channels = ["email", "phone", "sms"]
    business_days_only: Channels = ["phone", "sms"]
    daily_cap: Annotated[int, Field(ge=1, le=1000)] | None = 3
    weekly_cap: Annotated[int, Field(ge=1, le=1000)] | None = Field(default=7, description="In any seven days")
    consent_needed: Channels = ["sms"]
    opens: TimeOfDay = "09:00"
    closes: TimeOfDay = "17:00"
    answer_hours: Annotated[int, Field(ge=1, le=1000, description="Hours of business to answer an inquiry")] = 16
    receipt_enabled: bool = Field(default=False, description="Ask whether invoices arrived, before they are due")
    receipt_days_before_due: Annotated[int, Field(ge=1, le=120)] = 10
    receipt_minimum_minor: Annotated[int, Field(ge=0, le=10**15, description="In minor units of each invoice")] = 0
    reply_to: Annotated[str, text(320)] | None = Field(default=None, description="Address for replies")
    signature: Annotated[str, lines(2000)] | None = None
    letterhead: Annotated[list[Annotated[str, text(100)]], Field(max_length=8)] = []

    def preferences(self) -> Preferences:
        """The plain settings."""
        return Preferences(
            quiet_from_minute=minute_of(self.quiet_from),
            quiet_to_minute=minute_of(self.quiet_to),
            quiet_channels=tuple(dict.fromkeys(self.quiet_channels)),
            business_days_only=tuple(dict.fromkeys(self.business_days_only)),
            daily_cap=self.daily_cap,
            weekly_cap=self.weekly_cap,
            consent_needed=tuple(dict.fromkeys(self.consent_needed)),
            opens_minute=minute_of(self.opens),
            closes_minute=minute_of(self.closes),
            answer_hours=self.answer_hours,
            receipt_enabled=self.receipt_enabled,
            receipt_days_before_due=self.receipt_days_before_due,
            receipt_minimum_minor=self.receipt_minimum_minor,
            reply_to=self.reply_to,
            signature=self.signature,
            letterhead=tuple(self.letterhead),
        )


class CorrespondenceSettingsRead(BaseModel):
    """What holds; version 0 while the shipped settings do."""

    quiet_from: str
    quiet_to: str
    quiet_channels: list[Channel]
    business_days_only: list[Channel]
    daily_cap: int | None
    weekly_cap: int | None
    consent_needed: list[Channel]
    opens: str
    closes: str
    answer_hours: int
    receipt_enabled: bool
    receipt_days_before_due: int
    receipt_minimum_minor: int
    reply_to: str | None
    signature: str | None
    letterhead: list[str]
    version: int

    @classmethod
    def of(cls, found: Preferences, version: int) -> CorrespondenceSettingsRead:
        """From the settings."""
        plain: dict[str, Any] = {name: getattr(found, name) for name in cls.model_fields if hasattr(found, name)}
        times = {
            "quiet_from": found.quiet_from_minute,
            "quiet_to": found.quiet_to_minute,
            "opens": found.opens_minute,
            "closes": found.closes_minute,
        }
        return cls(version=version, **plain, **{name: time_of(minute) for name, minute in times.items()})


class ContactAttemptRead(BaseModel):
    """A contact that was made, put off or refused, with the reason."""

    id: UUID
    account_id: UUID
    contact_id: UUID | None
    channel: Channel
    stage: Literal["planned", "done"]
    outcome: Outcome
    reason: str | None
    at: datetime
    not_before: datetime | None
    purpose: str
    subject_kind: str
    subject_id: UUID
    actor_name: str
    recorded_at: datetime

    @classmethod
    def of(cls, row: ContactAttempt) -> ContactAttemptRead:
        """From the row."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})
