"""Timeline and worklist from rows: what happened stands there once, and who needs work stands in the right place."""

from __future__ import annotations

import ast
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.desk import queries
from app.desk.queries import TimelineFilter, WorklistFilter
from app.desk.signals import SIGNAL_QUERIES
from app.desk.timeline_events import ACCOUNT_TABLES, KIND_OF_PREFIX, NOT_SHOWN, TIMELINE_EVENTS, kind_of
from app.desk.worklist import refresh_accounts, snooze
from app.infra.database import SYSTEM, Database
from app.infra.reactions import react
from app.infra.seal import seal
from app.invoices.void import void_invoice
from app.payments.withdraw import ReversePayment, reverse_payment
from tests.architecture.source_tree import service_modules
from tests.factories import Tenant, make_tenant
from tests.receivables import add_account, issue, pay, settle
from workers.desk import SUBSCRIBERS

TODAY = date(2026, 3, 16)


@pytest.fixture
async def tenant(committed: Database) -> Tenant:
    return await make_tenant(committed)


async def follow(database: Database, tenant: Tenant) -> None:
    """What the workers do after a commit: seal, then let the subscribers of the desk read on."""
    await seal(database, tenant.organization_id)
    for subscriber in SUBSCRIBERS:
        more = True
        while more:
            async with database.write(tenant.organization_id, SYSTEM) as session:
                more = await react(session, subscriber, limit=3)


async def timeline(database: Database, tenant: Tenant, account_id: UUID, **wanted: Any) -> list[str]:
    async with database.read(tenant.organization_id) as session:
        statement = queries.timeline_statement(tenant.organization_id, account_id, TimelineFilter(**wanted))
        rows = (await session.execute(statement)).scalars().all()
    return [row.event for row in sorted(rows, key=lambda row: row.position)]


async def worklist(database: Database, tenant: Tenant, **wanted: Any) -> dict[UUID, Any]:
    async with database.read(tenant.organization_id) as session:
        statement = queries.worklist_statement(tenant.organization_id, WorklistFilter(**wanted), TODAY)
        return {row[0].id: row[0] for row in (await session.execute(statement)).all()}


