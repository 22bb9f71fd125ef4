"""Dunning over HTTP in orders that are not the usual one: what is paid, credited, contested or moved between steps."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from app.core.clock import utc_now
from app.infra.database import SYSTEM
from app.infra.reactions import event_of
from app.organizations.queries import local_today
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant
from tests.receivables import add_account
from tests.scenarios.test_dunning import Story, step
from workers import dunning


class Orders(Story):
    """A story whose invoices were due long ago, so that runs of the days since can be asked for."""

    due: date

    async def begin(self, late: int = 60) -> None:
        """An invoice is due so many days ago; somebody can be written to."""
        async with self.database.read(self.tenant.organization_id) as read:
            self.due = await local_today(read, utc_now()) - timedelta(days=late)
        await self.contact()

    def day(self, late: int) -> str:
        """So many days after the due date."""
        return (self.due + timedelta(days=late)).isoformat()

    async def owed(self, amount: str, **more: Any) -> str:
        """An invoice that is due on the due date (or `late` days after it); its instalment."""
        self.number += 1
        due = self.day(more.pop("late", 0))
        issued = (self.due - timedelta(days=30)).isoformat()
        body = {
            "number": f"RE-{self.number}", "legal_entity_id": str(self.tenant.legal_entity_id), "currency": "EUR",
            "account_id": str(self.tenant.account_id), "amount": amount, "invoice_date": issued, "due_date": due,
        } | more  # fmt: skip
        if "instalments" in body:
            del body["due_date"]
        made = await self.call("POST", "/invoices", body, 201)
        self.parts = [part["id"] for part in made["instalments"]]
        return str(self.parts[0])

    async def invoice_of(self, instalment_id: str) -> str:
        """The invoice that has this instalment."""
        async with self.database.read(self.tenant.organization_id) as read:
            found = await read.driver.fetchval("SELECT invoice_id FROM instalments WHERE id = $1", instalment_id)
        return str(found)

    async def money(self, amount: str, late: int, **more: Any) -> str:
        """A receipt of the account."""
        body = {
            "amount": amount, "currency": "EUR", "value_date": self.day(late),
            "account_id": str(self.tenant.account_id), "legal_entity_id": str(self.tenant.legal_entity_id),
        } | more  # fmt: skip
        return str((await self.call("POST", "/payments", body, 201))["id"])

    async def paid(self, instalment_id: str, amount: str, late: int) -> str:
        """Money comes and is applied."""
        payment = await self.money(amount, late)
        lines = [{"instalment_id": instalment_id, "amount": amount}]
        body = {"effective_date": self.day(late), "currency": "EUR", "lines": lines}
        await self.call("POST", f"/payments/{payment}/applications", body, 201)
        return payment

    async def run_on(self, late: int) -> list[tuple[int, str, str]]:
        """A run so many days after the due date: step, amount and state of its notices; what was approved goes out."""
        run = await self.call("POST", "/dunning/runs", {"business_date": self.day(late)}, 202)
        self.withheld = [(one["reason"], one["amount"]) for one in run["withheld_by_reason"]]
        found = (await self.call("GET", f"/dunning/notices?run_id={run['id']}"))["data"]
        self.notices = sorted(found, key=lambda one: (one["step"], one["currency"]))
        await self.sent(*(one for one in self.notices if one["state"] == "approved"))
        return [(one["step"], one["amount"], one["state"]) for one in self.notices]

    async def follow(self) -> None:
        """What the worker does with the events so far."""
        async with self.database.write(self.tenant.organization_id, SYSTEM) as session:
            rows = await session.driver.fetch(
                "SELECT * FROM change_log WHERE organization_id = $1 AND event = ANY($2::text[]) ORDER BY id",
                session.organization_id, sorted(dunning.EVENTS),
            )  # fmt: skip
            await dunning.react(session, [event_of(row, place) for place, row in enumerate(rows, 1)])


@pytest.fixture
async def story(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> Orders:
    """Levels after 5, 20 and 40 days."""
    made = Orders(client, database, tenant, authenticator.grant(tenant))
    await made.begin()
    return made


LEVELS = (step("First", 5), step("Second", 20), step("Third", 40))


async def test_grace_day_levels_and_approval(story: Orders) -> None:
    await story.policy(step("First", 5, approval=True), *LEVELS[1:])
    item = await story.owed("100.00")
    assert await story.run_on(4) == []
    assert await story.run_on(5) == [(1, "100.00", "pending_approval")]
    (waiting,) = story.notices
    assert await story.run_on(30) == []  # the first step still waits: no other comes, and it does not come twice
    await story.call("POST", f"/dunning/notices/{waiting['id']}/approve")
    await story.sent(waiting)
    assert await story.run_on(30) == [(2, "100.00", "approved")]
    await story.paid(item, "100.00", 31)
    await story.follow()
    assert await story.run_on(45) == []
    states = await story.call("GET", f"/accounts/{story.tenant.account_id}/notices")
    assert {one["state"] for one in states["data"]} == {"resolved"}


async def test_money_between_steps_lowers_what_the_next_one_asks_and_charges(story: Orders) -> None:
    await story.policy(step("First", 5), step("Second", 20, fee_percent="10.00"), LEVELS[2])
    item = await story.owed("100.00")
    assert await story.run_on(5) == [(1, "100.00", "approved")]
    await story.paid(item, "40.00", 10)
    assert await story.run_on(20) == [(2, "60.00", "approved")]
    assert (story.notices[0]["fee"], story.notices[0]["total_due"]) == ("6.00", "66.00")
    await story.paid(item, "60.00", 25)
    await story.follow()
    assert await story.run_on(30) == [(1, "6.00", "approved")]  # only the fee is left: a debt of its own, due long ago


async def test_a_credit_memo_that_covers_it_withholds(story: Orders) -> None:
    await story.policy(*LEVELS)
    await story.owed("100.00")
    body = {
        "number": "GS-1", "account_id": str(story.tenant.account_id), "currency": "EUR", "amount": "99.99",
        "legal_entity_id": str(story.tenant.legal_entity_id), "credit_date": story.day(1),
    }  # fmt: skip
    await story.call("POST", "/credit-memos", body, 201)
    assert await story.run_on(5) == [(1, "100.00", "approved")]  # a cent short
    await story.call("POST", "/credit-memos", {**body, "number": "GS-2", "amount": "0.01"}, 201)
    assert (await story.run_on(20), story.withheld) == ([], [("open_credit", "100.00")])


async def test_a_returned_payment_goes_on_with_the_next_step(story: Orders) -> None:
    await story.policy(*LEVELS)
    item = await story.owed("100.00")
    await story.run_on(5)
    payment = await story.paid(item, "100.00", 8)
    await story.follow()
    (first,) = (await story.call("GET", f"/accounts/{story.tenant.account_id}/notices"))["data"]
    assert first["state"] == "resolved"
    body = {"effective_date": story.day(15), "reason_code": "bounced"}
    await story.call("POST", f"/payments/{payment}/reverse", body)
    await story.follow()
    assert (await story.call("GET", f"/dunning/notices/{first['id']}"))["state"] == "sent"
    assert await story.run_on(15) == []
    assert await story.run_on(20) == [(2, "100.00", "approved")]


async def test_a_policy_that_changes_and_one_that_is_exchanged_repeat_nothing(story: Orders) -> None:
    policy = await story.policy(*LEVELS)
    await story.owed("100.00")
    await story.run_on(5)
    more = {"steps": [step("Early", 1), step("Again", 3), step("Later", 30)]}
    draft = await story.call("POST", f"/dunning/policies/{policy['id']}/versions", more, 201)
    await story.call("POST", f"/dunning/policy-versions/{draft['id']}/activate", {})
    assert await story.run_on(10) == [(2, "100.00", "approved")]  # its second step: the first has been
    body = {"code": "own", "name": "Own", "steps": [step("One", 1), step("Two", 2), step("Three", 50)]}
    own = await story.call("POST", "/dunning/policies", body, 201)
    await story.call("POST", f"/dunning/policy-versions/{own['draft_ids'][0]}/activate", {})
    assigned = {"scope": "account", "account_id": str(story.tenant.account_id), "policy_id": own["id"]}
    await story.call("POST", "/dunning/assignments", assigned, 201)
    assert await story.run_on(49) == []
    assert await story.run_on(50) == [(3, "100.00", "approved")]


async def test_each_instalment_currency_and_legal_entity_is_asked_for_by_itself(story: Orders) -> None:
    await story.policy(*LEVELS)
    parts = [{"due_date": story.day(0), "amount": "60.00"}, {"due_date": story.day(15), "amount": "40.00"}]
    first = await story.owed("100.00", instalments=parts)
    await story.owed("70.00", currency="USD")
    assert await story.run_on(5) == [(1, "60.00", "approved"), (1, "70.00", "approved")]
    await story.paid(first, "60.00", 16)
    assert await story.run_on(20) == [(1, "40.00", "approved"), (2, "70.00", "approved")]
    async with story.database.write(story.tenant.organization_id, SYSTEM) as session:
        other = await session.driver.fetchval(
            "INSERT INTO legal_entities (organization_id, id, code, name, country, base_currency)"
            " VALUES ($1, gen_random_uuid(), 'uk', 'Acme Ltd', 'GB', 'GBP') RETURNING id",
            session.organization_id,
        )
    third = await story.owed("80.00", late=20, legal_entity_id=str(other))
    body = {"business_date": story.day(35), "scope": {"legal_entity_id": str(other)}}
    run = await story.call("POST", "/dunning/runs", body, 202)
    assert (run["notices"], run["scope"]["legal_entity_id"]) == (1, str(other))
    assert await story.run_on(35) == [(2, "40.00", "approved")]
    listed = await story.call("GET", f"/dunning/notices?invoice_id={await story.invoice_of(third)}")
    assert [(one["legal_entity_id"], one["amount"]) for one in listed["data"]] == [(str(other), "80.00")]
    assert (await story.call("GET", f"/dunning/notices?collector_id={other}"))["data"] == []


async def test_the_minimum_to_the_cent_and_what_is_contested(story: Orders) -> None:
    minimum = [{"amount": "51.00", "currency": "EUR"}]
    await story.policy(step("First", 5, minimums=minimum))
    item = await story.owed("51.01")
    body = {"lines": [{"instalment_id": item, "amount": "0.02"}], "currency": "EUR", "reason_code": "damaged_goods"}
    case = await story.call("POST", "/disputes", body, 201)
    assert (await story.run_on(5), story.withheld) == ([], [("below_minimum", "50.99")])
    await story.call("POST", f"/disputes/{case['id']}/withdraw", {"note": "they were right"})
    await story.paid(item, "0.01", 6)
    assert await story.run_on(6) == [(1, "51.00", "approved")]


async def test_a_plan_that_is_kept_withholds_and_one_cancelled_does_not(story: Orders) -> None:
    await story.policy(*LEVELS)
    item = await story.owed("100.00")
    ahead = [(utc_now().date() + timedelta(days=days)).isoformat() for days in (10, 40)]
    parts = [{"due_date": on, "amount": "50.00"} for on in ahead]
    body = {"account_id": str(story.tenant.account_id), "currency": "EUR", "instalment_ids": [item], "schedule": parts}
    made = await story.call("POST", "/payment-plans", body, 201)
    assert await story.run_on(5) == [(1, "100.00", "approved")]  # proposed: it holds nothing
    await story.call("POST", f"/payment-plans/{made['id']}/activate", {})
    assert (await story.run_on(20), story.withheld) == ([], [("payment_plan", "100.00")])
    await story.call("POST", f"/payment-plans/{made['id']}/cancel", {"reason": "nothing came"})
    assert await story.run_on(20) == [(2, "100.00", "approved")]


async def test_cash_of_the_parent_and_a_merge(story: Orders) -> None:
    await story.policy(*LEVELS)
    async with story.database.write(story.tenant.organization_id, SYSTEM) as session:
        child = str(await add_account(session, "C-2", parent_id=story.tenant.account_id))
        twin = str(await add_account(session, "C-3"))
    for account in (child, twin):
        body = {"role": "dunning", "email": "ap@brandt.example", "consents": {"email": True}}
        await story.call("POST", f"/accounts/{account}/contacts", body, 201)
        await story.owed("100.00", account_id=account)
    await story.money("100.00", 3)
    assert (await story.run_on(5), story.withheld) == ([(1, "100.00", "approved")], [("unapplied_cash", "100.00")])
    assert story.notices[0]["account_id"] == twin
    merge = {"merged_account_id": twin, "reason": "one customer"}
    await story.call("POST", f"/accounts/{story.tenant.account_id}/merge", merge, 201)
    # The cash is the survivor's own now and pays what it took over; nothing is left for the child.
    assert (await story.run_on(20), story.withheld) == ([(1, "100.00", "approved")], [("unapplied_cash", "100.00")])
    assert story.notices[0]["account_id"] == child
    gone = await story.call("GET", f"/accounts/{twin}/dunning")
    assert (gone["policy"], [one["withheld"] for one in gone["items"]]) == (None, ["merged"])
