"""When statements are due."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.statements.rules import CATCH_UP_DAYS, Rhythm, ScheduleInvalid, due_period, next_due

LONG_AGO = date(2020, 1, 1)
MONDAYS, FIRST, LAST = Rhythm("weekly", weekday=1), Rhythm("monthly", month_day=1), Rhythm("monthly", month_day=31)


@pytest.mark.parametrize(
    ("rhythm", "day", "period"),
    [
        (MONDAYS, date(2026, 11, 16), "2026-W47"),
        (MONDAYS, date(2026, 11, 19), "2026-W47"),
        (MONDAYS, date(2026, 11, 20), None),
        (MONDAYS, date(2027, 1, 4), "2027-W01"),
        (Rhythm("weekly", weekday=5), date(2027, 1, 1), "2026-W53"),
        (FIRST, date(2026, 12, 1), "2026-12"),
        (FIRST, date(2026, 12, 5), None),
        (LAST, date(2028, 2, 29), "2028-02"),
        (LAST, date(2026, 3, 1), "2026-02"),
        (LAST, date(2026, 3, 30), None),
        (Rhythm("off"), date(2026, 3, 30), None),
    ],
)
def test_the_period_that_is_due(rhythm: Rhythm, day: date, period: str | None) -> None:
    assert due_period(rhythm, day, LONG_AGO) == period


def test_a_missed_night_is_made_good_under_the_same_period() -> None:
    found = {due_period(FIRST, date(2026, 12, 1) + timedelta(days=days), LONG_AGO) for days in range(CATCH_UP_DAYS + 1)}
    assert found == {"2026-12"}


def test_what_was_due_before_the_schedule_is_not_sent() -> None:
    assert due_period(MONDAYS, date(2026, 11, 18), in_force_from=date(2026, 11, 17)) is None
    assert due_period(MONDAYS, date(2026, 11, 16), in_force_from=date(2026, 11, 16)) == "2026-W47"


def test_the_next_day() -> None:
    assert next_due(MONDAYS, date(2026, 11, 16)) == date(2026, 11, 23)
    assert next_due(LAST, date(2026, 1, 31)) == date(2026, 2, 28)
    assert next_due(Rhythm("off"), date(2026, 1, 31)) is None


@pytest.mark.parametrize(
    "facts",
    [
        {"frequency": "weekly"}, {"frequency": "off", "weekday": 1}, {"frequency": "monthly", "weekday": 1},
        {"frequency": "weekly", "month_day": 1},
    ],
)  # fmt: skip
def test_a_day_goes_with_its_frequency(facts: dict[str, object]) -> None:
    with pytest.raises(ScheduleInvalid):
        Rhythm(**facts)  # type: ignore[arg-type]
