"""E-mails leave through a real SMTP server, at most once, whatever the server or the worker does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller

from app.core.clock import utc_now
from app.core.errors import Unavailable
from app.core.ids import new_id
from app.infra.database import Database
from app.infra.jobs import JobContext
from app.infra.mail import outbox
from app.infra.mail.message import HeaderInvalid, MailTooLarge, RecipientInvalid
from app.infra.mail.smtp import mailer_of, smtp_server
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from tests.workers import mail_server
from tests.workers.mail_server import Inbox
from workers import mail


class LeasedJob(JobContext):
    """A job whose lease does not run out."""

    async def extend(self, seconds: float = 0.0) -> None:
        """Nothing to extend."""


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def server(inbox: Inbox) -> Iterator[Controller]:
    controller = mail_server.start(inbox)
    yield controller
    controller.stop()


def configured(port: int, **more: Any) -> Settings:
    facts = {"smtp_host": "localhost", "smtp_port": port, "smtp_security": "none", "smtp_timeout_seconds": 5}
    return Settings(**{**facts, "smtp_from": "receivables@acme.example", "smtp_from_name": "Acme, Büro", **more})


@pytest.fixture
async def settings(server: Controller) -> AsyncIterator[Settings]:
    made = configured(mail_server.port_of(server))
    yield made
    found = smtp_server(made)
    assert found is not None
    await mailer_of(found).close()


def job(database: Database, tenant: Tenant, settings: Settings, key: object) -> JobContext:
    return LeasedJob(
        database, database, settings, tenant.organization_id, new_id(), outbox.SEND, str(key), {}, new_id()
    )


async def queue(database: Database, tenant: Tenant, **more: Any) -> UUID:
    facts = {"recipient": "ap@brandt.example", "subject": "Dispute DS-1 is yours", "text": "Grüße\n.\n" + "x" * 2_000}
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return await outbox.queue_email(
            session,
            **{**facts, "purpose": "dispute_assigned", "subject_kind": "dispute", "subject_id": new_id(), **more},
        )


async def row(database: Database, tenant: Tenant, email_id: UUID) -> Any:
    async with database.read(tenant.organization_id) as session:
        return await outbox.get_email(session, email_id)


async def owed(database: RolledBackDatabase, tenant: Tenant, email_id: UUID) -> list[tuple[str, bool]]:
    async with database.read(tenant.organization_id) as session:
        rows = await session.driver.fetch(
            "SELECT kind, run_at > clock_timestamp() AS later FROM jobs WHERE organization_id = $1 AND key = $2"
            " ORDER BY kind, run_at",
            tenant.organization_id, str(email_id),
        )  # fmt: skip
    return [(found["kind"], found["later"]) for found in rows]


async def test_a_planned_email_is_sent_once(
    database: RolledBackDatabase, tenant: Tenant, settings: Settings, inbox: Inbox
) -> None:
    email_id = await queue(
        database, tenant, html="<p>Grüße</p>", reply_to="desk@acme.example", in_reply_to="<a.b@brandt.example>"
    )
    assert ("mail.send", False) in await owed(database, tenant, email_id)
    for _ in range(3):
        await mail.send(job(database, tenant, settings, email_id))
    (message,) = inbox.messages()
    assert message["From"] == '"Acme, Büro" <receivables@acme.example>'
    assert (message["To"], message["Reply-To"]) == ("ap@brandt.example", "desk@acme.example")
    assert message["Message-ID"] == f"<{email_id}@acme.example>"
    assert message["In-Reply-To"] == message["References"] == "<a.b@brandt.example>"
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().startswith("Grüße\r\n.\r\nxxxx")
    found = await row(database, tenant, email_id)
    assert (found.state, found.attempts, found.error) == ("sent", 1, "250 taken as 42")
    assert found.message_id == message["Message-ID"]
    assert found.ended_at is not None


async def test_connections_are_used_again(
    database: RolledBackDatabase, tenant: Tenant, settings: Settings, inbox: Inbox
) -> None:
    for _ in range(5):
        await mail.send(job(database, tenant, settings, await queue(database, tenant)))
    assert (len(inbox.received), inbox.connections) == (5, 1)


@pytest.mark.parametrize(
    ("recipient_reply", "data_reply", "state"),
    [
        ("550 no such user", None, "failed"),
        ("451 greylisted", None, "planned"),
        (None, "554 spam", "failed"),
        (None, "452 disk full", "planned"),
    ],
)
async def test_what_the_server_refuses_is_not_sent(
    database: RolledBackDatabase,
    tenant: Tenant,
    settings: Settings,
    inbox: Inbox,
    recipient_reply: str | None,
    data_reply: str | None,
    state: str,
) -> None:
    inbox.on_recipient, inbox.on_data = recipient_reply, data_reply
    email_id = await queue(database, tenant)
    await mail.send(job(database, tenant, settings, email_id))
    found = await row(database, tenant, email_id)
    assert (found.state, found.error) == (state, recipient_reply or data_reply)
    assert (found.next_attempt_at is not None) == (state == "planned")
    await mail.send(job(database, tenant, settings, email_id))  # too early, or over
    assert (await row(database, tenant, email_id)).attempts == 1
    inbox.on_recipient = inbox.on_data = None
    other = await queue(database, tenant)
    await mail.send(job(database, tenant, settings, other))
    assert (await row(database, tenant, other)).state == "sent"
    assert len(inbox.received) == 1
    assert inbox.connections == 1, "the connection is reset, not thrown away"


async def test_a_server_that_does_not_answer_is_asked_again(database: RolledBackDatabase, tenant: Tenant) -> None:
    email_id = await queue(database, tenant)
    nobody = configured(1)
    await mail.send(job(database, tenant, nobody, email_id))
    found = await row(database, tenant, email_id)
    assert (found.state, found.attempts) == ("planned", 1)
    assert ("mail.send", True) in await owed(database, tenant, email_id)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute(
            "UPDATE outgoing_emails SET attempts = $3, next_attempt_at = NULL WHERE organization_id = $1 AND id = $2",
            tenant.organization_id, email_id, outbox.ATTEMPTS_MAX - 1,
        )  # fmt: skip
    await mail.send(job(database, tenant, nobody, email_id))
    assert (await row(database, tenant, email_id)).state == "failed"


async def test_a_connection_that_breaks_after_the_message_leaves_it_unknown_and_it_is_not_sent_again(
    database: RolledBackDatabase, tenant: Tenant, settings: Settings, inbox: Inbox
) -> None:
    inbox.vanish_after_data = True
    email_id = await queue(database, tenant)
    await mail.send(job(database, tenant, settings, email_id))
    inbox.vanish_after_data = False
    for _ in range(2):
        await mail.send(job(database, tenant, settings, email_id))
    assert (await row(database, tenant, email_id)).state == "unknown"
    assert len(inbox.received) == 1


async def test_a_worker_that_dies_between_claim_and_record_leaves_it_unknown_after_the_grace(
    database: RolledBackDatabase, tenant: Tenant, settings: Settings, inbox: Inbox
) -> None:
    email_id = await queue(database, tenant)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        claimed = await outbox.claim_email(session, email_id, utc_now())
    assert claimed is not None
    assert ("mail.check", True) in await owed(database, tenant, email_id)
    await mail.send(job(database, tenant, settings, email_id))
    await mail.check(job(database, tenant, settings, email_id))
    assert (await row(database, tenant, email_id)).state == "sending"
    async with database.write(tenant.organization_id, tenant.actor) as session:
        later = utc_now() + timedelta(seconds=outbox.GRACE_SECONDS + 1)
        assert await outbox.end_lost_claim(session, email_id, later)
        assert not await outbox.end_lost_claim(session, email_id, later)
        assert not await outbox.record_outcome(session, claimed, "sent", None, later), "the claim is over"
    await mail.send(job(database, tenant, settings, email_id))
    assert (await row(database, tenant, email_id)).state == "unknown"
    assert inbox.received == []


@pytest.mark.parametrize("fault", [OSError("disk"), Unavailable("the store does not answer")])
async def test_what_fails_before_the_network_is_tried_again(
    database: RolledBackDatabase, tenant: Tenant, settings: Settings, inbox: Inbox, monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:  # fmt: skip
    """Nothing has left: the outcome is known, and a fault of ours must not hold the e-mail back for ever."""

    def fail(*_: Any) -> None:
        raise fault

    email_id = await queue(database, tenant)
    monkeypatch.setattr(mail, "build_message", fail)
    await mail.send(job(database, tenant, settings, email_id))
    waiting = await row(database, tenant, email_id)
    assert (waiting.state, waiting.attempts) == ("planned", 1)
    assert ("mail.send", True) in await owed(database, tenant, email_id)
    assert inbox.received == []


async def test_without_a_server_it_stays_planned_and_leaves_when_there_is_one(
    database: RolledBackDatabase, tenant: Tenant, settings: Settings, inbox: Inbox
) -> None:
    for off in (Settings(), settings.model_copy(update={"smtp_held": True})):
        email_id = await queue(database, tenant)
        await mail.send(job(database, tenant, off, email_id))
        found = await row(database, tenant, email_id)
        assert (found.state, found.attempts) == ("planned", 0)
        assert await owed(database, tenant, outbox.ONE_WAITS) != []  # type: ignore[arg-type]
        await mail.wait(job(database, tenant, off, outbox.ONE_WAITS))
    async with database.write(tenant.organization_id, tenant.actor) as session:
        await session.driver.execute("DELETE FROM jobs WHERE organization_id = $1", tenant.organization_id)
    await mail.wait(job(database, tenant, settings, outbox.ONE_WAITS))
    assert ("mail.send", False) in await owed(database, tenant, email_id)
    await mail.send(job(database, tenant, settings, email_id))
    assert len(inbox.received) == 1


async def test_tls_and_password_are_used_and_needed(
    database: RolledBackDatabase, tenant: Tenant, inbox: Inbox, tmp_path: Path
) -> None:
    ca_file, context = mail_server.certificate(tmp_path)
    options = {"authenticator": mail_server.authenticate, "auth_required": True}
    controller = mail_server.start(inbox, tls_context=context, require_starttls=True, **options)
    try:
        port = mail_server.port_of(controller)
        right = {
            "smtp_security": "starttls",
            "smtp_username": "mailer",
            "smtp_password": "secret",
            "smtp_ca_file": ca_file,
        }
        cases: list[tuple[dict[str, Any], str]] = [
            (right, "sent"),
            ({**right, "smtp_password": "wrong"}, "planned"),
            ({**right, "smtp_ca_file": None}, "planned"),  # a certificate that nobody vouches for
        ]
        for changes, state in cases:
            email_id = await queue(database, tenant)
            made = configured(port, **changes)
            await mail.send(job(database, tenant, made, email_id))
            assert (await row(database, tenant, email_id)).state == state, changes
            found = smtp_server(made)
            assert found is not None
            await mailer_of(found).close()
    finally:
        controller.stop()
    assert len(inbox.received) == 1


async def test_starttls_is_never_given_up_silently(
    database: RolledBackDatabase, tenant: Tenant, server: Controller, inbox: Inbox
) -> None:
    email_id = await queue(database, tenant)
    await mail.send(job(database, tenant, configured(mail_server.port_of(server), smtp_security="starttls"), email_id))
    assert (await row(database, tenant, email_id)).state == "planned"
    assert inbox.received == []


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"subject": "Hello\r\nBcc: all@brandt.example"}, HeaderInvalid),
        ({"subject": "Hello\nX: y"}, HeaderInvalid),
        ({"recipient": "ap@brandt.example\nBcc: x@y.example"}, HeaderInvalid),
        ({"recipient": "ap@brandt.example, x@y.example"}, RecipientInvalid),
        ({"recipient": "Brandt <ap@brandt.example>"}, RecipientInvalid),
        ({"recipient": "ap@brandt.example> SIZE=1"}, RecipientInvalid),
        ({"recipient": "bücher@brandt.example"}, RecipientInvalid),
        ({"reply_to": "desk@acme.example\r\nX: y"}, HeaderInvalid),
        ({"in_reply_to": "<a@b>\r\nX: y"}, HeaderInvalid),
        ({"text": "x" * 200_001}, MailTooLarge),
        ({"text": "\x00"}, HeaderInvalid),
    ],
)
async def test_what_would_break_headers_is_refused(
    database: RolledBackDatabase, tenant: Tenant, changes: dict[str, str], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await queue(database, tenant, **changes)


async def test_an_international_domain_travels_in_ascii(
    database: RolledBackDatabase, tenant: Tenant, settings: Settings, inbox: Inbox
) -> None:
    await mail.send(job(database, tenant, settings, await queue(database, tenant, recipient="ap@bücher.example")))
    assert inbox.messages()[0]["To"] == "ap@xn--bcher-kva.example"


def test_settings_that_cannot_work_are_refused() -> None:
    for wrong in (
        {"smtp_host": "localhost"},
        {"smtp_from": "Acme <a@acme.example>"},
        {"smtp_host": "localhost", "smtp_from": "a@b.example", "smtp_security": "none", "smtp_username": "x"},
    ):
        with pytest.raises(ValueError, match=r"DUECOURSE_SMTP|an address such as"):
            Settings(**wrong)  # type: ignore[arg-type]
