"""The order of the worklist: pure rules from an account's facts to its score, explained, and its next best action."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

DAYS_LATE_CAP = 90
RECENT_CONTACT_DAYS = 3
NEAR_STEP_DAYS = 1
MESSAGES = frozenset(("email", "letter", "sms"))
WENT_OUT = frozenset(("sending", "sent", "delivered", "done"))
WAITING = frozenset(("pending_approval", "approved"))
NEEDS_SOMEBODY = frozenset(("failed", "bounced", "unknown"))
FRESH_OVERDUE_DAYS = 7
PRIOR_ITEMS, PRIOR_PERMILLE = 3, 700


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that asks for work now: how often, since or due when, and the money behind it (minor units)."""

    kind: str
    count: int = 1
    on: date | None = None
    amount_minor: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """The latest reminder of an account: its step, and what has become of it. `on`: when it went out or was made."""

    id: UUID
    step: int
    name: str
    channel: str
    state: str
    on: date


@dataclass(frozen=True, slots=True)
class NextStep:
    """The step of the dunning policy that comes next for an item of the account, and the first day on which it does."""

    step: int
    name: str
    channel: str
    on: date


@dataclass(frozen=True, slots=True)
class Dunned:
    """How an account is dunned. `next_step` is None where nothing comes, or the account is blocked."""

    notice: Notice | None = None
    next_step: NextStep | None = None
    blocked: bool = False
    blocked_until: date | None = None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What the order needs to know of an account on a day; amounts in the organization's base currency.

    `collectable_minor` is open, not disputed, and not with a lawyer or agency; `held_minor` the part of it that
    promises and plans cover. `share_permille` is the account's share collected within 30 days, out of 1,000;
    `forecast_permille` what the current forecast expects of it within 30 days, where there is one.
    """

    open_minor: int = 0
    overdue_minor: int = 0
    collectable_minor: int = 0
    held_minor: int = 0
    days_late: int = 0
    share_permille: int = 0
    forecast_permille: int | None = None
    risk_class: str | None = None
    score: int | None = None
    credit_status: str = "ok"
    last_contact_on: date | None = None
    dunned: Dunned = Dunned()
    signals: tuple[Signal, ...] = ()

    @property
    def reminded(self) -> Notice | None:
        """The latest notice, if it was a message that went out."""
        notice = self.dunned.notice
        return notice if notice is not None and notice.channel in MESSAGES and notice.state in WENT_OUT else None

    @property
    def touched_on(self) -> date | None:
        """The last contact, by hand or by a reminder."""
        days = [self.last_contact_on, None if self.reminded is None else self.reminded.on]
        return max((day for day in days if day is not None), default=None)


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason of the place in the order: its name, what it adds (percent of the base), and the fact behind it."""

    name: str
    percent: int
    fact: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """The place of an account: score and expected cash (minor units) with where it is from, the factors, what to do."""

    score_minor: int
    expected_minor: int
    expected_from: str
    next_action: str
    factors: tuple[Factor, ...] = field(default_factory=tuple)


SIGNALS: dict[str, tuple[int, str]] = {
    "promise_broken": (40, "call_about_broken_promise"),
    "dispute_sla_breached": (25, "press_dispute"),
    "reply_due": (25, "answer_inquiry"),
    "promise_due_today": (25, "check_promised_payment"),
    "action_due": (30, "do_planned_action"),
    "plan_broken": (40, "call_about_broken_plan"),
    "invoice_not_received": (20, "resend_invoice"),
    "contact_bounced": (15, "correct_contact"),
    "notice_failed": (20, "attend_to_notice"),
    "contact_missing": (10, "find_contact"),
    "escalation_open": (20, "follow_escalation"),
    "credit_review_due": (5, "review_credit"),
}
"""Kind of signal → percent that it adds, and the action that it asks for. First in this order wins the action."""


def shrunk_share(items: int, permille: int) -> int:
    """The share collected within 30 days of an account with so many instalments behind it, of 1,000.

    A thin history is drawn towards PRIOR_PERMILLE, which counts as PRIOR_ITEMS instalments.
    """
    return (items * permille + PRIOR_ITEMS * PRIOR_PERMILLE) // (items + PRIOR_ITEMS)


