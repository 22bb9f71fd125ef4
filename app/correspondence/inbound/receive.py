"""Take in e-mails: once each, into the thread that they answer, with files typed and bounded.

Three steps as for writing: `read_message` (no transaction), `keep_files` puts the raw message and its files into the
store (none), `receive` writes all rows (transaction).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import new_id
from app.correspondence import queries
from app.correspondence.inbound.mime import InboundFile, InboundMessage, read_message
from app.correspondence.models import Correspondence, CorrespondenceAttachment, CorrespondenceMessage, Meeting
from app.correspondence.rules import own_email_ids, plain_subject, tokens_in
from app.correspondence.sending import SUBJECT_KIND, open_thread, record, touch_thread
from app.documents.service import KeptContent, Subject, add_document, keep_content
from app.documents.storage import DocumentStore
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import WriteSession
from app.infra.versions import RECORDED_NOW

REFUSAL_LENGTH_MAX = 300


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of an incoming message: in the store, or refused with the reason."""

    name: str
    media_type: str
    size_bytes: int
    kept: KeptContent | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Incoming:
    """An e-mail that was read and whose bytes are kept."""

    message: InboundMessage
    raw: KeptContent
    files: tuple[KeptFile, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """What became of it. `created` is False for one that was received before."""

    message_id: UUID
    correspondence_id: UUID
    created: bool


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose message of an upper room an e-mail answers, and the thread for it, if there is one."""

    account_id: UUID
    contact_id: UUID | None
    thread_id: UUID | None
    purpose: str
    message_id: UUID


FindOwner = Callable[[WriteSession, InboundMessage], Awaitable[Owner | None]]
TakenIn = Callable[[WriteSession, InboundMessage, Correspondence, Owner, datetime], Awaitable[None]]
_watchers: list[tuple[FindOwner, TakenIn]] = []


def watch_inbound(find_owner: FindOwner, taken_in: TakenIn) -> None:
    """Ask this room whether an e-mail answers one of its messages, and tell it once that is taken in.

    Rooms register theirs when they are imported, as they do with constraints.
    """
    _watchers.append((find_owner, taken_in))


async def take_in(store: DocumentStore, organization_id: UUID, raw: bytes, now: datetime) -> Incoming:
    """Read a raw message and keep its bytes. Raises InboundRefused and the refusals of the store."""
    message = await asyncio.to_thread(read_message, raw, now)
    kept = await keep_content(store, organization_id, raw, f"{message.sha256[:16]}.eml", media_type="message/rfc822")
    files = [await _keep(store, organization_id, one) for one in message.files]
    return Incoming(message, kept, tuple(files))


async def _keep(store: DocumentStore, organization_id: UUID, file: InboundFile) -> KeptFile:
    """The type is found in the bytes; what is not taken, such as programs and web pages, is named but not kept."""
    try:
        kept = await keep_content(store, organization_id, file.content, file.name)
    except DomainError as refusal:
        if refusal.code not in ("document.type_refused", "document.name_invalid", "document.too_large"):
            raise
        shown = f"{refusal.code}: {refusal.detail}"[:REFUSAL_LENGTH_MAX]
        return KeptFile(file.name, file.media_type, len(file.content), None, shown)
    return KeptFile(kept.name, kept.media_type, kept.size_bytes, kept, None)


async def receive(session: WriteSession, incoming: Incoming, now: datetime) -> Received:
    """Write the e-mail into its thread; one that was received before is recognised.

    The thread is found by the messages that it answers, by the token in its subject, else by its sender: a contact of
    one account gets a new thread there; anybody else gets one without an account, for a person to assign. A contact of
    another account than the thread's does not get into it with what was forwarded to it, but gets a thread of its own.
    """
    mail = incoming.message
    known = await queries.find_received(session, mail.sha256, mail.message_id, mail.sender)
    if known is not None:
        return Received(known.id, known.correspondence_id, created=False)
    answered = await _answered(session, mail)
    owner, taken_in = await _owner(session, mail) if answered is None else (None, None)
    thread = await _thread(session, mail, answered, owner, now)
    message = await _write(session, thread, incoming, now)
    if mail.kind == "bounce" and answered is not None and mail.bounce_detail is not None:
        await _bounced(session, thread, answered, mail.bounce_detail, now)
    if mail.meeting is not None:
        await _meeting_answered(session, thread, mail)
    if owner is not None and taken_in is not None:
        await taken_in(session, mail, thread, owner, now)
    await touch_thread(session, thread, "in", now)
    record(session, thread, message, "received", sender_known=message.contact_id is not None)
    return Received(message.id, thread.id, created=True)


async def _answered(session: WriteSession, mail: InboundMessage) -> CorrespondenceMessage | None:
    ids = list(mail.references)
    if not ids:
        return None
    return await queries.find_by_reference(session, own_email_ids(ids), ids)


async def _owner(session: WriteSession, mail: InboundMessage) -> tuple[Owner | None, TakenIn | None]:
    """The message of an upper room that the e-mail answers, and whom to tell."""
    for find_owner, taken_in in _watchers:
        owner = await find_owner(session, mail)
        if owner is not None:
            return owner, taken_in
    return None, None


async def _thread(
    session: WriteSession,
    mail: InboundMessage,
    answered: CorrespondenceMessage | None,
    owner: Owner | None,
    now: datetime,
) -> Correspondence:
    account_id, contact_id = await _sender_of(session, mail)
    if owner is not None and account_id in (None, owner.account_id):
        if owner.thread_id is not None:
            return await queries.get_thread(session, owner.thread_id, lock=True)
        subject = plain_subject(mail.subject)
        return await open_thread(session, owner.account_id, owner.contact_id, subject, owner.purpose, now)
    tokens = tokens_in(mail.subject)
    thread_id = None if answered is None else answered.correspondence_id
    if thread_id is None and tokens:
        found = await queries.find_thread_by_tokens(session, tokens)
        thread_id = None if found is None else found.id
    if thread_id is not None:
        thread = await queries.get_thread(session, thread_id, lock=True)
        # Another customer's contact writes into this thread only when somebody wrote to that address in it.
        of_another = None not in (account_id, thread.account_id) and account_id != thread.account_id
        if not of_another or await queries.was_written_to(session, thread.id, mail.sender or ""):
            return thread
    return await open_thread(session, account_id, contact_id, plain_subject(mail.subject), "general", now)


async def _sender_of(session: WriteSession, mail: InboundMessage) -> tuple[UUID | None, UUID | None]:
    """The account and contact of the sender; an address of several accounts is nobody's."""
    if mail.sender is None or mail.kind == "bounce":
        return None, None
    rows = await queries.contacts_by_email(session, mail.sender)
    accounts = {row["account_id"] for row in rows}
    return (accounts.pop(), rows[0]["id"]) if len(accounts) == 1 else (None, None)


async def _write(
    session: WriteSession, thread: Correspondence, incoming: Incoming, now: datetime
) -> CorrespondenceMessage:
    mail = incoming.message
    account_id, contact_id = await _sender_of(session, mail)
    subject = Subject(SUBJECT_KIND, thread.id)
    message = CorrespondenceMessage(
        organization_id=session.organization_id,
        id=new_id(),
        version=1,
        correspondence_id=thread.id,
        direction="in",
        channel="email",
        state="received",
        kind=mail.kind,
        contact_id=contact_id if account_id is not None and account_id == thread.account_id else None,
        sender=mail.sender,
        subject=mail.subject[:500],
        body=mail.text,
        at=mail.sent_at or now,
        message_id=mail.message_id,
        content_sha256=mail.sha256,
        document_id=await add_document(session, incoming.raw, subject, category="correspondence"),
        author=mail.sender_name or mail.sender or "unknown",
    )
    session.add(message)
    await session.flush()
    await _attach(session, message, incoming.files, subject)
    return message


async def _attach(
    session: WriteSession, message: CorrespondenceMessage, files: Sequence[KeptFile], subject: Subject
) -> None:
    for one in files:
        document_id = None
        if one.kept is not None:
            document_id = await add_document(session, one.kept, subject, category="correspondence")
        session.add(
            CorrespondenceAttachment(
                organization_id=session.organization_id,
                id=new_id(),
                message_id=message.id,
                name=one.name[:200],
                media_type=one.media_type,
                size_bytes=one.size_bytes,
                document_id=document_id,
                refusal=one.refusal,
            )
        )
    await session.flush()


async def _bounced(
    session: WriteSession, thread: Correspondence, message: CorrespondenceMessage, detail: str, now: datetime
) -> None:
    """The e-mail came back: shown on the message, and an event tells whoever keeps the contacts."""
    if message.direction != "out" or message.bounced_at is not None:
        return
    message.bounced_at, message.bounce_detail = now, detail
    message.version, message.updated_at = message.version + 1, RECORDED_NOW
    await session.flush()
    record(session, thread, message, "bounced")


async def _meeting_answered(session: WriteSession, thread: Correspondence, mail: InboundMessage) -> None:
    assert mail.meeting is not None
    ids = own_email_ids([mail.meeting.uid.lower()])
    if not ids:
        return
    meeting = await session.get(
        Meeting, (session.organization_id, ids[0]), populate_existing=True, with_for_update=True
    )
    if meeting is None or meeting.correspondence_id != thread.id or meeting.state == "cancelled":
        return
    before, meeting.state = meeting.state, mail.meeting.state
    meeting.version, meeting.updated_at = meeting.version + 1, RECORDED_NOW
    await session.flush()
    facts = {"account_id": meeting.account_id, "state": meeting.state}
    record_change(session, ChangeRow("meeting", meeting.id, "meeting.answered", {"state": before}, facts))
