"""HTTP of inquiries, meetings and copies of invoices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.correspondence.compose import Prepared, prepare
from app.correspondence.follow_up import inquiries, meetings
from app.correspondence.follow_up.inquiries import InquiryFilter, get_inquiry
from app.correspondence.follow_up.meetings import MeetingPlan, check_plan, get_meeting, invitation, invitation_message
from app.correspondence.follow_up.receipt import prepare_copy, send_copy
from app.correspondence.follow_up.schemas import (
    InquiryAnswer,
    InquiryAssign,
    InquiryCounts,
    InquiryCreate,
    InquiryRead,
    InvoiceCopySend,
    MeetingChange,
    MeetingCreate,
    MeetingRead,
)
from app.correspondence.models import Inquiry, Meeting
from app.correspondence.router import message_read
from app.correspondence.rules import InquiryCategory, InquiryState, MeetingState
from app.correspondence.schemas import CorrespondenceMessageRead
from app.documents.service import KeptContent, keep_content
from app.documents.storage import document_store
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, Instant, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes

inquiries_router = APIRouter(prefix="/inquiries", tags=["correspondence"])
meetings_router = APIRouter(prefix="/meetings", tags=["correspondence"])
copies_router = APIRouter(prefix="/invoice-copies", tags=["correspondence"])
_SORTS = {
    "created": (SortKey(Inquiry.id, UUID),),
    "due_at": (SortKey(Inquiry.due_at, datetime.fromisoformat), SortKey(Inquiry.id, UUID)),
}
_MEETING_SORTS = {
    "starts_at": (SortKey(Meeting.starts_at, datetime.fromisoformat), SortKey(Meeting.id, UUID)),
}
Reading = Annotated[ReadSession, reads("correspondence:read")]
Writing = Annotated[Write, writes("correspondence:write")]
_OK: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}
_CHANGED = {**problems(404, 409, 412), **_OK}


@inquiries_router.post(
    "",
    operation_id="createInquiry",
    summary="Take down a question of a customer",
    status_code=201,
    response_model=InquiryRead,
    responses=problems(404),
)
async def create_inquiry(body: InquiryCreate, write: Writing) -> Response:
    """Its clock runs in hours of business of the organization."""

    async def work(session: WriteSession) -> Answer:
        inquiry_id = await inquiries.open_inquiry(session, body.command(), write.now)
        made = InquiryRead.of(await get_inquiry(session, inquiry_id))
        return created(made, version=made.version, location=f"/v1/inquiries/{inquiry_id}")

    return await write.run(work)


@inquiries_router.get(
    "",
    operation_id="listInquiries",
    summary="List inquiries",
    response_model=Page[InquiryRead],
    responses=problems(),
)
async def list_inquiries(
    read: Reading,
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
    owner_id: UUID | None = None,
    correspondence_id: UUID | None = None,
    state: InquiryState | None = None,
    category: InquiryCategory | None = None,
    breached: bool | None = None,
    unowned: bool | None = None,
    due_before: Instant | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """Inquiries by filter (`due_at` shows the most urgent first)."""
    wanted = InquiryFilter(
        account_id=account_id,
        owner_id=owner_id,
        correspondence_id=correspondence_id,
        state=state,
        category=category,
        breached=breached,
        unowned=unowned,
        due_before=due_before,
        updated_since=updated_since,
    )
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = inquiries.inquiries_statement(read.organization_id, wanted)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [InquiryRead.of(row[0]) for row in rows]
    return resource_response(Page[InquiryRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@inquiries_router.get(
    "/counts",
    operation_id="countInquiries",
    summary="Count inquiries for badges",
    response_model=InquiryCounts,
    responses=problems(),
)
async def count_inquiries(read: Reading) -> Response:
    """Open ones, those without an owner, those past their time."""
    return resource_response(InquiryCounts(**await inquiries.count_inquiries(read)))


@inquiries_router.get(
    "/{inquiry_id}",
    operation_id="getInquiry",
    summary="Read an inquiry",
    response_model=InquiryRead,
    responses={**problems(404), **_OK},
)
async def read_inquiry(inquiry_id: UUID, read: Reading) -> Response:
    """One inquiry; `ETag` is its version."""
    found = InquiryRead.of(await get_inquiry(read, inquiry_id))
    return resource_response(found, found.version)


@inquiries_router.post(
    "/{inquiry_id}/assign",
    operation_id="assignInquiry",
    summary="Say who answers",
    response_model=InquiryRead,
    responses=_CHANGED,
)
async def assign(inquiry_id: UUID, body: InquiryAssign, write: Writing) -> Response:
    """Null for nobody."""
    version = write.expected_version(required=False)
    return await _inquiry(
        write,
        inquiry_id,
        lambda session: inquiries.assign_inquiry(session, inquiry_id, body.owner_id, expected_version=version),
    )


@inquiries_router.post(
    "/{inquiry_id}/answer",
    operation_id="answerInquiry",
    summary="Write the answer down",
    response_model=InquiryRead,
    responses=_CHANGED,
)
async def answer_it(inquiry_id: UUID, body: InquiryAnswer, write: Writing) -> Response:
    """The clock stops. Sending it is `POST /v1/correspondences` with `answer`."""
    version = write.expected_version(required=False)
    return await _inquiry(
        write,
        inquiry_id,
        lambda session: inquiries.answer_inquiry(session, inquiry_id, body.answer, write.now, expected_version=version),
    )


@inquiries_router.post(
    "/{inquiry_id}/close",
    operation_id="closeInquiry",
    summary="Close an inquiry",
    response_model=InquiryRead,
    responses=_CHANGED,
)
async def close(inquiry_id: UUID, write: Writing) -> Response:
    """Nothing more is to be done."""
    version = write.expected_version(required=False)
    return await _inquiry(
        write,
        inquiry_id,
        lambda session: inquiries.close_inquiry(session, inquiry_id, write.now, expected_version=version),
    )


@inquiries_router.post(
    "/{inquiry_id}/reopen",
    operation_id="reopenInquiry",
    summary="Open an inquiry again",
    response_model=InquiryRead,
    responses=_CHANGED,
)
async def reopen(inquiry_id: UUID, write: Writing) -> Response:
    """The answer was not enough: the clock starts anew."""
    version = write.expected_version(required=False)
    return await _inquiry(
        write,
        inquiry_id,
        lambda session: inquiries.reopen_inquiry(session, inquiry_id, write.now, expected_version=version),
    )


async def _inquiry(write: Write, inquiry_id: UUID, change: Callable[[WriteSession], Awaitable[None]]) -> Response:
    async def work(session: WriteSession) -> Answer:
        await change(session)
        made = InquiryRead.of(await get_inquiry(session, inquiry_id))
        return answer(made, version=made.version)

    return await write.run(work)


@meetings_router.post(
    "",
    operation_id="createMeeting",
    summary="Invite a contact to a meeting",
    status_code=201,
    response_model=MeetingRead,
    responses=problems(404, 409),
)
async def create_meeting(body: MeetingCreate, request: Request, write: Writing) -> Response:
    """An e-mail with an iCalendar file; the answer that comes back is read."""
    plan, meeting_id = body.plan(), meetings.new_meeting_id()
    check_plan(plan, write.now)
    message = invitation_message(body.account_id, body.contact_id, plan, thread_id=body.correspondence_id)
    prepared, file = await _invitation(request, write, meeting_id, plan, message, sequence=0, cancel=False)

    async def work(session: WriteSession) -> Answer:
        await meetings.invite(session, prepared, plan, meeting_id, file, write.now)
        made = MeetingRead.of(await get_meeting(session, meeting_id))
        return created(made, version=made.version, location=f"/v1/meetings/{meeting_id}")

    return await write.run(work)


@meetings_router.get(
    "",
    operation_id="listMeetings",
    summary="List meetings",
    response_model=Page[MeetingRead],
    responses=problems(),
)
async def list_meetings(
    read: Reading,
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
    contact_id: UUID | None = None,
    state: MeetingState | None = None,
    starts_from: Instant | None = None,
    starts_to: Instant | None = None,
) -> Response:
    """In the order of their time."""
    sort, keys = choose_sort(page, _MEETING_SORTS, "starts_at")
    statement = meetings.meetings_statement(
        read.organization_id, starts_from=starts_from, starts_to=starts_to, account_id=account_id,
        contact_id=contact_id, state=state,
    )  # fmt: skip
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [MeetingRead.of(row[0]) for row in rows]
    return resource_response(Page[MeetingRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@meetings_router.get(
    "/{meeting_id}",
    operation_id="getMeeting",
    summary="Read a meeting",
    response_model=MeetingRead,
    responses={**problems(404), **_OK},
)
async def read_meeting(meeting_id: UUID, read: Reading) -> Response:
    """One meeting; `ETag` is its version."""
    found = MeetingRead.of(await get_meeting(read, meeting_id))
    return resource_response(found, found.version)


@meetings_router.post(
    "/{meeting_id}/change",
    operation_id="changeMeeting",
    summary="Move a meeting",
    response_model=MeetingRead,
    responses=_CHANGED,
)
async def change_meeting(meeting_id: UUID, body: MeetingChange, request: Request, write: Writing) -> Response:
    """The contact gets an update and answers anew."""
    plan = body.plan()
    meeting, prepared, file = await _update(request, write, meeting_id, plan, cancel=False)
    version = write.expected_version(required=False) or meeting.version

    async def work(session: WriteSession) -> Answer:
        await meetings.change_meeting(session, meeting_id, plan, prepared, file, write.now, expected_version=version)
        made = MeetingRead.of(await get_meeting(session, meeting_id))
        return answer(made, version=made.version)

    return await write.run(work)


@meetings_router.post(
    "/{meeting_id}/cancel",
    operation_id="cancelMeeting",
    summary="Cancel a meeting",
    response_model=MeetingRead,
    responses=_CHANGED,
)
async def cancel_meeting(meeting_id: UUID, request: Request, write: Writing) -> Response:
    """The contact is told by an iCalendar file that takes it out of their calendar."""
    meeting, prepared, file = await _update(request, write, meeting_id, None, cancel=True)
    version = write.expected_version(required=False) or meeting.version

    async def work(session: WriteSession) -> Answer:
        await meetings.cancel_meeting(session, meeting_id, prepared, file, write.now, expected_version=version)
        made = MeetingRead.of(await get_meeting(session, meeting_id))
        return answer(made, version=made.version)

    return await write.run(work)


async def _update(
    request: Request, write: Write, meeting_id: UUID, plan: MeetingPlan | None, *, cancel: bool
) -> tuple[Meeting, Prepared, KeptContent]:
    async with write.database.read(write.principal.organization_id) as session:
        meeting = await get_meeting(session, meeting_id)
    if plan is None:
        plan = meetings.plan_of(meeting)
    else:
        check_plan(plan, write.now)
    message = invitation_message(
        meeting.account_id, meeting.contact_id, plan, thread_id=meeting.correspondence_id, cancel=cancel
    )
    prepared, file = await _invitation(
        request, write, meeting_id, plan, message, sequence=meeting.sequence + 1, cancel=cancel
    )
    return meeting, prepared, file


async def _invitation(
    request: Request, write: Write, meeting_id: UUID, plan: MeetingPlan, message: Any, *, sequence: int, cancel: bool
) -> tuple[Prepared, KeptContent]:
    """The e-mail around an invitation, and its iCalendar file, kept."""
    principal, settings = write.principal, request.app.state.settings
    prepared = await prepare(
        write.database, principal.organization_id, message, author=principal.actor.name, now=write.now
    )
    organizer = prepared.preferences.reply_to or settings.smtp_from or "noreply@localhost.invalid"
    content = invitation(
        meeting_id, plan, organizer=organizer, attendee=prepared.recipient or "unknown@localhost.invalid",
        sequence=sequence, now=write.now, cancel=cancel,
    )  # fmt: skip
    store = document_store(settings)
    file = await keep_content(store, principal.organization_id, content, "invite.ics", media_type=meetings.ICS)
    return prepared, file


@copies_router.post(
    "",
    operation_id="sendInvoiceCopy",
    summary="Send the copy of an invoice",
    status_code=201,
    response_model=CorrespondenceMessageRead,
    responses=problems(404, 409),
)
async def send_invoice_copy(body: InvoiceCopySend, write: Writing) -> Response:
    """With `not_received` the delivery state of the invoice says so first, and then that it was sent again."""
    principal = write.principal
    prepared = await prepare_copy(
        write.database,
        principal.organization_id,
        body.invoice_id,
        contact_id=body.contact_id,
        thread_id=body.correspondence_id,
        author=principal.actor.name,
        now=write.now,
        answer=body.answer,
    )

    async def work(session: WriteSession) -> Answer:
        message_id = await send_copy(session, prepared, write.now, not_received=body.not_received)
        made = await message_read(session, message_id)
        return created(made, version=made.version, location=f"/v1/correspondence-messages/{message_id}")

    return await write.run(work)
