"""The ledger that a forecast is made from: what was known at the cut-off, and nothing that came later."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

import numpy as np

from app.core.ids import new_id
from app.forecasting.making.history import Book, load_book
from app.forecasting.model.interface import NEVER, day_of
from app.infra.database import Database, WriteSession
from app.payments.withdraw import ReversePayment, reverse_payment
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import add_account, credit, issue, pay, settle

AS_OF = date(2026, 3, 31)


async def _now(session: WriteSession) -> datetime:
    return datetime.fromisoformat(await session.driver.fetchval("SELECT current_setting('app.recorded_at')"))


async def load(database: Database, tenant: Tenant, as_of: date) -> Book:
    """The ledger as everybody knows it now."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        known_at = await _now(session)
    async with database.read(tenant.organization_id) as session:
        return await load_book(session, as_of, known_at)


async def _book(database: RolledBackDatabase, tenant: Tenant, as_of: date = AS_OF) -> Book:
    return await load(database, tenant, as_of)


def _rows(book: Book) -> list[tuple[int, int | None, int | None]]:
    """Amount, day of payment and day of leaving of each row; None where there is none."""
    ledger = book.ledger
    return sorted(
        (int(amount), None if paid == NEVER else int(paid), None if closed == NEVER else int(closed))
        for amount, paid, closed in zip(ledger.amount_minor, ledger.paid, ledger.closed, strict=True)
    )


async def test_money_makes_pieces_and_what_is_open_stays(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 1000_00, date(2026, 1, 10))
        await settle(session, await pay(session, tenant, 300_00, date(2026, 2, 9)), part, 300_00, date(2026, 2, 9))
        await settle(session, await pay(session, tenant, 200_00, date(2026, 3, 9)), part, 200_00, date(2026, 3, 10))
        _, paid = await issue(session, tenant, 400_00, date(2026, 1, 10))
        payment = await pay(session, tenant, 400_00, date(2026, 2, 20))
        await settle(session, payment, paid, 392_00, date(2026, 2, 20), write_off=8_00)
    book = await _book(database, tenant)
    assert _rows(book) == [
        (200_00, day_of(date(2026, 3, 9)), None),
        (300_00, day_of(date(2026, 2, 9)), None),
        (392_00, day_of(date(2026, 2, 20)), None),
        (492_00, None, None),
    ], "8.00 of the last payment were never applied: they are taken off what is open"
    assert book.instalments.ids == [part]
    assert book.counts["credits_taken_off_minor"] == {"EUR": 8_00}
    assert book.counts["open_minor"] == {"EUR": 492_00}


async def test_nothing_of_later_days_is_seen(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 500_00, date(2026, 3, 1))
        await settle(session, await pay(session, tenant, 500_00, date(2026, 4, 2)), part, 500_00, date(2026, 4, 2))
        await issue(session, tenant, 700_00, date(2026, 4, 1))
    assert _rows(await _book(database, tenant)) == [(500_00, None, None)]
    later = await _book(database, tenant, date(2026, 4, 2))
    assert _rows(later) == [(500_00, day_of(date(2026, 4, 2)), None), (700_00, None, None)]


async def test_what_was_recorded_later_is_not_seen(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 500_00, date(2026, 3, 1))
        known_at = await _now(session)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 700_00, date(2026, 3, 1))
    async with database.read(tenant.organization_id) as session:
        book = await load_book(session, AS_OF, known_at)
    assert _rows(book) == [(500_00, None, None)]


async def test_credited_is_left_without_payment(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 500_00, date(2026, 1, 1))
        memo = await credit(session, tenant, 500_00, date(2026, 2, 1))
        await settle(session, memo, part, 500_00, date(2026, 2, 3), credit_memo=True)
    assert _rows(await _book(database, tenant)) == [(500_00, None, day_of(date(2026, 2, 3)))]


async def test_open_credit_is_taken_off_the_oldest_item(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 300_00, date(2026, 1, 1))
        _, second = await issue(session, tenant, 500_00, date(2026, 2, 1))
        await credit(session, tenant, 350_00, date(2026, 3, 1))
        other = await add_account(session, "C-2")
        await issue(session, tenant, 100_00, date(2026, 1, 1), account_id=other)
    book = await _book(database, tenant)
    assert _rows(book) == [(100_00, None, None), (450_00, None, None)]
    assert second in [book.instalments.ids[place] for place in book.instalment_of_row]


async def test_a_reversed_payment_did_not_pay(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 500_00, date(2026, 1, 1))
        payment = await pay(session, tenant, 500_00, date(2026, 2, 1))
        await settle(session, payment, part, 500_00, date(2026, 2, 1))
        await reverse_payment(session, ReversePayment(payment, date(2026, 2, 10), "bounced"))
    assert _rows(await _book(database, tenant)) == [(500_00, None, None)]
    before = await _book(database, tenant, date(2026, 2, 5))
    assert _rows(before) == [(500_00, day_of(date(2026, 2, 1)), None)]


