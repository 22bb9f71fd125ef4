"""What is due and what is withheld: pure rules, by example and by random histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import new_id
from app.dunning.planning import (
    Account,
    Hold,
    Item,
    Plan,
    Policy,
    Reach,
    Step,
    due_on,
    due_step,
    next_step,
    plan_account,
)

DUE = date(2026, 3, 1)
ENTITY = new_id()
OTHER_ENTITY = new_id()
CONTACT = new_id()
REACH = {"email": Reach(CONTACT), "letter": Reach(), "sms": Reach(None, "no_consent")}


def step(ordinal: int, offset: int | None, channel: str = "email", **more: object) -> Step:
    return Step(new_id(), ordinal, channel, offset, **more)  # type: ignore[arg-type]


def policy(*steps: Step, grouping: str = "per_step", count_credits: bool = True) -> Policy:
    return Policy(new_id(), grouping, count_credits, tuple(steps))


LEVELS = policy(step(1, 5), step(2, 20), step(3, 40))


def item(minor: int = 10_000, due: date = DUE, **more: object) -> Item:
    facts = {"instalment_id": new_id(), "legal_entity_id": ENTITY, "currency": "EUR", **more}
    return Item(due_date=due, open_minor=minor, **facts)  # type: ignore[arg-type]


def account(*items: Item, **more: object) -> Account:
    return Account(new_id(), items, **{"reach": REACH, **more})  # type: ignore[arg-type]


def on(days: int) -> date:
    """So many days after the due date."""
    return DUE + timedelta(days=days)


def steps_of(plan: Plan) -> list[int]:
    return [notice.step.ordinal for notice in plan.notices]


def reasons(plan: Plan) -> list[str]:
    return [one.hold.reason for one in plan.withheld]


def test_an_offset_is_reached_on_its_day() -> None:
    assert steps_of(plan_account(account(item()), LEVELS, on(4))) == []
    assert steps_of(plan_account(account(item()), LEVELS, on(5))) == [1]


def test_an_offset_before_the_due_date_comes_before_it_and_lapses() -> None:
    early = policy(step(1, -3, lapse_days=0), step(2, 5))
    assert steps_of(plan_account(account(item()), early, on(-4))) == []
    assert [steps_of(plan_account(account(item()), early, on(day))) for day in (-3, 0, 1, 5)] == [[1], [1], [], [2]]
    literal = policy(step(1, -3), step(2, 5))
    assert steps_of(plan_account(account(item()), literal, on(9))) == [1]


def test_a_late_first_look_begins_with_the_first_step() -> None:
    assert steps_of(plan_account(account(item()), LEVELS, on(90))) == [1]
    highest = replace(LEVELS, grouping="highest")
    assert steps_of(plan_account(account(item()), highest, on(90))) == [1]


def test_a_gap_is_counted_from_the_day_on_which_the_step_before_went_out() -> None:
    gaps = policy(step(1, 5), step(2, 10, gap_days=7), step(3, None, gap_days=7))
    once = item(last_ordinal=1, last_done_on=on(9))
    assert due_on(gaps, once, gaps.steps[1]) == on(16)
    assert due_step(gaps, once, on(15)) is None
    assert due_step(gaps, once, on(16)) == gaps.steps[1]
    twice = item(last_ordinal=2, last_done_on=on(30))
    assert due_step(gaps, twice, on(37)) == gaps.steps[2]


def test_after_the_last_step_nothing_comes() -> None:
    done = item(last_ordinal=3, last_done_on=on(40))
    plan = plan_account(account(done), LEVELS, on(400))
    assert (plan.notices, plan.withheld) == ([], [])


def test_a_shorter_policy_repeats_nothing_and_a_longer_one_goes_on() -> None:
    done = item(last_ordinal=2, last_done_on=on(20))
    assert next_step(policy(step(1, 1), step(2, 2)), done, on(60)) is None
    longer = policy(step(1, 1), step(2, 2), step(3, 3), step(4, 4))
    assert steps_of(plan_account(account(done), longer, on(60))) == [3]


def test_a_step_that_has_not_gone_out_holds_the_next_one() -> None:
    plan = plan_account(account(item(last_ordinal=1, standing="waiting")), LEVELS, on(30))
    assert (plan.notices, plan.withheld, plan.waiting) == ([], [], 1)
    plan = plan_account(account(item(last_ordinal=1, standing="unknown")), LEVELS, on(6))
    assert (plan.notices, reasons(plan), plan.withheld[0].step_ordinal) == ([], ["outcome_unknown"], 1)


def test_the_minimum_is_of_the_notice_and_passes_exactly() -> None:
    least = policy(step(1, 5, minimums={"EUR": 5_100}))
    assert steps_of(plan_account(account(item(5_100)), least, on(5))) == [1]
    assert reasons(plan_account(account(item(5_099)), least, on(5))) == ["below_minimum"]
    assert steps_of(plan_account(account(item(3_000), item(2_100)), least, on(5))) == [1]
    assert steps_of(plan_account(account(item(1, currency="USD")), least, on(5))) == [1]


def test_disputes_and_promises_withhold_their_part() -> None:
    part = item(10_000, disputed_minor=4_000, promised_minor=1_000, promised=Hold("promise", on(9)))
    (notice,) = plan_account(account(part), LEVELS, on(5)).notices
    assert (notice.total_minor, part.held_minor) == (5_000, 1_000)
    whole = plan_account(account(item(10_000, disputed_minor=10_000)), LEVELS, on(5))
    assert reasons(whole) == ["disputed"]
    rest = item(10_000, disputed_minor=4_000, promised_minor=6_000, promised=Hold("promise", on(9)))
    (withheld,) = plan_account(account(rest), LEVELS, on(5)).withheld
    assert (withheld.hold.reason, withheld.hold.until) == ("promise", on(9))


def test_cash_covers_the_oldest_first_and_only_wholly() -> None:
    old, young = item(6_000), item(5_000, DUE + timedelta(days=1))
    purse = {(ENTITY, "EUR"): 6_500}
    plan = plan_account(account(young, old, cash=purse), LEVELS, on(10))
    assert ([one.item for one in plan.withheld], reasons(plan)) == ([old], ["unapplied_cash"])
    assert [line.item for line in plan.notices[0].lines] == [young]
    assert reasons(plan_account(account(young, old, cash={(ENTITY, "EUR"): 11_000}), LEVELS, on(10))) == [
        "unapplied_cash", "unapplied_cash",
    ]  # fmt: skip


def test_cash_pays_what_is_due_before_what_is_not() -> None:
    soon, late = item(5_000, on(30)), item(5_000)
    early = policy(step(1, -60))
    plan = plan_account(account(soon, late, cash={(ENTITY, "EUR"): 5_000}), early, on(5))
    assert [one.item for one in plan.withheld] == [late]


def test_cash_that_covers_items_whose_step_is_not_due_is_not_counted_twice() -> None:
    reminded = item(5_000, last_ordinal=1, last_done_on=on(5))
    fresh = item(5_000, DUE + timedelta(days=3))
    plan = plan_account(account(reminded, fresh, cash={(ENTITY, "EUR"): 5_000}), LEVELS, on(10))
    assert [line.item for line in plan.notices[0].lines] == [fresh]


def test_cash_of_another_currency_or_legal_entity_covers_nothing() -> None:
    cash = {(ENTITY, "USD"): 99_999, (OTHER_ENTITY, "EUR"): 99_999}
    assert steps_of(plan_account(account(item(), cash=cash), LEVELS, on(5))) == [1]


def test_open_credit_counts_where_the_policy_says_so() -> None:
    facts = account(item(10_000), cash={(ENTITY, "EUR"): 4_000}, credits={(ENTITY, "EUR"): 6_000})
    assert reasons(plan_account(facts, LEVELS, on(5))) == ["open_credit"]
    assert steps_of(plan_account(facts, replace(LEVELS, count_credits=False), on(5))) == [1]


def test_what_is_disputed_or_blocked_takes_no_cash() -> None:
    disputed, blocked = item(5_000, disputed_minor=5_000), item(5_000, hold=Hold("blocked"))
    free = item(5_000, DUE + timedelta(days=2))
    plan = plan_account(account(disputed, blocked, free, cash={(ENTITY, "EUR"): 5_000}), LEVELS, on(10))
    assert sorted(reasons(plan)) == ["blocked", "disputed", "unapplied_cash"]


def test_holds_of_the_account_and_of_an_item() -> None:
    assert reasons(plan_account(account(item(), hold=Hold("blocked", on(9))), LEVELS, on(5))) == ["blocked"]
    plan = plan_account(account(item(hold=Hold("legal_case")), item()), LEVELS, on(5))
    assert (reasons(plan), len(plan.notices)) == (["legal_case"], 1)


def test_nobody_to_reach_is_a_reason_for_messages_only() -> None:
    steps = policy(step(1, 5, "sms"))
    assert reasons(plan_account(account(item()), steps, on(5))) == ["no_consent"]
    call = policy(step(1, 5, "call_task"))
    assert steps_of(plan_account(account(item(), reach={}), call, on(5))) == [1]
    (notice,) = plan_account(account(item()), LEVELS, on(5)).notices
    assert notice.contact_id == CONTACT


@pytest.mark.parametrize(("until", "held"), [(None, True), (on(6), True), (on(5), True), (on(4), False)])
def test_what_failed_is_held_as_long_as_it_says(until: date | None, held: bool) -> None:
    failed = item(retries={1: Hold("delivery_failed", until)})
    assert reasons(plan_account(account(failed), LEVELS, on(5))) == (["delivery_failed"] if held else [])
    other_step = item(retries={2: Hold("delivery_failed")})
    assert steps_of(plan_account(account(other_step), LEVELS, on(5))) == [1]


def test_one_notice_for_each_step_legal_entity_and_currency() -> None:
    first, second = item(), item(last_ordinal=1, last_done_on=on(5))
    dollars, elsewhere = item(currency="USD"), item(legal_entity_id=OTHER_ENTITY)
    plan = plan_account(account(first, second, dollars, elsewhere), LEVELS, on(25))
    assert sorted((n.step.ordinal, n.currency, n.legal_entity_id == ENTITY) for n in plan.notices) == [
        (1, "EUR", False), (1, "EUR", True), (1, "USD", True), (2, "EUR", True),
    ]  # fmt: skip


def test_the_highest_step_takes_the_lower_ones_along_as_covered() -> None:
    first, second = item(), item(last_ordinal=1, last_done_on=on(5))
    (notice,) = plan_account(account(first, second), replace(LEVELS, grouping="highest"), on(25)).notices
    assert notice.step.ordinal == 2
    assert {(line.item.last_ordinal, line.step.ordinal, line.covered) for line in notice.lines} == {
        (0, 1, True), (1, 2, False),
    }  # fmt: skip


def test_the_leap_day_is_a_day() -> None:
    leap = item(due=date(2028, 2, 24))
    assert due_step(LEVELS, leap, date(2028, 2, 28)) is None
    assert due_step(LEVELS, leap, date(2028, 2, 29)) == LEVELS.steps[0]


Days = st.integers(min_value=0, max_value=120)
Offsets = st.lists(st.integers(min_value=-10, max_value=60), min_size=1, max_size=6).map(sorted)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    offsets: Sequence[int] = draw(Offsets)
    gaps = draw(st.lists(st.one_of(st.none(), st.integers(0, 20)), min_size=len(offsets), max_size=len(offsets)))
    steps = [step(n, offset, gap_days=gap) for n, (offset, gap) in enumerate(zip(offsets, gaps, strict=True), 1)]
    return policy(*steps, grouping=draw(st.sampled_from(["per_step", "highest"])))


@given(policies(), policies(), st.lists(st.integers(0, 40), min_size=1, max_size=4), st.lists(Days, max_size=25),
       st.data())  # fmt: skip
def test_whatever_happens_no_step_is_left_out_repeated_or_early(
    before: Policy, after: Policy, dues: list[int], days: list[int], data: st.DataObject
) -> None:
    """Random days of runs, a switch of the policy in between, items paid in any order, sending that fails."""
    items = {n: item(due=on(shift)) for n, shift in enumerate(dues)}
    sent: dict[int, list[int]] = {n: [] for n in items}
    by_id = {one.instalment_id: n for n, one in items.items()}
    for index, day in enumerate(sorted(set(days))):
        current = before if index < len(days) // 2 else after
        plan = plan_account(account(*items.values()), current, on(day))
        assert plan.withheld == []
        for notice in plan.notices:
            fails = data.draw(st.booleans())
            for line in notice.lines:
                number = by_id[line.item.instalment_id]
                assert line.step.ordinal == len(sent[number]) + 1
                assert due_on(current, line.item, line.step) <= on(day)
                assert line.step.ordinal <= notice.step.ordinal
                if not fails:
                    sent[number].append(line.step.ordinal)
                    items[number] = items[number]._replace(last_ordinal=line.step.ordinal, last_done_on=on(day))
        if data.draw(st.booleans()) and items:
            items.pop(data.draw(st.sampled_from(sorted(items))))
    assert all(ordinals == list(range(1, len(ordinals) + 1)) for ordinals in sent.values())


@given(
    st.lists(st.tuples(st.integers(1, 900), st.integers(0, 30), st.integers(0, 900), st.integers(0, 900)), max_size=6),
    st.integers(0, 3_000), st.integers(0, 3_000), st.booleans(),
)  # fmt: skip
def test_each_item_is_asked_for_or_withheld_once_and_sums_hold(
    rows: list[tuple[int, int, int, int]], cash: int, credit: int, counted: bool
) -> None:
    items = [
        item(minor, on(shift), disputed_minor=min(disputed, minor), promised_minor=promised,
             promised=Hold("promise", on(60)))
        for minor, shift, disputed, promised in rows
    ]  # fmt: skip
    facts = account(*items, cash={(ENTITY, "EUR"): cash}, credits={(ENTITY, "EUR"): credit})
    plan = plan_account(facts, replace(LEVELS, count_credits=counted), on(40))
    asked: list[UUID] = [line.item.instalment_id for notice in plan.notices for line in notice.lines]
    held = [one.item.instalment_id for one in plan.withheld]
    assert sorted(asked + held) == sorted(one.instalment_id for one in items)
    covered = sum(
        one.item.eligible_minor for one in plan.withheld if one.hold.reason in ("unapplied_cash", "open_credit")
    )
    assert covered <= cash + (credit if counted else 0)
    total = sum(one.eligible_minor for one in items)
    if total <= cash:
        assert plan.notices == []
    for notice in plan.notices:
        assert notice.total_minor == sum(line.item.eligible_minor for line in notice.lines) > 0
