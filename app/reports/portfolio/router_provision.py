"""HTTP of the provision matrix: as a report, and runs that are kept with their inputs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import select

from app.infra.database import Database, ReadSession, WriteSession, settled_before
from app.infra.http.fields import BusinessDate, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, created, reads, writes
from app.ledger.two_times import resolve_times
from app.organizations.queries import get_legal_entity_facts, local_today
from app.reports.portfolio import provision
from app.reports.portfolio.models import ProvisionRun
from app.reports.portfolio.provision_groups import MatrixRequest
from app.reports.portfolio.provision_rules import (
    HORIZON_MONTHS,
    HORIZON_MONTHS_MAX,
    OBSERVATION_MONTHS,
    OBSERVATION_MONTHS_MAX,
)
from app.reports.portfolio.router import Bounds, Question, Reading
from app.reports.portfolio.schemas import (
    ProvisionRunCreate,
    ProvisionRunDetail,
    ProvisionRunRead,
    run_detail,
    run_read,
)
from app.reports.router_parameters import known_parameters
from app.reports.router_tables import REPORT_RESPONSES, answer_report, by_default
from app.reports.schemas_table import ReportRead

router = APIRouter(prefix="/reports", tags=["reports"], dependencies=[Depends(known_parameters)])
_SORTS = {"created": (SortKey(ProvisionRun.id, UUID),)}
Pool = Literal["segment", "country", "risk_class", "legal_entity", "currency", "organization"]
RunReading = Annotated[ReadSession, reads("reports:read")]


@router.get(
    "/provision-matrix",
    operation_id="reportProvisionMatrix",
    summary="Provision matrix (IFRS 9), not kept",
    response_model=ReportRead,
    responses=REPORT_RESPONSES,
)
async def provision_matrix(
    question: Question,
    principal: Reading,
    bounds: Bounds = None,
    observation_months: Annotated[int, Query(ge=1, le=OBSERVATION_MONTHS_MAX)] = OBSERVATION_MONTHS,
    horizon_months: Annotated[int, Query(ge=1, le=HORIZON_MONTHS_MAX)] = HORIZON_MONTHS,
    forward_factor: Annotated[
        str, Query(pattern=r"^(0\.[0-9]{0,5}[1-9]|[1-9][0-9]?(\.[0-9]{1,6})?|100)$", description="Up to 100")
    ] = "1",
    pool: Annotated[
        Pool | None,
        Query(description="By what loss rates are observed: the group itself where it is one of these, else segment"),
    ] = None,
) -> Response:
    """Segment × bucket → historical loss rate × forward factor → expected loss, in one currency.

    By segment unless `group_by` says otherwise. `account_id` and `currency` narrow what is shown, and not the history
    of the pool that its rates come from.
    """
    return await answer_report(
        by_default(question, "segment"), principal, provision.provision_matrix, pool=pool, bounds=bounds,
        observation_months=observation_months, horizon_months=horizon_months, forward_factor=forward_factor,
    )  # fmt: skip


@router.post(
    "/provision-runs",
    operation_id="makeProvisionRun",
    summary="Compute a provision matrix and keep it with its inputs",
    status_code=201,
    response_model=ProvisionRunDetail,
    responses=problems(404, 409),
)
async def make_run(body: ProvisionRunCreate, write: Annotated[Write, writes("reports:write")]) -> Response:
    """The run says as of which instant it was computed, so that the same rows give the same cents again."""
    read: Database = write.request.app.state.read_database
    organization_id = write.principal.organization_id
    async with read.read(organization_id) as session:
        times = await resolve_times(session, body.as_of, body.known_at, await local_today(session, write.now))
        if body.legal_entity_id is not None:
            await get_legal_entity_facts(session, body.legal_entity_id)
        known_at = times.known_at or await settled_before(session) - timedelta(microseconds=1)
    wanted = MatrixRequest(
        times.as_of, known_at, body.currency, body.legal_entity_id, None, body.observation_months,
        body.horizon_months, body.factors(), body.given_rates(),
    )  # fmt: skip
    async with read.read(organization_id, snapshot=True) as session:
        found = await provision.compute_matrix(session, wanted)

    async def work(session: WriteSession) -> Answer:
        run_id = await provision.keep_run(session, found, known_at, body.note)
        await session.flush()
        made = run_detail(*await provision.get_run(session, run_id))
        return created(made, location=f"/v1/reports/provision-runs/{run_id}")

    return await write.run(work)


@router.get(
    "/provision-runs",
    operation_id="listProvisionRuns",
    summary="List provision runs, newest first",
    response_model=Page[ProvisionRunRead],
    responses=problems(),
)
async def list_runs(
    read: RunReading,
    page: Annotated[PageRequest, Depends(page_request)],
    as_of: Annotated[BusinessDate | None, Query(description="Only runs of this day")] = None,
) -> Response:
    """Without their lines."""
    statement = select(ProvisionRun).where(ProvisionRun.organization_id == read.organization_id)
    if as_of is not None:
        statement = statement.where(ProvisionRun.as_of == as_of)
    sort, keys = choose_sort(page, _SORTS, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [run_read(row[0]) for row in rows]
    return resource_response(Page[ProvisionRunRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/provision-runs/{provision_run_id}",
    operation_id="getProvisionRun",
    summary="Read a provision run with its lines",
    response_model=ProvisionRunDetail,
    responses=problems(404),
)
async def get_run(provision_run_id: UUID, read: RunReading) -> Response:
    """Every segment and bucket with its inputs."""
    return resource_response(run_detail(*await provision.get_run(read, provision_run_id)))
