"""The table of the outbox."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, TenantTable, Versioned, one_of, organization_fk


class OutgoingEmail(Versioned, TenantTable, Base):
    """An e-mail that is to leave, or has left. Recipient, subject and bodies are personal data.

    `planned → sending → sent | failed | unknown`. `sending` is written before the network is touched: a worker that
    dies leaves it so, and after a grace it becomes `unknown`, because plain SMTP cannot be asked what came of it.
    `claim` names the try that may record an outcome.
    """

    __tablename__ = "outgoing_emails"
    recipient: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str | None]
    reply_to: Mapped[str | None]
    in_reply_to: Mapped[str | None]
    purpose: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    message_id: Mapped[str]
    attachments: Mapped[list[UUID]] = mapped_column(ARRAY(PG_UUID(as_uuid=True)), server_default="{}")
    state: Mapped[str] = mapped_column(server_default="planned")
    attempts: Mapped[int] = mapped_column(server_default="0")
    claim: Mapped[UUID | None]
    claimed_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    error: Mapped[str | None]
    queued_by: Mapped[str]
    __table_args__ = (
        organization_fk(),
        one_of("state", "planned", "sending", "sent", "failed", "unknown"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        CheckConstraint("(state = 'sending') = (claim IS NOT NULL)", name="claimed_while_sending"),
        Index(None, "organization_id", "subject_kind", "subject_id"),
        Index("ix_outgoing_emails_state", "organization_id", "state", "id"),
        Index("ix_outgoing_emails_planned", "organization_id", "id", postgresql_where=sql("state = 'planned'")),
    )
