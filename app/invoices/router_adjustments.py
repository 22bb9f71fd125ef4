"""HTTP of adjustments."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select

from app.core.money import CurrencyMismatch
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.invoices import adjustments
from app.invoices.models import Adjustment
from app.invoices.queries import get_instalment
from app.invoices.schemas_credit_memos import (
    AdjustmentAnyKind,
    AdjustmentCreate,
    AdjustmentDecision,
    AdjustmentRead,
    AdjustmentReverse,
    AdjustmentState,
)
from app.invoices.sql.adjustments import get_adjustment, undone_by

router = APIRouter()
_ADJUSTMENT_SORTS = {"created": (SortKey(Adjustment.id, UUID),)}
InvoicesRead = Annotated[ReadSession, reads("invoices:read")]
InvoicesWrite = Annotated[Write, writes("invoices:write")]
InvoicesApprove = Annotated[Write, writes("invoices:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]


@router.post(
    "/adjustments",
    operation_id="requestAdjustment",
    summary="Request an adjustment of an instalment",
    status_code=201,
    response_model=AdjustmentRead,
    responses=problems(404, 409),
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
    kind: AdjustmentAnyKind | None = None,
    legal_entity_id: UUID | None = None,
) -> Response:
    """Adjustments by filter; `state=requested` is the queue of whoever approves."""
    statement = select(Adjustment).where(Adjustment.organization_id == read.organization_id)
    equal = {
        "state": state,
        "account_id": account_id,
        "instalment_id": instalment_id,
        "kind": kind,
        "legal_entity_id": legal_entity_id,
    }
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(Adjustment, name) == value)
    sort, keys = choose_sort(page, _ADJUSTMENT_SORTS, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    undone = await undone_by(read, [row[0].id for row in rows])
    data = [AdjustmentRead.of(row[0], undone.get(row[0].id)) for row in rows]
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
    found = await get_adjustment(session, adjustment_id)
    return AdjustmentRead.of(found, (await undone_by(session, [adjustment_id])).get(adjustment_id))