async def _dispute(session: WriteSession, tenant: Tenant, instalment: UUID, minor: int, on: date) -> None:
    key, reason, dispute = session.organization_id, new_id(), new_id()
    await session.driver.execute(
        "INSERT INTO dispute_reasons (organization_id, id, code, label, sla_business_days)"
        " VALUES ($1, $2, 'price', 'Price', 5)",
        key, reason,
    )  # fmt: skip
    await session.driver.execute(
        "INSERT INTO disputes (organization_id, id, number, account_id, legal_entity_id, currency, reason_id, origin,"
        " opened_on, opened_by, amount_minor, disputed_minor, sla_due_on)"
        " VALUES ($1, $2, 'D-1', $3, $4, 'EUR', $5, 'manual', $6, 'Ada', $7, $7, $6)",
        key, dispute, tenant.account_id, tenant.legal_entity_id, reason, on, minor,
    )  # fmt: skip
    await session.driver.execute(
        "INSERT INTO dispute_lines (organization_id, id, dispute_id, instalment_id, amount_minor,"
        " open_at_opening_minor, disputed_minor) VALUES ($1, $2, $3, $4, $5, $5, $5)",
        key, new_id(), dispute, instalment, minor,
    )  # fmt: skip


async def test_the_disputed_part_is_a_row_of_its_own(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 500_00, date(2026, 1, 1))
        await _dispute(session, tenant, part, 120_00, date(2026, 2, 1))
    book = await _book(database, tenant)
    disputed = {int(a): int(d) for a, d in zip(book.ledger.amount_minor, book.ledger.disputed_on, strict=True)}
    assert disputed == {120_00: day_of(date(2026, 2, 1)), 380_00: NEVER}
    assert set(book.instalment_of_row) == {0}
    assert _rows(await _book(database, tenant, date(2026, 1, 31))) == [(500_00, None, None)]


async def test_promises_of_an_item_and_of_the_account(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, first = await issue(session, tenant, 500_00, date(2026, 1, 1))
        _, second = await issue(session, tenant, 200_00, date(2026, 1, 15))
        await issue(session, tenant, 900_00, date(2026, 2, 15))
        for scope, minor, item in (("instalments", 500_00, first), ("account", 200_00, None)):
            promise = new_id()
            await session.driver.execute(
                "INSERT INTO promises (organization_id, id, account_id, scope, currency, amount_minor, made_on,"
                " promised_date, grace_days, kept_until, taken_by) VALUES ($1, $2, $3, $4, 'EUR', $5, $6, $7, 0, $7,"
                " 'Ada')",
                session.organization_id, promise, tenant.account_id, scope, minor, date(2026, 3, 1), date(2026, 4, 7),
            )  # fmt: skip
            if item is not None:
                await session.driver.execute(
                    "INSERT INTO promise_items (organization_id, id, promise_id, instalment_id, amount_minor)"
                    " VALUES ($1, $2, $3, $4, $5)",
                    session.organization_id, new_id(), promise, item, minor,
                )  # fmt: skip
    book = await _book(database, tenant)
    promised = {int(a): int(day) for a, day in zip(book.ledger.amount_minor, book.ledger.promised_on, strict=True)}
    april = day_of(date(2026, 4, 7))
    assert promised == {500_00: april, 200_00: april, 900_00: NEVER}
    assert book.counts["promised_by_account"] == 1
    assert second in book.instalments.ids


async def test_groups_and_currencies(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        other = await add_account(session, "C-2")
        await session.driver.execute(
            "UPDATE accounts SET segment = 'key' WHERE organization_id = $1 AND id = $2", session.organization_id, other
        )
        for day in range(40):
            await issue(session, tenant, 100_00, date(2026, 1, 1) + timedelta(days=day))
        await issue(session, tenant, 50_00, date(2026, 2, 1), account_id=other, currency="USD")
        await issue(session, tenant, 70_00, date(2026, 2, 1), account_id=other)
    book = await _book(database, tenant)
    assert len(book.ledger) == 42
    assert len(book.ledger.accounts) == 3, "one for each account, legal entity and currency"
    sums = {
        key: int(book.ledger.amount_minor[book.groups["segment"] == code].sum())
        for code, key in enumerate(book.keys["segment"])
    }
    assert sums == {("", "EUR"): 4000_00, ("key", "USD"): 50_00, ("key", "EUR"): 70_00}
    assert [book.currencies[code] for code in np.unique(book.currency_of_row)] == ["EUR", "USD"]
