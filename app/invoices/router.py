"""HTTP of the invoices room."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import BusinessDate, Currency, ExternalId, Number, Source, resource_response, text
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.invoices import queries
from app.invoices.errors import InvoiceNotFound
from app.invoices.issue import issue_invoice
from app.invoices.models import Invoice
from app.invoices.queries import InvoiceFilter
from app.invoices.schemas import InvoiceCreate, InvoiceRead, InvoiceVoidRequest, Kind, invoice_read
from app.invoices.void import void_invoice

router = APIRouter(prefix="/invoices", tags=["invoices"])
_SORTS = {
    "created": (SortKey(Invoice.id, UUID),),
    "invoice_date": (SortKey(Invoice.invoice_date, datetime.fromisoformat), SortKey(Invoice.id, UUID)),
    "updated_at": (SortKey(Invoice.updated_at, datetime.fromisoformat), SortKey(Invoice.id, UUID)),
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
    updated_since: datetime | None = None,
) -> Response:
    """Documents by filter, in a stable order (`created`, `invoice_date`, `updated_at` or `number`)."""
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
    statement = queries.invoices_statement(read.organization_id, wanted).with_only_columns(Invoice.id)
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
async def get_invoice(invoice_id: UUID, read: Annotated[ReadSession, reads("invoices:read")]) -> Response:
    """One document; `ETag` is its version."""
    found = await _document(read, invoice_id)
    return resource_response(found, found.version)


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
    """Nothing of the document is owed any more as of the effective date. Applications must be undone first."""

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


async def _document(session: ReadSession, invoice_id: UUID) -> InvoiceRead:
    row = (await queries.invoice_documents(session, [invoice_id])).get(invoice_id)
    if row is None:
        raise InvoiceNotFound("no such invoice")
    return invoice_read(row)
