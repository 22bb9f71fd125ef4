"""The PDF of a message: set from what was kept when it was rendered, made once and kept as a document.

The same content of the same day gives the same bytes, so that a PDF that somebody wants before it is kept is the one
that will be kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.documents.queries import get_document
from app.documents.service import KeptContent, Subject, add_document, keep_content
from app.documents.storage import document_store
from app.dunning.messages import queries
from app.dunning.messages.errors import DunningMessageNotFound
from app.infra.database import SYSTEM, Database
from app.infra.rendering.letters import PDF, Letter, letter_pdf
from app.settings import Settings

BATCH = 40
_WITHOUT = """
SELECT m.id, m.notice_id, m.dated, c.letter, a.number FROM dunning_messages m
JOIN dunning_message_contents c ON c.organization_id = $1 AND c.id = m.id
JOIN accounts a ON a.organization_id = $1 AND a.id = m.account_id
WHERE m.organization_id = $1 AND m.document_id IS NULL AND ($2::uuid IS NULL OR m.id > $2) AND m.state <> 'suppressed'
  AND c.letter <> '{}'
ORDER BY m.id LIMIT $3
"""
_KEPT = """
UPDATE dunning_messages SET document_id = $3 WHERE organization_id = $1 AND id = $2 AND document_id IS NULL
"""


@dataclass(frozen=True, slots=True)
class MessagePdf:
    """A PDF and the name under which it is saved."""

    name: str
    content: bytes


def letter_of(facts: Mapping[str, Any]) -> Letter:
    """What was kept of a letter, as a letter again."""
    values = dict(facts)
    for name in ("sender", "address", "right"):
        values[name] = tuple(values[name])
    values["table"] = tuple(tuple(row) for row in values["table"])
    return Letter(**values)


def pdf_name(account_number: str, dated: date) -> str:
    """Under which name a notice is saved."""
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in account_number)
    return f"notice-{plain}-{dated.isoformat()}.pdf"


async def message_pdf(database: Database, settings: Settings, organization_id: UUID, message_id: UUID) -> MessagePdf:
    """The PDF as it is kept, or set now where none is yet. Raises DunningMessageNotFound, the store's refusals."""
    async with database.read(organization_id) as session:
        message = await queries.get_message(session, message_id)
        content = await queries.get_content(session, message_id)
        number = await queries.account_number(session, message.account_id)
        kept = None if message.document_id is None else await get_document(session, message.document_id)
    if not content.letter:
        raise DunningMessageNotFound("what the message said was erased")
    name = pdf_name(number, message.dated)
    if kept is not None:
        return MessagePdf(name, await document_store(settings, kept.kept_in).get(organization_id, kept.sha256))
    return MessagePdf(name, await asyncio.to_thread(letter_pdf, letter_of(content.letter), message.dated))


async def keep_papers(database: Database, settings: Settings, organization_id: UUID) -> bool:
    """Set and keep the PDFs of messages that have none, a bounded number; True when more may follow."""
    async with database.read(organization_id) as session:
        rows = await session.driver.fetch(_WITHOUT, organization_id, None, BATCH)
    store = document_store(settings)
    made: list[tuple[Any, KeptContent]] = []
    for row in rows:
        content = await asyncio.to_thread(letter_pdf, letter_of(row["letter"]), row["dated"])
        name = pdf_name(row["number"], row["dated"])
        made.append((row, await keep_content(store, organization_id, content, name, media_type=PDF)))
    if not made:
        return False
    async with database.write(organization_id, SYSTEM) as writing:
        for row, kept in made:
            subject = Subject("dunning_notice", row["notice_id"])
            document_id = await add_document(writing, kept, subject, category="notice")
            await writing.driver.execute(_KEPT, organization_id, row["id"], document_id)
    return len(rows) == BATCH
