"""Webhooks: deliveries a second to one receiver, and what nine lose when a tenth hangs.

`make bench ONLY=webhooks`. One worker's job handlers against real PostgreSQL with fsync on and a receiver in a process
of its own. The baseline posts the same bodies with the same HTTP client and nothing else.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from app.core.ids import new_id
from app.infra.change_log import ChangeRow, record_change
from app.infra.connection import WORKER_ROLE, DatabaseSettings, driver_url
from app.infra.database import SYSTEM, Database
from app.infra.outbound import OutboundHttp
from app.infra.seal import seal
from app.integrations.webhooks import service
from app.integrations.webhooks.service import NewEndpoint
from app.settings import Settings
from tests.benchmarks.servers import migrated, service_servers
from tests.factories import make_tenant
from workers import webhooks
from workers.runner import Runner, Services

EVENTS = 5_000
EVENTS_OF_TEN = 1_000
SIDE_BY_SIDE = webhooks.SIDE_BY_SIDE
RECEIVER = """
import asyncio
async def handle(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).lower()
            size = int(head.split(b"content-length: ")[1].split(b"\\r\\n")[0])
            await reader.readexactly(size)
            if b"/hang" in head.split(b"\\r\\n")[0]:
                await asyncio.sleep(3600)
            writer.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
Result = dict[str, Any]


@contextmanager
def _receiver() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


async def _bare(port: int) -> float:
    """Posts a second of the HTTP client alone."""
    client, left = OutboundHttp(private_allowed=True), EVENTS
    headers = {"content-type": "application/json", "webhook-id": "evt_1", "webhook-signature": "v1," + "x" * 44}

    async def one_after_the_other() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            answer = await client.post(f"http://127.0.0.1:{port}/hook", headers, b"x" * 450, seconds=15)
            assert answer.succeeded

    began = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(SIDE_BY_SIDE)))
    seconds = time.perf_counter() - began
    await client.close()
    return EVENTS / seconds


async def _happen(services: Services, organization: UUID, count: int) -> None:
    async with services.database.write(organization, SYSTEM) as session:
        for number in range(count):
            facts = {"amount_minor": number, "currency": "EUR", "account_id": str(new_id())}
            record_change(session, ChangeRow("invoice", new_id(), "invoice.issued", None, facts))
    more = True
    while more:
        more = (await seal(services.database, organization)).again


async def _delivered(services: Services, organization: UUID, endpoint_ids: list[UUID]) -> int:
    async with services.database.read(organization) as session:
        return int(
            await session.driver.fetchval(
                "SELECT count(*) FROM webhook_deliveries WHERE organization_id = $1 AND state = 'delivered'"
                " AND endpoint_id = ANY($2::uuid[])", organization, endpoint_ids,
            )
        )  # fmt: skip


async def _rate(services: Services, urls: list[str], count: int) -> float:
    """Deliveries a second to the endpoints that do not hang, from the sealed events to the last answer recorded."""
    organization = (await make_tenant(services.database)).organization_id
    well: list[UUID] = []
    for url in urls:
        async with services.database.write(organization, SYSTEM) as session:
            row, _ = await service.create_endpoint(session, services.settings, NewEndpoint(url))
            if not url.endswith("/hang"):
                well.append(row.id)
    await _happen(services, organization, count)
    handlers = {service.PLAN: webhooks.plan, service.DELIVER: webhooks.deliver}
    runner = Runner(services, handlers, max_jobs=services.settings.worker_max_jobs)
    async with services.database.write(organization, SYSTEM) as session:
        await webhooks.announce(session)
    began = time.perf_counter()
    serving = asyncio.create_task(runner.serve())
    expected = count * len(well)
    while await _delivered(services, organization, well) < expected:
        runner.wake()
        await asyncio.sleep(0.05)
    seconds = time.perf_counter() - began
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await runner.stop(0.1)
    return expected / seconds


async def _measure(url: str, folder: Path) -> list[Result]:
    database = await migrated(url)
    claims = Database.connect(DatabaseSettings(driver_url(url), WORKER_ROLE, pool_size=4))
    settings = Settings(
        data_dir=folder, log_level="error", token_secret=SecretStr("b" * 48), outbound_private_allowed=True
    )
    services = Services(database, claims, settings)
    with _receiver() as port:
        hook, hang = f"http://127.0.0.1:{port}/hook", f"http://127.0.0.1:{port}/hang"
        bare = await _bare(port)
        one = await _rate(services, [hook], EVENTS)
        ten = await _rate(services, [hook] * 10, EVENTS_OF_TEN)
        nine = await _rate(services, [hook] * 9 + [hang], EVENTS_OF_TEN)
    await webhooks.close()
    await database.close()
    await claims.close()
    return [
        {"name": "webhook deliveries, one receiver", "ours": one, "baseline": bare, "ratio": one / bare,
         "unit": "deliveries/s (bare HTTP client)"},
        {"name": "webhook deliveries, nine receivers while a tenth hangs", "ours": nine, "baseline": ten,
         "ratio": nine / ten, "unit": "deliveries/s (ten that answer)"},
    ]  # fmt: skip


async def run() -> list[Result]:
    """Both measures."""
    with service_servers() as (url, _, folder):
        return await _measure(url, folder)


if __name__ == "__main__":
    for result in asyncio.run(run()):
        print(result)
