"""Webhooks arrive at a real receiver: signed, each event once it is well, late when it is not, never at others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from opentelemetry.trace import SpanKind
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from app.core.clock import utc_now
from app.core.ids import new_id
from app.infra import tracing
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM, Database, WriteSession
from app.infra.jobs import owe
from app.infra.outbound import OutboundHttp
from app.infra.seal import seal
from app.integrations.webhooks import service
from app.integrations.webhooks.delivery import BATCH, forget_deliveries
from app.integrations.webhooks.errors import EndpointNotActive
from app.integrations.webhooks.models import WebhookDelivery, WebhookEndpoint
from app.integrations.webhooks.queries import attempts_of, deliveries_statement, get_endpoint
from app.integrations.webhooks.service import NewEndpoint
from app.settings import Settings
from workers import secret_keys, webhooks
from workers.drain import drain
from workers.runner import Services

HANDLERS = {service.PLAN: webhooks.plan, service.DELIVER: webhooks.deliver}


@dataclass
class Receiver:
    """An HTTP server that keeps what it got and answers as it is told."""

    status: Callable[[int], int] = lambda number: 204
    extra: str = ""
    pause: float = 0.0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = (line.split(": ", 1) for line in head[1:] if ": " in line)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.got.append((headers, body))
                status = self.status(len(self.got))
                await asyncio.sleep(self.pause)
                writer.write(f"HTTP/1.1 {status} X\r\n{self.extra}Content-Length: 4\r\n\r\nnope".encode()
                             if status != 204 else b"HTTP/1.1 204 X\r\n\r\n")  # fmt: skip
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?for=test"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@pytest.fixture
async def services(committed: Database, claims: Database, tmp_path: Path, owner_url: str) -> AsyncIterator[Services]:
    settings = Settings(
        data_dir=tmp_path, log_level="error", token_secret=SecretStr("k" * 48), outbound_private_allowed=True,
        webhook_timeout_seconds=1.0,
    )  # fmt: skip
    yield Services(committed, claims, settings)
    await webhooks.close()
    owner = await asyncpg.connect(owner_url)
    await owner.execute("DELETE FROM jobs WHERE kind LIKE 'webhooks.%'")
    await owner.close()


async def outside(session: WriteSession, types: frozenset[str]) -> None:
    """Only those outside are told: rooms that react are none of this test's."""
    await webhooks.announce(session)


async def add(services: Services, organization: UUID, url: str, *types: str) -> tuple[UUID, str]:
    async with services.database.write(organization, SYSTEM) as session:
        row, secret = await service.create_endpoint(session, services.settings, NewEndpoint(url, None, types))
        return row.id, secret


async def happen(services: Services, organization: UUID, *events: str) -> None:
    """These events are committed, sealed, planned and delivered as far as it goes now."""
    async with services.database.write(organization, SYSTEM) as session:
        for event in events:
            record_change(session, ChangeRow("invoice", new_id(), event, after={"note": event}))
    await seal(services.database, organization, announce=outside)
    await drain(services, HANDLERS)


