"""Reports in the background and by schedule, over HTTP, with the workers' own handlers in between."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import openpyxl
import pytest

from app.core.clock import business_date, utc_now
from app.core.ids import new_id
from app.documents.storage import document_store
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext
from app.reports.catalogue import REPORTS
from app.reports.schedules.runs import expire_runs, make_run
from app.reports.schedules.service import fire
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.factories import Tenant
from tests.receivables import issue, pay
from workers import reports

TODAY = business_date(utc_now(), "Europe/Berlin")
DAILY = {
    "name": "Aging for finance", "report": "aging", "format": "xlsx", "frequency": "daily", "send_time": "07:00",
    "recipients": ["finance@acme.example", "cfo@acme.example"], "parameters": {"group_by": "account"},
}  # fmt: skip


class Leased(JobContext):
    async def extend(self, seconds: float = 0.0) -> None:
        """Nothing to extend."""


def job(service: Any, tenant: Tenant, kind: str, key: object, attempt: int = 1) -> JobContext:
    state = service.state
    return Leased(state.database, state.database, state.settings, tenant.organization_id, new_id(), kind, str(key), {},
                  new_id(), attempt)  # fmt: skip


@pytest.fixture(autouse=True)
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's only connection holds the snapshot: progress cannot be written beside it."""
    monkeypatch.setattr("app.reports.schedules.runs.PROGRESS_SECONDS", 3_600)


@pytest.fixture
async def book(database: RolledBackDatabase, tenant: Tenant) -> None:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 1_000_00, TODAY - timedelta(days=70), number="RE-1")
        await pay(session, tenant, 300_00, TODAY - timedelta(days=20))


async def _make(service: Any, tenant: Tenant, run_id: str) -> None:
    await reports.make(job(service, tenant, reports.RUN, run_id))


async def test_a_long_report_is_made_in_the_background(
    client: httpx.AsyncClient, service: Any, tenant: Tenant, book: None
) -> None:
    asked = await client.post("/v1/reports/runs", json={"report": "aging-detail", "parameters": {"basis": "due_date"}})
    assert asked.status_code == 202, asked.text
    run = asked.json()
    assert (run["state"], run["progress"], run["parameters"]["as_of"]) == ("queued", 0, TODAY.isoformat())
    assert asked.headers["location"] == f"/v1/reports/runs/{run['id']}"
    early = await client.get(f"/v1/reports/runs/{run['id']}/file")
    assert (early.status_code, early.json()["code"]) == (409, "report_run.not_finished")
    await _make(service, tenant, run["id"])
    await _make(service, tenant, run["id"])  # a worker that dies runs it again
    done = (await client.get(f"/v1/reports/runs/{run['id']}")).json()
    assert (done["state"], done["progress"], done["rows"], done["allowed_actions"]) == (
        "completed", 100, 2, ["download"],
    )  # fmt: skip
    file = await client.get(f"/v1/reports/runs/{run['id']}/file")
    book_ = openpyxl.load_workbook(io.BytesIO(file.content))
    assert book_["Open items"]["I2"].value == "RE-1"
    assert f"aging-detail-{TODAY}.xlsx" in file.headers["content-disposition"]
    (logged,) = (await client.get("/v1/export-log")).json()["data"]
    assert (logged["name"], logged["format"], logged["rows"]) == ("aging-detail", "xlsx", 2)


