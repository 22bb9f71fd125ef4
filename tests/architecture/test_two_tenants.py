"""Two tenants on every table: what one of them has, the other cannot read, take, change, delete or refer to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from app.core.ids import new_id
from app.infra.connection import APP_ROLE, WORKER_ROLE
from migrations.metadata import metadata
from tests.architecture.catalog import CatalogTable
from tests.architecture.row_factory import RowFactory, Values

TENANT_TABLES = sorted(name for name, table in metadata.tables.items() if "organization_id" in table.c)


@dataclass
class TwoTenants:
    """One connection in the service's role, and a factory of rows for each of two organizations."""

    connection: asyncpg.Connection
    ours: RowFactory
    theirs: RowFactory

    async def act_as(self, factory: RowFactory | None, role: str = APP_ROLE) -> None:
        """Name the tenant as the service does at the start of a transaction."""
        tenant = factory.organization_id if factory else ""
        await self.connection.execute(f"SET LOCAL ROLE {role}; SET LOCAL app.organization_id = '{tenant}'")

    @asynccontextmanager
    async def refused(self, kind: type[asyncpg.PostgresError], constraint: str | None = None) -> AsyncIterator[None]:
        """What follows must fail in this way, by this constraint; the transaction goes on."""
        await self.connection.execute("SAVEPOINT trial")
        with pytest.raises(kind) as caught:
            yield
            await self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert getattr(caught.value, "constraint_name", None) == constraint
        await self.connection.execute("ROLLBACK TO SAVEPOINT trial; RELEASE SAVEPOINT trial")

    async def count(self, statement: str, *arguments: object) -> int:
        """How many rows a statement touched, `0` too when the role may not run it at all."""
        await self.connection.execute("SAVEPOINT trial")
        try:
            return int((await self.connection.execute(statement, *arguments)).split()[-1])
        except asyncpg.InsufficientPrivilegeError:
            await self.connection.execute("ROLLBACK TO SAVEPOINT trial")
            return 0
        finally:
            await self.connection.execute("RELEASE SAVEPOINT trial")


@pytest.fixture
async def tenants(owner: asyncpg.Connection, catalog: dict[str, CatalogTable]) -> TwoTenants:
    """Two organizations without anything else."""
    await owner.execute("SELECT set_config('app.recorded_at', clock_timestamp()::text, true)")
    made = TwoTenants(owner, RowFactory(owner, catalog, new_id()), RowFactory(owner, catalog, new_id()))
    for factory in (made.ours, made.theirs):
        await made.act_as(factory)
        await factory.parent("organizations")
    return made


async def _row(tenants: TwoTenants, factory: RowFactory, table: str) -> Values:
    await tenants.act_as(factory)
    row = await factory.parent(table)
    seen = await tenants.connection.fetchval(f'SELECT count(*) FROM "{table}"')
    assert seen >= 1, "its own tenant must see it, or nothing here proves anything"
    return row


@pytest.mark.parametrize("table", [*TENANT_TABLES, "organizations"])
async def test_nothing_is_read(tenants: TwoTenants, table: str) -> None:
    row = await _row(tenants, tenants.theirs, table)
    by_id = f'SELECT count(*) FROM "{table}" WHERE id = $1'
    await tenants.act_as(tenants.ours)
    assert await tenants.connection.fetchval(by_id, row["id"]) == 0
    await tenants.act_as(None)
    assert await tenants.connection.fetchval(f'SELECT count(*) FROM "{table}"') == 0, "no tenant is set"
    await tenants.connection.execute("RESET app.organization_id")
    assert await tenants.connection.fetchval(f'SELECT count(*) FROM "{table}"') == 0, "no tenant was ever set"


