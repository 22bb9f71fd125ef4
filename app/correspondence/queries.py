"""SQL of threads, messages and templates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select

from app.correspondence.errors import CorrespondenceNotFound, MessageNotFound, TemplateNotFound
from app.correspondence.models import (
    ContactAttempt,
    Correspondence,
    CorrespondenceAttachment,
    CorrespondenceMessage,
    CorrespondenceTemplate,
)
from app.infra.database import ReadSession
from app.infra.mail.models import OutgoingEmail

INVOICES_MAX = 200
_INVOICES = """
SELECT i.id, i.number, i.invoice_date, i.currency, i.purchase_order, i.account_id, i.legal_entity_id, i.delivery_status,
    i.amount_minor + i.corrected_minor AS amount_minor, sum(s.open_minor)::bigint AS open_minor,
    min(s.due_date) FILTER (WHERE s.open_minor <> 0) AS next_due, min(s.due_date) AS first_due
FROM invoices i JOIN instalments s ON s.organization_id = $1 AND s.invoice_id = i.id
WHERE i.organization_id = $1 AND i.account_id = $2 AND i.voided_at IS NULL AND (i.id = ANY($3::uuid[]) OR $4)
GROUP BY i.organization_id, i.id HAVING NOT $4 OR sum(s.open_minor) <> 0
ORDER BY min(s.due_date), i.number LIMIT $5
"""
_COPIES = """
SELECT DISTINCT ON (l.subject_id) l.subject_id AS invoice_id, l.document_id, l.name, d.media_type, d.size_bytes
FROM document_links l JOIN documents d ON d.organization_id = $1 AND d.id = l.document_id
WHERE l.organization_id = $1 AND l.subject_kind = 'invoice' AND l.category = 'invoice_copy'
    AND l.subject_id = ANY($2::uuid[])
