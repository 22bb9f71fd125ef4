"""Reads of the payments room: documents, groups of applications, lists. Balances as of a date are in `balances.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import aliased

from app.infra.database import ReadSession
from app.invoices.models import Instalment
from app.payments.errors import ApplicationNotFound, PaymentNotFound
from app.payments.models import Application, Payment, PaymentMovement
from app.payments.postings import ApplicationRow
from app.payments.types import Source
from app.payments.writes import APPLICATION_COLUMNS, StoredApplication

_TOPS = """
WITH RECURSIVE up AS (
    SELECT id AS start, id, parent_id, 0 AS depth FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])
    UNION ALL
    SELECT up.start, a.id, a.parent_id, up.depth + 1 FROM up
    JOIN accounts a ON a.organization_id = $1 AND a.id = up.parent_id WHERE up.depth < 32
)
SELECT DISTINCT ON (start) start, id FROM up ORDER BY start, depth DESC
"""
_LATEST_EVENTS = """
SELECT payment_id, max(effective_date) AS latest FROM (
    SELECT payment_id, effective_date FROM applications
    WHERE organization_id = $1 AND payment_id IS NOT NULL AND payment_id = ANY($2::uuid[])
    UNION ALL
    SELECT payment_id, effective_date FROM payment_movements WHERE organization_id = $1 AND payment_id = ANY($2::uuid[])
) AS events GROUP BY payment_id
"""
_GROUP_COLUMNS = """
a.id, a.group_id, a.legal_entity_id, a.account_id, a.source_account_id, a.payment_id, a.credit_memo_id,
a.instalment_id, a.currency, a.amount_minor, a.discount_minor, a.write_off_minor, a.source_currency,
a.source_amount_minor, a.exchange_rate, a.exchange_difference_minor, a.reverses_id, a.effective_date, a.origin,
a.proposal_id
"""
_UNREVERSED = """
AND a.reverses_id IS NULL AND NOT EXISTS (
    SELECT FROM applications u WHERE u.organization_id = a.organization_id AND u.reverses_id = a.id)
"""
_GROUP_ROWS = f"SELECT {_GROUP_COLUMNS} FROM applications a WHERE a.organization_id = $1 AND a.group_id = $2"
_LIVE_OF_PAYMENT = (
    f"SELECT {_GROUP_COLUMNS} FROM applications a WHERE a.organization_id = $1 AND a.payment_id = $2 {_UNREVERSED}"
)


async def top_accounts(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The top of the parent group of each account."""
    rows = await session.driver.fetch(_TOPS, session.organization_id, list(ids))
    return {row["start"]: row["id"] for row in rows}


