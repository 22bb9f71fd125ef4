"""Clock, identifiers and the tree of refusals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import errors
from app.core.clock import TimeZoneUnknown, business_date, utc_now, zone
from app.core.errors import DomainError, FieldError, RuleViolation
from app.core.ids import lowest_id_at, new_id

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001
instants = st.integers(0, 7_258_118_400_000_000).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)


def test_today_is_the_organizations_local_date() -> None:
    instant = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert business_date(instant, "UTC") == date(2026, 12, 31)
    assert business_date(instant, "Europe/Berlin") == date(2027, 1, 1)
    assert business_date(instant, "America/New_York") == date(2026, 12, 31)
    assert business_date(instant.astimezone(timezone(timedelta(hours=9))), "Asia/Tokyo") == date(2027, 1, 1)


def test_now_is_utc_and_a_naive_instant_is_refused() -> None:
    assert utc_now().tzinfo is UTC
    with pytest.raises(ValueError, match="time zone"):
        business_date(NAIVE, "UTC")


@pytest.mark.parametrize(
    "name",
    ["", "..", "../x", "/etc/passwd", "Europe", "Europe/Berlin/", "Mars/Base", "\x00", "\ud800", "a" * 5000, "é"],
)
def test_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(TimeZoneUnknown) as caught:
        zone(name)
    assert caught.value.code == "clock.time_zone_unknown"
    assert caught.value.errors[0].pointer == "/time_zone"
    caught.value.detail.encode()


def test_ids_are_version_7_distinct_and_in_order() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert all(type(one) is UUID and one.version == 7 for one in made[:100])


def test_an_id_lies_between_the_bounds_of_its_millisecond() -> None:
    before = utc_now()
    made = new_id()
    after = utc_now() + timedelta(milliseconds=1)
    assert lowest_id_at(before) <= made < lowest_id_at(after)


@given(instants)
def test_lowest_id_holds_the_exact_millisecond(instant: datetime) -> None:
    lowest = lowest_id_at(instant)
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    assert lowest.int >> 80 == since // timedelta(milliseconds=1)
    assert lowest.version == 7
    assert lowest.variant == "specified in RFC 4122"


def test_lowest_id_needs_an_instant() -> None:
    with pytest.raises(TypeError):
        lowest_id_at(NAIVE)
    with pytest.raises(ValueError):
        lowest_id_at(datetime(1969, 12, 31, tzinfo=UTC))


def kinds() -> list[type[DomainError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DomainError)]


def test_every_kind_has_its_own_code_and_a_title() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(codes) == len(set(codes)) == 11
    assert all(kind.title and kind.__doc__ for kind in kinds())


def test_a_pointer_becomes_the_one_field_at_fault() -> None:
    class NoteTooLong(RuleViolation):
        """A subclass as rooms write it."""

        code = "note.too_long"

    refusal = NoteTooLong("the note is too long", pointer="/note", limit=10)
    assert refusal.errors == (FieldError("/note", "note.too_long", "the note is too long"),)
    assert refusal.facts == {"limit": 10}
    assert str(refusal) == refusal.detail == "the note is too long"


def test_several_fields_win_over_the_pointer() -> None:
    fields = (FieldError("/a", "x", "first"), FieldError("/b", "y", "second"))
    assert RuleViolation("two fields", errors=fields, pointer="/c").errors == fields
    assert RuleViolation("none").errors == ()
