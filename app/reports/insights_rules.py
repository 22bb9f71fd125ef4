"""What the month says: groups ranked by the cash they cost, one recommendation each, with what a change would bring.

Pure. Every figure carries its formula and its inputs; a figure whose denominator is zero is None. Amounts are whole
minor units of one currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

TOP = 10
ENOUGH = 5
"""Below so many items a group says nothing certain: the recommendation is to wait."""
SLOW_DAYS = Decimal(10)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its formula and the numbers that went in; `value` None: the denominator is zero."""

    name: str
    value: Decimal | int | None
    unit: str
    formula: str
    inputs: Mapping[str, Decimal | int]


@dataclass(frozen=True, slots=True)
class Insight:
    """One group of one question: its figures, what to do, and what that would bring (None: cannot be told)."""

    topic: str
    key: str
    label: str
    figures: tuple[Figure, ...]
    recommendation: str
    effect: Figure


@dataclass(slots=True)
class Cost:
    """What terms or an account cost in a month, in minor units and minor-unit-days."""

    items: int = 0
    paid_minor: int = 0
    late_minor_days: int = 0
    overdue_items: int = 0
    overdue_minor: int = 0
    overdue_minor_days: int = 0

    @property
    def total_minor_days(self) -> int:
        """Money-days that came late, and that are missing still."""
        return self.late_minor_days + self.overdue_minor_days


def ratio(top: int | Decimal, bottom: int | Decimal, places: str = "0.1") -> Decimal | None:
    """top ÷ bottom, rounded half-up; None when the denominator is zero."""
    return None if bottom == 0 else (Decimal(top) / Decimal(bottom)).quantize(Decimal(places), ROUND_HALF_UP)


def _days_late(cost: Cost) -> Figure:
    return Figure(
        "weighted_days_late", ratio(cost.late_minor_days, cost.paid_minor), "days",
        "sum(paid x days after due date) / sum(paid)",
        {"paid_x_days_late": cost.late_minor_days, "paid": cost.paid_minor},
    )  # fmt: skip


def _tied_up(cost: Cost, days: int) -> Figure:
    return Figure(
        "cash_tied_up", _whole(ratio(cost.total_minor_days, days, "1")), "minor",
        "(paid x days late + overdue x days overdue in the month) / days of the month",
        {"paid_x_days_late": cost.late_minor_days, "overdue_x_days": cost.overdue_minor_days, "days": days},
    )  # fmt: skip


