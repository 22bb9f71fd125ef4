"""Random histories of payments against a model that knows nothing but signed amounts and days.

Every step is tried on the service and on the model: both accept it or both refuse it. Then balances as of every day,
as known after every step, must be the model's; the journal must carry the same sums; nothing is ever below zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import DomainError
from app.infra.database import WriteSession
from app.ledger.proof import prove
from app.ledger.two_times import Times
from app.payments.apply import apply
from app.payments.balances import instalment_balances_as_of, payment_balances_as_of, unapplied_as_of
from app.payments.identify import ChangeAccount, change_account
from app.payments.types import Apply, ApplyLine, Source
from app.payments.undo import undo_applications
from app.payments.withdraw import RefundPayment, ReversePayment, refund_payment, reverse_payment
from tests.conftest import RolledBackDatabase
from tests.factories import make_tenant
from tests.receivables import add_account, issue, ledger_balances, pay

START = date(2026, 3, 1)
DAYS = 12  # few days, so that dates collide
STEPS = ("apply", "apply", "apply", "apply_two", "undo", "undo", "undo", "refund", "reverse", "move", "move",
         "invoice", "payment")  # fmt: skip
FIRST = (  # documents that every history starts with
    ("invoice", 0, 0, 20, 0, None), ("invoice", 0, 0, 9, 0, None), ("payment", 0, 0, 20, 0, 0),
    ("payment", 0, 0, 10, 1, 0), ("payment", 0, 0, 12, 0, None),
)  # fmt: skip
Event = tuple[int, int]  # day, signed amount


@dataclass
class Document:
    """Signed events of one payment or instalment."""

    events: list[Event]
    since: int  # no event before this day
    account: int | None = None
    accounts: list[tuple[int, int | None]] = field(default_factory=list)
    withdrawn: bool = False

    def at(self, day: int) -> int:
        return sum(minor for when, minor in self.events if when <= day)

    def can_lose(self, minor: int, day: int) -> bool:
        """True when no day from then on would be below zero."""
        return day >= self.since and all(self.at(when) >= minor for when in range(day, DAYS + 1))

    @property
    def last_day(self) -> int:
        return max(when for when, _ in self.events)


@dataclass
class Group:
    payment: int
    lines: list[tuple[int, int]]
    day: int
    undone: bool = False


@dataclass
class Model:
    """The independent bookkeeping. Each method answers whether the step is allowed, and does it."""

    payments: list[Document] = field(default_factory=list)
    instalments: list[Document] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    def apply(self, payment: int, lines: list[tuple[int, int]], day: int) -> bool:
        source = self.payments[payment]
        total = sum(minor for _, minor in lines)
        allowed = (
            source.account == 0  # all instalments are the first account's
            and len({instalment for instalment, _ in lines}) == len(lines)
            and source.can_lose(total, day)
            and all(self.instalments[instalment].can_lose(minor, day) for instalment, minor in lines)
        )
        if allowed:
            source.events.append((day, -total))
            for instalment, minor in lines:
                self.instalments[instalment].events.append((day, -minor))
            self.groups.append(Group(payment, lines, day))
        return allowed

    def undo(self, group: Group, day: int) -> bool:
        if group.undone or day < group.day:
            return False
        group.undone = True
        for instalment, minor in group.lines:
            self.instalments[instalment].events.append((day, minor))
            self.payments[group.payment].events.append((day, minor))
        return True

    def refund(self, payment: int, minor: int, day: int) -> bool:
        source = self.payments[payment]
        if not source.can_lose(minor, day):
            return False
        source.events.append((day, -minor))
        source.withdrawn = True
        return True

    def reverse(self, payment: int, day: int) -> bool:
        source = self.payments[payment]
        live = [group for group in self.groups if group.payment == payment and not group.undone]
        if source.withdrawn or day < source.since or any(day < group.day for group in live):
            return False
        amount = source.events[0][1]
        back = sum(minor for group in live for _, minor in group.lines)
        if any(source.at(when) + back < amount for when in range(day, DAYS + 1)):
            return False
        for group in live:
            assert self.undo(group, day)
        source.events.append((day, -amount))
        source.withdrawn = True
        return True

    def move(self, payment: int, account: int | None, day: int) -> bool:
        source = self.payments[payment]
        live = any(group.payment == payment and not group.undone for group in self.groups)
        left = source.at(DAYS)
        if live or left == 0 or account == source.account or day < max(source.since, source.last_day):
            return False
        source.account, source.since = account, day
        source.accounts.append((day, account))
        return True

    def balances(self, day: int) -> tuple[dict[int, tuple[int | None, int]], dict[int, int]]:
        """Account and balance of each payment, open amount of each instalment, at the end of a day."""
        payments = {
            index: (next((a for since, a in reversed(p.accounts) if since <= day), None), p.at(day))
            for index, p in enumerate(self.payments)
            if p.events[0][0] <= day
        }
        instalments = {index: i.at(day) for index, i in enumerate(self.instalments) if i.events[0][0] <= day}
        return payments, instalments


def on(day: int) -> date:
    return START + timedelta(days=day)


@dataclass
class World:
    """The service's side of the same documents."""

    tenant: Any
    accounts: list[UUID]
    payments: list[UUID] = field(default_factory=list)
    instalments: list[UUID] = field(default_factory=list)
    groups: list[UUID] = field(default_factory=list)

    def account(self, index: int | None) -> UUID | None:
        return None if index is None else self.accounts[index]


step = st.tuples(
    st.sampled_from(STEPS), st.integers(0, 7), st.integers(0, 7), st.integers(1, 12), st.integers(0, DAYS - 1),
    st.sampled_from((0, 0, 0, 1, None)),
)  # fmt: skip


