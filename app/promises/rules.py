"""Promises and payment plans: which money counts for which, and what they have become. Pure.

A promise is decided by money, not by people: what it has become follows from its terms, the money with its value dates
and today, whenever it is computed. So a payment that bounces, or a bank statement that comes late, decides it anew.
"""

from __future__ import annotations

import calendar
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal
from uuid import UUID

from app.core.calendar import BusinessCalendar
from app.core.errors import RuleViolation
from app.core.money import allocate

GRACE_DAYS_DEFAULT = 2
GRACE_DAYS_MAX = 30
AHEAD_DAYS_MAX = 366
INSTALMENTS_LIMIT = 500
PARTS_LIMIT = 120
PLAN_DAYS_MAX = 3_660
Scope = Literal["account", "instalments"]
PromiseStatus = Literal["open", "partly_kept", "kept", "broken", "cancelled"]
PlanStatus = Literal["proposed", "active", "completed", "broken", "cancelled"]
PartStatus = Literal["open", "partly_kept", "kept", "broken"]
PlanUnit = Literal["month", "week"]
UNDECIDED: frozenset[str] = frozenset({"open", "partly_kept"})


class ScheduleInvalid(RuleViolation):
    """The parts of a plan do not make a schedule."""

    code = "payment_plan.schedule_invalid"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that arrived and stands: applied to an instalment, or not yet applied (`instalment_id` None).

    `order` tells the order of applying (the id of the application, or of the payment).
    """

    value_date: date
    order: UUID
    minor: int
    instalment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What waits for money: a promise or a plan. `instalments` None: any money of the account.

    Money counts when its value date is after `made_on`, or the same day and it was applied after the claim was made;
    and not later than `until` (None: without end).
    """

    id: UUID
    made_on: date
    amount_minor: int
    instalments: frozenset[UUID] | None = None
    until: date | None = None

    def accepts(self, receipt: Receipt) -> bool:
        """True when the money is of this claim's items and came in its time."""
        return self.concerns(receipt) and (self.until is None or receipt.value_date <= self.until)

    def concerns(self, receipt: Receipt) -> bool:
        """True when the money is of this claim's items and came after it was made, late or not."""
        if self.instalments is not None and receipt.instalment_id not in self.instalments:
            return False
        return receipt.value_date > self.made_on or (
            receipt.value_date == self.made_on and receipt.order.int > self.id.int
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """Money that counts for a claim."""

    value_date: date
    minor: int
    instalment_id: UUID | None


def attribute(claims: Iterable[Claim], receipts: Iterable[Receipt]) -> dict[UUID, list[Taken]]:
    """Money by claim: each cent counts once, for the oldest claim that accepts it and is not yet full.

    Money is taken in the order of its value dates.
    """
    oldest_first = sorted(claims, key=lambda claim: claim.id.int)
    left = {claim.id: claim.amount_minor for claim in oldest_first}
    taken: dict[UUID, list[Taken]] = {claim.id: [] for claim in oldest_first}
    for receipt in sorted(receipts, key=lambda receipt: (receipt.value_date, receipt.order.int)):
        minor = receipt.minor
        for claim in oldest_first:
            if minor <= 0:
                break
            part = min(minor, left[claim.id])
            if part > 0 and claim.accepts(receipt):
                taken[claim.id].append(Taken(receipt.value_date, part, receipt.instalment_id))
                left[claim.id] -= part
                minor -= part
    return taken


def paid_since(claim: Claim, receipts: Iterable[Receipt]) -> int:
    """All money for the claim's items since it was made, late money and that of other claims included."""
    return sum(receipt.minor for receipt in receipts if claim.concerns(receipt))


@dataclass(frozen=True, slots=True)
class Relief:
    """What a credit memo or a write-off took off an instalment: it is not owed any more, but nobody paid it."""

    effective_date: date
    minor: int
    instalment_id: UUID


def relieved_after(claim: Claim, reliefs: Iterable[Relief], day: date) -> int:
    """What was taken off the claim's items after a day. A debt that is given up later was owed on that day: a promise
    that was broken then does not become kept, or void, by writing the debt off.
    """
    return sum(
        relief.minor
        for relief in reliefs
        if relief.effective_date > day and (claim.instalments is None or relief.instalment_id in claim.instalments)
    )


@dataclass(frozen=True, slots=True)
class PromiseFacts:
    """A promise as rows have it. `withdrawn`: a person cancelled or rescheduled it."""

    claim: Claim
    kept_until: date
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a promise has become. `decided_on`: value date of the money that kept it, or the last day of grace."""

    status: PromiseStatus
    kept_minor: int
    decided_on: date | None
    kept_by_instalment: Mapping[UUID, int] = field(default_factory=dict)


def judge(facts: PromiseFacts, taken: Sequence[Taken], paid_minor: int, open_minor: int, today: date) -> Verdict:
    """Decide a promise. `paid_minor`: `paid_since`; `open_minor`: what its items (or the account) still owe.

    Kept when the money that counts reaches the promise, or all that was left to pay when a credit took the rest away.
    Nothing left to pay without any money: cancelled, nothing is owed. Broken after the last day of grace.
    """
    kept = sum(part.minor for part in taken)
    by_instalment: dict[UUID, int] = {}
    for part in taken:
        if part.instalment_id is not None:
            by_instalment[part.instalment_id] = by_instalment.get(part.instalment_id, 0) + part.minor
    if facts.withdrawn:
        return Verdict("cancelled", kept, None, by_instalment)
    needed = min(facts.claim.amount_minor, paid_minor + open_minor)
    if needed <= 0:
        return Verdict("cancelled", 0, None)
    if kept >= needed:
        return Verdict("kept", kept, _reached_on(taken, needed), by_instalment)
    if today > facts.kept_until:
        return Verdict("broken", kept, facts.kept_until, by_instalment)
    return Verdict("partly_kept" if kept else "open", kept, None, by_instalment)


def _reached_on(taken: Sequence[Taken], needed_minor: int) -> date:
    total = 0
    for part in taken:
        total += part.minor
        if total >= needed_minor:
            return part.value_date
    raise ValueError("the money does not reach")


def kept_until(promised: date, grace_days: int, calendar_: BusinessCalendar) -> date:
    """The last value date that keeps a promise: `grace_days` business days after the promised date."""
    return calendar_.add_business_days(promised, grace_days)


def promise_actions(status: str, *, rescheduled: bool = False) -> list[str]:
    """What may be done with a promise in this state. A broken one that was rescheduled is not rescheduled again."""
    if status in ("open", "partly_kept"):
        return ["cancel", "reschedule"]
    return ["reschedule"] if status == "broken" and not rescheduled else []


@dataclass(frozen=True, slots=True)
class Owed:
    """An open instalment as a promise sees it: what may be promised of it."""

    instalment_id: UUID
    due_date: date
    free_minor: int


def cover(amount_minor: int, owed: Iterable[Owed]) -> dict[UUID, int]:
    """Which instalments an amount covers: the oldest due first, the last one perhaps in part."""
    covered: dict[UUID, int] = {}
    for each in sorted(owed, key=lambda each: (each.due_date, each.instalment_id.int)):
        part = min(amount_minor, each.free_minor)
        if part > 0:
            covered[each.instalment_id] = part
            amount_minor -= part
    return covered


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """One part of a payment plan."""

    due_date: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A schedule by rule: every `every` months or weeks from the first date; so many parts, or parts of this amount."""

    first_date: date
    every: int = 1
    unit: PlanUnit = "month"
    parts: int | None = None
    part_minor: int | None = None


def schedule(total_minor: int, rhythm: Rhythm) -> list[PlannedPart]:
    """The parts of a plan; they sum to the debt. 100 in 3 parts: 33.33, 33.33, 33.34; parts of 30: 30, 30, 30, 10.

    Raises ScheduleInvalid: neither or both of parts and amount, too many parts, or more parts than minor units.
    """
    if (rhythm.parts is None) == (rhythm.part_minor is None):
        raise ScheduleInvalid("say either the number of parts or the amount of a part", pointer="/parts")
    if rhythm.every < 1:
        raise ScheduleInvalid("a plan goes forward in time", pointer="/every")
    if rhythm.part_minor is not None:
        if rhythm.part_minor <= 0:
            raise ScheduleInvalid("a part is more than nothing", pointer="/part_amount")
        full, rest = divmod(total_minor, rhythm.part_minor)
        _check_count(full + bool(rest))
        amounts = [rhythm.part_minor] * full + ([rest] if rest else [])
    else:
        assert rhythm.parts is not None
        _check_count(rhythm.parts)
        if rhythm.parts > total_minor:
            raise ScheduleInvalid("there are more parts than the debt can be split into", pointer="/parts")
        amounts = allocate(total_minor, [1] * rhythm.parts)
    return [PlannedPart(_step(rhythm, number), minor) for number, minor in enumerate(amounts)]


def _check_count(count: int) -> None:
    if not 1 <= count <= PARTS_LIMIT:
        raise ScheduleInvalid(f"a plan has 1 to {PARTS_LIMIT} parts, this would have {count}", pointer="/parts")


def _step(rhythm: Rhythm, number: int) -> date:
    """The date of a part, counted from the first: from the 31st a short month takes its last day, the next the 31st."""
    if rhythm.unit == "week":
        return rhythm.first_date + timedelta(weeks=rhythm.every * number)
    index = rhythm.first_date.month - 1 + rhythm.every * number
    year, month = rhythm.first_date.year + index // 12, index % 12 + 1
    return date(year, month, min(rhythm.first_date.day, calendar.monthrange(year, month)[1]))


def check_schedule(parts: Sequence[PlannedPart], total_minor: int, today: date) -> None:
    """Parts in order of their dates, none before today, each more than nothing, together the debt.

    Raises ScheduleInvalid.
    """
    _check_count(len(parts))
    for index, part in enumerate(parts):
        if part.amount_minor <= 0:
            raise ScheduleInvalid("a part is more than nothing", pointer=f"/schedule/{index}/amount")
        earliest = parts[index - 1].due_date + timedelta(days=1) if index else today
        if part.due_date < earliest:
            detail = f"part {index + 1} is due on or after {earliest}"
            raise ScheduleInvalid(detail, pointer=f"/schedule/{index}/due_date")
    if (parts[-1].due_date - today).days > PLAN_DAYS_MAX:
        raise ScheduleInvalid(f"a plan ends within {PLAN_DAYS_MAX} days", pointer="/schedule")
    total = sum(part.amount_minor for part in parts)
    if total != total_minor:
        raise ScheduleInvalid("the parts do not sum to the debt", pointer="/schedule", difference=total - total_minor)


@dataclass(frozen=True, slots=True)
class PartFacts:
    """A part of a plan as rows have it."""

    ordinal: int
    due_date: date
    kept_until: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class PartVerdict:
    """What a part has become."""

    ordinal: int
    status: PartStatus
    paid_minor: int


@dataclass(frozen=True, slots=True)
class PlanVerdict:
    """What a plan and its parts have become."""

    status: PlanStatus
    paid_minor: int
    decided_on: date | None
    parts: tuple[PartVerdict, ...]
    paid_by_instalment: Mapping[UUID, int] = field(default_factory=dict)


def judge_plan(
    parts: Sequence[PartFacts], taken: Sequence[Taken], open_minor: int, paid_minor: int, today: date
) -> PlanVerdict:
    """Decide an active plan: money fills the parts in their order, each in time or late; early money pays ahead.

    A part is broken when its money was not all there on its last day of grace; then the plan is broken. Completed when
    everything is paid, or nothing is left to pay because a credit took the rest away.
    """
    total = sum(part.amount_minor for part in parts)
    paid = sum(part.minor for part in taken)
    needed = min(total, paid_minor + open_minor)  # less than the plan when a credit took something away
    verdicts: list[PartVerdict] = []
    due_so_far, broken_on = 0, None
    for part in parts:
        before = min(due_so_far, needed)
        due_so_far += part.amount_minor
        goal = min(due_so_far, needed)
        in_time = sum(each.minor for each in taken if each.value_date <= part.kept_until)
        got = min(max(paid - before, 0), goal - before)
        status: PartStatus = "partly_kept" if got else "open"
        if in_time >= goal:
            status = "kept"
        elif today > part.kept_until:
            status = "broken"
            broken_on = broken_on or part.kept_until
        verdicts.append(PartVerdict(part.ordinal, status, got))
    by_instalment: dict[UUID, int] = {}
    for each in taken:
        if each.instalment_id is not None:
            by_instalment[each.instalment_id] = by_instalment.get(each.instalment_id, 0) + each.minor
    plan: PlanStatus = "active"
    decided = broken_on
    if broken_on is not None:
        plan = "broken"
    elif paid >= needed:
        plan, decided = "completed", max((each.value_date for each in taken), default=today)
    return PlanVerdict(plan, paid, decided, tuple(verdicts), by_instalment)


def plan_actions(status: str) -> list[str]:
    """What may be done with a plan in this state."""
    return {"proposed": ["activate", "cancel"], "active": ["cancel"]}.get(status, [])


def kept_basis_points(kept: int, decided: int) -> int | None:
    """Kept ÷ decided in hundredths of a percent, rounded half up; None when nothing is decided."""
    return None if decided == 0 else (kept * 20_000 + decided) // (2 * decided)


def overlapping(asked: Mapping[UUID, int], free: Mapping[UUID, int]) -> Collection[UUID]:
    """Instalments of which more is asked than is free."""
    return [instalment_id for instalment_id, minor in asked.items() if minor > free.get(instalment_id, 0)]
