"""How far back a period of months reaches."""

from __future__ import annotations

from datetime import date

import pytest

from app.privacy.rules import horizons, months_back


@pytest.mark.parametrize(
    ("today", "months", "day"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 1, 15), 24, date(2024, 1, 15)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
    ],
)
def test_months_back_keeps_the_day_where_the_month_has_it(today: date, months: int, day: date) -> None:
    assert months_back(today, months) == day


def test_what_has_no_period_is_kept() -> None:
    assert horizons(date(2026, 3, 2), {"contacts": None, "exports": 2}) == {"exports": date(2026, 1, 2)}
