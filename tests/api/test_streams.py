"""Streams of events: what comes, to whom, from where on, and how a stream ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from app import interface
from app.core.ids import new_id
from app.infra.database import Database
from app.infra.http.streams import Streams
from app.infra.seal import seal
from app.integrations.progress import WorkNotFound, find_progress
from app.main import create_app
from app.settings import Settings
from tests.api.test_events import write
from tests.conftest import StaticAuthenticator
from tests.factories import Tenant, make_tenant


@dataclass
class Stream:
    """An open answer: its status, and messages as they come."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    _text: str = ""
    _news: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    body: bytes = b""

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")
            self._news.put_nowait(message.get("body", b""))

    async def next(self, event: str | None = None) -> dict[str, str]:
        """The next message with that name (any with a name or an id when none is asked for)."""
        while True:
            while "\n\n" not in self._text:
                self._text += (await asyncio.wait_for(self._news.get(), 10)).decode()
            block, self._text = self._text.split("\n\n", 1)
            found = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if event is None and ("event" in found or "id" in found):
                return found
            if event is not None and found.get("event") == event:
                return found


@pytest.fixture
async def app(committed: Database, authenticator: StaticAuthenticator, tmp_path: Path) -> FastAPI:
    made = create_app(Settings(data_dir=tmp_path, log_level="error", token_secret="t" * 43), committed)  # type: ignore[arg-type]
    made.state.database = made.state.read_database = committed
    made.state.authenticator = authenticator
    made.state.streams = Streams(2, interface.EVENT_SCOPES, beat_seconds=0.1, poll_seconds=0.05)
    return made


@pytest.fixture
async def tenant(committed: Database) -> Tenant:
    return await make_tenant(committed)


@asynccontextmanager
async def opened(app: FastAPI, token: str, path: str = "/v1/events/stream", **headers: str) -> AsyncIterator[Stream]:
    stream, gone = Stream(), asyncio.Event()
    sent = {"accept": "text/event-stream", "authorization": f"Bearer {token}", **headers}
    url, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": url, "raw_path": url.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1), "server": ("service", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    task = asyncio.create_task(app(scope, receive, stream.send))  # type: ignore[arg-type]
    try:
        while not stream.status and not task.done():
            await asyncio.sleep(0.01)
        yield stream
    finally:
        gone.set()
        await asyncio.wait_for(task, 10)


async def happen(committed: Database, tenant: Tenant, *events: str) -> None:
    await write(committed, tenant, *events)
    await seal(committed, tenant.organization_id)


