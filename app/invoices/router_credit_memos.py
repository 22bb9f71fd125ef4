"""HTTP of credit memos."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy import select

from app.core.money import to_minor
from app.core.reference_keys import reference_key
from app.infra.database import ReadSession, WriteSession
from app.infra.http.batches import Atomic, BatchResult, batch_result
from app.infra.http.fields import (
    ETAG_HEADER,
    BusinessDate,
    Currency,
    ExternalId,
    Instant,
    Number,
    Source,
    resource_response,
)
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.invoices import credit_memos
from app.invoices.batch_items import check_reference, place_outcomes, read_commands
from app.invoices.credit_memo_upsert import upsert_credit_memo, upsert_credit_memos, void_deleted_credit_memo
from app.invoices.models import CreditMemo
from app.invoices.queries import by_external_id
from app.invoices.schemas import InvoiceVoidRequest
from app.invoices.schemas_credit_memos import (
    CreditMemoBatch,
    CreditMemoCreate,
    CreditMemoRead,
    CreditMemoRefund,
    CreditMemoStatus,
)
from app.invoices.sql.credit_memos import get_credit_memo
from app.organizations.queries import local_today

router = APIRouter()
_MEMO_SORTS = {
    "created": (SortKey(CreditMemo.id, UUID),),
    "credit_date": (SortKey(CreditMemo.credit_date, datetime.fromisoformat), SortKey(CreditMemo.id, UUID)),
    "updated_at": (SortKey(CreditMemo.updated_at, datetime.fromisoformat), SortKey(CreditMemo.id, UUID)),
}
InvoicesRead = Annotated[ReadSession, reads("invoices:read")]
InvoicesWrite = Annotated[Write, writes("invoices:write")]
InvoicesApprove = Annotated[Write, writes("invoices:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]


@router.post(
    "/credit-memos",
    operation_id="createCreditMemo",
    summary="Issue a credit memo",
    status_code=201,
    response_model=CreditMemoRead,
    responses=problems(404, 409),
    tags=["credit memos"],
)
async def create_credit_memo(body: CreditMemoCreate, write: InvoicesWrite) -> Response:
    """The seller's credit; it is applied to instalments like cash."""

    async def work(session: WriteSession) -> Answer:
        memo_id = await credit_memos.issue_credit_memo(session, body.command())
        made = CreditMemoRead.of(await get_credit_memo(session, memo_id))
        return created(made, version=made.version, location=f"/v1/credit-memos/{memo_id}")

    return await write.run(work)


