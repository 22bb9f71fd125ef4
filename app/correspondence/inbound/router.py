"""HTTP of e-mails that come in."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app.correspondence.errors import InboundTooLarge
from app.correspondence.inbound.mime import MESSAGE_BYTES_MAX
from app.correspondence.inbound.receive import receive, take_in
from app.correspondence.router import message_read
from app.correspondence.schemas import CorrespondenceMessageRead
from app.documents.storage import document_store
from app.infra.database import WriteSession
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, writes

router = APIRouter(prefix="/inbound-emails", tags=["correspondence"])
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "message/rfc822": {
            "schema": {"type": "string", "format": "binary"},
            "example": "From: ada@example.com\nTo: ar@example.com\nSubject: Re: your reminder\n\nPaid on Friday.\n",
        }
    },
}


class InboundEmailRead(BaseModel):
    """The thread and message that the e-mail became. `created` is false for one that was received before."""

    created: bool
    correspondence_id: UUID
    message: CorrespondenceMessageRead


@router.post(
    "",
    operation_id="receiveEmail",
    summary="Take in an e-mail",
    status_code=201,
    response_model=InboundEmailRead,
    responses={**problems(413), 200: {"model": InboundEmailRead, "description": "It was received before"}},
    openapi_extra={"requestBody": _BODY},
)
async def receive_email(request: Request, write: Annotated[Write, writes("correspondence:write")]) -> Response:
    """The raw message (RFC 5322). It goes into the thread that it answers; nothing of it is rendered or executed."""
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > MESSAGE_BYTES_MAX:
            raise InboundTooLarge(f"the message is larger than {MESSAGE_BYTES_MAX} bytes")
    organization_id = write.principal.organization_id
    incoming = await take_in(document_store(request.app.state.settings), organization_id, bytes(raw), write.now)

    async def work(session: WriteSession) -> Answer:
        received = await receive(session, incoming, write.now)
        body = InboundEmailRead(
            created=received.created,
            correspondence_id=received.correspondence_id,
            message=await message_read(session, received.message_id),
        )
        location = f"/v1/correspondence-messages/{received.message_id}"
        return Answer(body, 201 if received.created else 200, body.message.version, location)

    write.fingerprint = hashlib.sha256(raw).digest()
    return await write.run(work)
