"""Reads that are one statement, for what is read most: tenant, query and end of the transaction in one round trip.

A few plain connections beside the pool of transactions. A pool that resets and shields each connection when it comes
back costs as much as the read itself; a single statement outside a transaction leaves nothing to reset.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from app.infra.connection import DatabaseSettings

WAIT_SECONDS = 10.0
_ONE_STATEMENT = """
SELECT found.* FROM (SELECT set_config('app.organization_id', $1::uuid::text, true) AS tenant OFFSET 0) AS named
CROSS JOIN LATERAL (SELECT asked.* FROM ({}) AS asked WHERE named.tenant IS NOT NULL OFFSET 0) AS found
"""
"""Names the tenant, for this statement alone, and asks. The lateral reference makes the server name it first; were it
otherwise, row-level security would show nothing, never another tenant's rows."""


class Lookups:
    """Connections for single statements, each made when it is first needed."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], size: int) -> None:
        self._connect = connect
        self._slots: asyncio.LifoQueue[asyncpg.Connection | None] = asyncio.LifoQueue()
        for _ in range(size):
            self._slots.put_nowait(None)

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """The rows of a SELECT whose first parameter is the organization. Raises TimeoutError when all are busy."""
        connection: asyncpg.Connection | None
        if self._slots.empty():
            connection = await asyncio.wait_for(self._slots.get(), WAIT_SECONDS)
        else:
            connection = self._slots.get_nowait()
        kept: asyncpg.Connection | None = None
        try:
            if connection is None or connection.is_closed():
                connection = await self._connect()
            try:
                rows: list[asyncpg.Record] = await connection.fetch(_one_statement(query), *args)
            except asyncpg.PostgresError:
                kept = connection  # the statement was refused; the connection is as it was
                raise
            except BaseException:  # broken, or cut off in the middle: thrown away
                connection.terminate()
                raise
            kept = connection
            return rows
        finally:
            self._slots.put_nowait(kept)

    async def close(self) -> None:
        """Close the idle connections."""
        while not self._slots.empty():
            connection = self._slots.get_nowait()
            if connection is not None and not connection.is_closed():
                await connection.close()


def open_lookups(engine: AsyncEngine, settings: DatabaseSettings) -> Lookups:
    """Look-ups over the engine's database, with the same role and bounds; nothing is connected yet."""
    _, options = engine.dialect.create_connect_args(engine.url)
    options.update(settings.connect_args())
    if "server_settings" in options:  # planning each time took three times as long as the read itself
        options["server_settings"] |= {"plan_cache_mode": "force_generic_plan", "default_transaction_read_only": "on"}
    options.pop("prepared_statement_cache_size", None)

    async def connect() -> asyncpg.Connection:
        connection = await asyncpg.connect(**options)
        for name in ("json", "jsonb"):
            await connection.set_type_codec(name, schema="pg_catalog", encoder=str, decoder=json.loads)
        return connection

    return Lookups(connect, settings.pool_size)


@lru_cache(maxsize=64)
def _one_statement(query: str) -> str:
    return _ONE_STATEMENT.format(query)
