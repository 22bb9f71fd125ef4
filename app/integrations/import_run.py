"""Run an import from where it stands to its end. Repeatable: a worker that dies is followed by another one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from app.core.errors import DomainError
from app.infra.database import Actor, Database
from app.infra.files import FileStore
from app.integrations import queries
from app.integrations.bank_import import load_bank_file
from app.integrations.control_totals import ControlTotals
from app.integrations.import_fields import (
    ACCOUNTS,
    APPLICATIONS,
    BALANCES,
    BANK_STATEMENT,
    CONTACTS,
    FIELDS,
    INVOICES,
    ORIGINAL_AMOUNTS,
)
from app.integrations.import_mapping import ImportMapping, ImportOptions, read_mapping, read_options
from app.integrations.imports import ended, error_document
from app.integrations.load_accounts import AccountLoader
from app.integrations.load_applications import ApplicationLoader
from app.integrations.load_balances import BalanceLoader
from app.integrations.load_clearings import ClearingLoader
from app.integrations.load_contacts import ContactLoader
from app.integrations.load_invoices import InvoiceLoader
from app.integrations.load_original_amounts import OriginalAmountLoader
from app.integrations.load_payments import PaymentLoader
from app.integrations.loader import Loader, Reading
from app.integrations.row_import import ImportStopped, Progress, RowImport
from app.integrations.row_source import RowShape, RowSource, read_rows
from app.integrations.source_run import after_rows, follow_applications, watermark_of, with_base_currency
from app.integrations.xlsx_rows import read_xlsx

INTERNAL_ERROR = {"code": "import.internal_error", "detail": "the service failed several times; see its logs"}


async def run_import(
    database: Database, data_dir: Path, organization_id: UUID, import_id: UUID, *, chunks_at_once: int = 1
) -> None:
    """Load what is left of the file, then mark the import as completed, or failed with the reason.

    `chunks_at_once`: on so many connections, where the kind allows it; chunks are committed in the order of the file.
    """
    async with database.write(organization_id, Actor("system", None, "system")) as session:
        row = await queries.begin_import(session, import_id)
        errors_kept = await queries.count_row_errors(session, import_id)
    if row is None:
        return
    actor = Actor(row["requested_by_kind"], row["requested_by_id"], row["requested_by"])
    progress = Progress(row["position"], ControlTotals(row["control_totals"]), errors_kept)
    try:
        path = FileStore(data_dir).path(organization_id, row["file_sha256"])
        if row["kind"] == BANK_STATEMENT:
            await load_bank_file(database, organization_id, actor, row, path, progress)
        else:
            await _load_rows(database, organization_id, actor, row, path, progress, chunks_at_once)
    except ImportStopped:
        return
    except DomainError as refusal:
        await end_import(database, organization_id, import_id, "failed", error_document(refusal))
    else:
        await end_import(database, organization_id, import_id, "completed", None)


async def end_import(
    database: Database, organization_id: UUID, import_id: UUID, state: str, error: dict[str, Any] | None
) -> None:
    """Mark the import as ended, unless it has been cancelled meanwhile."""
    async with database.write(organization_id, Actor("system", None, "system")) as session:
        if await queries.end_import(session, import_id, state, error):
            await ended(session, import_id, state)


async def _load_rows(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    row: Any,
    path: Path,
    progress: Progress,
    chunks_at_once: int,
) -> None:
    kind, known = row["kind"], FIELDS[row["kind"]]
    mapping, options = read_mapping(kind, row["mapping"]), read_options(row["options"])
    if row["media_format"] == "xlsx":
        mapping = _with_iso_dates(mapping)
    stream = await asyncio.to_thread(path.open, "rb")
    try:
        source, shape = await asyncio.to_thread(
            _open, path, stream, row["media_format"], mapping, kind, progress.position
        )
        async with database.read(organization_id) as session:
            reading = Reading(known, mapping, await with_base_currency(session, options))
            watermark = await watermark_of(session, row, mapping, reading)
            loader = _loader(reading, row, shape)
            await loader.prepare(session)
        if kind == "applications" and not progress.position and not row["dry_run"]:
            await follow_applications(database, organization_id, actor, row, reading, source, shape)
            stream.seek(0)
            source = await asyncio.to_thread(_rows, path, stream, row["media_format"], mapping, kind)
        await RowImport(
            database=database,
            organization_id=organization_id,
            actor=actor,
            import_id=row["id"],
            loader=loader,
            source=source,
            shape=shape,
            progress=progress,
            dry_run=row["dry_run"],
            chunks_at_once=chunks_at_once,
            watermark=watermark,
        ).run()
        await after_rows(database, organization_id, actor, row, reading, watermark)
    finally:
        stream.close()


def _open(
    path: Path, stream: BinaryIO, media_format: str, mapping: ImportMapping, kind: str, position: int
) -> tuple[RowSource, RowShape]:
    """The rows, from the beginning. A fresh import looks through the whole file first: a wrong encoding or a quote
    that is never closed refuses it before anything is loaded."""
    source = _rows(path, stream, media_format, mapping, kind)
    shape = RowShape(source.header, mapping, FIELDS[kind])
    if position == 0:
        source.scan()
        stream.seek(0)
        source = _rows(path, stream, media_format, mapping, kind)
    return source, shape


def _rows(path: Path, stream: BinaryIO, media_format: str, mapping: ImportMapping, kind: str) -> RowSource:
    if media_format == "xlsx":
        return read_xlsx(path, mapping.format.decimal_separator, instants=mapping.changed_at)
    return read_rows(stream, media_format, mapping, FIELDS[kind])


def _with_iso_dates(mapping: ImportMapping) -> ImportMapping:
    """Dates of a workbook are read as yyyy-mm-dd, whatever its texts look like."""
    form = mapping.format
    return replace(mapping, format=replace(form, date_formats=("%Y-%m-%d", *form.date_formats)))


def _loader(reading: Reading, row: Any, shape: RowShape) -> Loader:
    if reading.known is ACCOUNTS:
        return AccountLoader(reading, shape.given)
    if reading.known is CONTACTS:
        return ContactLoader(reading)
    if reading.known is INVOICES:
        return InvoiceLoader(reading, row["today"], row["id"])
    if reading.known is APPLICATIONS and (reading.options.on_missing_source == "settle" or "reopened" in shape.given):
        return ClearingLoader(reading, today=row["today"])
    if reading.known is APPLICATIONS:
        return ApplicationLoader(reading)
    if reading.known is BALANCES:
        return BalanceLoader(reading, None if row["dry_run"] else row["id"])
    if reading.known is ORIGINAL_AMOUNTS:
        return OriginalAmountLoader(reading, row["id"])
    return PaymentLoader(reading, row["today"], row["id"])


__all__ = ["INTERNAL_ERROR", "ImportOptions", "end_import", "run_import"]
