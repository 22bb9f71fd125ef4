"""HTTP of schedules of statements."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.clock import utc_now
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, changes, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.organizations.queries import local_today
from app.statements import schedule_queries as queries
from app.statements import schedules
from app.statements.models import StatementSchedule
from app.statements.rules import Frequency, Scope
from app.statements.schemas import (
    EffectiveScheduleRead,
    Segment,
    StatementScheduleCreate,
    StatementScheduleRead,
    StatementScheduleUpdate,
)

router = APIRouter(tags=["statements"])
_SORTS = {"created": (SortKey(StatementSchedule.id, UUID),)}
Reading = Annotated[ReadSession, reads("correspondence:read")]
Caller = Annotated[Principal, callers("correspondence:read")]
Writing = Annotated[Write, writes("correspondence:write")]
_OK: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}
_CHANGED = {**problems(404, 412, 428), **_OK}


def _require(write: Write, scope: str) -> None:
    """Only what concerns one account is the daily work; the rest is decided. Raises Forbidden."""
    if scope != "account":
        write.principal.require("correspondence:approve")


@router.post(
    "/statement-schedules",
    operation_id="createStatementSchedule",
    summary="Let statements go out on their own",
    status_code=201,
    response_model=StatementScheduleRead,
    responses=problems(404, 409),
)
async def create(body: StatementScheduleCreate, write: Writing) -> Response:
    """For the organization, a segment or one account; the narrowest counts. Any but an account's needs approval."""
    _require(write, body.scope)
    command = body.command()

    async def work(session: WriteSession) -> Answer:
        row = await schedules.add_schedule(session, command)
        made = StatementScheduleRead.of(row, await local_today(session, write.now), write.principal.scopes)
        return created(made, version=row.version, location=f"/v1/statement-schedules/{row.id}")

    return await write.run(work)


@router.get(
    "/statement-schedules",
    operation_id="listStatementSchedules",
    summary="List schedules of statements",
    response_model=Page[StatementScheduleRead],
    responses=problems(),
)
async def list_schedules(
    read: Reading,
    caller: Caller,
    page: Annotated[PageRequest, Depends(page_request)],
    scope: Scope | None = None,
    segment: Segment | None = None,
    account_id: UUID | None = None,
    frequency: Frequency | None = None,
) -> Response:
    """Schedules in the order in which they were added."""
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = queries.schedules_statement(
        read.organization_id, scope=scope, segment=segment, account_id=account_id, frequency=frequency
    )
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    today = await local_today(read, utc_now())
    data = [StatementScheduleRead.of(row[0], today, caller.scopes) for row in rows]
    return resource_response(Page[StatementScheduleRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/statement-schedules/{statement_schedule_id}",
    operation_id="getStatementSchedule",
    summary="Read a schedule of statements",
    response_model=StatementScheduleRead,
    responses={**problems(404), **_OK},
)
async def get(statement_schedule_id: UUID, read: Reading, caller: Caller) -> Response:
    """One schedule; `ETag` is its version."""
    row = await queries.get_schedule(read, statement_schedule_id)
    shown = StatementScheduleRead.of(row, await local_today(read, utc_now()), caller.scopes)
    return resource_response(shown, row.version)


@router.patch(
    "/statement-schedules/{statement_schedule_id}",
    operation_id="updateStatementSchedule",
    summary="Change a schedule of statements",
    response_model=StatementScheduleRead,
    responses=_CHANGED,
)
async def update(statement_schedule_id: UUID, body: StatementScheduleUpdate, write: Writing) -> Response:
    """What is due is counted from the day of the change on."""
    expected = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        _require(write, (await queries.get_schedule(session, statement_schedule_id)).scope)
        row = await schedules.change_schedule(session, statement_schedule_id, changes(body), expected_version=expected)
        today = await local_today(session, write.now)
        return answer(StatementScheduleRead.of(row, today, write.principal.scopes), version=row.version)

    return await write.run(work)


@router.delete(
    "/statement-schedules/{statement_schedule_id}",
    operation_id="deleteStatementSchedule",
    summary="Remove a schedule of statements",
    status_code=204,
    responses=problems(404, 412, 428),
)
async def delete(statement_schedule_id: UUID, write: Writing) -> Response:
    """The wider schedule counts again."""
    expected = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        _require(write, (await queries.get_schedule(session, statement_schedule_id)).scope)
        await schedules.remove_schedule(session, statement_schedule_id, expected_version=expected)
        return Answer(None, 204)

    return await write.run(work)


@router.get(
    "/accounts/{account_id}/statement-schedule",
    operation_id="getAccountStatementSchedule",
    summary="When an account gets its statements",
    response_model=EffectiveScheduleRead,
    responses=problems(404),
)
async def effective(account_id: UUID, read: Reading, caller: Caller) -> Response:
    """The schedule that counts for the account, and the next day on which one goes out."""
    today = await local_today(read, utc_now())
    found = await schedules.effective_schedule(read, account_id, today)
    shown = None if found.schedule is None else StatementScheduleRead.of(found.schedule, today, caller.scopes)
    return resource_response(EffectiveScheduleRead(account_id=account_id, schedule=shown, next_on=found.next_on))
