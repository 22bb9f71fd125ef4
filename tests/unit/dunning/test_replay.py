"""What a policy would have done with the past."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from app.core.calendar import BusinessCalendar
from app.core.ids import new_id
from app.dunning.comparing.past import disputed_days
from app.dunning.comparing.past_blocks import block_days
from app.dunning.comparing.past_money import owned_by_day
from app.dunning.comparing.replay import PastBlock, PastHold, PastItem, PastMoney, PastPromise, Tally, rate_at, replay
from app.dunning.planning import Policy, Step

DUE = date(2026, 3, 2)
PERIOD = (date(2026, 1, 1), date(2026, 6, 30))
ENTITY = new_id()
EVERY_DAY = BusinessCalendar(weekend=frozenset())
HALF = [(0, Decimal("0.5"))]


def policy(*offsets: int, minimum: int = 0) -> Policy:
    steps = [Step(new_id(), n, "email", days, minimums={"EUR": minimum}) for n, days in enumerate(offsets, 1)]
    return Policy(new_id(), "per_step", True, tuple(steps))


def past(minor: int = 10_000, due: date = DUE, *changes: tuple[int, int]) -> PastItem:
    dated = [(DUE + timedelta(days=days), taken) for days, taken in changes]
    return PastItem(new_id(), ENTITY, "EUR", due, due - timedelta(days=30), minor, dated)


def tally(rules: Policy, *items: PastItem, period: tuple[date, date] = PERIOD) -> Tally:
    found = Tally()
    replay(rules, items, period, EVERY_DAY.is_business_day, HALF, found)
    return found


def test_a_debt_that_stays_open_walks_the_whole_chain() -> None:
    found = tally(policy(5, 20, 40), past())
    assert (found.notices, found.contacts, found.accounts) == (3, 3, 1)
    assert found.by_step == {"1:email": 1, "2:email": 1, "3:email": 1}
    assert (found.reminded, found.expected) == ({"EUR": 30_000}, {"EUR": Decimal(8_750)})


def test_what_is_paid_is_reminded_no_more_and_what_comes_back_goes_on() -> None:
    assert tally(policy(5, 20, 40), past(10_000, DUE, (10, 10_000))).by_step == {"1:email": 1}
    back = past(10_000, DUE, (10, 10_000), (30, -10_000))
    found = tally(policy(5, 20, 40), back)
    assert found.by_step == {"1:email": 1, "2:email": 1, "3:email": 1}
    part = past(10_000, DUE, (10, 4_000))
    assert tally(policy(5, 20), part).reminded == {"EUR": 16_000}


def test_only_the_days_of_the_period_count_but_chains_begin_before() -> None:
    late = (DUE + timedelta(days=10), DUE + timedelta(days=25))
    assert tally(policy(5, 20, 40), past(), period=late).by_step == {"2:email": 1}


def test_a_run_is_on_a_business_day() -> None:
    weekdays = BusinessCalendar()
    found = Tally()
    saturday = (date(2026, 3, 7), date(2026, 3, 8))
    replay(policy(5), [past()], saturday, weekdays.is_business_day, HALF, found)
    assert found.notices == 0
    replay(policy(5), [past()], (date(2026, 3, 7), date(2026, 3, 9)), weekdays.is_business_day, HALF, found)
    assert found.notices == 1


def test_small_sums_are_asked_for_together() -> None:
    small = policy(5, minimum=15_000)
    assert (tally(small, past()).notices, tally(small, past()).below_minimum) == (0, 1)
    both = tally(small, past(), past(10_000, DUE + timedelta(days=30)))
    assert (both.notices, both.items) == (1, 2)


def hold(first: int, last: int | None, minor: int) -> PastHold:
    return PastHold(DUE + timedelta(days=first), None if last is None else DUE + timedelta(days=last), minor)


def test_what_was_disputed_or_promised_then_was_not_asked_for() -> None:
    assert tally(policy(5, 20, 40), replace(past(), disputed=[hold(3, None, 10_000)])).notices == 0
    part = tally(policy(5), replace(past(), disputed=[hold(3, 9, 4_000)]))
    assert (part.reminded, part.expected) == ({"EUR": 6_000}, {"EUR": Decimal(3_000)})
    spoken = replace(past(), promised=[hold(0, 7, 10_000)])  # until the eighth day: then the first step, at once
    days = [(DUE + timedelta(days=n), DUE + timedelta(days=n)) for n in (5, 7, 8, 20)]
    assert [tally(policy(5, 20), spoken, period=day).notices for day in days] == [0, 0, 1, 1]
    assert tally(policy(5, minimum=6_001), replace(past(), disputed=[hold(3, None, 4_000)])).below_minimum == 1


def test_a_promise_for_the_account_held_the_oldest_until_it_ended() -> None:
    older, newer = past(), past(10_000, DUE + timedelta(days=1))
    promise = PastPromise("EUR", hold(4, 30, 10_000))
    found = Tally()
    replay(policy(5), [older, newer], PERIOD, EVERY_DAY.is_business_day, HALF, found, [promise])
    assert (found.notices, found.reminded) == (2, {"EUR": 20_000})
    early = Tally()
    until = (DUE, DUE + timedelta(days=30))
    replay(policy(5), [older, newer], until, EVERY_DAY.is_business_day, HALF, early, [promise])
    assert (early.notices, early.reminded) == (1, {"EUR": 10_000})
    dollars = Tally()
    replay(
        policy(5), [older], until, EVERY_DAY.is_business_day, HALF, dollars, [PastPromise("USD", hold(0, 9, 10_000))]
    )
    assert dollars.notices == 1


def test_a_dispute_stood_while_its_history_says_so() -> None:
    days = [DUE + timedelta(days=n) for n in range(9)]
    history = [("open", days[0]), ("in_review", days[1]), ("resolved_rejected", days[3]), ("open", days[5])]
    assert disputed_days(history) == [(days[0], days[2]), (days[5], None)]
    assert disputed_days([("open", days[1]), ("withdrawn", days[1])]) == []


def test_a_rate_holds_from_its_age_on() -> None:
    rates = [(0, Decimal("0.1")), (31, Decimal("0.3"))]
    assert [rate_at(rates, days) for days in (-1, 0, 30, 31, 400)] == [
        Decimal(0), Decimal("0.1"), Decimal("0.1"), Decimal("0.3"), Decimal("0.3"),
    ]  # fmt: skip


def block(first: int, last: int | None, reason: str = "blocked") -> PastBlock:
    return PastBlock(reason, DUE + timedelta(days=first), None if last is None else DUE + timedelta(days=last))


def on_days(rules: Policy, item: PastItem, money: PastMoney, *days: int) -> list[int]:
    """How many reminders each of these days would have seen."""
    found = []
    for day in (DUE + timedelta(days=n) for n in days):
        one = Tally()
        replay(rules, [item], (day, day), EVERY_DAY.is_business_day, HALF, one, (), money)
        found.append(one.notices)
    return found


def test_blocks_and_legal_cases_held_then_what_they_held() -> None:
    nothing = PastMoney()
    assert on_days(policy(5, 20), replace(past(), blocks=(block(3, 9),)), nothing, 5, 9, 10, 20) == [0, 0, 1, 1]
    assert tally(policy(5, 20), replace(past(), blocks=(block(6, None, "legal_case"),))).by_step == {"1:email": 1}


def test_money_that_lay_about_unapplied_covered_the_debt_until_it_left() -> None:
    purse = (ENTITY, "EUR")
    money = PastMoney({purse: [(DUE + timedelta(days=4), 10_000), (DUE + timedelta(days=12), -10_000)]})
    assert on_days(policy(5, 20), past(), money, 5, 11, 12, 20) == [0, 0, 1, 1]
    found = Tally()
    replay(policy(5, 20), [past()], PERIOD, EVERY_DAY.is_business_day, HALF, found, (), money)
    assert (found.notices, found.covered) == (2, 1)
    short = PastMoney({purse: [(DUE, 9_999)]})
    elsewhere = PastMoney({(new_id(), "EUR"): [(DUE, 10_000)], (ENTITY, "USD"): [(DUE, 10_000)]})
    assert on_days(policy(5), past(), short, 5) == on_days(policy(5), past(), elsewhere, 5) == [1]


def test_credit_memos_cover_where_the_policy_says_so() -> None:
    credits = PastMoney(credits={(ENTITY, "EUR"): [(DUE, 10_000)]})
    assert on_days(policy(5), past(), credits, 5) == [0]
    assert on_days(replace(policy(5), count_credits=False), past(), credits, 5) == [1]


def test_money_went_to_the_oldest_debt_and_a_blocked_one_took_none() -> None:
    older, newer = past(), past(10_000, DUE + timedelta(days=1))
    money = PastMoney({(ENTITY, "EUR"): [(DUE, 10_000)]})
    found = Tally()
    replay(policy(5), [older, newer], PERIOD, EVERY_DAY.is_business_day, HALF, found, (), money)
    assert (found.notices, found.covered) == (1, 1)
    held = Tally()
    blocked = replace(older, blocks=(block(0, None),))
    replay(policy(5), [blocked, newer], PERIOD, EVERY_DAY.is_business_day, HALF, held, (), money)
    assert (held.notices, held.covered) == (0, 1)


def test_a_block_stood_from_its_first_day_until_it_ended_or_was_lifted() -> None:
    days = [DUE + timedelta(days=n) for n in range(20)]
    assert block_days(days[0], days[4], None) == [(days[0], days[4])]
    assert block_days(days[0], None, days[4]) == [(days[0], days[3])]
    assert block_days(days[0], days[9], days[4]) == [(days[0], days[3])]
    assert block_days(days[0], days[2], days[4]) == [(days[0], days[2])]
    assert block_days(days[0], days[9], None, [(days[3], days[2])]) == [(days[0], days[9])]  # longer in time
    assert block_days(days[0], days[9], None, [(days[3], days[6])]) == [(days[0], days[3]), (days[6], days[9])]


def test_a_payment_belongs_on_each_day_to_the_account_that_had_it() -> None:
    one, other = new_id(), new_id()
    days = [DUE + timedelta(days=n) for n in range(9)]
    payment = {"accounting_date": days[0], "amount_minor": 10_000, "original_account_id": None}
    steps = [
        {"on_date": days[1], "minor": 0, "changes": True, "account_id": one},
        {"on_date": days[2], "minor": -4_000, "changes": False, "account_id": None},
        {"on_date": days[3], "minor": -1_000, "changes": True, "account_id": other},
        {"on_date": days[4], "minor": -5_000, "changes": False, "account_id": None},
    ]
    balances: dict[tuple[object, date], int] = {}
    for account_id, on, minor in owned_by_day(payment, steps):
        for day in days:
            if on <= day:
                balances[account_id, day] = balances.get((account_id, day), 0) + minor
    assert [balances.get((one, day), 0) for day in days[:6]] == [0, 10_000, 6_000, 0, 0, 0]
    assert [balances.get((other, day), 0) for day in days[:6]] == [0, 0, 0, 5_000, 0, 0]
