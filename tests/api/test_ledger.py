"""Journal, trial balance, proof, period close and account mapping over HTTP."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.infra.database import Database
from app.ledger.errors import KnownAtNotSettled
from app.ledger.kept_balances import keep_period_balances
from app.ledger.two_times import snapshot_at
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant, make_tenant
from tests.receivables import credit, issue, pay, settle

JAN_5, JAN_20 = date(2026, 1, 5), date(2026, 1, 20)


@pytest.fixture
async def books(database: RolledBackDatabase, tenant: Tenant) -> dict[str, Any]:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        invoice, part = await issue(session, tenant, 11_900, JAN_5, tax_minor=1_900)
        payment = await pay(session, tenant, 5_000, JAN_20)
        await settle(session, payment, part, 4_000, JAN_20)
        await pay(session, tenant, 900, JAN_20, account_id=None)
        await credit(session, tenant, 300, JAN_20)
    return {"invoice": str(invoice), "part": str(part), "payment": str(payment)}


async def test_journal_entries_are_filtered_and_paged(client: httpx.AsyncClient, books: dict[str, Any]) -> None:
    async def amounts(**params: Any) -> list[str]:
        answer = await client.get("/v1/journal-entries", params=params)
        assert answer.status_code == 200, answer.text
        return [row["amount"] for row in answer.json()["data"]]

    assert sorted(await amounts(source_id=books["invoice"])) == ["100.00", "19.00"]
    assert await amounts(payment_id=books["payment"], account="receivables") == ["40.00"]
    assert await amounts(account="unidentified_cash", currency="EUR") == ["9.00"]
    assert await amounts(event="invoice.issued", effective_to="2026-01-04") == []
    assert len(await amounts(effective_from="2026-01-20", effective_to="2026-01-20")) == 4
    assert await amounts(recorded_since="2199-01-01T00:00:00Z") == []
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2, "sort": "-effective_date"}
    while True:
        page = (await client.get("/v1/journal-entries", params=query)).json()
        seen += [row["effective_date"] for row in page["data"]]
        if not page["has_more"]:
            break
        query["cursor"] = page["next_cursor"]
    assert len(seen) == 6
    assert seen == sorted(seen, reverse=True)
    for bad in ({"account": "cash"}, {"event": "x'--"}, {"recorded_since": "0001-01-01T00:00:00+23:00"}):
        assert (await client.get("/v1/journal-entries", params=bad)).status_code == 422


async def test_the_trial_balance_balances_and_shows_general_ledger_codes(
    client: httpx.AsyncClient, tenant: Tenant, books: dict[str, Any]
) -> None:
    where = f"/v1/legal-entities/{tenant.legal_entity_id}/account-mapping"
    empty = await client.get(where)
    assert (empty.json()["accounts"], "receivables" in empty.json()["unmapped"]) == ({}, True)
    body = {"accounts": {"receivables": "140000", "bank": "11-31/0"}}
    assert (await client.put(where, json=body)).status_code == 428
    put = await client.put(where, json=body, headers={"If-Match": empty.headers["ETag"]})
    assert (put.status_code, put.json()["accounts"]) == (200, body["accounts"]), put.text
    assert (await client.put(where, json=body, headers={"If-Match": empty.headers["ETag"]})).status_code == 412
    for bad in ({"cash": "1"}, {"bank": ""}, {"bank": "=1+1"}):
        assert (await client.put(where, json={"accounts": bad}, headers={"If-Match": "*"})).status_code == 422

    answer = await client.get("/v1/trial-balance")
    assert answer.status_code == 200, answer.text
    lines = {row["account"]: row for row in answer.json()["lines"]}
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in lines.values():
        for side in ("debits", "credits", "balance"):
            sums[side] += Decimal(row[side])
    assert sums["debits"] == sums["credits"] > 0
    assert sums["balance"] == 0
    receivables = lines["receivables"]
    assert (receivables["gl_code"], receivables["debits"], receivables["credits"], receivables["balance"]) == (
        "140000", "119.00", "43.00", "76.00",
    )  # fmt: skip
    assert (lines["bank"]["gl_code"], lines["revenue"]["gl_code"]) == ("11-31/0", None)
    early = await client.get("/v1/trial-balance", params={"as_of": "2026-01-05"})
    assert {row["account"] for row in early.json()["lines"]} == {"receivables", "revenue", "tax_payable"}
    assert (await client.get("/v1/trial-balance", params={"legal_entity_id": books["part"]})).status_code == 404


async def test_the_proof_shows_each_part(client: httpx.AsyncClient, tenant: Tenant, books: dict[str, Any]) -> None:
    answer = await client.get("/v1/proof")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["holds"], body["known_at"], body["running"]["holds"]) == (True, None, True)
    (line,) = body["lines"]
    expected = {
        "open_instalments": "79.00", "open_credit_memos": "3.00", "unapplied_cash": "10.00",
        "unidentified_cash": "9.00", "subledger": "57.00", "control": "57.00", "difference": "0.00",
        "receivables_balance": "76.00", "unapplied_cash_balance": "-10.00", "unidentified_cash_balance": "-9.00",
    }  # fmt: skip
    assert {name: line[name] for name in expected} == expected
    early = (await client.get("/v1/proof", params={"as_of": "2026-01-05", "full": True})).json()
    assert (early["as_of"], early["running"], early["lines"][0]["open_instalments"]) == ("2026-01-05", None, "119.00")
    late = await client.get("/v1/proof", params={"known_at": "2190-01-01T00:00:00Z"})
    assert (late.status_code, late.json()["code"]) == (409, "known_at.not_settled")
    assert "settled_before" in late.json()
    naive = await client.get("/v1/proof", params={"known_at": "2026-01-01T00:00:00"})
    assert naive.status_code == 422


async def test_periods_are_closed_and_reopened(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, books: dict[str, Any]
) -> None:
    entity = f"/v1/legal-entities/{tenant.legal_entity_id}"
    closed = await client.post(f"{entity}/close", json={"closed_through": "2026-01-31", "reason": "month end"})
    assert closed.status_code == 201, closed.text
    assert (closed.json()["kind"], closed.json()["closed_through"]) == ("close", "2026-01-31")
    assert await keep_period_balances(database, tenant.organization_id, UUID(closed.json()["id"])) is not None
    proof = (await client.get("/v1/proof", params={"as_of": "2026-02-01"})).json()
    assert (proof["holds"], proof["stored_through"][0]["closed_through"]) == (True, "2026-01-31")
    assert (await client.get("/v1/proof")).json()["running"] == {"holds": True, "checked": "sums", "differences": []}
    assert (await client.get("/v1/proof", params={"full": True})).json()["running"]["checked"] == "documents"
    again = await client.post(f"{entity}/close", json={"closed_through": "2026-01-31"})
    assert (again.status_code, again.json()["code"]) == (409, "ledger.period_closed_already")
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    future = await client.post(f"{entity}/close", json={"closed_through": tomorrow})
    assert (future.status_code, future.json()["code"]) == (422, "ledger.period_not_over")
    invoice = {"number": "L", "account_id": str(tenant.account_id), "legal_entity_id": str(tenant.legal_entity_id),
               "currency": "EUR", "amount": "1.00", "invoice_date": "2026-01-31", "due_date": "2026-02-28"}  # fmt: skip
    late = await client.post("/v1/invoices", json=invoice)
    assert (late.status_code, late.json()["code"]) == (422, "ledger.period_closed")
    assert late.json()["errors"][0]["pointer"] == "/accounting_date"
    assert (await client.post(f"{entity}/reopen", json={"closed_through": None})).status_code == 422
    stale = await client.post(
        f"{entity}/reopen", json={"closed_through": None, "reason": "late"}, headers={"If-Match": '"1"'}
    )
    assert stale.status_code == 412
    opened = await client.post(f"{entity}/reopen", json={"closed_through": None, "reason": "late"})
    assert (opened.status_code, opened.json()["kind"], opened.json()["reason"]) == (201, "reopen", "late"), opened.text
    assert (await client.post("/v1/invoices", json=invoice)).status_code == 201
    history = (await client.get(f"{entity}/period-closes")).json()["data"]
    assert [row["kind"] for row in history] == ["close", "reopen"]
    assert (await client.get("/v1/proof", params={"as_of": "2026-02-01"})).json()["stored_through"] == []


async def test_closing_needs_its_scope_and_its_tenant(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    entity = f"/v1/legal-entities/{tenant.legal_entity_id}"
    reader = {"Authorization": f"Bearer {authenticator.grant(tenant, 'ledger:read', 'ledger:write')}"}
    body = {"closed_through": "2026-01-31", "reason": "x"}
    for path, scope in (("close", "ledger:close"), ("reopen", "ledger:approve")):
        refused = await client.post(f"{entity}/{path}", json=body, headers=reader)
        assert (refused.status_code, refused.json()["scope"]) == (403, scope)
    stranger = await make_tenant(database, name="Other")
    other = {"Authorization": f"Bearer {authenticator.grant(stranger)}"}
    for path in ("close", "reopen"):
        assert (await client.post(f"{entity}/{path}", json=body, headers=other)).status_code == 404
    assert (await client.get(f"{entity}/account-mapping", headers=other)).status_code == 404
    assert (await client.get(f"{entity}/period-closes", headers=other)).status_code == 404
    assert (await client.get("/v1/proof", headers=other)).json()["lines"] == []
    assert (await client.get("/v1/journal-entries", headers=other)).json()["data"] == []


async def test_the_read_pool_is_clean_after_a_refused_report(committed: Database) -> None:
    tenant = await make_tenant(committed)
    far = datetime(2190, 1, 1, tzinfo=UTC)
    with pytest.raises(KnownAtNotSettled):
        async with snapshot_at(committed, tenant.organization_id, None, far, datetime.now(UTC)):
            pass
    async with snapshot_at(committed, tenant.organization_id, None, None, datetime.now(UTC)) as (session, _):
        assert await session.driver.fetchval("SHOW transaction_isolation") == "repeatable read"
