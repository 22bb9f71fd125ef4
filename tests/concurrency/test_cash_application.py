"""Two people at one queue, with real commits: one of them decides, the other is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import UUID

from app.cash_application.review.accepting import Ask, accept_many, accept_proposal
from app.cash_application.review.set_aside import reject_proposal
from app.core.errors import DomainError
from app.core.ids import new_id
from app.infra.database import Database, WriteSession
from tests.cash_application import APRIL, owed, receipt
from tests.factories import Tenant, make_tenant

PAYMENTS = 6
_INSERT = """
INSERT INTO proposals (organization_id, id, payment_id, account_id, currency, amount_minor, residual_minor,
    residual_treatment, strategy, band, confidence, scores, reasons, lines, alternatives, state)
VALUES ($1, $2, $3, $4, 'EUR', 10000, 0, 'nothing_left', 'one_item', 'proposed', 0.9, '{}', '[]', jsonb_build_array(
    jsonb_build_object('item_id', $5::text, 'is_credit', false, 'amount_minor', 10000, 'discount_minor', 0,
        'write_off_minor', 0, 'deduction_minor', 0, 'difference', 'none', 'accounting_date', $6::text)), '[]', 'open')
"""


async def _queue(database: Database, tenant: Tenant) -> list[UUID]:
    made = []
    async with database.write(tenant.organization_id, tenant.actor) as session:
        for number in range(PAYMENTS):
            instalment = await owed(session, tenant, f"RE-10000{number:02}", 100_00)
            payment = await receipt(session, tenant, 100_00, payer_name="Brandt", end_to_end_id=f"E{number}")
            proposal = new_id()
            await session.driver.execute(
                _INSERT, tenant.organization_id, proposal, payment, tenant.account_id, str(instalment),
                APRIL.isoformat(),
            )  # fmt: skip
            made.append(proposal)
    return made


async def _rivals(
    database: Database, tenant: Tenant, works: list[Callable[[WriteSession], Awaitable[object]]]
) -> Counter[str]:
    outcomes: Counter[str] = Counter()

    async def run(work: Callable[[WriteSession], Awaitable[object]]) -> None:
        try:
            async with database.write(tenant.organization_id, tenant.actor) as session:
                await work(session)
            outcomes["done"] += 1
        except DomainError as refusal:
            outcomes[refusal.code] += 1

    await asyncio.wait_for(asyncio.gather(*(run(work) for work in works)), 60)
    return outcomes


async def test_one_of_two_people_accepts(committed: Database) -> None:
    tenant = await make_tenant(committed)
    proposal, *_ = await _queue(committed, tenant)
    blind = await _rivals(
        committed, tenant,
        [lambda session: accept_proposal(session, proposal, expected_version=None) for _ in range(4)],
    )  # fmt: skip
    assert blind == Counter({"done": 1, "proposal.decided": 3})
    other = (await _queue_more(committed, tenant))[0]
    seen = await _rivals(
        committed, tenant,
        [lambda session: accept_proposal(session, other, expected_version=1),
         lambda session: reject_proposal(session, other, expected_version=1, note=None)],
    )  # fmt: skip
    assert seen == Counter({"done": 1, "stale_version": 1})


async def _queue_more(database: Database, tenant: Tenant) -> list[UUID]:
    async with database.read(tenant.organization_id) as session:
        rows = await session.driver.fetch(
            "SELECT id FROM proposals WHERE organization_id = $1 AND state = 'open' ORDER BY id", tenant.organization_id
        )
    return [row["id"] for row in rows]


async def test_two_bulk_accepts_in_opposite_order_neither_deadlock_nor_apply_twice(committed: Database) -> None:
    tenant = await make_tenant(committed)
    proposals = await _queue(committed, tenant)
    results: list[list[UUID | DomainError]] = []

    async def accept(session: WriteSession, ids: list[UUID]) -> None:
        results.append(await accept_many(session, [Ask(id_) for id_ in ids]))

    outcomes = await _rivals(
        committed, tenant,
        [lambda session: accept(session, proposals), lambda session: accept(session, proposals[::-1])],
    )  # fmt: skip
    assert outcomes == Counter({"done": 2})
    accepted = [outcome for result in results for outcome in result if isinstance(outcome, UUID)]
    assert sorted(accepted) == sorted(proposals), "each once"
    async with committed.read(tenant.organization_id) as session:
        left = await session.driver.fetchval(
            "SELECT sum(open_minor) FROM instalments WHERE organization_id = $1", tenant.organization_id
        )
        lessons = await session.driver.fetchval(
            "SELECT count(*) FROM lessons WHERE organization_id = $1", tenant.organization_id
        )
    assert (left, lessons) == (0, PAYMENTS)
