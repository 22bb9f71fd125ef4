"""Make sure that invoices arrive: ask before they are due, send a copy again where one did not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from app.accounts.party_queries import active_contacts
from app.core.errors import DomainError
from app.core.ids import new_id
from app.correspondence.compose import Compose, Prepared, prepare
from app.correspondence.errors import MessageInvalid, TemplateNotFound
from app.correspondence.models import ReceiptRequest
from app.correspondence.preferences import Preferences, find_preferences
from app.correspondence.sending import send
from app.correspondence.threads import check_asked
from app.infra.database import SYSTEM, Database, ReadSession, WriteSession
from app.invoices.delivery import RecordDelivery, record_delivery
from app.organizations.queries import local_today

TEMPLATE = "receipt-request"
COPY_TEMPLATE = "invoice-copy"
ACCOUNTS_PER_STEP = 200
INVOICES_PER_REQUEST = 50
_DUE = """
SELECT i.id, i.number, i.account_id, i.currency, s.due_date, s.open_minor
FROM instalments s
JOIN invoices i ON i.organization_id = $1 AND i.id = s.invoice_id
WHERE s.organization_id = $1 AND s.open_minor >= $4 AND s.open_minor > 0 AND s.due_date BETWEEN $2 AND $3
    AND s.account_id > $5 AND i.voided_at IS NULL
    AND (i.delivery_status IS NULL OR i.delivery_status IN ('sent', 'delivered'))
    AND NOT EXISTS (SELECT FROM receipt_requests r
                    WHERE r.organization_id = $1 AND r.invoice_id = i.id AND r.due_date = s.due_date)
ORDER BY s.account_id, s.due_date, i.number LIMIT $6
"""
_BODY = """Good day,

the following invoices are due soon. May we ask you to confirm that you have received them, and that they are in order?
If one is missing, simply answer this e-mail and we send a copy at once.

"""
_COPY_BODY = """Good day,

enclosed we send you a copy of invoice {numbers} once more.
"""


@dataclass(frozen=True, slots=True)
class DueSoon:
    """An account with invoices that are due soon and whose receipt nobody has confirmed."""

    account_id: UUID
    invoices: tuple[Any, ...]


async def due_soon(session: ReadSession, preferences: Preferences, today: date, after: UUID) -> list[DueSoon]:
    """The next accounts behind `after`, each with its invoices that are due within the days of the settings."""
    rows = await session.driver.fetch(
        _DUE, session.organization_id, today, today + timedelta(days=preferences.receipt_days_before_due),
        preferences.receipt_minimum_minor, after, ACCOUNTS_PER_STEP * 5,
    )  # fmt: skip
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["account_id"]].append(row)
    return [DueSoon(account, tuple(items[:INVOICES_PER_REQUEST])) for account, items in found.items()]


async def ask_for_receipt(database: Database, organization_id: UUID, now: datetime) -> int:
    """Ask every customer once about the invoices that are due soon; answers how many were asked.

    One e-mail for an account, under the rules of contact; each in a transaction of its own, so that a night that is cut
    short goes on where it stopped.
    """
    asked, after = 0, UUID(int=0)
    while True:
        async with database.read(organization_id) as session:
            preferences, _ = await find_preferences(session)
            if not preferences.receipt_enabled:
                return asked
            accounts = await due_soon(session, preferences, await local_today(session, now), after)
            contacts = await active_contacts(session, [one.account_id for one in accounts])
        if not accounts:
            return asked
        for one in accounts:
            after = one.account_id
            contact_id = _payable(contacts.get(one.account_id, []))
            if contact_id is not None and await _ask(database, organization_id, one, contact_id, now):
                asked += 1


def _payable(contacts: Sequence[Any]) -> UUID | None:
    """The contact for invoices: accounts payable with an e-mail address, else any with one."""
    with_mail = [row for row in contacts if row["email"] and not row["do_not_contact"]]
    ranked = sorted(with_mail, key=lambda row: row["role"] != "accounts_payable")
    return ranked[0]["id"] if ranked else None


async def _ask(database: Database, organization_id: UUID, one: DueSoon, contact_id: UUID, now: datetime) -> bool:
    ids = tuple(dict.fromkeys(row["id"] for row in one.invoices))
    command = Compose(
        account_id=one.account_id,
        channel="email",
        contact_id=contact_id,
        template_code=TEMPLATE,
        invoice_ids=ids,
        purpose="receipt",
        kind="receipt_request",
    )
    try:
        prepared = await _prepared(database, organization_id, command, _free_text(one), now)
        async with database.write(organization_id, SYSTEM) as session:
            message_id = await send(session, prepared, None, now)
            for row in {(row["id"], row["due_date"]): row for row in one.invoices}.values():
                session.add(
                    ReceiptRequest(
                        organization_id=organization_id,
                        id=new_id(),
                        invoice_id=row["id"],
                        account_id=one.account_id,
                        message_id=message_id,
                        due_date=row["due_date"],
                    )
                )
            await session.flush()
    except DomainError:  # an address that cannot be written to stops no other customer
        return False
    return True


def _free_text(one: DueSoon) -> tuple[str, str]:
    lines = [f"{row['number']}  {row['due_date'].isoformat()}" for row in one.invoices]
    return "Have you received our invoices?", _BODY + "\n".join(lines)


async def _prepared(
    database: Database, organization_id: UUID, command: Compose, free: tuple[str, str], now: datetime
) -> Prepared:
    """By the organization's own template where it has one, else by a plain text."""
    try:
        return await prepare(database, organization_id, command, author=SYSTEM.name, now=now)
    except TemplateNotFound:
        plain = replace(command, template_code=None, subject=free[0], body=free[1])
        return await prepare(database, organization_id, plain, author=SYSTEM.name, now=now)