@pytest.mark.parametrize("form", ["json", "csv", "pdf", "xlsx"])
@pytest.mark.parametrize("name", sorted(REPORTS))
async def test_every_report_runs_in_every_format(
    client: httpx.AsyncClient, service: Any, tenant: Tenant, book: None, name: str, form: str
) -> None:
    run = (await client.post("/v1/reports/runs", json={"report": name, "format": form})).json()
    await _make(service, tenant, run["id"])
    done = (await client.get(f"/v1/reports/runs/{run['id']}")).json()
    assert (done["state"], done["error"]) == ("completed", None)
    assert done["size_bytes"] > 0


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"group_by": "moon"}, "/parameters/group_by"),
        ({"as_of": "2026-02-30"}, "/parameters/as_of"),
        ({"account_id": "x"}, "/parameters/account_id"),
        ({"in_currency": "XXX"}, "/parameters/in_currency"),
        ({"months": "-1"}, "/parameters/months"),
        ({"known_at": "2026-01-01T00:00:00"}, "/parameters/known_at"),
    ],
)
async def test_parameters_are_checked_before_anything_is_queued(
    client: httpx.AsyncClient, parameters: dict[str, str], pointer: str
) -> None:
    refused = await client.post("/v1/reports/runs", json={"report": "dso", "parameters": parameters})
    assert refused.status_code == 422
    assert (refused.json()["code"], refused.json()["errors"][0]["pointer"]) == ("report.parameters_invalid", pointer)


