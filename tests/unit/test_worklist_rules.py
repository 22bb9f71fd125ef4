"""The order of the worklist: most money soonest, every place explained, and one next action."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.desk.rules import (
    SIGNALS,
    AccountFacts,
    Dunned,
    NextStep,
    Notice,
    Signal,
    next_action,
    rank,
    shrunk_share,
)
from app.desk.signals import SIGNAL_QUERIES

TODAY = date(2026, 3, 16)
LATE = AccountFacts(
    open_minor=100_000, overdue_minor=100_000, collectable_minor=100_000, days_late=30, share_permille=500
)


def score(facts: AccountFacts) -> int:
    place = rank(facts, TODAY)
    assert place is not None
    return place.score_minor


def test_nothing_overdue_and_no_signal_is_not_on_the_list() -> None:
    assert rank(AccountFacts(open_minor=500_000, collectable_minor=500_000, share_permille=900), TODAY) is None


def test_expected_cash_is_the_collectable_amount_times_the_share() -> None:
    place = rank(LATE, TODAY)
    assert place is not None
    assert place.expected_minor == 50_000
    assert place.score_minor == 50_000 * 110 // 100  # thirty days late add ten percent
    assert [(f.name, f.percent, f.fact) for f in place.factors] == [("days_late", 10, "30 days past due")]


def test_what_is_promised_or_disputed_is_not_expected_now() -> None:
    assert score(replace(LATE, held_minor=60_000)) < score(LATE)
    disputed = rank(replace(LATE, collectable_minor=20_000), TODAY)
    assert disputed is not None
    assert disputed.expected_minor == 10_000


@pytest.mark.parametrize("kind", sorted(SIGNALS))
def test_every_signal_lists_the_account_explains_itself_and_raises_it(kind: str) -> None:
    signal = Signal(kind, 1, date(2026, 3, 13), 10_000)
    alone = rank(AccountFacts(signals=(signal,)), TODAY)
    assert alone is not None
    assert [factor.name for factor in alone.factors] == [kind]
    assert alone.score_minor >= 1
    assert score(replace(LATE, signals=(signal,))) > score(LATE)


def test_a_broken_promise_comes_before_a_routine_call() -> None:
    broken = replace(LATE, signals=(Signal("promise_broken", 1, date(2026, 3, 13), 40_000),))
    place = rank(broken, TODAY)
    assert place is not None
    assert place.next_action == "call_about_broken_promise"
    assert score(broken) > score(LATE)


@pytest.mark.parametrize(
    ("facts", "action"),
    [
        (replace(LATE, days_late=5), "email"),
        (replace(LATE, days_late=5, risk_class="high"), "call"),
        (replace(LATE, days_late=20), "call"),
        (replace(LATE, days_late=61), "escalate"),
        (replace(LATE, days_late=61, collectable_minor=0), "review"),
        (replace(LATE, days_late=61, held_minor=100_000), "wait_for_reaction"),
        (replace(LATE, days_late=5, credit_status="stop"), "escalate"),
        (replace(LATE, days_late=20, last_contact_on=date(2026, 3, 15)), "wait_for_reaction"),
        (replace(LATE, signals=(Signal("contact_missing"),)), "call"),
        (AccountFacts(signals=(Signal("credit_review_due"),)), "review_credit"),
        (replace(LATE, signals=(Signal("reply_due"), Signal("promise_due_today"))), "answer_inquiry"),
    ],
)
def test_next_action(facts: AccountFacts, action: str) -> None:
    assert next_action(facts, TODAY) == action


def test_a_fresh_overdue_of_a_risky_account_is_raised_more_than_an_old_one() -> None:
    fresh, old = replace(LATE, days_late=6, score=20), replace(LATE, days_late=8, score=20)
    names = [{f.name: f.percent for f in rank(facts, TODAY).factors} for facts in (fresh, old)]  # type: ignore[union-attr]
    assert names[0]["high_risk_new_overdue"] == 35
    assert names[1]["high_risk"] == 15


def test_a_thin_history_is_drawn_to_the_prior() -> None:
    assert shrunk_share(0, 0) == 700
    assert shrunk_share(3, 100) == 400
    assert abs(shrunk_share(1_000, 100) - 100) <= 2


def test_every_query_belongs_to_a_known_signal() -> None:
    assert set(SIGNAL_QUERIES) <= set(SIGNALS)


amounts = st.integers(0, 10**12)


@given(amounts, amounts, amounts, st.integers(-400, 4000), st.integers(0, 1000), st.sampled_from(["ok", "hold"]))
def test_more_overdue_money_never_ranks_lower_and_nothing_overflows(
    open_minor: int, more: int, held: int, late: int, share: int, status: str
) -> None:
    facts = AccountFacts(open_minor, open_minor, open_minor, held, late, share, credit_status=status)
    richer = replace(facts, overdue_minor=open_minor + more + 1, collectable_minor=open_minor + more)
    first, second = rank(facts, TODAY), rank(richer, TODAY)
    assert second is not None
    assert second.score_minor >= (0 if first is None else first.score_minor)
    assert 0 <= second.score_minor < 2**62


def _dunned(channel: str = "email", *, state: str | None = None, sent: int = 1, comes: int | None = None) -> Dunned:
    notice = None if state is None else Notice(UUID(int=1), 1, "First", "email", state, TODAY - timedelta(days=sent))
    step = None if comes is None else NextStep(2, "Second", channel, TODAY + timedelta(days=comes))
    return Dunned(notice, step)


@pytest.mark.parametrize(
    ("days_late", "dunned", "action"),
    [
        (5, _dunned(state="sent"), "wait_for_reaction"),
        (30, _dunned(state="delivered"), "wait_for_reaction"),
        (5, _dunned(state="delivered", sent=4), "email"),
        (5, _dunned(comes=1), "wait_for_reminder"),
        (5, _dunned(comes=0), "wait_for_reminder"),
        (5, _dunned(comes=2), "email"),
        (5, _dunned(comes=-1), "email"),  # withheld: nothing comes of it by itself
        (30, _dunned(comes=1), "call"),  # a written reminder is no reason not to call
        (30, _dunned("call_task", comes=1), "wait_for_reminder"),
        (5, _dunned(state="pending_approval"), "approve_notice"),
        (5, _dunned(state="approved"), "wait_for_reminder"),
        (61, _dunned(state="sent"), "escalate"),
    ],
)
def test_a_reminder_by_hand_does_not_run_into_those_of_the_policy(days_late: int, dunned: Dunned, action: str) -> None:
    assert next_action(replace(LATE, days_late=days_late, dunned=dunned), TODAY) == action


def test_the_latest_reminder_counts_as_contact_and_is_named() -> None:
    place = rank(replace(LATE, dunned=_dunned(state="delivered"), last_contact_on=date(2026, 3, 14)), TODAY)
    assert place is not None
    assert place.factors[-1].fact == "reminder of step 1 (email, delivered) on 2026-03-15"
    coming = rank(replace(LATE, dunned=_dunned(comes=1)), TODAY)
    assert coming is not None
    assert (coming.factors[-1].name, coming.factors[-1].fact) == (
        "reminder_comes", "step 2 (email) comes on 2026-03-17",
    )  # fmt: skip