async def test_events_come_as_they_happen_and_go_on_where_they_stopped(
    app: FastAPI, committed: Database, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    stranger, token = await make_tenant(committed), authenticator.grant(tenant, "events:read")
    await happen(committed, tenant, "account.before")
    async with opened(app, token) as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert stream.headers["cache-control"] == "no-store"
        await stream.next()  # where it begins
        await happen(committed, stranger, "account.foreign")
        await happen(committed, tenant, "account.first", "account.second")
        first = await stream.next("account.first")
        assert json.loads(first["data"])["entity"]["type"] == "account"
        second = await stream.next("account.second")
        assert b"account.before" not in stream.body
        assert b"account.foreign" not in stream.body
    await happen(committed, tenant, "account.third")
    async with opened(app, token, last_event_id=first["id"]) as stream:
        assert (await stream.next("account.second"))["id"] == second["id"]
        assert await stream.next("account.third")
        assert b"account.first" not in stream.body


async def test_scopes_choose_what_is_seen_and_act_at_once(
    app: FastAPI, committed: Database, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    blind, seeing = authenticator.grant(tenant, "payments:read"), authenticator.grant(tenant, "accounts:read")
    async with opened(app, blind) as stream, opened(app, seeing) as other:
        await stream.next()
        await other.next()
        await happen(committed, tenant, "account.changed")
        assert await other.next("account.changed")
        authenticator.principals[seeing] = authenticator.principals[blind]
        await happen(committed, tenant, "account.again")
        await asyncio.sleep(0.4)
        assert b"event: account" not in stream.body
        assert b"account.again" not in other.body


async def test_accounts_out_of_scope_are_left_out_until_the_scope_is_taken_away(
    app: FastAPI, committed: Database, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    token = authenticator.grant_within(tenant, own_portfolio=True)
    async with opened(app, token) as stream, opened(app, authenticator.grant(tenant)) as other:
        await stream.next()
        await other.next()
        await happen(committed, tenant, "account.hidden")
        assert await other.next("account.hidden")
        await asyncio.sleep(0.3)
        authenticator.principals[token] = tenant.principal()
        await happen(committed, tenant, "account.shown")
        assert await stream.next("account.shown")
        assert b"account.hidden" not in stream.body


async def test_a_stream_ends_with_its_token_its_time_and_the_process(
    app: FastAPI, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    token = authenticator.grant(tenant, "events:read")
    async with opened(app, token) as stream:
        await stream.next()
        kept = authenticator.principals.pop(token)
        assert json.loads((await stream.next("end"))["data"]) == {"reason": "token_ended"}
    authenticator.principals[token] = kept
    app.state.streams.lifetime_seconds = 0.2
    async with opened(app, token) as stream:
        assert json.loads((await stream.next("end"))["data"]) == {"reason": "lifetime"}
    app.state.streams.lifetime_seconds, app.state.streams.beat_seconds = 60, 60
    async with opened(app, token) as stream:
        await stream.next()
        app.state.streams.closing.set()
        assert json.loads((await stream.next("end"))["data"]) == {"reason": "service_stops"}


async def test_a_client_has_so_many_streams_and_no_more(
    app: FastAPI, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    token = authenticator.grant(tenant, "events:read")
    async with opened(app, token) as first, opened(app, token) as second:
        assert (first.status, second.status) == (200, 200)
        async with opened(app, token) as third:
            assert third.status == 429
            assert json.loads(third.body)["code"] == "stream.too_many"
            assert int(third.headers["retry-after"]) > 0
    async with opened(app, token) as again:
        assert again.status == 200
    assert not app.state.streams._watched, "nothing is asked for when nobody listens"


async def test_whoever_does_not_ask_for_a_stream_is_told(
    app: FastAPI, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    token = authenticator.grant(tenant, "events:read")
    async with opened(app, token, accept="*/*") as stream:
        assert (stream.status, json.loads(stream.body)["code"]) == (406, "stream.not_acceptable")
    async with opened(app, token, last_event_id="nonsense") as stream:
        assert stream.status == 422
    async with opened(app, "unknown") as stream:
        assert stream.status == 401


async def test_progress_of_a_run_until_it_ends(
    app: FastAPI, committed: Database, tenant: Tenant, authenticator: StaticAuthenticator
) -> None:
    run, token = new_id(), authenticator.grant(tenant, "cash-application:read")
    stranger = authenticator.grant(await make_tenant(committed), "cash-application:read")

    async def say(statement: str, *values: object) -> None:
        async with committed.write(tenant.organization_id, tenant.actor) as session:
            await session.driver.execute(statement, tenant.organization_id, run, *values)

    await say(
        "INSERT INTO matching_runs (organization_id, id, trigger, today, state, payments_total, payments_done)"
        " VALUES ($1, $2, 'manual', '2026-03-31', 'running', 10, 3)"
    )
    path = f"/v1/cash-application/runs/{run}/progress"
    async with opened(app, token, path) as stream:
        told = json.loads((await stream.next("progress"))["data"])
        assert told == {"id": str(run), "state": "running", "done": 3, "total": 10, "ended": False}
        await say(
            "UPDATE matching_runs SET state = 'completed', payments_done = 10, finished_at = clock_timestamp()"
            " WHERE organization_id = $1 AND id = $2"
        )
        assert json.loads((await stream.next("progress"))["data"])["ended"]
        assert json.loads((await stream.next("end"))["data"]) == {"reason": "done"}
    async with opened(app, stranger, path) as stream:
        assert stream.status == 404
    async with opened(app, authenticator.grant(tenant, "events:read"), path) as stream:
        assert stream.status == 403


@pytest.mark.parametrize("kind", ["import", "matching", "dunning", "charging", "forecast", "report"])
async def test_every_kind_of_work_can_be_asked(committed: Database, tenant: Tenant, kind: str) -> None:
    with pytest.raises(WorkNotFound):
        await find_progress(committed, tenant.organization_id, kind, new_id())
