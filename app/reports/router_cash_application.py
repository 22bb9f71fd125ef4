"""HTTP of the report on cash application."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse

from app.core.clock import utc_now
from app.core.errors import RuleViolation
from app.exports.service import Export, log_export
from app.infra.database import Database
from app.infra.http.fields import BusinessDate, Currency, Instant, resource_response
from app.infra.http.paging import CursorInvalid, PageRequest, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.infra.rendering.csv_text import csv_chunks
from app.ledger.two_times import snapshot_at
from app.reports.cash_application import grouped_cash_application
from app.reports.definitions import ReportRequest
from app.reports.output.router_files import FILE_CONTENT, Format, make_download, send_download
from app.reports.router_parameters import known_parameters
from app.reports.schemas import GroupBy
from app.reports.schemas_cash_application import CSV_HEADER, CashApplicationRead, csv_rows, report_read
from app.reports.work.cash_application import as_report

router = APIRouter(prefix="/reports", tags=["reports"], dependencies=[Depends(known_parameters)])
DAYS_BACK = 90
DAYS_MAX = 1_100


class WindowInvalid(RuleViolation):
    """The window ends before it begins, or is longer than three years."""

    code = "report.window_invalid"


@router.get(
    "/cash-application",
    operation_id="reportCashApplication",
    summary="Match rates, precision, time to apply, and why not",
    response_model=CashApplicationRead,
    responses={
        **problems(409, 413),
        200: {"content": FILE_CONTENT, "description": "The report"},
    },
)
async def cash_application(
    request: Request,
    principal: Annotated[Principal, callers("reports:read", "cash-application:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    value_from: Annotated[BusinessDate | None, Query(description="Value dates from; 90 days back when missing")] = None,
    value_to: Annotated[BusinessDate | None, Query(description="Value dates to; `as_of` when missing")] = None,
    as_of: Annotated[BusinessDate | None, Query(description="As it stood on this day; today when missing")] = None,
    known_at: Annotated[Instant | None, Query(description="Rows recorded up to this instant; all when missing")] = None,
    group_by: GroupBy = "organization",
    legal_entity_id: UUID | None = None,
    account_id: UUID | None = None,
    currency: Currency | None = None,
    in_currency: Annotated[
        Currency | None, Query(description="Convert everything to it by dated rates and add it up")
    ] = None,
    format: Format = "json",
) -> Response:
    """Of the receipts of a window: how many, by payment, line and value, were applied by themselves, and rightly.

    By group, that of whoever held the money on the day; JSON gives the groups in pages, those with the most receipts
    first.
    """
    database: Database = request.app.state.report_database
    start = _offset(page)
    made = None
    async with snapshot_at(database, principal.organization_id, as_of, known_at, utc_now()) as (session, times):
        last = value_to or times.as_of
        first = value_from or last - timedelta(days=DAYS_BACK)
        if not 0 <= (last - first).days <= DAYS_MAX:
            raise WindowInvalid(f"the window has 1 to {DAYS_MAX} days", pointer="/query/value_from")
        asked = ReportRequest(
            times.as_of, times.known_at, group_by, legal_entity_id, account_id, currency, in_currency, 0, start,
            page.limit if format == "json" else None,
        )  # fmt: skip
        found = await grouped_cash_application(session, asked, first, last)
        if format in ("xlsx", "pdf"):
            made = await make_download(session, as_report(found, asked), format)
    if made is not None:
        return await send_download(request, principal, "cash-application", made)
    cursor = page.next_cursor([start + page.limit], "cash-application") if found.has_more else None
    shown = report_read(found, asked, cursor)
    if format == "csv":
        export = Export("cash-application", "csv", request.query_params)
        await log_export(request.app.state.database, principal, export)
        headers = {"Content-Disposition": f'attachment; filename="cash-application-{first}-{last}.csv"'}
        chunks = csv_chunks(CSV_HEADER, csv_rows(shown))
        return StreamingResponse(chunks, media_type="text/csv; charset=utf-8", headers=headers)
    return resource_response(shown)


def _offset(page: PageRequest) -> int:
    after = page.after(1, "cash-application")
    offset = 0 if after is None else after[0]
    if not isinstance(offset, int) or not 0 <= offset < 2**31:
        raise CursorInvalid("the cursor is damaged", pointer="/query/cursor")
    return offset
