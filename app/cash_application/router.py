"""HTTP of the cash-application room: runs, proposals, settings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select

from app.cash_application import queries
from app.cash_application.matching.types import Settings as EngineSettings
from app.cash_application.models import MatchingRun, MatchingSettings, Proposal
from app.cash_application.review import Correction, accept_proposal, correct_proposal, reject_proposal
from app.cash_application.run import start_run
from app.cash_application.schemas import (
    Band,
    MatchingSettingsRead,
    MatchingSettingsUpdate,
    ProposalAccept,
    ProposalCorrect,
    ProposalRead,
    ProposalReject,
    ProposalState,
    RunCreate,
    RunRead,
    RunState,
    TolerancesFields,
)
from app.cash_application.settings import NewSettings, find_settings, update_settings
from app.core.money import to_minor
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, reads, writes
from app.organizations.queries import local_today
from app.payments.types import ApplyLine

router = APIRouter(prefix="/cash-application", tags=["cash application"])
Reading = Annotated[ReadSession, reads("cash-application:read")]
Writing = Annotated[Write, writes("cash-application:write")]
Applying = Annotated[Write, writes("cash-application:write", "payments:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
_RUN_SORTS = {"created": (SortKey(MatchingRun.id, UUID),)}
_PROPOSAL_SORTS = {
    "value": (SortKey(Proposal.amount_minor, int), SortKey(Proposal.id, UUID)),
    "created": (SortKey(Proposal.id, UUID),),
    "recorded_at": (SortKey(Proposal.recorded_at, datetime.fromisoformat), SortKey(Proposal.id, UUID)),
}


@router.post(
    "/runs",
    operation_id="startMatchingRun",
    summary="Match the payments that wait",
    status_code=202,
    response_model=RunRead,
    responses=problems(),
)
async def start(body: RunCreate, write: Writing) -> Response:
    """A job works through them in batches; read the run for its progress and report."""

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        run_id = await start_run(session, trigger="person", today=today, retry=body.include_unmatched)
        made = RunRead.of(await queries.get_run(session, run_id))
        return Answer(made, 202, location=f"/v1/cash-application/runs/{run_id}")

    return await write.run(work)


@router.get(
    "/runs",
    operation_id="listMatchingRuns",
    summary="List matching runs",
    response_model=Page[RunRead],
    responses=problems(),
)
async def list_runs(read: Reading, page: Paging, state: RunState | None = None) -> Response:
    """Runs, the oldest first; `sort=-created` shows the newest."""
    statement = select(MatchingRun).where(MatchingRun.organization_id == read.organization_id)
    if state is not None:
        statement = statement.where(MatchingRun.state == state)
    sort, keys = choose_sort(page, _RUN_SORTS, "created")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [RunRead.of(row[0]) for row in rows]
    return resource_response(Page[RunRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/runs/{run_id}",
    operation_id="getMatchingRun",
    summary="Read a matching run and its report",
    response_model=RunRead,
    responses=problems(404),
)
async def get_run(run_id: UUID, read: Reading) -> Response:
    """State, progress, what was applied, proposed or left, and why."""
    return resource_response(RunRead.of(await queries.get_run(read, run_id)))


@router.get(
    "/proposals",
    operation_id="listProposals",
    summary="List proposals; the review queue is state=open, sorted by value",
    response_model=Page[ProposalRead],
    responses=problems(),
)
async def list_proposals(
    read: Reading,
    page: Paging,
    state: ProposalState | None = None,
    band: Band | None = None,
    run_id: UUID | None = None,
    payment_id: UUID | None = None,
    account_id: UUID | None = None,
) -> Response:
    """Proposals by filter, the largest payments first."""
    statement = queries.proposals_statement(
        read.organization_id, state=state, band=band, run_id=run_id, payment_id=payment_id, account_id=account_id
    )
    sort, keys = choose_sort(page, _PROPOSAL_SORTS, "-value")
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [ProposalRead.of(row[0]) for row in rows]
    return resource_response(Page[ProposalRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/proposals/{proposal_id}",
    operation_id="getProposal",
    summary="Read a proposal",
    response_model=ProposalRead,
    responses=problems(404),
)
async def get_proposal(proposal_id: UUID, read: Reading) -> Response:
    """One proposal with its reasons and alternatives; `ETag` is its version."""
    found = await queries.get_proposal(read, proposal_id)
    return resource_response(ProposalRead.of(found), found.version)


@router.post(
    "/proposals/{proposal_id}/accept",
    operation_id="acceptProposal",
    summary="Apply a proposal as it stands",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def accept(proposal_id: UUID, body: ProposalAccept, write: Applying) -> Response:
    """The payment is applied; its bank identifier and name are learned for the account."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await accept_proposal(
            session, proposal_id, expected_version=version, allow_other_account=body.allow_other_account
        )
        return await _answer(session, proposal_id)

    return await write.run(work)


