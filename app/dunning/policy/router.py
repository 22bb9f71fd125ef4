"""HTTP of dunning policies, who has which, and how the organization duns."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.clock import utc_now
from app.dunning.models import DunningAssignment, DunningPolicy, DunningPolicyVersion
from app.dunning.policy import policies, queries
from app.dunning.policy.preferences import find_settings, response_days, runs_at_night, update_settings
from app.dunning.policy.schemas import (
    AssignmentCreate,
    AssignmentRead,
    AssignmentScope,
    DunningSettingsRead,
    DunningSettingsUpdate,
    PolicyCreate,
    PolicyRead,
    PolicyUpdate,
    VersionActivate,
    VersionBody,
    VersionRead,
    VersionState,
    assignment_read,
    policy_read,
    version_read,
)
from app.infra.database import SYSTEM, Database, ReadSession, WriteSession
from app.infra.http.fields import changes, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.organizations.queries import local_today

router = APIRouter(prefix="/dunning", tags=["dunning"])
DunningRead = Annotated[ReadSession, reads("dunning:read")]
DunningWrite = Annotated[Write, writes("dunning:write")]
DunningApprove = Annotated[Write, writes("dunning:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
_POLICY_SORTS = {"created": (SortKey(DunningPolicy.id, UUID),), "code": (SortKey(DunningPolicy.code, str),)}
_VERSION_SORTS = {"number": (SortKey(DunningPolicyVersion.number, int),)}
_ASSIGNMENT_SORTS = {"created": (SortKey(DunningAssignment.id, UUID),)}


async def _policy(session: ReadSession, policy_id: UUID) -> PolicyRead:
    row = await policies.get_policy(session, policy_id)
    (shown,) = await _shown(session, [row])
    return shown


async def _shown(session: ReadSession, rows: list[DunningPolicy]) -> list[PolicyRead]:
    today = await local_today(session, utc_now())
    in_force, drafts = await queries.standing_versions(session, [row.id for row in rows], today)
    steps = await queries.steps_of(session, [version.id for version in in_force.values()])
    found = []
    for row in rows:
        version = in_force.get(row.id)
        shown = None if version is None else version_read(version, steps.get(version.id, []))
        found.append(policy_read(row, shown, drafts.get(row.id, [])))
    return found


async def _version(session: ReadSession, version_id: UUID) -> VersionRead:
    row = await policies.get_version(session, version_id)
    return version_read(row, (await queries.steps_of(session, [row.id])).get(row.id, []))


@router.get(
    "/policies",
    operation_id="listDunningPolicies",
    summary="List dunning policies",
    response_model=Page[PolicyRead],
    responses=problems(),
)
async def list_policies(
    request: Request,
    principal: Annotated[Principal, callers("dunning:read")],
    page: Paging,
    active: bool | None = None,
    shipped: Annotated[bool | None, Query(description="The one of accounts without any other")] = None,
) -> Response:
    """Policies with the version in force today. The one that comes with the service is put there at first sight."""
    database: Database = request.app.state.database
    async with database.read(principal.organization_id) as read:
        missing = not await policies.has_shipped(read)
    if missing:
        async with database.write(principal.organization_id, SYSTEM) as session:
            await policies.ensure_shipped(session)
    statement = queries.policies_statement(principal.organization_id, active, shipped)
    sort, keys = choose_sort(page, _POLICY_SORTS, "created")
    async with database.read(principal.organization_id) as read:
        rows, cursor = await fetch_page(read, statement, page, keys, sort)
        data = await _shown(read, [row[0] for row in rows])
    return resource_response(Page[PolicyRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/policies",
    operation_id="createDunningPolicy",
    summary="Write a policy",
    status_code=201,
    response_model=PolicyRead,
    responses=problems(409),
)
async def create_policy(body: PolicyCreate, write: DunningWrite) -> Response:
    """Its first version is a draft: nothing is dunned by it before it is activated and assigned."""

    async def work(session: WriteSession) -> Answer:
        policy_id = await policies.create_policy(
            session, code=body.code, name=body.name, description=body.description, draft=body.draft()
        )
        made = await _policy(session, policy_id)
        return created(made, version=made.version, location=f"/v1/dunning/policies/{policy_id}")

    return await write.run(work)


@router.get(
    "/policies/{dunning_policy_id}",
    operation_id="getDunningPolicy",
    summary="Read a policy",
    response_model=PolicyRead,
    responses=problems(404),
)
async def get_policy(dunning_policy_id: UUID, read: DunningRead) -> Response:
    """The policy with its version in force today; `ETag` is its version as a record."""
    found = await _policy(read, dunning_policy_id)
    return resource_response(found, found.version)


@router.patch(
    "/policies/{dunning_policy_id}",
    operation_id="updateDunningPolicy",
    summary="Rename or retire a policy",
    response_model=PolicyRead,
    responses=problems(404, 412, 428),
)
async def update_policy(dunning_policy_id: UUID, body: PolicyUpdate, write: DunningApprove) -> Response:
    """One that is not in use counts as unassigned: its accounts have the next less specific policy."""

    async def work(session: WriteSession) -> Answer:
        await policies.update_policy(session, dunning_policy_id, changes(body), write.expected_version())
        made = await _policy(session, dunning_policy_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.get(
    "/policies/{dunning_policy_id}/versions",
    operation_id="listDunningPolicyVersions",
    summary="List the versions of a policy",
    response_model=Page[VersionRead],
    responses=problems(404),
)
async def list_versions(
    dunning_policy_id: UUID, read: DunningRead, page: Paging, state: VersionState | None = None
) -> Response:
    """Of the active ones, that of the latest `valid_from` which is not in the future is in force."""
    await policies.get_policy(read, dunning_policy_id)
    statement = queries.versions_statement(read.organization_id, dunning_policy_id, state)
    sort, keys = choose_sort(page, _VERSION_SORTS, "-number")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    steps = await queries.steps_of(read, [row[0].id for row in rows])
    data = [version_read(row[0], steps.get(row[0].id, [])) for row in rows]
    return resource_response(Page[VersionRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/policies/{dunning_policy_id}/versions",
    operation_id="draftDunningPolicyVersion",
    status_code=201,
    summary="Write a further version of a policy",
    response_model=VersionRead,
    responses=problems(404),
)
async def draft_version(dunning_policy_id: UUID, body: VersionBody, write: DunningWrite) -> Response:
    """A draft, to be simulated and compared before it is activated."""

    async def work(session: WriteSession) -> Answer:
        version_id = await policies.draft_version(session, dunning_policy_id, body.draft())
        made = await _version(session, version_id)
        return created(made, version=made.version, location=f"/v1/dunning/policy-versions/{version_id}")

    return await write.run(work)


@router.get(
    "/policy-versions/{dunning_version_id}",
    operation_id="getDunningPolicyVersion",
    summary="Read a version of a policy",
    response_model=VersionRead,
    responses=problems(404),
)
async def get_version(dunning_version_id: UUID, read: DunningRead) -> Response:
    """The version with its steps."""
    found = await _version(read, dunning_version_id)
    return resource_response(found, found.version)


@router.put(
    "/policy-versions/{dunning_version_id}",
    operation_id="redraftDunningPolicyVersion",
    summary="Write a draft anew",
    response_model=VersionRead,
    responses=problems(404, 409, 412, 428),
)
async def redraft_version(dunning_version_id: UUID, body: VersionBody, write: DunningWrite) -> Response:
    """Only a draft; a version that was in force stays as it was."""

    async def work(session: WriteSession) -> Answer:
        await policies.redraft_version(session, dunning_version_id, body.draft(), write.expected_version())
        made = await _version(session, dunning_version_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/policy-versions/{dunning_version_id}/activate",
    operation_id="activateDunningPolicyVersion",
    summary="Put a version in force",
    response_model=VersionRead,
    responses=problems(404, 409, 412),
)
async def activate_version(dunning_version_id: UUID, body: VersionActivate, write: DunningApprove) -> Response:
    """From a day on. What was sent stays sent: the next step of each invoice follows the last one that counts."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        await policies.activate_version(
            session,
            dunning_version_id,
            valid_from=body.valid_from or today,
            today=today,
            expected_version=write.expected_version(required=False),
        )
        made = await _version(session, dunning_version_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/policy-versions/{dunning_version_id}/discard",
    operation_id="discardDunningPolicyVersion",
    summary="Discard a draft",
    response_model=VersionRead,
    responses=problems(404, 409, 412),
)
async def discard_version(dunning_version_id: UUID, write: DunningWrite) -> Response:
    """It stays readable."""

    async def work(session: WriteSession) -> Answer:
        await policies.discard_version(session, dunning_version_id, write.expected_version(required=False))
        made = await _version(session, dunning_version_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.get(
    "/assignments",
    operation_id="listDunningAssignments",
    summary="List who has which policy",
    response_model=Page[AssignmentRead],
    responses=problems(),
)
async def list_assignments(
    read: DunningRead,
    page: Paging,
    scope: AssignmentScope | None = None,
    account_id: UUID | None = None,
    policy_id: UUID | None = None,
) -> Response:
    """All assignments ever made; of two for the same the later holds."""
    statement = queries.assignments_statement(read.organization_id, scope, account_id, policy_id)
    sort, keys = choose_sort(page, _ASSIGNMENT_SORTS, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [assignment_read(row[0]) for row in rows]
    return resource_response(Page[AssignmentRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/assignments",
    operation_id="assignDunningPolicy",
    summary="Assign a policy",
    status_code=201,
    response_model=AssignmentRead,
    responses=problems(),
)
async def assign(body: AssignmentCreate, write: DunningApprove) -> Response:
    """To an account, a segment or everybody. With the first one nightly runs begin, unless they are switched off."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        await policies.ensure_shipped(session)
        row = await policies.assign_policy(session, body.command(today), today)
        return created(assignment_read(row), location="/v1/dunning/assignments")

    return await write.run(work)


async def _settings(session: ReadSession) -> DunningSettingsRead:
    row = await find_settings(session)
    return DunningSettingsRead(
        nightly=None if row is None else row.nightly,
        runs_at_night=await runs_at_night(session),
        response_days=await response_days(session),
        version=0 if row is None else row.version,
    )


@router.get(
    "/settings",
    operation_id="getDunningSettings",
    summary="Read how the organization duns",
    response_model=DunningSettingsRead,
    responses=problems(),
)
async def get_settings(read: DunningRead) -> Response:
    """Nightly runs, and within how many days an answer counts."""
    found = await _settings(read)
    return resource_response(found, found.version)


@router.patch(
    "/settings",
    operation_id="updateDunningSettings",
    summary="Change how the organization duns",
    response_model=DunningSettingsRead,
    responses=problems(412),
)
async def change_settings(body: DunningSettingsUpdate, write: DunningApprove) -> Response:
    """Nightly runs can be switched off; runs on demand stay possible."""

    async def work(session: WriteSession) -> Answer:
        await update_settings(session, changes(body), write.expected_version(required=False))
        made = await _settings(session)
        return answer(made, version=made.version)

    return await write.run(work)
