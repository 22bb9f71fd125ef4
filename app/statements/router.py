"""HTTP of account statements: asked for at once, sent, and by schedule."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from app.core.clock import utc_now
from app.exports.service import Export, log_export
from app.infra.database import Database
from app.infra.http.downloads import FILE, download_headers
from app.infra.http.fields import BusinessDate, resource_response
from app.infra.http.problems import problems
from app.infra.http.requests import callers
from app.infra.principal import Principal
from app.infra.rendering.csv_text import csv_chunks
from app.infra.rendering.papers import paper_pdf
from app.infra.rendering.workbooks import workbook
from app.organizations.queries import local_today
from app.statements.layout import CSV_HEADER, statement_cells, statement_paper, statement_sheets
from app.statements.schemas import StatementRead, statement_read
from app.statements.statement import Statement, account_statement
from app.statements.texts import PaperLanguage, Words

router = APIRouter(tags=["statements"])
PDF = "application/pdf"
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

    Open amounts are those of the business date; disputed and promised parts are shown as they stand now. The paper is
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
