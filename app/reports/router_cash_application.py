"""HTTP of the report on cash application."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse

from app.cash_application.report import cash_application_report
from app.cash_application.sql.report import Window
from app.core.clock import utc_now
from app.core.errors import RuleViolation
from app.exports.service import Export, log_export
from app.infra.database import Database
from app.infra.http.fields import BusinessDate, Currency, resource_response
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.infra.rendering.csv_text import csv_chunks
from app.organizations.queries import local_today
from app.reports.definitions import ReportRequest
from app.reports.output.router_files import FILE_CONTENT, Format, make_download, send_download
from app.reports.router_parameters import known_parameters
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
        **problems(413),
        200: {"content": FILE_CONTENT, "description": "The report"},
    },
)
async def cash_application(
    request: Request,
    principal: Annotated[Principal, callers("reports:read", "cash-application:read")],
    value_from: Annotated[BusinessDate | None, Query(description="Value dates from; 90 days back when missing")] = None,
    value_to: Annotated[BusinessDate | None, Query(description="Value dates to; today when missing")] = None,
    legal_entity_id: UUID | None = None,
    currency: Currency | None = None,
    format: Format = "json",
) -> Response:
    """Of the receipts of a window: how many, by payment, line and value, were applied by themselves, and rightly."""
    database: Database = request.app.state.report_database
    async with database.read(principal.organization_id, snapshot=True) as session:
        last = value_to or await local_today(session, utc_now())
        first = value_from or last - timedelta(days=DAYS_BACK)
        if not 0 <= (last - first).days <= DAYS_MAX:
            raise WindowInvalid(f"the window has 1 to {DAYS_MAX} days", pointer="/query/value_from")
        window = Window(first, last, legal_entity_id, currency)
        report = await cash_application_report(session, window)
        made = None
        if format in ("xlsx", "pdf"):
            asked = ReportRequest(last, None, "organization", legal_entity_id, None, currency)
            made = await make_download(session, as_report(report, asked), format)
    if made is not None:
        return await send_download(request, principal, "cash-application", made)
    found = report_read(report)
    if format == "csv":
        export = Export("cash-application", "csv", request.query_params)
        await log_export(request.app.state.database, principal, export)
        headers = {"Content-Disposition": f'attachment; filename="cash-application-{first}-{last}.csv"'}
        chunks = csv_chunks(CSV_HEADER, csv_rows(found))
        return StreamingResponse(chunks, media_type="text/csv; charset=utf-8", headers=headers)
    return resource_response(found)
