"""HTTP of disputes. Whoever lacks all-disputes:read meets only the disputes that they work on; others are not found."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.disputes import casework, queries
from app.disputes.errors import DisputeNotFound
from app.disputes.event_view import limit_to_own_work
from app.disputes.models import Dispute, DisputeComment, DisputeTransition
from app.disputes.opening import open_dispute
from app.disputes.queries import DisputeFilter
from app.disputes.schemas import (
    Code,
    DisputeCommentCreate,
    DisputeCommentRead,
    DisputeCounts,
    DisputeCreate,
    DisputeOrigin,
    DisputeRead,
    DisputeState,
    DisputeTransitionRead,
    DisputeUpdate,
)
from app.disputes.schemas_shown import dispute_reads, shown_dispute
from app.documents.service import guard_subject, visible_document
from app.infra.database import Actor, ReadSession, WriteSession
from app.infra.events import limit_events_with
from app.infra.http.fields import BusinessDate, Currency, Instant, Number, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.organizations.queries import local_today

router = APIRouter(prefix="/disputes", tags=["disputes"])
Reading = Annotated[ReadSession, reads("disputes:read")]
Caller = Annotated[Principal, callers("disputes:read")]
Writing = Annotated[Write, writes("disputes:read", "disputes:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
_NO_SUCH = UUID(int=0)
_SORTS = {
    "created": (SortKey(Dispute.id, UUID),),
    "sla_due_on": (SortKey(Dispute.sla_due_on, date.fromisoformat), SortKey(Dispute.id, UUID)),
    "opened_on": (SortKey(Dispute.opened_on, date.fromisoformat), SortKey(Dispute.id, UUID)),
    "updated_at": (SortKey(Dispute.updated_at, datetime.fromisoformat), SortKey(Dispute.id, UUID)),
}


async def _guard(session: ReadSession, actor: Actor, dispute_id: UUID) -> None:
    await queries.get_dispute(session, dispute_id, actor)


guard_subject("dispute", _guard)
limit_events_with(limit_to_own_work)


@router.post(
    "",
    operation_id="openDispute",
    summary="Open a dispute",
    status_code=201,
    response_model=DisputeRead,
    responses=problems(404, 409),
)
async def create(body: DisputeCreate, write: Writing) -> Response:
    """Parts of one or several instalments of an account; what is not disputed stays collectable. The team is told."""

    async def work(session: WriteSession) -> Answer:
        for document_id in body.document_ids:
            await visible_document(session, write.principal, document_id)
        dispute_id = await open_dispute(session, body.command(await local_today(session, write.now)))
        made = await shown_dispute(session, write.principal, dispute_id)
        return created(made, version=made.version, location=f"/v1/disputes/{dispute_id}")

    return await write.run(work)


@router.get(
    "",
    operation_id="listDisputes",
    summary="List disputes",
    response_model=Page[DisputeRead],
    responses=problems(),
)
async def list_disputes(
    read: Reading,
    caller: Caller,
    page: Paging,
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    invoice_id: UUID | None = None,
    instalment_id: UUID | None = None,
    payment_id: UUID | None = None,
    number: Number | None = None,
    state: DisputeState | None = None,
    active: Annotated[bool | None, Query(description="Open, in review, or waiting for the customer")] = None,
    origin: DisputeOrigin | None = None,
    reason_code: Annotated[Code | None, Query()] = None,
    team: Annotated[Code | None, Query()] = None,
    assignee_id: UUID | None = None,
    mine: Annotated[bool, Query(description="Assigned to the caller")] = False,
    unassigned: bool | None = None,
    sla_breached: bool | None = None,
    sla_due_to: Annotated[BusinessDate | None, Query(description="Active, to be resolved by then")] = None,
    credit_pending: Annotated[bool | None, Query(description="A credit waits for approval")] = None,
    opened_from: BusinessDate | None = None,
    opened_to: BusinessDate | None = None,
    currency: Currency | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """By filter, in a stable order (`created`, `sla_due_on`, `opened_on` or `updated_at`)."""
    reason = None if reason_code is None else await queries.find_reason(read, reason_code)
    found_team = None if team is None else await queries.find_team(read, team)
    wanted = DisputeFilter(
        account_id=account_id,
        legal_entity_id=legal_entity_id,
        invoice_id=invoice_id,
        instalment_id=instalment_id,
        payment_id=payment_id,
        number=number,
        state=state,
        active=active,
        origin=origin,
        reason_id=None if reason_code is None else reason.id if reason else _NO_SUCH,
        team_id=None if team is None else found_team.id if found_team else _NO_SUCH,
        assignee_id=caller.actor.id or _NO_SUCH if mine else assignee_id,
        unassigned=unassigned,
        breached=sla_breached,
        due_to=sla_due_to,
        opened_from=opened_from,
        opened_to=opened_to,
        currency=currency,
        updated_since=updated_since,
        credit_pending=credit_pending,
    )
    statement = queries.disputes_statement(read.organization_id, caller.actor, wanted)
    sort, keys = choose_sort(page, _SORTS, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = await dispute_reads(read, caller, [row[0] for row in rows])
    return resource_response(Page[DisputeRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/counts",
    operation_id="countDisputes",
    summary="Count active disputes",
    response_model=DisputeCounts,
    responses=problems(),
)
async def counts(read: Reading, caller: Caller) -> Response:
    """For badges: by state, past their clock, the caller's, nobody's, with a credit to decide."""
    found = await queries.count_active(read, caller.actor)
    return resource_response(DisputeCounts.model_validate(found._asdict()))


@router.get(
    "/{dispute_id}",
    operation_id="getDispute",
    summary="Read a dispute",
    response_model=DisputeRead,
    responses=problems(404),
)
async def get(dispute_id: UUID, read: Reading, caller: Caller) -> Response:
    """One dispute; `ETag` is its version."""
    found = await shown_dispute(read, caller, dispute_id, caller.actor)
    return resource_response(found, found.version)


@router.patch(
    "/{dispute_id}",
    operation_id="updateDispute",
    summary="Change a dispute",
    response_model=DisputeRead,
    responses=problems(404, 409, 412, 428),
)
async def update(dispute_id: UUID, body: DisputeUpdate, write: Writing) -> Response:
    """Text, reference, reason, or a lower disputed amount. `If-Match` is required: of two editors one gets 412."""
    version = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        dispute = await queries.get_dispute(session, dispute_id, session.actor)
        today = await local_today(session, write.now)
        changes = body.changes(dispute.currency)
        await casework.edit_dispute(session, dispute_id, changes, today=today, expected_version=version)
        made = await shown_dispute(session, write.principal, dispute_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.get(
    "/{dispute_id}/comments",
    operation_id="listDisputeComments",
    summary="List the comments of a dispute",
    response_model=Page[DisputeCommentRead],
    responses=problems(404),
)
async def comments(dispute_id: UUID, read: Reading, caller: Caller, page: Paging) -> Response:
    """The oldest first; `sort=-created` shows the newest."""
    await queries.get_dispute(read, dispute_id, caller.actor)
    sort, keys = choose_sort(page, {"created": (SortKey(DisputeComment.id, UUID),)}, "created")
    statement = queries.comments_statement(read.organization_id, dispute_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [DisputeCommentRead.of(row[0]) for row in rows]
    return resource_response(Page[DisputeCommentRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/{dispute_id}/comments",
    operation_id="commentDispute",
    summary="Comment a dispute",
    status_code=201,
    response_model=DisputeCommentRead,
    responses=problems(404),
)
async def comment(dispute_id: UUID, body: DisputeCommentCreate, write: Writing) -> Response:
    """Comments are never changed; they may be written after the end, too."""

    async def work(session: WriteSession) -> Answer:
        comment_id = await casework.comment_dispute(session, dispute_id, body.text)
        row = await session.get(DisputeComment, (session.organization_id, comment_id), populate_existing=True)
        if row is None:
            raise DisputeNotFound("no such comment")
        return created(DisputeCommentRead.of(row), location=f"/v1/disputes/{dispute_id}/comments")

    return await write.run(work)


@router.get(
    "/{dispute_id}/history",
    operation_id="listDisputeTransitions",
    summary="List the steps of a dispute",
    response_model=Page[DisputeTransitionRead],
    responses=problems(404),
)
async def history(dispute_id: UUID, read: Reading, caller: Caller, page: Paging) -> Response:
    """From its opening to its end, and after a reopening again."""
    await queries.get_dispute(read, dispute_id, caller.actor)
    sort, keys = choose_sort(page, {"created": (SortKey(DisputeTransition.id, UUID),)}, "created")
    statement = queries.transitions_statement(read.organization_id, dispute_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [DisputeTransitionRead.of(row[0]) for row in rows]
    return resource_response(Page[DisputeTransitionRead](data=data, has_more=cursor is not None, next_cursor=cursor))
