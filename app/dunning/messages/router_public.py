"""HTTP for customers who unsubscribe and providers who tell what came of messages, who hold no token; and returns."""

from __future__ import annotations

import html
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response

from app.core.clock import utc_now
from app.correspondence.errors import InboundRefused, InboundTooLarge
from app.correspondence.inbound.mime import MESSAGE_BYTES_MAX
from app.correspondence.inbound.receive import receive, take_in
from app.documents.queries import documents_by_id
from app.documents.storage import document_store
from app.dunning.messages.attachments import link_secrets
from app.dunning.messages.copy_links import TOKEN_LENGTH, read_copy_token
from app.dunning.messages.errors import CopyLinkInvalid, MessageEventsRefused, UnsubscribeLinkInvalid
from app.dunning.messages.events import MessageEvent, receive_events
from app.dunning.messages.inbound import check_unsubscribe, read_unsubscribe_token, unsubscribe
from app.dunning.messages.mailbox_file import split_mailbox
from app.dunning.messages.rules import message_of
from app.dunning.messages.schemas import EventsTaken, ProviderEvents, ReturnedMessagesTaken
from app.dunning.messages.shipped.pages import page_words
from app.dunning.messages.signatures import is_signed, secrets_of
from app.infra.database import SYSTEM, Actor
from app.infra.http.downloads import download_headers
from app.infra.http.fields import resource_response
from app.infra.http.problems import problems
from app.infra.http.requests import Write, writes
from app.organizations.queries import organization_facts

router = APIRouter(tags=["dunning"])
PROVIDER = Actor(kind="system", id=None, name="provider")
_PAGE = {"schema": {"type": "string"}, "example": "<!DOCTYPE html><title>Reminders by e-mail</title>…"}
_HTML = {"content": {"text/html": _PAGE}, "description": "A page"}
_OPEN: dict[str, Any] = {"security": []}
_BOUNCE = (
    "From: postmaster@mail.example.com\nSubject: Undelivered mail\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
    "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; ada@example.com\nAction: failed\n"
    "Status: 5.1.1\n\n--b--\n"
)
_MAILBOX_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/mbox": {"schema": {"type": "string", "format": "binary"}, "example": f"From -\n{_BOUNCE}"},
            "message/rfc822": {"schema": {"type": "string", "format": "binary"}, "example": _BOUNCE},
        },
    },
}
Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{64}$")]


def _page(title: str, body: str) -> Response:
    text = (
        "<!DOCTYPE html><html><head><meta charset='utf-8'><meta name='robots' content='noindex'>"
        f"<title>{html.escape(title)}</title></head>"
        "<body style='font-family:sans-serif;max-width:34em;margin:3em auto'>"
        f"<h1 style='font-size:1.3em'>{html.escape(title)}</h1>{body}</body></html>"
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text, media_type="text/html; charset=utf-8", headers=headers)


def _read(token: str) -> tuple[UUID, UUID, bytes]:
    found = read_unsubscribe_token(token)
    if found is None:
        raise UnsubscribeLinkInvalid("the link is not valid")
    return found


@router.get(
    "/dunning/unsubscribe/{unsubscribe_token}",
    operation_id="showUnsubscribe",
    summary="The page behind the link in a reminder",
    response_class=Response,
    responses={**problems(404), 200: _HTML},
    openapi_extra=_OPEN,
)
async def show(unsubscribe_token: Token, request: Request) -> Response:
    """Asks for a click: programs that only look at links change nothing."""
    organization_id, message_id, secret = _read(unsubscribe_token)
    async with request.app.state.read_database.read(organization_id) as session:
        await check_unsubscribe(session, message_id, secret)
    words = page_words(request.headers.get("accept-language", ""))
    form = (
        f"<p>{html.escape(words.question)}</p><form method='post'><button>{html.escape(words.button)}</button></form>"
    )
    return _page(words.title, form)


@router.post(
    "/dunning/unsubscribe/{unsubscribe_token}",
    operation_id="unsubscribeAddress",
    summary="No more reminders on this channel",
    response_class=Response,
    responses={**problems(404), 200: _HTML},
    openapi_extra=_OPEN,
)
async def confirm(unsubscribe_token: Token, request: Request) -> Response:
    """One click (RFC 8058): the contact's consent to the channel is withdrawn. Again changes nothing."""
    organization_id, message_id, secret = _read(unsubscribe_token)
    async with request.app.state.database.write(organization_id, SYSTEM) as session:
        await unsubscribe(session, message_id, secret, utc_now())
    words = page_words(request.headers.get("accept-language", ""))
    return _page(words.title, f"<p>{html.escape(words.done)}</p>")


