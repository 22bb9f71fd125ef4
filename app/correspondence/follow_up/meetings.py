"""Meetings: a contact is invited by e-mail with an iCalendar file (RFC 5545, RFC 5546), told of changes, uninvited."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select

from app.core.clock import zone
from app.core.ids import new_id
from app.correspondence.compose import AttachedFile, Compose, Prepared
from app.correspondence.errors import MeetingNotFound, MeetingOver, MessageInvalid
from app.correspondence.models import CorrespondenceMessage, Meeting
from app.correspondence.sending import send
from app.documents.service import KeptContent, Subject, add_document
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version

ICS = "text/calendar"
HOURS_MAX = 24


@dataclass(frozen=True, slots=True)
class MeetingPlan:
    """What is agreed. Instants with their offset; `time_zone` is the one in which the invitation shows them."""

    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    location: str | None = None
    description: str | None = None


def check_plan(plan: MeetingPlan, now: datetime) -> None:
    """Raises MessageInvalid (it ends before it starts, lasts for days, or is over), TimeZoneUnknown."""
    zone(plan.time_zone)
    hours = (plan.ends_at - plan.starts_at).total_seconds() / 3600
    if not 0 < hours <= HOURS_MAX:
        raise MessageInvalid(f"a meeting ends after it starts, within {HOURS_MAX} hours", pointer="/ends_at")
    if plan.starts_at <= now:
        raise MessageInvalid("a meeting lies ahead", pointer="/starts_at")


def invitation(
    meeting_id: UUID, plan: MeetingPlan, *, organizer: str, attendee: str, sequence: int, now: datetime, cancel: bool
) -> bytes:
    """The iCalendar file: a REQUEST, or with `cancel` a CANCEL of the same event."""
    from icalendar import Calendar, Event, vCalAddress, vText

    event = Event()
    event.add("uid", f"{meeting_id}@duecourse")
    event.add("sequence", sequence)
    event.add("dtstamp", now.astimezone(UTC))
    event.add("dtstart", plan.starts_at.astimezone(ZoneInfo(plan.time_zone)))
    event.add("dtend", plan.ends_at.astimezone(ZoneInfo(plan.time_zone)))
    event.add("summary", plan.title)
    if plan.location:
        event.add("location", plan.location)
    if plan.description:
        event.add("description", plan.description)
    event.add("status", "CANCELLED" if cancel else "CONFIRMED")
    event.add("organizer", vCalAddress(f"mailto:{organizer}"))
    guest = vCalAddress(f"mailto:{attendee}")
    guest.params["ROLE"], guest.params["RSVP"] = vText("REQ-PARTICIPANT"), vText("TRUE")
    event.add("attendee", guest, encode=False)
    calendar = Calendar()
    calendar.add("prodid", "-//Duecourse//Receivables//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if cancel else "REQUEST")
    calendar.add_component(event)
    calendar.add_missing_timezones()
    made: bytes = calendar.to_ical()
    return made


def invitation_message(
    account_id: UUID, contact_id: UUID, plan: MeetingPlan, *, thread_id: UUID | None, cancel: bool = False
) -> Compose:
    """The e-mail around the invitation."""
    local = plan.starts_at.astimezone(ZoneInfo(plan.time_zone))
    what = "Cancelled" if cancel else "Invitation"
    lines = (plan.title, "", f"{local:%Y-%m-%d %H:%M} ({plan.time_zone})", plan.location or "", plan.description or "")
    return Compose(
        account_id=account_id,
        channel="email",
        contact_id=contact_id,
        thread_id=thread_id,
        subject=f"{what}: {plan.title}",
        body="\n".join(lines).strip(),
        purpose="meeting",
        kind="meeting",
    )


async def invite(
    session: WriteSession, prepared: Prepared, plan: MeetingPlan, meeting_id: UUID, file: KeptContent, now: datetime
) -> UUID:
    """Write the meeting and its invitation down; answers the id of the message."""
    message_id = await _send(session, prepared, file, now)
    message = await session.get(CorrespondenceMessage, (session.organization_id, message_id))
    assert message is not None
    assert prepared.contact_id is not None
    meeting = Meeting(
        organization_id=session.organization_id,
        id=meeting_id,
        version=1,
        account_id=prepared.command.account_id,
        contact_id=prepared.contact_id,
        correspondence_id=message.correspondence_id,
        state="invited",
        sequence=0,
    )
    _fill(meeting, plan)
    session.add(meeting)
    await session.flush()
    _record(session, meeting, "planned")
    return message_id


async def change_meeting(
    session: WriteSession,
    meeting_id: UUID,
    plan: MeetingPlan,
    prepared: Prepared,
    file: KeptContent,
    now: datetime,
    *,
    expected_version: int | None,
) -> None:
    """Another time or place: the contact gets an update and has to answer anew.

    Raises MeetingNotFound, MeetingOver, StaleVersion.
    """
    meeting = await _lock(session, meeting_id, expected_version)
    _fill(meeting, plan)
    meeting.state, meeting.sequence = "invited", meeting.sequence + 1
    await _send(session, prepared, file, now)
    await _changed(session, meeting, "changed")


async def cancel_meeting(
    session: WriteSession,
    meeting_id: UUID,
    prepared: Prepared,
    file: KeptContent,
    now: datetime,
    *,
    expected_version: int | None,
) -> None:
    """It does not take place: the contact is told. Raises MeetingNotFound, MeetingOver, StaleVersion."""
    meeting = await _lock(session, meeting_id, expected_version)
    meeting.state, meeting.sequence = "cancelled", meeting.sequence + 1
    await _send(session, prepared, file, now)
    await _changed(session, meeting, "cancelled")


async def get_meeting(session: ReadSession, meeting_id: UUID, *, lock: bool = False) -> Meeting:
    """The meeting as it is now. Raises MeetingNotFound."""
    key = (session.organization_id, meeting_id)
    found = await session.get(Meeting, key, populate_existing=True, with_for_update=lock or None)
    if found is None:
        raise MeetingNotFound("no such meeting")
    return found


def meetings_statement(
    organization_id: UUID, *, starts_from: datetime | None, starts_to: datetime | None, **equal: object
) -> Select[Any]:
    """The statement of a list of meetings, without order and bounds; filters that are None are left out."""
    statement = select(Meeting).where(Meeting.organization_id == organization_id)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(Meeting, name) == value)
    if starts_from is not None:
        statement = statement.where(Meeting.starts_at >= starts_from)
    if starts_to is not None:
        statement = statement.where(Meeting.starts_at < starts_to)
    return statement


def plan_of(meeting: Meeting) -> MeetingPlan:
    """The plan in a row."""
    return MeetingPlan(
        meeting.title, meeting.starts_at, meeting.ends_at, meeting.time_zone, meeting.location, meeting.description
    )


async def _send(session: WriteSession, prepared: Prepared, file: KeptContent, now: datetime) -> UUID:
    subject = None if prepared.thread is None else Subject("correspondence", prepared.thread.id)
    document_id = await add_document(session, file, subject, category="correspondence")
    attached = AttachedFile(document_id, file.name, file.media_type, file.size_bytes)
    return await send(session, replace(prepared, attachments=(attached,)), None, now)


def _fill(meeting: Meeting, plan: MeetingPlan) -> None:
    for name in ("title", "starts_at", "ends_at", "time_zone", "location", "description"):
        setattr(meeting, name, getattr(plan, name))


async def _lock(session: WriteSession, meeting_id: UUID, expected_version: int | None) -> Meeting:
    meeting = await get_meeting(session, meeting_id, lock=True)
    check_version(expected_version, meeting.version)
    if meeting.state == "cancelled":
        raise MeetingOver("the meeting was cancelled")
    return meeting


async def _changed(session: WriteSession, meeting: Meeting, event: str) -> None:
    meeting.version, meeting.updated_at = meeting.version + 1, RECORDED_NOW
    await session.flush()
    _record(session, meeting, event)


def _record(session: WriteSession, meeting: Meeting, event: str) -> None:
    facts = {"account_id": meeting.account_id, "starts_at": meeting.starts_at, "state": meeting.state}
    record_change(session, ChangeRow("meeting", meeting.id, f"meeting.{event}", None, facts))


def new_meeting_id() -> UUID:
    """The id under which a new meeting is invited to."""
    return new_id()
