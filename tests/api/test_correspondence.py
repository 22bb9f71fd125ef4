"""Letters and e-mails to customers, and what they answer."""

from __future__ import annotations

import io
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from docx import Document

from app.core.ids import new_id
from app.correspondence.sending import send_planned
from app.desk.timeline_events import TIMELINE_EVENTS
from app.documents.service import KeptContent, Subject, add_document
from app.infra.database import SYSTEM
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.receivables import issue

PATH = "/v1/correspondences"
ANY_HOUR = {"quiet_from": "00:00", "quiet_to": "00:00", "daily_cap": None, "weekly_cap": None}


@pytest.fixture
async def any_hour(client: httpx.AsyncClient) -> None:
    """Tests run at night, too."""
    made = await client.put("/v1/correspondence-settings", json=ANY_HOUR, headers={"If-Match": '"0"'})
    assert made.status_code == 200, made.text


async def _contact(client: httpx.AsyncClient, tenant: Tenant, **facts: Any) -> str:
    body = {"role": "accounts_payable", "name": "Ada Brandt", "email": "ada@brandt.example", **facts}
    made = await client.post(f"/v1/accounts/{tenant.account_id}/contacts", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def _write(client: httpx.AsyncClient, tenant: Tenant, contact: str | None, **facts: Any) -> dict[str, Any]:
    body = {"account_id": str(tenant.account_id), "channel": "email", "contact_id": contact,
            "subject": "Your invoices", "body": "Good day,\n\nplease look.", **facts}  # fmt: skip
    made = await client.post(PATH, json=body)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


async def _outbox(database: RolledBackDatabase, tenant: Tenant) -> list[Any]:
    async with database.read(tenant.organization_id) as read:
        return list(
            await read.driver.fetch(
                "SELECT * FROM outgoing_emails WHERE organization_id = $1 ORDER BY id", tenant.organization_id
            )
        )


@pytest.mark.usefixtures("any_hour")
async def test_an_e_mail_goes_to_the_outbox_with_the_token_of_its_thread(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    message = await _write(client, tenant, await _contact(client, tenant))
    assert (message["state"], message["delivery"], message["recipient"]) == ("sent", "planned", "ada@brandt.example")
    thread = (await client.get(f"{PATH}/{message['correspondence_id']}")).json()
    (email,) = await _outbox(database, tenant)
    assert email["subject"] == f"Your invoices [#{thread['token']}]"
    assert email["text"] == "Good day,\n\nplease look.\n"
    assert (str(email["id"]), email["subject_kind"]) == (message["email_id"], "correspondence")
    assert (thread["messages_count"], thread["last_direction"], thread["unread"]) == (1, "out", False)
    attempts = (await client.get("/v1/contact-attempts")).json()["data"]
    assert [(one["stage"], one["outcome"], one["channel"]) for one in attempts] == [("done", "allowed", "email")]


@pytest.mark.usefixtures("any_hour")
async def test_what_the_rules_refuse_is_kept_with_its_reason(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    for facts, reason in (
        ({"do_not_contact": True}, "do_not_contact"),
        ({"consents": {"email": False}}, "consent_withdrawn"),
        ({"email": None}, "no_address"),
    ):
        message = await _write(client, tenant, await _contact(client, tenant, **facts))
        assert (message["state"], message["refusal"]) == ("refused", reason)
    assert await _outbox(database, tenant) == []
    attempts = (await client.get("/v1/contact-attempts", params={"outcome": "refused"})).json()["data"]
    assert sorted(one["reason"] for one in attempts) == ["consent_withdrawn", "do_not_contact", "no_address"]
    events = (await client.get("/v1/events")).json()["data"]
    assert isinstance(events, list)


async def test_what_is_put_off_waits_and_is_asked_again(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    noon = datetime.fromisoformat("2030-04-10T10:00:00+00:00")
    night = noon.replace(hour=23)
    message = await _write(client, tenant, await _contact(client, tenant), send_at=night.isoformat())
    assert message["state"] == "planned"
    not_before = datetime.fromisoformat(message["not_before"])
    assert not_before == datetime.fromisoformat("2030-04-11T06:00:00+00:00"), "eight o'clock in Berlin"
    async with database.write(tenant.organization_id, SYSTEM) as session:
        await send_planned(session, UUID(message["id"]), not_before - timedelta(hours=1))
    assert await _outbox(database, tenant) == [], "its time has not come"
    await client.patch(
        f"/v1/accounts/{tenant.account_id}/contacts/{message['contact_id']}", json={"email": "new@brandt.example"},
        headers={"If-Match": '"1"'},
    )  # fmt: skip
    async with database.write(tenant.organization_id, SYSTEM) as session:
        await send_planned(session, UUID(message["id"]), not_before)
        await send_planned(session, UUID(message["id"]), not_before)
    (email,) = await _outbox(database, tenant)
    assert email["recipient"] == "new@brandt.example"


async def test_a_planned_message_can_be_cancelled_and_consent_is_asked_when_it_is_done(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    at = "2030-04-10T10:00:00+00:00"
    contact = await _contact(client, tenant)
    first, second = [await _write(client, tenant, contact, send_at=at) for _ in range(2)]
    gone = await client.post(f"/v1/correspondence-messages/{first['id']}/cancel")
    assert (gone.status_code, gone.json()["state"]) == (200, "cancelled")
    assert (await client.post(f"/v1/correspondence-messages/{first['id']}/cancel")).status_code == 409
    await client.patch(
        f"/v1/accounts/{tenant.account_id}/contacts/{contact}", json={"do_not_contact": True},
        headers={"If-Match": '"1"'},
    )  # fmt: skip
    async with database.write(tenant.organization_id, SYSTEM) as session:
        await send_planned(session, UUID(first["id"]), datetime.fromisoformat(at))
        await send_planned(session, UUID(second["id"]), datetime.fromisoformat(at))
    assert await _outbox(database, tenant) == []
    read = (await client.get(f"/v1/correspondence-messages/{second['id']}")).json()
    assert (read["state"], read["refusal"]) == ("refused", "do_not_contact")


async def _copy(database: RolledBackDatabase, tenant: Tenant, invoice_id: UUID) -> UUID:
    async with database.write(tenant.organization_id, tenant.actor) as session:
        kept = KeptContent(f"{new_id().int:064x}", 1000, "application/pdf", "RE-1.pdf", "disk")
        return await add_document(session, kept, Subject("invoice", invoice_id), category="invoice_copy")


@pytest.mark.usefixtures("any_hour")
async def test_a_template_in_the_customers_language_with_invoice_copies(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    contact = await _contact(client, tenant, language="de")
    async with database.write(tenant.organization_id, tenant.actor) as session:
        invoice_id, _ = await issue(session, tenant, 1250_00, date(2026, 3, 1), number="RE-1")
    for language, hello in (("en", "Dear"), ("de", "Guten Tag")):
        template = {
            "code": "copies", "name": "Copies", "language": language,
            "subject": "{{ legal_entity.name }}: {{ invoices|length }}",
            "body": hello + " {{ contact.name }},\n{% for one in invoices %}{{ one.number }} "
            "{{ one.open_amount }} {{ one.currency }} {{ one.due_date }}\n{% endfor %}{{ values.note }}",
            "sample_values": {"note": "x"},
        }  # fmt: skip
        made = await client.post("/v1/correspondence-templates", json=template)
        assert made.status_code == 201, made.text
    body = {
        "account_id": str(tenant.account_id), "channel": "email", "contact_id": contact, "template": "copies",
        "invoice_ids": [str(invoice_id)], "attach_copies": True, "values": {"note": "Danke"},
    }  # fmt: skip
    missing = await client.post(PATH, json=body)
    assert (missing.status_code, missing.json()["code"]) == (422, "correspondence.invoice_copy_missing")
    document = await _copy(database, tenant, invoice_id)
    preview = await client.post(f"{PATH}/preview", json=body)
    assert preview.json()["attachments"] == ["RE-1.pdf"], preview.text
    made = await client.post(PATH, json=body)
    assert made.status_code == 201, made.text
    message = made.json()
    assert message["subject"] == "Acme GmbH: 1"
    assert message["body"] == "Guten Tag Ada Brandt,\nRE-1 1.250,00 EUR 31. März 2026\nDanke"
    assert [one["document_id"] for one in message["attachments"]] == [str(document)]
    (email,) = await _outbox(database, tenant)
    assert email["attachments"] == [document]


async def test_templates_are_tried_and_keep_their_revisions(client: httpx.AsyncClient) -> None:
    template = {"code": "hello", "name": "Hello", "language": "en", "subject": "Hi", "body": "{{ nobody.name }}"}
    refused = await client.post("/v1/correspondence-templates", json=template)
    assert (refused.status_code, refused.json()["code"]) == (422, "template.invalid")
    made = await client.post("/v1/correspondence-templates", json={**template, "body": "{{ account.name }}"})
    assert made.status_code == 201, made.text
    twice = await client.post("/v1/correspondence-templates", json={**template, "body": "x"})
    assert (twice.status_code, twice.json()["code"]) == (409, "correspondence.template_exists")
    path = f"/v1/correspondence-templates/{made.json()['id']}"
    change = {"name": "Hello", "subject": "Hi", "body": "{{ account.number }}"}
    assert (await client.put(path, json=change)).status_code == 428
    changed = await client.put(path, json=change, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["revision"], changed.json()["version"]) == (200, 2, 2)
    listed = (await client.get("/v1/correspondence-templates", params={"code": "hello"})).json()["data"]
    assert [one["revision"] for one in listed] == [2]


@pytest.mark.usefixtures("any_hour")
@pytest.mark.parametrize("form", ["pdf", "docx"])
async def test_a_letter_is_made_once_kept_and_posted_by_a_person(
    client: httpx.AsyncClient, tenant: Tenant, form: str
) -> None:
    facts = {"channel": "letter", "letter_format": form, "postal_address": ["Brandt GmbH", "Weg 1", "12345 Ort"]}
    message = await _write(client, tenant, None, **facts)
    assert (message["state"], message["allowed_actions"], message["email_id"]) == ("made", ["post"], None)
    content = (await client.get(f"/v1/documents/{message['document_id']}/content")).content
    if form == "pdf":
        assert content.startswith(b"%PDF-")
    else:
        assert "please look." in [one.text for one in Document(io.BytesIO(content)).paragraphs]
    posted = await client.post(f"/v1/correspondence-messages/{message['id']}/post")
    assert (posted.status_code, posted.json()["state"]) == (200, "posted")
    attempts = (await client.get("/v1/contact-attempts")).json()["data"]
    assert [(one["stage"], one["outcome"]) for one in attempts] == [("done", "allowed")]


async def test_a_letter_goes_to_the_address_of_the_account(client: httpx.AsyncClient, tenant: Tenant) -> None:
    where = f"/v1/accounts/{tenant.account_id}"
    place = {"street": "Hafenstr. 12", "postal_code": "1010", "city": "Wien", "country": "AT"}
    changed = await client.patch(where, json=place, headers={"If-Match": '"1"'})
    assert changed.status_code == 200, changed.text
    message = await _write(client, tenant, None, channel="letter", letter_format="docx")
    content = (await client.get(f"/v1/documents/{message['document_id']}/content")).content
    texts = [one.text for one in Document(io.BytesIO(content)).paragraphs]
    assert "Brandt Maschinenbau GmbH\nHafenstr. 12\n1010 Wien\nAUSTRIA" in texts


def _mail(text: str = "We have not received RE-1.", **headers: str) -> bytes:
    message = EmailMessage()
    given = {"From": "Ada <ada@brandt.example>", "To": "ar@acme.example", "Subject": "Invoice", **headers}
    for name, value in given.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


async def _receive(client: httpx.AsyncClient, raw: bytes) -> httpx.Response:
    return await client.post("/v1/inbound-emails", content=raw, headers={"Content-Type": "message/rfc822"})


@pytest.mark.usefixtures("any_hour")
async def test_a_reply_finds_its_thread_by_reference_or_token_or_sender(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    contact = await _contact(client, tenant)
    message = await _write(client, tenant, contact)
    thread = message["correspondence_id"]
    token = (await client.get(f"{PATH}/{thread}")).json()["token"]
    by_reference = await _receive(client, _mail(In_Reply_To=f"<{message['email_id']}@acme.example>"))
    assert by_reference.status_code == 201, by_reference.text
    assert by_reference.json()["correspondence_id"] == thread
    assert by_reference.json()["message"]["contact_id"] == contact
    by_token = await _receive(client, _mail(Subject=f"AW: Your invoices [#{token}]", From="boss@brandt.example"))
    assert by_token.json()["correspondence_id"] == thread
    assert by_token.json()["message"]["contact_id"] is None
    by_sender = await _receive(client, _mail(Subject="Something else"))
    other = (await client.get(f"{PATH}/{by_sender.json()['correspondence_id']}")).json()
    assert other["id"] != thread
    assert (other["account_id"], other["unread"]) == (str(tenant.account_id), True)
    read = (await client.get(f"{PATH}/{thread}")).json()
    assert (read["messages_count"], read["unread"], read["last_direction"]) == (3, True, "in")
    messages = (await client.get(f"{PATH}/{thread}/messages")).json()["data"]
    assert [one["direction"] for one in messages].count("in") == 2
    marked = await client.post(f"{PATH}/{thread}/mark", json={"unread": False})
    assert marked.json()["unread"] is False
    assert (await client.get(f"{PATH}/counts")).json() == {"open": 2, "unread": 1, "unassigned": 0}


async def test_an_e_mail_is_received_once(client: httpx.AsyncClient) -> None:
    raw = _mail(Message_ID="<one@brandt.example>")
    first, again = await _receive(client, raw), await _receive(client, raw)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["message"]["id"] == again.json()["message"]["id"]
    assert again.json()["created"] is False


async def test_somebody_unknown_waits_to_be_assigned(client: httpx.AsyncClient, tenant: Tenant) -> None:
    made = (await _receive(client, _mail(From="stranger@else.example"))).json()
    path = f"{PATH}/{made['correspondence_id']}"
    thread = (await client.get(path)).json()
    assert (thread["account_id"], thread["allowed_actions"]) == (None, ["assign", "mark_read"])
    found = (await client.get(PATH, params={"assigned": "false"})).json()["data"]
    assert [one["id"] for one in found] == [thread["id"]]
    unknown = await client.post(f"{path}/assign", json={"account_id": str(uuid4())})
    assert unknown.status_code == 422
    assigned = await client.post(f"{path}/assign", json={"account_id": str(tenant.account_id)})
    assert assigned.json()["account_id"] == str(tenant.account_id)
    assert (await client.post(f"{path}/assign", json={"account_id": str(tenant.account_id)})).status_code == 409


async def test_files_of_strangers_are_typed_and_programs_are_not_kept(client: httpx.AsyncClient) -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@else.example", "files"
    message.set_content("<script>alert(1)</script> look")
    message.add_attachment(b"%PDF-1.7 x", maintype="application", subtype="pdf", filename="../copy.pdf")
    message.add_attachment(b"MZ\x90\x00", maintype="application", subtype="octet-stream", filename="run.exe")
    message.add_attachment("<html><script>1</script></html>", subtype="html", filename="page.html")
    made = (await _receive(client, message.as_bytes())).json()["message"]
    assert made["body"] == "<script>alert(1)</script> look", "text stays text"
    files = {one["name"]: (one["document_id"] is not None, one["refusal"] or "") for one in made["attachments"]}
    assert files["copy.pdf"] == (True, "")
    assert files["run.exe"][0] is False
    assert files["run.exe"][1].startswith("document.type_refused")
    assert files["page.html"][0] is False
    for raw in (b"", b"not a message", b"A: b" * 100_000):
        refused = await _receive(client, raw)
        assert (refused.status_code, refused.json()["code"]) == (422, "inbound_email.refused"), refused.text


async def test_an_e_mail_that_is_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    refused = await _receive(client, b"From: a@else.example\n\n" + b"x" * 25_000_000)
    assert (refused.status_code, refused.json()["code"]) == (413, "inbound_email.too_large")


@pytest.mark.usefixtures("any_hour")
async def test_an_e_mail_that_bounces_is_noticed(client: httpx.AsyncClient, tenant: Tenant) -> None:
    message = await _write(client, tenant, await _contact(client, tenant))
    raw = (
        "From: MAILER-DAEMON@mx.example\nSubject: Undelivered\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nsorry\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
        "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n\n"
        f"--b\nContent-Type: message/rfc822\n\nMessage-ID: <{message['email_id']}@acme.example>\n\nhello\n--b--\n"
    )
    made = await _receive(client, raw.encode())
    assert (made.json()["correspondence_id"], made.json()["message"]["kind"]) == (
        message["correspondence_id"],
        "bounce",
    )
    read = (await client.get(f"/v1/correspondence-messages/{message['id']}")).json()
    assert (read["delivery"], read["bounce_detail"]) == ("bounced", "smtp; 550 no such user")


async def test_settings_are_checked_and_versioned(client: httpx.AsyncClient) -> None:
    path = "/v1/correspondence-settings"
    shipped = await client.get(path)
    assert (shipped.json()["quiet_from"], shipped.json()["version"], shipped.headers["etag"]) == ("20:00", 0, '"0"')
    assert (await client.put(path, json={})).status_code == 428
    made = await client.put(path, json={"quiet_from": "19:30", "weekly_cap": None}, headers={"If-Match": '"0"'})
    assert (made.json()["quiet_from"], made.json()["weekly_cap"], made.json()["version"]) == ("19:30", None, 1)
    assert (await client.put(path, json={}, headers={"If-Match": '"0"'})).status_code == 412
    wrong = await client.put(path, json={"opens": "17:00", "closes": "09:00"}, headers={"If-Match": '"1"'})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "correspondence.settings_invalid")


async def test_caps_hold_over_messages(client: httpx.AsyncClient, tenant: Tenant) -> None:
    settings = {**ANY_HOUR, "daily_cap": 2}
    await client.put("/v1/correspondence-settings", json=settings, headers={"If-Match": '"0"'})
    contact = await _contact(client, tenant)
    states = [(await _write(client, tenant, contact))["state"] for _ in range(3)]
    assert states == ["sent", "sent", "planned"]
    body = {"account_id": str(tenant.account_id), "channel": "email", "contact_id": contact, "subject": "s",
            "body": "b", "answer": True}  # fmt: skip
    nothing_asked = await client.post(PATH, json=body)
    assert (nothing_asked.status_code, nothing_asked.json()["code"]) == (422, "correspondence.invalid")
    await _receive(client, _mail())
    answer = await _write(client, tenant, contact, answer=True)
    assert answer["state"] == "sent", "what they asked is answered"


@pytest.mark.usefixtures("any_hour")
async def test_what_was_written_and_answered_stands_on_the_timeline(
    client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant
) -> None:
    message = await _write(client, tenant, await _contact(client, tenant))
    await _receive(client, _mail(In_Reply_To=f"<{message['email_id']}@acme.example>"))
    async with database.read(tenant.organization_id) as read:
        rows = await read.driver.fetch(
            "SELECT event, after FROM change_log WHERE organization_id = $1 AND entity_type = 'correspondence'",
            tenant.organization_id,
        )
    shown = [row for row in rows if row["event"] in TIMELINE_EVENTS]
    assert {row["event"] for row in shown} == {"correspondence.sent", "correspondence.received"}
    assert all(row["after"]["account_id"] == str(tenant.account_id) for row in shown)


@pytest.mark.usefixtures("any_hour")
async def test_a_contact_of_another_account_does_not_get_into_the_thread(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    message = await _write(client, tenant, await _contact(client, tenant))
    other = (await client.post("/v1/accounts", json={"number": "C-2", "name": "Other", "currency": "EUR"})).json()["id"]
    contact = {"role": "accounts_payable", "name": "Eve", "email": "eve@other.example"}
    assert (await client.post(f"/v1/accounts/{other}/contacts", json=contact)).status_code == 201
    reply = _mail(From="eve@other.example", In_Reply_To=f"<{message['email_id']}@acme.example>")
    received = (await _receive(client, reply)).json()
    assert received["correspondence_id"] != message["correspondence_id"]
    thread = (await client.get(f"{PATH}/{received['correspondence_id']}")).json()
    assert thread["account_id"] == other


async def test_the_message_id_of_another_sender_keeps_nothing_out(client: httpx.AsyncClient) -> None:
    first = await _receive(client, _mail(From="eve@other.example", Message_ID="<same@brandt.example>"))
    second = await _receive(client, _mail(From="ada@brandt.example", Message_ID="<same@brandt.example>"))
    again = await _receive(client, _mail(From="ada@brandt.example", Message_ID="<same@brandt.example>", X_Hop="2"))
    assert (first.status_code, second.status_code, again.status_code) == (201, 201, 200)
    assert again.json()["message"]["id"] == second.json()["message"]["id"]
