"""HTTP of credit reviews."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.clock import utc_now
from app.credit import queries
from app.credit.models import CreditLimitChange, CreditProfile, CreditReview
from app.credit.reviews import service
from app.credit.reviews.schemas import (
    CreditCountsRead,
    CreditLimitChangeRead,
    CreditReviewApprove,
    CreditReviewCreate,
    CreditReviewRead,
    CreditReviewReject,
    CreditReviewUpdate,
    ReviewDueRead,
    ReviewState,
    ScoredAccountRead,
    due_read,
    review_read,
    scored_read,
)
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
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
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.organizations.queries import local_today

router = APIRouter(prefix="/credit", tags=["credit"])
Reading = Annotated[ReadSession, reads("credit:read")]
Writing = Annotated[Write, writes("credit:write")]
Approving = Annotated[Write, writes("credit:approve")]
Caller = Annotated[Principal, callers()]
Paging = Annotated[PageRequest, Depends(page_request)]


@router.post("/reviews", operation_id="openCreditReview", summary="Open a review", status_code=201,
             response_model=CreditReviewRead, responses=problems(404, 409))  # fmt: skip
async def open_review(body: CreditReviewCreate, write: Writing) -> Response:
    """A draft with the present limit and terms; an account has one open review at a time."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        review_id = await service.open_review(session, service.NewReview(**body.model_dump()), today)
        made = await _read(session, review_id, write.principal)
        return created(made, version=made.version, location=f"/v1/credit/reviews/{review_id}")

    return await write.run(work)


@router.get("/reviews", operation_id="listCreditReviews", summary="List reviews",
            response_model=Page[CreditReviewRead], responses=problems())  # fmt: skip
