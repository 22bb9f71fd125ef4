"""Escalations past their term, and planned actions that move."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.collections import actions, escalations, queries
from app.collections.errors import ContactRefused
from app.collections.escalation_terms import REASON, TERM_DAYS, raise_overdue
from app.collections.rule_versions import add_version
from app.collections.rules import LEVEL_MAX, EscalationRule
from app.infra.database import WriteSession
from tests.collecting import FRIDAY, add_contact, add_user, events, plan
from tests.factories import Tenant
from tests.receivables import flush, value

DAY = timedelta(days=1)


async def test_past_its_term_an_escalation_goes_to_whom_the_next_level_names(
    session: WriteSession, tenant: Tenant
) -> None:
    lead, boss = await add_user(session, "Lead"), await add_user(session, "Boss")
    rules = [EscalationRule("late", "Late", 2, boss, 5, days_past_due=400)]
    await add_version(session, "escalation", rules, valid_from=FRIDAY, note=None)
    command = escalations.Escalate(tenant.account_id, "late", FRIDAY + 3 * DAY, to_user_id=lead)
    made = await escalations.escalate(session, command, today=FRIDAY)
    first = (await queries.get_escalation(session, made)).action_id
    assert await raise_overdue(session, FRIDAY + 3 * DAY) == 0, "its term is not over on its last day"
    today = FRIDAY + 4 * DAY
    assert await raise_overdue(session, today) == 1
    assert await raise_overdue(session, today) == 0, "it has a new term"
    found = await queries.get_escalation(session, made)
    assert (found.level, found.to_user_id, found.until) == (2, boss, today + 5 * DAY)
    assert first is not None
    assert found.action_id not in (None, first)
    assert await value(session, "collection_actions", first, "status") == "cancelled"
    action = await queries.get_action(session, found.action_id)  # type: ignore[arg-type]
    assert (action.owner_id, action.priority, action.due_date) == (boss, "urgent", today)
    await flush(session)
    assert await events(session, made) == ["escalation.raised", "escalation.handed_on"]
    reason = await session.driver.fetchval("SELECT reason FROM change_log WHERE event = 'escalation.handed_on'")
    assert reason == REASON


async def test_without_a_rule_it_stays_with_whom_it_is_up_to_the_highest_level(
    session: WriteSession, tenant: Tenant
) -> None:
    lead = await add_user(session, "Lead")
    command = escalations.Escalate(tenant.account_id, "late", FRIDAY, level=LEVEL_MAX - 1, to_user_id=lead)
    made = await escalations.escalate(session, command, today=FRIDAY)
    assert await raise_overdue(session, FRIDAY + DAY) == 1
    found = await queries.get_escalation(session, made)
    assert (found.level, found.to_user_id, found.until) == (LEVEL_MAX, lead, FRIDAY + DAY * (1 + TERM_DAYS))
    assert await raise_overdue(session, FRIDAY + DAY * 90) == 0
    shown = await queries.escalation_counts(session, FRIDAY + DAY * 90, None, None)
    assert shown == {"open": 1, "overdue": 1, "ends_today": 0, "high": 1, "without_person": 0}
    assert (await queries.escalation_counts(session, FRIDAY, tenant.account_id, None))["open"] == 0


async def test_a_planned_action_that_moves_is_asked_again(session: WriteSession, tenant: Tenant) -> None:
    silent = await add_contact(session, tenant, do_not_contact=True)
    able = await add_contact(session, tenant)
    call = await plan(session, tenant, contact_id=able)
    with pytest.raises(ContactRefused):
        await actions.update_action(session, call, {"contact_id": silent}, expected_version=None)
    await actions.update_action(session, call, {"due_date": FRIDAY + DAY}, expected_version=None)
    monday = FRIDAY + 3 * DAY
    assert await value(session, "collection_actions", call, "due_date") == monday, "nobody is called on a Saturday"
    await actions.update_action(session, call, {"subject": "Ask again"}, expected_version=None)
    note = await plan(session, tenant, "note")
    await actions.update_action(session, note, {"due_date": FRIDAY + DAY}, expected_version=None)
    assert await value(session, "collection_actions", note, "due_date") == FRIDAY + DAY, "a note calls nobody"
