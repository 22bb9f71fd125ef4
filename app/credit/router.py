"""HTTP of credit: the policy and its versions, checks of orders and their decisions, open orders, holds."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy import select

from app.core.clock import utc_now
from app.core.errors import DomainError
from app.credit import checks, holds, orders, policies, queries
from app.credit.errors import OrderInvalid
from app.credit.models import CreditDecision, CreditHold, CreditOrder, CreditPolicyVersion
from app.credit.rules import policy_from_json
from app.credit.schemas import (
    CreditAnswer,
    CreditCheckCreate,
    CreditDecisionRead,
    CreditHoldCreate,
    CreditHoldRead,
    CreditHoldRelease,
    CreditOrderBatch,
    CreditOrderRead,
    CreditOrderUpsert,
    CreditOutcome,
    decision_read,
)
from app.credit.schemas_policy import (
    CreditPolicyActivate,
    CreditPolicyCreate,
    CreditPolicyRead,
    CreditPolicyUpdate,
    policy_fields,
    policy_read,
)
from app.infra.database import ReadSession, WriteSession
from app.infra.http.batches import Atomic, BatchResult, batch_result
from app.infra.http.fields import BusinessDate, ExternalId, ExternalRef, Source, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.organizations.queries import local_today, organization_facts

router = APIRouter(prefix="/credit", tags=["credit"])
Reading = Annotated[ReadSession, reads("credit:read")]
Writing = Annotated[Write, writes("credit:write")]
Approving = Annotated[Write, writes("credit:approve")]
Caller = Annotated[Principal, callers()]
Paging = Annotated[PageRequest, Depends(page_request)]


@router.post("/policies", operation_id="draftCreditPolicy", summary="Draft a version of the credit policy",
             status_code=201, response_model=CreditPolicyRead, responses=problems(409))  # fmt: skip
async def draft_policy(body: CreditPolicyCreate, write: Approving) -> Response:
    """A draft with the next number; what the body leaves out has its default."""

    async def work(session: WriteSession) -> Answer:
        base = (await organization_facts(session)).base_currency
        policy_id = await policies.draft_policy(session, body.name, body.policy.definition(base))
        made = await _policy(session, policy_id)
        return created(made, version=made.version, location=f"/v1/credit/policies/{policy_id}")

    return await write.run(work)


@router.get("/policies", operation_id="listCreditPolicies", summary="List the versions of the credit policy",
            response_model=Page[CreditPolicyRead], responses=problems())  # fmt: skip
async def list_policies(read: Reading, page: Paging) -> Response:
    """Drafts and activated versions by their number."""
    base = (await organization_facts(read)).base_currency
    statement = select(CreditPolicyVersion).where(CreditPolicyVersion.organization_id == read.organization_id)
    sort, keys = choose_sort(page, {"number": (SortKey(CreditPolicyVersion.number, int),)}, "number")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [policy_read(row[0], policy_from_json(row[0].definition), base) for row in rows]
    return resource_response(Page[CreditPolicyRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get("/policy", operation_id="getCreditPolicyInForce", summary="Read the credit policy of a day",
            response_model=CreditPolicyRead, responses=problems())  # fmt: skip
async def policy_in_force(read: Reading, on: BusinessDate | None = None) -> Response:
    """The version in force on a day (today when missing); version 0 is the one that the service ships."""
    facts = await organization_facts(read)
    found = await queries.policy_on(read, on or await local_today(read, utc_now()))
    if found.version:
        row = (
            await read.scalars(queries.statement_of(CreditPolicyVersion, read.organization_id,
                                                    {"number": found.version}))
        ).one()  # fmt: skip
        return resource_response(policy_read(row, found.policy, facts.base_currency), row.version)
    shipped = CreditPolicyRead(
        id=None, number=0, name="shipped", state="active", valid_from=None, activated_by=None,
        policy=policy_fields(found.policy, facts.base_currency), allowed_actions=[], version=1,
    )  # fmt: skip
    return resource_response(shipped)


@router.get("/policies/{credit_policy_id}", operation_id="getCreditPolicy", summary="Read a version of the policy",
            response_model=CreditPolicyRead, responses=problems(404))  # fmt: skip
async def get_policy(credit_policy_id: UUID, read: Reading) -> Response:
    """One version; `ETag` is its row version."""
    found = await _policy(read, credit_policy_id)
    return resource_response(found, found.version)


@router.patch("/policies/{credit_policy_id}", operation_id="updateCreditPolicy", summary="Change a draft",
              response_model=CreditPolicyRead, responses=problems(404, 409, 412, 428))  # fmt: skip
async def update_policy(credit_policy_id: UUID, body: CreditPolicyUpdate, write: Approving) -> Response:
    """Change name or figures of a draft; an activated version is fixed."""

    async def work(session: WriteSession) -> Answer:
        base = (await organization_facts(session)).base_currency
        given = body.policy.definition(base) if "policy" in body.model_fields_set else {}
        name = body.name if "name" in body.model_fields_set else None
        await policies.change_policy(session, credit_policy_id, name, given, write.expected_version())
        made = await _policy(session, credit_policy_id)
        return answer(made, version=made.version)

    return await write.run(work)


@router.post("/policies/{credit_policy_id}/activate", operation_id="activateCreditPolicy",
             summary="Put a version in force", response_model=CreditPolicyRead,
             responses=problems(404, 409, 412, 428))  # fmt: skip
async def activate_policy(credit_policy_id: UUID, body: CreditPolicyActivate, write: Approving) -> Response:
    """From a date on, today at the earliest. It can then not be changed any more; decisions name its number."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        await policies.activate_policy(session, credit_policy_id, body.valid_from, today, write.expected_version())
        made = await _policy(session, credit_policy_id)
        return answer(made, version=made.version)

    return await write.run(work)


