"""Tables of webhooks: endpoints, what is to be delivered to them, and every try."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from app.infra.tables import Base, Recorded, TenantTable, Versioned, one_of, organization_fk, tenant_fk


class WebhookEndpoint(Versioned, TenantTable, Base):
    """Where events go. `event_types` empty: all. Secrets are encrypted; two are valid while one follows the other.

    `paused_until`: it failed, and rests. `last_position`: events up to there were planned for it.
    """

    __tablename__ = "webhook_endpoints"
    url: Mapped[str]
    description: Mapped[str | None]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    state: Mapped[str] = mapped_column(server_default="active")
    disabled_reason: Mapped[str | None]
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_secret_until: Mapped[datetime | None]
    from_position: Mapped[int] = mapped_column(BigInteger, server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")  # in a row
    failing_since: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    __table_args__ = (
        organization_fk(),
        one_of("state", "active", "off", "disabled"),
        CheckConstraint("failures >= 0", name="failures_not_negative"),
        Index("ix_webhook_endpoints_active", "organization_id", postgresql_where=sql("state = 'active'")),
    )


class WebhookDelivery(TenantTable, Recorded, Base):
    """One event for one endpoint: `planned → delivered | failed | cancelled`; planned for ever so often as it is tried.

    `lease` names the worker that is at it; when `lease_until` is over another may take it.
    """

    __tablename__ = "webhook_deliveries"
    endpoint_id: Mapped[UUID]
    event_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(BigInteger)
    event_type: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="planned")
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime | None]
    lease: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("endpoint_id", "webhook_endpoints"),
        one_of("state", "planned", "delivered", "failed", "cancelled"),
        UniqueConstraint("organization_id", "endpoint_id", "event_id"),
        Index(
            "ix_webhook_deliveries_due", "organization_id", "endpoint_id", "next_attempt_at",
            postgresql_where=sql("state = 'planned'"),
        ),
        Index(None, "organization_id", "state", "id"),
    )  # fmt: skip


class WebhookAttempt(TenantTable, Recorded, Base):
    """One try: what was answered, and how long it took; kept as long as its delivery."""

    __tablename__ = "webhook_attempts"
    delivery_id: Mapped[UUID]
    number: Mapped[int]
    at: Mapped[datetime]
    milliseconds: Mapped[int]
    status: Mapped[int | None]
    error: Mapped[str | None]
    excerpt: Mapped[str | None]
    __table_args__ = (
        organization_fk(),
        tenant_fk("delivery_id", "webhook_deliveries"),
        Index(None, "organization_id", "delivery_id", "id"),
    )
