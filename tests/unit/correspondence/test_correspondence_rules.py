"""Tokens, references and the clock of inquiries."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.core.calendar import BusinessCalendar
from app.core.ids import new_id
from app.correspondence.rules import answer_due, message_ids, own_email_ids, plain_subject, tagged, token_of, tokens_in

BERLIN = ZoneInfo("Europe/Berlin")
CALENDAR = BusinessCalendar("DE", extra_holidays=frozenset({date(2026, 4, 9)}))


def _due(opened: datetime, hours: int) -> datetime:
    return answer_due(opened, hours, CALENDAR, "Europe/Berlin", 9 * 60, 17 * 60).astimezone(BERLIN)


@pytest.mark.parametrize(
    ("opened", "hours", "due"),
    [
        ("2026-04-07 10:00", 4, "2026-04-07 14:00"),
        ("2026-04-07 10:00", 7, "2026-04-07 17:00"),
        ("2026-04-07 16:00", 2, "2026-04-08 10:00"),
        ("2026-04-07 22:00", 1, "2026-04-08 10:00"),
        ("2026-04-07 03:00", 1, "2026-04-07 10:00"),
        ("2026-04-08 16:30", 1, "2026-04-10 09:30"),  # the ninth is closed
        ("2026-04-02 16:00", 16, "2026-04-08 16:00"),  # Good Friday, a weekend and Easter Monday between
    ],
)
def test_the_clock_runs_in_hours_of_business(opened: str, hours: int, due: str) -> None:
    start = datetime.fromisoformat(opened).replace(tzinfo=BERLIN)
    assert _due(start, hours) == datetime.fromisoformat(due).replace(tzinfo=BERLIN)


def test_the_clock_reads_the_hands_when_they_are_moved() -> None:
    before = datetime(2026, 3, 27, 16, 0, tzinfo=BERLIN)  # a Friday; the clock goes forward on Sunday
    assert _due(before, 2) == datetime(2026, 3, 30, 10, 0, tzinfo=BERLIN)
    with pytest.raises(ValueError):
        answer_due(datetime(2026, 3, 27), 1, CALENDAR, "Europe/Berlin", 540, 1020)  # noqa: DTZ001


def test_tokens_stand_in_subjects_and_are_found_again() -> None:
    thread = new_id()
    token = token_of(thread)
    assert tokens_in(f"AW: {tagged('Your invoices', token)} (urgent)") == [token]
    assert token_of(new_id()) != token
    assert tokens_in("[#SHORT] [#abcdefghij]") == []
    assert plain_subject(f"RE: Fwd: AW[2]: Hello [#{token}]") == "Hello"
    assert plain_subject("re: ") == "(no subject)"


def test_own_ids_among_message_ids() -> None:
    own = UUID("018f3c1a-0000-7000-8000-000000000001")
    ids = message_ids(f"<x@y.example> <{own}@acme.example>", None, "<x@y.example> garbage <>")
    assert ids == ["x@y.example", f"{own}@acme.example"]
    assert own_email_ids(ids) == [own]