async def _policy(session: ReadSession, policy_id: UUID) -> CreditPolicyRead:
    row = await queries.get_policy(session, policy_id)
    base = (await organization_facts(session)).base_currency
    return policy_read(row, policy_from_json(row.definition), base)


@router.post("/checks", operation_id="checkCredit", summary="Check an order", status_code=201,
             response_model=CreditDecisionRead, responses=problems(404, 409))  # fmt: skip
async def check(body: CreditCheckCreate, write: Writing) -> Response:
    """approve, refer or refuse, with every reason; kept as a decision that names the policy version."""
    if body.reserve and body.order_ref is None:
        raise OrderInvalid("only an order with a reference can be reserved", pointer="/order_ref")

    async def work(session: WriteSession) -> Answer:
        row = await checks.check_order(session, body.command(), await local_today(session, write.now))
        made = decision_read(row, answered=False, scopes=write.principal.scopes)
        return created(made, location=f"/v1/credit/decisions/{row.id}")

    return await write.run(work)


@router.get("/decisions", operation_id="listCreditDecisions", summary="List credit decisions",
            response_model=Page[CreditDecisionRead], responses=problems())  # fmt: skip
async def list_decisions(
    read: Reading,
    caller: Caller,
    page: Paging,
    account_id: UUID | None = None,
    outcome: CreditOutcome | None = None,
    source: Source | None = None,
    external_id: ExternalId | None = None,
    waiting: bool | None = None,
) -> Response:
    """Decisions by filter; `waiting=true` is the queue of referred orders that nobody has answered."""
    equal = {"account_id": account_id, "outcome": outcome, "source": source, "external_id": external_id}
    statement = queries.decisions_statement(read.organization_id, equal, waiting)
    sort, keys = choose_sort(page, {"created": (SortKey(CreditDecision.id, UUID),)}, "-created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    answered = await queries.answered_among(read, [row[0].id for row in rows])
    data = [decision_read(row[0], answered=row[0].id in answered, scopes=caller.scopes) for row in rows]
    return resource_response(Page[CreditDecisionRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get("/decisions/{credit_decision_id}", operation_id="getCreditDecision", summary="Read a credit decision",
            response_model=CreditDecisionRead, responses=problems(404))  # fmt: skip
async def get_decision(credit_decision_id: UUID, read: Reading, caller: Caller) -> Response:
    """One decision with the facts of its moment."""
    row = await queries.get_decision(read, credit_decision_id)
    answered = bool(await queries.answered_among(read, [row.id]))
    return resource_response(decision_read(row, answered=answered, scopes=caller.scopes))


@router.post("/decisions/{credit_decision_id}/approve", operation_id="approveReferredOrder",
             summary="Approve a referred order", status_code=201, response_model=CreditDecisionRead,
             responses=problems(404, 409))  # fmt: skip
async def approve_referred(credit_decision_id: UUID, body: CreditAnswer, write: Approving) -> Response:
    """Not by whoever asked, and within the approver's limit; a decision of its own."""
    return await _answer(credit_decision_id, "approve", body, write)


@router.post("/decisions/{credit_decision_id}/refuse", operation_id="refuseReferredOrder",
             summary="Refuse a referred order", status_code=201, response_model=CreditDecisionRead,
             responses=problems(404, 409))  # fmt: skip
async def refuse_referred(credit_decision_id: UUID, body: CreditAnswer, write: Approving) -> Response:
    """Not by whoever asked; a decision of its own."""
    return await _answer(credit_decision_id, "refuse", body, write)


async def _answer(decision_id: UUID, outcome: str, body: CreditAnswer, write: Write) -> Response:
    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        row = await checks.answer_referred(session, decision_id, outcome, body.note, today)
        made = decision_read(row, answered=False, scopes=write.principal.scopes)
        return created(made, location=f"/v1/credit/decisions/{row.id}")

    return await write.run(work)


@router.put("/orders/by-ref/{source}/{external_id:path}", operation_id="reportCreditOrder",
            summary="Report an open order", response_model=CreditOrderRead,
            responses={**problems(409), 201: {"description": "New", "model": CreditOrderRead}})  # fmt: skip
async def report_order(
    source: Annotated[Source, Path()], external_id: Annotated[ExternalId, Path()], body: CreditOrderUpsert,
    write: Writing,
) -> Response:  # fmt: skip
    """What is ordered but not invoiced yet, as the ERP has it now; an open amount of 0 closes the order."""

    async def work(session: WriteSession) -> Answer:
        command = body.command(ExternalRef(source=source, id=external_id))
        result = (await orders.upsert_orders(session, [command]))[0]
        if isinstance(result, DomainError):
            raise result
        row = await session.get_one(CreditOrder, (session.organization_id, result[1]), populate_existing=True)
        made = CreditOrderRead.of(row)
        if result[0] == "created":
            return created(made, version=row.version)
        return answer(made, version=row.version)

    return await write.run(work)


@router.post("/orders/batch", operation_id="reportCreditOrders", summary="Report up to 1,000 open orders",
             response_model=BatchResult, responses=problems(409))  # fmt: skip
async def report_orders(body: CreditOrderBatch, write: Writing, atomic: Atomic = False) -> Response:
    """One result for each item, in their order; or all or nothing."""

    async def work(session: WriteSession) -> Answer:
        commands = [item.command(item.external_ref) for item in body.items]
        return answer(batch_result(await orders.upsert_orders(session, commands), atomic=atomic))

    return await write.run(work)


@router.get("/orders", operation_id="listCreditOrders", summary="List open orders",
            response_model=Page[CreditOrderRead], responses=problems())  # fmt: skip
async def list_orders(
    read: Reading,
    page: Paging,
    account_id: UUID | None = None,
    source: Source | None = None,
    external_id: ExternalId | None = None,
    open: bool | None = None,
) -> Response:
    """Orders that the ERP reported, by filter."""
    equal = {"account_id": account_id, "source": source, "external_id": external_id}
    statement = queries.statement_of(CreditOrder, read.organization_id, equal)
    if open is not None:
        statement = statement.where(CreditOrder.open_minor != 0 if open else CreditOrder.open_minor == 0)
    sort, keys = choose_sort(page, {"created": (SortKey(CreditOrder.id, UUID),)}, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [CreditOrderRead.of(row[0]) for row in rows]
    return resource_response(Page[CreditOrderRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.post("/holds", operation_id="placeCreditHold", summary="Place a hold or an override", status_code=201,
             response_model=CreditHoldRead, responses=problems(404, 409))  # fmt: skip
async def place_hold(body: CreditHoldCreate, write: Approving) -> Response:
    """A hold raises the account's credit status at once; an override caps what the ladder says until a date."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        hold_id = await holds.place_hold(session, holds.PlaceHold(**body.model_dump()), today)
        row = await queries.get_hold(session, hold_id)
        return created(CreditHoldRead.of(row), version=row.version, location=f"/v1/credit/holds/{hold_id}")

    return await write.run(work)


@router.get("/holds", operation_id="listCreditHolds", summary="List holds and overrides",
            response_model=Page[CreditHoldRead], responses=problems())  # fmt: skip
async def list_holds(
    read: Reading, page: Paging, account_id: UUID | None = None, released: bool | None = None
) -> Response:
    """Holds by filter; `released=false` are those that stand."""
    statement = queries.statement_of(CreditHold, read.organization_id, {"account_id": account_id})
    if released is not None:
        statement = statement.where(CreditHold.released_on.is_not(None) if released else
                                    CreditHold.released_on.is_(None))  # fmt: skip
    sort, keys = choose_sort(page, {"created": (SortKey(CreditHold.id, UUID),)}, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [CreditHoldRead.of(row[0]) for row in rows]
    return resource_response(Page[CreditHoldRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get("/holds/{credit_hold_id}", operation_id="getCreditHold", summary="Read a hold",
            response_model=CreditHoldRead, responses=problems(404))  # fmt: skip
async def get_hold(credit_hold_id: UUID, read: Reading) -> Response:
    """One hold or override; `ETag` is its version."""
    row = await queries.get_hold(read, credit_hold_id)
    return resource_response(CreditHoldRead.of(row), row.version)


@router.post("/holds/{credit_hold_id}/release", operation_id="releaseCreditHold", summary="Release a hold",
             response_model=CreditHoldRead, responses=problems(404, 409, 412, 428))  # fmt: skip
async def release_hold(credit_hold_id: UUID, body: CreditHoldRelease, write: Approving) -> Response:
    """End a hold or override today; the account's credit status follows at once."""

    async def work(session: WriteSession) -> Answer:
        expected, today = write.expected_version(), await local_today(session, write.now)
        await holds.release_hold(session, credit_hold_id, body.reason, today, expected)
        row = await queries.get_hold(session, credit_hold_id)
        return answer(CreditHoldRead.of(row), version=row.version)

    return await write.run(work)
