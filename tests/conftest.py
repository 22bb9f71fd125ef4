"""Fixtures: one migrated template database a run, a clone for each worker, and every test rolled back.

The servers are the embedded ones, or those of DATABASE_URL and REDIS_URL. The controller process starts them once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.errors import Unauthenticated
from app.infra.connection import APP_ROLE, WORKER_ROLE, DatabaseSettings, driver_url
from app.infra.database import Database, WriteSession
from app.infra.embedded.postgres import start_postgres
from app.infra.embedded.valkey import start_valkey
from app.infra.http.rates import Limits
from app.infra.migrate import migrate
from app.infra.principal import Principal
from app.infra.telemetry import configure_logs
from app.main import create_app
from app.organizations.data_scope import scope_of
from app.settings import Settings
from tests.factories import Tenant, make_tenant

_AFTERWARDS = f"SET LOCAL app.organization_id = ''; SET LOCAL ROLE {APP_ROLE}"
"""What a released savepoint keeps of the step in it, and a transaction's end does not."""
_SERVERS = pytest.StashKey[dict[str, Any]]()


def _database_url(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def pytest_configure(config: pytest.Config) -> None:
    """Name the run; the servers start when the first test asks for them."""
    workerinput = getattr(config, "workerinput", None)
    config.stash[_SERVERS] = dict(workerinput["servers"]) if workerinput is not None else {}


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: the garbage collector need not look at it again."""
    gc.freeze()


def _start_servers(servers: dict[str, Any]) -> None:
    if "database_url" in servers:
        return
    folder = Path(tempfile.mkdtemp(prefix="duecourse-tests-"))
    servers["_folder"] = folder
    given = os.environ.get("DATABASE_URL")
    if given is None:
        servers["_postgres"] = start_postgres(folder, fast=True)
        given = servers["_postgres"].url
    redis = os.environ.get("REDIS_URL")
    if redis is None:
        servers["_valkey"] = start_valkey(folder)
        redis = servers["_valkey"].url
    template = f"duecourse_test_{secrets.token_hex(4)}"
    asyncio.run(_execute(given, f"CREATE DATABASE {template}"))
    asyncio.run(migrate(_database_url(given, template)))
    servers.update(database_url=given, redis_url=redis, template=template)


def pytest_configure_node(node: Any) -> None:
    """xdist: the controller starts the servers once and tells each worker where they are."""
    servers = node.config.stash[_SERVERS]
    _start_servers(servers)
    node.workerinput["servers"] = {key: value for key, value in servers.items() if not key.startswith("_")}


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this process started."""
    servers = config.stash.get(_SERVERS, {})
    if "_folder" not in servers:
        return
    if "_postgres" not in servers:
        asyncio.run(_execute(servers["database_url"], f"DROP DATABASE IF EXISTS {servers['template']} WITH (FORCE)"))
    for name in ("_postgres", "_valkey"):
        if name in servers:
            servers[name].stop()
    shutil.rmtree(servers["_folder"], ignore_errors=True)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Addresses of PostgreSQL and Valkey, and the name of the migrated template."""
    found = request.config.stash[_SERVERS]
    _start_servers(found)
    return found


@pytest.fixture(scope="session")
def redis_url(servers: dict[str, Any]) -> str:
    """A real Valkey (or Redis)."""
    return str(servers["redis_url"])


@pytest.fixture(scope="session")
def owner_url(servers: dict[str, Any], worker_id: str) -> Iterator[str]:
    """The owner's URL of this worker's own clone of the template."""
    base, template = servers["database_url"], servers["template"]
    name = f"{template}_{worker_id}_{secrets.token_hex(2)}"
    asyncio.run(_execute(base, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield _database_url(base, name)
    asyncio.run(_execute(base, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The xdist worker's name, or `main`."""
    workerinput = getattr(request.config, "workerinput", None)
    return str(workerinput["workerid"]) if workerinput else "main"


@contextmanager
def database_of_its_own(servers: dict[str, Any]) -> Iterator[str]:
    """The owner's URL of another clone, where nobody else commits."""
    base, template = servers["database_url"], servers["template"]
    name = f"{template}_own_{secrets.token_hex(3)}"
    asyncio.run(_execute(base, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield _database_url(base, name)
    asyncio.run(_execute(base, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


class RolledBackDatabase(Database):
    """A database whose transactions are savepoints of one outer transaction that is never committed."""

    connection: AsyncConnection
    driver: asyncpg.Connection

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[AsyncConnection, asyncpg.Connection]]:
        yield self.connection, self.driver

    async def _begin(self, driver: asyncpg.Connection, head: str, begin: str) -> None:
        await driver.execute(f"SAVEPOINT step; {head}")

    async def _commit(self, driver: asyncpg.Connection) -> None:
        await driver.execute(f"RELEASE SAVEPOINT step; {_AFTERWARDS}")

    async def _roll_back(self, connection: AsyncConnection, driver: asyncpg.Connection) -> None:
        await driver.execute(f"ROLLBACK TO SAVEPOINT step; RELEASE SAVEPOINT step; {_AFTERWARDS}")

    async def look_up(self, query: str, organization_id: UUID, *args: Any) -> list[asyncpg.Record]:
        async with self.read(organization_id) as session:
            return await session.driver.fetch(query, organization_id, *args)

    @asynccontextmanager
    async def across(self) -> AsyncIterator[asyncpg.Connection]:
        await self.driver.execute(
            f"SAVEPOINT step; SET LOCAL ROLE {WORKER_ROLE};"
            " SELECT set_config('app.recorded_at', clock_timestamp()::text, true)"
        )
        try:
            yield self.driver
            await self.driver.execute(f"RELEASE SAVEPOINT step; SET LOCAL ROLE {APP_ROLE}")
        except BaseException:
            await self.driver.execute(f"ROLLBACK TO SAVEPOINT step; RELEASE SAVEPOINT step; SET LOCAL ROLE {APP_ROLE}")
            raise


@pytest.fixture(scope="session")
async def pool(owner_url: str) -> AsyncIterator[Database]:
    """A pool in the service's role."""
    database = Database.connect(
        DatabaseSettings(driver_url(owner_url), APP_ROLE, pool_size=2, statement_timeout_seconds=900)
    )
    yield database
    await database.close()


@pytest.fixture
async def database(pool: Database) -> AsyncIterator[RolledBackDatabase]:
    """Transactions that work as usual and vanish after the test."""
    async with pool._connection() as (connection, driver):  # one that a test cut off is replaced
        await driver.execute("BEGIN")
        made = RolledBackDatabase(engine=pool.engine)
        made.connection, made.driver = connection, driver
        try:
            yield made
        finally:
            await driver.execute("ROLLBACK")


@pytest.fixture
async def committed(owner_url: str) -> AsyncIterator[Database]:
    """Real transactions with real commits, for two sessions at once. Make a tenant of your own in it."""
    database = Database.connect(DatabaseSettings(driver_url(owner_url), APP_ROLE, pool_size=12))
    yield database
    await database.close()


@pytest.fixture
async def claims(owner_url: str) -> AsyncIterator[Database]:
    """A pool in the worker's role, for claims across organizations (real commits)."""
    database = Database.connect(DatabaseSettings(driver_url(owner_url), WORKER_ROLE, pool_size=4))
    yield database
    await database.close()


@pytest.fixture
async def tenant(database: RolledBackDatabase) -> Tenant:
    """An organization with one EUR legal entity, a bank account and a customer account."""
    return await make_tenant(database)


@pytest.fixture
async def session(database: RolledBackDatabase, tenant: Tenant) -> AsyncIterator[WriteSession]:
    """A write session of the tenant."""
    async with database.write(tenant.organization_id, tenant.actor) as opened:
        yield opened


class StaticAuthenticator:
    """Tokens of a test, each standing for a principal."""

    def __init__(self) -> None:
        self.principals: dict[str, Principal] = {}

    async def principal(self, token: str) -> Principal:
        """The principal that the test gave this token."""
        try:
            return self.principals[token]
        except KeyError:
            raise Unauthenticated("the token is not known") from None

    async def client(self, client_id: str, secret: str) -> Principal:
        """The principal of a token, sent as the secret of HTTP Basic."""
        return await self.principal(secret)

    def grant(self, tenant: Tenant, *scopes: str) -> str:
        """A token of that tenant with these scopes (all when none is named)."""
        token = secrets.token_hex(8)
        self.principals[token] = tenant.principal(*scopes)
        return token

    def grant_within(self, tenant: Tenant, **definition: Any) -> str:
        """A token of that tenant with every scope that this data scope leaves."""
        token, given = secrets.token_hex(8), tenant.principal()
        scope = scope_of(definition, tenant.actor.id or tenant.account_id)
        assert scope is not None
        self.principals[token] = replace(given, scopes=given.scopes - scope.withheld, data_scope=scope)
        return token


@pytest.fixture
def authenticator() -> StaticAuthenticator:
    """Where tests get their tokens."""
    return StaticAuthenticator()


@pytest.fixture(scope="session")
def service_settings() -> Settings:
    """Settings of the service, read once: to ask the environment takes longer than most requests."""
    return Settings(log_level="error", token_secret="t" * 43)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def service() -> FastAPI:
    """The application, made once: its routes take about a second to prepare at the first request."""
    return create_app(Settings(log_level="error"))


@pytest.fixture
async def client(
    service: FastAPI,
    service_settings: Settings,
    database: RolledBackDatabase,
    tenant: Tenant,
    authenticator: StaticAuthenticator,
    tmp_path: Path,
) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the service with a token of `tenant` that has every scope."""
    app = service
    configure_logs("error")
    app.state.settings = service_settings.model_copy(update={"data_dir": tmp_path})
    app.state.database = app.state.read_database = app.state.report_database = database
    app.state.limits = Limits.of(None, None)
    app.state.authenticator = authenticator
    headers = {"Authorization": f"Bearer {authenticator.grant(tenant)}"}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as made:
        yield made
