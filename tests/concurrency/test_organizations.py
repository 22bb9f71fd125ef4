"""Two requests at once, with real commits: keys in flight, secrets, the last admin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.infra.connection import APP_ROLE, DatabaseSettings, driver_url
from app.infra.database import SYSTEM, Database
from app.main import create_app
from app.organizations import access, service
from app.settings import Settings
from tests.api.test_organizations import _problem
from tests.conftest import StaticAuthenticator
from tests.factories import Tenant, make_tenant

_BODY = {"code": "9000", "name": "Acme Ltd", "base_currency": "GBP"}
_KEY = {"Idempotency-Key": "same"}


@pytest.fixture
async def impatient(owner_url: str) -> AsyncIterator[Database]:
    """Real commits, and a lock timeout of one second."""
    settings = DatabaseSettings(driver_url(owner_url), APP_ROLE, pool_size=6, lock_timeout_seconds=1)
    database = Database.connect(settings)
    yield database
    await database.close()


@pytest.fixture
async def acme(impatient: Database) -> Tenant:
    return await make_tenant(impatient)


@pytest.fixture
async def caller(impatient: Database, acme: Tenant, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(data_dir=tmp_path, log_level="error", token_secret="t" * 43)  # type: ignore[arg-type]
    app = create_app(settings, impatient)
    app.state.database = app.state.read_database = app.state.report_database = impatient
    app.state.authenticator = authenticator = StaticAuthenticator()
    headers = {"Authorization": f"Bearer {authenticator.grant(acme)}"}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as made:
        yield made


class Gate:
    """Holds the first call of a service back until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered, self.opened, self.calls = asyncio.Event(), asyncio.Event(), 0
        real = service.create_legal_entity

        async def held(*arguments: Any) -> Any:
            self.calls += 1
            self.entered.set()
            await self.opened.wait()
            return await real(*arguments)

        monkeypatch.setattr(service, "create_legal_entity", held)


async def test_a_key_in_flight_is_409_and_then_replays(
    caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    first = asyncio.create_task(caller.post("/v1/legal-entities", json=_BODY, headers=_KEY))
    await asyncio.wait_for(gate.entered.wait(), 5)
    _problem(await caller.post("/v1/legal-entities", json=_BODY, headers=_KEY), 409, "idempotency.in_flight")
    gate.opened.set()
    assert (await first).status_code == 201
    replay = await caller.post("/v1/legal-entities", json=_BODY, headers=_KEY)
    assert replay.content == (await first).content
    assert gate.calls == 1


async def test_a_duplicate_that_waits_sees_the_answer_of_the_first(
    caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    first = asyncio.create_task(caller.post("/v1/legal-entities", json=_BODY, headers=_KEY))
    await asyncio.wait_for(gate.entered.wait(), 5)
    second = asyncio.create_task(caller.post("/v1/legal-entities", json=_BODY, headers=_KEY))
    await asyncio.sleep(0.2)
    gate.opened.set()
    assert [(await first).status_code, (await second).status_code] == [201, 201]
    assert (await second).headers["idempotency-replayed"] == "true"
    assert gate.calls == 1


async def test_many_duplicates_make_one(caller: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(caller.post("/v1/legal-entities", json=_BODY, headers=_KEY) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 4


async def test_one_of_two_updates_of_the_same_version_wins(caller: httpx.AsyncClient, acme: Tenant) -> None:
    path = f"/v1/legal-entities/{acme.legal_entity_id}"
    answers = await asyncio.gather(
        *(caller.patch(path, json={"name": f"N{n}"}, headers={"If-Match": '"1"'}) for n in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert (await caller.get(path)).headers["etag"] == '"2"'


async def test_there_are_never_three_valid_secrets(caller: httpx.AsyncClient) -> None:
    made = (await caller.post("/v1/api-clients", json={"name": "ERP", "roles": ["integration"]})).json()
    path = f"/v1/api-clients/{made['id']}/secrets"
    answers = await asyncio.gather(*(caller.post(path, json={}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_two_admins_cannot_remove_each_other(
    caller: httpx.AsyncClient, impatient: Database, acme: Tenant
) -> None:
    ids = []
    async with impatient.write(acme.organization_id, SYSTEM) as session:
        for name in ("a", "b"):
            new = access.NewUser(f"{name}@example.com", name, ["admin"])
            ids.append((await access.create_user(session, new, granted_by=None)).id)
    answers = await asyncio.gather(
        *(caller.patch(f"/v1/users/{id_}", json={"active": False}, headers={"If-Match": '"1"'}) for id_ in ids)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422]
