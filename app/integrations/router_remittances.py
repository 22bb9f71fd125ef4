"""HTTP of files with remittance advices. All else about advices is in the remittances room."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from app.core.errors import DomainError
from app.infra.database import WriteSession
from app.infra.files import FileStore, ReceivedFile, register_file
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, writes
from app.integrations.import_mapping import read_mapping, read_options
from app.integrations.imports import merged_options
from app.integrations.remittance_edi import is_edi_file, read_edi_file, record_edi
from app.integrations.remittance_upload import FILE_BYTES_MAX, accounts_of, read_file
from app.integrations.schemas import JsonText
from app.integrations.schemas_remittances import RemittanceUploadRead, upload_read
from app.integrations.upload import Said, receive_upload
from app.organizations.queries import local_today
from app.remittances.record import record_advices
from app.remittances.rules import Channel

router = APIRouter(prefix="/remittance-advices", tags=["remittance advices"])
KIND = "remittance_advices"
_TEXT: dict[str, Any] = {"type": "string"}
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "mapping": {**_TEXT, "description": "JSON; see the reference of imports"},
                    "options": {**_TEXT, "description": "JSON; see the reference of imports"},
                },
            }
        },
        "text/csv": {**_BINARY, "example": "document_number,amount\nRE-2026-000123,1250.00\n"},
        _SHEET: _BINARY,
        "application/edi-x12": {
            **_BINARY,
            "example": "ISA*00*…~GS*RA*…~ST*820*0001~…~SE*10*0001~GE*1*7~IEA*1*101~",
        },
        "application/edifact": {**_BINARY, "example": "UNB+UNOC:3+…'UNH+1+REMADV:D:96A:UN'…'UNT+12+1'UNZ+1+1'"},
        "application/octet-stream": _BINARY,
    },
}


@router.post(
    "/upload",
    operation_id="uploadRemittanceAdvices",
    summary="Record remittance advices from a CSV, XLSX, X12 820 or EDIFACT REMADV file",
    response_model=RemittanceUploadRead,
    responses=problems(409, 413),
    openapi_extra={"requestBody": _BODY},
)
async def upload_advices(
    request: Request,
    write: Annotated[Write, writes("payments:write")],
    mapping: Annotated[JsonText | None, Query(description="JSON, when the body is the file itself")] = None,
    options: Annotated[JsonText | None, Query(description="JSON, when the body is the file itself")] = None,
    file_name: Annotated[str | None, Query(max_length=200)] = None,
    take_tests: Annotated[bool, Query(description="Take EDI interchanges that are marked as tests, too")] = False,
) -> Response:
    """Rows with one payment reference (and payer, currency, date) are one advice. A faulty row refuses the file.

    X12 and EDIFACT are recognised by their first segment and need no mapping; a count or control number that does not
    hold refuses the file, and a faulty segment is named. `left_out` tells what of it is no advice of a payment.

    An advice that is on record already is told as a duplicate and not recorded twice.
    """
    settings = request.app.state.settings
    store = FileStore(settings.data_dir)
    organization_id = write.principal.organization_id
    file, said = await receive_upload(
        request,
        store,
        organization_id,
        limit_bytes=min(FILE_BYTES_MAX, settings.upload_limit_bytes),
        query={"mapping": mapping, "options": options, "file_name": file_name},
        check=_check,
    )
    content = said.content("mapping")
    read_as, how = read_mapping(KIND, content), read_options(merged_options(content, said.content("options")))
    path = store.path(organization_id, file.sha256)
    if await run_in_threadpool(is_edi_file, path):
        write.fingerprint = _fingerprint(file.sha256, content, said, take_tests)

        async def record(session: WriteSession) -> Answer:
            today = await local_today(session, write.now)
            return await _record_edi(session, today, path, (how.currency, take_tests), file, said)

        return await write.run(record)
    channel: Channel = "xlsx" if await run_in_threadpool(_is_workbook, path) else "csv"

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        read = await run_in_threadpool(read_file, path, channel, read_as, how, today)
        accounts = await accounts_of(session, {number for _, number in read if number})
        await register_file(session, file, name=said.file_name, media_type=said.media_type)
        commands = [replace(command, account_id=accounts.get(number)) for command, number in read]
        return answer(upload_read(commands, _recorded(await record_advices(session, commands))))

    write.fingerprint = _fingerprint(file.sha256, content, said, take_tests)
    return await write.run(work)


def _fingerprint(sha256: str, mapping: Mapping[str, Any], said: Said, take_tests: bool) -> bytes:
    about = [sha256, mapping, said.content("options"), *([take_tests] if take_tests else [])]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).digest()


async def _record_edi(
    session: WriteSession, today: date, path: Path, how: tuple[str | None, bool], file: ReceivedFile, said: Said
) -> Answer:
    currency, take_tests = how
    read = await run_in_threadpool(read_edi_file, path, currency, today, take_tests)
    await register_file(session, file, name=said.file_name, media_type=said.media_type)
    found = await record_edi(session, read)
    results = _recorded(found.results)
    return answer(upload_read(found.commands, results, found.places, found.left_out, found.withdrawn))


def _recorded(results: list[UUID | DomainError]) -> list[UUID | DomainError]:
    """Duplicates are told; any other refusal refuses the file."""
    for result in results:
        if isinstance(result, DomainError) and result.code != "remittance_advice.duplicate":
            raise result
    return results


def _check(said: Said) -> None:
    """Refuse mapping and options that cannot be before the file is kept."""
    content = said.content("mapping")
    read_mapping(KIND, content)
    read_options(merged_options(content, said.content("options")))


def _is_workbook(path: Any) -> bool:
    with path.open("rb") as stream:
        return bool(stream.read(4) == b"PK\x03\x04")
