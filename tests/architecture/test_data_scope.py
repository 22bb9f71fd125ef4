"""A data scope on every table: of what hangs on accounts or legal entities, only rows in scope are seen or changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

import app.main as service
from app import interface
from app.core.ids import new_id
from app.infra.connection import APP_ROLE
from app.infra.data_scope import SCOPED_ROLE
from app.organizations.data_scope import scope_of
from migrations.data_scope import ALL_ACCOUNTS, KINDS, NAMED, SHARED, WHOLE, policy_of
from migrations.metadata import metadata
from tests.architecture.catalog import CatalogTable
from tests.architecture.row_factory import RowFactory, Values

TABLES = {name: policy for name, table in metadata.tables.items() if (policy := policy_of(table, metadata))}
BY_ACCOUNT = sorted(TABLES.keys() - WHOLE - ALL_ACCOUNTS - {"legal_entities", "bank_accounts"})
BY_ENTITY = [
    *sorted(name for name in TABLES if "legal_entity_id" in metadata.tables[name].c and name not in WHOLE),
    "invoice_lines", "proposals", "dunning_messages", "receipt_requests", "forecast_invoices", "promise_items",
]  # fmt: skip
WRITTEN = sorted(name for name, policy in TABLES.items() if policy.check not in ("true", "false"))


class PartOfIt(RowFactory):
    """Rows of a part of an organization: accounts and documents of its own, rules and people of all."""

    shared: RowFactory

    collector_id: UUID
    segment: str

    async def parent(self, table: str, *, second: bool = False) -> Values:
        """The part's own row, or that of the whole organization."""
        if table in SHARED:
            return await self.shared.parent(table, second=second)
        key = f"{table} (second)" if second else table
        if key not in self.made:
            self.made[key] = await self.insert(table, **await self._given(table))
        return self.made[key]

    async def _given(self, table: str) -> dict[str, Any]:
        """What ties the row to this part where the table would not ask for it."""
        columns = metadata.tables[table].c.keys()
        if table == "accounts":
            return {"collector_id": self.collector_id, "segment": self.segment}
        if table in NAMED:
            account = (await self.parent("accounts"))["id"]
            return dict(zip(NAMED[table], ("account", account), strict=True))
        given: dict[str, Any] = {}
        for column, target in (("account_id", "accounts"), ("legal_entity_id", "legal_entities")):
            if column in columns:
                given[column] = (await self.parent(target))["id"]
        return given


@dataclass
class TwoParts:
    """One organization, a part of it in scope and another one."""

    connection: asyncpg.Connection
    inside: PartOfIt
    outside: PartOfIt
    collector_id: UUID

    async def whole(self) -> None:
        """Act on everything."""
        tenant = self.inside.organization_id
        await self.connection.execute(f"SET LOCAL ROLE {APP_ROLE}; SET LOCAL app.organization_id = '{tenant}'")

    async def within(self, **definition: Any) -> None:
        """Act within a data scope, as a transaction of the service does."""
        scope = scope_of(definition, self.collector_id)
        assert scope is not None
        await self.whole()
        await self.connection.execute(f"SET LOCAL ROLE {SCOPED_ROLE}; {scope.opening}")

    async def count(self, statement: str, *arguments: object) -> int:
        """How many rows a statement touched; 0 where the role may not run it at all. Nothing stays changed."""
        await self.connection.execute("SAVEPOINT trial")
        try:
            return int((await self.connection.execute(statement, *arguments)).split()[-1])
        except (asyncpg.InsufficientPrivilegeError, asyncpg.ForeignKeyViolationError) as error:
            return 0 if isinstance(error, asyncpg.InsufficientPrivilegeError) else 1
        finally:
            await self.connection.execute("ROLLBACK TO SAVEPOINT trial; RELEASE SAVEPOINT trial")


@pytest.fixture
async def parts(owner: asyncpg.Connection, catalog: dict[str, CatalogTable]) -> TwoParts:
    """An organization with two collectors' accounts, of two segments."""
    await owner.execute("SELECT set_config('app.recorded_at', clock_timestamp()::text, true)")
    organization_id = new_id()
    shared = RowFactory(owner, catalog, organization_id)
    made = [PartOfIt(owner, catalog, organization_id) for _ in range(2)]
    parts = TwoParts(owner, made[0], made[1], new_id())
    await parts.whole()
    await shared.parent("organizations")
    for part, segment, collector_id in zip(made, ("retail", "wholesale"), (parts.collector_id, new_id()), strict=True):
        part.shared, part.segment, part.collector_id = shared, segment, collector_id
        await shared.insert("users", id=collector_id)
        await part.parent("accounts")
    return parts


