"""The worklist knows how an account is dunned, and does not propose to remind by hand beside it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx

from app.desk.facts import load_candidates
from app.desk.rules import AccountFacts, rank
from app.desk.worklist import refresh_accounts
from app.infra.database import WriteSession
from tests.conftest import RolledBackDatabase
from tests.disputing import dispute
from tests.dunning_story import MARCH_1, email, owed, reachable, run_on, use_policy
from tests.factories import Tenant

STEPS = (email(5), email(20))


async def facts_on(session: WriteSession, tenant: Tenant, day: date) -> AccountFacts:
    _, (found,) = await load_candidates(session, [tenant.account_id], day)
    return found.facts


def action(facts: AccountFacts, day: date) -> str:
    place = rank(facts, day)
    assert place is not None
    return place.next_action


async def test_next_step_and_latest_notice(session: WriteSession, tenant: Tenant) -> None:
    await owed(session, tenant, 10_000)
    day = MARCH_1 + timedelta(days=4)
    assert (await facts_on(session, tenant, day)).dunned.next_step is None, "nobody said by which policy"
    await use_policy(session, STEPS)
    await reachable(session, tenant)
    before = await facts_on(session, tenant, day)
    step = before.dunned.next_step
    assert step is not None
    assert (step.step, step.channel, step.on) == (1, "email", date(2026, 3, 6))
    assert action(before, day) == "wait_for_reminder"
    assert action(await facts_on(session, tenant, MARCH_1 + timedelta(days=2)), MARCH_1 + timedelta(days=2)) == "email"
    day = date(2026, 3, 6)
    await run_on(session, day)
    await session.driver.execute(
        "UPDATE dunning_notices SET state = 'sent', done_on = $2, done_at = now() WHERE organization_id = $1",
        tenant.organization_id, day,
    )  # fmt: skip
    await session.driver.execute(
        "UPDATE dunning_notice_items SET done_on = $2 WHERE organization_id = $1", tenant.organization_id, day
    )
    day += timedelta(days=1)
    after = await facts_on(session, tenant, day)
    assert after.reminded is not None
    assert (after.reminded.step, after.reminded.state, after.touched_on) == (1, "sent", date(2026, 3, 6))
    assert after.dunned.next_step is not None
    assert (after.dunned.next_step.step, after.dunned.next_step.on) == (2, date(2026, 3, 21))
    assert action(after, day) == "wait_for_reaction"
    await session.driver.execute(
        "UPDATE dunning_notices SET state = 'bounced' WHERE organization_id = $1", tenant.organization_id
    )
    failed = await facts_on(session, tenant, day)
    assert "notice_failed" in {signal.kind for signal in failed.signals}


async def test_what_is_disputed_or_blocked_has_no_next_step(session: WriteSession, tenant: Tenant) -> None:
    item = await owed(session, tenant, 10_000)
    await use_policy(session, STEPS)
    day = MARCH_1 + timedelta(days=4)
    await session.driver.execute(
        "INSERT INTO dunning_blocks (organization_id, id, account_id, reason_code, starts_on, until, placed_by,"
        " created_at, updated_at) VALUES ($1, gen_random_uuid(), $2, 'other', $3, $4, 'Ada', now(), now())",
        tenant.organization_id, tenant.account_id, day, day + timedelta(days=7),
    )  # fmt: skip
    blocked = (await facts_on(session, tenant, day)).dunned
    assert (blocked.next_step, blocked.blocked, blocked.blocked_until) == (None, True, day + timedelta(days=7))
    await session.driver.execute("UPDATE dunning_blocks SET lifted_on = $1, lifted_by = 'Ada'", day)
    assert (await facts_on(session, tenant, day)).dunned.next_step is not None
    await dispute(session, (item, 10_000), on=day)
    assert (await facts_on(session, tenant, day)).dunned.next_step is None


async def test_the_list_shows_it(client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await owed(session, tenant, 10_000)
        await use_policy(session, STEPS)
        await refresh_accounts(session, [tenant.account_id], MARCH_1 + timedelta(days=4))
    (entry,) = (await client.get("/v1/worklist")).json()["data"]
    shown: dict[str, Any] = entry["next_dunning_step"]
    assert shown == {"step": 1, "name": "Reminder", "channel": "email", "on": "2026-03-06"}
    assert (entry["last_notice"], entry["dunning_blocked"]) == (None, False)
    assert entry["next_action"] == "wait_for_reminder"
