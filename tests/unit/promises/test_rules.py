"""Which money counts for which promise, and what promises and plans have become."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.calendar import BusinessCalendar
from app.core.errors import DomainError
from app.promises.rules import (
    Claim,
    Owed,
    PartFacts,
    PlannedPart,
    PromiseFacts,
    Receipt,
    Rhythm,
    ScheduleInvalid,
    Taken,
    Verdict,
    attribute,
    check_schedule,
    cover,
    judge,
    judge_plan,
    kept_basis_points,
    kept_until,
    overlapping,
    paid_since,
    plan_actions,
    promise_actions,
    schedule,
)

A, B = UUID(int=1001), UUID(int=1002)
MADE = date(2026, 3, 9)  # a Monday
FRIDAY, MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 13), date(2026, 3, 16), date(2026, 3, 17), date(2026, 3, 18)
GERMANY = BusinessCalendar("DE")


def number(value: int) -> UUID:
    return UUID(int=value)


def claim(order: int, minor: int, *items: UUID, until: date | None = TUESDAY, made: date = MADE) -> Claim:
    return Claim(number(order), made, minor, frozenset(items) or None, until)


def money(on: date, minor: int, item: UUID | None = A, order: int = 500) -> Receipt:
    return Receipt(on, number(order), minor, item)


def decide(amount: int, receipts: list[Receipt], today: date, open_minor: int, *items: UUID) -> Verdict:
    promise = claim(100, amount, *items)
    taken = attribute([promise], receipts)[promise.id]
    return judge(PromiseFacts(promise, TUESDAY), taken, paid_since(promise, receipts), open_minor, today)


def test_grace_is_counted_in_business_days() -> None:
    assert kept_until(FRIDAY, 2, GERMANY) == TUESDAY
    assert kept_until(FRIDAY, 0, GERMANY) == FRIDAY
    assert kept_until(date(2026, 4, 2), 2, GERMANY) == date(2026, 4, 8)  # over Good Friday and Easter Monday


@pytest.mark.parametrize(
    ("receipts", "today", "status", "kept", "on"),
    [
        ([], FRIDAY, "open", 0, None),
        ([], TUESDAY, "open", 0, None),
        ([], WEDNESDAY, "broken", 0, TUESDAY),
        ([(FRIDAY, 300)], FRIDAY, "partly_kept", 300, None),
        ([(FRIDAY, 300), (TUESDAY, 200)], TUESDAY, "kept", 500, TUESDAY),
        ([(FRIDAY, 300), (TUESDAY, 200)], WEDNESDAY, "kept", 500, TUESDAY),
        ([(FRIDAY, 300), (WEDNESDAY, 200)], WEDNESDAY, "broken", 300, TUESDAY),
        ([(FRIDAY, 700)], FRIDAY, "kept", 500, FRIDAY),
        ([(MADE, 500)], FRIDAY, "kept", 500, MADE),
        ([(MADE - timedelta(days=1), 500)], FRIDAY, "open", 0, None),
    ],
)
def test_value_dates_decide(
    receipts: list[tuple[date, int]], today: date, status: str, kept: int, on: date | None
) -> None:
    rows = [money(day, minor) for day, minor in receipts]
    verdict = decide(500, rows, today, 1_000, A)
    assert (verdict.status, verdict.kept_minor, verdict.decided_on) == (status, kept, on)
    assert verdict.kept_by_instalment == ({A: kept} if kept else {})


def test_money_of_the_same_day_counts_when_it_came_after_the_promise() -> None:
    assert decide(500, [money(MADE, 500, order=99)], MADE, 0, A).status == "cancelled"
    assert decide(500, [money(MADE, 500, order=99)], MADE, 500, A).status == "open"
    assert decide(500, [money(MADE, 500, order=101)], MADE, 0, A).status == "kept"


def test_late_money_that_settles_the_items_keeps_no_promise() -> None:
    late = [money(FRIDAY, 300), money(WEDNESDAY, 200)]
    assert decide(500, late, WEDNESDAY, 0, A).status == "broken"


def test_a_credit_for_the_rest_leaves_less_to_pay() -> None:
    assert decide(500, [money(FRIDAY, 400)], FRIDAY, 0, A).status == "kept"  # 100 were credited
    verdict = decide(500, [], FRIDAY, 0, A)
    assert (verdict.status, verdict.kept_minor) == ("cancelled", 0)


def test_a_withdrawn_promise_stays_cancelled() -> None:
    promise = claim(100, 500, A)
    verdict = judge(PromiseFacts(promise, TUESDAY, withdrawn=True), [Taken(FRIDAY, 500, A)], 500, 0, WEDNESDAY)
    assert verdict.status == "cancelled"


def test_money_counts_once_for_the_oldest_promise() -> None:
    first, second = claim(1, 500, A), claim(2, 500, A, B)
    taken = attribute([second, first], [money(FRIDAY, 700)])
    assert [part.minor for part in taken[first.id]] == [500]
    assert [part.minor for part in taken[second.id]] == [200]


def test_money_that_is_too_late_for_the_first_goes_to_the_next() -> None:
    first, second = claim(1, 500, A, until=FRIDAY), claim(2, 500, A, until=WEDNESDAY)
    taken = attribute([first, second], [money(MONDAY, 300)])
    assert (taken[first.id], taken[second.id]) == ([], [Taken(MONDAY, 300, A)])


def test_a_promise_for_the_account_takes_any_money_one_for_items_only_theirs() -> None:
    whole, items = claim(1, 1_000), claim(2, 1_000, B)
    receipts = [money(FRIDAY, 100, None), money(FRIDAY, 200, A), money(FRIDAY, 300, B)]
    taken = attribute([items], receipts)
    assert [part.minor for part in taken[items.id]] == [300]
    taken = attribute([whole, items], receipts)
    assert sum(part.minor for part in taken[whole.id]) == 600
    assert taken[items.id] == []


amounts = st.integers(min_value=1, max_value=1_000)
claims_of = st.lists(st.tuples(amounts, st.sets(st.sampled_from([A, B])), st.integers(0, 20)), min_size=1, max_size=6)
receipts_of = st.lists(st.tuples(st.integers(-3, 20), amounts, st.sampled_from([A, B, None])), max_size=12)


@given(claims_of, receipts_of)
def test_no_cent_counts_twice_and_no_promise_gets_more_than_it_asks(
    claims: list[tuple[int, set[UUID], int]], receipts: list[tuple[int, int, UUID | None]]
) -> None:
    made = [
        claim(index + 1, minor, *items, until=MADE + timedelta(days=days))
        for index, (minor, items, days) in enumerate(claims)
    ]
    rows = [money(MADE + timedelta(days=day), minor, item, 500 + i) for i, (day, minor, item) in enumerate(receipts)]
    taken = attribute(made, rows)
    assert sum(part.minor for parts in taken.values() for part in parts) <= sum(row.minor for row in rows)
    for each in made:
        assert sum(part.minor for part in taken[each.id]) <= each.amount_minor
        assert all(part.value_date <= (each.until or date.max) for part in taken[each.id])
        for item in (A, B, None):
            got = sum(part.minor for parts in taken.values() for part in parts if part.instalment_id == item)
            assert got <= sum(row.minor for row in rows if row.instalment_id == item)


@given(st.integers(1, 2_000), receipts_of, st.integers(0, 2_000), st.integers(0, 30))
def test_a_later_look_with_the_same_money_only_breaks(
    amount: int, receipts: list[tuple[int, int, UUID | None]], open_minor: int, later: int
) -> None:
    rows = [money(MADE + timedelta(days=day), minor, item, 500 + i) for i, (day, minor, item) in enumerate(receipts)]
    today = decide(amount, rows, FRIDAY, open_minor, A, B)
    after = decide(amount, rows, FRIDAY + timedelta(days=later), open_minor, A, B)
    assert (today.status, after.status) in {
        (status, status) for status in ("open", "partly_kept", "kept", "cancelled")
    } | {("open", "broken"), ("partly_kept", "broken")}


@pytest.mark.parametrize(
    ("total", "rhythm", "expected"),
    [
        (10_000, Rhythm(date(2026, 1, 31), 2, "month", part_minor=3_000),
         [("2026-01-31", 3_000), ("2026-03-31", 3_000), ("2026-05-31", 3_000), ("2026-07-31", 1_000)]),
        (10_000, Rhythm(date(2026, 1, 31), 1, "month", parts=3),
         [("2026-01-31", 3_333), ("2026-02-28", 3_333), ("2026-03-31", 3_334)]),
        (10_000, Rhythm(date(2026, 12, 24), 2, "week", parts=2), [("2026-12-24", 5_000), ("2027-01-07", 5_000)]),
        (9_000, Rhythm(date(2026, 1, 1), 1, "month", part_minor=3_000),
         [("2026-01-01", 3_000), ("2026-02-01", 3_000), ("2026-03-01", 3_000)]),
        (100, Rhythm(date(2026, 1, 1), 1, "week", part_minor=500), [("2026-01-01", 100)]),
    ],
)  # fmt: skip
def test_schedules(total: int, rhythm: Rhythm, expected: list[tuple[str, int]]) -> None:
    assert [(part.due_date.isoformat(), part.amount_minor) for part in schedule(total, rhythm)] == expected


@given(st.integers(1, 10**9), st.integers(1, 60), st.integers(1, 12), st.sampled_from(["month", "week"]))
def test_the_parts_sum_to_the_debt_and_go_forward(total: int, parts: int, every: int, unit: str) -> None:
    rhythm = Rhythm(date(2026, 1, 31), every, unit, parts=min(parts, total))  # type: ignore[arg-type]
    made = schedule(total, rhythm)
    assert sum(part.amount_minor for part in made) == total
    assert max(part.amount_minor for part in made) - min(part.amount_minor for part in made) <= 1
    assert all(a.due_date < b.due_date for a, b in pairwise(made))


@pytest.mark.parametrize(
    "rhythm",
    [
        Rhythm(FRIDAY),
        Rhythm(FRIDAY, parts=2, part_minor=10),
        Rhythm(FRIDAY, parts=0),
        Rhythm(FRIDAY, parts=121),
        Rhythm(FRIDAY, part_minor=0),
        Rhythm(FRIDAY, part_minor=1),
        Rhythm(FRIDAY, 0, parts=2),
    ],
)
def test_schedules_that_are_refused(rhythm: Rhythm) -> None:
    with pytest.raises(ScheduleInvalid):
        schedule(100_000, rhythm)
    with pytest.raises(ScheduleInvalid):
        schedule(1, Rhythm(FRIDAY, parts=2))


@pytest.mark.parametrize(
    "parts",
    [
        [(FRIDAY, 40), (MONDAY, 50)],
        [(FRIDAY, 60), (MONDAY, 50)],
        [(FRIDAY, 50), (FRIDAY, 50)],
        [(MONDAY, 50), (FRIDAY, 50)],
        [(MADE - timedelta(days=1), 100)],
        [(FRIDAY, 100), (MONDAY, 0)],
        [(MADE + timedelta(days=4_000), 100)],
        [],
    ],
)
def test_given_parts_that_are_no_schedule(parts: list[tuple[date, int]]) -> None:
    with pytest.raises(DomainError):
        check_schedule([PlannedPart(day, minor) for day, minor in parts], 100, MADE)
    check_schedule([PlannedPart(MADE, 50), PlannedPart(FRIDAY, 50)], 100, MADE)


PARTS = [
    PartFacts(1, date(2026, 4, 1), date(2026, 4, 3), 30),
    PartFacts(2, date(2026, 6, 1), date(2026, 6, 3), 30),
    PartFacts(3, date(2026, 8, 1), date(2026, 8, 4), 40),
]


def plan(taken: list[tuple[date, int]], today: date, open_minor: int | None = None) -> tuple[str, list[str], list[int]]:
    rows = [Taken(day, minor, A) for day, minor in taken]
    paid = sum(minor for _, minor in taken)
    verdict = judge_plan(PARTS, rows, 100 - paid if open_minor is None else open_minor, paid, today)
    return verdict.status, [part.status for part in verdict.parts], [part.paid_minor for part in verdict.parts]


def test_a_plan_is_kept_part_by_part() -> None:
    april, june, august = date(2026, 4, 2), date(2026, 6, 1), date(2026, 8, 4)
    assert plan([], date(2026, 4, 3)) == ("active", ["open"] * 3, [0, 0, 0])
    assert plan([], date(2026, 4, 4)) == ("broken", ["broken", "open", "open"], [0, 0, 0])
    assert plan([(april, 20)], date(2026, 4, 3)) == ("active", ["partly_kept", "open", "open"], [20, 0, 0])
    assert plan([(april, 30)], date(2026, 5, 1)) == ("active", ["kept", "open", "open"], [30, 0, 0])
    assert plan([(april, 50)], date(2026, 5, 1)) == ("active", ["kept", "partly_kept", "open"], [30, 20, 0])
    everything = [(april, 30), (june, 30), (august, 40)]
    assert plan(everything, august) == ("completed", ["kept"] * 3, [30, 30, 40])
    late = [(april, 30), (date(2026, 6, 4), 30), (august, 40)]
    assert plan(late, august)[:2] == ("broken", ["kept", "broken", "kept"])


def test_a_plan_whose_debt_was_credited_is_completed_with_less() -> None:
    assert plan([(date(2026, 4, 1), 30)], date(2026, 6, 10), open_minor=0)[0] == "completed"
    assert plan([(date(2026, 4, 1), 30)], date(2026, 6, 10), open_minor=70)[0] == "broken"


def test_cover_takes_the_oldest_due_first() -> None:
    owed = [Owed(B, FRIDAY, 100), Owed(A, MADE, 60)]
    assert cover(100, owed) == {A: 60, B: 40}
    assert cover(500, owed) == {A: 60, B: 100}
    assert cover(0, owed) == {}
    assert list(overlapping({A: 61, B: 100}, {A: 60, B: 100})) == [A]


def test_rates_and_actions() -> None:
    assert kept_basis_points(0, 0) is None
    assert (kept_basis_points(5, 6), kept_basis_points(1, 3), kept_basis_points(2, 3)) == (8_333, 3_333, 6_667)
    assert promise_actions("open") == ["cancel", "reschedule"]
    assert promise_actions("broken") == ["reschedule"]
    assert promise_actions("broken", rescheduled=True) == []
    assert promise_actions("kept") == []
    assert (plan_actions("proposed"), plan_actions("broken")) == (["activate", "cancel"], [])
