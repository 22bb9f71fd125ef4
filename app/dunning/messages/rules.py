"""States of messages, what events do to them, pacing, bounces, languages. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

Channel = Literal["email", "letter", "sms"]
State = Literal[
    "planned", "approved", "sending", "sent", "delivered", "bounced", "failed", "unknown", "suppressed", "cancelled",
]  # fmt: skip
EventKind = Literal[
    "delivered", "bounced", "deferred", "complained", "opened", "unsubscribed", "sent", "failed", "unknown",
    "posted", "decided",
]  # fmt: skip
EventSource = Literal["smtp", "gateway", "webhook", "mailbox", "link", "person", "service"]
MarkKind = Literal["bounced", "complained", "unsubscribed"]
Decision = Literal["mark_sent", "mark_failed", "send_again"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
STATES: tuple[State, ...] = get_args(State)
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
EVENT_SOURCES: tuple[EventSource, ...] = get_args(EventSource)
MARK_KINDS: tuple[MarkKind, ...] = get_args(MarkKind)
SHIPPED_LANGUAGES = ("en", "de", "fr", "es")
REFERENCES_MAX = 10
GRACE_SECONDS = 900.0
"""Longer than any timeout of a try: after it, a try that has recorded nothing is over."""
ATTEMPTS_MAX = 12
BACKOFF_FIRST_SECONDS, BACKOFF_LIMIT_SECONDS = 60, 6 * 3600
MINUTE_SECONDS = 60.0
_UNKNOWN_MAILBOX = re.compile(
    r"\b5\.1\.(?:1|2|3|6|10)\b|^55[013] .{0,80}(?:no such|unknown|does not exist)", re.I | re.S
)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
_AFTER: Mapping[str, tuple[frozenset[str], State]] = {
    "delivered": (frozenset({"sent", "unknown", "sending"}), "delivered"),
    "bounced": (frozenset({"sent", "unknown", "sending", "delivered"}), "bounced"),
    "opened": (frozenset({"sent", "unknown", "sending"}), "delivered"),
    "complained": (frozenset({"sent", "unknown", "sending"}), "delivered"),
    "unsubscribed": (frozenset({"sent", "unknown", "sending"}), "delivered"),
}


def state_after(state: str, event: EventKind) -> State | None:
    """The state of a message after an event from outside; None where it changes nothing.

    Whoever opens, complains about or unsubscribes from a message has received it. A bounce after a delivery counts:
    servers take a message first and return it later. What is told of a message that was never sent is not believed.
    """
    found = _AFTER.get(event)
    return found[1] if found is not None and state in found[0] else None


def allowed_actions(state: str, channel: str) -> tuple[str, ...]:
    """What a person may do with a message in this state."""
    if state == "unknown":
        return ("mark_sent", "mark_failed", "send_again")
    if state == "failed":
        return ("send_again",)
    if state == "approved":
        return ("post", "cancel") if channel == "letter" else ("cancel",)
    if state in ("sent", "delivered"):
        return ("mark_bounced",)
    return ()


def retry_at(attempts: int, now: datetime) -> datetime | None:
    """When a try that certainly failed is made again: pauses double from a minute to six hours; None after the last."""
    if attempts >= ATTEMPTS_MAX:
        return None
    pause = min(BACKOFF_LIMIT_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** max(0, attempts - 1))
    return now + timedelta(seconds=pause)


def pause_seconds(count: int, messages_per_minute: int | None) -> float:
    """For how long to wait after handing over `count` messages, so that the pace holds."""
    return 0.0 if messages_per_minute is None else count * MINUTE_SECONDS / messages_per_minute


def address_sha256(address: str) -> str:
    """Under which an address is marked: marks hold no address of their own."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Person:
    """A contact as the choice of a recipient needs it."""

    role: str
    active: bool
    address: str | None
    language: str | None
    marked: bool


ROLE_ORDER = ("dunning", "accounts_payable", "management", "other", "sales", "legal")


def rank_of(person: Person) -> tuple[int, int]:
    """The lower, the better a recipient of a reminder: a clean address first, then by role."""
    role = ROLE_ORDER.index(person.role) if person.role in ROLE_ORDER else len(ROLE_ORDER)
    return (int(person.marked), role)


def language_order(*wanted: str | None) -> list[str]:
    """Languages in which a text is looked for: as wanted, their main languages, then English."""
    found: list[str] = []
    for language in wanted:
        if language:
            found += [language, language.replace("_", "-").split("-")[0].lower()]
    return list(dict.fromkeys([*found, "en"]))


def message_of(text: str) -> UUID | None:
    """The message that a provider names: by its id, or by the Message-ID that was made of it."""
    found = _ID.search(text.lower())
    return UUID(found[0]) if found else None


def is_unknown_mailbox(answer: str) -> bool:
    """Whether a server's refusal says that there is no such mailbox (RFC 3463: 5.1.1, 5.1.2, 5.1.3, 5.1.6, 5.1.10)."""
    return _UNKNOWN_MAILBOX.search(answer) is not None


def references_of(earlier: Sequence[str]) -> list[str]:
    """The `References` of a message after these of the same account: the first and the latest ones (RFC 5322)."""
    if len(earlier) <= REFERENCES_MAX:
        return list(earlier)
    return [earlier[0], *earlier[-(REFERENCES_MAX - 1) :]]
