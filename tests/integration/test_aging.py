"""Aging against a slow and obvious reference: every figure of any (as_of, known_at) equals it to the cent."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.reports.aging import aging_report
from app.reports.aging_queries import AgingRow, aging_row, fetch_aging, nothing_later
from app.reports.rules import AgingRequest, net_oldest_first
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.trade_histories import DAYS, START, History, begin, run, step


async def _rows(database: RolledBackDatabase, tenant: Tenant, table: str) -> list[Any]:
    async with database.read(tenant.organization_id) as read:
        return list(
            await read.driver.fetch(
                f"SELECT * FROM {table} WHERE organization_id = $1 ORDER BY id", tenant.organization_id
            )
        )


class Reference:
    """The obvious way: loop over all rows, count those dated and recorded in time."""

    TABLES = ("instalments", "applications", "adjustments", "instalment_changes", "credit_memos",
              "credit_memo_movements", "payments", "payment_movements")  # fmt: skip

    def __init__(self, tables: dict[str, list[Any]]) -> None:
        self.tables = tables

    @classmethod
    async def of(cls, database: RolledBackDatabase, tenant: Tenant) -> Reference:
        return cls({table: await _rows(database, tenant, table) for table in cls.TABLES})

    def aging(self, request: AgingRequest) -> dict[tuple[str | None, str], list[int]]:
        """By account and currency: buckets, credit memos, unapplied cash."""
        result: dict[tuple[str | None, str], list[int]] = defaultdict(lambda: [0] * 7)

        def counts(row: Any, dated: str = "effective_date", recorded: str = "recorded_at") -> bool:
            known = request.known_at
            return row[dated] <= request.as_of and (known is None or row[recorded] <= known)

        for part in self.tables["instalments"]:
            if not counts(part, "accounting_date"):
                continue
            left = part["amount_minor"]
            for row in self.tables["applications"]:
                if row["instalment_id"] == part["id"] and counts(row):
                    left -= row["amount_minor"] + row["discount_minor"] + row["write_off_minor"]
            for row in self.tables["adjustments"]:
                if row["instalment_id"] == part["id"] and row["state"] == "posted":
                    left -= row["amount_minor"] if counts(row, "effective_date", "posted_at") else 0
            changes = [r for r in self.tables["instalment_changes"] if r["instalment_id"] == part["id"] and counts(r)]
            changes.sort(key=lambda row: (row["effective_date"], row["recorded_at"], row["id"]))
            day = changes[-1]["due_date"] if changes else part["original_due_date"]
            day = part["invoice_date"] if request.by_invoice_date else day
            bucket = request.bounds.bucket_index((request.as_of - day).days)
            result[str(part["account_id"]), part["currency"]][bucket] += left
        self._credits(result, counts)
        return {key: values for key, values in result.items() if any(values)}

    def _credits(self, result: dict[tuple[str | None, str], list[int]], counts: Any) -> None:
        for memo in self.tables["credit_memos"]:
            if counts(memo, "accounting_date"):
                left = memo["amount_minor"] - self._used("credit_memo_id", memo["id"], counts)
                for row in self.tables["credit_memo_movements"]:
                    left -= row["amount_minor"] if row["credit_memo_id"] == memo["id"] and counts(row) else 0
                result[str(memo["account_id"]), memo["currency"]][5] += left
        for payment in self.tables["payments"]:
            if counts(payment, "accounting_date"):
                left = payment["amount_minor"] - self._used("payment_id", payment["id"], counts)
                account = payment["original_account_id"]
                moves = [r for r in self.tables["payment_movements"] if r["payment_id"] == payment["id"] and counts(r)]
                moves.sort(key=lambda row: (row["effective_date"], row["recorded_at"], row["id"]))
                for row in moves:
                    if row["kind"] == "account_change":
                        account = row["to_account_id"]
                    else:
                        left -= row["amount_minor"]
                key = None if account is None else str(account)
                result[key, payment["currency"]][6] += left

    def _used(self, column: str, source_id: UUID, counts: Any) -> int:
        rows = self.tables["applications"]
        return sum(row["source_amount_minor"] for row in rows if row[column] == source_id and counts(row))


async def _history(
    database: RolledBackDatabase, tenant: Tenant, seed: int, steps: int
) -> tuple[History, list[datetime]]:
    history = await begin(database, tenant, random.Random(seed))
    instants = await run(database, history, steps)
    assert len(instants) > steps // 3, "most steps were refused"
    return history, instants


def _figures(rows: Iterable[AgingRow]) -> dict[Any, list[int]]:
    return {
        (row.key, row.currency): [*row.buckets, row.credit_memos_minor, row.unapplied_minor]
        for row in rows
        if any(row.buckets) or row.credit_memos_minor or row.unapplied_minor
    }


@pytest.mark.parametrize("seed", range(20, 26))
async def test_all_ways_give_the_same_rows(database: RolledBackDatabase, tenant: Tenant, seed: int) -> None:
    """Sums, items and order: forward from nothing, and back from the running columns."""
    await _history(database, tenant, seed, 120)
    reference = await Reference.of(database, tenant)
    async with database.read(tenant.organization_id, snapshot=True) as read:
        for days in (0, 20, 50, 80, 110, DAYS, DAYS + 100):
            for group_by in ("account", "organization", "legal_entity", "segment"):
                for by_invoice_date in (False, True):
                    request = AgingRequest(START + timedelta(days), None, group_by, by_invoice_date=by_invoice_date)
                    back = await fetch_aging(read, request, form="back")
                    forward = await fetch_aging(read, request, form="forward")
                    assert [[tuple(row) for row in part] for part in back] == [
                        [tuple(row) for row in part] for part in forward
                    ], (days, group_by)
                    if group_by == "account":
                        assert _figures(map(aging_row, back[1])) == reference.aging(request)


@pytest.mark.parametrize("narrowing", ["account_id", "legal_entity_id", "currency"])
async def test_all_ways_narrow_alike(database: RolledBackDatabase, tenant: Tenant, narrowing: str) -> None:
    history, _ = await _history(database, tenant, 31, 120)
    value = {"account_id": history.accounts[1], "legal_entity_id": tenant.legal_entity_id, "currency": "USD"}
    async with database.read(tenant.organization_id, snapshot=True) as read:
        for days in (40, 90, DAYS):
            request = AgingRequest(START + timedelta(days), None, "account", **{narrowing: value[narrowing]})  # type: ignore[arg-type]
            back = await fetch_aging(read, request, form="back")
            forward = await fetch_aging(read, request, form="forward")
            assert [tuple(row) for row in back[1]] == [tuple(row) for row in forward[1]]
            assert forward[1] or days == 40


async def _ours(database: RolledBackDatabase, tenant: Tenant, request: AgingRequest) -> dict[Any, list[int]]:
    async with database.read(tenant.organization_id, snapshot=True) as read:
        report = await aging_report(read, request)
    return _figures(report.rows)


@pytest.mark.parametrize("seed", range(6))
async def test_any_pair_of_dates_equals_the_reference(database: RolledBackDatabase, tenant: Tenant, seed: int) -> None:
    history, instants = await _history(database, tenant, seed, 90)
    reference = await Reference.of(database, tenant)
    known_times: list[datetime | None] = [None, *history.random.sample(instants, 4)]
    for known_at in known_times:
        for days in (0, 40, 75, 110, DAYS, DAYS + 100):
            for by_invoice_date in (False, True):
                request = AgingRequest(
                    as_of=START + timedelta(days=days),
                    known_at=known_at,
                    group_by="account",
                    by_invoice_date=by_invoice_date,
                )
                assert await _ours(database, tenant, request) == reference.aging(request), (days, known_at)


async def test_later_postings_leave_earlier_pairs_as_they_were(database: RolledBackDatabase, tenant: Tenant) -> None:
    history, instants = await _history(database, tenant, 99, 60)
    pairs = [AgingRequest(START + timedelta(days=d), instants[-1], "account") for d in (30, 90, 200)]
    before = [await _ours(database, tenant, pair) for pair in pairs]
    assert sum([await step(database, history) is not None for _ in range(40)]) > 10
    assert [await _ours(database, tenant, pair) for pair in pairs] == before


async def test_the_quick_form_is_taken_and_gives_the_same(database: RolledBackDatabase, tenant: Tenant) -> None:
    _, _ = await _history(database, tenant, 7, 80)
    quick = AgingRequest(START + timedelta(days=400), None, "account")
    async with database.read(tenant.organization_id) as read:
        assert await nothing_later(read, quick)
        now = await read.driver.fetchval("SELECT clock_timestamp()")
    slow = AgingRequest(quick.as_of, now, "account")
    found = await _ours(database, tenant, quick)
    assert found
    assert found == await _ours(database, tenant, slow)


@pytest.mark.parametrize("group_by", ["organization", "legal_entity", "parent_group", "segment", "currency", "country"])
async def test_groups_add_up_to_the_accounts(database: RolledBackDatabase, tenant: Tenant, group_by: str) -> None:
    await _history(database, tenant, 11, 80)
    as_of = START + timedelta(days=120)
    accounts = await _ours(database, tenant, AgingRequest(as_of, None, "account"))
    groups = await _ours(database, tenant, AgingRequest(as_of, None, group_by))
    for currency in ("EUR", "USD"):
        one = [sum(column) for column in zip(*[v for (_, c), v in accounts.items() if c == currency], strict=True)]
        other = [sum(column) for column in zip(*[v for (_, c), v in groups.items() if c == currency], strict=True)]
        assert one == other, currency


def test_credits_are_netted_oldest_first() -> None:
    assert net_oldest_first([100, 50, 30], 60) == ([100, 20, 0], 0)
    assert net_oldest_first([10, 0, 5], 40) == ([0, 0, 0], 25)
