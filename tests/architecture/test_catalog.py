"""Tenancy, as PostgreSQL's catalog tells it: keys, references, policies, grants and names of every table."""

from __future__ import annotations

import re

import asyncpg

import app.main  # noqa: F401 - every room registers its constraints
from app.infra import constraints
from app.infra.connection import APP_ROLE, WORKER_ROLE
from app.infra.data_scope import SCOPED_ROLE
from migrations.data_scope import policy_of
from migrations.metadata import metadata
from tests.architecture.catalog import CatalogTable

Catalog = dict[str, CatalogTable]

WITHOUT_ORGANIZATION = {
    "alembic_version": "the revision of the schema, written by migrations only",
    "heartbeats": "signs of life of processes, which serve every organization",
    "organizations": "the tenant itself: its id is the organization's id, and it is row-secured by it",
}
"""Tables without `organization_id`, each with the reason."""

ERASABLE_WORDS = ("reason", "before", "after", "salt", "row_sha256", "erasure_id")
"""What an erasure may overwrite in the history of money and in the log: words, and what the chain keeps instead."""
APPEND_ONLY = {
    "applications", "change_log", "change_seals", "credit_memo_movements", "instalment_changes",
    "payment_movements", "period_closes", "transfers",
}  # fmt: skip
"""History: corrections are new rows. Losing the mark of one of these must not go unnoticed."""

_POSTED = "the ledger lies below the rooms whose documents it books; they write the id in the document's transaction"
POINTS_UPWARDS = {
    "applications.proposal_id": "a room above; written in the transaction that accepts the proposal",
    "transfers.account_id": _POSTED,
    "transfers.credit_memo_id": _POSTED,
    "transfers.instalment_id": _POSTED,
    "transfers.payment_id": _POSTED,
}
"""Ids without a foreign key, of rooms above, each with the reason."""

TENANT_EXPRESSION = "(NULLIF(current_setting('app.organization_id'::text, true), ''::text))::uuid"
CHANGES = {"UPDATE", "DELETE"}


def _tables(catalog: Catalog) -> list[CatalogTable]:
    """What holds rows and is addressed by name: tables, without their partitions."""
    return [table for table in catalog.values() if not table.partition]


def _tenant_tables(catalog: Catalog) -> list[CatalogTable]:
    return [table for table in _tables(catalog) if table.belongs_to_tenant]


def test_the_catalog_is_that_of_the_models(catalog: Catalog) -> None:
    assert {table.name for table in _tables(catalog)} == {*metadata.tables, "alembic_version"}
    assert len(_tenant_tables(catalog)) >= 35


def test_only_listed_tables_belong_to_no_organization(catalog: Catalog) -> None:
    assert {table.name for table in _tables(catalog) if not table.belongs_to_tenant} == set(WITHOUT_ORGANIZATION)


def test_no_views_or_foreign_tables_go_round_row_level_security(catalog: Catalog) -> None:
    assert {table.name: table.kind for table in catalog.values() if table.kind not in "rp"} == {}


def test_primary_keys_begin_with_the_organization(catalog: Catalog) -> None:
    faults = []
    for table in _tenant_tables(catalog):
        keys = [key.columns for key in table.of_kind("p")]
        if len(keys) != 1 or keys[0][0] != "organization_id" or "id" not in keys[0]:
            faults.append((table.name, keys))
        if not table.columns["organization_id"].required or table.columns["organization_id"].type != "uuid":
            faults.append((table.name, "organization_id is not uuid NOT NULL"))
    assert faults == []


def test_unique_keys_contain_the_organization(catalog: Catalog) -> None:
    faults = [
        (table.name, index.name, index.columns)
        for table in _tenant_tables(catalog)
        for index in table.indexes
        if index.is_unique and "organization_id" not in index.columns
    ]
    assert faults == [], "a unique key over all tenants tells one of them what another has"


def _refers_within_its_organization(table: CatalogTable, catalog: Catalog) -> bool:
    """A required composite reference: what it refers to hangs on the same organization."""
    return any(
        catalog[key.target].belongs_to_tenant and all(table.columns[name].required for name in key.columns)
        for key in table.of_kind("f")
        if key.target is not None and key.target != table.name
    )


