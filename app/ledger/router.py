"""HTTP of the ledger: journal, trial balance, proof, period close, account mapping."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.clock import utc_now
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import ETAG_HEADER, BusinessDate, Currency, Instant, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, callers, created, reads, writes
from app.infra.principal import Principal
from app.ledger import queries
from app.ledger.balances import balances_at
from app.ledger.close import close_period, reopen_period
from app.ledger.mapping import replace_account_mapping
from app.ledger.models import PeriodClose, Transfer
from app.ledger.proof import prove
from app.ledger.queries import TransferFilter
from app.ledger.schemas import (
    AccountMappingRead,
    AccountMappingWrite,
    JournalEntryRead,
    PeriodCloseRead,
    PeriodCloseRequest,
    PeriodReopenRequest,
    ProofRead,
    Role,
    TrialBalance,
    account_mapping_read,
    journal_entry_read,
    period_close_read,
    proof_read,
    trial_balance_lines,
)
from app.ledger.two_times import snapshot_at
from app.organizations.queries import local_today

router = APIRouter(tags=["ledger"])
Reading = Annotated[ReadSession, reads("ledger:read")]
Reader = Annotated[Principal, callers("ledger:read")]
Closing = Annotated[Write, writes("ledger:close")]
Reopening = Annotated[Write, writes("ledger:approve")]
Paging = Annotated[PageRequest, Depends(page_request)]
AsOf = Annotated[BusinessDate | None, Query(description="Effective on or before this day; today when missing")]
KnownAt = Annotated[
    Instant | None,
    Query(description="Recorded at or before this instant, which must be settled; everything when missing"),
]
EventName = Annotated[str | None, Query(pattern=r"^[a-z_]{1,40}(\.[a-z_]{1,60})?$", examples=["invoice.issued"])]
_ENTRY_SORTS = {
    "created": (SortKey(Transfer.id, UUID),),
    "effective_date": (SortKey(Transfer.effective_date, date.fromisoformat), SortKey(Transfer.id, UUID)),
}
_CLOSE_SORTS = {"created": (SortKey(PeriodClose.id, UUID),)}


@router.get(
    "/journal-entries",
    operation_id="listJournalEntries",
    summary="List journal entries",
    response_model=Page[JournalEntryRead],
    responses=problems(),
)
async def list_journal_entries(
    read: Reading,
    page: Paging,
    legal_entity_id: UUID | None = None,
    posting_id: UUID | None = None,
    source_id: UUID | None = None,
    account_id: UUID | None = None,
    instalment_id: UUID | None = None,
    credit_memo_id: UUID | None = None,
    payment_id: UUID | None = None,
    currency: Currency | None = None,
    event: EventName = None,
    account: Annotated[Role | None, Query(description="A role of the chart, on either side")] = None,
    effective_from: BusinessDate | None = None,
    effective_to: BusinessDate | None = None,
    recorded_since: Instant | None = None,
) -> Response:
    """Transfers by filter, by `created` (default) or `effective_date`. They are never changed nor deleted."""
    wanted = TransferFilter(
        legal_entity_id=legal_entity_id,
        posting_id=posting_id,
        source_id=source_id,
        account_id=account_id,
        instalment_id=instalment_id,
        credit_memo_id=credit_memo_id,
        payment_id=payment_id,
        currency=currency,
        event=event,
        account=account,
        effective_from=effective_from,
        effective_to=effective_to,
        recorded_since=recorded_since,
    )
    sort, keys = choose_sort(page, _ENTRY_SORTS, "created")
    rows, cursor = await fetch_page(read, queries.transfers_statement(read.organization_id, wanted), page, keys, sort)
    data = [journal_entry_read(row[0]) for row in rows]
    return resource_response(Page[JournalEntryRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/trial-balance",
    operation_id="getTrialBalance",
    summary="Read the trial balance",
    response_model=TrialBalance,
    responses=problems(404, 409),
)
async def trial_balance(
    request: Request,
    caller: Reader,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    legal_entity_id: UUID | None = None,
) -> Response:
    """Debits, credits and balance of every account, per legal entity and currency, at any two times."""
    database = request.app.state.read_database
    async with snapshot_at(database, caller.organization_id, as_of, known_at, utc_now()) as (session, times):
        entities = await queries.list_legal_entities(session, legal_entity_id)
        found = await balances_at(session, [row["id"] for row in entities], times, subledger=False)
    lines = trial_balance_lines(entities, found.values)
    return resource_response(TrialBalance(as_of=times.as_of, known_at=times.known_at, lines=lines))


@router.get(
    "/proof",
    operation_id="getProof",
    summary="Prove that documents and journal agree",
    response_model=ProofRead,
    responses=problems(404, 409),
)
async def get_proof(
    request: Request,
    caller: Reader,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    legal_entity_id: UUID | None = None,
    full: Annotated[bool, Query(description="Recompute from the first day instead of from the last close")] = False,
) -> Response:
    """Recompute the control equation from the rows, in one snapshot, and report any difference.

    Open instalments less open credit memos, unapplied and unidentified cash equal the balance of the control accounts.
    Without `as_of` and `known_at` the open amounts that services keep up to date are checked as well.
    """
    database = request.app.state.read_database
    running = as_of is None and known_at is None
    async with snapshot_at(database, caller.organization_id, as_of, known_at, utc_now()) as (session, times):
        found = await prove(session, times, legal_entity_id=legal_entity_id, full=full, running=running)
    return resource_response(proof_read(found))


@router.post(
    "/legal-entities/{legal_entity_id}/close",
    operation_id="closePeriod",
    summary="Close the periods of a legal entity through a day",
    status_code=201,
    response_model=PeriodCloseRead,
    responses=problems(404, 409, 412),
)
async def close(legal_entity_id: UUID, body: PeriodCloseRequest, write: Closing) -> Response:
    """Postings dated on or before that day are refused from now on; late facts go into the open period.

    Waits until the postings under way have ended. The balances of the closed periods are kept soon afterwards, for
    quick reports.
    """

    async def work(session: WriteSession) -> Answer:
        close_id = await close_period(
            session,
            legal_entity_id,
            body.closed_through,
            today=await local_today(session, write.now),
            reason=body.reason,
            expected_version=write.expected_version(required=False),
        )
        return created(period_close_read(await queries.get_period_close(session, close_id)))

    return await write.run(work, exclusive_period=True)


@router.post(
    "/legal-entities/{legal_entity_id}/reopen",
    operation_id="reopenPeriod",
    summary="Open closed periods of a legal entity again",
    status_code=201,
    response_model=PeriodCloseRead,
    responses=problems(404, 409, 412),
)
async def reopen(legal_entity_id: UUID, body: PeriodReopenRequest, write: Reopening) -> Response:
    """The balances that were kept for those periods are valid no more; reports add them up again."""

    async def work(session: WriteSession) -> Answer:
        close_id = await reopen_period(
            session,
            legal_entity_id,
            body.closed_through,
            reason=body.reason,
            expected_version=write.expected_version(required=False),
        )
        return created(period_close_read(await queries.get_period_close(session, close_id)))

    return await write.run(work, exclusive_period=True)


@router.get(
    "/legal-entities/{legal_entity_id}/period-closes",
    operation_id="listPeriodCloses",
    summary="List closes and reopenings of a legal entity",
    response_model=Page[PeriodCloseRead],
    responses=problems(404),
)
async def list_period_closes(legal_entity_id: UUID, read: Reading, page: Paging) -> Response:
    """Who closed and reopened which periods, when and why."""
    await queries.list_legal_entities(read, legal_entity_id)
    sort, keys = choose_sort(page, _CLOSE_SORTS, "created")
    statement = queries.period_closes_statement(read.organization_id, legal_entity_id)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [period_close_read(row[0]) for row in rows]
    return resource_response(Page[PeriodCloseRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/legal-entities/{legal_entity_id}/account-mapping",
    operation_id="getAccountMapping",
    summary="Read the account mapping of a legal entity",
    response_model=AccountMappingRead,
    responses={**problems(404), 200: {"description": "The mapping", "headers": ETAG_HEADER}},
)
async def get_account_mapping(legal_entity_id: UUID, read: Reading) -> Response:
    """The general-ledger account of each role of the chart; `ETag` is the legal entity's version."""
    (row,) = await queries.list_legal_entities(read, legal_entity_id)
    return resource_response(account_mapping_read(row), row["version"])


@router.put(
    "/legal-entities/{legal_entity_id}/account-mapping",
    operation_id="replaceAccountMapping",
    summary="Replace the account mapping of a legal entity",
    response_model=AccountMappingRead,
    responses={**problems(404, 412, 428), 200: {"description": "The mapping", "headers": ETAG_HEADER}},
)
async def put_account_mapping(
    legal_entity_id: UUID, body: AccountMappingWrite, write: Annotated[Write, writes("ledger:write")]
) -> Response:
    """Journal entries keep the roles, so that the new codes stand for the past as well. `If-Match` is required."""

    async def work(session: WriteSession) -> Answer:
        mapping = {str(role): code for role, code in body.accounts.items()}
        await replace_account_mapping(session, legal_entity_id, mapping, expected_version=write.expected_version())
        (row,) = await queries.list_legal_entities(session, legal_entity_id)
        made = account_mapping_read(row)
        return answer(made, version=made.version)

    return await write.run(work)
