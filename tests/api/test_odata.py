"""OData as Excel and Power BI ask it: metadata, pages, filters, HTTP Basic."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.core.clock import utc_now
from app.integrations.odata import fetch
from app.integrations.odata.feeds import FEEDS
from app.organizations.queries import local_today
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant
from tests.receivables import issue, pay

ROOT = "/v1/odata/v4"


@pytest.fixture
async def ledger(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        today = await local_today(session, utc_now())
        for number, (minor, days) in enumerate(((10_000, 10), (20_000, 40), (30_050, 65), (40_000, 200))):
            await issue(session, tenant, minor, today - timedelta(days=days), number=f"RE-{number}")
        await issue(session, tenant, 5_000, today, number="JP-1", currency="JPY")
        await pay(session, tenant, 12_345, today)


async def rows(client: httpx.AsyncClient, feed: str, **options: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{ROOT}/{feed}", params={f"${name}": value for name, value in options.items()})
    assert answer.status_code == 200, answer.text
    assert answer.headers["odata-version"] == "4.0"
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
async def test_every_feed_answers_with_the_properties_of_its_model(
    client: httpx.AsyncClient, ledger: None, feed: Any
) -> None:
    for row in await rows(client, feed.name):
        assert set(row) == set(feed.properties)
        assert all(row[column.name] is not None for column in feed.columns if not column.nullable)
    for column in feed.columns:  # each can be asked for alone, ordered by and filtered
        assert isinstance(await rows(client, feed.name, select=column.name, orderby=column.name), list)
        assert await rows(client, feed.name, filter=f"{column.name} eq null and {column.name} ne null") == []


async def test_open_items_read_as_a_person_would_write_them(client: httpx.AsyncClient, ledger: None) -> None:
    found = await rows(client, "OpenItems", filter="Currency eq 'EUR' and DaysPastDue gt 30", orderby="DaysPastDue")
    assert [(row["Number"], row["OpenAmount"], row["Bucket"]) for row in found] == [
        ("RE-2", 300.5, "31-60"),
        ("RE-3", 400, "91+"),
    ]
    (yen,) = await rows(client, "OpenItems", filter="Currency eq 'JPY'", select="Number,OpenAmount")
    assert yen == {"Number": "JP-1", "OpenAmount": 5000}
    aging = await rows(client, "AgingSnapshots", filter="Currency eq 'EUR'")
    assert {row["Bucket"]: row["OpenAmount"] for row in aging} == {
        "current": 100, "1-30": 200, "31-60": 300.5, "91+": 400,
    }  # fmt: skip
    (payment,) = await rows(client, "Payments")
    assert (payment["Amount"], payment["UnappliedAmount"]) == (123.45, 123.45)


@pytest.mark.parametrize("order", [{}, {"$orderby": "OpenAmount desc"}])
async def test_pages_are_followed_to_the_end_and_every_row_comes_once(
    client: httpx.AsyncClient, ledger: None, monkeypatch: pytest.MonkeyPatch, order: dict[str, str]
) -> None:
    monkeypatch.setattr(fetch, "PAGE_ROWS", 2)
    answer = (await client.get(f"{ROOT}/OpenItems", params={"$count": "true", "$select": "Id", **order})).json()
    assert answer["@odata.count"] == 5
    seen = [row["Id"] for row in answer["value"]]
    while "@odata.nextLink" in answer:
        assert len(answer["value"]) == 2
        answer = (await client.get(answer["@odata.nextLink"])).json()
        seen += [row["Id"] for row in answer["value"]]
    assert len(seen) == len(set(seen)) == 5
    few = (await client.get(f"{ROOT}/OpenItems", params={"$top": "3", **order})).json()
    last = (await client.get(few["@odata.nextLink"])).json()
    assert (len(few["value"]), len(last["value"]), "@odata.nextLink" in last) == (2, 1, False)
    rest = (await client.get(f"{ROOT}/OpenItems", params={"$skip": "4", **order})).json()
    assert len(rest["value"]) == 1
    assert (await client.get(f"{ROOT}/OpenItems/$count", params={"$filter": "OpenAmount gt 300"})).text == "3"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"$filter": "Nope eq 1"}, "/query/$filter"),
        ({"$select": "Nope"}, "/query/$select"),
        ({"$orderby": "Number down"}, "/query/$orderby"),
        ({"$expand": "Account"}, "/query/$expand"),
        ({"$apply": "aggregate(Amount with sum as Total)"}, "/query/$apply"),
        ({"$skiptoken": "garbage"}, "/query/$skiptoken"),
        ({"$skiptoken": "WyJ4IiwgMCwgMF0"}, "/query/$skiptoken"),
        ({"$format": "atom"}, "/query/$format"),
        ({"$top": "-1"}, "/query/$top"),
    ],
)
async def test_what_is_not_supported_is_refused(client: httpx.AsyncClient, query: dict[str, str], pointer: str) -> None:
    answer = await client.get(f"{ROOT}/OpenItems", params=query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_spreadsheet_signs_in_with_id_and_secret(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    del client.headers["Authorization"]
    asked = await client.get(f"{ROOT}/Accounts")
    assert (asked.status_code, asked.headers["www-authenticate"].split()[0]) == (401, "Basic")
    basic = base64.b64encode(f"client:{authenticator.grant(tenant)}".encode()).decode()
    found = await client.get(f"{ROOT}/Accounts", headers={"Authorization": f"Basic {basic}"})
    assert [row["Id"] for row in found.json()["value"]] == [str(tenant.account_id)]
    for bad in ("Basic", "Basic !!", "Basic " + base64.b64encode(b"client:").decode(), "Digest x"):
        assert (await client.get(f"{ROOT}/Accounts", headers={"Authorization": bad})).status_code == 401
    elsewhere = await client.get("/v1/accounts", headers={"Authorization": f"Basic {basic}"})
    assert (elsewhere.status_code, elsewhere.headers["www-authenticate"]) == (401, "Bearer")


async def test_the_service_names_its_feeds(client: httpx.AsyncClient) -> None:
    document = (await client.get(ROOT)).json()
    assert [feed["name"] for feed in document["value"]] == [feed.name for feed in FEEDS]
    model = await client.get(f"{ROOT}/$metadata")
    assert model.headers["content-type"] == "application/xml"
    assert document["@odata.context"].endswith("/v1/odata/v4/$metadata")
