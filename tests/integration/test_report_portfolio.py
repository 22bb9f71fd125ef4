"""Roll rates, cohorts, delinquency, offenders, write-offs and the provision matrix against the slow reference."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from app.core.money import exponent
from app.reports.catalogue import REPORTS
from app.reports.definitions import ReportRequest
from app.reports.output.files import pieces
from app.reports.portfolio.delinquency import delinquency
from app.reports.portfolio.key_figures import FIGURE_REPORTS
from app.reports.portfolio.provision import compute_matrix
from app.reports.portfolio.provision_groups import MatrixRequest
from app.reports.portfolio.queries import GROUPS
from app.reports.portfolio.roll_rates import roll_rates
from app.reports.portfolio.rules import month_ends, months_before
from app.reports.portfolio.top_lists import top_balances, top_offenders
from app.reports.portfolio.write_offs import write_offs
from app.reports.tables import Report, ReportTable
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant, make_tenant
from tests.receivables import add_rate
from tests.reference_reports import (
    Book,
    in_euros,
    key_figures,
    losses,
    owing,
    read_tables,
    rolls,
    rounded,
    write_off_reasons,
)
from tests.trade_histories import DAYS, START, History, begin, run
from tests.wide_histories import IN_EUROS, begin_wide

UPPER = (0, 30, 60, 90)
LABELS = ("current", "1-30", "31-60", "61-90", "91+")
RANDOM = settings(  # a history is too long to be shrunk within minutes
    max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate)
)
HISTORY = {"seed": st.integers(0, 2**32), "day": st.integers(30, DAYS + 60), "known": st.integers(10, 80)}
"""An odd seed makes a wide history: more currencies, legal entities and days."""


def rows(table: ReportTable) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


async def world(database: RolledBackDatabase, seed: int, known: int) -> tuple[Tenant, datetime | None, dict[str, Any]]:
    """A tenant with a history, an instant in it, and all its rows."""
    tenant = await make_tenant(database)
    if seed % 2:
        history: History = await begin_wide(database, tenant, random.Random(seed))
    else:
        async with database.write(tenant.organization_id, tenant.actor) as session:
            await add_rate(session, "USD", "EUR", START - timedelta(days=900), Decimal(2))
        history = await begin(database, tenant, random.Random(seed))
    instants: list[datetime | None] = [*await run(database, history, 70), None]
    async with database.read(tenant.organization_id) as session:
        tables = await read_tables(session)
    return tenant, instants[min(known, len(instants) - 1)], tables


async def built(database: RolledBackDatabase, tenant: Tenant, build: Any, request: ReportRequest) -> Report:
    """The report with the rows of its streams."""
    async with database.read(tenant.organization_id, snapshot=True) as session:
        report: Report = await build(session, request)
        tables = [replace(one, rows=[row async for piece in pieces(one) for row in piece]) for one in report.tables]
    return replace(report, tables=tuple(tables))


@RANDOM
@example(seed=104585, day=142, known=32, group_by="account")  # unidentified dollars of the day before the period moved
@given(**HISTORY, group_by=st.sampled_from(GROUPS))
async def test_key_figures_in_one_currency(
    database: RolledBackDatabase, seed: int, day: int, known: int, group_by: str
) -> None:
    tenant, known_at, tables = await world(database, seed, known)
    as_of = START + timedelta(days=day)
    request = ReportRequest(as_of, known_at, group_by, in_currency="EUR")
    report = await built(database, tenant, FIGURE_REPORTS[0].build, request)
    found = {}
    for row in rows(report.main):
        del row["code"], row["name"]
        found[row.pop("key"), row.pop("currency")] = row
    assert found == key_figures(Book(in_euros(tables), known_at, group_by), as_of, 90, UPPER)


@RANDOM
@given(**HISTORY, group_by=st.sampled_from(GROUPS))
async def test_roll_rates_and_cohorts(
    database: RolledBackDatabase, seed: int, day: int, known: int, group_by: str
) -> None:
    tenant, known_at, tables = await world(database, seed, known)
    as_of, book = START + timedelta(days=day), Book(tables, known_at, group_by)
    report = await built(database, tenant, roll_rates, ReportRequest(as_of, known_at, group_by))
    expected = {slot: amounts for slot, amounts in rolls(book, as_of, UPPER).items() if any(amounts)}
    shown = {}
    for row in rows(report.main):
        amounts = (row["then_amount"], row["now_amount"])
        if any(amounts):
            shown[(row["key"], row["currency"]), LABELS.index(row["from_bucket"])] = amounts
        rate = None if amounts[0] == 0 else rounded(Fraction(amounts[1], amounts[0]), 4)
        assert row["roll_rate"] == rate
    assert shown == expected
    cohorts: dict[tuple[Any, date], tuple[int, int]] = {}
    for month in [months_before(as_of.replace(day=1), back) for back in range(13)]:
        for key, amounts in book.cohorts(month, as_of).items():
            if any(amounts):
                cohorts[key, month] = amounts
    listed = rows(report.tables[1])
    found = {((row["key"], row["currency"]), row["month"]): (row["billed_amount"], row["unpaid_amount"])
             for row in listed}  # fmt: skip
    assert found == cohorts
    for row in listed:
        complete = row["complete_on"] <= as_of and row["billed_amount"]
        rate = rounded(Fraction(row["unpaid_amount"], row["billed_amount"]), 4) if complete else None
        assert row["unpaid_rate"] == rate


@RANDOM
@given(**HISTORY, group_by=st.sampled_from(GROUPS), one_currency=st.booleans())
async def test_delinquency(
    database: RolledBackDatabase, seed: int, day: int, known: int, group_by: str, one_currency: bool
) -> None:
    tenant, known_at, tables = await world(database, seed, known)
    as_of = START + timedelta(days=day)
    book = Book(in_euros(tables) if one_currency else tables, known_at, group_by)
    request = ReportRequest(as_of, known_at, group_by, in_currency="EUR" if one_currency else None)
    report = await built(database, tenant, delinquency, request)
    buckets, before = book.buckets(as_of, UPPER), book.buckets(as_of - timedelta(days=30), UPPER)
    counts = owing(book, as_of)
    assert {(row["key"], row["currency"]) for row in rows(report.main)} == {k for k, v in buckets.items() if any(v)}
    for row in rows(report.main):
        key = (row["key"], row["currency"])
        late = sum(buckets[key][1:])
        by_days = sum(
            book.open_on(part, as_of) * max(0, (as_of - book.due_on(part, as_of)).days)
            for part in book.parts if book.of(part) == key
        )  # fmt: skip
        assert [row[f"bucket_{index}_amount"] for index in range(5)] == buckets[key]
        assert (row["overdue_amount"], row["days_overdue"]) == (
            late, rounded(Fraction(by_days, late), 2) if late else None,
        )  # fmt: skip
        assert (row["accounts"], row["overdue_accounts"], row["largest_overdue_amount"]) == counts[key]
        assert row["overdue_before_amount"] == sum(before[key][1:])


@RANDOM
@given(**HISTORY)
async def test_the_top_of_the_list(database: RolledBackDatabase, seed: int, day: int, known: int) -> None:
    tenant, known_at, tables = await world(database, seed, known)
    as_of, book = START + timedelta(days=day), Book(tables, known_at, "account")
    request = ReportRequest(as_of, known_at, "account", options={"top": "3", "by": "overdue"})
    late = {key: sum(values[1:]) for key, values in book.buckets(as_of, UPPER).items() if any(values[1:])}
    earlier = book.buckets(as_of - timedelta(days=30), UPPER)
    for currency in IN_EUROS:
        expected = sorted((-minor, key[0]) for key, minor in late.items() if key[1] == currency)[:3]
        report = await built(database, tenant, top_balances, request)
        shown = [(-row["overdue_amount"], row["key"]) for row in rows(report.main) if row["currency"] == currency]
        assert shown == expected
    report = await built(database, tenant, top_offenders, request)
    scores: dict[str, list[Decimal]] = {}
    for row in rows(report.main):
        key = (row["key"], row["currency"])
        before = sum(earlier[key][1:])
        assert (row["overdue_amount"], row["overdue_before_amount"]) == (late[key], before)
        trend = min(max(Fraction(late[key], before), Fraction(1, 2)), Fraction(2)) if before > 0 else Fraction(2)
        assert row["trend"] == rounded(trend, 2)
        score = (
            Fraction(late[key], 10 ** exponent(key[1])) * Fraction(row["days_overdue"]) / 30 * Fraction(row["trend"])
        )
        assert row["score"] == rounded(score, 2)
        scores.setdefault(row["currency"], []).append(row["score"])
    assert all(found == sorted(found, reverse=True) for found in scores.values())


@RANDOM
@given(**HISTORY, group_by=st.sampled_from(GROUPS))
async def test_reasons_of_write_offs(
    database: RolledBackDatabase, seed: int, day: int, known: int, group_by: str
) -> None:
    tenant, known_at, tables = await world(database, seed, known)
    as_of, book = START + timedelta(days=day), Book(tables, known_at, group_by)
    report = await built(database, tenant, write_offs, ReportRequest(as_of, known_at, group_by))
    found = {
        ((row["key"], row["currency"]), row["reason_code"]): [
            row["items"], row["written_off_amount"], row["reversed_amount"]
        ]
        for row in rows(report.tables[1])
    }  # fmt: skip
    assert found == write_off_reasons(book, as_of - timedelta(days=89), as_of)


@RANDOM
@given(**HISTORY, observed=st.integers(1, 5), horizon=st.integers(1, 4))
async def test_the_provision_matrix(
    database: RolledBackDatabase, seed: int, day: int, known: int, observed: int, horizon: int
) -> None:
    tenant, known_at, tables = await world(database, seed, known)
    as_of, book = START + timedelta(days=day), Book(in_euros(tables), known_at, "segment")
    request = MatrixRequest(as_of, known_at, observation_months=observed, horizon_months=horizon)
    async with database.read(tenant.organization_id, snapshot=True) as session:
        matrix = await compute_matrix(session, request)
    days = month_ends(months_before(as_of, horizon), observed)
    ends = [next(e for e in month_ends(end + timedelta(days=32 * horizon), 3)[::-1]
                 if (e.year - end.year) * 12 + e.month - end.month == horizon) for end in days]  # fmt: skip
    for line in matrix.lines:
        key = (line.segment or None, "EUR")
        exposure = book.buckets(as_of, UPPER)[key][line.bucket]
        seen = sum(book.buckets(end, UPPER)[key][line.bucket] for end in days)
        lost = sum(losses(book, end, until, UPPER)[key][line.bucket] for end, until in zip(days, ends, strict=True))
        assert (line.exposure_minor, line.observed_minor, line.lost_minor) == (exposure, seen, lost)
        rate = None if seen == 0 else rounded(min(max(Fraction(lost, seen), Fraction(0)), Fraction(1)), 8)
        assert line.loss_rate == rate
        expected = 0 if rate is None else rounded(exposure * Fraction(rate), 0)
        assert line.expected_loss_minor == expected
    assert sum(line.exposure_minor for line in matrix.lines) == sum(map(sum, book.buckets(as_of, UPPER).values()))


def test_definitions_have_names_of_their_own() -> None:
    assert all(one.name == name for name, one in REPORTS.items())
    assert {"dso", "cei", "roll-rates", "top-balances", "top-offenders", "delinquency", "provision-matrix"} <= set(
        REPORTS
    )
