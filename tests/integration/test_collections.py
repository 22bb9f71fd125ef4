"""Collections on a real PostgreSQL: actions with their outcomes, escalation by rule, cases, assignment, targets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from app.collections import actions, escalations, queries
from app.collections.actions import CompleteAction, FollowUp
from app.collections.asking import PlanAction
from app.collections.breaches import plan_for_breaches
from app.collections.effects import HoldNotAllowed
from app.collections.legal import cases
from app.collections.portfolio import assignment
from app.collections.rule_versions import add_version
from app.collections.rules import EscalationRule
from app.core.errors import DomainError
from app.core.ids import new_id
from app.disputes.opening import DisputedPart, OpenDispute, open_dispute
from app.disputes.queries import disputed_by_instalment
from app.infra.database import Actor, WriteSession
from app.promises.make import MakePromise
from app.promises.queries import get_promise
from tests.collecting import FRIDAY, NOON, add_contact, add_user, case_of, complete, events, plan
from tests.factories import Tenant
from tests.receivables import add_account, flush, issue, value

JANUARY_5 = date(2026, 1, 5)


async def test_a_call_with_a_promise_is_one_step(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 50_000, JANUARY_5)
    contact = await add_contact(session, tenant)
    call = await plan(session, tenant, contact_id=contact, instalment_ids=(owed,))
    promise = MakePromise(tenant.account_id, "EUR", FRIDAY + timedelta(days=5), 50_000, [(owed, None)])
    done = await complete(session, call, "promised", promise=promise, note="will pay on Wednesday")
    assert done.promise_id is not None
    made = await get_promise(session, done.promise_id)
    assert (made.amount_minor, made.contact_id) == (50_000, contact)
    action = await queries.get_action(session, call)
    assert (action.status, action.outcome_code, action.contact_made, action.promise_id) == (
        "done", "promised", True, done.promise_id,
    )  # fmt: skip
    assert done.next_action_id is None
    await flush(session)
    assert await events(session, call) == ["collection_action.planned", "collection_action.completed"]


async def test_a_promise_that_is_refused_leaves_the_action_planned(session: WriteSession, tenant: Tenant) -> None:
    await issue(session, tenant, 10_000, JANUARY_5)
    call = await plan(session, tenant)
    promise = MakePromise(tenant.account_id, "EUR", FRIDAY, 10_001)
    for outcome, facts in (("promised", {"promise": promise}), ("promised", {}), ("no_answer", {"promise": promise}),
                           ("unheard_of", {}), ("sent", {})):  # fmt: skip
        with pytest.raises(DomainError):
            await complete(session, call, outcome, **facts)
    assert await value(session, "collection_actions", call, "status") == "planned"


async def test_an_outcome_opens_a_dispute_for_part_of_an_instalment(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 50_000, JANUARY_5)
    call = await plan(session, tenant)
    dispute = OpenDispute((DisputedPart(owed, 18_000, "EUR"),), "damaged_goods", FRIDAY)
    done = await complete(session, call, "disputed", dispute=dispute)
    assert await value(session, "collection_actions", call, "dispute_id") == done.dispute_id
    assert await disputed_by_instalment(session, [owed]) == {owed: 18_000}


async def test_what_follows_an_outcome_is_planned_for_the_same_owner(session: WriteSession, tenant: Tenant) -> None:
    ada = await add_user(session, "Ada")
    _, owed = await issue(session, tenant, 1_000, JANUARY_5)
    call = await plan(session, tenant, owner_id=ada, instalment_ids=(owed,))
    done = await complete(session, call, "invoice_not_received")
    assert done.next_action_id is not None
    following = await queries.get_action(session, done.next_action_id)
    assert (following.type, following.subject, following.owner_id, following.follows_id, following.origin) == (
        "email", "Send the invoice again", ada, call, "outcome",
    )  # fmt: skip
    assert await queries.instalments_of_action(session, done.next_action_id) == [owed]
    own = await complete(session, done.next_action_id, "done", follow_up=FollowUp("letter", FRIDAY, "By post"))
    assert own.next_action_id is not None
    none = await complete(session, own.next_action_id, "no_answer", follow_up=False)
    assert none.next_action_id is None


async def test_the_owner_is_the_accounts_collector_else_whoever_plans(session: WriteSession, tenant: Tenant) -> None:
    first = await plan(session, tenant)
    assert await value(session, "collection_actions", first, "owner_id") is None, "the actor is no user row here"
    ada = await add_user(session, "Ada")
    session.actor = Actor("user", ada, "Ada")
    second = await plan(session, tenant)
    assert await value(session, "collection_actions", second, "owner_id") == ada
    bob = await add_user(session, "Bob")
    await assignment.assign_accounts(session, [tenant.account_id], bob, reason=None, today=FRIDAY)
    third = await plan(session, tenant)
    assert await value(session, "collection_actions", third, "owner_id") == bob


async def test_nobody_is_contacted_who_must_not_be(session: WriteSession, tenant: Tenant) -> None:
    silent = await add_contact(session, tenant, do_not_contact=True)
    with pytest.raises(DomainError) as refused:
        await plan(session, tenant, contact_id=silent)
    assert (refused.value.code, refused.value.facts["reason"]) == ("collections.contact_refused", "do_not_contact")
    kept = await session.driver.fetch("SELECT outcome, reason FROM contact_attempts")
    assert [(row["outcome"], row["reason"]) for row in kept] == [("refused", "do_not_contact")]
    note = await plan(session, tenant, "note", contact_id=silent)
    assert note
    weekend = await plan(session, tenant, contact_id=await add_contact(session, tenant),
                         due_date=date(2026, 3, 14))  # fmt: skip
    assert await value(session, "collection_actions", weekend, "due_date") == date(2026, 3, 16)


async def test_a_contact_that_was_made_against_the_rules_is_kept_with_a_warning(
    session: WriteSession, tenant: Tenant
) -> None:
    contact = await add_contact(session, tenant)
    call = await plan(session, tenant, contact_id=contact)
    late_evening = datetime(2026, 3, 13, 21, tzinfo=UTC)
    await actions.complete_action(session, call, CompleteAction("no_answer"), now=late_evening)
    assert await value(session, "collection_actions", call, "contact_warning") == "quiet_hours"
    fine = await plan(session, tenant, contact_id=contact)
    await complete(session, fine, "no_answer")
    assert await value(session, "collection_actions", fine, "contact_warning") is None


async def test_the_same_reason_plans_once(session: WriteSession, tenant: Tenant) -> None:
    command = PlanAction(tenant.account_id, "note", FRIDAY, "SLA", origin="service", origin_key="sla:1")
    one, two = await actions.plan_actions(session, [command]), await actions.plan_actions(session, [command])
    assert one == two
    assert await session.driver.fetchval("SELECT count(*) FROM collection_actions") == 1


async def test_a_batch_plans_what_it_can(session: WriteSession, tenant: Tenant) -> None:
    stranger = await add_account(session, "OTHER")
    _, theirs = await issue(session, tenant, 1_000, JANUARY_5, account_id=stranger)
    wrong = [
        PlanAction(new_id(), "call", FRIDAY, "x"),
        PlanAction(tenant.account_id, "call", FRIDAY, "x", owner_id=new_id()),
        PlanAction(tenant.account_id, "call", FRIDAY, "x", contact_id=new_id()),
        PlanAction(tenant.account_id, "call", FRIDAY, "x", instalment_ids=(theirs,)),
    ]
    good = PlanAction(tenant.account_id, "call", FRIDAY, "x")
    results = await actions.plan_actions(session, [*wrong, good])
    codes = [result.code if isinstance(result, DomainError) else "" for result in results]
    assert codes == [
        "collections.account_unknown", "collections.user_unknown", "collections.contact_unknown",
        "collections.instalment_unknown", "",
    ]  # fmt: skip


async def test_many_actions_are_completed_with_one_outcome(session: WriteSession, tenant: Tenant) -> None:
    calls = [await plan(session, tenant) for _ in range(3)]
    await actions.cancel_action(session, calls[0], reason="paid")
    results = await actions.complete_actions(session, [*calls, new_id()], outcome_code="no_answer", note=None, now=NOON)
    assert [result.code if isinstance(result, DomainError) else "ok" for result in results] == [
        "collection_action.closed", "ok", "ok", "collection_action.not_found",
    ]  # fmt: skip
    counts = await queries.action_counts(session, FRIDAY, None, tenant.account_id)
    assert (counts["upcoming"], counts["due_today"]) == (2, 0), "the calls to come on Monday"
    refused = await actions.complete_actions(session, [calls[1]], outcome_code="promised", note=None, now=NOON)
    assert isinstance(refused[0], DomainError)


async def rules(session: WriteSession, *wanted: EscalationRule) -> None:
    await add_version(session, "escalation", wanted, valid_from=JANUARY_5, note=None)


async def test_escalation_by_rule_is_raised_once_and_again_after_its_pause(
    session: WriteSession, tenant: Tenant
) -> None:
    boss = await add_user(session, "Boss")
    await issue(session, tenant, 50_000, JANUARY_5)  # due on 4 February, 37 days late
    assert (await escalations.escalate_next(session, FRIDAY)).raised == 0, "no rules"
    await rules(session, EscalationRule("old", "Older than 30 days", level=2, to_user_id=boss, days_past_due=30))
    assert (await escalations.escalate_next(session, FRIDAY)).raised == 1
    assert (await escalations.escalate_next(session, FRIDAY)).raised == 0
    row = await session.driver.fetchrow("SELECT * FROM escalations")
    assert (row["reason_code"], row["level"], row["until"], row["facts"]["days_past_due"]) == (
        "old", 2, FRIDAY + timedelta(days=14), 37,
    )  # fmt: skip
    action = await queries.get_action(session, row["action_id"])
    assert (action.type, action.owner_id, action.priority) == ("escalation", boss, "urgent")
    await escalations.close_escalation(session, row["id"], resolution="they pay", today=FRIDAY)
    assert (await escalations.escalate_next(session, FRIDAY + timedelta(days=13))).raised == 0
    assert (await escalations.escalate_next(session, FRIDAY + timedelta(days=14))).raised == 1


async def test_what_is_disputed_or_in_a_case_is_not_escalated(session: WriteSession, tenant: Tenant) -> None:
    _, disputed = await issue(session, tenant, 50_000, JANUARY_5)
    call = await plan(session, tenant)
    dispute = OpenDispute((DisputedPart(disputed, None, "EUR"),), "price", FRIDAY)
    await complete(session, call, "disputed", dispute=dispute)
    _, owed = await issue(session, tenant, 20_000, JANUARY_5)
    (facts,) = await escalations.overdue_facts(session, [tenant.account_id], FRIDAY)
    assert facts.overdue_minor == 20_000
    await cases.prepare_case(session, case_of(tenant, owed), today=FRIDAY)
    assert await escalations.overdue_facts(session, [tenant.account_id], FRIDAY) == []


async def test_all_accounts_are_looked_at_in_bounded_steps(session: WriteSession, tenant: Tenant) -> None:
    for number in range(4):
        account = await add_account(session, f"N{number}")
        await issue(session, tenant, 1_000, JANUARY_5, account_id=account)
    await rules(session, EscalationRule("old", "Old", days_past_due=30))
    after, raised, steps = None, 0, 0
    while True:
        step = await escalations.escalate_next(session, FRIDAY, after, limit=2)
        raised, steps, after = raised + step.raised, steps + 1, step.after
        if after is None:
            break
    assert (raised, steps) == (4, 3)


async def test_escalation_by_hand(session: WriteSession, tenant: Tenant) -> None:
    boss = await add_user(session, "Boss")
    command = escalations.Escalate(tenant.account_id, "angry_customer", FRIDAY + timedelta(days=3), to_user_id=boss)
    made = await escalations.escalate(session, command, today=FRIDAY)
    for again in (command, escalations.Escalate(new_id(), "x", FRIDAY),
                  escalations.Escalate(tenant.account_id, "x", date(2026, 3, 12))):  # fmt: skip
        with pytest.raises(DomainError):
            await escalations.escalate(session, again, today=FRIDAY)
    other = await add_user(session, "Other")
    await escalations.hand_on(session, made, escalations.Hand(3, other), today=FRIDAY)
    found = await queries.get_escalation(session, made)
    assert (found.level, found.to_user_id) == (3, other)
    assert found.action_id is not None
    assert await value(session, "collection_actions", found.action_id, "owner_id") == other
    with pytest.raises(DomainError):
        await escalations.hand_on(session, made, escalations.Hand(2), today=FRIDAY)
    await escalations.close_escalation(session, made, resolution="calm", today=FRIDAY)
    with pytest.raises(DomainError):
        await escalations.close_escalation(session, made, resolution="calm", today=FRIDAY)
    await flush(session)
    assert await events(session, made) == ["escalation.raised", "escalation.handed_on", "escalation.closed"]


async def test_a_dispute_past_its_time_becomes_an_action_once(session: WriteSession, tenant: Tenant) -> None:
    ada = await add_user(session, "Ada")
    _, owed = await issue(session, tenant, 50_000, JANUARY_5)
    dispute_id = await open_dispute(
        session, OpenDispute((DisputedPart(owed, None, "EUR"),), "price", JANUARY_5, assignee_id=ada)
    )
    for _ in range(2):
        assert await plan_for_breaches(session, [dispute_id, new_id()], FRIDAY) == 1
    (row,) = await session.driver.fetch("SELECT * FROM collection_actions")
    assert (row["type"], row["owner_id"], row["priority"], row["origin"]) == ("note", ada, "high", "service")


async def test_an_invoice_that_never_came_says_so_itself(session: WriteSession, tenant: Tenant) -> None:
    invoice, owed = await issue(session, tenant, 10_000, JANUARY_5)
    call = await plan(session, tenant, instalment_ids=(owed,))
    done = await complete(session, call, "invoice_not_received")
    assert await value(session, "invoices", invoice, "delivery_status") == "not_received"
    assert done.next_action_id is not None
    assert await value(session, "collection_actions", done.next_action_id, "type") == "email"


async def test_a_credit_hold_that_is_done_holds_the_account_and_needs_the_right_to(
    session: WriteSession, tenant: Tenant
) -> None:
    hold = await plan(session, tenant, type="credit_hold")
    session.actor = replace(session.actor, scopes=frozenset({"collections:write"}))
    with pytest.raises(HoldNotAllowed):
        await complete(session, hold, "done")
    session.actor = replace(session.actor, scopes=frozenset({"collections:write", "credit:write"}))
    await complete(session, hold, "done")
    assert await value(session, "accounts", tenant.account_id, "credit_status") == "hold"


async def test_what_happened_is_written_down_although_nobody_may_be_called_again(
    session: WriteSession, tenant: Tenant
) -> None:
    contact = await add_contact(session, tenant)
    gone = await add_user(session, "Gone")
    call = await plan(session, tenant, contact_id=contact, owner_id=gone)
    flags = "UPDATE contacts SET do_not_contact = true WHERE organization_id = $1 AND id = $2"
    await session.driver.execute(flags, tenant.organization_id, contact)
    leave = "UPDATE users SET active = false WHERE organization_id = $1 AND id = $2"
    await session.driver.execute(leave, tenant.organization_id, gone)
    done = await complete(session, call, "no_answer")
    assert done.next_action_id is not None
    following = await queries.get_action(session, done.next_action_id)
    assert (following.contact_id, following.owner_id) == (None, None)


async def test_many_actions_at_once_have_the_effects_of_each(session: WriteSession, tenant: Tenant) -> None:
    invoice, owed = await issue(session, tenant, 50_000, JANUARY_5)
    call = await plan(session, tenant, instalment_ids=(owed,))
    hold = await plan(session, tenant, "credit_hold")
    done = await actions.complete_actions(session, [call], outcome_code="invoice_not_received", note=None, now=NOON)
    assert done == [call]
    assert await value(session, "invoices", invoice, "delivery_status") == "not_received"
    (refused,) = await actions.complete_actions(session, [hold], outcome_code="done", note=None, now=NOON)
    assert isinstance(refused, HoldNotAllowed)
    assert await value(session, "collection_actions", hold, "status") == "planned"
