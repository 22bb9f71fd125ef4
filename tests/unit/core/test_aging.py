"""The boundaries every report shares: current on the due date, 30 days late in 1-30."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.aging import MAX_BOUND_DAYS, AgingBounds, AgingBoundsInvalid, days_past_due

DUE = date(2026, 1, 31)
bounds = st.sets(st.integers(1, MAX_BOUND_DAYS), max_size=11).map(lambda days: AgingBounds((0, *sorted(days))))


@pytest.mark.parametrize(
    ("as_of", "days", "label"),
    [
        (date(2025, 12, 31), -31, "current"),
        (date(2026, 1, 30), -1, "current"),
        (date(2026, 1, 31), 0, "current"),
        (date(2026, 2, 1), 1, "1-30"),
        (date(2026, 3, 2), 30, "1-30"),
        (date(2026, 3, 3), 31, "31-60"),
        (date(2026, 4, 1), 60, "31-60"),
        (date(2026, 4, 2), 61, "61-90"),
        (date(2026, 5, 1), 90, "61-90"),
        (date(2026, 5, 2), 91, "91+"),
        (date(2036, 5, 2), 3744, "91+"),
    ],
)
def test_default_buckets(as_of: date, days: int, label: str) -> None:
    aging = AgingBounds()
    assert days_past_due(as_of, DUE) == days
    assert aging.labels()[aging.bucket_index(days)] == label


def test_default_labels_and_ranges() -> None:
    assert AgingBounds().labels() == ("current", "1-30", "31-60", "61-90", "91+")
    assert AgingBounds().ranges() == ((None, 0), (1, 30), (31, 60), (61, 90), (91, None))
    assert AgingBounds((0,)).labels() == ("current", "1+")
    assert AgingBounds((0, 1, 3)).labels() == ("current", "1", "2-3", "4+")


@given(bounds, st.integers(-50_000, 50_000))
def test_every_day_is_in_exactly_its_bucket(aging: AgingBounds, days: int) -> None:
    inside = [
        index
        for index, (low, high) in enumerate(aging.ranges())
        if (low is None or low <= days) and (high is None or days <= high)
    ]
    assert inside == [aging.bucket_index(days)]
    assert len(aging.labels()) == len(aging.ranges()) == aging.bucket_count == len(set(aging.labels()))


@given(st.dates(), st.integers(-40_000, 40_000))
def test_days_are_whole_and_signed(due: date, days: int) -> None:
    try:
        as_of = due + timedelta(days=days)
    except OverflowError:
        return
    assert days_past_due(as_of, due) == days


@pytest.mark.parametrize(
    "upper",
    [
        (),
        (30, 60),
        (-1, 0),
        (0, 30, 30),
        (0, 60, 30),
        (0, MAX_BOUND_DAYS + 1),
        tuple(range(13)),
        (0, 30.0),
        (0, True),
        (0, "30"),
        (False, 30),
        (None,),
    ],
)
def test_bad_bounds_are_refused(upper: tuple[int, ...]) -> None:
    with pytest.raises(AgingBoundsInvalid) as caught:
        AgingBounds(upper)
    assert caught.value.code == "aging.bounds_invalid"


def test_twelve_bounds_are_allowed() -> None:
    assert AgingBounds(tuple(range(12))).bucket_count == 13


def test_instants_are_no_business_dates() -> None:
    with pytest.raises(TypeError):
        days_past_due(datetime(2026, 2, 1, tzinfo=UTC), DUE)
    with pytest.raises(TypeError):
        days_past_due(DUE, datetime(2026, 2, 1, tzinfo=UTC))
