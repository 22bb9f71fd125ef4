"""HTTP of what forecasts say: weeks, invoices, and how right they were; also as files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select
from starlette.responses import StreamingResponse

from app.exports.service import Export, log_export
from app.forecasting import queries, schemas_sheets
from app.forecasting.accuracy import AccuracyRequest, accuracy_sums, judged_models
from app.forecasting.errors import ForecastDetailsGone
from app.forecasting.models import ForecastAccuracy, ForecastInvoice, ForecastRun, ForecastWeeks
from app.forecasting.queries import InvoicesFilter, WeeksFilter
from app.forecasting.schemas import (
    AccuracyGroup,
    ForecastGroup,
    ForecastInvoicesPage,
    ForecastLayer,
    ForecastRunRead,
    ForecastWeeksPage,
    invoice_read,
    series_read,
)
from app.forecasting.schemas_accuracy import (
    AccuracyPage,
    AccuracyWeekRead,
    JudgedModelRead,
    accuracy_row,
    accuracy_week,
)
from app.forecasting.schemas_paper import accuracy_pdf
from app.infra.database import ReadSession
from app.infra.http.fields import BusinessDate, Currency, resource_response, text
from app.infra.http.paging import (
    CursorInvalid,
    Page,
    PageRequest,
    SortKey,
    choose_sort,
    fetch_page,
    page_request,
)
from app.infra.http.problems import problems
from app.infra.http.requests import callers, reads
from app.infra.principal import Principal
from app.infra.rendering.csv_text import csv_chunks

router = APIRouter(prefix="/forecasts", tags=["forecasts"])
Caller = Annotated[Principal, callers("forecasts:read")]
Paging = Annotated[PageRequest, Depends(page_request)]
Format = Literal["json", "csv", "xlsx"]
RunId = Annotated[UUID | None, Query(description="The forecast; the current one when missing")]
Layer = Annotated[ForecastLayer | None, Query(description="Open items, coming invoices, or both together")]
Key = Annotated[str | None, text(64), Query(description="Only this group: an id, a segment, a currency")]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_FILES: dict[str, Any] = {"text/csv": _TEXT, XLSX: _BINARY}
_WEEKS_SORTS = {"total": (SortKey(ForecastWeeks.total_minor, int), SortKey(ForecastWeeks.id, UUID))}
_INVOICE_SORTS = {
    "expected_30_days": (SortKey(ForecastInvoice.expected_30_minor, int), SortKey(ForecastInvoice.id, UUID)),
    "p50_date": (SortKey(ForecastInvoice.p50_date, date.fromisoformat), SortKey(ForecastInvoice.id, UUID)),
    "created": (SortKey(ForecastInvoice.id, UUID),),
}
_ACCURACY_SORTS = {
    "ends_on": (SortKey(ForecastAccuracy.ends_on, date.fromisoformat), SortKey(ForecastAccuracy.id, UUID))
}


@dataclass(frozen=True, slots=True)
class _File:
    """A list as a file."""

    name: str
    title: str
    header: Sequence[str]
    rows: list[schemas_sheets.Row]
    facts: tuple[schemas_sheets.Row, ...]
    on: date


@router.get(
    "/weeks",
    operation_id="listForecastWeeks",
    summary="Expected collections by week",
    response_model=ForecastWeeksPage,
    responses={**problems(404, 409, 413), 200: {"content": _FILES, "description": "The weeks"}},
)
async def list_weeks(
    request: Request,
    caller: Caller,
    page: Paging,
    run_id: RunId = None,
    group_by: ForecastGroup = "organization",
    layer: Layer = None,
    key: Key = None,
    currency: Currency | None = None,
    format: Format = "json",
) -> Response:
    """13 weeks by organization (in base currency), currency, legal entity, collector, segment or account; the largest
    first. Accounts have no layer of coming invoices of their own: it is the total less the open items.
    """
    async with request.app.state.report_database.read(caller.organization_id, snapshot=True) as session:
        run = await queries.shown_run(session, run_id)
        if group_by == "account":
            _check_details(run)
        statement = queries.weeks_statement(run, WeeksFilter(group_by, layer, key, currency))
        if format == "json":
            sort, keys = choose_sort(page, _WEEKS_SORTS, "-total")
            found, cursor = await fetch_page(session, statement, page, keys, sort)
            series = [row[0] for row in found]
        else:
            ordered = statement.order_by(ForecastWeeks.layer, ForecastWeeks.total_minor.desc(), ForecastWeeks.id)
            series, cursor = list((await session.scalars(ordered)).all()), None
        names = await queries.group_names(session, group_by, [row.key for row in series])
    if format != "json":
        rows = schemas_sheets.week_rows(series, run.as_of, names)
        made = _File("forecast-weeks", "Weeks", schemas_sheets.WEEKS_HEADER, rows, _facts(run), run.as_of)
        return await _answer(request, caller, made, format)
    data = [series_read(row, run.as_of, names) for row in series]
    head = ForecastRunRead.of(run, caller.scopes)
    return resource_response(ForecastWeeksPage(run=head, data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/invoices",
    operation_id="listForecastInvoices",
    summary="When each open instalment is paid",
    response_model=ForecastInvoicesPage,
    responses={**problems(404, 409, 413), 200: {"content": _FILES, "description": "The instalments"}},
)
async def list_invoices(
    request: Request,
    caller: Caller,
    page: Paging,
    run_id: RunId = None,
    account_id: UUID | None = None,
    collector_id: UUID | None = None,
    segment: Annotated[str | None, text(64)] = None,
    currency: Currency | None = None,
    p50_from: Annotated[BusinessDate | None, Query(description="Probably paid on this day or later")] = None,
    p50_until: Annotated[BusinessDate | None, Query(description="Probably paid on this day or earlier")] = None,
    late_60_at_least: Annotated[
        int | None, Query(ge=0, le=100, description="Percent: paid later than 60 days past due with at least this")
    ] = None,
    format: Format = "json",
) -> Response:
    """Dates by which each is paid with 10, 50 and 90 percent, probability by week, expected money."""
    late = None if late_60_at_least is None else late_60_at_least * 100
    wanted = InvoicesFilter(account_id, collector_id, segment, currency, p50_from, p50_until, late)
    async with request.app.state.report_database.read(caller.organization_id, snapshot=True) as session:
        run = await queries.shown_run(session, run_id)
        _check_details(run)
        statement = queries.invoices_statement(run, wanted)
        if format == "json":
            sort, keys = choose_sort(page, _INVOICE_SORTS, "-expected_30_days")
            if sort.endswith("p50_date"):  # a date past the model's reach has no place in that order
                statement = statement.where(ForecastInvoice.p50_date.is_not(None))
            found, cursor = await fetch_page(session, statement, page, keys, sort)
        else:
            ordered = statement.order_by(ForecastInvoice.expected_30_minor.desc(), ForecastInvoice.id)
            found, cursor = list((await session.execute(ordered.limit(schemas_sheets.ROWS_MAX + 1))).all()), None
    if format != "json":
        rows = schemas_sheets.invoice_rows(found)
        made = _File("forecast-invoices", "Invoices", schemas_sheets.INVOICES_HEADER, rows, _facts(run), run.as_of)
        return await _answer(request, caller, made, format)
    data = [invoice_read(tuple(row)) for row in found]
    head = ForecastRunRead.of(run, caller.scopes)
    return resource_response(ForecastInvoicesPage(run=head, data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/accuracy",
    operation_id="reportForecastAccuracy",
    summary="How right forecasts were, beside the naive rows",
    response_model=AccuracyPage,
    responses={**problems(413), 200: {"content": {**_FILES, "application/pdf": _BINARY}, "description": "The report"}},
)
async def accuracy(
    request: Request,
    caller: Caller,
    page: Paging,
    group_by: AccuracyGroup = "organization",
    layer: Layer = None,
    run_id: Annotated[UUID | None, Query(description="Only this forecast")] = None,
    model_id: Annotated[UUID | None, Query(description="Only forecasts by this model")] = None,
    as_of_from: BusinessDate | None = None,
    as_of_until: BusinessDate | None = None,
    key: Key = None,
    currency: Currency | None = None,
    final_only: Annotated[bool, Query(description="Only weeks whose actual does not change any more")] = False,
    format: Literal["json", "csv", "xlsx", "pdf"] = "json",
) -> Response:
    """Error, bias and coverage by week ahead, over the nights of Sundays and the forecasts on demand, against the due
    date, the customer's median and the mean of 13 weeks. A model that does not beat them is not activated.
    """
    wanted = AccuracyRequest(
        group_by, layer, run_id, model_id, as_of_from, as_of_until, key, currency, final_only
    )  # fmt: skip
    start, limit = (_offset(page), page.limit + 1) if format == "json" else (0, schemas_sheets.ROWS_MAX + 1)
    async with request.app.state.report_database.read(caller.organization_id, snapshot=True) as session:
        found = await accuracy_sums(session, wanted, limit=limit, start=start)
        names = await queries.group_names(session, group_by, [row["key"] for row in found])
        models = [JudgedModelRead.model_validate(dict(row)) for row in await judged_models(session)]
    rows = [accuracy_row(row, names) for row in found]
    if format != "json":
        facts = tuple((f"model {model.model_version}", "; ".join([model.state, *model.reasons])) for model in models)
        on = max((model.cutoff for model in models), default=date(1970, 1, 1))
        made = _File(
            "forecast-accuracy", "Accuracy", schemas_sheets.ACCURACY_HEADER, schemas_sheets.accuracy_rows(rows), facts,
            on,
        )  # fmt: skip
        if format == "pdf":
            content = await asyncio.to_thread(accuracy_pdf, rows, models, on)
            return await _sent(request, caller, made, "pdf", content, "application/pdf")
        return await _answer(request, caller, made, format)
    more = len(rows) > page.limit
    cursor = page.next_cursor([start + page.limit], "accuracy") if more else None
    body = AccuracyPage(
        group_by=group_by, models=models, data=rows[: page.limit], has_more=more, next_cursor=cursor
    )  # fmt: skip
    return resource_response(body)


@router.get(
    "/accuracy/weeks",
    operation_id="listForecastAccuracyWeeks",
    summary="Forecast and actual, week by week",
    response_model=Page[AccuracyWeekRead],
    responses=problems(),
)
async def list_accuracy_weeks(
    read: Annotated[ReadSession, reads("forecasts:read")],
    page: Paging,
    group_by: AccuracyGroup = "organization",
    layer: Layer = None,
    run_id: Annotated[UUID | None, Query(description="Only this forecast")] = None,
    week_ahead: Annotated[int | None, Query(ge=1, le=13)] = None,
    key: Key = None,
    currency: Currency | None = None,
) -> Response:
    """What the report is made of, the latest week first."""
    table = ForecastAccuracy
    statement = select(table).where(table.organization_id == read.organization_id, table.group_by == group_by)
    for column, value in (
        (table.layer, layer),
        (table.run_id, run_id),
        (table.week, week_ahead),
        (table.key, key),
        (table.currency, currency),
    ):
        if value is not None:
            statement = statement.where(column == value)
    sort, keys = choose_sort(page, _ACCURACY_SORTS, "-ends_on")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [accuracy_week(row[0]) for row in rows]
    return resource_response(Page[AccuracyWeekRead](data=data, has_more=cursor is not None, next_cursor=cursor))


def _check_details(run: ForecastRun) -> None:
    if not run.details_kept:
        raise ForecastDetailsGone("instalments and accounts of this forecast are not kept any more")


def _offset(page: PageRequest) -> int:
    """The first row of the page: the order of the report is total, so that a count is a stable cursor."""
    after = page.after(1, "accuracy")
    if after is None:
        return 0
    if not isinstance(after[0], int) or not 0 <= after[0] <= 10**9:
        raise CursorInvalid("the cursor is damaged", pointer="/query/cursor")
    return after[0]


def _facts(run: ForecastRun) -> tuple[schemas_sheets.Row, ...]:
    scenario = ", ".join(f"{name}: {value}" for name, value in run.scenario.items()) or "none"
    return (
        ("as of", run.as_of),
        ("known at", None if run.known_at is None else run.known_at.isoformat()),
        ("model", run.model_version),
        ("scenario", scenario),
        ("seed", run.seed),
        ("base currency", run.base_currency),
        *(("note", str(note)) for note in run.notes),
    )


async def _answer(request: Request, caller: Principal, made: _File, format: str) -> Response:
    if format == "csv":
        await _log(request, caller, made, format)
        chunks = csv_chunks(made.header, made.rows)
        return StreamingResponse(chunks, media_type="text/csv; charset=utf-8", headers=_named(made, format))
    content = await asyncio.to_thread(
        schemas_sheets.forecast_workbook, made.title, made.header, made.rows, made.facts, made.on
    )  # fmt: skip
    return await _sent(request, caller, made, format, content, XLSX)


async def _sent(
    request: Request, caller: Principal, made: _File, format: str, content: bytes, media_type: str
) -> Response:  # fmt: skip
    await _log(request, caller, made, format)
    return Response(content, media_type=media_type, headers=_named(made, format))


async def _log(request: Request, caller: Principal, made: _File, format: str) -> None:
    export = Export(made.name, format, request.query_params, len(made.rows))
    await log_export(request.app.state.database, caller, export)


def _named(made: _File, format: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{made.name}-{made.on}.{format}"'}
