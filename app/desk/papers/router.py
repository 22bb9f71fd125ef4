"""HTTP of evidence files."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.core.clock import utc_now
from app.desk.papers.evidence import evidence_facts, latest_file
from app.desk.papers.evidence_making import (
    PDF,
    bind_evidence,
    export_of,
    get_file,
    is_large,
    keep_evidence,
    log_made,
    queue_evidence,
)
from app.desk.papers.models import EvidenceFile
from app.desk.papers.schemas import EvidenceFileRead
from app.documents.queries import get_document
from app.documents.storage import document_store
from app.exports.service import log_export
from app.infra.database import Database, ReadSession
from app.infra.http.downloads import FILE, download_headers
from app.infra.http.fields import resource_response
from app.infra.http.problems import problems
from app.infra.http.requests import callers, reads
from app.infra.principal import Principal
from app.organizations.queries import local_today
from app.statements.texts import PaperLanguage, Words

router = APIRouter(tags=["desk"])


@router.get(
    "/legal-cases/{case_id}/evidence.pdf",
    operation_id="getEvidenceFile",
    summary="The evidence file of a legal case as one PDF",
    response_class=Response,
    responses={
        **problems(404, 413),
        200: {"description": "The file", "content": {PDF: FILE}},
        202: {"description": "It is made in the background: ask again", "model": EvidenceFileRead},
    },
)
async def get_evidence(
    case_id: UUID,
    request: Request,
    principal: Annotated[
        Principal, callers("collections:read", "invoices:read", "documents:read", "correspondence:read")
    ],
    language: Annotated[PaperLanguage | None, Query(description="The account's own when missing")] = None,
) -> Response:
    """The claim, the statement, actions, letters, promises, disputes, payments, costs and the timeline, with the stored
    PDFs and pictures (PNG, JPEG) bound in behind, an index and page numbers. What is neither is listed.

    A small file is answered at once. A large one is made in the background: 202 with its resource, and the bytes when
    asked again. Each is kept as a document of the case.
    """
    reading: Database = request.app.state.read_database
    writing: Database = request.app.state.database
    settings = request.app.state.settings
    now = utc_now()
    async with reading.read(principal.organization_id, snapshot=True) as session:
        today = await local_today(session, now)
        facts = await evidence_facts(session, case_id, today)
        latest = await latest_file(session, case_id)
        account = facts.statement.account
        spoken = Words(language or account["language"], account["country"]).language
        current = latest if latest and (latest.as_of, latest.language) == (today, spoken) else None
        kept = None
        if current is not None and current.document_id is not None:
            kept = await get_document(session, current.document_id)
    number = facts.case.case.number
    if is_large(facts):
        if current is None or current.state == "failed":
            async with writing.write(principal.organization_id, principal.actor) as session:
                current = await queue_evidence(session, case_id, spoken, today)
                await session.refresh(current)
        if kept is None:
            body = EvidenceFileRead.of(current).model_dump_json()
            headers = {"Location": f"/v1/evidence-files/{current.id}", "Retry-After": "5"}
            return Response(body, 202, headers=headers, media_type="application/json")
        content = await document_store(settings, kept.kept_in).get(principal.organization_id, kept.sha256)
        await log_export(writing, principal, export_of(case_id, today))
        return _evidence(content, number, current)
    made = await bind_evidence(settings, principal.organization_id, facts, language, today)
    async with writing.write(principal.organization_id, principal.actor) as session:
        file_id = None if current is None else current.id
        row = await keep_evidence(
            session, made, case_id=case_id, language=spoken, as_of=today, now=now, file_id=file_id
        )
        log_made(session, case_id, today)
    return _evidence(made.bundle.content, number, row)


def _evidence(content: bytes, number: str, row: EvidenceFile) -> Response:
    headers = download_headers(f"evidence-{number}-{row.as_of}.pdf")
    headers["Content-Location"] = f"/v1/evidence-files/{row.id}"
    return Response(content, media_type=PDF, headers=headers)


@router.get(
    "/evidence-files/{evidence_file_id}",
    operation_id="getEvidenceFileState",
    summary="How far an evidence file is",
    response_model=EvidenceFileRead,
    responses=problems(404),
)
async def get_state(
    evidence_file_id: UUID, read: Annotated[ReadSession, reads("collections:read", "documents:read")]
) -> Response:
    """When it is completed its bytes are the document `document_id`; what could not be bound in is listed."""
    return resource_response(EvidenceFileRead.of(await get_file(read, evidence_file_id)))
