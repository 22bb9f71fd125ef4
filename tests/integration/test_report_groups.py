"""Reports on work, by every group, as of past days and as known then, against the slow reference."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import partial
from typing import Any

import pytest

from app.infra.database import ReadSession
from app.reports.catalogue import REPORTS
from app.reports.definitions import ReportRequest
from app.reports.portfolio.provision import compute_matrix
from app.reports.portfolio.provision_groups import POOLS, MatrixRequest, pool_of
from app.reports.portfolio.rules import month_ends, months_before
from app.reports.rules import GROUPS
from app.reports.tables import Report, ReportTable
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant, make_tenant
from tests.reference_reports import Key, in_euros, losses, rounded
from tests.reference_work import WORK, WorkBook, dispute_rows
from tests.trade_histories import START
from tests.work_histories import WorkHistory, begin_work, read_work

DAYS = 16
LATEST = date(2026, 12, 31)
AMOUNTS = ("amount", "disputed", "credited", "paid", "released")
UPPER = (0, 30, 60, 90)


def rows(table: ReportTable) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


class World:
    """A history, its rows, and the reports about it."""

    def __init__(self, session: ReadSession, history: WorkHistory, tables: dict[str, list[Any]]) -> None:
        self.session, self.history, self.tables = session, history, tables
        self.moments: list[tuple[date, datetime | None]] = [
            (LATEST, None), (self.day(9), None), (LATEST, self.evening(6)), (self.day(11), self.evening(11)),
        ]  # fmt: skip

    def day(self, number: int) -> date:
        return START + timedelta(days=number)

    def evening(self, number: int) -> datetime:
        return datetime.combine(self.day(number), time(20), UTC)

    async def report(self, name: str, request: ReportRequest) -> Report:
        return await REPORTS[name].build(self.session, request)


SEED = int(os.environ.get("REPORT_GROUPS_SEED", "11"))


@pytest.fixture
async def world(database: RolledBackDatabase) -> AsyncIterator[World]:
    """Sixteen days of a small trade."""
    tenant: Tenant = await make_tenant(database)
    history, days = await begin_work(database, tenant, random.Random(SEED))
    await days.run(DAYS, 8, (5, 9, 12))
    async with database.read(tenant.organization_id) as session:
        yield World(session, history, await read_work(session, WORK))


async def test_every_group_at_every_moment(world: World) -> None:
    """One history is dear, a question is cheap: all of them are asked of the same."""
    seen = {"promises": 0, "disputes": 0, "collectors": 0, "reminders": 0, "ways": 0}
    for number, (as_of, known_at) in enumerate(world.moments):
        for turn, group_by in enumerate(GROUPS):
            euros = (number + turn) % 2 == 0
            book = WorkBook(world.tables, known_at, group_by, in_euros=euros)
            asked = ReportRequest(as_of, known_at, group_by, in_currency="EUR" if euros else None)
            seen["promises"] += await _promises(world, book, asked)
            seen["disputes"] += await _disputes(world, book, asked)
            if group_by == "organization" and euros:
                await _status(world, book, asked)
            seen["collectors"] += await _collectors(world, book, asked)
            seen["reminders"] += await _reminders(world, book, asked)
            seen["ways"] += await _ways(world, book, asked)
    assert all(count > 20 for count in seen.values()), seen
    await _provisions(world)


def _with(asked: ReportRequest, **options: str) -> ReportRequest:
    return ReportRequest(asked.as_of, asked.known_at, asked.group_by, in_currency=asked.in_currency, options=options)


async def _promises(world: World, book: WorkBook, asked: ReportRequest) -> int:
    first, last = world.day(2), world.day(30)
    report = await world.report("promises", _with(asked, start=first.isoformat(), end=last.isoformat()))
    expected = book.promise_rows(asked.as_of, first, last)
    names = ("kept", "broken", "undecided", "cancelled", "kept_amount", "broken_amount", "undecided_amount",
             "received_amount")  # fmt: skip
    shown = sorted((row["currency"], [row[name] for name in names]) for row in rows(report.main))
    assert shown == sorted((key[1], figures) for key, figures in expected.items()), (asked, report.notes)
    for row in rows(report.main):
        decided = row["kept"] + row["broken"]
        assert row["kept_rate"] == (rounded(Fraction(row["kept"], decided), 4) if decided else None)
    return len(shown)


async def _disputes(world: World, book: WorkBook, asked: ReportRequest) -> int:
    """What the table of disputes itself said in the evening of the earlier of the two times."""
    day = asked.as_of if asked.known_at is None else min(asked.as_of, asked.known_at.date())
    snapshot = world.history.days.get(day) or world.history.days[max(world.history.days)]
    report = await world.report("disputes", asked)
    expected = dispute_rows(book, snapshot["disputes"])
    names = ("disputes", "active", "credited", "paid", "rejected", "withdrawn", "sla_breached", "amount",
             *(f"{one}_amount" for one in AMOUNTS[1:]))  # fmt: skip
    shown = {(row["key"], row["currency"]): ([row[name] for name in names], row["median_days"])
             for row in rows(report.main)}  # fmt: skip
    assert shown == {key: (one, None if middle is None else rounded(Fraction(middle), 1))
                     for key, (one, middle) in expected.items()}, asked  # fmt: skip
    causes = rows(report.tables[1])
    for key, (figures, _) in expected.items():
        of_group = [row for row in causes if (row["key"], row["currency"]) == key]
        assert sum(row["amount"] for row in of_group) == figures[7]
        assert {row["reason_code"] for row in of_group} <= {"damaged_goods", "price"}
    return len(shown)


async def _status(world: World, book: WorkBook, asked: ReportRequest) -> None:
    """On one page: what is still disputed, and what is still promised."""
    report = await world.report("portfolio-status", asked)
    day = asked.as_of if asked.known_at is None else min(asked.as_of, asked.known_at.date())
    snapshot = world.history.days.get(day) or world.history.days[max(world.history.days)]
    disputed = sum(book.minor(row["disputed_minor"], row["currency"]) for row in snapshot["disputes"])
    promised = 0
    for promise in world.tables["promises"]:
        state = book.promise_on(promise, asked.as_of)
        if state is not None and state[0] == "open":
            promised += book.minor(promise["amount_minor"] - state[1], promise["currency"])
    for table, expected in (("disputes", disputed), ("promises", promised)):
        found = rows(next(one for one in report.tables if one.name == table))
        column = "disputed_amount" if table == "disputes" else "amount"
        assert sum(int(row[column]) for row in found) == expected, (table, asked)


async def _collectors(world: World, book: WorkBook, asked: ReportRequest) -> int:
    first = world.day(3)
    if asked.as_of == LATEST:
        asked = ReportRequest(world.day(14), asked.known_at, asked.group_by, in_currency=asked.in_currency)
    report = await world.report("collector-performance", _with(asked, start=first.isoformat()))
    names = ("promises", "kept", "broken", "assigned_past_due_amount", "collected_past_due_amount",
             "collected_amount", "promised_amount")  # fmt: skip
    key = "collector_id" if asked.group_by == "collector" else "key"
    shown = {(row[key], row["currency"]): [row[name] for name in names] for row in rows(report.main)}
    expected = book.collector_rows(first, asked.as_of)
    assert {slot: figures for slot, figures in shown.items() if any(figures)} == {
        slot: figures for slot, figures in expected.items() if any(figures)
    }, asked
    return len(shown)


async def _reminders(world: World, book: WorkBook, asked: ReportRequest) -> int:
    """Windows of two days; the report of a day looks at reminders whose window is over."""
    first = world.day(0)
    as_of = world.day(20) if asked.as_of == LATEST else asked.as_of
    asked = ReportRequest(as_of, asked.known_at, asked.group_by, in_currency=asked.in_currency)
    report = await world.report("dunning-effect", _with(asked, start=first.isoformat(), window_days="2"))
    names = ("reminders", "accounts", "asked_amount", "cash_amount", "withheld", "withheld_accounts",
             "withheld_amount", "withheld_cash_amount")  # fmt: skip
    expected = book.reminder_rows(first, as_of - timedelta(days=2), 2)
    shown = {((row.get("key"), row["currency"]), row["step"]): [row[name] for name in names]
             for row in rows(report.main)}  # fmt: skip
    assert shown == {slot: [len(one) if isinstance(one, set) else one for one in figures]
                     for slot, figures in expected.items()}, asked  # fmt: skip
    return len(shown)


async def _ways(world: World, book: WorkBook, asked: ReportRequest) -> int:
    first, last = world.day(1), world.day(13)
    report = await world.report("cash-application", _with(asked, start=first.isoformat(), end=last.isoformat()))
    expected = book.ways(asked.as_of, first, last)
    found: dict[Any, list[int]] = {}
    for row in rows(next(table for table in report.tables if table.name == "ways")):
        entry = found.setdefault(((row.get("key"), row["currency"]), row["way"]), [0, 0, 0, 0])
        shift = 0 if row["of"] == "payments" else 2
        entry[shift], entry[shift + 1] = row["count"], row["amount"]
    assert found == expected, asked
    return len(found)


def _by_currency(currencies: dict[Any, str], part: Any) -> Key:
    return currencies[part["id"]], "EUR"


async def _provisions(world: World) -> None:
    """Exposures by any group, at the loss rates of any pool."""
    as_of, known_at = months_before(START + timedelta(days=10), -3), None
    tables = in_euros(world.tables)
    days = month_ends(months_before(as_of, 1), 2)
    ends = [month_ends(day + timedelta(days=32), 1)[0] for day in days]
    checked = 0
    for group_by, pool in [*((group, None) for group in GROUPS), ("account", "country"), ("segment", "legal_entity"),
                           ("currency", "segment"), ("legal_entity", "currency")]:  # fmt: skip
        request = MatrixRequest(as_of, known_at, observation_months=2, horizon_months=1, group_by=group_by, pool=pool)
        found = await compute_matrix(world.session, request)
        key_of = pool_of(group_by, pool)
        assert key_of in POOLS
        book, pools = WorkBook(tables, known_at, group_by), WorkBook(tables, known_at, key_of)
        of_currency = partial(_by_currency, {row["id"]: row["currency"] for row in world.tables["instalments"]})
        if key_of == "currency":  # the reference in euros has forgotten it
            pools.of = of_currency  # type: ignore[method-assign]
        if group_by == "currency":
            book.of = of_currency  # type: ignore[method-assign]
        exposure: dict[tuple[str, str, int], int] = {}
        for part in book.parts:
            late = (as_of - book.due_on(part, as_of)).days
            bucket = next((n for n, bound in enumerate(UPPER) if late <= bound), len(UPPER))
            slot = (book.of(part)[0] or "", pools.of(part)[0] or "", bucket)
            exposure[slot] = exposure.get(slot, 0) + book.open_on(part, as_of)
        observed = [pools.buckets(day, UPPER) for day in days]
        lost = [losses(pools, day, until, UPPER) for day, until in zip(days, ends, strict=True)]
        total = 0
        for group, line in zip(found.groups, found.lines, strict=True):
            key = (line.segment or None, "EUR")
            assert line.exposure_minor == exposure.get((group, line.segment, line.bucket), 0)
            assert line.observed_minor == sum(one[key][line.bucket] for one in observed)
            assert line.lost_minor == sum(one[key][line.bucket] for one in lost)
            total += line.exposure_minor
            checked += 1
        assert total == sum(exposure.values())
    assert checked > 50
