"""The days and instants of schedules: month ends, business days, clock changes, what was missed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.calendar import BusinessCalendar
from app.reports.schedules.rules import Rhythm, as_of_day

GERMANY = BusinessCalendar("DE")
BERLIN = ZoneInfo("Europe/Berlin")
SEVEN = time(7)


def rhythm(frequency: str, **more: object) -> Rhythm:
    return Rhythm(frequency, SEVEN, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "first", "due"),
    [
        (rhythm("daily"), date(2026, 1, 1), date(2026, 1, 2)),  # New Year
        (rhythm("daily", business_days=False), date(2026, 1, 1), date(2026, 1, 1)),
        (rhythm("daily"), date(2026, 1, 3), date(2026, 1, 5)),  # a Saturday
        (rhythm("weekly", weekday=1), date(2026, 3, 10), date(2026, 3, 16)),
        (rhythm("weekly", weekday=1), date(2026, 4, 6), date(2026, 4, 7)),  # Easter Monday moves to Tuesday
        (rhythm("weekly", weekday=1), date(2026, 4, 7), date(2026, 4, 7)),  # which was Monday's
        (rhythm("weekly", weekday=7, business_days=False), date(2026, 4, 6), date(2026, 4, 12)),
        (rhythm("monthly", month_day=31), date(2026, 2, 1), date(2026, 2, 2)),  # 31 January was a Saturday
        (rhythm("monthly", month_day=31), date(2026, 2, 3), date(2026, 3, 2)),  # 28 February too
        (rhythm("monthly", month_day=31, business_days=False), date(2026, 2, 1), date(2026, 2, 28)),
        (rhythm("monthly", month_day=29, business_days=False), date(2028, 2, 1), date(2028, 2, 29)),
        (rhythm("monthly", month_day=1), date(2026, 5, 1), date(2026, 5, 4)),  # Labour Day, a Friday
    ],
)
def test_the_first_due_day(made: Rhythm, first: date, due: date) -> None:
    assert made.days_from(first, GERMANY) == due


def test_an_hour_that_does_not_exist_falls_later_and_one_that_comes_twice_falls_once() -> None:
    made = Rhythm("daily", time(2, 30), business_days=False)
    assert made.instant(date(2026, 3, 29), BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    before = datetime(2026, 10, 25, 0, 29, tzinfo=UTC)
    assert made.first_after(before, BERLIN, GERMANY) == date(2026, 10, 25)
    assert made.first_after(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), BERLIN, GERMANY) == date(2026, 10, 26)


def test_after_a_stop_only_the_latest_period_is_due() -> None:
    made = rhythm("daily", business_days=False)
    now = datetime(2026, 3, 20, 5, 59, tzinfo=UTC)  # 06:59 there
    assert made.latest_due(date(2026, 3, 10), now, BERLIN, GERMANY) == date(2026, 3, 19)
    assert made.latest_due(date(2026, 3, 10), now + timedelta(minutes=1), BERLIN, GERMANY) == date(2026, 3, 20)


@given(
    st.sampled_from(["daily", "weekly", "monthly"]), st.integers(1, 7), st.integers(1, 31), st.booleans(),
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
)  # fmt: skip
def test_days_follow_each_other_and_none_is_left_out(
    frequency: str, weekday: int, month_day: int, business: bool, start: date
) -> None:
    made = Rhythm(frequency, SEVEN, weekday if frequency == "weekly" else None,
                  month_day if frequency == "monthly" else None, business)  # fmt: skip
    due = [made.days_from(start, GERMANY)]
    for _ in range(14):
        due.append(made.days_from(due[-1] + timedelta(days=1), GERMANY))
    assert due == sorted(set(due))
    if business:
        assert all(GERMANY.is_business_day(day) for day in due)
    # The slow way: every day of the span, moved by itself.
    span = [start + timedelta(days=n) for n in range(-20, (due[-1] - start).days + 1)]
    moved = {GERMANY.next_business_day(day) if business else day for day in span if made.nominal(day)}
    assert due == sorted(day for day in moved if start <= day <= due[-1])


@pytest.mark.parametrize(
    ("rule", "day"),
    [("run_date", date(2026, 3, 2)), ("previous_day", date(2026, 3, 1)), ("previous_month_end", date(2026, 2, 28))],
)
def test_which_day_is_reported(rule: str, day: date) -> None:
    assert as_of_day(rule, date(2026, 3, 2)) == day
