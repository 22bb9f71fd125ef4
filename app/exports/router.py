"""HTTP of the log of exports."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.clock import zone
from app.exports.models import ExportRecord
from app.exports.queries import ExportFilter, exports_statement
from app.exports.schemas import ExportFormat, ExportRead
from app.infra.database import ReadSession
from app.infra.http.fields import BusinessDate, resource_response, text
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import reads
from app.organizations.queries import organization_facts

router = APIRouter(tags=["audit"])
_SORTS = {"made": (SortKey(ExportRecord.id, UUID),)}


@router.get(
    "/export-log",
    operation_id="listExports",
    summary="Who took which data out as a file",
    response_model=Page[ExportRead],
    responses=problems(),
)
async def list_exports(
    read: Annotated[ReadSession, reads("audit:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    name: Annotated[str, text(64)] | None = None,
    format: ExportFormat | None = None,
    actor_id: UUID | None = None,
    since: Annotated[BusinessDate | None, Query(description="Made on this day or later")] = None,
    until: Annotated[BusinessDate | None, Query(description="Made on this day or earlier")] = None,
) -> Response:
    """Newest first. A row is written before the first byte leaves."""
    local = zone((await organization_facts(read)).time_zone)
    wanted = ExportFilter(
        name=name,
        format=format,
        actor_id=actor_id,
        since=None if since is None else datetime.combine(since, time.min, local),
        until=None if until is None else datetime.combine(until + timedelta(days=1), time.min, local),
    )
    sort, keys = choose_sort(page, _SORTS, "-made")
    found, cursor = await fetch_page(read, exports_statement(read.organization_id, wanted), page, keys, sort)
    rows: list[Any] = list(found)
    data = [ExportRead.of(row[0]) for row in rows]
    return resource_response(Page[ExportRead](data=data, has_more=cursor is not None, next_cursor=cursor))
