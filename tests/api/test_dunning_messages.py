"""Messages, templates, links and events of dunning over HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.core.clock import utc_now
from app.documents.service import Subject, add_document, keep_content
from app.documents.storage import document_store
from app.dunning.messages.copy_links import copy_token
from app.dunning.messages.delivery import Outgoing
from app.dunning.policy.shipped import StepDraft
from app.infra.mail.smtp import Sent
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.dunning_sending import NOW, Story
from tests.factories import Tenant


class Line:
    """A transport that answers as it is told, and keeps what it was given."""

    def __init__(self, outcome: str = "sent") -> None:
        self.outcome = outcome
        self.taken: list[Outgoing] = []

    async def prepare(self, messages: Sequence[Outgoing]) -> None:
        """The message id as SMTP would have it."""
        for one in messages:
            one.message_id = f"<{one.id}@acme.example>"

    async def send(self, message: Outgoing, may_go: Callable[[], bool]) -> Sent:
        """Take it."""
        self.taken.append(message)
        return Sent(self.outcome)  # type: ignore[arg-type]


@pytest.fixture
def story(client: httpx.AsyncClient, database: RolledBackDatabase, tenant: Tenant, service: FastAPI) -> Story:
    service.state.settings = service.state.settings.model_copy(
        update={"public_url": "https://r.acme.example", "message_events_secret": SecretStr("s" * 32)}
    )
    return Story(database, tenant, service.state.settings)


async def _sent(story: Story, outcome: str = "sent", **more: Any) -> dict[str, Any]:
    await story.begin(**more)
    await story.plan()
    await story.delivery(transport=Line(outcome)).run()
    return dict(await story.message())


async def _one(client: httpx.AsyncClient) -> dict[str, Any]:
    (row,) = (await client.get("/v1/dunning/messages")).json()["data"]
    return dict((await client.get(f"/v1/dunning/messages/{row['id']}")).json())


async def test_a_message_shows_what_it_said_and_its_pdf_stays_the_same(client: httpx.AsyncClient, story: Story) -> None:
    await _sent(story)
    found = await _one(client)
    assert (found["state"], found["channel"], found["attempts"]) == ("sent", "email", 1)
    assert "100.00 EUR" in found["text"]
    assert "https://r.acme.example/v1/dunning/unsubscribe/" in found["text"]
    assert [event["kind"] for event in found["events"]] == ["sent"]
    pdf = await client.get(f"/v1/dunning/messages/{found['id']}/pdf")
    assert pdf.content.startswith(b"%PDF")
    assert (await client.get(f"/v1/dunning/messages/{found['id']}/pdf")).content == pdf.content
    assert (await client.get("/v1/dunning/messages/counts")).json()["sent"] == 1


async def test_a_person_decides_about_an_unknown_message(client: httpx.AsyncClient, story: Story) -> None:
    await _sent(story, "unknown")
    found = (await client.get("/v1/dunning/messages", params={"state": "unknown"})).json()["data"]
    (row,) = found
    assert row["allowed_actions"] == ["mark_sent", "mark_failed", "send_again"]
    path = f"/v1/dunning/messages/{row['id']}/decide"
    made = await client.post(path, json={"decision": "send_again", "reason": "The server's log has no trace of it"})
    assert made.json()["state"] == "approved"
    assert await story.notice_states() == ["approved"]
    line = Line()
    await story.delivery(NOW + timedelta(hours=1), transport=line).run()
    assert len(line.taken) == 1
    assert (await client.post(path, json={"decision": "mark_sent"})).status_code == 409


async def test_one_click_unsubscribes_and_nothing_more_is_sent(client: httpx.AsyncClient, story: Story) -> None:
    await _sent(story)
    found = await _one(client)
    url = re.search(r"/v1/dunning/unsubscribe/[\w-]+", found["text"])
    assert url is not None
    stranger = {"Authorization": ""}
    page = await client.get(url[0], headers={**stranger, "Accept-Language": "de-DE"})
    assert page.status_code == 200
    assert "Keine Erinnerungen mehr" in page.text
    damaged = url[0][:-2] + ("AA" if not url[0].endswith("AA") else "BB")
    assert (await client.post(damaged, headers=stranger)).status_code == 404
    for _ in range(2):
        done = await client.post(url[0], headers=stranger, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
    contacts = (await client.get(f"/v1/accounts/{found['account_id']}/contacts")).json()["data"]
    assert contacts[0]["consents"]["email"] is False
    marks = (await client.get("/v1/dunning/address-marks")).json()["data"]
    assert [mark["kind"] for mark in marks] == ["unsubscribed"]
    assert (await _one(client))["state"] == "delivered"


def _signed(body: bytes, secret: bytes, *, age_seconds: float = 0) -> dict[str, str]:
    at = str(int(utc_now().timestamp() - age_seconds))
    digest = hmac.digest(secret, f"evt_1.{at}.".encode() + body, hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": "evt_1", "webhook-timestamp": at, "webhook-signature": signature,
            "content-type": "application/json", "Authorization": ""}  # fmt: skip


async def test_a_provider_tells_of_a_return_and_the_collector_gets_an_action(
    client: httpx.AsyncClient, story: Story
) -> None:
    sent = await _sent(story)
    event = {"event_id": "e1", "type": "bounced", "message_id": sent["message_id"], "at": utc_now().isoformat(),
             "detail": "550 5.1.1 user unknown"}  # fmt: skip
    body = json.dumps({"events": [event, {**event, "event_id": "e2", "message_id": str(uuid4())}]}).encode()
    path = f"/v1/dunning/message-events/{story.tenant.organization_id}"
    for headers in (_signed(body, b"x" * 32), _signed(body, b"s" * 32, age_seconds=900), {"Authorization": ""}):
        refused = await client.post(path, content=body, headers={"content-type": "application/json", **headers})
        assert refused.status_code == 401
    for new in (1, 0):
        taken = await client.post(path, content=body, headers=_signed(body, b"s" * 32))
        assert taken.json() == {"told": 2, "new": new}
    found = await _one(client)
    assert (found["state"], found["error"]) == ("bounced", "550 5.1.1 user unknown")
    assert await story.notice_states() == ["bounced"]
    (action,) = (await client.get("/v1/collection-actions")).json()["data"]
    assert (action["origin"], action["priority"], action["contact_id"]) == ("service", "high", found["contact_id"])
    (mark,) = (await client.get("/v1/dunning/address-marks")).json()["data"]
    cleared = await client.post(f"/v1/dunning/address-marks/{mark['id']}/clear", json={})
    assert cleared.json()["cleared_at"] is not None


async def test_that_a_message_was_opened_is_recorded_only_where_the_organization_wants_it(
    client: httpx.AsyncClient, story: Story
) -> None:
    sent = await _sent(story)
    path = f"/v1/dunning/message-events/{story.tenant.organization_id}"

    async def tell(key: str) -> int:
        event = {"event_id": key, "type": "opened", "message_id": sent["message_id"], "at": utc_now().isoformat()}
        body = json.dumps({"events": [event]}).encode()
        return int((await client.post(path, content=body, headers=_signed(body, b"s" * 32))).json()["new"])

    assert await tell("o1") == 0, "off unless it is asked for"
    assert (await _one(client))["state"] == "sent"
    put = await client.put("/v1/dunning/message-settings", json={"opens_recorded": True}, headers={"If-Match": '"0"'})
    assert put.status_code == 200, put.text
    assert await tell("o2") == 1
    found = await _one(client)
    assert (found["state"], found["events"][-1]["kind"]) == ("delivered", "opened"), "whoever opened it, has it"


DSN = """From: Mail Delivery System <MAILER-DAEMON@mx.acme.example>
To: receivables@acme.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to inform you.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.acme.example

