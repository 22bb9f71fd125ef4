"""Bodies of webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.infra.http.fields import Input, text, unset, visible
from app.infra.outbound import URL_LENGTH_MAX
from app.integrations.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from app.integrations.webhooks.rules import EVENT_TYPES_MAX, OVERLAP_HOURS_MAX
from app.integrations.webhooks.service import NewEndpoint

EndpointState = Literal["active", "off", "disabled"]
DeliveryState = Literal["planned", "delivered", "failed", "cancelled"]
Url = Annotated[str, visible(URL_LENGTH_MAX), Field(examples=["https://erp.example.com/hooks/duecourse"])]
EventTypes = Annotated[
    list[Annotated[str, visible(100)]],
    Field(max_length=EVENT_TYPES_MAX, examples=[["payment.*", "dispute.opened"]],
          description="Types such as `invoice.issued`, or all of a kind as `invoice.*`; empty for every event"),
]  # fmt: skip
Description = Annotated[str, text(200)]


class WebhookEndpointCreate(Input):
    """An address that gets events from now on. It must be public and speak https."""

    url: Url
    description: Description | None = None
    event_types: EventTypes = []

    def command(self) -> NewEndpoint:
        """The service's command."""
        return NewEndpoint(self.url, self.description, tuple(self.event_types))


class WebhookEndpointUpdate(Input):
    """Fields that are left out stay as they are. `active` false switches it off: what waits is cancelled."""

    url: Url = unset()
    description: Description | None = unset()
    event_types: EventTypes = unset()
    active: bool = unset()


class WebhookSecretRotate(Input):
    """For how long the present secret goes on signing beside the new one."""

    overlap_hours: Annotated[int, Field(ge=0, le=OVERLAP_HOURS_MAX)] = 24


class WebhookEndpointRead(BaseModel):
    """An endpoint and how it does. `disabled`: it failed for days, or said that it is gone; see the reason."""

    id: UUID
    url: str
    description: str | None
    event_types: list[str]
    state: EndpointState
    disabled_reason: str | None
    failures: int = Field(description="Batches in a row of which nothing arrived")
    failing_since: datetime | None
    paused_until: datetime | None = Field(description="It rests until then, because it failed")
    last_success_at: datetime | None
    previous_secret_until: datetime | None = Field(description="Until then two secrets sign")
    allowed_actions: list[Literal["edit", "rotate_secret", "test", "redeliver_failed"]]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: WebhookEndpoint, *, may_edit: bool) -> WebhookEndpointRead:
        """From the row."""
        return cls.model_validate(_endpoint_facts(row, may_edit=may_edit))


class WebhookEndpointSecretRead(WebhookEndpointRead):
    """The endpoint with its new secret, which is shown only now."""

    secret: str | None = Field(description="Begins with `whsec_`; null in a replay", examples=["whsec_…"])

    @classmethod
    def with_secret(cls, row: WebhookEndpoint, secret: str | None) -> WebhookEndpointSecretRead:
        """From the row."""
        return cls.model_validate({**_endpoint_facts(row, may_edit=True), "secret": secret})


def _endpoint_facts(row: WebhookEndpoint, *, may_edit: bool) -> dict[str, object]:
    actions: list[str] = []
    if may_edit:
        actions = ["edit", "rotate_secret"] + (["test", "redeliver_failed"] if row.state == "active" else [])
    plain = {name: getattr(row, name) for name in WebhookEndpointRead.model_fields if hasattr(row, name)}
    return {**plain, "allowed_actions": actions}


class WebhookDeliveryRead(BaseModel):
    """One event for one endpoint and how far it came."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    position: int = Field(description="Of the event, as in GET /v1/events")
    event_type: str = Field(examples=["invoice.issued"])
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    ended_at: datetime | None
    last_status: int | None = Field(description="The receiver's last status")
    last_error: str | None
    recorded_at: datetime

    @classmethod
    def of(cls, row: WebhookDelivery) -> WebhookDeliveryRead:
        """From the row."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class WebhookAttemptRead(BaseModel):
    """One try."""

    number: int
    at: datetime
    milliseconds: int
    status: int | None
    error: str | None
    excerpt: str | None = Field(description="The beginning of what a receiver answered that refused")


class WebhookDeliveryDetailRead(WebhookDeliveryRead):
    """The delivery with its latest tries, newest first."""

    tries: list[WebhookAttemptRead]
    allowed_actions: list[Literal["redeliver"]]

    @classmethod
    def with_tries(
        cls, row: WebhookDelivery, tries: Sequence[WebhookAttempt], *, may_edit: bool
    ) -> WebhookDeliveryDetailRead:
        """From the rows."""
        plain = {name: getattr(row, name) for name in WebhookDeliveryRead.model_fields}
        shown = [{name: getattr(made, name) for name in WebhookAttemptRead.model_fields} for made in tries]
        actions = ["redeliver"] if may_edit and row.state != "planned" else []
        return cls.model_validate({**plain, "tries": shown, "allowed_actions": actions})


class WebhookRedeliveredRead(BaseModel):
    """How many deliveries are made again."""

    deliveries: int
