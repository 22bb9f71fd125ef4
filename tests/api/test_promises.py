"""HTTP of promises, payment plans and the report of kept promises."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.core.clock import business_date, utc_now
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.moving_clock import Clock
from tests.receivables import issue, pay, settle

TODAY = business_date(utc_now(), "Europe/Berlin")


@pytest.fixture
async def owed(database: RolledBackDatabase, tenant: Tenant) -> UUID:
    """An instalment of 500.00."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return (await issue(session, tenant, 50_000, TODAY - timedelta(days=60)))[1]


def body(tenant: Tenant, *items: UUID, **more: Any) -> dict[str, Any]:
    facts = {"account_id": str(tenant.account_id), "currency": "EUR", "promised_date": str(TODAY + timedelta(days=5))}
    named = [{"instalment_id": str(item)} for item in items]
    return {**facts, "amount": "500.00", "instalments": named} | more


async def test_a_promise_over_http(
    client: httpx.AsyncClient, tenant: Tenant, owed: UUID, database: RolledBackDatabase
) -> None:
    made = await client.post("/v1/promises", json=body(tenant, owed), headers={"Idempotency-Key": "k1"})
    assert made.status_code == 201, made.text
    promise = made.json()
    assert made.headers["location"] == f"/v1/promises/{promise['id']}"
    assert (promise["status"], promise["scope"], promise["allowed_actions"]) == (
        "open", "instalments", ["cancel", "reschedule"],
    )  # fmt: skip
    assert promise["instalments"][0]["amount"] == "500.00"
    again = await client.post("/v1/promises", json=body(tenant, owed), headers={"Idempotency-Key": "k1"})
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (promise["id"], "true")
    refused = await client.post("/v1/promises", json=body(tenant, owed))
    assert (refused.status_code, refused.json()["code"]) == (422, "promise.over_promised")
    stale = await client.post(
        f"/v1/promises/{promise['id']}/cancel", json={"reason": "x"}, headers={"If-Match": '"99"'}
    )
    assert stale.status_code == 412
    moved = await client.post(
        f"/v1/promises/{promise['id']}/reschedule", json={"promised_date": str(TODAY + timedelta(days=9))}
    )
    assert (moved.status_code, moved.json()["rescheduled_count"]) == (201, 1)
    closed = await client.post(f"/v1/promises/{promise['id']}/cancel", json={"reason": "x"})
    assert (closed.status_code, closed.json()["code"]) == (409, "promise.closed")
    clock = Clock(database, tenant, TODAY)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await settle(session, await pay(session, tenant, 50_000, TODAY), owed, 50_000, TODAY)
    await clock.react()
    found = await client.get(f"/v1/promises/{moved.json()['id']}")
    assert (found.json()["status"], found.json()["kept_amount"]) == ("kept", "500.00")
    assert found.headers["etag"] == f'"{found.json()["version"]}"'


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"amount": "500.001"}, "money.amount_invalid"),
        ({"promised_date": "2026-02-30"}, None),
        ({"account_id": "01981d8e-6a00-7000-8000-000000000001"}, "promise.account_unknown"),
        ({"contact_id": "01981d8e-6a00-7000-8000-000000000001"}, "promise.contact_unknown"),
        ({"currency": "USD"}, "promise.instalment_unknown"),
        ({"grace_days": 31}, None),
        ({"misspelt": 1}, None),
    ],
)
async def test_promises_that_are_refused(
    client: httpx.AsyncClient, tenant: Tenant, owed: UUID, more: dict[str, Any], code: str | None
) -> None:
    refused = await client.post("/v1/promises", json=body(tenant, owed, **more))
    assert refused.status_code == 422, refused.text
    if code is not None:
        assert refused.json()["code"] == code


async def test_lists_and_counts(client: httpx.AsyncClient, tenant: Tenant, owed: UUID) -> None:
    for days in (5, 0, 3):
        sent = body(tenant, owed, amount="10.00", promised_date=str(TODAY + timedelta(days=days)))
        assert (await client.post("/v1/promises", json=sent)).status_code == 201
    listed = (await client.get("/v1/promises", params={"sort": "promised_date", "limit": 2})).json()
    assert [row["promised_date"] for row in listed["data"]] == [str(TODAY), str(TODAY + timedelta(days=3))]
    params = {"sort": "promised_date", "limit": 2, "cursor": listed["next_cursor"]}
    assert len((await client.get("/v1/promises", params=params)).json()["data"]) == 1
    for params, count in (
        ({"status": "open"}, 3), ({"status": "broken"}, 0), ({"instalment_id": str(owed)}, 3),
        ({"account_id": str(tenant.account_id), "promised_to": str(TODAY)}, 1), ({"currency": "USD"}, 0),
        ({"promised_from": str(TODAY + timedelta(days=4))}, 1), ({"updated_since": "2026-01-01T00:00:00Z"}, 3),
        ({"decided_from": str(TODAY)}, 0), ({"collector_id": str(tenant.account_id)}, 0),
    ):  # fmt: skip
        assert len((await client.get("/v1/promises", params=params)).json()["data"]) == count, params
    counts = (await client.get("/v1/promises/counts")).json()
    assert counts == {"open": 3, "partly_kept": 0, "due_today": 1, "in_grace": 0, "broken": 0}


