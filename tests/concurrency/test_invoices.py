"""Rivals with real commits: one correction, one approval, one document, and never more than is open."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.constraints import is_transient
from app.infra.database import Actor, Database, WriteSession
from app.invoices.adjustments import RequestAdjustment, approve_adjustment, request_adjustment, reverse_adjustment
from app.invoices.credit_memo_upsert import upsert_credit_memos
from app.invoices.credit_memos import IssueCreditMemo
from app.invoices.due_dates import change_due_date
from app.invoices.rules import IssueInvoice
from app.invoices.upsert import upsert_invoices
from app.invoices.void import void_invoice
from tests.control_account import assert_books_agree
from tests.factories import Tenant, make_tenant
from tests.receivables import issue, pay, settle

MARCH, TODAY = date(2026, 3, 1), date(2026, 3, 20)
RIVALS = 8
Work = Callable[[WriteSession], Awaitable[Any]]


@pytest.fixture
async def shop(committed: Database) -> Tenant:
    return await make_tenant(committed)


async def one(database: Database, tenant: Tenant, work: Work, actor: Actor | None = None) -> Any:
    async with database.write(tenant.organization_id, actor or tenant.actor) as session:
        return await work(session)


async def rivals(database: Database, tenant: Tenant, *works: Work, actor: Actor | None = None) -> Counter[str]:
    """Run every work in a transaction of its own, all at once; count what became of them."""
    outcomes: Counter[str] = Counter()

    async def run(work: Work) -> None:
        for _ in range(4):  # as the service does after a deadlock
            try:
                made = await one(database, tenant, work, actor)
            except DomainError as refusal:
                outcomes[refusal.code] += 1
            except Exception as error:
                if not is_transient(error):
                    raise
                continue
            else:
                outcomes[made if isinstance(made, str) else "done"] += 1
            return
        raise AssertionError("deadlocked again and again")

    await asyncio.wait_for(asyncio.gather(*(run(work) for work in works)), 60)
    return outcomes


async def check(database: Database, tenant: Tenant) -> dict[str, int]:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return await assert_books_agree(session, MARCH, TODAY)


def command(tenant: Tenant, place: int, **changes: Any) -> IssueInvoice:
    made = IssueInvoice(
        "invoice", f"RE-{place}", tenant.legal_entity_id, tenant.account_id, "EUR", 10_000, MARCH,
        due_date=date(2026, 3, 31), source="gp", external_id=str(place),
    )  # fmt: skip
    return replace(made, **changes)


def upserting(*commands: IssueInvoice) -> Work:
    async def work(session: WriteSession) -> str:
        results = await upsert_invoices(session, commands, today=TODAY)
        return "+".join(r.code if isinstance(r, DomainError) else r.outcome for r in results)

    return work


async def test_the_same_document_is_created_and_corrected_once(committed: Database, shop: Tenant) -> None:
    outcomes = await rivals(committed, shop, *[upserting(command(shop, 1))] * RIVALS)
    assert outcomes == {"created": 1, "unchanged": RIVALS - 1}
    corrected = upserting(command(shop, 1, amount_minor=15_000))
    assert await rivals(committed, shop, *[corrected] * RIVALS) == {"corrected": 1, "unchanged": RIVALS - 1}
    assert await check(committed, shop) == {"EUR": 15_000}
    renamed = upserting(command(shop, 1, amount_minor=15_000, number="RE-9"))
    outcomes = await rivals(committed, shop, *[renamed] * RIVALS)
    assert outcomes == {"reissued": 1, "unchanged": RIVALS - 1}
    assert await check(committed, shop) == {"EUR": 15_000}


async def test_batches_in_opposite_orders_end(committed: Database, shop: Tenant) -> None:
    numbers = range(20)
    await one(committed, shop, upserting(*(command(shop, n) for n in numbers)))
    forward = [command(shop, n, amount_minor=11_000) for n in numbers]
    backward = [command(shop, n, amount_minor=12_000) for n in reversed(numbers)]
    await rivals(committed, shop, *[upserting(*forward), upserting(*backward)] * 3)
    assert await check(committed, shop) in ({"EUR": 20 * 11_000}, {"EUR": 20 * 12_000})


async def test_two_approvers_post_one_adjustment(committed: Database, shop: Tenant) -> None:
    async def prepare(session: WriteSession) -> tuple[UUID, UUID]:
        _, instalment = await issue(session, shop, 1_000_000, MARCH)
        ask = RequestAdjustment(instalment, "write_off", 600_000, TODAY, "bad_debt")
        return instalment, await request_adjustment(session, ask)

    _, adjustment = await one(committed, shop, prepare)
    chief = Actor("user", new_id(), "Chief")
    approving: Work = lambda session: approve_adjustment(session, adjustment, expected_version=None)  # noqa: E731
    outcomes = await rivals(committed, shop, *[approving] * RIVALS, actor=chief)
    assert outcomes == {"done": 1, "adjustment.decided": RIVALS - 1}
    assert await check(committed, shop) == {"EUR": 400_000}
    undoing: Work = lambda session: reverse_adjustment(  # noqa: E731
        session, adjustment, effective_date=TODAY, reason="paid"
    )
    outcomes = await rivals(committed, shop, *[undoing] * RIVALS, actor=chief)
    assert outcomes == {"done": 1, "adjustment.decided": RIVALS - 1}
    assert await check(committed, shop) == {"EUR": 1_000_000}


async def test_money_write_offs_voids_and_corrections_never_take_more_than_is_open(
    committed: Database, shop: Tenant
) -> None:
    async def prepare(session: WriteSession) -> tuple[UUID, UUID, list[UUID]]:
        (made,) = await upsert_invoices(session, [command(shop, 1)], today=TODAY)
        assert not isinstance(made, DomainError)
        instalment = await session.driver.fetchval(
            "SELECT id FROM instalments WHERE organization_id = $1 AND invoice_id = $2", shop.organization_id, made.id
        )
        return made.id, instalment, [await pay(session, shop, 4_000, MARCH) for _ in range(6)]

    for _ in range(3):
        await one(committed, shop, lambda session: _forget(session))
        invoice, instalment, payments = await one(committed, shop, prepare)
        works = [applying(payment, instalment) for payment in payments]
        works += [*[writing_off(instalment)] * 3, *[voiding(invoice)] * 2, *[moving(instalment)] * 2]
        works += [upserting(command(shop, 1, amount_minor=amount)) for amount in (9_000, 12_000)]
        outcomes = await rivals(committed, shop, *works)
        assert sum(outcomes.values()) == len(works)
        await check(committed, shop)


def applying(payment: UUID, instalment: UUID) -> Work:
    return lambda session: settle(session, payment, instalment, 4_000, TODAY)


def writing_off(instalment: UUID) -> Work:
    command = RequestAdjustment(instalment, "write_off", 3_000, TODAY, "bad_debt")
    return lambda session: request_adjustment(session, command)


def voiding(invoice: UUID) -> Work:
    return lambda session: void_invoice(session, invoice, effective_date=TODAY, reason="wrong")


def moving(instalment: UUID) -> Work:
    wanted = {"due_date": date(2026, 5, 1), "effective_date": TODAY, "reason": "agreed"}
    return lambda session: change_due_date(session, instalment, **wanted)  # type: ignore[arg-type]


async def _forget(session: WriteSession) -> None:
    """Free the reference of an earlier round."""
    await session.driver.execute(
        "UPDATE invoices SET external_id = NULL, number = number || id"
        " WHERE organization_id = $1 AND external_id = '1'",
        session.organization_id,
    )


async def test_the_same_credit_memo_is_issued_once(committed: Database, shop: Tenant) -> None:
    memo = IssueCreditMemo(
        "GS-1", shop.legal_entity_id, shop.account_id, "EUR", 500, MARCH, source="gp", external_id="1"
    )

    async def work(session: WriteSession) -> str:
        (result,) = await upsert_credit_memos(session, [memo], today=TODAY)
        return result.code if isinstance(result, DomainError) else result.outcome

    assert await rivals(committed, shop, *[work] * RIVALS) == {"created": 1, "unchanged": RIVALS - 1}
    assert await check(committed, shop) == {"EUR": -500}