async def test_what_the_report_refuses_ends_the_run(client: httpx.AsyncClient, service: Any, tenant: Tenant) -> None:
    body = {"report": "dso", "parameters": {"period_days": "many"}}
    run = (await client.post("/v1/reports/runs", json=body)).json()
    await _make(service, tenant, run["id"])
    failed = (await client.get(f"/v1/reports/runs/{run['id']}")).json()
    assert (failed["state"], failed["error_code"]) == ("failed", "report.option_invalid")
    unknown = await client.post("/v1/reports/runs", json={"report": "moon-phase"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "report.unknown")


async def test_a_cancelled_run_is_not_made(client: httpx.AsyncClient, service: Any, tenant: Tenant, book: None) -> None:
    run = (await client.post("/v1/reports/runs", json={"report": "aging"})).json()
    cancelled = await client.post(f"/v1/reports/runs/{run['id']}/cancel")
    assert cancelled.json()["state"] == "cancelled"
    await _make(service, tenant, run["id"])
    assert (await client.get(f"/v1/reports/runs/{run['id']}")).json()["state"] == "cancelled"
    again = await client.post(f"/v1/reports/runs/{run['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "report_run.not_cancellable")


async def test_runs_and_files_need_the_scopes_of_the_report(
    client: httpx.AsyncClient, service: Any, tenant: Tenant, authenticator: StaticAuthenticator, book: None
) -> None:
    reader = {"Authorization": f"Bearer {authenticator.grant(tenant, 'reports:read')}"}
    refused = await client.post("/v1/reports/runs", json={"report": "access-review"}, headers=reader)
    assert refused.status_code == 403
    run = (await client.post("/v1/reports/runs", json={"report": "access-review"})).json()
    await _make(service, tenant, run["id"])
    assert (await client.get(f"/v1/reports/runs/{run['id']}/file", headers=reader)).status_code == 403
    assert (await client.post("/v1/report-schedules", json=DAILY, headers=reader)).status_code == 403


async def test_files_go_after_their_days(
    client: httpx.AsyncClient, service: Any, database: RolledBackDatabase, tenant: Tenant, book: None
) -> None:
    run = (await client.post("/v1/reports/runs", json={"report": "aging", "format": "csv"})).json()
    await _make(service, tenant, run["id"])
    later = utc_now() + timedelta(days=31)
    async with database.write(tenant.organization_id, SYSTEM) as session:
        assert await expire_runs(session, service.state.settings, later - timedelta(days=2)) == 0
        assert await expire_runs(session, service.state.settings, later) == 1
    gone = await client.get(f"/v1/reports/runs/{run['id']}/file")
    assert (gone.status_code, gone.json()["code"]) == (404, "report_run.expired")
    files = [path for path in (service.state.settings.data_dir / "files").rglob("*") if path.is_file()]
    assert files == []


async def _schedule(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    made = await client.post("/v1/report-schedules", json={**DAILY, **more})
    assert made.status_code == 201, made.text
    body: dict[str, Any] = made.json()
    return body


async def _fire(database: RolledBackDatabase, tenant: Tenant, schedule_id: str, now: datetime) -> bool:
    async with database.write(tenant.organization_id, SYSTEM) as session:
        return await fire(session, UUID(schedule_id), now)


async def test_a_schedule_delivers_each_period_once_by_email_with_the_file(
    client: httpx.AsyncClient, service: Any, database: RolledBackDatabase, tenant: Tenant, book: None
) -> None:
    schedule = await _schedule(client)
    due = datetime.fromisoformat(schedule["next_at"])
    assert due > utc_now()
    assert not await _fire(database, tenant, schedule["id"], due - timedelta(seconds=1))
    assert await _fire(database, tenant, schedule["id"], due)
    assert not await _fire(database, tenant, schedule["id"], due), "the job came twice"
    deliveries = f"/v1/report-schedules/{schedule['id']}/deliveries"
    (delivery,) = (await client.get(deliveries)).json()["data"]
    assert (delivery["state"], delivery["period_on"], delivery["emails"]) == ("preparing", schedule["next_on"], [])
    await _make(service, tenant, delivery["run_id"])
    await _make(service, tenant, delivery["run_id"])
    (delivery,) = (await client.get(deliveries)).json()["data"]
    assert delivery["state"] == "queued"
    assert [(mail["recipient"], mail["state"]) for mail in delivery["emails"]] == [
        ("finance@acme.example", "planned"), ("cfo@acme.example", "planned"),
    ]  # fmt: skip
    content = await client.get(f"/v1/documents/{delivery['document_id']}/content")
    assert openpyxl.load_workbook(io.BytesIO(content.content)).sheetnames[:2] == ["Summary", "Aging"]
    async with database.read(tenant.organization_id) as session:
        mail = await session.driver.fetchrow("SELECT * FROM outgoing_emails ORDER BY id LIMIT 1")
    assert mail["subject"] == f"Aging for finance: Aging as of {schedule['next_on']} – Acme Parts"
    assert mail["attachments"] == [UUID(delivery["document_id"])]
    (logged,) = (await client.get("/v1/export-log")).json()["data"]
    assert logged["filters"]["recipients"] == "2"
    following = (await client.get(f"/v1/report-schedules/{schedule['id']}")).json()
    assert following["next_on"] > schedule["next_on"]


async def test_a_changed_time_repeats_no_period(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, book: None
) -> None:
    schedule = await _schedule(client)
    due = datetime.fromisoformat(schedule["next_at"])
    assert await _fire(database, tenant, schedule["id"], due)
    async with database.write(tenant.organization_id, SYSTEM) as session:  # the same day, an hour later
        await session.driver.execute(
            "UPDATE report_schedules SET send_time = '08:00', next_on = $2, next_at = $3 WHERE organization_id = $1",
            tenant.organization_id, due.date(), due + timedelta(hours=1),
        )  # fmt: skip
    assert not await _fire(database, tenant, schedule["id"], due + timedelta(hours=2))
    found = (await client.get(f"/v1/report-schedules/{schedule['id']}/deliveries")).json()["data"]
    assert len(found) == 1


async def test_pause_resume_change_and_send_now(
    client: httpx.AsyncClient, service: Any, database: RolledBackDatabase, tenant: Tenant, book: None
) -> None:
    schedule = await _schedule(client, frequency="weekly", weekday=1, as_of_rule="previous_month_end")
    address = f"/v1/report-schedules/{schedule['id']}"
    paused = (await client.post(f"{address}/pause")).json()
    assert (paused["active"], paused["next_at"], "resume" in paused["allowed_actions"]) == (False, None, True)
    assert (await client.post(f"{address}/pause")).json()["code"] == "report_schedule.state_wrong"
    assert not await _fire(database, tenant, schedule["id"], datetime(2040, 1, 1, tzinfo=UTC))
    sent = await client.post(f"{address}/send", headers={"Idempotency-Key": "now-1"})
    replayed = await client.post(f"{address}/send", headers={"Idempotency-Key": "now-1"})
    assert (sent.status_code, sent.json()) == (202, replayed.json())
    await _make(service, tenant, sent.json()["run_id"])
    run = (await client.get(f"/v1/reports/runs/{sent.json()['run_id']}")).json()
    assert run["parameters"]["as_of"] == (TODAY.replace(day=1) - timedelta(days=1)).isoformat()
    resumed = await client.post(f"{address}/resume")
    tag = resumed.headers["etag"]
    stale = await client.patch(address, json={"name": "x"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    wrong = await client.patch(address, json={"frequency": "monthly"}, headers={"If-Match": tag})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "report_schedule.rhythm_invalid")
    changed = await client.patch(address, json={"frequency": "monthly", "month_day": 31}, headers={"If-Match": tag})
    assert (changed.json()["weekday"], changed.json()["month_day"]) == (None, 31), changed.text
    fixed = await client.post("/v1/report-schedules", json={**DAILY, "parameters": {"as_of": "2026-01-01"}})
    assert fixed.json()["errors"][0]["pointer"] == "/parameters"
    address_ = await client.post("/v1/report-schedules", json={**DAILY, "recipients": ["nobody"]})
    assert address_.json()["errors"][0]["pointer"] == "/recipients/0"


async def test_what_fails_is_told_and_nothing_is_sent(
    client: httpx.AsyncClient, service: Any, database: RolledBackDatabase, tenant: Tenant
) -> None:
    schedule = await _schedule(client, report="dso", parameters={"period_days": "many"})
    assert await _fire(database, tenant, schedule["id"], datetime.fromisoformat(schedule["next_at"]))
    address = f"/v1/report-schedules/{schedule['id']}/deliveries"
    await _make(service, tenant, (await client.get(address)).json()["data"][0]["run_id"])
    (delivery,) = (await client.get(address)).json()["data"]
    assert (delivery["state"], delivery["emails"]) == ("failed", [])
    assert "whole number" in delivery["error"]


async def test_a_delivered_document_is_not_for_who_may_not_read_the_report(
    client: httpx.AsyncClient, service: Any, database: RolledBackDatabase, tenant: Tenant,
    authenticator: StaticAuthenticator,
) -> None:  # fmt: skip
    schedule = await _schedule(client, report="access-review", parameters={})
    sent = (await client.post(f"/v1/report-schedules/{schedule['id']}/send")).json()
    await _make(service, tenant, sent["run_id"])
    (delivery,) = (await client.get(f"/v1/report-schedules/{schedule['id']}/deliveries")).json()["data"]
    token = authenticator.grant(tenant, "documents:read", "reports:read")
    principal = authenticator.principals[token]
    authenticator.principals[token] = replace(principal, actor=replace(principal.actor, scopes=principal.scopes))
    reader = {"Authorization": f"Bearer {token}"}
    address = f"/v1/documents/{delivery['document_id']}"
    assert (await client.get(address)).status_code == 200
    assert (await client.get(address, headers=reader)).status_code == 404


async def test_a_fault_is_tried_again_and_ends_as_failed(
    client: httpx.AsyncClient, service: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, book: None
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise OSError("disk full")

    run = (await client.post("/v1/reports/runs", json={"report": "aging"})).json()
    monkeypatch.setattr("app.reports.schedules.runs.make_file", broken)
    state = service.state
    with pytest.raises(OSError):
        await _make(service, tenant, run["id"])
    assert (await client.get(f"/v1/reports/runs/{run['id']}")).json()["state"] == "running"
    with pytest.raises(OSError):
        await make_run(state.database, state.settings, tenant.organization_id, UUID(run["id"]), SYSTEM, utc_now(),
                       last_try=True)  # fmt: skip
    failed = (await client.get(f"/v1/reports/runs/{run['id']}")).json()
    assert (failed["state"], failed["error"]) == ("failed", "OSError")
    assert document_store(state.settings).kept_in == "disk"
