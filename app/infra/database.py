"""Transactions. The only place that opens and commits one: a request or a job step is one transaction.

A write transaction starts with one round trip that (1) names the tenant for row-level security, (2) takes two shared
advisory locks (nobody waits for another writer) and (3) fixes the recorded instant:

* the *period lock* of the organization: closing a period takes it exclusively (`exclusive_period`), so that a posting
  and a close never overlap;
* the *recording lock*, whose key carries the second at which the writer began. A report reads these keys to learn
  before which instant nothing new can appear any more (`settled_before`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from app.core.errors import Unavailable
from app.core.ids import OrganizationId
from app.infra.connection import DatabaseSettings
from app.infra.data_scope import SCOPED_ROLE, acting_within
from app.infra.lookups import Lookups, open_lookups
from app.infra.tracing import SETTING as TRACE_SETTING
from app.infra.tracing import current as current_trace

PERIOD_LOCK_SPACE = 7301  # class of the two-key advisory locks of an organization's open period
RECORDING_LOCK_SPACE = 7302  # class of the locks whose second key is the writer's start, in seconds
SEAL_LOCK_SPACE = 7303
_TOLD_BY_SWEEPER = """
SELECT max((facts ->> 'settled_before')::timestamptz) FROM heartbeats WHERE kind = 'sweeper'
"""


class ReplicaTooYoung(Unavailable):
    """The replica that reports read from cannot tell yet which instants are settled."""

    code = "replica.too_young"


class TransactionAborted(RuntimeError):
    """COMMIT answered ROLLBACK: an error inside the transaction was swallowed. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user, an API client or the service itself; with the scopes that rules may ask for."""

    kind: str  # user | api_client | system
    id: UUID | None
    name: str
    scopes: frozenset[str] = frozenset()
    approval_limit_minor: int | None = None


SYSTEM = Actor(kind="system", id=None, name="system")


class Doorbell(Protocol):
    """Wakes a worker after a commit; losing a ring loses nothing."""

    async def ring(self, organization_id: UUID, kinds: frozenset[str]) -> None:
        """Best effort: never raises, never waits long."""


class ReadSession(AsyncSession):
    """A session inside an open transaction of one organization. Queries take this type."""

    organization_id: OrganizationId
    driver: asyncpg.Connection  # same connection and transaction without SQLAlchemy's cost; JSON: text in, objects out


class Driver(Protocol):
    """What a query needs of a connection."""

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """The rows of one statement."""


class Asking(Protocol):
    """A session or a `Lookup`: whatever may run a reading query of an organization."""

    @property
    def organization_id(self) -> OrganizationId:
        """The tenant."""

    @property
    def driver(self) -> Driver:
        """Where the statement goes."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Reads with one statement in one round trip, for what is read most; its `driver` is itself."""

    database: Database
    organization_id: OrganizationId

    @property
    def driver(self) -> Driver:
        """This object: a query that takes a session takes a look-up too."""
        return self

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """The rows of a SELECT whose first parameter `$1` is the organization."""
        assert args[0] == self.organization_id
        return await self.database.look_up(query, *args)


class WriteSession(ReadSession):
    """A session that may change rows. Services take this type; they may flush, never commit."""

    actor: Actor
    request_id: str | None
    recorded_at: datetime
    before_commit: list[Callable[[WriteSession], Awaitable[None]]]
    rings: set[str]
    memory: dict[str, Any]  # rows gathered for the set-wise inserts of `before_commit`