def _whole(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


def cost_insights(topic: str, costs: Mapping[str, Cost], labels: Mapping[str, str], days: int) -> list[Insight]:
    """Terms or accounts by the cash that they cost, dearest first. Those that cost nothing are left out."""
    ranked = sorted(costs.items(), key=lambda pair: (-pair[1].total_minor_days, pair[0]))
    return [
        _cost_insight(topic, key, labels.get(key, key), cost, days)
        for key, cost in ranked[:TOP]
        if cost.total_minor_days > 0
    ]


def _cost_insight(topic: str, key: str, label: str, cost: Cost, days: int) -> Insight:
    late, tied = _days_late(cost), _tied_up(cost, days)
    overdue = Figure("overdue", cost.overdue_minor, "minor", "sum(open and due before the month's end)",
                     {"items": cost.overdue_items})  # fmt: skip
    half = Figure(
        "cash_freed", None if tied.value is None else int(tied.value) // 2, "minor", "cash_tied_up / 2",
        {"cash_tied_up": tied.value or 0},
    )  # fmt: skip
    return Insight(topic, key, label, (late, tied, overdue), _advice(topic, cost, late.value), half)


def _advice(topic: str, cost: Cost, days_late: Decimal | int | None) -> str:
    if cost.items + cost.overdue_items < ENOUGH:
        return "Too few items for a rule: watch another month."
    if topic == "terms":
        if days_late is not None and days_late >= SLOW_DAYS:
            return "These terms are not kept: shorten them for new orders, or offer a discount for paying in time."
        return "Paid nearly in time once paid: remind before the due date, so that what is overdue does not grow."
    if cost.overdue_minor > cost.paid_minor:
        return "More is overdue than was paid: agree on a payment plan, and review the credit limit."
    if days_late is not None and days_late >= SLOW_DAYS:
        return "Pays, but late as a habit: call before the due date, and ask for direct debit."
    return "Pays soon after a reminder: send the first reminder earlier."


@dataclass(slots=True)
class ReasonCost:
    """The disputes of one reason that were open in a month."""

    label: str
    disputes: int = 0
    amount_minor: int = 0
    credited_minor: int = 0
    decided_minor: int = 0
    open_days: int = 0
    minor_days: int = 0


def dispute_insights(reasons: Mapping[str, ReasonCost]) -> list[Insight]:
    """Reasons of disputes by amount x days, dearest first."""
    ranked = sorted(reasons.items(), key=lambda pair: (-pair[1].minor_days, -pair[1].amount_minor, pair[0]))
    return [_dispute_insight(code, cost) for code, cost in ranked[:TOP]]


def _dispute_insight(code: str, cost: ReasonCost) -> Insight:
    upheld = Figure(
        "upheld_share", ratio(cost.credited_minor, cost.decided_minor, "0.0001"), "share", "credited / decided",
        {"credited": cost.credited_minor, "decided": cost.decided_minor},
    )  # fmt: skip
    mean = Figure("mean_days_open", ratio(cost.open_days, cost.disputes), "days", "sum(days open) / disputes",
                  {"days_open": cost.open_days, "disputes": cost.disputes})  # fmt: skip
    amount = Figure("disputed", cost.amount_minor, "minor", "sum(disputed at opening)", {"disputes": cost.disputes})
    if cost.disputes < ENOUGH:
        advice = "Few cases: watch another month."
    elif upheld.value is None:
        advice = "None is decided yet: give the reason an owner, and decide the oldest first."
    elif upheld.value >= Decimal("0.5"):
        advice = "Customers are mostly right: mend the cause (price, delivery, invoice) where it arises."
    else:
        advice = "Mostly rejected: answer at once with the proof, so that nobody gains time by it."
    per_dispute = Figure(
        "cash_freed", _whole(ratio(cost.minor_days, cost.open_days, "1")) if cost.open_days else None, "minor",
        "sum(amount x days open) / sum(days open): what a day less for each case frees for a day",
        {"amount_x_days": cost.minor_days, "days_open": cost.open_days},
    )  # fmt: skip
    return Insight("dispute_reasons", code, cost.label, (amount, mean, upheld), advice, per_dispute)


@dataclass(frozen=True, slots=True)
class Step:
    """Actions of one type and outcome, and how many were followed by money within 14 days."""

    type: str
    outcome: str
    actions: int
    contacts: int
    followed: int


def step_insights(steps: Sequence[Step], kept: int, decided: int) -> list[Insight]:
    """Steps by how often they were taken; each against the share of all steps that money followed."""
    actions, followed = sum(step.actions for step in steps), sum(step.followed for step in steps)
    usual = ratio(followed, actions, "0.0001")
    found = []
    for step in sorted(steps, key=lambda step: (-step.actions, step.type, step.outcome))[:TOP]:
        share = ratio(step.followed, step.actions, "0.0001")
        figures = (
            Figure("followed_by_money", share, "share", "actions with a payment within 14 days / actions",
                   {"followed": step.followed, "actions": step.actions}),
            Figure("contact_rate", ratio(step.contacts, step.actions, "0.0001"), "share", "contacts made / actions",
                   {"contacts": step.contacts, "actions": step.actions}),
        )  # fmt: skip
        gain = None if usual is None else max(0, int(usual * step.actions) - step.followed)
        effect = Figure("more_followed", gain, "actions", "usual share x actions - followed",
                        {"usual_followed": followed, "usual_actions": actions, "followed": step.followed})  # fmt: skip
        key = f"{step.type}/{step.outcome}"
        found.append(Insight("steps", key, key, figures, _step_advice(step, share, usual), effect))
    if decided:
        found.append(_promise_insight(kept, decided))
    return found


def _step_advice(step: Step, share: Decimal | None, usual: Decimal | None) -> str:
    if step.actions < ENOUGH or share is None or usual is None:
        return "Too few to tell: go on."
    if share < usual / 2:
        return "Brings less than half of the usual: take another step in its place, or another person to talk to."
    if share > usual:
        return "Brings more than the usual: take it earlier, and for more accounts."
    return "As usual: go on."


def _promise_insight(kept: int, decided: int) -> Insight:
    share = ratio(kept, decided, "0.0001")
    figure = Figure("kept_rate", share, "share", "promises kept / promises decided", {"kept": kept, "decided": decided})
    advice = "Promises hold: take more of them." if share is not None and share >= Decimal("0.7") else (
        "Too many promises break: ask for a date within a week, and call on the day."
    )  # fmt: skip
    effect = Figure("more_kept", decided - kept, "promises", "decided - kept", {"decided": decided, "kept": kept})
    return Insight("steps", "promises", "promises to pay", (figure,), advice, effect)