async def take(
    name: str, x: int, y: int, minor: int, day: int, account: int | None, model: Model, world: World,
    session: WriteSession,
) -> bool:  # fmt: skip
    """One step on both; answers whether the model allowed it. Raises DomainError when the service refuses."""
    if name == "invoice" or not model.instalments:
        _, instalment = await issue(session, world.tenant, minor, on(day))
        world.instalments.append(instalment)
        model.instalments.append(Document([(day, minor)], day))
        return True
    if name == "payment" or not model.payments:
        world.payments.append(await pay(session, world.tenant, minor, on(day), account_id=world.account(account)))
        model.payments.append(Document([(day, minor)], day, account, [(day, account)]))
        return True
    p, i = x % len(model.payments), y % len(model.instalments)
    payment = world.payments[p]
    if name in ("apply", "apply_two"):
        lines = [(i, minor)]
        if name == "apply_two":
            lines.append(((i + 1) % len(model.instalments), 1 + x))
        allowed = model.apply(p, lines, day)
        asked = tuple(ApplyLine(world.instalments[index], amount) for index, amount in lines)
        group = await apply(session, Apply(Source("payment", payment), asked, on(day)))
        world.groups.append(group.group_id)
        return allowed
    if name == "undo":
        if not model.groups:
            return True
        g = y % len(model.groups)
        allowed = model.undo(model.groups[g], day)
        await undo_applications(session, world.groups[g], on(day), "wrong")
        return allowed
    if name == "refund":
        allowed = model.refund(p, minor, day)
        await refund_payment(session, RefundPayment(payment, on(day), minor))
    elif name == "reverse":
        allowed = model.reverse(p, day)
        await reverse_payment(session, ReversePayment(payment, on(day), "bounced"))
    else:
        allowed = model.move(p, account, day)
        await change_account(session, ChangeAccount(payment, world.account(account), on(day)))
    return allowed


async def compare(session: WriteSession, model: Model, world: World, day: int, known_at: datetime) -> dict[str, int]:
    """The service's balances as of a day equal the model's; answers the sums for the journal."""
    payments, instalments = model.balances(day)
    found = await payment_balances_as_of(session, on(day), known_at)
    assert found == {world.payments[p]: (world.account(a), minor) for p, (a, minor) in payments.items()}
    assert await instalment_balances_as_of(session, on(day), known_at) == {
        world.instalments[i]: minor for i, minor in instalments.items()
    }
    assert all(minor >= 0 for _, minor in payments.values())
    assert all(minor >= 0 for minor in instalments.values())
    sums = {
        "unapplied_cash": sum(minor for account, minor in payments.values() if account is not None),
        "unidentified_cash": sum(minor for account, minor in payments.values() if account is None),
    }
    reported = {row.measure: row.minor for row in await unapplied_as_of(session, on(day), known_at)}
    assert reported == {name: minor for name, minor in sums.items() if minor}
    return {"receivables": sum(instalments.values()), **{name: -minor for name, minor in sums.items()}}


async def check_journal(session: WriteSession, model: Model, world: World, known_at: datetime) -> None:
    """As known now: control accounts carry the subledger on every day; the running columns carry it at the end."""
    for day in range(DAYS):
        expected = await compare(session, model, world, day, known_at)
        ledger = await ledger_balances(session, on(day))
        control = {name: ledger.get((name, "EUR"), 0) for name in expected}
        assert control == expected, day
        for full in (False, True):
            assert (await prove(session, Times(on(day)), full=full, running=day == DAYS - 1)).holds, (day, full)
    rows = await session.driver.fetch("SELECT id, unapplied_minor, account_id FROM payments")
    assert {row["id"]: (row["account_id"], row["unapplied_minor"]) for row in rows} == {
        world.payments[p]: (world.account(a), minor) for p, (a, minor) in model.balances(DAYS)[0].items()
    }
    rows = await session.driver.fetch("SELECT id, open_minor FROM instalments")
    assert {row["id"]: row["open_minor"] for row in rows} == {
        world.instalments[i]: minor for i, minor in model.balances(DAYS)[1].items()
    }


@given(
    steps=st.lists(step, min_size=14, max_size=40), probes=st.lists(st.integers(0, DAYS - 1), min_size=3, max_size=3)
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_every_history_balances_on_every_day(
    database: RolledBackDatabase, steps: list[tuple[Any, ...]], probes: list[int]
) -> None:
    tenant = await make_tenant(database)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        world = World(tenant, [tenant.account_id, await add_account(session, "C-2")])
    model = Model()
    remembered: list[tuple[datetime, list[Any]]] = []
    for taken in (*FIRST, *steps):
        allowed, refusal = True, None
        before = repr(model)
        try:
            async with database.write(tenant.organization_id, tenant.actor) as session:
                allowed = await take(*taken, model, world, session)
        except DomainError as error:
            refusal = error
        if refusal is not None:
            assert repr(model) == before, (taken, refusal.code)  # the model did not allow it either
        assert allowed or refusal, (taken, "the service allowed it")
        async with database.write(tenant.organization_id, tenant.actor) as session:
            now = await session.driver.fetchval("SELECT clock_timestamp()")
        remembered.append((now, [model.balances(day) for day in probes]))
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await check_journal(session, model, world, remembered[-1][0])
        for known_at, balances in remembered[:-1]:
            for day, (payments, instalments) in zip(probes, balances, strict=True):
                found = await payment_balances_as_of(session, on(day), known_at)
                assert found == {world.payments[p]: (world.account(a), m) for p, (a, m) in payments.items()}
                opens = await instalment_balances_as_of(session, on(day), known_at)
                assert opens == {world.instalments[i]: m for i, m in instalments.items()}
