"""Business days: a country's public holidays and weekend (library `holidays`) and own closures.

The data of one country and year is built on first use and kept; a calendar itself is a small frozen value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from app.core.errors import RuleViolation

if TYPE_CHECKING:
    from holidays import HolidayBase

DEFAULT_WEEKEND = frozenset({5, 6})  # Saturday and Sunday in `date.weekday()` counting (Monday is 0)
MAX_BUSINESS_DAYS = 3_660
MAX_SPAN_DAYS = 36_600
MAX_EXTRA_HOLIDAYS = 3_660
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_DAY = timedelta(days=1)


class CountryUnknown(RuleViolation):
    """No holiday data for that ISO 3166 country code."""

    code = "calendar.country_unknown"


class SubdivisionUnknown(RuleViolation):
    """The country has no subdivision of that code, or a subdivision came without a country."""

    code = "calendar.subdivision_unknown"


class CalendarInvalid(RuleViolation):
    """Weekend or own closures leave no business day, or are past their bounds."""

    code = "calendar.invalid"


class CalendarOutOfRange(RuleViolation):
    """The count or the dates are past what a calendar answers."""

    code = "calendar.out_of_range"


@dataclass(frozen=True, slots=True)
class _Year:
    """One year of one country: its holidays, weekend days, and the weekend days on which people work."""

    holidays: frozenset[date]
    weekend: frozenset[date]
    workdays: frozenset[date]


def _source(country: str, subdivision: str | None, years: tuple[int, ...]) -> HolidayBase:
    # Imported on first use: the library takes a quarter of a second, and not every process needs it.
    from holidays import country_holidays

    return country_holidays(country, subdiv=subdivision, years=years, expand=False)


@lru_cache(maxsize=1024)
def _check_country(country: str, subdivision: str | None) -> None:
    try:
        if not _COUNTRY.fullmatch(country):
            raise NotImplementedError
        _source(country, None, ())
    except NotImplementedError:
        raise CountryUnknown(f"no holidays are known for country {country[:12]!r}", pointer="/country") from None
    if subdivision is None:
        return
    try:
        if not subdivision:  # the library reads an empty text as none
            raise NotImplementedError
        _source(country, subdivision, ())
    except NotImplementedError:
        raise SubdivisionUnknown(f"{country} has no subdivision {subdivision[:40]!r}", pointer="/subdivision") from None


@lru_cache(maxsize=2048)
def _year(country: str, subdivision: str | None, year: int) -> _Year:
    # The neighbouring years take part because a holiday may be observed across the turn of the year
    # (the United States kept 1 January 2022 on 31 December 2021).
    years = tuple(y for y in (year - 1, year, year + 1) if MINYEAR <= y <= MAXYEAR)
    source = _source(country, subdivision, years)
    first = date(year, 1, 1)
    days = (first + timedelta(days=n) for n in range((date(year, 12, 31) - first).days + 1))
    return _Year(
        holidays=frozenset(day for day in source if day.year == year),
        weekend=frozenset(day for day in days if source.is_weekend(day)),
        workdays=frozenset(day for day in source.weekend_workdays if day.year == year),
    )


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Which days are business days.

    `country` is ISO 3166-1 alpha-2 (None: no public holidays), `subdivision` the library's code ("BY" of
    "DE"), `extra_holidays` own closures, `weekend` a set of `date.weekday()` numbers; None takes the
    country's own weekend, with the years in which it changed. Weekend days that a country declares working
    days are business days.
    Raises CountryUnknown, SubdivisionUnknown, CalendarInvalid.
    """

    country: str | None = None
    subdivision: str | None = None
    extra_holidays: frozenset[date] = frozenset()
    weekend: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if self.weekend is not None and not (self.weekend < frozenset(range(7))):
            raise CalendarInvalid("the weekend is a set of 0 (Monday) to 6, not all seven", pointer="/weekend")
        if len(self.extra_holidays) > MAX_EXTRA_HOLIDAYS:
            raise CalendarInvalid(f"more than {MAX_EXTRA_HOLIDAYS} own closures", pointer="/extra_holidays")
        if any(type(day) is not date for day in self.extra_holidays):
            raise TypeError("own closures are plain dates")
        if self.country is not None:
            _check_country(self.country, self.subdivision)
        elif self.subdivision is not None:
            raise SubdivisionUnknown("a subdivision needs its country", pointer="/subdivision")

    def is_business_day(self, day: date) -> bool:
        """True when `day` is neither weekend, holiday nor own closure. Raises TypeError for a datetime."""
        if type(day) is not date:
            # A datetime is never equal to a date, so that every holiday would pass for a business day.
            raise TypeError("a business day is a plain date")
        if day in self.extra_holidays:
            return False
        if self.country is None:
            return day.weekday() not in (DEFAULT_WEEKEND if self.weekend is None else self.weekend)
        year = _year(self.country, self.subdivision, day.year)
        if day in year.workdays:
            return True
        at_weekend = day in year.weekend if self.weekend is None else day.weekday() in self.weekend
        return not at_weekend and day not in year.holidays

    def next_business_day(self, day: date) -> date:
        """`day` itself when it is a business day, else the first one after it. Raises CalendarOutOfRange."""
        return day if self.is_business_day(day) else self.add_business_days(day, 1)

    def add_business_days(self, day: date, count: int) -> date:
        """The `count`-th business day after `day`, or before it when negative; `day` itself for 0.

        Raises CalendarOutOfRange: |count| > MAX_BUSINESS_DAYS, or the calendar ends before.
        """
        if abs(count) > MAX_BUSINESS_DAYS:
            raise CalendarOutOfRange(f"at most {MAX_BUSINESS_DAYS} business days can be counted")
        step = _DAY if count > 0 else -_DAY
        left = abs(count)
        # Room for a weekend of six days, the holidays of the years passed, and every own closure.
        for _ in range(14 * left + len(self.extra_holidays) + 400):
            if left == 0:
                return day
            try:
                day += step
            except OverflowError:
                break
            left -= self.is_business_day(day)
        raise CalendarOutOfRange("there are not that many business days in this calendar")

    def business_days_between(self, start: date, end: date) -> int:
        """Business days after `start` up to and including `end`; negative when `end` is earlier.

        Backwards the days before `start` down to and including `end` count, so that
        `business_days_between(d, add_business_days(d, n)) == n` for every n. Raises CalendarOutOfRange for a
        span of more than MAX_SPAN_DAYS days.
        """
        span = (end - start).days
        if abs(span) > MAX_SPAN_DAYS:
            raise CalendarOutOfRange(f"a span is at most {MAX_SPAN_DAYS} days")
        step = _DAY if span > 0 else -_DAY
        count = sum(self.is_business_day(start + n * step) for n in range(1, abs(span) + 1))
        return count if span > 0 else -count
