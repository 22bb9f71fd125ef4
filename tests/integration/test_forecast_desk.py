"""The worklist and the account at a glance read their expected cash from the current forecast, while it is fresh."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_id
from app.desk.overview import overview
from app.desk.worklist import refresh_accounts
from app.forecasting.expected import AGE_DAYS_MAX, expected_cash
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue, pay, settle

TODAY = date(2026, 3, 30)


@pytest.fixture
async def owed(database: RolledBackDatabase, tenant: Tenant) -> UUID:
    """An overdue instalment of 1,000.00 of which the current forecast expects a quarter within 30 days."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        key = session.organization_id
        _, instalment = await issue(session, tenant, 1000_00, date(2026, 1, 1))
        run_id = new_id()
        await session.driver.execute(
            "INSERT INTO forecast_runs (organization_id, id, kind, state, as_of, base_currency, seed, current,"
            " requested_by, details_kept) VALUES ($1, $2, 'nightly', 'done', $3, 'EUR', 1, true, 'system', true)",
            key, run_id, TODAY - timedelta(days=1),
        )  # fmt: skip
        await session.driver.execute(
            "INSERT INTO forecast_invoices (organization_id, id, run_id, instalment_id, account_id, currency, due_date,"
            " amount_minor, p50_date, week_permyriad, permyriad_30, late_60_permyriad, basis, expected_minor,"
            " expected_30_minor) VALUES ($1, $2, $3, $4, $5, 'EUR', $6, 100000, $7, $8, 2500, 100, 'account', 50000,"
            " 25000)",
            key, new_id(), run_id, instalment, tenant.account_id, date(2026, 1, 31), date(2026, 5, 4), [500] * 13,
        )  # fmt: skip
    return instalment


async def _entry(database: RolledBackDatabase, tenant: Tenant, today: date = TODAY) -> Any:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await refresh_accounts(session, [tenant.account_id], today)
        return await session.driver.fetchrow(
            "SELECT * FROM worklist_entries WHERE organization_id = $1", session.organization_id
        )


async def test_the_worklist_takes_the_forecast(database: RolledBackDatabase, tenant: Tenant, owed: UUID) -> None:
    entry = await _entry(database, tenant)
    assert (entry["expected_minor"], entry["expected_from"]) == (250_00, "forecast")


async def test_without_a_fresh_forecast_the_share_counts(
    database: RolledBackDatabase, tenant: Tenant, owed: UUID
) -> None:
    late = TODAY + timedelta(days=AGE_DAYS_MAX)
    entry = await _entry(database, tenant, late)
    assert (entry["expected_minor"], entry["expected_from"]) == (525_00, "payment_share")
    async with database.read(tenant.organization_id) as session:
        assert await expected_cash(session, [tenant.account_id], late) == {}


async def test_what_is_paid_since_is_expected_no_more(database: RolledBackDatabase, tenant: Tenant, owed: UUID) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await settle(session, await pay(session, tenant, 600_00, TODAY), owed, 600_00, TODAY)
    assert (await _entry(database, tenant))["expected_minor"] == 100_00


async def test_the_account_at_a_glance(database: RolledBackDatabase, tenant: Tenant, owed: UUID) -> None:
    async with database.read(tenant.organization_id) as session:
        found = await overview(session, tenant.account_id, TODAY)
    assert found.expected["EUR"].expected_minor == 250_00
    assert found.expected["EUR"].p50_date == date(2026, 5, 4)
    assert found.expected["EUR"].permille == 250
