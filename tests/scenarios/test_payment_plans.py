"""Stories of payment plans, told day by day."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.core.errors import DomainError
from app.payments.withdraw import ReversePayment, reverse_payment
from app.promises.plans import cancel_plan
from app.promises.queries import plan_parts
from app.promises.rules import PlannedPart, Rhythm
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.promise_story import FRIDAY, MONDAY, NEXT_MONDAY, TUESDAY, Story
from tests.receivables import settle


@pytest.fixture
def story(database: RolledBackDatabase, tenant: Tenant) -> Story:
    """The customer C-1; the story begins on Monday, 9 March 2026."""
    return Story(database, tenant)


async def test_a_hundred_in_parts_of_thirty_every_two_months(story: Story) -> None:
    owed = await story.owes(10_000)
    plan_id = await story.propose(owed, rhythm=Rhythm(date(2026, 4, 1), 2, "month", part_minor=3_000))
    assert await story.held(owed) == {}, "only proposed"
    await story.activate(plan_id)
    async with story.database.read(story.tenant.organization_id) as session:
        parts = await plan_parts(session, plan_id)
    assert [(part.due_date.isoformat(), part.amount_minor) for part in parts] == [
        ("2026-04-01", 3_000), ("2026-06-01", 3_000), ("2026-08-01", 3_000), ("2026-10-01", 1_000),
    ]  # fmt: skip
    assert await story.held(owed) == {owed: 10_000}
    for day, minor in (("2026-04-02", 3_000), ("2026-06-03", 3_000), ("2026-08-04", 3_000), ("2026-09-30", 1_000)):
        on = date.fromisoformat(day)
        await story.clock.night_before(on)
        await story.pays(minor, on, owed)
    plan, parts_now = await story.plan(plan_id)
    assert (plan.status, plan.paid_minor, plan.next_due_on) == ("completed", 10_000, None)
    assert parts_now == [("kept", 3_000), ("kept", 3_000), ("kept", 3_000), ("kept", 1_000)]


async def test_a_hundred_in_three_parts(story: Story) -> None:
    owed = await story.owes(10_000)
    plan_id = await story.propose(owed, rhythm=Rhythm(date(2026, 4, 1), parts=3))
    async with story.database.read(story.tenant.organization_id) as session:
        assert [part.amount_minor for part in await plan_parts(session, plan_id)] == [3_333, 3_333, 3_334]


async def test_a_plan_that_misses_a_part_is_broken_and_lets_go_of_its_items(story: Story) -> None:
    one, two = await story.owes(6_000), await story.owes(4_000)
    plan_id = await story.propose(rhythm=Rhythm(date(2026, 4, 1), parts=2), grace_days=1)
    await story.activate(plan_id)
    await story.pays(5_000, date(2026, 3, 31), one)
    plan, parts = await story.plan(plan_id)
    assert (plan.status, plan.next_due_on, parts) == ("active", date(2026, 5, 1), [("kept", 5_000), ("open", 0)])
    await story.clock.night_before(date(2026, 5, 4))
    assert (await story.plan(plan_id))[0].status == "active", "1 May is a holiday, Monday is the day of grace"
    assert await story.held(one, two) == {one: 1_000, two: 4_000}
    await story.clock.night_before(date(2026, 5, 5))
    plan, parts = await story.plan(plan_id)
    assert (plan.status, plan.decided_on, parts[1][0]) == ("broken", date(2026, 5, 4), "broken")
    assert await story.held(one, two) == {}
    again = await story.promises(5_000, date(2026, 5, 8), one, two)
    await story.pays(5_000, date(2026, 5, 6), None)
    async with story.write() as session:
        payments = await session.driver.fetch("SELECT id FROM payments WHERE unapplied_minor > 0")
        await settle(session, payments[0]["id"], one, 1_000, date(2026, 5, 6))
        await settle(session, payments[0]["id"], two, 4_000, date(2026, 5, 6))
    await story.clock.react()
    assert (await story.state(again))[0] == "kept", "money after the break is free for the new promise"
    assert (await story.plan(plan_id))[0].status == "broken"


async def test_a_bounced_payment_breaks_a_completed_plan(story: Story) -> None:
    owed = await story.owes(10_000)
    plan_id = await story.propose(owed, parts=[PlannedPart(FRIDAY, 4_000), PlannedPart(TUESDAY, 6_000)], grace_days=0)
    await story.activate(plan_id)
    cheque = await story.pays(10_000, FRIDAY, owed)
    assert (await story.plan(plan_id))[0].status == "completed"
    await story.clock.night_before(NEXT_MONDAY)
    async with story.write() as session:
        await reverse_payment(session, ReversePayment(cheque, NEXT_MONDAY, "bounced"))
    await story.clock.react()
    assert (await story.plan(plan_id))[0].status == "broken"


async def test_plans_that_are_refused(story: Story) -> None:
    owed = await story.owes(10_000)
    rhythm = Rhythm(date(2026, 4, 1), parts=2)
    wrong: list[dict[str, Any]] = [
        {"parts": [PlannedPart(FRIDAY, 9_999)]},
        {"parts": [PlannedPart(date(2026, 3, 8), 10_000)]},
        {"rhythm": Rhythm(date(2026, 3, 8), parts=2)},
    ]
    for facts in wrong:
        with pytest.raises(DomainError) as refused:
            await story.propose(owed, **facts)
        assert refused.value.code == "payment_plan.schedule_invalid"
    plan_id = await story.propose(owed, rhythm=rhythm)
    with pytest.raises(DomainError) as twice:
        await story.propose(owed, rhythm=rhythm)
    assert twice.value.code == "promise.over_promised"
    await story.pays(1_000, MONDAY, owed)
    with pytest.raises(DomainError) as changed:
        await story.activate(plan_id)
    assert changed.value.code == "payment_plan.closed"
    async with story.write() as session:
        await cancel_plan(session, plan_id, reason="debt changed", today=MONDAY)
    plan_id = await story.propose(owed, rhythm=rhythm)
    await story.activate(plan_id)
    with pytest.raises(DomainError):
        await story.promises(1, FRIDAY, owed)
    async with story.write() as session:
        await cancel_plan(session, plan_id, reason="sold the debt", today=MONDAY)
    assert await story.held(owed) == {}
    assert await story.promises(9_000, FRIDAY, owed)