async def test_a_plan_over_http(client: httpx.AsyncClient, tenant: Tenant, owed: UUID) -> None:
    sent = {
        "account_id": str(tenant.account_id),
        "currency": "EUR",
        "rhythm": {"first_date": str(TODAY + timedelta(days=10)), "every": 2, "part_amount": "150.00"},
    }
    draft = await client.post("/v1/payment-plans/preview", json=sent)
    assert [part["amount"] for part in draft.json()["schedule"]] == ["150.00", "150.00", "150.00", "50.00"]
    made = await client.post("/v1/payment-plans", json=sent)
    assert made.status_code == 201, made.text
    plan = made.json()
    assert (plan["status"], plan["allowed_actions"]) == ("proposed", ["activate", "cancel"])
    active = await client.post(f"/v1/payment-plans/{plan['id']}/activate", headers={"If-Match": made.headers["etag"]})
    assert (active.status_code, active.json()["status"]) == (200, "active")
    assert (await client.post(f"/v1/payment-plans/{plan['id']}/activate")).status_code == 409
    for params, count in (({"status": "active"}, 1), ({"status": "broken"}, 0), ({"instalment_id": str(owed)}, 1)):
        listed = (await client.get("/v1/payment-plans", params=params)).json()["data"]
        assert len(listed) == count
    assert len(listed[0]["schedule"]) == 4
    cancelled = await client.post(f"/v1/payment-plans/{plan['id']}/cancel", json={"reason": "insolvent"})
    assert cancelled.json()["status"] == "cancelled"
    both = await client.post(
        "/v1/payment-plans", json={**sent, "schedule": [{"due_date": "2027-01-01", "amount": "1"}]}
    )
    assert both.json()["code"] == "payment_plan.schedule_invalid"


async def test_the_rate_of_kept_promises(
    client: httpx.AsyncClient, tenant: Tenant, owed: UUID, database: RolledBackDatabase
) -> None:
    empty = (await client.get("/v1/reports/promises")).json()
    assert empty["rows"] == []
    for amount, promised, made_on in (("100.00", 20, 25), ("50.00", 40, 45), ("20.00", -2, 0)):
        sent = body(tenant, owed, amount=amount, promised_date=str(TODAY - timedelta(days=promised)),
                    made_on=str(TODAY - timedelta(days=made_on)))  # fmt: skip
        assert (await client.post("/v1/promises", json=sent)).status_code == 201
    cancel = (await client.post("/v1/promises", json=body(tenant, owed, amount="30.00"))).json()
    await client.post(f"/v1/promises/{cancel['id']}/cancel", json={"reason": "typed twice"})
    clock = Clock(database, tenant, TODAY)
    paid = TODAY - timedelta(days=22)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await settle(session, await pay(session, tenant, 10_000, paid), owed, 10_000, paid)
    await clock.react()
    params = {"end": str(TODAY + timedelta(days=30))}
    (row,) = (await client.get("/v1/reports/promises", params=params)).json()["rows"]
    assert (row["kept"], row["broken"], row["undecided"], row["cancelled"]) == (1, 1, 1, 1)
    assert (row["kept_percent_by_count"], row["kept_percent_by_value"]) == ("50.00", "66.67")
    assert (row["kept_amount"], row["received_amount"]) == ("100.00", "100.00")
    by_month = (await client.get("/v1/reports/promises", params={**params, "group_by": "month"})).json()["rows"]
    assert [row["month"] for row in by_month] == sorted({row["month"] for row in by_month})
    for group in ("account", "collector"):
        rows = (await client.get("/v1/reports/promises", params={**params, "group_by": group, "limit": 1})).json()
        assert rows["rows"][0]["label"] == ("C-1 Brandt Maschinenbau GmbH" if group == "account" else None)
    none = await client.get("/v1/reports/promises", params={"start": str(date(2020, 1, 1)), "end": "2020-02-01"})
    assert none.json()["rows"] == []
