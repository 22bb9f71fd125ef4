"""Dunning runs on a real PostgreSQL: what is planned, what is withheld, and that nothing is planned twice."""

from __future__ import annotations

from datetime import date, timedelta

from app.infra.database import WriteSession
from tests.dunning_story import LEVELS, email, notices_of, owed, reachable, run_on, steps_of, use_policy, withheld_in
from tests.factories import Tenant
from tests.receivables import credit, flush, pay


def march(day: int) -> date:
    return date(2026, 3, 1) + timedelta(days=day - 1)


async def test_the_grace_day(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    contact = await reachable(session, tenant)
    item = await owed(session, tenant, 10_000)
    assert await notices_of(session, await run_on(session, march(5))) == []
    (notice,) = await notices_of(session, await run_on(session, march(6)))
    assert (notice["step"], notice["state"], notice["total"]) == (1, "approved", 10_000)
    assert (notice["items"], notice["contact_id"]) == ([item], contact)
    assert await notices_of(session, await run_on(session, march(6))) == []
    await flush(session)


async def test_the_minimum_is_a_bound_that_passes(session: WriteSession, tenant: Tenant) -> None:
    await reachable(session, tenant)
    item = await owed(session, tenant, 5_100)
    await use_policy(session, [email(5, minimums={"EUR": 5_101})])
    run = await run_on(session, march(6))
    assert await withheld_in(session, run) == [(item, 1, "below_minimum")]
    await use_policy(session, [email(5, minimums={"EUR": 5_099})], code="lower", since=march(6))
    assert await steps_of(session, await run_on(session, march(6))) == [(1, "approved")]


async def test_cash_that_covers_the_debt_withholds_it(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    older = await owed(session, tenant, 6_000)
    younger = await owed(session, tenant, 5_000, march(2))
    await pay(session, tenant, 6_500, march(3))
    run = await run_on(session, march(20))
    assert await withheld_in(session, run) == [(older, 1, "unapplied_cash")]
    assert [row["items"] for row in await notices_of(session, run)] == [[younger]]
    await credit(session, tenant, 4_500, march(3))
    (sent,) = await notices_of(session, run)
    assert sent["items"] == [younger]
