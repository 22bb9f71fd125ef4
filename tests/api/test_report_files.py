"""Every report by name in every format: real numbers and dates, no formula out of a text, and the log of exports."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from decimal import Decimal

import httpx
import openpyxl
import pytest
from pypdf import PdfReader

from app.core.clock import business_date, utc_now
from app.reports.catalogue import REPORTS
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant
from tests.receivables import add_rate, credit, issue, pay, settle

TODAY = business_date(utc_now(), "Europe/Berlin")


async def _book(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "UPDATE accounts SET name = '=1+1', credit_limit_minor = 50000 WHERE organization_id = $1",
            tenant.organization_id,
        )
        _, item = await issue(session, tenant, 1_000_00, TODAY - timedelta(days=70), number="=RE-1")
        await issue(session, tenant, 12_345, TODAY - timedelta(days=10), currency="JPY", number="RE-2")
        paid = await pay(session, tenant, 300_00, TODAY - timedelta(days=20))
        await settle(session, paid, item, 200_00, TODAY - timedelta(days=20))
        await credit(session, tenant, 40_00, TODAY - timedelta(days=5))


@pytest.mark.parametrize("name", sorted(REPORTS))
async def test_a_report_has_four_forms(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, name: str
) -> None:
    await _book(database, tenant)
    if name == "provision-matrix":  # it computes in the base currency, and refuses where a rate is missing
        async with database.write(tenant.organization_id, tenant.actor) as session:
            await add_rate(session, "JPY", "EUR", TODAY - timedelta(days=90), Decimal("0.006"))
    address = f"/v1/reports/{name}"
    shown = await client.get(address)
    assert shown.status_code == 200, shown.text
    workbook = await client.get(address, params={"format": "xlsx"})
    assert workbook.status_code == 200, workbook.text
    book = openpyxl.load_workbook(io.BytesIO(workbook.content))
    assert book.sheetnames[0] == "Summary"
    for sheet in book.worksheets[1:]:
        if sheet.title != "Chart data":
            assert sheet.freeze_panes == "A2", sheet.title
        assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    paper = await client.get(address, params={"format": "pdf"})
    assert paper.headers["content-type"] == "application/pdf"
    assert REPORTS[name].title in PdfReader(io.BytesIO(paper.content)).pages[0].extract_text()
    text = await client.get(address, params={"format": "csv"})
    assert text.headers["content-type"].startswith("text/csv")
    assert text.content.startswith(b"\xef\xbb\xbf")
    log = (await client.get("/v1/export-log")).json()["data"]
    assert [row["format"] for row in log] == ["csv", "pdf", "xlsx"]
    assert {row["name"] for row in log} == {name}


async def test_cells_of_a_workbook_are_what_they_say(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _book(database, tenant)
    found = await client.get("/v1/reports/unapplied-cash-aging", params={"format": "xlsx", "group_by": "account"})
    book = openpyxl.load_workbook(io.BytesIO(found.content))
    groups, payments = book["Unapplied cash by age"], book["Payments"]
    header = [cell.value for cell in groups[1]]
    row = dict(zip(header, groups[2], strict=True))
    assert (row["Name"].value, row["Name"].data_type) == ("=1+1", "s"), "a text is never a formula"
    assert (row["Unapplied"].value, row["Unapplied"].number_format) == (100, "#,##0.00")
    (table,) = groups.tables.values()
    assert table.ref == table.autoFilter.ref == f"A1:{groups.cell(groups.max_row, len(header)).coordinate}"
    assert (table.name, table.column_names) == ("unapplied_aging", header)
    assert groups.auto_filter.ref is None, "two filters on the same cells break the file"
    cells = dict(zip([cell.value for cell in payments[1]], payments[2], strict=True))
    assert cells["Value date"].is_date
    assert cells["Value date"].value.date() == TODAY - timedelta(days=20)
    assert "Payment id" not in cells, "ids are for programs"
    assert book["Summary"]._charts, "the summary has a native chart"


async def test_places_follow_the_currency(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _book(database, tenant)
    found = await client.get("/v1/reports/delinquency", params={"format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(found.content)).worksheets[1]
    header = [cell.value for cell in sheet[1]]
    formats = {
        row[header.index("Currency")].value: {cell.number_format for cell in row if "0.0" in cell.number_format}
        for row in sheet.iter_rows(min_row=2)
    }
    assert "#,##0.00" in formats["EUR"]
    assert "#,##0.00" not in formats["JPY"], "the yen has no places"


async def test_csv_and_json_tell_the_same(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _book(database, tenant)
    address = "/v1/reports/collector-performance"
    asked = {"start": (TODAY - timedelta(days=30)).isoformat()}
    (row,) = [one for one in (await client.get(address, params=asked)).json()["rows"] if one["currency"] == "EUR"]
    lines = (await client.get(address, params={**asked, "format": "csv"})).text.lstrip("\ufeff").split("\r\n")
    (cells,) = [line.split(",") for line in lines[1:] if ",EUR," in line]
    assert dict(zip(lines[0].split(","), cells, strict=True)) == {
        key: "" if value is None else str(value) for key, value in row.items()
    }
    assert (row["assigned_past_due_amount"], row["collected_past_due_amount"]) == ("1000.00", "200.00")
    assert row["collection_rate"] == "0.2000"


async def test_a_report_that_needs_more_scopes_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    headers = {"Authorization": f"Bearer {authenticator.grant(tenant, 'reports:read')}"}
    refused = await client.get("/v1/reports/credit-limits", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.scope_missing")


async def test_the_status_is_one_page(client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant) -> None:
    await _book(database, tenant)
    paper = await client.get("/v1/reports/portfolio-status", params={"format": "pdf"})
    pages = PdfReader(io.BytesIO(paper.content)).pages
    assert len(pages) == 1
    text = pages[0].extract_text()
    assert "800.00" in text
    assert "Top offenders" in text
    shown = (await client.get("/v1/reports/portfolio-status")).json()
    assert [row["currency"] for row in shown["rows"]] == ["EUR", "JPY"], "what has no rate stands by itself"
    assert json.dumps(shown["notes"]).count("no rate from JPY") == 1
    assert shown["as_of"] == TODAY.isoformat()
    assert date.fromisoformat(shown["as_of"]) == TODAY


async def test_the_items_of_an_account_add_up_to_its_net_amount(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _book(database, tenant)
    asked = {"as_of": (TODAY - timedelta(days=1)).isoformat()}
    aging = (await client.get("/v1/reports/aging", params={**asked, "group_by": "account"})).json()
    items = (await client.get("/v1/reports/aging-detail", params=asked)).json()
    for row in aging["rows"]:
        listed = [one for one in items["rows"] if one["currency"] == row["currency"]]
        assert sum(Decimal(one["open_amount"]) for one in listed) == Decimal(row["net_amount"])
    assert [(one["kind"], one["number"], one["open_amount"], one["bucket"]) for one in items["rows"]] == [
        ("Invoice", "=RE-1", "800.00", "31-60 days"), ("Invoice", "RE-2", "12345", "Current"),
        ("Unapplied payment", None, "-100.00", "credits"),
        ("Credit memo", items["rows"][3]["number"], "-40.00", "credits"),
    ]  # fmt: skip
    first = (await client.get("/v1/reports/aging-detail", params={**asked, "limit": 1})).json()
    rest = await client.get("/v1/reports/aging-detail", params={**asked, "limit": 1, "cursor": first["next_cursor"]})
    assert [first["rows"][0], rest.json()["rows"][0]] == items["rows"][:2]


async def test_aging_in_one_currency_adds_up_what_has_a_rate(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _book(database, tenant)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await add_rate(session, "JPY", "EUR", TODAY - timedelta(days=3), Decimal("0.01"))
    asked = {"group_by": "account", "in_currency": "EUR"}
    (row,) = (await client.get("/v1/reports/aging", params=asked)).json()["rows"]
    assert (row["currency"], row["open_amount"], row["items"]) == ("EUR", "923.45", 2)
    book = openpyxl.load_workbook(
        io.BytesIO((await client.get("/v1/reports/aging", params={**asked, "format": "xlsx"})).content)
    )
    assert book.sheetnames == ["Summary", "Aging", "Open items", "Chart data"]
    groups = book["Aging"]
    cells = dict(zip([cell.value for cell in groups[1]], [cell.value for cell in groups[2]], strict=True))
    assert cells["Open"] == 923.45
    assert book["Open items"].max_row == 5
