"""Take down, reschedule and cancel promises to pay."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.core.money import to_text
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import ReadSession, WriteSession
from app.infra.versions import RECORDED_NOW, check_version
from app.organizations.queries import organization_facts
from app.promises import queries
from app.promises.errors import InstalmentUnknown, OverPromised, PromiseClosed, PromiseInvalid
from app.promises.evaluation import evaluate_accounts
from app.promises.models import Promise, PromiseItem
from app.promises.rules import (
    AHEAD_DAYS_MAX,
    GRACE_DAYS_DEFAULT,
    UNDECIDED,
    Owed,
    cover,
    kept_until,
    overlapping,
    promise_actions,
)

RESCHEDULED = "rescheduled"


@dataclass(frozen=True, slots=True)
class MakePromise:
    """A promise as a person takes it down. Without items it is for the account as a whole.

    `items`: (instalment, amount or None); None covers the oldest due first. `amount_minor` None: all that is free.
    `made_on` is in the past when an old promise is entered later.
    """

    account_id: UUID
    currency: str
    promised_date: date
    amount_minor: int | None = None
    items: Sequence[tuple[UUID, int | None]] = ()
    grace_days: int | None = None
    made_on: date | None = None
    include_disputed: bool = False
    method: str | None = None
    contact_id: UUID | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Free:
    """What may still be promised of an account in one currency: by instalment, and of the account as a whole."""

    by_instalment: Mapping[UUID, Owed]
    total_minor: int


async def free_to_promise(
    session: ReadSession, account_id: UUID, currency: str, *, include_disputed: bool, without: Collection[UUID] = ()
) -> Free:
    """Open amounts less what is disputed and what other promises and plans (but those in `without`) expect."""
    rows = [row for row in await queries.open_instalments(session, [account_id]) if row["currency"] == currency]
    promised = await queries.promised_by_instalment(session, [account_id], without)
    disputed = {} if include_disputed else await queries.disputed_minor(session, [row["id"] for row in rows])
    free = {}
    for row in rows:
        minor = row["open_minor"] - disputed.get(row["id"], 0) - promised.get(row["id"], 0)
        free[row["id"]] = Owed(row["id"], row["due_date"], max(0, minor))
    whole = await queries.promised_by_account(session, account_id, currency, without)
    return Free(free, max(0, sum(owed.free_minor for owed in free.values()) - whole))


async def make_promise(session: WriteSession, command: MakePromise, *, today: date) -> UUID:
    """Take down a promise; returns its id. Money that came since `made_on` counts at once.

    Raises AccountUnknown, ContactUnknown, InstalmentUnknown, PromiseInvalid (dates), OverPromised.
    """
    account = await queries.lock_account(session, command.account_id)
    await queries.check_contact(session, command.account_id, command.contact_id)
    promise_id = await _write(session, command, today, collector_id=account["collector_id"])
    if command.made_on is not None and command.made_on < today:
        await session.flush()
        await evaluate_accounts(session, [command.account_id], today)
    return promise_id


async def _write(
    session: WriteSession,
    command: MakePromise,
    today: date,
    *,
    collector_id: UUID | None,
    former: Promise | None = None,
) -> UUID:
    made_on = command.made_on or today
    _check_dates(command, made_on, today)
    facts = await organization_facts(session)
    without = () if former is None or former.status not in UNDECIDED else (former.id,)
    free = await free_to_promise(
        session, command.account_id, command.currency, include_disputed=command.include_disputed, without=without
    )
    amount, items = _amounts(command, free)
    grace = _grace(command, facts.settings)
    promise_id = new_id()
    session.add(
        Promise(
            organization_id=session.organization_id,
            id=promise_id,
            account_id=command.account_id,
            scope="instalments" if items else "account",
            currency=command.currency,
            amount_minor=amount,
            made_on=made_on,
            promised_date=command.promised_date,
            grace_days=grace,
            kept_until=kept_until(command.promised_date, grace, facts.calendar),
            includes_disputed=command.include_disputed,
            reschedules_id=former.id if former else None,
            rescheduled_count=former.rescheduled_count + 1 if former else 0,
            method=command.method,
            contact_id=command.contact_id,
            collector_id=collector_id,
            taken_by_id=session.actor.id,
            taken_by=session.actor.name,
            note=command.note,
        )
    )
    await session.flush()
    for instalment_id, minor in items.items():
        session.add(
            PromiseItem(
                organization_id=session.organization_id,
                id=new_id(),
                promise_id=promise_id,
                instalment_id=instalment_id,
                amount_minor=minor,
            )
        )
    await session.flush()
    after: dict[str, object] = {"account_id": command.account_id, "amount_minor": amount}
    after |= {"currency": command.currency, "promised_date": command.promised_date, "status": "open"}
    if items:
        after["instalment_ids"] = [str(instalment_id) for instalment_id in items]
    if former is not None:
        after["reschedules_id"] = former.id
    record_change(session, ChangeRow("promise", promise_id, "promise.made", after=after, effective_date=made_on))
    return promise_id


def _check_dates(command: MakePromise, made_on: date, today: date) -> None:
    if made_on > today:
        raise PromiseInvalid("a promise cannot have been made in the future", pointer="/made_on")
    if command.promised_date < made_on:
        raise PromiseInvalid("the promised date is not before the promise", pointer="/promised_date")
    if command.promised_date > made_on + timedelta(days=AHEAD_DAYS_MAX):
        detail = f"a promise is for at most {AHEAD_DAYS_MAX} days ahead; make a payment plan"
        raise PromiseInvalid(detail, pointer="/promised_date")


def _grace(command: MakePromise, settings: Mapping[str, Any]) -> int:
    if command.grace_days is not None:
        return command.grace_days
    return grace_default(settings)


def grace_default(settings: Mapping[str, Any]) -> int:
    """Business days of grace: the organization's setting `promise_grace_days`, else GRACE_DAYS_DEFAULT."""
    value = settings.get("promise_grace_days")
    return value if isinstance(value, int) and 0 <= value <= 30 else GRACE_DAYS_DEFAULT


