"""A run over several batches decides as one over all payments would, and writes nothing on what changed meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.cash_application import batch, planning, queries, run
from app.cash_application.facts import Claim, Facts, load_facts
from app.cash_application.party_index import STRICT, party_index
from app.cash_application.sql import facts as sql
from app.core.ids import new_id
from app.infra.database import ReadSession
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue, pay

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 2)


async def _account(database: RolledBackDatabase, tenant: Tenant, number: str, name: str) -> UUID:
    account_id = new_id()
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "INSERT INTO accounts (organization_id, id, number, name, currency) VALUES ($1, $2, $3, $4, 'EUR')",
            tenant.organization_id, account_id, number, name,
        )  # fmt: skip
    return account_id


async def _run(database: RolledBackDatabase, tenant: Tenant) -> Any:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        run_id = await run.start_run(session, trigger="person", today=APRIL)
    await run.run_matching(database, tenant.organization_id, run_id)
    async with database.read(tenant.organization_id) as read:
        return await queries.get_run(read, run_id)


async def _left(database: RolledBackDatabase, tenant: Tenant, payment_id: UUID) -> tuple[int, str]:
    async with database.read(tenant.organization_id) as read:
        row = await read.driver.fetchrow(
            "SELECT unapplied_minor, matching_state FROM payments WHERE organization_id = $1 AND id = $2",
            tenant.organization_id, payment_id,
        )  # fmt: skip
    assert row is not None
    return row["unapplied_minor"], row["matching_state"]


def _small_batches(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(run, "plan_lanes", partial(planning.plan_lanes, per_batch=size))


@pytest.mark.parametrize("size", [500, 2])
async def test_equal_claims_are_not_first_come_over_batches(
    database: RolledBackDatabase, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    _small_batches(monkeypatch, size)
    other = await _account(database, tenant, "C-77", "Hansen Logistik GmbH")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 90_00, MARCH, number="RE-5000001")
        first = await pay(session, tenant, 90_00, APRIL, account_id=None, remittance_text="RE-5000001")
        fillers = []
        for n in range(6):
            await issue(session, tenant, 10_00 + n, MARCH, number=f"RE-60000{n}7", account_id=other)
            fillers.append(
                await pay(session, tenant, 10_00 + n, APRIL, account_id=None, remittance_text=f"RE-60000{n}7")
            )
        last = await pay(session, tenant, 90_00, APRIL, account_id=None, remittance_text="Rechnung RE-5000001 danke")
    found = await _run(database, tenant)
    assert found.payments_done == 8
    assert [await _left(database, tenant, filler) for filler in fillers] == [(0, "done")] * 6
    left = [await _left(database, tenant, payment) for payment in (first, last)]
    assert [minor for minor, _ in left] == [90_00, 90_00], left


async def test_a_batch_with_too_many_items_is_decided_in_parts(
    database: RolledBackDatabase, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "ITEMS_PER_BATCH_LIMIT", 3)
    payments = []
    async with database.write(tenant.organization_id, tenant.actor) as session:
        for n in range(4):
            await issue(session, tenant, (n + 1) * 37_10, MARCH)
            payments.append(await pay(session, tenant, (n + 1) * 37_10, APRIL))
    assert (await _run(database, tenant)).report["applied"]["payments"] == 4
    assert {await _left(database, tenant, payment) for payment in payments} == {(0, "done")}


async def test_what_changed_while_the_engine_thought_is_decided_in_the_next_pass(
    database: RolledBackDatabase, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 100_00, MARCH, number="RE-5000001")
        payment = await pay(session, tenant, 100_00, APRIL, remittance_text="RE-5000001")
    times = 0

    async def load(session: ReadSession, claims: Sequence[Claim]) -> Facts | None:
        nonlocal times
        facts = await load_facts(session, claims)
        times += 1
        if times == 1:
            await session.driver.execute(
                "UPDATE payments SET version = version + 1 WHERE organization_id = $1 AND id = $2",
                tenant.organization_id, payment,
            )  # fmt: skip
        return facts

    monkeypatch.setattr(batch, "load_facts", load)
    found = await _run(database, tenant)
    assert times == 2
    assert (found.payments_done, found.report["applied"]["payments"]) == (1, 1)
    assert await _left(database, tenant, payment) == (0, "done")


async def test_the_index_of_names_follows_the_accounts(database: RolledBackDatabase, tenant: Tenant) -> None:
    account = await _account(database, tenant, "C-78", "Nordwind Segel GmbH")
    index = await party_index(database, tenant.organization_id)
    assert index.find(STRICT, "nordwind segel gmbh", 5) == [account]
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "UPDATE accounts SET name = 'Südwind Segel AG',"
            " updated_at = current_setting('app.recorded_at')::timestamptz WHERE organization_id = $1 AND id = $2",
            tenant.organization_id, account,
        )  # fmt: skip
    assert (await party_index(database, tenant.organization_id)).find(STRICT, "sudwind segel ag", 5) == [account]


async def test_money_of_nobody_knows_whom_finds_the_one_document_of_its_amount(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 4_711_23, MARCH, number="RE-5000001")
        payment = await pay(session, tenant, 4_711_23, APRIL, account_id=None, remittance_text="RE-500001")
    await _run(database, tenant)
    async with database.read(tenant.organization_id) as read:
        row = await read.driver.fetchrow(
            "SELECT strategy, jsonb_array_length(lines) + jsonb_array_length(alternatives) AS found FROM proposals"
            " WHERE organization_id = $1 AND payment_id = $2",
            tenant.organization_id, payment,
        )  # fmt: skip
    assert row is not None
    assert row["found"] >= 1
