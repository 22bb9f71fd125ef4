"""HTTP of payments: receipts, and what becomes of them. Applications are in `router_applications.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.errors import DomainError
from app.core.money import to_minor
from app.infra.database import ReadSession, WriteSession
from app.infra.http.batches import Atomic, BatchResult, batch_result
from app.infra.http.fields import (
    ETAG_HEADER,
    BusinessDate,
    Currency,
    ExternalId,
    Instant,
    Source,
    resource_response,
    visible,
)
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.payments import queries
from app.payments.identify import ChangeAccount, change_account
from app.payments.models import Payment, PaymentMovement
from app.payments.queries import PaymentFilter
from app.payments.record import RecordPayment, record_payment
from app.payments.refusals import PaymentInvalid
from app.payments.schemas import (
    MatchingState,
    PaymentBatch,
    PaymentCreate,
    PaymentIdentify,
    PaymentMove,
    PaymentMovementRead,
    PaymentNotReceivable,
    PaymentRead,
    PaymentRefund,
    PaymentReverse,
    Status,
)
from app.payments.upsert import upsert_payments
from app.payments.withdraw import (
    MarkNotReceivable,
    RefundPayment,
    ReversePayment,
    mark_not_receivable,
    refund_payment,
    reverse_payment,
)

router = APIRouter(prefix="/payments", tags=["payments"])
_SORTS = {
    "created": (SortKey(Payment.id, UUID),),
    "value_date": (SortKey(Payment.value_date, datetime.fromisoformat), SortKey(Payment.id, UUID)),
    "updated_at": (SortKey(Payment.updated_at, datetime.fromisoformat), SortKey(Payment.id, UUID)),
    "unapplied_amount": (SortKey(Payment.unapplied_minor, int), SortKey(Payment.id, UUID)),
}
_MOVEMENT_SORTS = {"created": (SortKey(PaymentMovement.id, UUID),)}
PaymentsRead = Annotated[ReadSession, reads("payments:read")]
PaymentsWrite = Annotated[Write, writes("payments:write")]
PaymentsApprove = Annotated[Write, writes("payments:approve")]
_OK: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}
_CHANGED = {**problems(404, 409, 412), **_OK}


@router.post(
    "",
    operation_id="createPayment",
    summary="Record a receipt",
    status_code=201,
    response_model=PaymentRead,
    responses=problems(409),
)
async def create_payment(body: PaymentCreate, write: PaymentsWrite) -> Response:
    """Money that came in. It waits unapplied, or unidentified when its account is not known."""

    async def work(session: WriteSession) -> Answer:
        payment_id = await record_payment(session, body.command())
        made = PaymentRead.of(await queries.get_payment(session, payment_id))
        return created(made, version=made.version, location=f"/v1/payments/{payment_id}")

    return await write.run(work)


@router.put(
    "/by-ref/{source}/{external_id}",
    operation_id="upsertPayment",
    summary="Record a receipt by its source's key",
    response_model=PaymentRead,
    responses={**problems(409), **_OK, 201: {"model": PaymentRead, "headers": ETAG_HEADER}},
)
async def upsert_payment(
    source: Source, external_id: ExternalId, body: PaymentCreate, write: PaymentsWrite
) -> Response:
    """Recorded once however often it is sent; other facts under the same key are refused, never written over."""

    async def work(session: WriteSession) -> Answer:
        (result,) = await upsert_payments(session, [replace(body.command(), source=source, external_id=external_id)])
        if isinstance(result, DomainError):
            raise result
        made = PaymentRead.of(await queries.get_payment(session, result.id))
        if result.outcome == "created":
            return created(made, version=made.version, location=f"/v1/payments/{made.id}")
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/batch",
    operation_id="upsertPayments",
    summary="Record up to 1,000 receipts",
    response_model=BatchResult,
    responses=problems(413),
)
async def upsert_batch(body: PaymentBatch, write: PaymentsWrite, atomic: Atomic = False) -> Response:
    """One result for each item, in order; with `atomic=true` all or nothing."""

    async def work(session: WriteSession) -> Answer:
        commands = [_command(item) for item in body.items]
        good = [command for command in commands if isinstance(command, RecordPayment)]
        done = iter(await upsert_payments(session, good))
        outcomes: list[tuple[str, UUID] | DomainError] = []
        for command in commands:
            result = command if isinstance(command, DomainError) else next(done)
            outcomes.append(result if isinstance(result, DomainError) else (result.outcome, result.id))
        return answer(batch_result(outcomes, atomic=atomic))

    return await write.run(work)


def _command(item: PaymentCreate) -> RecordPayment | DomainError:
    try:
        return item.command()
    except DomainError as refusal:
        return refusal


@router.get(
    "",
    operation_id="listPayments",
    summary="List payments",
    response_model=Page[PaymentRead],
    responses=problems(),
)
async def list_payments(
    read: PaymentsRead,
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    status: Status | None = None,
    matching_state: MatchingState | None = None,
    currency: Currency | None = None,
    bank_reference: Annotated[str | None, visible(140)] = None,
    end_to_end_id: Annotated[str | None, visible(140)] = None,
    source: Source | None = None,
    external_id: ExternalId | None = None,
    value_from: BusinessDate | None = None,
    value_to: BusinessDate | None = None,
    unapplied: Annotated[bool | None, Query(description="Only payments with (or without) money left")] = None,
    updated_since: Instant | None = None,
) -> Response:
    """Payments by filter, in a stable order (`created`, `value_date`, `updated_at` or `unapplied_amount`)."""
    wanted = PaymentFilter(
        account_id=account_id,
        legal_entity_id=legal_entity_id,
        status=status,
        matching_state=matching_state,
        currency=currency,
        bank_reference=bank_reference,
        end_to_end_id=end_to_end_id,
        source=source,
        external_id=external_id,
        value_from=value_from,
        value_to=value_to,
        unapplied=unapplied,
        updated_since=updated_since,
    )
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = queries.payments_statement(read.organization_id, wanted)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [PaymentRead.of(row[0]) for row in rows]
    return resource_response(Page[PaymentRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/{payment_id}",
    operation_id="getPayment",
    summary="Read a payment",
    response_model=PaymentRead,
    responses={**problems(404), **_OK},
)
async def get_payment(payment_id: UUID, read: PaymentsRead) -> Response:
    """One receipt; `ETag` is its version."""
    found = PaymentRead.of(await queries.get_payment(read, payment_id))
    return resource_response(found, found.version)


@router.get(
    "/{payment_id}/movements",
    operation_id="listPaymentMovements",
    summary="List what happened to a payment besides applications",
    response_model=Page[PaymentMovementRead],
    responses=problems(404),
)
async def list_movements(
    payment_id: UUID, read: PaymentsRead, page: Annotated[PageRequest, Depends(page_request)]
) -> Response:
    """Refunds, reversals, changes of account and money set aside, in the order of recording."""
    payment = await queries.get_payment(read, payment_id)
    sort, keys = choose_sort(page, _MOVEMENT_SORTS, "created")
    statement = queries.movements_statement(read.organization_id, payment_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [PaymentMovementRead.of(row[0], payment.currency) for row in rows]
    return resource_response(Page[PaymentMovementRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/{payment_id}/identify",
    operation_id="identifyPayment",
    summary="Say whose money it is",
    response_model=PaymentRead,
    responses=_CHANGED,
)
async def identify(payment_id: UUID, body: PaymentIdentify, write: PaymentsWrite) -> Response:
    """An unidentified payment gets its account as of the effective date."""
    command = ChangeAccount(
        payment_id, body.account_id, body.effective_date, body.reason, _version(write), identified=False
    )
    return await _change(write, payment_id, lambda session: change_account(session, command))


@router.post(
    "/{payment_id}/move",
    operation_id="movePayment",
    summary="Move unapplied money to another account",
    response_model=PaymentRead,
    responses=_CHANGED,
)
async def move(payment_id: UUID, body: PaymentMove, write: PaymentsWrite) -> Response:
    """To another account, or with null back to unidentified. Applications must be undone first."""
    command = ChangeAccount(
        payment_id, body.account_id, body.effective_date, body.reason, _version(write), identified=True
    )
    return await _change(write, payment_id, lambda session: change_account(session, command))


@router.post(
    "/{payment_id}/refund",
    operation_id="refundPayment",
    summary="Pay unapplied money back, wholly or in part",
    response_model=PaymentRead,
    responses=_CHANGED,
)
async def refund(payment_id: UUID, body: PaymentRefund, write: PaymentsApprove) -> Response:
    """The refunded part leaves through the bank; it cannot exceed what is unapplied."""
    command = RefundPayment(
        payment_id,
        body.effective_date,
        _amount(body.amount, body.currency),
        body.reason,
        _version(write),
        body.currency,
    )
    return await _change(write, payment_id, lambda session: refund_payment(session, command))


@router.post(
    "/{payment_id}/not-receivable",
    operation_id="markPaymentNotReceivable",
    summary="Set aside money that no customer owed",
    response_model=PaymentRead,
    responses=_CHANGED,
)
async def not_receivable(payment_id: UUID, body: PaymentNotReceivable, write: PaymentsWrite) -> Response:
    """Interest, a tax refund and the like: what is unapplied becomes other income."""
    command = MarkNotReceivable(
        payment_id,
        body.effective_date,
        body.reason_code,
        _amount(body.amount, body.currency),
        body.reason,
        _version(write),
        body.currency,
    )
    return await _change(write, payment_id, lambda session: mark_not_receivable(session, command))


@router.post(
    "/{payment_id}/reverse",
    operation_id="reversePayment",
    summary="Reverse a payment that the bank took back",
    response_model=PaymentRead,
    responses=_CHANGED,
)
async def reverse(payment_id: UUID, body: PaymentReverse, write: PaymentsWrite) -> Response:
    """Returned, bounced or charged back: its applications are undone, the instalments are open again.

    What was refunded or set aside before has left the payment and stays as it is. If the bank took that back, too, the
    customer owes the refund: charge it with a debit memo.
    """
    command = ReversePayment(payment_id, body.effective_date, body.reason_code, body.reason, _version(write), rest=True)
    return await _change(write, payment_id, lambda session: reverse_payment(session, command))


async def _change(write: Write, payment_id: UUID, change: Callable[[WriteSession], Awaitable[object]]) -> Response:
    async def work(session: WriteSession) -> Answer:
        await change(session)
        made = PaymentRead.of(await queries.get_payment(session, payment_id))
        return answer(made, version=made.version)

    return await write.run(work)


def _version(write: Write) -> int | None:
    return write.expected_version(required=False)


def _amount(amount: str | None, currency: str | None) -> int | None:
    """Minor units of an amount that may be left out. Raises PaymentInvalid when its currency is missing."""
    if amount is None:
        return None
    if currency is None:
        raise PaymentInvalid("an amount needs its currency", pointer="/currency")
    return to_minor(amount, currency)
