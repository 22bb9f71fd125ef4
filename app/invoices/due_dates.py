"""Agreed changes of a due date, dated: reports of an earlier day still see the earlier due date."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import check_version
from app.invoices import queries
from app.invoices.errors import EffectiveDateTooEarly, InvoiceVoid
from app.invoices.models import Instalment, InstalmentChange
from app.invoices.rules import InvoiceInvalid
from app.invoices.sql.changes import last_change, set_due_date


async def change_due_date(
    session: WriteSession,
    instalment_id: UUID,
    *,
    due_date: date,
    effective_date: date,
    reason: str,
    expected_version: int | None = None,
) -> UUID:
    """Give an instalment another due date from `effective_date` on; the original due date stays on record.

    Answers the invoice's id; `expected_version` is the invoice's. Raises InstalmentNotFound, StaleVersion, InvoiceVoid,
    EffectiveDateTooEarly, InvoiceInvalid (before the invoice date). Nothing is posted, so closed periods do not matter.
    """
    document = await queries.lock_document(session, await queries.invoice_id_of(session, instalment_id))
    check_version(expected_version, document.version)
    (instalment,) = [part for part in document.parts if part.id == instalment_id]
    await move_due_date(session, instalment, due_date=due_date, effective_date=effective_date, reason=reason)
    return instalment.invoice_id


async def move_due_date(
    session: WriteSession, instalment: Instalment, *, due_date: date, effective_date: date, reason: str
) -> None:
    """Give a locked instalment another due date; see `change_due_date`. The same date changes nothing."""
    instalment_id = instalment.id
    if instalment.status == "void":
        raise InvoiceVoid("the document is void")
    if due_date < instalment.invoice_date:
        raise InvoiceInvalid("the due date is before the invoice date", pointer="/due_date")
    last = await last_change(session, instalment_id)
    earliest = max(instalment.accounting_date, last.effective_date if last is not None else date.min)
    if effective_date < earliest:
        detail = f"not before {earliest}, the date of the document or of its last change"
        raise EffectiveDateTooEarly(detail, pointer="/effective_date", not_before=earliest.isoformat())
    if due_date == instalment.due_date:
        return
    before = instalment.due_date
    session.add(
        InstalmentChange(
            organization_id=session.organization_id,
            id=new_id(),
            instalment_id=instalment_id,
            due_date_before=before,
            due_date=due_date,
            effective_date=effective_date,
            reason=reason,
            actor_name=session.actor.name,
        )
    )
    await session.flush()
    await set_due_date(session, instalment_id, due_date)
    record_change(
        session,
        ChangeRow(
            entity_type="invoice",
            entity_id=instalment.invoice_id,
            event="invoice.due_date_changed",
            before={"instalment_id": instalment_id, "due_date": before},
            after={"instalment_id": instalment_id, "due_date": due_date},
            effective_date=effective_date,
            reason=reason,
        ),
    )
