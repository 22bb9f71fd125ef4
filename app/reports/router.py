"""HTTP of the reports."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse

from app.core.aging import AgingBounds, AgingBoundsInvalid
from app.core.clock import utc_now
from app.core.money import to_text
from app.disputes.past import disputed_totals_on
from app.disputes.queries import disputed_totals
from app.exports.service import Export, log_export
from app.infra.database import Database
from app.infra.http.fields import BusinessDate, Currency, Instant, resource_response
from app.infra.http.paging import CursorInvalid, PageRequest, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.infra.rendering.csv_text import csv_chunks
from app.ledger.two_times import resolve_times
from app.organizations.queries import local_today, organization_facts
from app.reports.aging import AgingReport, group_names
from app.reports.definitions import ReportRequest
from app.reports.output.router_files import FILE_CONTENT, Format
from app.reports.router_parameters import known_parameters
from app.reports.router_tables import REPORT_RESPONSES, Asked, answer_file, answer_report, asked
from app.reports.rules import AgingRequest
from app.reports.schemas import AgingRead, GroupBy, aging_cells, aging_header, row_read
from app.reports.schemas_table import ReportRead
from app.reports.work.aging import DEFINITION, DETAIL_DEFINITION, aging_in, converter_of

router = APIRouter(prefix="/reports", tags=["reports"], dependencies=[Depends(known_parameters)])
InCurrency = Annotated[Currency | None, Query(description="Convert everything to it by dated rates and add it up")]
BOUNDS_TEXT = r"^[0-9]{1,4}(,[0-9]{1,4}){0,11}$"


@router.get(
    "/aging",
    operation_id="reportAging",
    summary="Aging as of any date, as known at any instant",
    response_model=AgingRead,
    responses={
        **problems(409, 413),
        200: {"content": FILE_CONTENT, "description": "The report"},
    },
)
async def aging(
    request: Request,
    principal: Annotated[Principal, callers("reports:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    as_of: Annotated[BusinessDate | None, Query(description="Business date; today when missing")] = None,
    known_at: Annotated[Instant | None, Query(description="Rows recorded up to this instant; all when missing")] = None,
    group_by: GroupBy = "organization",
    basis: Literal["due_date", "invoice_date"] = "due_date",
    credits: Literal["separate", "netted"] = "separate",
    bounds: Annotated[
        str | None, Query(pattern=BOUNDS_TEXT, description="Upper bounds of the buckets: 0,30,60,90")
    ] = None,
    legal_entity_id: UUID | None = None,
    account_id: UUID | None = None,
    currency: Currency | None = None,
    in_currency: InCurrency = None,
    detail: Annotated[bool, Query(description="Workbook and paper hold the open items, too")] = True,
    format: Format = "json",
) -> Response:
    """Open amounts by how late they are. The same (as_of, known_at) gives the same cents for ever.

    JSON rows come in pages; the totals and the files hold everything. Credits stand in columns of their own, or are
    netted oldest first.
    """
    database: Database = request.app.state.report_database
    async with database.read(principal.organization_id) as session:
        today = await local_today(session, utc_now())
        times = await resolve_times(session, as_of, known_at, today)
        facts = await organization_facts(session)
    wanted = AgingRequest(
        as_of=times.as_of,
        known_at=times.known_at,
        group_by=group_by,
        bounds=facts.aging if bounds is None else _bounds(bounds),
        by_invoice_date=basis == "invoice_date",
        net_credits=credits == "netted",
        legal_entity_id=legal_entity_id,
        account_id=account_id,
        currency=currency,
    )
    if format in ("xlsx", "pdf"):
        wished = _wished(wanted, in_currency, detail=detail and format == "xlsx")
        return await answer_file(request, principal, DEFINITION.build, wished, format)
    start = 0 if format == "csv" else _offset(page)
    async with database.read(principal.organization_id, snapshot=True) as session:
        converter = await converter_of(session, in_currency, wanted.as_of)
        limit = None if format == "csv" else page.limit
        report = await aging_in(session, wanted, converter, start=start, limit=limit)
        names = await group_names(session, group_by, [row.key for row in report.rows])
        narrowed: Any = {"account_id": account_id, "legal_entity_id": legal_entity_id, "currency": currency}
        disputed = await disputed_totals(session, **narrowed)
        then = disputed if wanted.as_of >= today else await disputed_totals_on(session, wanted.as_of, **narrowed)
    if format == "csv":
        export = Export("aging", "csv", request.query_params, len(report.rows))
        await log_export(request.app.state.database, principal, export)
        cells = (aging_cells(row_read(row, report.labels, names)) for row in report.rows)
        headers = {"Content-Disposition": f'attachment; filename="aging-{wanted.as_of}.csv"'}
        chunks = csv_chunks(aging_header(report), cells)
        return StreamingResponse(chunks, media_type="text/csv; charset=utf-8", headers=headers)
    return resource_response(_read(report, page, start, names, disputed, then))


@router.get(
    "/aging-detail",
    operation_id="reportAgingDetail",
    summary="Aging, item by item",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def aging_detail(
    question: Annotated[Asked, Depends(asked)],
    principal: Annotated[Principal, callers(*DETAIL_DEFINITION.scopes)],
    basis: Literal["due_date", "invoice_date"] = "due_date",
    bounds: Annotated[
        str | None, Query(pattern=BOUNDS_TEXT, description="Upper bounds of the buckets: 0,30,60,90")
    ] = None,
) -> Response:
    """Every open instalment with its bucket and days past due; open credits with a minus, so that the rows of an
    account add up to its net amount. In the documents' own currencies."""
    return await answer_report(question, principal, DETAIL_DEFINITION.build, basis=basis, bounds=bounds)


