"""What asks for work, and what does so no more: promises and plans paid late, parts due today, cases, bounced mail."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from app.collections.legal import cases
from app.collections.rules import CASE_STATUSES
from app.core.ids import new_id
from app.customer_data import queries as customer_data
from app.desk.facts import load_candidates
from app.desk.rules import AccountFacts, rank
from app.desk.timeline_events import TIMELINE_EVENTS
from app.infra.database import WriteSession
from app.promises.evaluation import evaluate_accounts
from app.promises.make import MakePromise, make_promise
from app.promises.plans import ProposePlan, activate_plan, propose_plan
from app.promises.rules import PlannedPart
from tests.collecting import add_contact
from tests.factories import Tenant
from tests.receivables import issue, pay, settle

TODAY = date(2026, 3, 16)
EARLIER = date(2026, 3, 2)


async def facts_of(session: WriteSession, tenant: Tenant) -> AccountFacts:
    _, (found,) = await load_candidates(session, [tenant.account_id], TODAY)
    return found.facts


async def kinds(session: WriteSession, tenant: Tenant) -> set[str]:
    return {signal.kind for signal in (await facts_of(session, tenant)).signals} - {"contact_missing"}


async def test_a_broken_promise_asks_for_a_call_until_its_items_are_paid(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 10_000, date(2026, 1, 5))
    await issue(session, tenant, 5_000, TODAY)  # not due yet
    command = MakePromise(tenant.account_id, "EUR", EARLIER, 10_000, [(owed, None)], grace_days=0)
    await make_promise(session, command, today=EARLIER)
    await evaluate_accounts(session, [tenant.account_id], TODAY)
    assert await kinds(session, tenant) == {"promise_broken"}
    await settle(session, await pay(session, tenant, 10_000, TODAY), owed, 10_000, TODAY)
    assert await kinds(session, tenant) == set()


async def test_a_part_of_a_plan_is_due_today_and_a_broken_plan_rests_when_it_is_paid(
    session: WriteSession, tenant: Tenant
) -> None:
    _, owed = await issue(session, tenant, 10_000, date(2026, 1, 5))
    parts = [PlannedPart(TODAY, 4_000), PlannedPart(TODAY + timedelta(days=30), 6_000)]
    command = ProposePlan(tenant.account_id, "EUR", [owed], parts, grace_days=0)
    plan = await propose_plan(session, command, today=EARLIER)
    await activate_plan(session, plan, today=EARLIER)
    found = await facts_of(session, tenant)
    (due,) = [signal for signal in found.signals if signal.kind == "promise_due_today"]
    assert (due.amount_minor, due.on) == (4_000, TODAY)
    await evaluate_accounts(session, [tenant.account_id], TODAY + timedelta(days=1))
    await session.driver.execute(
        "UPDATE payment_plans SET decided_on = $2 WHERE organization_id = $1", tenant.organization_id, TODAY
    )
    assert await kinds(session, tenant) == {"plan_broken"}
    await settle(session, await pay(session, tenant, 10_000, TODAY), owed, 10_000, TODAY)
    assert await kinds(session, tenant) == set()


async def test_a_promise_for_the_account_holds_and_a_case_is_not_collected_here(
    session: WriteSession, tenant: Tenant
) -> None:
    _, first = await issue(session, tenant, 10_000, date(2026, 1, 5))
    await issue(session, tenant, 5_000, date(2026, 1, 5))
    await make_promise(session, MakePromise(tenant.account_id, "EUR", TODAY, 4_000), today=EARLIER)
    found = await facts_of(session, tenant)
    assert (found.collectable_minor, found.held_minor) == (15_000, 4_000)
    command = cases.PrepareCase("agency_placement", tenant.account_id, "EUR", "no_reaction", (first,))
    await cases.prepare_case(session, command, today=TODAY)
    found = await facts_of(session, tenant)
    assert (found.open_minor, found.collectable_minor, found.held_minor) == (15_000, 5_000, 4_000)


@pytest.mark.parametrize("address", ["pay@kunde.example", "Pay@Kunde.example"])
async def test_a_bounced_address_is_a_work_item(session: WriteSession, tenant: Tenant, address: str) -> None:
    await issue(session, tenant, 10_000, date(2026, 1, 5))
    contact = await add_contact(session, tenant, email="pay@kunde.example")
    await _bounce(session, tenant, contact, address)
    await customer_data.put_findings(session, [tenant.account_id], TODAY)
    assert "contact_bounced" in await kinds(session, tenant)
    place = rank(await facts_of(session, tenant), TODAY)
    assert place is not None
    assert place.next_action == "correct_contact"
    await session.driver.execute(
        "UPDATE contacts SET email = 'new@kunde.example' WHERE organization_id = $1", tenant.organization_id
    )
    await customer_data.put_findings(session, [tenant.account_id], TODAY)
    assert "contact_bounced" not in await kinds(session, tenant)


async def _bounce(session: WriteSession, tenant: Tenant, contact: UUID, address: str) -> None:
    thread = new_id()
    await session.driver.execute(
        "INSERT INTO correspondences (organization_id, id, account_id, subject, purpose, token, last_message_at,"
        " last_direction) VALUES ($1, $2, $3, 'Reminder', 'collection', 'token', now(), 'out')",
        tenant.organization_id, thread, tenant.account_id,
    )  # fmt: skip
    await session.driver.execute(
        "INSERT INTO correspondence_messages (organization_id, id, correspondence_id, direction, channel, state,"
        " contact_id, recipient, subject, body, at, bounced_at, author)"
        " VALUES ($1, $2, $3, 'out', 'email', 'sent', $4, $5, 'Reminder', 'Please pay', now(), now(), 'Ada')",
        tenant.organization_id, new_id(), thread, contact, address,
    )  # fmt: skip


def test_the_whole_way_of_a_case_stands_on_the_timeline() -> None:
    assert {f"legal_case.{status}" for status in CASE_STATUSES} <= set(TIMELINE_EVENTS)
    entries = {f"legal_case.{kind}_{what}" for kind in ("cost", "recovery") for what in ("recorded", "reversed")}
    assert entries <= set(TIMELINE_EVENTS)