async def prepare_copy(
    database: Database,
    organization_id: UUID,
    invoice_id: UUID,
    *,
    contact_id: UUID | None,
    thread_id: UUID | None,
    author: str,
    now: datetime,
    answer: bool = False,
) -> Prepared:
    """The e-mail with which the stored copy of an invoice goes out again. `answer`: the customer has asked for it.

    Raises MessageInvalid (no such invoice, no contact with an e-mail address), InvoiceCopyMissing.
    """
    async with database.read(organization_id) as session:
        row = await session.driver.fetchrow(
            "SELECT account_id, number FROM invoices WHERE organization_id = $1 AND id = $2 AND voided_at IS NULL",
            organization_id,
            invoice_id,
        )
        if row is None:
            raise MessageInvalid("no such invoice", pointer="/invoice_id")
        if answer:
            await check_asked(session, row["account_id"], thread_id, now)
        if contact_id is None:
            contacts = await active_contacts(session, [row["account_id"]])
            contact_id = _payable(contacts.get(row["account_id"], []))
    if contact_id is None:
        raise MessageInvalid("the account has no contact with an e-mail address", pointer="/contact_id")
    command = Compose(
        account_id=row["account_id"],
        channel="email",
        contact_id=contact_id,
        thread_id=thread_id,
        template_code=COPY_TEMPLATE,
        invoice_ids=(invoice_id,),
        attach_copies=True,
        purpose="invoice_copy",
        kind="invoice_copy",
        answer=answer,
    )
    free = (f"Copy of invoice {row['number']}", _COPY_BODY.format(numbers=row["number"]))
    return await _prepared(database, organization_id, command, free, now)


async def send_copy(session: WriteSession, prepared: Prepared, now: datetime, *, not_received: bool) -> UUID:
    """Send the copy and note it on the invoice: not received (when the customer said so), then sent again.

    Raises DeliveryOfVoid, DeliveryOutOfOrder.
    """
    (invoice_id,) = prepared.invoice_ids
    if not_received:
        await record_delivery(
            session, RecordDelivery(invoice_id, "not_received", prepared.today, "email", note="as the customer says")
        )
    message_id = await send(session, prepared, None, now)
    verdict = prepared.verdict
    if verdict.allowed or verdict.not_before is not None:  # what is put off leaves by itself
        note = "copy sent again" if not_received else "copy sent"
        await record_delivery(
            session,
            RecordDelivery(invoice_id, "sent", prepared.today, "email", recipient=prepared.recipient, note=note),
        )
    return message_id
