"""Fixtures of the architecture tests: the catalog, read once, and a connection as the owner."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.architecture.catalog import CatalogTable, read_catalog


@pytest.fixture(scope="session")
async def catalog(owner_url: str) -> dict[str, CatalogTable]:
    """Every relation of the migrated database."""
    connection = await asyncpg.connect(owner_url)
    try:
        return await read_catalog(connection)
    finally:
        await connection.close()


@pytest.fixture
async def owner(owner_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner inside a transaction that is rolled back."""
    connection = await asyncpg.connect(owner_url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()
