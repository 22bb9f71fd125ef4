"""HTTP of collection actions and the catalogue of outcomes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.collections import actions, catalogue, queries
from app.collections.errors import ContactRefused
from app.collections.models import CollectionAction
from app.collections.portfolio.playbooks import playbooks_for
from app.collections.schemas import (
    ActionBatch,
    ActionBatchComplete,
    ActionCancel,
    ActionComplete,
    ActionCounts,
    ActionLog,
    ActionRead,
    ActionStatus,
    ActionType,
    ActionUpdate,
    Code,
    OutcomeCreate,
    OutcomeList,
    OutcomeRead,
    OutcomeUpdate,
    Priority,
    action_read,
    outcome_read,
)
from app.core.clock import utc_now
from app.core.errors import DomainError
from app.infra.database import ReadSession, WriteSession
from app.infra.http.batches import BatchResult, batch_result
from app.infra.http.fields import BusinessDate, Instant, changes, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.organizations.queries import local_today

router = APIRouter(tags=["collection actions"])
CollectionsRead = Annotated[ReadSession, reads("collections:read")]
CollectionsWrite = Annotated[Write, writes("collections:write")]
CollectionsApprove = Annotated[Write, writes("collections:approve")]
_SORTS = {
    "created": (SortKey(CollectionAction.id, UUID),),
    "due_date": (SortKey(CollectionAction.due_date, date.fromisoformat), SortKey(CollectionAction.id, UUID)),
    "priority": (SortKey(CollectionAction.priority_rank, int), SortKey(CollectionAction.id, UUID)),
    "updated_at": (SortKey(CollectionAction.updated_at, datetime.fromisoformat), SortKey(CollectionAction.id, UUID)),
}


@router.post(
    "/collection-actions",
    operation_id="planAction",
    summary="Plan a collection action, or write down one that is done",
    status_code=201,
    response_model=ActionRead,
    responses=problems(404, 409),
)
async def plan(body: ActionLog, write: CollectionsWrite) -> Response:
    """With `complete` the action is done at once: a call with its promise is one request."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        action_id = await actions.plan_action(session, body.command(today))
        completed = None
        if body.complete is not None:
            command = body.complete.command(body.account_id, today, None)
            completed = await actions.complete_action(session, action_id, command, now=write.now)
        made = await _action(session, action_id, completed)
        return created(made, version=made.version, location=f"/v1/collection-actions/{action_id}")

    try:
        return await write.run(work)
    except ContactRefused:
        await _keep_refusal(write, body)
        raise


async def _keep_refusal(write: Write, body: ActionLog) -> None:
    """The refused request was rolled back, but that it was refused is kept, in a transaction of its own."""
    principal = write.principal
    async with write.database.write(principal.organization_id, principal.actor) as session:
        await actions.plan_actions(session, [body.command(await local_today(session, write.now))])


