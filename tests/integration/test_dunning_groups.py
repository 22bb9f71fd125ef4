"""Groups and merges: a payer's cash withholds what it may pay for; the survivor of a merge is asked for all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from app.customer_data.merging import merge_accounts, undo_merge
from app.dunning.charges.charging import ChargeRequest, FeeRule, charge_notice
from app.dunning.charges.runs import late_requests
from app.dunning.notices import mark_sent, still_due
from app.dunning.policy.shipped import StepDraft
from app.dunning.resolving import Touched, follow_touched
from app.dunning.standing import account_standing
from app.dunning.work import carry_out
from app.infra.database import WriteSession
from tests.dunning_story import LEVELS, noon, notices_of, owed, reachable, run_on, use_policy, withheld_in
from tests.factories import Tenant
from tests.receivables import add_account, flush, issue, pay, settle

DAY = date(2026, 3, 10)


async def child_of(session: WriteSession, tenant: Tenant, number: str = "C-2") -> Tenant:
    """The tenant as seen from a child of its account, with somebody to write to."""
    child = replace(tenant, account_id=await add_account(session, number, parent_id=tenant.account_id))
    await reachable(session, child)
    return child


async def test_cash_of_the_payer_withholds_what_is_due_below_it(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    child = await child_of(session, tenant)
    older = await owed(session, child, 10_000, account_id=child.account_id)
    newer = await owed(session, child, 5_000, date(2026, 3, 3), account_id=child.account_id)
    payment = await pay(session, tenant, 12_000, DAY)
    run_id = await run_on(session, DAY)
    assert await withheld_in(session, run_id) == [(older, 1, "unapplied_cash")]
    (notice,) = await notices_of(session, run_id)
    assert (notice["items"], notice["total"]) == ([newer], 5_000)
    assert await still_due(session, [notice["id"]], noon(DAY)) == {}
    await settle(session, payment, older, 10_000, DAY)
    await pay(session, tenant, 3_000, DAY)
    await flush(session)
    found = await still_due(session, [notice["id"]], noon(DAY))
    assert found[notice["id"]].reason == "unapplied_cash"
    await follow_touched(session, Touched(payments=[payment]), now=noon(DAY), today=DAY)
    assert (await notices_of(session, run_id))[0]["state"] == "cancelled"


async def test_what_the_payer_owes_itself_takes_its_cash_first(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    await reachable(session, tenant)
    child = await child_of(session, tenant)
    own = await owed(session, tenant, 10_000)
    theirs = await owed(session, child, 5_000, account_id=child.account_id)
    await pay(session, tenant, 12_000, DAY)
    run_id = await run_on(session, DAY)
    assert await withheld_in(session, run_id) == [(own, 1, "unapplied_cash")]
    assert [row["items"] for row in await notices_of(session, run_id)] == [[theirs]]


async def test_what_was_merged_away_is_asked_for_by_the_survivor(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    other = replace(tenant, account_id=await add_account(session, "C-2"))
    await reachable(session, other)
    await reachable(session, tenant)
    theirs = await owed(session, other, 5_000, account_id=other.account_id)
    own = await owed(session, tenant, 10_000)
    first = {row["items"][0]: row for row in await notices_of(session, await run_on(session, DAY))}
    assert set(first) == {theirs, own}
    await mark_sent(session, [first[theirs]["id"]], DAY)
    merge_id = await merge_accounts(session, tenant.account_id, other.account_id, reason="one customer", on=DAY)
    assert await still_due(session, [first[own]["id"]], noon(DAY)) == {}
    later = date(2026, 3, 21)
    run_id = await run_on(session, later, account_ids=(other.account_id,))
    (notice,) = await notices_of(session, run_id)  # the chain goes on where it stood, under the survivor
    assert (notice["step"], notice["items"]) == (2, [theirs])
    account = await session.driver.fetchval("SELECT account_id FROM dunning_notices WHERE id = $1", notice["id"])
    assert account == tenant.account_id
    gone = await account_standing(session, other.account_id, today=later)
    assert [(chain.hold.reason, chain.step) for chain in gone.chains if chain.hold] == [("merged", None)]
    assert len((await account_standing(session, tenant.account_id, today=later)).chains) == 2
    await undo_merge(session, merge_id, reason="two after all", on=later)
    assert (await still_due(session, [notice["id"]], noon(later)))[notice["id"]].reason == "changed"


async def test_what_waits_for_an_account_that_is_merged_away_is_pulled(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, LEVELS)
    other = replace(tenant, account_id=await add_account(session, "C-2"))
    await reachable(session, other)
    theirs = await owed(session, other, 5_000, account_id=other.account_id)
    run_id = await run_on(session, DAY)
    await merge_accounts(session, tenant.account_id, other.account_id, reason="one customer", on=DAY)
    await follow_touched(session, Touched(accounts=[other.account_id]), now=noon(DAY), today=DAY)
    (notice,) = await notices_of(session, run_id)
    reason = await session.driver.fetchval("SELECT reason FROM dunning_notices WHERE id = $1", notice["id"])
    assert (notice["state"], reason) == ("cancelled", "merged")
    (again,) = await notices_of(session, await run_on(session, DAY))
    assert again["items"] == [theirs]  # its contact went to the survivor


async def test_work_and_charges_reach_what_was_merged(session: WriteSession, tenant: Tenant) -> None:
    await use_policy(session, [StepDraft("Call", "call_task", 5), StepDraft("Lawyer", "legal_referral", 6)])
    other = await add_account(session, "C-2")
    _, theirs = await issue(session, tenant, 100_00, date(2026, 1, 30), account_id=other)
    await merge_accounts(session, tenant.account_id, other, reason="one customer", on=DAY)
    for day in (DAY, date(2026, 3, 11)):
        (notice,) = await notices_of(session, await run_on(session, day))
        await carry_out(session, notice["id"], now=noon(day), today=day)
    states = await session.driver.fetch("SELECT state, result_kind FROM dunning_notices ORDER BY id")
    assert [tuple(row) for row in states] == [("done", "collection_action"), ("done", "legal_case")]
    entity, account = tenant.legal_entity_id, tenant.account_id
    request = ChargeRequest("t:1", account, entity, "EUR", (theirs,), DAY, FeeRule(10_00), 1)
    assert (await charge_notice(session, request)).fee_minor == 10_00
    (late,) = await late_requests(session, account, DAY, "t:2", compensation=False)
    assert (late.account_id, late.instalment_ids) == (account, (theirs,))
