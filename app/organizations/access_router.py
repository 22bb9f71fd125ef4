"""HTTP of who may act: the caller, users, API clients and their secrets."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select

from app.core.clock import utc_now
from app.core.money import to_text
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import changes, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.organizations import access, queries
from app.organizations.access_schemas import (
    ApiClientCreate,
    ApiClientMade,
    ApiClientRead,
    ApiClientUpdate,
    MeRead,
    SecretCreate,
    SecretMade,
    SecretRead,
    SecretsRead,
    UserCreate,
    UserRead,
    UserUpdate,
    api_client_read,
    limits_minor,
    secret_made,
    secret_read,
    user_read,
)
from app.organizations.models import ApiClient, User
from app.organizations.rules import permissions_of
from app.organizations.schemas import organization_read

router = APIRouter()
Caller = Annotated[Principal, callers()]
Paging = Annotated[PageRequest, Depends(page_request)]
ReadingUsers = Annotated[ReadSession, reads("users:read")]
WritingUsers = Annotated[Write, writes("users:write")]
ReadingClients = Annotated[ReadSession, reads("api-clients:read")]
WritingClients = Annotated[Write, writes("api-clients:write")]


@router.get(
    "/me",
    tags=["me"],
    operation_id="getMe",
    summary="Who is calling",
    response_model=MeRead,
    responses=problems(404),
)
async def get_me(caller: Caller, read: Annotated[ReadSession, reads()]) -> Response:
    """The caller's identity, organization, roles, scopes and permissions. Needs no scope."""
    organization = await queries.get_organization(read)
    roles = await queries.list_roles(read, caller.actor.kind, caller.actor.id)
    limit = caller.actor.approval_limit_minor
    me = MeRead.model_validate(
        {
            "kind": caller.actor.kind,
            "id": caller.actor.id,
            "name": caller.actor.name,
            "roles": roles,
            "scopes": sorted(caller.scopes),
            "permissions": permissions_of(caller.scopes),
            "approval_limit": None if limit is None else to_text(limit, organization.base_currency),
            "data_scope": caller.data_scope.definition if caller.data_scope else {},
            "organization": organization_read(organization, caller.scopes),
        }
    )
    return resource_response(me)


@router.post(
    "/users",
    tags=["users"],
    operation_id="createUser",
    summary="Add a user",
    status_code=201,
    response_model=UserRead,
    responses=problems(409),
)
async def create_user(body: UserCreate, write: WritingUsers) -> Response:
    """Add a person. Nobody gives away scopes that they do not hold; whoever collects may not post cash."""
    new = access.NewUser(
        email=body.email,
        display_name=body.display_name,
        roles=body.roles,
        issuer=body.issuer,
        subject=body.subject,
        approval_limits=limits_minor(body.approval_limits),
        team=body.team,
        data_scope=body.data_scope.model_dump(),
    )

    async def work(session: WriteSession) -> Answer:
        row = await access.create_user(session, new, granted_by=write.principal.scopes)
        made = user_read(row, write.principal.scopes)
        return created(made, version=row.version, location=f"/v1/users/{row.id}")

    return await write.run(work)


