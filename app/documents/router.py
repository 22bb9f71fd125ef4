"""HTTP of documents. Besides documents:read a reader holds the scope of a record that the document belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from typing import Annotated, Any, get_args
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.documents import queries
from app.documents.errors import DocumentNotFound, DocumentTooLarge, DocumentUploadInvalid
from app.documents.models import DocumentLink
from app.documents.rules import scope_of_subject
from app.documents.schemas import DocumentCategory, DocumentLinkCreate, DocumentRead, SubjectKind
from app.documents.service import (
    DOCUMENT_BYTES_MAX,
    Subject,
    add_document,
    check_subject,
    keep_content,
    link_document,
    may_see,
    unlink_document,
    visible_document,
)
from app.documents.storage import document_store
from app.infra.database import ReadSession, WriteSession
from app.infra.http.fields import Comment, resource_response
from app.infra.http.paging import Page, PageRequest, SortKey, choose_sort, fetch_page, page_request
from app.infra.http.problems import problems
from app.infra.http.requests import Answer, Write, callers, created, reads, writes
from app.infra.principal import Principal
from app.organizations.rules import SCOPES

router = APIRouter(prefix="/documents", tags=["documents"])
Reading = Annotated[ReadSession, reads("documents:read")]
Caller = Annotated[Principal, callers("documents:read")]
Writing = Annotated[Write, writes("documents:write")]
FORM_BYTES_MAX = DOCUMENT_BYTES_MAX + 64 * 1024
_SORTS = {"created": (SortKey(DocumentLink.id, UUID),)}
_FIELDS = ("file", "subject_kind", "subject_id", "category", "note")
_TEXT: dict[str, Any] = {"type": "string"}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file", "subject_kind", "subject_id"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "subject_kind": {"type": "string", "enum": list(get_args(SubjectKind))},
                    "subject_id": {"type": "string", "format": "uuid"},
                    "category": {"type": "string", "enum": list(get_args(DocumentCategory)), "default": "other"},
                    "note": {**_TEXT, "maxLength": 4000},
                },
            }
        }
    },
}


@router.post(
    "",
    operation_id="createDocument",
    summary="Store a document and attach it to a record",
    status_code=201,
    response_model=DocumentRead,
    responses=problems(404, 413),
    openapi_extra={"requestBody": _BODY},
)
async def create(request: Request, write: Writing) -> Response:
    """PDF, images, DOCX, XLSX, ODT, ODS, MSG, EML, TXT, CSV, XML, JSON up to 25 MB; the content decides, not the name.

    The same content is stored once: a second upload answers the document that is there, with one more link.
    """
    content, name, said = await _receive(request)
    principal = write.principal
    subject = Subject(said.subject_kind, said.subject_id)
    _require_scope(principal, subject.kind)
    async with write.database.read(principal.organization_id) as session:
        await check_subject(session, principal.actor, subject)
    store = document_store(request.app.state.settings)
    kept = await keep_content(store, principal.organization_id, content, name)
    digest = hashlib.sha256(f"{kept.sha256}\n{kept.name}\n{said.model_dump_json()}".encode())
    write.fingerprint = digest.digest()

    async def work(session: WriteSession) -> Answer:
        document_id = await add_document(session, kept, subject, category=said.category, note=said.note)
        made = await _document(session, principal, document_id)
        return created(made, location=f"/v1/documents/{document_id}")

    return await write.run(work)


@router.get(
    "",
    operation_id="listDocuments",
    summary="List the documents of a record",
    response_model=Page[DocumentRead],
    responses=problems(),
)
async def list_documents(
    read: Reading,
    caller: Caller,
    page: Annotated[PageRequest, Depends(page_request)],
    subject_kind: Annotated[SubjectKind, Query(description="What the documents belong to")],
    subject_id: Annotated[UUID, Query()],
    category: DocumentCategory | None = None,
) -> Response:
    """In the order in which they were attached; each with this link only. None of a record that one may not see."""
    subject = Subject(subject_kind, subject_id)
    _require_scope(caller, subject.kind)
    if not await may_see(read, caller.actor, subject):
        return resource_response(Page[DocumentRead](data=[], has_more=False, next_cursor=None))
    statement = queries.links_statement(read.organization_id, subject_kind, subject_id, category)
    sort, keys = choose_sort(page, _SORTS, "created")
    found, cursor = await fetch_page(read, statement, page, keys, sort)
    rows: list[Any] = list(found)
    may_write = "documents:write" in caller.scopes
    data = [DocumentRead.of(row[1], [row[0]], may_write=may_write) for row in rows]
    return resource_response(Page[DocumentRead](data=data, has_more=cursor is not None, next_cursor=cursor))


@router.get(
    "/{document_id}",
    operation_id="getDocument",
    summary="Read what is known of a document",
    response_model=DocumentRead,
    responses=problems(404),
)
async def get(document_id: UUID, read: Reading, caller: Caller) -> Response:
    """Type, size, hash, and the records that it belongs to as far as the caller may see them."""
    return resource_response(await _document(read, caller, document_id))


@router.get(
    "/{document_id}/content",
    operation_id="getDocumentContent",
    summary="Download a document",
    response_class=Response,
    responses={
        **problems(404),
        200: {
            "description": "The bytes as they were stored",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def content(document_id: UUID, request: Request, read: Reading, caller: Caller) -> Response:
    """Always as an attachment, never to be shown or run inside the service's own pages."""
    found, links = await visible_document(read, caller, document_id)
    store = document_store(request.app.state.settings, found.kept_in)
    body = await store.get(caller.organization_id, found.sha256)
    name = links[0].name if links else found.name
    headers = {
        "Content-Disposition": disposition(name),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-store",
    }
    return Response(body, media_type=found.media_type, headers=headers)


