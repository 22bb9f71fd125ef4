"""HTTP of imports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.infra.database import ReadSession, WriteSession
from app.infra.files import FileStore, ReceivedFile
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, reads, writes
from app.infra.principal import Principal
from app.integrations import queries
from app.integrations.errors import UploadInvalid
from app.integrations.import_fields import BANK_STATEMENT, SCOPES
from app.integrations.imports import NewImport, cancel_import, check, start_import
from app.integrations.models import Import, ImportRowError
from app.integrations.presets import overruled, preset, presets
from app.integrations.queries import ImportFilter
from app.integrations.schemas import (
    ImportKind,
    ImportRead,
    ImportRowErrorRead,
    ImportState,
    JsonText,
    Severity,
    import_read,
    row_error_read,
)
from app.integrations.upload import Said, receive_upload
from app.organizations.queries import local_today

router = APIRouter(prefix="/imports", tags=["imports"])
_SORTS = {"created": (SortKey(Import.id, UUID),)}
_ROW_SORTS = {"row_number": (SortKey(ImportRowError.row_number, int), SortKey(ImportRowError.id, UUID))}
_TEXT: dict[str, Any] = {"type": "string"}
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_ROWS = """number,account_number,currency,amount,invoice_date,due_date
RE-2026-000123,10042,EUR,1250.00,2026-03-01,2026-03-31
"""
_LINE = '{"number": "RE-2026-000123", "account_number": "10042", "currency": "EUR", "amount": "1250.00"}\n'
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "kind": {"type": "string", "enum": list(get_args(ImportKind))},
                    "preset": {
                        **_TEXT,
                        "description": "A shipped mapping, or an own bank profile",
                    },
                    "mapping": {**_TEXT, "description": "JSON; see the reference of imports"},
                    "options": {**_TEXT, "description": "JSON; see the reference of imports"},
                    "dry_run": {"type": "string", "enum": ["true", "false"]},
                },
            }
        },
        "text/csv": {**_BINARY, "example": _ROWS},
        "application/x-ndjson": {**_BINARY, "example": _LINE},
        "application/xml": {**_BINARY, "example": "<Document>…</Document>"},
        "application/octet-stream": _BINARY,
    },
}


@router.post(
    "",
    operation_id="createImport",
    summary="Load a file",
    status_code=202,
    response_model=ImportRead,
    responses=problems(404, 409, 413),
    openapi_extra={"requestBody": _BODY},
)
async def create_import(
    request: Request,
    write: Annotated[Write, writes("imports:write")],
    kind: Annotated[ImportKind | None, Query(description="What the rows are; needed here or in the form")] = None,
    mapping: Annotated[JsonText | None, Query(description="JSON, when the body is the file itself")] = None,
    options: Annotated[JsonText | None, Query(description="JSON, when the body is the file itself")] = None,
    dry_run: bool = False,
    file_name: Annotated[str | None, Query(max_length=200)] = None,
    preset_name: Annotated[
        str | None,
        Query(
            alias="preset",
            max_length=60,
            description="A shipped mapping or an own bank profile; `mapping` overrules its parts",
        ),
    ] = None,
) -> Response:
    """Answers at once; a worker loads the rows. Read the import until its state says how it ended.

    Besides imports:write the caller needs the write scope of what is loaded (invoices:write …).
    """
    settings = request.app.state.settings
    query = {"kind": kind, "mapping": mapping, "options": options, "file_name": file_name}
    query["dry_run"] = "true" if dry_run else None
    query["preset"] = preset_name
    if kind is not None:
        write.principal.require(SCOPES[kind])
    file, said = await receive_upload(
        request,
        FileStore(settings.data_dir),
        write.principal.organization_id,
        limit_bytes=settings.upload_limit_bytes,
        query=query,
        check=lambda said: _check(write.principal, said),
    )
    new = _new_import(file, said)

    async def work(session: WriteSession) -> Answer:
        import_id = await start_import(session, new, today=await local_today(session, write.now))
        made = import_read(await queries.get_import(session, import_id))
        return Answer(made, 202, made.version, f"/v1/imports/{import_id}")

    write.fingerprint = _fingerprint(new)
    return await write.run(work)


def _check(principal: Principal, said: Said) -> None:
    """Refuse what cannot be imported before the file is kept."""
    mapping = _mapping(said)
    kind = said.texts["kind"] = said.texts.get("kind") or str(mapping.get("kind", ""))
    if kind not in SCOPES:
        raise UploadInvalid(f"kind is one of {', '.join(SCOPES)}", pointer="/kind")
    principal.require(SCOPES[kind])
    said.flag("dry_run")
    if _own_profile(said) is None:  # else it is checked together with the profile
        check(kind, mapping, said.content("options"))


def _mapping(said: Said) -> Mapping[str, Any]:
    """The caller's mapping, over that of the preset. Raises UploadInvalid, PresetUnknown."""
    own, name = said.content("mapping"), said.texts.get("preset")
    return overruled(preset(name), own) if name and _own_profile(said) is None else own


