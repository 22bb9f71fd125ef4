"""Stories of disputes: the short payment for damaged goods, from the bank's line to the credit that closes it."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.cash_application import queries as matching_queries
from app.cash_application.run import run_matching, start_run
from app.disputes import queries
from app.infra.principal import Principal
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.disputing import follow_events, person
from tests.factories import ALL_SCOPES, Tenant
from tests.receivables import issue, pay, value

MARCH_2, APRIL_2, TODAY = date(2026, 3, 2), date(2026, 4, 2), date(2026, 4, 30)


async def short_payment(database: RolledBackDatabase, tenant: Tenant, **remittance: Any) -> tuple[UUID, UUID]:
    """1,000 are owed, 820 come; the advice of the bank's line says why 180 were kept back."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, owed = await issue(session, tenant, 100_000, MARCH_2, number="RE-2026-0815")
        line = {"number": "RE-2026-0815", "amount": "820.00", "deduction": "180.00", "reason": "damaged goods"}
        payment = await pay(
            session, tenant, 82_000, APRIL_2, remittance={"documents": [{**line, **remittance}]},
            remittance_text="RE-2026-0815 less 180.00 damaged goods", payer_name="Brandt Maschinenbau GmbH",
        )  # fmt: skip
        run_id = await start_run(session, trigger="person", today=TODAY)
    await run_matching(database, tenant.organization_id, run_id)
    async with database.read(tenant.organization_id) as session:
        assert (await matching_queries.get_run(session, run_id)).state == "completed"
    return owed, payment


async def proof_holds(client: httpx.AsyncClient) -> None:
    """What the documents say equals what the journal says."""
    found = await client.get("/v1/proof", params={"as_of": "2026-04-30", "full": "true"})
    assert found.status_code == 200, found.text
    assert found.json()["holds"] is True, found.text


@pytest.fixture
async def opened(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> tuple[UUID, UUID, dict[str, Any]]:
    """The instalment, the payment, and the dispute that it opened: automatically, or when the proposal is accepted."""
    owed, payment = await short_payment(database, tenant)
    (proposal,) = (await client.get("/v1/cash-application/proposals", params={"payment_id": str(payment)})).json()[
        "data"
    ]
    if proposal["state"] == "open":
        accepted = await client.post(f"/v1/cash-application/proposals/{proposal['id']}/accept", json={})
        assert accepted.status_code == 200, accepted.text
    (found,) = (await client.get("/v1/disputes", params={"payment_id": str(payment)})).json()["data"]
    return owed, payment, found


async def test_a_short_payment_opens_a_dispute_and_the_credit_memo_closes_it(
    client: httpx.AsyncClient,
    database: RolledBackDatabase,
    tenant: Tenant,
    authenticator: StaticAuthenticator,
    opened: tuple[UUID, UUID, dict[str, Any]],
) -> None:
    owed, payment, found = opened
    assert (found["amount"], found["state"], found["origin"]) == ("180.00", "open", "deduction")
    assert (found["reason_code"], found["team"], found["payment_id"]) == ("damaged_goods", "logistics", str(payment))
    (line,) = found["lines"]
    assert (line["open_amount"], line["disputed_amount"], line["undisputed_amount"]) == ("180.00", "180.00", "0.00")
    async with database.read(tenant.organization_id) as session:
        assert await value(session, "instalments", owed, "open_minor") == 18_000
        assert await value(session, "instalments", owed, "applied_minor") == 82_000, "the 820 are settled"
        assert await queries.undisputed(session, [owed]) == {owed: 0}, "nothing of it is dunned"
    await proof_holds(client)
    where = f"/v1/disputes/{found['id']}"
    asked = await client.post(f"{where}/resolve", json={"resolution": "credited", "effective_date": "2026-04-10"})
    assert (asked.json()["state"], asked.json()["credits"][0]["state"]) == ("open", "requested")
    max_ = person("Max", *ALL_SCOPES, limit=None)
    authenticator.principals["max"] = Principal(tenant.organization_id, max_, ALL_SCOPES)
    resolved = await client.post(f"{where}/approve-credit", json={}, headers={"Authorization": "Bearer max"})
    assert resolved.status_code == 200, resolved.text
    body = resolved.json()
    assert (body["credited_amount"], body["disputed_amount"]) == ("180.00", "0.00")
    memo = (await client.get(f"/v1/credit-memos/{body['credits'][0]['credit_memo_id']}")).json()
    assert (memo["amount"], memo["status"], memo["reason_code"]) == ("180.00", "applied", "damaged_goods")
    async with database.read(tenant.organization_id) as session:
        assert await value(session, "instalments", owed, "status") == "settled"
    await proof_holds(client)
    await follow_events(database, tenant)
    after = (await client.get(where)).json()
    assert (after["version"], after["state"]) == (body["version"], body["state"]), "its own events change nothing"
    steps = (await client.get(f"{where}/history")).json()["data"]
    assert [step["to_state"] for step in steps] == ["open", "resolved_credited"]


async def test_a_paid_dispute_does_not_come_back(
    client: httpx.AsyncClient,
    database: RolledBackDatabase,
    tenant: Tenant,
    opened: tuple[UUID, UUID, dict[str, Any]],
) -> None:
    owed, _, found = opened
    where = f"/v1/disputes/{found['id']}"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        rest = await pay(session, tenant, 18_000, date(2026, 4, 20))
    body = {
        "effective_date": "2026-04-20",
        "lines": [{"instalment_id": str(owed), "amount": "180.00"}],
        "currency": "EUR",
    }
    applied = await client.post(f"/v1/payments/{rest}/applications", json=body)
    assert applied.status_code == 201, applied.text
    await follow_events(database, tenant)
    paid = (await client.get(where)).json()
    assert (paid["state"], paid["paid_amount"], paid["resolved_by"]) == ("resolved_paid", "180.00", "system")
    bounced = await client.post(
        f"/v1/payments/{rest}/reverse", json={"effective_date": "2026-04-24", "reason_code": "bounced"}
    )
    assert bounced.status_code == 200, bounced.text
    await follow_events(database, tenant)
    after = (await client.get(where)).json()
    assert after["state"] == "resolved_paid"
    assert after["lines"][0]["open_amount"] == after["lines"][0]["undisputed_amount"] == "180.00"
    await proof_holds(client)
    reopened = await client.post(f"{where}/reopen", json={"note": "the customer asks again"})
    assert (reopened.json()["state"], reopened.json()["disputed_amount"]) == ("open", "180.00")


async def test_a_person_who_corrects_says_why_the_rest_stays_open(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, owed = await issue(session, tenant, 100_000, MARCH_2, number="RE-2026-0816")
        payment = await pay(session, tenant, 82_000, APRIL_2, remittance_text="thanks")
        run_id = await start_run(session, trigger="person", today=TODAY)
    await run_matching(database, tenant.organization_id, run_id)
    (proposal,) = (await client.get("/v1/cash-application/proposals", params={"payment_id": str(payment)})).json()[
        "data"
    ]
    line = {"instalment_id": str(owed), "amount": "820.00", "deduction_reason": "price"}
    body = {"currency": "EUR", "lines": [line]}
    corrected = await client.post(f"/v1/cash-application/proposals/{proposal['id']}/correct", json=body)
    assert corrected.status_code == 200, corrected.text
    (found,) = (await client.get("/v1/disputes", params={"instalment_id": str(owed)})).json()["data"]
    assert (found["reason_code"], found["amount"], found["description"]) == ("price", "180.00", "price")
