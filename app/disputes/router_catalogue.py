"""HTTP of the catalogues: reasons for disputes and the teams that see to them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select

from app.disputes import catalogue, queries
from app.disputes.models import DisputeReason, DisputeTeam
from app.disputes.schemas_catalogue import (
    DisputeReasonCreate,
    DisputeReasonRead,
    DisputeReasonUpdate,
    DisputeTeamCreate,
    DisputeTeamRead,
    DisputeTeamUpdate,
)
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import changes, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal

router = APIRouter()
Reading = Annotated[ReadSession, reads("disputes:read")]
Caller = Annotated[Principal, callers("disputes:read")]
Writing = Annotated[Write, writes("disputes:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
_EDIT = "disputes:approve"
_REASON_SORTS = {
    "created": (SortKey(DisputeReason.id, UUID),),
    "code": (SortKey(DisputeReason.code, str), SortKey(DisputeReason.id, UUID)),
}
_TEAM_SORTS = {
    "created": (SortKey(DisputeTeam.id, UUID),),
    "code": (SortKey(DisputeTeam.code, str), SortKey(DisputeTeam.id, UUID)),
}


@router.post(
    "/dispute-reasons",
    operation_id="createDisputeReason",
    summary="Add a reason for disputes",
    status_code=201,
    response_model=DisputeReasonRead,
    responses=problems(409),
    tags=["dispute reasons"],
)
async def create_reason(body: DisputeReasonCreate, write: Writing) -> Response:
    """With its team and clock. Payers' words that are its `aliases` lead short payments to it."""

    async def work(session: WriteSession) -> Answer:
        row = await catalogue.create_reason(session, body.command())
        return created(await _reason(session, row), version=row.version, location=f"/v1/dispute-reasons/{row.id}")

    return await write.run(work)


@router.get(
    "/dispute-reasons",
    operation_id="listDisputeReasons",
    summary="List the reasons for disputes",
    response_model=Page[DisputeReasonRead],
    responses=problems(),
    tags=["dispute reasons"],
)
async def list_reasons(read: Reading, caller: Caller, page: Paging, active: bool | None = None) -> Response:
    """The catalogue, by code. A new organization gets the usual ones within moments, or with its first dispute."""
    statement = select(DisputeReason).where(DisputeReason.organization_id == read.organization_id)
    if active is not None:
        statement = statement.where(DisputeReason.active == active)
    sort, keys = choose_sort(page, _REASON_SORTS, "code")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    _, teams = await queries.codes(read)
    may_edit = _EDIT in caller.scopes
    books = await catalogue.playbooks_of(read, [row[0].code for row in rows])
    data = [DisputeReasonRead.of(row[0], teams, books[row[0].code], may_edit=may_edit) for row in rows]
    return resource_response(Page[DisputeReasonRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/dispute-reasons/{dispute_reason_id}",
    operation_id="getDisputeReason",
    summary="Read a reason for disputes",
    response_model=DisputeReasonRead,
    responses=problems(404),
    tags=["dispute reasons"],
)
async def get_reason(dispute_reason_id: UUID, read: Reading, caller: Caller) -> Response:
    """One reason; `ETag` is its version."""
    row = await queries.get_reason(read, dispute_reason_id)
    return resource_response(await _reason(read, row, may_edit=_EDIT in caller.scopes), row.version)


@router.patch(
    "/dispute-reasons/{dispute_reason_id}",
    operation_id="updateDisputeReason",
    summary="Change a reason for disputes",
    response_model=DisputeReasonRead,
    responses=problems(404, 409, 412, 428),
    tags=["dispute reasons"],
)
async def update_reason(dispute_reason_id: UUID, body: DisputeReasonUpdate, write: Writing) -> Response:
    """`If-Match` is required. Open disputes keep their clock; the code stays for ever."""
    version = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        row = await catalogue.update_reason(session, dispute_reason_id, changes(body), expected_version=version)
        return answer(await _reason(session, row), version=row.version)

    return await write.run(work)


@router.post(
    "/dispute-teams",
    operation_id="createDisputeTeam",
    summary="Add a team for disputes",
    status_code=201,
    response_model=DisputeTeamRead,
    responses=problems(409),
    tags=["dispute teams"],
)
async def create_team(body: DisputeTeamCreate, write: Writing) -> Response:
    """Its members see the disputes of the team."""

    async def work(session: WriteSession) -> Answer:
        row = await catalogue.create_team(session, body.command())
        made = DisputeTeamRead.of(row, may_edit=True)
        return created(made, version=row.version, location=f"/v1/dispute-teams/{row.id}")

    return await write.run(work)


@router.get(
    "/dispute-teams",
    operation_id="listDisputeTeams",
    summary="List the teams for disputes",
    response_model=Page[DisputeTeamRead],
    responses=problems(),
    tags=["dispute teams"],
)
async def list_teams(read: Reading, caller: Caller, page: Paging, active: bool | None = None) -> Response:
    """The catalogue, by code."""
    statement = select(DisputeTeam).where(DisputeTeam.organization_id == read.organization_id)
    if active is not None:
        statement = statement.where(DisputeTeam.active == active)
    sort, keys = choose_sort(page, _TEAM_SORTS, "code")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [DisputeTeamRead.of(row[0], may_edit=_EDIT in caller.scopes) for row in rows]
    return resource_response(Page[DisputeTeamRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/dispute-teams/{dispute_team_id}",
    operation_id="getDisputeTeam",
    summary="Read a team for disputes",
    response_model=DisputeTeamRead,
    responses=problems(404),
    tags=["dispute teams"],
)
async def get_team(dispute_team_id: UUID, read: Reading, caller: Caller) -> Response:
    """One team; `ETag` is its version."""
    row = await queries.get_team(read, dispute_team_id)
    return resource_response(DisputeTeamRead.of(row, may_edit=_EDIT in caller.scopes), row.version)


@router.patch(
    "/dispute-teams/{dispute_team_id}",
    operation_id="updateDisputeTeam",
    summary="Change a team for disputes",
    response_model=DisputeTeamRead,
    responses=problems(404, 409, 412, 428),
    tags=["dispute teams"],
)
async def update_team(dispute_team_id: UUID, body: DisputeTeamUpdate, write: Writing) -> Response:
    """`If-Match` is required. Who leaves the team no longer sees its disputes."""
    version = write.expected_version()

    async def work(session: WriteSession) -> Answer:
        row = await catalogue.update_team(session, dispute_team_id, changes(body), expected_version=version)
        return answer(DisputeTeamRead.of(row, may_edit=True), version=row.version)

    return await write.run(work)


async def _reason(session: ReadSession, row: DisputeReason, *, may_edit: bool = True) -> DisputeReasonRead:
    _, teams = await queries.codes(session)
    books = await catalogue.playbooks_of(session, [row.code])
    return DisputeReasonRead.of(row, teams, books[row.code], may_edit=may_edit)
