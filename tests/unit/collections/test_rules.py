"""What follows an outcome, who is escalated and assigned, which states follow which."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.collections.rules import (
    ACTION_TYPES,
    CASE_MOVES,
    CASE_STATUSES,
    OUTCOME_EFFECTS,
    OUTCOMES,
    AssignmentFacts,
    AssignmentRule,
    EscalationRule,
    OverdueFacts,
    RulesInvalid,
    action_actions,
    assign,
    attainment_basis_points,
    case_actions,
    case_number,
    check_assignment_rules,
    check_case_move,
    check_escalation_rules,
    due_escalations,
    fits,
    matches,
    next_action,
    result_fits,
    rule_from_json,
    stand_in,
)
from app.core.calendar import BusinessCalendar

TODAY = date(2026, 3, 13)  # a Friday
GERMANY = BusinessCalendar("DE")
A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)


def late(**more: Any) -> OverdueFacts:
    facts: dict[str, Any] = {"account_id": A, "currency": "EUR", "overdue_minor": 100_000, "days_past_due": 45}
    return OverdueFacts(**{**facts, **more})


def test_every_usual_outcome_is_well_formed() -> None:
    codes = [outcome.code for outcome in OUTCOMES]
    assert len(set(codes)) == len(codes)
    for outcome in OUTCOMES:
        assert outcome.effect in OUTCOME_EFFECTS
        assert outcome.next_type is None or outcome.next_type in ACTION_TYPES
        assert set(outcome.action_types) <= set(ACTION_TYPES)


@pytest.mark.parametrize(
    ("effect", "next_type", "days", "expected"),
    [
        ("none", None, None, None),
        ("none", "call", 1, ("call", date(2026, 3, 16), "After: No answer")),
        ("resend_invoice", "email", 0, ("email", TODAY, "Send the invoice again")),
        ("correct_contact", "note", 1, ("note", date(2026, 3, 16), "Find the right contact")),
    ],
)
def test_what_follows_an_outcome(effect: str, next_type: str | None, days: int | None, expected: Any) -> None:
    found = next_action("No answer", effect, next_type, days, TODAY, GERMANY)
    assert (None if found is None else (found.type, found.due_date, found.subject)) == expected


def test_what_follows_at_once_waits_for_a_business_day() -> None:
    found = next_action("x", "none", "call", 0, date(2026, 3, 14), GERMANY)
    assert found is not None
    assert found.due_date == date(2026, 3, 16)


@pytest.mark.parametrize(
    ("rule", "facts", "expected"),
    [
        ({"days_past_due": 45}, {}, True),
        ({"days_past_due": 46}, {}, False),
        ({"days_past_due": 1}, {"overdue_minor": 0}, False),
        ({"amount_minor": 100_000, "currency": "EUR"}, {}, True),
        ({"amount_minor": 100_001, "currency": "EUR"}, {}, False),
        ({"amount_minor": 1, "currency": "USD"}, {}, False),
        ({"risk_classes": ("high",)}, {"risk_class": "high"}, True),
        ({"risk_classes": ("high",)}, {"risk_class": None}, False),
        ({"broken_promises": 2}, {"broken_promises": 2}, True),
        ({"broken_promises": 2}, {"broken_promises": 1}, False),
        ({"credit_statuses": ("hold", "stop")}, {"credit_status": "stop"}, True),
        ({"days_past_due": 30, "segments": ("retail",)}, {"segment": "industry"}, False),
        ({"days_past_due": 30, "countries": ("DE",)}, {"country": "DE"}, True),
        ({"days_past_due": 30, "broken_promises": 1}, {"broken_promises": 0}, False),
    ],
)
def test_an_account_is_escalated_when_it_meets_every_condition(
    rule: dict[str, Any], facts: dict[str, Any], expected: bool
) -> None:
    assert matches(EscalationRule("r", "R", **rule), late(**facts)) is expected


RULES = [EscalationRule("age", "Old", days_past_due=30), EscalationRule("broken", "Broken", broken_promises=1)]


def test_never_twice_for_the_same_reason_while_open_nor_soon_after() -> None:
    assert [rule.code for rule, _ in due_escalations([late()], RULES, TODAY)] == ["age"]
    assert due_escalations([late(open_reasons=frozenset({"age"}))], RULES, TODAY) == []
    assert due_escalations([late(closed_on={"age": TODAY - timedelta(days=13)})], RULES, TODAY) == []
    again = due_escalations([late(closed_on={"age": TODAY - timedelta(days=14)})], RULES, TODAY)
    assert [rule.code for rule, _ in again] == ["age"]
    both = due_escalations([late(broken_promises=1)], RULES, TODAY)
    assert [rule.code for rule, _ in both] == ["age", "broken"]
    other = due_escalations([late(broken_promises=1, open_reasons=frozenset({"age"}))], RULES, TODAY)
    assert [rule.code for rule, _ in other] == ["broken"]


def test_the_currency_with_the_most_days_speaks_for_the_account() -> None:
    found = due_escalations([late(), late(currency="USD", days_past_due=90)], RULES, TODAY)
    assert [(rule.code, facts.currency) for rule, facts in found] == [("age", "USD")]


@given(st.lists(st.builds(late, days_past_due=st.integers(1, 99), broken_promises=st.integers(0, 3),
                          account_id=st.sampled_from([A, B, C])), max_size=10))  # fmt: skip
def test_no_account_is_raised_twice_for_a_reason(facts: list[OverdueFacts]) -> None:
    found = [(each.account_id, rule.code) for rule, each in due_escalations(facts, RULES, TODAY)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "rules",
    [
        [EscalationRule("a", "A")],
        [EscalationRule("a", "A", segments=("x",))],
        [EscalationRule("a", "A", amount_minor=5)],
        [EscalationRule("a", "A", days_past_due=1, currency="EUR")],
        [EscalationRule("a", "A", days_past_due=1), EscalationRule("a", "B", days_past_due=2)],
    ],
)
def test_escalation_rules_that_are_refused(rules: list[EscalationRule]) -> None:
    with pytest.raises(RulesInvalid):
        check_escalation_rules(rules)


def account(**more: Any) -> AssignmentFacts:
    return AssignmentFacts(**{"account_id": A, "name": "Brandt", "open_minor": {"EUR": 50_000}, **more})


@pytest.mark.parametrize(
    ("rule", "facts", "expected"),
    [
        ({}, {}, True),
        ({"letters": ("A-F",)}, {}, True),
        ({"letters": ("G-Z",)}, {}, False),
        ({"letters": ("B",)}, {}, True),
        ({"letters": ("A-F",)}, {"name": '"Alpha" GmbH'}, True),
        ({"letters": ("0-9",)}, {"name": "3M"}, True),
        ({"letters": ("A-Z",)}, {"name": "***"}, False),
        ({"segments": ("retail",)}, {"segment": "retail"}, True),
        ({"countries": ("DE", "AT")}, {"country": "CH"}, False),
        ({"open_from_minor": 50_000, "currency": "EUR"}, {}, True),
        ({"open_to_minor": 50_000, "currency": "EUR"}, {}, False),
        ({"open_from_minor": 1, "currency": "USD"}, {}, False),
        ({"risk_classes": ("high",), "letters": ("B",)}, {"risk_class": "low"}, False),
    ],
)
def test_an_assignment_rule_fits(rule: dict[str, Any], facts: dict[str, Any], expected: bool) -> None:
    assert fits(AssignmentRule("r", (A,), **rule), account(**facts)) is expected


def test_the_first_rule_that_fits_counts_and_none_leaves_it_as_it_is() -> None:
    rules = [AssignmentRule("big", (B,), open_from_minor=100_000, currency="EUR"), AssignmentRule("a-f", (A,),
             letters=("A-F",))]  # fmt: skip
    assert assign(account(), rules) == (A, "a-f")
    assert assign(account(open_minor={"EUR": 100_000}), rules) == (B, "big")
    assert assign(account(name="Zeta"), rules) is None


def test_accounts_are_spread_evenly_and_who_has_one_keeps_it() -> None:
    rule = AssignmentRule("all", (A, B, C))
    spread: Counter[UUID] = Counter()
    for number in range(3_000):
        found = assign(account(account_id=UUID(int=number)), [rule])
        assert found is not None
        spread[found[0]] += 1
    assert set(spread.values()) == {1_000}
    assert assign(account(account_id=UUID(int=0), collector_id=C), [rule]) == (C, "all")


@pytest.mark.parametrize(
    "rules",
    [
        [AssignmentRule("a", (A,), open_from_minor=1)],
        [AssignmentRule("a", (A,), currency="EUR")],
        [AssignmentRule("a", (A,), open_from_minor=5, open_to_minor=5, currency="EUR")],
        [AssignmentRule("a", (A,)), AssignmentRule("a", (B,))],
    ],
)
def test_assignment_rules_that_are_refused(rules: list[AssignmentRule]) -> None:
    with pytest.raises(RulesInvalid):
        check_assignment_rules(rules)


def test_rules_survive_their_json_form() -> None:
    rule = rule_from_json(AssignmentRule, {"code": "a", "collector_ids": [str(A)], "letters": ["A-F"]})
    assert rule == AssignmentRule("a", (A,), letters=("A-F",))
    rule = rule_from_json(EscalationRule, {"code": "a", "name": "A", "to_user_id": str(B), "risk_classes": ["x"]})
    assert rule == EscalationRule("a", "A", to_user_id=B, risk_classes=("x",))


def test_covers_of_covers_and_circles() -> None:
    assert stand_in(A, {}) == A
    assert stand_in(A, {A: B, B: C}) == C
    assert stand_in(A, {A: B, B: A}) == A


def test_states_of_cases() -> None:
    assert set(CASE_MOVES) == set(CASE_STATUSES)
    assert check_case_move("prepared", "referred")
    assert not check_case_move("prepared", "recovered")
    assert not check_case_move("recalled", "referred")
    for status in CASE_STATUSES:
        assert ("recall" in case_actions(status)) == ("recalled" in CASE_MOVES[status])
    assert case_actions("lost") == []


@pytest.mark.parametrize(
    ("result", "recovered", "open_", "expected"),
    [
        ("recovered", 100, 0, True),
        ("recovered", 60, 0, True),
        ("recovered", 60, 40, False),
        ("recovered", 0, 0, False),
        ("partly_recovered", 60, 40, True),
        ("partly_recovered", 100, 0, False),
        ("lost", 0, 100, True),
        ("lost", 1, 99, False),
        ("recalled", 0, 100, False),
    ],
)
def test_a_result_fits_the_figures(result: str, recovered: int, open_: int, expected: bool) -> None:
    assert result_fits(result, 100, recovered, open_) is expected


def test_numbers_rates_and_actions() -> None:
    assert case_number("legal_case", UUID(int=33)) == "L-00000011"
    assert case_number("agency_placement", UUID(int=31)).startswith("A-")
    assert attainment_basis_points(50, 0) is None
    assert attainment_basis_points(7, 8) == 8_750
    assert attainment_basis_points(-5, 8) == 0
    assert (action_actions("planned"), action_actions("done")) == (["complete", "cancel", "update"], [])
