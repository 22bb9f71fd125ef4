"""HTTP of applications: of payments and of credit memos, their lists, and their undo as one group."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, created, reads, writes
from app.payments import queries
from app.payments.apply import apply
from app.payments.deductions import keep_back
from app.payments.models import Application
from app.payments.queries import ApplicationFilter
from app.payments.schemas_applications import ApplicationCreate, ApplicationGroupRead, ApplicationRead, ApplicationUndo
from app.payments.types import Source
from app.payments.undo import undo_applications

router = APIRouter(tags=["applications"])
_SORTS = {"created": (SortKey(Application.id, UUID),)}
PaymentsWrite = Annotated[Write, writes("payments:write")]


@router.post(
    "/payments/{payment_id}/applications",
    operation_id="applyPayment",
    summary="Apply a payment to instalments",
    status_code=201,
    response_model=ApplicationGroupRead,
    responses=problems(404, 409, 412),
)
async def apply_payment(payment_id: UUID, body: ApplicationCreate, write: PaymentsWrite) -> Response:
    """Whole or not at all; never more than the payment has left or an instalment has open. `ETag`: the payment's.

    What the payer kept back stays open and is disputed at once, for its reason, as when a payment is matched.
    """
    return await _apply(Source("payment", payment_id), body, write)


@router.post(
    "/credit-memos/{credit_memo_id}/applications",
    operation_id="applyCreditMemo",
    summary="Apply a credit memo to instalments",
    status_code=201,
    response_model=ApplicationGroupRead,
    responses=problems(404, 409, 412),
)
async def apply_credit_memo(credit_memo_id: UUID, body: ApplicationCreate, write: PaymentsWrite) -> Response:
    """A credit memo settles instalments like cash. `ETag`: the credit memo's."""
    return await _apply(Source("credit_memo", credit_memo_id), body, write)


async def _apply(source: Source, body: ApplicationCreate, write: Write) -> Response:
    command = body.command(source, write.expected_version(required=False))
    kept, payment_id = body.kept_back(), source.id if source.kind == "payment" else None

    async def work(session: WriteSession) -> Answer:
        group = await apply(session, command)
        disputes = await keep_back(session, payment_id, kept, group.open_minor)
        location = f"/v1/applications?group_id={group.group_id}"
        return created(ApplicationGroupRead.of(group, disputes), version=group.source_version, location=location)

    return await write.run(work)


@router.get(
    "/applications",
    operation_id="listApplications",
    summary="List applications and their undos",
    response_model=Page[ApplicationRead],
    responses=problems(),
)
async def list_applications(
    read: Annotated[ReadSession, reads("payments:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    group_id: UUID | None = None,
    instalment_id: UUID | None = None,
    invoice_id: UUID | None = None,
    payment_id: UUID | None = None,
    credit_memo_id: UUID | None = None,
    account_id: UUID | None = None,
) -> Response:
    """In the order of recording. `account_id` is the account of the instalment."""
    wanted = ApplicationFilter(group_id, instalment_id, invoice_id, payment_id, credit_memo_id, account_id)
    sort, keys = choose_sort(page, _SORTS, "created")
    statement: Any = queries.applications_statement(read.organization_id, wanted)
    found, cursor = await fetch_page(read, statement, page, keys, sort)
    rows: list[Any] = list(found)
    data = [ApplicationRead.of(row[0], row[1]) for row in rows]
    return resource_response(Page[ApplicationRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/applications/{group_id}/reverse",
    operation_id="reverseApplications",
    summary="Undo applications as one group",
    status_code=201,
    response_model=ApplicationGroupRead,
    responses=problems(404, 409),
)
async def reverse(group_id: UUID, body: ApplicationUndo, write: PaymentsWrite) -> Response:
    """Reversal rows with negative amounts: the instalments are open again, the source has its money back."""

    async def work(session: WriteSession) -> Answer:
        group = await undo_applications(session, group_id, body.effective_date, body.reason)
        location = f"/v1/applications?group_id={group.group_id}"
        return created(ApplicationGroupRead.of(group), version=group.source_version, location=location)

    return await write.run(work)
