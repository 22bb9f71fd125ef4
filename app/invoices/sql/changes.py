"""SQL of what happens to a locked document: due dates and voids."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import select

from app.infra.database import ReadSession, WriteSession
from app.invoices.models import InstalmentChange


async def last_change(session: ReadSession, instalment_id: UUID) -> InstalmentChange | None:
    """The newest due-date change of an instalment, or None."""
    statement = (
        select(InstalmentChange)
        .where(
            InstalmentChange.organization_id == session.organization_id, InstalmentChange.instalment_id == instalment_id
        )
        .order_by(
            InstalmentChange.effective_date.desc(), InstalmentChange.recorded_at.desc(), InstalmentChange.id.desc()
        )
        .limit(1)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def set_due_date(session: WriteSession, instalment_id: UUID, due_date: date) -> None:
    """Write the present due date of a locked instalment; raises its version, and so the document's."""
    await session.driver.execute(
        "UPDATE instalments SET due_date = $3, version = version + 1,"
        " updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        instalment_id,
        due_date,
    )


async def mark_void(session: WriteSession, invoice_id: UUID, on: date, reason: str) -> None:
    """Mark a locked document and its instalments as void, with nothing open."""
    await session.driver.execute(
        "WITH parts AS (UPDATE instalments SET adjusted_minor = adjusted_minor + open_minor, status = 'void',"
        " version = version + 1, updated_at = current_setting('app.recorded_at')::timestamptz"
        " WHERE organization_id = $1 AND invoice_id = $2)"
        " UPDATE invoices SET void_date = $3, void_reason = $4,"
        " voided_at = current_setting('app.recorded_at')::timestamptz, version = version + 1,"
        " updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        invoice_id,
        on,
        reason,
    )
