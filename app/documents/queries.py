"""SQL of documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from app.documents.errors import DocumentLinkNotFound, DocumentNotFound
from app.documents.models import Document, DocumentLink
from app.documents.rules import SUBJECT_TABLES
from app.infra.database import ReadSession, WriteSession

_INSERT = """
INSERT INTO documents (organization_id, id, sha256, size_bytes, media_type, name, kept_in, uploaded_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (organization_id, sha256) DO NOTHING RETURNING id
"""
_LINK = """
INSERT INTO document_links (organization_id, id, document_id, subject_kind, subject_id, name, category, note, linked_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (organization_id, document_id, subject_kind, subject_id) DO NOTHING RETURNING id
"""


async def insert_document(session: WriteSession, values: tuple[Any, ...]) -> bool:
    """Insert a document; False when the content is stored already. Waits for a rival that stores the same."""
    return await session.driver.fetchval(_INSERT, session.organization_id, *values) is not None


async def insert_link(session: WriteSession, values: tuple[Any, ...]) -> bool:
    """Insert a link; False when there is one already."""
    return await session.driver.fetchval(_LINK, session.organization_id, *values) is not None


async def get_document(session: ReadSession, document_id: UUID) -> Document:
    """The document. Raises DocumentNotFound."""
    found = await session.get(Document, (session.organization_id, document_id))
    if found is None:
        raise DocumentNotFound("no such document")
    return found


async def documents_by_id(session: ReadSession, ids: Iterable[UUID]) -> list[Document]:
    """Those of the documents that exist."""
    statement = select(Document).where(Document.organization_id == session.organization_id, Document.id.in_(list(ids)))
    return list((await session.scalars(statement)).all())


async def find_by_hash(session: ReadSession, sha256: str) -> Document | None:
    """The document with this content, or None."""
    statement = select(Document).where(Document.organization_id == session.organization_id, Document.sha256 == sha256)
    return (await session.scalars(statement)).one_or_none()


async def links_of(session: ReadSession, document_id: UUID) -> list[DocumentLink]:
    """To which records a document belongs, oldest first."""
    statement = select(DocumentLink).where(
        DocumentLink.organization_id == session.organization_id, DocumentLink.document_id == document_id
    )
    return list((await session.scalars(statement.order_by(DocumentLink.id).limit(1_000))).all())


async def get_link(session: ReadSession, document_id: UUID, link_id: UUID) -> DocumentLink:
    """One link of a document. Raises DocumentLinkNotFound."""
    found = await session.get(DocumentLink, (session.organization_id, link_id))
    if found is None or found.document_id != document_id:
        raise DocumentLinkNotFound("the document has no such link")
    return found


def links_statement(
    organization_id: UUID, subject_kind: str, subject_id: UUID, category: str | None = None
) -> Select[Any]:
    """The statement of the documents of a record, without order and bounds."""
    statement: Any = (
        select(DocumentLink, Document)
        .join(
            Document,
            (Document.organization_id == DocumentLink.organization_id) & (Document.id == DocumentLink.document_id),
        )
        .where(
            DocumentLink.organization_id == organization_id,
            DocumentLink.subject_kind == subject_kind,
            DocumentLink.subject_id == subject_id,
        )
    )
    narrowed: Select[Any] = statement if category is None else statement.where(DocumentLink.category == category)
    return narrowed


async def subject_exists(session: ReadSession, kind: str, subject_id: UUID) -> bool:
    """Whether the record exists; true for kinds whose table this room does not know."""
    table = SUBJECT_TABLES.get(kind)
    if table is None:
        return True
    statement = f"SELECT EXISTS (SELECT FROM {table} WHERE organization_id = $1 AND id = $2)"
    return bool(await session.driver.fetchval(statement, session.organization_id, subject_id))
