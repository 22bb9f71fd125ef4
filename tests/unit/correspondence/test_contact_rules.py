"""Who may be contacted when: hours and days of the debtor, caps, consent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.calendar import BusinessCalendar
from app.correspondence.contact_rules import (
    ContactFacts,
    ContactSettings,
    ContactSettingsInvalid,
    Verdict,
    judge_contact,
)

RULES = ContactSettings()
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
FACTS = ContactFacts("Europe/Berlin", BusinessCalendar("DE"))
WEDNESDAY = datetime(2026, 4, 8, 10, 0, tzinfo=BERLIN)


def verdict(at: datetime = WEDNESDAY, channel: Any = "email", rules: ContactSettings = RULES, **facts: Any) -> Verdict:
    return judge_contact(channel, at, replace(FACTS, **facts), rules)


@pytest.mark.parametrize(
    ("facts", "channel", "reason"),
    [
        ({"active": False}, "email", "contact_inactive"),
        ({"do_not_contact": True}, "letter", "do_not_contact"),
        ({"address": False}, "phone", "no_address"),
        ({"consent": False}, "email", "consent_withdrawn"),
        ({}, "sms", "no_consent"),
    ],
)
def test_what_no_waiting_mends_is_refused(facts: dict[str, Any], channel: str, reason: str) -> None:
    assert verdict(channel=channel, **facts) == Verdict("refused", reason)  # type: ignore[arg-type]


def test_consent_opens_a_channel_that_needs_it() -> None:
    assert verdict(channel="sms", consent=True).allowed
    assert verdict(channel="email").allowed


def test_quiet_hours_are_those_of_the_debtor() -> None:
    late = datetime(2026, 4, 8, 20, 0, tzinfo=BERLIN)
    found = verdict(late)
    assert (found.outcome, found.reason) == ("delayed", "quiet_hours")
    assert found.not_before == datetime(2026, 4, 9, 8, 0, tzinfo=BERLIN)
    assert verdict(late - timedelta(minutes=1)).allowed
    assert verdict(late, time_zone="America/New_York").allowed, "it is two in the afternoon there"
    assert verdict(datetime(2026, 4, 8, 7, 59, tzinfo=BERLIN)).not_before == datetime(2026, 4, 8, 8, 0, tzinfo=BERLIN)
    assert verdict(late, channel="letter").allowed, "a letter wakes nobody"


def test_quiet_hours_within_a_day_and_none() -> None:
    noon = ContactSettings(quiet_from_minute=12 * 60, quiet_to_minute=13 * 60)
    assert verdict(WEDNESDAY.replace(hour=12, minute=30), rules=noon).not_before == WEDNESDAY.replace(hour=13)
    assert verdict(WEDNESDAY.replace(hour=23), rules=noon).allowed
    none = ContactSettings(quiet_from_minute=0, quiet_to_minute=0)
    assert verdict(WEDNESDAY.replace(hour=3), rules=none).allowed


def test_calls_wait_for_a_business_day() -> None:
    good_friday = datetime(2026, 4, 3, 11, 0, tzinfo=BERLIN)
    found = verdict(good_friday, channel="phone")
    assert (found.outcome, found.reason) == ("delayed", "non_business_day")
    assert found.not_before == datetime(2026, 4, 7, 8, 0, tzinfo=BERLIN), "Easter Monday is none either"
    assert verdict(good_friday, channel="email").allowed


def test_caps_of_a_day_and_of_seven_days() -> None:
    today = [WEDNESDAY - timedelta(hours=hours) for hours in (1, 2)]
    assert verdict(contacts=today).allowed
    found = verdict(contacts=[*today, WEDNESDAY - timedelta(minutes=5)])
    assert (found.reason, found.not_before) == ("daily_cap", datetime(2026, 4, 9, 8, 0, tzinfo=BERLIN))
    week = [WEDNESDAY - timedelta(days=days, hours=-1) for days in (1, 2, 3, 4, 5, 6, 7)]
    found = verdict(contacts=week)
    assert found.reason == "weekly_cap"
    assert found.not_before == min(week) + timedelta(days=7), "when the oldest is a week old"
    assert verdict(contacts=[instant - timedelta(days=1) for instant in week]).allowed
    assert verdict(contacts=week, rules=ContactSettings(daily_cap=None, weekly_cap=None)).allowed


def test_an_answer_may_come_at_any_hour_but_needs_an_address() -> None:
    night = datetime(2026, 4, 5, 3, 0, tzinfo=BERLIN)
    facts = replace(FACTS, do_not_contact=True, consent=False, contacts=[night] * 9)
    assert judge_contact("email", night, facts, RULES, answer=True).allowed
    assert judge_contact("email", night, replace(facts, address=False), RULES, answer=True).reason == "no_address"


def test_settings_that_cannot_be() -> None:
    for wrong in ({"quiet_from_minute": 1440}, {"quiet_to_minute": -1}, {"daily_cap": 0}, {"weekly_cap": 0}):
        with pytest.raises(ContactSettingsInvalid):
            ContactSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        verdict(datetime(2026, 4, 8, 10))  # noqa: DTZ001


_INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(
    _INSTANTS,
    st.sampled_from(("email", "phone", "letter")),
    st.sampled_from(("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC")),
    st.lists(st.integers(-10_000, 200), max_size=9),
    st.integers(0, 1439),
    st.integers(0, 1439),
)
def test_the_first_allowed_instant_is_allowed_and_nothing_before_it_is(
    at: datetime, channel: Any, zone: str, minutes: list[int], start: int, end: int
) -> None:
    rules = ContactSettings(quiet_from_minute=start, quiet_to_minute=end)
    facts = replace(FACTS, time_zone=zone, contacts=[at + timedelta(minutes=minute) for minute in minutes])
    found = judge_contact(channel, at, facts, rules)
    if found.outcome != "delayed" or found.not_before is None:
        return
    assert found.not_before > at
    assert judge_contact(channel, found.not_before, facts, rules).allowed
    for part in (1, 2, 3):
        between = at + (found.not_before - at) * part / 4
        assert not judge_contact(channel, between, facts, rules).allowed


def test_days_of_the_calendar_are_dates_of_the_debtor() -> None:
    closed = BusinessCalendar("DE", extra_holidays=frozenset({date(2026, 4, 9)}))
    at = datetime(2026, 4, 8, 22, 30, tzinfo=UTC)  # the ninth in Berlin, the eighth in New York
    open_all_day = ContactSettings(quiet_from_minute=0, quiet_to_minute=0)
    facts = replace(FACTS, calendar=closed)
    assert judge_contact("phone", at, facts, open_all_day).reason == "non_business_day"
    there = replace(facts, time_zone="America/New_York")
    assert judge_contact("phone", at, there, open_all_day).allowed
