"""Refusals of webhooks."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, Unavailable


class WebhookEndpointNotFound(NotFound):
    """No such endpoint in this organization."""

    code = "webhook_endpoint.not_found"


class WebhookDeliveryNotFound(NotFound):
    """No such delivery in this organization."""

    code = "webhook_delivery.not_found"


class EndpointNotActive(Conflict):
    """The endpoint is switched off: nothing is sent to it."""

    code = "webhook_endpoint.not_active"


class DeliveryUnderWay(Conflict):
    """The delivery is being made, or still waits for its next try."""

    code = "webhook_delivery.under_way"


class TooManyEndpoints(Conflict):
    """An organization has a bounded number of endpoints."""

    code = "webhook_endpoint.too_many"


class SecretsNotConfigured(Unavailable):
    """Secrets are kept encrypted, and this installation has no key for that."""

    code = "webhook_endpoint.secrets_not_configured"
