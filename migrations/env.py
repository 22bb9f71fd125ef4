"""Alembic environment: runs on an open connection handed over by `app.infra.migrate`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from alembic import context
from alembic.autogenerate import renderers
from alembic.autogenerate.render import render_op
from alembic.operations import MigrateOperation, ops
from sqlalchemy import CheckConstraint, Connection, MetaData, Table, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.sql.elements import conv

from app.infra.tables import Xid8
from migrations.data_scope import SCOPED, call_of, policy_of
from migrations.metadata import metadata
from migrations.tenancy import APP

ischema_names["xid8"] = Xid8  # so that reflection knows the type
VERSION_LENGTH = 32  # of the column that keeps the version
PARTITION = re.compile(r"_p\d{6}$|_default$")


class SecureTable(MigrateOperation):  # type: ignore[misc]
    """Renders a call of `secure_table` (or `open_table`) after each created table."""

    def __init__(self, call: str) -> None:
        self.call = call

    def to_diff_tuple(self) -> tuple[str, str]:
        """What `alembic check` prints of it."""
        return ("secure", self.call)


@renderers.dispatch_for(SecureTable)
def _render(_context: Any, operation: SecureTable) -> str:
    return operation.call


class OnlineSteps(MigrateOperation):  # type: ignore[misc]
    """Renders steps that run while the service does: indexes built concurrently, constraints validated."""

    def __init__(self, steps: list[Any]) -> None:
        self.steps = steps

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """What `alembic check` prints of them."""
        return ("online", [step if isinstance(step, str) else step.to_diff_tuple() for step in self.steps])


@renderers.dispatch_for(OnlineSteps)
def _render_online(autogen: Any, operation: OnlineSteps) -> list[str | None]:
    lines: list[str | None] = ["with online():"]
    for step in operation.steps:
        if isinstance(step, str):
            lines.append(step)
        else:
            step.if_not_exists = True
            step.kw["postgresql_concurrently"] = True
            lines += [f"drop_half_built({step.index_name!r})", *render_op(autogen, step)]
    return [*lines, None]


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


_SCOPED_TABLES = """
SELECT c.relname AS name, obj_description(p.oid, 'pg_policy') AS mark FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE p.polname = 'data_scope' AND c.relnamespace = 'public'::regnamespace
"""
_GRANTED = """
SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
AND has_table_privilege(:role, c.oid, 'INSERT')
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
    """What autogenerate leaves out: changed CHECKs, security of each table that it creates, columns to be erased.

    What would hold up a running service goes into a second revision.
    """
    script = directives[0]
    _change_checks(context_.connection, script)
    _secure_new_tables(script)
    _grant_erasable(context_.connection, script)
    created = {op.table_name for op in _flatten(script.upgrade_ops.ops) if isinstance(op, ops.CreateTableOp)}
    later = [*_taken_out(script.upgrade_ops, created), *_scope_tables(context_.connection, script)]
    if later:
        revision = f"{script.rev_id[: VERSION_LENGTH - 7]}_online"
        directives.append(
            ops.MigrationScript(
                revision,
                ops.UpgradeOps([OnlineSteps(later)]),
                ops.DowngradeOps([]),  # the first revision drops them
                message=f"{script.message}: indexes and checks of tables in use",
                head=script.rev_id,
                imports={
                    "from migrations.online import drop_half_built, online, validate",
                    "from migrations.data_scope import create_scoped_role, scope_table",
                },
            )
        )


def _taken_out(container: Any, created: set[str]) -> list[Any]:
    """Indexes of tables in use, taken out of these operations; their CHECKs and foreign keys stay, not validated."""
    later: list[Any] = []
    kept: list[Any] = []
    for operation in container.ops:
        name = getattr(operation, "table_name", None) or getattr(operation, "source_table", None)
        stays = name is None or name in created or "partition_by" in _options(name)
        if isinstance(operation, ops.ModifyTableOps):
            later += _taken_out(operation, created)
            kept += [operation] if operation.ops else []
        elif not stays and isinstance(operation, ops.CreateIndexOp):
            later.append(operation)
        elif not stays and isinstance(operation, ops.CreateCheckConstraintOp):
            what = f'ADD CONSTRAINT "{operation.constraint_name}" CHECK ({operation.condition}) NOT VALID'
            kept.append(ops.ExecuteSQLOp(f'ALTER TABLE "{name}" {what}'))
            later.append(f"validate({name!r}, {str(operation.constraint_name)!r})")
        elif not stays and isinstance(operation, ops.CreateForeignKeyOp):
            operation.kw["postgresql_not_valid"] = True
            kept.append(operation)
            later.append(f"validate({name!r}, {str(operation.constraint_name)!r})")
        else:
            kept.append(operation)
    container.ops[:] = kept
    return later


def _options(table: str) -> Any:
    return {} if table not in metadata.tables else metadata.tables[table].dialect_options["postgresql"]._non_defaults


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
    scoped = _granted(connection)
    for table in metadata.tables.values():
        found = connection.execute(text(_ERASABLE), {"table": table.name, "role": APP})
        granted = {row.name: row.granted for row in found}
        for column in table.info.get("erasable", ()):
            if granted and not granted.get(column):  # a column that comes with this migration has no grant yet either
                what = f'UPDATE ({column}) ON "{table.name}"'
                roles = f"{APP}, {SCOPED}" if table.name in scoped else APP
                script.upgrade_ops.ops.append(ops.ExecuteSQLOp(f"GRANT {what} TO {roles}"))
                script.downgrade_ops.ops.insert(0, ops.ExecuteSQLOp(f"REVOKE {what} FROM {roles}"))


def _scope_tables(connection: Connection, script: Any) -> list[str]:
    """Steps for each table whose data scope in the database is not the wanted one, or that the scoped role cannot read.

    They are online: each asks for the lock of one table only.
    """
    marks = {row.name: row.mark for row in connection.execute(text(_SCOPED_TABLES))}
    granted = _granted(connection)
    steps: list[str] = []
    for table in metadata.sorted_tables:
        if "organization_id" not in table.c and table.name != "organizations":
            continue
        policy = policy_of(table, metadata)
        if table.name in granted and marks.get(table.name) == (policy.mark if policy else None):
            continue
        steps.append(call_of(table, policy))
        if policy is None and table.name in marks:
            steps.append(f"unscope_table({table.name!r})")
        if policy is not None and table.name not in marks:
            script.downgrade_ops.ops.insert(0, SecureTable(f"unscope_table({table.name!r})"))
            script.imports.add("from migrations.data_scope import unscope_table")
    return steps if granted or not steps else ["create_scoped_role()", *steps]


def _granted(connection: Connection) -> set[str]:
    """Tables that the scoped role may read; none where it is not there yet (roles are those of the whole server)."""
    if connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": SCOPED}).first() is None:
        return set()
    return {row.name for row in connection.execute(text(_GRANTED), {"role": SCOPED})}


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
