"""HTTP of progress: one stream of events for each kind of long work, until it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.infra.database import Database
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.http.stream_router import STREAM_RESPONSE
from app.infra.http.streams import EventStream, Message, StreamCaller, Streams, not_asked_for
from app.infra.principal import Principal
from app.integrations.progress import KINDS, find_progress

router = APIRouter()
_LOOK_SECONDS = 1.0


async def _follow(request: Request, caller: Principal, kind: str, work_id: UUID) -> Response:
    """The stream of one piece of work; 404 before it begins when there is none. Raises WorkNotFound."""
    database: Database = request.app.state.read_database
    first = await find_progress(database, caller.organization_id, kind, work_id)
    refusal = not_asked_for(request)
    if refusal is not None:
        return refusal
    streams: Streams = request.app.state.streams

    async def messages(reader: StreamCaller) -> AsyncIterator[Message]:
        told, found, silent = None, first, 0.0
        while True:
            if found != told:
                yield Message({**asdict(found), "id": str(found.id)}, "progress")
                told, silent = found, 0.0
            elif silent >= streams.beat_seconds:
                yield Message()
                silent = 0.0
            if found.ended:
                return
            await streams.pause(_LOOK_SECONDS)
            silent += _LOOK_SECONDS
            (await reader.now()).require(KINDS[kind].scope)
            if streams.closing.is_set():
                yield Message()
            found = await find_progress(database, caller.organization_id, kind, work_id)

    return EventStream(request, caller, messages)


_RESPONSES = {200: STREAM_RESPONSE, **problems(404, 406)}


@router.get("/imports/{import_id}/progress", operation_id="followImport", tags=["imports"],
            summary="How far an import is, as it goes on", response_class=Response, responses=_RESPONSES)  # fmt: skip
async def follow_import(
    import_id: UUID, request: Request, caller: Annotated[Principal, callers("imports:read")]
) -> Response:
    """A message `progress` (id, state, done, total, ended) at each step, until the work ends.

    `done` and `total` are bytes of the file.
    """
    return await _follow(request, caller, "import", import_id)


@router.get("/cash-application/runs/{run_id}/progress", operation_id="followMatchingRun", tags=["cash application"],
            summary="How far a run of cash application is, as it goes on",
            response_class=Response, responses=_RESPONSES)  # fmt: skip
async def follow_matching_run(
    run_id: UUID, request: Request, caller: Annotated[Principal, callers("cash-application:read")]
) -> Response:
    """A message `progress` (id, state, done, total, ended) at each step, until the work ends.

    `done` and `total` are payments.
    """
    return await _follow(request, caller, "matching", run_id)


@router.get("/dunning/runs/{dunning_run_id}/progress", operation_id="followDunningRun", tags=["dunning"],
            summary="How far a dunning run is, as it goes on",
            response_class=Response, responses=_RESPONSES)  # fmt: skip
async def follow_dunning_run(
    dunning_run_id: UUID, request: Request, caller: Annotated[Principal, callers("dunning:read")]
) -> Response:
    """A message `progress` (id, state, done, total, ended) at each step, until the work ends.

    `done` and `total` are accounts.
    """
    return await _follow(request, caller, "dunning", dunning_run_id)


@router.get("/dunning/charging-runs/{charging_run_id}/progress", operation_id="followChargingRun", tags=["dunning"],
            summary="How far a charging run is, as it goes on",
            response_class=Response, responses=_RESPONSES)  # fmt: skip
async def follow_charging_run(
    charging_run_id: UUID, request: Request, caller: Annotated[Principal, callers("dunning:read")]
) -> Response:
    """A message `progress` (id, state, done, total, ended) at each step, until the work ends.

    `done` are accounts; how many there will be is not known before the end.
    """
    return await _follow(request, caller, "charging", charging_run_id)


@router.get("/forecasts/runs/{forecast_run_id}/progress", operation_id="followForecastRun", tags=["forecasts"],
            summary="How far a forecast is, as it goes on",
            response_class=Response, responses=_RESPONSES)  # fmt: skip
async def follow_forecast_run(
    forecast_run_id: UUID, request: Request, caller: Annotated[Principal, callers("forecasts:read")]
) -> Response:
    """A message `progress` (id, state, done, total, ended) at each step, until the work ends.

    `done` is in thousandths.
    """
    return await _follow(request, caller, "forecast", forecast_run_id)


@router.get("/reports/runs/{report_run_id}/progress", operation_id="followReportRun", tags=["reports"],
            summary="How far a report is, as it goes on",
            response_class=Response, responses=_RESPONSES)  # fmt: skip
async def follow_report_run(
    report_run_id: UUID, request: Request, caller: Annotated[Principal, callers("reports:read")]
) -> Response:
    """A message `progress` (id, state, done, total, ended) at each step, until the work ends.

    `done` is in percent.
    """
    return await _follow(request, caller, "report", report_run_id)
