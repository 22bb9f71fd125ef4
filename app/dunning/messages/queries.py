"""SQL of dunning messages: what they are made of, what is due, lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from app.dunning.messages.errors import AddressMarkNotFound, DunningMessageNotFound
from app.dunning.messages.models import (
    DunningAddressMark,
    DunningMessage,
    DunningMessageContent,
    DunningMessageEvent,
    DunningTemplate,
)
from app.infra.database import ReadSession, WriteSession

RESPONSE_DAYS = 14
"""Until somebody changes it."""
_NOTICES = """
SELECT n.id, n.run_id, n.account_id, n.legal_entity_id, n.currency, n.channel, n.business_date, n.contact_id,
    n.open_minor, n.total_minor, n.charges_minor, n.fee_minor, n.interest_minor, n.compensation_minor, n.step_ordinal,
    s.name AS step_name, s.template_code, s.cc, s.attachments
FROM dunning_notices n JOIN dunning_steps s ON s.organization_id = $1 AND s.id = n.step_id
WHERE n.organization_id = $1 AND n.id = ANY($2::uuid[])
"""
_ACCOUNTS = """
SELECT a.id, a.number, a.name, a.legal_name, a.language, a.time_zone, a.street, a.address_supplement, a.postal_code,
    a.city, a.region, a.country, a.collector_id
FROM accounts a WHERE a.organization_id = $1 AND a.id = ANY($2::uuid[])
"""
_COLLECTORS = "SELECT id, email FROM users WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND active"
_ENTITIES = """
SELECT id, name AS entity_name, street AS entity_street, postal_code AS entity_postal_code, city AS entity_city,
    country AS entity_country FROM legal_entities WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_ITEMS = """
SELECT i.id, i.notice_id, i.instalment_id, i.step_ordinal, i.due_date, i.open_minor, i.eligible_minor, i.disputed_minor
FROM dunning_notice_items i
WHERE i.organization_id = $1 AND i.notice_id = ANY($2::uuid[]) AND i.dropped IS NULL
"""
_INSTALMENTS = "SELECT id, invoice_id FROM instalments WHERE organization_id = $1 AND id = ANY($2::uuid[])"
_INVOICES = """
SELECT id, number, invoice_date, purchase_order FROM invoices WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_READY = """
SELECT n.id FROM dunning_notices n
WHERE n.organization_id = $1 AND n.state = 'approved' AND n.channel IN ('email', 'letter', 'sms')
  AND ($2::uuid[] IS NULL OR n.id = ANY($2::uuid[]))
  AND NOT EXISTS (SELECT FROM dunning_messages m WHERE m.organization_id = $1 AND m.notice_id = n.id
                                                   AND m.channel = n.channel)
ORDER BY n.id LIMIT $3
"""
_CONTACTS = """
SELECT id, account_id, role, name, email, phone, language, active FROM contacts
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND active ORDER BY id
"""
_MARKS = """
SELECT contact_id, kind, address_sha256 FROM dunning_address_marks
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND cleared_at IS NULL
"""
_BANK_ACCOUNTS = """
SELECT legal_entity_id, name, identifier, bic, currency FROM bank_accounts
WHERE organization_id = $1 AND legal_entity_id = ANY($2::uuid[]) ORDER BY id
"""
_TEMPLATES = """
SELECT code, language, name, subject, text, html, letter, sms, revision FROM dunning_templates
WHERE organization_id = $1 AND code = ANY($2::text[]) AND active
"""
_EARLIER = """
SELECT account_id, array_agg(message_id ORDER BY id) AS ids FROM dunning_messages
WHERE organization_id = $1 AND account_id = ANY($2::uuid[]) AND channel = 'email' AND message_id IS NOT NULL
  AND sent_at IS NOT NULL GROUP BY account_id
"""
_DUE = """
SELECT m.id, m.notice_id, m.account_id, m.contact_id, m.channel, m.language, m.recipient, m.cc, m.attachments,
    m.attempts, m.counted, m.created_at, m.document_id, m.dated, c.subject, c.text, c.html, c.unsubscribe_url
FROM dunning_messages m JOIN dunning_message_contents c ON c.organization_id = $1 AND c.id = m.id
WHERE m.organization_id = $1 AND m.channel = $2 AND m.state = 'approved'
  AND (m.not_before IS NULL OR m.not_before <= $3)
