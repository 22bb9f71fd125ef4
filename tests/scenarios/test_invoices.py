"""Stories of documents as a credit department tells them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.database import Actor, Database, WriteSession
from app.invoices.adjustments import RequestAdjustment, approve_adjustment, request_adjustment, reverse_adjustment
from app.invoices.due_dates import change_due_date
from app.invoices.rules import InstalmentCommand, IssueInvoice
from app.invoices.upsert import Upserted, upsert_invoices
from app.invoices.void import void_deleted
from app.ledger.close import close_period
from app.ledger.proof import prove
from app.ledger.two_times import snapshot_at
from app.payments.balances import instalment_balances_as_of
from app.payments.undo import undo_applications
from tests.conftest import RolledBackDatabase
from tests.control_account import assert_books_agree
from tests.factories import Tenant
from tests.receivables import pay, settle, value


def march(n: int) -> date:
    return date(2026, 3, n)


def april(n: int) -> date:
    return date(2026, 4, n)


@asynccontextmanager
async def at_work(database: Database, tenant: Tenant, actor: Actor | None = None) -> AsyncIterator[WriteSession]:
    """One step of the story in a transaction of its own; afterwards the books agree."""
    async with database.write(tenant.organization_id, actor or tenant.actor) as session:
        yield session
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await assert_books_agree(session, march(1), march(15), march(31), april(15))


async def send(database: Database, tenant: Tenant, command: IssueInvoice, today: date) -> Upserted:
    """The ERP's nightly extract."""
    async with at_work(database, tenant) as session:
        (result,) = await upsert_invoices(session, [command], today=today)
    if isinstance(result, DomainError):
        raise result
    return result


async def parts(database: Database, tenant: Tenant, invoice_id: UUID) -> list[UUID]:
    async with database.read(tenant.organization_id) as session:
        rows = await session.driver.fetch(
            "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = $2 ORDER BY ordinal",
            tenant.organization_id, invoice_id,
        )  # fmt: skip
    return [row["id"] for row in rows]


async def open_on(database: Database, tenant: Tenant, day: date, known_at: datetime | None = None) -> int:
    """All that customers owe on that day, as known then (or now)."""
    async with database.read(tenant.organization_id) as session:
        balances = await instalment_balances_as_of(session, day, known_at or datetime.now(UTC))
    return sum(balances.values())


def machine(tenant: Tenant) -> IssueInvoice:
    """A machine sold for 119,000.00, a third on order, the rest in two instalments."""
    due = (march(10), march(31), date(2026, 4, 30))
    shares = (3_966_667, 3_966_667, 3_966_666)
    return IssueInvoice(
        "invoice", "RE-2026-17", tenant.legal_entity_id, tenant.account_id, "EUR", 11_900_000, march(1),
        tax_minor=1_900_000, source="gp", external_id="17",
        instalments=tuple(InstalmentCommand(day, minor) for day, minor in zip(due, shares, strict=True)),
    )  # fmt: skip


