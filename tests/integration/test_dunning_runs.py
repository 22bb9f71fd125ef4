"""Dunning runs on a real PostgreSQL: what is planned, what is withheld, and that nothing is planned twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from app.core.clock import business_date
from app.dunning.errors import RunDateInvalid
from app.dunning.notices import still_due
from app.dunning.policy.blocks import PlaceBlock, lift_block, place_block
from app.dunning.policy.policies import Assign, assign_policy
from app.dunning.policy.shipped import StepDraft
from app.dunning.runs import StartRun, get_run, look_ahead, plan_next, start_run
from app.dunning.standing import account_standing
from app.infra.database import WriteSession
from tests.dunning_story import (
    LEVELS,
    email,
    notices_of,
    owed,
    reachable,
    run_on,
    steps_of,
    use_policy,
    withheld_in,
)
from tests.factories import Tenant
from tests.receivables import add_account, credit, flush, pay


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


@pytest.mark.parametrize(
    ("due", "fires"),
    [
        (date(2026, 3, 24), date(2026, 3, 29)),  # the night in which the clock goes forward
        (date(2026, 10, 20), date(2026, 10, 25)),  # and back
        (date(2028, 2, 24), date(2028, 2, 29)),
        (date(2028, 2, 29), date(2028, 3, 5)),
    ],
)
async def test_days_are_days_of_the_calendar(session: WriteSession, tenant: Tenant, due: date, fires: date) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    await owed(session, tenant, 10_000, due)
    assert await notices_of(session, await run_on(session, fires - timedelta(days=1))) == []
    assert await steps_of(session, await run_on(session, fires)) == [(1, "approved")]


async def test_today_is_the_organizations_wherever_the_debtor_sits(session: WriteSession, tenant: Tenant) -> None:
    await session.driver.execute("UPDATE accounts SET time_zone = 'Pacific/Auckland'")
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    await owed(session, tenant, 10_000)
    evening = datetime(2026, 3, 5, 22, 30, tzinfo=UTC)  # the 6th in Auckland, still the 5th in Berlin
    assert business_date(evening, "Europe/Berlin") == march(5)
    assert await notices_of(session, await run_on(session, business_date(evening, "Europe/Berlin"))) == []
    (notice,) = await notices_of(session, await run_on(session, march(6)))
    night_there = datetime(2026, 3, 6, 12, tzinfo=UTC)  # one in the morning: it waits, and is due all the same
    assert await still_due(session, [notice["id"]], night_there) == {}


async def test_the_most_specific_policy_holds_from_its_day_on(session: WriteSession, tenant: Tenant) -> None:
    await session.driver.execute("UPDATE accounts SET segment = 'retail'")
    await reachable(session, tenant)
    item = await owed(session, tenant, 10_000)

    async def next_on(day: date) -> date | None:
        standing = await account_standing(session, tenant.account_id, today=day)
        assert [chain.row["instalment_id"] for chain in standing.chains] == [item]
        return standing.chains[0].next_on

    await use_policy(session, [email(10)], code="all")
    assert await next_on(march(1)) == march(11)
    await use_policy(session, [email(12)], code="retail", scope="segment", segment="retail", since=march(2))
    assert (await next_on(march(1)), await next_on(march(2))) == (march(11), march(13))
    own = await use_policy(
        session, [email(14)], code="own", scope="account", account_id=tenant.account_id, since=march(3)
    )
    assert await next_on(march(3)) == march(15)
    ends = Assign("account", None, march(4), tenant.account_id)
    await assign_policy(session, ends, march(4))
    assert (await next_on(march(3)), await next_on(march(4))) == (march(15), march(13))
    await session.driver.execute("UPDATE dunning_policies SET active = false WHERE code = 'retail'")
    assert (await next_on(march(4)), own is not None) == (march(11), True)


async def test_a_block_withholds_until_its_last_day(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    blocked, free = await owed(session, tenant, 10_000), await owed(session, tenant, 20_000)
    command = PlaceBlock(tenant.account_id, "goodwill", march(5), march(8), blocked)
    block = await place_block(session, command, march(5))
    run = await run_on(session, march(8))
    assert (await withheld_in(session, run))[0] == (blocked, 1, "blocked")
    assert [row["items"] for row in await notices_of(session, run)] == [[free]]
    assert [row["items"] for row in await notices_of(session, await run_on(session, march(9)))] == [[blocked]]
    await lift_block(session, block, reason=None, today=march(9), expected_version=None)


async def test_nobody_to_write_to_is_shown_until_there_is_somebody(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    item = await owed(session, tenant, 10_000)
    assert await withheld_in(session, await run_on(session, march(6))) == [(item, 1, "no_contact")]
    await reachable(session, tenant, do_not_contact=True)
    assert await withheld_in(session, await run_on(session, march(6))) == [(item, 1, "do_not_contact")]
    await reachable(session, tenant)
    assert await steps_of(session, await run_on(session, march(6))) == [(1, "approved")]


async def test_nothing_goes_out_before_its_day(session: WriteSession, tenant: Tenant) -> None:
    tomorrow = StartRun("on_demand", march(6))
    with pytest.raises(RunDateInvalid):
        await start_run(session, tomorrow, today=march(5))
    await start_run(session, StartRun("simulation", march(6)), today=march(5))


async def test_what_was_read_ahead_is_written_in_its_turn_only(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, [StepDraft("Call", "call_task", 5)])
    accounts = [await add_account(session, f"C-{number}") for number in (2, 3, 4)]
    for account_id in accounts:
        await owed(session, tenant, 10_000, account_id=account_id)
    day = date(2026, 3, 10)
    run_id, _ = await start_run(session, StartRun("on_demand", day), today=day)
    first = await look_ahead(session, run_id, today=day, limit=1)
    second = await look_ahead(session, run_id, today=day, limit=1, before=first)
    assert (first.ids, second.ids, second.after_id) == ([accounts[0]], [accounts[1]], accounts[0])
    assert await plan_next(session, run_id, today=day, limit=1, ahead=first)
    assert await plan_next(session, run_id, today=day, limit=1, ahead=first)  # somebody went on: it is read anew
    assert await plan_next(session, run_id, today=day, limit=1, ahead=second)
    assert not await plan_next(session, run_id, today=day, limit=1, ahead=second)
    assert not await plan_next(session, run_id, today=day, limit=1)
    rows = await session.driver.fetch("SELECT account_id FROM dunning_notices ORDER BY account_id")
    assert [row["account_id"] for row in rows] == accounts
    row = await get_run(session, run_id)
    assert (row.state, row.accounts, row.notices, row.totals) == ("done", 3, 3, {"EUR": 30_000})
