"""What a policy would have done with the past: the real rules, day by day, on what was open on each day. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from app.dunning.planning import (
    Account,
    Hold,
    Item,
    PlannedNotice,
    Policy,
    Purse,
    Reach,
    due_on,
    next_step,
    plan_account,
)
from app.dunning.rules import MESSAGE_CHANNELS
from app.promises.rules import Owed, cover

CONTACT_CHANNELS = frozenset((*MESSAGE_CHANNELS, "call_task"))
_REACH = {channel: Reach() for channel in MESSAGE_CHANNELS}
_DAY = timedelta(days=1)
Rates = Sequence[tuple[int, Decimal]]
"""From so many days past due on, the share of what is open that comes within the days of an answer; ascending."""


_PROMISED = Hold("promise")
_COVERED = frozenset({"unapplied_cash", "open_credit"})


@dataclass(frozen=True, slots=True)
class PastHold:
    """So much was disputed, promised or in a plan from a day to a day (both included; None: still is)."""

    first: date
    last: date | None
    minor: int

    def on(self, day: date) -> int:
        """How much of it held on that day."""
        return self.minor if self.first <= day and (self.last is None or day <= self.last) else 0


@dataclass(frozen=True, slots=True)
class PastPromise:
    """A promise for an account as a whole: it held the oldest due items, as far as its amount reached."""

    currency: str
    held: PastHold


@dataclass(frozen=True, slots=True)
class PastBlock:
    """Nothing was to be asked for from a day to a day (both included; None: still is): `blocked` or `legal_case`."""

    reason: str
    first: date
    last: date | None

    def on(self, day: date) -> bool:
        """Whether it stood on that day."""
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(slots=True)
class PastMoney:
    """Money of an account that lay about unapplied, and what was left of its credit memos: by how much each of them
    changed (minor units) on which day."""

    cash: dict[Purse, list[tuple[date, int]]] = field(default_factory=dict)
    credits: dict[Purse, list[tuple[date, int]]] = field(default_factory=dict)

    def days(self) -> set[date]:
        """The days on which any of it changed."""
        return {on for by in (self.cash, self.credits) for changes in by.values() for on, _ in changes}


def left_on(changes: Mapping[Purse, Sequence[tuple[date, int]]], day: date) -> dict[Purse, int]:
    """What was left at the end of that day, where it was anything."""
    sums = {purse: sum(minor for on, minor in dated if on <= day) for purse, dated in changes.items()}
    return {purse: minor for purse, minor in sums.items() if minor > 0}


@dataclass(frozen=True, slots=True)
class PastItem:
    """An instalment as it was: since when, its amount, what was taken off it by date (negative: came back), what of it
    was disputed and promised when, and when it was blocked or in a legal case."""

    instalment_id: UUID
    legal_entity_id: UUID
    currency: str
    due_date: date
    known_on: date
    amount_minor: int
    changes: Sequence[tuple[date, int]] = ()
    disputed: Sequence[PastHold] = ()
    promised: Sequence[PastHold] = ()
    blocks: Sequence[PastBlock] = ()

    def open_on(self, day: date) -> int:
        """What was open at the end of that day, in minor units."""
        if day < self.known_on:
            return 0
        return max(0, self.amount_minor - sum(minor for on, minor in self.changes if on <= day))

    def held_on(self, day: date) -> int:
        """What was disputed or promised on that day."""
        return sum(hold.on(day) for hold in (*self.disputed, *self.promised))

    def free_from(self, day: date) -> date | None:
        """The first day from `day` on at whose end something may be asked for, or None."""
        days = {day, *(on for on, _ in self.changes if on > day)}
        spans: tuple[PastHold | PastBlock, ...] = (*self.disputed, *self.promised, *self.blocks)
        days |= {span.last + _DAY for span in spans if span.last and span.last >= day}
        return next((on for on in sorted(days) if self.open_on(on) > self.held_on(on) and not self.block_on(on)), None)

    def block_on(self, day: date) -> PastBlock | None:
        """The block or legal case that stood on that day, or None."""
        return next((block for block in self.blocks if block.on(day)), None)

    def days(self) -> set[date]:
        """The days on which anything of it changed."""
        spans: tuple[PastHold | PastBlock, ...] = (*self.disputed, *self.promised, *self.blocks)
        found = {self.known_on, *(on for on, _ in self.changes), *(span.first for span in spans)}
        return found | {span.last + _DAY for span in spans if span.last is not None}


@dataclass(slots=True)
class Tally:
    """What a policy would have done. Amounts by currency; `expected` is money, `surviving` what each item has left."""

    notices: int = 0
    contacts: int = 0
    items: int = 0
    accounts: int = 0
    below_minimum: int = 0
    covered: int = 0
    by_step: dict[str, int] = field(default_factory=dict)
    reminded: dict[str, int] = field(default_factory=dict)
    expected: dict[str, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class _State:
    ordinal: int = 0
    done_on: date | None = None
    surviving: Decimal = Decimal(1)
    asleep_until: date = date.min


_NO_MONEY = PastMoney()


def rate_at(rates: Rates, days_past_due: int) -> Decimal:
    """The share that is expected of an item of that age."""
    found = Decimal(0)
    for days, rate in rates:
        if days_past_due >= days:
            found = rate
    return found


def replay(
    policy: Policy,
    items: Sequence[PastItem],
    period: tuple[date, date],
    is_business_day: Callable[[date], bool],
    rates: Rates,
    tally: Tally,
    promises: Sequence[PastPromise] = (),
    money: PastMoney = _NO_MONEY,
) -> None:
    """Add to the tally what the policy would have done with the items of one account in the period (both days).

    Chains begin where each item was new, so that those of the period stand where they would have stood. What an item
    is expected to bring is counted once: of what one notice leaves, the next one brings its share.
    """
    start, end = period
    states = {item.instalment_id: _State() for item in items}
    by_id = {item.instalment_id: item for item in items}
    events = _events(items, promises, money)
    day = min((item.known_on for item in items), default=end)
    touched = False
    small: set[UUID] = set()  # below the minimum: looked at again when another item comes
    covered: set[tuple[UUID, int]] = set()
    while True:
        moving = [item for item in items if item.instalment_id not in small]
        found = _next_day(policy, moving, states, day, end, is_business_day)
        if found is None:
            break
        day = found
        facts = Account(
            _NOBODY, _open_items(items, states, day, promises), left_on(money.cash, day), left_on(money.credits, day),
            reach=_REACH,
        )  # fmt: skip
        plan = plan_account(facts, policy, day)
        for notice in plan.notices:
            if day >= start:
                touched = True
                _count(tally, notice, by_id, states, day, rates)
            for line in notice.lines:
                state = states[line.item.instalment_id]
                state.ordinal, state.done_on = line.step.ordinal, day
        late = {one.item.instalment_id for one in plan.withheld if one.hold.reason == "below_minimum"}
        paid = {(one.item.instalment_id, one.step_ordinal) for one in plan.withheld if one.hold.reason in _COVERED}
        if day >= start:
            tally.below_minimum += len(late - small)
            tally.covered += len(paid - covered)
            covered |= paid
        small = late
        for instalment_id, _ in paid:  # nothing changes until anything of the account does
            states[instalment_id].asleep_until = next((on for on in events if on > day), date.max)
        day += _DAY
    tally.accounts += touched


def _events(items: Sequence[PastItem], promises: Sequence[PastPromise], money: PastMoney) -> list[date]:
    """The days on which anything changed that says whose debts the money at hand pays."""
    if not money.cash and not money.credits:
        return []
    found = money.days().union(*(item.days() for item in items))
    for promise in promises:
        found |= {promise.held.first} | (set() if promise.held.last is None else {promise.held.last + _DAY})
    return sorted(found)


_NOBODY = UUID(int=0)


def _open_items(
    items: Sequence[PastItem], states: Mapping[UUID, _State], day: date, promises: Sequence[PastPromise]
) -> list[Item]:
    found = []
    for item in items:
        open_minor = item.open_on(day)
        if open_minor > 0:
            state = states[item.instalment_id]
            disputed = min(open_minor, sum(hold.on(day) for hold in item.disputed))
            promised = sum(hold.on(day) for hold in item.promised)
            block = item.block_on(day)
            found.append(
                Item(
                    item.instalment_id, item.legal_entity_id, item.currency, item.due_date, open_minor,
                    state.ordinal, state.done_on, "free", disputed, promised, _PROMISED if promised else None,
                    None if block is None else Hold(block.reason, block.last),
                )
            )  # fmt: skip
    for promise in promises:
        owed = [Owed(one.instalment_id, one.due_date, one.eligible_minor)
                for one in found if one.currency == promise.currency]  # fmt: skip
        covered = cover(promise.held.on(day), owed)
        for place, one in enumerate(found):
            if (minor := covered.get(one.instalment_id)) is not None:
                found[place] = one._replace(promised_minor=one.promised_minor + minor, promised=_PROMISED)
    return found


def _next_day(
    policy: Policy,
    items: Sequence[PastItem],
    states: Mapping[UUID, _State],
    day: date,
    end: date,
    is_business_day: Callable[[date], bool],
) -> date | None:
    """The next day on which a step of an item comes of which something may be asked for then, at a run: on a business
    day."""
    comes = None
    for item in items:
        state = states[item.instalment_id]
        earliest = max(day, item.known_on, state.asleep_until)
        facts = Item(item.instalment_id, item.legal_entity_id, item.currency, item.due_date, 1, state.ordinal,
                     state.done_on)  # fmt: skip
        step = next_step(policy, facts, earliest)
        if step is None:
            continue
        on = item.free_from(max(earliest, due_on(policy, facts, step)))
        while on is not None and on <= end and not is_business_day(on):
            on = item.free_from(on + _DAY)
        if on is not None and on <= end and (comes is None or on < comes):
            comes = on
    return comes


def _count(
    tally: Tally,
    notice: PlannedNotice,
    items: Mapping[UUID, PastItem],
    states: Mapping[UUID, _State],
    day: date,
    rates: Rates,
) -> None:
    tally.notices += 1
    tally.contacts += notice.step.channel in CONTACT_CHANNELS
    tally.items += len(notice.lines)
    key = f"{notice.step.ordinal}:{notice.step.channel}"
    tally.by_step[key] = tally.by_step.get(key, 0) + 1
    tally.reminded[notice.currency] = tally.reminded.get(notice.currency, 0) + notice.total_minor
    for line in notice.lines:
        state = states[line.item.instalment_id]
        rate = rate_at(rates, (day - items[line.item.instalment_id].due_date).days)
        expected = line.item.eligible_minor * state.surviving * rate
        tally.expected[notice.currency] = tally.expected.get(notice.currency, Decimal(0)) + expected
        state.surviving *= 1 - rate
