"""Pure rules of schedules: which days they fall on, when they are due, and as of which day they report."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.core.calendar import BusinessCalendar

FORMATS = ("json", "csv", "xlsx", "pdf")
FREQUENCIES = ("daily", "weekly", "monthly")
RUN_STATES = ("queued", "running", "completed", "failed", "cancelled", "expired")
AS_OF_RULES = ("run_date", "previous_day", "previous_month_end")
MOVES_MAX = 40
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a schedule falls: every day, on a weekday (1 Monday to 7 Sunday), or on a day of the month.

    A month without that day takes its last one. With `business_days` a day that is none moves to the next business
    day; a daily schedule then falls on business days only. `send_time` is local.
    """

    frequency: str
    send_time: time
    weekday: int | None = None
    month_day: int | None = None
    business_days: bool = True

    def nominal(self, day: date) -> bool:
        """Whether the schedule falls on this day, before it is moved."""
        if self.frequency == "daily":
            return True
        if self.frequency == "weekly":
            return day.isoweekday() == self.weekday
        last = calendar.monthrange(day.year, day.month)[1]
        return day.day == min(self.month_day or 1, last)

    def days_from(self, first: date, business: BusinessCalendar) -> date:
        """The first day on or after `first` on which the schedule is due.

        Days up to some weeks back are looked at, because one of them may have moved to `first` or behind it.
        """
        if self.frequency == "daily":
            return business.next_business_day(first) if self.business_days else first
        day = first - MOVES_MAX * _DAY
        while True:
            if self.nominal(day):
                due = business.next_business_day(day) if self.business_days else day
                if due >= first:
                    return due
            day += _DAY

    def instant(self, day: date, zone: ZoneInfo) -> datetime:
        """When it is due on that day, in UTC. A local time that a clock change skips falls an hour later."""
        return datetime.combine(day, self.send_time, zone).astimezone(UTC)

    def first_after(self, now: datetime, zone: ZoneInfo, business: BusinessCalendar) -> date:
        """The first due day whose instant is later than `now`."""
        day = self.days_from(now.astimezone(zone).date(), business)
        while self.instant(day, zone) <= now:
            day = self.days_from(day + _DAY, business)
        return day

    def latest_due(self, since: date, now: datetime, zone: ZoneInfo, business: BusinessCalendar) -> date:
        """The latest due day whose instant has come, looking on from `since`, which is due already.

        After a stop only the latest period is delivered: five aging reports in a row help nobody.
        """
        found = since
        while True:
            following = self.days_from(found + _DAY, business)
            if self.instant(following, zone) > now:
                return found
            found = following


def as_of_day(rule: str, on: date) -> date:
    """The business date that a delivery of day `on` reports: that day, the day before, or the end of last month."""
    if rule == "previous_day":
        return on - _DAY
    if rule == "previous_month_end":
        return on.replace(day=1) - _DAY
    return on
