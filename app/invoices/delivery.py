"""What becomes of an invoice on its way to the customer: `sent → delivered → confirmed | not_received`, with history.

An invoice that was not received is sent again. Whoever learns something about it later may say so, but news that is
older than what is known, such as a late delivery report after the customer confirmed, changes nothing that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.invoices.errors import DeliveryOfVoid, DeliveryOutOfOrder
from app.invoices.models import InvoiceDeliveryEvent
from app.invoices.queries import lock_document

DeliveryStatus = Literal["sent", "delivered", "confirmed", "not_received"]
DeliveryChannel = Literal["email", "letter", "portal", "edi", "fax", "other"]
_FOLLOWS: dict[str | None, tuple[DeliveryStatus, ...]] = {
    None: ("sent", "delivered", "confirmed", "not_received"),
    "sent": ("sent", "delivered", "confirmed", "not_received"),
    "delivered": ("sent", "confirmed", "not_received"),
    "confirmed": ("sent", "not_received"),
    "not_received": ("sent", "confirmed"),
}


@dataclass(frozen=True, slots=True)
class RecordDelivery:
    """News about the way of an invoice. `on` is the day on which it happened; `expected_version` the document's."""

    invoice_id: UUID
    status: DeliveryStatus
    on: date
    channel: DeliveryChannel | None = None
    recipient: str | None = None
    note: str | None = None
    expected_version: int | None = None


def may_follow(present: str | None) -> tuple[DeliveryStatus, ...]:
    """The delivery states that may follow; without any nothing is known yet."""
    return _FOLLOWS[present]


async def record_delivery(session: WriteSession, command: RecordDelivery) -> UUID:
    """Write the news down and, as the present state, on the invoice; answers the id of the entry.

    Raises InvoiceNotFound, StaleVersion, DeliveryOfVoid, DeliveryOutOfOrder.
    """
    document = await lock_document(session, command.invoice_id)
    check_version(command.expected_version, document.version)
    invoice = document.invoice
    if invoice.voided_at is not None:
        raise DeliveryOfVoid("the invoice is void")
    before = invoice.delivery_status
    if command.status not in may_follow(before):
        raise DeliveryOutOfOrder(f"the invoice is {before}; {command.status} cannot follow", delivery_status=before)
    event = InvoiceDeliveryEvent(
        organization_id=session.organization_id,
        id=new_id(),
        invoice_id=invoice.id,
        status=command.status,
        channel=command.channel,
        on_date=command.on,
        recipient=command.recipient,
        note=command.note,
        actor_name=session.actor.name,
    )
    session.add(event)
    invoice.delivery_status = command.status
    invoice.version += 1
    for part in document.parts[:1]:  # the document was updated when the latest of its instalments was
        part.updated_at = RECORDED_NOW
    await session.flush()
    facts = {"account_id": invoice.account_id, "delivery_status": command.status, "channel": command.channel}
    change = ChangeRow(
        "invoice", invoice.id, f"invoice.{command.status}", {"delivery_status": before}, facts, command.on,
    )  # fmt: skip
    record_change(session, change)
    return event.id


async def record_deliveries(session: WriteSession, commands: Sequence[RecordDelivery]) -> int:
    """Write down what may follow of these news, in the order of the invoices; leave the rest out. Answers how many."""
    done = 0
    for command in sorted(commands, key=lambda one: one.invoice_id):
        try:
            await record_delivery(session, command)
        except (DeliveryOfVoid, DeliveryOutOfOrder):
            continue
        done += 1
    return done
