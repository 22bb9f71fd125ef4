"""HTTP of accounts; their contacts, payer identities and payment terms are in the routers beside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from app.accounts import queries
from app.accounts.commands import AccountCommand
from app.accounts.errors import BatchRefused
from app.accounts.models import Account
from app.accounts.queries import AccountFilter
from app.accounts.schemas import (
    AccountBatch,
    AccountCreate,
    AccountRead,
    AccountUpdate,
    AccountUpsert,
    BatchResults,
    CreditStatus,
    Status,
    account_read,
    batch_results,
    item_errors,
)
from app.accounts.upsert import Upserted, create_account, update_account, upsert_accounts
from app.core.errors import DomainError
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import (
    ETAG_HEADER,
    Country,
    ExternalId,
    ExternalRef,
    Instant,
    Number,
    Source,
    resource_response,
    text,
)
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.infra.versions import check_version

router = APIRouter(prefix="/accounts", tags=["accounts"])
Reading = Annotated[ReadSession, reads("accounts:read")]
Caller = Annotated[Principal, callers("accounts:read")]
Writing = Annotated[Write, writes("accounts:write")]
_SORTS = {
    "created": (SortKey(Account.id, UUID),),
    "number": (SortKey(Account.number, str), SortKey(Account.id, UUID)),
    "name": (SortKey(Account.name, str), SortKey(Account.id, UUID)),
    "updated_at": (SortKey(Account.updated_at, datetime.fromisoformat), SortKey(Account.id, UUID)),
}


@router.post(
    "",
    operation_id="createAccount",
    summary="Create an account",
    status_code=201,
    response_model=AccountRead,
    responses={**problems(409), 201: {"description": "The new account", "headers": ETAG_HEADER}},
)
async def create(body: AccountCreate, write: Writing) -> Response:
    """Create one account. Its number, and its external reference if it has one, must be free."""
    _require_limit_right(write.principal, body)

    async def work(session: WriteSession) -> Answer:
        account_id = await create_account(session, body.command(body.external_ref))
        made = account_read(await queries.get_account(session, account_id), write.principal.scopes)
        return created(made, version=made.version, location=f"/v1/accounts/{account_id}")

    return await write.run(work)


@router.get("", operation_id="listAccounts", summary="List accounts", response_model=Page[AccountRead],
            responses=problems())  # fmt: skip
async def list_accounts(
    read: Reading,
    caller: Caller,
    page: Annotated[PageRequest, Depends(page_request)],
    number: Number | None = None,
    name: Annotated[str | None, text(100), Query(min_length=2, description="Part of the name, in any case")] = None,
    country: Country | None = None,
    segment: Annotated[str | None, text(64)] = None,
    collector_id: UUID | None = None,
    status: Status | None = None,
    credit_status: CreditStatus | None = None,
    parent_id: UUID | None = None,
    source: Source | None = None,
    external_id: ExternalId | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """Accounts by filter, in a stable order (`created`, `number`, `name` or `updated_at`)."""
    wanted = AccountFilter(
        number=number,
        name=name,
        country=country,
        segment=segment,
        collector_id=collector_id,
        status=status,
        credit_status=credit_status,
        parent_id=parent_id,
        source=source,
        external_id=external_id,
        updated_since=updated_since,
    )
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = queries.accounts_statement(read.organization_id, wanted).with_only_columns(Account.id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    found = await queries.account_rows(read, [row[0] for row in rows])
    data = [account_read(found[row[0]], caller.scopes) for row in rows]
    return resource_response(Page[AccountRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/batch",
    operation_id="upsertAccounts",
    summary="Create or update up to 1,000 accounts",
    response_model=BatchResults,
    responses=problems(409, 413),
)
async def batch(
    body: AccountBatch,
    write: Writing,
    atomic: Annotated[bool, Query(description="All or nothing: the first refusal undoes the others")] = False,
) -> Response:
    """One result for each item, in their order; an item that is refused does not touch the others.

    Parents may stand anywhere in the batch. With `atomic` the whole batch is refused with the fields of every item
    that was at fault. Credit limit and status need `accounts:approve` or `imports:write` besides.
    """
    _require_limit_right(write.principal, *body.items)

    async def work(session: WriteSession) -> Answer:
        results = await _upsert(session, body, by_hand=_by_hand(write.principal))
        refused = [(index, result) for index, result in enumerate(results) if isinstance(result, DomainError)]
        if atomic and refused:
            fields = [error for index, refusal in refused for error in item_errors(index, refusal)]
            detail = f"{len(refused)} of {len(results)} items were refused; nothing was written"
            raise BatchRefused(detail, errors=tuple(fields[:100]), refused=len(refused))
        return answer(batch_results(results))

    return await write.run(work)


async def _upsert(
    session: WriteSession, body: AccountBatch, *, by_hand: frozenset[str] | None
) -> list[Upserted | DomainError]:
    """Upsert what can be read as a command; the others are refused in their places."""
    results: list[Upserted | DomainError | None] = [None] * len(body.items)
    commands: list[AccountCommand] = []
    places: list[int] = []
    for index, item in enumerate(body.items):
        try:
            commands.append(item.command(item.external_ref))
        except DomainError as refusal:
            results[index] = refusal
        else:
            places.append(index)
    for index, result in zip(places, await upsert_accounts(session, commands, by_hand=by_hand), strict=True):
        results[index] = result
    return [result for result in results if result is not None]


@router.put(
    "/by-ref/{source}/{external_id:path}",
    operation_id="upsertAccount",
    summary="Create or update the account with this external reference",
    response_model=AccountRead,
    responses={
        **problems(409, 412),
        200: {"description": "The account as it is now", "headers": ETAG_HEADER},
        201: {"description": "The account is new", "model": AccountRead, "headers": ETAG_HEADER},
    },
)
async def upsert(
    source: Annotated[Source, Path()], external_id: Annotated[ExternalId, Path()], body: AccountUpsert, write: Writing
) -> Response:
    """Fields that are left out keep their values. An account without reference but with this number is taken over.

    Credit limit and status need the scope `accounts:approve`, or `imports:write` of a system that leads them.
    """
    _require_limit_right(write.principal, body)

    async def work(session: WriteSession) -> Answer:
        expected = write.expected_version(required=False)
        if expected is not None:
            await _check_reference(session, source, external_id, expected)
        command = body.command(ExternalRef(source=source, id=external_id))
        result = (await upsert_accounts(session, [command], by_hand=_by_hand(write.principal)))[0]
        if isinstance(result, DomainError):
            raise result
        made = account_read(await queries.get_account(session, result.id), write.principal.scopes)
        if result.outcome == "created":
            return created(made, version=made.version, location=f"/v1/accounts/{result.id}")
        return answer(made, version=made.version)

    return await write.run(work)


def _by_hand(principal: Principal) -> frozenset[str] | None:
    """The scopes of a person who keeps the account; None for a system that leads it."""
    led = "imports:write" in principal.scopes and principal.actor.kind != "user"
    return None if led else principal.scopes


def _require_limit_right(principal: Principal, *items: AccountUpsert) -> None:
    """Limit and credit status are led by the system whose data is loaded, or approved here.

    Whoever keeps accounts sets neither: a collector neither raises a limit nor lifts what the ERP stopped.
    """
    led = {"credit_limit", "credit_status"}
    if "imports:write" not in principal.scopes and any(led & item.model_fields_set for item in items):
        principal.require("accounts:approve")


async def _check_reference(session: WriteSession, source: str, external_id: str, expected: int) -> None:
    await queries.lock_account_tree(session)
    rows = await queries.lock_matching_accounts(session, [(source, external_id)], [])
    check_version(expected, rows[0]["version"] if rows else 0)


@router.get(
    "/{account_id}",
    operation_id="getAccount",
    summary="Read an account",
    response_model=AccountRead,
    responses={**problems(404), 200: {"description": "The account", "headers": ETAG_HEADER}},
)
async def get(account_id: UUID, read: Reading, caller: Caller) -> Response:
    """One account; `ETag` is its version."""
    found = account_read(await queries.get_account(read, account_id), caller.scopes)
    return resource_response(found, found.version)


@router.patch(
    "/{account_id}",
    operation_id="updateAccount",
    summary="Change an account",
    response_model=AccountRead,
    responses={**problems(404, 409, 412, 428), 200: {"description": "The account", "headers": ETAG_HEADER}},
)
async def update(account_id: UUID, body: AccountUpdate, write: Writing) -> Response:
    """Change the given fields; `If-Match` is required, so that nobody's change is lost.

    A credit limit needs the scope `accounts:approve` besides, terms and risk class need `credit:write`: otherwise a
    credit review changes them. Where the credit policy demands reviews, only a review does.
    """
    if "credit_limit" in body.model_fields_set:
        write.principal.require("accounts:approve")

    async def work(session: WriteSession) -> Answer:
        expected = write.expected_version()
        present = await queries.get_account(session, account_id)
        changes, by_hand = body.changes(present["currency"]), _by_hand(write.principal)
        await update_account(session, account_id, changes, expected_version=expected, by_hand=by_hand)
        return await _answer(session, account_id, write)

    return await write.run(work)


@router.post(
    "/{account_id}/deactivate",
    operation_id="deactivateAccount",
    summary="Take an account out of use",
    response_model=AccountRead,
    responses=problems(404, 409, 412),
)
async def deactivate(account_id: UUID, write: Writing) -> Response:
    """What is open stays open; the account is no longer offered for new business."""
    return await _set_active(account_id, write, False)


@router.post(
    "/{account_id}/activate",
    operation_id="activateAccount",
    summary="Bring an account back into use",
    response_model=AccountRead,
    responses=problems(404, 409, 412),
)
async def activate(account_id: UUID, write: Writing) -> Response:
    """Undo a deactivation."""
    return await _set_active(account_id, write, True)


async def _set_active(account_id: UUID, write: Write, active: bool) -> Response:
    async def work(session: WriteSession) -> Answer:
        expected = write.expected_version(required=False)
        await update_account(session, account_id, {"active": active}, expected_version=expected)
        return await _answer(session, account_id, write)

    return await write.run(work)


async def _answer(session: WriteSession, account_id: UUID, write: Write) -> Answer:
    made = account_read(await queries.get_account(session, account_id), write.principal.scopes)
    return answer(made, version=made.version)
