"""Endpoints of webhooks: made, changed, rotated, tried; deliveries made again."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.jobs import owe
from app.infra.outbound import check_url
from app.infra.sealed_secrets import resealed, seal_secret
from app.infra.versions import RECORDED_NOW, check_version
from app.integrations.webhooks.errors import (
    DeliveryUnderWay,
    EndpointNotActive,
    SecretsNotConfigured,
    TooManyEndpoints,
    WebhookDeliveryNotFound,
)
from app.integrations.webhooks.models import WebhookEndpoint
from app.integrations.webhooks.queries import count_endpoints, head_position, lock_endpoint
from app.integrations.webhooks.rules import SECRET_BYTES, TEST_EVENT, check_event_types, new_secret
from app.organizations.service import add_row
from app.settings import Settings

DELIVER, PLAN = "webhooks.deliver", "webhooks.plan"
EVERYTHING = "events"  # the key of the job that plans deliveries
ENDPOINTS_MAX = 50
_REDELIVER = """
UPDATE webhook_deliveries SET state = 'planned', next_attempt_at = $3, lease = NULL, lease_until = NULL,
    ended_at = NULL, attempts = 0
WHERE organization_id = $1 AND id = $2 AND state IN ('delivered', 'failed', 'cancelled') RETURNING endpoint_id
"""
_REDELIVER_FAILED = """
UPDATE webhook_deliveries SET state = 'planned', next_attempt_at = $3, lease = NULL, lease_until = NULL,
    ended_at = NULL, attempts = 0
WHERE organization_id = $1 AND endpoint_id = $2 AND state IN ('failed', 'cancelled')
"""


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint to be added. No `event_types`: every event."""

    url: str
    description: str | None = None
    event_types: tuple[str, ...] = ()


