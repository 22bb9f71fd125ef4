"""Batches of a run: claims that may meet come together, whatever the order of the payments."""

from __future__ import annotations

import random
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.cash_application.facts import Claim
from app.cash_application.planning import plan_lanes

DAY = date(2026, 4, 1)


def claim(number: int, *meets: str, days: int = 0) -> Claim:
    return Claim(UUID(int=number), DAY + timedelta(days=days), (), (), (), (), payer_known=True, meets=meets)


def numbers(lanes: list[list[list[Claim]]]) -> list[list[list[int]]]:
    return [[[one.payment_id.int for one in batch] for batch in lane] for lane in lanes]


def test_rivals_for_a_document_are_decided_together_however_far_apart_they_arrived() -> None:
    claims = [claim(1, "document:x"), *(claim(n) for n in range(2, 50)), claim(50, "document:x")]
    batches = [set(batch) for lane in numbers(plan_lanes(claims, per_batch=5)) for batch in lane]
    assert any({1, 50} <= batch for batch in batches), batches
    assert all(len(batch) <= 5 for batch in batches)


def test_a_group_too_large_for_a_batch_is_worked_off_in_one_lane_by_value_date() -> None:
    claims = [claim(n, "account:a", days=n % 7) for n in range(1, 21)] + [claim(99)]
    lanes = plan_lanes(claims, per_batch=6)
    tied = next(lane for lane in lanes if len(lane) > 1)
    assert {one.payment_id.int for batch in tied for one in batch} == set(range(1, 21))
    assert all(len(batch) <= 6 for batch in tied)
    starts = [min(one.value_date for one in batch) for batch in tied]
    assert starts == sorted(starts)


def test_the_strongest_tie_holds_where_not_all_ties_can() -> None:
    claims = [claim(n, "account:a") for n in range(1, 9)]
    claims += [claim(20, "document:x", "account:a"), claim(21, "document:x", "account:a", days=9)]
    batches = [set(batch) for lane in numbers(plan_lanes(claims, per_batch=4)) for batch in lane]
    assert any({20, 21} <= batch for batch in batches), batches


TIES = [f"{kind}:{n}" for kind in ("document", "like", "account") for n in range(4)]


@given(
    st.lists(st.lists(st.sampled_from(TIES), max_size=3), max_size=30),
    st.integers(1, 8),
    st.randoms(use_true_random=False),
)
def test_every_claim_once_and_lanes_have_nothing_in_common(
    meets: list[list[str]], per_batch: int, dice: random.Random
) -> None:
    claims = [claim(n, *found, days=n % 3) for n, found in enumerate(meets, 1)]
    lanes = plan_lanes(claims, per_batch)
    assert sorted(n for lane in numbers(lanes) for batch in lane for n in batch) == list(range(1, len(claims) + 1))
    of_lane = [{value for batch in lane for one in batch for value in one.meets} for lane in lanes]
    for at, values in enumerate(of_lane):
        assert all(not values & others for others in of_lane[at + 1 :])
    shuffled = claims[:]
    dice.shuffle(shuffled)
    assert numbers(plan_lanes(shuffled, per_batch)) == numbers(lanes)
