"""Two collectors, each with a part of the accounts: what they see, change and add up, over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.core.clock import utc_now
from app.infra.seal import seal
from app.organizations.queries import local_today
from app.organizations.tokens import AccessTokens, Grant
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import add_account, issue, pay

OF_AN_ACCOUNT = ("", "/overview", "/contacts", "/timeline", "/credit", "/exposure", "/statement", "/dunning")
REPORTS = (
    "aging", "aging-detail", "cei", "collector-performance", "credit-limits", "delinquency", "disputes", "dso",
    "dunning-effect", "insights", "key-figures", "payment-behaviour", "portfolio-status", "promises",
    "provision-matrix", "roll-rates", "top-offenders", "turnover", "unapplied-cash", "write-offs",
)  # fmt: skip


@dataclass
class Office:
    """An organization with the collectors Ada and Bo, an account each (100.00 and 200.00 open), and one of nobody."""

    client: httpx.AsyncClient
    database: RolledBackDatabase
    tenant: Tenant
    tokens: AccessTokens
    admin: str
    today: date
    users: dict[str, str]
    accounts: dict[str, UUID]
    invoices: dict[str, UUID]

    def as_(self, name: str) -> dict[str, str]:
        """Headers of a user, whose rights are looked up anew."""
        self.tokens.forget()
        grant = Grant(self.tenant.organization_id, "user", UUID(self.users[name]))
        return {"Authorization": f"Bearer {self.tokens.key.issue(grant, utc_now(), 600)}"}

    async def get(self, name: str, path: str, status: int = 200, **params: Any) -> Any:
        answer = await self.client.get(path, headers=self.as_(name), params=params)
        assert answer.status_code == status, (path, answer.text)
        return answer.json()

    async def post(self, name: str, path: str, body: Any, status: int = 201) -> Any:
        answer = await self.client.post(path, headers=self.as_(name), json=body)
        assert answer.status_code == status, (path, answer.text)
        return answer.json()

    async def scope(self, name: str, **definition: Any) -> None:
        """Give a user this data scope (none: everything)."""
        path = f"/v1/users/{self.users[name]}"
        version = (await self.client.get(path, headers=self.as_("admin"))).headers["etag"]
        answer = await self.client.patch(
            path, headers={**self.as_("admin"), "If-Match": version}, json={"data_scope": definition}
        )
        assert answer.status_code == 200, answer.text

    async def numbers(self, name: str) -> list[str]:
        """Accounts that a user sees, by number."""
        found = await self.get(name, "/v1/accounts", sort="number")
        return [row["number"] for row in found["data"]]


@pytest.fixture
async def office(client: httpx.AsyncClient, tenant: Tenant, database: RolledBackDatabase) -> Office:
    app: Any = client._transport.app  # type: ignore[attr-defined]
    users = {}
    for name, roles in (
        ("admin", ["admin"]), ("ada", ["collector"]), ("bo", ["collector"]), ("cy", ["collections_manager"]),
        ("di", ["cash_application"]),
    ):  # fmt: skip
        body = {"email": f"{name}@example.com", "display_name": name.title(), "roles": roles}
        if name in ("ada", "bo"):
            body |= {"team": f"team of {name}", "data_scope": {"own_portfolio": True}}
        answer = await client.post("/v1/users", json=body)
        assert answer.status_code == 201, answer.text
        users[name] = answer.json()["id"]
    async with database.write(tenant.organization_id, tenant.actor) as session:
        today = await local_today(session, utc_now())
        accounts = {"nobody": tenant.account_id}
        invoices = {}
        for name, minor in (("ada", 10_000), ("bo", 20_000)):
            accounts[name] = await add_account(session, f"A-{name}")
            await session.driver.execute(
                "UPDATE accounts SET collector_id = $3 WHERE organization_id = $1 AND id = $2",
                session.organization_id, accounts[name], UUID(users[name]),
            )  # fmt: skip
            invoices[name], _ = await issue(
                session, tenant, minor, today - timedelta(days=40), account_id=accounts[name], number=f"RE-{name}"
            )
        await issue(session, tenant, 40_000, today - timedelta(days=40), number="RE-nobody")
    app.state.authenticator = AccessTokens(app.state.settings, database)
    return Office(client, database, tenant, app.state.authenticator, users["admin"], today, users, accounts, invoices)


async def test_each_sees_the_own_portfolio(office: Office) -> None:
    assert await office.numbers("admin") == ["A-ada", "A-bo", "C-1"]
    assert await office.numbers("ada") == ["A-ada"]
    assert await office.numbers("bo") == ["A-bo"]
    foreign = office.accounts["bo"]
    for path in OF_AN_ACCOUNT:
        await office.get("ada", f"/v1/accounts/{foreign}{path}", 404)
    await office.get("ada", f"/v1/invoices/{office.invoices['bo']}", 404)
    await office.get("ada", f"/v1/invoices/{office.invoices['ada']}")
    assert [row["number"] for row in (await office.get("ada", "/v1/invoices"))["data"]] == ["RE-ada"]
    assert (await office.get("ada", "/v1/search", q="RE-bo"))["data"] == []
    assert len((await office.get("ada", "/v1/search", q="RE-ada"))["data"]) == 1
    me = await office.get("ada", "/v1/me")
    assert me["data_scope"]["own_portfolio"] is True
    assert "imports:read" not in me["scopes"]
    assert "reports:read" in me["scopes"]


async def test_sums_are_of_the_own_portfolio(office: Office) -> None:
    for name, total in (("ada", "100.00"), ("bo", "200.00"), ("admin", "700.00")):
        aging = await office.get(name, "/v1/reports/aging")
        assert total in str(aging), name
        balances = (await office.get(name, "/v1/reports/top-balances"))["rows"]
        assert len(balances) == (3 if name == "admin" else 1)
        open_items = (await office.get(name, "/v1/odata/v4/OpenItems"))["value"]
        assert f"{sum(row['OpenAmount'] for row in open_items):.2f}" == total
        assert len((await office.get(name, "/v1/odata/v4/Accounts"))["value"]) == len(balances)


async def test_what_is_of_the_whole_organization_is_refused(office: Office) -> None:
    for path in ("/v1/proof", "/v1/trial-balance", "/v1/imports", "/v1/forecasts/weeks", "/v1/reports/runs"):
        problem = await office.get("ada", path, 403)
        assert problem["code"] == "auth.beyond_data_scope", path
    await office.post("ada", "/v1/dunning/runs", {}, 403)


async def test_writes_to_foreign_accounts_find_nothing(office: Office) -> None:
    foreign, own = str(office.accounts["bo"]), str(office.accounts["ada"])
    contact = {"role": "accounts_payable", "email": "ap@example.com"}
    await office.post("ada", f"/v1/accounts/{own}/contacts", contact)
    await office.post("ada", f"/v1/accounts/{foreign}/contacts", contact, 404)
    action = {"type": "call", "subject": "Ask", "due_date": office.today.isoformat()}
    await office.post("ada", "/v1/collection-actions", {**action, "account_id": own})
    await office.post("ada", "/v1/collection-actions", {**action, "account_id": foreign}, 422)
    promise = {"amount": "50.00", "currency": "EUR", "promised_date": office.today.isoformat()}
    await office.post("ada", "/v1/promises", {**promise, "account_id": own})
    await office.post("ada", "/v1/promises", {**promise, "account_id": foreign}, 422)


async def test_money_goes_to_accounts_in_scope(office: Office) -> None:
    await office.scope("di", collectors=[office.users["ada"]])
    payment = {
        "legal_entity_id": str(office.tenant.legal_entity_id), "amount": "60.00", "currency": "EUR",
        "value_date": office.today.isoformat(), "bank_account_id": str(office.tenant.bank_account_id),
    }  # fmt: skip
    made = await office.post("di", "/v1/payments", {**payment, "account_id": str(office.accounts["ada"])})
    await office.get("di", f"/v1/payments/{made['id']}")
    await office.post("di", "/v1/payments", {**payment, "account_id": str(office.accounts["bo"])}, 422)
    refused = await office.post("di", "/v1/payments", payment, 422)
    assert refused["code"] == "outside_data_scope"
    async with office.database.write(office.tenant.organization_id, office.tenant.actor) as session:
        theirs = await pay(session, office.tenant, 5_000, office.today, account_id=office.accounts["bo"])
    await office.get("di", f"/v1/payments/{theirs}", 404)


async def test_a_portfolio_follows_its_collector_at_once(office: Office) -> None:
    move = {"account_ids": [str(office.accounts["nobody"])], "collector_id": office.users["ada"], "reason": "New"}
    await office.post("cy", "/v1/assignments", move, 200)
    assert await office.numbers("ada") == ["A-ada", "C-1"]
    await office.post("cy", "/v1/assignments", {**move, "collector_id": office.users["bo"]}, 200)
    assert await office.numbers("ada") == ["A-ada"]
    assert await office.numbers("bo") == ["A-bo", "C-1"]


async def test_whoever_stands_in_sees_the_accounts_while_it_lasts(office: Office) -> None:
    cover = {
        "collector_id": office.users["bo"], "cover_id": office.users["ada"], "reason": "Holidays",
        "start_date": office.today.isoformat(), "end_date": (office.today + timedelta(days=3)).isoformat(),
    }  # fmt: skip
    made = await office.post("cy", "/v1/collector-covers", cover)
    assert await office.numbers("ada") == ["A-ada", "A-bo"]
    assert await office.numbers("bo") == ["A-bo"]
    answer = await office.client.post(
        f"/v1/collector-covers/{made['id']}/cancel", headers={**office.as_("cy"), "If-Match": '"1"'}
    )
    assert answer.status_code == 200, answer.text
    assert await office.numbers("ada") == ["A-ada"]
    await office.post("cy", "/v1/collector-covers", {**cover, "start_date": cover["end_date"]})
    assert await office.numbers("ada") == ["A-ada"], "it has not begun"


async def test_a_team_and_its_manager(office: Office) -> None:
    await office.scope("cy", teams=["team of ada"])
    assert await office.numbers("cy") == ["A-ada"]
    move = {"account_ids": [str(office.accounts["ada"])], "collector_id": office.users["bo"], "reason": "Out"}
    refused = await office.post("cy", "/v1/assignments", move, 403)
    assert refused["code"] == "leaves_data_scope"
    await office.scope("cy", teams=["team of ada", "team of bo"])
    assert await office.numbers("cy") == ["A-ada", "A-bo"]
    await office.post("cy", "/v1/assignments", move, 200)
    assert await office.numbers("bo") == ["A-ada", "A-bo"]
    await office.scope("cy")
    assert await office.numbers("cy") == ["A-ada", "A-bo", "C-1"]


async def test_events_are_of_accounts_in_scope(office: Office) -> None:
    await seal(office.database, office.tenant.organization_id)
    seen = {name: {row["entity"]["id"] for row in (await office.get(name, "/v1/events", limit=200))["data"]}
            for name in ("ada", "admin")}  # fmt: skip
    assert str(office.invoices["ada"]) in seen["ada"]
    assert str(office.invoices["bo"]) in seen["admin"]
    assert str(office.invoices["bo"]) not in seen["ada"]
    assert office.users["bo"] not in seen["ada"]


async def test_a_legal_entity_narrows_documents(office: Office) -> None:
    entity = {"code": "uk", "name": "Acme Ltd", "base_currency": "EUR", "country": "GB"}
    made = await office.post("admin", "/v1/legal-entities", entity)
    await office.scope("di", legal_entities=[made["id"]])
    assert (await office.get("di", "/v1/invoices"))["data"] == []
    assert await office.numbers("di") == ["A-ada", "A-bo", "C-1"], "master data are of the organization"
    assert [row["code"] for row in (await office.get("di", "/v1/legal-entities"))["data"]] == ["uk"]
    await office.scope("di", legal_entities=[str(office.tenant.legal_entity_id)])
    assert len((await office.get("di", "/v1/invoices"))["data"]) == 3


async def test_a_scope_is_set_by_admins_and_is_logged(office: Office) -> None:
    path = f"/v1/users/{office.users['ada']}"
    version = (await office.client.get(path, headers=office.as_("admin"))).headers["etag"]
    body = {"data_scope": {}}
    refused = await office.client.patch(path, headers={**office.as_("ada"), "If-Match": version}, json=body)
    assert refused.status_code == 403
    stale = await office.client.patch(path, headers={**office.as_("admin"), "If-Match": '"99"'}, json=body)
    assert stale.status_code == 412
    unknown = {"data_scope": {"legal_entities": [office.users["ada"]]}}
    answer = await office.client.patch(path, headers={**office.as_("admin"), "If-Match": version}, json=unknown)
    assert (answer.status_code, answer.json()["code"]) == (422, "data_scope.unknown_id")
    await office.scope("ada", collectors=[office.users["bo"]])
    assert await office.numbers("ada") == ["A-bo"]
    entries = await office.get("admin", "/v1/audit-entries", entity_id=office.users["ada"])
    assert entries["data"][0]["before"]["data_scope"] == {"own_portfolio": True}
    assert entries["data"][0]["after"]["data_scope"] == {"collectors": [office.users["bo"]]}
    mine = f"/v1/users/{office.users['admin']}"
    version = (await office.client.get(mine, headers=office.as_("admin"))).headers["etag"]
    last = await office.client.patch(
        mine, headers={**office.as_("admin"), "If-Match": version}, json={"data_scope": {"own_portfolio": True}}
    )
    assert (last.status_code, last.json()["code"]) == (422, "user.last_admin")


async def test_relations_to_accounts_out_of_sight_break_nothing(office: Office) -> None:
    """The parent and a child belong to the other collector, who also pays for this one."""
    own, other = office.accounts["ada"], office.accounts["bo"]
    async with office.database.write(office.tenant.organization_id, office.tenant.actor) as session:
        child = await add_account(session, "A-child", parent_id=own)
        await session.driver.execute(
            "UPDATE accounts SET parent_id = $3 WHERE organization_id = $1 AND id = $2",
            session.organization_id, own, other,
        )  # fmt: skip
        payment = await pay(session, office.tenant, 3_000, office.today, account_id=other)
    instalments = (await office.get("admin", f"/v1/invoices/{office.invoices['ada']}"))["instalments"]
    line = {"instalment_id": instalments[0]["id"], "amount": "30.00"}
    body = {"effective_date": office.today.isoformat(), "currency": "EUR", "lines": [line]}
    await office.post("admin", f"/v1/payments/{payment}/applications", body)
    assert await office.numbers("ada") == ["A-ada"]
    for path in (
        "",
        "/overview",
        "/contacts",
        "/timeline",
        "/credit",
        "/exposure",
        "/statement",
        "/dunning",
        "/notices",
    ):
        await office.get("ada", f"/v1/accounts/{own}{path}")
        await office.get("ada", f"/v1/accounts/{child}{path}", 404)
    await office.get("ada", f"/v1/payments/{payment}", 404)
    (applied,) = (await office.get("ada", "/v1/applications"))["data"]
    assert applied["amount"] == "30.00"
    assert (await office.get("ada", f"/v1/invoices/{office.invoices['ada']}"))["open_amount"] == "70.00"
    for path in REPORTS:
        answer = await office.client.get(f"/v1/reports/{path}", headers=office.as_("ada"))
        assert answer.status_code in (200, 422), (path, answer.text)
        assert "A-bo" not in answer.text, path
        assert "A-child" not in answer.text, path
    version = (await office.client.get(f"/v1/accounts/{own}", headers=office.as_("ada"))).headers["etag"]
    headers = {**office.as_("ada"), "If-Match": version}
    changed = await office.client.patch(f"/v1/accounts/{own}", headers=headers, json={"name": "Renamed"})
    assert changed.status_code == 200, changed.text
    headers["If-Match"] = changed.headers["etag"]
    given = {"collector_id": office.users["bo"]}
    refused = await office.client.patch(f"/v1/accounts/{own}", headers=headers, json=given)
    assert (refused.status_code, refused.json()["code"]) == (403, "leaves_data_scope")
    await office.post("ada", "/v1/accounts", {"number": "N-1", "name": "New", "currency": "EUR"}, 403)
    await office.post(
        "ada", "/v1/accounts", {"number": "N-2", "name": "New", "currency": "EUR", "collector_id": office.users["ada"]}
    )
