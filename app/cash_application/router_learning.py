"""HTTP of what was learned, and of the rules that are judged by it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.cash_application.learning import LessonOrigin, forget
from app.cash_application.matching.proposals import STRATEGY_TEXTS
from app.cash_application.models import Lesson
from app.cash_application.precision import find_rule, switch_rule
from app.cash_application.schemas import AutomaticSwitch, RuleRead
from app.cash_application.schemas_learning import (
    LessonForget,
    LessonKind,
    LessonRead,
    LessonState,
    NumberFormatsRead,
)
from app.cash_application.sql import formats as formats_sql
from app.cash_application.sql import lessons as sql
from app.cash_application.sql import policy as policy_sql
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, reads, writes
from app.infra.principal import Principal

router = APIRouter(prefix="/cash-application", tags=["cash application"])
Reading = Annotated[ReadSession, reads("cash-application:read")]
Caller = Annotated[Principal, callers("cash-application:read")]
Writing = Annotated[Write, writes("cash-application:write")]
Approving = Annotated[Write, writes("cash-application:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
_SORTS = {"created": (SortKey(Lesson.id, UUID),)}


@router.get(
    "/lessons",
    operation_id="listLessons",
    summary="List what applications and decisions taught",
    response_model=Page[LessonRead],
    responses=problems(),
)
async def list_lessons(
    read: Reading,
    caller: Caller,
    page: Paging,
    kind: LessonKind | None = None,
    state: LessonState | None = None,
    origin: LessonOrigin | None = None,
    account_id: UUID | None = None,
    payment_id: UUID | None = None,
    proposal_id: UUID | None = None,
    application_group_id: Annotated[UUID | None, Query(description="Of the application that taught it")] = None,
) -> Response:
    """The oldest first; `sort=-created` shows the newest."""
    statement: Any = sql.lessons_statement(
        read.organization_id,
        kind=kind,
        state=state,
        origin=origin,
        account_id=account_id,
        payment_id=payment_id,
        proposal_id=proposal_id,
        application_group_id=application_group_id,
    )
    sort, keys = choose_sort(page, _SORTS, "created")
    found, cursor = await fetch_page(read, statement, page, keys, sort)
    rows: list[Any] = list(found)
    data = [LessonRead.of(row[0], row[1], row[2], caller.scopes) for row in rows]
    return resource_response(Page[LessonRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/lessons/{lesson_id}",
    operation_id="getLesson",
    summary="Read a lesson",
    response_model=LessonRead,
    responses=problems(404),
)
async def get_lesson(lesson_id: UUID, read: Reading, caller: Caller) -> Response:
    """What was taught, by which payment and decision, and whether it is in use."""
    found = await _lesson(read, lesson_id, caller.scopes)
    return resource_response(found, found.version)


@router.post(
    "/lessons/{lesson_id}/forget",
    operation_id="forgetLesson",
    summary="Forget what was learned",
    response_model=LessonRead,
    responses=problems(404, 409, 412),
)
async def forget_lesson(lesson_id: UUID, body: LessonForget, write: Writing) -> Response:
    """With every lesson that says the same; holds from the next run on, and money does not teach it again."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await forget(session, lesson_id, reason=body.reason, expected_version=version)
        found = await _lesson(session, lesson_id, write.principal.scopes)
        return answer(found, version=found.version)

    return await write.run(work)


async def _lesson(session: ReadSession, lesson_id: UUID, scopes: frozenset[str]) -> LessonRead:
    await sql.get_lesson(session, lesson_id)
    row = (await session.execute(sql.lessons_statement(session.organization_id, id=lesson_id))).one()
    return LessonRead.of(row[0], row[1], row[2], scopes)


@router.get(
    "/number-formats",
    operation_id="listNumberFormats",
    summary="The forms of document numbers that the matcher knows",
    response_model=NumberFormatsRead,
    responses=problems(),
)
async def number_formats(read: Reading) -> Response:
    """Derived from the organization's own documents when enough new ones came, and as decisions taught."""
    derived = await formats_sql.stored_formats(read)
    return resource_response(NumberFormatsRead.of(derived, await formats_sql.taught_formats(read)))


@router.get(
    "/rules",
    operation_id="listMatchingRules",
    summary="List the rules of the matcher and their switches",
    response_model=Page[RuleRead],
    responses=problems(),
)
async def list_rules(read: Reading, caller: Caller) -> Response:
    """All of them on one page: what each looks for, whether it applies without a person, and why not."""
    rows = {row["strategy"]: row for row in await policy_sql.rule_rows(read)}
    names = list(dict.fromkeys([*STRATEGY_TEXTS, *rows]))
    data = [RuleRead.of(name, rows.get(name), caller.scopes) for name in names]
    return resource_response(Page[RuleRead](data=data, has_more=False, next_cursor=None))


@router.get(
    "/rules/{strategy}",
    operation_id="getMatchingRule",
    summary="Read a rule of the matcher",
    response_model=RuleRead,
    responses=problems(404),
)
async def get_rule(strategy: str, read: Reading, caller: Caller) -> Response:
    """One rule; `ETag` is its version, 0 as shipped."""
    found = RuleRead.of(strategy, await find_rule(read, strategy), caller.scopes)
    return resource_response(found, found.version)


@router.post(
    "/rules/{strategy}/automatic",
    operation_id="switchMatchingRule",
    summary="Switch a rule on or off",
    response_model=RuleRead,
    responses=problems(404, 412),
)
async def switch(strategy: str, body: AutomaticSwitch, write: Approving) -> Response:
    """Off: its answers wait for a person. Switched on again, with a reason, its outcomes count anew."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await switch_rule(session, strategy, enabled=body.enabled, reason=body.reason, expected_version=version)
        found = RuleRead.of(strategy, await find_rule(session, strategy), write.principal.scopes)
        return answer(found, version=found.version)

    return await write.run(work)
