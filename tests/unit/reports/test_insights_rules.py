"""The rules of the monthly insights."""

from __future__ import annotations

from decimal import Decimal

from app.reports.insights_rules import Cost, ReasonCost, Step, cost_insights, dispute_insights, ratio, step_insights


def test_nothing_to_divide_by_is_null_and_not_zero() -> None:
    assert ratio(5, 0) is None
    (only,) = cost_insights(
        "terms", {"net30": Cost(overdue_items=6, overdue_minor=100, overdue_minor_days=300)}, {}, 30
    )
    late = only.figures[0]
    assert (late.name, late.value) == ("weighted_days_late", None)
    assert late.inputs == {"paid_x_days_late": 0, "paid": 0}


def test_the_dearest_group_stands_first_and_what_costs_nothing_is_left_out() -> None:
    costs = {
        "cheap": Cost(items=10, paid_minor=1_000),
        "late": Cost(items=10, paid_minor=1_000, late_minor_days=12_000),
        "stuck": Cost(items=1, overdue_items=9, overdue_minor=900, overdue_minor_days=27_000),
    }
    found = cost_insights("accounts", costs, {"late": "C-2 Late"}, 30)
    assert [(insight.key, insight.label) for insight in found] == [("stuck", "stuck"), ("late", "C-2 Late")]
    tied = found[0].figures[1]
    assert (tied.value, tied.unit) == (900, "minor")
    assert found[0].effect.value == 450
    assert "payment plan" in found[0].recommendation
    assert "direct debit" in found[1].recommendation


def test_few_items_say_nothing_certain() -> None:
    (only,) = cost_insights("terms", {"x": Cost(items=1, paid_minor=10, late_minor_days=900)}, {}, 30)
    assert only.recommendation.startswith("Too few")


def test_reasons_whose_customers_are_right_are_mended_at_the_cause() -> None:
    right = ReasonCost("Price", 8, 800, credited_minor=600, decided_minor=800, open_days=80, minor_days=9_000)
    wrong = ReasonCost("Damage", 8, 800, credited_minor=0, decided_minor=800, open_days=80, minor_days=8_000)
    undecided = ReasonCost("Other", 8, 800, open_days=0, minor_days=0)
    found = dispute_insights({"wrong": wrong, "right": right, "undecided": undecided})
    assert [insight.key for insight in found] == ["right", "wrong", "undecided"]
    assert found[0].figures[2].value == Decimal("0.7500")
    assert "mend the cause" in found[0].recommendation
    assert "proof" in found[1].recommendation
    assert found[2].figures[2].value is None
    assert found[2].effect.value is None


def test_a_step_is_measured_against_all_steps() -> None:
    steps = [Step("call", "promised", 10, 10, 9), Step("email", "(none)", 10, 0, 1)]
    call, email, promises = step_insights(steps, kept=1, decided=4)
    assert call.figures[0].value == Decimal("0.9000")
    assert "earlier" in call.recommendation
    assert "less than half" in email.recommendation
    assert email.effect.value == 4, "half of ten actions, less the one that money followed"
    assert promises.figures[0].value == Decimal("0.2500")
    assert step_insights([], 0, 0) == []