async def test_a_machine_paid_in_parts_a_bounce_and_a_rest_that_is_written_off(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    made = await send(database, tenant, machine(tenant), march(1))
    first, second, third = await parts(database, tenant, made.id)
    async with at_work(database, tenant) as session:  # the first instalment is paid on time
        await settle(session, await pay(session, tenant, 3_966_667, march(9)), first, 3_966_667, march(9))
    async with at_work(database, tenant) as session:  # the second bounces three days later
        group = await settle(session, await pay(session, tenant, 3_966_667, march(30)), second, 3_966_667, march(30))
    async with at_work(database, tenant) as session:
        await undo_applications(session, group.group_id, april(2), "returned by the bank")
    assert await open_on(database, tenant, march(31)) == 3_966_666
    assert await open_on(database, tenant, april(2)) == 7_933_333
    async with at_work(database, tenant) as session:  # a later date is agreed for it
        await change_due_date(
            session, second, due_date=date(2026, 5, 15), effective_date=april(3), reason="agreed by phone"
        )
    async with at_work(database, tenant) as session:  # then the customer is insolvent
        asked = [
            await request_adjustment(
                session, RequestAdjustment(part, "write_off", minor, april(10), "insolvency", "quota of zero")
            )
            for part, minor in ((second, 3_966_667), (third, 3_966_666))
        ]
    assert await open_on(database, tenant, april(10)) == 7_933_333, "it waits for somebody else's approval"
    chief = Actor("user", new_id(), "Chief")
    async with at_work(database, tenant, chief) as session:
        for adjustment in asked:
            await approve_adjustment(session, adjustment, expected_version=1, note="see file 17")
    assert await open_on(database, tenant, april(10)) == 0
    async with at_work(database, tenant, chief) as session:  # against all hope a third comes back
        await reverse_adjustment(session, asked[1], effective_date=april(14), reason="the administrator pays")
    async with at_work(database, tenant) as session:
        await settle(session, await pay(session, tenant, 3_966_666, april(15)), third, 3_966_666, april(15))
    async with database.read(tenant.organization_id) as session:
        statuses = [await value(session, "instalments", part, "status") for part in (first, second, third)]
        assert statuses == ["settled", "written_off", "settled"]
    assert [await open_on(database, tenant, day) for day in (april(9), april(10), april(14), april(15))] == [
        7_933_333, 0, 3_966_666, 0,
    ]  # fmt: skip


async def test_an_erp_that_changes_its_mind_while_periods_close(database: RolledBackDatabase, tenant: Tenant) -> None:
    invoice = replace(machine(tenant), instalments=(), due_date=march(31))
    first = await send(database, tenant, invoice, march(1))
    assert (await send(database, tenant, invoice, march(2))).outcome == "unchanged"
    (part,) = await parts(database, tenant, first.id)
    async with at_work(database, tenant) as session:
        await settle(session, await pay(session, tenant, 2_000_000, march(20)), part, 2_000_000, march(20))
    before = datetime.now(UTC)
    async with database.write(tenant.organization_id, tenant.actor, exclusive_period=True) as session:
        await close_period(session, tenant.legal_entity_id, march(31), today=april(2))
    cheaper = replace(invoice, amount_minor=9_520_000, tax_minor=1_520_000)
    assert (await send(database, tenant, cheaper, march(31))).outcome == "corrected"
    assert await open_on(database, tenant, march(31)) == 9_900_000, "the closed month stays as it was"
    assert await open_on(database, tenant, april(1)) == 7_520_000
    with pytest.raises(DomainError) as refused:  # another customer cannot take over what is half paid
        await send(database, tenant, replace(cheaper, currency="USD"), april(3))
    assert refused.value.code == "invoice.has_applications"
    with pytest.raises(DomainError) as refused:
        async with at_work(database, tenant) as session:
            await void_deleted(session, "gp", "17", today=april(3))
    assert refused.value.code == "invoice.has_applications"
    async with snapshot_at(database, tenant.organization_id, march(31), before, datetime.now(UTC)) as (read, times):
        assert all(line.holds for line in (await prove(read, times)).lines)
    assert await open_on(database, tenant, march(31), before) == 9_900_000


async def test_the_wrong_customer_found_out_next_month(database: RolledBackDatabase, tenant: Tenant) -> None:
    invoice = replace(machine(tenant), instalments=(), due_date=march(31), accounting_date=march(5))
    first = await send(database, tenant, invoice, march(5))
    known = datetime.now(UTC)
    async with database.write(tenant.organization_id, tenant.actor, exclusive_period=True) as session:
        await close_period(session, tenant.legal_entity_id, march(31), today=april(2))
    other = new_id()
    async with at_work(database, tenant) as session:
        await session.driver.execute(
            "INSERT INTO accounts (organization_id, id, number, name, currency) VALUES ($1, $2, 'C-9', 'Other', 'EUR')",
            tenant.organization_id, other,
        )  # fmt: skip
    moved = replace(invoice, account_id=other)
    second = await send(database, tenant, moved, april(7))
    assert second.outcome == "reissued"
    async with database.read(tenant.organization_id) as session:
        assert await value(session, "invoices", first.id, "void_date") == april(1)
        assert await value(session, "invoices", second.id, "accounting_date") == april(1)
        assert await value(session, "invoices", second.id, "corrects_id") == first.id
    for day in (march(5), march(31), april(1), april(7)):
        assert await open_on(database, tenant, day) == 11_900_000, "owed once on every day"
    assert await open_on(database, tenant, april(7), known) == 11_900_000
    assert (await send(database, tenant, moved, april(8))).outcome == "unchanged"
