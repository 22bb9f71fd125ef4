"""HTTP of remittance advices. Files are taken at /v1/remittance-advices/upload (see integrations)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.money import to_minor
from app.infra.database import ReadSession, WriteSession
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
from app.organizations.queries import local_today
from app.remittances import queries
from app.remittances.email_advice import read_text_advice
from app.remittances.models import RemittanceAdvice, RemittanceLine
from app.remittances.queries import AdviceFilter
from app.remittances.record import cancel_advice, record_advice, rejoin_advice, upsert_advice
from app.remittances.rules import Channel, State, TotalsCheck, reference_key
from app.remittances.schemas import (
    RemittanceAdviceCancel,
    RemittanceAdviceCounts,
    RemittanceAdviceCreate,
    RemittanceAdviceRead,
    RemittanceLineRead,
    RemittanceTextCreate,
    RemittanceTextRead,
)

router = APIRouter(prefix="/remittance-advices", tags=["remittance advices"])
_SORTS = {
    "created": (SortKey(RemittanceAdvice.id, UUID),),
    "updated_at": (SortKey(RemittanceAdvice.updated_at, datetime.fromisoformat), SortKey(RemittanceAdvice.id, UUID)),
    "amount": (SortKey(RemittanceAdvice.amount_minor, int), SortKey(RemittanceAdvice.id, UUID)),
}
_LINE_SORTS = {"position": (SortKey(RemittanceLine.position, int), SortKey(RemittanceLine.id, UUID))}
AdvicesRead = Annotated[ReadSession, reads("payments:read")]
AdvicesWrite = Annotated[Write, writes("payments:write")]
_OK: dict[int | str, dict[str, Any]] = {200: {"headers": ETAG_HEADER}}
_CHANGED = {**problems(404, 409, 412), **_OK}


async def _read(session: ReadSession, advice_id: UUID) -> RemittanceAdviceRead:
    advice = await queries.get_advice(session, advice_id)
    return RemittanceAdviceRead.of(advice, await queries.joins_of(session, [advice_id]))


@router.post(
    "",
    operation_id="createRemittanceAdvice",
    summary="Record a remittance advice",
    status_code=201,
    response_model=RemittanceAdviceRead,
    responses=problems(409),
)
async def create_advice(body: RemittanceAdviceCreate, write: AdvicesWrite) -> Response:
    """What a payer says that a payment is for. It is joined with its payment, whichever comes first."""

    async def work(session: WriteSession) -> Answer:
        command = body.command(await local_today(session, write.now))
        advice_id = await record_advice(session, command)
        made = await _read(session, advice_id)
        return created(made, version=made.version, location=f"/v1/remittance-advices/{advice_id}")

    return await write.run(work)


@router.post(
    "/from-text",
    operation_id="createRemittanceAdviceFromText",
    summary="Record a remittance advice from the text of an e-mail",
    status_code=201,
    response_model=RemittanceTextRead,
    responses=problems(409),
)
async def create_from_text(body: RemittanceTextCreate, write: AdvicesWrite) -> Response:
    """Reads document numbers with amounts, discounts and deductions, the total and the reference out of plain text."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        found, command = read_text_advice(body.text, body.currency, today, body.head())
        if body.amount is not None:
            command = replace(command, amount_minor=to_minor(body.amount, command.currency))
        advice_id = await record_advice(session, command)
        read = await _read(session, advice_id)
        made = RemittanceTextRead(**read.model_dump(), unread_lines=list(found.unread))
        return created(made, version=made.version, location=f"/v1/remittance-advices/{advice_id}")

    return await write.run(work)


@router.put(
    "/by-ref/{source}/{external_id}",
    operation_id="upsertRemittanceAdvice",
    summary="Record or replace a remittance advice by its source's key",
    response_model=RemittanceAdviceRead,
    responses={**problems(409), **_OK, 201: {"model": RemittanceAdviceRead, "headers": ETAG_HEADER}},
)
async def upsert(
    source: Source, external_id: ExternalId, body: RemittanceAdviceCreate, write: AdvicesWrite
) -> Response:
    """One that is open or joined says from now on what is sent, and is joined anew; one that is over stays."""

    async def work(session: WriteSession) -> Answer:
        command = body.command(await local_today(session, write.now))
        advice_id, outcome = await upsert_advice(session, replace(command, source=source, external_id=external_id))
        made = await _read(session, advice_id)
        if outcome == "created":
            return created(made, version=made.version, location=f"/v1/remittance-advices/{advice_id}")
        return answer(made, version=made.version)

    return await write.run(work)


