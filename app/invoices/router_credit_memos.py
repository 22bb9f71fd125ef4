"""HTTP of credit memos and adjustments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select

from app.core.money import CurrencyMismatch, to_minor
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import BusinessDate, Currency, ExternalId, Instant, Number, Source, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.invoices import adjustments, credit_memos
from app.invoices.credit_memo_queries import get_credit_memo
from app.invoices.errors import AdjustmentNotFound
from app.invoices.models import Adjustment, CreditMemo
from app.invoices.queries import get_instalment
from app.invoices.schemas import InvoiceVoidRequest
from app.invoices.schemas_credit_memos import (
    AdjustmentCreate,
    AdjustmentDecision,
    AdjustmentRead,
    AdjustmentReverse,
    AdjustmentState,
    CreditMemoCreate,
    CreditMemoRead,
    CreditMemoRefund,
    CreditMemoStatus,
)

router = APIRouter()
_MEMO_SORTS = {
    "created": (SortKey(CreditMemo.id, UUID),),
    "credit_date": (SortKey(CreditMemo.credit_date, datetime.fromisoformat), SortKey(CreditMemo.id, UUID)),
    "updated_at": (SortKey(CreditMemo.updated_at, datetime.fromisoformat), SortKey(CreditMemo.id, UUID)),
}
_ADJUSTMENT_SORTS = {"created": (SortKey(Adjustment.id, UUID),)}
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


@router.post(
    "/adjustments",
    operation_id="requestAdjustment",
    summary="Request an adjustment of an instalment",
    status_code=201,
    response_model=AdjustmentRead,
    responses=problems(404),
    tags=["adjustments"],
)
async def request_adjustment(body: AdjustmentCreate, write: InvoicesWrite) -> Response:
    """Posted at once within the caller's own approval limit; otherwise it waits for somebody else's approval."""

    async def work(session: WriteSession) -> Answer:
        instalment = await get_instalment(session, body.instalment_id)
        if instalment.currency != body.currency:
            raise CurrencyMismatch(f"the instalment is in {instalment.currency}", pointer="/currency")
        adjustment_id = await adjustments.request_adjustment(session, body.command())
        made = await _adjustment(session, adjustment_id)
        return created(made, version=made.version, location=f"/v1/adjustments/{adjustment_id}")

    return await write.run(work)


@router.get(
    "/adjustments",
    operation_id="listAdjustments",
    summary="List adjustments",
    response_model=Page[AdjustmentRead],
    responses=problems(),
    tags=["adjustments"],
)
async def list_adjustments(
    read: InvoicesRead,
    page: Paging,
    state: AdjustmentState | None = None,
    account_id: UUID | None = None,
    instalment_id: UUID | None = None,
) -> Response:
    """Adjustments by filter; `state=requested` is the queue of whoever approves."""
    statement = select(Adjustment).where(Adjustment.organization_id == read.organization_id)
    for column, value in ((Adjustment.state, state), (Adjustment.account_id, account_id)):
        if value is not None:
            statement = statement.where(column == value)
    if instalment_id is not None:
        statement = statement.where(Adjustment.instalment_id == instalment_id)
    sort, keys = choose_sort(page, _ADJUSTMENT_SORTS, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [AdjustmentRead.of(row[0]) for row in rows]
    return resource_response(Page[AdjustmentRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/adjustments/{adjustment_id}",
    operation_id="getAdjustment",
    summary="Read an adjustment",
    response_model=AdjustmentRead,
    responses=problems(404),
    tags=["adjustments"],
)
async def read_adjustment(adjustment_id: UUID, read: InvoicesRead) -> Response:
    """One adjustment; `ETag` is its version."""
    found = await _adjustment(read, adjustment_id)
    return resource_response(found, found.version)


@router.post(
    "/adjustments/{adjustment_id}/approve",
    operation_id="approveAdjustment",
    summary="Approve and post an adjustment",
    response_model=AdjustmentRead,
    responses=problems(404, 409, 412, 428),
    tags=["adjustments"],
)
async def approve(adjustment_id: UUID, body: AdjustmentDecision, write: InvoicesApprove) -> Response:
    """Never by the person who asked for it, and never above the approver's limit."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version()
        await adjustments.approve_adjustment(session, adjustment_id, expected_version=version, note=body.note)
        made = await _adjustment(session, adjustment_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/adjustments/{adjustment_id}/reject",
    operation_id="rejectAdjustment",
    summary="Reject a requested adjustment",
    response_model=AdjustmentRead,
    responses=problems(404, 409, 412, 428),
    tags=["adjustments"],
)
async def reject(adjustment_id: UUID, body: AdjustmentDecision, write: InvoicesApprove) -> Response:
    """Nothing is posted."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version()
        await adjustments.reject_adjustment(session, adjustment_id, expected_version=version, note=body.note)
        made = await _adjustment(session, adjustment_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/adjustments/{adjustment_id}/reverse",
    operation_id="reverseAdjustment",
    summary="Undo a posted adjustment",
    status_code=201,
    response_model=AdjustmentRead,
    responses=problems(404, 409),
    tags=["adjustments"],
)
async def reverse(adjustment_id: UUID, body: AdjustmentReverse, write: InvoicesApprove) -> Response:
    """A new adjustment with the negative amount; the original stays."""

    async def work(session: WriteSession) -> Answer:
        undo_id = await adjustments.reverse_adjustment(
            session, adjustment_id, effective_date=body.effective_date, reason=body.reason
        )
        made = await _adjustment(session, undo_id)
        return created(made, version=made.version, location=f"/v1/adjustments/{undo_id}")

    return await write.run(work)


async def _adjustment(session: ReadSession, adjustment_id: UUID) -> AdjustmentRead:
    found = await session.get(Adjustment, (session.organization_id, adjustment_id), populate_existing=True)
    if found is None:
        raise AdjustmentNotFound("no such adjustment")
    return AdjustmentRead.of(found)
