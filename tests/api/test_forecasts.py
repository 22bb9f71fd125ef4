"""Forecasts over HTTP: asked for, followed, read by week and by invoice, as files, compared, and their models."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import openpyxl
import pytest
from pypdf import PdfReader

from app.core.clock import business_date
from app.forecasting.accuracy import measure_due
from app.forecasting.making.perform import run_owed
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant
from tests.forecasting_ledger import Quick, Sold, write_ledger

TODAY = business_date(datetime.now(UTC), "Europe/Berlin")


@pytest.fixture
async def sold(database: RolledBackDatabase, tenant: Tenant) -> list[Sold]:
    """A year and some of invoices, until today."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return await write_ledger(session, tenant, until=TODAY)


async def _forecast(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, **body: Any
) -> dict[str, Any]:
    """Ask for a forecast, let the worker make it, read it."""
    made = await client.post("/v1/forecasts/runs", json=body)
    assert made.status_code == 202, made.text
    assert made.json()["allowed_actions"] == ["cancel"]
    await run_owed(database, tenant.organization_id, Quick())
    read = await client.get(made.headers["Location"])
    assert read.status_code == 200
    return dict(read.json())


async def _get(client: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    found = await client.get(f"/v1/forecasts/{path}", params=params)
    assert found.status_code == 200, found.text
    return dict(found.json())


async def test_a_forecast_is_asked_for_and_read(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    run = await _forecast(client, database, tenant)
    assert (run["state"], run["progress"], run["as_of"]) == ("done", "1.0000", TODAY.isoformat())
    open_minor = sum(row.minor for row in sold if row.paid is None)
    assert run["inputs"]["open"] == [{"currency": "EUR", "amount": f"{open_minor // 100}.{open_minor % 100:02}"}]
    listed = await _get(client, "runs", state="done")
    assert [row["id"] for row in listed["data"]] == [run["id"]]

    weeks = await _get(client, "weeks", layer="total")
    (series,) = weeks["data"]
    assert weeks["run"]["id"] == run["id"]
    assert [week["week"] for week in series["weeks"]] == list(range(1, 14))
    assert series["weeks"][0]["starts_on"] == (TODAY + timedelta(days=1)).isoformat()
    assert Decimal(series["total"]) == sum(Decimal(week["mean"]) for week in series["weeks"])
    assert set(series["weeks"][0]["naive"]) == {"due_date", "customer_median", "mean_13"}

    by_account = await _get(client, "weeks", group_by="account", layer="open", limit=3)
    assert len(by_account["data"]) == 3
    assert by_account["has_more"]
    assert by_account["data"][0]["code"].startswith("F-")
    totals = [Decimal(row["total"]) for row in by_account["data"]]
    assert totals == sorted(totals, reverse=True)
    after = await _get(client, "weeks", group_by="account", layer="open", limit=3, cursor=by_account["next_cursor"])
    assert not {row["id"] for row in after["data"]} & {row["id"] for row in by_account["data"]}


async def test_the_page_of_the_portfolio_shows_the_coming_weeks(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    page = (await client.get("/v1/reports/portfolio-status")).json()
    assert "forecast" not in {table["name"] for table in page["tables"]}, "nothing is forecast yet"
    await _forecast(client, database, tenant)
    await _in_force(database, tenant)
    (series,) = (await _get(client, "weeks", layer="total"))["data"]
    page = (await client.get("/v1/reports/portfolio-status")).json()
    (shown,) = [table for table in page["tables"] if table["name"] == "forecast"]
    expected = [(week["starts_on"], week["p10"], week["p90"]) for week in series["weeks"][:4]]
    assert [(row["week_from"], row["p10_amount"], row["p90_amount"]) for row in shown["rows"]] == expected
    of_account = {"account_id": str(sold[0].account_id)}
    page = (await client.get("/v1/reports/portfolio-status", params=of_account)).json()
    (shown,) = [table for table in page["tables"] if table["name"] == "forecast"]
    (own,) = (await _get(client, "weeks", layer="total", group_by="account", key=str(sold[0].account_id)))["data"]
    assert shown["rows"][0]["p90_amount"] == own["weeks"][0]["p90"]


async def _in_force(database: RolledBackDatabase, tenant: Tenant) -> None:
    """Whatever the verdict was: the model is in force and its run the current one."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        for sql in (
            "UPDATE forecast_models SET state = 'active', beats_naive = true WHERE organization_id = $1",
            "UPDATE forecast_runs SET current = true WHERE organization_id = $1",
        ):
            await session.driver.execute(sql, session.organization_id)


async def test_invoices_are_read_and_narrowed(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    await _forecast(client, database, tenant)
    open_items = [row for row in sold if row.paid is None]
    page = await _get(client, "invoices", limit=200)
    assert {row["instalment_id"] for row in page["data"]} == {str(row.instalment_id) for row in open_items}
    for row in page["data"]:
        shares = [Decimal(value) for value in row["weeks"]]
        assert abs(sum(shares) + Decimal(row["probability_later"]) - 1) <= Decimal("0.002")
    account = open_items[0].account_id
    narrowed = await _get(client, "invoices", account_id=str(account), sort="p50_date")
    assert {row["account_id"] for row in narrowed["data"]} == {str(account)}
    days = [row["p50_date"] for row in narrowed["data"]]
    assert days == sorted(days)
    until = (TODAY + timedelta(days=14)).isoformat()
    soon = await _get(client, "invoices", p50_until=until, limit=200)
    assert all(row["p50_date"] <= until for row in soon["data"])


async def test_files_of_weeks_and_invoices(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    await _forecast(client, database, tenant)
    found = await client.get("/v1/forecasts/weeks", params={"format": "csv", "group_by": "segment"})
    rows = list(csv.DictReader(io.StringIO(found.content.decode("utf-8-sig"))))
    assert len(rows) == 2 * 3 * 13
    assert {row["key"] for row in rows} == {"key", "small"}
    book = openpyxl.load_workbook(
        io.BytesIO((await client.get("/v1/forecasts/invoices", params={"format": "xlsx"})).content)
    )
    sheet = book["Invoices"]
    assert sheet.max_row == 1 + sum(row.paid is None for row in sold)
    header = [cell.value for cell in sheet[1]]
    assert isinstance(sheet.cell(2, header.index("due_date") + 1).value, datetime)
    assert isinstance(sheet.cell(2, header.index("amount") + 1).value, int | float)
    log = await client.get("/v1/export-log")
    assert [row["name"] for row in log.json()["data"]] == ["forecast-invoices", "forecast-weeks"]


async def test_the_report_of_accuracy(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    """A forecast of eight weeks ago is compared with what came in since."""
    run = await _forecast(client, database, tenant, as_of=(TODAY - timedelta(days=57)).isoformat())
    await measure_due(database, tenant.organization_id, TODAY)
    report = await _get(client, "accuracy", layer="total")
    assert [row["week_ahead"] for row in report["data"]] == list(range(1, 9))
    assert report["models"][0]["state"] in ("active", "rejected")
    assert report["models"][0]["reasons"], "it says why the model is in force or not"
    first = report["data"][0]
    assert set(first["naive"]) == {"due_date", "customer_median", "mean_13"}
    came_in = sum(
        row.minor for row in sold
        if row.paid is not None and 0 < (row.paid - date.fromisoformat(run["as_of"])).days <= 7
    )  # fmt: skip
    assert Decimal(first["actual"]) * 100 == came_in
    missed = abs(Decimal(first["forecast"]) - Decimal(first["actual"]))
    if came_in:
        assert Decimal(first["error"]["wape"]) == (missed / Decimal(first["actual"])).quantize(Decimal("0.0001"))
    pages = await _get(client, "accuracy", limit=5)
    rest = await _get(client, "accuracy", limit=200, cursor=pages["next_cursor"])
    assert len(pages["data"]) == 5
    assert len(rest["data"]) == 24 - 5
    cells = await _get(client, "accuracy/weeks", run_id=run["id"], layer="total", sort="ends_on")
    assert [row["week_ahead"] for row in cells["data"]] == list(range(1, 9))
    assert [row["final"] for row in cells["data"]] == [True] * 4 + [False] * 4
    text = await client.get("/v1/forecasts/accuracy", params={"format": "csv"})
    assert text.text.count("\r\n") == 1 + 24
    workbook = await client.get("/v1/forecasts/accuracy", params={"format": "xlsx", "run_id": run["id"]})
    assert workbook.content.startswith(b"PK")
    paper = await client.get("/v1/forecasts/accuracy", params={"format": "pdf"})
    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(paper.content)).pages)
    assert "Customer median" in words
    assert report["models"][0]["model_version"] in words
    assert first["actual"] in words


async def test_models_are_shown_with_their_verdict_and_set_aside(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, sold: list[Sold]
) -> None:
    await _forecast(client, database, tenant)
    (model,) = (await _get(client, "models"))["data"]
    assert set(model["mae_days"]) == {"model", "due_date", "customer_median", "mean_13"}
    assert model["mae_days"]["mean_13"] is None, "the mean of weeks says nothing of an invoice"
    assert model["beats_naive"] == (model["state"] == "active")
    one = await client.get(f"/v1/forecasts/models/{model['id']}")
    assert one.headers["ETag"] == f'"{model["version"]}"'
    if model["state"] == "active":
        body = {"reason": "a new season begins"}
        gone = await client.post(f"/v1/forecasts/models/{model['id']}/reject", json=body, headers={"If-Match": '"99"'})
        assert gone.status_code == 412
        gone = await client.post(f"/v1/forecasts/models/{model['id']}/reject", json=body)
        assert gone.json()["state"] == "rejected"
        assert gone.json()["allowed_actions"] == ["activate"]
        back = await client.post(f"/v1/forecasts/models/{model['id']}/activate", json={})
        assert back.json()["state"] == "active"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "UPDATE forecast_models SET state = 'rejected', beats_naive = false WHERE organization_id = $1",
            session.organization_id,
        )
    refused = await client.post(f"/v1/forecasts/models/{model['id']}/activate", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "forecast_model.not_better")


async def test_what_is_refused(client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant) -> None:
    none = await client.get("/v1/forecasts/weeks")
    assert (none.status_code, none.json()["code"]) == (404, "forecast_run.not_found")
    tomorrow = (TODAY + timedelta(days=2)).isoformat()
    late = await client.post("/v1/forecasts/runs", json={"as_of": tomorrow})
    assert (late.status_code, late.json()["errors"][0]["pointer"]) == (422, "/as_of")
    made = await client.post("/v1/forecasts/runs", json={})
    waiting = await client.get("/v1/forecasts/weeks", params={"run_id": made.json()["id"]})
    assert (waiting.status_code, waiting.json()["code"]) == (409, "forecast_run.details_gone")
    ended = await client.post(f"/v1/forecasts/runs/{made.json()['id']}/cancel")
    assert (ended.json()["state"], ended.json()["allowed_actions"]) == ("cancelled", [])
    again = await client.post(f"/v1/forecasts/runs/{made.json()['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "forecast_run.over")


async def test_reading_needs_its_scope_and_writing_the_other(
    client: httpx.AsyncClient, authenticator: StaticAuthenticator, tenant: Tenant
) -> None:
    reader = {"Authorization": f"Bearer {authenticator.grant(tenant, 'forecasts:read')}"}
    assert (await client.get("/v1/forecasts/runs", headers=reader)).status_code == 200
    assert (await client.post("/v1/forecasts/runs", json={}, headers=reader)).status_code == 403
    nobody = {"Authorization": f"Bearer {authenticator.grant(tenant, 'reports:read')}"}
    assert (await client.get("/v1/forecasts/runs", headers=nobody)).status_code == 403


async def test_no_more_than_ten_wait(client: httpx.AsyncClient) -> None:
    for _ in range(10):
        assert (await client.post("/v1/forecasts/runs", json={})).status_code == 202
    full = await client.post("/v1/forecasts/runs", json={})
    assert (full.status_code, full.json()["code"]) == (409, "forecast_run.too_many")
