"""Matching runs with real commits: two at once, a second process, and one that is killed, apply everything once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from uuid import UUID

import pytest

from app.cash_application import planning, queries, run
from app.cash_application.facts import Claim
from app.cash_application.run import run_matching, start_run
from app.cash_application.second_process import SecondHand, SecondProcessFailed
from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database
from tests.factories import Tenant, make_tenant
from tests.receivables import add_account, issue, pay

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 2)
PAYMENTS = 24
_WRONG = """
SELECT (SELECT count(*) FROM instalments i WHERE organization_id = $1 AND applied_minor <> (SELECT
            coalesce(sum(amount_minor), 0) FROM applications a WHERE a.organization_id = $1 AND a.instalment_id = i.id))
     + (SELECT count(*) FROM payments p WHERE organization_id = $1 AND (unapplied_minor <> 0 OR (SELECT count(*)
            FROM applications a WHERE a.organization_id = $1 AND a.payment_id = p.id) <> 1))
     + (SELECT count(*) - count(DISTINCT payment_id) FROM proposals
            WHERE organization_id = $1 AND state <> 'superseded')
"""


@pytest.fixture
async def shop(committed: Database, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """A tenant with payments that each name one invoice of another account; batches of a few."""
    monkeypatch.setattr(run, "PAYMENTS_PER_BATCH", 5)
    monkeypatch.setattr(planning.plan_lanes, "__defaults__", (5,))
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        for n in range(PAYMENTS):
            owner = await add_account(session, f"C-77{n:02}13")
            await issue(session, tenant, (n + 1) * 37_10, MARCH, number=f"RE-51{n:02}377", account_id=owner)
            await pay(session, tenant, (n + 1) * 37_10, APRIL, account_id=None, remittance_text=f"RE-51{n:02}377")
    return tenant


async def _start(database: Database, tenant: Tenant) -> UUID:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return await start_run(session, trigger="person", today=APRIL)


async def _check(database: Database, tenant: Tenant, *runs: UUID) -> None:
    async with database.read(tenant.organization_id) as session:
        assert await session.driver.fetchval(_WRONG, tenant.organization_id) == 0
        found = [await queries.get_run(session, run_id) for run_id in runs]
    assert {one.state for one in found} == {"completed"}
    assert sum(one.payments_done for one in found) == PAYMENTS
    assert sum(one.report.get("applied", {"payments": 0})["payments"] for one in found) == PAYMENTS


async def test_two_runs_at_once_decide_every_payment_once(committed: Database, shop: Tenant) -> None:
    runs = [await _start(committed, shop) for _ in range(2)]
    works = (run_matching(committed, shop.organization_id, run_id) for run_id in runs)
    await asyncio.wait_for(asyncio.gather(*works), 60)
    await _check(committed, shop, *runs)


async def test_a_second_process_takes_its_share(
    committed: Database, shop: Tenant, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SECOND_PROCESS_FROM", 1)
    shares: list[int] = []
    decide = SecondHand.decide

    async def counted(self: SecondHand, claims: Sequence[Claim]) -> int:
        shares.append(await decide(self, claims))
        return shares[-1]

    monkeypatch.setattr(SecondHand, "decide", counted)
    run_id = await _start(committed, shop)
    second = DatabaseSettings(driver_url(owner_url), APP_ROLE, pool_size=2)
    await asyncio.wait_for(run_matching(committed, shop.organization_id, run_id, second), 60)
    assert sum(shares) > 0
    await _check(committed, shop, run_id)


async def test_a_run_whose_second_process_is_killed_is_repeated_without_deciding_anything_twice(
    committed: Database, shop: Tenant, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SECOND_PROCESS_FROM", 1)
    decide, second = SecondHand.decide, DatabaseSettings(driver_url(owner_url), APP_ROLE, pool_size=2)

    async def killed(self: SecondHand, claims: Sequence[Claim]) -> int:
        self.process.kill()
        return await decide(self, claims)

    run_id = await _start(committed, shop)
    monkeypatch.setattr(SecondHand, "decide", killed)
    with pytest.raises(SecondProcessFailed):
        await asyncio.wait_for(run_matching(committed, shop.organization_id, run_id, second), 60)
    monkeypatch.setattr(SecondHand, "decide", decide)
    await asyncio.wait_for(run_matching(committed, shop.organization_id, run_id, second), 60)
    await _check(committed, shop, run_id)
