"""Collector performance and the age of unapplied cash against a slow, obvious way over all rows."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import pytest

from app.infra.database import WriteSession
from app.reports.definitions import ReportRequest
from app.reports.performance.collectors import collector_performance
from app.reports.performance.unapplied import BOUNDS, unapplied_aging
from app.reports.tables import ReportTable
from tests.collecting import add_user
from tests.factories import Tenant
from tests.receivables import add_account, issue, pay, settle

START, END = date(2026, 3, 1), date(2026, 3, 31)


async def _history(session: WriteSession, tenant: Tenant, seed: int) -> None:
    """Invoices due around the period, receipts before, in and after it, applied in part or not at all."""
    rng = random.Random(seed)
    accounts = [await add_account(session, f"C-{seed}-{n}") for n in range(3)]
    people = [await add_user(session, f"P{seed}{n}") for n in range(2)]
    for account, person in zip(accounts, [*people, None], strict=True):
        await session.driver.execute(
            "UPDATE accounts SET collector_id = $3 WHERE organization_id = $1 AND id = $2",
            session.organization_id, account, person,
        )  # fmt: skip
    for _ in range(14):
        account = rng.choice(accounts)
        day = date(2026, 1, 5) + timedelta(days=rng.randrange(60))
        amount = rng.randrange(100, 90_000)
        _, item = await issue(session, tenant, amount, day, account_id=account)
        paid_on = day + timedelta(days=rng.randrange(1, 80))
        received = rng.randrange(1, 120_000)
        payment = await pay(session, tenant, received, paid_on, account_id=account)
        if rng.random() < 0.8:
            part = rng.randrange(1, min(amount, received) + 1)
            await settle(session, payment, item, part, paid_on + timedelta(days=rng.randrange(3)))


async def _all(session: WriteSession, table: str) -> list[Any]:
    return list(
        await session.driver.fetch(f"SELECT * FROM {table} WHERE organization_id = $1", session.organization_id)
    )


def _rows(table: ReportTable, key: str) -> dict[Any, dict[str, Any]]:
    names = [column.name for column in table.columns]
    records = [dict(zip(names, row, strict=True)) for row in table.rows]
    return {record[key]: record for record in records}


@pytest.mark.parametrize("seed", range(6))
async def test_collectors_as_the_rows_say(session: WriteSession, tenant: Tenant, seed: int) -> None:
    await _history(session, tenant, seed)
    accounts = {row["id"]: row["collector_id"] for row in await _all(session, "accounts")}
    payments = {row["id"]: row for row in await _all(session, "payments")}
    applications = await _all(session, "applications")
    expected: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for item in await _all(session, "instalments"):
        if item["due_date"] >= END or item["accounting_date"] > END:
            continue
        cut = max(item["due_date"], item["accounting_date"], START - timedelta(days=1))
        own = [row for row in applications if row["instalment_id"] == item["id"] and row["effective_date"] <= END]
        entry = expected[accounts[item["account_id"]]]
        entry[0] += item["amount_minor"] - sum(row["amount_minor"] for row in own if row["effective_date"] <= cut)
        entry[1] += sum(row["amount_minor"] for row in own if row["effective_date"] > cut)
    for row in applications:
        if START <= payments[row["payment_id"]]["value_date"] <= END and row["effective_date"] <= END:
            expected[accounts[row["account_id"]]][2] += row["amount_minor"]
    report = await collector_performance(
        session, ReportRequest(END, group_by="collector", options={"start": START.isoformat()})
    )
    found = _rows(report.main, "collector_id")
    for collector, (assigned, of_it, collected) in expected.items():
        if not (assigned or of_it or collected):
            continue
        row = found[None if collector is None else str(collector)]
        assert (row["assigned_past_due_amount"], row["collected_past_due_amount"], row["collected_amount"]) == (
            assigned, of_it, collected,
        )  # fmt: skip
        assert 0 <= row["collected_past_due_amount"] <= row["assigned_past_due_amount"]
    names = [column.name for column in report.main.columns]
    (total,) = [dict(zip(names, row, strict=True)) for row in report.main.totals]
    assert total["assigned_past_due_amount"] == sum(entry[0] for entry in expected.values())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("as_of", [date(2026, 2, 10), END, date(2026, 6, 30)])
async def test_unapplied_cash_as_the_rows_say(session: WriteSession, tenant: Tenant, seed: int, as_of: date) -> None:
    await _history(session, tenant, seed)
    await pay(session, tenant, 5_00, date(2026, 2, 1), account_id=None)
    applications = await _all(session, "applications")
    buckets, unidentified = [0] * BOUNDS.bucket_count, 0
    for payment in await _all(session, "payments"):
        if payment["accounting_date"] > as_of:
            continue
        left = payment["amount_minor"] - sum(
            row["source_amount_minor"]
            for row in applications
            if row["payment_id"] == payment["id"] and row["effective_date"] <= as_of
        )
        buckets[BOUNDS.bucket_index((as_of - payment["value_date"]).days)] += left
        unidentified += left if payment["account_id"] is None else 0
    report = await unapplied_aging(session, ReportRequest(as_of))
    row = _rows(report.main, "currency")["EUR"]
    assert [row[f"b{place}_amount"] for place in range(BOUNDS.bucket_count)] == buckets
    assert (row["unidentified_amount"], row["unapplied_amount"]) == (unidentified, sum(buckets))
    detail = report.tables[1]
    assert sum(line[-1] for line in detail.rows) == sum(buckets)  # type: ignore[misc]
    by_account = await unapplied_aging(session, ReportRequest(as_of, group_by="account"))
    assert sum(one["unapplied_amount"] for one in _rows(by_account.main, "key").values()) == sum(buckets)