ORDER BY m.not_before NULLS FIRST, m.id LIMIT $4
"""
_NEXT = """
SELECT min(not_before) FROM dunning_messages
WHERE organization_id = $1 AND channel = $2 AND state = 'approved' AND not_before > $3
"""
_CONTACT_NOW = "SELECT id, email, phone FROM contacts WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND active"


async def ready_notices(session: ReadSession, ids: Sequence[UUID] | None, limit: int) -> list[UUID]:
    """Notices that are approved, go out as a message and have none yet; of these, or of all."""
    rows = await session.driver.fetch(_READY, session.organization_id, None if ids is None else list(ids), limit)
    return [row["id"] for row in rows]


async def notices_of(session: ReadSession, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Facts of these notices: step, account with its address, legal entity, collector."""
    fetch, organization_id = session.driver.fetch, session.organization_id
    notices = await fetch(_NOTICES, organization_id, list(ids))
    accounts = await fetch(_ACCOUNTS, organization_id, list({row["account_id"] for row in notices}))
    entities = await fetch(_ENTITIES, organization_id, list({row["legal_entity_id"] for row in notices}))
    asked = {row["collector_id"] for row in accounts} - {None}
    emails = (
        {row["id"]: row["email"] for row in await fetch(_COLLECTORS, organization_id, list(asked))} if asked else {}
    )
    facts = {row["id"]: {**row, "collector_email": emails.get(row["collector_id"])} for row in accounts}
    of_entity = {row["id"]: row for row in entities}
    return [{**of_entity[row["legal_entity_id"]], **facts[row["account_id"]], **row} for row in notices]


