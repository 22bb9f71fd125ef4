"""HTTP of the review queue: proposals, decisions about them, and their undo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.cash_application.models import Proposal
from app.cash_application.review.accepting import accept_many, accept_proposal, correct_proposal, split_proposal
from app.cash_application.review.reversals import propose_reversal
from app.cash_application.review.schemas import (
    Band,
    Documents,
    DuplicateConfirm,
    ProposalAccept,
    ProposalCorrect,
    ProposalKind,
    ProposalNote,
    ProposalOnAccount,
    ProposalRead,
    ProposalReject,
    ProposalsAccept,
    ProposalSplit,
    ProposalState,
    ProposalUndo,
    QueueCounts,
    ReversalCreate,
    named_items,
)
from app.cash_application.review.set_aside import (
    confirm_duplicate,
    hold_proposal,
    put_on_account,
    reject_proposal,
    release_proposal,
)
from app.cash_application.review.undoing import undo_decision
from app.cash_application.sql import review as sql
from app.cash_application.sql.review import QueueFilter
from app.core.errors import DomainError
from app.core.money import to_minor
from app.infra.database import ReadSession, WriteSession
from app.infra.http.batches import Atomic, BatchResult, batch_result
from app.infra.http.fields import Amount, BusinessDate, Currency, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.organizations.queries import local_today, organization_facts
from app.payments.models import Payment

router = APIRouter(prefix="/cash-application", tags=["cash application"])
Reading = Annotated[ReadSession, reads("cash-application:read")]
Caller = Annotated[Principal, callers("cash-application:read")]
Writing = Annotated[Write, writes("cash-application:write")]
Applying = Annotated[Write, writes("cash-application:write", "payments:write")]
Paging = Annotated[PageRequest, Depends(page_request)]
_SORTS = {
    "value": (SortKey(Proposal.value_minor, int), SortKey(Proposal.id, UUID)),
    "created": (SortKey(Proposal.id, UUID),),
    "recorded_at": (SortKey(Proposal.recorded_at, datetime.fromisoformat), SortKey(Proposal.id, UUID)),
    "value_date": (SortKey(Payment.value_date, date.fromisoformat), SortKey(Proposal.id, UUID)),
    "confidence": (SortKey(Proposal.confidence, Decimal), SortKey(Proposal.id, UUID)),
}
Decision = Callable[[WriteSession, int | None], Awaitable[None]]


@router.get(
    "/counts",
    operation_id="countProposals",
    summary="Count what waits for a person",
    response_model=QueueCounts,
    responses=problems(),
)
async def count_proposals(read: Reading, legal_entity_id: UUID | None = None) -> Response:
    """Open and held proposals by kind, band and currency, with the amounts of their payments."""
    rows = await sql.queue_counts(read, legal_entity_id)
    return resource_response(QueueCounts.of(rows, await sql.payment_counts(read, legal_entity_id)))


@router.get(
    "/proposals",
    operation_id="listProposals",
    summary="List proposals; the review queue is state=open, sorted by value",
    response_model=Page[ProposalRead],
    responses=problems(),
)
async def list_proposals(
    read: Reading,
    caller: Caller,
    page: Paging,
    state: ProposalState | None = None,
    kind: ProposalKind | None = None,
    band: Band | None = None,
    strategy: Annotated[str | None, Query(max_length=64)] = None,
    run_id: UUID | None = None,
    payment_id: UUID | None = None,
    account_id: UUID | None = None,
    legal_entity_id: UUID | None = None,
    currency: Currency | None = None,
    min_amount: Annotated[Amount | None, Query(description="In `currency`, or in the organization's")] = None,
    max_amount: Annotated[Amount | None, Query(description="In `currency`, or in the organization's")] = None,
    value_from: Annotated[BusinessDate | None, Query(description="Value date of the payment, from")] = None,
    value_to: Annotated[BusinessDate | None, Query(description="Value date of the payment, to")] = None,
) -> Response:
    """Proposals by filter, the most valuable payments first; amounts of other currencies count at their rate."""
    unit = currency or (await organization_facts(read)).base_currency
    wanted = QueueFilter(
        state=state,
        kind=kind,
        band=band,
        strategy=strategy,
        run_id=run_id,
        payment_id=payment_id,
        account_id=account_id,
        currency=currency,
        legal_entity_id=legal_entity_id,
        value_from=value_from,
        value_to=value_to,
        minimum_minor=None if min_amount is None else to_minor(min_amount, unit, pointer="/query/min_amount"),
        maximum_minor=None if max_amount is None else to_minor(max_amount, unit, pointer="/query/max_amount"),
    )
    sort, keys = choose_sort(page, _SORTS, "-value")
    statement: Any = sql.queue_statement(read.organization_id, wanted)
    found, cursor = await fetch_page(read, statement, page, keys, sort)
    rows: list[Any] = list(found)
    data = await _read(read, [(row[0], row[1]) for row in rows], caller.scopes)
    return resource_response(Page[ProposalRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/proposals/{proposal_id}",
    operation_id="getProposal",
    summary="Read a proposal",
    response_model=ProposalRead,
    responses=problems(404),
)
async def get_proposal(proposal_id: UUID, read: Reading, caller: Caller) -> Response:
    """One proposal with its reasons and alternatives; `ETag` is its version."""
    found = await _one(read, proposal_id, caller.scopes)
    return resource_response(found, found.version)


@router.post(
    "/proposals/accept",
    operation_id="acceptProposals",
    summary="Accept up to 200 proposals",
    response_model=BatchResult,
    responses=problems(409),
)
async def accept_all(body: ProposalsAccept, write: Applying, atomic: Atomic = False) -> Response:
    """One result for each item, in order (`updated`: accepted); with `atomic` all of them or none."""

    async def work(session: WriteSession) -> Answer:
        outcomes = await accept_many(session, body.asked(), allow_other_account=body.allow_other_account)
        results: list[tuple[str, UUID] | DomainError] = [
            outcome if isinstance(outcome, DomainError) else ("updated", outcome) for outcome in outcomes
        ]
        return answer(batch_result(results, atomic=atomic))

    return await write.run(work)


@router.post(
    "/proposals/{proposal_id}/accept",
    operation_id="acceptProposal",
    summary="Accept a proposal as it stands",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def accept(proposal_id: UUID, body: ProposalAccept, write: Applying) -> Response:
    """The payment is applied, or reversed, and its bank identifier and name are learned for the account."""
    allow = body.allow_other_account
    return await _decide(
        write,
        proposal_id,
        lambda session, version: accept_proposal(
            session, proposal_id, expected_version=version, allow_other_account=allow
        ),
    )


@router.post(
    "/proposals/{proposal_id}/correct",
    operation_id="correctProposal",
    summary="Apply something else than was proposed",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def correct(proposal_id: UUID, body: ProposalCorrect, write: Applying) -> Response:
    """What the person says is applied, what the proposal applied before is undone; the rest stays on account."""
    command = body.command()

    async def decide(session: WriteSession, version: int | None) -> None:
        today = await local_today(session, write.now)
        await correct_proposal(session, proposal_id, command, today=today, expected_version=version)

    return await _decide(write, proposal_id, decide)


@router.post(
    "/proposals/{proposal_id}/split",
    operation_id="splitProposal",
    summary="Apply one payment to documents of several accounts",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def split(proposal_id: UUID, body: ProposalSplit, write: Applying) -> Response:
    """Each part settles an instalment, of any account; what is left stays on account of whoever paid."""
    parts, command = body.plain_parts(), body.command()

    async def decide(session: WriteSession, version: int | None) -> None:
        today = await local_today(session, write.now)
        await split_proposal(session, proposal_id, parts, command, today=today, expected_version=version)

    return await _decide(write, proposal_id, decide)


@router.post(
    "/proposals/{proposal_id}/put-on-account",
    operation_id="putProposalOnAccount",
    summary="Leave the payment on an account",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def on_account(proposal_id: UUID, body: ProposalOnAccount, write: Applying) -> Response:
    """It settles nothing for now, and the payer is learned for the account."""

    async def decide(session: WriteSession, version: int | None) -> None:
        on = body.effective_date or await local_today(session, write.now)
        await put_on_account(
            session, proposal_id, body.account_id, effective_date=on, note=body.note, expected_version=version
        )

    return await _decide(write, proposal_id, decide)


@router.post(
    "/proposals/{proposal_id}/reject",
    operation_id="rejectProposal",
    summary="Reject a proposal",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def reject(proposal_id: UUID, body: ProposalReject, write: Writing) -> Response:
    """Nothing is applied; the payment is held for a person."""
    return await _decide(
        write,
        proposal_id,
        lambda session, version: reject_proposal(session, proposal_id, expected_version=version, note=body.note),
    )


@router.post(
    "/proposals/{proposal_id}/hold",
    operation_id="holdProposal",
    summary="Hold a proposal for later",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def hold(proposal_id: UUID, body: ProposalNote, write: Writing) -> Response:
    """It leaves the open queue until it is released or decided."""
    return await _decide(
        write,
        proposal_id,
        lambda session, version: hold_proposal(session, proposal_id, note=body.note, expected_version=version),
    )


@router.post(
    "/proposals/{proposal_id}/release",
    operation_id="releaseProposal",
    summary="Release a held proposal",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def release(proposal_id: UUID, body: ProposalNote, write: Writing) -> Response:
    """It is open again; a payment held as a duplicate is no duplicate, and is matched at once."""
    return await _decide(
        write,
        proposal_id,
        lambda session, version: release_proposal(session, proposal_id, note=body.note, expected_version=version),
    )


@router.post(
    "/proposals/{proposal_id}/confirm-duplicate",
    operation_id="confirmDuplicate",
    summary="Confirm that a payment repeats an earlier one",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def confirm(proposal_id: UUID, body: DuplicateConfirm, write: Applying) -> Response:
    """The money stays on account of the payer (refund it from there), or the receipt entered twice is reversed."""

    async def decide(session: WriteSession, version: int | None) -> None:
        on = body.effective_date or await local_today(session, write.now)
        await confirm_duplicate(
            session, proposal_id, body.treatment, effective_date=on, note=body.note, expected_version=version
        )

    return await _decide(write, proposal_id, decide)


@router.post(
    "/proposals/{proposal_id}/undo",
    operation_id="undoProposal",
    summary="Take a decision back",
    response_model=ProposalRead,
    responses=problems(404, 409, 412),
)
async def undo(proposal_id: UUID, body: ProposalUndo, write: Applying) -> Response:
    """As one group: what it applied is undone, what it taught is unlearned, and the proposal is open again."""

    async def decide(session: WriteSession, version: int | None) -> None:
        await undo_decision(
            session,
            proposal_id,
            today=await local_today(session, write.now),
            now=write.now,
            effective_date=body.effective_date,
            reason=body.reason,
            expected_version=version,
        )

    return await _decide(write, proposal_id, decide)


@router.post(
    "/reversals",
    operation_id="proposeReversal",
    summary="Find the payment that the bank took back",
    status_code=201,
    response_model=ProposalRead,
    responses=problems(409),
)
async def find_reversal(body: ReversalCreate, write: Writing) -> Response:
    """Proposes the reversal of the one payment that fits; accepting it reverses the payment."""
    command = body.command()

    async def work(session: WriteSession) -> Answer:
        proposal_id = await propose_reversal(session, command)
        made = await _one(session, proposal_id, write.principal.scopes)
        return created(made, version=made.version, location=f"/v1/cash-application/proposals/{proposal_id}")

    return await write.run(work)


async def _decide(write: Write, proposal_id: UUID, decide: Decision) -> Response:
    version = write.expected_version(required=False)

    async def work(session: WriteSession) -> Answer:
        await decide(session, version)
        made = await _one(session, proposal_id, write.principal.scopes)
        return answer(made, version=made.version)

    return await write.run(work)


async def _one(session: ReadSession, proposal_id: UUID, scopes: frozenset[str]) -> ProposalRead:
    found = await sql.get_with_payment(session, proposal_id)
    (made,) = await _read(session, [found], scopes)
    return made


async def _read(
    session: ReadSession, rows: Sequence[tuple[Proposal, Payment]], scopes: frozenset[str]
) -> list[ProposalRead]:
    documents = Documents(await sql.numbers_of(session, named_items(row for row, _ in rows)))
    return [ProposalRead.of(row, payment, documents, scopes) for row, payment in rows]
