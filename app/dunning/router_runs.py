"""HTTP of dunning runs and simulations, and of what they withheld."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.dunning import queries
from app.dunning.deciding import approve_notices, pending_ids
from app.dunning.models import DunningRun, DunningWithheldItem
from app.dunning.runs import INLINE_ACCOUNTS, StartRun, get_run, plan_next, start_run
from app.dunning.schemas import ApprovalResults, RunKind, RunState, WithheldReason, approvals_read
from app.dunning.schemas_runs import (
    RunCreate,
    RunDetail,
    RunRead,
    SimulationCreate,
    WithheldRead,
    run_detail,
    run_read,
    withheld_read,
)
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, reads, writes
from app.organizations.queries import local_today

router = APIRouter(prefix="/dunning", tags=["dunning"])
DunningRead = Annotated[ReadSession, reads("dunning:read")]
DunningWrite = Annotated[Write, writes("dunning:write")]
DunningApprove = Annotated[Write, writes("dunning:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
_RUN_SORTS = {"created": (SortKey(DunningRun.id, UUID),)}
_WITHHELD_SORTS = {"created": (SortKey(DunningWithheldItem.id, UUID),)}


async def _detail(session: ReadSession, run_id: UUID) -> RunDetail:
    row = await get_run(session, run_id)
    steps, reasons, states = await queries.run_details(session, run_id)
    return run_detail(row, steps, reasons, states)


async def _start(session: WriteSession, write: Write, command: StartRun) -> Answer:
    """The first accounts are planned at once, so that a small run is done when it is answered; a worker does more."""
    today = await local_today(session, write.now)
    run_id, fresh = await start_run(session, command, today=today)
    if fresh:
        await plan_next(session, run_id, today=today, limit=INLINE_ACCOUNTS)
    made = await _detail(session, run_id)
    return Answer(made, 202, made.version, f"/v1/dunning/runs/{run_id}")


@router.post(
    "/runs",
    operation_id="startDunningRun",
    summary="Run dunning now",
    status_code=202,
    response_model=RunDetail,
    responses=problems(409),
)
async def start(body: RunCreate, write: DunningWrite) -> Response:
    """What is due is planned once, however often and by however many a run is started; small runs are done at once."""

    async def work(session: WriteSession) -> Answer:
        return await _start(session, write, body.command(await local_today(session, write.now)))

    return await write.run(work)


@router.post(
    "/runs/simulate",
    operation_id="simulateDunningRun",
    summary="Show what a run would do",
    status_code=202,
    response_model=RunDetail,
    responses=problems(404, 409),
)
async def simulate(body: SimulationCreate, write: DunningWrite) -> Response:
    """The same notices and reasons as a run, kept for a month, without any effect: nothing is sent, charged or due."""

    async def work(session: WriteSession) -> Answer:
        return await _start(session, write, body.command(await local_today(session, write.now)))

    return await write.run(work)


@router.get(
    "/runs",
    operation_id="listDunningRuns",
    summary="List runs",
    response_model=Page[RunRead],
    responses=problems(),
)
async def list_runs(
    read: DunningRead,
    page: Paging,
    kind: Annotated[RunKind | None, Query(description="Simulations are listed only by their kind")] = None,
    state: RunState | None = None,
) -> Response:
    """The latest first."""
    statement = queries.runs_statement(read.organization_id, kind, state)
    sort, keys = choose_sort(page, _RUN_SORTS, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [run_read(row[0]) for row in rows]
    return resource_response(Page[RunRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/runs/{dunning_run_id}",
    operation_id="getDunningRun",
    summary="Read a run",
    response_model=RunDetail,
    responses=problems(404),
)
async def get(dunning_run_id: UUID, read: DunningRead) -> Response:
    """State and progress, notices by step, what was withheld by reason."""
    found = await _detail(read, dunning_run_id)
    return resource_response(found, found.version)


@router.post(
    "/runs/{dunning_run_id}/approve",
    operation_id="approveDunningRun",
    summary="Approve the notices of a run that wait",
    response_model=ApprovalResults,
    responses=problems(404),
)
async def approve(dunning_run_id: UUID, write: DunningApprove) -> Response:
    """Up to a thousand of them; `pending` says how many wait still. What is not due any more is cancelled instead."""

    async def work(session: WriteSession) -> Answer:
        await get_run(session, dunning_run_id)
        found = await approve_notices(session, await pending_ids(session, dunning_run_id), now=write.now)
        left = len(await pending_ids(session, dunning_run_id))
        return answer(approvals_read(found, left))

    return await write.run(work)


@router.get(
    "/withheld-items",
    operation_id="listWithheldReminders",
    summary="List reminders that were due and not made",
    response_model=Page[WithheldRead],
    responses=problems(),
)
async def list_withheld(
    read: DunningRead,
    page: Paging,
    run_id: UUID | None = None,
    account_id: UUID | None = None,
    instalment_id: UUID | None = None,
    reason: WithheldReason | None = None,
) -> Response:
    """Each with the reason, in the order of the runs."""
    statement = queries.withheld_statement(read.organization_id, run_id, account_id, instalment_id, reason)
    sort, keys = choose_sort(page, _WITHHELD_SORTS, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [withheld_read(row[0]) for row in rows]
    return resource_response(Page[WithheldRead](data=data, has_more=cursor is not None, next_cursor=cursor))
