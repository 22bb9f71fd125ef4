"""HTTP of reports made in the background, and of their schedules."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.documents.storage import document_store
from app.infra.database import Database, ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.mail.outbox import emails_about
from app.infra.principal import Principal
from app.organizations.queries import local_today
from app.reports.catalogue import REPORTS
from app.reports.output.router_files import FILE_CONTENT, disposition
from app.reports.schedules import queries, runs, service
from app.reports.schedules.asking import definition_of
from app.reports.schedules.models import ReportDelivery, ReportRun, ReportSchedule
from app.reports.schedules.schemas import (
    ReportDeliveryRead,
    ReportKindRead,
    ReportKinds,
    ReportRunCreate,
    ReportRunRead,
    ReportScheduleCreate,
    ReportScheduleRead,
    ReportScheduleUpdate,
    RunState,
)
from app.reports.schedules.service import NewSchedule

_AS_JSON = {"schema": {"type": "object"}, "example": {"as_of": "2026-03-31", "rows": []}}
router = APIRouter(tags=["reports"])
Reading = Annotated[ReadSession, reads("reports:read")]
Running = Annotated[Write, writes("reports:read")]
Scheduling = Annotated[Write, writes("reports:read", "reports:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
_RUNS, _SCHEDULES = (SortKey(ReportRun.id, UUID),), (SortKey(ReportSchedule.id, UUID),)
_DELIVERIES = (SortKey(ReportDelivery.id, UUID),)
_NULLABLE = frozenset({"weekday", "month_day", "message"})


def _require(principal: Principal, report: str) -> None:
    for scope in definition_of(report).scopes:
        principal.require(scope)


@router.get("/reports", operation_id="listReports", summary="The reports that there are",
            response_model=ReportKinds, responses=problems())  # fmt: skip
async def list_reports(_: Annotated[Principal, callers("reports:read")]) -> Response:
    """Each with its groups and the scopes it needs. All of them can be run in the background and scheduled."""
    data = [ReportKindRead.of(REPORTS[name]) for name in sorted(REPORTS)]
    return resource_response(ReportKinds(data=data))


@router.post("/reports/runs", operation_id="runReport", summary="Have a report made in the background",
             status_code=202, response_model=ReportRunRead, responses=problems(409))  # fmt: skip
async def run_report(body: ReportRunCreate, write: Running) -> Response:
    """For long reports: answers at once; state and progress are read at the address in `Location`, the file at
    `…/file` when it is completed. Files are kept for some days."""
    _require(write.principal, body.report)

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        run_id = await runs.request_run(session, body.report, body.parameters, body.format, today)
        row = await queries.get_run(session, run_id)
        return Answer(ReportRunRead.of(row), 202, row.version, f"/v1/reports/runs/{run_id}")

    return await write.run(work)


@router.get("/reports/runs", operation_id="listReportRuns", summary="List reports made in the background",
            response_model=Page[ReportRunRead], responses=problems())  # fmt: skip
async def list_runs(
    read: Reading, page: Paging, state: RunState | None = None, report: str | None = None,
    schedule_id: UUID | None = None,
) -> Response:  # fmt: skip
    """Newest first."""
    wanted = queries.statement_of(ReportRun, read.organization_id, state=state, report=report, schedule_id=schedule_id)
    sort, keys = choose_sort(page, {"created": _RUNS}, "-created")
    rows, cursor = await fetch_page(read, wanted, page, keys, sort)
    return _page(Page[ReportRunRead], [ReportRunRead.of(row[0]) for row in rows], cursor)


@router.get("/reports/runs/{report_run_id}", operation_id="getReportRun", summary="How far a report is",
            response_model=ReportRunRead, responses=problems(404))  # fmt: skip
async def get_run(report_run_id: UUID, read: Reading) -> Response:
    """State, progress in percent, and what came of it."""
    row = await queries.get_run(read, report_run_id)
    return resource_response(ReportRunRead.of(row), version=row.version)


@router.post("/reports/runs/{report_run_id}/cancel", operation_id="cancelReportRun", summary="Stop a run",
             response_model=ReportRunRead, responses=problems(404, 409))  # fmt: skip
async def cancel_run(report_run_id: UUID, write: Running) -> Response:
    """What is half made is thrown away."""

    async def work(session: WriteSession) -> Answer:
        row = await runs.cancel_run(session, report_run_id, write.now)
        await session.flush()
        await session.refresh(row)
        return answer(ReportRunRead.of(row), version=row.version)

    return await write.run(work)


@router.get(
    "/reports/runs/{report_run_id}/file",
    operation_id="getReportRunFile",
    summary="Download a finished report",
    response_class=Response,
    responses={
        **problems(404, 409),
        200: {
            "description": "The file",
            "content": {**FILE_CONTENT, "application/json": _AS_JSON},
        },
    },
)
async def get_file(
    report_run_id: UUID, request: Request, principal: Annotated[Principal, callers("reports:read")]
) -> Response:
    """Needs the scopes of the report itself. Each download stands in the export log."""
    database: Database = request.app.state.database
    async with database.write(principal.organization_id, principal.actor) as session:
        row = await queries.get_run(session, report_run_id)
        _require(principal, row.report)
        runs.check_downloadable(row)
        runs.log_download(session, row)
        sha256, kept_in = row.sha256 or "", row.kept_in
        media_type, name = row.media_type, row.file_name or row.report
    store = document_store(request.app.state.settings, kept_in)
    content = await store.get(principal.organization_id, sha256)
    return Response(content, media_type=media_type, headers=disposition(name))


@router.post("/report-schedules", operation_id="createReportSchedule", summary="Schedule a report",
             status_code=201, response_model=ReportScheduleRead, responses=problems(409))  # fmt: skip
async def create_schedule(body: ReportScheduleCreate, write: Scheduling) -> Response:
    """By e-mail with the file attached, once for each period. Needs the scopes of the report, too."""
    _require(write.principal, body.report)

    async def work(session: WriteSession) -> Answer:
        new = NewSchedule(**{**body.model_dump(), "recipients": tuple(body.recipients)})
        row = await service.create_schedule(session, new, write.now)
        await session.refresh(row)
        return created(ReportScheduleRead.of(row), version=row.version, location=f"/v1/report-schedules/{row.id}")

    return await write.run(work)


@router.get("/report-schedules", operation_id="listReportSchedules", summary="List schedules",
            response_model=Page[ReportScheduleRead], responses=problems())  # fmt: skip
async def list_schedules(
    read: Reading, page: Paging, report: str | None = None, active: bool | None = None
) -> Response:
    """Newest first."""
    wanted = queries.statement_of(ReportSchedule, read.organization_id, report=report, active=active)
    sort, keys = choose_sort(page, {"created": _SCHEDULES}, "-created")
    rows, cursor = await fetch_page(read, wanted, page, keys, sort)
    return _page(Page[ReportScheduleRead], [ReportScheduleRead.of(row[0]) for row in rows], cursor)


@router.get("/report-schedules/{report_schedule_id}", operation_id="getReportSchedule", summary="Read a schedule",
            response_model=ReportScheduleRead, responses=problems(404))  # fmt: skip
async def get_schedule(report_schedule_id: UUID, read: Reading) -> Response:
    """With its next period."""
    row = await queries.get_schedule(read, report_schedule_id)
    return resource_response(ReportScheduleRead.of(row), version=row.version)


@router.patch("/report-schedules/{report_schedule_id}", operation_id="updateReportSchedule",
              summary="Change a schedule", response_model=ReportScheduleRead,
              responses=problems(404, 412, 428))  # fmt: skip
async def update_schedule(report_schedule_id: UUID, body: ReportScheduleUpdate, write: Scheduling) -> Response:
    """A period that was delivered is not delivered again, whatever is changed."""

    async def work(session: WriteSession) -> Answer:
        _require(write.principal, (await queries.get_schedule(session, report_schedule_id)).report)
        given = {name: getattr(body, name) for name in body.model_fields_set}
        changes = {name: value for name, value in given.items() if value is not None or name in _NULLABLE}
        row = await service.update_schedule(
            session, report_schedule_id, changes, write.now, expected_version=write.expected_version()
        )
        return await _schedule(session, row)

    return await write.run(work)


@router.post("/report-schedules/{report_schedule_id}/pause", operation_id="pauseReportSchedule",
             summary="Pause a schedule", response_model=ReportScheduleRead,
             responses=problems(404, 409, 412))  # fmt: skip
async def pause_schedule(report_schedule_id: UUID, write: Scheduling) -> Response:
    """Nothing is sent until it is resumed."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        return await _schedule(
            session, await service.pause_schedule(session, report_schedule_id, expected_version=version)
        )

    return await write.run(work)