def _amounts(command: MakePromise, free: Free) -> tuple[int, dict[UUID, int]]:
    """The amount of the promise, and its parts by instalment (none for the account as a whole)."""
    if not command.items:
        amount = free.total_minor if command.amount_minor is None else command.amount_minor
        _check_total(amount, free.total_minor, command.currency)
        return amount, {}
    for index, (instalment_id, _) in enumerate(command.items):
        if instalment_id not in free.by_instalment:
            detail = "no open instalment of this account and currency has this id"
            raise InstalmentUnknown(detail, pointer=f"/instalments/{index}/instalment_id")
    if len({instalment_id for instalment_id, _ in command.items}) < len(command.items):
        raise PromiseInvalid("an instalment is named twice", pointer="/instalments")
    named = {instalment_id: minor for instalment_id, minor in command.items if minor is not None}
    over = overlapping(named, {key: owed.free_minor for key, owed in free.by_instalment.items()})
    if over:
        index = next(i for i, (instalment_id, _) in enumerate(command.items) if instalment_id in over)
        minor = free.by_instalment[command.items[index][0]].free_minor
        _refuse(f"/instalments/{index}/amount", minor, command.currency)
    rest = [free.by_instalment[instalment_id] for instalment_id, minor in command.items if minor is None]
    available = sum(named.values()) + sum(owed.free_minor for owed in rest)
    amount = available if command.amount_minor is None else command.amount_minor
    _check_total(amount, min(available, free.total_minor), command.currency)
    if amount < sum(named.values()) or (not rest and amount != sum(named.values())):
        raise PromiseInvalid("the amounts of the instalments do not sum to the promise", pointer="/amount")
    return amount, named | cover(amount - sum(named.values()), rest)


