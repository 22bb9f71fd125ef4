"""HTTP of forecasts: starting and reading runs, and the models behind them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.forecasting import queries
from app.forecasting.deciding import activate_model, reject_model
from app.forecasting.models import ForecastModel, ForecastRun
from app.forecasting.queries import RunFilter, models_statement, runs_statement
from app.forecasting.rules import EXPECTED
from app.forecasting.runs import StartForecast, cancel_run, start_run
from app.forecasting.schemas import (
    ForecastModelRead,
    ForecastRunCreate,
    ForecastRunRead,
    ModelActivate,
    ModelReject,
    ModelState,
    RunKind,
    RunState,
)
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, BusinessDate, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, reads, writes
from app.infra.principal import Principal
from app.organizations.queries import local_today

router = APIRouter(prefix="/forecasts", tags=["forecasts"])
Reading = Annotated[ReadSession, reads("forecasts:read")]
Caller = Annotated[Principal, callers("forecasts:read")]
Writing = Annotated[Write, writes("forecasts:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
_RUN_SORTS = {"created": (SortKey(ForecastRun.id, UUID),)}
_MODEL_SORTS = {"created": (SortKey(ForecastModel.id, UUID),)}


@router.post(
    "/runs",
    operation_id="startForecast",
    summary="Start a forecast or a what-if",
    status_code=202,
    response_model=ForecastRunRead,
    responses=problems(404, 409),
)
async def start(body: ForecastRunCreate, write: Writing) -> Response:
    """A job makes it; read the run for its progress. With a scenario it is a what-if, and changes nothing else."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        wanted = StartForecast(
            as_of=body.as_of or today,
            known_at=body.known_at,
            scenario=EXPECTED if body.scenario is None else body.scenario.rules(),
            model_id=body.model_id,
            refit=body.refit,
            seed=body.seed,
        )
        run_id = await start_run(session, wanted, today=today, now=write.now)
        made = ForecastRunRead.of(await queries.get_run(session, run_id), write.principal.scopes)
        return Answer(made, 202, made.version, f"/v1/forecasts/runs/{run_id}")

    return await write.run(work)


@router.get(
    "/runs",
    operation_id="listForecasts",
    summary="List forecasts",
    response_model=Page[ForecastRunRead],
    responses=problems(),
)
async def list_runs(
    read: Reading,
    caller: Caller,
    page: Paging,
    kind: RunKind | None = None,
    state: RunState | None = None,
    as_of: BusinessDate | None = None,
    current: bool | None = None,
) -> Response:
    """The newest first."""
    sort, keys = choose_sort(page, _RUN_SORTS, "-created")
    statement = runs_statement(read.organization_id, RunFilter(kind, state, as_of, current))
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [ForecastRunRead.of(row[0], caller.scopes) for row in rows]
    return resource_response(Page[ForecastRunRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/runs/{forecast_run_id}",
    operation_id="getForecast",
    summary="Read a forecast's state, progress and inputs",
    response_model=ForecastRunRead,
    responses={**problems(404), 200: {"description": "The run", "headers": ETAG_HEADER}},
)
async def get_run(forecast_run_id: UUID, read: Reading, caller: Caller) -> Response:
    """What it says stands in the lists of weeks and invoices."""
    found = ForecastRunRead.of(await queries.get_run(read, forecast_run_id), caller.scopes)
    return resource_response(found, found.version)


@router.post(
    "/runs/{forecast_run_id}/cancel",
    operation_id="cancelForecast",
    summary="Stop a forecast that is not done",
    response_model=ForecastRunRead,
    responses=problems(404, 409, 412),
)
async def cancel(forecast_run_id: UUID, write: Writing) -> Response:
    """What it has computed is thrown away."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        run = await cancel_run(session, forecast_run_id, expected_version=version)
        return answer(ForecastRunRead.of(run, write.principal.scopes), version=run.version)

    return await write.run(work)


@router.get(
    "/models",
    operation_id="listForecastModels",
    summary="List forecasting models",
    response_model=Page[ForecastModelRead],
    responses=problems(),
)
async def list_models(read: Reading, caller: Caller, page: Paging, state: ModelState | None = None) -> Response:
    """The newest first; each with how it did against the naive rows, and why it is in force or not."""
    sort, keys = choose_sort(page, _MODEL_SORTS, "-created")
    rows, cursor = await fetch_page(read, models_statement(read.organization_id, state), page, keys, sort)
    data = [ForecastModelRead.of(row[0], caller.scopes) for row in rows]
    return resource_response(Page[ForecastModelRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/models/{forecast_model_id}",
    operation_id="getForecastModel",
    summary="Read a forecasting model's figures and verdict",
    response_model=ForecastModelRead,
    responses={**problems(404), 200: {"description": "The model", "headers": ETAG_HEADER}},
)
async def get_model(forecast_model_id: UUID, read: Reading, caller: Caller) -> Response:
    """Its error and coverage were measured on days that it had not seen."""
    found = ForecastModelRead.of(await queries.get_model(read, forecast_model_id), caller.scopes)
    return resource_response(found, found.version)


@router.post(
    "/models/{forecast_model_id}/activate",
    operation_id="activateForecastModel",
    summary="Put a model in force",
    response_model=ForecastModelRead,
    responses=problems(404, 409, 412),
)
async def activate(forecast_model_id: UUID, body: ModelActivate, write: Writing) -> Response:
    """From the next forecast on. Refused for a model that does not beat the naive rows."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        model = await activate_model(session, forecast_model_id, reason=body.reason, expected_version=version)
        return answer(ForecastModelRead.of(model, write.principal.scopes), version=model.version)

    return await write.run(work)


@router.post(
    "/models/{forecast_model_id}/reject",
    operation_id="rejectForecastModel",
    summary="Set a model aside",
    response_model=ForecastModelRead,
    responses=problems(404, 409, 412),
)
async def reject(forecast_model_id: UUID, body: ModelReject, write: Writing) -> Response:
    """When it was in force, the worklist goes back to each account's own share until another model is."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        model = await reject_model(session, forecast_model_id, reason=body.reason, expected_version=version)
        return answer(ForecastModelRead.of(model, write.principal.scopes), version=model.version)

    return await write.run(work)
