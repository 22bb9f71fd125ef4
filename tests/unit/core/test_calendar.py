"""Business days: holidays of a country, its weekend, own closures, across the turn of a year."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.calendar import (
    MAX_BUSINESS_DAYS,
    BusinessCalendar,
    CalendarInvalid,
    CalendarOutOfRange,
    CountryUnknown,
    SubdivisionUnknown,
)
from app.core.errors import DomainError

days = st.dates(date(2000, 1, 1), date(2040, 12, 31))
calendars = st.builds(
    BusinessCalendar,
    country=st.sampled_from([None, "DE", "US", "GB", "JP", "SA", "IL", "HU"]),
    extra_holidays=st.frozensets(st.dates(date(2019, 12, 20), date(2020, 1, 20)), max_size=10),
    weekend=st.none() | st.frozensets(st.integers(0, 6), max_size=6),
)


def test_no_country_has_weekends_and_own_closures_only() -> None:
    calendar = BusinessCalendar(extra_holidays=frozenset({date(2026, 6, 1)}))
    assert calendar.is_business_day(date(2026, 12, 25))
    assert not calendar.is_business_day(date(2026, 5, 30))
    assert not calendar.is_business_day(date(2026, 6, 1))
    assert calendar.next_business_day(date(2026, 5, 30)) == date(2026, 6, 2)


def test_country_and_subdivision() -> None:
    epiphany = date(2026, 1, 6)
    assert BusinessCalendar("DE").is_business_day(epiphany)
    assert not BusinessCalendar("DE", "BY").is_business_day(epiphany)
    assert not BusinessCalendar("DE").is_business_day(date(2026, 5, 1))


def test_turn_of_the_year() -> None:
    calendar = BusinessCalendar("DE")
    # Thu 24 Dec 2026; Fri 25 and Sat 26 holidays, Sun 27; Fri 1 Jan 2027 holiday, Sat and Sun follow.
    assert calendar.add_business_days(date(2026, 12, 24), 1) == date(2026, 12, 28)
    assert calendar.add_business_days(date(2026, 12, 31), 1) == date(2027, 1, 4)
    assert calendar.add_business_days(date(2027, 1, 4), -1) == date(2026, 12, 31)
    assert calendar.add_business_days(date(2026, 12, 24), 6) == date(2027, 1, 5)
    assert calendar.business_days_between(date(2026, 12, 24), date(2027, 1, 5)) == 6


def test_new_year_observed_in_the_old_year_whatever_was_asked_first() -> None:
    calendar = BusinessCalendar("US")
    assert calendar.is_business_day(date(2022, 1, 3))
    assert not calendar.is_business_day(date(2021, 12, 31))
    assert calendar.add_business_days(date(2021, 12, 30), 1) == date(2022, 1, 3)


def test_weekend_follows_the_country_and_its_history() -> None:
    friday = date(2024, 1, 5)
    assert not BusinessCalendar("SA").is_business_day(friday)
    assert BusinessCalendar("SA").is_business_day(friday + timedelta(days=2))
    assert BusinessCalendar("AE").is_business_day(friday)
    assert not BusinessCalendar("AE").is_business_day(date(2020, 1, 3))
    assert BusinessCalendar("SA", weekend=frozenset({5, 6})).is_business_day(friday)


def test_declared_working_saturday_is_a_business_day_unless_closed() -> None:
    saturday = date(2024, 8, 3)
    assert BusinessCalendar("HU").is_business_day(saturday)
    assert not BusinessCalendar("HU", extra_holidays=frozenset({saturday})).is_business_day(saturday)


def test_zero_days_stay_where_they_are() -> None:
    sunday = date(2026, 11, 22)
    calendar = BusinessCalendar("DE")
    assert calendar.add_business_days(sunday, 0) == sunday
    assert calendar.next_business_day(sunday) == date(2026, 11, 23)
    assert calendar.next_business_day(date(2026, 11, 23)) == date(2026, 11, 23)


def model_shift(calendar: BusinessCalendar, day: date, count: int) -> date:
    """The same by listing every day: slow and plain."""
    span = abs(count) * 14 + 60
    step = 1 if count > 0 else -1
    listed = (day + timedelta(days=step * n) for n in range(1, span))
    business = [candidate for candidate in listed if calendar.is_business_day(candidate)]
    return business[abs(count) - 1] if count else day


@settings(deadline=None)
@given(calendars, days, st.integers(-40, 40))
def test_shift_agrees_with_a_listing(calendar: BusinessCalendar, day: date, count: int) -> None:
    shifted = calendar.add_business_days(day, count)
    assert shifted == model_shift(calendar, day, count)
    assert calendar.business_days_between(day, shifted) == count
    assert count == 0 or calendar.is_business_day(shifted)


@settings(deadline=None)
@given(calendars, days)
def test_next_business_day_skips_none(calendar: BusinessCalendar, day: date) -> None:
    following = calendar.next_business_day(day)
    assert following >= day
    assert calendar.is_business_day(following)
    between = (day + timedelta(days=n) for n in range((following - day).days))
    assert not any(calendar.is_business_day(passed) for passed in between)


@settings(deadline=None)
@given(calendars, days, days, days)
def test_between_adds_up(calendar: BusinessCalendar, a: date, b: date, c: date) -> None:
    a, b, c = sorted((a, b, c))
    between = calendar.business_days_between
    assert between(a, b) + between(b, c) == between(a, c)
    assert between(c, b) + between(b, a) == between(c, a)


@pytest.mark.parametrize(
    "country", ["", "XX", "de", "DEU", "D", "HolidayBase", "\x00\x00", "\ud800", "ÄÖ", "DE\n", "_A", "X" * 9999]
)
def test_unknown_country_is_refused(country: str) -> None:
    with pytest.raises(CountryUnknown) as caught:
        BusinessCalendar(country)
    assert caught.value.code == "calendar.country_unknown"
    assert isinstance(caught.value, DomainError)
    assert caught.value.errors[0].pointer == "/country"
    caught.value.detail.encode()


@pytest.mark.parametrize(("country", "subdivision"), [("DE", "ZZ"), ("DE", "by"), ("DE", ""), (None, "BY")])
def test_unknown_subdivision_is_refused(country: str | None, subdivision: str) -> None:
    with pytest.raises(SubdivisionUnknown) as caught:
        BusinessCalendar(country, subdivision)
    assert caught.value.code == "calendar.subdivision_unknown"


@pytest.mark.parametrize("weekend", [frozenset(range(7)), frozenset({7}), frozenset({-1})])
def test_a_week_has_a_business_day(weekend: frozenset[int]) -> None:
    with pytest.raises(CalendarInvalid):
        BusinessCalendar(weekend=weekend)


def test_own_closures_are_bounded_and_plain_dates() -> None:
    first = date(2000, 1, 1)
    with pytest.raises(CalendarInvalid):
        BusinessCalendar(extra_holidays=frozenset(first + timedelta(days=n) for n in range(3_661)))
    with pytest.raises(TypeError):
        BusinessCalendar(extra_holidays=frozenset({datetime(2026, 1, 1, tzinfo=UTC)}))


def test_ten_years_of_closure_are_passed_over() -> None:
    first = date(2026, 1, 1)
    calendar = BusinessCalendar(extra_holidays=frozenset(first + timedelta(days=n) for n in range(3_650)))
    assert calendar.next_business_day(first) == date(2035, 12, 31)


def test_counts_spans_and_the_end_of_time_are_bounded() -> None:
    calendar = BusinessCalendar("DE")
    with pytest.raises(CalendarOutOfRange):
        calendar.add_business_days(date(2026, 1, 1), MAX_BUSINESS_DAYS + 1)
    with pytest.raises(CalendarOutOfRange):
        calendar.business_days_between(date(1, 1, 1), date(9999, 1, 1))
    with pytest.raises(CalendarOutOfRange):
        calendar.add_business_days(date.max, 1)
    with pytest.raises(CalendarOutOfRange):
        calendar.add_business_days(date.min, -1)
    assert calendar.business_days_between(date(9999, 12, 24), date.max) > 0


def test_an_instant_is_refused_since_no_holiday_would_match_it() -> None:
    with pytest.raises(TypeError):
        BusinessCalendar("DE").is_business_day(datetime(2026, 12, 25, tzinfo=UTC))


def test_a_calendar_is_a_value() -> None:
    assert BusinessCalendar("DE") == BusinessCalendar("DE")
    assert len({BusinessCalendar("DE"), BusinessCalendar("DE"), BusinessCalendar("AT")}) == 2
