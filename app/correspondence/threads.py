"""Threads: whose they are, read or not, open or closed."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from app.correspondence import queries
from app.correspondence.errors import CorrespondenceAssigned, CorrespondenceNotFound, MessageInvalid
from app.correspondence.models import Correspondence
from app.documents.errors import DocumentSubjectUnknown
from app.documents.service import guard_subject
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import Actor, ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version

ANSWER_DAYS_MAX = 30


async def check_asked(session: ReadSession, account_id: UUID, thread_id: UUID | None, now: datetime) -> None:
    """Caps and do-not-contact give way to an answer only where the customer has asked. Raises MessageInvalid."""
    if not await queries.has_asked(session, account_id, thread_id, now - timedelta(days=ANSWER_DAYS_MAX)):
        detail = f"no e-mail of the customer within {ANSWER_DAYS_MAX} days, nor an inquiry, is there to be answered"
        raise MessageInvalid(detail, pointer="/answer")


async def assign_thread(
    session: WriteSession,
    thread_id: UUID,
    account_id: UUID,
    contact_id: UUID | None,
    *,
    expected_version: int | None,
) -> None:
    """An e-mail of somebody whom nobody knew belongs to this account.

    Raises CorrespondenceNotFound, StaleVersion, CorrespondenceAssigned, MessageInvalid.
    """
    thread = await queries.get_thread(session, thread_id, lock=True)
    check_version(expected_version, thread.version)
    if thread.account_id is not None:
        raise CorrespondenceAssigned("the correspondence belongs to an account already", account_id=thread.account_id)
    if await queries.account_row(session, account_id) is None:
        raise MessageInvalid("no such account", pointer="/account_id")
    if contact_id is not None and not await _is_contact(session, account_id, contact_id):
        raise MessageInvalid("the account has no such contact", pointer="/contact_id")
    thread.account_id, thread.contact_id = account_id, contact_id
    await _changed(session, thread, "assigned", account_id=account_id)


async def mark_thread(session: WriteSession, thread_id: UUID, *, unread: bool) -> None:
    """Read, or to be looked at again. Raises CorrespondenceNotFound."""
    thread = await queries.get_thread(session, thread_id, lock=True)
    if thread.unread != unread:
        thread.unread = unread
        await _changed(session, thread, "marked_unread" if unread else "read", account_id=thread.account_id)


async def set_thread_state(session: WriteSession, thread_id: UUID, state: str, *, expected_version: int | None) -> None:
    """Close a thread, or open it again; an e-mail that comes in opens it by itself.

    Raises CorrespondenceNotFound, StaleVersion.
    """
    thread = await queries.get_thread(session, thread_id, lock=True)
    check_version(expected_version, thread.version)
    if thread.state != state:
        thread.state = state
        if state == "closed":
            thread.unread = False
        event = "closed" if state == "closed" else "reopened"
        await _changed(session, thread, event, account_id=thread.account_id)


async def set_thread_owner(
    session: WriteSession, thread_id: UUID, owner_id: UUID | None, *, expected_version: int | None
) -> None:
    """Say who looks after the thread. Raises CorrespondenceNotFound, StaleVersion, ReferenceUnknown."""
    thread = await queries.get_thread(session, thread_id, lock=True)
    check_version(expected_version, thread.version)
    thread.owner_id = owner_id
    await _changed(session, thread, "owner_changed", account_id=thread.account_id, owner_id=owner_id)


async def _changed(session: WriteSession, thread: Correspondence, event: str, **facts: object) -> None:
    thread.version, thread.updated_at = thread.version + 1, RECORDED_NOW
    await session.flush()
    record_change(session, ChangeRow("correspondence", thread.id, f"correspondence.{event}", None, facts))


async def _is_contact(session: ReadSession, account_id: UUID, contact_id: UUID) -> bool:
    return bool(
        await session.driver.fetchval(
            "SELECT EXISTS (SELECT FROM contacts WHERE organization_id = $1 AND account_id = $2 AND id = $3)",
            session.organization_id,
            account_id,
            contact_id,
        )
    )


async def _guard(session: ReadSession, actor: Actor, thread_id: UUID) -> None:
    try:
        await queries.get_thread(session, thread_id)
    except CorrespondenceNotFound:
        raise DocumentSubjectUnknown("no such correspondence", pointer="/subject_id") from None


guard_subject("correspondence", _guard)