@router.get(
    "/dunning/copies/{copy_token}",
    operation_id="openInvoiceCopy",
    summary="The copy of an invoice behind the link in a reminder",
    response_class=Response,
    responses={
        **problems(404, 503),
        200: {
            "description": "The file, to be saved",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
    openapi_extra=_OPEN,
)
async def open_copy(
    copy_token: Annotated[str, Path(pattern=rf"^[A-Za-z0-9_-]{{{TOKEN_LENGTH}}}$")], request: Request
) -> Response:
    """Without a login: the link is signed and can be opened for 60 days after the reminder was written."""
    state = request.app.state
    link = read_copy_token(link_secrets(state.settings), copy_token, utc_now().date())
    if link is None:
        raise CopyLinkInvalid("the link is damaged, or too old")
    async with state.read_database.read(link.organization_id) as session:
        found = await documents_by_id(session, [link.document_id])
    if not found:
        raise CopyLinkInvalid("the file is not kept any more")
    store = document_store(state.settings, found[0].kept_in)
    body = await store.get(link.organization_id, found[0].sha256)
    headers = {"Content-Security-Policy": "default-src 'none'; sandbox", "Referrer-Policy": "no-referrer"}
    return Response(body, media_type=found[0].media_type, headers=headers | download_headers(found[0].name))


@router.post(
    "/dunning/message-events/{organization_id}",
    operation_id="receiveMessageEvents",
    summary="A provider tells what came of messages",
    response_model=EventsTaken,
    responses=problems(404, 413),
    openapi_extra=_OPEN,
)
async def receive_message_events(
    organization_id: UUID,
    body: ProviderEvents,
    request: Request,
    webhook_id: Annotated[str, Header(max_length=200)] = "",
    webhook_timestamp: Annotated[str, Header(max_length=20)] = "",
    webhook_signature: Annotated[str, Header(max_length=1000)] = "",
) -> Response:
    """Signed by Standard Webhooks with `DUECOURSE_MESSAGE_EVENTS_SECRET`. What was told before counts once."""
    configured, now = request.app.state.settings.message_events_secret, utc_now()
    secrets = [] if configured is None else secrets_of(configured.get_secret_value())
    if not is_signed(secrets, webhook_id, webhook_timestamp, webhook_signature, await request.body(), now):
        raise MessageEventsRefused("no secret is configured, or the signature is missing, wrong or too old")
    events = [
        MessageEvent(found, event.type, event.at, "webhook", event.detail, event.event_id)
        for event in body.events
        if (found := message_of(event.message_id)) is not None
    ]
    async with request.app.state.database.write(organization_id, PROVIDER) as session:
        await organization_facts(session)
        new = await receive_events(session, events, now)
    return resource_response(EventsTaken(told=len(body.events), new=new))


@router.post(
    "/dunning/returned-messages",
    operation_id="receiveReturnedMessages",
    summary="Take in a mailbox file of returned messages",
    response_model=ReturnedMessagesTaken,
    responses=problems(413),
    openapi_extra=_MAILBOX_BODY,
)
async def receive_returned(request: Request, write: Annotated[Write, writes("dunning:write")]) -> Response:
    """Returned messages (RFC 3464), complaints (RFC 5965) and answers, one or a whole mbox; each is taken in once."""
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > MESSAGE_BYTES_MAX:
            raise InboundTooLarge(f"the file is larger than {MESSAGE_BYTES_MAX} bytes")
    if not raw:
        raise InboundRefused("the body is empty")
    state, principal = request.app.state, write.principal
    taken = known = refused = 0
    messages = split_mailbox(bytes(raw))
    for message in messages:
        try:
            incoming = await take_in(document_store(state.settings), principal.organization_id, message, write.now)
        except InboundRefused:
            refused += 1
            continue
        async with state.database.write(principal.organization_id, principal.actor) as session:
            received = await receive(session, incoming, write.now)
        taken, known = taken + received.created, known + (not received.created)
    return resource_response(
        ReturnedMessagesTaken(messages=len(messages), taken_in=taken, known_before=known, refused=refused)
    )
