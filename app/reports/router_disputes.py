"""HTTP of the report on disputes."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse

from app.core.clock import utc_now
from app.exports.service import Export, log_export
from app.infra.database import Database
from app.infra.http.fields import BusinessDate, Currency, Instant, resource_response
from app.infra.http.paging import CursorInvalid, PageRequest, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.infra.rendering.csv_text import csv_chunks
from app.ledger.two_times import snapshot_at
from app.reports.definitions import ReportRequest
from app.reports.disputes import DisputeGroup, Opened, dispute_report
from app.reports.output.router_files import FILE_CONTENT, Format
from app.reports.portfolio.framing import notes_of
from app.reports.router_parameters import known_parameters
from app.reports.router_tables import answer_file
from app.reports.schemas_disputes import HEADER, DisputeReportRead, cause_row, report_cells, report_row
from app.reports.work.disputes import DEFINITION, NOTES

router = APIRouter(prefix="/reports", tags=["reports"], dependencies=[Depends(known_parameters)])


@router.get(
    "/disputes",
    operation_id="reportDisputes",
    summary="Root causes of disputes",
    response_model=DisputeReportRead,
    responses={
        **problems(409, 413),
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
    as_of: Annotated[BusinessDate | None, Query(description="As they stood on this day; today when missing")] = None,
    known_at: Annotated[Instant | None, Query(description="Rows recorded up to this instant; all when missing")] = None,
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    currency: Currency | None = None,
    in_currency: Annotated[
        Currency | None, Query(description="Convert everything to it by dated rates and add it up")
    ] = None,
    format: Format = "json",
) -> Response:
    """How many disputes, how much, how they ended, and how long they took (mean and median days); of each group the
    reasons beside it. Of a past day: state and amounts as they were then.

    JSON rows come in pages; the totals and the files hold everything.
    """
    database: Database = request.app.state.report_database
    start = 0 if format == "csv" else _offset(page)
    async with snapshot_at(database, principal.organization_id, as_of, known_at, utc_now()) as (session, times):
        asked = ReportRequest(
            times.as_of, times.known_at, group_by, legal_entity_id, account_id, currency, in_currency, 0, start,
            page.limit if format == "json" else None,
        )  # fmt: skip
        if format in ("json", "csv"):
            report = await dispute_report(session, asked, Opened(opened_from, opened_to))
    if format in ("xlsx", "pdf"):
        days = {"opened_from": opened_from, "opened_to": opened_to or times.as_of}
        options = {name: str(day) for name, day in days.items() if day is not None}
        return await answer_file(request, principal, DEFINITION.build, replace(asked, options=options), format)
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
            as_of=times.as_of,
            known_at=times.known_at,
            notes=[*NOTES, *notes_of(asked, report.converter)],
            totals=[report_row(row, {}) for row in report.totals],
            rows=rows,
            causes=[cause_row(row, report.names, report.reasons) for row in report.causes],
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
