"""Reminders: rendered and handed to SMTP, against bare aiosmtplib with the same messages and the same server.

Ours is everything from the approved notice on: the jobs, the facts, rendering, what is kept, the last look at the
facts, the claim that is committed before the network, the outcome. The server is a process of its own: aiosmtpd, and
once more a sink with little more than the protocol. Bare aiosmtplib sends on one connection, and on as many as we do.
PDFs are measured apart.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from aiosmtplib import SMTP

from app.dunning.messages import compose
from app.dunning.messages.delivery import Outgoing
from app.dunning.messages.email import EmailTransport
from app.dunning.messages.papers import letter_of
from app.infra.connection import APP_ROLE, WORKER_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database
from app.infra.mail.smtp import CONNECTIONS_MAX, mailer_of, smtp_server
from app.infra.migrate import migrate
from app.infra.rendering.letters import letter_pdf
from app.infra.rendering.sandbox import renderer
from app.settings import Settings
from tests.benchmarks.dunning_data import reminders
from tests.benchmarks.servers import free_port, service_servers
from workers import dunning_messages as worker
from workers.runner import Runner, Services

MESSAGES = int(os.environ.get("BENCH_MESSAGES", "2000"))
PDFS = 60
KINDS = ("aiosmtpd", "bare sink")
ROOT = Path(__file__).resolve().parents[2]
_AIOSMTPD = """
import asyncio, sys
from aiosmtpd.smtp import SMTP
class Taking:
    async def handle_DATA(self, server, session, envelope):
        return "250 taken"
async def main():
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Taking()), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""
Result = dict[str, Any]


@contextmanager
def _sink(kind: str) -> Iterator[int]:
    port = free_port()
    program = ["-c", _AIOSMTPD] if kind == "aiosmtpd" else ["-m", "tests.benchmarks.smtp_sink"]
    process = subprocess.Popen([sys.executable, *program, str(port)], cwd=ROOT)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def _bare(port: int, messages: Sequence[tuple[str, bytes]], connections: int) -> float:
    """Messages a second of aiosmtplib as such, on so many connections."""
    clients = [SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False) for _ in range(connections)]
    for client in clients:
        await client.connect()
    queue = iter(messages)

    async def lane(client: SMTP) -> None:
        for recipient, message in queue:
            await client.sendmail("receivables@acme.example", [recipient], message)

    began = time.perf_counter()
    await asyncio.gather(*(lane(client) for client in clients))
    seconds = time.perf_counter() - began
    for client in clients:
        await client.quit()
    return len(messages) / seconds


async def analyze(database_url: str) -> None:
    """What autovacuum does in a database that runs for more than a minute."""
    owner = await asyncpg.connect(database_url)
    try:
        await owner.execute("VACUUM ANALYZE")
    finally:
        await owner.close()


class _Bell:
    """What a commit rings in the worker's own process."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def ring(self, organization_id: UUID, kinds: frozenset[str]) -> None:
        """Wake it."""
        self._runner.wake()


async def _ours(services: Services, organization_id: Any) -> float:
    """Reminders a second from the approved notice to the recorded outcome, by the worker's own runner."""
    handlers = {compose.PLAN: worker.plan, compose.DELIVER: worker.deliver}
    runner = Runner(services, handlers, max_jobs=services.settings.worker_max_jobs)
    services.database.doorbell = _Bell(runner)
    began = time.perf_counter()
    serving = asyncio.create_task(runner.serve())
    while True:
        async with services.database.read(organization_id) as session:
            sent = await session.driver.fetchval(
                "SELECT count(*) FROM dunning_messages WHERE organization_id = $1 AND state = 'sent'", organization_id
            )
        if sent == MESSAGES:
            break
        await asyncio.sleep(0.05)
    seconds = time.perf_counter() - began
    services.database.doorbell = None
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await runner.stop(5)
    return MESSAGES / seconds


async def _built(services: Services, organization_id: Any) -> list[tuple[str, bytes]]:
    """The messages that were sent, as bytes again."""
    server = smtp_server(services.settings)
    assert server is not None
    transport = EmailTransport(services.database, services.settings, organization_id, mailer_of(server))
    async with services.database.read(organization_id) as session:
        rows = await session.driver.fetch(
            "SELECT m.*, c.subject, c.text, c.html, c.unsubscribe_url FROM dunning_messages m"
            " JOIN dunning_message_contents c USING (organization_id, id) WHERE m.organization_id = $1", organization_id
        )  # fmt: skip
    messages = [Outgoing(row, row["recipient"]) for row in rows]
    await transport.prepare(messages)
    return [(one.recipient, one.wire) for one in messages]


async def _pdfs(services: Services, organization_id: Any) -> float:
    """PDFs a second of one core."""
    async with services.database.read(organization_id) as session:
        rows = await session.driver.fetch(
            "SELECT letter FROM dunning_message_contents WHERE organization_id = $1 LIMIT $2", organization_id, PDFS
        )
    letters = [letter_of(row["letter"]) for row in rows]
    letter_pdf(letters[0], date(2026, 3, 9))
    began = time.process_time()
    for letter in letters:
        letter_pdf(letter, date(2026, 3, 9))
    return len(letters) / (time.process_time() - began)


async def run() -> list[Result]:
    """All measures."""
    results: list[Result] = []
    with service_servers() as (database_url, _, folder):
        await migrate(database_url)
        url = driver_url(database_url)
        database = Database.connect(DatabaseSettings(url, APP_ROLE, pool_size=8))
        claims = Database.connect(DatabaseSettings(url, WORKER_ROLE, pool_size=3))
        try:
            for kind in KINDS:
                with _sink(kind) as port:
                    results += await _against(kind, port, database, claims, folder, database_url)
        finally:
            await renderer().close()
            await database.close()
            await claims.close()
    return results


async def _against(
    kind: str, port: int, database: Database, claims: Database, folder: Path, database_url: str
) -> list[Result]:
    facts: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none"}
    facts |= {"smtp_from": "receivables@acme.example", "public_url": "https://receivables.acme.example"}
    services = Services(database, claims, Settings(**facts, data_dir=folder))
    tenant = await reminders(database, MESSAGES)
    await analyze(database_url)
    ours = await _ours(services, tenant.organization_id)
    messages = await _built(services, tenant.organization_id)
    one, many = await _bare(port, messages, 1), await _bare(port, messages, CONNECTIONS_MAX)
    server = smtp_server(services.settings)
    assert server is not None
    await mailer_of(server).close()
    name = f"reminders, all of it / bare aiosmtplib, to {kind}"
    results: list[Result] = []
    for baseline, connections in ((one, "on one connection (reach ≥ 0.6)"), (many, f"on {CONNECTIONS_MAX} like ours")):
        results.append({"name": f"{name}, {connections}", "ours": round(ours), "baseline": round(baseline),
                        "ratio": round(ours / baseline, 2), "unit": "messages/s"})  # fmt: skip
    if kind == "aiosmtpd":
        made = await _pdfs(services, tenant.organization_id)
        results.append({"name": "PDF of a reminder (reach ≥ 50)", "ours": round(made), "baseline": None, "ratio": None,
                        "unit": "PDFs/s a core"})  # fmt: skip
    return results
