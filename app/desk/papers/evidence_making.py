"""Make the evidence file of a case: facts (one snapshot) → bytes (no transaction) → document of the case."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.core.errors import DomainError, NotFound, RuleViolation, TooLarge
from app.core.ids import new_id
from app.desk.papers.bundle import Bundle, Enclosure, Placed, bind
from app.desk.papers.errors import EvidenceFileNotFound
from app.desk.papers.evidence import EvidenceFacts, evidence_facts
from app.desk.papers.evidence_layout import evidence_paper
from app.desk.papers.models import EvidenceFile
from app.documents.service import KeptContent, Subject, add_document, keep_content
from app.documents.storage import document_store
from app.exports.service import Export, record_export
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import Actor, Database, ReadSession, WriteSession
from app.infra.jobs import owe
from app.infra.rendering.images import PICTURES, PictureRefused, picture_page_pdf
from app.infra.rendering.papers import paper_pdf
from app.infra.versions import RECORDED_NOW
from app.settings import Settings
from app.statements.texts import Words

KIND = "desk.evidence"
ENCLOSED_BYTES_MAX = 20_000_000
DIRECT_BYTES_MAX = 4_000_000
DIRECT_DOCUMENTS_MAX = 12
DIRECT_ROWS_MAX = 400
PDF = "application/pdf"
BOUND = frozenset((PDF, *PICTURES))
PICTURES_MAX = 100


@dataclass(frozen=True, slots=True)
class Made:
    """A bundle and the facts that it was made from."""

    bundle: Bundle
    kept: KeptContent
    left_out: list[dict[str, str]]


def is_large(facts: EvidenceFacts) -> bool:
    """Whether the file is made in the background: a request should not bind dozens of documents."""
    pages = [row for row in facts.documents if row["media_type"] in BOUND]
    rows = len(facts.statement.items) + len(facts.letters) + len(facts.timeline) // 4
    return (
        len(pages) > DIRECT_DOCUMENTS_MAX
        or sum(row["size_bytes"] for row in pages) > DIRECT_BYTES_MAX
        or rows > DIRECT_ROWS_MAX
    )


async def bind_evidence(settings: Settings, organization_id: UUID, facts: EvidenceFacts, language: str | None,
                        as_of: date) -> Made:  # fmt: skip
    """Fetch the stored documents, bind the file and put its bytes into the store; no transaction is open meanwhile.

    Raises PaperTooLarge, DocumentTooLarge, and the store's refusals.
    """
    account = facts.statement.account
    words = Words(language or account["language"], account["country"])
    enclosures, left_out = await _enclosures(settings, organization_id, facts.documents, as_of)

    def front(placed: tuple[Placed, ...], refused: tuple[tuple[str, str], ...], total: int) -> bytes:
        return paper_pdf(evidence_paper(facts, words, placed, (*left_out, *refused), total, as_of), as_of)

    def title_of(number: int, name: str) -> str:
        return words("attachment", number=number, name=name)

    bundle = await asyncio.to_thread(bind, front, enclosures, as_of, title_of)
    named = [{"name": name, "reason": reason} for name, reason in (*left_out, *bundle.left_out)]
    file_name = f"evidence-{facts.case.case.number}-{as_of}.pdf"
    kept = await keep_content(document_store(settings), organization_id, bundle.content, file_name, media_type=PDF)
    return Made(bundle, kept, named)


async def _enclosures(
    settings: Settings, organization_id: UUID, documents: list[Any], as_of: date
) -> tuple[list[Enclosure], tuple[tuple[str, str], ...]]:
    """The PDFs and pictures among the documents as far as they fit; each content once. Other types are named only."""
    found: list[Enclosure] = []
    left_out: list[tuple[str, str]] = []
    seen: set[str] = set()
    size = pictures = 0
    for row in documents:
        if row["sha256"] in seen:
            continue
        seen.add(row["sha256"])
        name = f"{row['subject']}: {row['name']}"
        is_picture = row["media_type"] in PICTURES
        if row["media_type"] not in BOUND:
            left_out.append((name, row["media_type"]))
        elif is_picture and pictures >= PICTURES_MAX:
            left_out.append((name, "too_many_pages"))
        elif size + row["size_bytes"] > ENCLOSED_BYTES_MAX:
            left_out.append((name, "too_large"))
        else:
            try:
                content = await document_store(settings, row["kept_in"]).get(organization_id, row["sha256"])
            except DomainError:
                left_out.append((name, "missing"))
                continue
            size += row["size_bytes"]
            pictures += is_picture
            try:
                if is_picture:
                    content = await asyncio.to_thread(picture_page_pdf, content, row["media_type"], as_of)
            except PictureRefused as refusal:
                left_out.append((name, refusal.reason))
                continue
            found.append(Enclosure(name, content))
    return found, tuple(left_out)


async def queue_evidence(session: WriteSession, case_id: UUID, language: str, as_of: date) -> EvidenceFile:
    """Have the file made in the background."""
    row = _new(session, case_id, language, as_of, "queued")
    session.add(row)
    await session.flush()
    record_change(session, ChangeRow("evidence_file", row.id, "evidence_file.queued", after={"case_id": case_id}))
    owe(session, KIND, str(row.id))
    return row


async def keep_evidence(
    session: WriteSession,
    made: Made,
    *,
    case_id: UUID,
    language: str,
    as_of: date,
    now: datetime,
    file_id: UUID | None = None,
) -> EvidenceFile:
    """Write down that the file is complete, as a document of the case. Raises EvidenceFileNotFound."""
    document_id = await add_document(session, made.kept, Subject("legal_case", case_id), category="evidence")
    if file_id is None:
        row = _new(session, case_id, language, as_of, "completed")
        session.add(row)
    else:
        row = await get_file(session, file_id, lock=True)
        row.state, row.version, row.updated_at = "completed", row.version + 1, RECORDED_NOW
    row.document_id, row.pages, row.attached = document_id, made.bundle.pages, len(made.bundle.placed)
    row.left_out, row.error, row.finished_at = made.left_out, None, now
    await session.flush()
    after = {"case_id": case_id, "document_id": document_id, "pages": row.pages, "state": "completed"}
    record_change(session, ChangeRow("evidence_file", row.id, "evidence_file.completed", after=after))
    return row


def _new(session: WriteSession, case_id: UUID, language: str, as_of: date, state: str) -> EvidenceFile:
    return EvidenceFile(
        organization_id=session.organization_id, id=new_id(), case_id=case_id, state=state, as_of=as_of,
        language=language, attached=0, left_out=[], requested_by=session.actor.name,
    )  # fmt: skip


async def get_file(session: ReadSession, file_id: UUID, *, lock: bool = False) -> EvidenceFile:
    """The row. Raises EvidenceFileNotFound."""
    found = await session.get(EvidenceFile, (session.organization_id, file_id), with_for_update=True if lock else None)
    if found is None:
        raise EvidenceFileNotFound("no such evidence file")
    return found


def export_of(case_id: UUID, as_of: date) -> Export:
    """How the log of exports names an evidence file."""
    return Export("evidence-file", "pdf", {"case_id": str(case_id), "as_of": as_of.isoformat()})


async def make_queued(database: Database, settings: Settings, organization_id: UUID, file_id: UUID,
                      actor: Actor, now: datetime) -> None:  # fmt: skip
    """Make a queued file; safe to repeat. What cannot be made ends as failed, with the reason."""
    async with database.write(organization_id, actor) as session:
        row = await get_file(session, file_id, lock=True)
        if row.state not in ("queued", "running"):
            return
        row.state, row.version, row.updated_at = "running", row.version + 1, RECORDED_NOW
        case_id, language, as_of = row.case_id, row.language, row.as_of
    try:
        async with database.read(organization_id, snapshot=True) as read:
            facts = await evidence_facts(read, case_id, as_of)
        made = await bind_evidence(settings, organization_id, facts, language, as_of)
    except (NotFound, TooLarge, RuleViolation) as error:  # a store that is away is tried again
        await _fail(database, organization_id, file_id, actor, str(error), now)
        return
    async with database.write(organization_id, actor) as session:
        await keep_evidence(session, made, case_id=case_id, language=language, as_of=as_of, now=now, file_id=file_id)


async def _fail(
    database: Database, organization_id: UUID, file_id: UUID, actor: Actor, error: str, now: datetime
) -> None:
    async with database.write(organization_id, actor) as session:
        row = await get_file(session, file_id, lock=True)
        row.state, row.error, row.finished_at = "failed", error[:500], now
        row.version, row.updated_at = row.version + 1, RECORDED_NOW
        record_change(session, ChangeRow("evidence_file", file_id, "evidence_file.failed", after={"state": "failed"}))


def log_made(session: WriteSession, case_id: UUID, as_of: date) -> None:
    """The file leaves with this answer."""
    record_export(session, export_of(case_id, as_of))
