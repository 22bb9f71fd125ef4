"""Tables of dunning messages: templates and their revisions, messages with what was rendered, and what came of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column

from app.dunning.messages.rules import CHANNELS, EVENT_KINDS, EVENT_SOURCES, MARK_KINDS, STATES
from app.infra.tables import Base, Recorded, TenantTable, Versioned, append_only, one_of, organization_fk, tenant_fk


class DunningMessageSettings(Versioned, TenantTable, Base):
    """How an organization's dunning messages leave; one row, `id` is the organization's. An empty pace is none."""

    __tablename__ = "dunning_message_settings"
    messages_per_minute: Mapped[int | None]
    reply_to: Mapped[str | None]
    unsubscribe_enabled: Mapped[bool]
    opens_recorded: Mapped[bool]
    payment_instructions: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        CheckConstraint("messages_per_minute IS NULL OR messages_per_minute > 0", name="pace_positive"),
    )


class DunningTemplate(Versioned, TenantTable, Base):
    """A text that an organization put in place of a shipped one, or added; `revision` counts what was changed."""

    __tablename__ = "dunning_templates"
    code: Mapped[str]
    language: Mapped[str]
    name: Mapped[str]
    revision: Mapped[int]
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str | None]
    letter: Mapped[str | None]
    sms: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default="true")
    __table_args__ = (
        organization_fk(),
        UniqueConstraint("organization_id", "code", "language"),
    )


class DunningTemplateRevision(TenantTable, Recorded, Base):
    """What a template said. Append-only: a message names the revision that it was rendered from."""

    __tablename__ = "dunning_template_revisions"
    template_id: Mapped[UUID]
    revision: Mapped[int]
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str | None]
    letter: Mapped[str | None]
    sms: Mapped[str | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("template_id", "dunning_templates"),
        UniqueConstraint("organization_id", "template_id", "revision"),
        append_only(),
    )


class DunningMessage(Versioned, TenantTable, Base):
    """One message of a notice to one recipient. `sending` is committed before the network is touched, under a `claim`.

    A try that nobody recorded within the grace becomes `unknown`: SMTP cannot be asked, a person decides. `facts_at`
    is when the facts were looked at last, just before it left. `recipient` and `cc` are personal data.
    """

    __tablename__ = "dunning_messages"
    notice_id: Mapped[UUID]
    account_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    channel: Mapped[str]
    language: Mapped[str]
    recipient: Mapped[str | None]
    cc: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    state: Mapped[str] = mapped_column(server_default="approved")
    reason: Mapped[str | None]
    template_code: Mapped[str]
    template_revision: Mapped[int]
    message_id: Mapped[str | None]
    reference_ids: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    attachments: Mapped[list[UUID]] = mapped_column(ARRAY(PG_UUID(as_uuid=True)), server_default="{}")
    document_id: Mapped[UUID | None]
    dated: Mapped[date]
    not_before: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    counted: Mapped[bool] = mapped_column(server_default="false")
    claim: Mapped[UUID | None]
    claimed_at: Mapped[datetime | None]
    facts_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    error: Mapped[str | None]
    __table_args__ = (
        tenant_fk("notice_id", "dunning_notices"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("contact_id", "contacts"),
        tenant_fk("document_id", "documents"),
        one_of("channel", *CHANNELS),
        one_of("state", *STATES),
        CheckConstraint("state <> 'sending' OR claim IS NOT NULL", name="claimed_while_sending"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        UniqueConstraint("organization_id", "notice_id", "channel"),
        Index(None, "organization_id", "account_id", "id"),
        Index(None, "organization_id", "state", "id"),
        Index(
            "ix_dunning_messages_due", "organization_id", "channel", "not_before", "id",
            postgresql_where=text("state = 'approved'"),
        ),
        Index(
            "ix_dunning_messages_without_pdf", "organization_id", "id",
            postgresql_where=text("document_id IS NULL"),
        ),
    )  # fmt: skip


class DunningMessageContent(TenantTable, Recorded, Base):
    """What a message says, rendered once and kept; `id` is the message's. `letter` is what its PDF is set from.

    `unsubscribe_secret` is the SHA-256 of the secret part of its unsubscribe link. Append-only; the texts are personal
    data.
    """

    __tablename__ = "dunning_message_contents"
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str | None]
    letter: Mapped[dict[str, Any]]
    unsubscribe_url: Mapped[str | None]
    unsubscribe_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    __table_args__ = (
        tenant_fk("id", "dunning_messages"),
        append_only(erasable=("subject", "text", "html", "letter", "unsubscribe_url")),
    )


class DunningMessageEvent(TenantTable, Recorded, Base):
    """What came of a message: from the server, the provider's webhook, a returned message, a link or a person.

    `event_key` is the provider's id of the event, so that one told twice counts once. Append-only.
    """

    __tablename__ = "dunning_message_events"
    message_id: Mapped[UUID]
    kind: Mapped[str]
    source: Mapped[str]
    at: Mapped[datetime]
    detail: Mapped[str | None]
    event_key: Mapped[str | None]
    actor_name: Mapped[str]
    __table_args__ = (
        organization_fk(),
        tenant_fk("message_id", "dunning_messages"),
        one_of("kind", *EVENT_KINDS),
        one_of("source", *EVENT_SOURCES),
        Index(None, "organization_id", "message_id", "id"),
        Index(
            "uq_dunning_message_events_key", "organization_id", "source", "event_key", unique=True,
            postgresql_where=text("event_key IS NOT NULL"),
        ),
        append_only(erasable=("detail",)),
    )  # fmt: skip


class DunningAddressMark(Versioned, TenantTable, Base):
    """An address of a contact that does not work (`bounced`) or must not be used (`complained`, `unsubscribed`).

    It holds for that address only: one that is corrected is clean. `cleared_at`: a person says that it works again.
    """

    __tablename__ = "dunning_address_marks"
    contact_id: Mapped[UUID]
    account_id: Mapped[UUID]
    channel: Mapped[str]
    kind: Mapped[str]
    address_sha256: Mapped[str]
    message_id: Mapped[UUID]
    at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    cleared_by: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("contact_id", "contacts"),
        tenant_fk("account_id", "accounts"),
        tenant_fk("message_id", "dunning_messages"),
        one_of("channel", *CHANNELS),
        one_of("kind", *MARK_KINDS),
        UniqueConstraint("organization_id", "contact_id", "kind", "address_sha256"),
        Index(None, "organization_id", "account_id", postgresql_where=text("cleared_at IS NULL")),
    )


class DunningThread(TenantTable, Recorded, Base):
    """The correspondence into which answers to an account's dunning messages go; one for each account."""

    __tablename__ = "dunning_threads"
    account_id: Mapped[UUID]
    correspondence_id: Mapped[UUID]
    __table_args__ = (
        organization_fk(),
        tenant_fk("account_id", "accounts"),
        tenant_fk("correspondence_id", "correspondences"),
        UniqueConstraint("organization_id", "account_id"),
    )
