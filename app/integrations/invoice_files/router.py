"""HTTP of electronic invoices."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from app.documents.service import keep_content
from app.documents.storage import document_store
from app.infra.database import WriteSession
from app.infra.files import FileStore
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, answer, writes
from app.integrations.invoice_files.rules import SOURCE
from app.integrations.invoice_files.schemas import InvoiceFileRead, file_read
from app.integrations.invoice_files.service import Choices, take_invoice, try_invoice
from app.integrations.invoice_formats.detect import read_invoice_file
from app.integrations.invoice_formats.pdf_attachment import MAX_PDF_BYTES, is_pdf
from app.integrations.upload import Said, receive_upload
from app.organizations.queries import local_today

router = APIRouter(prefix="/invoice-files", tags=["invoices"])
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
        "application/xml": {**_BINARY, "example": "<Invoice>…</Invoice>"},
        "application/pdf": _BINARY,
        "application/octet-stream": _BINARY,
    },
}


@router.post(
    "",
    operation_id="takeInvoiceFile",
    summary="Record an electronic invoice of one's own",
    response_model=InvoiceFileRead,
    responses=problems(404, 409, 413),
    openapi_extra={"requestBody": _BODY},
)
async def take(
    request: Request,
    write: Annotated[Write, writes("invoices:write")],
    legal_entity: Annotated[
        str | None,
        Query(max_length=64, description="Code of the legal entity that sells, where the file does not tell"),
    ] = None,
    account_id: Annotated[
        UUID | None, Query(description="The account of the buyer, where the file does not tell")
    ] = None,
    account_number: Annotated[str | None, Query(max_length=64, description="The same by its number")] = None,
    source: Annotated[
        str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="The source that owns the document")
    ] = SOURCE,
    prepaid_is_settled: Annotated[
        bool, Query(description="False: the prepaid amount stays open, because its payment is recorded here")
    ] = True,
    dry_run: Annotated[
        bool, Query(description="Check everything and say what would become of it; write nothing")
    ] = False,
    file_name: Annotated[str | None, Query(max_length=200, description="When the body is the file itself")] = None,
) -> Response:
    """UBL 2.1 Invoice or CreditNote, CII (Factur-X, ZUGFeRD, XRechnung), or a PDF that carries one, up to 25 MB.

    The buyer's account is found by customer number, VAT id, electronic address or registered id; a similar name is
    only proposed. The document is found by its number: sent again it is brought up to date, never doubled. The file is
    attached to it. A refusal names the element by its path. With `dry_run` the ids of what would be new lead nowhere.
    """
    settings = request.app.state.settings
    organization_id = write.principal.organization_id
    store = FileStore(settings.data_dir)
    limit = min(MAX_PDF_BYTES, settings.upload_limit_bytes)
    file, said = await receive_upload(
        request, store, organization_id, limit_bytes=limit, query={"file_name": file_name}, check=lambda _: None
    )
    content = await run_in_threadpool(store.path(organization_id, file.sha256).read_bytes)
    invoice = await run_in_threadpool(read_invoice_file, content)
    media_type = "application/pdf" if is_pdf(content) else "application/xml"
    kept = await keep_content(
        document_store(settings),
        organization_id,
        content,
        _name(said, invoice.number, media_type),
        media_type=media_type,
    )
    choices = Choices(legal_entity, account_id, account_number, source, prepaid_is_settled)

    async def work(session: WriteSession) -> Answer:
        today = await local_today(session, write.now)
        take = try_invoice if dry_run else take_invoice
        return answer(file_read(invoice, await take(session, invoice, choices, kept, today=today), dry_run=dry_run))

    about = [file.sha256, legal_entity, str(account_id), account_number, source, prepaid_is_settled]
    about += ["dry_run"] if dry_run else []
    write.fingerprint = hashlib.sha256(json.dumps(about).encode()).digest()
    return await write.run(work)


def _name(said: Said, number: str, media_type: str) -> str:
    """The name of the file; that of the invoice where the caller gives none."""
    if said.file_name != "upload":
        return said.file_name
    return f"{number}.{'pdf' if media_type.endswith('pdf') else 'xml'}".replace("/", "-").replace("\\", "-")
