"""Start and run an import in a test, the way the API and the worker do."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from app.core.ids import ImportId
from app.infra.database import Database
from app.infra.files import FileStore
from app.integrations.import_run import run_import
from app.integrations.imports import NewImport, start_import
from tests.factories import Tenant

TODAY = date(2026, 6, 1)
MAPPING: dict[str, Any] = {
    "format": {"delimiter": ";"},
    "columns": {
        "number": "No",
        "account_number": "Customer",
        "invoice_date": "Issued",
        "due_date": "Due",
        "amount": "Gross",
    },
    "constants": {"currency": "EUR", "source": "gp"},
}
HEADER = "No;Customer;Issued;Due;Gross"


def table(*rows: str, header: str = HEADER) -> bytes:
    """A CSV file of these lines."""
    return "\n".join([header, *rows, ""]).encode()


async def begin(
    database: Database,
    tenant: Tenant,
    data_dir: Path,
    content: bytes,
    kind: str = "invoices",
    mapping: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    media_format: str = "csv",
    dry_run: bool = False,
) -> ImportId:
    """Store the file and write down the import."""
    async with FileStore(data_dir).receive(tenant.organization_id, limit_bytes=10**9) as receiving:
        await receiving.write(content)
        file = await receiving.keep()
    form = "bank" if kind == "bank_statement" else media_format
    new = NewImport(kind, file, "file.csv", "text/csv", form, mapping or {}, options or {}, dry_run)
    async with database.write(tenant.organization_id, tenant.actor) as session:
        return await start_import(session, new, today=TODAY)


async def load(
    database: Database, tenant: Tenant, data_dir: Path, content: bytes, *args: Any, **kwargs: Any
) -> dict[str, Any]:
    """Begin an import and run it to its end; its row, with the row errors under `errors`."""
    import_id = await begin(database, tenant, data_dir, content, *args, **kwargs)
    await run_import(database, data_dir, tenant.organization_id, import_id)
    return await result(database, tenant, import_id)


async def result(database: Database, tenant: Tenant, import_id: UUID) -> dict[str, Any]:
    """The import's row, with the row errors as (line, field, code, severity) under `errors`."""
    async with database.read(tenant.organization_id) as session:
        row = await session.driver.fetchrow("SELECT * FROM imports WHERE id = $1", import_id)
        errors = await session.driver.fetch(
            "SELECT row_number, field, code, severity, detail FROM import_row_errors WHERE import_id = $1"
            " ORDER BY row_number, id",
            import_id,
        )
    assert row is not None
    return {**dict(row), "errors": [tuple(error)[:4] for error in errors], "details": [e["detail"] for e in errors]}


async def fetch(database: Database, tenant: Tenant, query: str, *args: Any) -> list[Any]:
    """Rows of the tenant."""
    async with database.read(tenant.organization_id) as session:
        return list(await session.driver.fetch(query, *args))