async def list_reviews(
    read: Reading, caller: Caller, page: Paging, account_id: UUID | None = None, state: ReviewState | None = None
) -> Response:
    """Reviews by filter; `state=recommended` is the queue of whoever approves."""
    statement = queries.statement_of(CreditReview, read.organization_id, {"account_id": account_id, "state": state})
    sort, keys = choose_sort(page, {"created": (SortKey(CreditReview.id, UUID),)}, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [review_read(row[0], caller.actor.id, caller.scopes) for row in rows]
    return resource_response(Page[CreditReviewRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get("/reviews/due", operation_id="listCreditReviewsDue", summary="List accounts whose review is due",
            response_model=Page[ReviewDueRead], responses=problems())  # fmt: skip
async def reviews_due(read: Reading, page: Paging, collector_id: UUID | None = None) -> Response:
    """By risk class and the validity of the limit, longest due first; accounts with an open review are left out."""
    today = await local_today(read, utc_now())
    after = page.after(2, "due")
    try:
        behind = None if after is None else (date.fromisoformat(after[0]), UUID(after[1]))
    except (ValueError, TypeError, AttributeError):
        raise CursorInvalid("the cursor is damaged", pointer="/query/cursor") from None
    rows = await queries.reviews_due(read, today, page.limit + 1, after=behind, collector_id=collector_id)
    shown, more = rows[: page.limit], len(rows) > page.limit
    cursor = page.next_cursor([shown[-1]["next_review_on"], shown[-1]["account_id"]], "due") if more else None
    data = [due_read(row) for row in shown]
    return resource_response(Page[ReviewDueRead](data=data, has_more=more, next_cursor=cursor))


@router.get("/reviews/{credit_review_id}", operation_id="getCreditReview", summary="Read a review",
            response_model=CreditReviewRead, responses=problems(404))  # fmt: skip
async def get_review(credit_review_id: UUID, read: Reading, caller: Caller) -> Response:
    """One review; `ETag` is its version."""
    found = await _read(read, credit_review_id, caller)
    return resource_response(found, found.version)


@router.patch("/reviews/{credit_review_id}", operation_id="updateCreditReview", summary="Propose otherwise",
              response_model=CreditReviewRead, responses=problems(404, 409, 412, 428))  # fmt: skip
async def update_review(credit_review_id: UUID, body: CreditReviewUpdate, write: Writing) -> Response:
    """Another limit, other terms, risk class or validity than recommended; the caller then does not decide it."""

    async def work(session: WriteSession) -> Answer:
        currency = (await queries.get_review(session, credit_review_id)).currency
        today, expected = await local_today(session, write.now), write.expected_version()
        await service.change_proposal(session, credit_review_id, body.changes(currency), today, expected)
        return await _answer(session, credit_review_id, write)

    return await write.run(work)


@router.post("/reviews/{credit_review_id}/recommend", operation_id="recommendCreditReview",
             summary="Compute the recommendation", response_model=CreditReviewRead,
             responses=problems(404, 409, 412, 428))  # fmt: skip
async def recommend(credit_review_id: UUID, write: Writing) -> Response:
    """From sales, behaviour, figures and securities of today, with its reasons; the proposal starts from it."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        await service.recommend_review(session, credit_review_id, today, write.expected_version())
        return await _answer(session, credit_review_id, write)

    return await write.run(work)


@router.post("/reviews/{credit_review_id}/approve", operation_id="approveCreditReview", summary="Approve a review",
             response_model=CreditReviewRead, responses=problems(404, 409, 412, 428))  # fmt: skip
async def approve(credit_review_id: UUID, body: CreditReviewApprove, write: Approving) -> Response:
    """The account gets the proposed limit, terms and risk class. Never by whoever opened, proposed or edited it."""

    async def work(session: WriteSession) -> Answer:
        today, expected = await local_today(session, write.now), write.expected_version()
        await service.approve_review(session, credit_review_id, body.note, today, expected)
        return await _answer(session, credit_review_id, write)

    return await write.run(work)


@router.post("/reviews/{credit_review_id}/reject", operation_id="rejectCreditReview", summary="Reject a review",
             response_model=CreditReviewRead, responses=problems(404, 409, 412, 428))  # fmt: skip
async def reject(credit_review_id: UUID, body: CreditReviewReject, write: Approving) -> Response:
    """Limit and terms stay as they are."""

    async def work(session: WriteSession) -> Answer:
        today, expected = await local_today(session, write.now), write.expected_version()
        await service.reject_review(session, credit_review_id, body.note, today, expected)
        return await _answer(session, credit_review_id, write)

    return await write.run(work)


@router.get("/counts", operation_id="getCreditCounts", summary="How much waits in credit",
            response_model=CreditCountsRead, responses=problems())  # fmt: skip
async def counts(read: Reading) -> Response:
    """Referred orders, reviews, holds, securities that end soon, accounts by credit status."""
    found = await queries.credit_counts(read, await local_today(read, utc_now()))
    return resource_response(CreditCountsRead(**found))


@router.get("/scores", operation_id="listCreditScores", summary="List accounts by their score",
            response_model=Page[ScoredAccountRead], responses=problems())  # fmt: skip
async def list_scores(
    read: Reading,
    page: Paging,
    max_score: Annotated[int | None, Query(ge=0, le=100)] = None,
    collector_id: UUID | None = None,
) -> Response:
    """Accounts that have a score, the worst first; `sort=-score` for the best."""
    statement = queries.profiles_statement(read.organization_id, max_score, collector_id)
    sorts = {"score": (SortKey(CreditProfile.score, int), SortKey(CreditProfile.id, UUID))}
    sort, keys = choose_sort(page, sorts, "score")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [scored_read(row) for row in rows]
    return resource_response(Page[ScoredAccountRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get("/limit-changes", operation_id="listCreditLimitChanges", summary="List approved limits",
            response_model=Page[CreditLimitChangeRead], responses=problems())  # fmt: skip
async def limit_changes(read: Reading, page: Paging, account_id: UUID | None = None) -> Response:
    """Limit and terms that approved reviews gave, newest first."""
    statement = queries.statement_of(CreditLimitChange, read.organization_id, {"account_id": account_id})
    sort, keys = choose_sort(page, {"created": (SortKey(CreditLimitChange.id, UUID),)}, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [CreditLimitChangeRead.of(row[0]) for row in rows]
    return resource_response(Page[CreditLimitChangeRead](data=data, has_more=cursor is not None, next_cursor=cursor))


async def _read(session: ReadSession, review_id: UUID, caller: Principal) -> CreditReviewRead:
    return review_read(await queries.get_review(session, review_id), caller.actor.id, caller.scopes)


async def _answer(session: WriteSession, review_id: UUID, write: Write) -> Answer:
    made = await _read(session, review_id, write.principal)
    return answer(made, version=made.version)
