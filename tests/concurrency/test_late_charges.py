"""Rivals who charge the same account: each day, fee and compensation is charged once."""

from __future__ import annotations

import asyncio
from datetime import date

from app.dunning.charges.charging import Charged, ChargeRequest, FeeRule, charge_notice
from app.infra.database import SYSTEM, Database
from tests.control_account import assert_books_agree
from tests.factories import Tenant, make_tenant
from tests.receivables import issue


async def rivals(database: Database, tenant: Tenant, requests: list[ChargeRequest]) -> list[Charged]:
    async def one(request: ChargeRequest) -> Charged:
        async with database.write(tenant.organization_id, SYSTEM) as session:
            return await charge_notice(session, request)

    return list(await asyncio.gather(*(one(request) for request in requests)))


def request_of(tenant: Tenant, key: str, *ids: object, step: int | None) -> ChargeRequest:
    return ChargeRequest(
        key, tenant.account_id, tenant.legal_entity_id, "EUR", tuple(ids), date(2026, 3, 11),  # type: ignore[arg-type]
        fee=FeeRule(10_00), step_ordinal=step, interest=True, compensation=True,
    )  # fmt: skip


async def test_six_at_once_charge_once(committed: Database) -> None:
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 36_500_00, date(2026, 1, 30))
        _, other = await issue(session, tenant, 36_500_00, date(2026, 1, 30))
    ids = [(part, other), (other, part)]
    found = await rivals(
        committed, tenant, [request_of(tenant, f"n:{n}", *ids[n % 2], step=1) for n in range(6)]
    )  # fmt: skip
    assert sorted(charged.interest_minor for charged in found) == [0] * 5 + [203_00]
    assert sorted(charged.fee_minor for charged in found) == [0] * 5 + [10_00]
    assert sorted(charged.compensation_minor for charged in found) == [0] * 5 + [80_00]
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        assert await assert_books_agree(session) == {"EUR": 73_000_00 + 203_00 + 90_00}


async def test_the_same_notice_six_times_at_once_is_one_charge(committed: Database) -> None:
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        _, part = await issue(session, tenant, 36_500_00, date(2026, 1, 30))
    found = await rivals(committed, tenant, [request_of(tenant, "notice:1", part, step=None) for _ in range(6)])
    assert len({charged.charge_id for charged in found}) == 1
    assert {charged.fee_minor for charged in found} == {10_00}
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        assert await assert_books_agree(session) == {"EUR": 36_500_00 + 101_50 + 50_00}
