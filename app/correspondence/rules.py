"""States, tokens and clocks of correspondence. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.calendar import BusinessCalendar

ThreadState = Literal["open", "closed"]
Direction = Literal["in", "out"]
MessageChannel = Literal["email", "letter"]
MessageState = Literal["planned", "sent", "refused", "cancelled", "made", "posted", "received"]
MessageKind = Literal["message", "auto_reply", "bounce", "meeting", "receipt_request", "invoice_copy"]
InquiryState = Literal["open", "answered", "closed"]
InquiryCategory = Literal[
    "invoice_copy", "payment_status", "statement", "terms", "pricing", "delivery", "other"
]  # fmt: skip
MeetingState = Literal["invited", "accepted", "tentative", "declined", "cancelled"]
Purpose = Literal["general", "invoice_copy", "receipt", "inquiry", "meeting", "payment", "dispute", "collection"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

SUBJECT_LENGTH_MAX = 300
BODY_LENGTH_MAX = 50_000
TOKEN_LENGTH = 10
_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXZ"
_TOKEN = re.compile(rf"\[#([{_ALPHABET}]{{{TOKEN_LENGTH}}})\]")
_PREFIXES = re.compile(r"^(?:(?:re|aw|fwd?|wg|sv|tr|rif|antw)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<([\x21-\x3b\x3d\x3f-\x7e]{3,250})>", re.ASCII)
_OWN_ID = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})@", re.ASCII)
MESSAGE_IDS_MAX = 50
CLOCK_DAYS_MAX = 1_000


def token_of(thread_id: UUID) -> str:
    """The token of a thread: from the random part of its id, without letters that are taken for one another."""
    number, signs = thread_id.int & ((1 << 62) - 1), []
    for _ in range(TOKEN_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        signs.append(_ALPHABET[rest])
    return "".join(signs)


def tokens_in(subject: str) -> list[str]:
    """The tokens that stand in a subject."""
    return _TOKEN.findall(subject)


def tagged(subject: str, token: str) -> str:
    """The subject with the token of its thread behind it."""
    return f"{subject[:SUBJECT_LENGTH_MAX]} [#{token}]"


def plain_subject(subject: str) -> str:
    """The subject without tokens and without what mail programs put in front of replies."""
    return _PREFIXES.sub("", _TOKEN.sub("", subject).strip()).strip()[:SUBJECT_LENGTH_MAX] or "(no subject)"


def message_ids(*headers: str | None) -> list[str]:
    """The message ids of `In-Reply-To` and `References`, without brackets, the latest last, at most MESSAGE_IDS_MAX."""
    found = [hit for header in headers if header for hit in _MESSAGE_ID.findall(header)]
    return list(dict.fromkeys(found))[-MESSAGE_IDS_MAX:]


def own_email_ids(ids: list[str]) -> list[UUID]:
    """Ids of e-mails of the outbox among message ids: ours are `<id of the row>@<domain>`."""
    return [UUID(hit[1]) for id_ in ids if (hit := _OWN_ID.match(id_.lower()))]


def thread_actions(state: str, *, assigned: bool) -> list[str]:
    """What may be done with a thread."""
    if not assigned:
        return ["assign", "mark_read"]
    return ["write", "mark_read", "close"] if state == "open" else ["write", "mark_read", "reopen"]


def message_actions(state: str, channel: str) -> list[str]:
    """What may be done with a message."""
    if state == "planned":
        return ["cancel"]
    return ["post"] if state == "made" and channel == "letter" else []


def inquiry_actions(state: str) -> list[str]:
    """What may be done with an inquiry."""
    return {"open": ["assign", "answer", "close"], "answered": ["close", "reopen"], "closed": ["reopen"]}[state]


def meeting_actions(state: str) -> list[str]:
    """What may be done with a meeting."""
    return [] if state == "cancelled" else ["change", "cancel"]


def answer_due(
    opened: datetime, hours: int, calendar: BusinessCalendar, time_zone: str, opens_minute: int, closes_minute: int
) -> datetime:
    """The instant by which an inquiry is answered: so many hours of business after it was opened.

    Hours of business lie between opening and closing time on the business days of the organization, by its local
    clock; a day on which the clock is changed is as long as its hands say. Raises ValueError for a naive instant.
    """
    if opened.tzinfo is None:
        raise ValueError("an instant has a time zone")
    zone = ZoneInfo(time_zone)
    local = opened.astimezone(zone)
    day, minute, left = local.date(), local.hour * 60 + local.minute, hours * 60
    for _ in range(CLOCK_DAYS_MAX):
        if calendar.is_business_day(day):
            start = max(minute, opens_minute)
            room = closes_minute - start
            if room >= left:
                return _at(day, start + left, zone)
            left -= max(0, room)
        day, minute = day + timedelta(days=1), 0
    return _at(day, opens_minute, zone)


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    if minute == 24 * 60:
        day, minute = day + timedelta(days=1), 0
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)