async def test_money_of_a_group_stands_on_both_timelines_once(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        child = await add_account(session, "CHILD", parent_id=tenant.account_id)
        _, instalment = await issue(session, tenant, 10_000, date(2026, 1, 5), account_id=child)
        payment = await pay(session, tenant, 10_000, date(2026, 2, 10))
        await settle(session, payment, instalment, 10_000, date(2026, 2, 10))
    await follow(committed, tenant)
    await follow(committed, tenant)  # repeated: nothing twice
    assert await timeline(committed, tenant, tenant.account_id) == ["payment.recorded", "application.created"]
    assert await timeline(committed, tenant, child) == ["application.created"]
    assert await timeline(committed, tenant, tenant.account_id, kinds=("payment",)) == ["payment.recorded"]


async def test_a_bounced_payment_and_a_void_stand_on_the_timeline_in_order(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        invoice, instalment = await issue(session, tenant, 10_000, date(2026, 1, 5))
        payment = await pay(session, tenant, 10_000, date(2026, 2, 10))
        await settle(session, payment, instalment, 10_000, date(2026, 2, 10))
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await reverse_payment(session, ReversePayment(payment, date(2026, 2, 14), "returned by the bank"))
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await void_invoice(session, invoice, effective_date=date(2026, 2, 20), reason="issued twice")
    await follow(committed, tenant)
    events = await timeline(committed, tenant, tenant.account_id)
    assert events[:2] == ["payment.recorded", "application.created"]
    assert set(events[2:-1]) == {"application.reversed", "payment.reversed"}
    assert events[-1] == "invoice.voided"


async def test_the_worklist_follows_the_money(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        other = await add_account(session, "OTHER")
        _, small = await issue(session, tenant, 10_000, date(2026, 1, 5))
        await issue(session, tenant, 90_000, date(2026, 1, 5), account_id=other)
        third = await add_account(session, "NOT-DUE")
        await issue(session, tenant, 90_000, date(2026, 3, 10), account_id=third)
        assert await refresh_accounts(session, [tenant.account_id, other, third], TODAY) == 2
    found = await worklist(committed, tenant)
    assert set(found) == {tenant.account_id, other}
    assert found[other].score_minor > found[tenant.account_id].score_minor
    assert found[other].overdue_minor == 90_000
    assert found[other].days_late == 40
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        payment = await pay(session, tenant, 10_000, date(2026, 3, 12))
        await settle(session, payment, small, 10_000, date(2026, 3, 12))
        assert await refresh_accounts(session, [tenant.account_id], TODAY) == 0
    assert set(await worklist(committed, tenant)) == {other}


async def test_a_good_payer_with_the_same_debt_is_expected_to_bring_more(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        good, bad = [await add_account(session, number) for number in ("GOOD", "BAD")]
        for month in range(1, 11):
            day = date(2025, month, 1)
            _, paid = await issue(session, tenant, 1_000, day, account_id=good)
            await issue(session, tenant, 1_000, day, account_id=bad)
            on = day + timedelta(days=35)
            payment = await pay(session, tenant, 1_000, on, account_id=good)
            await settle(session, payment, paid, 1_000, on)
        await issue(session, tenant, 40_000, date(2026, 1, 20), account_id=good)
        await issue(session, tenant, 30_000, date(2026, 1, 20), account_id=bad)
        await refresh_accounts(session, [good, bad], TODAY)
    found = await worklist(committed, tenant)
    assert found[good].open_minor == found[bad].open_minor == 40_000
    assert found[good].expected_minor > 2 * found[bad].expected_minor


async def test_whoever_covers_an_absence_sees_the_accounts_and_nobody_else(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        away, cover = new_id(), new_id()
        for person in (away, cover):
            await session.driver.execute(
                "INSERT INTO users (organization_id, id, email, display_name, roles) VALUES ($1, $2, $3, $3, $4)",
                tenant.organization_id, person, f"{person}@acme.example", ["collector"],
            )  # fmt: skip
        await session.driver.execute(
            "UPDATE accounts SET collector_id = $3 WHERE organization_id = $1 AND id = $2",
            tenant.organization_id, tenant.account_id, away,
        )  # fmt: skip
        await session.driver.execute(
            "INSERT INTO collector_covers (organization_id, id, collector_id, cover_id, start_date, end_date)"
            " VALUES ($1, $2, $3, $4, $5, $5)",
            tenant.organization_id, new_id(), away, cover, TODAY,
        )  # fmt: skip
        await issue(session, tenant, 10_000, date(2026, 1, 5))
        await refresh_accounts(session, [tenant.account_id], TODAY)
    assert set(await worklist(committed, tenant, collector_id=cover)) == {tenant.account_id}
    assert not await worklist(committed, tenant, collector_id=away)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await refresh_accounts(session, [tenant.account_id], TODAY + timedelta(days=1))
    assert set(await worklist(committed, tenant, collector_id=away)) == {tenant.account_id}


async def test_snoozed_accounts_are_left_out_until_their_day(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 10_000, date(2026, 1, 5))
        await refresh_accounts(session, [tenant.account_id], TODAY)
        until = TODAY + timedelta(days=2)
        await snooze(session, tenant.account_id, until_date=until, reason="waits for the bank", today=TODAY)
    assert not await worklist(committed, tenant)
    assert set(await worklist(committed, tenant, snoozed=True)) == {tenant.account_id}
    async with committed.read(tenant.organization_id) as session:
        statement = queries.worklist_statement(tenant.organization_id, WorklistFilter(), TODAY + timedelta(days=2))
        assert len((await session.execute(statement)).all()) == 1


async def test_signals_of_every_kind_can_be_asked_of_the_database(committed: Database, tenant: Tenant) -> None:
    async with committed.read(tenant.organization_id) as session:
        for sql in SIGNAL_QUERIES.values():
            await session.driver.fetch(sql, tenant.organization_id, [tenant.account_id], TODAY)


async def test_every_subject_of_the_timeline_names_its_account(committed: Database, tenant: Tenant) -> None:
    async with committed.read(tenant.organization_id) as session:
        for table in ACCOUNT_TABLES.values():
            await session.driver.fetch(
                f"SELECT id, account_id FROM {table} WHERE organization_id = $1", tenant.organization_id
            )


def test_every_event_of_these_subjects_is_shown_or_left_out_for_a_reason() -> None:
    assert len(set(TIMELINE_EVENTS)) == len(TIMELINE_EVENTS)
    for event in TIMELINE_EVENTS:
        assert kind_of(event)
    written: set[str] = set()
    for module in service_modules():
        if module.room in (None, "desk"):
            continue
        for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
            if getattr(call.func, "id", "") != "ChangeRow":
                continue
            for given in [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "event")]:
                event = given.value if isinstance(given, ast.Constant) else None
                if isinstance(event, str) and "." in event and event.split(".", 1)[0] in KIND_OF_PREFIX:
                    written.add(event)
    assert written
    assert written - set(TIMELINE_EVENTS) - set(NOT_SHOWN) == set()


async def test_facts_are_kept_as_they_were_written(committed: Database, tenant: Tenant) -> None:
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await pay(session, tenant, 12_345, date(2026, 2, 10))
    await follow(committed, tenant)
    async with committed.read(tenant.organization_id) as session:
        row = await session.driver.fetchrow(
            "SELECT * FROM timeline_entries WHERE organization_id = $1", tenant.organization_id
        )
    assert row["after"]["amount_minor"] == 12_345
    assert row["actor_name"] == tenant.actor.name
    assert row["effective_date"] == date(2026, 2, 10)
