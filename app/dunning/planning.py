"""What is due to an account on a day, and what is withheld and why. Pure: facts and a policy in, a plan out.

Each instalment walks its own chain of steps, whatever becomes of the others and whatever policy is in force: the key of
a reminder is (instalment, step ordinal). The next step is always the lowest one above the last that counted; it waits
until that one has gone out, until its own time has come, and none is passed over, except one before the due date whose
time is over (`lapse_days`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple
from uuid import UUID

from app.dunning.rules import MESSAGE_CHANNELS, STEPS_LIMIT

Standing = Literal["free", "waiting", "unknown"]
EVER = 1_000_000
"""Days: longer than anything is late."""
Purse = tuple[UUID, str]
"""Legal entity and currency: money of one does not pay debts of another."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a policy. Days are whole days; `minimums` in minor units by currency."""

    id: UUID
    ordinal: int
    channel: str
    offset_days: int | None = None
    gap_days: int | None = None
    lapse_days: int | None = None
    approval: bool = False
    minimums: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """The version of a policy that is in force: its steps in their order."""

    version_id: UUID
    grouping: str
    count_credits: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing may go out, until when (the last day; None: until somebody ends it), and what it is."""

    reason: str
    until: date | None = None
    source_id: UUID | None = None


class Item(NamedTuple):
    """An open instalment. `last_ordinal`: the highest step that counts (0: none), done on `last_done_on`.

    `standing`: `waiting` while that step has not gone out yet, `unknown` when nobody knows whether it did.
    `disputed_minor`, `promised_minor` and `planned_minor` (of a payment plan) are parts of the open amount. `hold` is
    a block or a legal case; `retries` are steps that failed or were refused, by ordinal.
    """

    instalment_id: UUID
    legal_entity_id: UUID
    currency: str
    due_date: date
    open_minor: int
    last_ordinal: int = 0
    last_done_on: date | None = None
    standing: Standing = "free"
    disputed_minor: int = 0
    promised_minor: int = 0
    promised: Hold | None = None
    hold: Hold | None = None
    retries: Mapping[int, Hold] = MappingProxyType({})

    @property
    def held_minor(self) -> int:
        """What promises and plans hold, of what is not disputed."""
        return max(0, min(self.promised_minor, self.open_minor - self.disputed_minor))

    @property
    def eligible_minor(self) -> int:
        """What may be asked for: open, not disputed, not promised."""
        left = self.open_minor - self.disputed_minor - self.promised_minor
        return left if left > 0 else 0


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a message of a channel may go to: a contact, or the account itself (None), or why nobody."""

    contact_id: UUID | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Facts of an account at a moment. `cash` is unapplied cash, `credits` open credit memos, `lent` what is left for
    it of the unapplied cash of those who pay for it; in minor units."""

    account_id: UUID
    items: Sequence[Item]
    cash: Mapping[Purse, int] = field(default_factory=dict)
    credits: Mapping[Purse, int] = field(default_factory=dict)
    hold: Hold | None = None
    reach: Mapping[str, Reach] = field(default_factory=dict)
    lent: Mapping[Purse, int] = field(default_factory=dict)


class Line(NamedTuple):
    """An instalment in a planned notice, at its own step; `covered` when that is a lower one than the notice's."""

    item: Item
    step: Step
    covered: bool


@dataclass(frozen=True, slots=True)
class PlannedNotice:
    """A notice to be made: to whom, at which step, about what. `total_minor` is asked for, before fees and interest."""

    account_id: UUID
    legal_entity_id: UUID
    currency: str
    step: Step
    lines: tuple[Line, ...]
    contact_id: UUID | None
    total_minor: int


@dataclass(frozen=True, slots=True)
class Withheld:
    """A reminder that is due and not made."""

    item: Item
    step_ordinal: int
    hold: Hold
    amount_minor: int


@dataclass(slots=True)
class Plan:
    """What a run does for an account. `waiting`: steps whose time has come while the one before is not out yet."""

    notices: list[PlannedNotice] = field(default_factory=list)
    withheld: list[Withheld] = field(default_factory=list)
    waiting: int = 0


def next_step(policy: Policy, item: Item, today: date) -> Step | None:
    """The step that comes next for the instalment, due or not: the lowest above the last one that has not lapsed."""
    return _next(policy, item.last_ordinal, (today - item.due_date).days)


def _next(policy: Policy, last_ordinal: int, late: int) -> Step | None:
    for step in policy.steps:
        if step.ordinal > last_ordinal and (step.lapse_days is None or late <= step.lapse_days):
            return step
    return None


class NextStep(NamedTuple):
    """Which step comes next after the last one that counted, while an item is so many days past due (both included)."""

    last_ordinal: int
    late_from: int
    late_to: int
    step: Step


def next_steps(policy: Policy) -> list[NextStep]:
    """What `next_step` answers, for every last step and all days past due: steps lapse, so that it changes with them.

    A last step may be one of another policy: up to the most steps that any has.
    """
    ends = sorted({step.lapse_days for step in policy.steps if step.lapse_days is not None})
    spans = list(zip([-EVER, *(end + 1 for end in ends)], [*ends, EVER], strict=True))
    return [
        NextStep(last, start, end, step)
        for last in range(STEPS_LIMIT)
        for start, end in spans
        if (step := _next(policy, last, end)) is not None
    ]


def due_on(policy: Policy, item: Item, step: Step) -> date:
    """The first day on which a step comes: `offset_days` after the due date, and `gap_days` after the step before.

    Where no step before has counted (all lapsed), the gap is counted from that step's own day.
    """
    days = [] if step.offset_days is None else [item.due_date + timedelta(days=step.offset_days)]
    if step.gap_days is not None:
        days.append(_before(policy, item, step) + timedelta(days=step.gap_days))
    return max(days)


