"""What a customer got and what everybody sees of it, over HTTP: files and copies that go along, PDFs, the timeline."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pypdf import PdfReader

from app.core.clock import utc_now
from app.desk.timeline import put_on_timeline
from app.desk.timeline_events import TIMELINE_EVENTS
from app.infra.database import SYSTEM
from app.infra.mail.smtp import mailer_of, smtp_server
from app.infra.reactions import event_of
from tests.conftest import RolledBackDatabase, StaticAuthenticator
from tests.dunning_sending import Story as Sending
from tests.factories import Tenant
from tests.scenarios.test_dunning import step
from tests.scenarios.test_dunning_orders import Orders
from tests.workers import mail_server
from tests.workers.mail_server import Inbox
from tests.workers.test_mail import configured

ANY_HOUR = {"quiet_from": "00:00", "quiet_to": "00:00", "daily_cap": None, "weekly_cap": None,
            "business_days_only": []}  # fmt: skip


@pytest.fixture
async def story(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, authenticator: StaticAuthenticator
) -> Orders:
    made = Orders(client, database, tenant, authenticator.grant(tenant))
    await made.begin()
    headers = made.headers | {"If-Match": '"0"'}
    put = await client.put("/v1/correspondence-settings", json=ANY_HOUR, headers=headers)
    assert put.status_code == 200, put.text
    return made


async def timeline(story: Orders) -> list[str]:
    """The events of dunning on the account's timeline, the first first, once the worker has put them there."""
    key = story.tenant.organization_id
    async with story.database.write(key, SYSTEM) as session:
        rows = await session.driver.fetch("SELECT * FROM change_log WHERE organization_id = $1 ORDER BY id", key)
        events = [event_of(row, place) for place, row in enumerate(rows, 1) if row["event"] in TIMELINE_EVENTS]
        await put_on_timeline(session, events)
    path = f"/accounts/{story.tenant.account_id}/timeline?kind=dunning&limit=100"
    return [entry["event"] for entry in (await story.call("GET", path))["data"]][::-1]


async def test_what_went_out_is_there_with_its_files_and_on_the_timeline(
    story: Orders, client: httpx.AsyncClient, service: FastAPI, tmp_path: Path
) -> None:
    inbox = Inbox()
    controller = mail_server.start(inbox)
    settings = configured(mail_server.port_of(controller), data_dir=tmp_path, public_url="https://r.acme.example")
    service.state.settings = settings
    try:
        account = f"/accounts/{story.tenant.account_id}"
        sales = {"role": "sales", "name": "Sam", "email": "sam@acme.example"}
        await story.call("POST", f"{account}/contacts", sales, 201)
        await story.policy(step("First", 5, cc=["sales"], attachments=["statement", "invoice_copies"]))
        item = await story.owed("100.00")
        await _copy(client, story, await story.invoice_of(item))
        run = await story.call("POST", "/dunning/runs", {}, 202)
        (notice,) = (await story.call("GET", f"{account}/notices"))["data"]
        assert (notice["state"], notice["run_id"]) == ("approved", run["id"])
        missing = await client.get(f"/v1/dunning/notices/{notice['id']}/pdf", headers=story.headers)
        assert (missing.status_code, missing.json()["code"]) == (404, "dunning.message_not_found")

        sending = Sending(story.database, story.tenant, settings)
        now = utc_now() + timedelta(minutes=1)
        assert await sending.plan(now) == 1
        await sending.delivery(now).run()
        (mail,) = inbox.messages()
        assert (mail["To"], mail["Cc"]) == ("ap@brandt.example", "sam@acme.example")
        names = [part.get_filename() for part in mail.iter_attachments()]
        assert len(names) == 2
        assert any(str(name).startswith("statement-") for name in names)
        assert "copy.pdf" in names
        (sent,) = (await story.call("GET", f"{account}/notices?state=sent"))["data"]
        pdf = await client.get(f"/v1/dunning/notices/{sent['id']}/pdf", headers=story.headers)
        assert pdf.headers["content-type"] == "application/pdf"
        assert "100.00" in PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text()
        assert (await timeline(story))[-1] == "dunning_notice.sent"
    finally:
        server = smtp_server(settings)
        assert server is not None
        await mailer_of(server).close()
        controller.stop()


async def _copy(client: httpx.AsyncClient, story: Orders, invoice_id: str) -> None:
    """The copy of the invoice is kept."""
    made = await client.post(
        "/v1/documents", headers=story.headers,
        files={"file": ("copy.pdf", b"%PDF-1.4 copy", "application/pdf")},
        data={"subject_kind": "invoice", "subject_id": invoice_id, "category": "invoice_copy"},
    )  # fmt: skip
    assert made.status_code == 201, made.text


async def test_paid_returned_promised_and_disputed_are_seen_on_the_timeline(story: Orders) -> None:
    account_id = str(story.tenant.account_id)
    await story.policy(step("First", 5), step("Second", 20), step("Third", 40))
    item = await story.owed("100.00")
    await story.run_on(5)
    payment = await story.paid(item, "100.00", 8)
    await story.follow()
    seen = await timeline(story)
    assert seen[-1] == "dunning_notice.resolved"
    body = {"effective_date": story.day(15), "reason_code": "bounced"}
    await story.call("POST", f"/payments/{payment}/reverse", body)
    await story.follow()
    assert (await timeline(story))[len(seen) :] == ["dunning_notice.reopened"]
    part = {"instalment_id": item, "amount": "40.00"}
    promised = {"account_id": account_id, "currency": "EUR", "promised_date": _in_days(5), "instalments": [part]}
    await story.call("POST", "/promises", promised, 201)
    assert await story.run_on(20) == [(2, "60.00", "approved")], "what is promised is not asked for"
    part = {"instalment_id": item, "amount": "60.00"}
    await story.call("POST", "/disputes", {"currency": "EUR", "reason_code": "damaged_goods", "lines": [part]}, 201)
    assert await story.run_on(40) == []
    assert [reason for reason, _ in story.withheld] == ["promise"]
    await timeline(story)
    everything = await story.call("GET", f"/accounts/{account_id}/timeline?limit=100")
    kinds = {entry["kind"] for entry in everything["data"]}
    assert kinds >= {"dunning", "promise", "dispute", "payment"}


def _in_days(days: int) -> str:
    return (utc_now().date() + timedelta(days=days)).isoformat()
