"""Alembic environment: runs on an open connection handed over by `app.infra.migrate`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from alembic import context
from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, ops
from sqlalchemy import Connection, MetaData, Table
from sqlalchemy.dialects.postgresql.base import ischema_names

from app.infra.tables import Xid8
from migrations.metadata import metadata

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


def _secure_new_tables(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """Add security to each table that autogenerate creates: no table can be forgotten."""
    script = directives[0]
    script.imports.add("from migrations.tenancy import open_table, secure_table")
    added: list[Any] = []
    for operation in _flatten(script.upgrade_ops.ops):
        if isinstance(operation, ops.CreateTableOp):
            table: Table = metadata.tables[operation.table_name]
            added.append(SecureTable(_call(table)))
    script.upgrade_ops.ops.extend(added)


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
    return f"secure_table({', '.join([repr(table.name), *marks])})"


def run(connection: Connection, target: MetaData) -> None:
    """Configure the context on this connection and run what was asked for."""
    context.configure(
        connection=connection,
        target_metadata=target,
        compare_type=True,
        include_object=_include,
        render_item=_render_item,
        process_revision_directives=_secure_new_tables,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"], metadata)