@router.post(
    "/proposals/{proposal_id}/correct",
    operation_id="correctProposal",
    summary="Apply something else than was proposed",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def correct(proposal_id: UUID, body: ProposalCorrect, write: Applying) -> Response:
    """What the person says is applied; the rest stays on account. The matcher learns from it."""

    async def work(session: WriteSession) -> Answer:
        lines = tuple(
            ApplyLine(
                line.instalment_id,
                to_minor(line.amount, body.currency, pointer=f"/lines/{i}/amount"),
                to_minor(line.discount_amount, body.currency, pointer=f"/lines/{i}/discount_amount"),
                to_minor(line.write_off_amount, body.currency, pointer=f"/lines/{i}/write_off_amount"),
                currency=body.currency,
            )
            for i, line in enumerate(body.lines)
        )
        correction = Correction(lines, body.effective_date, body.allow_other_account)
        version = write.expected_version(required=False)
        await correct_proposal(session, proposal_id, correction, expected_version=version)
        return await _answer(session, proposal_id)

    return await write.run(work)


@router.post(
    "/proposals/{proposal_id}/reject",
    operation_id="rejectProposal",
    summary="Reject a proposal",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def reject(proposal_id: UUID, body: ProposalReject, write: Writing) -> Response:
    """Nothing is applied; the payment is held for a person."""

    async def work(session: WriteSession) -> Answer:
        version = write.expected_version(required=False)
        await reject_proposal(session, proposal_id, expected_version=version, note=body.note)
        return await _answer(session, proposal_id)

    return await write.run(work)


@router.get(
    "/settings",
    operation_id="getMatchingSettings",
    summary="Read the matching settings",
    response_model=MatchingSettingsRead,
    responses=problems(),
)
async def get_settings(read: Reading) -> Response:
    """Thresholds and tolerances; version 0 are the shipped ones."""
    found = _settings(await find_settings(read))
    return resource_response(found, found.version)


@router.put(
    "/settings",
    operation_id="updateMatchingSettings",
    summary="Change the matching settings",
    response_model=MatchingSettingsRead,
    responses=problems(412, 428),
)
async def put_settings(body: MatchingSettingsUpdate, write: Writing) -> Response:
    """Holds from the next batch on; the change is on record."""

    async def work(session: WriteSession) -> Answer:
        automatic, proposed = body.thresholds()
        new = NewSettings(body.automatic_enabled, automatic, proposed, body.tolerances.model_dump(exclude_none=True))
        found = _settings(await update_settings(session, new, expected_version=write.expected_version()))
        return answer(found, version=found.version)

    return await write.run(work)


def _settings(row: MatchingSettings | None) -> MatchingSettingsRead:
    if row is None:
        shipped = EngineSettings()
        return MatchingSettingsRead(
            automatic_enabled=True,
            automatic_threshold=shipped.automatic_confidence,
            proposed_threshold=shipped.proposed_confidence,
            tolerances=TolerancesFields(),
            notice=None,
            version=0,
        )
    return MatchingSettingsRead(
        automatic_enabled=row.automatic_enabled,
        automatic_threshold=float(row.automatic_threshold),
        proposed_threshold=float(row.proposed_threshold),
        tolerances=TolerancesFields.model_validate(row.tolerances),
        notice=row.notice,
        version=row.version,
    )


async def _answer(session: ReadSession, proposal_id: UUID) -> Answer:
    found = await queries.get_proposal(session, proposal_id)
    return answer(ProposalRead.of(found), version=found.version)