def rank(facts: AccountFacts, today: date) -> Ranked | None:
    """The place of the account, or None when nothing asks for work: nothing overdue and no signal.

    Base = expected cash (collectable × the share that the forecast, or else the account's habit, gives to the next 30
    days), and half of the money behind signals that the expected cash leaves out. Score = base × (100 + Σ percent) ÷
    100, never below the signals' floor of one unit each, so that work without money is still listed, last.
    """
    if facts.overdue_minor <= 0 and not facts.signals:
        return None
    free = max(0, facts.collectable_minor - facts.held_minor)
    forecast = facts.forecast_permille
    expected = free * (facts.share_permille if forecast is None else forecast) // 1000
    stake = sum(signal.amount_minor for signal in facts.signals if signal.kind in _STAKES)
    factors = tuple(_factors(facts, today))
    percent = max(10, 100 + sum(factor.percent for factor in factors))
    score = (expected + stake // 2) * percent // 100
    origin = "payment_share" if forecast is None else "forecast"
    return Ranked(max(score, len(facts.signals)), expected, origin, next_action(facts, today), factors)


_STAKES = frozenset(("promise_broken", "plan_broken", "promise_due_today", "dispute_sla_breached"))


def _factors(facts: AccountFacts, today: date) -> list[Factor]:
    made: list[Factor] = []
    if facts.days_late > 0:
        late = min(facts.days_late, DAYS_LATE_CAP)
        made.append(Factor("days_late", late // 3, f"{facts.days_late} days past due"))
    for kind, (percent, _) in SIGNALS.items():
        made += [Factor(kind, percent, _signal_fact(signal)) for signal in facts.signals if signal.kind == kind]
    if _is_risky(facts):
        fresh = 0 < facts.days_late <= FRESH_OVERDUE_DAYS
        name = "high_risk_new_overdue" if fresh else "high_risk"
        made.append(Factor(name, 35 if fresh else 15, _risk_fact(facts)))
    if facts.held_minor > 0:
        made.append(Factor("held_by_promise", -10, "part of the debt is promised"))
    contact = facts.touched_on
    if contact is not None and (today - contact).days <= RECENT_CONTACT_DAYS and not facts.signals:
        made.append(Factor("contacted_recently", -50, _contact_fact(facts, contact)))
    elif (near := _near_step(facts, today)) is not None and not facts.signals:
        fact = f"step {near.step} ({near.channel}) comes on {near.on.isoformat()}"
        made.append(Factor("reminder_comes", -20, fact))
    return made


def _contact_fact(facts: AccountFacts, on: date) -> str:
    notice = facts.reminded
    if notice is None or notice.on != on:
        return f"last contact on {on.isoformat()}"
    return f"reminder of step {notice.step} ({notice.channel}, {notice.state}) on {on.isoformat()}"


def _near_step(facts: AccountFacts, today: date) -> NextStep | None:
    """The step that comes today or tomorrow. One whose day has passed was withheld: nothing comes of it by itself."""
    step = facts.dunned.next_step
    return step if step is not None and 0 <= (step.on - today).days <= NEAR_STEP_DAYS else None


def next_action(facts: AccountFacts, today: date) -> str:
    """What to do first: what somebody waits for or broke, then by how late and how risky the account is."""
    kinds = {signal.kind for signal in facts.signals}
    for kind, (_, action) in SIGNALS.items():
        if kind in kinds and kind not in _WEAK:
            return action
    if facts.overdue_minor > 0:
        if facts.collectable_minor <= 0:
            return "review"  # all of it is disputed, or with a lawyer: nobody is asked to pay it
        if facts.held_minor >= facts.collectable_minor:
            return "wait_for_reaction"  # all of the rest is promised
        if facts.days_late > 60 or facts.credit_status == "stop":
            return "escalate"
        return _routine(facts, today)
    return next((action for kind, (_, action) in SIGNALS.items() if kind in kinds), "review")


def _routine(facts: AccountFacts, today: date) -> str:
    """A call or an e-mail, unless somebody has just been spoken or written to, or the next reminder does it."""
    contact, notice = facts.touched_on, facts.dunned.notice
    if contact is not None and (today - contact).days <= RECENT_CONTACT_DAYS:
        return "wait_for_reaction"
    if notice is not None and notice.state in WAITING:
        return "approve_notice" if notice.state == "pending_approval" else "wait_for_reminder"
    own = "call" if facts.days_late > 14 or _is_risky(facts) else "email"
    near = _near_step(facts, today)
    if near is None or (own == "call" and near.channel in MESSAGES):
        return own
    return "wait_for_reminder"


_WEAK = frozenset(("contact_missing", "credit_review_due", "escalation_open"))


def _is_risky(facts: AccountFacts) -> bool:
    low = facts.score is not None and facts.score < 40
    return low or facts.risk_class in ("high", "D", "E", "C") or facts.credit_status in ("hold", "stop")


def _risk_fact(facts: AccountFacts) -> str:
    if facts.credit_status in ("hold", "stop"):
        return f"credit status {facts.credit_status}"
    if facts.risk_class in ("high", "D", "E", "C"):
        return f"risk class {facts.risk_class}"
    return f"payment-behaviour score {facts.score}"


def _signal_fact(signal: Signal) -> str:
    parts = [f"{signal.count}"]
    if signal.on is not None:
        parts.append(f"since {signal.on.isoformat()}" if signal.kind != "promise_due_today" else "due today")
    return ", ".join(parts)