async def items_of(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """The instalments of these notices with their invoices, the first due first.

    Table by table, each row by its key: a join depends on statistics, which know nothing of a run just planned.
    """
    fetch, organization_id = session.driver.fetch, session.organization_id
    items = await fetch(_ITEMS, organization_id, list(ids))
    parts = await fetch(_INSTALMENTS, organization_id, list({row["instalment_id"] for row in items}))
    invoice_ids = {row["id"]: row["invoice_id"] for row in parts}
    invoices = await fetch(_INVOICES, organization_id, list(set(invoice_ids.values())))
    known = {row["id"]: row for row in invoices}
    found: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in items:
        invoice = known[invoice_ids[row["instalment_id"]]]
        found[row["notice_id"]].append({**invoice, **row, "invoice_id": invoice["id"]})
    for of_notice in found.values():
        of_notice.sort(key=lambda row: (row["due_date"], row["number"], row["id"]))
    return found


async def contacts_of(session: ReadSession, account_ids: Iterable[UUID]) -> dict[UUID, list[Any]]:
    """Contacts in use, by account."""
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in await session.driver.fetch(_CONTACTS, session.organization_id, list(account_ids)):
        found[row["account_id"]].append(row)
    return found


async def response_days(session: ReadSession) -> int:
    """How many days a customer has for an answer to a reminder."""
    found = await session.driver.fetchval(
        "SELECT response_days FROM dunning_settings WHERE organization_id = $1", session.organization_id
    )
    return int(found) if found is not None else RESPONSE_DAYS


async def addresses_now(session: ReadSession, contact_ids: Iterable[UUID]) -> dict[UUID, Any]:
    """E-mail address and telephone number of contacts in use, as they are now."""
    rows = await session.driver.fetch(_CONTACT_NOW, session.organization_id, list(contact_ids))
    return {row["id"]: row for row in rows}


async def marks_of(session: ReadSession, account_ids: Iterable[UUID]) -> set[tuple[UUID, str]]:
    """Contact and hash of each address that bounced or must not be used, of these accounts."""
    rows = await session.driver.fetch(_MARKS, session.organization_id, list(account_ids))
    return {(row["contact_id"], row["address_sha256"]) for row in rows}


async def bank_accounts_of(session: ReadSession, entity_ids: Iterable[UUID]) -> dict[UUID, list[Any]]:
    """Own bank accounts, by legal entity."""
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in await session.driver.fetch(_BANK_ACCOUNTS, session.organization_id, list(entity_ids)):
        found[row["legal_entity_id"]].append(row)
    return found


async def templates_of(session: ReadSession, codes: Iterable[str]) -> dict[tuple[str, str], Any]:
    """The organization's own templates in use, by code and language."""
    rows = await session.driver.fetch(_TEMPLATES, session.organization_id, list(codes))
    return {(row["code"], row["language"]): row for row in rows}


async def earlier_messages(session: ReadSession, account_ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    """Message ids of the e-mails that went to each account, oldest first."""
    rows = await session.driver.fetch(_EARLIER, session.organization_id, list(account_ids))
    return {row["account_id"]: row["ids"] for row in rows}


async def due_messages(session: ReadSession, channel: str, now: datetime, limit: int) -> list[Any]:
    """Messages whose time has come, with what they say; nothing is claimed."""
    return list(await session.driver.fetch(_DUE, session.organization_id, channel, now, limit))


async def next_due_at(session: ReadSession, channel: str, now: datetime) -> datetime | None:
    """When the next message that waits may go."""
    found: datetime | None = await session.driver.fetchval(_NEXT, session.organization_id, channel, now)
    return found


async def correspondence_reply_to(session: ReadSession) -> str | None:
    """Where answers to correspondence go, if somebody has said so."""
    found: str | None = await session.driver.fetchval(
        "SELECT reply_to FROM correspondence_settings WHERE organization_id = $1", session.organization_id
    )
    return found


async def account_number(session: ReadSession, account_id: UUID) -> str:
    """The number of an account."""
    found = await session.driver.fetchval(
        "SELECT number FROM accounts WHERE organization_id = $1 AND id = $2", session.organization_id, account_id
    )
    return str(found or "")


async def set_recipient(session: WriteSession, message_id: UUID, recipient: str) -> None:
    """The address was corrected since the message was made."""
    await session.driver.execute(
        "UPDATE dunning_messages SET recipient = $3 WHERE organization_id = $1 AND id = $2",
        session.organization_id,
        message_id,
        recipient,
    )


async def has_approved(session: ReadSession, channel: str) -> bool:
    """Whether any message of the channel waits to leave."""
    return bool(
        await session.driver.fetchval(
            "SELECT EXISTS (SELECT FROM dunning_messages WHERE organization_id = $1 AND channel = $2"
            " AND state = 'approved')",
            session.organization_id,
            channel,
        )
    )


async def get_message(session: ReadSession, message_id: UUID, *, lock: bool = False) -> DunningMessage:
    """The message as it is now. Raises DunningMessageNotFound."""
    key = (session.organization_id, message_id)
    found = await session.get(DunningMessage, key, populate_existing=True, with_for_update=lock or None)
    if found is None:
        raise DunningMessageNotFound("no such dunning message")
    return found


async def message_of_notice(session: ReadSession, notice_id: UUID) -> UUID:
    """The latest message of a notice. Raises DunningMessageNotFound where it has none."""
    found: UUID | None = await session.driver.fetchval(
        "SELECT id FROM dunning_messages WHERE organization_id = $1 AND notice_id = $2 ORDER BY id DESC LIMIT 1",
        session.organization_id,
        notice_id,
    )
    if found is None:
        raise DunningMessageNotFound("the notice has no message")
    return found


async def get_content(session: ReadSession, message_id: UUID) -> DunningMessageContent:
    """What the message says. Raises DunningMessageNotFound."""
    found = await session.get(DunningMessageContent, (session.organization_id, message_id), populate_existing=True)
    if found is None:
        raise DunningMessageNotFound("no such dunning message")
    return found


async def events_of(session: ReadSession, message_id: UUID) -> list[DunningMessageEvent]:
    """What came of a message, oldest first; the first 200."""
    statement = select(DunningMessageEvent).where(
        DunningMessageEvent.organization_id == session.organization_id, DunningMessageEvent.message_id == message_id
    )
    return list((await session.scalars(statement.order_by(DunningMessageEvent.id).limit(200))).all())


async def get_mark(session: ReadSession, mark_id: UUID) -> DunningAddressMark:
    """The mark, locked. Raises AddressMarkNotFound."""
    key = (session.organization_id, mark_id)
    found = await session.get(DunningAddressMark, key, populate_existing=True, with_for_update=True)
    if found is None:
        raise AddressMarkNotFound("no such mark")
    return found


async def find_own_template(
    session: ReadSession, code: str, language: str, *, lock: bool = False
) -> DunningTemplate | None:
    """The organization's own template of that code in that language, or None."""
    statement = select(DunningTemplate).where(
        DunningTemplate.organization_id == session.organization_id,
        DunningTemplate.code == code,
        DunningTemplate.language == language,
    )
    if lock:
        statement = statement.with_for_update()
    return (await session.scalars(statement)).one_or_none()


async def own_templates(session: ReadSession) -> list[DunningTemplate]:
    """All of the organization's own templates."""
    statement = select(DunningTemplate).where(DunningTemplate.organization_id == session.organization_id)
    return list((await session.scalars(statement.order_by(DunningTemplate.code, DunningTemplate.language))).all())


def messages_statement(organization_id: UUID, **equal: object) -> Select[Any]:
    """The statement of the list of messages, without order and bounds; filters that are None are left out."""
    statement: Any = select(DunningMessage, DunningMessageContent.subject).join(
        DunningMessageContent,
        (DunningMessageContent.organization_id == DunningMessage.organization_id)
        & (DunningMessageContent.id == DunningMessage.id),
    )
    statement = statement.where(DunningMessage.organization_id == organization_id)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(DunningMessage, name) == value)
    narrowed: Select[Any] = statement
    return narrowed


def marks_statement(organization_id: UUID, *, cleared: bool | None, **equal: object) -> Select[Any]:
    """The statement of the list of marks on addresses; filters that are None are left out."""
    statement = select(DunningAddressMark).where(DunningAddressMark.organization_id == organization_id)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(DunningAddressMark, name) == value)
    if cleared is not None:
        statement = statement.where(DunningAddressMark.cleared_at.is_not(None) == cleared)
    return statement


async def count_messages(session: ReadSession) -> dict[str, int]:
    """Messages by state, for badges."""
    counted = (
        select(DunningMessage.state, func.count())
        .where(DunningMessage.organization_id == session.organization_id)
        .group_by(DunningMessage.state)
    )
    return {row[0]: row[1] for row in (await session.execute(counted)).all()}
