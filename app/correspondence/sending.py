"""Write messages down and let them go: by the outbox, as letters, or later when the rules of contact allow it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app.accounts.party_queries import active_contacts
from app.core.ids import new_id
from app.correspondence import queries
from app.correspondence.compose import AttachedFile, Prepared
from app.correspondence.contact_rules import Verdict
from app.correspondence.contacting import Attempt, Stage, check_contact
from app.correspondence.errors import ContactRefused, MessageNotPlanned
from app.correspondence.models import Correspondence, CorrespondenceAttachment, CorrespondenceMessage
from app.correspondence.preferences import find_preferences
from app.correspondence.rules import Direction, plain_subject, tagged, token_of
from app.documents.queries import documents_by_id
from app.documents.service import KeptContent, Subject, add_document, link_document
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.mail.outbox import queue_email
from app.infra.versions import RECORDED_NOW, check_version

SEND_JOB = "correspondence.send"
SUBJECT_KIND = "correspondence"


async def send(session: WriteSession, prepared: Prepared, letter: KeptContent | None, now: datetime) -> UUID:
    """Write the message down and send it, or plan it for when the rules allow it; answers its id.

    What the rules refuse is written down too, in the state `refused` with the reason. Raises RecipientInvalid and the
    other refusals of the outbox.
    """
    command = prepared.command
    thread = await _thread(session, prepared)
    message = CorrespondenceMessage(
        organization_id=session.organization_id,
        id=new_id(),
        version=1,
        correspondence_id=thread.id,
        direction="out",
        channel=command.channel,
        state="planned",
        kind=command.kind,
        contact_id=prepared.contact_id,
        recipient=prepared.recipient,
        subject=prepared.subject,
        body=prepared.body,
        at=prepared.at,
        answer=command.answer,
        template_id=prepared.template_id,
        template_revision=prepared.template_revision,
        author=session.actor.name,
    )
    session.add(message)
    await session.flush()
    await _attach(session, message, prepared.attachments)
    if letter is not None:
        message.document_id = await add_document(
            session, letter, Subject(SUBJECT_KIND, thread.id), category="correspondence"
        )
    later = prepared.at > now
    stage: Stage = "planned" if later or command.channel == "letter" else "done"
    verdict = await check_contact(session, _attempt(thread, message, prepared.at), stage)
    await _decide(session, thread, message, verdict, later=later)
    await touch_thread(session, thread, "out", now)
    return message.id


async def send_planned(session: WriteSession, message_id: UUID, now: datetime) -> None:
    """The time of a planned message has come: ask the rules again, then send, put off once more, or refuse."""
    message = await queries.get_message(session, message_id, lock=True)
    if message.state != "planned" or (message.not_before or message.at) > now:
        return
    thread = await queries.get_thread(session, message.correspondence_id, lock=True)
    message.recipient = await _present_address(session, thread, message)
    message.at = now
    verdict = await check_contact(session, _attempt(thread, message, now), "done")
    await _decide(session, thread, message, verdict, later=False)
    _touch(message)
    await session.flush()


async def cancel_message(session: WriteSession, message_id: UUID, *, expected_version: int | None) -> None:
    """A planned message does not leave. Raises MessageNotFound, MessageNotPlanned, StaleVersion."""
    message = await queries.get_message(session, message_id, lock=True)
    check_version(expected_version, message.version)
    if message.state != "planned":
        raise MessageNotPlanned(f"the message is {message.state}", state=message.state)
    thread = await queries.get_thread(session, message.correspondence_id)
    message.state = "cancelled"
    _touch(message)
    await session.flush()
    record(session, thread, message, "cancelled")


async def post_letter(session: WriteSession, message_id: UUID, now: datetime, *, expected_version: int | None) -> None:
    """Somebody put the letter into the post: from now on it counts as a contact.

    Raises MessageNotFound, MessageNotPlanned, StaleVersion, ContactRefused (which is not written down: the letter
    stays where it is).
    """
    message = await queries.get_message(session, message_id, lock=True)
    check_version(expected_version, message.version)
    if message.state != "made":
        raise MessageNotPlanned(f"the message is {message.state}", state=message.state)
    thread = await queries.get_thread(session, message.correspondence_id, lock=True)
    verdict = await check_contact(session, _attempt(thread, message, now), "done")
    if not verdict.allowed:
        raise ContactRefused(f"the rules of contact forbid it now: {verdict.reason}", reason=verdict.reason)
    message.state, message.at = "posted", now
    _touch(message)
    await touch_thread(session, thread, "out", now)
    record(session, thread, message, "posted")


async def _decide(
    session: WriteSession, thread: Correspondence, message: CorrespondenceMessage, verdict: Verdict, *, later: bool
) -> None:
    if verdict.outcome == "refused" or (verdict.outcome == "delayed" and verdict.not_before is None):
        message.state, message.refusal, message.not_before = "refused", verdict.reason, None
        record(session, thread, message, "refused", reason=verdict.reason)
    elif message.channel == "letter":
        message.state, message.not_before = "made", verdict.not_before
        record(session, thread, message, "letter_made")
    elif verdict.outcome == "delayed" or later:
        message.not_before = verdict.not_before or message.at
        owe(session, SEND_JOB, str(message.id), run_at=message.not_before)
        record(session, thread, message, "planned")
    else:
        await _queue(session, thread, message)
        record(session, thread, message, "sent")


async def _queue(session: WriteSession, thread: Correspondence, message: CorrespondenceMessage) -> None:
    attached = await queries.attachments_of(session, [message.id])
    preferences, _ = await find_preferences(session)
    assert message.recipient is not None
    message.email_id = await queue_email(
        session,
        recipient=message.recipient,
        subject=tagged(message.subject, thread.token),
        text=message.body + "\n",
        purpose=f"correspondence_{message.kind}",
        subject_kind=SUBJECT_KIND,
        subject_id=thread.id,
        reply_to=preferences.reply_to,
        attachments=tuple(one.document_id for one in attached if one.document_id is not None),
        in_reply_to=await _answered(session, thread),
    )
    message.state, message.not_before = "sent", None
    await session.flush()


async def _answered(session: ReadSession, thread: Correspondence) -> str | None:
    """The message id of the latest e-mail that came in, in brackets."""
    found: str | None = await session.driver.fetchval(
        "SELECT message_id FROM correspondence_messages WHERE organization_id = $1 AND correspondence_id = $2"
        " AND direction = 'in' AND message_id IS NOT NULL ORDER BY at DESC LIMIT 1",
        session.organization_id,
        thread.id,
    )
    return f"<{found}>" if found else None


async def _present_address(session: ReadSession, thread: Correspondence, message: CorrespondenceMessage) -> str | None:
    """The address of the contact as it is now: it may have been corrected, or erased."""
    if thread.account_id is None:
        return message.recipient
    contacts = (await active_contacts(session, [thread.account_id])).get(thread.account_id, [])
    return next((row["email"] for row in contacts if row["id"] == message.contact_id), None)


def _attempt(thread: Correspondence, message: CorrespondenceMessage, at: datetime) -> Attempt:
    assert thread.account_id is not None
    channel: Any = message.channel
    return Attempt(
        thread.account_id, channel, at, f"correspondence_{message.kind}", SUBJECT_KIND, thread.id,
        message.contact_id, message.answer,
    )  # fmt: skip


async def _thread(session: WriteSession, prepared: Prepared) -> Correspondence:
    if prepared.thread is not None:
        return await queries.get_thread(session, prepared.thread.id, lock=True)
    command = prepared.command
    return await open_thread(
        session, command.account_id, prepared.contact_id, prepared.subject, command.purpose, prepared.at
    )


async def open_thread(
    session: WriteSession, account_id: UUID | None, contact_id: UUID | None, subject: str, purpose: str, at: datetime
) -> Correspondence:
    """A new thread."""
    thread_id = new_id()
    thread = Correspondence(
        organization_id=session.organization_id,
        id=thread_id,
        version=1,
        account_id=account_id,
        contact_id=contact_id,
        subject=plain_subject(subject),
        token=token_of(thread_id),
        purpose=purpose,
        messages_count=0,
        unread=False,
        state="open",
        last_message_at=at,
        last_direction="out",
        owner_id=session.actor.id if session.actor.kind == "user" and await _is_user(session) else None,
    )
    session.add(thread)
    await session.flush()
    facts = {"account_id": account_id, "purpose": purpose}
    record_change(session, ChangeRow("correspondence", thread_id, "correspondence.opened", None, facts))
    return thread


async def _is_user(session: ReadSession) -> bool:
    actor = getattr(session, "actor", None)
    return actor is not None and bool(
        await session.driver.fetchval(
            "SELECT EXISTS (SELECT FROM users WHERE organization_id = $1 AND id = $2)",
            session.organization_id,
            actor.id,
        )
    )


async def touch_thread(session: WriteSession, thread: Correspondence, direction: Direction, at: datetime) -> None:
    """The thread has one more message, or a message has moved on."""
    thread.messages_count = int(
        await session.driver.fetchval(
            "SELECT count(*) FROM correspondence_messages WHERE organization_id = $1 AND correspondence_id = $2",
            session.organization_id,
            thread.id,
        )
    )
    thread.last_message_at, thread.last_direction = max(at, thread.last_message_at), direction
    if direction == "in":
        thread.unread, thread.state = True, "open"
    thread.version, thread.updated_at = thread.version + 1, RECORDED_NOW
    await session.flush()


async def _attach(session: WriteSession, message: CorrespondenceMessage, files: Sequence[AttachedFile]) -> None:
    known = {row.id for row in await documents_by_id(session, [one.document_id for one in files])}
    for one in files:
        if one.document_id not in known:
            continue
        session.add(
            CorrespondenceAttachment(
                organization_id=session.organization_id,
                id=new_id(),
                message_id=message.id,
                name=one.name,
                media_type=one.media_type,
                size_bytes=one.size_bytes,
                document_id=one.document_id,
            )
        )
        subject = Subject(SUBJECT_KIND, message.correspondence_id)
        await link_document(session, one.document_id, subject, name=one.name, category="correspondence")
    await session.flush()


def _touch(message: CorrespondenceMessage) -> None:
    message.version, message.updated_at = message.version + 1, RECORDED_NOW


def record(
    session: WriteSession, thread: Correspondence, message: CorrespondenceMessage, event: str, **more: object
) -> None:
    """The change-log row of a message: of the thread, with the account, without any text."""
    facts = {
        "account_id": thread.account_id,
        "contact_id": message.contact_id,
        "message_id": message.id,
        "channel": message.channel,
        "direction": message.direction,
        "kind": message.kind,
        "state": message.state,
        **more,
    }
    record_change(session, ChangeRow("correspondence", thread.id, f"correspondence.{event}", None, facts))