def _wished(wanted: AgingRequest, in_currency: str | None, *, detail: bool) -> ReportRequest:
    """The same question to the report that files are made of."""
    options = {
        "basis": "invoice_date" if wanted.by_invoice_date else "due_date",
        "credits": "netted" if wanted.net_credits else "separate",
        "detail": "true" if detail else "false",
        "bounds": ",".join(map(str, wanted.bounds.upper)),
    }
    return ReportRequest(
        wanted.as_of, wanted.known_at, wanted.group_by, wanted.legal_entity_id, wanted.account_id, wanted.currency,
        in_currency, options=options,
    )  # fmt: skip


def _read(
    report: AgingReport,
    page: PageRequest,
    start: int,
    names: dict[Any, tuple[str, str]],
    disputed: dict[str, int],
    then: dict[str, int],
) -> AgingRead:
    wanted = report.request
    return AgingRead.model_validate(
        {
            "as_of": wanted.as_of,
            "known_at": wanted.known_at,
            "group_by": wanted.group_by,
            "basis": "invoice_date" if wanted.by_invoice_date else "due_date",
            "credits": "netted" if wanted.net_credits else "separate",
            "disputed": [{"currency": code, "amount": to_text(minor, code)} for code, minor in then.items()],
            "disputed_now": [{"currency": code, "amount": to_text(minor, code)} for code, minor in disputed.items()],
            "totals": [row_read(row, report.labels, {}) for row in report.totals],
            "rows": [row_read(row, report.labels, names) for row in report.rows],
            "has_more": report.has_more,
            "next_cursor": page.next_cursor([start + page.limit], "aging") if report.has_more else None,
        }
    )


def _offset(page: PageRequest) -> int:
    """The first row of the page: the order of the report is total, so that a count is a stable cursor."""
    after = page.after(1, "aging")
    if after is None:
        return 0
    if not isinstance(after[0], int) or after[0] < 0:
        raise CursorInvalid("the cursor is damaged", pointer="/query/cursor")
    return after[0]


def _bounds(text: str) -> AgingBounds:
    try:
        return AgingBounds(tuple(int(part) for part in text.split(",")))
    except AgingBoundsInvalid as refusal:
        raise AgingBoundsInvalid(refusal.detail, pointer="/query/bounds") from None
