"""Pure rules of credit: the policy, the ladder of statuses, what an order is answered, what secures an exposure.

Amounts are integer minor units of one currency, the account's; percentages are whole percent, covers basis points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from itertools import pairwise
from typing import Any

from app.core.errors import RuleViolation

LEVELS = ("ok", "watch", "hold", "stop")
OUTCOMES = ("approve", "refer", "refuse")
FACTORS = (
    "days_beyond_terms", "trend", "share_late", "broken_promises", "disputes_upheld", "bounced_payments", "tenure",
)  # fmt: skip
WHOLE_BP = 10_000
PERCENT_MAX = 1_000
DAYS_MAX = 3_650
MONTHS_MAX = 120


class PolicyInvalid(RuleViolation):
    """A figure of the credit policy is out of its bounds, or thresholds do not rise."""

    code = "credit_policy.invalid"


@dataclass(frozen=True, slots=True)
class CreditPolicy:
    """How credit is given. A threshold of None is not used. Defaults are the policy that the service ships.

    The ladder: a status is reached at `…_utilisation_percent` of the limit, or when the oldest undisputed overdue
    item is `…_days_late` days late and at least `minimum_overdue_minor` (base currency) is overdue.
    Orders: `…_order` says what an account of that status is answered; past the limit (plus `tolerance_percent`) the
    answer is `over_limit`, past `refuse_over_percent` of the limit it is refused. `direct_changes`: whether
    limit, terms and class are changed on the account, or only by an approved review.
    """

    watch_utilisation_percent: int | None = 90
    hold_utilisation_percent: int | None = 120
    stop_utilisation_percent: int | None = None
    watch_days_late: int | None = 15
    hold_days_late: int | None = 45
    stop_days_late: int | None = 90
    minimum_overdue_minor: int = 0
    watch_order: str = "approve"
    hold_order: str = "refer"
    stop_order: str = "refuse"
    over_limit: str = "refer"
    tolerance_percent: int = 0
    refuse_over_percent: int | None = None
    refer_below_score: int | None = None
    count_orders: bool = True
    count_disputed: bool = True
    subtract_credits: bool = True
    subtract_securities: bool = True
    check_group: bool = True
    reservation_days: int = 30
    direct_changes: str = "allowed"
    limit_valid_months: int = 24
    review_months: int = 12
    review_months_by_risk_class: Mapping[str, int] = field(default_factory=lambda: {"low": 24, "medium": 12, "high": 6})
    low_risk_score: int = 70
    medium_risk_score: int = 40
    score_window_months: int = 12
    weights: Mapping[str, int] = field(
        default_factory=lambda: {
            "days_beyond_terms": 35, "trend": 10, "share_late": 20, "broken_promises": 12, "disputes_upheld": 5,
            "bounced_payments": 10, "tenure": 8,
        }
    )  # fmt: skip

    def __post_init__(self) -> None:
        _rising(self, "utilisation_percent", PERCENT_MAX)
        _rising(self, "days_late", DAYS_MAX)
        bounds = {
            "tolerance_percent": (0, PERCENT_MAX), "refuse_over_percent": (100, PERCENT_MAX),
            "refer_below_score": (0, 100), "limit_valid_months": (1, MONTHS_MAX), "review_months": (1, MONTHS_MAX),
            "low_risk_score": (0, 100), "medium_risk_score": (0, 100), "score_window_months": (3, 36),
            "minimum_overdue_minor": (0, 10**15), "reservation_days": (1, 365),
        }  # fmt: skip
        for name, (low, high) in bounds.items():
            _check_range(getattr(self, name), low, high, f"/{name}")
        orders = dict.fromkeys(("watch_order", "hold_order", "stop_order", "over_limit"), OUTCOMES)
        for name, values in {**orders, "direct_changes": ("allowed", "review")}.items():
            if getattr(self, name) not in values:
                raise PolicyInvalid(f"{name} is one of {', '.join(values)}", pointer=f"/{name}")
        if self.medium_risk_score > self.low_risk_score:
            raise PolicyInvalid("medium risk lies below low risk", pointer="/medium_risk_score")
        for risk_class, months in self.review_months_by_risk_class.items():
            _check_range(months, 1, MONTHS_MAX, f"/review_months_by_risk_class/{risk_class}")
        if unknown := sorted(set(self.weights) - set(FACTORS)):
            raise PolicyInvalid(f"{unknown[0][:40]!r} is no factor of the score", pointer="/weights")
        for name, weight in self.weights.items():
            _check_range(weight, 0, 100, f"/weights/{name}")
        if sum(self.weights.values()) <= 0:
            raise PolicyInvalid("one factor at least has a weight", pointer="/weights")

    def months_between_reviews(self, risk_class: str | None) -> int:
        """Months after which an account of that risk class is reviewed again."""
        if risk_class is None:
            return self.review_months
        return self.review_months_by_risk_class.get(risk_class, self.review_months)


def policy_to_json(policy: CreditPolicy) -> dict[str, Any]:
    """The stored form of a policy."""
    values = {each.name: getattr(policy, each.name) for each in fields(policy)}
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def policy_from_json(definition: Mapping[str, Any]) -> CreditPolicy:
    """The policy of a stored or given definition; what it leaves out has its default. Raises PolicyInvalid."""
    known = {each.name for each in fields(CreditPolicy)}
    for name in definition:
        if name not in known:
            raise PolicyInvalid(f"{name[:40]!r} is no field of a credit policy", pointer=f"/{name[:40]}")
    return CreditPolicy(**definition)


def _rising(policy: CreditPolicy, suffix: str, high: int) -> None:
    names = [f"{level}_{suffix}" for level in LEVELS[1:]]
    for name in names:
        _check_range(getattr(policy, name), 0, high, f"/{name}")
    given = [(name, getattr(policy, name)) for name in names if getattr(policy, name) is not None]
    for (_, lower), (name, upper) in pairwise(given):
        if upper < lower:
            raise PolicyInvalid(f"{name} is not below the threshold of a milder status", pointer=f"/{name}")


def _check_range(value: int | None, low: int, high: int, pointer: str) -> None:
    if value is not None and (type(value) is not int or not low <= value <= high):
        raise PolicyInvalid(f"{pointer[1:]} is a whole number from {low} to {high}", pointer=pointer)


DEFAULT_POLICY = CreditPolicy()
DEFAULT_POLICY_VERSION = 0
"""The version that decisions name while an organization has activated no policy of its own."""


@dataclass(frozen=True, slots=True)
class Cover:
    """A security that is valid now: up to `amount_minor`, of which `cover_bp` basis points are borne by another."""

    amount_minor: int
    cover_bp: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """What an account (or a parent group) owes or may come to owe, in minor units of `currency`.

    `credits_minor` are open credit memos, `unapplied_minor` cash, `disputed_minor` the disputed part of what is open;
    `days_late` is that of the oldest undisputed item. `unconverted` names currencies without a dated rate: their
    amounts are in none of the sums.
    """

    currency: str
    open_minor: int = 0
    overdue_minor: int = 0
    disputed_minor: int = 0
    credits_minor: int = 0
    unapplied_minor: int = 0
    orders_minor: int = 0
    days_late: int = 0
    covers: tuple[Cover, ...] = ()
    unconverted: tuple[str, ...] = ()

    @property
    def total_minor(self) -> int:
        """Open items and orders less credit memos and unapplied cash."""
        return self.open_minor + self.orders_minor - self.credits_minor - self.unapplied_minor

    def used_minor(self, policy: CreditPolicy) -> int:
        """What the policy counts against the limit."""
        used = self.open_minor
        if not policy.count_disputed:
            used -= self.disputed_minor
        if policy.count_orders:
            used += self.orders_minor
        if policy.subtract_credits:
            used -= self.credits_minor + self.unapplied_minor
        if policy.subtract_securities:
            used -= secured_minor(used, self.covers)
        return used

    @property
    def secured_minor(self) -> int:
        """The part of the total that insurance and guarantees bear."""
        return secured_minor(self.total_minor, self.covers)

    @property
    def unsecured_minor(self) -> int:
        """The part of the total that nobody else bears; never below zero."""
        return max(self.total_minor - self.secured_minor, 0)


def secured_minor(exposure_minor: int, covers: Sequence[Cover]) -> int:
    """What the covers bear of an exposure, the highest cover first; each serves once and up to its amount.

    A cover of 90 % of up to 100,000 bears 45,000 of an exposure of 50,000: the rest of that part stays with us.
    """
    left, secured = max(exposure_minor, 0), 0
    for cover in sorted(covers, key=lambda cover: (-cover.cover_bp, -cover.amount_minor)):
        part = min(left, cover.amount_minor)
        secured += part * cover.cover_bp // WHOLE_BP
        left -= part
    return secured


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a stable code, a sentence, what it leads to (a level or an outcome), figures for programs."""

    code: str
    detail: str
    leads_to: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The stored form."""
        return {"code": self.code, "detail": self.detail, "leads_to": self.leads_to, "facts": dict(self.facts)}


def worst(levels: Sequence[str]) -> str:
    """The hardest of these statuses; ok when there is none."""
    return max(levels, key=LEVELS.index, default="ok")


def utilisation_percent(limit_minor: int | None, used_minor: int) -> int | None:
    """Whole percent of the limit that is used, rounded down; None without a limit, or with a limit of 0."""
    return None if not limit_minor else max(used_minor, 0) * 100 // limit_minor


def ladder(
    policy: CreditPolicy, exposure: Exposure, limit_minor: int | None, minimum_overdue_minor: int = 0
) -> tuple[str, tuple[Reason, ...]]:
    """The status that exposure and lateness lead to, with the reasons for it; ok without a reason.

    `minimum_overdue_minor` is the policy's in the exposure's currency. Cash that is not applied yet counts against
    what is overdue: who has paid is not late.
    """
    reasons: list[Reason] = []
    percent = utilisation_percent(limit_minor, exposure.used_minor(policy))
    overdue = exposure.overdue_minor - exposure.unapplied_minor - exposure.credits_minor
    late = exposure.days_late if overdue > 0 and overdue >= minimum_overdue_minor else 0
    for level in reversed(LEVELS[1:]):
        threshold = getattr(policy, f"{level}_utilisation_percent")
        if percent is not None and threshold is not None and percent >= threshold and not _has(reasons, "utilisation"):
            detail = f"{percent} % of the limit is used; {level} begins at {threshold} %"
            reasons.append(Reason("utilisation", detail, level, {"percent": percent, "threshold_percent": threshold}))
        days = getattr(policy, f"{level}_days_late")
        if days is not None and late >= max(days, 1) and not _has(reasons, "days_late"):
            detail = f"the oldest undisputed item is {late} days late; {level} begins at {days} days"
            reasons.append(Reason("days_late", detail, level, {"days": late, "threshold_days": days}))
    return worst([reason.leads_to for reason in reasons]), tuple(reasons)


def _has(reasons: Sequence[Reason], code: str) -> bool:
    return any(reason.code == code for reason in reasons)


@dataclass(frozen=True, slots=True)
class Hold:
    """A status that a person (or the ERP) set: a `hold` raises, an `override` caps what the ladder says.

    In force from `placed_on` to `until` (both inclusive; None: until it is released).
    """

    kind: str  # hold | override
    level: str
    placed_on: date
    until: date | None = None

    def in_force(self, today: date) -> bool:
        """Whether it counts on that date."""
        return self.placed_on <= today and (self.until is None or today <= self.until)


def effective_status(ladder_level: str, holds: Sequence[Hold], today: date, source_status: str = "ok") -> str:
    """The account's status: the ladder, capped by overrides, then raised by holds and by what the source says."""
    present = [hold for hold in holds if hold.in_force(today)]
    caps = [hold.level for hold in present if hold.kind == "override"]
    automatic = min([ladder_level, *caps], key=LEVELS.index)
    return worst([automatic, source_status, *(hold.level for hold in present if hold.kind == "hold")])