def _check_total(amount_minor: int, free_minor: int, currency: str) -> None:
    if amount_minor > free_minor or amount_minor <= 0:
        _refuse("/amount", free_minor, currency)


def _refuse(pointer: str, free_minor: int, currency: str) -> None:
    shown = to_text(free_minor, currency)
    raise OverPromised(f"only {shown} {currency} are open, undisputed and not yet promised", pointer=pointer,
                       available=shown)  # fmt: skip


async def _lock(session: WriteSession, promise_id: UUID, action: str, expected_version: int | None) -> Promise:
    found = await queries.get_promise(session, promise_id)
    await queries.lock_account(session, found.account_id)
    found = await queries.get_promise(session, promise_id)  # as it is now that nobody else decides it
    check_version(expected_version, found.version)
    if action not in promise_actions(found.status):
        raise PromiseClosed(f"the promise is {found.status}", status=found.status)
    return found


async def cancel_promise(
    session: WriteSession, promise_id: UUID, *, reason: str, today: date, expected_version: int | None = None
) -> None:
    """Take a promise back; its money is free for others. Raises PromiseNotFound, PromiseClosed, StaleVersion."""
    promise = await _lock(session, promise_id, "cancel", expected_version)
    _withdraw(session, promise, "promise.cancelled", reason, today)
    await session.flush()
    await evaluate_accounts(session, [promise.account_id], today)


def _withdraw(session: WriteSession, promise: Promise, event: str, reason: str, today: date) -> None:
    before = {"status": promise.status}
    promise.status, promise.withdrawn, promise.reason = "cancelled", True, reason
    promise.decided_on, promise.decided_at = today, RECORDED_NOW
    promise.version += 1
    promise.updated_at = RECORDED_NOW
    after = {"account_id": promise.account_id, "status": "cancelled", "kept_minor": promise.kept_minor}
    record_change(
        session,
        ChangeRow("promise", promise.id, event, before=before, after=after, effective_date=today, reason=reason),
    )


@dataclass(frozen=True, slots=True)
class Reschedule:
    """A new date for what is left of a promise, or for another amount."""

    promised_date: date
    amount_minor: int | None = None
    grace_days: int | None = None
    note: str | None = None
    reason: str | None = None
    expected_version: int | None = None


async def reschedule_promise(session: WriteSession, promise_id: UUID, command: Reschedule, *, today: date) -> UUID:
    """Replace a promise by a later one for the same items; returns the new id. A broken one stays broken.

    The amount is what is left of the old one unless given. Raises PromiseNotFound, PromiseClosed, StaleVersion,
    PromiseInvalid, OverPromised.
    """
    former = await _lock(session, promise_id, "reschedule", command.expected_version)
    if await queries.find_successor(session, promise_id) is not None:
        raise PromiseClosed("the promise was rescheduled already", status=former.status)
    account = await queries.lock_account(session, former.account_id)
    items = (await queries.items_of(session, "promise_items", [promise_id])).get(promise_id, [])
    still_open = [(row["instalment_id"], None) for row in items if row["open_minor"] > 0]
    if former.scope == "instalments" and not still_open:
        raise PromiseInvalid("nothing is open of the items of this promise")
    made = MakePromise(
        account_id=former.account_id,
        currency=former.currency,
        promised_date=command.promised_date,
        amount_minor=command.amount_minor or former.amount_minor - former.kept_minor,
        items=still_open if former.scope == "instalments" else (),
        grace_days=former.grace_days if command.grace_days is None else command.grace_days,
        include_disputed=former.includes_disputed,
        method=former.method,
        contact_id=former.contact_id,
        note=command.note,
    )
    new_promise_id = await _write(session, made, today, collector_id=account["collector_id"], former=former)
    if former.status in UNDECIDED:
        _withdraw(session, former, "promise.rescheduled", command.reason or RESCHEDULED, today)
        await session.flush()
    return new_promise_id
