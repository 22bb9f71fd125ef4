"""HTTP of payment plans."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select

from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import Instant, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.organizations.queries import local_today
from app.promises import lists, queries
from app.promises.models import PaymentPlan, PaymentPlanPart
from app.promises.plans import activate_plan, cancel_plan, draft_plan, propose_plan
from app.promises.schemas_plans import (
    PaymentPlanCreate,
    PaymentPlanDraft,
    PaymentPlanRead,
    PlanCancel,
    PlanStatus,
    draft_read,
    plan_read,
)

router = APIRouter(prefix="/payment-plans", tags=["payment plans"])
PromisesRead = Annotated[ReadSession, reads("promises:read")]
PromisesWrite = Annotated[Write, writes("promises:write")]
_SORTS = {
    "created": (SortKey(PaymentPlan.id, UUID),),
    "updated_at": (SortKey(PaymentPlan.updated_at, datetime.fromisoformat), SortKey(PaymentPlan.id, UUID)),
}


@router.post(
    "/preview",
    operation_id="previewPaymentPlan",
    summary="Show what a payment plan would be",
    response_model=PaymentPlanDraft,
    responses=problems(404),
)
async def preview(body: PaymentPlanCreate, write: PromisesWrite) -> Response:
    """The debt and the parts, nothing is written. 100 in 3 parts gives 33.33, 33.33, 33.34."""
    command = body.command()

    async def work(session: WriteSession) -> Answer:
        await queries.lock_account(session, command.account_id)
        draft = await draft_plan(session, command, today=await local_today(session, write.now))
        return answer(draft_read(draft, command.currency))

    return await write.run(work)


@router.post(
    "",
    operation_id="proposePaymentPlan",
    summary="Propose a payment plan",
    status_code=201,
    response_model=PaymentPlanRead,
    responses=problems(404, 409),
)
async def propose(body: PaymentPlanCreate, write: PromisesWrite) -> Response:
    """The parts sum to the debt of the instalments. It holds nothing until it is activated."""
    command = body.command()

    async def work(session: WriteSession) -> Answer:
        plan_id = await propose_plan(session, command, today=await local_today(session, write.now))
        made = await _plan(session, plan_id)
        return created(made, version=made.version, location=f"/v1/payment-plans/{plan_id}")

    return await write.run(work)


@router.get(
    "",
    operation_id="listPaymentPlans",
    summary="List payment plans",
    response_model=Page[PaymentPlanRead],
    responses=problems(),
)
async def list_plans(
    read: PromisesRead,
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
    status: PlanStatus | None = None,
    collector_id: UUID | None = None,
    instalment_id: UUID | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """Payment plans by filter, in a stable order (`created` or `updated_at`)."""
    wanted = lists.PlanFilter(account_id, status, collector_id, instalment_id, updated_since)
    sort, keys = choose_sort(page, _SORTS, "created")
    rows, cursor = await fetch_page(read, lists.plans_statement(read.organization_id, wanted), page, keys, sort)
    plans = [row[0] for row in rows]
    ids = [plan.id for plan in plans]
    items = await queries.items_of(read, "payment_plan_items", ids)
    statement = select(PaymentPlanPart).where(
        PaymentPlanPart.organization_id == read.organization_id, PaymentPlanPart.plan_id.in_(ids)
    )
    parts: dict[UUID, list[PaymentPlanPart]] = {}
    for part in (await read.execute(statement.order_by(PaymentPlanPart.ordinal))).scalars():
        parts.setdefault(part.plan_id, []).append(part)
    data = [plan_read(plan, parts.get(plan.id, []), items.get(plan.id, [])) for plan in plans]
    return resource_response(Page[PaymentPlanRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/{plan_id}",
    operation_id="getPaymentPlan",
    summary="Read a payment plan",
    response_model=PaymentPlanRead,
    responses=problems(404),
)
async def get_plan(plan_id: UUID, read: PromisesRead) -> Response:
    """One plan with its parts; `ETag` is its version."""
    found = await _plan(read, plan_id)
    return resource_response(found, found.version)


@router.post(
    "/{plan_id}/activate",
    operation_id="activatePaymentPlan",
    summary="Activate a payment plan",
    response_model=PaymentPlanRead,
    responses=problems(404, 409, 412),
)
async def activate(plan_id: UUID, write: PromisesWrite) -> Response:
    """The customer agreed: for dunning the schedule takes the place of the due dates."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        await activate_plan(session, plan_id, today=today, expected_version=write.expected_version(required=False))
        made = await _plan(session, plan_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/{plan_id}/cancel",
    operation_id="cancelPaymentPlan",
    summary="Cancel a payment plan",
    response_model=PaymentPlanRead,
    responses=problems(404, 409, 412),
)
async def cancel(plan_id: UUID, body: PlanCancel, write: PromisesWrite) -> Response:
    """The instalments' own due dates count again."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        version = write.expected_version(required=False)
        await cancel_plan(session, plan_id, reason=body.reason, today=today, expected_version=version)
        made = await _plan(session, plan_id)
        return answer(made, version=made.version)

    return await write.run(work)


async def _plan(session: ReadSession, plan_id: UUID) -> PaymentPlanRead:
    found = await queries.get_plan(session, plan_id)
    items = await queries.items_of(session, "payment_plan_items", [plan_id])
    return plan_read(found, await queries.plan_parts(session, plan_id), items.get(plan_id, []))
