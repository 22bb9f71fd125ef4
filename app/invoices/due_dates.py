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
from app.invoices.models import InstalmentChange
from app.invoices.rules import InvoiceInvalid


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

    Answers the invoice's id. Raises InstalmentNotFound, StaleVersion, InvoiceVoid, EffectiveDateTooEarly,
    InvoiceInvalid (before the invoice date). Nothing is posted, so closed periods do not matter.
    """
    instalment = await queries.lock_instalment(session, instalment_id)
    check_version(expected_version, instalment.version)
    if instalment.status == "void":
        raise InvoiceVoid("the document is void")
    if due_date < instalment.invoice_date:
        raise InvoiceInvalid("the due date is before the invoice date", pointer="/due_date")
    earliest = max(instalment.accounting_date, await queries.last_change_date(session, instalment_id) or date.min)
    if effective_date < earliest:
        detail = f"not before {earliest}, the date of the document or of its last change"
        raise EffectiveDateTooEarly(detail, pointer="/effective_date")
    if due_date == instalment.due_date:
        return instalment.invoice_id
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
    await queries.set_due_date(session, instalment, due_date)
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
    return instalment.invoice_id
