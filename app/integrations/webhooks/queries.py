"""Reads of webhooks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.infra.database import ReadSession, WriteSession
from app.integrations.webhooks.errors import WebhookDeliveryNotFound, WebhookEndpointNotFound
from app.integrations.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint

ATTEMPTS_SHOWN_MAX = 50


async def get_endpoint(session: ReadSession, endpoint_id: UUID) -> WebhookEndpoint:
    """The row. Raises WebhookEndpointNotFound."""
    row = await session.get(WebhookEndpoint, (session.organization_id, endpoint_id), populate_existing=True)
    if row is None:
        raise WebhookEndpointNotFound("no such endpoint")
    return row


async def lock_endpoint(session: WriteSession, endpoint_id: UUID) -> WebhookEndpoint:
    """The row, locked. Raises WebhookEndpointNotFound."""
    key = (session.organization_id, endpoint_id)
    row = await session.get(WebhookEndpoint, key, with_for_update=True, populate_existing=True)
    if row is None:
        raise WebhookEndpointNotFound("no such endpoint")
    return row


async def count_endpoints(session: ReadSession) -> int:
    """How many endpoints the organization has."""
    return int(
        await session.driver.fetchval(
            "SELECT count(*) FROM webhook_endpoints WHERE organization_id = $1", session.organization_id
        )
    )


async def head_position(session: ReadSession) -> int:
    """The latest sealed position: what is sealed later is behind it."""
    found = await session.driver.fetchval(
        "SELECT position FROM change_heads WHERE organization_id = $1", session.organization_id
    )
    return int(found or 0)


async def has_active_endpoints(session: ReadSession) -> bool:
    """Whether anybody outside listens."""
    return bool(
        await session.driver.fetchval(
            "SELECT EXISTS (SELECT FROM webhook_endpoints WHERE organization_id = $1 AND state = 'active')",
            session.organization_id,
        )
    )


def endpoints_statement(organization_id: UUID, *, state: str | None) -> Select[Any]:
    """The list of endpoints, without order and bounds."""
    statement = select(WebhookEndpoint).where(WebhookEndpoint.organization_id == organization_id)
    return statement if state is None else statement.where(WebhookEndpoint.state == state)


def deliveries_statement(organization_id: UUID, **equal: object) -> Select[Any]:
    """The list of deliveries, without order and bounds; filters that are None are left out."""
    statement = select(WebhookDelivery).where(WebhookDelivery.organization_id == organization_id)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(WebhookDelivery, name) == value)
    return statement


async def get_delivery(session: ReadSession, delivery_id: UUID) -> WebhookDelivery:
    """The row. Raises WebhookDeliveryNotFound."""
    row = await session.get(WebhookDelivery, (session.organization_id, delivery_id), populate_existing=True)
    if row is None:
        raise WebhookDeliveryNotFound("no such delivery")
    return row


async def attempts_of(session: ReadSession, delivery_id: UUID) -> list[WebhookAttempt]:
    """The latest tries of a delivery, newest first."""
    statement = (
        select(WebhookAttempt)
        .where(WebhookAttempt.organization_id == session.organization_id, WebhookAttempt.delivery_id == delivery_id)
        .order_by(WebhookAttempt.id.desc())
        .limit(ATTEMPTS_SHOWN_MAX)
    )
    return list((await session.scalars(statement)).all())
