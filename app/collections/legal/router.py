"""HTTP of legal cases and agency placements."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.collections import queries
from app.collections.legal import cases
from app.collections.legal.evidence import case_evidence
from app.collections.legal.schemas import (
    CaseClose,
    CaseCreate,
    CaseEntryCreate,
    CaseEntryReverse,
    CaseKind,
    CaseProgress,
    CaseRead,
    CaseRecall,
    CaseRefer,
    CaseStatus,
    CaseUpdate,
    EvidenceRead,
    case_read,
    evidence_read,
)
from app.collections.models import LegalCase
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import changes, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, created, reads, writes
from app.organizations.queries import local_today

router = APIRouter(prefix="/legal-cases", tags=["legal cases"])
CollectionsRead = Annotated[ReadSession, reads("collections:read")]
CollectionsWrite = Annotated[Write, writes("collections:write")]
_SORTS = {"created": (SortKey(LegalCase.id, UUID),)}


@router.post(
    "",
    operation_id="prepareCase",
    summary="Prepare a legal case or agency placement",
    status_code=201,
    response_model=CaseRead,
    responses=problems(404, 409),
)
async def prepare(body: CaseCreate, write: CollectionsWrite) -> Response:
    """From now on its items are dunned no more. An instalment is in one open case at a time."""

    async def work(session: WriteSession) -> Answer:
        case_id = await cases.prepare_case(session, body.command(), today=await local_today(session, write.now))
        made = await _case(session, case_id)
        return created(made, version=made.version, location=f"/v1/legal-cases/{case_id}")

    return await write.run(work)


@router.get(
    "",
    operation_id="listCases",
    summary="List legal cases and agency placements",
    response_model=Page[CaseRead],
    responses=problems(),
)
async def list_cases(
    read: CollectionsRead,
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
    kind: CaseKind | None = None,
    status: CaseStatus | None = None,
    owner_id: UUID | None = None,
    instalment_id: UUID | None = None,
) -> Response:
    """Cases by filter, without their entries, in the order in which they were prepared."""
    wanted = queries.CaseFilter(account_id, kind, status, owner_id, instalment_id)
    sort, keys = choose_sort(page, _SORTS, "created")
    rows, cursor = await fetch_page(read, queries.cases_statement(read.organization_id, wanted), page, keys, sort)
    items = await cases.items_of_cases(read, [row[0].id for row in rows])
    data = [case_read(row[0], items.get(row[0].id, []), ()) for row in rows]
    return resource_response(Page[CaseRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/{case_id}",
    operation_id="getCase",
    summary="Read a legal case or agency placement",
    response_model=CaseRead,
    responses=problems(404),
)
async def get_case(case_id: UUID, read: CollectionsRead) -> Response:
    """One case with its items, costs and recoveries; `ETag` is its version."""
    found = await _case(read, case_id)
    return resource_response(found, found.version)


@router.get(
    "/{case_id}/evidence",
    operation_id="getCaseEvidence",
    summary="The facts of a case for its evidence file",
    response_model=EvidenceRead,
    responses=problems(404),
)
async def evidence(case_id: UUID, read: CollectionsRead) -> Response:
    """What is claimed, and what was done, promised, paid and disputed, in the order of time."""
    return resource_response(evidence_read(await case_evidence(read, case_id)))


@router.patch(
    "/{case_id}",
    operation_id="updateCase",
    summary="Change an open case",
    response_model=CaseRead,
    responses=problems(404, 409, 412, 428),
)
async def update(case_id: UUID, body: CaseUpdate, write: CollectionsWrite) -> Response:
    """Partner, reference, owner, note."""

    async def work(session: WriteSession) -> Answer:
        await cases.update_case(session, case_id, changes(body), expected_version=write.expected_version())
        return await _answer(session, case_id)

    return await write.run(work)


@router.post(
    "/{case_id}/refer",
    operation_id="referCase",
    summary="Refer a case to the lawyer or agency",
    response_model=CaseRead,
    responses=problems(404, 409, 412),
)
async def refer(case_id: UUID, body: CaseRefer, write: CollectionsWrite) -> Response:
    """From this day on money for its items counts as collected by the case."""

    async def work(session: WriteSession) -> Answer:
        command = body.command(write.expected_version(required=False))
        await cases.refer_case(session, case_id, command, today=await local_today(session, write.now))
        return await _answer(session, case_id)

    return await write.run(work)


@router.post(
    "/{case_id}/progress",
    operation_id="progressCase",
    summary="The partner is at work on a case",
    response_model=CaseRead,
    responses=problems(404, 409, 412),
)
async def progress(case_id: UUID, body: CaseProgress, write: CollectionsWrite) -> Response:
    """From referred to in progress."""

    async def work(session: WriteSession) -> Answer:
        version, today = write.expected_version(required=False), await local_today(session, write.now)
        await cases.progress_case(session, case_id, note=body.note, today=today, expected_version=version)
        return await _answer(session, case_id)

    return await write.run(work)


@router.post(
    "/{case_id}/close",
    operation_id="closeCase",
    summary="Close a case with its result",
    response_model=CaseRead,
    responses=problems(404, 409, 412),
)
async def close(case_id: UUID, body: CaseClose, write: CollectionsWrite) -> Response:
    """The result must fit the figures: recovered is all of it, partly something, lost nothing."""

    async def work(session: WriteSession) -> Answer:
        await cases.close_case(
            session,
            case_id,
            result=body.result,
            reason=body.reason,
            today=await local_today(session, write.now),
            expected_version=write.expected_version(required=False),
        )
        return await _answer(session, case_id)

    return await write.run(work)


@router.post(
    "/{case_id}/recall",
    operation_id="recallCase",
    summary="Take a case back",
    response_model=CaseRead,
    responses=problems(404, 409, 412),
)
async def recall(case_id: UUID, body: CaseRecall, write: CollectionsWrite) -> Response:
    """Its items are collected and dunned here again."""

    async def work(session: WriteSession) -> Answer:
        version, today = write.expected_version(required=False), await local_today(session, write.now)
        await cases.recall_case(session, case_id, reason=body.reason, today=today, expected_version=version)
        return await _answer(session, case_id)

    return await write.run(work)


@router.post(
    "/{case_id}/entries",
    operation_id="recordCaseEntry",
    summary="Enter a cost or a recovery of a case",
    status_code=201,
    response_model=CaseRead,
    responses=problems(404, 409),
)
async def record_entry(case_id: UUID, body: CaseEntryCreate, write: CollectionsWrite) -> Response:
    """For information: money is posted by payments, costs by whoever keeps the books."""

    async def work(session: WriteSession) -> Answer:
        case = await queries.get_case(session, case_id)
        await cases.record_entry(session, case_id, body.command(case.currency))
        made = await _case(session, case_id)
        return created(made, version=made.version, location=f"/v1/legal-cases/{case_id}")

    return await write.run(work)


@router.post(
    "/{case_id}/entries/{case_entry_id}/reverse",
    operation_id="reverseCaseEntry",
    summary="Take a cost or recovery back",
    status_code=201,
    response_model=CaseRead,
    responses=problems(404, 409),
)
async def reverse_entry(
    case_id: UUID, case_entry_id: UUID, body: CaseEntryReverse, write: CollectionsWrite
) -> Response:
    """A negative entry; the original stays."""

    async def work(session: WriteSession) -> Answer:
        await cases.reverse_entry(session, case_id, case_entry_id, on=body.on_date, reason=body.reason)
        made = await _case(session, case_id)
        return created(made, version=made.version, location=f"/v1/legal-cases/{case_id}")

    return await write.run(work)


async def _answer(session: ReadSession, case_id: UUID) -> Answer:
    made = await _case(session, case_id)
    return answer(made, version=made.version)


async def _case(session: ReadSession, case_id: UUID) -> CaseRead:
    found = await queries.get_case(session, case_id)
    items = (await cases.items_of_cases(session, [case_id])).get(case_id, [])
    return case_read(found, items, await cases.entries_of(session, case_id))
