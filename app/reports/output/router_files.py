"""A report as a download over HTTP. The file is made while the snapshot is open, and logged before it leaves."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from fastapi import Request, Response
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from app.core.clock import utc_now, zone
from app.exports.service import Export, log_export
from app.infra.database import ReadSession
from app.infra.principal import Principal
from app.organizations.queries import organization_facts
from app.reports.output.files import MEDIA_TYPES, MadeFile, make_file
from app.reports.output.workbook import Masthead
from app.reports.tables import Report

Format = Literal["json", "csv", "xlsx", "pdf"]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
FILE_CONTENT: dict[str, Any] = {
    "text/csv": {"schema": {"type": "string"}},
    MEDIA_TYPES["xlsx"]: _BINARY,
    MEDIA_TYPES["pdf"]: _BINARY,
}
"""What a 200 of a report may hold besides JSON, for `responses=`."""


async def masthead_of(session: ReadSession) -> Masthead:
    """Whose report it is, and the local time at which it is made."""
    facts = await organization_facts(session)
    return Masthead(facts.name, utc_now().astimezone(zone(facts.time_zone)))


def disposition(name: str) -> dict[str, str]:
    """Headers of a download under this name (RFC 6266), kept by nobody on the way."""
    plain = "".join(ch if ch.isascii() and (ch.isalnum() or ch in "-_.") else "_" for ch in name)
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }


@asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    """A folder that is gone when anything goes wrong; otherwise whoever sends the file removes it."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="duecourse-report-"))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


async def make_download(session: ReadSession, report: Report, form: str) -> MadeFile:
    """The report as a file of its own folder. Call it in the snapshot; give the file to `send_download` after it.

    Raises WorkbookTooLong, PaperTooLarge.
    """
    async with _folder() as folder:
        return await make_file(report, form, folder, await masthead_of(session))


async def send_download(
    request: Request, principal: Principal, report: str, made: MadeFile, filters: Mapping[str, str] | None = None
) -> Response:
    """Log that the file leaves, then answer it. `filters` are those of the query when missing."""
    folder = made.path.parent
    try:
        form = made.path.suffix.removeprefix(".")
        asked = dict(request.query_params) if filters is None else filters
        await log_export(request.app.state.database, principal, Export(report, form, asked, made.rows))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    cleaning = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(made.path, media_type=made.media_type, headers=disposition(made.name), background=cleaning)
