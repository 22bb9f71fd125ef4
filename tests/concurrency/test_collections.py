"""Two collectors at once: a debt is promised once, an action is completed once, an instalment is in one case."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from app.collections import actions
from app.collections.actions import CompleteAction
from app.collections.escalations import Escalate, escalate
from app.collections.legal.cases import PrepareCase, prepare_case
from app.core.errors import DomainError
from app.infra.constraints import refusal_of
from app.infra.database import Database
from app.payments.record import RecordPayment, record_payment
from app.promises.evaluation import evaluate_accounts
from app.promises.make import MakePromise, make_promise
from app.promises.plans import ProposePlan, activate_plan, propose_plan
from app.promises.rules import Rhythm
from tests.collecting import FRIDAY, NOON, plan
from tests.factories import Tenant, make_tenant
from tests.receivables import issue

TODAY = date(2026, 3, 9)


@pytest.fixture
async def own(committed: Database) -> Tenant:
    return await make_tenant(committed)


@pytest.fixture
async def owed(committed: Database, own: Tenant) -> UUID:
    async with committed.write(own.organization_id, own.actor) as session:
        return (await issue(session, own, 50_000, date(2026, 1, 5)))[1]


async def race(database: Database, own: Tenant, work: Any, times: int = 6) -> list[str]:
    """The same work at once in so many transactions: "done" or the code of the refusal, sorted."""

    async def once() -> str:
        try:
            async with database.write(own.organization_id, own.actor) as session:
                await work(session)
        except DomainError as refusal:
            return refusal.code
        except Exception as error:
            found = refusal_of(error)
            if found is None:
                raise
            return found.code
        return "done"

    return sorted(await asyncio.gather(*(once() for _ in range(times))))


async def test_a_debt_is_promised_once(committed: Database, own: Tenant, owed: UUID) -> None:
    for minor, items in ((30_000, [(owed, None)]), (15_000, [])):
        command = MakePromise(own.account_id, "EUR", FRIDAY, minor, items)
        results = await race(committed, own, lambda session, c=command: make_promise(session, c, today=TODAY))
        assert results == ["done"] + ["promise.over_promised"] * 5


async def test_of_two_plans_for_a_debt_one_becomes_active(committed: Database, own: Tenant, owed: UUID) -> None:
    async with committed.write(own.organization_id, own.actor) as session:
        command = ProposePlan(own.account_id, "EUR", [owed], rhythm=Rhythm(FRIDAY, parts=2))
        plan_id = await propose_plan(session, command, today=TODAY)
    results = await race(committed, own, lambda session: activate_plan(session, plan_id, today=TODAY))
    assert results == ["done"] + ["payment_plan.closed"] * 5


async def test_an_action_is_completed_once(committed: Database, own: Tenant) -> None:
    async with committed.write(own.organization_id, own.actor) as session:
        call = await plan(session, own)
    results = await race(
        committed,
        own,
        lambda session: actions.complete_action(session, call, CompleteAction("no_answer"), now=NOON),
    )
    assert results == ["collection_action.closed"] * 5 + ["done"]
    async with committed.read(own.organization_id) as session:
        assert await session.driver.fetchval("SELECT count(*) FROM collection_actions") == 2


async def test_an_instalment_is_in_one_case_and_an_account_escalated_once(
    committed: Database, own: Tenant, owed: UUID
) -> None:
    case = PrepareCase("legal_case", own.account_id, "EUR", "no_reaction", (owed,))
    results = await race(committed, own, lambda session: prepare_case(session, case, today=TODAY))
    assert results == ["done"] + ["legal_case.item_taken"] * 5
    up = Escalate(own.account_id, "angry", FRIDAY)
    results = await race(committed, own, lambda session: escalate(session, up, today=TODAY))
    assert results == ["done"] + ["escalation.open_already"] * 5


async def test_promises_money_and_evaluation_at_once_do_not_block_each_other_for_ever(
    committed: Database, own: Tenant, owed: UUID
) -> None:
    async def promise(session: Any) -> None:
        await make_promise(session, MakePromise(own.account_id, "EUR", FRIDAY, 1_000), today=TODAY)

    async def evaluate(session: Any) -> None:
        await evaluate_accounts(session, [own.account_id], TODAY)

    async def money(session: Any) -> None:
        facts = {"account_id": own.account_id, "legal_entity_id": own.legal_entity_id}
        await record_payment(session, RecordPayment(500, "EUR", TODAY, **facts))

    async with asyncio.timeout(30):
        found = await asyncio.gather(*(race(committed, own, work, 4) for work in (promise, evaluate, money)))
    assert found == [["done"] * 4] * 3