@dataclass(frozen=True, slots=True)
class Order:
    """An order to be checked, in minor units of the account's currency, and of the parent group's.

    None where there is no exchange rate for it.
    """

    amount_minor: int | None
    group_amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class GroupLevel:
    """An account between the one that orders and the top of its group (or itself, where it has members below it).

    `exposure` is that of it and all below it; `order_minor` the order in its currency, None without a rate.
    """

    account_id: str
    number: str
    exposure: Exposure
    limit_minor: int | None
    order_minor: int | None
    status: str = "ok"


@dataclass(frozen=True, slots=True)
class CreditFacts:
    """What an order is judged by. `group_*` are those of the parent group's top account, None without a parent."""

    exposure: Exposure
    limit_minor: int | None
    status: str
    score: int | None = None
    limit_valid_until: date | None = None
    group_exposure: Exposure | None = None
    group_limit_minor: int | None = None
    group_status: str = "ok"
    account_status: str = "active"
    levels: tuple[GroupLevel, ...] = ()


def decide(order: Order, facts: CreditFacts, policy: CreditPolicy, today: date) -> tuple[str, tuple[Reason, ...]]:
    """approve, refer or refuse, with every reason; an approval's reasons say how much room is left.

    An unset limit never refuses, a limit of 0 always does; exactly the limit still fits.
    """
    reasons = [*_status_reasons(facts, policy), *_limit_reasons(order, facts, policy)]
    if facts.account_status != "active":
        detail = f"the account is {facts.account_status}"
        reasons.append(Reason("account_not_active", detail, "refuse", {"status": facts.account_status}))
    if policy.refer_below_score is not None and facts.score is not None and facts.score < policy.refer_below_score:
        detail = f"the score is {facts.score}, below {policy.refer_below_score}"
        reasons.append(Reason("score_low", detail, "refer", {"score": facts.score}))
    if facts.limit_minor is not None and facts.limit_valid_until is not None and facts.limit_valid_until < today:
        detail = f"the limit was valid until {facts.limit_valid_until}"
        reasons.append(Reason("limit_expired", detail, "refer", {"valid_until": facts.limit_valid_until.isoformat()}))
    outcome = max((reason.leads_to for reason in reasons), key=OUTCOMES.index, default="approve")
    return outcome, tuple(sorted(reasons, key=lambda reason: -OUTCOMES.index(reason.leads_to)))