@pytest.mark.parametrize("table", [*TENANT_TABLES, "organizations"])
async def test_nothing_is_changed_or_deleted(tenants: TwoTenants, table: str) -> None:
    row = await _row(tenants, tenants.theirs, table)
    await tenants.act_as(tenants.ours)
    assert await tenants.count(f'UPDATE "{table}" SET id = id WHERE id = $1', row["id"]) == 0
    assert await tenants.count(f'DELETE FROM "{table}" WHERE id = $1', row["id"]) == 0
    assert await tenants.count(f'UPDATE "{table}" SET id = id') <= (table == "organizations")
    await tenants.act_as(None)
    assert await tenants.count(f'UPDATE "{table}" SET id = id') == 0
    assert await tenants.count(f'DELETE FROM "{table}"') == 0
    await tenants.act_as(tenants.theirs)
    assert await tenants.connection.fetchval(f'SELECT count(*) FROM "{table}" WHERE id = $1', row["id"]) == 1


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_nothing_is_given_away(tenants: TwoTenants, table: str) -> None:
    """A row under the other's organization is refused, inserted so or moved there."""
    await _row(tenants, tenants.theirs, table)
    values = await tenants.theirs.values(table)
    await tenants.act_as(tenants.ours)
    tenants.theirs.made.pop(table)
    async with tenants.refused(asyncpg.InsufficientPrivilegeError):
        await tenants.theirs.insert(table, **values)
    row = await _row(tenants, tenants.ours, table)
    move = f'UPDATE "{table}" SET organization_id = $1 WHERE id = $2'
    async with tenants.refused(asyncpg.InsufficientPrivilegeError):
        await tenants.connection.execute(move, tenants.theirs.organization_id, row["id"])


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_nothing_is_referred_to(tenants: TwoTenants, table: str, catalog: dict[str, CatalogTable]) -> None:
    """Every reference of our row, pointed at the other's row, is refused: also optional ones, also by an update."""
    foreign = []
    for key in catalog[table].of_kind("f"):
        columns = [name for name in key.columns if name != "organization_id"]
        assert columns or key.target == "organizations"
        if columns and key.target is not None:
            foreign.append((key.name, columns[0], (await _row(tenants, tenants.theirs, key.target))["id"]))
    await tenants.act_as(tenants.ours)
    await tenants.ours.values(table)  # makes what it needs of its own
    for name, column, their_id in foreign:
        async with tenants.refused(asyncpg.ForeignKeyViolationError, name):
            await tenants.ours.insert(table, **{column: their_id})
    if metadata.tables[table].info.get("append_only"):
        return
    our_id = (await _row(tenants, tenants.ours, table))["id"]
    for name, column, their_id in foreign:
        async with tenants.refused(asyncpg.ForeignKeyViolationError, name):
            await tenants.connection.execute(f'UPDATE "{table}" SET "{column}" = $1 WHERE id = $2', their_id, our_id)


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_the_worker_role_finds_work_and_changes_nothing_else(tenants: TwoTenants, table: str) -> None:
    row = await _row(tenants, tenants.theirs, table)
    marks = metadata.tables[table].info
    claims = bool(marks.get("worker_claims"))
    await tenants.act_as(None, WORKER_ROLE)
    if not claims:
        assert await tenants.count(f'UPDATE "{table}" SET id = id WHERE id = $1', row["id"]) == 0
        assert await tenants.count(f'DELETE FROM "{table}" WHERE id = $1', row["id"]) == 0
    values = await tenants.theirs.values(table)
    async with tenants.refused(asyncpg.InsufficientPrivilegeError):
        await tenants.theirs.insert(table, **values)
    if not (claims or marks.get("worker_reads")):
        async with tenants.refused(asyncpg.InsufficientPrivilegeError):
            await tenants.connection.fetchval(f'SELECT count(*) FROM "{table}"')


async def test_a_row_is_refused_without_a_tenant(tenants: TwoTenants) -> None:
    values = await tenants.theirs.values("accounts")
    await tenants.act_as(None)
    async with tenants.refused(asyncpg.InsufficientPrivilegeError):
        await tenants.theirs.insert("accounts", **values)


async def test_the_trial_bites(tenants: TwoTenants) -> None:
    """The same steps on a table without a policy and without a composite key find the leaks."""
    await tenants.connection.execute("RESET ROLE")
    await tenants.connection.execute(
        "CREATE TABLE leaks (organization_id uuid, id uuid PRIMARY KEY, parent_id uuid REFERENCES leaks (id));"
        f" GRANT SELECT, INSERT, UPDATE, DELETE ON leaks TO {APP_ROLE}"
    )
    await tenants.act_as(tenants.theirs)
    theirs, mine = new_id(), new_id()
    await tenants.connection.execute("INSERT INTO leaks VALUES ($1, $2)", tenants.theirs.organization_id, theirs)
    await tenants.act_as(tenants.ours)
    assert await tenants.count("UPDATE leaks SET id = id WHERE id = $1", theirs) == 1
    with pytest.raises(pytest.fail.Exception):
        async with tenants.refused(asyncpg.ForeignKeyViolationError, "leaks_parent_id_fkey"):
            await tenants.connection.execute(
                "INSERT INTO leaks VALUES ($1, $2, $3)", tenants.ours.organization_id, mine, theirs
            )
