"""Tables of correspondence: contact rules, templates, threads with their messages, inquiries, meetings, receipt."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.correspondence.rules import PURPOSES
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


class CorrespondenceSettings(Versioned, TenantTable, Base):
    """The organization's rules of contact, hours of business, clocks and receipt; one row, `id` is the organization's.

    Minutes count from midnight. Empty caps are none.
    """

    __tablename__ = "correspondence_settings"
    quiet_from_minute: Mapped[int]
    quiet_to_minute: Mapped[int]
    quiet_channels: Mapped[list[str]] = mapped_column(ARRAY(Text))
    business_days_only: Mapped[list[str]] = mapped_column(ARRAY(Text))
    daily_cap: Mapped[int | None]
    weekly_cap: Mapped[int | None]
    consent_needed: Mapped[list[str]] = mapped_column(ARRAY(Text))
    opens_minute: Mapped[int]
    closes_minute: Mapped[int]
    answer_hours: Mapped[int]
    receipt_enabled: Mapped[bool]
    receipt_days_before_due: Mapped[int]
    receipt_minimum_minor: Mapped[int] = minor()
    reply_to: Mapped[str | None]
    signature: Mapped[str | None]
    letterhead: Mapped[list[str]] = mapped_column(ARRAY(Text))
    __table_args__ = (organization_fk(),)


class ContactAttempt(TenantTable, Recorded, Base):
    """A contact that was made, and every one that the rules put off or refused, with the reason. Append-only."""

    __tablename__ = "contact_attempts"
    account_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    channel: Mapped[str]
    stage: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str | None]
    at: Mapped[datetime]
    not_before: Mapped[datetime | None]
    purpose: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("contact_id", "contacts"),
        one_of("channel", "email", "letter", "phone", "sms"),
        one_of("stage", "planned", "done"),
        one_of("outcome", "allowed", "delayed", "refused"),
        Index(None, "organization_id", "account_id", "at"),
        Index(None, "organization_id", "subject_id"),
        append_only(),
    )


class MailboxConnection(Versioned, TenantTable, Base):
    """The organization's mailbox, fetched over IMAP; one row, `id` is the organization's. The secret is encrypted.

    What the last look found stands in the columns after `active`; looking does not raise the version.
    """

    __tablename__ = "mailbox_connections"
    host: Mapped[str]
    port: Mapped[int]
    security: Mapped[str] = mapped_column(server_default="tls")
    username: Mapped[str]
    secret: Mapped[str]
    folder: Mapped[str] = mapped_column(server_default="INBOX")
    poll_seconds: Mapped[int] = mapped_column(server_default="60")
    active: Mapped[bool] = mapped_column(server_default="true")
    looked_at: Mapped[datetime | None]
    taken_in_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    failure: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        one_of("security", "tls", "starttls", "none"),
        CheckConstraint("port BETWEEN 1 AND 65535", name="port_bounded"),
        CheckConstraint("poll_seconds BETWEEN 15 AND 86400", name="poll_bounded"),
        CheckConstraint("(failing_since IS NULL) = (failure IS NULL)", name="failure_since"),
    )


class CorrespondenceTemplate(Versioned, TenantTable, Base):
    """A text to start from, in one language; `revision` counts what was changed, each kept in its own row."""

    __tablename__ = "correspondence_templates"
    code: Mapped[str]
    name: Mapped[str]
    language: Mapped[str]
    purpose: Mapped[str]
    revision: Mapped[int]
    subject: Mapped[str]
    body: Mapped[str]
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (
        organization_fk(),
        one_of("purpose", *PURPOSES),
        UniqueConstraint("organization_id", "code", "language"),
    )


class CorrespondenceTemplateRevision(TenantTable, Recorded, Base):
    """What a template said. Append-only: a message names the revision that it was made from."""

    __tablename__ = "correspondence_template_revisions"
    template_id: Mapped[UUID]
    revision: Mapped[int]
    subject: Mapped[str]
    body: Mapped[str]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("template_id", "correspondence_templates"),
        UniqueConstraint("organization_id", "template_id", "revision"),
        append_only(),
    )


class Correspondence(Versioned, TenantTable, Base):
    """A thread: letters and e-mails with one account about one thing. `token` stands in the subject of e-mails.

    Without an account: an e-mail from somebody whom nobody knows, to be assigned by a person.
    """

    __tablename__ = "correspondences"
    account_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    subject: Mapped[str]
    token: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    purpose: Mapped[str]
    unread: Mapped[bool] = mapped_column(server_default="false")
    owner_id: Mapped[UUID | None]
    messages_count: Mapped[int] = mapped_column(server_default="0")
    last_message_at: Mapped[datetime]
    last_direction: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("contact_id", "contacts"),
        tenant_fk("owner_id", "users"),
        one_of("state", "open", "closed"),
        one_of("purpose", *PURPOSES),
        one_of("last_direction", "in", "out"),
        UniqueConstraint("organization_id", "token"),
        Index(None, "organization_id", "account_id", "last_message_at"),
        Index(None, "organization_id", "last_message_at", "id"),
        Index("ix_correspondences_unread", "organization_id", "id", postgresql_where=text("unread")),
    )


class CorrespondenceMessage(Versioned, TenantTable, Base):
    """One message of a thread. Outgoing: `planned → sent | refused | cancelled` (an e-mail's way after that is in the
    outbox) or, for a letter, `made → posted`; incoming: `received`.
    """

    __tablename__ = "correspondence_messages"
    correspondence_id: Mapped[UUID]
    direction: Mapped[str]
    channel: Mapped[str]
    state: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="message")
    contact_id: Mapped[UUID | None]
    sender: Mapped[str | None]
    recipient: Mapped[str | None]
    subject: Mapped[str]
    body: Mapped[str]
    at: Mapped[datetime]
    not_before: Mapped[datetime | None]
    answer: Mapped[bool] = mapped_column(server_default="false")
    template_id: Mapped[UUID | None]
    template_revision: Mapped[int | None]
    email_id: Mapped[UUID | None]
    message_id: Mapped[str | None]  # of RFC 5322, as an incoming message gives it
    content_sha256: Mapped[str | None]  # of the raw incoming message: received once
    document_id: Mapped[UUID | None]  # the letter, or the raw incoming message
    refusal: Mapped[str | None]
    bounced_at: Mapped[datetime | None]
    bounce_detail: Mapped[str | None]
    author: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("correspondence_id", "correspondences"),
        tenant_fk("contact_id", "contacts"),
        tenant_fk("template_id", "correspondence_templates"),
        tenant_fk("email_id", "outgoing_emails"),
        tenant_fk("document_id", "documents"),
        one_of("direction", "in", "out"),
        one_of("channel", "email", "letter"),
        one_of("state", "planned", "sent", "refused", "cancelled", "made", "posted", "received"),
        one_of("kind", "message", "auto_reply", "bounce", "meeting", "receipt_request", "invoice_copy"),
        Index(
            "uq_correspondence_messages_content", "organization_id", "content_sha256", unique=True,
            postgresql_where=text("content_sha256 IS NOT NULL"),
        ),
        Index(
            "ix_correspondence_messages_message_id", "organization_id", "message_id",
            postgresql_where=text("message_id IS NOT NULL"),
        ),
        Index(
            "ix_correspondence_messages_email", "organization_id", "email_id",
            postgresql_where=text("email_id IS NOT NULL"),
        ),
        Index(None, "organization_id", "correspondence_id", "at"),
    )  # fmt: skip


class CorrespondenceAttachment(TenantTable, Recorded, Base):
    """A file of a message: a stored document, or what was refused of an incoming one, with the reason. Append-only."""

    __tablename__ = "correspondence_attachments"
    message_id: Mapped[UUID]
    name: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int]
    document_id: Mapped[UUID | None]
    refusal: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("message_id", "correspondence_messages"),
        tenant_fk("document_id", "documents"),
        CheckConstraint("(document_id IS NULL) <> (refusal IS NULL)", name="stored_or_refused"),
        Index(None, "organization_id", "message_id"),
        append_only(erasable=("name",)),
    )


class Inquiry(Versioned, TenantTable, Base):
    """A question of a customer with an owner, an answer and a clock: `open → answered → closed`, or reopened."""

    __tablename__ = "inquiries"
    account_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    correspondence_id: Mapped[UUID | None]
    message_id: Mapped[UUID | None]
    category: Mapped[str]
    subject: Mapped[str]
    question: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    owner_id: Mapped[UUID | None]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    breached_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    answered_by: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("contact_id", "contacts"),
        tenant_fk("correspondence_id", "correspondences"),
        tenant_fk("message_id", "correspondence_messages"),
        tenant_fk("owner_id", "users"),
        one_of("state", "open", "answered", "closed"),
        one_of(
            "category", "invoice_copy", "payment_status", "statement", "terms", "pricing", "delivery", "other",
        ),
        Index(None, "organization_id", "account_id"),
        Index(None, "organization_id", "owner_id", postgresql_where=text("state = 'open'")),
        Index("ix_inquiries_due", "organization_id", "due_at", postgresql_where=text("state = 'open'")),
        Index(None, "organization_id", "updated_at", "id"),
    )  # fmt: skip


class Meeting(Versioned, TenantTable, Base):
    """A meeting to which a contact was invited by e-mail (iCalendar). `sequence` counts its changes."""

    __tablename__ = "meetings"
    account_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    correspondence_id: Mapped[UUID]
    title: Mapped[str]
    location: Mapped[str | None]
    description: Mapped[str | None]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    time_zone: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="invited")
    sequence: Mapped[int] = mapped_column(server_default="0")
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("contact_id", "contacts"),
        tenant_fk("correspondence_id", "correspondences"),
        one_of("state", "invited", "accepted", "tentative", "declined", "cancelled"),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        Index(None, "organization_id", "account_id", "starts_at"),
    )


class ReceiptRequest(TenantTable, Recorded, Base):
    """The customer was asked whether this invoice has arrived; once for each invoice and due date. Append-only."""

    __tablename__ = "receipt_requests"
    invoice_id: Mapped[UUID]
    account_id: Mapped[UUID]
    message_id: Mapped[UUID]
    due_date: Mapped[date]
    __table_args__ = (
        organization_fk(),
        tenant_fk("invoice_id", "invoices"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("message_id", "correspondence_messages"),
        UniqueConstraint("organization_id", "invoice_id", "due_date"),
        Index(None, "organization_id", "message_id"),
        append_only(),
    )