def _status_reasons(facts: CreditFacts, policy: CreditPolicy) -> list[Reason]:
    found = []
    for of, status in (("account", facts.status), ("parent group", facts.group_status)):
        if status == "ok":
            continue
        outcome = getattr(policy, f"{status}_order")
        found.append(Reason("credit_status", f"the {of} is on {status}", outcome, {"of": of, "status": status}))
    for level in facts.levels:
        if level.status != "ok":
            outcome = getattr(policy, f"{level.status}_order")
            figures = {"of": "parent", "account_id": level.account_id, "status": level.status}
            found.append(Reason("credit_status", f"{level.number} is on {level.status}", outcome, figures))
    return found


def _limit_reasons(order: Order, facts: CreditFacts, policy: CreditPolicy) -> list[Reason]:
    found = [_limit_reason("limit", order.amount_minor, facts.exposure, facts.limit_minor, policy)]
    if policy.check_group and facts.group_exposure is not None and facts.group_limit_minor is not None:
        group = facts.group_exposure
        found.append(_limit_reason("group_limit", order.group_amount_minor, group, facts.group_limit_minor, policy))
    for level in facts.levels if policy.check_group else ():
        if level.limit_minor is not None:
            reason = _limit_reason("parent_limit", level.order_minor, level.exposure, level.limit_minor, policy)
            figures = {**reason.facts, "account_id": level.account_id, "number": level.number}
            found.append(Reason(reason.code, reason.detail, reason.leads_to, figures))
    return found


