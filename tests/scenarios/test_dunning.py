"""Stories of dunning over HTTP, with the clock of the organization where the caller's calendar cannot tell it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from app.core.clock import utc_now
from app.dunning.notices import mark_sent
from app.dunning.work import carry_out
from app.infra.database import SYSTEM
from app.organizations.queries import local_today
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant

REMINDER = {"channel": "email", "template_code": "first_reminder"}


def step(name: str, days: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "offset_days": days, **REMINDER, **more}


class Story:
    """One tenant over HTTP; days are counted from today."""

    def __init__(self, client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, token: str) -> None:
        self.client, self.database, self.tenant = client, database, tenant
        self.headers = {"Authorization": f"Bearer {token}"}
        self.number = 0

    async def call(self, method: str, path: str, body: Any = None, expect: int = 200, **more: Any) -> Any:
        """One call that must answer so; the answer's body."""
        answer = await self.client.request(method, f"/v1{path}", json=body, headers=self.headers, **more)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def policy(self, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A policy in force for everybody."""
        self.number += 1
        body = {"code": f"story-{self.number}", "name": "Story", "steps": list(steps), **more}
        made = await self.call("POST", "/dunning/policies", body, 201)
        (version_id,) = made["draft_ids"]
        await self.call("POST", f"/dunning/policy-versions/{version_id}/activate", {})
        assigned = {"scope": "organization", "policy_id": made["id"]}
        await self.call("POST", "/dunning/assignments", assigned, 201)
        return dict(await self.call("GET", f"/dunning/policies/{made['id']}"))

    async def contact(self) -> None:
        """Somebody to write to."""
        body = {"role": "dunning", "email": "ap@brandt.example", "consents": {"email": True}}
        await self.call("POST", f"/accounts/{self.tenant.account_id}/contacts", body, 201)

    async def invoice(self, amount: str, days_late: int) -> dict[str, Any]:
        """An invoice that was due so many days ago."""
        self.number += 1
        async with self.database.read(self.tenant.organization_id) as read:
            today = await local_today(read, utc_now())
        due = today - timedelta(days=days_late)
        body = {
            "number": f"RE-{self.number}", "legal_entity_id": str(self.tenant.legal_entity_id), "currency": "EUR",
            "account_id": str(self.tenant.account_id), "amount": amount, "due_date": due.isoformat(),
            "invoice_date": (due - timedelta(days=30)).isoformat(),
        }  # fmt: skip
        return dict(await self.call("POST", "/invoices", body, 201))

    async def run(self) -> list[dict[str, Any]]:
        """A run of today; its notices, the lowest step first."""
        run = await self.call("POST", "/dunning/runs", {}, 202)
        assert run["state"] == "done"
        found = await self.call("GET", f"/dunning/notices?run_id={run['id']}")
        return sorted(found["data"], key=lambda notice: notice["step"])

    async def sent(self, *notices: dict[str, Any]) -> None:
        """What the mail says of these notices: they went out."""
        async with self.database.write(self.tenant.organization_id, SYSTEM) as session:
            now = utc_now()
            await mark_sent(session, [UUID(notice["id"]) for notice in notices], await local_today(session, now))

    async def carried_out(self, notice: dict[str, Any]) -> None:
        """What a worker does with a step that is work."""
        async with self.database.write(self.tenant.organization_id, SYSTEM) as session:
            now = utc_now()
            await carry_out(session, UUID(notice["id"]), now=now, today=await local_today(session, now))


async def story_of(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> Story:
    story = Story(client, database, tenant, authenticator.grant(tenant))
    await story.contact()
    return story


async def test_fees_are_added_up_and_asked_for_with_the_debt(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    story = await story_of(client, database, tenant, authenticator)
    await story.policy(
        step("First", 5, fee_fixed=[{"amount": "10.00", "currency": "EUR"}]), step("Second", 20, fee_percent="15.00")
    )
    await story.invoice("100.00", 30)
    (first,) = await story.run()
    assert (first["fee"], first["total_due"], first["state"]) == ("10.00", "110.00", "approved")
    await story.sent(first)
    (second,) = await story.run()
    assert (second["amount"], second["earlier_charges"], second["fee"]) == ("100.00", "10.00", "15.00")
    assert second["total_due"] == "125.00"
    owed = await story.call("GET", f"/invoices?account_id={tenant.account_id}")
    assert sorted(row["open_amount"] for row in owed["data"]) == ["10.00", "100.00", "15.00"]


async def test_what_does_not_go_out_is_not_charged(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    story = await story_of(client, database, tenant, authenticator)
    await story.policy(step("First", 5, fee_fixed=[{"amount": "10.00", "currency": "EUR"}], approval=True))
    await story.invoice("100.00", 30)
    (waiting,) = await story.run()
    assert (waiting["state"], waiting["fee"], waiting["charge_invoice_id"]) == ("pending_approval", "10.00", None)
    assert waiting["allowed_actions"] == ["approve", "reject"]
    approved = await story.call("POST", f"/dunning/notices/{waiting['id']}/approve")
    assert (approved["state"], approved["charge_invoice_id"] is not None) == ("approved", True)
    cancelled = await story.call("POST", f"/dunning/notices/{waiting['id']}/cancel", {"reason": "they called"})
    assert cancelled["state"] == "rejected"
    charge = await story.call("GET", f"/invoices/{approved['charge_invoice_id']}")
    assert charge["status"] == "void"
    assert await story.run() == []
    await story.call("POST", f"/dunning/notices/{waiting['id']}/try-again", {})
    (again,) = await story.run()
    assert again["step"] == 1


async def test_a_simulation_shows_the_same_and_does_nothing(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    story = await story_of(client, database, tenant, authenticator)
    policy = await story.policy(step("First", 5), step("Second", 20))
    await story.invoice("100.00", 30)
    simulated = await story.call("POST", "/dunning/runs/simulate", {}, 202)
    shown = (await story.call("GET", f"/dunning/notices?run_id={simulated['id']}"))["data"]
    assert [(notice["state"], notice["step"], notice["amount"]) for notice in shown] == [("simulated", 1, "100.00")]
    assert shown[0]["allowed_actions"] == []
    assert (await story.call("GET", f"/accounts/{tenant.account_id}/notices"))["data"] == []
    assert (await story.call("GET", "/dunning/runs"))["data"] == []
    draft = await story.call("POST", f"/dunning/policies/{policy['id']}/versions", {"steps": [step("Later", 31)]}, 201)
    body = {"policy_version_id": draft["id"]}
    assert (await story.call("POST", "/dunning/runs/simulate", body, 202))["notices"] == 0
    (real,) = await story.run()
    assert (real["step"], real["amount"]) == (1, "100.00")


async def test_an_account_shows_how_it_is_dunned(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    story = await story_of(client, database, tenant, authenticator)
    path = f"/accounts/{tenant.account_id}/dunning"
    policy = await story.policy(step("First", 5), step("Second", 20, gap_days=7))
    await story.invoice("100.00", 30)
    await story.sent(*await story.run())
    shown = await story.call("GET", path)
    assert (shown["policy"]["policy_id"], shown["policy"]["scope"]) == (policy["id"], "organization")
    (item,) = shown["items"]
    assert (item["last_step"], item["next_step"], item["next_step_name"]) == (1, 2, "Second")
    assert (item["next_on"] > item["last_done_on"], item["withheld"]) == (True, None)
    block = {"account_id": str(tenant.account_id), "reason_code": "goodwill"}
    placed = await story.call("POST", "/dunning/blocks", block, 201)
    shown = await story.call("GET", path)
    assert ([one["id"] for one in shown["blocks"]], shown["items"][0]["withheld"]) == ([placed["id"]], "blocked")
    lifted = await story.call("POST", f"/dunning/blocks/{placed['id']}/lift", {"reason": "settled"})
    assert lifted["allowed_actions"] == []
    assert (await story.call("GET", path))["items"][0]["withheld"] is None


async def test_the_shipped_policy_is_there_and_asks_a_person_before_it_hurts(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    story = await story_of(client, database, tenant, authenticator)
    (policy,) = (await story.call("GET", "/dunning/policies"))["data"]
    steps = policy["in_force"]["steps"]
    assert policy["shipped"]
    assert [one["channel"] for one in steps] == [
        "email", "email", "email", "call_task", "email", "escalate", "credit_hold", "legal_referral",
    ]  # fmt: skip
    assert [one["approval"] for one in steps] == [False, False, False, False, True, False, True, True]
    assert (await story.call("GET", "/dunning/settings"))["runs_at_night"] is False
    await story.invoice("100.00", 90)
    (first,) = await story.run()
    assert (first["step"], first["step_name"]) == (2, "First reminder")


async def test_a_run_is_approved_as_a_whole_by_the_facts_of_the_moment(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    story = await story_of(client, database, tenant, authenticator)
    await story.policy(step("First", 5, approval=True))
    await story.invoice("100.00", 30)
    (waiting,) = await story.run()
    assert (await story.call("GET", "/dunning/notices/counts"))["pending_approval"] == 1
    money = {
        "amount": "100.00", "currency": "EUR", "value_date": waiting["business_date"],
        "account_id": str(tenant.account_id), "legal_entity_id": str(tenant.legal_entity_id),
    }  # fmt: skip
    await story.call("POST", "/payments", money, 201)
    results = await story.call("POST", f"/dunning/runs/{waiting['run_id']}/approve")
    assert [(one["outcome"], one["reason"]) for one in results["data"]] == [("not_due", "unapplied_cash")]
    gone = await story.call("GET", f"/dunning/notices/{waiting['id']}")
    assert (gone["state"], gone["reason"], gone["allowed_actions"]) == ("cancelled", "unapplied_cash", [])
    run = await story.call("POST", "/dunning/runs", {}, 202)
    assert [(one["reason"], one["amount"]) for one in run["withheld_by_reason"]] == [("unapplied_cash", "100.00")]
    (withheld,) = (await story.call("GET", f"/dunning/withheld-items?run_id={run['id']}"))["data"]
    assert (withheld["reason"], withheld["step"]) == ("unapplied_cash", 1)


async def test_work_is_a_step_too(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    story = await story_of(client, database, tenant, authenticator)
    call = {"name": "Call them", "channel": "call_task", "offset_days": 5, "work": {"priority": "urgent"}}
    await story.policy(call, step("Letter of warning", 10))
    await story.invoice("100.00", 30)
    (notice,) = await story.run()
    await story.carried_out(notice)
    done = await story.call("GET", f"/dunning/notices/{notice['id']}")
    assert (done["state"], done["result_kind"]) == ("done", "collection_action")
    action = await story.call("GET", f"/collection-actions/{done['result_id']}")
    assert (action["type"], action["subject"], action["priority"]) == ("call", "Call them", "urgent")
    assert [notice["step"] for notice in await story.run()] == [2]
