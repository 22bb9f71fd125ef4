"""HTTP of progress: one stream of events for each kind of long work, until it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

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
_WORK: tuple[tuple[str, str, str, str, str, str, str, str], ...] = (
    ("import", "/imports/{import_id}", "followImport", "imports", "an import", "imports:read", "import_id",
     "`done` and `total` are bytes of the file."),
    ("matching", "/cash-application/runs/{run_id}", "followMatchingRun", "cash application",
     "a run of cash application", "cash-application:read", "run_id", "`done` and `total` are payments."),
    ("dunning", "/dunning/runs/{dunning_run_id}", "followDunningRun", "dunning", "a dunning run", "dunning:read",
     "dunning_run_id", "`done` and `total` are accounts."),
    ("charging", "/dunning/charging-runs/{charging_run_id}", "followChargingRun", "dunning", "a charging run",
     "dunning:read", "charging_run_id",
     "`done` are accounts; how many there will be is not known before the end."),
    ("forecast", "/forecasts/runs/{forecast_run_id}", "followForecastRun", "forecasts", "a forecast", "forecasts:read",
     "forecast_run_id", "`done` is in thousandths."),
    ("report", "/reports/runs/{report_run_id}", "followReportRun", "reports", "a report", "reports:read",
     "report_run_id", "`done` is in percent."),
)  # fmt: skip
"""Kind of work, its address, operation, tag, words, scope, the name of its id in the address, and what is counted."""


def _offer(
    kind: str, path: str, operation_id: str, tag: str, words: str, scope: str, parameter: str, counted: str
) -> None:
    async def follow(
        request: Request, work_id: UUID = Path(alias=parameter), caller: Principal = callers(scope)
    ) -> Response:
        return await _follow(request, caller, kind, work_id)

    router.get(
        f"{path}/progress",
        operation_id=operation_id,
        tags=[tag],
        summary=f"How far {words} is, as it goes on",
        description="A message `progress` (id, state, done, total, ended) at each step, until the work ends.\n\n"
        + counted,
        response_class=Response,
        responses=_RESPONSES,
    )(follow)


for _work in _WORK:
    _offer(*_work)
