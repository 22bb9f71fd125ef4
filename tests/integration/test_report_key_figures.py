"""The key figures of any (as_of, known_at) equal the slow reference to the cent, over random histories of the trade."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.reports.definitions import ReportRequest
from app.reports.portfolio.key_figures import FIGURE_REPORTS
from app.reports.portfolio.queries import GROUPS
from app.reports.portfolio.rules import month_ends
from app.reports.tables import Report, ReportTable
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant, make_tenant
from tests.reference_reports import Book, Key, key_figures, read_tables
from tests.trade_histories import DAYS, START, begin, run, step
from tests.wide_histories import begin_wide

ALL = FIGURE_REPORTS[0]
UPPER = (0, 30, 60, 90)
RANDOM = settings(  # a history is too long to be shrunk within minutes
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate)
)


async def report(database: RolledBackDatabase, tenant: Tenant, request: ReportRequest) -> Report:
    async with database.read(tenant.organization_id, snapshot=True) as session:
        return await ALL.build(session, request)


def figures(table: ReportTable, day: date | None = None) -> dict[Key, dict[str, Any]]:
    names = [column.name for column in table.columns]
    rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in table.rows]
    if day is not None:
        rows = [row for row in rows if row.pop("month_end") == day]
    found: dict[Key, dict[str, Any]] = {}
    for row in rows:
        del row["code"], row["name"]
        key: Any = (row.pop("key"), row.pop("currency"))
        found[key] = row
    return found


async def expected(
    database: RolledBackDatabase, tenant: Tenant, request: ReportRequest, day: date, days: int
) -> dict[Key, dict[str, Any]]:
    async with database.read(tenant.organization_id) as session:
        tables = await read_tables(session)
    return key_figures(Book(tables, request.known_at, request.group_by), day, days, UPPER)


@RANDOM
@given(
    seed=st.integers(0, 2**32), group_by=st.sampled_from(GROUPS), day=st.integers(0, DAYS + 60),
    days=st.sampled_from((1, 30, 90, 400)), known=st.integers(0, 60),
)  # fmt: skip
async def test_every_figure_equals_the_reference(
    database: RolledBackDatabase, seed: int, group_by: str, day: int, days: int, known: int
) -> None:
    tenant = await make_tenant(database)
    start: Any = begin_wide if seed % 2 else begin
    history = await start(database, tenant, random.Random(seed))
    instants: list[datetime | None] = [*await run(database, history, 70), None]
    options = {"period_days": str(days)}
    request = ReportRequest(
        START + timedelta(days=day), instants[min(known, len(instants) - 1)], group_by, months=5, options=options
    )
    found = await report(database, tenant, request)
    assert figures(found.main) == await expected(database, tenant, request, request.as_of, days)
    for end in month_ends(request.as_of, 5):
        shown = figures(found.tables[1], end)
        if group_by in ("account", "parent_group"):
            one = ReportRequest(request.as_of, request.known_at, options=options)
            assert shown == await expected(database, tenant, one, end, days)
        else:
            assert shown == await expected(database, tenant, request, end, days)


@pytest.mark.parametrize("seed", range(3))
async def test_later_postings_leave_earlier_pairs_as_they_were(
    database: RolledBackDatabase, tenant: Tenant, seed: int
) -> None:
    history = await begin(database, tenant, random.Random(seed))
    instants = await run(database, history, 70)
    requests = [
        ReportRequest(START + timedelta(days=day), instants[-1], group_by, months=3)
        for day in (60, 120, 200)
        for group_by in ("account", "collector", "segment")
    ]
    before = [await report(database, tenant, request) for request in requests]
    assert sum([await step(database, history) is not None for _ in range(40)]) > 10
    assert [await report(database, tenant, request) for request in requests] == before
