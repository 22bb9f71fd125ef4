"""Inquiries with their clock, meetings, and whether invoices arrive."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from icalendar import Calendar

from app.core.clock import utc_now
from app.correspondence.follow_up.inquiries import mark_breached
from app.correspondence.follow_up.receipt import ask_for_receipt
from app.infra.database import SYSTEM
from tests.api.test_correspondence import ANY_HOUR, _contact, _copy, _mail, _outbox, _receive, _write
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue


async def _settings(client: httpx.AsyncClient, **changes: Any) -> None:
    body = {**ANY_HOUR, **changes}
    made = await client.put("/v1/correspondence-settings", json=body, headers={"If-Match": '"0"'})
    assert made.status_code == 200, made.text


async def test_an_inquiry_with_its_answer(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    contact = await _contact(client, tenant)
    message = (await _receive(client, _mail("Where is my credit?"))).json()["message"]
    body = {"account_id": str(tenant.account_id), "subject": "Credit", "message_id": message["id"],
            "category": "payment_status"}  # fmt: skip
    made = await client.post("/v1/inquiries", json=body)
    assert made.status_code == 201, made.text
    inquiry = made.json()
    assert (inquiry["correspondence_id"], inquiry["contact_id"]) == (message["correspondence_id"], contact)
    assert datetime.fromisoformat(inquiry["due_at"]) > datetime.fromisoformat(inquiry["opened_at"])
    path = f"/v1/inquiries/{inquiry['id']}"
    assert (await client.get("/v1/inquiries/counts")).json() == {"open": 1, "unowned": 1, "breached": 0}
    async with database.write(tenant.organization_id, SYSTEM) as session:
        now = utc_now()
        assert not await mark_breached(session, UUID(inquiry["id"]), now)
        assert await mark_breached(session, UUID(inquiry["id"]), now + timedelta(days=30))
        assert not await mark_breached(session, UUID(inquiry["id"]), now + timedelta(days=31)), "told once"
    found = (await client.get("/v1/inquiries", params={"breached": "true", "sort": "due_at"})).json()["data"]
    assert [one["id"] for one in found] == [inquiry["id"]]
    stale = await client.post(f"{path}/answer", json={"answer": "x"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    answered = await client.post(f"{path}/answer", json={"answer": "It was applied yesterday."})
    assert (answered.json()["state"], answered.json()["answered_by"]) == ("answered", "Ada Tester")
    assert (await client.post(f"{path}/answer", json={"answer": "again"})).status_code == 409
    reopened = (await client.post(f"{path}/reopen")).json()
    assert (reopened["state"], reopened["breached_at"]) == ("open", None)
    assert (await client.post(f"{path}/close")).json()["allowed_actions"] == ["reopen"]


async def test_inquiries_of_strangers_are_refused(client: httpx.AsyncClient, tenant: Tenant) -> None:
    message = (await _receive(client, _mail(From="nobody@else.example"))).json()["message"]
    body = {"account_id": str(tenant.account_id), "subject": "x", "message_id": message["id"]}
    assert (await client.post("/v1/inquiries", json=body)).status_code == 422
    assert (await client.post("/v1/inquiries", json={"account_id": str(uuid4()), "subject": "x"})).status_code == 422


def _plan(**changes: Any) -> dict[str, Any]:
    return {"title": "Open items", "starts_at": "2031-04-08T10:00:00+02:00", "ends_at": "2031-04-08T11:00:00+02:00",
            "time_zone": "Europe/Berlin", "location": "Video", **changes}  # fmt: skip


async def test_a_meeting_is_invited_to_answered_moved_and_cancelled(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _settings(client, reply_to="ar@acme.example")
    contact = await _contact(client, tenant)
    made = await client.post(
        "/v1/meetings", json={"account_id": str(tenant.account_id), "contact_id": contact, **_plan()}
    )
    assert made.status_code == 201, made.text
    meeting = made.json()
    path = f"/v1/meetings/{meeting['id']}"
    (email,) = await _outbox(database, tenant)
    content = (await client.get(f"/v1/documents/{email['attachments'][0]}/content")).content
    calendar = Calendar.from_ical(content.decode())
    (event,) = calendar.walk("VEVENT")
    assert (str(calendar["METHOD"]), str(event["UID"])) == ("REQUEST", f"{meeting['id']}@duecourse")
    assert event["DTSTART"].dt.astimezone(UTC) == datetime(2031, 4, 8, 8, tzinfo=UTC)
    assert "ada@brandt.example" in str(event["ATTENDEE"])
    reply = EmailMessage()
    reply["From"], reply["Subject"], reply["In-Reply-To"] = (
        "ada@brandt.example",
        "Accepted",
        f"<{email['id']}@x.example>",
    )
    reply.set_content("yes")
    reply.add_alternative(
        f"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:{meeting['id']}@duecourse\r\n"
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@brandt.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        subtype="calendar",
    )
    await _receive(client, reply.as_bytes())
    assert (await client.get(path)).json()["state"] == "accepted"
    moved = await client.post(f"{path}/change", json=_plan(ends_at="2031-04-08T12:00:00+02:00"))
    assert (moved.json()["state"], moved.json()["sequence"]) == ("invited", 1)
    gone = await client.post(f"{path}/cancel")
    assert (gone.json()["state"], gone.json()["allowed_actions"]) == ("cancelled", [])
    assert (await client.post(f"{path}/cancel")).status_code == 409
    last = (await _outbox(database, tenant))[-1]
    content = (await client.get(f"/v1/documents/{last['attachments'][0]}/content")).content
    assert b"METHOD:CANCEL" in content
    assert b"SEQUENCE:2" in content


@pytest.mark.parametrize(
    "change",
    [
        {"ends_at": "2031-04-08T09:00:00+02:00"}, {"ends_at": "2031-04-18T09:00:00+02:00"},
        {"starts_at": "2020-04-08T10:00:00+02:00"}, {"time_zone": "Mars/Olympus"}, {"title": "a\r\nATTENDEE:x"},
    ],
)  # fmt: skip
async def test_meetings_that_cannot_be(client: httpx.AsyncClient, tenant: Tenant, change: dict[str, Any]) -> None:
    body = {"account_id": str(tenant.account_id), "contact_id": str(uuid4()), **_plan(**change)}
    assert (await client.post("/v1/meetings", json=body)).status_code == 422


async def test_an_invoice_that_did_not_arrive_is_sent_again_and_noted(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _settings(client)
    contact = await _contact(client, tenant)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        invoice_id, _ = await issue(session, tenant, 1000_00, date(2026, 3, 1), number="RE-1")
    body = {"invoice_id": str(invoice_id), "not_received": True}
    missing = await client.post("/v1/invoice-copies", json=body)
    assert (missing.status_code, missing.json()["code"]) == (422, "correspondence.invoice_copy_missing")
    document = await _copy(database, tenant, invoice_id)
    await client.post(f"/v1/invoices/{invoice_id}/delivery", json={"status": "sent"})
    nobody_asked = await client.post("/v1/invoice-copies", json={**body, "answer": True})
    assert (nobody_asked.status_code, nobody_asked.json()["errors"][0]["pointer"]) == (422, "/answer")
    sent = await client.post("/v1/invoice-copies", json=body)
    assert sent.status_code == 201, sent.text
    assert (sent.json()["kind"], sent.json()["contact_id"]) == ("invoice_copy", contact)
    (email,) = await _outbox(database, tenant)
    assert email["attachments"] == [document]
    history = (await client.get(f"/v1/invoices/{invoice_id}/delivery-events")).json()["data"]
    assert [(one["status"], one["note"]) for one in history] == [
        ("sent", None), ("not_received", "as the customer says"), ("sent", "copy sent again"),
    ]  # fmt: skip
    assert history[-1]["recipient"] == "ada@brandt.example"


async def test_a_copy_that_nobody_asked_for_waits_for_its_hour(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _settings(client, daily_cap=1)
    await _contact(client, tenant)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        invoice_id, _ = await issue(session, tenant, 1000_00, date(2026, 3, 1), number="RE-1")
    await _copy(database, tenant, invoice_id)
    body = {"invoice_id": str(invoice_id)}
    first, second = [(await client.post("/v1/invoice-copies", json=body)).json() for _ in range(2)]
    assert (first["state"], second["state"]) == ("sent", "planned"), "one contact a day"


async def test_receipt_is_asked_for_once_before_the_due_date(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _contact(client, tenant, role="dunning", email="late@brandt.example")
    await _contact(client, tenant)
    today = utc_now().date()
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 1000_00, today - timedelta(days=25), number="RE-SOON")
        known, _ = await issue(session, tenant, 1000_00, today - timedelta(days=25), number="RE-KNOWN")
        await issue(session, tenant, 1000_00, today, number="RE-LATER")
        await issue(session, tenant, 5_00, today - timedelta(days=25), number="RE-SMALL")
    await client.post(f"/v1/invoices/{known}/delivery", json={"status": "confirmed"})
    now = utc_now()
    assert await ask_for_receipt(database, tenant.organization_id, now) == 0, "nobody has asked for it"
    await _settings(client, receipt_enabled=True, receipt_minimum_minor=1000)
    assert await ask_for_receipt(database, tenant.organization_id, now) == 1
    (email,) = await _outbox(database, tenant)
    assert email["recipient"] == "ada@brandt.example"
    assert "RE-SOON" in email["text"]
    assert not any(number in email["text"] for number in ("RE-KNOWN", "RE-LATER", "RE-SMALL"))
    assert await ask_for_receipt(database, tenant.organization_id, now) == 0
    assert len(await _outbox(database, tenant)) == 1
    await _receive(client, _mail("not received", In_Reply_To=f"<{email['id']}@acme.example>"))
    thread = (await client.get("/v1/correspondences", params={"purpose": "receipt"})).json()["data"][0]
    assert (thread["unread"], thread["last_direction"]) == (True, "in")


async def test_the_organizations_own_words_for_receipt(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    await _contact(client, tenant, language="de")
    template = {"code": "receipt-request", "name": "Receipt", "language": "de", "subject": "Erhalten?",
                "body": "{% for one in invoices %}{{ one.number }};{% endfor %}"}  # fmt: skip
    assert (await client.post("/v1/correspondence-templates", json=template)).status_code == 201
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await issue(session, tenant, 1000_00, utc_now().date() - timedelta(days=25), number="RE-1")
    await _settings(client, receipt_enabled=True)
    assert await ask_for_receipt(database, tenant.organization_id, utc_now()) == 1
    (email,) = await _outbox(database, tenant)
    assert email["text"] == "RE-1;\n"
    assert email["subject"].startswith("Erhalten? [#")


async def test_a_thread_is_closed_and_opened_by_an_answer(client: httpx.AsyncClient, tenant: Tenant) -> None:
    await _settings(client)
    message = await _write(client, tenant, await _contact(client, tenant))
    path = f"/v1/correspondences/{message['correspondence_id']}"
    assert (await client.post(f"{path}/close")).json()["state"] == "closed"
    await _receive(client, _mail(In_Reply_To=f"<{message['email_id']}@acme.example>"))
    assert (await client.get(path)).json()["state"] == "open"
    assert (await client.post(f"{path}/owner", json={"owner_id": str(uuid4())})).status_code == 422
