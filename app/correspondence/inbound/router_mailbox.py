"""HTTP of the organization's mailbox."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response

from app.correspondence.inbound.imap import MailboxUnavailable
from app.correspondence.inbound.mailboxes import (
    Trial,
    get_connection,
    opened_connection,
    put_connection,
    remove_connection,
    try_mailbox,
)
from app.correspondence.inbound.schemas import MailboxPut, MailboxRead, MailboxTrialRead
from app.infra.database import Database, ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, resource_response
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, reads, writes

router = APIRouter(prefix="/correspondence-settings/mailbox", tags=["correspondence"])
Deciding = Annotated[Write, writes("correspondence:approve")]


@router.get(
    "",
    operation_id="getMailbox",
    summary="Read the mailbox from which e-mails are fetched",
    response_model=MailboxRead,
    responses={**problems(404), 200: {"headers": ETAG_HEADER}},
)
async def get(read: Annotated[ReadSession, reads("correspondence:read")]) -> Response:
    """Without its password; with what the last look found."""
    found = MailboxRead.of(await get_connection(read))
    return resource_response(found, found.version)


@router.put(
    "",
    operation_id="putMailbox",
    summary="Enter or change the mailbox",
    response_model=MailboxRead,
    responses={**problems(412, 428, 503), 200: {"headers": ETAG_HEADER}},
)
async def put(body: MailboxPut, request: Request, write: Deciding) -> Response:
    """`If-Match: "0"` the first time. New messages are fetched from now on; each goes into the thread it answers."""
    version, settings = write.expected_version(), request.app.state.settings

    async def work(session: WriteSession) -> Answer:
        made = MailboxRead.of(await put_connection(session, settings, body.entry(), expected_version=version))
        return answer(made, version=made.version)

    return await write.run(work)


@router.delete(
    "",
    operation_id="deleteMailbox",
    summary="Stop fetching e-mails, and forget the password",
    status_code=204,
    response_class=Response,
    responses=problems(404, 412, 428),
)
async def delete(write: Deciding) -> Response:
    """What was taken in stays."""
    version = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        await remove_connection(session, expected_version=version)
        return Answer(None, 204)

    return await write.run(work)


@router.post(
    "/try",
    operation_id="tryMailbox",
    summary="Log into the mailbox and count what is unseen",
    response_model=MailboxTrialRead,
    responses=problems(404, 409),
)
async def look(request: Request, write: Deciding) -> Response:
    """Nothing is fetched or marked. No transaction is open meanwhile; it takes ten seconds at most a step."""
    reading: Database = request.app.state.read_database
    async with reading.read(write.principal.organization_id) as session:
        row = await get_connection(session)
    try:
        found = await try_mailbox(opened_connection(request.app.state.settings, row))
    except MailboxUnavailable as error:
        found = Trial(None, str(error))

    async def work(_: WriteSession) -> Answer:
        return answer(MailboxTrialRead.of(found))

    return await write.run(work)
