"""Files that go with messages: copies of the invoices that are stored, and the statement of account, made once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol
from uuid import UUID

import structlog

from app.core.errors import DomainError
from app.correspondence.queries import invoice_copies
from app.documents.service import Subject, add_document, keep_content
from app.documents.storage import document_store
from app.infra.database import SYSTEM, Database
from app.infra.mail.message import ATTACHMENTS_MAX
from app.infra.rendering.letters import PDF
from app.infra.rendering.papers import paper_pdf
from app.settings import Settings
from app.statements.layout import statement_paper
from app.statements.statement import account_statement
from app.statements.texts import Words

ATTACHED_BYTES_MAX = 10_000_000
"""Of all files of one reminder: they grow by a third on the way, and many mailboxes refuse more."""
log = structlog.get_logger(__name__)


class Draft(Protocol):
    """What is asked of a message on its way."""

    notice: Any
    items: Sequence[Any]
    channel: str
    language: str | None
    today: date
    attachments: tuple[UUID, ...]


async def attach(database: Database, settings: Settings, organization_id: UUID, drafts: Sequence[Draft]) -> None:
    """Find or make the files that the steps ask for. One that cannot be made is left out: the reminder still goes.

    Raises the refusals of the store.
    """
    wanting = [draft for draft in drafts if draft.channel != "sms" and draft.notice["attachments"]]
    if not wanting:
        return
    for draft in wanting:
        if "statement" in draft.notice["attachments"]:
            await _statement(database, settings, organization_id, draft)
    copied = [draft for draft in wanting if "invoice_copies" in draft.notice["attachments"]]
    if not copied:
        return
    async with database.read(organization_id) as session:
        copies = await invoice_copies(session, {row["invoice_id"] for draft in copied for row in draft.items})
    for draft in copied:
        size, found = 0, list(draft.attachments)
        for invoice_id in dict.fromkeys(row["invoice_id"] for row in draft.items):
            copy = copies.get(invoice_id)
            if copy is None or len(found) >= ATTACHMENTS_MAX or size + copy["size_bytes"] > ATTACHED_BYTES_MAX:
                continue
            size += copy["size_bytes"]
            found.append(copy["document_id"])
        draft.attachments = tuple(dict.fromkeys(found))


async def _statement(database: Database, settings: Settings, organization_id: UUID, draft: Draft) -> None:
    account_id = draft.notice["account_id"]
    try:
        async with database.read(organization_id, snapshot=True) as session:
            statement = await account_statement(session, account_id, draft.today)
        paper = statement_paper(statement, Words(draft.language))
        content = await asyncio.to_thread(paper_pdf, paper, draft.today)
    except DomainError as refusal:
        log.warning("dunning.statement_left_out", account_id=str(account_id), reason=refusal.code)
        return
    name = f"statement-{draft.notice['number']}-{draft.today.isoformat()}.pdf"
    kept = await keep_content(document_store(settings), organization_id, content, name, media_type=PDF)
    async with database.write(organization_id, SYSTEM) as writing:
        document_id = await add_document(writing, kept, Subject("account", account_id), category="notice")
    draft.attachments = (*draft.attachments, document_id)