def test_references_between_tenant_tables_are_composite(catalog: Catalog) -> None:
    faults = []
    for table in _tenant_tables(catalog):
        targets = set()
        for key in table.of_kind("f"):
            assert key.target is not None, (table.name, key.name, "refers out of the schema")
            targets.add(key.target)
            pairs = dict(zip(key.columns, key.target_columns, strict=True))
            target = catalog[key.target]
            expected = "organization_id" if target.belongs_to_tenant else "id"
            if pairs.get("organization_id") != expected:
                faults.append((table.name, key.name, pairs))
            elif not target.belongs_to_tenant and (key.target != "organizations" or len(pairs) != 1):
                faults.append((table.name, key.name, "refers to a table of no organization"))
        if "organizations" not in targets and not _refers_within_its_organization(table, catalog):
            faults.append((table.name, "does not hang on its organization", targets))
    assert faults == []


def test_columns_named_like_references_are_references(catalog: Catalog) -> None:
    """`account_id` without a foreign key could name anything, also in another organization."""
    singular = {re.sub(r"ies$", "y", re.sub(r"(?<!ie)s$", "", name)): name for name in metadata.tables}
    found = set()
    for table in _tenant_tables(catalog):
        referring = {column for key in table.of_kind("f") for column in key.columns}
        for column in table.columns.values():
            target = singular.get(column.name.removesuffix("_id")) if column.name.endswith("_id") else None
            if column.type == "uuid" and target is not None and column.name not in referring:
                found.add(f"{table.name}.{column.name}")
    assert found == set(POINTS_UPWARDS)


def test_row_level_security_is_enabled_and_forced(catalog: Catalog) -> None:
    secured = [*_tenant_tables(catalog), catalog["organizations"]]
    assert [table.name for table in secured if not (table.secured and table.forced)] == []


def test_policies_are_the_tenant_and_those_of_worker_and_data_scope(catalog: Catalog) -> None:
    """What binds the scoped role is tried in `test_data_scope.py`: here, that it binds nobody else."""
    faults = []
    for table in [*_tenant_tables(catalog), catalog["organizations"]]:
        column = "organization_id" if table.belongs_to_tenant else "id"
        expected = f"({column} = {TENANT_EXPRESSION})"
        own = [policy for policy in table.policies if policy.roles not in ((WORKER_ROLE,), (SCOPED_ROLE,))]
        scoped = [policy for policy in table.policies if policy.roles == (SCOPED_ROLE,)]
        narrowed = policy_of(metadata.tables[table.name], metadata) is not None
        if [(policy.name, policy.permissive, policy.command) for policy in scoped] != (
            [("data_scope", False, "ALL")] if narrowed else []
        ):
            faults.append((table.name, scoped))
        if [policy.name for policy in own] != ["tenant"] or not own[0].permissive or own[0].command != "ALL":
            faults.append((table.name, table.policies))
        elif (own[0].qual, own[0].with_check) != (expected, expected):
            faults.append((table.name, own[0].qual, own[0].with_check))
        marks = metadata.tables[table.name].info
        reads = table.name == "organizations" or marks.get("worker_reads") or marks.get("worker_claims")
        commands = {policy.command for policy in table.policies if policy.roles == (WORKER_ROLE,)}
        if commands != ({"SELECT"} if reads else set()) | (
            {"UPDATE", "DELETE"} if marks.get("worker_claims") else set()
        ):
            faults.append((table.name, "worker", commands))
    assert faults == []


def test_service_roles_own_no_table(catalog: Catalog) -> None:
    assert {table.owner for table in catalog.values()}.isdisjoint({APP_ROLE, WORKER_ROLE, SCOPED_ROLE})


async def test_service_roles_have_no_powers(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolcanlogin,"
        " ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid) AS memberships"
        " FROM pg_roles r WHERE rolname = ANY ($1)",
        [APP_ROLE, WORKER_ROLE, SCOPED_ROLE],
    )
    assert {row["rolname"] for row in rows} == {APP_ROLE, WORKER_ROLE, SCOPED_ROLE}
    for row in rows:
        assert not any((row["rolsuper"], row["rolbypassrls"], row["rolcreatedb"], row["rolcreaterole"])), dict(row)
        assert not row["rolreplication"], dict(row)
        assert row["memberships"] == ([SCOPED_ROLE] if row["rolname"] == APP_ROLE else []), dict(row)
    owned = await owner.fetchval(
        "SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid = ANY"
        " (SELECT oid FROM pg_roles WHERE rolname = ANY ($1))",
        [APP_ROLE, WORKER_ROLE, SCOPED_ROLE],
    )
    assert owned == 0
    bound = await owner.fetchval("SELECT pg_has_role($1, $2, 'USAGE')", APP_ROLE, SCOPED_ROLE)
    assert not bound, "the policies of data scopes would bind everybody"
    for role in (APP_ROLE, WORKER_ROLE, SCOPED_ROLE):
        assert not await owner.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", role)


