"""HTTP of account statements: asked for at once, sent, and by schedule."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse

from app.core.clock import utc_now
from app.correspondence.threads import check_asked
from app.documents.queries import get_document
from app.documents.storage import document_store
from app.exports.service import Export, log_export
from app.infra.database import Database, ReadSession, WriteSession
from app.infra.http.downloads import FILE, download_headers
from app.infra.http.fields import BusinessDate, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, callers, created, reads, writes
from app.infra.principal import Principal
from app.infra.rendering.csv_text import csv_chunks
from app.infra.rendering.papers import paper_pdf
from app.infra.rendering.workbooks import workbook
from app.organizations.queries import local_today
from app.statements import schedule_queries as queries
from app.statements.errors import AccountStatementNotFound
from app.statements.layout import CSV_HEADER, statement_cells, statement_paper, statement_sheets
from app.statements.making import PDF
from app.statements.models import AccountStatement
from app.statements.schemas import AccountStatementRead, StatementRead, StatementSend, statement_read
from app.statements.sending import prepare_statement, write_statement
from app.statements.statement import Statement, account_statement
from app.statements.texts import PaperLanguage, Words

router = APIRouter(tags=["statements"])
_SORTS = {"created": (SortKey(AccountStatement.id, UUID),)}
Reading = Annotated[ReadSession, reads("accounts:read", "invoices:read", "payments:read")]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get(
    "/accounts/{account_id}/statement",
    operation_id="getAccountStatement",
    summary="What an account owes on a day, as data, PDF, XLSX or CSV",
    response_model=StatementRead,
    responses={
        **problems(404, 413),
        200: {"description": "The statement", "content": {PDF: FILE, XLSX: FILE, "text/csv": FILE}},
    },
)
async def get_statement(
    account_id: UUID,
    request: Request,
    principal: Annotated[Principal, callers("accounts:read", "invoices:read", "payments:read")],
    as_of: Annotated[BusinessDate | None, Query(description="Business date; today when missing")] = None,
    format: Literal["json", "pdf", "xlsx", "csv"] = "json",
    language: Annotated[PaperLanguage | None, Query(description="The account's own when missing")] = None,
) -> Response:
    """Open items with days late, disputed and promised parts, credits, unapplied cash, totals by currency and bucket.

    Open and disputed amounts are those of the business date; promised parts are shown as they stand now. The paper is
    written in the account's language and country. What leaves as a file stands in the export log.
    """
    database: Database = request.app.state.read_database
    async with database.read(principal.organization_id, snapshot=True) as session:
        today = await local_today(session, utc_now())
        statement = await account_statement(session, account_id, as_of or today)
    account = statement.account
    words = Words(language or account["language"], account["country"])
    if format == "json":
        return resource_response(statement_read(statement, words))
    rows = len(statement.items) + len(statement.credits)
    filters = {**request.query_params, "account_id": str(account_id)}
    content = None if format == "csv" else await asyncio.to_thread(_file, statement, words, format)
    await log_export(request.app.state.database, principal, Export("account-statement", format, filters, rows))
    headers = download_headers(f"statement-{account['number']}-{statement.as_of}.{format}")
    if content is None:
        chunks = csv_chunks(CSV_HEADER, statement_cells(statement))
        return StreamingResponse(chunks, media_type="text/csv; charset=utf-8", headers=headers)
    return Response(content, media_type=PDF if format == "pdf" else XLSX, headers=headers)


def _file(statement: Statement, words: Words, form: str) -> bytes:
    if form == "pdf":
        return paper_pdf(statement_paper(statement, words), statement.as_of)
    title = f"{words('statement')} {statement.account['number']}"
    return workbook(statement_sheets(statement, words), title=title, on=statement.as_of)


@router.post(
    "/accounts/{account_id}/statement/send",
    operation_id="sendAccountStatement",
    summary="Send an account its statement",
    status_code=201,
    response_model=AccountStatementRead,
    responses=problems(404, 409, 413),
)
async def send(
    account_id: UUID,
    body: StatementSend,
    request: Request,
    write: Annotated[Write, writes("correspondence:write", "accounts:read", "invoices:read", "payments:read")],
) -> Response:
    """By e-mail with the paper attached, or as a letter to be posted. What the rules of contact put off waits, what
    they refuse is `not_sent` with the reason.
    """
    principal = write.principal
    async with write.database.read(principal.organization_id) as session:
        today = await local_today(session, write.now)
        if body.answer:
            await check_asked(session, account_id, None, write.now)
    ready = await prepare_statement(
        write.database, request.app.state.settings, principal.organization_id, body.command(account_id, today),
        actor=principal.actor, now=write.now,
    )  # fmt: skip
    assert ready is not None

    async def work(session: WriteSession) -> Answer:
        statement_id = await write_statement(session, ready, write.now)
        assert statement_id is not None
        made = await _sent(session, statement_id)
        return created(made, location=f"/v1/account-statements/{statement_id}")

    return await write.run(work)


@router.get(
    "/account-statements",
    operation_id="listAccountStatements",
    summary="List statements that were sent",
    response_model=Page[AccountStatementRead],
    responses=problems(),
)
async def list_sent(
    read: Reading,
    page: Annotated[PageRequest, Depends(page_request)],
    account_id: UUID | None = None,
    state: Literal["sent", "not_sent"] | None = None,
    period: Annotated[str, Query(pattern=r"^[0-9]{4}-(W[0-9]{2}|[0-9]{2})$")] | None = None,
) -> Response:
    """Statements of all accounts or of one, the latest with `sort=-created`; also those that could not be sent."""
    sort, keys = choose_sort(page, _SORTS, "created")
    statement = queries.statements_statement(read.organization_id, account_id=account_id, state=state, period=period)
    rows, cursor = await fetch_page(read, statement, page, keys, sort)
    sent = [row[0] for row in rows]
    messages = await queries.deliveries(read, [row.message_id for row in sent if row.message_id])
    data = [AccountStatementRead.of(row, messages.get(row.message_id)) for row in sent]
    return resource_response(Page[AccountStatementRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/account-statements/{account_statement_id}",
    operation_id="getSentAccountStatement",
    summary="Read a statement that was sent",
    response_model=AccountStatementRead,
    responses=problems(404),
)
async def get_sent(account_statement_id: UUID, read: Reading) -> Response:
    """When, to whom, with which sums, and what came of it."""
    return resource_response(await _sent(read, account_statement_id))


@router.get(
    "/account-statements/{account_statement_id}/document",
    operation_id="downloadAccountStatement",
    summary="The paper of a statement as it was sent",
    response_class=Response,
    responses={**problems(404), 200: {"description": "The paper", "content": {PDF: FILE}}},
)
async def download(
    account_statement_id: UUID,
    request: Request,
    principal: Annotated[Principal, callers("accounts:read", "invoices:read", "payments:read")],
) -> Response:
    """The same bytes that the customer got. The download stands in the export log."""
    database: Database = request.app.state.read_database
    async with database.read(principal.organization_id) as session:
        row = await queries.get_sent(session, account_statement_id)
        if row.document_id is None:
            raise AccountStatementNotFound("this statement was not made: there is no paper")
        document = await get_document(session, row.document_id)
    store = document_store(request.app.state.settings, document.kept_in)
    content = await store.get(principal.organization_id, document.sha256)
    filters = {"account_id": str(row.account_id), "account_statement_id": str(row.id)}
    await log_export(request.app.state.database, principal, Export("account-statement", "pdf", filters, row.items))
    return Response(content, media_type=PDF, headers=download_headers(document.name))


async def _sent(session: ReadSession, statement_id: UUID) -> AccountStatementRead:
    row = await queries.get_sent(session, statement_id)
    messages = await queries.deliveries(session, [row.message_id] if row.message_id else [])
    return AccountStatementRead.of(row, messages.get(row.message_id) if row.message_id else None)
