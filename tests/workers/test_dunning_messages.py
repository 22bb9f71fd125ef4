"""Reminders leave through a real SMTP server: rendered once, looked at once more, at most once, whatever happens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from app.dunning.messages import delivery
from app.dunning.messages.delivery import Outgoing, end_lost
from app.dunning.messages.email import EmailTransport
from app.dunning.messages.preferences import MessagePreferences, update_message_preferences
from app.infra.database import SYSTEM
from app.infra.mail.smtp import Mailer, Sent, mailer_of, smtp_server
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.dunning_sending import DAY, NOW, Story
from tests.dunning_story import MARCH_1, noon, run_on
from tests.factories import Tenant
from tests.receivables import pay
from tests.workers import mail_server
from tests.workers.mail_server import Inbox
from tests.workers.test_mail import configured


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def server(inbox: Inbox) -> Iterator[Controller]:
    controller = mail_server.start(inbox)
    yield controller
    controller.stop()


@pytest.fixture
async def settings(server: Controller, tmp_path: Any) -> AsyncIterator[Settings]:
    made = configured(mail_server.port_of(server), public_url="https://receivables.acme.example", data_dir=tmp_path)
    yield made
    found = smtp_server(made)
    assert found is not None
    await mailer_of(found).close()


@pytest.fixture
def story(database: RolledBackDatabase, tenant: Tenant, settings: Settings) -> Story:
    return Story(database, tenant, settings)


async def test_a_reminder_is_written_kept_and_sent_once(story: Story, inbox: Inbox) -> None:
    await story.begin(125_000)
    assert await story.plan() == 1
    assert await story.plan() == 0
    assert not await story.delivery().run()
    assert not await story.delivery().run()
    (mail,) = inbox.messages()
    row = await story.message()
    assert (row["state"], row["attempts"], await story.notice_states()) == ("sent", 1, ["sent"])
    assert mail["Message-ID"] == f"<{row['id']}@acme.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"].startswith("<https://receivables.acme.example/v1/dunning/unsubscribe/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "1,250.00 EUR" in text
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "1,250.00 EUR" in html
    (content,) = await story.rows("SELECT * FROM dunning_message_contents WHERE organization_id = $1")
    assert content["subject"] == mail["Subject"]
    events = await story.rows("SELECT kind, source FROM dunning_message_events WHERE organization_id = $1")
    assert [tuple(event) for event in events] == [("sent", "smtp")]
    (attempt,) = await story.rows("SELECT stage, outcome FROM contact_attempts WHERE organization_id = $1")
    assert tuple(attempt) == ("done", "allowed")


async def test_what_is_paid_before_it_leaves_does_not_leave(story: Story, inbox: Inbox) -> None:
    await story.begin(10_000)
    await story.plan()
    async with story.database.write(story.tenant.organization_id, story.tenant.actor) as session:
        await pay(session, story.tenant, 10_000, DAY)
    await story.delivery().run()
    row = await story.message()
    assert (row["state"], row["reason"], inbox.received) == ("suppressed", "unapplied_cash", [])
    assert await story.notice_states() == ["suppressed"]


async def test_quiet_hours_put_it_off_and_nothing_leaves_before(story: Story, inbox: Inbox) -> None:
    night = NOW.replace(hour=22)
    await story.begin()
    await story.plan(night)
    row = await story.message()
    assert (row["state"], row["not_before"]) == ("approved", NOW.replace(hour=7) + timedelta(days=1))
    await story.delivery(night + timedelta(hours=1)).run()
    assert inbox.received == []
    await story.delivery(row["not_before"]).run()
    assert len(inbox.received) == 1


async def test_texts_are_in_the_language_and_locale_of_the_contact(story: Story, inbox: Inbox) -> None:
    await story.begin(125_050)
    async with story.database.write(story.tenant.organization_id, SYSTEM) as session:
        await session.driver.execute(
            "UPDATE contacts SET language = 'de-CH' WHERE organization_id = $1", story.tenant.organization_id
        )
    await story.plan()
    await story.delivery().run()
    (mail,) = inbox.messages()
    assert mail["Subject"].startswith("Zahlungserinnerung: 1’250.50 EUR")
    assert "1. März 2026" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]


async def test_a_refusal_of_the_server_is_final_and_a_busy_one_is_tried_again(story: Story, inbox: Inbox) -> None:
    await story.begin()
    await story.plan()
    inbox.on_recipient = "451 come later"
    await story.delivery().run()
    row = await story.message()
    assert (row["state"], row["attempts"], await story.notice_states()) == ("approved", 1, ["approved"])
    assert row["not_before"] == NOW + timedelta(minutes=1)
    inbox.on_recipient = "550 no such mailbox"
    await story.delivery(NOW + timedelta(minutes=2)).run()
    row = await story.message()
    assert (row["state"], row["attempts"], await story.notice_states()) == ("failed", 2, ["failed"])
    (mark,) = await story.rows("SELECT kind FROM dunning_address_marks WHERE organization_id = $1")
    (action,) = await story.rows("SELECT origin, priority, note FROM collection_actions WHERE organization_id = $1")
    assert (mark["kind"], *action) == ("bounced", "service", "high", "550 no such mailbox")
    (attempt,) = await story.rows("SELECT outcome FROM contact_attempts WHERE organization_id = $1")
    assert attempt["outcome"] == "allowed"  # counted once for both tries


async def test_a_connection_that_breaks_after_data_leaves_it_unknown(story: Story, inbox: Inbox) -> None:
    await story.begin()
    await story.plan()
    inbox.vanish_after_data = True
    await story.delivery().run()
    inbox.vanish_after_data = False
    assert ((await story.message())["state"], await story.notice_states()) == ("unknown", ["unknown"])
    await story.delivery(NOW + timedelta(hours=2)).run()
    assert len(inbox.received) == 1


class Killed(BaseException):
    """What nothing catches: the process is gone."""


class Dying:
    """A transport under which the worker dies, or the network fails."""

    def __init__(self, then: Callable[[], Sent]) -> None:
        self.then, self.calls = then, 0

    async def prepare(self, messages: Sequence[Outgoing]) -> None:
        """Nothing to build."""

    async def send(self, message: Outgoing, may_go: Callable[[], bool]) -> Sent:
        """Fail as told."""
        self.calls += 1
        return self.then()


async def test_a_worker_that_dies_in_between_leaves_it_unknown_after_the_grace(
    story: Story, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await story.begin()
    await story.plan()

    def die() -> Sent:
        raise Killed

    with pytest.raises(Killed):
        await story.delivery(transport=Dying(die)).run()
    assert ((await story.message())["state"], await story.notice_states()) == ("sending", ["sending"])
    assert await end_lost(story.database, story.tenant.organization_id, NOW + timedelta(minutes=10)) == 0
    assert await end_lost(story.database, story.tenant.organization_id, NOW + timedelta(minutes=16)) == 1
    assert ((await story.message())["state"], await story.notice_states()) == ("unknown", ["unknown"])
    await story.delivery(NOW + timedelta(hours=1)).run()
    assert inbox.received == []


async def test_whoever_slept_for_too_long_does_not_send(
    story: Story, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await story.begin()
    await story.plan()
    monkeypatch.setattr(delivery, "FRESH_SECONDS", -1.0)
    await story.delivery().run()
    row = await story.message()
    assert (row["state"], inbox.received) == ("approved", [])
    monkeypatch.undo()
    await story.delivery(NOW + timedelta(minutes=5)).run()
    assert len(inbox.received) == 1


async def test_the_second_reminder_stands_in_the_thread_of_the_first(story: Story, inbox: Inbox) -> None:
    await story.begin()
    await story.plan()
    await story.delivery().run()
    later = MARCH_1 + timedelta(days=22)
    async with story.database.write(story.tenant.organization_id, story.tenant.actor) as session:
        await run_on(session, later)
    await story.plan(noon(later))
    await story.delivery(noon(later)).run()
    first, second = inbox.messages()
    assert second["In-Reply-To"] == first["Message-ID"]
    assert first["Message-ID"] in second["References"]


async def test_an_address_that_was_corrected_meanwhile_is_the_one_that_gets_it(story: Story, inbox: Inbox) -> None:
    await story.begin()
    await story.plan()
    async with story.database.write(story.tenant.organization_id, SYSTEM) as session:
        await session.driver.execute(
            "UPDATE contacts SET email = 'new@customer.example' WHERE organization_id = $1",
            story.tenant.organization_id,
        )
    await story.delivery().run()
    await story.delivery(NOW + timedelta(minutes=1)).run()
    (mail,) = inbox.messages()
    assert mail["To"] == "new@customer.example"


async def test_the_pace_holds(story: Story) -> None:
    async with story.database.write(story.tenant.organization_id, story.tenant.actor) as session:
        await update_message_preferences(session, MessagePreferences(messages_per_minute=30), expected_version=0)
    await story.begin()
    await story.plan()
    transport = Dying(lambda: Sent("sent"))
    began = time.monotonic()
    await story.delivery(transport=transport).run()
    assert transport.calls == 1
    assert time.monotonic() - began >= 1.9


async def test_a_server_that_is_away_stops_the_run(story: Story) -> None:
    await story.begin()
    await story.plan()
    server = smtp_server(configured(1))
    assert server is not None
    transport = EmailTransport(story.database, story.settings, story.tenant.organization_id, Mailer(server))
    run = story.delivery(transport=transport)
    await run.run()
    assert run.stopped
    assert (await story.message())["state"] == "approved"
