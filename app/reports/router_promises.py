"""HTTP of the report of kept promises."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.clock import utc_now
from app.infra.database import ReadSession
from app.infra.http.fields import BusinessDate, Currency, resource_response
from app.infra.http.paging import CursorInvalid, PageRequest, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import callers, reads
from app.infra.principal import Principal
from app.organizations.queries import local_today
from app.promises import lists
from app.reports.definitions import ReportRequest
from app.reports.output.router_files import FILE_CONTENT, Format
from app.reports.router_parameters import known_parameters
from app.reports.router_tables import answer_file
from app.reports.schemas_promises import PromiseReport, report_row
from app.reports.work.promises import DEFINITION

router = APIRouter(tags=["promises"], dependencies=[Depends(known_parameters)])
REPORT_DAYS_DEFAULT = 365


@router.get(
    "/reports/promises",
    operation_id="reportPromises",
    summary="The rate of kept promises",
    response_model=PromiseReport,
    responses={**problems(413), 200: {"content": FILE_CONTENT, "description": "The report"}},
)
async def report(
    request: Request,
    principal: Annotated[Principal, callers("reports:read")],
    read: Annotated[ReadSession, reads("reports:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    group_by: lists.GroupBy = "organization",
    start: Annotated[BusinessDate | None, Query(description="Promised date from; a year before the end")] = None,
    end: Annotated[BusinessDate | None, Query(description="Promised date to; today when missing")] = None,
    account_id: UUID | None = None,
    collector_id: UUID | None = None,
    currency: Currency | None = None,
    format: Format = "json",
) -> Response:
    """Kept ÷ (kept + broken), by count and by value, cancelled ones excluded; null when nothing is decided."""
    last = end or await local_today(read, utc_now())
    first = start or last - timedelta(days=REPORT_DAYS_DEFAULT)
    if format != "json":
        options = {"start": first.isoformat()} | ({} if collector_id is None else {"collector_id": str(collector_id)})
        asked = ReportRequest(last, None, group_by, None, account_id, currency, options=options)
        return await answer_file(request, principal, DEFINITION.build, asked, format)
    after = page.after(1, "promises")
    offset = 0 if after is None else after[0]
    if not isinstance(offset, int) or not 0 <= offset < 2**31:
        raise CursorInvalid("the cursor is damaged", pointer="/query/cursor")
    wanted = lists.ReportRequest(first, last, group_by, account_id, collector_id, currency)
    rows = await lists.promise_report(read, wanted, offset, page.limit + 1)
    more = len(rows) > page.limit
    return resource_response(
        PromiseReport(
            start=first,
            end=last,
            group_by=group_by,
            rows=[report_row(row) for row in rows[: page.limit]],
            has_more=more,
            next_cursor=page.next_cursor([offset + page.limit], "promises") if more else None,
        )
    )