@router.post(
    "/{document_id}/links",
    operation_id="linkDocument",
    summary="Attach a document to one more record",
    status_code=201,
    response_model=DocumentRead,
    responses=problems(404),
)
async def link(document_id: UUID, body: DocumentLinkCreate, write: Writing) -> Response:
    """Nothing changes when it is attached already."""

    async def work(session: WriteSession) -> Answer:
        subject = Subject(body.subject_kind, body.subject_id)
        _require_scope(write.principal, subject.kind)
        await visible_document(session, write.principal, document_id)
        await check_subject(session, session.actor, subject)
        await link_document(session, document_id, subject, category=body.category, note=body.note)
        return created(await _document(session, write.principal, document_id), location=f"/v1/documents/{document_id}")

    return await write.run(work)


@router.delete(
    "/{document_id}/links/{link_id}",
    operation_id="unlinkDocument",
    summary="Detach a document from a record",
    status_code=204,
    responses=problems(404, 412),
)
async def unlink(document_id: UUID, link_id: UUID, write: Writing) -> Response:
    """The document itself stays in the store."""

    async def work(session: WriteSession) -> Answer:
        _, links = await visible_document(session, write.principal, document_id)
        if link_id in {found.id for found in links} or not links:
            await unlink_document(session, document_id, link_id)
            return Answer(None, 204)
        raise DocumentNotFound("no such link")

    return await write.run(work)


def disposition(name: str) -> str:
    """`Content-Disposition` of a download (RFC 6266): an ASCII name for old programs, and the real one."""
    plain = "".join(ch if " " <= ch <= "~" and ch not in '"\\%' else "_" for ch in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


class _Said(DocumentLinkCreate):
    note: Comment | None = None


async def _receive(request: Request) -> tuple[bytes, str, _Said]:
    """The file and the texts of the form; bounded while it is read. Raises DocumentUploadInvalid, DocumentTooLarge."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise DocumentUploadInvalid("send multipart/form-data with a part `file`", pointer="/file")
    try:
        form = await MultiPartParser(request.headers, _bounded(request), max_files=1, max_fields=8).parse()
    except (MultiPartException, KeyError, UnicodeDecodeError, ValueError) as error:
        raise DocumentUploadInvalid(f"the form cannot be read: {type(error).__name__}", pointer="/file") from None
    try:
        return await _read_form(form)
    finally:
        await form.close()


async def _read_form(form: FormData) -> tuple[bytes, str, _Said]:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise DocumentUploadInvalid("the form has no part `file` with a file name", pointer="/file")
    unknown = sorted(set(form) - set(_FIELDS))
    if unknown:
        raise DocumentUploadInvalid(f"parts are {', '.join(_FIELDS)}")
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        said = _Said.model_validate(texts)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_context=False)) from None
    return await file.read(), file.filename or "", said


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    seen = 0
    async for piece in request.stream():
        seen += len(piece)
        if seen > FORM_BYTES_MAX:
            raise DocumentTooLarge(f"a document has at most {DOCUMENT_BYTES_MAX} bytes")
        yield piece


def _require_scope(principal: Principal, kind: str) -> None:
    scope = scope_of_subject(kind, SCOPES)
    if scope is not None:
        principal.require(scope)


async def _document(session: ReadSession, principal: Principal, document_id: UUID) -> DocumentRead:
    document, links = await visible_document(session, principal, document_id)
    return DocumentRead.of(document, links, may_write="documents:write" in principal.scopes)
