"""Forecasts as jobs: made in a process of their own while the event loop goes on, and by night."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from app.forecasting.making.child import CalculationFailed, calculator
from app.forecasting.making.orders import FitOrder
from app.forecasting.runs import StartForecast, start_run
from app.infra.database import Database
from app.infra.jobs import Handler
from app.infra.nightly import owe_night
from tests.factories import Tenant, make_tenant
from tests.forecasting_ledger import Sold, write_ledger
from tests.integration.test_forecast_history import load
from workers import forecasting
from workers.drain import drain
from workers.registry import HANDLERS
from workers.runner import Services

UNTIL = date(2026, 3, 29)
ONLY: Mapping[str, Handler] = {kind: HANDLERS[kind] for kind in ("forecasting", forecasting.NIGHT)}


@pytest.fixture
async def company(committed: Database) -> Tenant:
    """A tenant of its own, really committed."""
    return await make_tenant(committed)


@pytest.fixture
async def sold(committed: Database, company: Tenant) -> list[Sold]:
    """Its ledger."""
    async with committed.write(company.organization_id, company.actor) as session:
        return await write_ledger(session, company, until=UNTIL, days=300, accounts=6)


async def _state(database: Database, organization_id: UUID, run_id: UUID) -> tuple[str, str | None]:
    async with database.read(organization_id) as session:
        row = await session.driver.fetchrow(
            "SELECT state, failure FROM forecast_runs WHERE organization_id = $1 AND id = $2", organization_id, run_id
        )
    return row["state"], row["failure"]


async def test_a_job_forecasts_in_another_process_while_the_loop_goes_on(
    services: Services, committed: Database, company: Tenant, sold: list[Sold]
) -> None:
    async with committed.write(company.organization_id, company.actor) as session:
        wanted = StartForecast(UNTIL)
        run_id = await start_run(session, wanted, today=UNTIL, now=datetime(2027, 1, 1, tzinfo=UTC))
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.05)
            longest = max(longest, time.monotonic() - began)

    watching = asyncio.create_task(watch())
    await drain(services, ONLY)
    watching.cancel()
    assert await _state(committed, company.organization_id, run_id) == ("done", None)
    assert longest < 3, "a blocked event loop would lose the lease"


async def test_a_process_that_ends_fails_the_calculation(
    committed: Database, company: Tenant, sold: list[Sold]
) -> None:
    book = await load(committed, company, UNTIL)
    async with calculator() as other:
        work = asyncio.create_task(other.fit(FitOrder(book, (1.0,), frozenset(), 1)))
        await asyncio.sleep(0.5)
        os.kill(other.process.pid, signal.SIGKILL)
        with pytest.raises(CalculationFailed, match="ended"):
            await work


async def test_the_night_owes_the_forecast_and_the_job_makes_it(
    services: Services, committed: Database, company: Tenant, sold: list[Sold]
) -> None:
    async with committed.write(company.organization_id, company.actor) as session:
        assert await owe_night(session, [forecasting.NIGHT], UNTIL + timedelta(days=1)) == [forecasting.NIGHT]
    await drain(services, ONLY)
    async with committed.read(company.organization_id) as session:
        row = await session.driver.fetchrow(
            "SELECT kind, as_of, state, current FROM forecast_runs WHERE organization_id = $1", company.organization_id
        )
        ranked = await session.driver.fetchval(
            "SELECT count(*) FROM jobs WHERE organization_id = $1 AND kind = 'worklist'", company.organization_id
        )
    assert (row["kind"], row["as_of"], row["state"]) == ("nightly", UNTIL, "done")
    assert ranked == int(row["current"]), "a new current forecast ranks the worklist anew"