@router.get(
    "/users",
    tags=["users"],
    operation_id="listUsers",
    summary="List users",
    response_model=Page[UserRead],
    responses=problems(),
)
async def list_users(read: ReadingUsers, caller: Caller, page: Paging, active: bool | None = None) -> Response:
    """Users in the order of their creation."""
    statement = select(User).where(User.organization_id == read.organization_id)
    if active is not None:
        statement = statement.where(User.active == active)
    sort, keys = choose_sort(page, {"created": (SortKey(User.id, UUID),)}, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [user_read(row[0], caller.scopes) for row in rows]
    return resource_response(Page[UserRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/users/{user_id}",
    tags=["users"],
    operation_id="getUser",
    summary="Read a user",
    response_model=UserRead,
    responses=problems(404),
)
async def get_user(user_id: UUID, read: ReadingUsers, caller: Caller) -> Response:
    """One user; `ETag` is its version."""
    row = await queries.get_user(read, user_id)
    return resource_response(user_read(row, caller.scopes), row.version)


@router.patch(
    "/users/{user_id}",
    tags=["users"],
    operation_id="updateUser",
    summary="Change a user",
    response_model=UserRead,
    responses=problems(404, 409, 412, 428),
)
async def update_user(user_id: UUID, body: UserUpdate, write: WritingUsers) -> Response:
    """Change name, roles, limits or activity; a deactivated user's tokens stop within half a minute."""
    expected = write.expected_version()
    wanted = changes(body)
    if "approval_limits" in wanted:
        wanted["approval_limit"] = limits_minor(wanted.pop("approval_limits"))
    if "data_scope" in wanted:
        wanted["data_scope"] = body.data_scope.model_dump()

    async def work(session: WriteSession) -> Answer:
        scopes = write.principal.scopes
        row = await access.update_user(session, user_id, wanted, granted_by=scopes, expected_version=expected)
        return answer(user_read(row, scopes), version=row.version)

    return await write.run(work)


@router.post(
    "/api-clients",
    tags=["api-clients"],
    operation_id="createApiClient",
    summary="Add an API client",
    status_code=201,
    response_model=ApiClientMade,
    responses=problems(409),
)
async def create_api_client(body: ApiClientCreate, write: WritingClients) -> Response:
    """Add a program with its first secret, which is shown in this answer and never again."""
    new = access.NewApiClient(**body.model_dump())

    async def work(session: WriteSession) -> Answer:
        scopes = write.principal.scopes
        row, made = await access.create_api_client(session, new, granted_by=scopes)
        plain = api_client_read(row, scopes).model_dump()
        shown, kept = (
            ApiClientMade(**plain, secret=secret_made(made.row, secret, scopes, write.now))
            for secret in (made.text, None)
        )
        return Answer(shown, 201, row.version, f"/v1/api-clients/{row.id}", replay_body=kept)

    return await write.run(work)


@router.get(
    "/api-clients",
    tags=["api-clients"],
    operation_id="listApiClients",
    summary="List API clients",
    response_model=Page[ApiClientRead],
    responses=problems(),
)
async def list_api_clients(read: ReadingClients, caller: Caller, page: Paging, active: bool | None = None) -> Response:
    """API clients in the order of their creation."""
    statement = select(ApiClient).where(ApiClient.organization_id == read.organization_id)
    if active is not None:
        statement = statement.where(ApiClient.active == active)
    sort, keys = choose_sort(page, {"created": (SortKey(ApiClient.id, UUID),)}, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [api_client_read(row[0], caller.scopes) for row in rows]
    return resource_response(Page[ApiClientRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/api-clients/{api_client_id}",
    tags=["api-clients"],
    operation_id="getApiClient",
    summary="Read an API client",
    response_model=ApiClientRead,
    responses=problems(404),
)
async def get_api_client(api_client_id: UUID, read: ReadingClients, caller: Caller) -> Response:
    """One API client; `ETag` is its version."""
    row = await queries.get_api_client(read, api_client_id)
    return resource_response(api_client_read(row, caller.scopes), row.version)


@router.patch(
    "/api-clients/{api_client_id}",
    tags=["api-clients"],
    operation_id="updateApiClient",
    summary="Change an API client",
    response_model=ApiClientRead,
    responses=problems(404, 409, 412, 428),
)
async def update_api_client(api_client_id: UUID, body: ApiClientUpdate, write: WritingClients) -> Response:
    """Change name, roles, scopes or activity; a deactivated client's tokens stop within half a minute."""
    expected = write.expected_version()
    wanted = changes(body)
    if "data_scope" in wanted:
        wanted["data_scope"] = body.data_scope.model_dump()

    async def work(session: WriteSession) -> Answer:
        scopes = write.principal.scopes
        row = await access.update_api_client(
            session, api_client_id, wanted, granted_by=scopes, expected_version=expected
        )
        return answer(api_client_read(row, scopes), version=row.version)

    return await write.run(work)


@router.post(
    "/api-clients/{api_client_id}/secrets",
    tags=["api-clients"],
    operation_id="createApiClientSecret",
    summary="Make a further secret",
    status_code=201,
    response_model=SecretMade,
    responses=problems(404, 409),
)
async def create_secret(api_client_id: UUID, body: SecretCreate, write: WritingClients) -> Response:
    """Make a secret for rotation: two are valid at once. It is shown in this answer and never again."""

    async def work(session: WriteSession) -> Answer:
        scopes = write.principal.scopes
        made = await access.create_secret(
            session, api_client_id, expires_at=body.expires_at, granted_by=scopes, now=write.now
        )
        shown, kept = (secret_made(made.row, secret, scopes, write.now) for secret in (made.text, None))
        return Answer(shown, 201, replay_body=kept)

    return await write.run(work)


@router.get(
    "/api-clients/{api_client_id}/secrets",
    tags=["api-clients"],
    operation_id="listApiClientSecrets",
    summary="List the secrets of an API client",
    response_model=SecretsRead,
    responses=problems(404),
)
async def list_secrets(api_client_id: UUID, read: ReadingClients, caller: Caller) -> Response:
    """Prefixes and times of the newest hundred secrets; a secret itself is kept nowhere."""
    await queries.get_api_client(read, api_client_id)
    rows = await queries.list_secrets(read, api_client_id)
    now = utc_now()
    data: list[SecretRead] = [secret_read(row, caller.scopes, now) for row in rows]
    return resource_response(SecretsRead(data=data))


@router.post(
    "/api-clients/{api_client_id}/secrets/{secret_id}/revoke",
    tags=["api-clients"],
    operation_id="revokeApiClientSecret",
    summary="Revoke a secret",
    response_model=SecretRead,
    responses=problems(404, 409),
)
async def revoke_secret(api_client_id: UUID, secret_id: UUID, write: WritingClients) -> Response:
    """End a secret at once, and the tokens that it fetched within half a minute."""

    async def work(session: WriteSession) -> Answer:
        row = await access.revoke_secret(session, api_client_id, secret_id)
        return answer(secret_read(row, write.principal.scopes, write.now))

    return await write.run(work)
