"""HTTP of background work: what is owed, what failed, and another try for what is dead."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response, visible
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, reads, writes
from app.infra.jobs import JobUnknown, retry_dead
from app.infra.models import Job

router = APIRouter(prefix="/jobs", tags=["jobs"])
_SORTS = {"recorded": (SortKey(Job.id, UUID),)}
JobState = Literal["due", "leased", "done", "dead"]


class JobRead(BaseModel):
    """One piece of background work."""

    id: UUID
    kind: str = Field(examples=["cash_application.match"])
    key: str = Field(description="What the work is about, often an id")
    state: JobState = Field(description="due (also: waits for its time), leased (runs), done, dead (gave up)")
    recorded_at: datetime
    run_at: datetime = Field(description="Not before")
    attempts: int
    lease_until: datetime | None
    finished_at: datetime | None
    last_error: str | None = Field(description="Why the last attempt failed")
    allowed_actions: list[Literal["retry"]]


@router.get("", operation_id="listJobs", summary="Background work", response_model=Page[JobRead], responses=problems())
async def list_jobs(
    read: Annotated[ReadSession, reads("jobs:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    state: JobState | None = None,
    kind: Annotated[str | None, visible(100)] = None,
    key: Annotated[str | None, visible(200)] = None,
) -> Response:
    """Work by filter, newest first (`sort=recorded` for oldest first). Done work is kept for three days."""
    sort, keys = choose_sort(page, _SORTS, "-recorded")
    statement = select(Job).where(Job.organization_id == read.organization_id)
    if state is not None:
        statement = statement.where(Job.state == state)
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    if key is not None:
        statement = statement.where(Job.key == key)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [_job(row[0]) for row in rows]
    return resource_response(Page[JobRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/{job_id}",
    operation_id="getJob",
    summary="Read one piece of background work",
    response_model=JobRead,
    responses=problems(404),
)
async def get_job(job_id: UUID, read: Annotated[ReadSession, reads("jobs:read")]) -> Response:
    """Its state, attempts and last error."""
    return resource_response(await _read(read, job_id))


@router.post(
    "/{job_id}/retry",
    operation_id="retryJob",
    summary="Try dead work again",
    response_model=JobRead,
    responses=problems(404, 409),
)
async def retry_job(job_id: UUID, write: Annotated[Write, writes("jobs:write")]) -> Response:
    """Makes a dead job due again, with all its attempts."""

    async def work(session: WriteSession) -> Answer:
        await retry_dead(session, job_id)
        return answer(await _read(session, job_id))

    return await write.run(work)


async def _read(session: ReadSession, job_id: UUID) -> JobRead:
    job = await session.get(Job, (session.organization_id, job_id))
    if job is None:
        raise JobUnknown("no such job")
    return _job(job)


def _job(job: Job) -> JobRead:
    return JobRead.model_validate(
        {
            "id": job.id,
            "kind": job.kind,
            "key": job.key,
            "state": job.state,
            "recorded_at": job.recorded_at,
            "run_at": job.run_at,
            "attempts": job.attempts,
            "lease_until": job.lease_until,
            "finished_at": job.finished_at,
            "last_error": job.last_error,
            "allowed_actions": ["retry"] if job.state == "dead" else [],
        }
    )
