"""What holds a sure answer back, what corrections say, and what may be done next; without a database."""

from __future__ import annotations

import pytest

from app.cash_application.matching.types import Band, Proposal, ResidualTreatment, Settings
from app.cash_application.rules import (
    APPLY,
    DECIDE,
    HELD_BACK_TEXTS,
    Outcomes,
    Policy,
    allowed_actions,
    confidence_factor,
    reason_of,
)

BOTH = frozenset({DECIDE, APPLY})


def _sure(strategy: str = "references", residual: int = 0, confidence: float = 0.99) -> Proposal:
    return Proposal("p", "a", (), residual, ResidualTreatment.ON_ACCOUNT, strategy, confidence, Band.AUTOMATIC)


@pytest.mark.parametrize(
    ("policy", "proposal", "code"),
    [
        (Policy(), _sure(), None),
        (Policy(automatic=False), _sure(), "automatic.off"),
        (Policy(strategies_off=frozenset({"pair"})), _sure(), None),
        (Policy(strategies_off=frozenset({"pair"})), _sure("pair"), "automatic.rule_off"),
        (Policy(careful_accounts=frozenset({"a"})), _sure(), "automatic.account_excluded"),
        (Policy(residual="review"), _sure(residual=1), "automatic.residual"),
        (Policy(residual="review"), _sure(), None),
        (Policy(residuals={"a": "review"}), _sure(residual=1), "automatic.residual"),
        (Policy(residual="review", residuals={"a": "on_account"}), _sure(residual=1), None),
        (
            Policy(Settings(automatic_confidence=0.97), factors={"references": 0.97}),
            _sure(),
            "automatic.own_experience",
        ),
        (Policy(Settings(automatic_confidence=0.97), factors={"references": 0.99}), _sure(), None),
    ],
)
def test_what_is_sure_may_be_held_back(policy: Policy, proposal: Proposal, code: str | None) -> None:
    assert policy.held_back(proposal) == code
    assert code is None or code in HELD_BACK_TEXTS


def test_own_experience_only_ever_lowers_a_confidence() -> None:
    assert confidence_factor(10_000, 0) == 1.0
    assert confidence_factor(0, 0) == 1.0
    assert confidence_factor(100, 1) < 1.0
    assert confidence_factor(100, 5) < confidence_factor(100, 1)
    assert confidence_factor(100_000, 5) > confidence_factor(100, 5), "many right ones outweigh a few wrong ones"


def test_five_wrong_ones_are_needed_before_a_new_rule_is_condemned() -> None:
    assert not Outcomes("pair", 4, 4).precision.is_credibly_below(0.998)
    assert Outcomes("pair", 5, 5).precision.is_credibly_below(0.998)
    assert not Outcomes("pair", 10_000, 20).precision.is_credibly_below(0.998)
    assert Outcomes("pair", 10_000, 60).precision.is_credibly_below(0.998)


def test_a_notice_names_its_figures() -> None:
    found = Outcomes("pair", 40, 6)
    assert reason_of(found, 0.998).startswith(
        "6 of 40 automatic applications were reversed or corrected within 30 days"
    )
    assert found.figures(0.998) == {
        "applied": 40, "wrong": 6, "observed": 0.85, "posterior": 0.95571, "target": 0.998
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "state", "scopes", "actions"),
    [
        ("settlement", "open", BOTH, ["accept", "correct", "split", "put_on_account", "reject", "hold"]),
        ("settlement", "open", frozenset({DECIDE}), ["reject", "hold"]),
        ("settlement", "open", frozenset({APPLY}), []),
        ("settlement", "applied", BOTH, ["correct", "split", "undo"]),
        ("settlement", "rejected", frozenset({DECIDE}), ["undo"]),
        ("settlement", "superseded", BOTH, []),
        ("duplicate", "held", BOTH, ["correct", "split", "put_on_account", "release", "confirm_duplicate"]),
        ("reversal", "open", BOTH, ["accept", "reject"]),
        ("reversal", "accepted", BOTH, []),
    ],
)
def test_what_may_be_done_next(kind: str, state: str, scopes: frozenset[str], actions: list[str]) -> None:
    assert allowed_actions(kind, state, has_lines=True, scopes=scopes) == actions


def test_an_answer_without_lines_cannot_be_accepted() -> None:
    assert "accept" not in allowed_actions("settlement", "open", has_lines=False, scopes=BOTH)
