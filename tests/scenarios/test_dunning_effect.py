"""What a reminder brings: three customers owe money, two are reminded, one disputes; all of them pay something."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx

from app.core.clock import business_date, utc_now
from app.dunning.notices import mark_sent
from app.infra.database import SYSTEM
from tests.conftest import RolledBackDatabase
from tests.dunning_story import email, notices_of, run_on, use_policy
from tests.factories import Tenant

TODAY = business_date(utc_now(), "Europe/Berlin")
REMINDED = TODAY - timedelta(days=20)


async def _call(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/v1{path}", json=body)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


async def _owes(client: httpx.AsyncClient, tenant: Tenant, account_id: str, number: str, amount: str) -> str:
    """An invoice that was ten days late on the day of the reminders; its instalment's id."""
    due = REMINDED - timedelta(days=10)
    invoice = await _call(client, "/invoices", {
        "number": number, "legal_entity_id": str(tenant.legal_entity_id), "account_id": account_id, "currency": "EUR",
        "amount": amount, "invoice_date": str(due - timedelta(days=30)), "due_date": str(due),
    })  # fmt: skip
    return str(invoice["instalments"][0]["id"])


async def _pays(
    client: httpx.AsyncClient, tenant: Tenant, account_id: str, instalment_id: str, amount: str, on: date
) -> None:
    payment = await _call(client, "/payments", {
        "legal_entity_id": str(tenant.legal_entity_id), "account_id": account_id, "currency": "EUR", "amount": amount,
        "value_date": str(on),
    })  # fmt: skip
    lines = [{"instalment_id": instalment_id, "amount": amount}]
    await _call(
        client,
        f"/payments/{payment['id']}/applications",
        {"currency": "EUR", "lines": lines, "effective_date": str(on)},
    )


async def test_cash_within_two_weeks_of_a_step_beside_the_accounts_withheld(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    first = str(tenant.account_id)
    second, third = [
        (await _call(client, "/accounts", {"number": number, "name": number, "currency": "EUR"}))["id"]
        for number in ("C-2", "C-3")
    ]
    paid = await _owes(client, tenant, first, "RE-1", "100.00")
    late = await _owes(client, tenant, second, "RE-2", "300.00")
    disputed = await _owes(client, tenant, third, "RE-3", "200.00")
    lines = [{"instalment_id": disputed}]
    await _call(client, "/disputes", {"reason_code": "damaged_goods", "currency": "EUR", "lines": lines})
    for account in (first, second, third):
        who = {"role": "dunning", "email": "ap@brandt.example", "consents": {"email": True}}
        await _call(client, f"/accounts/{account}/contacts", who)
    async with database.write(tenant.organization_id, SYSTEM) as session:
        await use_policy(session, (email(5),), since=TODAY - timedelta(days=200))
        run_id = await run_on(session, REMINDED)
        sent = [row["id"] for row in await notices_of(session, run_id)]
        await mark_sent(session, sent, REMINDED)
    assert len(sent) == 2, "the disputed invoice is withheld"
    await _pays(client, tenant, first, paid, "60.00", REMINDED + timedelta(days=14))
    await _pays(client, tenant, first, paid, "40.00", REMINDED + timedelta(days=15))
    await _pays(client, tenant, second, late, "30.00", REMINDED + timedelta(days=3))
    await _pays(client, tenant, third, disputed, "50.00", REMINDED + timedelta(days=14))

    report = (await client.get("/v1/reports/dunning-effect")).json()
    (row,) = report["rows"]
    assert (row["step"], row["reminders"], row["accounts"]) == (1, 2, 2)
    assert (row["asked_amount"], row["cash_amount"], row["cash_rate"]) == ("400.00", "90.00", "0.2250")
    assert (row["withheld"], row["withheld_amount"]) == (1, "200.00")
    assert (row["withheld_cash_amount"], row["withheld_cash_rate"], row["effect"]) == ("50.00", "0.2500", "-0.0250")
    (reason,) = next(table for table in report["tables"] if table["name"] == "withheld")["rows"]
    assert (reason["reason"], reason["withheld_accounts"]) == ("disputed", 1)
    asked: dict[str, str | int] = {"window_days": 15, "account_id": first}
    (row,) = (await client.get("/v1/reports/dunning-effect", params=asked)).json()["rows"]
    assert (row["cash_amount"], row["withheld"]) == ("100.00", 0), "a day more brings the rest"
    early = {"as_of": str(REMINDED + timedelta(days=13))}
    assert (await client.get("/v1/reports/dunning-effect", params=early)).json()["rows"] == [], "no window is over"
    none = {"legal_entity_id": str(tenant.account_id)}
    assert (await client.get("/v1/reports/dunning-effect", params=none)).json()["rows"] == []
