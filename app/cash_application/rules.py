"""Pure decisions of cash application: what holds a sure answer back, what corrections say, what may be done next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.cash_application.matching.confidence import Precision
from app.cash_application.matching.types import Proposal, Settings

Residual = Literal["on_account", "review", "small_to_income"]
ON_ACCOUNT: Residual = "on_account"
WRONG_WITHIN_DAYS = 30
"""An automatic application that is reversed or corrected within so many days counts as wrong."""
JUDGED_DAYS = 180
"""Outcomes older than that say nothing about today's rules."""
PRECISION_TARGET = 0.998
DECIDE, APPLY, APPROVE = "cash-application:write", "payments:write", "cash-application:approve"


@dataclass(frozen=True, slots=True)
class Policy:
    """What an organization lets the engine do by itself.

    `factors` say by how much the own experience with a strategy lowers its confidence; `careful_accounts` are never
    applied to without a person; `residuals` are the accounts that treat a residual in their own way.
    """

    settings: Settings = field(default_factory=Settings)
    automatic: bool = True
    strategies_off: frozenset[str] = frozenset()
    factors: Mapping[str, float] = field(default_factory=dict)
    careful_accounts: frozenset[str] = frozenset()
    residual: Residual = ON_ACCOUNT
    residuals: Mapping[str, Residual] = field(default_factory=dict)

    def residual_of(self, account_id: str | None) -> Residual:
        """What happens to the rest of a payment of this account."""
        return self.residuals.get(account_id or "", self.residual)

    def small_difference_of(self, account_id: str | None) -> int:
        """The most that is written off, or taken as income, without asking, in minor units."""
        return self.settings.accounts_small_differences.get(account_id or "", self.settings.small_difference_minor)

    def held_back(self, proposal: Proposal) -> str | None:
        """Why an answer of the automatic band waits for a person all the same: a stable code; None when it does not."""
        if not self.automatic:
            return "automatic.off"
        if proposal.strategy in self.strategies_off:
            return "automatic.rule_off"
        if proposal.account_id in self.careful_accounts:
            return "automatic.account_excluded"
        if proposal.residual_minor > 0 and self.residual_of(proposal.account_id) == "review":
            return "automatic.residual"
        factor = self.factors.get(proposal.strategy)
        if factor is not None and proposal.confidence * factor < self.settings.automatic_confidence:
            return "automatic.own_experience"
        return None


HELD_BACK_TEXTS: Mapping[str, str] = {
    "automatic.off": "automatic application is switched off for the organization",
    "automatic.rule_off": "automatic application is switched off for this rule",
    "automatic.account_excluded": "the account is excluded from automatic application",
    "automatic.residual": "a part of the payment would be left over, and that is for a person to judge",
    "automatic.own_experience": "earlier corrections of this rule lower its confidence",
}


def confidence_factor(right: int, wrong: int) -> float:
    """Posterior mean of a rule's precision over that of the shipped prior; never above 1."""
    return min(1.0, Precision(right, wrong).mean / Precision(0, 0).mean)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Automatic applications of one rule since it was last judged: how many, and how many turned out wrong."""

    strategy: str
    total: int
    wrong: int

    @property
    def precision(self) -> Precision:
        """The posterior over the shipped prior."""
        return Precision(self.total - self.wrong, self.wrong)

    def figures(self, target: float) -> dict[str, object]:
        """What a person is shown: counts, observed and posterior precision, the target."""
        right = self.total - self.wrong
        return {
            "applied": self.total,
            "wrong": self.wrong,
            "observed": round(right / self.total, 5) if self.total else None,
            "posterior": round(self.precision.mean, 5),
            "target": target,
        }


def reason_of(outcomes: Outcomes, target: float) -> str:
    """The sentence of a notice."""
    return (
        f"{outcomes.wrong} of {outcomes.total} automatic applications were reversed or corrected within"
        f" {WRONG_WITHIN_DAYS} days: the precision is credibly below its target of {target:g}"
    )


_DECIDED = ("applied", "accepted", "corrected")


def allowed_actions(kind: str, state: str, *, has_lines: bool, scopes: frozenset[str]) -> list[str]:
    """What may be done with a proposal next, by its state and the scopes of the caller."""
    if DECIDE not in scopes:
        return []
    moves_money = APPLY in scopes
    actions: list[str] = []
    if state == "open" and moves_money and (has_lines or kind == "reversal"):
        actions.append("accept")
    if kind != "reversal" and moves_money:
        if state in ("open", "held", *_DECIDED):
            actions += ["correct", "split"]
        if state in ("open", "held"):
            actions.append("put_on_account")
    if state == "open" or (state == "held" and kind == "settlement"):
        actions.append("reject")
    if state == "open" and kind == "settlement":
        actions.append("hold")
    if state == "held":
        actions.append("release")
        if kind == "duplicate" and moves_money:
            actions.append("confirm_duplicate")
    if (state in (*_DECIDED, "on_account") and kind != "reversal" and moves_money) or state == "rejected":
        actions.append("undo")
    return actions
