"""Rivals with real commits: nothing is over-applied, undone twice or left on one side only, and nobody deadlocks."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date
from uuid import UUID

import pytest

from app.core.errors import DomainError
from app.infra.database import Database, WriteSession
from app.payments.apply import apply, apply_many
from app.payments.identify import ChangeAccount, change_account
from app.payments.record import RecordPayment, record_payments
from app.payments.types import Apply, ApplyLine, Source
from app.payments.undo import undo_applications
from app.payments.withdraw import RefundPayment, ReversePayment, refund_payment, reverse_payment
from tests.factories import Tenant, make_tenant
from tests.receivables import credit, issue, pay

TASKS = 8
MARCH, LATER = date(2026, 3, 1), date(2026, 3, 2)
_WRONG = """
SELECT (SELECT count(*) FROM instalments WHERE open_minor < 0)
     + (SELECT count(*) FROM payments WHERE unapplied_minor < 0)
     + (SELECT count(*) FROM instalments i WHERE applied_minor <> (
            SELECT coalesce(sum(amount_minor), 0) FROM applications a WHERE a.instalment_id = i.id))
     + (SELECT count(*) FROM payments p WHERE applied_minor <> (
            SELECT coalesce(sum(source_amount_minor), 0) FROM applications a WHERE a.payment_id = p.id))
     + (SELECT count(*) FROM credit_memos c WHERE applied_minor <> (
            SELECT coalesce(sum(source_amount_minor), 0) FROM applications a WHERE a.credit_memo_id = c.id))
"""
_CONTROL = """
SELECT coalesce((SELECT sum(open_minor) FROM instalments), 0) - coalesce((SELECT sum(open_minor) FROM credit_memos), 0)
     - coalesce((SELECT sum(unapplied_minor) FROM payments), 0) - coalesce((
    SELECT sum(CASE WHEN debit_account IN ('receivables', 'unapplied_cash', 'unidentified_cash')
                    THEN amount_minor ELSE 0 END
             - CASE WHEN credit_account IN ('receivables', 'unapplied_cash', 'unidentified_cash')
                    THEN amount_minor ELSE 0 END) FROM transfers), 0)
