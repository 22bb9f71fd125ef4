"""Store documents once by their hash, and say to which records they belong.

Two steps: `keep_content` checks the bytes and puts them where they stay (no transaction); `add_document` writes the
rows. A rolled-back transaction leaves bytes that nobody names: harmless, and found again by the next upload of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import new_id
from app.documents import queries
from app.documents.errors import DocumentNotFound, DocumentSubjectUnknown, DocumentTooLarge
from app.documents.models import Document, DocumentLink
from app.documents.rules import clean_name, media_type_of, scope_of_subject
from app.documents.storage import DocumentStore
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import Actor, ReadSession, WriteSession
from app.infra.principal import Principal
from app.organizations.rules import SCOPES

DOCUMENT_BYTES_MAX = 25_000_000
Guard = Callable[[ReadSession, Actor, UUID], Awaitable[None]]
_guards: dict[str, Guard] = {}


@dataclass(frozen=True, slots=True)
class KeptContent:
    """Bytes that are in the store, and what they are."""

    sha256: str
    size_bytes: int
    media_type: str
    name: str
    kept_in: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The record that a document belongs to."""

    kind: str
    id: UUID


def guard_subject(kind: str, guard: Guard) -> None:
    """Ask this function whether an actor may see a record of that kind; it raises the room's own refusal if not.

    Rooms register theirs when they are imported, as they do with constraints.
    """
    _guards[kind] = guard


async def check_subject(session: ReadSession, actor: Actor, subject: Subject) -> None:
    """Raise DocumentSubjectUnknown unless the record exists; or the refusal of the room's guard."""
    guard = _guards.get(subject.kind)
    if guard is not None:
        await guard(session, actor, subject.id)
    elif not await queries.subject_exists(session, subject.kind, subject.id):
        raise DocumentSubjectUnknown(f"no such {subject.kind}", pointer="/subject_id")


async def may_see(session: ReadSession, actor: Actor, subject: Subject) -> bool:
    """Whether the actor may see the record (its scope is checked elsewhere)."""
    try:
        await check_subject(session, actor, subject)
    except DomainError:
        return False
    return True


async def visible_document(
    session: ReadSession, principal: Principal, document_id: UUID
) -> tuple[Document, list[DocumentLink]]:
    """The document with the links that the caller may see. Raises DocumentNotFound, for one of others' records, too.

    One without any link is visible to everybody who reads documents: somebody must be able to attach it again. Not to
    a caller with a data scope, who cannot tell it from one whose links are out of sight.
    Whoever attaches a document to another record asks this first, or would see it by way of that record.
    """
    document = await queries.get_document(session, document_id)
    links = await queries.links_of(session, document_id)
    seen = [found for found in links if await _sees(session, principal, found)]
    if not seen and (links or principal.data_scope is not None):
        raise DocumentNotFound("no such document")
    return document, seen


async def _sees(session: ReadSession, principal: Principal, found: DocumentLink) -> bool:
    scope = scope_of_subject(found.subject_kind, SCOPES)
    if scope is not None and scope not in principal.scopes:
        return False
    return await may_see(session, principal.actor, Subject(found.subject_kind, found.subject_id))


async def keep_content(
    store: DocumentStore, organization_id: UUID, content: bytes, name: str, *, media_type: str | None = None
) -> KeptContent:
    """Check the bytes and put them into the store. `media_type` is given only for what the service itself made.

    Raises DocumentTypeRefused, DocumentNameInvalid, DocumentTooLarge, and the store's refusals.
    """
    if not 0 < len(content) <= DOCUMENT_BYTES_MAX:
        raise DocumentTooLarge(f"a document has 1 to {DOCUMENT_BYTES_MAX} bytes")
    shown = clean_name(name)
    found = media_type or media_type_of(content, shown)
    sha256 = hashlib.sha256(content).hexdigest()
    await store.put(organization_id, sha256, content, found)
    return KeptContent(sha256, len(content), found, shown, store.kept_in)


async def add_document(
    session: WriteSession,
    kept: KeptContent,
    subject: Subject | None = None,
    *,
    category: str = "other",
    note: str | None = None,
) -> UUID:
    """Write the document (once for each content) and, with a subject, the link; answers the document's id.

    The caller has checked that the subject exists and may be seen.
    """
    document_id = new_id()
    values = (
        document_id, kept.sha256, kept.size_bytes, kept.media_type, kept.name, kept.kept_in, session.actor.name,
    )  # fmt: skip
    if await queries.insert_document(session, values):
        facts = {"sha256": kept.sha256, "size_bytes": kept.size_bytes, "media_type": kept.media_type}
        record_change(session, ChangeRow("document", document_id, "document.stored", None, facts))
    else:
        found = await queries.find_by_hash(session, kept.sha256)
        assert found is not None
        document_id = found.id
    if subject is not None:
        await link_document(session, document_id, subject, name=kept.name, category=category, note=note)
    return document_id


async def link_document(
    session: WriteSession,
    document_id: UUID,
    subject: Subject,
    *,
    name: str | None = None,
    category: str = "other",
    note: str | None = None,
) -> bool:
    """Say that a document belongs to a record, too; False when it does already. Raises DocumentNotFound."""
    document = await queries.get_document(session, document_id)
    link_id = new_id()
    values = (
        link_id, document_id, subject.kind, subject.id, name or document.name, category, note, session.actor.name,
    )  # fmt: skip
    if not await queries.insert_link(session, values):
        return False
    facts = {"subject_kind": subject.kind, "subject_id": subject.id, "category": category}
    record_change(session, ChangeRow("document", document_id, "document.linked", None, facts))
    return True


async def unlink_document(session: WriteSession, document_id: UUID, link_id: UUID) -> None:
    """Remove a link; the document itself stays. Raises DocumentLinkNotFound."""
    link = await queries.get_link(session, document_id, link_id)
    facts = {"subject_kind": link.subject_kind, "subject_id": link.subject_id, "category": link.category}
    await session.delete(link)
    await session.flush()
    record_change(session, ChangeRow("document", document_id, "document.unlinked", facts, None))
