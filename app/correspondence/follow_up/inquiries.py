"""Inquiries: questions of customers with an owner, an answer and a clock in hours of business."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from app.core.ids import new_id
from app.correspondence import queries
from app.correspondence.errors import InquiryNotFound, InquiryState, MessageInvalid
from app.correspondence.models import Inquiry
from app.correspondence.preferences import find_preferences
from app.correspondence.rules import InquiryCategory, answer_due
from app.documents.errors import DocumentSubjectUnknown
from app.documents.service import guard_subject
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import Actor, ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.queries import organization_facts

CLOCK_JOB = "inquiry.clock"


@dataclass(frozen=True, slots=True)
class OpenInquiry:
    """A question. With `message_id` it stands in that message; its thread and contact follow from it."""

    account_id: UUID
    category: InquiryCategory
    subject: str
    question: str
    contact_id: UUID | None = None
    message_id: UUID | None = None
    owner_id: UUID | None = None
    due_at: datetime | None = None


async def open_inquiry(session: WriteSession, command: OpenInquiry, now: datetime) -> UUID:
    """Write a question down and start its clock; answers its id. Raises MessageInvalid, MessageNotFound."""
    if await queries.account_row(session, command.account_id) is None:
        raise MessageInvalid("no such account", pointer="/account_id")
    thread_id, contact_id = None, command.contact_id
    if command.message_id is not None:
        message = await queries.get_message(session, command.message_id)
        thread = await queries.get_thread(session, message.correspondence_id)
        if thread.account_id != command.account_id:
            raise MessageInvalid("the message is another account's", pointer="/message_id")
        thread_id, contact_id = thread.id, contact_id or message.contact_id
    due_at = command.due_at or await _due(session, now)
    inquiry = Inquiry(
        organization_id=session.organization_id,
        id=new_id(),
        version=1,
        account_id=command.account_id,
        contact_id=contact_id,
        correspondence_id=thread_id,
        message_id=command.message_id,
        category=command.category,
        subject=command.subject,
        question=command.question,
        state="open",
        owner_id=command.owner_id,
        opened_at=now,
        due_at=due_at,
    )
    session.add(inquiry)
    await session.flush()
    owe(session, CLOCK_JOB, str(inquiry.id), run_at=due_at)
    _record(session, inquiry, "opened", category=command.category, due_at=due_at)
    return inquiry.id


async def assign_inquiry(
    session: WriteSession, inquiry_id: UUID, owner_id: UUID | None, *, expected_version: int | None
) -> None:
    """Say who answers. Raises InquiryNotFound, InquiryState, StaleVersion, ReferenceUnknown."""
    inquiry = await _lock(session, inquiry_id, expected_version, "open")
    inquiry.owner_id = owner_id
    await _changed(session, inquiry, "assigned", owner_id=owner_id)


async def answer_inquiry(
    session: WriteSession, inquiry_id: UUID, answer: str, now: datetime, *, expected_version: int | None
) -> None:
    """The answer, which stops the clock. Raises InquiryNotFound, InquiryState, StaleVersion."""
    inquiry = await _lock(session, inquiry_id, expected_version, "open")
    inquiry.state, inquiry.answer = "answered", answer
    inquiry.answered_at, inquiry.answered_by = now, session.actor.name
    if now > inquiry.due_at and inquiry.breached_at is None:
        inquiry.breached_at = inquiry.due_at
    await _changed(session, inquiry, "answered")


async def close_inquiry(
    session: WriteSession, inquiry_id: UUID, now: datetime, *, expected_version: int | None
) -> None:
    """Nothing more is to be done. Raises InquiryNotFound, InquiryState, StaleVersion."""
    inquiry = await _lock(session, inquiry_id, expected_version, "open", "answered")
    inquiry.state, inquiry.closed_at = "closed", now
    await _changed(session, inquiry, "closed")


async def reopen_inquiry(
    session: WriteSession, inquiry_id: UUID, now: datetime, *, expected_version: int | None
) -> None:
    """The answer was not enough: the clock starts anew. Raises InquiryNotFound, InquiryState, StaleVersion."""
    inquiry = await _lock(session, inquiry_id, expected_version, "answered", "closed")
    inquiry.state, inquiry.closed_at, inquiry.breached_at = "open", None, None
    inquiry.due_at = await _due(session, now)
    owe(session, CLOCK_JOB, str(inquiry.id), run_at=inquiry.due_at)
    await _changed(session, inquiry, "reopened", due_at=inquiry.due_at)


async def mark_breached(session: WriteSession, inquiry_id: UUID, now: datetime) -> bool:
    """The clock has run out: told once. False when it was answered, or has got more time meanwhile."""
    inquiry = await get_inquiry(session, inquiry_id, lock=True)
    if inquiry.state != "open" or inquiry.due_at > now or inquiry.breached_at is not None:
        return False
    inquiry.breached_at = inquiry.due_at
    await _changed(session, inquiry, "sla_breached", owner_id=inquiry.owner_id)
    return True


async def get_inquiry(session: ReadSession, inquiry_id: UUID, *, lock: bool = False) -> Inquiry:
    """The inquiry as it is now. Raises InquiryNotFound."""
    key = (session.organization_id, inquiry_id)
    found = await session.get(Inquiry, key, populate_existing=True, with_for_update=lock or None)
    if found is None:
        raise InquiryNotFound("no such inquiry")
    return found


@dataclass(frozen=True, slots=True)
class InquiryFilter:
    """What a list of inquiries may be narrowed by."""

    account_id: UUID | None = None
    owner_id: UUID | None = None
    correspondence_id: UUID | None = None
    state: str | None = None
    category: str | None = None
    breached: bool | None = None
    unowned: bool | None = None
    due_before: datetime | None = None
    updated_since: datetime | None = None


def inquiries_statement(organization_id: UUID, wanted: InquiryFilter) -> Select[Any]:
    """The statement of a list of inquiries, without order and bounds."""
    statement = select(Inquiry).where(Inquiry.organization_id == organization_id)
    for name in ("account_id", "owner_id", "correspondence_id", "state", "category"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(getattr(Inquiry, name) == value)
    if wanted.breached is not None:
        statement = statement.where(Inquiry.breached_at.is_not(None) == wanted.breached)
    if wanted.unowned is not None:
        statement = statement.where(Inquiry.owner_id.is_(None) == wanted.unowned)
    if wanted.due_before is not None:
        statement = statement.where(Inquiry.due_at < wanted.due_before)
    if wanted.updated_since is not None:
        statement = statement.where(Inquiry.updated_at >= wanted.updated_since)
    return statement


async def count_inquiries(session: ReadSession) -> dict[str, int]:
    """Counts for badges: open, without an owner, past their time."""
    is_open = Inquiry.state == "open"
    counted = select(
        func.count().filter(is_open),
        func.count().filter(is_open & Inquiry.owner_id.is_(None)),
        func.count().filter(is_open & Inquiry.breached_at.is_not(None)),
    ).where(Inquiry.organization_id == session.organization_id)
    row = (await session.execute(counted)).one()
    return {"open": row[0], "unowned": row[1], "breached": row[2]}


async def _due(session: ReadSession, now: datetime) -> datetime:
    preferences, _ = await find_preferences(session)
    organization = await organization_facts(session)
    return answer_due(
        now, preferences.answer_hours, organization.calendar, organization.time_zone, preferences.opens_minute,
        preferences.closes_minute,
    )  # fmt: skip


async def _lock(session: WriteSession, inquiry_id: UUID, expected_version: int | None, *states: str) -> Inquiry:
    inquiry = await get_inquiry(session, inquiry_id, lock=True)
    check_version(expected_version, inquiry.version)
    if inquiry.state not in states:
        raise InquiryState(f"the inquiry is {inquiry.state}", state=inquiry.state)
    return inquiry


async def _changed(session: WriteSession, inquiry: Inquiry, event: str, **facts: object) -> None:
    inquiry.version, inquiry.updated_at = inquiry.version + 1, RECORDED_NOW
    await session.flush()
    _record(session, inquiry, event, **facts)


def _record(session: WriteSession, inquiry: Inquiry, event: str, **facts: object) -> None:
    after = {"account_id": inquiry.account_id, "state": inquiry.state, **facts}
    record_change(session, ChangeRow("inquiry", inquiry.id, f"inquiry.{event}", None, after))


async def _guard(session: ReadSession, actor: Actor, inquiry_id: UUID) -> None:
    try:
        await get_inquiry(session, inquiry_id)
    except InquiryNotFound:
        raise DocumentSubjectUnknown("no such inquiry", pointer="/subject_id") from None


guard_subject("inquiry", _guard)
