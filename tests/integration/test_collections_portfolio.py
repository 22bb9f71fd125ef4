"""Collections on a real PostgreSQL: legal cases, assignment, absence cover, targets, playbooks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.collections import queries
from app.collections.legal import cases
from app.collections.legal.evidence import case_evidence
from app.collections.portfolio import assignment, playbooks, targets
from app.collections.rule_versions import add_version, assignment_rules, version_in_force
from app.collections.rules import AssignmentRule
from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.database import Actor, WriteSession
from app.promises.make import MakePromise
from tests.collecting import FRIDAY, add_user, case_of, complete, events, plan
from tests.factories import Tenant
from tests.receivables import add_account, flush, issue, pay, settle, value

JANUARY_5 = date(2026, 1, 5)


async def test_a_placement_from_preparation_to_its_result(session: WriteSession, tenant: Tenant) -> None:
    _, one = await issue(session, tenant, 30_000, JANUARY_5)
    _, two = await issue(session, tenant, 20_000, JANUARY_5)
    case_id = await cases.prepare_case(session, case_of(tenant), today=FRIDAY)
    held = await cases.held_by_case(session, [one, two])
    assert {hold.status for hold in held.values()} == {"prepared"}
    with pytest.raises(DomainError) as taken:
        await cases.prepare_case(session, case_of(tenant, one, kind="legal_case"), today=FRIDAY)
    assert taken.value.code == "legal_case.item_taken"
    with pytest.raises(DomainError):
        await cases.close_case(session, case_id, result="lost", reason=None, today=FRIDAY)
    await cases.refer_case(session, case_id, cases.ReferCase(fee_basis_points=1_250), today=FRIDAY)
    await cases.progress_case(session, case_id, note="letter sent", today=FRIDAY)
    fee = await cases.record_entry(session, case_id, cases.CaseEntry("cost", 4_000, FRIDAY, "Commission"))
    await cases.reverse_entry(session, case_id, fee, on=FRIDAY, reason="wrong case")
    await cases.record_entry(session, case_id, cases.CaseEntry("cost", 3_750, FRIDAY, "Commission"))
    with pytest.raises(DomainError):
        await cases.reverse_entry(session, case_id, fee, on=FRIDAY, reason="again")
    await settle(session, await pay(session, tenant, 30_000, FRIDAY), one, 30_000, FRIDAY)
    for result in ("recovered", "lost"):
        with pytest.raises(DomainError) as wrong:
            await cases.close_case(session, case_id, result=result, reason=None, today=FRIDAY)
        assert wrong.value.code == "legal_case.invalid"
    await cases.close_case(session, case_id, result="partly_recovered", reason="the rest is lost", today=FRIDAY)
    case = await queries.get_case(session, case_id)
    items = (await cases.items_of_cases(session, [case_id]))[case_id]
    assert (case.status, case.cost_minor, cases.recovered_minor(case, items)) == ("partly_recovered", 3_750, 30_000)
    assert await cases.held_by_case(session, [one, two]) == {}
    with pytest.raises(DomainError):
        await cases.recall_case(session, case_id, reason="x", today=FRIDAY)
    await flush(session)
    assert await events(session, case_id) == [
        "legal_case.prepared", "legal_case.referred", "legal_case.in_progress", "legal_case.cost_recorded",
        "legal_case.cost_reversed", "legal_case.cost_recorded", "legal_case.partly_recovered",
    ]  # fmt: skip


async def test_a_recalled_case_frees_its_items(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 30_000, JANUARY_5)
    case_id = await cases.prepare_case(session, case_of(tenant, owed), today=FRIDAY)
    await cases.recall_case(session, case_id, reason="they called", today=FRIDAY)
    assert await cases.prepare_case(session, case_of(tenant, owed, kind="legal_case"), today=FRIDAY) != case_id
    with pytest.raises(DomainError):
        await cases.prepare_case(session, case_of(tenant, new_id()), today=FRIDAY)


async def test_the_evidence_of_a_case_tells_its_story(session: WriteSession, tenant: Tenant) -> None:
    _, owed = await issue(session, tenant, 30_000, JANUARY_5)
    call = await plan(session, tenant, instalment_ids=(owed,))
    promise = MakePromise(tenant.account_id, "EUR", FRIDAY, 10_000, [(owed, None)])
    await complete(session, call, "promised", promise=promise)
    await settle(session, await pay(session, tenant, 5_000, FRIDAY), owed, 5_000, FRIDAY)
    case_id = await cases.prepare_case(session, case_of(tenant, owed), today=FRIDAY)
    found = await case_evidence(session, case_id)
    assert [len(rows) for rows in (found.items, found.actions, found.promises, found.payments, found.disputes)] == [
        1, 1, 1, 1, 0,
    ]  # fmt: skip


async def test_accounts_are_assigned_by_rule_in_steps(session: WriteSession, tenant: Tenant) -> None:
    ada, bob = await add_user(session, "Ada"), await add_user(session, "Bob")
    zeta = await add_account(session, "ZETA")
    wanted = [AssignmentRule("a-m", (ada,), letters=("A-M",)), AssignmentRule("rest", (bob,))]
    preview = await assignment.preview_assignment(session, wanted)
    assert (preview.accounts, preview.changed, preview.by_collector) == (2, 2, {ada: 1, bob: 1})
    with pytest.raises(DomainError) as none:
        await assignment.start_run(session, only_unassigned=False, today=FRIDAY)
    assert none.value.code == "assignment.no_rules"
    await add_version(session, "assignment", wanted, valid_from=FRIDAY, note=None)
    call = await plan(session, tenant)
    run = await assignment.start_run(session, only_unassigned=False, today=FRIDAY)
    steps = 1
    while await assignment.run_step(session, run.id, today=FRIDAY, limit=1):
        steps += 1
    run = await assignment.get_run(session, run.id)
    assert (run.state, run.accounts, run.changed, steps) == ("done", 2, 2, 3)
    assert await assignment.run_step(session, run.id, today=FRIDAY) is False
    assert await value(session, "accounts", tenant.account_id, "collector_id") == ada
    assert await value(session, "accounts", zeta, "collector_id") == bob
    assert await value(session, "collection_actions", call, "owner_id") == ada, "what nobody had goes along"
    (row,) = await assignment.history_of(session, zeta)
    assert (row["collector_id"], row["origin"], row["rule_code"]) == (bob, "rule", "rest")
    again = await assignment.start_run(session, only_unassigned=False, today=FRIDAY)
    await assignment.run_step(session, again.id, today=FRIDAY)
    assert (await assignment.get_run(session, again.id)).changed == 0


async def test_the_version_in_force_is_the_latest_that_has_begun(session: WriteSession, tenant: Tenant) -> None:
    ada = await add_user(session, "Ada")
    for day, code in ((FRIDAY, "now"), (FRIDAY + timedelta(days=1), "tomorrow"), (FRIDAY, "now2")):
        await add_version(session, "assignment", [AssignmentRule(code, (ada,))], valid_from=day, note=None)
    for day, code in ((FRIDAY, "now2"), (FRIDAY + timedelta(days=1), "tomorrow")):
        version = await version_in_force(session, "assignment", day)
        assert version is not None
        assert [rule.code for rule in assignment_rules(version)] == [code]
    assert await version_in_force(session, "assignment", JANUARY_5) is None
    with pytest.raises(DomainError) as unknown:
        await add_version(session, "assignment", [AssignmentRule("x", (new_id(),))], valid_from=FRIDAY, note=None)
    assert unknown.value.code == "collections.user_unknown"


async def test_absence_cover(session: WriteSession, tenant: Tenant) -> None:
    ada, bob, eve = [await add_user(session, name) for name in ("Ada", "Bob", "Eve")]
    week = FRIDAY + timedelta(days=7)
    cover = await assignment.add_cover(session, ada, bob, FRIDAY, week, "holiday")
    await assignment.add_cover(session, bob, eve, week, week, None)
    assert await assignment.covers_on(session, FRIDAY) == {ada: bob}
    assert await assignment.covers_on(session, week) == {ada: eve, bob: eve}
    assert await assignment.covers_on(session, week + timedelta(days=1)) == {}
    for facts in (
        (ada, eve, week, week),
        (ada, ada, week, week),
        (bob, ada, week, FRIDAY),
        (ada, new_id(), week, week),
    ):
        with pytest.raises(DomainError):
            await assignment.add_cover(session, *facts, None)
    await assignment.cancel_cover(session, cover.id, today=FRIDAY, expected_version=None)
    assert await assignment.covers_on(session, FRIDAY) == {}
    assert len(await assignment.list_covers(session, FRIDAY)) == 1


async def test_targets_and_what_was_reached(session: WriteSession, tenant: Tenant) -> None:
    ada = await add_user(session, "Ada")
    await assignment.assign_accounts(session, [tenant.account_id], ada, reason=None, today=FRIDAY)
    _, owed = await issue(session, tenant, 50_000, JANUARY_5)
    await targets.set_target(session, ada, date(2026, 3, 1), "EUR", 40_000, 4)
    await settle(session, await pay(session, tenant, 10_000, FRIDAY), owed, 10_000, FRIDAY)
    await settle(session, await pay(session, tenant, 5_000, date(2026, 2, 28)), owed, 5_000, FRIDAY)
    session.actor = Actor("user", ada, "Ada")
    promise = MakePromise(tenant.account_id, "EUR", FRIDAY, 100)
    await complete(session, await plan(session, tenant), "promised", promise=promise)
    await complete(session, await plan(session, tenant), "no_answer")
    (row,) = await targets.attainment(session, date(2026, 3, 1), None)
    assert (row["collected_minor"], row["target_minor"], row["contacts"], row["promises"]) == (10_000, 40_000, 1, 1)
    (before,) = await targets.attainment(session, date(2026, 2, 1), ada)
    assert (before["collected_minor"], before["target_minor"]) == (5_000, None)
    assert await targets.attainment(session, date(2025, 3, 1), None) == []


async def test_playbooks_keep_their_revisions(session: WriteSession, tenant: Tenant) -> None:
    book = await playbooks.write_playbook(
        session, "calls", "Calls", "# Be brief", ["action_type:call", "outcome:refused"]
    )
    assert [ref.code for ref in (await playbooks.playbooks_for(session, ["outcome:refused"]))["outcome:refused"]] == [
        "calls"
    ]
    changed = await playbooks.change_playbook(session, book.id, {"body": "# Be kind"}, expected_version=1)
    assert (changed.revision, changed.version) == (2, 2)
    await playbooks.change_playbook(session, book.id, {"subjects": ["action_type:call"]}, expected_version=2)
    revisions = await playbooks.revisions_of(session, book.id)
    assert [(row.revision, row.body) for row in revisions] == [(2, "# Be kind"), (1, "# Be brief")]
    assert await playbooks.playbooks_for(session, ["outcome:refused"]) == {}
    await playbooks.change_playbook(session, book.id, {"active": False}, expected_version=3)
    assert await playbooks.playbooks_for(session, ["action_type:call"]) == {}
