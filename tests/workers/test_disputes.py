"""Disputes by the workers themselves: the e-mail leaves, money closes them, the night marks what is late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from app.disputes import queries
from app.infra.database import SYSTEM, Database
from app.infra.mail.smtp import mailer_of, smtp_server
from app.infra.nightly import owe_night
from app.infra.reactions import KIND, announcer
from app.infra.seal import seal
from app.settings import Settings
from tests.disputing import add_user, dispute
from tests.factories import make_tenant
from tests.receivables import issue, pay, settle
from tests.workers import mail_server
from tests.workers.mail_server import Inbox
from workers import disputes
from workers.drain import drain
from workers.nightly import NIGHTLY
from workers.reactions import SUBSCRIBERS
from workers.registry import HANDLERS
from workers.runner import Services

MARCH_2 = date(2026, 3, 2)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def server(inbox: Inbox) -> Iterator[Controller]:
    controller = mail_server.start(inbox)
    yield controller
    controller.stop()


async def test_from_the_assignment_to_the_end(
    committed: Database, claims: Database, server: Controller, inbox: Inbox, tmp_path: Path
) -> None:
    assert disputes.SUBSCRIBER in SUBSCRIBERS
    assert NIGHTLY["disputes.sla"] is disputes.check_clocks
    settings = Settings(
        data_dir=tmp_path,
        smtp_host="localhost",
        smtp_port=mail_server.port_of(server),
        smtp_security="none",
        smtp_from="disputes@acme.example",
    )
    services = Services(committed, claims, settings)
    tenant = await make_tenant(committed)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        grace = await add_user(session, "grace@acme.example")
        _, owed = await issue(session, tenant, 100_000, MARCH_2)
        made = await dispute(session, (owed, 18_000), on=MARCH_2, assignee_id=grace)
    await drain(services, {"mail.send": HANDLERS["mail.send"]})
    async with committed.write(tenant.organization_id, SYSTEM) as session:
        await owe_night(session, ["disputes.sla"], date(2026, 3, 17))
    await drain(services, {"disputes.sla": HANDLERS["disputes.sla"]})
    await drain(services, {"mail.send": HANDLERS["mail.send"]})
    subjects = [message["Subject"].split(": ")[0].split(" ", 2)[2] for message in inbox.messages()]
    assert subjects == ["is yours", "is past its time"]
    async with committed.read(tenant.organization_id) as session:
        assert (await queries.get_dispute(session, made, SYSTEM)).sla_breached_on == date(2026, 3, 17)
    async with committed.write(tenant.organization_id, tenant.actor) as session:
        await settle(session, await pay(session, tenant, 100_000, MARCH_2), owed, 100_000, MARCH_2)
    await seal(committed, tenant.organization_id, announce=announcer([disputes.SUBSCRIBER]))
    await drain(services, {KIND: HANDLERS[KIND]})
    async with committed.read(tenant.organization_id) as session:
        found = await queries.get_dispute(session, made, SYSTEM)
        assert (found.state, found.paid_minor) == ("resolved_paid", 18_000)
    known = smtp_server(settings)
    assert known is not None
    await mailer_of(known).close()
