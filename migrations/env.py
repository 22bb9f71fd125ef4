"""Alembic environment: runs on an open connection handed over by `app.infra.migrate`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from alembic import context
from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, ops
from sqlalchemy import CheckConstraint, Connection, MetaData, Table, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.sql.elements import conv

from app.infra.tables import Xid8
from migrations.metadata import metadata
from migrations.tenancy import APP

ischema_names["xid8"] = Xid8  # so that reflection knows the type
PARTITION = re.compile(r"_p\d{6}$|_default$")


class SecureTable(MigrateOperation):  # type: ignore[misc]
    """Renders a call of `secure_table` (or `open_table`) after each created table."""

    def __init__(self, call: str) -> None:
        self.call = call


@renderers.dispatch_for(SecureTable)
def _render(_context: Any, operation: SecureTable) -> str:
    return operation.call


def _include(_object: Any, name: str | None, kind: str, _reflected: bool, _compare: Any) -> bool:
    return not (kind == "table" and name is not None and PARTITION.search(name))


def _render_item(kind: str, item: Any, autogen: Any) -> Any:
    if kind == "type" and isinstance(item, Xid8):
        autogen.imports.add("from app.infra.tables import Xid8")
        return "Xid8()"
    return False


_ERASABLE = """
SELECT a.attname AS name, has_column_privilege(:role, a.attrelid, a.attnum, 'UPDATE') AS granted
FROM pg_attribute a WHERE a.attrelid = to_regclass(:table) AND a.attnum > 0 AND NOT a.attisdropped
"""
_DEFINED = """
SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE contype = 'c' AND conrelid = to_regclass(:table)
"""


def _change_checks(connection: Connection, script: Any) -> None:
    """CHECKs of tables that exist already: autogenerate does not compare them.

    PostgreSQL rewrites what it is given, so the wanted ones are put on an empty copy and read back from there.
    """
    for table in metadata.sorted_tables:
        found = _defined(connection, table.name)
        if not found and not connection.dialect.has_table(connection, table.name):
            continue
        wanted = _wanted(connection, table)
        script.upgrade_ops.ops += _replaced(table.name, found, wanted)
        script.downgrade_ops.ops[:0] = _replaced(table.name, wanted, found)


def _defined(connection: Connection, name: str) -> dict[str, str]:
    return {row.conname: row.definition for row in connection.execute(text(_DEFINED), {"table": name})}


def _wanted(connection: Connection, table: Table) -> dict[str, str]:
    checks = [constraint for constraint in table.constraints if isinstance(constraint, CheckConstraint)]
    compiler, preparer = connection.dialect.type_compiler_instance, connection.dialect.identifier_preparer
    parts = [f"{preparer.format_column(column)} {compiler.process(column.type)}" for column in table.columns]
    for check in checks:
        condition = check.sqltext.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        parts.append(f"CONSTRAINT {preparer.format_constraint(check)} CHECK ({condition})")
    connection.execute(text(f"CREATE TEMPORARY TABLE checked_copy ({', '.join(parts)})".replace(":", r"\:")))
    try:
        return _defined(connection, "pg_temp.checked_copy")
    finally:
        connection.execute(text("DROP TABLE pg_temp.checked_copy"))


def _replaced(table: str, present: dict[str, str], wanted: dict[str, str]) -> list[Any]:
    changed = sorted(name for name in present.keys() | wanted.keys() if present.get(name) != wanted.get(name))
    dropped = [ops.DropConstraintOp(conv(name), table, type_="check") for name in changed if name in present]
    made = [
        ops.CreateCheckConstraintOp(conv(name), table, wanted[name].removeprefix("CHECK (").removesuffix(")"))
        for name in changed
        if name in wanted
    ]
    return [*dropped, *made]


def _complete(context_: Any, _revision: Any, directives: list[Any]) -> None:
    """What autogenerate leaves out: changed CHECKs, security of each table that it creates, columns to be erased."""
    script = directives[0]
    _change_checks(context_.connection, script)
    _secure_new_tables(script)
    _grant_erasable(context_.connection, script)


def _secure_new_tables(script: Any) -> None:
    """Add security to each table that autogenerate creates: no table can be forgotten."""
    script.imports.add("from migrations.tenancy import open_table, secure_table")
    added: list[Any] = []
    for operation in _flatten(script.upgrade_ops.ops):
        if isinstance(operation, ops.CreateTableOp):
            table: Table = metadata.tables[operation.table_name]
            added.append(SecureTable(_call(table)))
    script.upgrade_ops.ops.extend(added)


def _grant_erasable(connection: Connection, script: Any) -> None:
    """Columns of present append-only tables that have become erasable: the service may overwrite them from now on."""
    for table in metadata.tables.values():
        found = connection.execute(text(_ERASABLE), {"table": table.name, "role": APP})
        granted = {row.name: row.granted for row in found}
        for column in table.info.get("erasable", ()):
            if granted and not granted.get(column):  # a column that comes with this migration has no grant yet either
                what = f'UPDATE ({column}) ON "{table.name}"'
                script.upgrade_ops.ops.append(ops.ExecuteSQLOp(f"GRANT {what} TO {APP}"))
                script.downgrade_ops.ops.insert(0, ops.ExecuteSQLOp(f"REVOKE {what} FROM {APP}"))


def _flatten(operations: Iterable[Any]) -> Iterable[Any]:
    for operation in operations:
        yield operation
        yield from _flatten(getattr(operation, "ops", []))


def _call(table: Table) -> str:
    if table.name == "organizations":
        return "secure_table('organizations', column='id', worker_reads=True)"
    if "organization_id" not in table.c:
        return f"open_table({table.name!r})"
    marks = [f"{key}=True" for key in ("append_only", "worker_reads", "worker_claims") if table.info.get(key)]
    if table.info.get("erasable"):
        marks.append(f"erasable={table.info['erasable']!r}")
    return f"secure_table({', '.join([repr(table.name), *marks])})"


def run(connection: Connection, target: MetaData) -> None:
    """Configure the context on this connection and run what was asked for."""
    context.configure(
        connection=connection,
        target_metadata=target,
        compare_type=True,
        include_object=_include,
        render_item=_render_item,
        process_revision_directives=_complete,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"], metadata)