def _before(policy: Policy, item: Item, step: Step) -> date:
    if item.last_done_on is not None:
        return item.last_done_on
    earlier = [other for other in policy.steps if other.ordinal < step.ordinal]
    return due_on(policy, item, earlier[-1]) if earlier else item.due_date


def due_step(policy: Policy, item: Item, today: date) -> Step | None:
    """The step whose time has come on `today`, or None. It says nothing of what withholds it, nor of what waits."""
    late = (today - item.due_date).days
    step = _next(policy, item.last_ordinal, late)
    if step is None or (step.offset_days is not None and late < step.offset_days):
        return None
    return step if step.gap_days is None or due_on(policy, item, step) <= today else None


def plan_account(facts: Account, policy: Policy, today: date) -> Plan:
    """What is due to the account on that day, and what is withheld with its reason."""
    plan = Plan()
    covered = covered_by_credit(facts, policy, today)
    lines: list[Line] = []
    for item in sorted(facts.items, key=lambda one: (one.due_date, one.instalment_id)):
        step = due_step(policy, item, today)
        if item.standing == "unknown":
            plan.withheld.append(Withheld(item, item.last_ordinal, Hold("outcome_unknown"), item.eligible_minor))
        elif step is None:
            continue
        elif item.standing == "waiting":
            plan.waiting += 1
        elif (hold := withholds(facts, item, step, covered, today)) is not None:
            amount = item.eligible_minor or item.open_minor
            plan.withheld.append(Withheld(item, step.ordinal, hold, amount))
        else:
            lines.append(Line(item, step, covered=False))
    for notice in _grouped(facts, policy, lines):
        _admit(plan, notice)
    return plan


def withholds(facts: Account, item: Item, step: Step, covered: Mapping[UUID, str], today: date) -> Hold | None:
    """Why a reminder that is due may not be made, or None. The first reason counts, from the strongest on."""
    if facts.hold is not None:
        return facts.hold
    if item.hold is not None:
        return item.hold
    if item.eligible_minor <= 0:
        return _held(item)
    if item.instalment_id in covered:
        return Hold(covered[item.instalment_id])
    retry = item.retries.get(step.ordinal)
    if retry is not None and (retry.until is None or today <= retry.until):
        return retry
    if step.channel in MESSAGE_CHANNELS:
        reach = facts.reach.get(step.channel, Reach())
        if reach.refusal is not None:
            return Hold(reach.refusal)
    return None


def _held(item: Item) -> Hold:
    if item.promised is None or item.disputed_minor >= item.open_minor:
        return Hold("disputed")
    return item.promised


def covered_by_credit(facts: Account, policy: Policy, today: date) -> dict[UUID, str]:
    """Instalments that money of the account pays wholly, once somebody applies it, each with its reason.

    Unapplied cash, then (where the policy says so) open credit memos, then cash of the payers above it, pay what is
    due, oldest first; then what is not yet due. What is blocked, in a legal case, disputed or promised takes none.
    """
    credits = facts.credits if policy.count_credits else {}
    left = {
        purse: [facts.cash.get(purse, 0), credits.get(purse, 0), facts.lent.get(purse, 0)]
        for purse in {*facts.cash, *credits, *facts.lent}
    }
    found: dict[UUID, str] = {}
    if not left or facts.hold is not None:
        return found
    for item in sorted(facts.items, key=lambda one: (one.due_date > today, one.due_date, one.instalment_id)):
        purse = left.get((item.legal_entity_id, item.currency))
        wanted = 0 if item.hold is not None else item.eligible_minor
        if purse is None or wanted <= 0:
            continue
        taken = []
        for place, minor in enumerate(purse):
            taken.append(min(wanted, minor))
            purse[place] -= taken[-1]
            wanted -= taken[-1]
        if wanted == 0:
            found[item.instalment_id] = "open_credit" if taken[1] else "unapplied_cash"
    return found


def _grouped(facts: Account, policy: Policy, lines: Sequence[Line]) -> list[PlannedNotice]:
    groups: dict[tuple[Purse, int], list[Line]] = {}
    for line in lines:
        ordinal = 0 if policy.grouping == "highest" else line.step.ordinal
        groups.setdefault(((line.item.legal_entity_id, line.item.currency), ordinal), []).append(line)
    return [_notice(facts, members) for _, members in sorted(groups.items(), key=lambda one: (one[0][0][1], one[0]))]


def _notice(facts: Account, members: Sequence[Line]) -> PlannedNotice:
    highest = members[0].step
    for line in members:
        if line.step.ordinal > highest.ordinal:
            highest = line.step
    reach = facts.reach.get(highest.channel, Reach()) if highest.channel in MESSAGE_CHANNELS else Reach()
    first = members[0].item
    return PlannedNotice(
        account_id=facts.account_id,
        legal_entity_id=first.legal_entity_id,
        currency=first.currency,
        step=highest,
        lines=tuple(
            line if line.step is highest else Line(line.item, line.step, line.step.ordinal < highest.ordinal)
            for line in members
        ),
        contact_id=reach.contact_id,
        total_minor=sum(line.item.eligible_minor for line in members),
    )


def _admit(plan: Plan, notice: PlannedNotice) -> None:
    """The minimum of the step is one of the whole notice: exactly the minimum passes."""
    if notice.total_minor >= notice.step.minimums.get(notice.currency, 0):
        plan.notices.append(notice)
        return
    for line in notice.lines:
        withheld = Withheld(line.item, line.step.ordinal, Hold("below_minimum"), line.item.eligible_minor)
        plan.withheld.append(withheld)
