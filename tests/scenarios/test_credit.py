"""A customer's credit from the first limit to a bounced payment, told day by day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.core.ids import new_id
from app.credit import queries
from app.credit.checks import CheckOrder, answer_referred, check_order
from app.credit.concerned import EVENTS, accounts_concerned
from app.credit.holds import PlaceHold, place_hold
from app.credit.models import CreditDecision
from app.credit.orders import OrderCommand, upsert_orders
from app.credit.policies import activate_policy, draft_policy
from app.credit.refresh import refresh_accounts, refresh_all
from app.credit.reviews.service import NewReview, approve_review, change_proposal, open_review, recommend_review
from app.infra.database import SYSTEM, Actor, WriteSession
from app.payments.withdraw import ReversePayment, reverse_payment
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.moving_clock import Clock
from tests.receivables import issue, pay, settle, value

MARCH_2 = date(2026, 3, 2)
ANALYST = Actor("user", new_id(), "Ann Analyst", approval_limit_minor=0)
MANAGER = Actor("user", new_id(), "Max Manager", approval_limit_minor=None)


class Story:
    """One account of a tenant on the days of the story."""

    def __init__(self, database: RolledBackDatabase, tenant: Tenant) -> None:
        self.database, self.tenant, self.account_id = database, tenant, tenant.account_id
        self.today = MARCH_2
        self.clock = Clock(database, tenant, MARCH_2)

    def write(self, actor: Actor | None = None) -> Any:
        return self.database.write(self.tenant.organization_id, actor or self.tenant.actor)

    async def night(self, days: int) -> str:
        """So many days later, after the night; the status then."""
        await self.events()
        self.today += timedelta(days=days)
        await refresh_all(self.database, self.tenant.organization_id, self.today)
        return await self.status()

    async def events(self) -> str:
        """What the worker does with the events so far; the status then."""
        found = [event for event in await self.clock.new_events() if event.type in EVENTS]
        async with self.write(SYSTEM) as session:
            await refresh_accounts(session, await accounts_concerned(session, found), self.today)
        return await self.status()

    async def status(self) -> str:
        async with self.write() as session:
            return str(await value(session, "accounts", self.account_id, "credit_status"))

    async def order(self, minor: int, **more: Any) -> CreditDecision:
        async with self.write(ANALYST) as session:
            return await check_order(session, CheckOrder(self.account_id, minor, "EUR", **more), self.today)

    async def pays(self, item: UUID, minor: int) -> UUID:
        async with self.write() as session:
            payment = await pay(session, self.tenant, minor, self.today)
            await settle(session, payment, item, minor, self.today)
        return payment

    async def score(self) -> int:
        async with self.write() as session:
            found = (await queries.scores_of(session, [self.account_id]))[self.account_id]["score"]
        assert isinstance(found, int)
        return found


async def test_unset_never_refuses_zero_always_and_two_hundred_with_a_hundred_open(
    database: RolledBackDatabase, tenant: Tenant
) -> None:
    story = Story(database, tenant)
    async with story.write() as session:
        await issue(session, tenant, 100_00, MARCH_2)

    async def limit(session: WriteSession, minor: int | None) -> None:
        sql = "UPDATE accounts SET credit_limit_minor = $2 WHERE id = $1"
        await session.driver.execute(sql, tenant.account_id, minor)

    answers = []
    for given, order in ((None, 10**9), (0, 1), (200_00, 1_00), (200_00, 100_00), (200_00, 101_00)):
        async with story.write() as session:
            await limit(session, given)
        answers.append((await story.order(order)).outcome)
    assert answers == ["approve", "refuse", "approve", "approve", "refer"]


async def test_from_the_first_limit_to_a_bounced_payment(database: RolledBackDatabase, tenant: Tenant) -> None:
    story = Story(database, tenant)
    # A first limit: proposed by the analyst, decided by the manager.
    async with story.write(ANALYST) as session:
        review = await open_review(session, NewReview(tenant.account_id), story.today)
        await recommend_review(session, review, story.today, None)
        await change_proposal(session, review, {"proposed_limit_minor": 1_000_00}, story.today, None)
    async with story.write(MANAGER) as session:
        await approve_review(session, review, "a new customer with a good name", story.today, None)
    # An order is reserved, delivered and invoiced; the ERP closes it.
    assert (await story.order(900_00, source="gp", external_id="SO-1", reserve=True)).outcome == "approve"
    assert (await story.order(200_00)).outcome == "refer", "the reserved order counts"
    async with story.write() as session:
        _, item = await issue(session, tenant, 900_00, story.today)  # due on 1 April
        await upsert_orders(session, [OrderCommand("gp", "SO-1", "EUR", 0, account_id=tenant.account_id)])
    assert await story.events() == "watch", "nine tenths of the limit are used"
    # It falls due and is not paid.
    assert await story.night(30) == "watch"
    assert await story.night(45) == "hold", "45 days late on 16 May"
    asked = await story.order(50_00)
    assert (asked.outcome, asked.reasons[0]["code"]) == ("refer", "credit_status")
    async with story.write(MANAGER) as session:
        assert (await answer_referred(session, asked.id, "approve", "spare parts", story.today)).outcome == "approve"
    assert await story.night(45) == "stop", "90 days late on 30 June"
    assert (await story.order(1)).outcome == "refuse"
    # The manager lets the customer order while it pays off.
    async with story.write(MANAGER) as session:
        until = story.today + timedelta(days=7)
        await place_hold(session, PlaceHold(tenant.account_id, "override", "watch", "plan", until=until), story.today)
    assert await story.status() == "watch"
    worst = await story.score()
    # The money comes: the status follows the event, not the night.
    payment = await story.pays(item, 900_00)
    assert await story.events() == "ok"
    async with story.write() as session:
        _, second = await issue(session, tenant, 100_00, story.today)
    later = await story.pays(second, 100_00)
    await story.night(3)
    paid = await story.score()
    assert paid >= worst
    # It bounces: the invoice is open again with its old due date, and the override has ended.
    async with story.write() as session:
        await reverse_payment(session, ReversePayment(payment, story.today, "bounced"))
    assert await story.events() == "watch", "capped by the override"
    assert await story.night(8) == "stop"
    assert await story.score() < paid
    async with story.write() as session:
        await reverse_payment(session, ReversePayment(later, story.today, "entered_in_error"))
    # A stricter policy comes into force; only decisions from then on name it.
    async with story.write(MANAGER) as session:
        policy = await draft_policy(session, "strict", {"stop_days_late": 200, "hold_order": "refuse"})
        await activate_policy(session, policy, story.today + timedelta(days=1), story.today, None)
    before = await story.order(1)
    assert await story.night(1) == "hold"
    after = await story.order(1)
    assert [(row.policy_version, row.outcome) for row in (before, after)] == [(0, "refuse"), (1, "refuse")]
    async with story.write() as session:
        rows = await session.driver.fetch("SELECT status FROM credit_status_changes ORDER BY id")
        assert [row["status"] for row in rows] == [
            "watch", "hold", "stop", "watch", "ok", "watch", "stop", "hold",
        ]  # fmt: skip
        months = await session.driver.fetch("SELECT month FROM credit_scores ORDER BY month")
        assert months[-1]["month"] == date(2026, 7, 1)
