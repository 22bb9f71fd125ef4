"""HTTP of customer data care: likely duplicates, merges, findings."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.customer_data import queries
from app.customer_data.checks import accept_finding
from app.customer_data.merging import dismiss_duplicate, merge_accounts, undo_merge
from app.customer_data.models import AccountDuplicate, AccountMerge, DataFinding
from app.customer_data.schemas import (
    DuplicateDismiss,
    DuplicateRead,
    DuplicateState,
    FindingAccept,
    FindingCounts,
    FindingKind,
    FindingRead,
    FindingState,
    MergeRead,
    MergeRequest,
    MergeUndo,
    duplicate_read,
    finding_read,
    merge_read,
)
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.organizations.queries import local_today

router = APIRouter(tags=["customer data"])
Reading = Annotated[ReadSession, reads("accounts:read")]
Writing = Annotated[Write, writes("accounts:write")]
Approving = Annotated[Write, writes("accounts:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
_DUPLICATES = {
    "score": (SortKey(AccountDuplicate.score, int), SortKey(AccountDuplicate.id, UUID)),
    "created": (SortKey(AccountDuplicate.id, UUID),),
}
_MERGES = {"created": (SortKey(AccountMerge.id, UUID),)}
_FINDINGS = {"created": (SortKey(DataFinding.id, UUID),)}


@router.get(
    "/account-duplicates",
    operation_id="listAccountDuplicates",
    summary="Accounts that may be one customer, the likeliest first",
    response_model=Page[DuplicateRead],
    responses=problems(),
)
async def list_duplicates(
    read: Reading, page: Paging, state: DuplicateState | None = "proposed", account_id: UUID | None = None
) -> Response:
    """Found every night from names, bank identifiers, addresses and phone numbers; a dismissed pair stays dismissed."""
    sort, keys = choose_sort(page, _DUPLICATES, "-score")
    statement = queries.duplicates_statement(read.organization_id, state, account_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [duplicate_read(row[0]) for row in rows]
    return resource_response(Page[DuplicateRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/account-duplicates/{duplicate_id}/dismiss",
    operation_id="dismissAccountDuplicate",
    summary="Say that these are two customers",
    response_model=DuplicateRead,
    responses=problems(404, 409, 412),
)
async def dismiss(duplicate_id: UUID, body: DuplicateDismiss, write: Writing) -> Response:
    """The pair is not proposed again."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        pair = duplicate_read(await dismiss_duplicate(session, duplicate_id, note=body.note, expected_version=version))
        return answer(pair, version=pair.version)

    return await write.run(work)


@router.post(
    "/accounts/{account_id}/merge",
    operation_id="mergeAccount",
    summary="Merge another account into this one",
    status_code=201,
    response_model=MergeRead,
    responses=problems(404, 409),
)
async def merge(account_id: UUID, body: MergeRequest, write: Approving) -> Response:
    """Contacts, payer identities and members move; what was posted stays where it stands. It can be undone."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        merge_id = await merge_accounts(session, account_id, body.merged_account_id, reason=body.reason, on=today)
        made = merge_read(await queries.lock_merge(session, merge_id))
        return created(made, version=made.version, location=f"/v1/account-merges/{merge_id}")

    return await write.run(work)


@router.get(
    "/account-merges",
    operation_id="listAccountMerges",
    summary="List merges of accounts",
    response_model=Page[MergeRead],
    responses=problems(),
)
async def list_merges(read: Reading, page: Paging, account_id: UUID | None = None) -> Response:
    """Newest first; with `account_id` those in which it takes part."""
    sort, keys = choose_sort(page, _MERGES, "-created")
    rows, cursor = await fetch_page(read, queries.merges_statement(read.organization_id, account_id), page, keys, sort)
    data = [merge_read(row[0]) for row in rows]
    return resource_response(Page[MergeRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/account-merges/{merge_id}/undo",
    operation_id="undoAccountMerge",
    summary="Take a merge back",
    response_model=MergeRead,
    responses=problems(404, 409, 412),
)
async def undo(merge_id: UUID, body: MergeUndo, write: Approving) -> Response:
    """What moved goes back, unless it was moved on since."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        version = write.expected_version(required=False)
        made = merge_read(await undo_merge(session, merge_id, reason=body.reason, on=today, expected_version=version))
        return answer(made, version=made.version)

    return await write.run(work)


@router.get(
    "/data-findings",
    operation_id="listDataFindings",
    summary="What is missing or stale in customer data",
    response_model=Page[FindingRead],
    responses=problems(),
)
async def list_findings(
    read: Reading,
    page: Paging,
    state: FindingState | None = "open",
    kind: FindingKind | None = None,
    account_id: UUID | None = None,
) -> Response:
    """Looked for every night. A finding closes by itself when it is mended."""
    sort, keys = choose_sort(page, _FINDINGS, "created")
    statement = queries.findings_statement(read.organization_id, state, kind, account_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [finding_read(row[0]) for row in rows]
    return resource_response(Page[FindingRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/data-findings/counts",
    operation_id="countDataFindings",
    summary="Numbers for badges",
    response_model=FindingCounts,
    responses=problems(),
)
async def count_findings(read: Reading) -> Response:
    """Open findings by kind."""
    kinds = await queries.finding_counts(read)
    return resource_response(FindingCounts(total=sum(kinds.values()), kinds=kinds))


@router.post(
    "/data-findings/{finding_id}/accept",
    operation_id="acceptDataFinding",
    summary="Say that it may stay as it is",
    response_model=FindingRead,
    responses=problems(404, 409, 412),
)
async def accept(finding_id: UUID, body: FindingAccept, write: Writing) -> Response:
    """No work item any more; it comes back only when it was mended meanwhile."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        made = finding_read(await accept_finding(session, finding_id, note=body.note, expected_version=version))
        return answer(made, version=made.version)

    return await write.run(work)
