"""HTTP of escalations and the rules by which accounts are escalated."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import select

from app.collections import escalations, queries
from app.collections.models import Escalation, RuleVersion
from app.collections.rule_versions import add_version
from app.collections.rules import check_escalation_rules
from app.collections.schemas import Code
from app.collections.schemas_escalations import (
    EscalationClose,
    EscalationCounts,
    EscalationCreate,
    EscalationHand,
    EscalationPreview,
    EscalationRead,
    EscalationRulesCreate,
    EscalationRulesRead,
    Level,
    escalation_read,
    escalation_rules_read,
    preview_read,
)
from app.core.clock import utc_now
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.organizations.queries import local_today

router = APIRouter(tags=["escalations"])
CollectionsRead = Annotated[ReadSession, reads("collections:read")]
CollectionsWrite = Annotated[Write, writes("collections:write")]
CollectionsApprove = Annotated[Write, writes("collections:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
_SORTS = {"created": (SortKey(Escalation.id, UUID),)}
_RULE_SORTS = {"created": (SortKey(RuleVersion.id, UUID),)}


@router.post(
    "/escalations",
    operation_id="escalateAccount",
    summary="Escalate an account by hand",
    status_code=201,
    response_model=EscalationRead,
    responses=problems(404, 409),
)
async def escalate(body: EscalationCreate, write: CollectionsWrite) -> Response:
    """Whoever it goes to gets an action. An account is escalated once for a reason until that is closed."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        escalation_id = await escalations.escalate(session, body.command(), today=today)
        made = escalation_read(await queries.get_escalation(session, escalation_id))
        return created(made, version=made.version, location=f"/v1/escalations/{escalation_id}")

    return await write.run(work)


@router.get(
    "/escalations",
    operation_id="listEscalations",
    summary="List escalations",
    response_model=Page[EscalationRead],
    responses=problems(),
)
async def list_escalations(
    read: CollectionsRead,
    page: Paging,
    account_id: UUID | None = None,
    to_user_id: UUID | None = None,
    status: Literal["open", "closed"] | None = None,
    reason_code: Code | None = None,
    level: Level | None = None,
    origin: Literal["manual", "rule"] | None = None,
    overdue: Annotated[bool, Query(description="Only open ones whose term is over")] = False,
) -> Response:
    """Escalations by filter, in the order in which they were raised."""
    wanted = queries.EscalationFilter(account_id, to_user_id, status, reason_code, level, origin)
    on = await local_today(read, utc_now()) if overdue else None
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = queries.escalations_statement(read.organization_id, wanted, on)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [escalation_read(row[0]) for row in rows]
    return resource_response(Page[EscalationRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/escalations/counts",
    operation_id="countEscalations",
    summary="Count escalations for badges",
    response_model=EscalationCounts,
    responses=problems(),
)
async def counts(read: CollectionsRead, to_user_id: UUID | None = None, account_id: UUID | None = None) -> Response:
    """Open ones, those past their term, those that end today, those above the first level, those with nobody."""
    found = await queries.escalation_counts(read, await local_today(read, utc_now()), to_user_id, account_id)
    return resource_response(EscalationCounts.model_validate(found))


@router.get(
    "/escalations/{escalation_id}",
    operation_id="getEscalation",
    summary="Read an escalation",
    response_model=EscalationRead,
    responses=problems(404),
)
async def get_escalation(escalation_id: UUID, read: CollectionsRead) -> Response:
    """One escalation with the figures that the rule saw; `ETag` is its version."""
    found = escalation_read(await queries.get_escalation(read, escalation_id))
    return resource_response(found, found.version)


@router.post(
    "/escalations/{escalation_id}/hand-on",
    operation_id="handOnEscalation",
    summary="Raise the level, give it to somebody else, extend it",
    response_model=EscalationRead,
    responses=problems(404, 409, 412),
)
async def hand_on(escalation_id: UUID, body: EscalationHand, write: CollectionsWrite) -> Response:
    """Its action goes along."""

    async def work(session: WriteSession) -> Answer:
        command = body.command(write.expected_version(required=False))
        await escalations.hand_on(session, escalation_id, command, today=await local_today(session, write.now))
        made = escalation_read(await queries.get_escalation(session, escalation_id))
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/escalations/{escalation_id}/close",
    operation_id="closeEscalation",
    summary="Close an escalation",
    response_model=EscalationRead,
    responses=problems(404, 409, 412),
)
async def close(escalation_id: UUID, body: EscalationClose, write: CollectionsWrite) -> Response:
    """The rule may raise it again after its pause, if it still fits."""

    async def work(session: WriteSession) -> Answer:
        await escalations.close_escalation(
            session,
            escalation_id,
            resolution=body.resolution,
            today=await local_today(session, write.now),
            expected_version=write.expected_version(required=False),
        )
        made = escalation_read(await queries.get_escalation(session, escalation_id))
        return answer(made, version=made.version)

    return await write.run(work)


@router.get(
    "/escalation-rules",
    operation_id="listEscalationRules",
    summary="List the versions of the escalation rules",
    response_model=Page[EscalationRulesRead],
    responses=problems(),
)
async def list_rules(read: CollectionsRead, page: Paging) -> Response:
    """In force is the one with the latest `valid_from` that is not in the future; of two the later written."""
    statement = select(RuleVersion).where(
        RuleVersion.organization_id == read.organization_id, RuleVersion.kind == "escalation"
    )
    sort, keys = choose_sort(page, _RULE_SORTS, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [escalation_rules_read(row[0]) for row in rows]
    return resource_response(Page[EscalationRulesRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post(
    "/escalation-rules",
    operation_id="setEscalationRules",
    summary="Write a new version of the escalation rules",
    status_code=201,
    response_model=EscalationRulesRead,
    responses=problems(409),
)
async def set_rules(body: EscalationRulesCreate, write: CollectionsApprove) -> Response:
    """Applied every night from its date on; earlier versions stay readable."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        rules = [rule.rule(index) for index, rule in enumerate(body.rules)]
        row = await add_version(session, "escalation", rules, valid_from=body.valid_from or today, note=body.note)
        return created(escalation_rules_read(row), location="/v1/escalation-rules")

    return await write.run(work)


@router.post(
    "/escalation-rules/preview",
    operation_id="previewEscalationRules",
    summary="Show what escalation rules would raise today",
    response_model=EscalationPreview,
    responses=problems(),
)
async def preview(body: EscalationRulesCreate, write: CollectionsApprove) -> Response:
    """A dry run; nothing is written."""

    async def work(session: WriteSession) -> Answer:
        rules = [rule.rule(index) for index, rule in enumerate(body.rules)]
        check_escalation_rules(rules)
        today = await local_today(session, write.now)
        return answer(preview_read(await escalations.preview_rules(session, rules, today)))

    return await write.run(work)
