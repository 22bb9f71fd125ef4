"""Signs of life: `/livez` (the process), `/readyz` (it can serve), `/metrics` (Prometheus). No token is needed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import lru_cache

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from app.infra import heartbeats
from app.infra.database import Database
from app.infra.http.fields import resource_response
from app.infra.http.problems import problem_response, problems
from app.infra.telemetry import REGISTRY

READY_TIMEOUT_SECONDS = 3.0
METRICS_TIMEOUT_SECONDS = 1.0
_METRICS = {
    "schema": {"type": "string"},
    "example": "# TYPE duecourse_oldest_due_job_seconds gauge\nduecourse_oldest_due_job_seconds 0.0\n",
}
router = APIRouter(tags=["health"])
log = structlog.get_logger(__name__)


class Liveness(BaseModel):
    """The process answers."""

    status: str = "alive"


class Readiness(BaseModel):
    """The service can serve requests."""

    status: str = "ready"
    revision: str = Field(description="The migration that the database is at")
    heartbeats: dict[str, float] = Field(
        description="Seconds since the youngest sign of life of each kind of process; informs only"
    )


@router.get("/livez", operation_id="getLiveness", summary="Is the process alive", response_model=Liveness)
async def get_liveness() -> Response:
    """Answers as long as the process can answer at all; asks nothing of the database."""
    return resource_response(Liveness())


@router.get(
    "/readyz",
    operation_id="getReadiness",
    summary="Can the service serve",
    response_model=Readiness,
    responses={503: problems()[503]},
)
async def get_readiness(request: Request) -> Response:
    """503 when the database does not answer or is not at the newest migration."""
    try:
        async with asyncio.timeout(READY_TIMEOUT_SECONDS):
            revision, ages = await _ask(request.app.state.read_database)
    except Exception as error:
        log.warning("readyz.failed", reason=type(error).__name__)
        return _not_ready(request, "the database does not answer")
    newest = await asyncio.to_thread(newest_revision)
    if revision != newest:
        return _not_ready(request, f"the database is at migration {revision}, the program needs {newest}")
    return resource_response(Readiness(revision=newest, heartbeats=ages))


@router.get(
    "/metrics",
    operation_id="getMetrics",
    summary="Metrics in the Prometheus text format",
    response_class=Response,
    responses={200: {"content": {"text/plain": _METRICS}, "description": "Metrics"}},
)
async def get_metrics(request: Request) -> Response:
    """Counts and durations without tenants, ids or other personal data."""
    with suppress(Exception):  # without a database the process still has its own figures
        async with asyncio.timeout(METRICS_TIMEOUT_SECONDS):
            await _ask(request.app.state.read_database)
    written = await asyncio.to_thread(generate_latest, REGISTRY)  # each route and status is a dozen lines
    return Response(written, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _ask(database: Database) -> tuple[str, dict[str, float]]:
    async with database.across() as driver:
        revision = await driver.fetchval("SELECT version_num FROM alembic_version")
        signs = await heartbeats.latest(driver)
    return str(revision), {kind: round(max(0.0, sign.age_seconds), 1) for kind, sign in sorted(signs.items())}


@lru_cache(maxsize=1)
def newest_revision() -> str:
    """The revision that this program needs."""
    # Imported on first use: the migration tool is not needed to serve.
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from app.infra.migrate import SCRIPTS

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return str(ScriptDirectory.from_config(config).get_current_head())


def _not_ready(request: Request, detail: str) -> Response:
    return problem_response(request, 503, "not_ready", detail, headers={"Retry-After": "1"})
