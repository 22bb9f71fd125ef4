"""HTTP of the way of an invoice to the customer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, BusinessDate, Input, Reason, resource_response, text
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, created, reads, writes
from app.invoices import queries
from app.invoices.delivery import DeliveryChannel, DeliveryStatus, RecordDelivery, may_follow, record_delivery
from app.invoices.models import Instalment, InvoiceDeliveryEvent
from app.organizations.queries import local_today

router = APIRouter(prefix="/invoices", tags=["invoices"])
_SORTS = {"created": (SortKey(InvoiceDeliveryEvent.id, UUID),)}


class InvoiceDeliveryCreate(Input):
    """News about the way of an invoice."""

    status: DeliveryStatus
    channel: DeliveryChannel | None = None
    on_date: BusinessDate | None = Field(default=None, description="The day on which it happened; today unless given")
    recipient: Annotated[str, text(320)] | None = Field(default=None, description="Address or person")
    note: Reason | None = None


class InvoiceDeliveryRead(BaseModel):
    """One entry of the history, the present state, and what may follow."""

    id: UUID
    invoice_id: UUID
    status: DeliveryStatus
    channel: DeliveryChannel | None
    on_date: date
    recipient: str | None
    note: str | None
    actor_name: str
    recorded_at: datetime
    allowed_next: list[DeliveryStatus] = Field(description="Delivery states that may follow the present one")

    @classmethod
    def of(cls, row: InvoiceDeliveryEvent, present: str | None) -> InvoiceDeliveryRead:
        """From the row and the invoice's present delivery state."""
        facts: dict[str, Any] = {name: getattr(row, name) for name in cls.model_fields if name not in ("allowed_next",)}
        return cls(allowed_next=list(may_follow(present)), **facts)


@router.post(
    "/{invoice_id}/delivery",
    operation_id="recordInvoiceDelivery",
    summary="Say what became of an invoice on its way",
    status_code=201,
    response_model=InvoiceDeliveryRead,
    responses={**problems(404, 409, 412), 201: {"headers": ETAG_HEADER}},
)
async def create_delivery(
    invoice_id: UUID, body: InvoiceDeliveryCreate, write: Annotated[Write, writes("invoices:write")]
) -> Response:
    """Sent, delivered, confirmed by the customer, or not received. `ETag` is the invoice's version."""

    async def work(session: WriteSession) -> Answer:
        command = RecordDelivery(
            invoice_id=invoice_id,
            status=body.status,
            on=body.on_date or await local_today(session, write.now),
            channel=body.channel,
            recipient=body.recipient,
            note=body.note,
            expected_version=write.expected_version(required=False),
        )
        event_id = await record_delivery(session, command)
        row = await session.get(InvoiceDeliveryEvent, (session.organization_id, event_id), populate_existing=True)
        assert row is not None
        parts = select(Instalment.version).where(
            Instalment.organization_id == session.organization_id, Instalment.invoice_id == invoice_id
        )
        invoice = await queries.get_invoice(session, invoice_id)
        version = invoice.version + sum(number - 1 for number in (await session.execute(parts)).scalars())
        location = f"/v1/invoices/{invoice_id}/delivery-events"
        return created(InvoiceDeliveryRead.of(row, invoice.delivery_status), version=version, location=location)

    return await write.run(work)


@router.get(
    "/{invoice_id}/delivery-events",
    operation_id="listInvoiceDeliveryEvents",
    summary="List what became of an invoice on its way",
    response_model=Page[InvoiceDeliveryRead],
    responses=problems(404),
)
async def list_deliveries(
    invoice_id: UUID,
    read: Annotated[ReadSession, reads("invoices:read")],
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """In the order of recording."""
    invoice = await queries.get_invoice(read, invoice_id)
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = select(InvoiceDeliveryEvent).where(
        InvoiceDeliveryEvent.organization_id == read.organization_id, InvoiceDeliveryEvent.invoice_id == invoice_id
    )
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [InvoiceDeliveryRead.of(row[0], invoice.delivery_status) for row in rows]
    return resource_response(Page[InvoiceDeliveryRead](data=data, has_more=cursor is not None, next_cursor=cursor))
