"""HTTP of the report on disputes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse

from app.exports.service import Export, log_export
from app.infra.database import Database
from app.infra.http.fields import BusinessDate, Currency, resource_response
from app.infra.http.paging import CursorInvalid, PageRequest, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.infra.rendering.csv_text import csv_chunks
from app.reports.definitions import ReportRequest
from app.reports.disputes import DisputeGroup, DisputeReportRequest, dispute_report
from app.reports.output.router_files import FILE_CONTENT, Format
from app.reports.router_parameters import known_parameters
from app.reports.router_tables import answer_file, today_of
from app.reports.schemas_disputes import HEADER, DisputeReportRead, report_cells, report_row
from app.reports.work.disputes import DEFINITION

router = APIRouter(prefix="/reports", tags=["reports"], dependencies=[Depends(known_parameters)])


@router.get(
    "/disputes",
    operation_id="reportDisputes",
    summary="Root causes of disputes",
    response_model=DisputeReportRead,
    responses={
        **problems(413),
        200: {"content": FILE_CONTENT, "description": "The report"},
    },
)
async def disputes(
    request: Request,
    principal: Annotated[Principal, callers("reports:read", "all-disputes:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    group_by: DisputeGroup = "reason",
    opened_from: Annotated[BusinessDate | None, Query(description="Opened on or after")] = None,
    opened_to: Annotated[BusinessDate | None, Query(description="Opened on or before")] = None,
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    currency: Currency | None = None,
    format: Format = "json",
) -> Response:
    """How many disputes, how much, how they ended, and how long they took (mean and median days).

    JSON rows come in pages; the totals and the files hold everything.
    """
    if format in ("xlsx", "pdf"):
        today = await today_of(request, principal)
        days = {"opened_from": opened_from, "opened_to": opened_to or today}
        options = {name: str(day) for name, day in days.items() if day is not None}
        asked = ReportRequest(today, None, group_by, legal_entity_id, account_id, currency, options=options)
        return await answer_file(request, principal, DEFINITION.build, asked, format)
    database: Database = request.app.state.report_database
    wanted = DisputeReportRequest(group_by, opened_from, opened_to, account_id, currency, legal_entity_id)
    start = _offset(page)
    async with database.read(principal.organization_id, snapshot=True) as session:
        limit = None if format == "csv" else page.limit
        report = await dispute_report(session, wanted, start=0 if format == "csv" else start, limit=limit)
    rows = [report_row(row, report.names) for row in report.rows]
    if format == "csv":
        await log_export(
            request.app.state.database, principal, Export("disputes", "csv", request.query_params, len(rows))
        )
        headers = {"Content-Disposition": f'attachment; filename="disputes-by-{group_by}.csv"'}
        chunks = csv_chunks(HEADER, (report_cells(row) for row in rows))
        return StreamingResponse(chunks, media_type="text/csv; charset=utf-8", headers=headers)
    return resource_response(
        DisputeReportRead(
            group_by=group_by,
            opened_from=opened_from,
            opened_to=opened_to,
            totals=[report_row(row, {}) for row in report.totals],
            rows=rows,
            has_more=report.has_more,
            next_cursor=page.next_cursor([start + page.limit], "disputes") if report.has_more else None,
        )
    )


def _offset(page: PageRequest) -> int:
    """The first row of the page: the order of the report is total, so that a count is a stable cursor."""
    after = page.after(1, "disputes")
    if after is None:
        return 0
    if not isinstance(after[0], int) or after[0] < 0:
        raise CursorInvalid("the cursor is damaged", pointer="/query/cursor")
    return after[0]
