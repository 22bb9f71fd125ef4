"""An OData client library against the running service: it reads the model by itself, filters and follows pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from odata import ODataService

from app.core.clock import utc_now
from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database
from app.organizations.queries import local_today
from tests.api.test_schema import own_database  # noqa: F401 - a fixture
from tests.benchmarks.servers import serving
from tests.benchmarks.tokens import token_for
from tests.factories import make_tenant
from tests.receivables import issue

DOCUMENTS = 30


async def _fill(url: str) -> tuple[str, date]:
    database = Database.connect(DatabaseSettings(driver_url(url), APP_ROLE, pool_size=1))
    try:
        tenant = await make_tenant(database)
        async with database.write(tenant.organization_id, tenant.actor) as session:
            today = await local_today(session, utc_now())
            for number in range(DOCUMENTS):
                day = today - timedelta(days=number * 5)
                await issue(session, tenant, 1_000 + number, day, number=f"RE-{number:03}")
        return await token_for(url, tenant), today
    finally:
        await database.close()


@pytest.fixture
def service(own_database: str, redis_url: str, tmp_path: Path) -> Iterator[Any]:  # noqa: F811
    token, _ = asyncio.run(_fill(own_database))
    with serving("app.main:create_app", own_database, redis_url, tmp_path) as port:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {token}"
        yield ODataService(f"http://127.0.0.1:{port}/v1/odata/v4/", session=session, reflect_entities=True)


@pytest.mark.slow
def test_a_client_library_reads_the_model_filters_orders_and_counts(service: Any) -> None:
    items = service.entities["OpenItems"]
    everything = service.query(items).all()
    assert len(everything) == DOCUMENTS
    late = service.query(items).filter(items.DaysPastDue > 30).order_by(items.Number.asc()).all()
    assert [row.Number for row in late] == sorted(row.Number for row in everything if row.DaysPastDue > 30)
    assert date.fromisoformat(str(late[0].DueDate)[:10]) < date.today()  # noqa: DTZ011 - any past day
    (one,) = service.query(items).filter(items.Number == "RE-007").all()
    assert float(one.OpenAmount) == 10.07
    found = service.query(items).filter(items.Number.startswith("RE-00")).limit(5).all()
    assert len(found) == 5
    accounts = service.query(service.entities["Accounts"]).all()
    assert [row.Number for row in accounts] == [one.AccountNumber]