@router.get(
    "/collection-actions",
    operation_id="listActions",
    summary="List collection actions",
    response_model=Page[ActionRead],
    responses=problems(),
)
async def list_actions(
    read: CollectionsRead,
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
    owner_id: UUID | None = None,
    status: ActionStatus | None = None,
    type: ActionType | None = None,
    priority: Priority | None = None,
    outcome_code: Code | None = None,
    instalment_id: UUID | None = None,
    due_from: BusinessDate | None = None,
    due_to: BusinessDate | None = None,
    done_from: BusinessDate | None = None,
    done_to: BusinessDate | None = None,
    updated_since: Instant | None = None,
) -> Response:
    """Actions by filter, in a stable order (`created`, `due_date`, `priority` or `updated_at`)."""
    wanted = queries.ActionFilter(
        account_id=account_id,
        owner_id=owner_id,
        status=status,
        type=type,
        priority=priority,
        outcome_code=outcome_code,
        instalment_id=instalment_id,
        due_from=due_from,
        due_to=due_to,
        done_from=done_from,
        done_to=done_to,
        updated_since=updated_since,
    )
    sort, keys = choose_sort(page, _SORTS, "created")
    rows, cursor = await fetch_page(read, queries.actions_statement(read.organization_id, wanted), page, keys, sort)
    found: list[CollectionAction] = [row[0] for row in rows]
    items = await queries.instalments_of_actions(read, [action.id for action in found])
    books = await playbooks_for(read, {f"action_type:{action.type}" for action in found})
    data = [action_read(each, items.get(each.id, []), books.get(f"action_type:{each.type}", [])) for each in found]
    return resource_response(Page[ActionRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/collection-actions/counts",
    operation_id="countActions",
    summary="Count planned actions for badges",
    response_model=ActionCounts,
    responses=problems(),
)
async def counts(read: CollectionsRead, owner_id: UUID | None = None, account_id: UUID | None = None) -> Response:
    """Overdue, due today, to come, urgent, and those that nobody owns."""
    found = await queries.action_counts(read, await local_today(read, utc_now()), owner_id, account_id)
    return resource_response(ActionCounts.model_validate(found))


@router.post(
    "/collection-actions/batch",
    operation_id="planActions",
    summary="Plan up to 1,000 actions",
    response_model=BatchResult,
    responses=problems(409, 413),
)
async def plan_batch(body: ActionBatch, write: CollectionsWrite) -> Response:
    """One result for each item, in order."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        results = await actions.plan_actions(session, [item.command(today) for item in body.items])
        return answer(_batch(results, "created"))

    return await write.run(work)


@router.post(
    "/collection-actions/batch-complete",
    operation_id="completeActions",
    summary="Complete up to 1,000 actions with one outcome",
    response_model=BatchResult,
    responses=problems(409, 413),
)
async def complete_batch(body: ActionBatchComplete, write: CollectionsWrite) -> Response:
    """For outcomes that need no promise and no dispute; one result for each action, in order."""

    async def work(session: WriteSession) -> Answer:
        results = await actions.complete_actions(
            session,
            body.action_ids,
            outcome_code=body.outcome_code,
            note=body.note,
            now=write.now,
            follow_up=not body.no_next_action,
        )
        return answer(_batch(results, "updated"))

    return await write.run(work)


def _batch(results: list[UUID | DomainError], status: str) -> BatchResult:
    outcomes: list[tuple[str, UUID] | DomainError] = [
        result if isinstance(result, DomainError) else (status, result) for result in results
    ]
    return batch_result(outcomes, atomic=False)


@router.get(
    "/collection-actions/{action_id}",
    operation_id="getAction",
    summary="Read a collection action",
    response_model=ActionRead,
    responses=problems(404),
)
async def get_action(action_id: UUID, read: CollectionsRead) -> Response:
    """One action; `ETag` is its version."""
    found = await _action(read, action_id)
    return resource_response(found, found.version)


@router.patch(
    "/collection-actions/{action_id}",
    operation_id="updateAction",
    summary="Change a planned action",
    response_model=ActionRead,
    responses=problems(404, 409, 412, 428),
)
async def update(action_id: UUID, body: ActionUpdate, write: CollectionsWrite) -> Response:
    """Subject, note, contact, owner, due date, priority."""

    async def work(session: WriteSession) -> Answer:
        await actions.update_action(session, action_id, changes(body), expected_version=write.expected_version())
        made = await _action(session, action_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/collection-actions/{action_id}/complete",
    operation_id="completeAction",
    summary="Complete an action with its outcome",
    response_model=ActionRead,
    responses=problems(404, 409, 412),
)
async def complete(action_id: UUID, body: ActionComplete, write: CollectionsWrite) -> Response:
    """The outcome's promise or dispute is made in the same request; what follows is planned."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        action = await queries.get_action(session, action_id)
        command = body.command(action.account_id, today, write.expected_version(required=False))
        completed = await actions.complete_action(session, action_id, command, now=write.now)
        made = await _action(session, action_id, completed)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post(
    "/collection-actions/{action_id}/cancel",
    operation_id="cancelAction",
    summary="Cancel a planned action",
    response_model=ActionRead,
    responses=problems(404, 409, 412),
)
async def cancel(action_id: UUID, body: ActionCancel, write: CollectionsWrite) -> Response:
    """It stays on the timeline with the reason."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await actions.cancel_action(session, action_id, reason=body.reason, expected_version=version)
        made = await _action(session, action_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.get(
    "/action-outcomes",
    operation_id="listOutcomes",
    summary="The catalogue of outcomes",
    response_model=OutcomeList,
    responses=problems(),
)
async def list_outcomes(read: CollectionsRead) -> Response:
    """The usual outcomes and those of the organization, each with the playbooks about it."""
    found = await catalogue.all_outcomes(read)
    books = await playbooks_for(read, {f"outcome:{outcome.code}" for outcome in found})
    data = [outcome_read(outcome, books.get(f"outcome:{outcome.code}", [])) for outcome in found]
    return resource_response(OutcomeList(data=data))


@router.post(
    "/action-outcomes",
    operation_id="createOutcome",
    summary="Add an outcome, or change a usual one",
    status_code=201,
    response_model=OutcomeRead,
    responses=problems(409),
)
async def create_outcome(body: OutcomeCreate, write: CollectionsApprove) -> Response:
    """With the code of a usual outcome it takes its place."""

    async def work(session: WriteSession) -> Answer:
        row = await catalogue.create_outcome(session, body.model_dump())
        made = await _outcome(session, row.code)
        return created(made, version=row.version, location=f"/v1/action-outcomes/{row.id}")

    return await write.run(work)


@router.patch(
    "/action-outcomes/{outcome_id}",
    operation_id="updateOutcome",
    summary="Change an outcome",
    response_model=OutcomeRead,
    responses=problems(404, 412, 428),
)
async def update_outcome(outcome_id: UUID, body: OutcomeUpdate, write: CollectionsApprove) -> Response:
    """Actions that are done keep what the outcome meant."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version()
        row = await catalogue.update_outcome(session, outcome_id, changes(body), expected_version=version)
        return answer(await _outcome(session, row.code), version=row.version)

    return await write.run(work)


async def _outcome(session: ReadSession, code: str) -> OutcomeRead:
    found = next(outcome for outcome in await catalogue.all_outcomes(session) if outcome.code == code)
    books = await playbooks_for(session, {f"outcome:{code}"})
    return outcome_read(found, books.get(f"outcome:{code}", []))


async def _action(session: ReadSession, action_id: UUID, completed: actions.Completed | None = None) -> ActionRead:
    found = await queries.get_action(session, action_id)
    subjects = {f"action_type:{found.type}"} | ({f"outcome:{found.outcome_code}"} if found.outcome_code else set())
    books = await playbooks_for(session, subjects)
    refs = {ref.id: ref for subject in sorted(books) for ref in books[subject]}
    items = await queries.instalments_of_action(session, action_id)
    return action_read(found, items, list(refs.values()), completed)