async def test_no_function_runs_with_the_rights_of_its_owner(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY 1"
    )
    assert [row["proname"] for row in rows] == []


def test_grants_are_what_the_service_needs(catalog: Catalog) -> None:
    faults = []
    for table in _tables(catalog):
        found = {role: set(granted) for role, granted in table.grants.items()}
        app, worker = found.pop(APP_ROLE, set()), found.pop(WORKER_ROLE, set())
        scoped = found.pop(SCOPED_ROLE, set())
        if scoped != (app if table.belongs_to_tenant or table.name == "organizations" else {"SELECT"}):
            faults.append((table.name, "within a data scope", scoped))
        if found:
            faults.append((table.name, "granted to others", found))
        mine = metadata.tables.get(table.name)
        erasable = {f"UPDATE of {column}" for column in (mine.info.get("erasable", ()) if mine is not None else ())}
        if {granted for granted in app if " of " in granted} != erasable:
            faults.append((table.name, "erasable columns and granted ones differ", app))
        app -= erasable
        if not app | worker <= {"SELECT", "INSERT", *CHANGES}:
            faults.append((table.name, "more than reading and changing rows", app | worker))
        if table.belongs_to_tenant:
            marks = metadata.tables[table.name].info
            if not worker <= ({"SELECT", *CHANGES} if marks.get("worker_claims") else {"SELECT"}):
                faults.append((table.name, "the worker role may", worker))
            if bool(marks.get("append_only")) == bool(app & CHANGES):
                faults.append((table.name, "append-only and granted differ", app))
    assert catalog["alembic_version"].grants[APP_ROLE] == {"SELECT"}
    assert faults == []


def test_history_is_append_only_by_mark(catalog: Catalog) -> None:
    marked = {name for name, table in metadata.tables.items() if table.info.get("append_only")}
    assert marked >= APPEND_ONLY
    for name in APPEND_ONLY:
        words = {f"UPDATE of {column}" for column in ERASABLE_WORDS}
        assert catalog[name].grants[APP_ROLE] - words == {"SELECT", "INSERT"}, "amounts and dates stay for ever"


def test_partitions_are_reached_through_their_table_only(catalog: Catalog) -> None:
    """A partition has no policy of its own: whoever may read it directly reads every tenant."""
    partitions = [table for table in catalog.values() if table.partition]
    assert partitions
    assert [(table.name, table.grants) for table in partitions if table.grants] == []


def test_every_constraint_is_named_by_the_convention(catalog: Catalog) -> None:
    prefixes = {"p": "pk_", "u": "uq_", "f": "fk_", "c": "ck_", "x": "ex_"}
    faults = []
    for table in _tables(catalog):
        if table.name == "alembic_version":
            continue
        faults += [c.name for c in table.constraints if not c.name.startswith(prefixes[c.kind] + table.name)]
        faults += [i.name for i in table.indexes if not re.match(rf"(ix|uq|pk|ex)_{table.name}", i.name)]
    assert faults == []


def test_refusals_name_constraints_that_exist(catalog: Catalog) -> None:
    """A misspelt name in `on_constraint` would answer with a general refusal for ever."""
    present = {constraint.name for table in catalog.values() for constraint in table.constraints}
    present |= {index.name for table in catalog.values() for index in table.indexes}
    assert set(constraints._REGISTERED) - present == set()


def test_money_is_counted_in_bigint(catalog: Catalog) -> None:
    faults = [
        (table.name, column.name, column.type)
        for table in _tables(catalog)
        for column in table.columns.values()
        if (column.name.endswith("_minor") and column.type not in ("bigint", "bigint[]"))
        or column.type in ("real", "double precision", "money")
        or (re.search(r"amount|balance|price", column.name) and column.type.startswith(("numeric", "integer")))
    ]
    assert faults == []


def test_instants_have_a_zone(catalog: Catalog) -> None:
    faults = [
        (table.name, column.name)
        for table in _tables(catalog)
        for column in table.columns.values()
        if column.type.startswith("timestamp without")
        or (column.name.endswith("_at") and "with time zone" not in column.type)
    ]
    assert faults == []
