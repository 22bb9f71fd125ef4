"""HTTP of webhooks: endpoints, deliveries and their tries. The messages follow Standard Webhooks."""

from __future__ import annotations

from enum import Enum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import changes, resource_response, visible
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, reads, writes
from app.infra.principal import Principal
from app.integrations.webhooks import queries, service
from app.integrations.webhooks.models import WebhookDelivery, WebhookEndpoint
from app.integrations.webhooks.schemas import (
    DeliveryState,
    EndpointState,
    WebhookDeliveryDetailRead,
    WebhookDeliveryRead,
    WebhookEndpointCreate,
    WebhookEndpointRead,
    WebhookEndpointSecretRead,
    WebhookEndpointUpdate,
    WebhookRedeliveredRead,
    WebhookSecretRotate,
)

router = APIRouter()
Reading = Annotated[ReadSession, reads("webhooks:read")]
Caller = Annotated[Principal, callers("webhooks:read")]
Writing = Annotated[Write, writes("webhooks:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
_EDIT = "webhooks:write"
_ENDPOINT_SORTS = {"created": (SortKey(WebhookEndpoint.id, UUID),)}
_DELIVERY_SORTS = {"created": (SortKey(WebhookDelivery.id, UUID),)}
_ENDPOINTS: list[str | Enum] = ["webhook endpoints"]
_DELIVERIES: list[str | Enum] = ["webhook deliveries"]


@router.post(
    "/webhook-endpoints",
    operation_id="createWebhookEndpoint",
    summary="Add a webhook endpoint",
    status_code=201,
    response_model=WebhookEndpointSecretRead,
    responses=problems(409, 503),
    tags=_ENDPOINTS,
)
async def create_endpoint(body: WebhookEndpointCreate, write: Writing, request: Request) -> Response:
    """It gets every event that is committed from now on, at least once. The secret is shown only in this answer."""

    async def work(session: WriteSession) -> Answer:
        row, secret = await service.create_endpoint(session, request.app.state.settings, body.command())
        return Answer(
            WebhookEndpointSecretRead.with_secret(row, secret), 201, row.version, f"/v1/webhook-endpoints/{row.id}",
            WebhookEndpointSecretRead.with_secret(row, None),
        )  # fmt: skip

    return await write.run(work)


@router.get(
    "/webhook-endpoints",
    operation_id="listWebhookEndpoints",
    summary="List webhook endpoints",
    response_model=Page[WebhookEndpointRead],
    responses=problems(),
    tags=_ENDPOINTS,
)
async def list_endpoints(read: Reading, caller: Caller, page: Paging, state: EndpointState | None = None) -> Response:
    """Endpoints with how they do, newest first."""
    sort, keys = choose_sort(page, _ENDPOINT_SORTS, "-created")
    statement = queries.endpoints_statement(read.organization_id, state=state)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [WebhookEndpointRead.of(row[0], may_edit=_EDIT in caller.scopes) for row in rows]
    return resource_response(Page[WebhookEndpointRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/webhook-endpoints/{webhook_endpoint_id}",
    operation_id="getWebhookEndpoint",
    summary="Read a webhook endpoint",
    response_model=WebhookEndpointRead,
    responses=problems(404),
    tags=_ENDPOINTS,
)
async def get_endpoint(webhook_endpoint_id: UUID, read: Reading, caller: Caller) -> Response:
    """One endpoint; `ETag` is its version."""
    row = await queries.get_endpoint(read, webhook_endpoint_id)
    return resource_response(WebhookEndpointRead.of(row, may_edit=_EDIT in caller.scopes), row.version)


@router.patch(
    "/webhook-endpoints/{webhook_endpoint_id}",
    operation_id="updateWebhookEndpoint",
    summary="Change a webhook endpoint, or switch it on or off",
    response_model=WebhookEndpointRead,
    responses=problems(404, 412, 428),
    tags=_ENDPOINTS,
)
async def update_endpoint(
    webhook_endpoint_id: UUID, body: WebhookEndpointUpdate, write: Writing, request: Request
) -> Response:
    """`If-Match` is required. One that is switched on again gets what is committed from then on."""
    version = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        settings = request.app.state.settings
        row = await service.update_endpoint(
            session, settings, webhook_endpoint_id, changes(body), expected_version=version
        )
        return answer(WebhookEndpointRead.of(row, may_edit=True), version=row.version)

    return await write.run(work)


@router.post(
    "/webhook-endpoints/{webhook_endpoint_id}/rotate-secret",
    operation_id="rotateWebhookSecret",
    summary="Give a webhook endpoint a new secret",
    response_model=WebhookEndpointSecretRead,
    responses=problems(404, 412, 503),
    tags=_ENDPOINTS,
)
async def rotate_secret(
    webhook_endpoint_id: UUID, body: WebhookSecretRotate, write: Writing, request: Request
) -> Response:
    """The present secret signs too for `overlap_hours`, so that the receiver can change over without a gap."""
    version = write.expected_version(required=False)

    async def work(session: WriteSession) -> Answer:
        row, secret = await service.rotate_secret(
            session, request.app.state.settings, webhook_endpoint_id, write.now,
            overlap_hours=body.overlap_hours, expected_version=version,
        )  # fmt: skip
        made = WebhookEndpointSecretRead.with_secret(row, secret)
        return Answer(made, version=row.version, replay_body=WebhookEndpointSecretRead.with_secret(row, None))

    return await write.run(work)


@router.post(
    "/webhook-endpoints/{webhook_endpoint_id}/test",
    operation_id="testWebhookEndpoint",
    summary="Send a test event to a webhook endpoint",
    status_code=202,
    response_model=WebhookEndpointRead,
    responses=problems(404, 409),
    tags=_ENDPOINTS,
)
async def test_endpoint(webhook_endpoint_id: UUID, write: Writing) -> Response:
    """An event of type `webhook_endpoint.tested`, to this endpoint only; see its deliveries for what came of it."""

    async def work(session: WriteSession) -> Answer:
        await service.send_test(session, webhook_endpoint_id)
        row = await queries.get_endpoint(session, webhook_endpoint_id)
        return answer(WebhookEndpointRead.of(row, may_edit=True), status=202)

    return await write.run(work)


@router.post(
    "/webhook-endpoints/{webhook_endpoint_id}/redeliver-failed",
    operation_id="redeliverFailedWebhooks",
    summary="Deliver again whatever failed or was cancelled",
    status_code=202,
    response_model=WebhookRedeliveredRead,
    responses=problems(404, 409),
    tags=_ENDPOINTS,
)
async def redeliver_failed(webhook_endpoint_id: UUID, write: Writing) -> Response:
    """For a receiver that was down for longer than the tries went on."""

    async def work(session: WriteSession) -> Answer:
        count = await service.redeliver_failed(session, webhook_endpoint_id, write.now)
        return answer(WebhookRedeliveredRead(deliveries=count), status=202)

    return await write.run(work)


@router.get(
    "/webhook-deliveries",
    operation_id="listWebhookDeliveries",
    summary="List webhook deliveries",
    response_model=Page[WebhookDeliveryRead],
    responses=problems(),
    tags=_DELIVERIES,
)
async def list_deliveries(
    read: Reading,
    page: Paging,
    endpoint_id: UUID | None = None,
    state: DeliveryState | None = None,
    event_type: Annotated[str | None, visible(100)] = None,
    event_id: UUID | None = None,
) -> Response:
    """By filter, newest first. They are kept for 30 days, or as the installation says."""
    sort, keys = choose_sort(page, _DELIVERY_SORTS, "-created")
    statement = queries.deliveries_statement(
        read.organization_id, endpoint_id=endpoint_id, state=state, event_type=event_type, event_id=event_id
    )
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [WebhookDeliveryRead.of(row[0]) for row in rows]
    return resource_response(Page[WebhookDeliveryRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/webhook-deliveries/{webhook_delivery_id}",
    operation_id="getWebhookDelivery",
    summary="Read a webhook delivery with its tries",
    response_model=WebhookDeliveryDetailRead,
    responses=problems(404),
    tags=_DELIVERIES,
)
async def get_delivery(webhook_delivery_id: UUID, read: Reading, caller: Caller) -> Response:
    """What was sent when, and what was answered."""
    row = await queries.get_delivery(read, webhook_delivery_id)
    tries = await queries.attempts_of(read, row.id)
    return resource_response(WebhookDeliveryDetailRead.with_tries(row, tries, may_edit=_EDIT in caller.scopes))


@router.post(
    "/webhook-deliveries/{webhook_delivery_id}/redeliver",
    operation_id="redeliverWebhook",
    summary="Deliver an event again",
    status_code=202,
    response_model=WebhookDeliveryRead,
    responses=problems(404, 409),
    tags=_DELIVERIES,
)
async def redeliver(webhook_delivery_id: UUID, write: Writing) -> Response:
    """Under the same message id: a receiver that has seen it may throw it away."""

    async def work(session: WriteSession) -> Answer:
        await service.redeliver(session, webhook_delivery_id, write.now)
        made = WebhookDeliveryRead.of(await queries.get_delivery(session, webhook_delivery_id))
        return answer(made, status=202)

    return await write.run(work)
