"""Stories of interest, fees and compensation over HTTP: quoted, charged, waived by two people, run for everybody."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from app.core.clock import business_date, utc_now
from app.core.ids import new_id
from app.dunning.charges.runs import step_run
from app.infra.database import SYSTEM, Actor
from app.infra.principal import Principal
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.control_account import assert_books_agree
from tests.factories import ALL_SCOPES, Tenant
from tests.receivables import add_account, issue

TODAY = business_date(utc_now(), "Europe/Berlin")
COLLECTOR = ALL_SCOPES - {"dunning:approve"}


def ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


def person(
    tenant: Tenant, authenticator: StaticAuthenticator, name: str, scopes: frozenset[str], limit: int | None
) -> dict[str, str]:
    token = secrets.token_hex(8)
    actor = Actor("user", new_id(), name, scopes, approval_limit_minor=limit)
    authenticator.principals[token] = Principal(tenant.organization_id, actor, scopes)
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def grace(tenant: Tenant, authenticator: StaticAuthenticator) -> dict[str, str]:
    """A manager without a limit."""
    return person(tenant, authenticator, "Grace", ALL_SCOPES, None)


@pytest.fixture
def carl(tenant: Tenant, authenticator: StaticAuthenticator) -> dict[str, str]:
    """A collector: may ask, may not decide."""
    return person(tenant, authenticator, "Carl", COLLECTOR, None)


async def owes(client: httpx.AsyncClient, tenant: Tenant, amount: str, late_days: int, **more: Any) -> dict[str, Any]:
    body = {
        "number": f"RE-{new_id()}", "account_id": str(tenant.account_id), "currency": "EUR",
        "legal_entity_id": str(tenant.legal_entity_id), "amount": amount, "invoice_date": ago(late_days + 30),
        "due_date": ago(late_days),
    } | more  # fmt: skip
    return await sent(client.post("/v1/invoices", json=body), 201)


async def sent(call: Any, status: int = 200) -> Any:
    answer: httpx.Response = await call
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def agreed(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    body = {"scope": "organization", "percent": "10", "valid_from": "2020-01-01"} | more
    return await sent(client.post("/v1/dunning/interest-agreements", json=body), 201)  # type: ignore[no-any-return]


async def preview(client: httpx.AsyncClient, tenant: Tenant, **more: Any) -> list[Any]:
    query = {"account_id": str(tenant.account_id)} | more
    return (await sent(client.get("/v1/dunning/charges/preview", params=query)))["data"]  # type: ignore[no-any-return]


def on_account(tenant: Tenant, **more: Any) -> dict[str, Any]:
    return {
        "account_id": str(tenant.account_id), "legal_entity_id": str(tenant.legal_entity_id), "currency": "EUR",
    } | more  # fmt: skip


async def test_quoted_charged_once_and_shown_day_by_day(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase
) -> None:
    await agreed(client)
    invoice = await owes(client, tenant, "100.00", 15)
    (quoted,) = await preview(client, tenant)
    assert (quoted["interest"], quoted["items"][0]["exact_amount"]) == ("0.41", "0.41095890")
    assert quoted["items"][0]["pieces"] == [
        {"day_from": ago(14), "day_to": ago(0), "days": 15, "principal": "100.00", "percent": "10"}
    ]
    part = {"instalment_id": quoted["items"][0]["instalment_id"]}
    assert (await sent(client.get("/v1/dunning/charges/preview", params=part)))["data"] == [quoted]
    assert (await client.get("/v1/dunning/charges/preview")).status_code == 422
    ahead = await preview(client, tenant, as_of=(TODAY + timedelta(days=15)).isoformat())
    assert ahead[0]["interest"] == "0.82"
    made = await sent(client.post("/v1/dunning/charges", json=on_account(tenant)), 201)
    assert (made["interest"], made["net"], made["state"], made["allowed_actions"]) == (
        "0.41", "0.41", "posted", ["reverse", "waive"],
    )  # fmt: skip
    assert made["items"][0]["invoice_id"] == invoice["id"]
    document = await sent(client.get(f"/v1/invoices/{made['invoice_id']}"))
    assert (document["kind"], document["amount"], document["number"][:3]) == ("finance_charge", "0.41", "FC-")
    again = await client.post("/v1/dunning/charges", json=on_account(tenant))
    assert (again.status_code, again.json()["code"]) == (422, "charge.nothing_due")
    assert await preview(client, tenant) == []
    ahead = await client.post("/v1/dunning/charges", json=on_account(tenant, as_of="2199-01-01"))
    assert (ahead.status_code, ahead.json()["errors"][0]["pointer"]) == (422, "/as_of")
    listed = await sent(client.get("/v1/dunning/charges", params={"invoice_id": made["invoice_id"]}))
    assert [row["id"] for row in listed["data"]] == [made["id"]]
    async with database.write(tenant.organization_id, SYSTEM) as session:
        assert await assert_books_agree(session) == {"EUR": 100_41}


async def test_fee_ten_then_fifteen_percent(client: httpx.AsyncClient, tenant: Tenant) -> None:
    await owes(client, tenant, "100.00", 20)
    total = 100_00
    for fee in ({"fixed": "10.00"}, {"percent": "15"}):
        body = on_account(tenant, interest=False, fee=fee)
        made = await sent(client.post("/v1/dunning/charges", json=body), 201)
        total += round(float(made["net"]) * 100)
    assert total == 125_00


async def test_a_waiver_takes_two_people(
    client: httpx.AsyncClient, tenant: Tenant, carl: dict[str, str], grace: dict[str, str],
    database: RolledBackDatabase,
) -> None:  # fmt: skip
    await owes(client, tenant, "100.00", 20)
    made = await sent(client.post("/v1/dunning/charges", json=on_account(tenant, compensation=True)), 201)
    assert (made["compensation"], made["interest"]) == ("40.00", "0.57")
    where = f"/v1/dunning/charges/{made['id']}/waivers"
    asked = await client.post(where, json={"amount": "20.00", "reason": "our mistake"}, headers=carl)
    assert asked.status_code == 201, asked.text
    waiver, path = asked.json(), asked.headers["location"]
    assert (waiver["state"], waiver["allowed_actions"]) == ("requested", [])
    assert (await sent(client.get(path, headers=grace)))["allowed_actions"] == ["approve", "reject"]
    tag = {"If-Match": asked.headers["etag"]}
    assert (await client.post(f"{path}/approve", json={}, headers=carl | tag)).status_code == 403
    assert (await client.post(f"{path}/approve", json={}, headers=grace)).status_code == 428
    done = await sent(client.post(f"{path}/approve", json={"note": "fine"}, headers=grace | tag))
    assert (done["state"], done["decided_by"], done["allowed_actions"]) == ("posted", "Grace", [])
    assert (await sent(client.get(f"/v1/invoices/{made['invoice_id']}")))["open_amount"] == "20.57"
    too_much = await client.post(where, json={"amount": "20.58"}, headers=carl)
    assert too_much.status_code == 422
    rest = await client.post(where, json={}, headers=carl)
    rejected = await client.post(
        f"{rest.headers['location']}/reject", json={}, headers=grace | {"If-Match": rest.headers["etag"]}
    )
    assert rejected.json()["state"] == "rejected"
    queue = await sent(client.get("/v1/dunning/charge-waivers", params={"state": "requested"}))
    assert queue["data"] == []
    # Whoever may decide, and within the own limit, does so alone.
    alone = await sent(client.post(where, json={"reason_code": "goodwill"}, headers=grace), 201)
    assert (alone["state"], alone["amount"]) == ("posted", "20.57")
    nothing = await client.post(where, json={}, headers=grace)
    assert nothing.json()["code"] == "charge.nothing_to_waive"
    async with database.write(tenant.organization_id, SYSTEM) as session:
        assert await assert_books_agree(session) == {"EUR": 100_00}


async def test_a_reversed_charge_can_be_charged_again(
    client: httpx.AsyncClient, tenant: Tenant, grace: dict[str, str]
) -> None:
    await agreed(client)
    await owes(client, tenant, "100.00", 15)
    made = await client.post("/v1/dunning/charges", json=on_account(tenant))
    path, tag = made.headers["location"], {"If-Match": made.headers["etag"]}
    undone = await sent(client.post(f"{path}/reverse", json={"reason": "wrong"}, headers=grace | tag))
    assert (undone["state"], undone["allowed_actions"]) == ("reversed", [])
    stale = await client.post(f"{path}/reverse", json={"reason": "wrong"}, headers=grace | tag)
    assert stale.status_code == 412
    assert (await sent(client.post("/v1/dunning/charges", json=on_account(tenant)), 201))["interest"] == "0.41"


async def test_rates_of_the_organization_stand_before_the_shipped_ones(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    where = "/v1/dunning/interest-rates"
    tables = {table["code"]: table for table in (await sent(client.get(where)))["data"]}
    assert set(tables) == {"eu_statutory", "uk_statutory"}
    last = tables["eu_statutory"]["rates"][-1]
    assert (last["valid_from"], last["percent"], last["reference_percent"]) == ("2026-07-01", "10.4", "2.4")
    day = f"{where}/eu_statutory/2026-07-01"
    changed = await sent(client.put(day, json={"percent": "11.5", "note": "as our bank says"}))
    assert (changed["rates"][-1]["percent"], changed["rates"][-1]["own"]) == ("11.5", True)
    assert (await client.put(day, json={"percent": "12"})).status_code == 428
    await sent(client.put(day, json={"percent": "12"}, headers={"If-Match": '"1"'}))
    assert (await client.put(day, json={"percent": "13"}, headers={"If-Match": '"1"'})).status_code == 412
    await owes(client, tenant, "36500.00", 2)
    assert (await preview(client, tenant))[0]["interest"] == "24.00"
    await sent(client.delete(day), 204)
    assert (await client.delete(day)).status_code == 404
    assert (await preview(client, tenant))[0]["interest"] == "20.80"
    await sent(client.post(where, json={"code": "contract", "name": "Contract"}), 201)
    assert (await client.post(where, json={"code": "contract", "name": "Contract"})).status_code == 409
    assert (await client.post(where, json={"code": "eu_statutory", "name": "Mine"})).status_code == 409
    assert (await client.put(f"{where}/nothing/2026-01-01", json={"percent": "5"})).status_code == 404
    await sent(client.put(f"{where}/contract/2026-01-01", json={"percent": "5"}))
    agreement = await agreed(client, scope="account", account_id=str(tenant.account_id), percent=None,
                             table_code="contract")  # fmt: skip
    assert (await preview(client, tenant))[0]["interest"] == "10.00"
    path = f"/v1/dunning/interest-agreements/{agreement['id']}"
    await sent(client.patch(path, json={"valid_to": ago(1)}, headers={"If-Match": '"1"'}))
    assert (await preview(client, tenant))[0]["interest"] == "15.40"
    held = await sent(client.get("/v1/dunning/interest-agreements", params={"on": ago(0)}))
    assert held["data"] == []
    wrong = await client.post("/v1/dunning/interest-agreements",
                              json={"scope": "segment", "percent": "5", "valid_from": "2026-01-01"})  # fmt: skip
    assert (wrong.status_code, wrong.json()["code"]) == (422, "charge.invalid")


async def test_compensation_by_currency_and_settings(client: httpx.AsyncClient, tenant: Tenant) -> None:
    where = "/v1/dunning/compensation"
    shown = {entry["currency"]: entry for entry in (await sent(client.get(where)))["data"]}
    assert [band["amount"] for band in shown["GBP"]["bands"]] == ["40.00", "70.00", "100.00"]
    bands = {"bands": [{"debt_from": "0", "amount": "35.00"}]}
    made = await sent(client.put(f"{where}/EUR", json=bands, headers={"If-Match": '"0"'}))
    assert (made["own"], made["version"]) == (True, 1)
    assert (await client.put(f"{where}/EUR", json=bands, headers={"If-Match": '"0"'})).status_code == 412
    gap = {"bands": [{"debt_from": "1", "amount": "35.00"}]}
    refused = await client.put(f"{where}/EUR", json=gap, headers={"If-Match": '"1"'})
    assert refused.json()["errors"][0]["pointer"] == "/bands/0/debt_from"
    await owes(client, tenant, "100.00", 2)
    assert (await preview(client, tenant, compensation=True))[0]["compensation"] == "35.00"
    settings = "/v1/dunning/charge-settings"
    assert (await client.get(settings)).headers["etag"] == '"0"'
    body = {"payment_days": 14, "minimum_interest": {"EUR": "5.00"}, "charge_from": ago(30), "compensation": True}
    kept = await sent(client.put(settings, json=body, headers={"If-Match": '"0"'}))
    assert (kept["minimum_interest"], kept["version"], kept["run"]) == ({"EUR": "5.00"}, 1, "none")
    made = await sent(client.post("/v1/dunning/charges", json=on_account(tenant, compensation=True)), 201)
    assert (made["interest"], made["compensation"]) == ("0.00", "35.00")
    document = await sent(client.get(f"/v1/invoices/{made['invoice_id']}"))
    assert document["instalments"][0]["due_date"] == (TODAY + timedelta(days=14)).isoformat()
    unknown = await client.put(settings, json={"default_table_code": "no"}, headers={"If-Match": '"1"'})
    assert unknown.status_code == 404


async def test_a_run_charges_everybody_once(
    client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase
) -> None:
    await agreed(client)
    await owes(client, tenant, "36500.00", 10)
    async with database.write(tenant.organization_id, SYSTEM) as session:
        other = await add_account(session, "C-2")
        await issue(session, tenant, 36_500_00, TODAY - timedelta(days=35), account_id=other)
        await issue(session, tenant, 36_500_00, TODAY - timedelta(days=40), account_id=other, currency="USD")
        await issue(session, tenant, 36_500_00, TODAY, account_id=other)
    tried = await sent(client.post("/v1/dunning/charging-runs", json={"simulate": True}), 202)
    async with database.write(tenant.organization_id, SYSTEM) as session:
        assert not await step_run(session, tried["id"])
    expected = await sent(client.get(f"/v1/dunning/charging-runs/{tried['id']}"))
    assert (await sent(client.get("/v1/dunning/charges")))["data"] == []
    started = await sent(client.post("/v1/dunning/charging-runs", json={}), 202)
    assert (started["state"], started["as_of"]) == ("running", ago(0))
    assert (await client.post("/v1/dunning/charging-runs", json={})).status_code == 409
    async with database.write(tenant.organization_id, SYSTEM) as session:
        assert not await step_run(session, started["id"])
    done = await sent(client.get(f"/v1/dunning/charging-runs/{started['id']}"))
    assert (done["state"], done["accounts"], done["charges"], done["refused"]) == ("done", 2, 3, 0)
    assert done["totals"] == expected["totals"] == {"EUR": "150.00", "USD": "100.00"}
    assert (expected["simulated"], expected["charges"], done["simulated"]) == (True, 3, False)
    async with database.write(tenant.organization_id, SYSTEM) as session:
        assert not await step_run(session, started["id"])
        assert await assert_books_agree(session) == {"EUR": 3 * 36_500_00 + 150_00, "USD": 36_600_00}
    listed = await sent(client.get("/v1/dunning/charging-runs", params={"state": "done"}))
    assert [run["id"] for run in listed["data"]] == [started["id"], tried["id"]]
    assert date.fromisoformat(done["as_of"]) == TODAY
