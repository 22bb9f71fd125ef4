"""May this person be contacted on this channel at this instant? Pure: facts and settings in, a verdict out.

Refused is what no waiting mends: do-not-contact, no consent, no address. Delayed is what a later instant mends: quiet
hours in the debtor's time zone, a day without business, the caps of contacts per day and per week (seven days back).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from app.core.calendar import BusinessCalendar
from app.core.errors import RuleViolation

Channel = Literal["email", "letter", "phone", "sms"]
CHANNELS: tuple[Channel, ...] = ("email", "letter", "phone", "sms")
Outcome = Literal["allowed", "delayed", "refused"]
Reason = Literal[
    "do_not_contact", "contact_inactive", "no_address", "consent_withdrawn", "no_consent",
    "quiet_hours", "non_business_day", "daily_cap", "weekly_cap",
]  # fmt: skip
SEARCH_DAYS = 31
WEEK = timedelta(days=7)
MINUTES_OF_DAY = 24 * 60


class ContactSettingsInvalid(RuleViolation):
    """The settings leave no minute of the day, or a cap is below one."""

    code = "contact_settings.invalid"


@dataclass(frozen=True, slots=True)
class ContactSettings:
    """The organization's rules. Minutes are those of the debtor's local day: quiet from `quiet_from` over midnight to
    `quiet_to`; equal ones mean no quiet hours. A cap of None is none. Caps count contacts of every channel.
    """

    quiet_from_minute: int = 20 * 60
    quiet_to_minute: int = 8 * 60
    quiet_channels: frozenset[str] = frozenset({"email", "phone", "sms"})
    business_days_only: frozenset[str] = frozenset({"phone", "sms"})
    daily_cap: int | None = 3
    weekly_cap: int | None = 7
    consent_needed: frozenset[str] = frozenset({"sms"})

    def __post_init__(self) -> None:
        for minute, name in ((self.quiet_from_minute, "quiet_from"), (self.quiet_to_minute, "quiet_to")):
            if not 0 <= minute < MINUTES_OF_DAY:
                raise ContactSettingsInvalid("a time of day lies between 00:00 and 23:59", pointer=f"/{name}")
        for cap, name in ((self.daily_cap, "daily_cap"), (self.weekly_cap, "weekly_cap")):
            if cap is not None and cap < 1:
                raise ContactSettingsInvalid("a cap is at least one; do-not-contact forbids all", pointer=f"/{name}")


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """What is known of the person (or of the account, where no person is named) and of contacts so far.

    `address`: the channel has an e-mail address, number or postal address. `consent`: True, False, or None where
    nothing was said. `contacts` are instants of contacts made, and of planned ones; the week before and after matters.
    """

    time_zone: str
    calendar: BusinessCalendar
    active: bool = True
    do_not_contact: bool = False
    address: bool = True
    consent: bool | None = None
    contacts: Sequence[datetime] = field(default=())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say. `not_before` is the first instant that is allowed, where one is found within 31 days."""

    outcome: Outcome
    reason: Reason | None = None
    not_before: datetime | None = None

    @property
    def allowed(self) -> bool:
        """True when the contact may be made now."""
        return self.outcome == "allowed"


ALLOWED = Verdict("allowed")


def judge_contact(
    channel: Channel, at: datetime, facts: ContactFacts, settings: ContactSettings, *, answer: bool = False
) -> Verdict:
    """The verdict on a contact at that instant. An answer to what the person asked may come at any hour and day.

    Neither do caps nor do-not-contact bind it.

    Raises ValueError for a naive instant.
    """
    if at.tzinfo is None:
        raise ValueError("an instant has a time zone")
    refused = _refusal(channel, facts, settings, answer=answer)
    if refused is not None:
        return Verdict("refused", refused)
    if answer:
        return ALLOWED
    zone = ZoneInfo(facts.time_zone)
    reason = _delay(channel, at.astimezone(zone), facts, settings, zone)
    if reason is None:
        return ALLOWED
    return Verdict("delayed", reason, _next_allowed(channel, at.astimezone(zone), facts, settings, zone))


def what_forbids(channel: Channel, facts: ContactFacts, settings: ContactSettings) -> Reason | None:
    """What forbids a contact at any hour, or None: of a verdict only that part which no waiting mends."""
    return _refusal(channel, facts, settings, answer=False)


def _refusal(channel: Channel, facts: ContactFacts, settings: ContactSettings, *, answer: bool) -> Reason | None:
    if not facts.active:
        return "contact_inactive"
    if facts.do_not_contact and not answer:
        return "do_not_contact"
    if not facts.address:
        return "no_address"
    if answer:
        return None
    if facts.consent is False:
        return "consent_withdrawn"
    if facts.consent is None and channel in settings.consent_needed:
        return "no_consent"
    return None


def _delay(
    channel: Channel, local: datetime, facts: ContactFacts, settings: ContactSettings, zone: ZoneInfo
) -> Reason | None:
    if channel in settings.business_days_only and not facts.calendar.is_business_day(local.date()):
        return "non_business_day"
    if channel in settings.quiet_channels and _is_quiet(local, settings):
        return "quiet_hours"
    days = [instant.astimezone(zone).date() for instant in facts.contacts]
    if settings.daily_cap is not None and days.count(local.date()) >= settings.daily_cap:
        return "daily_cap"
    if settings.weekly_cap is not None and _in_week(local, facts.contacts) >= settings.weekly_cap:
        return "weekly_cap"
    return None


def _is_quiet(local: datetime, settings: ContactSettings) -> bool:
    minute, start, end = local.hour * 60 + local.minute, settings.quiet_from_minute, settings.quiet_to_minute
    if start == end:
        return False
    return start <= minute < end if start < end else minute >= start or minute < end


def _in_week(at: datetime, contacts: Sequence[datetime]) -> int:
    return sum(at - WEEK < instant <= at for instant in contacts)


def _next_allowed(
    channel: Channel, local: datetime, facts: ContactFacts, settings: ContactSettings, zone: ZoneInfo
) -> datetime | None:
    """The first instant at which nothing stands in the way: the ends of quiet hours and caps are where to look."""
    candidates = {instant + WEEK for instant in facts.contacts}
    for days in range(SEARCH_DAYS + 1):
        day = local.date() + timedelta(days=days)
        candidates.add(_at(day, 0, zone))
        candidates.add(_at(day, settings.quiet_to_minute, zone))
    end = local + timedelta(days=SEARCH_DAYS)
    for candidate in sorted(candidates):
        if local < candidate <= end and _delay(channel, candidate.astimezone(zone), facts, settings, zone) is None:
            return candidate.astimezone(UTC)
    return None


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    # By way of UTC, so that a minute that a change of the clock skips becomes the one that people then read.
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)
