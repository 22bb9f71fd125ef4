"""HTTP of the invoices room."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from app.infra.database import Asking, Lookup, ReadSession, WriteSession
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
    text,
)
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, looks_up, reads, writes
from app.invoices import queries
from app.invoices.batch_items import check_reference, place_outcomes, read_commands
from app.invoices.due_dates import change_due_date
from app.invoices.errors import InstalmentNotFound, InvoiceNotFound
from app.invoices.issue import issue_invoice
from app.invoices.models import Invoice
from app.invoices.queries import InvoiceFilter
from app.invoices.schemas import (
    DueDateChange,
    InvoiceBatch,
    InvoiceCreate,
    InvoiceLines,
    InvoiceRead,
    InvoiceVoidRequest,
    Kind,
    invoice_read,
    line_read,
)
from app.invoices.upsert import upsert_invoice, upsert_invoices
from app.invoices.void import void_deleted, void_invoice
from app.organizations.queries import local_today

router = APIRouter(prefix="/invoices", tags=["invoices"])
_SORTS = {
    "created": (SortKey(Invoice.id, UUID),),
    "invoice_date": (SortKey(Invoice.invoice_date, datetime.fromisoformat), SortKey(Invoice.id, UUID)),
    "updated_at": (SortKey(queries.Latest.updated_at, datetime.fromisoformat), SortKey(queries.Latest.id, UUID)),
    "number": (SortKey(Invoice.number, str), SortKey(Invoice.id, UUID)),
}


@router.post(
    "",
    operation_id="createInvoice",
    summary="Issue an invoice, debit memo or finance charge",
    status_code=201,
    response_model=InvoiceRead,
    responses=problems(404, 409),
)
async def create_invoice(body: InvoiceCreate, write: Annotated[Write, writes("invoices:write")]) -> Response:
    """Issue a document with its instalments: given ones, one by its due date, or those of the payment terms."""

    async def work(session: WriteSession) -> Answer:
        invoice_id = await issue_invoice(session, body.command())
        made = await _document(session, invoice_id)
        return created(made, version=made.version, location=f"/v1/invoices/{invoice_id}")

    return await write.run(work)


@router.get(
    "",
    operation_id="listInvoices",
    summary="List invoices",
    response_model=Page[InvoiceRead],
    responses=problems(),
)
async def list_invoices(
    read: Annotated[ReadSession, reads("invoices:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    kind: Kind | None = None,
    number: Number | None = None,
    source: Source | None = None,
    external_id: ExternalId | None = None,
    currency: Currency | None = None,
    purchase_order: Annotated[str | None, text(64)] = None,
    open: Annotated[bool | None, Query(description="Only documents with (or without) an open amount")] = None,
    due_from: BusinessDate | None = None,
    due_to: BusinessDate | None = None,
    invoice_from: BusinessDate | None = None,
    invoice_to: BusinessDate | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """Documents by filter, in a stable order (`created`, `invoice_date`, `updated_at` or `number`).

    A document is updated whenever its open amount, due dates, status or description change, so also by money that is
    applied: `updated_since` with `sort=updated_at` misses nothing.
    """
    wanted = InvoiceFilter(
        account_id=account_id,
        legal_entity_id=legal_entity_id,
        kind=kind,
        number=number,
        source=source,
        external_id=external_id,
        currency=currency,
        purchase_order=purchase_order,
        open=open,
        due_from=due_from,
        due_to=due_to,
        invoice_from=invoice_from,
        invoice_to=invoice_to,
        updated_since=updated_since,
    )
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = queries.invoices_statement(
        read.organization_id, wanted, by_update=sort.removeprefix("-") == "updated_at"
    )
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    documents = await queries.invoice_documents(read, [row[0] for row in rows])
    data = [invoice_read(documents[row[0]]) for row in rows]
    return resource_response(Page[InvoiceRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/{invoice_id}",
    operation_id="getInvoice",
    summary="Read an invoice with its instalments",
    response_model=InvoiceRead,
    responses=problems(404),
)
async def get_invoice(invoice_id: UUID, read: Annotated[Lookup, looks_up("invoices:read")]) -> Response:
    """One document; `ETag` is its version."""
    found = await _document(read, invoice_id)
    return resource_response(found, found.version)


@router.get(
    "/{invoice_id}/lines",
    operation_id="listInvoiceLines",
    summary="Read the lines of an invoice",
    response_model=InvoiceLines,
    responses=problems(404),
)
async def list_lines(invoice_id: UUID, read: Annotated[ReadSession, reads("invoices:read")]) -> Response:
    """The lines as they were given at the issue, in order; empty for a document without."""
    invoice = await queries.get_invoice(read, invoice_id)
    lines = [line_read(line, invoice.currency) for line in await queries.list_lines(read, invoice_id)]
    return resource_response(InvoiceLines(data=lines))


@router.put(
    "/by-ref/{source}/{external_id:path}",
    operation_id="upsertInvoice",
    summary="Create or update an invoice by its source's key",
    response_model=InvoiceRead,
    responses={
        **problems(404, 409, 412),
        200: {"description": "The document as it is now", "headers": ETAG_HEADER},
        201: {"description": "The document is new", "model": InvoiceRead, "headers": ETAG_HEADER},
    },
)
async def upsert_by_reference(
    source: Annotated[Source, Path()],
    external_id: Annotated[ExternalId, Path()],
    body: InvoiceCreate,
    write: Annotated[Write, writes("invoices:write")],
) -> Response:
    """After posting nothing is overwritten: a new amount posts a correction, another account or date reissues.

    A document that was issued anew has another id; `corrects_id` names the one that it replaces, which is void.
    """
    check_reference(body.external_ref, source, external_id)

    async def work(session: WriteSession) -> Answer:
        result = await upsert_invoice(
            session,
            replace(body.command(), source=source, external_id=external_id),
            today=await local_today(session, write.now),
            expected_version=write.expected_version(required=False),
        )
        made = await _document(session, result.id)
        if result.outcome == "created":
            return created(made, version=made.version, location=f"/v1/invoices/{made.id}")
        return answer(made, version=made.version)

    return await write.run(work)


@router.delete(
    "/by-ref/{source}/{external_id:path}",
    operation_id="voidInvoiceByReference",
    summary="Void an invoice that was deleted at its source",
    response_model=InvoiceRead,
    responses=problems(404, 409, 412),
)
async def void_by_reference(
    source: Annotated[Source, Path()],
    external_id: Annotated[ExternalId, Path()],
    write: Annotated[Write, writes("invoices:write")],
) -> Response:
    """Nothing is deleted here: the document becomes void as of today, and is answered so. Then the key is free."""

    async def work(session: WriteSession) -> Answer:
        invoice_id = await void_deleted(
            session,
            source,
            external_id,
            today=await local_today(session, write.now),
            expected_version=write.expected_version(required=False),
        )
        made = await _document(session, invoice_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/batch",
    operation_id="upsertInvoices",
    summary="Create or update up to 1,000 invoices",
    response_model=BatchResult,
    responses=problems(409, 413),
)
async def upsert_batch(
    body: InvoiceBatch, write: Annotated[Write, writes("invoices:write")], atomic: Atomic = False
) -> Response:
    """One result for each item, in order; with `atomic=true` all or nothing."""

    async def work(session: WriteSession) -> Answer:
        commands, outcomes = read_commands(body.items)
        today = await local_today(session, write.now)
        return answer(batch_result(place_outcomes(outcomes, await upsert_invoices(session, commands, today=today)),
                                   atomic=atomic))  # fmt: skip

    return await write.run(work)


@router.post(
    "/{invoice_id}/instalments/{instalment_id}/due-date",
    operation_id="changeDueDate",
    summary="Change the due date of an instalment",
    response_model=InvoiceRead,
    responses=problems(404, 409, 412),
)
async def change_instalment_due_date(
    invoice_id: UUID, instalment_id: UUID, body: DueDateChange, write: Annotated[Write, writes("invoices:write")]
) -> Response:
    """Dated: reports of a day before the effective date still see the earlier due date."""

    async def work(session: WriteSession) -> Answer:
        if await queries.invoice_id_of(session, instalment_id) != invoice_id:
            raise InstalmentNotFound("the invoice has no such instalment")
        await change_due_date(
            session,
            instalment_id,
            due_date=body.due_date,
            effective_date=body.effective_date,
            reason=body.reason,
            expected_version=write.expected_version(required=False),
        )
        made = await _document(session, invoice_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/{invoice_id}/void",
    operation_id="voidInvoice",
    summary="Void an invoice",
    response_model=InvoiceRead,
    responses=problems(404, 409, 412),
)
async def void(
    invoice_id: UUID, body: InvoiceVoidRequest, write: Annotated[Write, writes("invoices:write")]
) -> Response:
    """Nothing of the document is owed any more as of the effective date. Undo applications and adjustments first."""

    async def work(session: WriteSession) -> Answer:
        await void_invoice(
            session,
            invoice_id,
            effective_date=body.effective_date,
            reason=body.reason,
            expected_version=write.expected_version(required=False),
        )
        made = await _document(session, invoice_id)
        return answer(made, version=made.version)

    return await write.run(work)


async def _document(session: Asking, invoice_id: UUID) -> InvoiceRead:
    row = (await queries.invoice_documents(session, [invoice_id])).get(invoice_id)
    if row is None:
        raise InvoiceNotFound("no such invoice")
    return invoice_read(row)
