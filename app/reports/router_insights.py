"""HTTP of the monthly insights."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse

from app.core.clock import utc_now
from app.core.errors import RuleViolation
from app.exports.service import Export, log_export
from app.infra.database import Database
from app.infra.http.fields import resource_response
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.infra.rendering.csv_text import csv_chunks
from app.organizations.queries import local_today
from app.reports.definitions import ReportRequest
from app.reports.insights import monthly_insights
from app.reports.output.router_files import FILE_CONTENT, Format, make_download, send_download
from app.reports.router_parameters import known_parameters
from app.reports.schemas_insights import CSV_HEADER, InsightsRead, insight_cells, insights_read
from app.reports.work.insights import as_report

router = APIRouter(prefix="/reports", tags=["reports"], dependencies=[Depends(known_parameters)])
MONTH_TEXT = r"^(19[0-9]{2}|2[01][0-9]{2})-(0[1-9]|1[0-2])$"


class MonthInvalid(RuleViolation):
    """The month has not begun."""

    code = "report.month_invalid"


@router.get(
    "/insights",
    operation_id="reportInsights",
    summary="What cost most cash in a month, and what to do",
    response_model=InsightsRead,
    responses={
        **problems(413),
        200: {"content": FILE_CONTENT, "description": "The report"},
    },
)
async def insights(
    request: Request,
    principal: Annotated[Principal, callers("reports:read", "all-disputes:read")],
    month: Annotated[
        str | None, Query(pattern=MONTH_TEXT, description="yyyy-mm; the present one when missing", examples=["2026-03"])
    ] = None,
    format: Format = "json",
) -> Response:
    """Payment terms, reasons of disputes, steps with their outcomes, and accounts; each with one recommendation.

    Each figure carries its formula and inputs. What is overdue is what is open now and was due in or before the month.
    """
    database: Database = request.app.state.report_database
    async with database.read(principal.organization_id, snapshot=True) as session:
        today = await local_today(session, utc_now())
        first = today.replace(day=1) if month is None else date.fromisoformat(f"{month}-01")
        if first > today:
            raise MonthInvalid("the month has not begun", pointer="/query/month")
        found = await monthly_insights(session, first, today)
        made = None
        if format in ("xlsx", "pdf"):
            made = await make_download(session, as_report(found, ReportRequest(today)), format)
    report = insights_read(found)
    if made is not None:
        return await send_download(request, principal, "insights", made)
    if format == "csv":
        cells = list(insight_cells(report))
        export = Export("insights", "csv", request.query_params, len(cells))
        await log_export(request.app.state.database, principal, export)
        headers = {"Content-Disposition": f'attachment; filename="insights-{report.month}.csv"'}
        chunks = csv_chunks(CSV_HEADER, cells)
        return StreamingResponse(chunks, media_type="text/csv; charset=utf-8", headers=headers)
    return resource_response(report)