@dataclass
class Database:
    """One pool of connections that act in one role."""

    engine: AsyncEngine
    doorbell: Doorbell | None = None
    lookups: Lookups | None = None
    _background: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def connect(cls, settings: DatabaseSettings, doorbell: Doorbell | None = None) -> Database:
        """A lazy pool; no connection is made yet."""
        engine = create_async_engine(
            settings.url,
            isolation_level="AUTOCOMMIT",  # this module sends BEGIN and COMMIT itself
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.pool_timeout_seconds,
            pool_pre_ping=False,
            connect_args=settings.connect_args(),
        )
        return cls(engine=engine, doorbell=doorbell, lookups=open_lookups(engine, settings))

    async def close(self) -> None:
        """Wait for rings under way, then close the pool."""
        if self._background:
            await asyncio.wait(self._background, timeout=2)
        if self.lookups is not None:
            await self.lookups.close()
        await self.engine.dispose()

    @asynccontextmanager
    async def write(
        self, organization_id: UUID, actor: Actor, *, request_id: str | None = None, exclusive_period: bool = False
    ) -> AsyncIterator[WriteSession]:
        """One write transaction of one organization: commits at the end of the block, rolls back on any error.

        With `exclusive_period` it waits until every writer of the organization has ended, and nobody else writes until
        it ends. Exclusive from the start: two that first share the lock and then both want it alone wait for ever.
        """
        async with self._connection() as (connection, driver):
            locks = _locks(organization_id, exclusive_period=exclusive_period)
            head = f"{_tenant(organization_id)}{_scope()}{_trace()}{locks}"
            await self._open(connection, driver, head, "BEGIN")
            session = WriteSession(bind=connection, expire_on_commit=False)
            session.organization_id = OrganizationId(organization_id)
            session.driver = driver
            session.actor = actor
            session.request_id = request_id
            session.before_commit, session.rings, session.memory = [], set(), {}
            try:
                yield session
                await session.flush()
                for hook in session.before_commit:
                    await hook(session)
                await self._commit(driver)
            except BaseException:
                await self._roll_back(connection, driver)
                raise
            finally:
                await session.close()
        self._ring(organization_id, frozenset(session.rings))

    @asynccontextmanager
    async def read(self, organization_id: UUID, *, snapshot: bool = False) -> AsyncIterator[ReadSession]:
        """One read-only transaction; with `snapshot` every statement sees the same instant (repeatable read)."""
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY" if snapshot else "BEGIN READ ONLY"
        async with self._connection() as (connection, driver):
            await self._open(connection, driver, f"{_tenant(organization_id)}{_scope()}", begin)
            session = ReadSession(bind=connection, expire_on_commit=False)
            session.organization_id = OrganizationId(organization_id)
            session.driver = driver
            try:
                yield session
                await self._commit(driver)
            except BaseException:
                await self._roll_back(connection, driver)
                raise
            finally:
                await session.close()

    async def look_up(self, query: str, organization_id: UUID, *args: Any) -> list[asyncpg.Record]:
        """The rows of one SELECT (its `$1` is the organization) in one round trip: tenant, query and end together.

        JSON comes as objects, as with `ReadSession.driver`. Within a data scope it takes a transaction.
        """
        if acting_within() is not None:
            async with self.read(organization_id) as session:
                rows: list[asyncpg.Record] = await session.driver.fetch(query, organization_id, *args)
                return rows
        assert self.lookups is not None
        return await self.lookups.fetch(query, organization_id, *args)

    @asynccontextmanager
    async def across(self) -> AsyncIterator[asyncpg.Connection]:
        """A transaction without a tenant, for the worker role's claims across organizations."""
        async with self._connection() as (connection, driver):
            recorded = "SELECT set_config('app.recorded_at', clock_timestamp()::text, true)"
            await self._open(connection, driver, recorded, "BEGIN")
            try:
                yield driver
                await self._commit(driver)
            except BaseException:
                await self._roll_back(connection, driver)
                raise

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[AsyncConnection, asyncpg.Connection]]:
        async with self.engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            if driver.is_closed():  # the server was restarted while it lay in the pool
                await connection.invalidate()
                driver = (await connection.get_raw_connection()).driver_connection
                assert driver is not None
            yield connection, driver

    async def _open(self, connection: AsyncConnection, driver: asyncpg.Connection, head: str, begin: str) -> None:
        try:
            await self._begin(driver, head, begin)
        except BaseException:  # a lock that was not granted leaves the transaction open and aborted
            await self._roll_back(connection, driver)
            raise

    async def _begin(self, driver: asyncpg.Connection, head: str, begin: str) -> None:
        await driver.execute(f"{begin}; {head}")

    async def _commit(self, driver: asyncpg.Connection) -> None:
        if await driver.execute("COMMIT") != "COMMIT":
            raise TransactionAborted("the transaction was aborted by an error that somebody swallowed")

    async def _roll_back(self, connection: AsyncConnection, driver: asyncpg.Connection) -> None:
        try:
            await asyncio.shield(driver.execute("ROLLBACK"))
        except BaseException:  # a broken or cancelled connection is thrown away, the server rolls back
            await connection.invalidate()

    def _ring(self, organization_id: UUID, kinds: frozenset[str]) -> None:
        if self.doorbell is not None and kinds:
            task = asyncio.get_running_loop().create_task(self.doorbell.ring(organization_id, kinds))
            self._background.add(task)
            task.add_done_callback(self._background.discard)


