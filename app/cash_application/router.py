"""HTTP of the cash-application room: runs, settings of the organization and of accounts."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select

from app.cash_application import queries
from app.cash_application.models import AccountMatchingSettings, MatchingRun
from app.cash_application.precision import switch_automatic
from app.cash_application.report import run_figures
from app.cash_application.run import start_run
from app.cash_application.schemas import (
    AccountSettingsRead,
    AccountSettingsUpdate,
    AutomaticSwitch,
    MatchingSettingsRead,
    MatchingSettingsUpdate,
    RunCreate,
    RunRead,
    RunReport,
    RunState,
)
from app.cash_application.settings import (
    delete_account_settings,
    find_settings,
    get_account_settings,
    put_account_settings,
    update_settings,
)
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, reads, writes
from app.infra.principal import Principal
from app.organizations.queries import local_today

router = APIRouter(prefix="/cash-application", tags=["cash application"])
Reading = Annotated[ReadSession, reads("cash-application:read")]
Caller = Annotated[Principal, callers("cash-application:read")]
Writing = Annotated[Write, writes("cash-application:write")]
Approving = Annotated[Write, writes("cash-application:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
_RUN_SORTS = {"created": (SortKey(MatchingRun.id, UUID),)}
_ACCOUNT_SORTS = {"created": (SortKey(AccountMatchingSettings.id, UUID),)}


@router.post(
    "/runs",
    operation_id="startMatchingRun",
    summary="Match the payments that wait",
    status_code=202,
    response_model=RunRead,
    responses=problems(),
)
async def start(body: RunCreate, write: Writing) -> Response:
    """A job works through them in batches; read the run for its progress and report."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        run_id = await start_run(session, trigger="person", today=today, retry=body.include_unmatched)
        made = RunRead.of(await queries.get_run(session, run_id))
        return Answer(made, 202, location=f"/v1/cash-application/runs/{run_id}")

    return await write.run(work)


@router.get(
    "/runs",
    operation_id="listMatchingRuns",
    summary="List matching runs",
    response_model=Page[RunRead],
    responses=problems(),
)
async def list_runs(read: Reading, page: Paging, state: RunState | None = None) -> Response:
    """Runs, the oldest first; `sort=-created` shows the newest."""
    statement = select(MatchingRun).where(MatchingRun.organization_id == read.organization_id)
    if state is not None:
        statement = statement.where(MatchingRun.state == state)
    sort, keys = choose_sort(page, _RUN_SORTS, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [RunRead.of(row[0]) for row in rows]
    return resource_response(Page[RunRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/runs/{run_id}",
    operation_id="getMatchingRun",
    summary="Read a matching run and its report",
    response_model=RunReport,
    responses=problems(404),
)
async def get_run(run_id: UUID, read: Reading) -> Response:
    """State, progress, what was applied, proposed or left and why; how precise it was so far, and how quick."""
    run = await queries.get_run(read, run_id)
    return resource_response(RunReport.reported(run, await run_figures(read, run_id)))


@router.get(
    "/settings",
    operation_id="getMatchingSettings",
    summary="Read the matching settings",
    response_model=MatchingSettingsRead,
    responses=problems(),
)
async def get_settings(read: Reading, caller: Caller) -> Response:
    """Thresholds, tolerances and the switch, with the notice when the service turned it; version 0: as shipped."""
    found = MatchingSettingsRead.of(await find_settings(read), caller.scopes)
    return resource_response(found, found.version)


@router.put(
    "/settings",
    operation_id="updateMatchingSettings",
    summary="Change the matching settings",
    response_model=MatchingSettingsRead,
    responses=problems(412, 428),
)
async def put_settings(body: MatchingSettingsUpdate, write: Writing) -> Response:
    """Holds from the next batch on; the change is on record."""
    command = body.command()

    async def work(session: WriteSession) -> Answer:
        await update_settings(session, command, expected_version=write.expected_version())
        return await _settings(session, write)

    return await write.run(work)


@router.post(
    "/settings/automatic",
    operation_id="switchAutomaticApplication",
    summary="Switch automatic application on or off",
    response_model=MatchingSettingsRead,
    responses=problems(412),
)
async def switch(body: AutomaticSwitch, write: Approving) -> Response:
    """Switched on again, with a reason, outcomes count anew: what was wrong before does not switch it off at once."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await switch_automatic(session, enabled=body.enabled, reason=body.reason, expected_version=version)
        return await _settings(session, write)

    return await write.run(work)


async def _settings(session: ReadSession, write: Write) -> Answer:
    found = MatchingSettingsRead.of(await find_settings(session), write.principal.scopes)
    return answer(found, version=found.version)


@router.get(
    "/account-settings",
    operation_id="listAccountMatchingSettings",
    summary="List accounts with matching settings of their own",
    response_model=Page[AccountSettingsRead],
    responses=problems(),
)
async def list_account_settings(
    read: Reading, caller: Caller, page: Paging, account_id: UUID | None = None
) -> Response:
    """In the order of their making."""
    table = AccountMatchingSettings
    statement = select(table).where(table.organization_id == read.organization_id)
    if account_id is not None:
        statement = statement.where(table.account_id == account_id)
    sort, keys = choose_sort(page, _ACCOUNT_SORTS, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [AccountSettingsRead.of(row[0], caller.scopes) for row in rows]
    return resource_response(Page[AccountSettingsRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/account-settings/{account_id}",
    operation_id="getAccountMatchingSettings",
    summary="Read the matching settings of an account",
    response_model=AccountSettingsRead,
    responses={**problems(404), 200: {"description": "The settings", "headers": ETAG_HEADER}},
)
async def get_account_settings_(account_id: UUID, read: Reading, caller: Caller) -> Response:
    """404 when the organization's settings hold for the account."""
    found = AccountSettingsRead.of(await get_account_settings(read, account_id), caller.scopes)
    return resource_response(found, found.version)


@router.put(
    "/account-settings/{account_id}",
    operation_id="putAccountMatchingSettings",
    summary="Give an account matching settings of its own",
    response_model=AccountSettingsRead,
    responses=problems(404, 412),
)
async def put_account_settings_(account_id: UUID, body: AccountSettingsUpdate, write: Writing) -> Response:
    """Creates or replaces; holds from the next batch on. `If-Match` guards against another's change."""
    command = body.command()

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await put_account_settings(session, account_id, command, expected_version=version)
        found = AccountSettingsRead.of(await get_account_settings(session, account_id), write.principal.scopes)
        return answer(found, version=found.version)

    return await write.run(work)


@router.delete(
    "/account-settings/{account_id}",
    operation_id="deleteAccountMatchingSettings",
    summary="Let the organization's matching settings hold for an account",
    status_code=204,
    responses=problems(404, 412),
)
async def delete_account_settings_(account_id: UUID, write: Writing) -> Response:
    """What held for the account stays on record in the change log."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await delete_account_settings(session, account_id, expected_version=version)
        return Answer(None, 204)

    return await write.run(work)
