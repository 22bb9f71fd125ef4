"""Write to a customer: an e-mail or letter from a template or free, with invoice copies.

Three steps, because rendering and storing leave the database: `prepare` reads (transaction) and renders (none), the
router keeps a letter's bytes, `send` writes all rows (transaction). A letter is rendered once and kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from app.accounts.addresses import address_lines
from app.accounts.errors import AccountNotFound
from app.accounts.party_queries import get_contact
from app.correspondence import queries
from app.correspondence.contact_rules import Verdict
from app.correspondence.contacting import Attempt, judge
from app.correspondence.errors import InvoiceCopyMissing, MessageInvalid, TemplateNotFound
from app.correspondence.models import Correspondence
from app.correspondence.preferences import Preferences, find_preferences
from app.correspondence.rules import BODY_LENGTH_MAX, SUBJECT_LENGTH_MAX, MessageKind
from app.correspondence.values import locale_of, shown_date, template_values
from app.documents.queries import documents_by_id
from app.infra.database import Database, ReadSession
from app.infra.mail.message import ATTACHMENTS_MAX
from app.infra.rendering.letters import DOCX, PDF, Letter, letter_docx, letter_pdf
from app.infra.rendering.sandbox import renderer
from app.organizations.queries import local_today, organization_facts

ATTACHED_BYTES_MAX = 15_000_000
"""Of all files of a message: they grow by a third on the way, and servers take some 25 MB."""


@dataclass(frozen=True, slots=True)
class Compose:
    """What to write. A template by code (in the contact's or account's language) or subject and body as they are.

    `invoice_ids` (or all open ones) stand in the template and, with `attach_copies`, go along. `values` are texts for
    the template. `send_at` puts it off; `answer`: it answers what the customer asked.
    """

    account_id: UUID
    channel: Literal["email", "letter"]
    contact_id: UUID | None = None
    thread_id: UUID | None = None
    template_code: str | None = None
    language: str | None = None
    subject: str | None = None
    body: str | None = None
    invoice_ids: tuple[UUID, ...] = ()
    all_open: bool = False
    attach_copies: bool = False
    copies_required: bool = True
    document_ids: tuple[UUID, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    postal_address: tuple[str, ...] = ()
    letter_format: Literal["pdf", "docx"] = "pdf"
    legal_entity_id: UUID | None = None
    purpose: str = "general"
    kind: MessageKind = "message"
    send_at: datetime | None = None
    answer: bool = False


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A stored document that goes along."""

    document_id: UUID
    name: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message ready to be written down. `letter` are the bytes of a letter, to be kept as a document first."""

    command: Compose
    at: datetime
    today: date
    subject: str
    body: str
    recipient: str | None
    contact_id: UUID | None
    thread: Correspondence | None
    template_id: UUID | None
    template_revision: int | None
    attachments: tuple[AttachedFile, ...]
    invoice_ids: tuple[UUID, ...]
    preferences: Preferences
    verdict: Verdict
    letter: bytes | None = None
    letter_name: str = ""
    letter_type: str = PDF


@dataclass(frozen=True, slots=True)
class _Facts:
    account: Any
    contact: Any | None
    thread: Correspondence | None
    invoices: list[Any]
    attachments: list[AttachedFile]
    preferences: Preferences
    language: str | None
    subject: str
    body: str
    template_id: UUID | None
    template_revision: int | None
    sender: str
    sender_country: str | None
    organization_name: str
    today: date
    verdict: Verdict


async def prepare(
    database: Database, organization_id: UUID, command: Compose, *, author: str, now: datetime
) -> Prepared:
    """Read what the message needs and render it. Nothing is written.

    Raises AccountNotFound, ContactNotFound, CorrespondenceNotFound, TemplateNotFound, TemplateInvalid, MessageInvalid,
    InvoiceCopyMissing.
    """
    async with database.read(organization_id) as session:
        facts = await _load(session, command, now)
    values = template_values(
        organization_name=facts.organization_name,
        legal_entity_name=facts.sender,
        account=facts.account,
        contact=facts.contact,
        invoices=facts.invoices,
        today=facts.today,
        language=facts.language,
        author=author,
        signature=facts.preferences.signature,
        own=command.values,
    )
    subject, body = facts.subject, facts.body
    if facts.template_id is not None:
        texts = await renderer().render({"subject": subject, "body": body}, values)
        subject, body = " ".join(texts["subject"].split()), texts["body"].strip()
    elif facts.preferences.signature:
        body = f"{body.rstrip()}\n\n{facts.preferences.signature}"
    if not subject.strip() or not body.strip() or len(subject) > SUBJECT_LENGTH_MAX or len(body) > BODY_LENGTH_MAX:
        detail = f"a subject of at most {SUBJECT_LENGTH_MAX} and a body of at most {BODY_LENGTH_MAX} characters"
        raise MessageInvalid(detail, pointer="/body")
    letter = None
    if command.channel == "letter":
        letter = await _letter(command, facts, subject, body)
    is_pdf = command.letter_format == "pdf"
    return Prepared(
        command=command,
        at=max(now, command.send_at or now),
        today=facts.today,
        subject=subject,
        body=body,
        recipient=facts.contact["email"] if facts.contact and command.channel == "email" else None,
        contact_id=facts.contact["id"] if facts.contact else None,
        thread=facts.thread,
        template_id=facts.template_id,
        template_revision=facts.template_revision,
        attachments=tuple(facts.attachments),
        invoice_ids=tuple(row["id"] for row in facts.invoices),
        preferences=facts.preferences,
        verdict=facts.verdict,
        letter=letter,
        letter_name=f"letter-{facts.account['number']}-{facts.today.isoformat()}.{'pdf' if is_pdf else 'docx'}",
        letter_type=PDF if is_pdf else DOCX,
    )


async def _load(session: ReadSession, command: Compose, now: datetime) -> _Facts:
    account = await queries.account_row(session, command.account_id)
    if account is None:
        raise AccountNotFound("no such account")
    contact = None
    if command.contact_id is not None:
        contact = await get_contact(session, command.account_id, command.contact_id)
    elif command.channel == "email":
        raise MessageInvalid("an e-mail needs a contact", pointer="/contact_id")
    thread = None
    if command.thread_id is not None:
        thread = await queries.get_thread(session, command.thread_id)
        if thread.account_id != command.account_id:
            raise MessageInvalid("the correspondence is another account's", pointer="/correspondence_id")
    language = command.language or (contact["language"] if contact else None) or account["language"]
    subject, body, template_id, revision = await _texts(session, command, thread, language)
    invoices: list[Any] = []
    if command.invoice_ids or command.all_open:
        invoices = await queries.invoices_of(
            session, command.account_id, command.invoice_ids, all_open=command.all_open
        )
        if not command.all_open and len(invoices) != len(set(command.invoice_ids)):
            raise MessageInvalid("an invoice is unknown, void, or another account's", pointer="/invoice_ids")
    organization = await organization_facts(session)
    preferences, _ = await find_preferences(session)
    entities = {row["legal_entity_id"] for row in invoices}
    entity = command.legal_entity_id or (entities.pop() if len(entities) == 1 else None)
    sender = await queries.legal_entity_row(session, entity)
    at = max(now, command.send_at or now)
    attempt = Attempt(
        command.account_id, command.channel, at, command.purpose, "account", command.account_id,
        contact["id"] if contact else None, command.answer,
    )  # fmt: skip
    (verdict,) = await judge(session, [attempt])
    return _Facts(
        account=account,
        contact=contact,
        thread=thread,
        invoices=invoices,
        attachments=await _attachments(session, command, invoices),
        preferences=preferences,
        language=language,
        subject=subject,
        body=body,
        template_id=template_id,
        template_revision=revision,
        sender=sender["name"] if sender else organization.name,
        sender_country=sender["country"] if sender else None,
        organization_name=organization.name,
        today=await local_today(session, now),
        verdict=verdict,
    )


async def _texts(
    session: ReadSession, command: Compose, thread: Correspondence | None, language: str | None
) -> tuple[str, str, UUID | None, int | None]:
    if command.template_code is not None:
        template = await queries.find_template(session, command.template_code, language)
        if template is None:
            raise TemplateNotFound(f"no active template {command.template_code!r}")
        return template.subject, template.body, template.id, template.revision
    subject = command.subject or (thread.subject if thread else None)
    if subject is None or command.body is None:
        raise MessageInvalid("give a template, or subject and body", pointer="/body")
    return subject, command.body, None, None


async def _attachments(session: ReadSession, command: Compose, invoices: Sequence[Any]) -> list[AttachedFile]:
    found: list[AttachedFile] = []
    if command.attach_copies:
        copies = await queries.invoice_copies(session, [row["id"] for row in invoices])
        missing = [row["number"] for row in invoices if row["id"] not in copies]
        if missing and command.copies_required:
            detail = f"no copy is stored of invoice {', '.join(missing[:5])}"
            raise InvoiceCopyMissing(detail, pointer="/attach_copies", numbers=missing[:50])
        found += [
            AttachedFile(row["document_id"], row["name"], row["media_type"], row["size_bytes"])
            for row in copies.values()
        ]
    if command.document_ids:
        rows = {row.id: row for row in await documents_by_id(session, command.document_ids)}
        for document_id in command.document_ids:
            if document_id not in rows:
                raise MessageInvalid("no such document", pointer="/document_ids")
            row = rows[document_id]
            found.append(AttachedFile(row.id, row.name, row.media_type, row.size_bytes))
    unique = list({one.document_id: one for one in found}.values())
    if len(unique) > ATTACHMENTS_MAX or sum(one.size_bytes for one in unique) > ATTACHED_BYTES_MAX:
        detail = f"at most {ATTACHMENTS_MAX} files of together {ATTACHED_BYTES_MAX} bytes can go along"
        raise MessageInvalid(detail, pointer="/document_ids")
    return unique


async def _letter(command: Compose, facts: _Facts, subject: str, body: str) -> bytes:
    name = facts.account["legal_name"] or facts.account["name"]
    person = (facts.contact["name"],) if facts.contact and facts.contact["name"] else ()
    language = locale_of(facts.language).language
    letter = Letter(
        subject=subject,
        before=body,
        dated=shown_date(facts.today, facts.language),
        sender=facts.preferences.letterhead or (facts.sender,),
        address=command.postal_address
        or (name, *person, *address_lines(facts.account, facts.sender_country, language)),
        footer=facts.sender,
        language=language,
    )
    make = letter_pdf if command.letter_format == "pdf" else letter_docx
    return await asyncio.to_thread(make, letter, facts.today)