@router.post("/report-schedules/{report_schedule_id}/resume", operation_id="resumeReportSchedule",
             summary="Resume a schedule", response_model=ReportScheduleRead,
             responses=problems(404, 409, 412))  # fmt: skip
async def resume_schedule(report_schedule_id: UUID, write: Scheduling) -> Response:
    """From the next due instant on; what was missed is not made up for."""

    async def work(session: WriteSession) -> Answer:
        row = await service.resume_schedule(
            session, report_schedule_id, write.now, expected_version=write.expected_version(required=False)
        )
        return await _schedule(session, row)

    return await write.run(work)


@router.post("/report-schedules/{report_schedule_id}/send", operation_id="sendReportSchedule",
             summary="Send a scheduled report now", status_code=202, response_model=ReportDeliveryRead,
             responses=problems(404, 409))  # fmt: skip
async def send_schedule(report_schedule_id: UUID, write: Scheduling) -> Response:
    """Besides its periods: the next one is delivered all the same."""

    async def work(session: WriteSession) -> Answer:
        _require(write.principal, (await queries.get_schedule(session, report_schedule_id)).report)
        delivery_id = await service.send_now(session, report_schedule_id, write.now)
        row = await session.get(ReportDelivery, (session.organization_id, delivery_id))
        assert row is not None
        location = f"/v1/report-schedules/{report_schedule_id}/deliveries"
        return Answer(ReportDeliveryRead.of(row), 202, None, location)

    return await write.run(work)


@router.get("/report-schedules/{report_schedule_id}/deliveries", operation_id="listReportDeliveries",
            summary="What a schedule has delivered", response_model=Page[ReportDeliveryRead],
            responses=problems(404))  # fmt: skip
async def list_deliveries(report_schedule_id: UUID, read: Reading, page: Paging) -> Response:
    """Newest first, each with its e-mails and what came of them."""
    await queries.get_schedule(read, report_schedule_id)
    wanted = queries.statement_of(ReportDelivery, read.organization_id, schedule_id=report_schedule_id)
    sort, keys = choose_sort(page, {"created": _DELIVERIES}, "-created")
    rows, cursor = await fetch_page(read, wanted, page, keys, sort)
    found = [row[0] for row in rows]
    emails = await emails_about(read, "report_delivery", [row.id for row in found]) if found else []
    return _page(Page[ReportDeliveryRead], [ReportDeliveryRead.of(row, emails) for row in found], cursor)


async def _schedule(session: WriteSession, row: ReportSchedule) -> Answer:
    await session.refresh(row)
    return answer(ReportScheduleRead.of(row), version=row.version)


def _page(schema: type[Any], data: list[Any], cursor: str | None) -> Response:
    return resource_response(schema(data=data, has_more=cursor is not None, next_cursor=cursor))
