"""HTTP of dunning messages: lists, what they say, their PDFs, what a person decides; settings, marks on addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.dunning.messages import deciding, queries
from app.dunning.messages.events import clear_mark
from app.dunning.messages.models import DunningAddressMark, DunningMessage
from app.dunning.messages.papers import message_pdf
from app.dunning.messages.preferences import find_message_preferences, update_message_preferences
from app.dunning.messages.rules import Channel, MarkKind, State
from app.dunning.messages.schemas import (
    AddressMarkRead,
    DunningMessageDetail,
    DunningMessageRead,
    MessageCounts,
    MessageDecide,
    MessageNote,
    MessageSettingsRead,
    MessageSettingsUpdate,
)
from app.exports.service import Export, log_export
from app.infra.database import ReadSession, WriteSession
from app.infra.http.downloads import FILE, download_headers
from app.infra.http.fields import ETAG_HEADER, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, reads, writes
from app.infra.principal import Principal
from app.infra.rendering.letters import PDF

router = APIRouter(tags=["dunning"])
Reading = Annotated[ReadSession, reads("dunning:read")]
Writing = Annotated[Write, writes("dunning:write")]
Deciding = Annotated[Write, writes("dunning:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
_SORTS = {"created": (SortKey(DunningMessage.id, UUID),)}
_MARK_SORTS = {"created": (SortKey(DunningAddressMark.id, UUID),)}
_OK: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}


@router.get(
    "/dunning/messages",
    operation_id="listDunningMessages",
    summary="List dunning messages",
    response_model=Page[DunningMessageRead],
    responses=problems(),
)
async def list_messages(
    read: Reading,
    page: Paging,
    state: State | None = None,
    channel: Channel | None = None,
    account_id: UUID | None = None,
    notice_id: UUID | None = None,
    contact_id: UUID | None = None,
) -> Response:
    """Newest first. `state=unknown` and `state=failed` wait for a person; letters to be posted are `approved`."""
    sort, keys = choose_sort(page, _SORTS, "-created")
    statement = queries.messages_statement(
        read.organization_id, state=state, channel=channel, account_id=account_id, notice_id=notice_id,
        contact_id=contact_id,
    )  # fmt: skip
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [DunningMessageRead.of(message, subject) for message, subject, *_ in map(tuple, rows)]
    return resource_response(Page[DunningMessageRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/dunning/messages/counts",
    operation_id="countDunningMessages",
    summary="Count dunning messages by state",
    response_model=MessageCounts,
    responses=problems(),
)
async def counts(read: Reading) -> Response:
    """For badges."""
    return resource_response(MessageCounts(**await queries.count_messages(read)))


async def _detail(session: ReadSession, message_id: UUID) -> DunningMessageDetail:
    row = await queries.get_message(session, message_id)
    content = await queries.get_content(session, message_id)
    return DunningMessageDetail.whole(row, content, await queries.events_of(session, message_id))


@router.get(
    "/dunning/messages/{dunning_message_id}",
    operation_id="getDunningMessage",
    summary="Read a dunning message",
    response_model=DunningMessageDetail,
    responses={**problems(404), **_OK},
)
async def get(dunning_message_id: UUID, read: Reading) -> Response:
    """What it says, word for word as it was rendered, and what came of it."""
    found = await _detail(read, dunning_message_id)
    return resource_response(found, found.version)


@router.get(
    "/dunning/messages/{dunning_message_id}/pdf",
    operation_id="getDunningMessagePdf",
    summary="Take a dunning message away as PDF",
    response_class=Response,
    responses={**problems(404), 200: {"content": {PDF: FILE}, "description": "The PDF"}},
)
async def get_pdf(
    dunning_message_id: UUID, request: Request, principal: Annotated[Principal, callers("dunning:read")]
) -> Response:
    """The letter, or the same notice on paper where it went by e-mail: always the same bytes."""
    return await _pdf(request, principal, dunning_message_id)


@router.get(
    "/dunning/notices/{dunning_notice_id}/pdf",
    operation_id="getDunningNoticePdf",
    summary="Take what was sent of a notice away as PDF",
    response_class=Response,
    responses={**problems(404), 200: {"content": {PDF: FILE}, "description": "The PDF"}},
)
async def get_notice_pdf(
    dunning_notice_id: UUID, request: Request, principal: Annotated[Principal, callers("dunning:read")]
) -> Response:
    """The PDF of its message. A notice that is not written yet, or that is work, has none (404)."""
    async with request.app.state.read_database.read(principal.organization_id) as session:
        message_id = await queries.message_of_notice(session, dunning_notice_id)
    return await _pdf(request, principal, message_id)


async def _pdf(request: Request, principal: Principal, message_id: UUID) -> Response:
    state = request.app.state
    made = await message_pdf(state.read_database, state.settings, principal.organization_id, message_id)
    await log_export(state.database, principal, Export("dunning_message", "pdf", {"id": str(message_id)}))
    return Response(made.content, media_type=PDF, headers=download_headers(made.name))


async def _decide(write: Write, message_id: UUID, decide: Callable[[WriteSession], Awaitable[None]]) -> Response:
    async def work(session: WriteSession) -> Answer:
        await decide(session)
        made = await _detail(session, message_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/dunning/messages/{dunning_message_id}/decide",
    operation_id="decideDunningMessage",
    summary="Decide about a message that failed or whose outcome is unknown",
    response_model=DunningMessageDetail,
    responses=problems(404, 409, 412),
)
async def decide(dunning_message_id: UUID, body: MessageDecide, write: Deciding) -> Response:
    """The service itself never sends a message again whose outcome it does not know."""
    version = write.expected_version(required=False)
    return await _decide(
        write,
        dunning_message_id,
        lambda session: deciding.decide_message(
            session, dunning_message_id, body.decision, write.now, expected_version=version, reason=body.reason
        ),
    )


@router.post(
    "/dunning/messages/{dunning_message_id}/cancel",
    operation_id="cancelDunningMessage",
    summary="Keep a message from leaving",
    response_model=DunningMessageDetail,
    responses=problems(404, 409, 412),
)
async def cancel(dunning_message_id: UUID, body: MessageNote, write: Writing) -> Response:
    """Its notice is suppressed; a later run looks at what is due again."""
    version = write.expected_version(required=False)
    return await _decide(
        write,
        dunning_message_id,
        lambda session: deciding.cancel_message(
            session, dunning_message_id, write.now, expected_version=version, reason=body.reason
        ),
    )


@router.post(
    "/dunning/messages/{dunning_message_id}/post",
    operation_id="postDunningLetter",
    summary="Say that a letter is in the post",
    response_model=DunningMessageDetail,
    responses=problems(404, 409, 412),
)
async def post(dunning_message_id: UUID, write: Writing) -> Response:
    """The facts are looked at once more: what is not due any more must not be posted."""
    version = write.expected_version(required=False)
    return await _decide(
        write,
        dunning_message_id,
        lambda session: deciding.post_letter(session, dunning_message_id, write.now, expected_version=version),
    )


@router.post(
    "/dunning/messages/{dunning_message_id}/mark-bounced",
    operation_id="markDunningMessageBounced",
    summary="Say that a message came back",
    response_model=DunningMessageDetail,
    responses=problems(404, 409, 412),
)
async def mark_bounced(dunning_message_id: UUID, body: MessageNote, write: Writing) -> Response:
    """The address is marked, the step counts as not done, and the collector gets an action."""
    version = write.expected_version(required=False)
    return await _decide(
        write,
        dunning_message_id,
        lambda session: deciding.mark_bounced(
            session, dunning_message_id, write.now, expected_version=version, reason=body.reason
        ),
    )


@router.get(
    "/dunning/message-settings",
    operation_id="getDunningMessageSettings",
    summary="Read how dunning messages leave",
    response_model=MessageSettingsRead,
    responses={**problems(), **_OK},
)
async def get_settings(read: Reading) -> Response:
    """The shipped settings until somebody changes them."""
    found, version = await find_message_preferences(read)
    return resource_response(MessageSettingsRead.of(found, version), version)


@router.put(
    "/dunning/message-settings",
    operation_id="updateDunningMessageSettings",
    summary="Change how dunning messages leave",
    response_model=MessageSettingsRead,
    responses={**problems(412, 428), **_OK},
)
async def put_settings(body: MessageSettingsUpdate, write: Deciding) -> Response:
    """They hold from the next message on."""
    version = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        await update_message_preferences(session, body.preferences(), expected_version=version)
        found, made = await find_message_preferences(session)
        return answer(MessageSettingsRead.of(found, made), version=made)

    return await write.run(work)


@router.get(
    "/dunning/address-marks",
    operation_id="listDunningAddressMarks",
    summary="List addresses that do not work or must not be used",
    response_model=Page[AddressMarkRead],
    responses=problems(),
)
async def list_marks(
    read: Reading,
    page: Paging,
    account_id: UUID | None = None,
    contact_id: UUID | None = None,
    kind: MarkKind | None = None,
    cleared: bool | None = None,
) -> Response:
    """Newest first; an address that was corrected is clean without being cleared."""
    sort, keys = choose_sort(page, _MARK_SORTS, "-created")
    statement = queries.marks_statement(
        read.organization_id, account_id=account_id, contact_id=contact_id, kind=kind, cleared=cleared
    )
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [AddressMarkRead.of(row[0]) for row in rows]
    return resource_response(Page[AddressMarkRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/dunning/address-marks/{address_mark_id}/clear",
    operation_id="clearDunningAddressMark",
    summary="Say that an address works again",
    response_model=AddressMarkRead,
    responses=problems(404, 412),
)
async def clear(address_mark_id: UUID, write: Writing) -> Response:
    """Reminders go there again. A consent that was withdrawn is given back on the contact itself."""
    version = write.expected_version(required=False)

    async def work(session: WriteSession) -> Answer:
        await clear_mark(session, address_mark_id, write.now, expected_version=version)
        made = AddressMarkRead.of(await queries.get_mark(session, address_mark_id))
        return answer(made, version=made.version)

    return await write.run(work)
