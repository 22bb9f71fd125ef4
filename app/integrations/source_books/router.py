"""HTTP of what sources say of their books: watermarks, and reconciliations of balances."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.infra.database import ReadSession
from app.infra.http.fields import Source, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import reads
from app.integrations.queries import get_import
from app.integrations.source_books import queries
from app.integrations.source_books.models import SourceBalance, SourceWatermark
from app.integrations.source_books.reconciling import summary_of
from app.integrations.source_books.schemas import (
    ReconciliationRead,
    SourceBalanceRead,
    SourceWatermarkRead,
    Verdict,
    reconciliation_read,
)

router = APIRouter(tags=["imports"])
Reading = Annotated[ReadSession, reads("imports:read")]
Paging = Annotated[PageRequest, Depends(page_request)]
_SORTS = {"source_table": (SortKey(SourceWatermark.source_table, str), SortKey(SourceWatermark.id, UUID))}
_LINE_SORTS = {"account": (SortKey(SourceBalance.account_key, str), SortKey(SourceBalance.id, UUID))}


@router.get(
    "/source-watermarks",
    operation_id="listSourceWatermarks",
    summary="How far the tables of a source were read",
    response_model=Page[SourceWatermarkRead],
    responses=problems(),
)
async def list_watermarks(read: Reading, page: Paging, source: Source | None = None) -> Response:
    """One for each table and kind of rows. An extract needs what was changed at this instant or later."""
    sort, keys = choose_sort(page, _SORTS, "source_table")
    statement = queries.watermarks_statement(read.organization_id, source)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [SourceWatermarkRead.of(row[0]) for row in rows]
    return resource_response(Page[SourceWatermarkRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/imports/{import_id}/reconciliation",
    operation_id="getImportReconciliation",
    summary="Read the reconciliation of an import of balances",
    response_model=ReconciliationRead,
    responses=problems(404),
)
async def get_reconciliation(import_id: UUID, read: Reading) -> Response:
    """Accounts and sums by verdict: what the source states, what its open documents add up to, and what is here."""
    await get_import(read, import_id)
    return resource_response(reconciliation_read(import_id, await summary_of(read, import_id)))


@router.get(
    "/imports/{import_id}/reconciliation-lines",
    operation_id="listImportReconciliationLines",
    summary="List the accounts of a reconciliation",
    response_model=Page[SourceBalanceRead],
    responses=problems(404),
)
async def list_lines(
    import_id: UUID,
    read: Reading,
    page: Paging,
    verdict: Annotated[Verdict | None, Query(description="differs_here: the amount here is another one")] = None,
) -> Response:
    """By account. `source_differs`: the source's own documents do not add up to the balance that it states."""
    await get_import(read, import_id)
    sort, keys = choose_sort(page, _LINE_SORTS, "account")
    statement = queries.balances_statement(read.organization_id, import_id, verdict)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    data = [SourceBalanceRead.of(row[0]) for row in rows]
    return resource_response(Page[SourceBalanceRead](data=data, has_more=cursor is not None, next_cursor=cursor))