"""


@pytest.fixture
async def shop(committed: Database) -> Tenant:
    return await make_tenant(committed)


async def rivals(
    database: Database, tenant: Tenant, works: list[Callable[[WriteSession], Awaitable[object]]]
) -> Counter[str]:
    """Run every work in a transaction of its own, all at once; count what became of them."""
    outcomes: Counter[str] = Counter()

    async def run(work: Callable[[WriteSession], Awaitable[object]]) -> None:
        try:
            async with database.write(tenant.organization_id, tenant.actor) as session:
                await work(session)
            outcomes["done"] += 1
        except DomainError as refusal:
            outcomes[refusal.code] += 1

    await asyncio.wait_for(asyncio.gather(*(run(work) for work in works)), 60)
    return outcomes


async def check(database: Database, tenant: Tenant) -> None:
    async with database.read(tenant.organization_id) as session:
        assert await session.driver.fetchval(_WRONG) == 0
        assert await session.driver.fetchval(_CONTROL) == 0


def applying(payment: UUID, *lines: tuple[UUID, int]) -> Callable[[WriteSession], Awaitable[object]]:
    command = Apply(Source("payment", payment), tuple(ApplyLine(*line) for line in lines), LATER)
    return lambda session: apply(session, command)


async def test_a_hot_instalment_takes_only_what_it_has_open(committed: Database, shop: Tenant) -> None:
    async with committed.write(shop.organization_id, shop.actor) as session:
        _, hot = await issue(session, shop, 500, MARCH)
        payments = [await pay(session, shop, 100, MARCH) for _ in range(TASKS)]
    outcomes = await rivals(committed, shop, [applying(payment, (hot, 100)) for payment in payments])
    assert outcomes == {"done": 5, "instalment.over_applied": 3}
    await check(committed, shop)


async def test_one_payment_is_spent_once(committed: Database, shop: Tenant) -> None:
    async with committed.write(shop.organization_id, shop.actor) as session:
        payment = await pay(session, shop, 300, MARCH)
        owed = [(await issue(session, shop, 100, MARCH))[1] for _ in range(TASKS)]
    outcomes = await rivals(committed, shop, [applying(payment, (instalment, 100)) for instalment in owed])
    assert outcomes == {"done": 3, "payment.over_applied": 5}
    await check(committed, shop)


async def test_a_group_is_undone_once(committed: Database, shop: Tenant) -> None:
    async with committed.write(shop.organization_id, shop.actor) as session:
        _, instalment = await issue(session, shop, 100, MARCH)
        payment = await pay(session, shop, 100, MARCH)
        command = Apply(Source("payment", payment), (ApplyLine(instalment, 100),), LATER)
        group = (await apply(session, command)).group_id
    undo: Callable[[WriteSession], Awaitable[object]] = lambda s: undo_applications(s, group, LATER, "wrong")  # noqa: E731
    reverse: Callable[[WriteSession], Awaitable[object]] = lambda s: reverse_payment(  # noqa: E731
        s, ReversePayment(payment, LATER, "bounced")
    )
    outcomes = await rivals(committed, shop, [undo, reverse] * 4)
    assert outcomes["done"] in (1, 2)  # the reversal, and the undo when it came first
    assert outcomes["done"] + outcomes["application.already_reversed"] + outcomes["payment.withdrawn"] == 8
    await check(committed, shop)


async def test_applying_refunding_and_moving_the_same_money_exclude_each_other(
    committed: Database, shop: Tenant
) -> None:
    async with committed.write(shop.organization_id, shop.actor) as session:
        _, instalment = await issue(session, shop, 1_000, MARCH)
        payment = await pay(session, shop, 100, MARCH)
    works = [
        applying(payment, (instalment, 100)),
        lambda session: refund_payment(session, RefundPayment(payment, LATER, 100)),
        lambda session: change_account(session, ChangeAccount(payment, None, LATER)),
        lambda session: reverse_payment(session, ReversePayment(payment, LATER, "bounced")),
    ] * 2
    outcomes = await rivals(committed, shop, works)
    assert outcomes["done"] >= 1
    await check(committed, shop)


async def test_what_waited_is_recorded_after_what_it_waited_for(committed: Database, shop: Tenant) -> None:
    """A writer that began before an undo, and then spends what the undo gave back, is recorded after it."""
    async with committed.write(shop.organization_id, shop.actor) as session:
        _, instalment = await issue(session, shop, 100, MARCH)
        first, second = await pay(session, shop, 100, MARCH), await pay(session, shop, 100, MARCH)
        command = Apply(Source("payment", first), (ApplyLine(instalment, 100),), LATER)
        group = (await apply(session, command)).group_id
    async with committed.write(shop.organization_id, shop.actor) as early:
        async with committed.write(shop.organization_id, shop.actor) as session:
            await undo_applications(session, group, LATER, "wrong")
        await applying(second, (instalment, 100))(early)
    async with committed.read(shop.organization_id) as session:
        rows = await session.driver.fetch("SELECT amount_minor, recorded_at FROM applications ORDER BY recorded_at")
        booked = await session.driver.fetch("SELECT DISTINCT recorded_at FROM transfers ORDER BY 1 DESC LIMIT 1")
    assert [row["amount_minor"] for row in rows] == [100, -100, 100]
    assert rows[2]["recorded_at"] > rows[1]["recorded_at"]
    assert booked[0]["recorded_at"] == rows[2]["recorded_at"]
    await check(committed, shop)


async def test_groups_that_cross_do_not_deadlock(committed: Database, shop: Tenant) -> None:
    """Payments, credit memos and instalments in every order, one by one and in batches, with undos between."""
    async with committed.write(shop.organization_id, shop.actor) as session:
        owed = [(await issue(session, shop, 2_000, MARCH))[1] for _ in range(4)]
        sources = [Source("payment", await pay(session, shop, 3_000, MARCH)) for _ in range(4)]
        sources += [Source("credit_memo", await credit(session, shop, 500, MARCH)) for _ in range(2)]
    dice = random.Random(1)

    def command() -> Apply:
        lines = tuple(ApplyLine(instalment, 10) for instalment in dice.sample(owed, 3))
        return Apply(dice.choice(sources), lines, LATER)

    async def batch(session: WriteSession) -> None:
        results = await apply_many(session, [command() for _ in range(5)])
        groups = [result.group_id for result in results if not isinstance(result, DomainError)]
        if dice.random() < 0.3:
            await undo_applications(session, groups[0], LATER, "wrong")

    for _ in range(5):
        outcomes = await rivals(committed, shop, [batch] * TASKS)
        assert set(outcomes) == {"done"}, outcomes
        await check(committed, shop)


async def test_a_bank_entry_is_recorded_once(committed: Database, shop: Tenant) -> None:
    commands = [
        RecordPayment(
            100, "EUR", MARCH, bank_account_id=shop.bank_account_id, bank_entry_identity=f"{shop.organization_id}{n}"
        )
        for n in range(20)
    ]
    recorded: list[int] = []

    async def record(session: WriteSession) -> None:
        results = await record_payments(session, dice.sample(commands, len(commands)))
        recorded.append(sum(not isinstance(result, DomainError) for result in results))

    dice = random.Random(2)
    for _ in range(3):
        await rivals(committed, shop, [record] * 4)
    async with committed.read(shop.organization_id) as session:
        assert await session.driver.fetchval("SELECT count(*) FROM payments") == 20
    assert sum(recorded) == 20
    await check(committed, shop)