@router.get(
    "",
    operation_id="listRemittanceAdvices",
    summary="List remittance advices",
    response_model=Page[RemittanceAdviceRead],
    responses=problems(),
)
async def list_advices(
    read: AdvicesRead,
    page: Annotated[PageRequest, Depends(page_request)],
    state: State | None = None,
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    payment_id: Annotated[UUID | None, Query(description="Advices that this payment pays")] = None,
    payment_reference: Annotated[str | None, visible(140)] = None,
    currency: Currency | None = None,
    totals_check: TotalsCheck | None = None,
    channel: Channel | None = None,
    source: Source | None = None,
    external_id: ExternalId | None = None,
    repeats: Annotated[bool | None, Query(description="Only those that may be a second copy (or not)")] = None,
    unresolved: Annotated[bool | None, Query(description="Only those with a line that is no document of ours")] = None,
    expected_from: BusinessDate | None = None,
    expected_to: BusinessDate | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """Advices by filter, in a stable order (`created`, `updated_at` or `amount`)."""
    wanted = AdviceFilter(
        state=state,
        account_id=account_id,
        legal_entity_id=legal_entity_id,
        payment_id=payment_id,
        reference_key=None if payment_reference is None else reference_key(payment_reference) or "-",
        currency=currency,
        totals_check=totals_check,
        channel=channel,
        source=source,
        external_id=external_id,
        repeats=repeats,
        unresolved=unresolved,
        expected_from=expected_from,
        expected_to=expected_to,
        updated_since=updated_since,
    )
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = queries.advices_statement(read.organization_id, wanted)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = await _several(read, [row[0] for row in rows])
    return resource_response(Page[RemittanceAdviceRead](data=data, has_more=cursor is not None, next_cursor=cursor))


async def _several(session: ReadSession, advices: Sequence[RemittanceAdvice]) -> list[RemittanceAdviceRead]:
    joins = await queries.joins_of(session, [advice.id for advice in advices]) if advices else []
    return [
        RemittanceAdviceRead.of(advice, [join for join in joins if join.advice_id == advice.id]) for advice in advices
    ]


@router.get(
    "/counts",
    operation_id="countRemittanceAdvices",
    summary="Count remittance advices by state",
    response_model=RemittanceAdviceCounts,
    responses=problems(),
)
async def count_advices(read: AdvicesRead) -> Response:
    """For badges."""
    return resource_response(RemittanceAdviceCounts(**await queries.count_by_state(read)))


@router.get(
    "/{remittance_advice_id}",
    operation_id="getRemittanceAdvice",
    summary="Read a remittance advice",
    response_model=RemittanceAdviceRead,
    responses={**problems(404), **_OK},
)
async def get_advice(remittance_advice_id: UUID, read: AdvicesRead) -> Response:
    """One advice with the payments that pay it; `ETag` is its version."""
    found = await _read(read, remittance_advice_id)
    return resource_response(found, found.version)


@router.get(
    "/{remittance_advice_id}/lines",
    operation_id="listRemittanceLines",
    summary="List the documents that an advice names",
    response_model=Page[RemittanceLineRead],
    responses=problems(404),
)
async def list_lines(
    remittance_advice_id: UUID, read: AdvicesRead, page: Annotated[PageRequest, Depends(page_request)]
) -> Response:
    """In the order of the advice, each with the open instalment or credit memo that it means."""
    advice = await queries.get_advice(read, remittance_advice_id)
    sort, keys = choose_sort(page, _LINE_SORTS, "position")
    statement = queries.lines_statement(read.organization_id, remittance_advice_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [RemittanceLineRead.of(row[0], advice.currency) for row in rows]
    return resource_response(Page[RemittanceLineRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/{remittance_advice_id}/cancel",
    operation_id="cancelRemittanceAdvice",
    summary="Take a remittance advice back",
    response_model=RemittanceAdviceRead,
    responses=_CHANGED,
)
async def cancel(remittance_advice_id: UUID, body: RemittanceAdviceCancel, write: AdvicesWrite) -> Response:
    """It holds no more. A joined payment that is not applied yet is matched anew, without its lines."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await cancel_advice(session, remittance_advice_id, reason=body.reason, expected_version=version)
        made = await _read(session, remittance_advice_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/{remittance_advice_id}/rejoin",
    operation_id="rejoinRemittanceAdvice",
    summary="Look for its documents and payments anew",
    response_model=RemittanceAdviceRead,
    responses=_CHANGED,
)
async def rejoin(remittance_advice_id: UUID, write: AdvicesWrite) -> Response:
    """After something that stood in the way has changed: a second copy was cancelled, a document was loaded."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await rejoin_advice(session, remittance_advice_id, expected_version=version)
        made = await _read(session, remittance_advice_id)
        return answer(made, version=made.version)

    return await write.run(work)
