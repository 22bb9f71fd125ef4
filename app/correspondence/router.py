"""HTTP of correspondence: threads and messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.correspondence import queries
from app.correspondence.compose import prepare
from app.correspondence.errors import MessageInvalid
from app.correspondence.models import Correspondence, CorrespondenceMessage
from app.correspondence.queries import ThreadFilter
from app.correspondence.rules import Direction, Purpose, ThreadState
from app.correspondence.schemas import (
    ContactVerdict,
    CorrespondenceAssign,
    CorrespondenceCounts,
    CorrespondenceCreate,
    CorrespondenceMark,
    CorrespondenceMessageRead,
    CorrespondenceOwner,
    CorrespondencePreview,
    CorrespondenceRead,
)
from app.correspondence.sending import cancel_message, post_letter, send
from app.correspondence.threads import assign_thread, check_asked, mark_thread, set_thread_owner, set_thread_state
from app.documents.errors import DocumentNotFound
from app.documents.service import keep_content, visible_document
from app.documents.storage import document_store
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, Instant, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes

router = APIRouter(prefix="/correspondences", tags=["correspondence"])
messages_router = APIRouter(prefix="/correspondence-messages", tags=["correspondence"])
_SORTS = {
    "created": (SortKey(Correspondence.id, UUID),),
    "last_message_at": (
        SortKey(Correspondence.last_message_at, datetime.fromisoformat), SortKey(Correspondence.id, UUID),
    ),
}  # fmt: skip
_MESSAGE_SORTS = {
    "at": (SortKey(CorrespondenceMessage.at, datetime.fromisoformat), SortKey(CorrespondenceMessage.id, UUID)),
}
Reading = Annotated[ReadSession, reads("correspondence:read")]
Writing = Annotated[Write, writes("correspondence:write")]
_OK: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}
_CHANGED = {**problems(404, 409, 412), **_OK}


async def message_reads(session: ReadSession, rows: Sequence[CorrespondenceMessage]) -> list[CorrespondenceMessageRead]:
    """Messages with their files and what came of them."""
    if not rows:
        return []
    attachments = await queries.attachments_of(session, [row.id for row in rows])
    deliveries = await queries.email_states(session, [row.email_id for row in rows if row.email_id])
    return [CorrespondenceMessageRead.of(row, attachments, deliveries) for row in rows]


async def message_read(session: ReadSession, message_id: UUID) -> CorrespondenceMessageRead:
    """One message."""
    (found,) = await message_reads(session, [await queries.get_message(session, message_id)])
    return found


@router.post(
    "",
    operation_id="createCorrespondence",
    summary="Write to a customer",
    status_code=201,
    response_model=CorrespondenceMessageRead,
    responses=problems(404, 409),
)
async def create(body: CorrespondenceCreate, request: Request, write: Writing) -> Response:
    """An e-mail or letter. What the rules of contact put off waits (`planned`); what they refuse is kept `refused`."""
    principal = write.principal
    await _check_documents(write, body.document_ids)
    await _check_answer(write, body)
    prepared = await prepare(
        write.database, principal.organization_id, body.command(), author=principal.actor.name, now=write.now
    )
    letter = None
    if prepared.letter is not None:
        store = document_store(request.app.state.settings)
        letter = await keep_content(
            store, principal.organization_id, prepared.letter, prepared.letter_name, media_type=prepared.letter_type
        )

    async def work(session: WriteSession) -> Answer:
        message_id = await send(session, prepared, letter, write.now)
        made = await message_read(session, message_id)
        return created(made, version=made.version, location=f"/v1/correspondence-messages/{message_id}")

    return await write.run(work)


@router.post(
    "/preview",
    operation_id="previewCorrespondence",
    summary="See how a message would read",
    response_model=CorrespondencePreview,
    responses=problems(404),
)
async def preview(body: CorrespondenceCreate, write: Writing) -> Response:
    """Nothing is written or sent."""
    principal = write.principal
    await _check_documents(write, body.document_ids)
    await _check_answer(write, body)
    prepared = await prepare(
        write.database, principal.organization_id, body.command(), author=principal.actor.name, now=write.now
    )
    verdict = prepared.verdict
    return resource_response(
        CorrespondencePreview(
            subject=prepared.subject,
            body=prepared.body,
            recipient=prepared.recipient,
            attachments=[one.name for one in prepared.attachments],
            contact=ContactVerdict(outcome=verdict.outcome, reason=verdict.reason, not_before=verdict.not_before),
        )
    )


@router.get(
    "",
    operation_id="listCorrespondences",
    summary="List threads",
    response_model=Page[CorrespondenceRead],
    responses=problems(),
)
async def list_threads(
    read: Reading,
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
    contact_id: UUID | None = None,
    owner_id: UUID | None = None,
    state: ThreadState | None = None,
    purpose: Purpose | None = None,
    unread: bool | None = None,
    assigned: bool | None = None,
    last_direction: Direction | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """Threads by filter (`-last_message_at` shows the latest first). `assigned=false`: from somebody unknown."""
    wanted = ThreadFilter(
        account_id=account_id,
        contact_id=contact_id,
        owner_id=owner_id,
        state=state,
        purpose=purpose,
        unread=unread,
        assigned=assigned,
        last_direction=last_direction,
        updated_since=updated_since,
    )
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = queries.threads_statement(read.organization_id, wanted)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [CorrespondenceRead.of(row[0]) for row in rows]
    return resource_response(Page[CorrespondenceRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/counts",
    operation_id="countCorrespondences",
    summary="Count threads for badges",
    response_model=CorrespondenceCounts,
    responses=problems(),
)
async def counts(read: Reading) -> Response:
    """Open, unread, and without an account."""
    return resource_response(CorrespondenceCounts(**await queries.count_threads(read)))


@router.get(
    "/{correspondence_id}",
    operation_id="getCorrespondence",
    summary="Read a thread",
    response_model=CorrespondenceRead,
    responses={**problems(404), **_OK},
)
async def get(correspondence_id: UUID, read: Reading) -> Response:
    """One thread; `ETag` is its version."""
    found = CorrespondenceRead.of(await queries.get_thread(read, correspondence_id))
    return resource_response(found, found.version)


@router.get(
    "/{correspondence_id}/messages",
    operation_id="listCorrespondenceMessages",
    summary="List the messages of a thread",
    response_model=Page[CorrespondenceMessageRead],
    responses=problems(404),
)
async def list_messages(
    correspondence_id: UUID, read: Reading, page: Annotated[PageRequest, Depends(page_request)]
) -> Response:
    """In the order of their time."""
    await queries.get_thread(read, correspondence_id)
    sort, keys = choose_sort(page, _MESSAGE_SORTS, "at")
    statement = queries.messages_statement(read.organization_id, correspondence_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = await message_reads(read, [row[0] for row in rows])
    return resource_response(
        Page[CorrespondenceMessageRead](data=data, has_more=cursor is not None, next_cursor=cursor)
    )


@router.post(
    "/{correspondence_id}/assign",
    operation_id="assignCorrespondence",
    summary="Say whose thread it is",
    response_model=CorrespondenceRead,
    responses=_CHANGED,
)
async def assign(correspondence_id: UUID, body: CorrespondenceAssign, write: Writing) -> Response:
    """For an e-mail of somebody whom nobody knew."""
    version = write.expected_version(required=False)
    return await _change(
        write,
        correspondence_id,
        lambda session: assign_thread(
            session, correspondence_id, body.account_id, body.contact_id, expected_version=version
        ),
    )


@router.post(
    "/{correspondence_id}/mark",
    operation_id="markCorrespondence",
    summary="Mark a thread as read or unread",
    response_model=CorrespondenceRead,
    responses=_CHANGED,
)
async def mark(correspondence_id: UUID, body: CorrespondenceMark, write: Writing) -> Response:
    """An e-mail that comes in makes its thread unread."""
    return await _change(
        write, correspondence_id, lambda session: mark_thread(session, correspondence_id, unread=body.unread)
    )


@router.post(
    "/{correspondence_id}/owner",
    operation_id="setCorrespondenceOwner",
    summary="Say who looks after a thread",
    response_model=CorrespondenceRead,
    responses=_CHANGED,
)
async def owner(correspondence_id: UUID, body: CorrespondenceOwner, write: Writing) -> Response:
    """Null for nobody."""
    version = write.expected_version(required=False)
    return await _change(
        write,
        correspondence_id,
        lambda session: set_thread_owner(session, correspondence_id, body.owner_id, expected_version=version),
    )


@router.post(
    "/{correspondence_id}/close",
    operation_id="closeCorrespondence",
    summary="Close a thread",
    response_model=CorrespondenceRead,
    responses=_CHANGED,
)
async def close(correspondence_id: UUID, write: Writing) -> Response:
    """An e-mail that comes in opens it again."""
    version = write.expected_version(required=False)
    return await _change(
        write,
        correspondence_id,
        lambda session: set_thread_state(session, correspondence_id, "closed", expected_version=version),
    )


@router.post(
    "/{correspondence_id}/reopen",
    operation_id="reopenCorrespondence",
    summary="Open a thread again",
    response_model=CorrespondenceRead,
    responses=_CHANGED,
)
async def reopen(correspondence_id: UUID, write: Writing) -> Response:
    """There is more to say."""
    version = write.expected_version(required=False)
    return await _change(
        write,
        correspondence_id,
        lambda session: set_thread_state(session, correspondence_id, "open", expected_version=version),
    )


@messages_router.get(
    "/{message_id}",
    operation_id="getCorrespondenceMessage",
    summary="Read a message",
    response_model=CorrespondenceMessageRead,
    responses={**problems(404), **_OK},
)
async def get_message(message_id: UUID, read: Reading) -> Response:
    """One message with its files and what came of it."""
    found = await message_read(read, message_id)
    return resource_response(found, found.version)


@messages_router.post(
    "/{message_id}/cancel",
    operation_id="cancelCorrespondenceMessage",
    summary="Keep a planned message from leaving",
    response_model=CorrespondenceMessageRead,
    responses=_CHANGED,
)
async def cancel(message_id: UUID, write: Writing) -> Response:
    """One that has left is not called back."""
    version = write.expected_version(required=False)

    async def work(session: WriteSession) -> Answer:
        await cancel_message(session, message_id, expected_version=version)
        made = await message_read(session, message_id)
        return answer(made, version=made.version)

    return await write.run(work)


@messages_router.post(
    "/{message_id}/post",
    operation_id="postCorrespondenceLetter",
    summary="Say that a letter was put into the post",
    response_model=CorrespondenceMessageRead,
    responses=_CHANGED,
)
async def post(message_id: UUID, write: Writing) -> Response:
    """From now on it counts as a contact."""
    version = write.expected_version(required=False)

    async def work(session: WriteSession) -> Answer:
        await post_letter(session, message_id, write.now, expected_version=version)
        made = await message_read(session, message_id)
        return answer(made, version=made.version)

    return await write.run(work)


async def _check_documents(write: Write, document_ids: Sequence[UUID]) -> None:
    """What one may not see is not sent either: it would come to be seen by way of the thread."""
    if not document_ids:
        return
    async with write.database.read(write.principal.organization_id) as session:
        try:
            for document_id in document_ids:
                await visible_document(session, write.principal, document_id)
        except DocumentNotFound:
            raise MessageInvalid("no such document", pointer="/document_ids") from None


async def _check_answer(write: Write, body: CorrespondenceCreate) -> None:
    """Caps and do-not-contact give way to an answer only where the customer has asked something."""
    if not body.answer:
        return
    async with write.database.read(write.principal.organization_id) as session:
        await check_asked(session, body.account_id, body.correspondence_id, write.now)


async def _change(write: Write, thread_id: UUID, change: Callable[[WriteSession], Awaitable[None]]) -> Response:
    async def work(session: WriteSession) -> Answer:
        await change(session)
        made = CorrespondenceRead.of(await queries.get_thread(session, thread_id))
        return answer(made, version=made.version)

    return await write.run(work)
