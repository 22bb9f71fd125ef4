"""Provision runs over HTTP: a matrix worked out by hand, kept with its inputs, the same again when asked again."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.invoices.adjustments import RequestAdjustment, request_adjustment
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue, pay, settle

AS_OF = date(2026, 6, 30)


@pytest.fixture
async def losses(database: RolledBackDatabase, tenant: Tenant) -> None:
    """On May 31, 2025, 1,000.00 stood in 1-30, of which 200.00 were written off in November 2025 and the rest paid;
    today 500.00 stand in 1-30 and 300.00 are current."""
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, old = await issue(session, tenant, 100_000, date(2025, 4, 15))
        await request_adjustment(session, RequestAdjustment(old, "write_off", 20_000, date(2025, 11, 3), "insolvent"))
        payment = await pay(session, tenant, 80_000, date(2025, 12, 1))
        await settle(session, payment, old, 80_000, date(2025, 12, 1))
        await issue(session, tenant, 50_000, date(2026, 5, 20))
        await issue(session, tenant, 30_000, date(2026, 6, 20))


async def make(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    sent = {"as_of": AS_OF.isoformat(), "observation_months": 1, "horizon_months": 12, **body}
    made = await client.post("/v1/reports/provision-runs", json=sent)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def line(run: dict[str, Any], label: str) -> dict[str, Any]:
    return next(one for one in run["lines"] if one["label"] == label)


@pytest.mark.usefixtures("losses")
async def test_a_run_is_made_kept_and_read(client: httpx.AsyncClient) -> None:
    """The observation day is June 30, 2025, one year back: the old invoice was 46 days late."""
    run = await make(client, forward_factors=[{"factor": "1.5"}, {"factor": "1.1", "bucket": 0}],
                     rates=[{"rate": "0.01", "bucket": 0}, {"rate": "0.04", "bucket": 1}], note="mid year")  # fmt: skip
    observed = line(run, "31-60")
    assert (observed["observed_amount"], observed["lost_amount"], observed["loss_rate"]) == ("1000.00", "200.00", "0.2")
    assert (observed["applied_rate"], observed["expected_loss_amount"]) == ("0.3", "0.00")
    late, current = line(run, "1-30"), line(run, "current")
    assert (late["exposure_amount"], late["loss_rate"], late["applied_rate"]) == ("500.00", None, "0.06")
    assert (late["expected_loss_amount"], current["expected_loss_amount"]) == ("30.00", "3.30")
    assert (run["exposure_amount"], run["expected_loss_amount"], run["note"]) == ("800.00", "33.30", "mid year")
    assert (await client.get(f"/v1/reports/provision-runs/{run['id']}")).json() == run
    listed = (await client.get("/v1/reports/provision-runs", params={"as_of": AS_OF.isoformat()})).json()
    assert [one["id"] for one in listed["data"]] == [run["id"]]
    assert "lines" not in listed["data"][0]


@pytest.mark.usefixtures("losses")
async def test_the_same_instant_gives_the_same_cents_after_later_postings(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    run = await make(client, observation_months=12, horizon_months=6)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        _, late = await issue(session, tenant, 70_000, date(2025, 3, 1))
        await request_adjustment(session, RequestAdjustment(late, "write_off", 70_000, date(2025, 12, 3), "insolvent"))
    again = await make(client, observation_months=12, horizon_months=6, known_at=run["known_at"])
    assert again["lines"] == run["lines"]
    changed = await make(client, observation_months=12, horizon_months=6)
    assert changed["lines"] != run["lines"]


@pytest.mark.usefixtures("losses")
async def test_the_report_shows_the_same_matrix(client: httpx.AsyncClient) -> None:
    query = {"as_of": AS_OF.isoformat(), "observation_months": 1, "forward_factor": "1.5"}
    body = (await client.get("/v1/reports/provision-matrix", params=query)).json()
    assert body["totals"][0]["exposure_amount"] == "800.00"
    rows = {row["bucket"]: row for row in body["rows"]}
    assert (rows["31-60"]["loss_rate"], rows["31-60"]["applied_rate"]) == ("0.200000", "0.300000")
    assert "800.00 EUR stand in 2 cells without history: nothing is expected of them." in body["notes"]
    paper = await client.get("/v1/reports/provision-matrix", params={**query, "format": "pdf"})
    assert paper.content.startswith(b"%PDF")


async def test_a_currency_without_a_rate_is_refused(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 5_000, AS_OF - timedelta(days=9), currency="USD")
    refused = await client.post("/v1/reports/provision-runs", json={"as_of": AS_OF.isoformat()})
    assert (refused.status_code, refused.json()["code"]) == (409, "report.rate_missing")


async def test_unknown_runs_and_entities(client: httpx.AsyncClient, tenant: Tenant) -> None:
    assert (await client.get(f"/v1/reports/provision-runs/{UUID(int=1)}")).status_code == 404
    body = {"legal_entity_id": str(UUID(int=1))}
    assert (await client.post("/v1/reports/provision-runs", json=body)).status_code == 404