ORDER BY l.subject_id, l.id DESC
"""


async def account_row(session: ReadSession, account_id: UUID) -> Any:
    """Number, names, language, currency, time zone and postal address of the account, or None."""
    return await session.driver.fetchrow(
        "SELECT id, number, name, legal_name, language, currency, time_zone, street, address_supplement, postal_code,"
        " city, region, country FROM accounts"
        " WHERE organization_id = $1 AND id = $2 AND status <> 'merged'",
        session.organization_id,
        account_id,
    )


async def invoices_of(session: ReadSession, account_id: UUID, ids: Sequence[UUID], *, all_open: bool) -> list[Any]:
    """These invoices of the account, or all that are open, the first due first; at most INVOICES_MAX."""
    return list(
        await session.driver.fetch(_INVOICES, session.organization_id, account_id, list(ids), all_open, INVOICES_MAX)
    )


async def invoice_copies(session: ReadSession, invoice_ids: Iterable[UUID]) -> dict[UUID, Any]:
    """The latest stored copy of each invoice that has one."""
    rows = await session.driver.fetch(_COPIES, session.organization_id, list(invoice_ids))
    return {row["invoice_id"]: row for row in rows}


async def legal_entity_row(session: ReadSession, legal_entity_id: UUID | None) -> Any:
    """Name and country of a legal entity; without an id, of the only one. None when there is no such one."""
    rows = await session.driver.fetch(
        "SELECT name, country FROM legal_entities WHERE organization_id = $1 AND ($2::uuid IS NULL OR id = $2) LIMIT 2",
        session.organization_id,
        legal_entity_id,
    )
    return rows[0] if len(rows) == 1 else None


async def get_thread(session: ReadSession, thread_id: UUID, *, lock: bool = False) -> Correspondence:
    """The thread as it is now. Raises CorrespondenceNotFound."""
    key = (session.organization_id, thread_id)
    found = await session.get(Correspondence, key, populate_existing=True, with_for_update=lock or None)
    if found is None:
        raise CorrespondenceNotFound("no such correspondence")
    return found


async def get_message(session: ReadSession, message_id: UUID, *, lock: bool = False) -> CorrespondenceMessage:
    """The message as it is now. Raises MessageNotFound."""
    key = (session.organization_id, message_id)
    found = await session.get(CorrespondenceMessage, key, populate_existing=True, with_for_update=lock or None)
    if found is None:
        raise MessageNotFound("no such message")
    return found


async def get_template(session: ReadSession, template_id: UUID, *, lock: bool = False) -> CorrespondenceTemplate:
    """The template as it is now. Raises TemplateNotFound."""
    key = (session.organization_id, template_id)
    found = await session.get(CorrespondenceTemplate, key, populate_existing=True, with_for_update=lock or None)
    if found is None:
        raise TemplateNotFound("no such template")
    return found


async def find_template(session: ReadSession, code: str, language: str | None) -> CorrespondenceTemplate | None:
    """The active template of that code in that language, else in its main language, in English, or in any."""
    statement = select(CorrespondenceTemplate).where(
        CorrespondenceTemplate.organization_id == session.organization_id,
        CorrespondenceTemplate.code == code,
        CorrespondenceTemplate.active,
    )
    found = list((await session.execute(statement.order_by(CorrespondenceTemplate.id))).scalars())
    wanted = [language, (language or "").split("-")[0], "en"]
    ranked = sorted(found, key=lambda row: wanted.index(row.language) if row.language in wanted else len(wanted))
    return ranked[0] if ranked else None


async def attachments_of(session: ReadSession, message_ids: Iterable[UUID]) -> list[CorrespondenceAttachment]:
    """Attachments of these messages, in their order."""
    statement = select(CorrespondenceAttachment).where(
        CorrespondenceAttachment.organization_id == session.organization_id,
        CorrespondenceAttachment.message_id.in_(list(message_ids)),
    )
    return list((await session.execute(statement.order_by(CorrespondenceAttachment.id))).scalars())


async def email_states(session: ReadSession, email_ids: Iterable[UUID]) -> dict[UUID, str]:
    """What came of these e-mails of the outbox."""
    statement = select(OutgoingEmail.id, OutgoingEmail.state).where(
        OutgoingEmail.organization_id == session.organization_id, OutgoingEmail.id.in_(list(email_ids))
    )
    return {row[0]: row[1] for row in (await session.execute(statement)).all()}


async def find_received(
    session: ReadSession, sha256: str, message_id: str | None, sender: str | None
) -> CorrespondenceMessage | None:
    """The incoming message with this content, or with this message id of this sender; or None.

    A message id alone does not count: whoever knows one could keep another's e-mail from being taken in.
    """
    same = CorrespondenceMessage.content_sha256 == sha256
    if message_id is not None:
        of_sender = and_(
            CorrespondenceMessage.message_id == message_id, CorrespondenceMessage.sender.is_not_distinct_from(sender)
        )
        same = or_(same, of_sender)
    statement = select(CorrespondenceMessage).where(
        CorrespondenceMessage.organization_id == session.organization_id, CorrespondenceMessage.direction == "in", same
    )
    return (await session.execute(statement.limit(1))).scalar_one_or_none()


async def find_by_reference(
    session: ReadSession, email_ids: Sequence[UUID], ids: Sequence[str]
) -> CorrespondenceMessage | None:
    """The latest message that went out as one of these e-mails, or came in under one of these message ids."""
    statement = (
        select(CorrespondenceMessage)
        .where(
            CorrespondenceMessage.organization_id == session.organization_id,
            or_(CorrespondenceMessage.email_id.in_(list(email_ids)), CorrespondenceMessage.message_id.in_(list(ids))),
        )
        .order_by(CorrespondenceMessage.at.desc(), CorrespondenceMessage.id.desc())
        .limit(1)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def was_written_to(session: ReadSession, thread_id: UUID, address: str) -> bool:
    """Whether an e-mail of the thread went to this address."""
    statement = select(CorrespondenceMessage.id).where(
        CorrespondenceMessage.organization_id == session.organization_id,
        CorrespondenceMessage.correspondence_id == thread_id,
        CorrespondenceMessage.direction == "out",
        func.lower(CorrespondenceMessage.recipient) == address.lower(),
    )
    return (await session.execute(statement.limit(1))).first() is not None


async def has_asked(session: ReadSession, account_id: UUID, thread_id: UUID | None, since: datetime) -> bool:
    """Whether the customer wrote since then (in that thread, if one is named), or has an inquiry that is not closed."""
    return bool(
        await session.driver.fetchval(
            "SELECT EXISTS (SELECT FROM inquiries"
            " WHERE organization_id = $1 AND account_id = $2 AND state <> 'closed')"
            " OR EXISTS (SELECT FROM correspondences c JOIN correspondence_messages m"
            " ON m.organization_id = $1 AND m.correspondence_id = c.id"
            " WHERE c.organization_id = $1 AND c.account_id = $2 AND ($3::uuid IS NULL OR c.id = $3)"
            " AND m.direction = 'in' AND m.kind = 'message' AND m.at >= $4)",
            session.organization_id,
            account_id,
            thread_id,
            since,
        )
    )


async def find_thread_by_tokens(session: ReadSession, tokens: Sequence[str]) -> Correspondence | None:
    """The thread of one of these tokens, or None."""
    statement = select(Correspondence).where(
        Correspondence.organization_id == session.organization_id, Correspondence.token.in_(list(tokens))
    )
    return (await session.execute(statement.limit(1))).scalar_one_or_none()


async def contacts_by_email(session: ReadSession, address: str) -> list[Any]:
    """Contacts in use with this e-mail address, of accounts in use."""
    return list(
        await session.driver.fetch(
            "SELECT c.id, c.account_id FROM contacts c"
            " JOIN accounts a ON a.organization_id = $1 AND a.id = c.account_id AND a.status = 'active'"
            " WHERE c.organization_id = $1 AND c.email = ANY($2::text[]) AND c.active LIMIT 10",
            session.organization_id,
            [address, address.lower()],
        )
    )


@dataclass(frozen=True, slots=True)
class ThreadFilter:
    """What a list of threads may be narrowed by."""

    account_id: UUID | None = None
    contact_id: UUID | None = None
    owner_id: UUID | None = None
    state: str | None = None
    purpose: str | None = None
    unread: bool | None = None
    assigned: bool | None = None
    last_direction: str | None = None
    updated_since: datetime | None = None


def threads_statement(organization_id: UUID, wanted: ThreadFilter) -> Select[Any]:
    """The statement of a list of threads, without order and bounds."""
    statement = select(Correspondence).where(Correspondence.organization_id == organization_id)
    for name in ("account_id", "contact_id", "owner_id", "state", "purpose", "unread", "last_direction"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Correspondence, name) == value)
    if wanted.assigned is not None:
        statement = statement.where(Correspondence.account_id.is_not(None) == wanted.assigned)
    if wanted.updated_since is not None:
        statement = statement.where(Correspondence.updated_at >= wanted.updated_since)
    return statement


def messages_statement(organization_id: UUID, thread_id: UUID) -> Select[Any]:
    """The statement of the messages of a thread, without order and bounds."""
    return select(CorrespondenceMessage).where(
        CorrespondenceMessage.organization_id == organization_id,
        CorrespondenceMessage.correspondence_id == thread_id,
    )


def templates_statement(organization_id: UUID, **equal: object) -> Select[Any]:
    """The statement of the list of templates; filters that are None are left out."""
    statement = select(CorrespondenceTemplate).where(CorrespondenceTemplate.organization_id == organization_id)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(CorrespondenceTemplate, name) == value)
    return statement


def attempts_statement(organization_id: UUID, on_or_after: date | None, **equal: object) -> Select[Any]:
    """The statement of contacts made, put off and refused; filters that are None are left out."""
    statement = select(ContactAttempt).where(ContactAttempt.organization_id == organization_id)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(ContactAttempt, name) == value)
    if on_or_after is not None:
        statement = statement.where(ContactAttempt.at >= on_or_after)
    return statement


async def count_threads(session: ReadSession) -> dict[str, int]:
    """Counts for badges: open, unread, without an account."""
    own = Correspondence.organization_id == session.organization_id
    counted = select(
        func.count().filter(Correspondence.state == "open"),
        func.count().filter(Correspondence.unread),
        func.count().filter(Correspondence.account_id.is_(None)),
    ).where(own)
    row = (await session.execute(counted)).one()
    return {"open": row[0], "unread": row[1], "unassigned": row[2]}
