"""When a statement is due by schedule. Pure."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from app.core.errors import RuleViolation

Scope = Literal["organization", "segment", "account"]
Frequency = Literal["off", "weekly", "monthly"]
CATCH_UP_DAYS = 3
"""A night that was missed is made good within so many days; later the next period comes anyway."""


class ScheduleInvalid(RuleViolation):
    """The day does not go with the frequency, or the subject not with the scope."""

    code = "statement_schedule.invalid"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often: weekly on a weekday (1 Monday to 7), monthly on a day (past the end of a month: its last), or off."""

    frequency: Frequency
    weekday: int | None = None
    month_day: int | None = None

    def __post_init__(self) -> None:
        if (self.frequency == "weekly") != (self.weekday is not None):
            raise ScheduleInvalid("a weekday goes with weekly, and only with it", pointer="/weekday")
        if (self.frequency == "monthly") != (self.month_day is not None):
            raise ScheduleInvalid("a day of the month goes with monthly, and only with it", pointer="/month_day")

    def is_due_on(self, day: date) -> bool:
        """Whether statements go out on that day."""
        if self.frequency == "weekly":
            return day.isoweekday() == self.weekday
        if self.frequency == "monthly" and self.month_day is not None:
            return day.day == min(self.month_day, monthrange(day.year, day.month)[1])
        return False

    def period_of(self, day: date) -> str:
        """The period of a day on which it is due: `2026-W47` (ISO 8601) or `2026-11`."""
        if self.frequency == "weekly":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02d}"
        return f"{day.year}-{day.month:02d}"


def due_period(rhythm: Rhythm, business_date: date, in_force_from: date) -> str | None:
    """The period for which statements are due on the date, or None.

    The latest due day of the last CATCH_UP_DAYS counts, unless the schedule was not yet in force then: who sets it up
    on a Friday for Mondays does not write to everybody at once.
    """
    for back in range(CATCH_UP_DAYS + 1):
        day = business_date - timedelta(days=back)
        if day < in_force_from:
            return None
        if rhythm.is_due_on(day):
            return rhythm.period_of(day)
    return None


def next_due(rhythm: Rhythm, after: date) -> date | None:
    """The first day after that one on which statements go out; None when they are off."""
    if rhythm.frequency == "off":
        return None
    day = after + timedelta(days=1)
    while not rhythm.is_due_on(day):
        day += timedelta(days=1)
    return day
