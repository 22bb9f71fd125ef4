"""Closing periods: what is refused, what goes into the open period, and that nobody slips through meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.core.errors import DomainError
from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.constraints import Busy, refusal_of
from app.infra.database import Database, WriteSession, attempt
from app.invoices.adjustments import RequestAdjustment, request_adjustment, reverse_adjustment
from app.invoices.credit_memos import refund_credit_memo, void_credit_memo
from app.invoices.void import void_invoice
from app.ledger.close import close_period, reopen_period
from app.ledger.errors import PeriodClosed, PeriodClosedAlready, PeriodNotOver, PeriodOpenAlready
from app.ledger.kept_balances import ClosedBalances, keep_balances, keep_period_balances, sum_closed_period
from app.ledger.proof import Proof, prove
from app.ledger.two_times import snapshot_at
from app.payments.identify import ChangeAccount, change_account, identify_payment
from app.payments.undo import undo_applications
from app.payments.withdraw import (
    MarkNotReceivable,
    RefundPayment,
    ReversePayment,
    mark_not_receivable,
    refund_payment,
    reverse_payment,
)
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant, make_tenant
from tests.receivables import add_account, credit, issue, pay, settle, value

JAN_5, JAN_20, JAN_31 = date(2026, 1, 5), date(2026, 1, 20), date(2026, 1, 31)
FEB_1, FEB_10 = date(2026, 2, 1), date(2026, 2, 10)
TODAY = date(2026, 2, 15)


async def close(database: Database, tenant: Tenant, through: date, **more: Any) -> ClosedBalances | None:
    """Close, and keep the balances as the worker does soon afterwards."""
    async with database.write(tenant.organization_id, tenant.actor, exclusive_period=True) as session:
        close_id = await close_period(session, tenant.legal_entity_id, through, today=TODAY, **more)
    return await keep_period_balances(database, tenant.organization_id, close_id)


async def reopen(database: Database, tenant: Tenant, through: date | None) -> None:
    async with database.write(tenant.organization_id, tenant.actor, exclusive_period=True) as session:
        await reopen_period(session, tenant.legal_entity_id, through, reason="late facts")


async def proof(
    database: Database,
    tenant: Tenant,
    as_of: date | None = None,
    known_at: datetime | None = None,
    *,
    full: bool = False,
) -> Proof:
    now = datetime.now(UTC)
    async with snapshot_at(database, tenant.organization_id, as_of, known_at, now) as (session, times):
        return await prove(session, times, full=full, running=as_of is None)


class Undone(Exception):
    """The event went through; it is rolled back for the next one."""


async def refusals(session: WriteSession, events: dict[str, Callable[[], Awaitable[Any]]]) -> dict[str, str]:
    """What each event answers; each is undone."""
    found: dict[str, str] = {}
    for name, event in events.items():
        try:
            async with attempt(session):
                await event()
                raise Undone
        except DomainError as refusal:
            found[name] = refusal.code
        except Undone:
            found[name] = "done"
    return found


async def test_every_kind_of_event_is_refused_in_a_closed_period_and_done_in_the_open_one(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        untouched, _ = await issue(session, tenant, 5_000, JAN_5)
        _, part = await issue(session, tenant, 5_000, JAN_5)
        payment = await pay(session, tenant, 9_000, JAN_5)
        group = await settle(session, payment, part, 1_000, JAN_5)
        free = await pay(session, tenant, 700, JAN_5)
        unknown = await pay(session, tenant, 300, JAN_5, account_id=None)
        memo = await credit(session, tenant, 400, JAN_5)
        adjustment = await request_adjustment(session, RequestAdjustment(part, "write_off", 50, JAN_5, "uncollectable"))
        other = await add_account(session, "C-2")
    closed = await close(database, tenant, JAN_31)
    assert closed is not None
    assert closed.holds

    def events(session: WriteSession, on: date) -> dict[str, Callable[[], Awaitable[Any]]]:
        write_off = RequestAdjustment(part, "write_off", 10, on, "uncollectable")
        void_memo, refund_memo = {"effective_date": on, "reason": "x", "expected_version": None}, {"amount_minor": 5}
        return {
            "issue invoice": lambda: issue(session, tenant, 100, on),
            "issue credit memo": lambda: credit(session, tenant, 100, on),
            "record payment": lambda: pay(session, tenant, 100, on),
            "apply payment": lambda: settle(session, payment, part, 10, on),
            "apply credit memo": lambda: settle(session, memo, part, 10, on, credit_memo=True),
            "undo application": lambda: undo_applications(session, group.group_id, on, "wrong"),
            "identify": lambda: identify_payment(session, unknown, tenant.account_id, on),
            "move": lambda: change_account(session, ChangeAccount(free, other, on)),
            "refund": lambda: refund_payment(session, RefundPayment(payment, on, 10)),
            "not receivable": lambda: mark_not_receivable(session, MarkNotReceivable(unknown, on, "interest")),
            "reverse payment": lambda: reverse_payment(session, ReversePayment(payment, on, "returned")),
            "void invoice": lambda: void_invoice(session, untouched, effective_date=on, reason="x"),
            "void credit memo": lambda: void_credit_memo(session, memo, **void_memo),
            "refund credit memo": lambda: refund_credit_memo(session, memo, **void_memo, **refund_memo),
            "adjust": lambda: request_adjustment(session, write_off),
            "reverse adjustment": lambda: reverse_adjustment(session, adjustment, effective_date=on, reason="x"),
        }

    async with database.write(tenant.organization_id, tenant.actor) as session:
        early = await refusals(session, events(session, JAN_20))
        last_day = await refusals(session, events(session, JAN_31))
        first_open = await refusals(session, events(session, FEB_1))
    assert early == last_day == dict.fromkeys(early, PeriodClosed.code)
    assert first_open == dict.fromkeys(early, "done")


async def test_late_facts_are_dated_into_the_open_period_and_keep_their_true_date(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    await close(database, tenant, JAN_31)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        invoice, _ = await issue(session, tenant, 1_000, JAN_20, accounting_date=FEB_1)
        payment = await pay(session, tenant, 400, JAN_20, into_open_period=True)
        dates = [
            await value(session, "invoices", invoice, "invoice_date"),
            await value(session, "invoices", invoice, "accounting_date"),
            await value(session, "payments", payment, "value_date"),
            await value(session, "payments", payment, "accounting_date"),
        ]
    assert dates == [JAN_20, FEB_1, JAN_20, FEB_1]
    january, february = [await proof(database, tenant, day) for day in (JAN_31, FEB_1)]
    assert january.lines == () or january.lines[0].open_instalments == 0
    assert (february.lines[0].open_instalments, february.lines[0].unapplied, february.holds) == (1_000, 400, True)


async def test_closing_and_reopening_have_their_rules(database: RolledBackDatabase, tenant: Tenant) -> None:
    with pytest.raises(PeriodNotOver):
        await close(database, tenant, TODAY)
    with pytest.raises(PeriodOpenAlready):
        await reopen(database, tenant, None)
    await close(database, tenant, JAN_31, reason="month end")
    for day in (JAN_20, JAN_31):
        with pytest.raises(PeriodClosedAlready):
            await close(database, tenant, day)
        if day == JAN_31:
            with pytest.raises(PeriodOpenAlready):
                await reopen(database, tenant, day)
    await reopen(database, tenant, JAN_5)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 100, JAN_20)
        with pytest.raises(PeriodClosed):
            await issue(session, tenant, 100, JAN_5)
        rows = await session.driver.fetch("SELECT event, reason FROM change_log WHERE event LIKE 'period%' ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("period.closed", "month end"), ("period.balances_kept", None), ("period.reopened", "late facts"),
    ]  # fmt: skip


async def test_balances_are_kept_once_and_not_after_a_reopening(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 1_000, JAN_5)
    async with database.write(tenant.organization_id, tenant.actor, exclusive_period=True) as session:
        first = await close_period(session, tenant.legal_entity_id, JAN_20, today=TODAY)
        assert await session.driver.fetchval("SELECT count(*) FROM jobs") == 0  # written just before the commit
    async with database.write(tenant.organization_id, tenant.actor, exclusive_period=True) as session:
        second = await close_period(session, tenant.legal_entity_id, JAN_31, today=TODAY)
        owed = await session.driver.fetch("SELECT key FROM jobs WHERE kind = 'period_balances'")
    assert [row["key"] for row in owed] == [str(first)]
    assert (await proof(database, tenant, JAN_31)).stored_through == {}
    # The second is kept first: each close stands for itself.
    for close_id in (second, first):
        assert await keep_period_balances(database, tenant.organization_id, close_id) is not None
        assert await keep_period_balances(database, tenant.organization_id, close_id) is None
    kept = await proof(database, tenant, JAN_31)
    assert (list(kept.stored_through.values()), kept.holds) == ([JAN_31], True)
    await reopen(database, tenant, JAN_20)
    assert list((await proof(database, tenant, JAN_31)).stored_through.values()) == [JAN_20]
    assert await keep_period_balances(database, tenant.organization_id, second) is None

    async with database.write(tenant.organization_id, tenant.actor, exclusive_period=True) as session:
        third = await close_period(session, tenant.legal_entity_id, JAN_31, today=TODAY)
    async with database.read(tenant.organization_id, snapshot=True) as read:
        summed = await sum_closed_period(read, third)
    assert summed is not None
    await reopen(database, tenant, JAN_5)  # between the sum and the keeping
    async with database.write(tenant.organization_id, tenant.actor) as session:
        assert not await keep_balances(session, summed)


async def test_whoever_closes_must_be_alone(session: WriteSession, tenant: Tenant) -> None:
    with pytest.raises(RuntimeError, match="exclusive_period"):
        await close_period(session, tenant.legal_entity_id, JAN_31, today=TODAY)


async def test_the_same_two_times_give_the_same_cents_for_ever(committed: Database) -> None:
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 8_000, JAN_5)
        payment = await pay(session, tenant, 5_000, JAN_20)
        await settle(session, payment, part, 3_000, JAN_20)
        unknown = await pay(session, tenant, 250, JAN_20, account_id=None)
    known_at = datetime.now(UTC)
    await asyncio.sleep(0.01)
    days = [JAN_5, JAN_20, JAN_31, FEB_10]
    before = [(await proof(committed, tenant, day, known_at)).lines for day in days]

    async with committed.write(tenant.organization_id, tenant.actor) as session:  # backdated
        await issue(session, tenant, 99, JAN_5)
        await settle(session, payment, part, 500, JAN_20)
        await identify_payment(session, unknown, tenant.account_id, JAN_20)
        await credit(session, tenant, 40, JAN_5)
    await close(committed, tenant, JAN_31)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await reverse_payment(session, ReversePayment(payment, FEB_1, "returned"))
    later = datetime.now(UTC)
    await asyncio.sleep(0.01)
    now = [(await proof(committed, tenant, day, later)).lines for day in days]
    await reopen(committed, tenant, JAN_5)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 1, JAN_20)

    for day, old, new in zip(days, before, now, strict=True):
        for full in (False, True):
            assert (await proof(committed, tenant, day, known_at, full=full)).lines == old
            assert (await proof(committed, tenant, day, later, full=full)).lines == new
        assert all(line.holds for line in (*old, *new))
        assert old != new
    present = await proof(committed, tenant, full=True)
    assert present.holds


async def test_nothing_slips_through_a_close_while_writers_are_busy(committed: Database) -> None:
    """Writers post into January while it is closed day by day: each is done before a close, or refused."""
    tenant = await make_tenant(committed)
    accepted: list[int] = []
    refused: list[int] = []
    stop = asyncio.Event()

    async def post_into_january(writer: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            on = JAN_5 + timedelta(days=(turn * 7 + writer) % 27)
            try:
                async with committed.write(tenant.organization_id, tenant.actor) as session:
                    await issue(session, tenant, 100 + writer, on)
                    await asyncio.sleep(0.002)  # checked, not yet committed
                    payment = await pay(session, tenant, 30, on)
                    del payment
                accepted.append(writer)
            except PeriodClosed:
                refused.append(writer)

    writers = [asyncio.create_task(post_into_january(n)) for n in range(6)]
    closes = []
    for day in range(4, 31, 2):
        await asyncio.sleep(0.03)
        attempts = await asyncio.gather(
            *(close(committed, tenant, date(2026, 1, day)) for _ in range(2)), return_exceptions=True
        )
        closes += [found for found in attempts if not isinstance(found, BaseException)]
        assert [type(found) for found in attempts if isinstance(found, BaseException)] == [PeriodClosedAlready]
    stop.set()
    await asyncio.gather(*writers)
    assert len(closes) == 14
    assert len(accepted) > 20
    assert refused
    async with committed.read(tenant.organization_id) as session:
        late = await session.driver.fetchval(
            "SELECT count(*) FROM transfers t JOIN period_closes c USING (organization_id, legal_entity_id)"
            " WHERE t.effective_date <= c.closed_through AND t.recorded_at >= c.recorded_at"
        )
    assert late == 0
    quick, full = await proof(committed, tenant), await proof(committed, tenant, full=True)
    assert quick.lines == full.lines
    assert quick.holds
    assert full.holds
    assert list(quick.stored_through.values()) == [date(2026, 1, 30)]
    assert quick.lines[0].unapplied == 30 * len(accepted)


async def test_a_close_that_waits_in_vain_leaves_its_connection_clean(owner_url: str) -> None:
    settings = DatabaseSettings(driver_url(owner_url), APP_ROLE, pool_size=1, lock_timeout_seconds=1)
    impatient, busy = Database.connect(settings), Database.connect(settings)
    try:
        tenant = await make_tenant(busy)
        async with busy.write(tenant.organization_id, tenant.actor) as writer:
            with pytest.raises(Exception, match="lock timeout") as failed:
                await close(impatient, tenant, JAN_31)
            assert isinstance(refusal_of(failed.value), Busy)
            await issue(writer, tenant, 100, JAN_20)
        await close(impatient, tenant, JAN_31)
        with pytest.raises(PeriodClosed):
            async with impatient.write(tenant.organization_id, tenant.actor) as session:
                await issue(session, tenant, 100, JAN_20)
    finally:
        await impatient.close()
        await busy.close()