async def _faults(parts: TwoParts, tables: list[str], **definition: Any) -> list[str]:
    """What goes wrong, table by table, when this part is in scope and the other is not."""
    for table in tables:
        await parts.whole()
        await parts.inside.parent(table)
        await parts.outside.parent(table)
    faults = []
    for table in tables:
        inside, outside = parts.inside.made[table]["id"], parts.outside.made[table]["id"]
        by_id = f'SELECT count(*) FROM "{table}" WHERE id = $1'
        await parts.whole()
        if await parts.connection.fetchval(by_id, outside) != 1:
            faults.append(f"{table}: without a scope it is not seen")
        await parts.within(**definition)
        if await parts.connection.fetchval(by_id, inside) != 1:
            faults.append(f"{table}: the row in scope is not seen")
        if await parts.connection.fetchval(by_id, outside) != 0:
            faults.append(f"{table}: the row out of scope is seen")
        if await parts.count(f'UPDATE "{table}" SET id = id WHERE id = $1', outside):
            faults.append(f"{table}: the row out of scope is changed")
        if await parts.count(f'DELETE FROM "{table}" WHERE id = $1', outside):
            faults.append(f"{table}: the row out of scope is deleted")
    return faults


async def test_only_accounts_in_scope(parts: TwoParts) -> None:
    assert await _faults(parts, BY_ACCOUNT, own_portfolio=True) == []
    await parts.within(segments=["retail"])
    ours = {row["id"] for row in parts.inside.made.values()}
    for table in BY_ACCOUNT:
        found = {row["id"] for row in await parts.connection.fetch(f'SELECT id FROM "{table}"')}
        assert found <= ours, table
        assert parts.inside.made[table]["id"] in found, table


async def test_only_legal_entities_in_scope(parts: TwoParts) -> None:
    entity = (await parts.inside.parent("legal_entities"))["id"]
    assert await _faults(parts, BY_ENTITY, legal_entities=[str(entity)]) == []


async def test_what_is_of_all_accounts_is_hidden_from_who_sees_some(parts: TwoParts) -> None:
    entity = (await parts.inside.parent("legal_entities"))["id"]
    for table in sorted(WHOLE | ALL_ACCOUNTS):
        await parts.whole()
        await parts.inside.parent(table)
    for table in sorted(WHOLE | ALL_ACCOUNTS):
        by_id = f'SELECT count(*) FROM "{table}" WHERE id = $1'
        await parts.within(own_portfolio=True)
        assert await parts.connection.fetchval(by_id, parts.inside.made[table]["id"]) == 0, table
        await parts.within(legal_entities=[str(entity)])
        seen = await parts.connection.fetchval(by_id, parts.inside.made[table]["id"])
        assert seen == (table in ALL_ACCOUNTS), table


async def test_nothing_is_written_out_of_scope(parts: TwoParts) -> None:
    entity = (await parts.inside.parent("legal_entities"))["id"]
    for table in WRITTEN:
        await parts.whole()
        await parts.outside.parent(table)
        values = await parts.outside.values(table, **await parts.outside._given(table))
        await parts.within(legal_entities=[str(entity)], own_portfolio=True)
        await parts.connection.execute("SAVEPOINT trial")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await parts.outside.insert(table, **values)
        await parts.connection.execute("ROLLBACK TO SAVEPOINT trial; RELEASE SAVEPOINT trial")


async def test_without_settings_the_scoped_role_sees_nothing(parts: TwoParts) -> None:
    await parts.inside.parent("invoices")
    await parts.connection.execute(f"SET LOCAL ROLE {SCOPED_ROLE}")
    for table in ("accounts", "invoices", "legal_entities"):
        assert await parts.connection.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_a_payment_of_nobody_is_in_nobodys_portfolio(parts: TwoParts) -> None:
    payment = await parts.inside.insert("payments", legal_entity_id=(await parts.inside.parent("legal_entities"))["id"])
    entity = payment["legal_entity_id"]
    await parts.within(own_portfolio=True)
    assert await parts.connection.fetchval("SELECT count(*) FROM payments") == 0
    await parts.within(legal_entities=[str(entity)])
    assert await parts.connection.fetchval("SELECT count(*) FROM payments") == 1


async def test_an_account_in_scope_gives_no_sight_of_its_children(parts: TwoParts) -> None:
    child = await parts.inside.insert("accounts", parent_id=parts.inside.made["accounts"]["id"])
    await parts.within(own_portfolio=True)
    assert await parts.connection.fetchval("SELECT count(*) FROM accounts WHERE id = $1", child["id"]) == 0


def test_every_table_with_an_account_or_a_legal_entity_is_narrowed() -> None:
    free = [
        name
        for name, table in metadata.tables.items()
        if {"account_id", "legal_entity_id"} & set(table.c.keys()) and name not in TABLES
    ]
    assert free == []


def test_what_is_listed_exists() -> None:
    assert set(KINDS.values()) <= set(BY_ACCOUNT)
    assert (SHARED.keys() | WHOLE | ALL_ACCOUNTS) <= metadata.tables.keys()
    operations = {getattr(route, "operation_id", None) for router in service.ROUTERS for route in router.routes}
    assert operations >= interface.WHOLE_ORGANIZATION
