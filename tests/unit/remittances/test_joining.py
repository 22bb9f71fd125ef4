"""Which payments an advice announced: unique, or left alone."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.remittances.joining import Advice, Evidence, Receipt, plan_joins, share_lines, unique_set

DAY = date(2026, 4, 2)


def advice(id_: str, amount: int, **facts: Any) -> Advice:
    return Advice(id=id_, currency="EUR", amount_minor=amount, received=DAY, **facts)


def receipt(id_: str, amount: int, **facts: Any) -> Receipt:
    facts = {"value_date": DAY, **facts}
    return Receipt(id=id_, legal_entity_id="L", currency="EUR", amount_minor=amount, **facts)


def keys(*values: str) -> frozenset[str]:
    return frozenset(values)


def joined(advices: list[Advice], receipts: list[Receipt]) -> list[tuple[tuple[str, ...], tuple[str, ...], str]]:
    return [(join.advices, join.payments, join.evidence.name) for join in plan_joins(advices, receipts)]


def test_reference_and_amount_join() -> None:
    one = advice("a", 1000, reference_key="PAY815")
    assert joined([one], [receipt("p", 1000, reference_keys=keys("PAY815")), receipt("q", 1000)]) == [
        (("a",), ("p",), "REFERENCE")
    ]
    assert joined([one], [receipt("p", 999, reference_keys=keys("PAY815"))]) == []


def test_an_advice_recorded_long_after_its_payment_still_has_its_reference() -> None:
    paid = receipt("p", 1000, reference_keys=keys("PAY815"), accounts=keys("C1"), value_date=date(2025, 9, 2))
    one = advice("a", 1000, reference_key="PAY815", accounts=keys("C1"))
    assert joined([one], [paid]) == [(("a",), ("p",), "REFERENCE")]
    assert joined([replace(one, expected=DAY)], [paid]) == [], "the announced day contradicts"
    assert joined([replace(one, reference_key=None)], [paid]) == []
    assert joined([one], [replace(paid, value_date=date(2024, 9, 2))]) == []


def test_the_payer_and_the_amount_join_within_the_days() -> None:
    one = advice("a", 1000, accounts=keys("C1"), expected=DAY)
    assert joined([one], [receipt("p", 1000, accounts=keys("C1"))]) == [(("a",), ("p",), "PAYER")]
    late = receipt("p", 1000, accounts=keys("C1"), value_date=date(2026, 6, 2))
    assert joined([one], [late]) == []
    assert joined([one], [receipt("p", 1000, accounts=keys("C2"))]) == []


def test_names_cut_by_a_bank_are_the_same_payer_and_others_are_not() -> None:
    one = advice("a", 1000, names=keys("brandt maschinenbau gmbh"))
    assert joined([one], [receipt("p", 1000, name="brandt maschinenbau")]) == [(("a",), ("p",), "PAYER")]
    assert joined([one], [receipt("p", 1000, name="hansen logistik")]) == []


def test_date_and_amount_alone_join_only_when_nobody_contradicts_and_the_day_is_near() -> None:
    one = advice("a", 1000, expected=DAY)
    assert joined([one], [receipt("p", 1000, name="hansen")]) == [(("a",), ("p",), "DATE")]
    assert joined([one], [receipt("p", 1000, value_date=date(2026, 4, 20))]) == []
    assert joined([replace(one, expected=None)], [receipt("p", 1000)]) == []
    assert joined([replace(one, names=keys("brandt"))], [receipt("p", 1000, name="hansen")]) == []


@pytest.mark.parametrize("facts", [{"reference_key": "PAY815"}, {"accounts": keys("C1")}])
def test_two_equal_payments_or_advices_are_left_alone(facts: dict[str, Any]) -> None:
    both = {"reference_keys": keys("PAY815"), "accounts": keys("C1")}
    assert joined([advice("a", 1000, **facts)], [receipt("p", 1000, **both), receipt("q", 1000, **both)]) == []
    assert joined([advice("a", 1000, **facts), advice("b", 1000, **facts)], [receipt("p", 1000, **both)]) == []


def test_a_second_copy_is_left_to_a_person() -> None:
    one = advice("a", 1000, accounts=keys("C1"), repeats=True)
    assert joined([one], [receipt("p", 1000, accounts=keys("C1"))]) == []


def test_another_legal_entity_or_currency_is_no_match() -> None:
    paid = receipt("p", 1000, reference_keys=keys("PAY815"))
    assert joined([advice("a", 1000, reference_key="PAY815", legal_entity_id="M")], [paid]) == []
    assert joined([replace(advice("a", 1000, reference_key="PAY815"), currency="USD")], [paid]) == []


def test_a_reference_of_a_known_other_account_contradicts() -> None:
    one = advice("a", 1000, reference_key="PAY815", accounts=keys("C1"))
    paid = receipt("p", 1000, reference_keys=keys("PAY815"), accounts=keys("C2"))
    assert joined([one], [paid]) == []


def test_several_payments_for_one_advice() -> None:
    one = advice("a", 1000, reference_key="PAY815")
    parts = [receipt(id_, minor, reference_keys=keys("PAY815")) for id_, minor in (("p", 400), ("q", 350), ("r", 250))]
    assert joined([one], parts) == [(("a",), ("p", "q", "r"), "REFERENCE")]
    payer = advice("a", 1000, accounts=keys("C1"))
    more = [receipt(id_, minor, accounts=keys("C1")) for id_, minor in (("p", 400), ("q", 600), ("r", 90))]
    assert joined([payer], more) == [(("a",), ("p", "q"), "PAYER")]
    twins = [receipt(id_, minor, accounts=keys("C1")) for id_, minor in (("p", 400), ("q", 600), ("r", 600))]
    assert joined([payer], twins) == []


def test_one_payment_for_several_advices() -> None:
    parts = [advice("a", 400, accounts=keys("C1")), advice("b", 600, accounts=keys("C1"))]
    assert joined(parts, [receipt("p", 1000, accounts=keys("C1"))]) == [(("a", "b"), ("p",), "PAYER")]
    named = [advice(id_, 100, reference_key="PAY815") for id_ in "abcdef"]
    paid = receipt("p", 600, reference_keys=keys("PAY815"))
    assert joined(named, [paid]) == [(tuple("abcdef"), ("p",), "REFERENCE")]


def test_stronger_evidence_comes_first() -> None:
    one = advice("a", 1000, reference_key="PAY815", accounts=keys("C1"))
    paid = [
        receipt("p", 1000, accounts=keys("C1")),
        receipt("q", 1000, accounts=keys("C1"), reference_keys=keys("PAY815")),
    ]
    assert joined([one], paid) == [(("a",), ("q",), "REFERENCE")]


_ADVICES = st.lists(
    st.builds(
        advice,
        st.text("abcdefgh", min_size=1, max_size=3),
        st.integers(1, 6),
        reference_key=st.sampled_from((None, "R1", "R2")),
        accounts=st.sampled_from((keys(), keys("C1"), keys("C2"))),
        expected=st.sampled_from((None, DAY)),
    ),
    max_size=6,
    unique_by=lambda one: one.id,
)
_RECEIPTS = st.lists(
    st.builds(
        receipt,
        st.text("pqrstuvw", min_size=1, max_size=3),
        st.integers(1, 9),
        reference_keys=st.sampled_from((keys(), keys("R1"), keys("R1", "R2"))),
        accounts=st.sampled_from((keys(), keys("C1"), keys("C2"))),
    ),
    max_size=6,
    unique_by=lambda one: one.id,
)


@given(_ADVICES, _RECEIPTS, st.randoms())
def test_sums_agree_nobody_is_joined_twice_and_order_does_not_matter(
    advices: list[Advice], receipts: list[Receipt], random: Any
) -> None:
    plan = plan_joins(advices, receipts)
    minor = {one.id: one.amount_minor for one in (*advices, *receipts)}
    members = [member for join in plan for member in (*join.advices, *join.payments)]
    assert len(members) == len(set(members))
    for join in plan:
        assert sum(minor[id_] for id_ in join.advices) == sum(minor[id_] for id_ in join.payments)
        assert 1 in (len(join.advices), len(join.payments))
        assert join.evidence > Evidence.NONE
    mixed, paid = list(advices), list(receipts)
    random.shuffle(mixed)
    random.shuffle(paid)
    assert plan_joins(mixed, paid) == plan


def test_many_advices_and_payments_are_joined_in_time() -> None:
    advices = [
        advice(f"a{n}", 1000 + n % 50, reference_key=f"R{n}", accounts=keys(f"C{n % 300}"), expected=DAY)
        for n in range(3000)
    ]
    receipts = [
        receipt(f"p{n}", 1000 + n % 50, reference_keys=keys(f"R{n}") if n % 2 else keys(), accounts=keys(f"C{n % 300}"))
        for n in range(6000)
    ]
    started = time.perf_counter()
    plan = plan_joins(advices, receipts)
    assert time.perf_counter() - started < 20
    assert sum(join.evidence is Evidence.REFERENCE for join in plan) == 1500
    assert all(join.advices[0][1:] == join.payments[0][1:] for join in plan if join.evidence is Evidence.REFERENCE)


def test_a_rival_is_never_overlooked_in_a_crowd() -> None:
    one = advice("a", 1000, accounts=keys("C1"), names=keys("brandt maschinenbau"))
    crowd = [receipt(f"p{n}", 2000, accounts=keys("C1")) for n in range(300)]
    named = receipt("q", 1000, name="brandt maschinenbau")
    rival = receipt("r", 1000, accounts=keys("C1"))
    assert joined([one], [*crowd, named, rival]) == []
    assert joined([one], [named, rival]) == []
    assert joined([one], [*crowd[:100], named]) == [(("a",), ("q",), "PAYER")]


def test_lines_are_shared_only_in_one_way() -> None:
    assert share_lines([400, 350, 250], [600, 400]) == (1, 0, 0)
    assert share_lines([400, 200, 200, 200], [600, 400]) is None, "which of the three goes with the 400?"
    assert share_lines([400, 350, 251], [651, 350]) == (0, 1, 0)
    assert share_lines([400, 600], [600, 400]) == (1, 0)
    assert share_lines([500, 500], [500, 500]) is None
    assert share_lines([400, 600], [1000]) == (0, 0)
    assert share_lines([400, 500], [1000]) is None
    assert share_lines([1] * 30, [15, 15]) is None


def test_a_set_is_unique_or_none() -> None:
    amounts = [("a", 1), ("b", 2), ("c", 4)]
    for order in permutations(amounts):
        assert unique_set(order, 6) == ("b", "c")
    assert unique_set([*amounts, ("d", 4)], 6) is None
    assert unique_set([(str(n), n) for n in range(13)], 3) is None
