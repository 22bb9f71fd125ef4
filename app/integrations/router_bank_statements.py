"""HTTP of bank statements and bank entries."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.infra.database import ReadSession
from app.infra.http.fields import BusinessDate, resource_response, visible
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import reads
from app.integrations import bank_queries
from app.integrations.bank_queries import EntryFilter, StatementFilter
from app.integrations.models import BankEntry, BankStatement
from app.integrations.schemas_bank_statements import (
    BalanceCheck,
    BankEntryRead,
    BankStatementRead,
    BankStatus,
    Continuity,
    EntryOutcome,
    entry_read,
    statement_read,
)

statements_router = APIRouter(prefix="/bank-statements", tags=["bank statements"])
entries_router = APIRouter(prefix="/bank-entries", tags=["bank statements"])
_STATEMENT_SORTS = {"created": (SortKey(BankStatement.id, UUID),)}
_ENTRY_SORTS = {"created": (SortKey(BankEntry.id, UUID),)}


@statements_router.get(
    "",
    operation_id="listBankStatements",
    summary="List bank statements",
    response_model=Page[BankStatementRead],
    responses=problems(),
)
async def list_bank_statements(
    read: Annotated[ReadSession, reads("bank-statements:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    bank_account_id: UUID | None = None,
    import_id: UUID | None = None,
    continuity: Continuity | None = None,
    balance_check: BalanceCheck | None = None,
    closed_from: BusinessDate | None = None,
    closed_to: BusinessDate | None = None,
) -> Response:
    """Statements in the order in which they were loaded. `continuity=gap` shows what is missing."""
    sort, keys = choose_sort(page, _STATEMENT_SORTS, "created")
    wanted = StatementFilter(bank_account_id, import_id, continuity, balance_check, closed_from, closed_to)
    statement = bank_queries.statements_statement(read.organization_id, wanted)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [statement_read(row[0]) for row in rows]
    return resource_response(Page[BankStatementRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@statements_router.get(
    "/{statement_id}",
    operation_id="getBankStatement",
    summary="Read a bank statement",
    response_model=BankStatementRead,
    responses=problems(404),
)
async def get_bank_statement(
    statement_id: UUID, read: Annotated[ReadSession, reads("bank-statements:read")]
) -> Response:
    """Balances, control totals, continuity and problems; its entries are at /v1/bank-entries."""
    found = statement_read(await bank_queries.get_statement(read, statement_id))
    return resource_response(found, found.version)


@entries_router.get(
    "",
    operation_id="listBankEntries",
    summary="List bank entries",
    response_model=Page[BankEntryRead],
    responses=problems(),
)
async def list_bank_entries(
    read: Annotated[ReadSession, reads("bank-statements:read")],
    page: Annotated[PageRequest, Depends(page_request)],
    statement_id: UUID | None = None,
    bank_account_id: UUID | None = None,
    payment_id: UUID | None = None,
    outcome: EntryOutcome | None = None,
    bank_status: BankStatus | None = None,
    is_credit: bool | None = None,
    end_to_end_id: Annotated[str | None, visible(140)] = None,
    booked_from: BusinessDate | None = None,
    booked_to: BusinessDate | None = None,
) -> Response:
    """Entries in the order in which they were loaded. `outcome=kept` shows what waits for a person."""
    sort, keys = choose_sort(page, _ENTRY_SORTS, "created")
    days: tuple[date | None, date | None] = (booked_from, booked_to)
    wanted = EntryFilter(
        statement_id, bank_account_id, payment_id, outcome, bank_status, is_credit, end_to_end_id, *days
    )
    statement = bank_queries.entries_statement(read.organization_id, wanted)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [entry_read(row[0]) for row in rows]
    return resource_response(Page[BankEntryRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@entries_router.get(
    "/{entry_id}",
    operation_id="getBankEntry",
    summary="Read a bank entry",
    response_model=BankEntryRead,
    responses=problems(404),
)
async def get_bank_entry(entry_id: UUID, read: Annotated[ReadSession, reads("bank-statements:read")]) -> Response:
    """One transaction of a statement and what became of it."""
    return resource_response(entry_read(await bank_queries.get_entry(read, entry_id)))