async def create_endpoint(session: WriteSession, settings: Settings, new: NewEndpoint) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint; it gets what is sealed from now on. Answers the row and the secret, which is shown only now.

    Raises TargetRefused, EventTypesInvalid, TooManyEndpoints, SecretsNotConfigured.
    """
    check_url(new.url, private_allowed=settings.outbound_private_allowed)
    types = check_event_types(new.event_types)
    await _serialize(session)
    if await count_endpoints(session) >= ENDPOINTS_MAX:
        raise TooManyEndpoints(f"an organization has at most {ENDPOINTS_MAX} endpoints")
    endpoint_id = new_id()
    secret, sealed = make_secret(settings, endpoint_id)
    row = WebhookEndpoint(
        organization_id=session.organization_id,
        id=endpoint_id,
        url=new.url,
        description=new.description,
        event_types=types,
        secret=sealed,
        from_position=await head_position(session),
    )
    await add_row(session, row)
    facts = {"host": urlsplit(new.url).hostname, "event_types": types}
    record_change(session, ChangeRow("webhook_endpoint", row.id, "webhook_endpoint.created", None, facts))
    return row, secret


async def _serialize(session: WriteSession) -> None:
    """Two that add at once must not both be the last that fits."""
    await session.driver.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('webhook_endpoints' || $1::uuid::text, 0))",
        session.organization_id,
    )


def make_secret(settings: Settings, endpoint_id: UUID) -> tuple[str, str]:
    """A new secret, as its owner gets it and as it is kept. Raises SecretsNotConfigured."""
    raw = secrets.token_bytes(SECRET_BYTES)
    sealed = seal_secret(settings, raw, str(endpoint_id))
    if sealed is None:
        raise SecretsNotConfigured("set DUECOURSE_SECRETS_KEY or DUECOURSE_TOKEN_SECRET")
    return new_secret(raw), sealed


async def reseal_secrets(session: WriteSession, settings: Settings) -> int:
    """Encrypt secrets that stand under an earlier key under the present one; how many endpoints."""
    rows = (
        await session.scalars(
            select(WebhookEndpoint).where(WebhookEndpoint.organization_id == session.organization_id).with_for_update()
        )
    ).all()
    count = 0
    for row in rows:
        secret = resealed(settings, row.secret, str(row.id))
        previous = None if row.previous_secret is None else resealed(settings, row.previous_secret, str(row.id))
        row.secret, row.previous_secret = secret or row.secret, previous or row.previous_secret
        count += secret is not None or previous is not None
    return count


async def update_endpoint(
    session: WriteSession, settings: Settings, endpoint_id: UUID, changes: Mapping[str, Any], *,
    expected_version: int | None,
) -> WebhookEndpoint:  # fmt: skip
    """Change url, description, event types; switch on or off. What waits for one that is off is cancelled.

    Raises WebhookEndpointNotFound, StaleVersion, TargetRefused, EventTypesInvalid.
    """
    row = await lock_endpoint(session, endpoint_id)
    check_version(expected_version, row.version)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if "url" in changes and changes["url"] != row.url:
        check_url(changes["url"], private_allowed=settings.outbound_private_allowed)
        before["host"], after["host"] = urlsplit(row.url).hostname, urlsplit(changes["url"]).hostname
        row.url = changes["url"]
    if "event_types" in changes:
        types = check_event_types(changes["event_types"])
        if types != row.event_types:
            before["event_types"], after["event_types"] = row.event_types, types
            row.event_types = types
    if "description" in changes and changes["description"] != row.description:
        before["description"], after["description"] = row.description, changes["description"]
        row.description = changes["description"]
    if "active" in changes and changes["active"] != (row.state == "active"):
        before["state"] = row.state
        await _switch(session, row, on=bool(changes["active"]))
        after["state"] = row.state
    if after:
        await _save(session, row)
        record_change(session, ChangeRow("webhook_endpoint", row.id, "webhook_endpoint.updated", before, after))
    if row.state == "active":
        owe(session, DELIVER, str(row.id))
    return row


async def _switch(session: WriteSession, row: WebhookEndpoint, *, on: bool) -> None:
    if on:
        row.state, row.disabled_reason = "active", None
        row.failures, row.failing_since, row.paused_until = 0, None, None
        row.from_position = await head_position(session)
        return
    row.state = "off"
    await cancel_planned(session, row.id)


async def cancel_planned(session: WriteSession, endpoint_id: UUID) -> None:
    """What waits is not sent; a person may have it delivered again later."""
    await session.driver.execute(
        "UPDATE webhook_deliveries SET state = 'cancelled', ended_at = current_setting('app.recorded_at')::timestamptz,"
        " next_attempt_at = NULL, lease = NULL, lease_until = NULL"
        " WHERE organization_id = $1 AND endpoint_id = $2 AND state = 'planned'",
        session.organization_id, endpoint_id,
    )  # fmt: skip


async def rotate_secret(
    session: WriteSession, settings: Settings, endpoint_id: UUID, now: datetime, *, overlap_hours: int,
    expected_version: int | None,
) -> tuple[WebhookEndpoint, str]:  # fmt: skip
    """A new secret; the one before signs too for `overlap_hours`. Answers the row and the new secret.

    Raises WebhookEndpointNotFound, StaleVersion, SecretsNotConfigured.
    """
    row = await lock_endpoint(session, endpoint_id)
    check_version(expected_version, row.version)
    secret, sealed = make_secret(settings, endpoint_id)
    row.previous_secret = row.secret if overlap_hours else None
    row.previous_secret_until = now + timedelta(hours=overlap_hours) if overlap_hours else None
    row.secret = sealed
    await _save(session, row)
    facts = {"overlap_hours": overlap_hours}
    record_change(session, ChangeRow("webhook_endpoint", row.id, "webhook_endpoint.secret_rotated", None, facts))
    return row, secret


async def send_test(session: WriteSession, endpoint_id: UUID) -> None:
    """Send an event of its own to this endpoint only. Raises WebhookEndpointNotFound, EndpointNotActive."""
    row = await lock_endpoint(session, endpoint_id)
    if row.state != "active":
        raise EndpointNotActive("switch the endpoint on first", state=row.state)
    record_change(session, ChangeRow("webhook_endpoint", row.id, TEST_EVENT, None, {"test": True}))


async def redeliver(session: WriteSession, delivery_id: UUID, now: datetime) -> None:
    """Send an event again that was delivered, has failed, or was cancelled; with the same message id.

    Raises WebhookDeliveryNotFound, DeliveryUnderWay, EndpointNotActive.
    """
    endpoint_id = await session.driver.fetchval(
        "SELECT endpoint_id FROM webhook_deliveries WHERE organization_id = $1 AND id = $2",
        session.organization_id, delivery_id,
    )  # fmt: skip
    if endpoint_id is None:
        raise WebhookDeliveryNotFound("no such delivery")
    endpoint = await lock_endpoint(session, endpoint_id)
    if endpoint.state != "active":
        raise EndpointNotActive("switch the endpoint on first", state=endpoint.state)
    if await session.driver.fetchval(_REDELIVER, session.organization_id, delivery_id, now) is None:
        raise DeliveryUnderWay("the delivery waits for its next try")
    owe(session, DELIVER, str(endpoint_id))


async def redeliver_failed(session: WriteSession, endpoint_id: UUID, now: datetime) -> int:
    """Send again whatever failed or was cancelled; how many. Raises WebhookEndpointNotFound, EndpointNotActive."""
    endpoint = await lock_endpoint(session, endpoint_id)
    if endpoint.state != "active":
        raise EndpointNotActive("switch the endpoint on first", state=endpoint.state)
    done = await session.driver.execute(_REDELIVER_FAILED, session.organization_id, endpoint_id, now)
    owe(session, DELIVER, str(endpoint_id))
    return int(done.rpartition(" ")[2])


async def _save(session: WriteSession, row: WebhookEndpoint) -> None:
    row.version += 1
    row.updated_at = RECORDED_NOW
    await session.flush()
    await session.refresh(row)
