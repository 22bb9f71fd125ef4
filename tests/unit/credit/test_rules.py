"""The policy, the ladder, statuses and what an order is answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.credit.rules import (
    DEFAULT_POLICY,
    LEVELS,
    OUTCOMES,
    Cover,
    CreditFacts,
    CreditPolicy,
    Exposure,
    Hold,
    Order,
    PolicyInvalid,
    decide,
    effective_status,
    ladder,
    policy_from_json,
    policy_to_json,
    secured_minor,
    utilisation_percent,
)

TODAY = date(2026, 3, 10)


def facts(limit: int | None, open_minor: int = 0, status: str = "ok", **more: object) -> CreditFacts:
    return CreditFacts(Exposure("EUR", open_minor=open_minor), limit, status, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "open_minor", "order", "outcome", "code"),
    [
        (None, 10**12, 10**12, "approve", "limit_unset"),
        (0, 0, 1, "refuse", "limit_zero"),
        (0, -500, 1, "refuse", "limit_zero"),
        (200_00, 100_00, 1_00, "approve", "limit_fits"),
        (200_00, 100_00, 100_00, "approve", "limit_fits"),
        (200_00, 100_00, 100_01, "refer", "limit_exceeded"),
        (200_00, 100_00, 101_00, "refer", "limit_exceeded"),
        (200_00, -100_00, 300_00, "approve", "limit_fits"),
    ],
)
def test_a_limit_unset_never_refuses_zero_always_and_exactly_fits(
    limit: int | None, open_minor: int, order: int, outcome: str, code: str
) -> None:
    found, reasons = decide(Order(order), facts(limit, open_minor), DEFAULT_POLICY, TODAY)
    assert (found, reasons[0].code) == (outcome, code)


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_without_a_limit_no_amount_is_refused(open_minor: int, order: int) -> None:
    assert decide(Order(order), facts(None, open_minor), DEFAULT_POLICY, TODAY)[0] == "approve"


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 10**9))
def test_a_larger_order_is_never_answered_better(limit: int, open_minor: int, order: int, more: int) -> None:
    small = decide(Order(order), facts(limit, open_minor), DEFAULT_POLICY, TODAY)[0]
    large = decide(Order(order + more), facts(limit, open_minor), DEFAULT_POLICY, TODAY)[0]
    assert OUTCOMES.index(large) >= OUTCOMES.index(small)


@pytest.mark.parametrize(("status", "outcome"), [("ok", "approve"), ("watch", "approve"), ("hold", "refer"),
                                                 ("stop", "refuse")])  # fmt: skip
def test_the_status_decides_even_without_a_limit(status: str, outcome: str) -> None:
    assert decide(Order(1), facts(None, status=status), DEFAULT_POLICY, TODAY)[0] == outcome
    assert decide(Order(1), facts(None, group_status=status), DEFAULT_POLICY, TODAY)[0] == outcome


def test_every_reason_is_given_and_the_hardest_comes_first() -> None:
    policy = CreditPolicy(refer_below_score=30)
    found, reasons = decide(
        Order(500), facts(100, 90, "stop", score=10, limit_valid_until=TODAY - timedelta(days=1)), policy, TODAY
    )
    assert found == "refuse"
    assert [reason.code for reason in reasons] == ["credit_status", "limit_exceeded", "score_low", "limit_expired"]


def test_the_limit_is_valid_on_its_last_day() -> None:
    assert decide(Order(1), facts(100, limit_valid_until=TODAY), DEFAULT_POLICY, TODAY)[0] == "approve"


def test_tolerance_and_the_amount_past_which_is_refused() -> None:
    policy = CreditPolicy(tolerance_percent=10, refuse_over_percent=150)
    answers = [decide(Order(order), facts(1_000), policy, TODAY)[0] for order in (1_100, 1_101, 1_500, 1_501)]
    assert answers == ["approve", "refer", "refer", "refuse"]


def test_the_group_has_its_own_limit_in_its_own_currency() -> None:
    group = Exposure("USD", open_minor=900)
    whole = facts(None, group_exposure=group, group_limit_minor=1_000)
    assert decide(Order(500, 100), whole, DEFAULT_POLICY, TODAY)[0] == "approve"
    assert decide(Order(500, 101), whole, DEFAULT_POLICY, TODAY)[0] == "refer"
    assert decide(Order(500, 101), whole, CreditPolicy(check_group=False), TODAY)[0] == "approve"
    assert decide(Order(500, 1), replace(whole, group_limit_minor=0), DEFAULT_POLICY, TODAY)[0] == "refuse"


def test_what_cannot_be_converted_is_referred_if_there_is_a_limit() -> None:
    missing = Exposure("EUR", unconverted=("JPY",))
    assert decide(Order(1), CreditFacts(missing, 100, "ok"), DEFAULT_POLICY, TODAY)[0] == "refer"
    assert decide(Order(None), facts(100), DEFAULT_POLICY, TODAY)[0] == "refer"
    assert decide(Order(None), CreditFacts(missing, None, "ok"), DEFAULT_POLICY, TODAY)[0] == "approve"
    assert decide(Order(None), CreditFacts(missing, 0, "ok"), DEFAULT_POLICY, TODAY)[0] == "refuse"


def test_an_account_out_of_use_is_refused() -> None:
    assert decide(Order(1), facts(None, account_status="inactive"), DEFAULT_POLICY, TODAY)[0] == "refuse"


@pytest.mark.parametrize(
    ("open_minor", "days_late", "level"),
    [
        (89, 0, "ok"), (90, 0, "watch"), (119, 0, "watch"), (120, 0, "hold"), (10, 14, "ok"), (10, 15, "watch"),
        (10, 45, "hold"), (10, 89, "hold"), (10, 90, "stop"), (95, 90, "stop"),
    ],
)  # fmt: skip
def test_the_ladder_climbs_at_its_thresholds(open_minor: int, days_late: int, level: str) -> None:
    exposure = Exposure("EUR", open_minor=open_minor, overdue_minor=open_minor, days_late=days_late)
    found, reasons = ladder(DEFAULT_POLICY, exposure, 100)
    assert found == level
    assert all(reason.leads_to in LEVELS for reason in reasons)
    assert bool(reasons) == (level != "ok")


def test_lateness_needs_no_limit_and_cash_at_hand_is_not_late() -> None:
    late = Exposure("EUR", open_minor=500, overdue_minor=500, days_late=100)
    assert ladder(DEFAULT_POLICY, late, None)[0] == "stop"
    assert ladder(DEFAULT_POLICY, replace(late, unapplied_minor=500), None)[0] == "ok"
    assert ladder(DEFAULT_POLICY, replace(late, credits_minor=499), None)[0] == "stop"
    assert ladder(DEFAULT_POLICY, late, None, minimum_overdue_minor=501)[0] == "ok"
    assert ladder(DEFAULT_POLICY, late, None, minimum_overdue_minor=500)[0] == "stop"


def test_a_limit_of_zero_has_no_utilisation() -> None:
    assert utilisation_percent(0, 100) is None
    assert utilisation_percent(None, 100) is None
    assert ladder(DEFAULT_POLICY, Exposure("EUR", open_minor=100), 0)[0] == "ok"


def test_thresholds_that_are_switched_off_do_not_count() -> None:
    policy = CreditPolicy(watch_utilisation_percent=None, hold_utilisation_percent=None, watch_days_late=None,
                          hold_days_late=None, stop_days_late=None)  # fmt: skip
    exposure = Exposure("EUR", open_minor=500, overdue_minor=500, days_late=999)
    assert ladder(policy, exposure, 100) == ("ok", ())


@pytest.mark.parametrize(
    ("automatic", "holds", "source", "status"),
    [
        ("ok", [], "ok", "ok"),
        ("stop", [], "ok", "stop"),
        ("ok", [Hold("hold", "hold", TODAY)], "ok", "hold"),
        ("watch", [Hold("hold", "hold", TODAY), Hold("hold", "stop", TODAY)], "ok", "stop"),
        ("ok", [Hold("hold", "hold", TODAY, TODAY)], "ok", "hold"),
        ("ok", [Hold("hold", "hold", TODAY - timedelta(2), TODAY - timedelta(1))], "ok", "ok"),
        ("ok", [Hold("hold", "hold", TODAY + timedelta(1))], "ok", "ok"),
        ("stop", [Hold("override", "watch", TODAY, TODAY)], "ok", "watch"),
        ("ok", [Hold("override", "watch", TODAY, TODAY)], "ok", "ok"),
        ("stop", [Hold("override", "ok", TODAY, TODAY), Hold("hold", "hold", TODAY)], "ok", "hold"),
        ("stop", [Hold("override", "ok", TODAY, TODAY)], "stop", "stop"),
        ("ok", [], "hold", "hold"),
    ],
)
def test_holds_raise_overrides_cap_the_ladder_and_the_source_is_heard(
    automatic: str, holds: list[Hold], source: str, status: str
) -> None:
    assert effective_status(automatic, holds, TODAY, source) == status


def test_a_cover_bears_its_share_up_to_its_amount() -> None:
    insured = Cover(100_000, 9_000)
    assert secured_minor(50_000, [insured]) == 45_000
    assert secured_minor(150_000, [insured]) == 90_000
    assert secured_minor(150_000, [insured, Cover(20_000, 10_000)]) == 110_000
    assert secured_minor(10_000, [insured, Cover(20_000, 10_000)]) == 10_000
    assert secured_minor(-5, [insured]) == 0


@given(
    st.integers(-1_000, 10**9), st.lists(st.builds(Cover, st.integers(1, 10**9), st.integers(1, 10_000)), max_size=4)
)
def test_what_is_secured_lies_between_nothing_and_the_exposure(exposure: int, covers: list[Cover]) -> None:
    assert 0 <= secured_minor(exposure, covers) <= max(exposure, 0)


def test_the_policy_says_what_counts_against_the_limit() -> None:
    exposure = Exposure("EUR", open_minor=1_000, disputed_minor=200, credits_minor=50, unapplied_minor=30,
                        orders_minor=400, covers=(Cover(100, 10_000),))  # fmt: skip
    assert (exposure.total_minor, exposure.secured_minor, exposure.unsecured_minor) == (1_320, 100, 1_220)
    assert exposure.used_minor(DEFAULT_POLICY) == 1_220
    assert exposure.used_minor(CreditPolicy(count_orders=False)) == 820
    assert exposure.used_minor(CreditPolicy(count_disputed=False)) == 1_020
    assert exposure.used_minor(CreditPolicy(subtract_credits=False)) == 1_300
    assert exposure.used_minor(CreditPolicy(subtract_securities=False)) == 1_320


def test_a_policy_survives_being_stored() -> None:
    policy = CreditPolicy(watch_days_late=None, tolerance_percent=5, review_months_by_risk_class={"A": 3})
    assert policy_from_json(policy_to_json(policy)) == policy
    assert policy_from_json({}) == DEFAULT_POLICY


@pytest.mark.parametrize(
    ("definition", "pointer"),
    [
        ({"watch_days_late": 50}, "/hold_days_late"),
        ({"watch_days_late": -1}, "/watch_days_late"),
        ({"hold_order": "perhaps"}, "/hold_order"),
        ({"weights": {"luck": 5}}, "/weights"),
        ({"weights": {"trend": 0}}, "/weights"),
        ({"weights": {"trend": 101}}, "/weights/trend"),
        ({"unknown": 1}, "/unknown"),
        ({"medium_risk_score": 90}, "/medium_risk_score"),
        ({"refuse_over_percent": 99}, "/refuse_over_percent"),
        ({"review_months_by_risk_class": {"A": 0}}, "/review_months_by_risk_class/A"),
        ({"tolerance_percent": True}, "/tolerance_percent"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(definition: dict[str, object], pointer: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        policy_from_json(definition)
    assert refused.value.errors[0].pointer == pointer


def test_reviews_follow_the_risk_class() -> None:
    assert DEFAULT_POLICY.months_between_reviews("high") == 6
    assert DEFAULT_POLICY.months_between_reviews("strategic") == DEFAULT_POLICY.review_months
    assert DEFAULT_POLICY.months_between_reviews(None) == DEFAULT_POLICY.review_months