def _limit_reason(
    code: str, order_minor: int | None, exposure: Exposure, limit: int | None, policy: CreditPolicy
) -> Reason:
    used = exposure.used_minor(policy)
    figures: dict[str, Any] = {"used_minor": used, "limit_minor": limit, "currency": exposure.currency}
    if limit is None:
        return Reason(f"{code}_unset", "there is no limit", "approve", figures)
    if limit == 0:
        return Reason(f"{code}_zero", "the limit is 0: nothing is sold on credit", "refuse", figures)
    if order_minor is None or exposure.unconverted:
        figures["unconverted"] = list(exposure.unconverted)
        return Reason(f"{code}_rate_missing", f"not all amounts have a rate to {exposure.currency}", "refer", figures)
    after = used + order_minor
    figures |= {"after_minor": after, "available_minor": limit - used}
    if policy.refuse_over_percent is not None and after * 100 > limit * policy.refuse_over_percent:
        return Reason(f"{code}_exceeded", f"past {policy.refuse_over_percent} % of the limit", "refuse", figures)
    if after * 100 > limit * (100 + policy.tolerance_percent):
        return Reason(f"{code}_exceeded", "the order does not fit into the limit", policy.over_limit, figures)
    return Reason(f"{code}_fits", "the order fits into the limit", "approve", figures)
