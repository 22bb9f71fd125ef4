"""HTTP of the report of kept promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.clock import utc_now
from app.infra.database import Database
from app.infra.http.fields import BusinessDate, Currency, Instant, resource_response
from app.infra.http.paging import CursorInvalid, PageRequest, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.ledger.two_times import snapshot_at
from app.reports.definitions import ReportRequest
from app.reports.output.router_files import FILE_CONTENT, Format
from app.reports.portfolio.framing import notes_of
from app.reports.promises import PromiseGroup, promise_report
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
    responses={**problems(409, 413), 200: {"content": FILE_CONTENT, "description": "The report"}},
)
async def report(
    request: Request,
    principal: Annotated[Principal, callers("reports:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    group_by: PromiseGroup = "organization",
    start: Annotated[BusinessDate | None, Query(description="Promised date from; a year before the end")] = None,
    end: Annotated[BusinessDate | None, Query(description="Promised date to; `as_of` when missing")] = None,
    as_of: Annotated[BusinessDate | None, Query(description="As they stood on this day; today when missing")] = None,
    known_at: Annotated[Instant | None, Query(description="Rows recorded up to this instant; all when missing")] = None,
    legal_entity_id: UUID | None = None,
    account_id: UUID | None = None,
    collector_id: UUID | None = None,
    currency: Currency | None = None,
    in_currency: Annotated[
        Currency | None, Query(description="Convert everything to it by dated rates and add it up")
    ] = None,
    format: Format = "json",
) -> Response:
    """Kept ÷ (kept + broken), by count and by value, cancelled ones excluded; null when nothing is decided.

    Of a past day: what was decided later is undecided. A promise for instalments of several legal entities is one of
    each by its part; one for the account as a whole has none.
    """
    read: Database = request.app.state.report_database
    offset = _offset(page)
    async with snapshot_at(read, principal.organization_id, as_of, known_at, utc_now()) as (session, times):
        last = end or times.as_of
        first = start or last - timedelta(days=REPORT_DAYS_DEFAULT)
        asked = ReportRequest(
            times.as_of, times.known_at, group_by, legal_entity_id, account_id, currency, in_currency
        )  # fmt: skip
        if format == "json":
            found = await promise_report(session, asked, first, last, collector_id)
    if format != "json":
        options = {"start": first.isoformat(), "end": last.isoformat()}
        options |= {} if collector_id is None else {"collector_id": str(collector_id)}
        return await answer_file(request, principal, DEFINITION.build, replace(asked, options=options), format)
    rows = found.rows[offset : offset + page.limit]
    more = len(found.rows) > offset + page.limit
    return resource_response(
        PromiseReport(
            start=first,
            end=last,
            as_of=times.as_of,
            known_at=times.known_at,
            group_by=group_by,
            notes=notes_of(asked, found.converter),
            rows=[report_row(row, group_by, found.names) for row in rows],
            has_more=more,
            next_cursor=page.next_cursor([offset + page.limit], "promises") if more else None,
        )
    )


def _offset(page: PageRequest) -> int:
    after = page.after(1, "promises")
    offset = 0 if after is None else after[0]
    if not isinstance(offset, int) or not 0 <= offset < 2**31:
        raise CursorInvalid("the cursor is damaged", pointer="/query/cursor")
    return offset
