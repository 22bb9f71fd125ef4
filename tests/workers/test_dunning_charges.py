"""Charging runs in the background: taken on step by step, started by the night of the chosen day, once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from app.core.clock import business_date, utc_now
from app.core.ids import new_id
from app.dunning.charges import runs
from app.dunning.charges.charging import ChargeRequest, FeeRule, charge_notice, quote
from app.dunning.charges.rates import update_settings
from app.dunning.charges.runs import start_monthly, start_run
from app.infra.database import SYSTEM, Database
from app.infra.jobs import JobContext
from app.infra.reactions import announcer
from app.infra.seal import seal
from app.invoices.void import void_invoice
from tests.control_account import assert_books_agree
from tests.factories import Tenant, make_tenant
from tests.receivables import add_account, issue, value
from workers import dunning_charges, reactions
from workers.drain import drain
from workers.nightly import NIGHTLY
from workers.reactions import SUBSCRIBERS
from workers.registry import HANDLERS
from workers.runner import Services

TODAY = business_date(utc_now(), "Europe/Berlin")


@pytest.fixture
async def own(committed: Database) -> Tenant:
    return await make_tenant(committed)


async def settings(database: Database, own: Tenant, **more: Any) -> None:
    async with database.write(own.organization_id, own.actor) as session:
        await update_settings(session, more, None)


async def rows(database: Database, own: Tenant) -> list[tuple[Any, ...]]:
    async with database.read(own.organization_id) as session:
        found = await session.driver.fetch(
            "SELECT kind, as_of, state, accounts, charges FROM charging_runs WHERE organization_id = $1 ORDER BY as_of",
            own.organization_id,
        )
    return [tuple(row) for row in found]


def test_the_workers_know_charging() -> None:
    assert HANDLERS[dunning_charges.JOB] is dunning_charges.handle
    assert NIGHTLY[dunning_charges.NIGHT] is dunning_charges.handle_night


async def test_a_run_goes_on_account_by_account(
    services: Services, committed: Database, own: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "STEP_ACCOUNTS", 2)
    monkeypatch.setattr(dunning_charges, "STEPS_PER_JOB", 1)
    async with committed.write(own.organization_id, own.actor) as session:
        for number in range(5):
            account = await add_account(session, f"A-{number}")
            await issue(session, own, 36_500_00, TODAY - timedelta(days=40), account_id=account)
        await start_run(session, TODAY, "on_demand", compensation=True)
    only = {dunning_charges.JOB: dunning_charges.handle}
    assert await drain(services, only) == 3
    assert await rows(committed, own) == [("on_demand", TODAY, "done", 5, 5)]
    async with committed.write(own.organization_id, own.actor) as session:
        balance = (await assert_books_agree(session))["EUR"]
    assert balance == 5 * (36_500_00 + 40_00 + 104_00)  # 10.40 % for ten days, and forty euros each


async def test_a_charge_goes_with_its_document(services: Services, committed: Database, own: Tenant) -> None:
    async with committed.write(own.organization_id, own.actor) as session:
        _, owed = await issue(session, own, 36_500_00, TODAY - timedelta(days=40))
        request = ChargeRequest(
            "n", own.account_id, own.legal_entity_id, "EUR", (owed,), TODAY, FeeRule(5_00), 1, interest=True
        )
        charged = await charge_notice(session, request)
    async with committed.write(own.organization_id, own.actor) as session:
        await void_invoice(session, charged.invoice_id, effective_date=TODAY, reason="x")  # type: ignore[arg-type]
    await seal(committed, own.organization_id, announce=announcer(SUBSCRIBERS))
    await reactions.read_on(_job(services, own), dunning_charges.SUBSCRIBER)
    async with committed.read(own.organization_id) as session:
        assert await value(session, "charges", charged.charge_id, "state") == "reversed"  # type: ignore[arg-type]
        (again,) = await quote(session, [request])
    assert (again.fee_minor, again.interest_minor) == (5_00, 104_00)


def _job(services: Services, own: Tenant) -> JobContext:
    return JobContext(
        services.database, services.claims, services.settings, own.organization_id, new_id(), "reaction", "charges",
        {}, new_id(),
    )  # fmt: skip


async def test_the_month_is_charged_once_from_its_day_on(committed: Database, own: Tenant) -> None:
    first = TODAY.replace(day=1) + timedelta(days=62)
    first = first.replace(day=1)

    async def night(day: date) -> None:
        async with committed.write(own.organization_id, SYSTEM) as session:
            await start_monthly(session, day)

    await night(first.replace(day=20))
    assert await rows(committed, own) == []  # nobody has turned it on
    await settings(committed, own, run="monthly", run_day=5)
    await night(first.replace(day=4))
    assert await rows(committed, own) == []
    for day in (5, 6, 28):
        await night(first.replace(day=day))
    assert [(row[0], row[1]) for row in await rows(committed, own)] == [("monthly", first.replace(day=5))]
    # A month before the settings were made is left alone.
    past = (TODAY.replace(day=1) - timedelta(days=1)).replace(day=20)
    await night(past)
    assert len(await rows(committed, own)) == 1
