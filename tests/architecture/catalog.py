"""What PostgreSQL's catalog says about the migrated database: tables, keys, policies, grants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

_TABLES = """
SELECT c.oid::int8 AS oid, c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS secured,
       c.relforcerowsecurity AS forced, pg_get_userbyid(c.relowner) AS owner, c.relispartition AS partition
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY c.relname
"""
_COLUMNS = """
SELECT attrelid::int8 AS oid, attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS required,
       atthasdef AS has_default, attgenerated::text <> '' AS generated
FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped AND attrelid = ANY ($1::oid[]) ORDER BY attrelid, attnum
"""
_CONSTRAINTS = """
SELECT c.conrelid::int8 AS oid, c.conname AS name, c.contype::text AS kind, c.confrelid::int8 AS target,
       pg_get_constraintdef(c.oid) AS definition,
       ARRAY(SELECT a.attname FROM unnest(c.conkey) WITH ORDINALITY k(n, i)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.i)::text[] AS columns,
       ARRAY(SELECT a.attname FROM unnest(c.confkey) WITH ORDINALITY k(n, i)
             JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.i)::text[] AS target_columns
FROM pg_constraint c WHERE c.conrelid = ANY ($1::oid[]) AND c.contype <> 'n' ORDER BY c.conrelid, c.conname
"""
_INDEXES = """
SELECT i.indrelid::int8 AS oid, c.relname AS name, i.indisunique AS is_unique,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnkeyatts) n)::text[] AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = ANY ($1::oid[]) ORDER BY 1, 2
"""
_POLICIES = """
SELECT tablename AS table, policyname AS name, permissive = 'PERMISSIVE' AS permissive, roles::text[] AS roles,
       cmd AS command, qual, with_check FROM pg_policies WHERE schemaname = 'public' ORDER BY 1, 2
"""
_GRANTS = """
SELECT c.relname AS table, coalesce(r.rolname, 'public') AS role, a.privilege_type AS privilege
FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.grantee <> c.relowner
UNION ALL
SELECT c.relname, coalesce(r.rolname, 'public'), x.privilege_type || ' of ' || t.attname
FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attacl IS NOT NULL, aclexplode(t.attacl) x
LEFT JOIN pg_roles r ON r.oid = x.grantee WHERE c.relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `required` means NOT NULL."""

    name: str
    type: str
    required: bool
    has_default: bool
    generated: bool


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint: `p` primary key, `u` unique, `f` foreign key, `c` check, `x` exclusion."""

    name: str
    kind: str
    definition: str
    columns: tuple[str, ...]
    target: str | None
    target_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An index and its key columns (or expressions)."""

    name: str
    is_unique: bool
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of row-level security."""

    name: str
    permissive: bool
    roles: tuple[str, ...]
    command: str
    qual: str | None
    with_check: str | None


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """One table, view or partition of the schema `public`."""

    name: str
    kind: str
    secured: bool
    forced: bool
    owner: str
    partition: bool
    columns: dict[str, Column]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    policies: tuple[Policy, ...]
    grants: dict[str, frozenset[str]]

    @property
    def belongs_to_tenant(self) -> bool:
        """Whether its rows belong to one organization."""
        return "organization_id" in self.columns

    def of_kind(self, kind: str) -> list[Constraint]:
        """Constraints of one kind."""
        return [constraint for constraint in self.constraints if constraint.kind == kind]


async def read_catalog(connection: asyncpg.Connection) -> dict[str, CatalogTable]:
    """Every relation with rows in the schema `public`, by name."""
    tables = await connection.fetch(_TABLES)
    oids = [row["oid"] for row in tables]
    names = {row["oid"]: row["name"] for row in tables}
    columns, constraints, indexes = [
        _by_oid(await connection.fetch(q, oids)) for q in (_COLUMNS, _CONSTRAINTS, _INDEXES)
    ]
    policies: dict[str, list[Policy]] = {}
    for row in await connection.fetch(_POLICIES):
        made = Policy(
            row["name"], row["permissive"], tuple(row["roles"]), row["command"], row["qual"], row["with_check"]
        )
        policies.setdefault(row["table"], []).append(made)
    grants: dict[str, dict[str, set[str]]] = {}
    for row in await connection.fetch(_GRANTS):
        grants.setdefault(row["table"], {}).setdefault(row["role"], set()).add(row["privilege"])
    return {
        row["name"]: CatalogTable(
            row["name"],
            row["kind"],
            row["secured"],
            row["forced"],
            row["owner"],
            row["partition"],
            {c["name"]: Column(*list(c.values())[1:]) for c in columns.get(row["oid"], [])},
            tuple(_constraint(c, names) for c in constraints.get(row["oid"], [])),
            tuple(Index(i["name"], i["is_unique"], tuple(i["columns"])) for i in indexes.get(row["oid"], [])),
            tuple(policies.get(row["name"], [])),
            {role: frozenset(found) for role, found in grants.get(row["name"], {}).items()},
        )
        for row in tables
    }


def _by_oid(rows: list[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row["oid"], []).append(row)
    return found


def _constraint(row: Any, names: dict[int, str]) -> Constraint:
    target = names.get(row["target"])
    return Constraint(
        row["name"], row["kind"], row["definition"], tuple(row["columns"]), target, tuple(row["target_columns"])
    )
