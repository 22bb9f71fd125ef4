"""HTTP of promises to pay."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.clock import utc_now
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import BusinessDate, Currency, Instant, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.organizations.queries import local_today
from app.promises import lists, queries
from app.promises.make import cancel_promise, make_promise, reschedule_promise
from app.promises.models import Promise
from app.promises.schemas import (
    PromiseCancel,
    PromiseCounts,
    PromiseCreate,
    PromiseRead,
    PromiseReschedule,
    PromiseStatus,
    promise_read,
)

router = APIRouter(tags=["promises"])
PromisesRead = Annotated[ReadSession, reads("promises:read")]
PromisesWrite = Annotated[Write, writes("promises:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
BROKEN_DAYS = 7
_SORTS = {
    "created": (SortKey(Promise.id, UUID),),
    "promised_date": (SortKey(Promise.promised_date, date.fromisoformat), SortKey(Promise.id, UUID)),
    "updated_at": (SortKey(Promise.updated_at, datetime.fromisoformat), SortKey(Promise.id, UUID)),
}


@router.post(
    "/promises",
    operation_id="makePromise",
    summary="Take down a promise to pay",
    status_code=201,
    response_model=PromiseRead,
    responses=problems(404, 409),
)
async def make(body: PromiseCreate, write: PromisesWrite) -> Response:
    """For instalments or the account as a whole; never more than is open, undisputed and not promised yet.

    From now on the money that arrives decides it; nobody sets it to kept or broken.
    """
    command = body.command()

    async def work(session: WriteSession) -> Answer:
        promise_id = await make_promise(session, command, today=await local_today(session, write.now))
        made = await _promise(session, promise_id)
        return created(made, version=made.version, location=f"/v1/promises/{promise_id}")

    return await write.run(work)


@router.get(
    "/promises",
    operation_id="listPromises",
    summary="List promises to pay",
    response_model=Page[PromiseRead],
    responses=problems(),
)
async def list_promises(
    read: PromisesRead,
    page: Paging,
    account_id: UUID | None = None,
    status: PromiseStatus | None = None,
    collector_id: UUID | None = None,
    instalment_id: UUID | None = None,
    currency: Currency | None = None,
    promised_from: BusinessDate | None = None,
    promised_to: BusinessDate | None = None,
    decided_from: BusinessDate | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """Promises by filter, in a stable order (`created`, `promised_date` or `updated_at`)."""
    wanted = lists.PromiseFilter(
        account_id, status, collector_id, instalment_id, currency, promised_from, promised_to, decided_from,
        updated_since,
    )  # fmt: skip
    sort, keys = choose_sort(page, _SORTS, "created")
    rows, cursor = await fetch_page(read, lists.promises_statement(read.organization_id, wanted), page, keys, sort)
    ids = [row[0].id for row in rows]
    items = await queries.items_of(read, "promise_items", ids)
    replaced = await queries.rescheduled_of(read, ids)
    data = [promise_read(row[0], items.get(row[0].id, []), rescheduled=row[0].id in replaced) for row in rows]
    return resource_response(Page[PromiseRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/promises/counts",
    operation_id="countPromises",
    summary="Count promises for badges",
    response_model=PromiseCounts,
    responses=problems(),
)
async def counts(read: PromisesRead, collector_id: UUID | None = None, account_id: UUID | None = None) -> Response:
    """Undecided ones, those due today, those in their grace, and those broken in the last week."""
    today = await local_today(read, utc_now())
    found = await lists.promise_counts(read, today, today - timedelta(days=BROKEN_DAYS), collector_id, account_id)
    return resource_response(PromiseCounts.model_validate(found, from_attributes=True))


@router.get(
    "/promises/{promise_id}",
    operation_id="getPromise",
    summary="Read a promise to pay",
    response_model=PromiseRead,
    responses=problems(404),
)
async def get_promise(promise_id: UUID, read: PromisesRead) -> Response:
    """One promise; `ETag` is its version."""
    found = await _promise(read, promise_id)
    return resource_response(found, found.version)


@router.post(
    "/promises/{promise_id}/cancel",
    operation_id="cancelPromise",
    summary="Take a promise back",
    response_model=PromiseRead,
    responses=problems(404, 409, 412),
)
async def cancel(promise_id: UUID, body: PromiseCancel, write: PromisesWrite) -> Response:
    """It no longer holds dunning and does not count in the rate of kept promises."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        version = write.expected_version(required=False)
        await cancel_promise(session, promise_id, reason=body.reason, today=today, expected_version=version)
        made = await _promise(session, promise_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/promises/{promise_id}/reschedule",
    operation_id="reschedulePromise",
    summary="Replace a promise by a later one",
    status_code=201,
    response_model=PromiseRead,
    responses=problems(404, 409, 412),
)
async def reschedule(promise_id: UUID, body: PromiseReschedule, write: PromisesWrite) -> Response:
    """The new promise names the old one and counts how often it was moved. A broken one stays broken."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        former = await queries.get_promise(session, promise_id)
        command = body.command(former.currency, write.expected_version(required=False))
        new_promise_id = await reschedule_promise(session, promise_id, command, today=today)
        made = await _promise(session, new_promise_id)
        return created(made, version=made.version, location=f"/v1/promises/{new_promise_id}")

    return await write.run(work)


async def _promise(session: ReadSession, promise_id: UUID) -> PromiseRead:
    found = await queries.get_promise(session, promise_id)
    items = await queries.items_of(session, "promise_items", [promise_id])
    replaced = await queries.rescheduled_of(session, [promise_id])
    return promise_read(found, items.get(promise_id, []), rescheduled=bool(replaced))