async def endpoint(services: Services, organization: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    async with services.database.read(organization) as session:
        return await get_endpoint(session, endpoint_id)


async def deliveries(services: Services, organization: UUID, endpoint_id: UUID) -> list[WebhookDelivery]:
    async with services.database.read(organization) as session:
        statement = deliveries_statement(organization, endpoint_id=endpoint_id).order_by(WebhookDelivery.position)
        return list((await session.scalars(statement)).all())


async def become_due(owner_url: str, organization: UUID) -> None:
    """The pauses are over."""
    owner = await asyncpg.connect(owner_url)
    await owner.execute("UPDATE webhook_endpoints SET paused_until = NULL WHERE organization_id = $1", organization)
    await owner.execute(
        "UPDATE webhook_deliveries SET next_attempt_at = now() - interval '1 s'"
        " WHERE organization_id = $1 AND state = 'planned'", organization,
    )  # fmt: skip
    await owner.execute(
        "UPDATE jobs SET run_at = now() - interval '1 s' WHERE organization_id = $1 AND state = 'due'", organization
    )
    await owner.close()


async def test_events_arrive_signed_each_once_and_only_those_wanted(
    services: Services, organization: UUID, receiver: Receiver
) -> None:
    await happen(services, organization, "invoice.issued")  # before anybody listened
    endpoint_id, secret = await add(services, organization, receiver.url, "invoice.*")
    await happen(services, organization, "invoice.issued", "payment.recorded", "invoice.voided")
    await drain(services, HANDLERS)
    assert sorted(receiver.types) == ["invoice.issued", "invoice.voided"]
    for headers, body in receiver.got:
        assert Webhook(secret).verify(body.decode(), headers)["data"]["after"]["note"].startswith("invoice")
        assert headers["host"] == f"127.0.0.1:{receiver.port}"
    found = await deliveries(services, organization, endpoint_id)
    assert [(row.state, row.attempts, row.last_status) for row in found] == [("delivered", 1, 204)] * 2
    assert (await endpoint(services, organization, endpoint_id)).last_success_at is not None


async def test_another_organization_hears_nothing(services: Services, organization: UUID, receiver: Receiver) -> None:
    from tests.factories import make_tenant

    await add(services, organization, receiver.url)
    await happen(services, (await make_tenant(services.database)).organization_id, "invoice.issued")
    assert "invoice.issued" not in receiver.types


async def test_more_than_one_batch_arrives_whole(services: Services, organization: UUID, receiver: Receiver) -> None:
    endpoint_id, _ = await add(services, organization, receiver.url, "invoice.issued")
    await happen(services, organization, *["invoice.issued"] * (BATCH * 2 + 7))
    rows = await deliveries(services, organization, endpoint_id)
    assert [
        (row.state, row.attempts, row.last_error) for row in rows if row.attempts != 1 or row.state != "delivered"
    ] == []
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == len(receiver.got) == BATCH * 2 + 7


async def test_a_receiver_that_fails_rests_is_probed_and_gets_everything_when_it_is_well(
    services: Services, organization: UUID, receiver: Receiver, owner_url: str
) -> None:
    endpoint_id, _ = await add(services, organization, receiver.url, "invoice.*")
    receiver.status = lambda number: 500
    await happen(services, organization, *["invoice.issued"] * 60)
    tried = len(receiver.got)
    assert tried < 60, "the rest is spared"
    found = await endpoint(services, organization, endpoint_id)
    assert (found.failures, found.state) == (1, "active")
    assert found.paused_until is not None
    await happen(services, organization, "invoice.voided")
    assert len(receiver.got) == tried, "it rests"
    rows = await deliveries(services, organization, endpoint_id)
    assert {row.state for row in rows} == {"planned"}
    assert sum(row.attempts for row in rows) == tried, "only what was sent counts as tried"
    await become_due(owner_url, organization)
    await drain(services, HANDLERS)
    assert len(receiver.got) == tried + 1, "a probe"
    receiver.status = lambda number: 204
    await become_due(owner_url, organization)
    await drain(services, HANDLERS)
    rows = await deliveries(services, organization, endpoint_id)
    assert {row.state for row in rows} == {"delivered"}
    assert (await endpoint(services, organization, endpoint_id)).failures == 0
    async with services.database.read(organization) as session:
        tries = await attempts_of(session, rows[0].id)
    assert [(made.number, made.status, made.excerpt) for made in tries][-1] == (1, 500, "nope")


async def test_one_that_hangs_ends_by_the_clock_and_one_that_is_gone_is_switched_off(
    services: Services, organization: UUID, receiver: Receiver
) -> None:
    endpoint_id, _ = await add(services, organization, receiver.url, "invoice.*")
    receiver.pause = 3.0
    await happen(services, organization, "invoice.issued")
    (row,) = await deliveries(services, organization, endpoint_id)
    assert (row.state, row.last_status, row.last_error) == ("planned", None, "no answer in time")
    assert row.next_attempt_at is not None
    gone, _ = await add(services, organization, receiver.url, "payment.*")
    receiver.pause, receiver.status = 0.0, lambda number: 410
    await happen(services, organization, "payment.recorded")
    found = await endpoint(services, organization, gone)
    assert (found.state, found.disabled_reason) == ("disabled", "the receiver answered 410 Gone")
    assert [row.state for row in await deliveries(services, organization, gone)] == ["cancelled"]


async def test_redirects_are_not_followed(services: Services, organization: UUID, receiver: Receiver) -> None:
    endpoint_id, _ = await add(services, organization, receiver.url, "invoice.*")
    receiver.status, receiver.extra = lambda number: 307, f"Location: {receiver.url}\r\n"
    await happen(services, organization, "invoice.issued")
    assert len(receiver.got) == 1
    assert [row.last_status for row in await deliveries(services, organization, endpoint_id)] == [307]


async def test_what_a_dead_worker_held_is_delivered_after_its_lease(
    services: Services, organization: UUID, receiver: Receiver, owner_url: str
) -> None:
    endpoint_id, _ = await add(services, organization, receiver.url, "invoice.*")
    async with services.database.write(organization, SYSTEM) as session:
        record_change(session, ChangeRow("invoice", new_id(), "invoice.issued"))
    await seal(services.database, organization, announce=outside)
    await drain(services, {service.PLAN: webhooks.plan})
    async with services.database.write(organization, SYSTEM) as session:  # claims, and dies
        batch = await webhooks.claim_batch(session, services.settings, endpoint_id, utc_now())
    assert batch is not None
    await drain(services, HANDLERS)
    assert receiver.got == [], "somebody holds it"
    owner = await asyncpg.connect(owner_url)
    await owner.execute(
        "UPDATE webhook_deliveries SET lease_until = now() - interval '1 s' WHERE organization_id = $1", organization
    )
    await owner.close()
    await become_due(owner_url, organization)
    await drain(services, HANDLERS)
    assert len(receiver.got) == 1
    async with services.database.write(organization, SYSTEM) as session:  # the dead one wakes up: too late
        tried = [webhooks.Tried(batch.items[0], await _refused())]
        await webhooks.record_batch(session, batch, tried, [], utc_now())
    assert [row.state for row in await deliveries(services, organization, endpoint_id)] == ["delivered"]


async def _refused() -> Any:
    client = OutboundHttp()
    try:
        return await client.post("https://127.0.0.1/", {}, b"", seconds=1)
    finally:
        await client.close()


async def test_names_that_lead_inside_are_refused_at_the_connection() -> None:
    client = OutboundHttp()
    try:
        for url in ("https://localhost:1/", "https://127.0.0.1:1/", "https://[::1]:1/"):
            answer = await client.post(url, {}, b"{}", seconds=2)
            assert answer.status is None
            assert answer.error is not None
            assert "not public" in answer.error
    finally:
        await client.close()


async def test_rotating_signs_with_both_secrets_for_a_while(
    services: Services, organization: UUID, receiver: Receiver
) -> None:
    endpoint_id, first = await add(services, organization, receiver.url, "invoice.*")
    async with services.database.write(organization, SYSTEM) as session:
        _, second = await service.rotate_secret(
            session, services.settings, endpoint_id, utc_now(), overlap_hours=1, expected_version=None
        )
    await happen(services, organization, "invoice.issued")
    async with services.database.write(organization, SYSTEM) as session:
        _, third = await service.rotate_secret(
            session, services.settings, endpoint_id, utc_now(), overlap_hours=0, expected_version=None
        )
    await happen(services, organization, "invoice.issued")
    (headers, body), (later, later_body) = receiver.got
    for secret in (first, second):
        Webhook(secret).verify(body.decode(), headers)
    Webhook(third).verify(later_body.decode(), later)
    assert " " not in later["webhook-signature"]


async def test_a_test_event_goes_to_its_endpoint_only_and_switched_off_gets_nothing(
    services: Services, organization: UUID, receiver: Receiver
) -> None:
    tested, _ = await add(services, organization, receiver.url, "payment.*")
    await add(services, organization, receiver.url)
    async with services.database.write(organization, SYSTEM) as session:
        await service.send_test(session, tested)
    await happen(services, organization)
    assert receiver.types.count("webhook_endpoint.tested") == 1
    async with services.database.write(organization, SYSTEM) as session:
        changed = {"active": False}
        await service.update_endpoint(session, services.settings, tested, changed, expected_version=None)
    async with services.database.write(organization, SYSTEM) as session:
        with pytest.raises(EndpointNotActive):
            await service.send_test(session, tested)
    await happen(services, organization, "payment.recorded")
    assert receiver.types.count("payment.recorded") == 1, "the other one only"


async def test_delivered_again_under_the_same_id_and_forgotten_in_time(
    services: Services, organization: UUID, receiver: Receiver
) -> None:
    endpoint_id, _ = await add(services, organization, receiver.url, "invoice.*")
    await happen(services, organization, "invoice.issued")
    (row,) = await deliveries(services, organization, endpoint_id)
    async with services.database.write(organization, SYSTEM) as session:
        await service.redeliver(session, row.id, utc_now())
    await drain(services, HANDLERS)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 2
    async with services.database.write(organization, SYSTEM) as session:
        assert await forget_deliveries(session, ended_before=utc_now() - timedelta(days=1)) == 0
        assert await forget_deliveries(session, ended_before=utc_now() + timedelta(days=1)) == 1
    assert await deliveries(services, organization, endpoint_id) == []


async def test_the_trace_of_the_change_goes_on_at_the_receiver(
    services: Services, organization: UUID, receiver: Receiver
) -> None:
    given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await add(services, organization, receiver.url, "invoice.*")
    async with services.database.write(organization, SYSTEM) as session:
        record_change(session, ChangeRow("invoice", new_id(), "invoice.voided"))
    with tracing.span("request", SpanKind.SERVER, given):
        async with services.database.write(organization, SYSTEM) as session:
            record_change(session, ChangeRow("invoice", new_id(), "invoice.issued"))
    await seal(services.database, organization, announce=outside)
    await drain(services, HANDLERS)
    traces = {json.loads(body)["type"]: headers.get("traceparent") for headers, body in receiver.got}
    assert traces == {"invoice.issued": given, "invoice.voided": None}


async def test_a_night_encrypts_secrets_under_the_present_key(
    services: Services, organization: UUID, receiver: Receiver
) -> None:
    endpoint_id, secret = await add(services, organization, receiver.url, "invoice.*")
    earlier = services.settings.token_secret
    exchanged = services.settings.model_copy(
        update={"token_secret": SecretStr("n" * 48), "token_secret_previous": earlier}
    )
    during = Services(services.database, services.claims, exchanged)
    async with services.database.write(organization, SYSTEM) as session:
        owe(session, secret_keys.NIGHT, "2026-03-02")
    await drain(during, {secret_keys.NIGHT: secret_keys.handle_night})
    after = exchanged.model_copy(update={"token_secret_previous": None})
    await happen(Services(services.database, services.claims, after), organization, "invoice.issued")
    (headers, body) = receiver.got[0]
    Webhook(secret).verify(body.decode(), headers)
    assert (await endpoint(services, organization, endpoint_id)).state == "active"