async def existing_accounts(session: ReadSession, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the accounts that exist in the organization."""
    rows = await session.driver.fetch(
        "SELECT id FROM accounts WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"] for row in rows}


async def payment_facts(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, Any]:
    """What identifies payments to the source that sent them, by id."""
    rows = await session.driver.fetch(
        "SELECT id, amount_minor, currency, value_date, legal_entity_id, account_id, original_account_id FROM payments"
        " WHERE organization_id = $1 AND id = ANY($2::uuid[])",
        session.organization_id,
        list(ids),
    )
    return {row["id"]: row for row in rows}


async def latest_event_dates(session: ReadSession, payment_ids: Sequence[UUID]) -> dict[UUID, date]:
    """The latest effective date among applications, undos and movements of each payment that has any."""
    rows = await session.driver.fetch(_LATEST_EVENTS, session.organization_id, list(payment_ids))
    return {row["payment_id"]: row["latest"] for row in rows}


async def group_rows(session: ReadSession, group_id: UUID) -> list[StoredApplication]:
    """The rows of a group of applications. Raises ApplicationNotFound."""
    rows = await session.driver.fetch(_GROUP_ROWS, session.organization_id, group_id)
    if not rows:
        raise ApplicationNotFound("no such group of applications")
    return [_stored(row) for row in rows]


async def live_applications(session: ReadSession, payment_id: UUID) -> list[StoredApplication]:
    """Applications of a payment that are not undone."""
    rows = await session.driver.fetch(_LIVE_OF_PAYMENT, session.organization_id, payment_id)
    return [_stored(row) for row in rows]


async def reversed_among(session: ReadSession, application_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the applications that are undone."""
    rows = await session.driver.fetch(
        "SELECT reverses_id FROM applications WHERE organization_id = $1 AND reverses_id = ANY($2::uuid[])",
        session.organization_id,
        list(application_ids),
    )
    return {row["reverses_id"] for row in rows}


def _stored(row: Any) -> StoredApplication:
    payment_id = row["payment_id"]
    source = Source("payment", payment_id) if payment_id else Source("credit_memo", row["credit_memo_id"])
    plain = {name: row[name] for name in APPLICATION_COLUMNS if name not in ("payment_id", "credit_memo_id")}
    return StoredApplication(
        row=ApplicationRow(id=row["id"], source=source, **plain),
        group_id=row["group_id"],
        effective_date=row["effective_date"],
        origin=row["origin"],
        proposal_id=row["proposal_id"],
    )


async def get_payment(session: ReadSession, payment_id: UUID) -> Payment:
    """The payment. Raises PaymentNotFound."""
    statement = select(Payment).where(Payment.organization_id == session.organization_id, Payment.id == payment_id)
    found = (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()
    if found is None:
        raise PaymentNotFound("no such payment")
    return found


async def find_payment_by_reference(session: ReadSession, source: str, external_id: str) -> Payment | None:
    """The payment with this external reference, or None."""
    statement = select(Payment).where(
        Payment.organization_id == session.organization_id, Payment.source == source, Payment.external_id == external_id
    )
    return (await session.execute(statement)).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """What a list of payments may be narrowed by."""

    account_id: UUID | None = None
    legal_entity_id: UUID | None = None
    status: str | None = None
    matching_state: str | None = None
    currency: str | None = None
    bank_reference: str | None = None
    end_to_end_id: str | None = None
    source: str | None = None
    external_id: str | None = None
    value_from: date | None = None
    value_to: date | None = None
    unapplied: bool | None = None
    updated_since: datetime | None = None


def payments_statement(organization_id: UUID, wanted: PaymentFilter) -> Select[Any]:
    """The statement of a list of payments, without order and bounds."""
    statement = select(Payment).where(Payment.organization_id == organization_id)
    for name in ("account_id", "legal_entity_id", "status", "matching_state", "currency", "bank_reference",
                 "end_to_end_id", "source", "external_id"):  # fmt: skip
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Payment, name) == value)
    if wanted.value_from is not None:
        statement = statement.where(Payment.value_date >= wanted.value_from)
    if wanted.value_to is not None:
        statement = statement.where(Payment.value_date <= wanted.value_to)
    if wanted.unapplied is not None:
        statement = statement.where((Payment.unapplied_minor != 0) == wanted.unapplied)
    if wanted.updated_since is not None:
        statement = statement.where(Payment.updated_at >= wanted.updated_since)
    return statement


def movements_statement(organization_id: UUID, payment_id: UUID) -> Select[Any]:
    """The statement of the list of a payment's movements, without order and bounds."""
    return select(PaymentMovement).where(
        PaymentMovement.organization_id == organization_id, PaymentMovement.payment_id == payment_id
    )


@dataclass(frozen=True, slots=True)
class ApplicationFilter:
    """What a list of applications may be narrowed by. `account_id` is the account of the instalment."""

    group_id: UUID | None = None
    instalment_id: UUID | None = None
    invoice_id: UUID | None = None
    payment_id: UUID | None = None
    credit_memo_id: UUID | None = None
    account_id: UUID | None = None


def applications_statement(organization_id: UUID, wanted: ApplicationFilter) -> Select[Application, UUID]:
    """The statement of a list of applications, each with the group that undid it, without order and bounds."""
    undo = aliased(Application)
    undone = (undo.organization_id == Application.organization_id) & (undo.reverses_id == Application.id)
    statement = select(Application, undo.group_id).outerjoin(undo, undone)
    statement = statement.where(Application.organization_id == organization_id)
    for name in ("group_id", "instalment_id", "payment_id", "credit_memo_id", "account_id"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Application, name) == value)
    if wanted.invoice_id is not None:
        parts = select(Instalment.id).where(
            Instalment.organization_id == organization_id, Instalment.invoice_id == wanted.invoice_id
        )
        statement = statement.where(Application.instalment_id.in_(parts))
    return statement