@router.get(
    "/credit-memos",
    operation_id="listCreditMemos",
    summary="List credit memos",
    response_model=Page[CreditMemoRead],
    responses=problems(),
    tags=["credit memos"],
)
async def list_credit_memos(
    read: InvoicesRead,
    page: Paging,
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    number: Number | None = None,
    source: Source | None = None,
    external_id: ExternalId | None = None,
    currency: Currency | None = None,
    status: CreditMemoStatus | None = None,
    credit_from: BusinessDate | None = None,
    credit_to: BusinessDate | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """Credit memos by filter, in a stable order (`created`, `credit_date` or `updated_at`)."""
    statement = select(CreditMemo).where(CreditMemo.organization_id == read.organization_id)
    equal = {
        "account_id": account_id,
        "legal_entity_id": legal_entity_id,
        "number": number,
        "source": source,
        "external_id": external_id,
        "currency": currency,
        "status": status,
    }
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(CreditMemo, name) == value)
    if external_id is not None:
        statement = statement.where(by_external_id(CreditMemo))
    if number is not None:  # the key has the index
        statement = statement.where(CreditMemo.number_key == reference_key(number))
    if credit_from is not None:
        statement = statement.where(CreditMemo.credit_date >= credit_from)
    if credit_to is not None:
        statement = statement.where(CreditMemo.credit_date <= credit_to)
    if updated_since is not None:
        statement = statement.where(CreditMemo.updated_at >= updated_since)
    sort, keys = choose_sort(page, _MEMO_SORTS, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [CreditMemoRead.of(row[0]) for row in rows]
    return resource_response(Page[CreditMemoRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/credit-memos/{credit_memo_id}",
    operation_id="getCreditMemo",
    summary="Read a credit memo",
    response_model=CreditMemoRead,
    responses=problems(404),
    tags=["credit memos"],
)
async def read_credit_memo(credit_memo_id: UUID, read: InvoicesRead) -> Response:
    """One credit memo; `ETag` is its version."""
    found = CreditMemoRead.of(await get_credit_memo(read, credit_memo_id))
    return resource_response(found, found.version)


@router.put(
    "/credit-memos/by-ref/{source}/{external_id:path}",
    operation_id="upsertCreditMemo",
    summary="Create or update a credit memo by its source's key",
    response_model=CreditMemoRead,
    responses={
        **problems(404, 409, 412),
        200: {"description": "The credit memo as it is now", "headers": ETAG_HEADER},
        201: {"description": "The credit memo is new", "model": CreditMemoRead, "headers": ETAG_HEADER},
    },
    tags=["credit memos"],
)
async def upsert_by_reference(
    source: Annotated[Source, Path()],
    external_id: Annotated[ExternalId, Path()],
    body: CreditMemoCreate,
    write: InvoicesWrite,
) -> Response:
    """After posting nothing is overwritten: another amount, account or date voids it and issues it anew."""
    check_reference(body.external_ref, source, external_id)

    async def work(session: WriteSession) -> Answer:
        result = await upsert_credit_memo(
            session,
            replace(body.command(), source=source, external_id=external_id),
            today=await local_today(session, write.now),
            expected_version=write.expected_version(required=False),
        )
        made = CreditMemoRead.of(await get_credit_memo(session, result.id))
        if result.outcome == "created":
            return created(made, version=made.version, location=f"/v1/credit-memos/{made.id}")
        return answer(made, version=made.version)

    return await write.run(work)


@router.delete(
    "/credit-memos/by-ref/{source}/{external_id:path}",
    operation_id="voidCreditMemoByReference",
    summary="Void a credit memo that was deleted at its source",
    response_model=CreditMemoRead,
    responses=problems(404, 409, 412),
    tags=["credit memos"],
)
async def void_by_reference(
    source: Annotated[Source, Path()], external_id: Annotated[ExternalId, Path()], write: InvoicesWrite
) -> Response:
    """Nothing is deleted here: the credit memo becomes void as of today, and is answered so. Then the key is free."""

    async def work(session: WriteSession) -> Answer:
        memo_id = await void_deleted_credit_memo(
            session,
            source,
            external_id,
            today=await local_today(session, write.now),
            expected_version=write.expected_version(required=False),
        )
        made = CreditMemoRead.of(await get_credit_memo(session, memo_id))
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/credit-memos/batch",
    operation_id="upsertCreditMemos",
    summary="Create or update up to 1,000 credit memos",
    response_model=BatchResult,
    responses=problems(409, 413),
    tags=["credit memos"],
)
async def upsert_batch(body: CreditMemoBatch, write: InvoicesWrite, atomic: Atomic = False) -> Response:
    """One result for each item, in order; with `atomic=true` all or nothing."""

    async def work(session: WriteSession) -> Answer:
        commands, outcomes = read_commands(body.items)
        today = await local_today(session, write.now)
        done = await upsert_credit_memos(session, commands, today=today)
        return answer(batch_result(place_outcomes(outcomes, done), atomic=atomic))

    return await write.run(work)


@router.post(
    "/credit-memos/{credit_memo_id}/void",
    operation_id="voidCreditMemo",
    summary="Void an unused credit memo",
    response_model=CreditMemoRead,
    responses=problems(404, 409, 412),
    tags=["credit memos"],
)
async def void_credit_memo(credit_memo_id: UUID, body: InvoiceVoidRequest, write: InvoicesWrite) -> Response:
    """The credit is taken back as of the effective date. Applications must be undone first."""

    async def work(session: WriteSession) -> Answer:
        await credit_memos.void_credit_memo(
            session,
            credit_memo_id,
            effective_date=body.effective_date,
            reason=body.reason,
            expected_version=write.expected_version(required=False),
        )
        made = CreditMemoRead.of(await get_credit_memo(session, credit_memo_id))
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/credit-memos/{credit_memo_id}/refund",
    operation_id="refundCreditMemo",
    summary="Pay an open credit back, wholly or in part",
    response_model=CreditMemoRead,
    responses=problems(404, 409, 412),
    tags=["credit memos"],
)
async def refund_credit_memo(credit_memo_id: UUID, body: CreditMemoRefund, write: InvoicesApprove) -> Response:
    """The refunded part is no longer open; it cannot exceed what is open."""

    async def work(session: WriteSession) -> Answer:
        memo = await get_credit_memo(session, credit_memo_id)
        await credit_memos.refund_credit_memo(
            session,
            credit_memo_id,
            amount_minor=to_minor(body.amount, memo.currency),
            effective_date=body.effective_date,
            reason=body.reason,
            expected_version=write.expected_version(required=False),
        )
        made = CreditMemoRead.of(await get_credit_memo(session, credit_memo_id))
        return answer(made, version=made.version)

    return await write.run(work)