@asynccontextmanager
async def attempt(session: WriteSession) -> AsyncIterator[None]:
    """A part of the transaction that is done whole or not at all: a savepoint, and the rows gathered in memory.

    For the rare rows of a batch that need several statements; not once for every row (see stack.md on subtransactions).
    """
    await session.flush()
    sizes = {key: len(rows) for key, rows in session.memory.items() if isinstance(rows, list)}
    await session.driver.execute("SAVEPOINT attempt")
    try:
        yield
        await session.flush()
    except BaseException:
        session.expunge_all()
        await session.driver.execute("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt")
        for key, rows in session.memory.items():
            if isinstance(rows, list):
                del rows[sizes.get(key, 0) :]
        raise
    await session.driver.execute("RELEASE SAVEPOINT attempt")


def _tenant(organization_id: UUID) -> str:
    # A UUID object prints as hex digits and dashes only, so that it is safe to put into the text.
    return f"SET LOCAL app.organization_id = '{UUID(str(organization_id))}';"


def _scope() -> str:
    # Within a data scope the transaction acts in the role for which the policies of scopes hold.
    scope = acting_within()
    return "" if scope is None else f"SET LOCAL ROLE {SCOPED_ROLE};{scope.opening};"


def _trace() -> str:
    # The rows of this transaction keep it. Hex digits and dashes only, made by the tracing library itself.
    traced = current_trace()
    return "" if traced is None else f"SET LOCAL {TRACE_SETTING} = '{traced}';"


def _locks(organization_id: UUID, *, exclusive_period: bool) -> str:
    key = organization_lock_key(organization_id)
    lock = "pg_advisory_xact_lock" if exclusive_period else "pg_advisory_xact_lock_shared"
    return (
        f"SELECT {lock}({PERIOD_LOCK_SPACE}, {key});"
        f"SELECT pg_advisory_xact_lock_shared({RECORDING_LOCK_SPACE},"
        " floor(extract(epoch FROM clock_timestamp()))::int4);"
        "SELECT set_config('app.recorded_at', clock_timestamp()::text, true)"
    )


def organization_lock_key(organization_id: UUID) -> int:
    """A signed 32-bit key of the organization for advisory locks; a clash only makes two of them wait."""
    return int.from_bytes(organization_id.bytes[-4:], "big", signed=True)


async def settled_before(session: ReadSession) -> datetime:
    """The instant before which nothing new can be recorded: now, or the second in which the oldest open writer began.

    Read it *before* the snapshot that a report uses. Writers take their lock before their recorded instant is fixed,
    therefore whoever is not in the list and not yet visible records later than the answer.

    A replica cannot see those locks. There it is what the sweeper found before its last sign of life that has arrived:
    whatever is recorded before that was committed before the sign, hence is there too. Raises ReplicaTooYoung.
    """
    if await session.driver.fetchval("SELECT pg_is_in_recovery()"):
        settled = await session.driver.fetchval(_TOLD_BY_SWEEPER)
        if settled is None:
            raise ReplicaTooYoung("the replica for reports has not heard of the sweeper yet; ask again in a moment")
    else:
        settled = await settled_here(session.driver)
    assert isinstance(settled, datetime)
    return settled


async def settled_here(driver: asyncpg.Connection) -> datetime:
    """The same, asked where rows are written."""
    settled = await driver.fetchval(
        "SELECT least(clock_timestamp(), to_timestamp(min(objid::bigint))) FROM pg_locks"
        " WHERE locktype = 'advisory' AND classid = $1 AND granted AND pid <> pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        RECORDING_LOCK_SPACE,
    )
    assert isinstance(settled, datetime)
    return settled
