"""A night of dunning from end to end: the calendar starts the run, a person approves, reminders leave over TLS with a
password, one is paid for in between, another one comes back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.ids import new_id
from app.correspondence.inbound.receive import receive, take_in
from app.documents.storage import document_store
from app.dunning.deciding import approve_notices
from app.dunning.messages.compose import plan_messages
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext
from app.infra.mail.smtp import mailer_of, smtp_server
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.dunning_sending import DAY, NOW, Story
from tests.dunning_story import email, owed, reachable, use_policy
from tests.factories import Tenant
from tests.receivables import add_account, pay
from tests.workers import mail_server
from tests.workers.mail_server import Inbox
from tests.workers.test_mail import configured
from workers import dunning

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

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown
--b
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: Reminder
--b--
"""


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def settings(inbox: Inbox, tmp_path: Path) -> AsyncIterator[Settings]:
    """A mail server that takes nothing without TLS and a password."""
    ca_file, context = mail_server.certificate(tmp_path)
    controller = mail_server.start(
        inbox, tls_context=context, require_starttls=True, authenticator=mail_server.authenticate, auth_required=True
    )
    made = configured(
        mail_server.port_of(controller), smtp_security="starttls", smtp_ca_file=ca_file, smtp_username="mailer",
        smtp_password=SecretStr("secret"), public_url="https://receivables.acme.example", data_dir=tmp_path,
    )  # fmt: skip
    yield made
    found = smtp_server(made)
    assert found is not None
    await mailer_of(found).close()
    controller.stop()


async def test_from_the_calendar_to_the_returned_message(
    database: RolledBackDatabase, tenant: Tenant, settings: Settings, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dunning, "utc_now", lambda: NOW)
    story = Story(database, tenant, settings)
    organization_id = tenant.organization_id
    async with database.write(organization_id, tenant.actor) as session:
        await use_policy(session, (email(5, approval=True), email(20)))
        await reachable(session, tenant)
        await owed(session, tenant, 10_000)
        paying = await add_account(session, "C-PAYS")
        await reachable(session, replace(tenant, account_id=paying), email="pays@example.com")
        await owed(session, tenant, 20_000, account_id=paying, number="RE-PAYS")
    sunday = JobContext(database, database, settings, tenant.organization_id, new_id(), dunning.NIGHT,
                        (DAY - timedelta(days=1)).isoformat(), {}, new_id())  # fmt: skip
    await dunning.handle_night(sunday)
    assert await story.notice_states() == [], "no run on a day off"
    monday = JobContext(database, database, settings, tenant.organization_id, new_id(), dunning.NIGHT,
                        DAY.isoformat(), {}, new_id())  # fmt: skip
    for _ in range(2):  # a worker that dies runs it again
        await dunning.handle_night(monday)
    assert await story.notice_states() == ["pending_approval"] * 2
    assert await plan_messages(database, settings, organization_id, None, NOW) == 0, "nothing before it is approved"
    notices = await story.rows("SELECT id FROM dunning_notices WHERE organization_id = $1")
    async with database.write(organization_id, tenant.actor) as session:
        approved = await approve_notices(session, [row["id"] for row in notices], now=NOW)
    assert [one.outcome for one in approved] == ["approved"] * 2
    assert await story.plan() == 2
    async with database.write(organization_id, tenant.actor) as session:
        await pay(session, tenant, 20_000, DAY, account_id=paying)
    await story.delivery().run()
    states = await story.rows(
        "SELECT account_id, state, reason, message_id FROM dunning_messages WHERE organization_id = $1"
    )
    found = {row["account_id"]: (row["state"], row["reason"]) for row in states}
    assert found == {tenant.account_id: ("sent", None), paying: ("suppressed", "unapplied_cash")}
    (mail,) = inbox.messages()
    (sent,) = [row for row in states if row["state"] == "sent"]
    assert mail["Message-ID"] == sent["message_id"]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    dsn = DSN.format(message_id=sent["message_id"], recipient=mail["To"]).replace("\n", "\r\n").encode()
    incoming = await take_in(document_store(settings), organization_id, dsn, NOW)
    for _ in range(2):  # read twice, it counts once
        async with database.write(organization_id, SYSTEM) as session:
            await receive(session, incoming, NOW)
    assert sorted(await story.notice_states()) == ["bounced", "suppressed"]
    marks = await story.rows("SELECT kind FROM dunning_address_marks WHERE organization_id = $1")
    assert [row["kind"] for row in marks] == ["bounced"]
    actions = await story.rows("SELECT origin, priority FROM collection_actions WHERE organization_id = $1")
    assert [tuple(row) for row in actions] == [("service", "high")]
    assert not await story.delivery().run()
    assert len(inbox.messages()) == 1, "never a second time"
