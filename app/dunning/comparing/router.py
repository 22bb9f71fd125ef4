"""HTTP of comparisons of dunning policies."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.dunning import queries
from app.dunning.comparing.schemas import ComparisonCreate, ComparisonRead, comparison_read
from app.dunning.comparing.service import compare_next, start_comparison
from app.dunning.models import DunningComparison
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, reads, writes
from app.organizations.queries import local_today

router = APIRouter(prefix="/dunning/comparisons", tags=["dunning"])
DunningRead = Annotated[ReadSession, reads("dunning:read")]
DunningWrite = Annotated[Write, writes("dunning:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
_SORTS = {"created": (SortKey(DunningComparison.id, UUID),)}
INLINE_ACCOUNTS = 50


@router.post(
    "",
    operation_id="compareDunningPolicies",
    summary="Compare two versions of policies over the past",
    status_code=202,
    response_model=ComparisonRead,
    responses=problems(404),
)
async def compare(body: ComparisonCreate, write: DunningWrite) -> Response:
    """Both walk through the period on what was open on each day; nothing is sent. Small ones are done at once.

    As they were on each day: open amounts, disputes, promises, payment plans, dunning blocks, legal cases, unapplied
    cash and open credit memos. As they are now: due dates, merges of accounts and the business calendar. Everybody
    counts as reachable, and cash of the payers above an account in its group is not looked at.
    """

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        comparison_id = await start_comparison(session, body.command(), today=today)
        await compare_next(session, comparison_id, limit=INLINE_ACCOUNTS)
        made = comparison_read(await queries.get_comparison(session, comparison_id))
        return Answer(made, 202, made.version, f"/v1/dunning/comparisons/{comparison_id}")

    return await write.run(work)


@router.get(
    "",
    operation_id="listDunningComparisons",
    summary="List comparisons",
    response_model=Page[ComparisonRead],
    responses=problems(),
)
async def list_comparisons(read: DunningRead, page: Paging) -> Response:
    """The latest first."""
    sort, keys = choose_sort(page, _SORTS, "-created")
    rows, cursor = await fetch_page(read, queries.comparisons_statement(read.organization_id), page, keys, sort)
    data = [comparison_read(row[0]) for row in rows]
    return resource_response(Page[ComparisonRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/{dunning_comparison_id}",
    operation_id="getDunningComparison",
    summary="Read a comparison",
    response_model=ComparisonRead,
    responses=problems(404),
)
async def get(dunning_comparison_id: UUID, read: DunningRead) -> Response:
    """How far it is, and what each of the two would have done."""
    found = comparison_read(await queries.get_comparison(read, dunning_comparison_id))
    return resource_response(found, found.version)
