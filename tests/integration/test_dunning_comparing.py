"""Two policies tried with what was open in the past."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from app.collections.legal.cases import PrepareCase, prepare_case, recall_case
from app.disputes.resolving import withdraw_dispute
from app.dunning.comparing.service import Compare, compare_next, start_comparison, tally_of
from app.dunning.errors import ComparisonInvalid
from app.dunning.policy.blocks import PlaceBlock, lift_block, place_block
from app.dunning.policy.policies import VersionDraft, draft_version
from app.dunning.queries import get_comparison
from app.infra.database import WriteSession
from app.payments.identify import ChangeAccount, change_account
from app.promises.evaluation import evaluate_accounts
from app.promises.make import MakePromise, make_promise
from tests.disputing import dispute
from tests.dunning_story import LEVELS, email, owed, use_policy
from tests.factories import Tenant
from tests.receivables import add_account, pay, settle

MONDAY = date(2026, 3, 2)
TODAY = date(2026, 6, 1)


async def test_a_draft_is_compared_with_the_policy_in_force(session: WriteSession, tenant: Tenant) -> None:
    policy_id = await use_policy(session, LEVELS)
    paid = await owed(session, tenant, 10_000, MONDAY)
    money = await pay(session, tenant, 10_000, MONDAY + timedelta(days=10))
    await settle(session, money, paid, 10_000, MONDAY + timedelta(days=10))
    await owed(session, tenant, 20_000, MONDAY, account_id=await add_account(session, "C-2"))
    draft = VersionDraft((email(1), email(8), email(15), email(30)))
    candidate = await draft_version(session, policy_id, draft)
    command = Compare(candidate, date(2026, 2, 1), date(2026, 5, 31))
    comparison_id = await start_comparison(session, command, today=TODAY)
    steps = 0
    while await compare_next(session, comparison_id, limit=1):
        steps += 1
    row = await get_comparison(session, comparison_id)
    current, other = tally_of(row.results["current"]), tally_of(row.results["candidate"])
    assert (row.state, row.accounts, steps) == ("done", 2, 2)
    assert (current.notices, current.accounts) == (4, 2)
    assert current.by_step == {"1:email": 2, "2:email": 1, "3:email": 1}
    assert other.by_step == {"1:email": 2, "2:email": 2, "3:email": 1, "4:email": 1}
    assert other.reminded == {"EUR": 2 * 10_000 + 4 * 20_000}
    assert other.expected["EUR"] > 0
    first = next(rate for rate in row.results["rates"] if rate["days"] == 0)
    assert (first["count"], first["open_minor"], first["came_minor"]) == (2, 30_000, 10_000)
    assert not await compare_next(session, comparison_id)
    assert await session.driver.fetchval("SELECT count(*) FROM dunning_notices") == 0


async def test_disputes_and_promises_are_those_of_the_past_day(session: WriteSession, tenant: Tenant) -> None:
    policy_id = await use_policy(session, LEVELS)
    early = MONDAY + timedelta(days=1)
    contested = await owed(session, tenant, 10_000, MONDAY)
    case = await dispute(session, (contested, 10_000), on=early)
    await withdraw_dispute(session, case, today=MONDAY + timedelta(days=10), note=None, expected_version=None)
    other = await add_account(session, "C-2")
    promised = await owed(session, tenant, 20_000, MONDAY, account_id=other)
    await make_promise(
        session, MakePromise(other, "EUR", MONDAY + timedelta(days=14), items=((promised, None),)), today=early
    )
    await evaluate_accounts(session, [other], MONDAY + timedelta(days=60))
    candidate = await draft_version(session, policy_id, VersionDraft((email(5),)))
    found = []
    for days in (8, 12, 30):
        asked = Compare(candidate, MONDAY, MONDAY + timedelta(days=days))
        comparison_id = await start_comparison(session, asked, today=TODAY)
        while await compare_next(session, comparison_id):
            pass
        row = await get_comparison(session, comparison_id)
        found.append(tally_of(row.results["candidate"]).reminded)
    assert found == [{}, {"EUR": 10_000}, {"EUR": 30_000}]


async def _reminded(session: WriteSession, candidate: UUID, end: date) -> dict[str, int]:
    """What the version would have asked for until that day."""
    comparison_id = await start_comparison(session, Compare(candidate, MONDAY, end), today=TODAY)
    while await compare_next(session, comparison_id):
        pass
    return tally_of((await get_comparison(session, comparison_id)).results["candidate"]).reminded


async def test_blocks_and_legal_cases_are_those_of_the_past_day(session: WriteSession, tenant: Tenant) -> None:
    policy_id = await use_policy(session, LEVELS)
    early = MONDAY + timedelta(days=1)
    await owed(session, tenant, 10_000, MONDAY)
    block_id = await place_block(session, PlaceBlock(tenant.account_id, "agreed", early), early)
    await lift_block(session, block_id, reason=None, today=MONDAY + timedelta(days=10), expected_version=None)
    other = await add_account(session, "C-2")
    claimed = await owed(session, tenant, 20_000, MONDAY, account_id=other)
    case = PrepareCase("legal_case", other, "EUR", "unpaid", (claimed,))
    case_id = await prepare_case(session, case, today=early)
    await recall_case(session, case_id, reason="agreed", today=MONDAY + timedelta(days=20))
    candidate = await draft_version(session, policy_id, VersionDraft((email(5),)))
    found = [await _reminded(session, candidate, MONDAY + timedelta(days=days)) for days in (9, 12, 30)]
    assert found == [{}, {"EUR": 10_000}, {"EUR": 30_000}]


async def test_unapplied_money_is_that_of_the_past_day(session: WriteSession, tenant: Tenant) -> None:
    """It covered what was owed until it was moved to the account for which it was meant."""
    policy_id = await use_policy(session, LEVELS)
    await owed(session, tenant, 10_000, MONDAY)
    money = await pay(session, tenant, 10_000, MONDAY + timedelta(days=2))
    other = await add_account(session, "C-2")
    await owed(session, tenant, 10_000, MONDAY, account_id=other)
    await change_account(session, ChangeAccount(money, other, MONDAY + timedelta(days=11)))
    candidate = await draft_version(session, policy_id, VersionDraft((email(5), email(10), email(15))))
    found = [await _reminded(session, candidate, MONDAY + timedelta(days=days)) for days in (8, 10, 11, 20)]
    assert found == [{"EUR": 10_000}, {"EUR": 20_000}, {"EUR": 30_000}, {"EUR": 50_000}]


async def test_only_the_past_is_compared(session: WriteSession, tenant: Tenant) -> None:
    policy_id = await use_policy(session, LEVELS)
    version = await draft_version(session, policy_id, VersionDraft((email(1),)))
    for start, end in ((TODAY, TODAY + timedelta(days=1)), (TODAY, MONDAY), (date(2020, 1, 1), TODAY)):
        with pytest.raises(ComparisonInvalid):
            await start_comparison(session, Compare(version, start, end), today=TODAY)