def _own_profile(said: Said) -> str | None:
    """The organization's own bank profile that is named as preset, or None."""
    name = said.texts.get("preset")
    return name if name and said.texts.get("kind") == BANK_STATEMENT and name not in presets() else None


def _new_import(file: ReceivedFile, said: Said) -> NewImport:
    kind = said.texts["kind"]
    return NewImport(
        kind=kind,
        file=file,
        file_name=said.file_name,
        media_type=said.media_type,
        media_format=_format(kind, said),
        mapping=_mapping(said),
        options=said.content("options"),
        dry_run=said.flag("dry_run"),
        profile=_own_profile(said),
    )


def _format(kind: str, said: Said) -> str:
    if kind == BANK_STATEMENT:
        return "bank"
    if said.file_name.lower().endswith(".xlsx") or "spreadsheetml" in said.media_type:
        return "xlsx"
    ndjson = "ndjson" in said.media_type or "jsonl" in said.media_type
    return "ndjson" if ndjson or said.file_name.lower().endswith((".ndjson", ".jsonl")) else "csv"


def _fingerprint(new: NewImport) -> bytes:
    """What an Idempotency-Key stands for: the file's content and everything said about it."""
    said = [new.kind, new.file.sha256, new.media_format, new.mapping, new.options, new.dry_run, new.profile]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()


@router.get(
    "", operation_id="listImports", summary="List imports", response_model=Page[ImportRead], responses=problems()
)
async def list_imports(
    read: Annotated[ReadSession, reads("imports:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    kind: ImportKind | None = None,
    state: ImportState | None = None,
) -> Response:
    """Imports in the order in which they were started (`-created` for the latest first)."""
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = queries.imports_statement(read.organization_id, ImportFilter(kind, state))
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [import_read(row[0]) for row in rows]
    return resource_response(Page[ImportRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/{import_id}",
    operation_id="getImport",
    summary="Read an import",
    response_model=ImportRead,
    responses=problems(404),
)
async def get_import(import_id: UUID, read: Annotated[ReadSession, reads("imports:read")]) -> Response:
    """State, counts, progress and control totals."""
    found = import_read(await queries.get_import(read, import_id))
    return resource_response(found, found.version)


@router.get(
    "/{import_id}/errors",
    operation_id="listImportErrors",
    summary="List refused rows",
    response_model=Page[ImportRowErrorRead],
    responses=problems(404),
)
async def list_import_errors(
    import_id: UUID,
    read: Annotated[ReadSession, reads("imports:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    severity: Severity | None = None,
) -> Response:
    """What was wrong with rows, in the order of the file. The first 10,000 are kept; the counts are exact."""
    await queries.get_import(read, import_id)
    sort, keys = choose_sort(page, _ROW_SORTS, "row_number")
    statement = queries.row_errors_statement(read.organization_id, import_id, severity)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [row_error_read(row[0]) for row in rows]
    return resource_response(Page[ImportRowErrorRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/{import_id}/cancel",
    operation_id="cancelImport",
    summary="Stop an import",
    response_model=ImportRead,
    responses=problems(404, 409),
)
async def cancel(import_id: UUID, write: Annotated[Write, writes("imports:write")]) -> Response:
    """What was loaded stays; the rest of the file is not read."""

    async def work(session: WriteSession) -> Answer:
        await cancel_import(session, import_id)
        made = import_read(await queries.get_import(session, import_id))
        return answer(made, version=made.version)

    return await write.run(work)
