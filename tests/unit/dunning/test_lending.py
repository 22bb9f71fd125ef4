"""Cash of payers: what is left of it for the accounts below, by example and by its sums."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import new_id
from app.dunning.groups.lending import Need, lend
from app.dunning.planning import Policy, Step, next_step, next_steps
from tests.unit.dunning.test_planning import item

ENTITY = new_id()
EUR, USD = (ENTITY, "EUR"), (ENTITY, "USD")
PARENT, CHILD, OTHER = new_id(), new_id(), new_id()
DAY = date(2026, 3, 1)


def need(account_id: UUID, minor: int, late: int = 0, purse: tuple[UUID, str] = EUR) -> Need:
    return Need(account_id, new_id(), purse, DAY - timedelta(days=late), minor)


def test_what_the_payer_owes_itself_comes_first() -> None:
    payers = {CHILD: [PARENT]}
    assert lend([need(CHILD, 60, late=9), need(PARENT, 50)], {PARENT: {EUR: 100}}, {}, payers) == {CHILD: {EUR: 50}}
    assert lend([need(CHILD, 60), need(PARENT, 150)], {PARENT: {EUR: 100}}, {}, payers) == {}


def test_the_oldest_of_the_group_comes_first() -> None:
    payers = {CHILD: [PARENT], OTHER: [PARENT]}
    needs = [need(CHILD, 80, late=5), need(OTHER, 80, late=10)]
    assert lend(needs, {PARENT: {EUR: 100}}, {}, payers) == {OTHER: {EUR: 80}, CHILD: {EUR: 20}}


def test_own_money_and_credit_go_first_and_no_purse_pays_for_another() -> None:
    payers = {CHILD: [PARENT]}
    cash = {PARENT: {EUR: 100}, CHILD: {EUR: 30}}
    assert lend([need(CHILD, 80)], cash, {CHILD: {EUR: 10}}, payers) == {CHILD: {EUR: 40}}
    assert lend([need(CHILD, 80, purse=USD)], cash, {}, payers) == {}


def test_the_nearest_payer_first() -> None:
    top = new_id()
    cash = {PARENT: {EUR: 10}, top: {EUR: 100}}
    assert lend([need(CHILD, 30), need(PARENT, 5)], cash, {}, {CHILD: [PARENT, top], PARENT: [top]}) == {
        CHILD: {EUR: 30}
    }


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 100), st.integers(0, 5)), max_size=12),
       st.lists(st.integers(0, 150), min_size=4, max_size=4))  # fmt: skip
def test_nothing_is_lent_twice_nor_more_than_is_wanted(
    owed: Sequence[tuple[int, int, int]], money: Sequence[int]
) -> None:
    accounts = [new_id() for _ in range(4)]
    payers = {accounts[n]: list(reversed(accounts[:n])) for n in range(4)}  # a chain: each pays for all below it
    needs = [need(accounts[n], minor, late) for n, minor, late in owed]
    found = lend(needs, {one: {EUR: minor} for one, minor in zip(accounts, money, strict=True)}, {}, payers)
    lent = {one: purse.get(EUR, 0) for one, purse in found.items()}
    wanted = {one: sum(n.minor for n in needs if n.account_id == one) for one in accounts}
    own = {one: min(minor, wanted[one]) for one, minor in zip(accounts, money, strict=True)}
    assert sum(lent.values()) <= sum(money) - sum(own.values())
    assert all(minor <= wanted[one] - own[one] for one, minor in lent.items())


@given(st.lists(st.tuples(st.integers(1, 20), st.one_of(st.none(), st.integers(-5, 40))), max_size=6,
                unique_by=lambda step: step[0]), st.integers(0, 20), st.integers(-60, 60))  # fmt: skip
def test_what_comes_next_is_the_same_in_spans_of_days(
    steps: list[tuple[int, int | None]], last: int, late: int
) -> None:
    policy = Policy(new_id(), "per_step", True, tuple(
        Step(new_id(), ordinal, "email", ordinal, lapse_days=lapse) for ordinal, lapse in sorted(steps)
    ))  # fmt: skip
    one = item(due=DAY)._replace(last_ordinal=last)
    spans = [s for s in next_steps(policy) if s.last_ordinal == last and s.late_from <= late <= s.late_to]
    assert [s.step for s in spans] == [
        step for step in [next_step(policy, one, DAY + timedelta(days=late))] if step is not None
    ]