Final-Recipient: rfc822; ap@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown
--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: Reminder
--b--
"""
ARF = """From: <abuse@provider.example>
To: receivables@acme.example
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1.0
Version: 1
--b
Content-Type: message/rfc822

Message-ID: {message_id}
Subject: Reminder

text
--b--
"""


async def test_a_mailbox_file_with_a_return_and_a_complaint(client: httpx.AsyncClient, story: Story) -> None:
    sent = await _sent(story)
    parts = [text.format(message_id=sent["message_id"]) for text in (DSN, ARF)]
    mbox = "\n".join(f"From MAILER-DAEMON Mon Mar  9 11:00:00 2026\n{part}" for part in parts).encode()
    headers = {"content-type": "application/mbox"}
    taken = await client.post("/v1/dunning/returned-messages", content=mbox, headers=headers)
    assert taken.json() == {"messages": 2, "taken_in": 2, "known_before": 0, "refused": 0}, taken.text
    again = await client.post("/v1/dunning/returned-messages", content=mbox, headers=headers)
    assert again.json()["known_before"] == 2
    found = await _one(client)
    assert (found["state"], found["error"]) == ("bounced", "smtp; 550 5.1.1 user unknown")
    assert [event["kind"] for event in found["events"]] == ["sent", "bounced", "complained"]
    threads = (await client.get("/v1/correspondences", params={"account_id": found["account_id"]})).json()["data"]
    assert [thread["messages_count"] for thread in threads] == [2]
    marks = (await client.get("/v1/dunning/address-marks")).json()["data"]
    assert {mark["kind"] for mark in marks} == {"bounced", "complained"}


async def test_an_answer_goes_into_the_accounts_thread(client: httpx.AsyncClient, story: Story) -> None:
    sent = await _sent(story)
    raw = (
        "From: Somebody Else <other@elsewhere.example>\nTo: receivables@acme.example\nSubject: Re: Reminder\n"
        f"Message-ID: <answer@elsewhere.example>\nIn-Reply-To: {sent['message_id']}\n\nWe paid yesterday.\n"
    )
    taken = await client.post("/v1/inbound-emails", content=raw.encode(), headers={"content-type": "message/rfc822"})
    assert taken.status_code == 201, taken.text
    (thread,) = (await client.get("/v1/correspondences", params={"account_id": str(sent["account_id"])})).json()["data"]
    assert (thread["purpose"], thread["unread"]) == ("collection", True)


async def test_a_mail_program_unsubscribes_by_e_mail(client: httpx.AsyncClient, story: Story) -> None:
    sent = await _sent(story)
    raw = f"From: ap@example.com\nTo: r@acme.example\nSubject: unsubscribe {sent['id']}\n\n\n"
    taken = await client.post("/v1/inbound-emails", content=raw.encode(), headers={"content-type": "message/rfc822"})
    assert taken.status_code == 201, taken.text
    marks = (await client.get("/v1/dunning/address-marks")).json()["data"]
    assert [mark["kind"] for mark in marks] == ["unsubscribed"]


async def test_a_letter_is_printed_posted_and_counts(client: httpx.AsyncClient, story: Story) -> None:
    async with story.database.write(story.tenant.organization_id, story.tenant.actor) as session:
        await session.driver.execute(
            "UPDATE accounts SET street = 'Hafenstr. 1', postal_code = '20457', city = 'Hamburg'"
            " WHERE organization_id = $1",
            story.tenant.organization_id,
        )
    await story.begin(steps=[StepDraft("Letter", "letter", 5, template_code="final_notice")])
    await story.plan()
    found = await _one(client)
    assert (found["state"], found["allowed_actions"]) == ("approved", ["post", "cancel"])
    posted = await client.post(f"/v1/dunning/messages/{found['id']}/post", json={})
    assert posted.json()["state"] == "sent", posted.text
    assert await story.notice_states() == ["sent"]


async def test_templates_are_shipped_replaced_shown_and_tried(client: httpx.AsyncClient, story: Story) -> None:
    listed = (await client.get("/v1/dunning/templates")).json()["data"]
    assert len(listed) == 24
    assert {row["language"] for row in listed} == {"en", "de", "fr", "es"}
    path = "/v1/dunning/templates/first_reminder/en"
    body = {"name": "Ours", "subject": "Pay {{ totals.sum_due }}", "text": "Dear {{ contact.name }}, pay."}
    broken = await client.put(path, json={**body, "text": "{{ nonsense.at.all }}"}, headers={"If-Match": '"0"'})
    assert broken.json()["code"] == "template.invalid"
    made = await client.put(path, json=body, headers={"If-Match": '"0"'})
    assert (made.json()["shipped"], made.json()["revision"]) == (False, 1)
    shown = await client.post("/v1/dunning/templates/preview", json={"code": "first_reminder"})
    assert shown.json()["subject"] == "Pay 1,708.21"
    await _sent(story)
    found = await _one(client)
    assert (found["subject"], found["template_revision"]) == ("Pay 100.00", 1)
    real = await client.post("/v1/dunning/templates/preview", json={"notice_id": found["notice_id"]})
    assert real.json()["subject"] == "Pay 100.00"
    tried = await client.post(f"{path}/test", json={"recipient": "me@acme.example"})
    assert tried.status_code == 202
    mail = (await client.get(f"/v1/outgoing-emails/{tried.json()['email_id']}")).json()
    assert (mail["subject"], mail["purpose"]) == ("[Test] Pay 1,708.21", "dunning_test")
    pdf = await client.get("/v1/dunning/templates/final_notice/de/pdf")
    assert pdf.content.startswith(b"%PDF")


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
async def test_every_shipped_template_reads(client: httpx.AsyncClient, language: str) -> None:
    for row in (await client.get("/v1/dunning/templates", params={"language": language})).json()["data"]:
        body = {"code": row["code"], "language": language}
        shown = (await client.post("/v1/dunning/templates/preview", json=body)).json()
        assert all(shown[part] for part in ("subject", "text", "html", "letter", "sms")), row["code"]
        assert len(shown["sms"]) <= 306
        assert "{{" not in json.dumps(shown)


async def test_settings_of_messages(client: httpx.AsyncClient) -> None:
    found = await client.get("/v1/dunning/message-settings")
    assert (found.json()["messages_per_minute"], found.headers["etag"]) == (600, '"0"')
    body = {"messages_per_minute": None, "reply_to": "credit@acme.example", "unsubscribe_enabled": False}
    put = await client.put("/v1/dunning/message-settings", json=body, headers={"If-Match": '"0"'})
    assert (put.json()["messages_per_minute"], put.json()["version"]) == (None, 1)


def test_settings_hold_the_secret_of_providers() -> None:
    assert Settings(message_events_secret=SecretStr("x")).message_events_secret is not None


async def test_an_erasure_forgets_what_messages_said(client: httpx.AsyncClient, story: Story) -> None:
    sent = await _sent(story)
    await client.get(f"/v1/dunning/messages/{sent['id']}/pdf")
    body = {"requested_by": "the customer", "reason": "Art. 17"}
    erased = await client.post(f"/v1/accounts/{sent['account_id']}/erase-personal-data", json=body)
    assert erased.status_code in (200, 201), erased.text
    found = await _one(client)
    assert (found["recipient"], found["text"], found["html"]) == (None, "", None)
    assert (await client.get(f"/v1/dunning/messages/{sent['id']}/pdf")).status_code == 404


async def test_copies_of_invoices_go_by_link_that_needs_no_login(client: httpx.AsyncClient, story: Story) -> None:
    story.settings = story.settings.model_copy(update={"token_secret": SecretStr("t" * 40)})
    client._transport.app.state.settings = story.settings  # type: ignore[attr-defined]
    steps = [StepDraft("First reminder", "email", 5, template_code="first_reminder", attachments=("invoice_links",))]
    await story.begin(steps=steps)
    (invoice,) = await story.rows("SELECT id FROM invoices WHERE organization_id = $1")
    organization_id = story.tenant.organization_id
    copy = b"%PDF-1.7 the copy"
    kept = await keep_content(
        document_store(story.settings), organization_id, copy, "copy.pdf", media_type="application/pdf"
    )
    async with story.database.write(organization_id, story.tenant.actor) as session:
        await add_document(session, kept, Subject("invoice", invoice["id"]), category="invoice_copy")
    await story.plan()
    (said,) = await story.rows("SELECT text, html FROM dunning_message_contents WHERE organization_id = $1")
    (message,) = await story.rows("SELECT attachments FROM dunning_messages WHERE organization_id = $1")
    found = re.search(r"https://r\.acme\.example(/v1/dunning/copies/[A-Za-z0-9_-]{75})\b", said["text"])
    assert found is not None
    assert found[1] in said["html"]
    assert message["attachments"] == [], "not as a file, too"
    shown = await client.get(found[1], headers={"Authorization": ""})
    assert shown.status_code == (200 if utc_now() < NOW + timedelta(days=60) else 404)
    fresh = copy_token("t" * 40, organization_id, kept_id(await story.rows(_DOCUMENTS)), utc_now().date())
    opened = await client.get(f"/v1/dunning/copies/{fresh}", headers={"Authorization": ""})
    assert (opened.status_code, opened.content) == (200, copy)
    assert opened.headers["content-disposition"].startswith("attachment;")
    damaged = await client.get(f"/v1/dunning/copies/{'A' * 75}", headers={"Authorization": ""})
    assert (damaged.status_code, damaged.json()["code"]) == (404, "dunning.copy_link_invalid")


_DOCUMENTS = "SELECT document_id FROM document_links WHERE organization_id = $1 AND category = 'invoice_copy'"


def kept_id(rows: list[Any]) -> UUID:
    """The only document."""
    (row,) = rows
    return UUID(str(row["document_id"]))
